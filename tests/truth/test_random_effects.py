"""Random intercepts and slopes against exact answers, found by quadrature over the spreads."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.chain.design import Encoder
from posynth.chain.groups import Groups
from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.engines.gibbs import fit_gibbs
from posynth.engines.mixed import log_agreement, spread_factor
from posynth.evaluation.validity.calibration import calibrate
from posynth.families import families
from posynth.families.base import Design, Response
from posynth.posterior.coding import Coding
from posynth.posterior.predict import RowSampler

GROUPS, EACH = 8, 5
SCALES = families()["gaussian_ml"].facts.priors["weak"]
LEVEL = 1e-4  # of one test of calibration


def _task(y, group, x=None, draws=1000, family="gaussian_ml"):
    """A task with groups; x, if given, is a predictor whose slope varies."""
    names = () if x is None else ("x",)
    X = group[:, None] if x is None else np.column_stack([group, x])
    labels = tuple(f"g{j}" for j in range(group.max() + 1))
    design = Design(X.astype(float), names, labels, names)
    response = Response("y", y, () if y.dtype == float else ("no", "yes"))
    member = families()[family]
    return Task(member, design, response, "weak", member.facts.priors["weak"], draws)


def _quadrature(y, group, W, grids):
    """Return mean and sd of every tau, the correlation of two effects, sigma and every u_jk.

    Given spreads and correlation, u ~ N(0, S x I), y is normal with covariance
    A D A' + Z (S x I) Z' + sigma^2 I, and u given y is normal with shrunken mean. Spreads are
    integrated on a grid of logarithms, correlations r, of prior (1 - r^2), on one of midpoints.
    """
    count, q = len(y), W.shape[1]
    Z = np.hstack([np.eye(GROUPS)[group] * W[:, [k]] for k in range(q)])
    fixed = SCALES["intercept"] ** 2 * np.ones((count, count))
    fixed += sum(SCALES["slope"] ** 2 * np.outer(w, w) for w in W.T[1:])
    log_mass, moments = [], []
    for *point, s in product(*grids):
        tau, r = point[:q], point[q:]
        S = np.diag(np.square(tau))
        S[[0] * len(r), [-1] * len(r)] = S[[-1] * len(r), [0] * len(r)] = [np.prod(point)] * len(r)
        prior = np.sum(np.log1p(-np.square(r)))
        S = np.kron(S, np.eye(GROUPS))
        V = fixed + Z @ S @ Z.T + s**2 * np.eye(count)
        lower = np.linalg.cholesky(V)
        half_y, half_Z = np.linalg.solve(lower, y), np.linalg.solve(lower, Z @ S)
        log_likelihood = -np.log(np.diag(lower)).sum() - 0.5 * half_y @ half_y
        prior += np.log([*tau, s]).sum() - SCALES["tau"] * sum(tau) - SCALES["sigma"] * s
        log_mass.append(log_likelihood + prior)
        mean, var = half_Z.T @ half_y, np.diag(S) - np.sum(half_Z**2, axis=0)
        first = np.concatenate([point, [s], mean])
        moments.append(np.concatenate([first, np.square([*point, s]), mean**2 + var]))
    mass = np.exp(np.array(log_mass) - max(log_mass))
    first, second = np.split(mass @ np.array(moments) / mass.sum(), 2)
    return first, np.sqrt(second - first**2)


def _flat(found):
    """Chains laid end to end."""
    return {k: a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]) for k, a in found.draws.items()}


def _drawn(found):
    """Draws of what ``_quadrature`` speaks of."""
    flat = _flat(found)
    z, r = flat["z"], 2 * flat["agreement"] - 1
    if r.size:
        z = np.stack([z[..., 0], r * z[..., 0] + np.sqrt(1 - r**2) * z[..., 1]], axis=2)
    u = flat["tau"][:, None, :] * z
    every = [flat["tau"], r, flat["sigma"][:, None], *np.moveaxis(u, 2, 0)]
    return np.hstack(every)


@pytest.fixture(scope="module", params=["intercepts", "slopes"])
def solved(request):
    """A task and its exact answer."""
    rng = np.random.default_rng(5)
    group, x = np.repeat(np.arange(GROUPS), EACH), rng.standard_normal(GROUPS * EACH)
    y = 0.7 * rng.standard_normal(GROUPS)[group] + 0.8 * rng.standard_normal(GROUPS * EACH)
    ones, sigma = np.ones((len(y), 1)), np.exp(np.linspace(-1.2, 1.0, 23))
    if request.param == "intercepts":
        grids = (np.exp(np.linspace(-7.0, 2.0, 73)), sigma)
        return _task(y, group), _quadrature(y, group, ones, grids)
    y += (0.5 + 0.6 * rng.standard_normal(GROUPS)[group]) * x
    tau, r = np.exp(np.linspace(-6.0, 2.0, 19)), np.arange(-0.9, 1.0, 0.2)
    answer = _quadrature(y, group, np.column_stack([ones, x]), (tau, tau, r, sigma[1::2]))
    return _task(y, group, x), answer


def test_random_effects_have_their_exact_posterior(solved):
    """4000 independent draws: means within 4.5 standard errors, sds within 4.5 of theirs."""
    task, (mean, sd) = solved
    ours = _drawn(fit(task, "auto", np.random.default_rng(2)))
    assert np.abs((ours.mean(axis=0) - mean) / sd).max() < 4.5 / np.sqrt(len(ours))
    # The standard error of a standard deviation is that of the squared deviations.
    error = ((ours - ours.mean(axis=0)) ** 2).std(axis=0) / (2 * sd * np.sqrt(len(ours)))
    assert np.abs((ours.std(axis=0) - sd) / error).max() < 4.5


def test_metropolis_steps_have_the_exact_posterior(solved):
    """What serves two slopes, on one: means within 4.5 standard errors, sds within 15%."""
    task, (mean, sd) = solved
    found = fit_gibbs(replace(task, draws=150), np.random.default_rng(2))
    ours = _drawn(found)
    assert np.abs((ours.mean(axis=0) - mean) / sd).max() < 4.5 / np.sqrt(found.mixed.ess)
    np.testing.assert_allclose(ours.std(axis=0), sd, rtol=0.15)


@pytest.mark.parametrize("slopes", [0, 1, 2])
def test_the_factor_of_the_exact_sampler_is_that_of_the_model(slopes):
    """Log-densities of model and formula differ by a constant, over random parameters."""
    rng, q = np.random.default_rng(7), 1 + slopes
    group, x = np.arange(20) % 5, rng.standard_normal((20, 2))
    y, names = rng.standard_normal(20), ("a", "b")
    design = Design(
        np.column_stack([group, x]), names, tuple(f"g{j}" for j in range(5)), names[:slopes]
    )
    task = Task(families()["gaussian_ml"], design, Response("y", y), "weak", SCALES)
    model = task.model()
    logp = model.compile_logp()
    W, gaps = np.column_stack([np.ones(20), x[:, :slopes]]), []
    for _ in range(5):
        point = {name: rng.standard_normal(a.shape) for name, a in model.initial_point().items()}
        log_tau, logits = point["tau_log__"], point["agreement_logodds__"]
        spreads = np.concatenate([log_tau, logits])[None]
        u = point["z"] @ spread_factor(spreads, q)[0].T
        mean = point["alpha"] + x @ point["beta"] + np.sum(W * u[group], axis=1)
        sigma = np.exp(point["sigma_log__"])
        value = stats.norm.logpdf(y, mean, sigma).sum() + log_agreement(spreads, task)[0]
        value -= (
            0.5 * np.sum(point["z"] ** 2) + 0.5 * point["alpha"] ** 2 / SCALES["intercept"] ** 2
        )
        value -= 0.5 * np.sum(point["beta"] ** 2) / SCALES["slope"] ** 2
        value += log_tau.sum() - np.exp(log_tau).sum() + np.log(sigma) - sigma
        gaps.append(logp(point) - value)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)


@pytest.mark.slow
def test_nuts_agrees_with_the_exact_posterior(solved):
    """Means within 4 standard errors by the smallest ESS, standard deviations within 15%."""
    task, (mean, sd) = solved
    found = fit(task, "nuts", np.random.default_rng(2))
    ours = _drawn(found)
    assert np.abs((ours.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(found.mixed.ess)
    np.testing.assert_allclose(ours.std(axis=0), sd, rtol=0.15)


def test_few_rows_many_groups_and_groups_without_rows_are_drawn():
    """Where data say nothing of the spreads, their posterior is their prior."""
    task = _task(np.zeros(8), np.arange(8))
    nobody = replace(task.response, y=np.zeros(0))
    task = replace(task, design=replace(task.design, X=np.empty((0, 1))), response=nobody)
    drawn = fit(task, "exact", np.random.default_rng(1)).draws
    for name, exact in (("tau", stats.expon()), ("sigma", stats.expon()), ("z", stats.norm())):
        assert stats.kstest(drawn[name][..., 0].ravel()[:4000], exact.cdf).pvalue > LEVEL
    wide = _task(np.random.default_rng(3).standard_normal(6000), np.arange(6000) // 3, draws=100)
    tau = fit(wide, "exact", np.random.default_rng(1)).draws["tau"]
    assert tau.max() < 0.3


def _icc(F, each):
    """Intraclass correlation by analysis of variance, from F = MSB / MSW."""
    return (F - 1.0) / (F + each - 1.0)


def _anova(Y, groups, each):
    """F of every row of Y, whose groups lie one after the other."""
    cells = Y.reshape(len(Y), groups, each)
    means = cells.mean(axis=2)
    between = each * means.var(axis=1, ddof=1)
    within = ((cells - means[..., None]) ** 2).sum(axis=(1, 2)) / (groups * (each - 1))
    return between / within


def _expected_icc(y, groups, each, new):
    r"""E[ICC of a copy | y] of balanced one-way random effects, by quadrature.

    Given tau and sigma, contrasts of the u_j are normal a posteriori with means b times those of
    the group means, b = n tau^2 / (n tau^2 + sigma^2), and variance b sigma^2 / n. Means of groups
    of a copy add sigma^2 / n, so its MSB is (1 + b) sigma^2 / (J - 1) times a noncentral
    chi-square of J - 1 degrees, and F is (1 + b) times a noncentral F. With new groups it is
    (1 + n tau^2 / sigma^2) times a central F.
    """
    cells = y.reshape(groups, each)
    means = cells.mean(axis=1)
    between = ((means - means.mean()) ** 2).sum()
    within, free = ((cells - means[:, None]) ** 2).sum(), groups * (each - 1)
    F = np.exp(np.linspace(-4.0, 6.0, 301))
    total = mass_of_all = 0.0
    for tau, s in product(np.exp(np.linspace(-6, 1.5, 61)), np.exp(np.linspace(-1.5, 0.8, 61))):
        of_mean = tau**2 + s**2 / each
        mass = np.exp(
            stats.chi2.logpdf(between / of_mean, groups - 1) - np.log(of_mean)
            + stats.chi2.logpdf(within / s**2, free) - np.log(s**2)
            + stats.norm.logpdf(y.mean(), 0, np.sqrt(SCALES["intercept"] ** 2 + of_mean / groups))
            + np.log(tau * s) - SCALES["tau"] * tau - SCALES["sigma"] * s
        )  # fmt: skip
        mass_of_all += mass
        if mass < 1e-9 * mass_of_all:
            continue
        b = tau**2 / of_mean
        stretch = 1 + each * tau**2 / s**2 if new else 1 + b
        length = 0.0 if new else b**2 * between / ((1 + b) * s**2 / each)
        density = stats.ncf.pdf(F / stretch, groups - 1, free, length) * F
        total += mass * (density @ _icc(F, each)) / density.sum()
    return total / mass_of_all


def _copies(y, groups, each, new, count):
    """ICC of copies whose rows lie in groups as those of the source."""
    group = np.repeat(np.arange(groups), each)
    task = _task(y, group, draws=count // 4)
    found = fit(task, "auto", np.random.default_rng(8))
    held = Groups("g", task.design.groups, new)
    coding = Coding(Encoder(()), (), (), groups=held)
    sampler = RowSampler(families()["gaussian_ml"], "y", coding, "weak", _flat(found))
    X, rng = task.design.X, np.random.default_rng(9)
    return _icc(
        _anova(np.array([sampler.draw(X, i, rng) for i in range(count)]), groups, each), each
    )


def _sleep(path):
    frame = pd.read_csv(path)
    y = frame.sort_values(["Subject", "Days"])["Reaction"].to_numpy()
    return (y - y.mean()) / y.std()


@pytest.mark.parametrize("new", [False, True], ids=["keep", "new"])
@pytest.mark.parametrize("data", ["simulated", "sleepstudy"])
def test_copies_have_the_intraclass_correlation_that_the_posterior_predicts(data, new, request):
    """2000 copies, the mean within 4 standard errors of the exact one.

    It need not be the source's: shrinkage pulls it down, the skew of an uncertain spread up. Of
    sleepstudy the source has .395, copies with its groups .388 on average, with new ones .398.
    """
    if data == "sleepstudy":
        y, groups, each = _sleep(request.getfixturevalue("shared_data")("sleepstudy.csv")), 18, 10
    else:
        rng, (groups, each) = np.random.default_rng(4), (10, 6)
        y = np.repeat(rng.standard_normal(groups), each) + rng.standard_normal(groups * each)
        y = (y - y.mean()) / y.std()
    found = _copies(y, groups, each, new, 2000)
    expected = _expected_icc(y, groups, each, new)
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize(
    ("slopes", "replications"),
    [
        (("x1",), 60),
        pytest.param(("x1",), 1000, marks=pytest.mark.slow),
        pytest.param(("x0", "x1"), 60, marks=pytest.mark.slow),
    ],
)
def test_random_slopes_are_calibrated(slopes, replications, make_task):
    rng = np.random.default_rng(17)
    task = make_task("gaussian_ml", "weak", rng.standard_normal((30, 2)), np.zeros(30))
    task = replace(task, design=replace(task.design, slopes=slopes))
    found = calibrate(task, replications, seed=31)
    assert found.failed == 0
    assert found.p_values.min() > LEVEL / len(found.names)


@pytest.mark.parametrize("pairs", [20, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "method",
    [
        "gaussian_ml(keep_groups=g, slopes=x)",
        "gaussian_ml(new_groups=g, slopes=x)",
        "gaussian(per_group=g)",
    ],
)
def test_a_table_with_groups_and_its_copy_are_exchangeable(method, pairs):
    """Squared correlations of y with levels of the group tell whether copies keep its effects."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"g": [f"g{i % 6}" for i in range(60)]})
    table[["x", "y"]] = rng.standard_normal((60, 2))
    if "per_group" in method:
        table["y"] = table.groupby("g")["y"].transform("mean")
    methods = {"x": "gaussian", "y": method}
    chain = posynth.specify(table, methods=methods, kinds={"g": "nominal"})
    chain = chain.change("x", scales={"slope": 1.0, "intercept": 1.0})
    chain = chain.change("y", scales={"slope": 1.0, "intercept": 1.0})
    found = posynth.exchangeable(chain, table, pairs, seed=4)
    assert [result for result in found.results() if not result.passed] == []
