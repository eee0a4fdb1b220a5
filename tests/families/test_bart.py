"""Sums of trees: the sampler against exact answers, fits against a curved truth, what is kept."""

import numpy as np
import pytest

from posynth.chain.cuts import cuts_of
from posynth.engines import additive
from posynth.engines.additive import AdditiveTrees, fit_additive
from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.engines.tree_moves import DEPTH, LEAST, NODES, sweep
from posynth.errors import FitError
from posynth.families import family
from posynth.families.bart import draw, sum_of_trees
from posynth.families.base import Design, Response

WEAK = 1e12  # a residual variance that lets the data say nothing


def _truth(X):
    return np.sin(2 * X[:, 0]) + X[:, 0] * X[:, 1]


def _task(y, X, levels=(), need=400, **scales):
    known = family("bart")
    response = Response("y", y, levels, float(np.mean(y)), float(np.std(y)))
    names = tuple(f"x{j}" for j in range(X.shape[1]))
    return Task(
        known, Design(X, names), response, "trees", known.facts.priors["trees"] | scales, need=need
    )


def _flat(found):
    return {name: a.reshape(-1, *a.shape[2:]) for name, a in found.draws.items()}


def _means(found, X):
    draws = _flat(found)
    each = [{name: a[i] for name, a in draws.items()} for i in range(len(draws["center"]))]
    return np.array([theta["center"] + sum_of_trees(theta, X) for theta in each])


def _moved(codes, cuts, y, scales, sweeps, seed=1):
    """Run one tree alone; return the sets of its splits after every sweep."""
    rng, n = np.random.default_rng(seed), len(y)
    trees = (
        np.full((1, NODES), -1, dtype=np.int16),
        np.zeros((1, NODES), dtype=np.int64),
        np.zeros((1, n), dtype=np.uint8),
        np.zeros((1, NODES)),
    )
    rest, seen = y.copy(), []
    for _ in range(sweeps):
        sweep(codes.astype(np.int32), rest, trees, np.array(cuts), scales, rng)
        seen.append((trees[0][0].copy(), trees[1][0].copy(), trees[3][0].copy()))
    return seen, trees, rest


def test_a_split_is_as_probable_as_the_closed_form_says(rng):
    """One tree and one cut: a stump or a split, whose odds are known."""
    code, variance, prior, alpha, beta = np.repeat([0, 1], 10), 0.5, 0.8, 0.6, 1.0
    y = 0.35 * code + np.sqrt(variance) * rng.standard_normal(20)

    def evidence(y):
        cov = variance * np.eye(len(y)) + prior
        return -0.5 * np.linalg.slogdet(cov)[1] - 0.5 * y @ np.linalg.solve(cov, y)

    odds = alpha * (1 - alpha * 2**-beta) ** 2 / (1 - alpha)
    odds *= np.exp(evidence(y[:10]) + evidence(y[10:]) - evidence(y))
    seen, _, _ = _moved(code[None], [1], y, (variance, prior, alpha, beta), 20_000)
    split = np.array([feature[0] >= 0 for feature, _, _ in seen])
    p = odds / (1 + odds)
    assert 0.1 < p < 0.9
    assert split.mean() == pytest.approx(p, abs=0.02)
    values = np.array([value[1] for _, _, value in seen])[split]
    precision = 10 / variance + 1 / prior
    assert values.mean() == pytest.approx(y[:10].sum() / variance / precision, abs=0.02)
    assert values.std() == pytest.approx(precision**-0.5, rel=0.03)


def _drawn_from_prior(X, cuts, alpha, beta, rng):
    """Grow a tree by its prior; return its leaves, or 0 if one has too few rows."""
    leaves, queue = 0, [(0, np.ones(X.shape[1], dtype=bool), [(0, c - 1) for c in cuts])]
    while queue:
        depth, rows, ranges = queue.pop()
        if depth == DEPTH or rng.random() > alpha * (1 + depth) ** -beta:
            leaves += 1
            if rows.sum() < LEAST:
                return 0
            continue
        able = [j for j, (low, high) in enumerate(ranges) if high >= low]
        if not able:
            return 0
        j = rng.choice(able)
        c = rng.integers(ranges[j][0], ranges[j][1] + 1)
        for side, limit in ((X[j] <= c, (ranges[j][0], c - 1)), (X[j] > c, (c + 1, ranges[j][1]))):
            queue.append((depth + 1, rows & side, [*ranges[:j], limit, *ranges[j + 1 :]]))
    return leaves


def test_without_data_trees_are_those_of_the_prior(rng):
    codes, cuts = rng.integers(0, 8, (2, 60)), [7, 7]
    prior = [_drawn_from_prior(codes, cuts, 0.8, 1.0, rng) for _ in range(20_000)]
    wanted = np.bincount([leaves for leaves in prior if leaves], minlength=9)[1:9]
    seen, _, _ = _moved(codes, cuts, np.zeros(60), (WEAK, 1.0, 0.8, 1.0), 60_000)
    found = np.bincount([1 + (feature >= 0).sum() for feature, _, _ in seen], minlength=9)[1:9]
    assert wanted[3] / wanted.sum() > 0.05
    np.testing.assert_allclose(found / found.sum(), wanted / wanted.sum(), atol=0.02)


