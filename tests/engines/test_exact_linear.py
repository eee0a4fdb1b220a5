"""The exact engine's linear regression against closed forms and against quadrature."""

import numpy as np
import pytest
from scipy import stats

from posynth.engines.choose import fit
from posynth.errors import FitError

DRAWS = 2500  # in each of four chains: 10,000 independent draws


def _draws(task, seed=3):
    found = fit(task, "auto", np.random.default_rng(seed))
    assert found.engine == "exact" and found.independent
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in found.draws.items()}
    sigma = flat["sigma"] if "sigma" in flat else np.sqrt(flat["variance"])
    return np.column_stack([flat["alpha"], flat["beta"]]), sigma


def _closed_form(line, prior, scales):
    """Normal-inverse-gamma posterior: shape and rate of sigma^2, mean and V of the coefficients."""
    n, size = line.A.shape
    if prior == "conjugate":
        sd = np.r_[scales["intercept"], np.full(size - 1, scales["slope"])]
        V = np.linalg.inv(line.A.T @ line.A + np.diag(1 / sd**2))
        mean = V @ line.A.T @ line.y
        # b_n by the marginal of y, N(0, I + A D^2 A'), which needs no completed square.
        marginal = np.eye(n) + (line.A * sd**2) @ line.A.T
        rate = scales["rate"] + 0.5 * line.y @ np.linalg.solve(marginal, line.y)
        return scales["shape"] + n / 2, rate, mean, V
    df = n - size - (prior == "flat")
    return df / 2, line.ssr / 2, line.estimate, np.linalg.inv(line.A.T @ line.A)


@pytest.mark.parametrize("prior", ["conjugate", "jeffreys", "flat"])
def test_draws_follow_the_closed_form(prior, line, make_task, moment_scores):
    task = make_task("gaussian", prior, line.X, line.y, draws=DRAWS)
    shape, rate, mean, V = _closed_form(line, prior, task.priors)
    theta, sigma = _draws(task)
    precision = 2 * rate / sigma**2  # chi-square with 2 shape degrees of freedom
    scores = [
        moment_scores(theta, mean, rate / (shape - 1) * np.diag(V)),
        moment_scores(precision, np.array(2 * shape), np.array(4 * shape)),
    ]
    assert np.abs(np.concatenate(scores)).max() < 4
    scaled = (theta - mean) / np.sqrt(rate / shape * np.diag(V))
    for coefficient in scaled.T:
        assert stats.kstest(coefficient, stats.t(2 * shape).cdf).pvalue > 1e-4
    assert stats.kstest(precision, stats.chi2(2 * shape).cdf).pvalue > 1e-4
    correlation = np.corrcoef(theta.T)[1, 2]
    expected = V[1, 2] / np.sqrt(V[1, 1] * V[2, 2])
    assert abs(np.arctanh(correlation) - np.arctanh(expected)) < 4 * 1.3 / np.sqrt(4 * DRAWS)


@pytest.mark.parametrize("prior", ["conjugate", "jeffreys", "flat"])
def test_the_model_has_the_closed_form_as_its_posterior(
    prior, line, make_task, density_of, unconstrain
):
    task = make_task("gaussian", prior, line.X, line.y)
    shape, rate, mean, V = _closed_form(line, prior, task.priors)
    density, rng = density_of(task), np.random.default_rng(4)
    differences = []
    for _ in range(50):
        theta, variance = mean + rng.standard_normal(3), rng.uniform(0.05, 4.0)
        named = {"alpha": theta[0], "beta": theta[1:]}
        named |= {"variance": variance, "sigma": np.sqrt(variance)}
        analytic = stats.invgamma.logpdf(variance, shape, scale=rate)
        analytic += stats.multivariate_normal.logpdf(theta, mean, variance * V)
        # d sigma^2 / d log sigma^2; a constant more for d sigma^2 / d log sigma.
        analytic += np.log(variance)
        differences.append(density(unconstrain(density.model.compiled, named))[0] - analytic)
    assert np.ptp(differences) < 1e-8


