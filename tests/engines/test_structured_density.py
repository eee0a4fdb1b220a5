"""The density of ``structured`` at many points is that of its PyMC graph, with its derivatives."""

import numpy as np
import pytest
from scipy import stats

from posynth.engines.base import Task
from posynth.engines.choose import condition
from posynth.engines.structured.rows import Target, log_interval, scores
from posynth.engines.structured.sample import make_density
from posynth.engines.structured.tables import log_likelihoods
from posynth.families import family
from posynth.families.base import Design, Response
from posynth.families.curve_basis import SIZE, Curve, log_density, normal_scores

ROWS, CURVES = 60, 3
FAMILY = family("structured")
INF = np.inf

#: Ends of intervals of the response's scale: none, some, all of it, and two values only.
CELLS = {
    "exact": None,
    "some in intervals": (np.array([-0.5, 0.1]), np.array([0.1, 0.7])),
    "rounded, outer ends infinite": (np.array([-INF, -1, 0, 1.0]), np.array([-1, 0, 1, INF])),
    "two values": (np.array([-INF, 0.0]), np.array([0.0, INF])),
}
SPREADS = {"one spread": (), "spread of the line": (0,), "spread of line and levels": (0, 4, 5)}


def task_of(cells=None, spread=(), width=True, rows=ROWS, seed=3, **scales) -> Task:
    """A line, a curve of three functions and a factor of three levels, one of them rare."""
    rng = np.random.default_rng(seed)
    x, level = rng.standard_normal(rows), np.r_[2, 2, rng.integers(0, 2, rows - 2)]
    curve = np.column_stack([np.sin((k + 1) * x) / (k + 1) for k in range(CURVES)])
    X = np.column_stack([x, curve, level[:, None] == np.arange(3)])
    names = ("x", *(f"x~{k}" for k in range(CURVES)), "f[a]", "f[b]", "f[c]")
    blocks = ("", *["x"] * CURVES, *["f"] * 3)
    y = np.sin(x) + 0.3 * level + 0.5 * rng.standard_t(4, rows)
    if not width:
        X, names, blocks = X[:, :0], (), ()
    design = Design(X - X.mean(axis=0), names, blocks=blocks, spread=spread)
    priors = FAMILY.facts.priors["weak"] | scales
    return Task(FAMILY, design, Response("y", y, cells=cells), "weak", priors)


def points(density, rng, count, size=0.3):
    """Random parameters; log taus among them far below and above 1."""
    thetas = size * rng.standard_normal((count, density.size))
    thetas[:, density.coefficients :] *= 5
    return thetas


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("spread", SPREADS)
def test_the_density_is_that_of_the_pymc_graph(cells, spread, rng):
    task = task_of(CELLS[cells], SPREADS[spread])
    density, model = make_density(task), condition(task)
    thetas = points(density, rng, 8)
    exact = model.plain_log_density(density.model_order(thetas))
    assert exact.min() < -80  # and up to some hundreds: single precision in the sum of 60 rows
    np.testing.assert_allclose(density.values(thetas), exact, atol=1e-3, rtol=1e-6)


@pytest.mark.parametrize("cells", CELLS)
def test_it_is_that_of_the_pymc_graph_without_predictors(cells, rng):
    task = task_of(CELLS[cells], width=False)
    density, model = make_density(task), condition(task)
    assert density.size == 2 + SIZE
    thetas = points(density, rng, 8)
    exact = model.plain_log_density(density.model_order(thetas))
    np.testing.assert_allclose(density.values(thetas), exact, atol=1e-3, rtol=1e-6)


@pytest.mark.parametrize("log_sd", [-1.0, 0.0, 2.0])
def test_tables_keep_the_digits_of_improbable_intervals_and_heavy_tails(log_sd, rng):
    """Five values far from where they are predicted: probabilities down to exp(-100)."""
    edges = np.r_[-INF, np.linspace(-1.5, 1.5, 4), INF]
    place = rng.integers(0, 5, 80)
    target = Target(edges[place], edges[place + 1])
    mean, a = rng.normal(size=(6, 80)), 0.7 * rng.standard_normal((6, SIZE))
    sd = np.full((6, 80), log_sd)
    found = log_likelihoods(target, mean.astype(np.float32), sd.astype(np.float32), Curve.of(a))
    exact = [scores(target, *row).values.sum() for row in zip(mean, sd, a, strict=True)]
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=1e-3)