def test_residuals_are_kept_up_to_date(rng):
    codes, y = rng.integers(0, 8, (2, 60)), rng.standard_normal(60)
    _, trees, rest = _moved(codes, [7, 7], y, (0.3, 1.0, 0.95, 1.0), 500)
    np.testing.assert_allclose(rest, y - trees[3][0][trees[2][0]], atol=1e-9)


@pytest.mark.parametrize("levels", [(), ("no", "yes")])
def test_what_is_kept_gives_back_the_means_of_the_rows(rng, levels):
    X = np.column_stack([rng.standard_normal(150), rng.integers(0, 2, 150)])
    y = (X[:, 0] > 0).astype(int) if levels else 3 + 2 * X[:, 0]
    task = _task(y, X, levels)
    chain = AdditiveTrees(task, [cuts_of(x) for x in X.T], rng)
    chain.run(50, np.arange(3), 50)
    (kept,) = chain.kept
    assert ("sigma" in kept) == (not levels) and (kept["left"] >= 0).any()
    np.testing.assert_allclose(sum_of_trees(kept, X), chain.unit * chain.f, atol=1e-9)


@pytest.mark.slow
def test_a_curved_truth_is_found_and_intervals_cover_it():
    rng = np.random.default_rng(3)
    X, new = rng.uniform(-1.5, 1.5, (300, 2)), rng.uniform(-1.4, 1.4, (200, 2))
    y = _truth(X) + 0.4 * rng.standard_normal(300)
    task = _task(y, X, need=1200)
    found = fit(task, "auto", np.random.default_rng(1))
    assert found.mixed.enough(task.need) and found.engine == "backfitting"
    assert found.draws["sigma"].mean() == pytest.approx(0.4, abs=0.06)
    means = _means(found, new)
    error = np.sqrt(np.mean((means.mean(axis=0) - _truth(new)) ** 2))
    A, B = (np.column_stack([np.ones(len(X)), X]) for X in (task.design.X, new))
    line = B @ np.linalg.lstsq(A, task.response.y, rcond=None)[0]
    assert error < 0.5 * np.sqrt(np.mean((line - _truth(new)) ** 2))
    low, high = np.quantile(means, [0.05, 0.95], axis=0)
    assert 0.8 < np.mean((low < _truth(new)) & (_truth(new) < high)) < 0.99


def test_no_value_of_a_row_is_kept(rng):
    X = rng.standard_normal((300, 2))
    task = _task(_truth(X) + 0.4 * rng.standard_normal(300), X)
    chain = AdditiveTrees(task, [cuts_of(x) for x in X.T], rng)
    chain.run(100, np.arange(3), 1)
    kept = np.concatenate([a.ravel() for draw in chain.kept for a in draw.values()])
    assert not np.isin(task.response.y, kept).any()
    assert not np.isin(task.design.X, kept).any()
    between = np.searchsorted(np.unique(task.design.X[:, 0]), cuts_of(task.design.X[:, 0]))
    assert np.diff(between).min() >= LEAST
    assert len(cuts_of(np.arange(5000.0), 5000 / 101)) == 99


@pytest.mark.slow
def test_two_levels_are_found_by_a_curve():
    rng = np.random.default_rng(2)
    X, new = rng.uniform(-2, 2, (600, 2)), rng.uniform(-1.8, 1.8, (300, 2))
    y = (_truth(X) + rng.standard_normal(600) > 0).astype(int)
    found = fit(_task(y, X, ("no", "yes")), "auto", np.random.default_rng(1))
    means = _means(found, new)
    assert np.corrcoef(means.mean(axis=0), _truth(new))[0, 1] > 0.9
    theta = {name: a[0] for name, a in _flat(found).items()}
    p = np.mean([draw(theta, new, np.random.default_rng(s)) for s in range(400)], axis=0)
    from scipy.special import ndtr

    np.testing.assert_allclose(p, ndtr(means[0]), atol=0.12)


def test_chains_that_do_not_suffice_are_said_to_or_refused(monkeypatch, rng):
    X = rng.standard_normal((200, 2))
    task = _task(_truth(X) + 0.05 * rng.standard_normal(200), X, trees=5.0)
    for name, value in {"WARM_UP": 20, "FIRST": 20, "LONGEST": 1}.items():
        monkeypatch.setattr(additive, name, value)
    monkeypatch.setattr(additive, "USABLE", 100.0)
    found = fit_additive(task, np.random.default_rng(1))
    assert not found.independent and not found.mixed.enough(400)
    assert "too few: R-hat" in found.why and f"ESS {found.mixed.ess:.0f} < 400" in found.why
    monkeypatch.setattr(additive, "USABLE", 1.0)
    with pytest.raises(FitError, match=r"column 'y', family 'bart': its chains do not agree after"):
        fit_additive(task, np.random.default_rng(1))
