"""What rules do to estimates, likelihoods, imputation and risk: distributions stay right."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError
from posynth.evaluation.inference import mean
from posynth.evaluation.inference.impute import imputing


def _all(copies):
    return pd.concat(list(copies), ignore_index=True)


@pytest.fixture(scope="module")
def bookings():
    rng = np.random.default_rng(3)
    visits = rng.integers(1, 6, 800)
    return pd.DataFrame({"visits": visits, "missed": rng.binomial(visits, 0.3)})


def test_a_count_between_0_and_another_keeps_its_distribution(bookings):
    """The source has 160 rows a line, se .04; twelve copies have less noise than that."""
    copies = posynth.synthesize(bookings, m=12, seed=1)
    assert copies.posterior.spec["missed"].rules == ("missed <= visits",)
    drawn = _all(copies)
    assert (drawn["missed"] >= 0).all() and (drawn["missed"] <= drawn["visits"]).all()
    source = pd.crosstab(bookings["visits"], bookings["missed"], normalize="index")
    found = pd.crosstab(drawn["visits"], drawn["missed"], normalize="index")
    assert np.abs(found - source).to_numpy().max() < 0.06


def test_a_bound_in_some_rows_leaves_the_others_as_they_are(rng):
    cell = rng.choice(["low", "other"], 400)
    y = rng.normal(60, 10, 4000)
    y = np.where(cell == "low", y[y <= 60][:400], y[:400]).round(1)
    frame = pd.DataFrame({"cell": cell, "y": y})
    rule = "y <= 60 if cell == 'low'"
    drawn = _all(posynth.synthesize(frame, m=5, seed=1, rules=[rule, "y <= 1000"]))
    assert (drawn.loc[drawn["cell"] == "low", "y"] <= 60).all()
    for name, part in drawn.groupby("cell")["y"]:
        own = frame.loc[frame["cell"] == name, "y"]
        assert abs(part.mean() - own.mean()) < 4 * own.std() / len(own) ** 0.5
        assert 0.7 < part.std() / own.std() < 1.3


def test_a_bound_that_is_missing_is_kept_where_it_is_present(rng):
    start = rng.integers(0, 300, 400).astype(float)
    frame = pd.DataFrame({"start": start, "end": start + rng.geometric(0.3, 400) - 1})
    frame.loc[rng.random(400) < 0.1, "start"] = np.nan
    copies = posynth.synthesize(frame, m=4, seed=1)
    assert copies.posterior.spec["end"].rules == ("end >= start",)
    drawn = _all(copies)
    gap = drawn["end"] - drawn["start"]
    assert drawn["end"].notna().all() and 0.05 < drawn["start"].isna().mean() < 0.16
    assert (gap.dropna() >= 0).all() and abs(gap.mean() - 2.33) < 0.5
    hidden = drawn.loc[drawn["start"].isna(), "end"]
    assert abs(hidden.mean() - 152) < 5 * 87 / len(hidden) ** 0.5


def test_a_family_that_does_not_know_bounds_is_refused(rng):
    x = rng.normal(size=100).round(3)
    frame = pd.DataFrame({"x": x, "y": x + rng.gamma(1, 1, 100).round(3)})
    with pytest.raises(SpecError, match=r"'gaussian' gives values beyond.*'bounded'"):
        posynth.specify(frame, rules="y >= x", methods={"y": "gaussian"})
    chain = posynth.specify(frame, rules="y >= x", methods={"y": "bounded"})
    assert chain.spec["y"].family == "bounded"


def test_what_two_inequalities_imply_is_kept_too(rng):
    start, length = rng.integers(0, 300, 150), rng.integers(10, 200, 150)
    share = rng.random(150)
    share[:15], share[15:30] = 0, 1
    frame = pd.DataFrame({"start": start, "end": start + length})
    frame["mid"] = start + (length * share).round().astype(int)
    drawn = _all(posynth.synthesize(frame, m=6, seed=1))
    assert ((drawn["start"] <= drawn["mid"]) & (drawn["mid"] <= drawn["end"])).all()


def test_levels_are_written_so_that_they_are_read_again(rng):
    path = rng.choice(["C:\\new", 'it\'s "odd"', "plain"], 300)
    on = np.where(path == "C:\\new", "on", rng.choice(["on", "off"], 300))
    on = np.where(path == 'it\'s "odd"', "off", on)
    frame = pd.DataFrame({"path": path, "flag": on})
    drawn = _all(posynth.synthesize(frame, m=2, seed=1))
    assert set(drawn.loc[drawn["path"] == "C:\\new", "flag"]) == {"on"}
    assert set(drawn.loc[drawn["path"] == 'it\'s "odd"', "flag"]) == {"off"}


def test_a_rule_that_names_no_level_is_an_error(bookings):
    frame = bookings.assign(smoke=np.resize(["never", "former"], len(bookings)))
    with pytest.raises(SpecError, match=r"unknown level of column 'smoke' 'nevr'.*'never'"):
        posynth.specify(frame, rules="missed == 0 if smoke == 'nevr'")


@pytest.fixture(scope="module")
def workers():
    rng = np.random.default_rng(4)
    work = rng.choice(["no", "yes"], 300)
    hours = np.where(work == "no", 0, (rng.gamma(9, 4, 300) + 1).round(1))
    return pd.DataFrame({"work": work, "hours": hours, "sex": rng.choice(["f", "m"], 300)})


def test_open_rows_of_a_pile_are_not_negative(workers):
    copies = posynth.synthesize(workers, m=5, seed=1)
    assert copies.posterior.spec["hours"].rules == ("hours == 0 if work == 'no'",)
    drawn = _all(copies)
    assert ((drawn["hours"] > 0) == (drawn["work"] == "yes")).all()


def test_who_knows_the_rule_knows_who_works(workers):
    copies = posynth.synthesize(workers, m=2, seed=1)
    found = posynth.evaluate(copies, workers, keys=["sex"], target=["work"])
    risk = {r.subject: r.value for r in found.select("attribute risk")}
    assert risk["work"] > 0.99


def test_rows_that_break_a_rule_have_no_density(workers):
    posterior = posynth.fit(workers, seed=1)
    wrong = workers.assign(hours=np.where(workers["work"] == "no", 25.3, workers["hours"]))
    score = posynth.evaluate(posynth.draw(posterior, 2, seed=1), workers, holdout=wrong).select(
        "log score"
    )
    assert {r.subject: r.value for r in score}["hours"] == -np.inf


def test_the_density_of_a_share_of_the_way_is_that_of_the_column(rng):
    x = rng.gamma(2, 3, 400).round(2) + 1
    frame = pd.DataFrame({"x": x, "y": (x * rng.beta(2, 3, 400)).round(2)})
    means = []
    for rules in ((), ("0 <= y", "y <= x")):
        posterior = posynth.fit(frame, posynth.specify(frame, rules=rules, no_rules="all"), seed=1)
        tree = posterior.inference_data("y", frame)
        means.append(float(tree["log_likelihood"]["y"].mean()))
    assert -2.5 < means[0] <= means[1] + 0.02 < -0.9


def test_what_a_rule_says_is_missing_is_never_imputed(rng):
    asked = rng.choice(["no", "yes"], 300)
    answer = np.where((asked == "yes") & (rng.random(300) < 0.8), rng.normal(9, 2, 300), np.nan)
    frame = pd.DataFrame({"asked": asked, "answer": answer.round(2)})
    posterior = posynth.fit(frame, seed=1)
    found = imputing(mean("answer"), posterior, ["answer"], 3)(frame)
    never = int((asked == "no").sum())
    open_rows = int(frame["answer"].isna().sum()) - never
    assert f"{open_rows} missing values of 'answer' were imputed 3 times" in found.notes[0]
    assert f"{never} of 'answer' are missing by a rule of the chain" in found.notes[0]


def test_predictive_rows_are_in_the_units_of_the_column(rng):
    start = rng.integers(1000, 1300, 200)
    frame = pd.DataFrame({"start": start, "end": start + rng.geometric(0.2, 200) - 1})
    posterior = posynth.fit(frame, seed=1)
    tree = posynth.posterior_predictive(posterior, "end", frame, draws=20)
    drawn = tree["posterior_predictive"]["end"].to_numpy()
    assert (drawn >= start).all() and drawn.mean() < 1310
    np.testing.assert_array_equal(tree["observed_data"]["end"], frame["end"])


def test_rules_are_left_out_of_a_chain_in_its_file(workers):
    chain = posynth.specify(workers)
    with pytest.raises(SpecError, match="delete them from the chain"):
        posynth.synthesize(workers, chain=chain, no_rules="all")
    with pytest.raises(SpecError, match="is none of the rules seen in the data, which are: hours"):
        posynth.specify(workers, no_rules="hours == 1 if work == 'no'")


def test_a_predictor_matrix_leaves_the_rules(workers):
    names = list(workers)
    matrix = pd.DataFrame(np.tril(np.ones((3, 3)), -1), index=names, columns=names)
    chain = posynth.specify(workers, predictors=matrix)
    assert chain.spec["hours"].rules == ("hours == 0 if work == 'no'",)
