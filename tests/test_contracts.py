"""What every family in the registry promises: one contract, run over all of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from posynth.engines.choose import _CHAINS, condition, fit
from posynth.engines.density import Density
from posynth.engines.exact import _SAMPLERS
from posynth.families import families
from posynth.table.schema import Kind

# Families fitted by an algorithm of their own have a contract in families/test_algorithms.py.
MODELS = {name: f for name, f in families().items() if not f.algorithm}
PAIRS = [(name, prior) for name, f in MODELS.items() for prior in f.facts.priors]
# Of 60 rows in groups nothing but NUTS learns the spread between them: ten seconds a fit.
GROUPED = [n for n, f in MODELS.items() if f.facts.design == "grouped" and not f.facts.exact]
FITS = [
    pytest.param(*pair, marks=[pytest.mark.slow] * (pair[0] in GROUPED), id="-".join(pair))
    for pair in PAIRS
]
LEVELS, ROWS, WIDTH = 4, 60, 3


def _levels(facts):
    if facts.response != "codes":
        return 0
    return 2 if facts.kinds == {Kind.BINARY} else LEVELS


def _design(facts, rng, n, p):
    X = rng.standard_normal((n, p))
    return np.eye(p)[rng.integers(0, p, n)] if facts.design == "cells" else X


def _rows(facts, rng, n, p):
    """Rows as a model holds them: a group's index or possible levels come first, if it has them."""
    X = _design(facts, rng, n, p)
    if facts.design == "restricted":
        out = (np.arange(LEVELS) == np.arange(n)[:, None] % LEVELS) & (X[:, :1] > 1)
        return np.column_stack([1.0 - out, X])
    if facts.design == "bounded":
        return np.column_stack([np.tile([-2.0, 2.5], (n, 1)), X])
    if facts.design == "tilted":
        return np.column_stack([X[:, :1] > 0, X])
    return np.column_stack([np.arange(n) % 5, X]) if facts.design == "grouped" else X


@pytest.fixture(scope="session")
def toy(make_task, holder, prior_draws):
    """Give a task of any family, its prior scales at most 1, its response drawn from the model."""

    def build(name, prior, n=ROWS, p=WIDTH, seed=5):
        facts, rng = families()[name].facts, np.random.default_rng([seed, n, p])
        levels, X = _levels(facts), _design(facts, rng, n, p)
        proper = _modest(facts, facts.default_prior)
        held = holder(facts, n, levels)
        task = make_task(name, facts.default_prior, X, held, levels=levels, **proper)
        model = _conditioned(task)
        parameters = prior_draws(task, 1, seed)
        y = model.draw([parameters[key][0] for key in model.names], rng)
        return make_task(name, prior, X, y, levels=levels, **_modest(facts, prior)), parameters

    return build


@pytest.fixture(scope="session")
def fitted(toy):
    """Give a task of 200 rows, the parameters it was drawn from and its fit, made once."""
    known = {}

    def build(name, prior):
        if (name, prior) not in known:
            task, truth = toy(name, prior, n=200)
            known[name, prior] = task, truth, fit(task, "auto", np.random.default_rng(1))
        return known[name, prior]

    return build


def _modest(facts, prior):
    return {key: min(value, 1.0) for key, value in facts.priors[prior].items()}


def _conditioned(task):
    return condition(task, task.model())


@pytest.mark.parametrize("name", families())
def test_facts_are_consistent(name):
    facts = families()[name].facts
    assert facts.name == name and facts.summary and facts.kinds <= set(Kind)
    assert facts.default_prior in facts.priors
    assert all(0 < v < np.inf for scales in facts.priors.values() for v in scales.values())
    assert facts.response in ("standardised", "natural", "codes")
    alone = ("standardised", "grouped", "cells", "structured", "interval")
    assert facts.design in (*alone, "restricted", "bounded", "tilted")
    assert set(facts.exact_priors) <= set(facts.priors)
    assert bool(facts.exact) == bool(facts.exact_priors)
    assert not facts.exact or facts.exact in _SAMPLERS
    assert not facts.chain or (facts.chain in _CHAINS and facts.fitted_by == facts.chain)
    assert set(families()[name].variants or {}) <= set(facts.priors)


@pytest.mark.parametrize("name", MODELS)
def test_the_default_prior_is_proper(name, toy):
    assert not _conditioned(toy(name, families()[name].facts.default_prior)[0]).compiled.flat


@pytest.mark.parametrize(("name", "prior"), PAIRS)
def test_the_model_has_the_form_that_engines_rely_on(name, prior, toy):
    task, _ = toy(name, prior)
    model = task.model()
    assert {"X", "y"} <= {variable.name for variable in model.data_vars}
    assert len(model.observed_RVs) == 1
    wide = families()[name].facts.design in ("grouped", "restricted", "bounded", "tilted")
    width = "column" if wide else "predictor"
    assert model.named_vars_to_dims["X"] == ("row", width)
    assert model.named_vars_to_dims["y"] == ("row",)
    assert model.coords["row"] is None and model.coords["predictor"] == task.design.predictors
    assert all(rv.name in model.named_vars_to_dims or rv.ndim == 0 for rv in model.free_RVs)
    assert {f"prior_{key}" for key in task.priors} <= set(model.named_vars)


