"""The top of the page: what failed, with column and remedy, and nothing where nothing failed."""

import re
from dataclasses import replace

import numpy as np
import pytest

import posynth
from posynth.evaluation.utility import advise
from posynth.evaluation.utility.tables import measure
from posynth.material import lay_beside
from posynth.report.findings import Findings
from posynth.report.methods import markdown, methods
from posynth.report.verdict import verdict
from posynth.results import Result


@pytest.fixture(scope="module")
def found(heart):
    table = heart[["age", "sex", "platelets", "smoking"]]
    copies = posynth.synthesize(table, m=2, seed=3)
    comparison = lay_beside(copies, table)
    results = tuple(measure(comparison))
    return Findings(copies, comparison, (*results, *advise(results, comparison)))


def _with_misfit(found, rng):
    """The same copies with one column in random order and shifted: its margin and pairs misfit."""
    frames = tuple(
        copy.assign(platelets=rng.permutation(copy["platelets"].to_numpy()) * 3)
        for copy in found.comparison.copies
    )
    comparison = replace(found.comparison, copies=frames)
    results = tuple(measure(comparison))
    return replace(found, comparison=comparison, results=(*results, *advise(results, comparison)))


def test_nothing_is_listed_where_nothing_failed(found):
    made = verdict(found)
    assert made.passed and made.failures == ()
    assert "no column or pair of columns misfits" in made.text


def test_misfits_are_listed_with_their_remedy_the_worst_first(found, rng):
    made = verdict(_with_misfit(found, rng))
    assert not made.passed
    assert all("platelets" in failure.column for failure in made.failures)
    scores = [float(failure.what.split()[1]) for failure in made.failures]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 3
    assert "platelets" in made.failures[0].remedy
    assert "misfit" in made.text and made.grid.heads == ("Column", "What failed", "Remedy")


def test_conditionals_that_did_not_pass_come_first(found, rng):
    manifest = found.copies.manifest() | {
        "failed": {"smoking": ["R-hat 1.034 > 1.01"]},
        "failed_affects": {"smoking": ["smoking"]},
    }
    failing = replace(_with_misfit(found, rng), copies=replace(found.copies, written=manifest))
    made = verdict(failing)
    assert made.text.startswith("Do not rely on these copies yet: the fit of smoking")
    first = made.failures[0]
    assert (first.column, first.what) == ("smoking", "R-hat 1.034 > 1.01")
    assert "fewer predictors" in first.remedy


def test_a_public_page_gives_no_advice_to_the_data_holder(found, rng):
    made = verdict(replace(_with_misfit(found, rng), public=True))
    assert all(failure.remedy == "" for failure in made.failures)
    assert made.grid.heads == ("Column", "What failed")


def test_a_measure_of_disclosure_outside_its_limit_is_told_to_the_holder_only(found):
    risk = Result("copied rows", 7.5, passed=False)
    risky = replace(found, results=(*found.results, risk))
    assert "measure of disclosure" in verdict(risky).text
    assert verdict(risky).failures[0].what == "copied rows 7.50 is outside its limit"
    assert verdict(replace(risky, public=True)).passed


def test_methods_say_how_these_copies_were_made(found):
    text = " ".join(methods(found))
    for words in ("2 synthetic copies of 299 rows", "`age`, `sex`, `platelets`, `smoking`"):
        assert words in text
    assert "proper draws" in text and "PyMC" in text and "6 pairs of columns" in text
    assert markdown(found).startswith("## Methods") and "References: Rubin (1981)" in markdown(
        found
    )
    medians = [r.details["S_proper"] for r in found.results if ":" in r.subject]
    assert f"the median was {np.median(medians):.2f}" in text


def test_public_methods_name_every_kind_of_draws_that_may_have_been_used(found):
    text = " ".join(methods(replace(found, public=True)))
    assert "obtained by exact draws, importance resampling or Markov chain Monte Carlo" in text


