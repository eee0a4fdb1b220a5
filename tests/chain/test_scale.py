"""The learned scale: F and its inverse agree, nobody's value is in it, and draws are proper."""

import json

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest

from posynth.chain.quantiles import learn_scale
from posynth.chain.scale import LEAST, Drawn, Scale


def _heaped(rng, n=2000):
    """Incomes: skew, most of them multiples of 100, some of 10, a spike at 0."""
    y = np.exp(rng.normal(7, 0.6, n))
    unit = rng.choice([10.0, 100.0, 500.0], n, p=[0.3, 0.5, 0.2])
    return np.where(rng.random(n) < 0.1, 0.0, np.ceil(y / unit) * unit)


COLUMNS = {
    "normal": (lambda rng: rng.normal(size=1000), None),
    "small": (lambda rng: rng.normal(size=40), None),
    "lognormal": (lambda rng: np.exp(rng.normal(size=3000)), None),
    "heaped": (_heaped, 0),
    "counts": (lambda rng: rng.poisson(3, 1000).astype(float), 0),
    "spike": (lambda rng: np.maximum(rng.normal(size=1000), 0.0), None),
    "ages": (lambda rng: np.clip(rng.normal(50, 18, 300).round(), 18, 97), 0),
    "two heaps": (lambda rng: rng.choice([0.0, 1.0, 5.0], 500), 1),
    "two clouds": (lambda rng: rng.normal(size=600) + 50 * rng.integers(0, 2, 600), None),
}


@pytest.fixture(params=COLUMNS)
def column(request):
    make, decimals = COLUMNS[request.param]
    return make(np.random.default_rng(3)), decimals


def _point(scale: Scale) -> Drawn:
    """The scale itself, as a draw without any uncertainty."""
    return Drawn(scale, scale.masses / scale.masses.sum(), {i: t.spread for i, t in scale.tails})


def test_cells_are_in_order_and_hold_every_case(column):
    values, decimals = column
    scale = learn_scale(values, decimals)
    assert np.all(np.subtract(scale.upper, scale.lower) >= 0)
    assert np.all(np.subtract(scale.lower[1:], scale.upper[:-1]) >= -1e-9)
    assert scale.masses.sum() == pytest.approx(len(values))
    # A group of five neighbours gives half of its cases to the cell on either side.
    assert scale.masses.min() >= LEAST / 2


def test_no_value_of_fewer_than_five_cases_is_stored(column):
    values, decimals = column
    scale = learn_scale(values, decimals)
    kept = {*scale.lower, *scale.upper, *(tail.edge for _, tail in scale.tails)}
    rare = {v for v in values if np.sum(values == v) < LEAST}
    # A mean of five neighbours can fall on a grid of rounded values, never on a real number.
    assert len(rare & kept) <= (0 if decimals is None else 0.1 * len(kept))


def test_f_is_monotone_and_its_scores_are_standard_normal(column):
    values, decimals = column
    scale = learn_scale(values, decimals)
    first, last = scale.bounds(np.sort(values))
    assert np.all(np.diff(first) >= -1e-9) and np.all(np.diff(last) >= -1e-9)
    assert np.all((first >= 0) & (first <= last) & (last <= 1))
    u = first + np.random.default_rng(4).random(len(values)) * (last - first)
    # The cells were learned on these values, so the distance is far below that of a sample.
    assert kstest(u, "uniform").statistic < 1.5 / np.sqrt(len(values))
    mean, sd = _point(scale).moments()
    assert abs(mean) < 1e-9 and sd == pytest.approx(1, abs=1e-9)


def test_the_inverse_gives_the_margin_back(column):
    values, decimals = column
    scale = learn_scale(values, decimals)
    grid = ndtri((np.arange(20_000) + 0.5) / 20_000)
    found = _point(scale).values(grid)
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        at = np.quantile(values, p, method="inverted_cdf")
        low, high = np.mean(found < at - 1e-9), np.mean(found <= at + 1e-9)
        # Groups, and what they are moved to their neighbours, are a few per cent at most.
        assert low - 0.06 < p < high + 0.06


def test_atoms_come_back_with_their_shares_and_grains_are_kept():
    values = _heaped(np.random.default_rng(5))
    found = _point(learn_scale(values, 0)).values(ndtri((np.arange(50_000) + 0.5) / 50_000))
    for heap in (0.0, 1000.0, 1500.0):
        assert np.mean(found == heap) == pytest.approx(np.mean(values == heap), abs=0.004)
    assert np.mean(found % 10 == 0) > 0.99
    assert found.min() == 0.0


def test_bounds_are_respected_in_every_draw():
    rng = np.random.default_rng(6)
    positive, percent = np.exp(rng.normal(size=200)), np.round(100 * rng.beta(8, 1, 400), 1)
    for values, decimals, low, high in ((positive, None, 0, np.inf), (percent, 1, 0, 100)):
        scale = learn_scale(values, decimals)
        for _ in range(50):
            drawn = scale.draw(rng).values(3 * rng.standard_normal(500))
            assert low <= drawn.min() and drawn.max() <= high


def test_moments_of_a_draw_are_those_of_the_source_scores():
    rng = np.random.default_rng(7)
    scale = learn_scale(np.maximum(rng.normal(size=300), -0.3), None)
    drawn = scale.draw(rng)
    masses = scale.masses / scale.masses.sum()
    start = np.concatenate([[0], np.cumsum(drawn.shares)])
    piece = rng.choice(len(masses), 400_000, p=masses)
    z = ndtri(start[piece] + rng.random(len(piece)) * drawn.shares[piece])
    mean, sd = drawn.moments()
    assert mean == pytest.approx(z.mean(), abs=4 / np.sqrt(400_000))
    assert sd == pytest.approx(z.std(), abs=4 / np.sqrt(2 * 400_000))


def test_a_scale_survives_json(column):
    scale = learn_scale(*column)
    assert Scale.from_dict(json.loads(json.dumps(scale.to_dict()))) == scale


@pytest.mark.parametrize("values", [np.ones(100), np.arange(19.0), np.full(30, np.nan)])
def test_too_little_to_learn_from_gives_no_scale(values):
    assert learn_scale(values) is None


def test_a_value_between_two_heaps_lies_between_their_scores():
    scale = learn_scale(np.repeat([0.0, 1.0, 2.0], 50), 0)
    assert scale.distribution(np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 9.0])) == pytest.approx(
        np.array([0, 1, 1, 2, 2, 3, 3]) / 3
    )
    assert np.all(np.diff(scale.scores(np.array([0.0, 0.5, 1.0, 1.5, 2.0]))) > 0)


def test_holes_have_no_score():
    scale = learn_scale(np.arange(50.0), 0)
    assert np.isnan(scale.scores(np.array([3.0, np.nan]))).tolist() == [False, True]


@pytest.mark.parametrize("unit", [1.0, 0.1])
def test_small_numbers_are_no_multiples_of_millions(unit):
    """A tail of 1 to 4 had a grain of 5 000 000: its draws were 0, or past all values."""
    values = np.random.default_rng(8).integers(1, 60, 200) * unit
    scale = learn_scale(values, 0 if unit == 1 else 1)
    assert {scale.below.grain, scale.above.grain} == {unit}
    drawn = scale.draw(np.random.default_rng(1)).values(np.linspace(-3.5, 3.5, 4001))
    assert drawn.min() > 0 and drawn.max() < 2 * values.max()
    np.testing.assert_allclose(drawn / unit, np.round(drawn / unit), atol=1e-9)