def test_an_interval_has_the_probability_of_the_normal_where_residuals_are_normal(rng):
    low, width = rng.normal(0, 1.5, 50), rng.exponential(1, 50)  # a plain difference has digits
    exact = np.log(stats.norm.cdf(low + width) - stats.norm.cdf(low))
    np.testing.assert_allclose(log_interval(low, low + width), exact, rtol=1e-6)
    assert log_interval(np.array([-INF]), np.array([INF]))[0] == 0.0
    far = log_interval(np.array([30.0]), np.array([31.0]))[0]
    assert far == pytest.approx(stats.norm.logsf(30.0), rel=1e-12)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("spread", SPREADS)
def test_row_scores_are_the_derivatives_of_the_likelihood(cells, spread, rng):
    density = make_density(task_of(CELLS[cells], SPREADS[spread]))
    phi, step = 0.5 * rng.standard_normal(density.coefficients), 1e-5
    rows, gradient = density.score(phi)
    sides = step * np.eye(len(phi))
    numeric = [
        (density.score(phi + h)[0].values - density.score(phi - h)[0].values).sum() / (2 * step)
        for h in sides
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)
    assert np.isfinite(rows.values).all()


#: Twice as far from the normal as the prior has them.
CURVED = np.random.default_rng(8).standard_normal((6, SIZE))


def test_residual_curves_rise_and_have_a_density_that_integrates_to_one():
    curve = Curve.of(CURVED / 2)
    z = np.linspace(-14, 14, 20_001)
    e = np.broadcast_to(np.sinh(z), (len(CURVED), len(z)))
    scores = normal_scores(curve, e)
    assert (np.diff(scores, axis=1)[np.abs(scores[:, 1:]) < 1e8] > 0).all()  # cut far beyond
    mass = np.exp(log_density(curve, e)) * np.cosh(z)
    np.testing.assert_allclose(np.trapezoid(mass, z, axis=1), 1.0, atol=1e-6)
    # The density is the derivative of Phi(T).
    inside = np.abs(scores) < 4
    slope = np.gradient(stats.norm.cdf(scores), z, axis=1)
    np.testing.assert_allclose(slope[inside], mass[inside], atol=1e-5)
    np.testing.assert_allclose(normal_scores(curve, np.zeros((6, 1))), 0.0, atol=1e-12)


def test_without_shape_residuals_are_normal():
    e = np.linspace(-6, 6, 101)[None]
    plain = Curve.of(np.zeros((1, SIZE)))
    np.testing.assert_allclose(normal_scores(plain, e), e, atol=1e-10)
    np.testing.assert_allclose(log_density(plain, e), stats.norm.logpdf(e), atol=1e-10)


def test_the_graph_of_the_curve_is_that_of_numpy_and_residuals_invert_it():
    import pytensor
    import pytensor.tensor as pt

    from posynth.families import residual_curve

    e, a = pt.dvector("e"), pt.dvector("a")
    powers = residual_curve.slopes(a)
    z = residual_curve.normal_score(e, powers)
    graphs = [z, residual_curve.log_density(e, powers), residual_curve.residual(z, powers)]
    evaluate = pytensor.function([e, a], graphs)
    at = np.sinh(np.linspace(-3, 3, 201))
    for each in 0.5 * CURVED:
        score, density, back = evaluate(at, each)
        curve = Curve.of(each[None])
        np.testing.assert_allclose(score, normal_scores(curve, at[None])[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(density, log_density(curve, at[None])[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(back, at, rtol=1e-4, atol=1e-4)


def test_the_probabilities_of_all_cells_add_up_to_one(rng):
    edges = np.r_[-INF, np.sort(rng.normal(size=9)), INF]
    task = task_of((edges[:-1], edges[1:]), (0,), rows=len(edges) - 1)
    middles = np.r_[edges[1] - 1, (edges[1:-2] + edges[2:-1]) / 2, edges[-2] + 1]
    X = np.repeat(task.design.X[:1], len(middles), axis=0)
    model = condition(task).with_data(X=X, y=middles)
    for theta in points(make_density(task), rng, 4):
        assert np.exp(model.row_log_likelihood(theta)).sum() == pytest.approx(1.0, abs=1e-9)


def test_two_cells_and_normal_residuals_are_a_probit():
    """Two cells cut at 0 with normal residuals are a probit: P(y > 0) = Phi(mean / sd)."""
    task = task_of(CELLS["two values"], width=False, rows=10)
    theta = np.zeros((1, 2 + SIZE))
    theta[0, 0], theta[0, 1] = 0.4, np.log(0.8)
    density = make_density(task)
    above = stats.norm.logcdf(np.where(task.response.y > 0, 1, -1) * 0.5).sum()
    prior = density.log_prior(theta[:, : density.coefficients], theta[:, density.coefficients :])
    assert density.values(theta)[0] == pytest.approx(above + prior[0], abs=1e-4)
