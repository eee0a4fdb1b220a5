"""Orders, predictor matrices, formulas and strata, from the command line and in Python."""

import re

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError


@pytest.fixture(scope="module")
def spec_of(cli, people_csv, tmp_path_factory):
    """Give the chain that `describe` writes under some options."""
    place = tmp_path_factory.mktemp("chains")

    def describe(*options):
        cli("describe", people_csv, *options, "-o", place / "chain.toml", "--overwrite")
        return posynth.specify(people_csv, chain=place / "chain.toml").spec

    return describe


def test_an_order_by_rule(spec_of, people):
    columns = ("smoke", "edu", "age", "bmi", "visit", "income")
    assert spec_of("--order", "auto").columns == columns
    assert posynth.specify(people, order="auto").spec.columns == columns


def test_a_column_called_auto_is_a_column(people):
    renamed = people.rename(columns={"bmi": "auto"})[["age", "auto", "edu"]]
    assert posynth.specify(renamed, order=["auto"]).spec.columns == ("auto", "age", "edu")
    assert posynth.specify(renamed, order="auto").spec.columns == ("edu", "age", "auto")


def test_a_predictor_matrix(spec_of, tmp_path):
    names = ["age", "edu", "bmi", "smoke"]
    matrix = pd.DataFrame(1, index=names, columns=names)
    matrix.loc["smoke", ["age", "edu"]] = 0
    matrix.to_csv(tmp_path / "matrix.csv")
    spec = spec_of("--predictors", tmp_path / "matrix.csv")
    assert spec.predictors("smoke") == ("bmi",)
    assert spec.predictors("bmi") == ("age", "edu")


def test_formulas_with_a_dot_are_fitted_and_drawn(people):
    chosen = people[["age", "smoke", "bmi", "income"]]
    chain = posynth.specify(chosen, formulas={"income": ". + age:smoke"})
    posterior = posynth.fit(chosen, chain, seed=1)
    predictors = posterior.links["income"].coding.predictors
    assert "age:smoke[T.yes]" in predictors and "bmi" in predictors and len(predictors) == 4
    assert posynth.draw(posterior, m=1, seed=1)[0].shape == chosen.shape


@pytest.mark.parametrize("formula", ["1", "."])
def test_the_first_column_takes_an_intercept(people, formula):
    first = people[["income", "age"]]
    chain = posynth.specify(first, formulas={"income": formula}, methods={"income": "gaussian"})
    posterior = posynth.fit(first, chain, seed=1)
    assert posterior.links["income"].coding.predictors == ()
    assert posynth.draw(posterior, m=1, seed=1)[0].shape == first.shape


