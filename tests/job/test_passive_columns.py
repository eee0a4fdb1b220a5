"""Passive columns from file to copies: the command line, Python, a chain file, the report."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import SpecError, StoreError

BMI = "weight / (height / 100) ** 2"
RULES = {"bmi": BMI, "agegr": "cut(age, 35, 60)"}
ROWS = 400


@pytest.fixture(scope="module")
def body() -> pd.DataFrame:
    """People whose bmi stands before its sources, is rounded, and has the holes of weight."""
    rng = np.random.default_rng(4)
    height = np.round(rng.normal(170, 9, ROWS))
    weight = np.round(70 + 0.8 * (height - 170) + rng.normal(0, 9, ROWS), 1)
    age = rng.integers(18, 90, ROWS)
    bmi = np.round(weight / (height / 100) ** 2, 2)
    hole = rng.random(ROWS) < 0.2
    frame = pd.DataFrame({"bmi": bmi, "height": height, "weight": weight, "age": age})
    frame["agegr"] = np.select([age < 35, age < 60], ["18-34", "35-59"], "60+")
    frame["sbp"] = np.round(100 + bmi + rng.normal(0, 5, ROWS))
    frame.loc[hole, ["bmi", "weight"]] = np.nan
    return frame


@pytest.fixture(scope="module")
def body_csv(body, tmp_path_factory):
    """The table as a file."""
    path = tmp_path_factory.mktemp("body") / "body.csv"
    body.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def made(cli, body_csv, tmp_path_factory):
    """An output folder whose chain has two passive columns, and what was printed."""
    folder = tmp_path_factory.mktemp("made") / "out"
    asked = [each for name, rule in RULES.items() for each in ("--passive", f"{name}={rule}")]
    options = ("-m", 3, "--seed", 2, "--workers", 1, "-o", folder)
    result = cli("synthesize", body_csv, *asked, *options)
    return folder, result.stdout


def test_the_rule_holds_in_every_row_of_every_copy(made):
    for copy in posynth.load_copies(made[0]):
        ruled = np.round(copy["weight"] / (copy["height"] / 100) ** 2, 2)
        np.testing.assert_allclose(copy["bmi"], ruled, rtol=0, atol=1e-9)
        assert (copy["bmi"].isna() == copy["weight"].isna()).all()
        assert 0.08 < copy["bmi"].isna().mean() < 0.35
        groups = np.select([copy["age"] < 35, copy["age"] < 60], ["18-34", "35-59"], "60+")
        assert (copy["agegr"] == groups).all()


def test_a_passive_column_predicts_later_ones(made, body):
    posterior = posynth.load_posterior(made[0])
    assert {"bmi", "height"} <= set(posterior.links["sbp"].coding.encoder.columns)
    slopes = [np.polyfit(*f[["bmi", "sbp"]].dropna().to_numpy().T, 1)[0] for f in [body]]
    found = []
    for copy in posynth.draw(posterior, m=20, seed=1):
        found.append(np.polyfit(*copy[["bmi", "sbp"]].dropna().to_numpy().T, 1)[0])
    # Slope 1 with noise of sd 5; its standard error in the source is 5 / (2.9 sqrt(320)) = 0.1.
    assert abs(np.mean(found) - slopes[0]) < 3 * 0.1


def test_it_has_no_parameters_and_is_said_to_be_passive(made):
    folder, shown = made
    diagnosis = posynth.load_posterior(folder).diagnostics().set_index("target").loc["bmi"]
    assert diagnosis["family"] == "passive" and diagnosis["parameters"] == 0
    assert diagnosis["engine"] == "its rule" and diagnosis["passed"] and diagnosis["proper"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["passive"] == RULES and manifest["proper"]
    said = " ".join(shown.split())  # a long path wraps the line
    assert "passive" in said and "(proper: each took its own posterior draw)" in said
    written = tomllib.loads((folder / "chain.toml").read_text())["conditional"]
    entry = {each["target"]: each for each in written}
    assert entry["bmi"]["passive"] == BMI and entry["bmi"]["family"] == "passive"
    assert entry["bmi"]["note"] == f"computed, not modelled; holds in all {ROWS} rows"
    assert "bmi_missing" not in entry


def test_a_posterior_on_disk_draws_the_same_copies(made):
    copies = posynth.load_copies(made[0])
    again = draw_copies(posynth.load_posterior(made[0]), *copies.streams)
    for one, other in zip(again, copies, strict=True):
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_the_chain_file_gives_the_same_chain_and_python_too(made, body, body_csv):
    folder, _ = made
    told = posynth.specify(body_csv, chain=folder / "chain.toml")
    asked = posynth.specify(body, passive=RULES)
    assert told.spec.digest() == asked.resolved().digest()
    assert "bmi = weight / (height / 100) ** 2   [passive]" in str(asked)
    synthesized = posynth.synthesize(body, 1, passive=RULES, seed=2)
    assert synthesized.posterior.spec.digest() == told.spec.digest()


def test_describe_shows_the_rule(cli, body_csv, said):
    shown = said(cli("describe", body_csv, "--passive", f"agegr={RULES['agegr']}").stdout)
    assert "agegr = cut(age, 35, 60) passive computed, not modelled;" in shown
    assert f"{ROWS} rows" in shown


def test_the_report_says_what_is_computed(made, body_csv, cli, tmp_path):
    cli("report", made[0], "--data", body_csv, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Computed, not modelled" in page and "bmi = weight / (height / 100) ** 2" in page
    assert "Passive columns are computed from those given" in page


def test_judgements_by_the_posterior_pass_over_what_has_no_likelihood(made, body_csv, body):
    results = posynth.evaluate(made[0], body_csv, keys=["age"], target=["sbp"])
    assert {"influence", "attribute risk"} <= {r.measure for r in results}
    posterior = posynth.load_posterior(made[0])
    checked = posynth.check_conditionals(posterior, body)
    assert "bmi" not in {r.subject for r in checked} and "sbp" in {r.subject for r in checked}
    with pytest.raises(StoreError, match="'bmi' has no linear predictor"):
        posterior.coefficients("bmi")


def test_a_rule_in_place_of_a_conditional_and_back(body):
    chain = posynth.specify(body, order=["height", "weight", "age"])
    ruled = chain.change("bmi", passive=BMI)
    assert "bmi_missing" not in ruled.spec.targets and ruled.spec["bmi"].family == "passive"
    back = posynth.specify(body[["age", "agegr"]], passive={"agegr": RULES["agegr"]})
    assert back.change("agegr", family="categorical").spec["agegr"].passive == ""


def test_rules_over_a_chain_file(made, body_csv, cli, tmp_path):
    cli("describe", body_csv, "--order", "height,weight", "-o", tmp_path / "plain.toml")
    options = ("--chain", tmp_path / "plain.toml", "--passive", f"bmi={BMI}")
    cli("describe", body_csv, *options, "-o", tmp_path / "ruled.toml")
    spec = posynth.specify(body_csv, chain=tmp_path / "ruled.toml").spec
    assert spec["bmi"].passive == BMI and "bmi_missing" not in spec.targets


def test_a_rule_that_does_not_hold_fails_at_once_unless_accepted(cli, body, tmp_path, said):
    bmi = np.where(np.arange(ROWS) < 40, body["bmi"] + 1, body["bmi"])
    broken = body.assign(bmi=bmi.round(2))
    broken.to_csv(tmp_path / "broken.csv", index=False)
    asked = ("describe", tmp_path / "broken.csv", "--passive", f"bmi={BMI}")
    text = said(cli(*asked, code=2).stderr)
    count = int((broken["bmi"] != body["bmi"])[body["bmi"].notna()].sum())
    assert f"it does not hold in {count} of {ROWS} rows" in text and "--violations SHARE" in text
    accepted = said(cli(*asked, "--violations", 0.1).stdout)
    assert f"{1 - count / ROWS:.2%} of {ROWS} rows" in accepted
    chain = posynth.specify(broken, passive={"bmi": (BMI, 0.1)})
    assert chain.spec["bmi"].options == {"violations": 0.1}


BAD = {
    "unknown column": ({"bmy": "height"}, "passive: unknown column 'bmy'; .* mean 'bmi'"),
    "code": ({"bmi": "open('x')"}, "column 'bmi': rule .* unknown function 'open'"),
    "circle": ({"weight": "bmi", "bmi": "weight"}, "'weight' <- 'bmi' <- 'weight'|'bmi' <- 'wei"),
    "text for a number": ({"bmi": "agegr"}, "column 'bmi' has numbers, but its rule gives text"),
    "arithmetic with text": ({"bmi": "agegr * 2"}, "column 'bmi': rule .* reckons with text"),
    "level it has not": ({"agegr": "'old'"}, "column 'agegr': rule .* names no column"),
    "wrong level": ({"agegr": "'old' if age > 1 else agegr"}, "'agegr' <- 'agegr'"),
    "places it has not": ({"agegr": "2 + cut(age, 35)"}, "gives no value of this column"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rules_fail_before_the_first_fit(case, body):
    rules, text = BAD[case]
    with pytest.raises(SpecError, match=text):
        posynth.specify(body, passive=rules)


def test_a_rule_and_a_method_contradict_each_other(body):
    with pytest.raises(SpecError, match="'bmi' has a rule and a method or formula; keep one"):
        posynth.specify(body, passive={"bmi": BMI}, methods={"bmi": "gaussian"})
    with pytest.raises(SpecError, match="family 'passive' needs its rule"):
        posynth.specify(body, methods={"bmi": "passive"})


def test_the_quadratic_method_as_a_formula_with_a_passive_square(cli, tmp_path):
    """``y ~ x + I(x**2)`` and a stored square: the parabola comes back, and x with it."""
    rng = np.random.default_rng(6)
    x = np.round(rng.normal(0, 1, 1500), 2)
    y = np.round(x**2 - x + rng.normal(0, 0.5, 1500), 3)
    frame = pd.DataFrame({"x": x, "xx": np.round(x**2, 4), "y": y})
    frame.to_csv(tmp_path / "curve.csv", index=False)
    asked = ("--passive", "xx=x ** 2", "--formula", "y=x + I(x**2)", "--method", "y=gaussian")
    cli("synthesize", tmp_path / "curve.csv", *asked, "-m", 4, "--seed", 0, "-o", tmp_path / "out")
    copies = posynth.load_copies(tmp_path / "out")
    found = np.array([np.polyfit(f["x"], f["y"], 2) for f in copies])
    # Copies differ from the truth by twice the source's standard errors, .5 / sqrt(1500) = .013
    # and .5 / sqrt(2 * 1500) = .009 for x^2.
    np.testing.assert_allclose(found.mean(axis=0), [1, -1, 0], atol=0.05)
    for copy in copies:
        np.testing.assert_allclose(copy["xx"], copy["x"] ** 2, atol=5.1e-5)


def test_a_rule_reads_dates_levels_and_holes_as_they_are_released():
    """Dates are drawn with fractions of a day, but a difference is that of the dates written."""
    rng = np.random.default_rng(8)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D")
    kids = pd.array(rng.poisson(1.5, 200), dtype="Int64")
    kids[:40] = pd.NA
    frame = pd.DataFrame({"start": start, "days": rng.integers(1, 60, 200), "kids": kids})
    frame["stop"] = frame["start"] + pd.to_timedelta(frame["days"], "D")
    frame["long"] = frame["days"] > 30
    frame["size"] = frame["kids"] + 2
    rules = {"days": "stop - start", "long": "days > 30", "size": "kids + 2"}
    (copy,) = posynth.synthesize(frame, 1, k=700, passive=rules, seed=1)
    assert ((copy["stop"] - copy["start"]).dt.days == copy["days"]).all()
    assert (copy["long"] == (copy["days"] > 30)).all() and copy["long"].dtype == bool
    assert copy["size"].dtype == "Int64" and copy["size"].isna().sum() > 70
    pd.testing.assert_series_equal(copy["size"], copy["kids"] + 2, check_names=False)
    (copy,) = posynth.synthesize(frame, 1, passive={"stop": "start + days"}, seed=1)
    assert (copy["stop"] == copy["start"] + pd.to_timedelta(copy["days"], "D")).all()
