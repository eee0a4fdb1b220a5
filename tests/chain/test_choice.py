"""The default conditional of a numeric column, chosen on tables whose truth is known."""

import numpy as np
import pytest

from posynth.chain.blocks import Rows
from posynth.chain.budget import spline_columns
from posynth.chain.choice import choose
from posynth.chain.curvature import is_curved
from posynth.chain.quantiles import learn_scale
from posynth.chain.refine import refine
from posynth.chain.spec import ChainSpec, Conditional
from posynth.table.schema import Column, Kind, Schema

N = 1500
Y = Conditional("y", "gaussian", note="default")


def _rows(y, decimals=None, **predictors):
    """A table of numeric predictors, a binary one named g, and y."""
    columns = [
        Column(name, Kind.BINARY, "str", levels=("a", "b"))
        if name == "g"
        else Column(name, Kind.CONTINUOUS, "float64")
        for name in predictors
    ]
    columns.append(Column("y", Kind.CONTINUOUS, "float64", decimals=decimals))
    arrays = {**{name: np.asarray(v, dtype=float) for name, v in predictors.items()}, "y": y}
    found = {name: learn_scale(v) for name, v in arrays.items() if name != "g"}
    found["y"] = learn_scale(y, decimals)
    learned = {name: scale for name, scale in found.items() if scale is not None}
    return Rows(Schema(tuple(columns), len(y)), arrays, {}, len(y), learned)


def _chosen(rows, splines=3):
    columns = tuple(name for name in rows.schema.names if name != "y")
    return choose(rows, columns, Y, splines)


@pytest.fixture
def x(rng):
    return rng.standard_normal(N)


def test_a_line_with_normal_errors_stays_on_its_natural_scale(rng, x):
    found = _chosen(_rows(1 + 2 * x + rng.standard_normal(N), x=x))
    assert (found.family, found.scale, found.splines) == ("gaussian", "natural", 0)
    assert "a line on the natural scale; held-out log score" in found.note


def test_rounding_does_not_move_a_line_from_its_natural_scale(rng, x):
    found = _chosen(_rows(np.round(50 + 6 * x + 8 * rng.standard_normal(N)), 0, x=x))
    assert (found.family, found.scale) == ("gaussian", "natural")


def test_a_skew_column_is_modelled_on_its_learned_scale(rng, x):
    found = _chosen(_rows(rng.exponential(np.exp(x)), x=x))
    assert (found.scale, found.splines) == ("learned", 3)
    assert "the learned scale" in found.note.split(";")[0]


def test_a_lognormal_column_is_modelled_by_a_line_on_the_log_scale(rng, x):
    y = np.exp(x + rng.standard_normal(N))
    found = _chosen(_rows(y, x=x))
    assert (found.family, found.scale) == ("lognormal", "natural")
    assert "a line on the log scale; held-out log score" in found.note
    assert _chosen(_rows(y - 1, x=x)).scale == "learned"


def test_a_lognormal_column_that_rounding_would_take_to_zero_is_not_modelled_as_one(rng, x):
    y = np.maximum(np.exp(-1 + 0.5 * x + rng.standard_normal(N)).round(1), 0.1)
    assert _chosen(_rows(y, 1, x=x)).family != "lognormal"


def test_mild_skew_of_residuals_is_no_normal_line(rng, x):
    """Gamma(8) noise, skewness .7: shares below a value were covered in 90 %."""
    mild = [_chosen(_rows(x + rng.gamma(8, size=N), x=x)) for _ in range(4)]
    assert all((each.family, each.scale) != ("gaussian", "natural") for each in mild)
    assert _chosen(_rows(x + rng.standard_normal(N), x=x)).scale == "natural"


def test_a_flat_margin_is_learned_though_scores_of_single_years_do_not_ask_for_it(rng):
    """Ages in whole years, as a survey has them: a normal margin biases later curves in age."""
    age = rng.integers(18, 90, 500).astype(float)
    found = _chosen(_rows(age, 0, g=rng.integers(0, 2, 500)))
    assert (found.family, found.scale) == ("gaussian", "learned")
    assert "a line on the natural scale has another shape" in found.note


def _codes(rng, x):
    """Numbers that stand for kinds: 1 and 4 where x is high, 2 and 3 where it is low."""
    high = rng.random(len(x)) < 1 / (1 + np.exp(-3 * x))
    return np.where(high, rng.choice([1.0, 4.0], len(x)), rng.choice([2.0, 3.0], len(x)))


