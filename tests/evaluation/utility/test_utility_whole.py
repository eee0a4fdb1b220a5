"""The room as a whole: every measure on a mixed table, streams, progress, examples, speed."""

import doctest
import importlib
import json
import pkgutil
from time import process_time

import numpy as np
import pandas as pd
import pytest

import posynth.evaluation.utility as room
from posynth.errors import MeasureError
from posynth.evaluation.utility import MEASURES, evaluate_utility


@pytest.fixture(scope="module")
def mixed():
    n, rng = 250, np.random.default_rng(20261124)
    frame = pd.DataFrame({"x": rng.normal(size=n), "i": rng.integers(0, 9, n).astype(float)})
    frame["g"] = rng.choice(list("abc"), n)
    frame["b"] = rng.choice(["no", "yes"], n)
    frame.loc[rng.random(n) < 0.1, "x"] = np.nan
    frame.loc[rng.random(n) < 0.1, "g"] = None
    return frame


@pytest.fixture(scope="module")
def comparison(mixed, compare):
    rng = np.random.default_rng(7)
    copies = [mixed.sample(250, replace=True, random_state=rng) for _ in range(2)]
    return compare(mixed, [copy.reset_index(drop=True) for copy in copies], proper=False)


@pytest.fixture(scope="module")
def every(comparison):
    """All records of the mixed table, after a check that the tables were left as they were."""
    before = comparison.original.copy(), comparison.copies[0].copy()
    results = evaluate_utility(comparison, np.random.default_rng(3))
    pd.testing.assert_frame_equal(comparison.original, before[0])
    pd.testing.assert_frame_equal(comparison.copies[0], before[1])
    return results


def test_every_measure_answers_on_a_mixed_table_with_holes(every):
    names = {result.measure for result in every}
    assert names >= {
        "S_pMSE",
        "pMSE_logit",
        "S_pMSE_logit",
        "pMSE_cart",
        "S_pMSE_cart",
        "KS",
        "S_KS",
        "Hellinger",
        "S_Hellinger",
        "correlation difference",
        "PE_ulsif",
        "KL_kliep",
        "advice",
    }
    assert all(np.isfinite(result.value) for result in every)
    assert all(result.text for result in every)


def test_records_are_plain_data(every):
    for result in every:
        assert type(result.value) is float, result.measure
        assert result.passed is None or type(result.passed) is bool, result.measure
        json.dumps(result.to_dict(), allow_nan=False)


def test_an_exact_copy_scores_zero_everywhere(mixed, compare):
    comparison = compare(mixed, [mixed, mixed])
    results = evaluate_utility(comparison, np.random.default_rng(1))
    for result in results:
        if result.measure.startswith(("S_", "KS", "Hellinger", "pMSE", "SPECKS", "PO50", "corr")):
            assert result.value == pytest.approx(0, abs=1e-6), (result.measure, result.subject)
    assert results[-1].passed is True


def test_one_measure_alone_gives_the_same_records(comparison, every):
    for name in ("cart", "ulsif", "kliep"):
        alone = evaluate_utility(comparison, np.random.default_rng(3), measures=[name])
        assert alone
        assert all(result in every for result in alone)


def test_one_nominal_column_is_judged_by_what_applies(comparison):
    results = evaluate_utility(comparison, np.random.default_rng(1), columns=["g"])
    assert {result.subject for result in results} == {"", "g"}
    assert "KS" not in {result.measure for result in results}


def test_progress_names_each_measure_and_ends(comparison):
    seen = []
    evaluate_utility(
        comparison,
        np.random.default_rng(1),
        measures=["one-way", "ks"],
        progress=lambda *step: seen.append(step),
    )
    assert seen == [("one-way", 0, 2), ("ks", 1, 2), ("", 2, 2)]


def test_unknown_measure_names_the_known_ones(comparison):
    with pytest.raises(MeasureError) as caught:
        evaluate_utility(comparison, np.random.default_rng(1), measures=["carts"])
    assert str(caught.value) == (
        "unknown utility measure 'carts'; allowed: 'cart', 'combinations', 'correlations', "
        "'hellinger', 'kliep', 'ks', 'logit', 'one-way', 'two-way', 'ulsif'. Did you mean 'cart'?"
    )
    assert "carts" not in MEASURES


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.iter_modules(room.__path__)] + [""]
)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(f"{room.__name__}.{name}".rstrip("."))
    assert doctest.testmod(module).failed == 0


@pytest.mark.slow
def test_five_copies_of_five_thousand_rows_take_under_twelve_cpu_seconds(compare, shared_data, rng):
    real = pd.read_csv(shared_data("sd2011_12.csv"))
    real = real.astype({name: float for name in real if real[name].dtype.kind == "i"})
    copies = [real.sample(len(real), replace=True, random_state=rng) for _ in range(5)]
    start = process_time()
    results = evaluate_utility(compare(real, copies, proper=False), rng)
    assert process_time() - start < 12
    pairs = [r.value for r in results if r.measure == "S_pMSE" and ":" in r.subject]
    assert len(pairs) == 66
    # resamples: mean 1, and 66 x 5 overlapping tables have a standard error of about .03
    assert np.mean(pairs) == pytest.approx(1, abs=0.12)
