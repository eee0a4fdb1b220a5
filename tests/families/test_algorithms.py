"""Families fitted by their own algorithm: one contract over all, and a truth test for each."""

import numpy as np
import pytest

from posynth.chain.cuts import Binned
from posynth.chain.facts import CATEGORICAL
from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.errors import SpecError
from posynth.families import families, family
from posynth.families.base import Design, Response
from posynth.families.cart import grow, leaf_of
from posynth.families.leaf import (
    PROBABILITIES,
    atoms_of,
    draw_leaves,
    smoothed_quantiles,
    summarise,
)
from posynth.families.leaf_scale import NAMES, from_scores
from posynth.table.schema import Kind

#: A passive column has a rule in place of parameters, a wave its roster: see
#: chain/test_passive_rules.py and table/test_repeated_ids.py.
OWN = {n: f for n, f in families().items() if f.algorithm and n not in ("passive", "roster")}
DRAWN = [name for name, f in OWN.items() if f.drawer is not None]
#: A Markov chain takes seconds; its own tests are in test_bart.py.
SLOW = {n: [pytest.mark.slow] * bool(f.facts.chain) for n, f in OWN.items()}
ROWS = [(n, 2) for n in OWN] + [pytest.param(n, 0, marks=SLOW[n], id=f"{n}-0") for n in OWN]


@pytest.fixture
def toy(rng):
    """Give a task of a family on 120 rows of an uneven, continuous response, or of three levels."""

    def build(name, p=2, n=120, levels=0, need=400):
        X = rng.standard_normal((n, p))
        facts = family(name).facts
        levels = 3 if facts.response == "codes" else levels
        levels = min(levels, 2) if facts.kinds & CATEGORICAL == {Kind.BINARY} else levels
        y = np.exp(0.5 * X.sum(axis=1) + 0.3 * rng.standard_normal(n))
        y = np.digitize(y, [0.7, 1.4][: levels - 1]) if levels else y
        response = Response("outcome", y, tuple("abc"[:levels]), float(y.mean()), float(y.std()))
        predictors = tuple(f"x{j}" for j in range(p))
        priors = facts.priors[facts.default_prior]
        return Task(
            family(name), Design(X, predictors), response, facts.default_prior, priors, 150, need
        )

    return build


def _draw(task, found, index=0, X=None, seed=1):
    chain, draw = divmod(index, 5)
    theta = {name: a[chain, draw] for name, a in found.draws.items()}
    rows = task.design.X if X is None else X
    return task.family.drawer(theta, rows, np.random.default_rng(seed))


def _stacked(found, name):
    a = found.draws[name]
    return a.reshape(-1, *a.shape[2:])


@pytest.mark.parametrize("name", OWN)
def test_what_must_be_asked_for_names_something_better(name):
    facts = OWN[name].facts
    assert facts.fitted_by
    if not facts.proper or facts.copies_values:
        named = [other for other in families() if f"'{other}'" in facts.instead]
        assert named and all(families()[other].facts.proper for other in named)
    assert facts.noisy or not facts.proper


@pytest.mark.parametrize(("name", "p"), ROWS)
def test_a_copy_has_a_draw_of_its_own_unless_parameters_are_plugged_in(name, p, toy):
    task = toy(name, p)
    first, again, other = (fit(task, "auto", np.random.default_rng(s)) for s in (1, 1, 2))
    assert first.independent or (OWN[name].facts.chain and first.mixed.enough(task.need))
    assert first.engine == OWN[name].facts.fitted_by
    shapes = {a.shape[:2] for a in first.draws.values()}
    assert shapes == {(4, 5)}  # 400 effective draws are 20 copies' worth
    for key, a in first.draws.items():
        np.testing.assert_array_equal(a, again.draws[key])
    moved = any(
        a.shape != other.draws[key].shape or not np.array_equal(a, other.draws[key])
        for key, a in first.draws.items()
    )
    assert moved == OWN[name].facts.proper
    same = all((a == a[0, 0]).all() for a in first.draws.values())
    assert same != OWN[name].facts.proper


@pytest.mark.parametrize("p", [2, 0])
@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW[n], id=n) for n in DRAWN])
def test_rows_of_any_number_are_drawn_in_the_support(name, p, toy):
    task = toy(name, p)
    found = fit(task, "auto", np.random.default_rng(1))
    X = np.random.default_rng(2).standard_normal((7, p))
    drawn = _draw(task, found, 3, X)
    assert drawn.shape == (7,) and np.isfinite(drawn).all()
    np.testing.assert_array_equal(drawn, _draw(task, found, 3, X))
    if OWN[name].facts.kinds & CATEGORICAL:
        task = toy(name, p, levels=3)
        drawn = _draw(task, fit(task, "auto", np.random.default_rng(1)), 3, X)
        assert np.isin(drawn, [0, 1, 2]).all()