def test_numbers_that_stand_for_kinds_are_levels(rng, x):
    rows = _rows(_codes(rng, x), 0, x=x)
    found = refine(rows, ChainSpec((Conditional("x", "gaussian"), Y)))["y"]
    assert (found.family, found.scale, dict(found.scales)) == (
        "categorical", "levels", {"slope": 1.0},
    )  # fmt: skip
    assert "its numbers as levels; held-out log score" in found.note


def test_ratings_that_a_predictor_shifts_stay_numbers(rng, x):
    found = _chosen(_rows(np.clip(np.round(3 + x + rng.standard_normal(N)), 1, 5), 0, x=x))
    assert found.scale == "learned" and "for its numbers as levels" in found.note


def test_heaps_are_worth_a_learned_scale(rng, x):
    y = np.round(50 + 6 * x + 8 * rng.standard_normal(N))
    heaped = np.where(rng.random(N) < 0.6, np.round(y / 10) * 10, y)
    assert _chosen(_rows(heaped, 0, x=x)).scale == "learned"


def test_a_spread_that_depends_on_a_predictor_is_modelled(rng):
    g = rng.integers(0, 2, N)
    found = _chosen(_rows(np.exp(np.where(g, 0.8, 0.3) * rng.standard_normal(N)), g=g))
    assert (found.family, found.scale) == ("location_scale", "learned")


def test_an_interaction_is_found_and_none_where_there_is_none(rng, x):
    g = rng.integers(0, 2, N)
    noise = rng.standard_normal(N)
    crossed = _chosen(_rows(np.exp(0.6 * x * (2 * g - 1) + noise), x=x, g=g))
    plain = _chosen(_rows(np.exp(0.6 * x + 0.5 * g + noise), x=x, g=g))
    assert crossed.interactions == (("x", "g"),) and "interactions x:g" in crossed.note
    assert plain.interactions == ()


def test_interactions_of_noise_are_found_as_rarely_as_their_level_says(rng):
    found = 0
    for _ in range(25):
        g, x = rng.integers(0, 2, 600), rng.standard_normal(600)
        found += bool(
            _chosen(_rows(np.exp(x + rng.standard_normal(600)), x=x, g=g), 2).interactions
        )
    assert found <= 3  # Binomial(25, 0.01) exceeds 3 with probability 1e-4


def test_few_values_stay_on_the_natural_scale(rng):
    y = np.exp(rng.standard_normal(40))
    found = _chosen(_rows(y, x=rng.standard_normal(40)))
    assert found.scale == "natural" and "too few values" in found.note


def test_the_choice_does_not_depend_on_unit_or_origin(rng, x):
    y = np.exp(x + rng.standard_normal(N))
    first, second = (_chosen(_rows(v, x=x)) for v in (y, 1e6 * y))
    assert first.note == second.note


@pytest.mark.parametrize(("bend", "expected"), [(0.0, False), (1.5, True)])
def test_a_logit_bends_only_if_the_rows_say_so(rng, x, bend, expected):
    p = 1 / (1 + np.exp(-(x + bend * (x**2 - 1))))
    codes = (rng.random(N) < p).astype(int)
    assert is_curved(x[:, None], np.column_stack([x, x**2, x**3]), codes) is expected


def test_the_test_of_curvature_keeps_its_level(rng):
    hits = 0
    for _ in range(300):
        x, codes = rng.standard_normal(400), rng.integers(0, 3, 400)
        hits += is_curved(x[:, None], np.column_stack([x, x**2, x**3]), codes)
    assert hits <= 4  # Binomial(300, 0.001) exceeds 4 with probability 2e-5


def test_a_named_family_is_left_alone(rng, x):
    rows = _rows(np.exp(x + rng.standard_normal(N)), x=x)
    spec = ChainSpec((Conditional("x", "gaussian"), Y))
    assert refine(rows, spec, fixed=("y",))["y"] == Y
    assert refine(rows, spec)["y"].family == "lognormal"


@pytest.mark.parametrize(("n", "columns"), [(100, 2), (600, 3), (2000, 4)])
def test_more_rows_allow_finer_splines(rng, n, columns):
    rows = _rows(rng.standard_normal(n), x=rng.standard_normal(n))
    assert spline_columns(rows, ("x",), 1) == columns
    assert spline_columns(rows, (), 1) == 0
