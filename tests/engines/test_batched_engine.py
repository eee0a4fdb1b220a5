"""Batched densities against PyMC's, and the sampler on posteriors that a normal gets wrong."""

from dataclasses import replace

import numpy as np
import pytest

from posynth.engines import choose
from posynth.engines.batched import proposals, sample
from posynth.engines.batched.axes import Slices
from posynth.engines.batched.density import Curvature
from posynth.engines.batched.gaussian import Gaussian, nearest_gaussian
from posynth.engines.batched.mean_given_spread import MeanGivenSpread
from posynth.engines.batched.proposals import NormalProposals, pilot
from posynth.engines.batched.sample import DENSITIES

#: Family, prior, and rows a level: one level is shown by a single row.
CASES = [
    ("bernoulli", "weak", (140, 20)),
    ("bernoulli", "log_f", (150, 10)),
    ("categorical", "weak", (90, 1, 60, 19)),
    ("categorical", "log_f", (90, 1, 60, 19)),
    ("ordinal", "weak", (1, 100, 9, 50)),
    ("ordinal", "log_f", (1, 100, 9, 50)),
    ("ordinal", "weak", (70, 90)),
    ("location_scale", "weak", (80, 80)),
    ("tilted", "weak", (80, 80)),
    ("interval", "weak", (80, 80)),
]


@pytest.fixture(
    scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{len(case[2])}"
)
def task(request, make_task):
    name, prior, counts = request.param
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(4).standard_normal((len(y), 3))
    X[:, 2] = X[:, 1] + 0.1 * X[:, 2]  # nearly collinear
    if name in ("location_scale", "tilted", "interval"):
        y = X[:, 0] + np.exp(0.5 * X[:, 1]) * np.random.default_rng(3).standard_normal(len(y))
        return make_task(name, prior, X, y)
    made = make_task(name, prior, X, y, levels=len(counts))
    return replace(made, response=replace(made.response, reference=int(np.argmax(counts))))


@pytest.fixture(scope="module")
def density(task):
    return DENSITIES[task.family.facts.sampler](task, None)


@pytest.fixture(scope="module")
def points(density):
    noise = np.random.default_rng(5).standard_normal((6, density.size))
    return density.start() + 0.7 * noise


def test_log_densities_differ_from_pymc_by_a_constant(task, density, points, density_of):
    difference = density.values(points) - density_of(task).values(density.model_order(points))
    assert np.ptp(difference) < 1e-3


def test_gradients_are_those_of_pymc(task, density, points, density_of):
    model, (values, gradients) = density_of(task), density.gradients(points)
    exact = np.array([model(theta)[1] for theta in density.model_order(points)])
    assert np.allclose(density.model_order(gradients), exact, atol=2e-3)
    assert np.allclose(values, density.values(points), atol=1e-3)


def test_curvature_is_the_mean_difference_of_gradients(density, points):
    found, step = density.curvature(points), 1e-2 * np.eye(density.size)
    differences = [
        (density.gradients(points - h)[1] - density.gradients(points + h)[1]).mean(axis=0) / 2e-2
        for h in step
    ]
    assert np.allclose(found.information, differences, atol=0.02 * np.abs(differences).max())
    assert np.allclose(found.gradients, density.gradients(points)[1], atol=1e-3)


def test_a_sample_of_rows_is_scaled_up_to_all(make_task):
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((40, 2)), np.arange(40) % 2
    twice = make_task("bernoulli", "weak", np.vstack([X, X]), np.r_[y, y], levels=2)
    make = DENSITIES["logistic"]
    points = rng.standard_normal((5, 3))
    whole, part = make(twice, None), make(twice, np.arange(40))
    assert np.allclose(whole.values(points), part.values(points), atol=1e-3)