@pytest.mark.parametrize(("name", "prior"), PAIRS)
def test_prior_draws_are_finite_and_in_support(name, prior, toy, unconstrain, prior_draws):
    task, _ = toy(name, prior)
    model = _conditioned(task)
    if model.compiled.flat:
        pytest.skip("an improper prior has no draws")
    density, drawn = Density(model), prior_draws(task, 20, 1)
    for index in range(20):
        theta = unconstrain(model.compiled, {key: a[index] for key, a in drawn.items()})
        assert np.isfinite(theta).all()
        assert np.isfinite(density(theta)[0])


@pytest.mark.parametrize(("name", "prior"), FITS)
def test_posterior_draws_give_rows_in_support_for_any_row_count(name, prior, fitted, unconstrain):
    task, _, found = fitted(name, prior)
    model = _conditioned(task)
    assert set(found.draws) == set(model.names) and found.dims.keys() == found.draws.keys()
    for dims, a in ((found.dims[key], found.draws[key]) for key in model.names):
        assert a.shape == (4, found.draws[model.names[0]].shape[1], *a.shape[2:])
        assert a.shape[2:] == tuple(len(found.coords[dim]) for dim in dims)
    theta = [found.draws[key][1, 7] for key in model.names]
    X = _rows(task.family.facts, np.random.default_rng(2), 7, WIDTH)
    moved = model.with_data(X=X)
    drawn = moved.draw(theta, np.random.default_rng(3))
    assert drawn.shape == (7,)
    np.testing.assert_array_equal(drawn, moved.draw(theta, np.random.default_rng(3)))
    assert (
        np.isin(drawn, np.arange(LEVELS)).all()
        if task.response.levels
        else np.isfinite(drawn).all()
    )
    flat = unconstrain(model.compiled, dict(zip(model.names, theta, strict=True)))
    assert np.isfinite(model.with_data(X=X, y=drawn).row_log_likelihood(flat)).all()


@pytest.mark.parametrize(("name", "prior"), FITS)
def test_fits_are_the_same_under_a_seed(name, prior, fitted):
    task, _, first = fitted(name, prior)
    again, other = (fit(task, "auto", np.random.default_rng(s)) for s in (1, 2))
    for key, a in first.draws.items():
        np.testing.assert_array_equal(a, again.draws[key])
        assert not a.size or not np.array_equal(a[:, :100], other.draws[key][:, :100])


def _own_log_density(model, theta, X, y):
    """The model's own log p(y_i | x_i, theta): what its draws are held to."""
    return model.with_data(X=X, y=y).row_log_likelihood(theta)


def _level_scores(drawn, probabilities, groups):
    """Count every level in every group of rows, as z scores against the probabilities."""
    scores = []
    for rows in groups:
        p = probabilities[rows]
        counts = (drawn[rows][:, None] == np.arange(p.shape[1])).sum(axis=0)
        scores.append((counts - p.sum(axis=0)) / np.sqrt((p * (1 - p)).sum(axis=0)))
    return np.concatenate(scores)


CODED = [name for name, f in MODELS.items() if f.facts.response == "codes"]
NUMBERS = [name for name, f in MODELS.items() if f.facts.response != "codes"]