@pytest.mark.parametrize("name", OWN)
def test_no_value_is_kept_unless_that_is_declared(name, toy):
    task = toy(name)
    found = fit(task, "auto", np.random.default_rng(1))
    kept = np.concatenate([a.ravel() for a in found.draws.values()])
    assert np.isin(task.response.y, kept).any() == OWN[name].facts.copies_values


@pytest.mark.parametrize("name", DRAWN)
def test_an_algorithm_has_no_model_to_show(name, toy):
    with pytest.raises(SpecError, match=rf"column 'outcome': family '{name}' is an algorithm \(.*"):
        toy(name).model()


def _least_squares(task):
    A = np.column_stack([np.ones(len(task.design.X)), task.design.X])
    theta, rss, *_ = np.linalg.lstsq(A, task.response.y, rcond=None)
    return theta, A @ theta, float(rss[0]) / (len(A) - A.shape[1])


def test_a_plug_in_is_least_squares_to_the_digit(toy):
    task = toy("gaussian_plugin")
    found = fit(task, "auto", np.random.default_rng(1))
    theta, _, variance = _least_squares(task)
    np.testing.assert_allclose(_stacked(found, "alpha"), theta[0], rtol=1e-12)
    np.testing.assert_allclose(_stacked(found, "beta"), np.tile(theta[1:], (20, 1)), rtol=1e-12)
    np.testing.assert_allclose(_stacked(found, "sigma") ** 2, variance, rtol=1e-12)


def test_a_deterministic_mean_is_the_prediction_and_a_constant_one_the_mean(toy):
    task = toy("deterministic_mean")
    drawn = _draw(task, fit(task, "auto", np.random.default_rng(1)))
    np.testing.assert_allclose(drawn, _least_squares(task)[1], rtol=1e-12)
    task = toy("constant_mean")
    drawn = _draw(task, fit(task, "auto", np.random.default_rng(1)))
    np.testing.assert_array_equal(drawn, np.full(120, task.response.y.mean()))


def test_pmm_coefficients_have_the_moments_of_mice_norm(toy):
    task = toy("pmm", need=40_000)  # 2000 draws
    drawn = _stacked(fit(task, "auto", np.random.default_rng(1)), "beta")
    theta, _, variance = _least_squares(task)
    A = np.column_stack([np.ones(120), task.design.X])
    # E(sigma^2) of s^2 (n - p) / chi2(n - p) is s^2 (n - p) / (n - p - 2).
    sd = np.sqrt(np.diag(np.linalg.inv(A.T @ A))[1:] * variance * 117 / 115)
    assert np.abs(drawn.mean(axis=0) - theta[1:]).max() < 4 * sd.max() / np.sqrt(2000)
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=4 / np.sqrt(2 * 2000))


def test_pmm_takes_one_of_the_five_nearest_donors_each_as_often(toy):
    task = toy("pmm")
    found = fit(task, "auto", np.random.default_rng(1))
    x, repeats = np.array([[0.3, -0.2]]), 20_000
    values = _draw(task, found, 7, np.tile(x, (repeats, 1)))
    wanted = found.draws["alpha"][1, 2] + x[0] @ found.draws["beta"][1, 2]
    distance = np.abs(_least_squares(task)[1] - wanted)  # the ridge moves predictions by 1e-5
    nearest = task.response.y[np.argsort(distance)[:5]]
    taken, counts = np.unique(values, return_counts=True)
    np.testing.assert_array_equal(taken, np.sort(nearest))
    assert np.abs(counts - repeats / 5).max() < 4 * np.sqrt(repeats * 0.2 * 0.8)
    extreme = _draw(task, found, 7, np.tile([[50.0, 50.0]], (50, 1)))
    assert set(extreme) <= set(task.response.y[np.argsort(-_least_squares(task)[1])[:5]])


def test_midastouch_takes_donors_as_often_as_their_distance_says(toy):
    task = toy("midastouch", n=40)
    found = fit(task, "auto", np.random.default_rng(1))
    theta = {name: a[1, 2] for name, a in found.draws.items()}
    x, repeats = np.array([0.3, -0.2]), 40_000
    values = _draw(task, found, 7, np.tile(x, (repeats, 1)))
    distance = np.abs(theta["prediction"] - (theta["alpha"] + x @ theta["beta"]))
    p = theta["weight"] * distance ** -theta["kappa"]
    p /= p.sum()
    counts = np.array([np.sum(values == y) for y in theta["donor"]])
    assert counts.sum() == repeats
    assert np.abs(counts - repeats * p).max() < 4 * np.sqrt(repeats * p.max())
    assert (counts[theta["weight"] == 0] == 0).all()