class _Normal:
    """A normal posterior in a batched form."""

    def __init__(self, mean, covariance):
        self._mean, self._information = mean, np.linalg.inv(covariance)
        self.size = len(mean)

    def start(self):
        return np.zeros(self.size)

    def values(self, thetas):
        return self.gradients(thetas)[0]

    def gradients(self, thetas):
        gradient = -(thetas - self._mean) @ self._information
        return 0.5 * np.sum((thetas - self._mean) * gradient, axis=1), gradient

    def curvature(self, thetas):
        return Curvature(*self.gradients(thetas), self._information)

    def model_order(self, thetas):
        return thetas


def test_the_nearest_normal_of_a_normal_is_itself(rng):
    root = rng.standard_normal((4, 4))
    covariance = root @ root.T + np.eye(4)
    found = nearest_gaussian(_Normal(np.arange(4.0), covariance), rng)
    assert np.allclose(found.mean, np.arange(4.0))
    assert np.allclose(found.factor @ found.factor.T, covariance)
    assert np.allclose(np.tril(found.factor), found.factor)
    points = rng.standard_normal((3, 4))
    assert np.allclose(found.whitened(found.at(points)), points)


class _Skewed:
    """Independent coordinates: minus a log gamma variable, a logistic one, and two normal ones."""

    size = 4

    def values(self, thetas):
        a, b = thetas[:, 0], thetas[:, 1]
        heavy = b - 2 * np.logaddexp(0, b)
        return -3 * a - np.exp(-a) + heavy - 0.5 * (thetas[:, 2:] ** 2).sum(axis=1)


def test_slices_follow_skewed_axes_and_give_their_own_density(rng):
    """The mean of f / q over draws from q is the integral of f: 1 in each known coordinate."""
    gaussian = Gaussian(np.array([-1.0, 0.0, 0.0, 0.0]), np.diag([0.6, 1.8, 1.0, 1.0]))
    slices = Slices.along(_Skewed(), gaussian)
    assert slices.axes.tolist() == [0, 1]
    assert np.allclose(slices.masses.sum(axis=1), 1)
    x, log_q = slices.draw(20_000, rng)
    a, b = (gaussian.mean[:2] + x @ gaussian.factor[:2, :2]).T
    exact = -3 * a - np.exp(-a) - np.log(2) + b - 2 * np.logaddexp(0, b) + np.log(0.6 * 1.8)
    ratio = np.exp(exact - log_q)
    assert ratio.max() < 6  # half of all proposals are the slice itself
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / len(ratio) ** 0.5
    assert ratio.std() < 0.7


def test_slices_are_taken_where_they_make_proposals_more_effective(rng):
    gaussian = Gaussian(np.array([-1.0, 0.0, 0.0, 0.0]), np.diag([0.35, 1.1, 1.0, 1.0]))
    plain = NormalProposals(_Skewed(), gaussian, Slices.none(), rng)
    plain.extend(2000)
    chosen = pilot(_Skewed(), gaussian, 2000, rng)
    assert chosen.effective > 1.3 * plain.effective
    exact = _Normal(np.zeros(3), np.eye(3))
    assert pilot(exact, Gaussian(np.zeros(3), np.eye(3)), 500, rng).effective > 450


def test_the_mean_given_a_known_spread_is_drawn_from_its_closed_form(make_task, rng):
    """With a spread that the prior fixes at 1 all proposals count, with the moments of a ridge."""
    X = rng.standard_normal((60, 2))
    y = 0.5 + X @ [1.0, -0.7] + rng.standard_normal(60)
    task = make_task("location_scale", "weak", X, y, spread=1e-4, spread_slope=1e-4)
    density = DENSITIES["location_scale"](task, None)
    proposals = MeanGivenSpread(density, nearest_gaussian(density, rng), rng)
    proposals.extend(4000)
    assert proposals.effective > 0.9 * 4000  # the rest is what widened proposals of spread cost
    A = np.column_stack([np.ones(60), X])
    covariance = np.linalg.inv(A.T @ A + np.eye(3) / 2.5**2)
    weights = proposals.weights / proposals.weights.sum()
    mean = weights @ proposals.thetas[:, :3]
    error = np.sqrt(np.diag(covariance) / proposals.effective)
    assert np.abs((mean - covariance @ A.T @ y) / error).max() < 4
    spread = np.sqrt(weights @ (proposals.thetas[:, :3] - mean) ** 2 / np.diag(covariance))
    assert np.abs(spread - 1).max() < 4 / np.sqrt(2 * proposals.effective)


