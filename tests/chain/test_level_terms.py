"""Splines and interactions of conditionals of levels, on tables whose truth is known."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2

from posynth.chain.blocks import Rows
from posynth.chain.level_terms import with_terms
from posynth.chain.logit_test import LogitTest
from posynth.chain.quantiles import learn_scale
from posynth.chain.spec import Conditional
from posynth.table.schema import Column, Kind, Schema

N = 4000
PREDICTORS = ("age", "sex")


def _drawn(rng, eta):
    """Draw a level a row from logits (n, K)."""
    noise = rng.gumbel(size=eta.shape)
    return np.argmax(eta + noise, axis=1).astype(float)


def _chosen(age, sex, codes, **conditional):
    levels = tuple("abcdef"[: int(codes.max()) + 1])
    schema = Schema(
        (
            Column("age", Kind.CONTINUOUS, "float64"),
            Column("sex", Kind.BINARY, "str", levels=("f", "m")),
            Column("edu", Kind.NOMINAL, "str", levels=levels),
        ),
        len(age),
    )
    arrays = {"age": age, "sex": sex, "edu": codes}
    rows = Rows(schema, arrays, {}, len(age), {"age": learn_scale(age)})
    return with_terms(rows, PREDICTORS, Conditional("edu", "categorical", **conditional))


@pytest.fixture
def table(rng):
    """Ages and sexes."""
    return rng.normal(45, 18, N), rng.integers(0, 2, N).astype(float)


def _logits(slopes, intercepts=(0.0, 0.3, -0.5)):
    return np.column_stack([np.zeros(N), *(a + s for a, s in zip(intercepts, slopes, strict=True))])


def test_straight_main_effects_stay_as_they_are(rng, table):
    """Probabilities bend, from 0 to 1, while logits are straight."""
    age, sex = table
    z = (age - 45) / 18
    codes = _drawn(rng, _logits([z + sex, -z, 0.5 * z - sex]))
    found = _chosen(age, sex, codes)
    assert (found.splines, found.interactions, found.scales) == (0, (), {})


def test_an_interaction_of_number_and_level_is_found(rng, table):
    age, sex = table
    z = (age - 45) / 18
    codes = _drawn(rng, _logits([z * (1 - 1.2 * sex), 0.4 * z, -0.5 * z]))
    found = _chosen(age, sex, codes, note="default")
    assert found.interactions == (("age", "sex"),)
    assert found.scales == {"slope": 1.0}
    assert found.note == "default; interactions age:sex; slopes N(0, 1)"


def test_a_curve_that_turns_fast_at_an_end_gets_a_fine_spline(rng, table):
    age, sex = table
    schooling = -8.0 * np.clip((30 - age) / 6, 0, 1)
    codes = _drawn(rng, _logits([schooling, schooling / 2, 0 * age]))
    found = _chosen(age, sex, codes)
    assert found.splines == 7 and found.scales == {"slope": 1.0}


def test_a_gentle_curve_gets_a_coarse_spline(rng, table):
    age, sex = table
    z = (age - 45) / 18
    found = _chosen(age, sex, _drawn(rng, _logits([z**2, -(z**2), 0 * z])))
    assert 2 <= found.splines <= 4 and found.scales == {}


def test_few_events_get_no_terms(rng, table):
    age, sex = table
    codes = np.zeros(N)
    codes[np.argsort(age * (1 - 2 * sex))[:12]] = 1.0
    found = _chosen(age, sex, codes)
    assert (found.splines, found.interactions) == (0, ())


def test_slopes_that_the_user_holds_closer_stay(rng, table):
    age, sex = table
    z = (age - 45) / 18
    codes = _drawn(rng, _logits([z * (1 - 1.5 * sex), 0.4 * z, -0.5 * z]))
    assert _chosen(age, sex, codes, scales={"slope": 0.5}).scales == {"slope": 0.5}


def test_the_score_test_keeps_its_level_where_probabilities_vary_much(rng):
    """Weights differ 20-fold over the rows, which a test of equal weights would not survive."""
    reps, level, hits = 500, 0.05, 0
    for _ in range(reps):
        x, g = rng.standard_normal(500), rng.integers(0, 2, 500)
        eta = np.column_stack([np.zeros(500), 2 * x - 1, -x + g])
        test = LogitTest(np.column_stack([x, g - 0.5]), _drawn(rng, eta).astype(int), ridge=1e-3)
        hits += test.p_value(np.column_stack([x * g, x**2])) < level
    error = np.sqrt(level * (1 - level) / reps)
    assert abs(hits / reps - level) < 3 * error  # standard error .0097


def test_the_score_statistic_is_near_the_likelihood_ratio(rng):
    n = 20_000
    x, g = rng.standard_normal(n), rng.integers(0, 2, n).astype(float)
    eta = np.column_stack([np.zeros(n), x + g + 0.15 * x * g, 0.5 * x])
    codes = _drawn(rng, eta).astype(int)
    narrow = np.column_stack([x, g])
    p = LogitTest(narrow, codes, ridge=1e-6).p_value((x * g)[:, None])
    fits = [
        sm.MNLogit(codes, sm.add_constant(X)).fit(disp=0).llf
        for X in (narrow, np.column_stack([narrow, x * g]))
    ]
    ratio = 2 * (fits[1] - fits[0])
    assert ratio > 6
    assert chi2.isf(p, 2) == pytest.approx(ratio, rel=0.05)


def test_what_the_design_spans_already_is_not_tested_again(rng):
    x = rng.standard_normal(400)
    codes = rng.integers(0, 2, 400)
    test, extra = LogitTest(x[:, None], codes, ridge=1e-6), (x**2)[:, None]
    both = np.column_stack([3 * x - 1, x**2, 2 * x**2 + x])
    assert test.p_value(both) == pytest.approx(test.p_value(extra), rel=1e-6)