def test_midastouch_fits_each_resample_by_weighted_least_squares(toy):
    task = toy("midastouch")
    found = fit(task, "auto", np.random.default_rng(1))
    A = np.column_stack([np.ones(120), task.design.X])
    w = np.sqrt(found.draws["weight"][2, 3])
    theta = np.linalg.lstsq(w[:, None] * A, w * task.response.y, rcond=None)[0]
    assert found.draws["weight"][2, 3].sum() == 120
    assert found.draws["alpha"][2, 3] == pytest.approx(theta[0], abs=1e-4)
    np.testing.assert_allclose(found.draws["beta"][2, 3], theta[1:], atol=1e-4)
    rest = np.sum((w * (task.response.y - A @ theta)) ** 2)
    mean = np.average(task.response.y, weights=w**2)
    r2 = 1 - rest / np.sum((w * (task.response.y - mean)) ** 2)
    assert found.draws["kappa"][2, 3] == pytest.approx((50 * r2 / (1 - r2)) ** 0.375, rel=1e-4)


def test_a_tree_without_predictors_draws_levels_from_their_dirichlet(toy):
    """The Bayesian bootstrap of counts c is Dirichlet(c): exact mean and variance."""
    task = toy("cart", p=0, levels=3, need=40_000)
    found = fit(task, "auto", np.random.default_rng(1))
    p = _stacked(found, "probability")[:, 0]
    counts = np.bincount(task.response.y, minlength=3)
    mean = counts / 120
    sd = np.sqrt(mean * (1 - mean) / 121)
    assert np.abs(p.mean(axis=0) - mean).max() < 4 * sd.max() / np.sqrt(2000)
    np.testing.assert_allclose(p.std(axis=0), sd, rtol=4 / np.sqrt(2 * 2000))


def test_a_tree_without_predictors_draws_the_mean_from_its_bayesian_bootstrap(toy):
    """Mean y and variance s^2 / (n + 1), up to the tails that quantiles leave out."""
    task = toy("cart", p=0, need=16_000)
    found = fit(task, "auto", np.random.default_rng(1))
    quantile = _stacked(found, "quantile")[:, 0]
    pieces = {name: _stacked(found, name)[0] for name in NAMES}
    u = np.linspace(PROBABILITIES[0], PROBABILITIES[-1], 4001)
    means = np.array([from_scores(pieces, np.interp(u, PROBABILITIES, q)).mean() for q in quantile])
    y = task.response.y
    sd = y.std() / np.sqrt(121)
    assert abs(means.mean() - y.mean()) < 4 * sd / np.sqrt(800) + 0.01 * y.std()
    assert means.std() == pytest.approx(sd, rel=0.1)


def test_rows_go_down_a_tree_as_scikit_learn_sends_them(toy, rng):
    from sklearn.tree import DecisionTreeRegressor

    task = toy("cart", n=400)
    X, y, weight = task.design.X, task.response.y, rng.standard_exponential(400)
    splits, leaf = grow(Binned.of(X), y, False, {"leaf": 5.0, "complexity": 1e-4}, weight, 3)
    np.testing.assert_array_equal(leaf, leaf_of(splits, X))
    assert np.bincount(leaf).max() < 400 and np.bincount(leaf)[np.unique(leaf)].min() >= 5
    plain = DecisionTreeRegressor(min_samples_leaf=5, random_state=0).fit(X, y)
    tree = plain.tree_
    names = {"feature": tree.feature, "threshold": tree.threshold}
    sides = {"left": tree.children_left, "right": tree.children_right}
    fresh = rng.standard_normal((1000, 2))
    np.testing.assert_array_equal(leaf_of(names | sides, fresh), plain.apply(fresh))


def test_a_tree_finds_an_interaction_without_being_told(rng):
    X = rng.standard_normal((2000, 2))
    y = np.sign(X[:, 0] * X[:, 1]) + 0.1 * rng.standard_normal(2000)
    cart = family("cart")
    task = Task(
        cart, Design(X, ("a", "b")), Response("y", y), "bootstrap", cart.facts.priors["bootstrap"]
    )
    found = fit(task, "auto", np.random.default_rng(1))
    drawn = _draw(task, found)
    assert np.corrcoef(drawn, np.sign(X[:, 0] * X[:, 1]))[0, 1] > 0.97
    assert not np.isin(drawn, y).any()