def test_the_weak_model_is_its_likelihood_times_its_priors(
    line, make_task, density_of, unconstrain
):
    scales = {"intercept": 1.5, "slope": 0.7, "sigma": 2.0}
    task = make_task("gaussian", "weak", line.X, line.y, **scales)
    density, rng = density_of(task), np.random.default_rng(4)
    for _ in range(50):
        theta, sigma = rng.standard_normal(3), rng.uniform(0.05, 3.0)
        expected = (
            stats.norm.logpdf(line.y, line.A @ theta, sigma).sum()
            + stats.norm.logpdf(theta, 0.0, [1.5, 0.7, 0.7]).sum()
            + stats.expon.logpdf(sigma, scale=0.5)
            + np.log(sigma)
        )
        named = {"alpha": theta[0], "beta": theta[1:], "sigma": sigma}
        found = density(unconstrain(density.model.compiled, named))[0]
        assert found == pytest.approx(expected, abs=1e-9)


def _weak_moments(line, sd, rate, span):
    """Moments under the weak prior: y ~ N(0, sigma^2 I + A D^2 A') marginally, summed over sigma.

    The covariance is inverted in n dimensions: another route than the engine's, which rotates
    the coefficients.
    """
    A = line.A
    spread = (A * sd**2) @ A.T
    values, vectors = np.linalg.eigh(spread)
    rotated = vectors.T @ line.y
    log_sigma = np.linspace(*span, 6001)
    weights, means, variances = [], [], []
    for s in np.exp(log_sigma):
        total = np.maximum(values, 0.0) + s**2
        log_p = -0.5 * np.sum(np.log(total) + rotated**2 / total) - rate * s + np.log(s)
        gain = (sd**2)[:, None] * A.T @ vectors / total  # Cov(theta, y) Var(y)^-1, rotated
        weights.append(log_p)
        means.append(gain @ rotated)
        variances.append(sd**2 - np.sum(gain * (vectors.T @ (A * sd**2)).T, axis=1))
    weight = np.exp(np.array(weights) - max(weights))
    assert max(weight[0], weight[-1]) < 2e-4
    weight /= weight.sum()
    mean = weight @ np.array(means)
    variance = weight @ (np.array(variances) + np.array(means) ** 2) - mean**2
    sigma = np.exp(log_sigma)
    return mean, variance, weight @ sigma, weight @ sigma**2 - (weight @ sigma) ** 2


WEAK = {
    "ordinary": (40, 3, 1.0, (-4, 3)),
    "fewer rows than predictors": (3, 50, 1.0, (-12, 4)),
    "as many rows as coefficients": (5, 4, 0.5, (-12, 4)),
    "residual sd of 1e-4": (60, 3, 1e-4, (-11, -6)),
}


@pytest.mark.parametrize("case", WEAK)
def test_weak_draws_have_the_moments_of_quadrature(case, make_line, make_task, moment_scores):
    n, p, noise, span = WEAK[case]
    line = make_line(n, p, noise, 7)
    task = make_task("gaussian", "weak", line.X, line.y, draws=DRAWS)
    sd = np.r_[task.priors["intercept"], np.full(p, task.priors["slope"])]
    mean, variance, sigma_mean, sigma_variance = _weak_moments(line, sd, task.priors["sigma"], span)
    theta, sigma = _draws(task)
    scores = moment_scores(theta, mean, variance)
    scores = np.r_[scores, moment_scores(sigma, sigma_mean, sigma_variance)]
    assert np.abs(scores).max() < 4.5  # of up to 104 scores


def test_many_rows_leave_the_weak_prior_without_a_say(make_line, make_task):
    # The same rows a hundred times: the prior is worth less than 1e-3 posterior sds then.
    line = make_line(200, 1, 1.0, 7)
    X, y = np.tile(line.X, (100, 1)), np.tile(line.y, 100)
    theta, sigma = _draws(make_task("gaussian", "weak", X, y, draws=DRAWS))
    df, ssr = 20_000 - 3, 100 * line.ssr
    assert stats.kstest(ssr / sigma**2, stats.chi2(df).cdf).pvalue > 1e-4
    se = np.sqrt(ssr / df * np.diag(np.linalg.inv(100 * line.A.T @ line.A)))
    assert np.abs((theta.mean(axis=0) - line.estimate) / se).max() < 4 / np.sqrt(4 * DRAWS)