BAD = {
    "formula of an unknown column": (
        ("--formula", "bmy=age"),
        "people.csv: formula: unknown column 'bmy'; allowed: .* mean 'bmi'",
    ),
    "formula with a later column": (
        ("--formula", "bmi=. + income"),
        r"column 'bmi', formula '\. \+ income': 'income' is not visited before it",
    ),
    "formula without a column": (("--formula", "age"), "'age': write it as COLUMN=FORMULA"),
    "unknown strata": (("--strata", "smokes"), "strata: unknown column 'smokes'; .* 'smoke'"),
    "numeric strata": (("--strata", "age"), "strata 'age': it is count; strata are levels"),
    "unknown file": (("--predictors", "no.csv"), "predictor matrix 'no.csv' cannot be read"),
    "method for groups without them": (
        ("--method", "bmi=2lonly.mean"),
        r"column 'bmi': method '2lonly.mean' is for a column that is constant within groups; say "
        r"which: 2lonly.mean\(per_group=COLUMN\)",
    ),
    "engine of a tree": (
        ("--method", "bmi=cart", "--engine", "nuts"),
        "column 'bmi': family 'cart' is fitted by bootstrap, not by an engine; use engine 'auto'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused_before_the_first_fit(
    cli, said, people_csv, tmp_path, monkeypatch, case
):
    def never(*_):
        raise AssertionError("a fit was begun")

    monkeypatch.setattr("posynth.posterior.schedule.fit_task", never)
    options, text = BAD[case]
    out = tmp_path / "out"
    result = cli("synthesize", people_csv, "-m", 2, "-o", out, *options, code=2)
    assert re.search(text, said(result.stderr)), result.stderr
    assert not out.exists()


def test_strata_that_are_small_are_refused_before_the_first_fit(people, monkeypatch):
    monkeypatch.setattr("posynth.posterior.schedule.fit_task", None)
    text = (
        r"column 'bmi', family 'gaussian': strata 'edu': its smallest level has \d+ rows, too few"
    )
    with pytest.raises(SpecError, match=text):
        posynth.synthesize(people[["edu", "bmi", "age"]].head(60), m=1, strata="edu")


def test_pooled_levels_are_told(two_groups):
    levels = [f"r{i % 28:02d}" if i < 90 else "home" for i in range(600)]  # 3 or 4 rows each
    wide = two_groups[["x"]].assign(region=levels)
    copies = posynth.synthesize(wide, m=1, seed=1, order=["region"], kinds={"region": "nominal"})
    why = copies.diagnostics().set_index("target").loc["x", "why"]
    assert why.endswith("levels with few rows count as one: region[28 rare levels]")


def test_a_level_of_eight_rows_has_its_own_coefficient_and_one_of_three_is_told(cli, tmp_path):
    rng = np.random.default_rng(3)
    level = np.repeat(["a", "b", "r", "s"], [600, 389, 8, 3])
    y = 3.0 * (level == "r") + rng.standard_normal(1000)
    table = pd.DataFrame({"g": level, "y": y})
    chain = posynth.specify(table)
    told = "column 'g' as a predictor: levels with fewer than 5 rows count as the reference level"
    assert chain.rare == (f"{told}: 's' (3)",)
    copies = posynth.synthesize(table, m=20, seed=1, chain=chain)
    assert copies.manifest()["merged_levels"] == {"y": ["g[T.s]"]}
    why = copies.diagnostics().set_index("target").loc["y", "why"]
    assert why.endswith("levels with few rows count as the reference level: g[T.s]")
    rare = pd.concat(list(copies)).query("g == 'r'")["y"]
    # sd of the mean about the source's: (1 / 8 + 1 / 160) / 20 + 1 / 160 for 20 draws, about .11
    assert abs(rare.mean() - y[level == "r"].mean()) < 0.5
    table.to_csv(tmp_path / "t.csv", index=False)
    assert "'s' (3)" in cli("describe", tmp_path / "t.csv").stdout


def test_a_column_without_any_value_is_filled_not_modelled(people):
    empty = people[["age", "bmi"]].assign(nothing=np.nan)
    with pytest.raises(SpecError, match="method for column 'nothing': it is filled in, not mod"):
        posynth.specify(empty, methods={"nothing": "norm"})
    assert posynth.synthesize(empty, m=1, seed=1)[0]["nothing"].isna().all()


@pytest.fixture(scope="module")
def two_groups():
    """Give 600 rows in which a slope is +1 in one group and -1 in the other."""
    rng = np.random.default_rng(8)
    group = rng.choice(["a", "b"], 600)
    x = np.round(rng.standard_normal(600), 3)
    y = np.round(np.where(group == "a", 1.0, -1.0) * x + 0.5 * rng.standard_normal(600), 3)
    return pd.DataFrame({"x": x, "y": y, "group": group})


def test_strata_keep_what_differs_between_groups(two_groups):
    stratified = posynth.synthesize(two_groups, m=5, seed=2, strata="group")
    pooled = posynth.synthesize(two_groups, m=5, seed=2)
    assert stratified.posterior.spec.columns == ("group", "x", "y")
    assert stratified.posterior.spec["y"].note.count("within levels of 'group'") == 1
    slopes = [
        np.polyfit(part["x"], part["y"], 1)[0]
        for copy in stratified
        for _, part in copy.groupby("group")
    ]
    # sd of a slope in a proper copy: sqrt(2) 0.5 / sqrt(300) = .041
    np.testing.assert_allclose(slopes, [1, -1] * 5, atol=4 * 0.041 + 0.04)
    lost = [np.polyfit(c["x"][c["group"] == "a"], c["y"][c["group"] == "a"], 1)[0] for c in pooled]
    assert max(lost) < 0.5  # the test can fail: main effects alone lose it