def test_methods_tell_scales_curves_and_products(found):
    """What a conditional is on another scale, or bends, is not called a linear regression alone."""
    spec = found.copies.posterior.spec
    (target, *_) = (c.target for c in spec if c.family == "gaussian")
    changed = replace(
        spec[target], scale="learned", splines=3, interactions=(("age", "sex"),), spread=("age",)
    )
    posterior = replace(found.copies.posterior, spec=spec.with_conditional(changed))
    text = " ".join(methods(replace(found, copies=replace(found.copies, origin=posterior))))
    for words in (
        "of the column's normal scores (`gaussian`, learned scale, ",
        "smoothed quantile function; each copy drew that function by a Bayesian bootstrap",
        "natural cubic splines of up to 3 columns",
        "had products of two predictors",
        "had a spread of residuals that depends on predictors",
    ):
        assert words in text
    assert "issing values: missing values" not in text and "posynth pool" not in text


def test_computed_columns_are_told_to_have_no_posterior(found):
    spec = found.copies.posterior.spec
    changed = replace(spec["platelets"], passive="age * 2", family="passive", predictors=("age",))
    posterior = replace(found.copies.posterior, spec=spec.with_conditional(changed))
    text = " ".join(methods(replace(found, copies=replace(found.copies, origin=posterior))))
    fitted, computed = text.partition("obtained by")[2].split(". ")[:2]
    assert sum(map(int, re.findall(r"\((\d) conditionals?\)", fitted))) == 3
    assert computed == "1 conditional computed from others had none"
    assert "had none" not in " ".join(methods(found))


def test_several_models_are_shown_and_their_number_is_checked(found, heart, tmp_path):
    table = heart[["age", "sex", "platelets", "smoking"]]
    formulas = ["platelets ~ age", "age ~ sex"]
    options = {"to": tmp_path / "p.html", "keys": ["sex"], "formula": formulas}
    page = posynth.write_report(found.copies, table, **options).read_text("utf-8")
    for formula in formulas:
        assert f"<h3>Model ols: {formula}</h3>" in page
    with pytest.raises(posynth.errors.MeasureError, match="3 models for 2 formulas"):
        posynth.write_report(found.copies, table, model=["ols"] * 3, **options)


def test_each_option_goes_to_the_models_that_take_it(found, heart, tmp_path):
    table = heart[["age", "sex", "platelets", "smoking"]]
    place = {"to": tmp_path / "p.html", "keys": ["sex"]}
    formulas = ["platelets ~ age", "smoking ~ age", "age ~ smoking", "platelets ~ age"]
    models = ["ols", "logit", "phreg", "glm"]
    options = {"event": "No", "family": "gamma", "entry": None}
    text = posynth.write_report(
        found.copies, table, formula=formulas, model=models, **place, **options
    ).read_text("utf-8")
    assert all(f"<h3>Model {m}: {f}</h3>" in text for m, f in zip(models, formulas, strict=True))
    assert "is No, against Yes" in text and "is Yes, against No" not in text


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        (["ols", "mixed"], {"event": "No"}, "option 'event' is taken by none of .* 'ols', 'mixed'"),
        (["ols", "glm"], {"status": "sex"}, r"'status' is taken by none .*takes it \(phreg\)"),
        (["ols", "logit"], {"event": "maybe"}, "model 'logit' of 'smoking ~ age': .*report of"),
        ([], {"family": "gamma"}, "family: options of a model, and none is named; add its formula"),
        (
            ["ols"],
            {"status": "sex"},
            "model 'ols': .*'status'; allowed: 'cluster', 'fit', 'offset'",
        ),
    ],
)
def test_options_that_no_model_takes_are_refused(found, heart, tmp_path, models, options, words):
    table = heart[["age", "sex", "platelets", "smoking"]]
    formulas = ["platelets ~ age", "smoking ~ age"][: len(models)]
    given = {"model": models, "formula": formulas} if models else {}
    with pytest.raises(posynth.errors.MeasureError, match=words):
        posynth.write_report(found.copies, table, to=tmp_path / "p.html", **given, **options)