def test_a_forest_of_whole_samples_draws_from_all_its_trees(toy):
    """Without predictors every tree is a margin: level shares average to the data's."""
    task = toy("forest", p=0, levels=3, need=4_000)
    found = fit(task, "auto", np.random.default_rng(1))
    p = _stacked(found, "probability")[:, :, 0]
    assert p.shape == (200, 10, 3)
    mean = np.bincount(task.response.y, minlength=3) / 120
    # Between copies the Bayesian bootstrap, within a copy a resample of it: variances add.
    within, between = mean * (1 - mean) / 120, mean * (1 - mean) / 121
    sd = np.sqrt(between + within / 10)
    assert np.abs(p.mean(axis=(0, 1)) - mean).max() < 4 * sd.max() / np.sqrt(200)
    np.testing.assert_allclose(p.mean(axis=1).std(axis=0), sd, rtol=4 / np.sqrt(2 * 200))
    assert (np.ptp(p, axis=1) > 0).any()


def test_smoothing_keeps_mean_and_spread_and_no_value(rng):
    y = np.sort(rng.gamma(2.0, size=400))
    weight = rng.standard_exponential(400)
    quantile = smoothed_quantiles(y, weight, y.std())
    assert (np.diff(quantile) > 0).all() and not np.isin(quantile, y).any()
    leaf = {"quantile": quantile[None], "probability": np.zeros((1, 0)), "atom": np.zeros(0)}
    drawn = draw_leaves(leaf, np.zeros(200_000, dtype=int), np.random.default_rng(3))
    mean = np.average(y, weights=weight)
    sd = np.sqrt(np.average((y - mean) ** 2, weights=weight))
    # 0.1 % of the mass, in the tails, is left out, and lines stand in for the curve between.
    assert drawn.mean() == pytest.approx(mean, abs=0.02 * sd)
    assert drawn.std() == pytest.approx(sd, rel=0.02)
    np.testing.assert_array_equal(smoothed_quantiles(np.full(5, 3.0), np.ones(5), 1.0), 3.0)


def test_one_value_left_over_beside_atoms_is_blurred():
    """49 zeros and one large value in a leaf must not give that person's value back."""
    y, weight = np.concatenate([np.zeros(95), np.linspace(50.0, 90.0, 5)]), np.ones(100)
    response, leaf = Response("y", y), np.repeat([0, 1], [99, 1])
    quantile = summarise(response, weight, leaf, 2, atoms_of(response))["quantile"][1]
    assert np.ptp(quantile) > 2 * np.std(y[-5:])
    assert np.median(quantile) == pytest.approx(90.0, abs=0.5)


def test_values_that_many_share_keep_their_share(rng):
    y = np.concatenate([np.zeros(300), np.full(100, 7.0), rng.gamma(2.0, size=600)])
    atoms = atoms_of(Response("y", y))
    np.testing.assert_array_equal(atoms, [0.0, 7.0])
    leaf, weight = (rng.random(1000) < 0.5).astype(np.int64), rng.standard_exponential(1000)
    found = summarise(Response("y", y), weight, leaf, 2, atoms)
    share = [np.average(y[leaf == 1] == a, weights=weight[leaf == 1]) for a in atoms]
    np.testing.assert_allclose(found["probability"][1], share, rtol=1e-12)
    drawn = draw_leaves(found | {"atom": atoms}, np.ones(50_000, int), np.random.default_rng(2))
    for atom, p in zip(atoms, share, strict=True):
        assert abs(np.mean(drawn == atom) - p) < 4 * np.sqrt(p * (1 - p) / 50_000)
    rest = y[~np.isin(y, atoms)]
    assert not np.isin(drawn, rest).any()


@pytest.mark.parametrize("name", ["cart", "forest"])
def test_no_value_can_be_worked_out_from_the_splits_of_many_trees(toy, name):
    """Twice a midpoint less a value is its neighbour: cuts lie five rows apart."""
    task = toy(name, n=300)
    found = fit(task, "auto", np.random.default_rng(2)).draws
    used = found["left"] > 0
    for j, column in enumerate(task.design.X.T):
        cuts = np.unique(found["threshold"][used & (found["feature"] == j)])
        assert len(cuts) > 20
        assert not np.isin(cuts, column).any()
        between = np.diff(np.searchsorted(np.sort(column), cuts))
        assert between.min() >= 5
