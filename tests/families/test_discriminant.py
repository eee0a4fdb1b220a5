"""Discriminant analysis against its closed form, Bayes' rule, and its own prior."""

import numpy as np
import pytest
from scipy import stats

import posynth
from posynth.errors import SpecError
from posynth.families import family
from posynth.families.base import Design, Response
from posynth.families.da import draw, fit, inverse_wishart_roots, probabilities

SCALES = family("da").facts.priors["conjugate"]
LEVELS = ("a", "b", "c")
DRAWS = 4000


def _fit(X, y, size=DRAWS, seed=1, levels=LEVELS):
    predictors = tuple(f"x{j}" for j in range(X.shape[1]))
    given = Design(X, predictors), Response("outcome", np.asarray(y, dtype=np.int64), levels)
    return fit(*given, SCALES, size, np.random.default_rng(seed))


def _at(draws, index):
    return {name: a[index] for name, a in draws.items()}


@pytest.fixture
def known():
    """Parameters, and a thousand rows drawn from them, a level in ten the third."""
    rng = np.random.default_rng(8)
    truth = {
        "probability": np.array([0.5, 0.4, 0.1]),
        "mean": np.array([[-0.8, 0.1], [0.9, 0.3], [0.0, -1.2]]),
        "covariance": np.array([[0.6, 0.25], [0.25, 0.8]]),
    }
    y = rng.choice(3, 1000, p=truth["probability"])
    noise = rng.multivariate_normal(np.zeros(2), truth["covariance"], 1000)
    return truth, truth["mean"][y] + noise, y


def test_posterior_means_are_those_of_the_closed_form(known):
    """Within four standard errors of 4000 independent draws."""
    _, X, y = known
    X, y = X[:40], y[:40]
    found, k = _fit(X, y), SCALES["mean"]
    counts = np.bincount(y, minlength=3)
    scatter = SCALES["ridge"] * np.eye(2)
    means = np.zeros((3, 2))
    for level, count in enumerate(counts):
        rows = X[y == level]
        center = rows.mean(axis=0)
        means[level] = count / (k + count) * center
        scatter += (rows - center).T @ (rows - center)
        scatter += k * count / (k + count) * np.outer(center, center)
    expected = {
        "probability": (SCALES["weight"] + counts) / (3 * SCALES["weight"] + 40),
        "mean": means,
        "covariance": scatter / (40 + 1),  # degrees p + 2 + n, less p + 1
    }
    for name, exact in expected.items():
        error = found[name].std(axis=0) / np.sqrt(DRAWS)
        assert np.abs((found[name].mean(axis=0) - exact) / error).max() < 4, name


def test_inverse_wishart_draws_have_the_variances_of_scipy():
    scatter = np.array([[2.0, 0.5], [0.5, 1.0]])
    M = inverse_wishart_roots(12.0, scatter, 40_000, np.random.default_rng(1))
    drawn = M.transpose(0, 2, 1) @ M
    # The variance of a variance estimated from 40 000 draws has a relative error of 2 %.
    np.testing.assert_allclose(drawn.var(axis=0), stats.invwishart(12, scatter).var(), rtol=0.1)
    np.testing.assert_allclose(drawn.mean(axis=0), scatter / 9, rtol=0.02)


def test_probabilities_are_those_of_bayes_rule(known):
    truth, X, _ = known
    density = np.column_stack(
        [stats.multivariate_normal(m, truth["covariance"]).pdf(X) for m in truth["mean"]]
    )
    joint = truth["probability"] * density
    exact = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities(truth, X), exact, rtol=1e-9)
    drawn = draw(truth, np.repeat(X[:5], 4000, axis=0), np.random.default_rng(2))
    share = (drawn.reshape(5, 4000, 1) == np.arange(3)).mean(axis=1)
    assert np.abs(share - exact[:5]).max() < 4 * np.sqrt(0.25 / 4000)


def test_the_truth_is_recovered_from_a_thousand_rows(known):
    truth, X, y = known
    found = _fit(X, y)
    for name, a in found.items():
        assert np.abs((a.mean(axis=0) - truth[name]) / a.std(axis=0)).max() < 4, name
    p = np.mean([probabilities(_at(found, i), X) for i in range(100)], axis=0)
    assert np.abs(p - probabilities(truth, X)).mean() < 0.02


def test_ranks_of_the_truth_among_posterior_draws_are_uniform():
    """400 tables of 12 rows from the prior, which is the fit to no rows; 10 quantities."""
    rng, ranks = np.random.default_rng(5), []
    prior = _fit(np.zeros((0, 2)), [], 400, seed=4)
    for index in range(400):
        truth = _at(prior, index)
        y = rng.choice(3, 12, p=truth["probability"])
        noise = rng.standard_normal((12, 2)) @ np.linalg.cholesky(truth["covariance"]).T
        found = _fit(truth["mean"][y] + noise, y, 99, seed=index)
        ranks.append(
            np.concatenate([(found[n] < truth[n]).sum(axis=0).ravel() for n in sorted(truth)])
        )
    counts = [np.bincount(column // 5, minlength=20) for column in np.array(ranks).T]
    assert min(stats.chisquare(count).pvalue for count in counts) > 1e-4 / len(counts)


def test_collinear_and_constant_predictors_and_a_level_seen_once_do_no_harm(known):
    _, X, y = known
    X, y = X[:60], np.minimum(y[:60], 1)
    y[0] = 2
    wide = np.column_stack([X, X @ [0.5, 0.5], np.zeros(60)])
    for predictors in (X, wide):
        found = _fit(predictors, y, 200)
        shares = np.mean([probabilities(_at(found, i), predictors) for i in range(200)], axis=0)
        assert np.isfinite(shares).all()
        assert 0.001 < shares[:, 2].mean() < 0.1  # 1 row of 60
        right = shares.argmax(axis=1) == y
        assert right.mean() > 0.75


def test_without_predictors_levels_have_their_dirichlet():
    y = np.repeat([0, 1, 2], [10, 5, 1])
    p = _fit(np.zeros((16, 0)), y)["probability"]
    alpha = SCALES["weight"] + np.bincount(y)
    exact = stats.dirichlet(alpha)
    assert np.abs(p.mean(axis=0) - exact.mean()).max() < 4 * np.sqrt(exact.var().max() / DRAWS)


def test_it_is_asked_for_as_lda_and_models_levels_alone(heart, tmp_path):
    df = heart[["age", "ejection_fraction", "deceased"]]
    copies = posynth.synthesize(df, m=2, seed=1, methods={"deceased": "lda"})
    assert copies.posterior.spec["deceased"].family == "da"
    posynth.save_posterior(copies.posterior, tmp_path / "fit")
    assert set(copies[0]["deceased"]) == set(df["deceased"])
    # Copies keep the difference between the groups, in standard errors of each of three tables.
    gaps = [_gap(table) for table in (df, *copies)]
    assert all(abs(gap - gaps[0]) < 4 for gap in gaps[1:])
    with pytest.raises(SpecError, match="column 'age' is continuous; family 'da' models binary"):
        posynth.synthesize(df, m=1, seed=1, methods={"age": "lda"})


def _gap(df):
    groups = [g["ejection_fraction"] for _, g in df.groupby("deceased")]
    return float(stats.ttest_ind(*groups).statistic)