@pytest.mark.parametrize("prior", ["weak", "conjugate"])
def test_proper_priors_carry_collinear_designs(prior, make_line, make_task):
    base = make_line(30, 2, 1.0, 5)
    X = np.column_stack([base.X, base.X[:, 0], -base.X[:, 1]])
    theta, sigma = _draws(make_task("gaussian", prior, X, base.y, draws=DRAWS))
    assert np.isfinite(theta).all() and (sigma > 0).all()
    # Exchangeable copies share a slope: their posterior means are equal up to Monte-Carlo error,
    # and what is not identified keeps the prior's spread: Var(b1 - b3) = 2 slope^2 (x sigma^2).
    gap = (theta[:, 1] - theta[:, 3]) / (sigma if prior == "conjugate" else 1.0)
    assert abs(gap.mean() / (2.5 * np.sqrt(2))) < 4 / np.sqrt(4 * DRAWS)
    assert abs(gap.std() / (2.5 * np.sqrt(2)) - 1) < 4 / np.sqrt(8 * DRAWS)


@pytest.mark.parametrize("prior", ["jeffreys", "flat"])
def test_designs_that_do_not_identify_are_refused_under_improper_priors(
    prior, make_line, make_task
):
    base = make_line(30, 2, 1.0, 5)
    collinear = np.column_stack([base.X, base.X.sum(axis=1)])
    text = f"column 'outcome': prior '{prior}' is improper .* its 4 coefficients from 30 rows"
    with pytest.raises(FitError, match=text):
        fit(make_task("gaussian", prior, collinear, base.y), "auto", np.random.default_rng(1))
    small = make_line(4, 3, 1.0, 5)
    with pytest.raises(FitError, match=r"4 coefficients from 4 rows .* use prior 'weak'"):
        fit(make_task("gaussian", prior, small.X, small.y), "exact", np.random.default_rng(1))


def test_one_row_more_than_needed_is_proper_under_jeffreys_and_not_under_flat(make_line, make_task):
    line = make_line(5, 3, 1.0, 5)  # n - p = 1 degree of freedom; flat in sigma has one fewer
    _, sigma = _draws(make_task("gaussian", "jeffreys", line.X, line.y, draws=DRAWS))
    assert stats.kstest(line.ssr / sigma**2, stats.chi2(1).cdf).pvalue > 1e-4
    with pytest.raises(FitError, match="improper"):
        fit(make_task("gaussian", "flat", line.X, line.y), "auto", np.random.default_rng(1))


def test_an_exactly_linear_response_is_refused_or_reproduced(make_line, make_task):
    line = make_line(40, 3, 0.0, 5)
    for prior in ("jeffreys", "flat"):
        with pytest.raises(FitError, match=r"exact linear function .* improper; use prior 'weak'"):
            fit(make_task("gaussian", prior, line.X, line.y), "auto", np.random.default_rng(1))
    theta, sigma = _draws(make_task("gaussian", "weak", line.X, line.y))
    assert sigma.min() >= 1e-7 and sigma.max() < 2e-7
    assert np.abs(theta @ line.A.T - line.y).max() < 1e-6
    task = make_task("gaussian", "conjugate", line.X, line.y, draws=DRAWS)
    shape, rate, *_ = _closed_form(line, "conjugate", task.priors)
    _, sigma = _draws(task)
    assert stats.kstest(2 * rate / sigma**2, stats.chi2(2 * shape).cdf).pvalue > 1e-4


def test_heart_failure_under_the_flat_prior_has_the_least_squares_posterior(
    heart, make_task, moment_scores
):
    import statsmodels.api as sm

    X = heart[["age", "ejection_fraction", "serum_sodium"]].to_numpy(float)
    y = heart["follow_up"].to_numpy(float)
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()
    ols = sm.OLS(y, sm.add_constant(X)).fit()
    df = ols.df_resid - 1  # flat in sigma: one degree of freedom fewer than Jeffreys
    theta, sigma = _draws(make_task("gaussian", "flat", X, y, draws=DRAWS))
    variance = ols.bse**2 * ols.df_resid / (df - 2)
    assert np.abs(moment_scores(theta, ols.params, variance)).max() < 4
    assert stats.kstest(ols.ssr / sigma**2, stats.chi2(df).cdf).pvalue > 1e-4