def test_spreads_of_few_rows_are_drawn_with_the_moments_of_long_chains(make_task):
    """Six rows of a level share mean and spread: the two ways to propose, and HMC, agree."""
    rng = np.random.default_rng(12)
    X = np.column_stack([np.arange(150) < 6, rng.standard_normal(150)]).astype(float)
    y = X[:, 0] + np.exp(0.7 * X[:, 0]) * rng.standard_normal(150)
    task = make_task("location_scale", "weak", X, y, need=2000)
    found = choose.fit(task, "auto", rng)
    exact = choose.fit(task, "nuts", rng)
    assert found.engine == "batched"
    for name in ("beta", "gamma"):
        own, other = (f.draws[name].reshape(-1, 2) for f in (found, exact))
        error = other.std(axis=0) * np.sqrt(1 / found.mixed.ess + 1 / exact.mixed.ess)
        assert np.abs((own.mean(axis=0) - other.mean(axis=0)) / error).max() < 4
        assert np.abs(np.log(own.std(axis=0) / other.std(axis=0))).max() < 0.12


def test_a_density_that_is_not_pymcs_is_not_used(task, monkeypatch):
    """A prior half as wide gives a posterior that looks sound; only the comparison refuses it."""
    name = task.family.facts.sampler
    make = DENSITIES[name]

    def wrong(task, rows):
        priors = {key: value / 2 for key, value in task.priors.items()}
        return make(replace(task, priors=priors), rows)

    monkeypatch.setitem(sample.DENSITIES, name, wrong)
    found = choose.fit(task, "auto", np.random.default_rng(7))
    assert found.engine != "batched"
    assert "its density differs from the PyMC model's by" in found.why


@pytest.mark.parametrize(
    ("way", "prior", "slope"),
    [
        ("importance", "weak", 2.5),
        ("slices", "weak", 2.5),
        ("hmc", "weak", 2.5),
        ("hmc", "log_f", 1.0),
    ],
)
def test_draws_have_the_moments_of_quadrature(
    way, prior, slope, make_task, logistic_quadrature, z_scores, monkeypatch
):
    """Twenty events in two hundred rows, a skewed posterior: eight fits."""
    from scipy.special import expit

    x = np.linspace(-1.7, 1.7, 200)
    y = (np.random.default_rng(8).random(200) < expit(-2.6 + x)).astype(np.int64)
    exact = logistic_quadrature(x, y, (5.0, slope), ((-8, 0), (-2, 6.5)), prior)
    monkeypatch.setattr(sample, "WORTH_MORE", 1.0 if way == "hmc" else 0.0)
    monkeypatch.setattr(proposals, "ENOUGH", 1.0 if way == "slices" else 0.6)
    made = make_task("bernoulli", prior, x[:, None], y, levels=2)
    fits = [choose.fit(made, "auto", np.random.default_rng([6, i])) for i in range(8)]
    assert {found.engine for found in fits} == {"batched"}
    assert [found.why for found in fits if ("HMC" in found.why) != (way == "hmc")] == []
    draws = [np.column_stack([f.draws["alpha"].ravel(), f.draws["beta"].ravel()]) for f in fits]
    ess = sum(min(f.mixed.ess, len(d)) for f, d in zip(fits, draws, strict=True))
    assert np.abs(z_scores(np.concatenate(draws), ess, exact)).max() < 4.0