@pytest.mark.parametrize("name", CODED)
def test_levels_are_drawn_as_often_as_the_model_says(name, toy, unconstrain, prior_draws):
    n, facts = 20_000, families()[name].facts
    task, _ = toy(name, facts.default_prior)
    model, levels = _conditioned(task), _levels(facts)
    drawn_from = {key: a[0] for key, a in prior_draws(task, 1, 8).items()}
    theta = unconstrain(model.compiled, drawn_from)
    X = _rows(facts, np.random.default_rng(2), n, WIDTH)
    p = np.column_stack(
        [np.exp(_own_log_density(model, theta, X, np.full(n, c))) for c in range(levels)]
    )
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-9)
    groups = [X[:, -2] > 0.5, X[:, -2] <= 0.5, X[:, -1] > 0.5]
    values, rng = [drawn_from[key] for key in model.names], np.random.default_rng(4)
    drawn = model.with_data(X=X).draw(values, rng)
    assert np.abs(_level_scores(drawn, p, groups)).max() < 4
    if levels > 2:  # the test can fail: a new uniform for every threshold is a known mistake
        uniforms = np.random.default_rng(4).random(p.shape)
        wrong = (uniforms[:, :-1] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        assert np.abs(_level_scores(wrong, p, groups)).max() > 8


def _own_probabilities(facts, options, density, draws):
    """Integrate the model's density; return its masses at atoms and its distribution function.

    Counts and spikes are atoms. What is left is summed on a fine grid of z, with y = exp z for
    positive values and a logistic curve between bounds, where densities may be unbounded.
    """
    low, high = draws.min(), draws.max()
    spread = high - low
    if facts.support in ("whole", "trials"):
        atoms = np.arange(options.get("trials", np.floor(high + spread + 10)) + 1)
        return dict(zip(atoms, np.exp(density(atoms)), strict=True)), None
    atoms = np.array(options.get("spikes", ()))
    z = np.linspace(-40.0, 40.0, 40_001)
    if "positive" in facts.support:
        y, slope = np.exp(z), np.exp(z)
    elif facts.support in ("open", "closed"):
        width = options["upper"] - options["lower"]
        y, slope = options["lower"] + width * expit(z), width * expit(z) * expit(-z)
        inside = (y > options["lower"]) & (y < options["upper"])
        z, y, slope = z[inside], y[inside], slope[inside]
    else:
        y = np.linspace(low - spread, high + spread, 20_001)
        z, slope = y, np.ones_like(y)
    mass = np.exp(density(y)) * slope * (z[1] - z[0])
    masses = dict(zip(atoms, np.exp(density(atoms)), strict=True)) if len(atoms) else {}
    return masses, (y, mass)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_drawn_from_the_density_the_model_states(name, toy, unconstrain, prior_draws):
    facts, count = families()[name].facts, 20_000
    task, _ = toy(name, facts.default_prior)
    # Within cells a likelihood is a probability, and no density.
    task = replace(task, response=replace(task.response, cells=None))
    model = _conditioned(task)
    drawn_from = {key: a[0] for key, a in prior_draws(task, 1, 8).items()}
    theta, values = unconstrain(model.compiled, drawn_from), list(drawn_from.values())
    for x in _rows(facts, np.random.default_rng(2), 2, WIDTH):

        def density(y, x=x):
            return _own_log_density(model, theta, np.tile(x, (len(y), 1)), y)

        y = (
            model.with_data(X=np.tile(x, (count, 1)))
            .draw(values, np.random.default_rng(4))
            .astype(float)
        )
        atoms, rest = _own_probabilities(facts, task.response.options, density, y)
        total = sum(atoms.values()) + (rest[1].sum() if rest else 0.0)
        assert total == pytest.approx(1.0, abs=2e-3)
        frequent = {value: p for value, p in atoms.items() if p * count >= 5}
        scores = [_score(y == value, p) for value, p in frequent.items()]
        assert not scores or np.sum(np.square(scores)) < stats.chi2.isf(1e-4, len(scores))
        if rest:
            grid, mass = rest
            smooth = y[~np.isin(y, list(atoms))]
            cumulative = np.interp(smooth, grid, (np.cumsum(mass) - mass / 2) / mass.sum())
            assert stats.kstest(cumulative, "uniform").pvalue > 1e-4


def _score(hits, p):
    """How many standard errors a share of draws is from its probability."""
    return (hits.mean() - p) / np.sqrt(p * (1 - p) / len(hits)) if p < 1 else 0.0


@pytest.mark.parametrize(("name", "prior"), FITS)
def test_fits_pass_the_gate_of_their_engine(name, prior, fitted):
    task, _, found = fitted(name, prior)
    assert found.mixed.enough(task.need) and not found.divergences
    engines = ("exact", "gibbs", "batched", "structured", "laplace", "hmc", "nuts")
    assert found.engine in engines and found.why
    if found.engine == "laplace":
        assert found.k_hat < 0.7 or "largest ratio" in found.why


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in GROUPED), id=n) for n in MODELS],
)
def test_parameters_are_recovered_from_a_small_table(name, fitted):
    _, truth, found = fitted(name, families()[name].facts.default_prior)
    for key, a in found.draws.items():
        z = (a.mean(axis=(0, 1)) - truth[key][0]) / a.std(axis=(0, 1))
        assert np.abs(z).max(initial=0.0) < 5


APPROXIMATE = [(n, p) for n, p in PAIRS if p not in families()[n].facts.exact_priors]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "prior"), APPROXIMATE)
def test_draws_have_the_moments_of_nuts(name, prior, fitted):
    """Means and variances within 4.5 Monte-Carlo standard errors, by the ESS of both."""
    task, _, found = fitted(name, prior)
    nuts = fit(replace(task, draws=500), "nuts", np.random.default_rng(3))
    for key, a in found.draws.items():
        both = (a, nuts.draws[key])
        ours, theirs = (d.reshape(d.shape[0] * d.shape[1], *d.shape[2:]) for d in both)
        for here, there in (
            (ours, theirs),
            ((ours - ours.mean(0)) ** 2, (theirs - theirs.mean(0)) ** 2),
        ):
            error = np.sqrt(here.var(0) / found.mixed.ess + there.var(0) / nuts.mixed.ess)
            assert np.abs((here.mean(0) - there.mean(0)) / error).max(initial=0.0) < 4.5
