"""Groups of rows: copies have the groups of the source, however many rows they have.

Balanced random intercepts, y_ij = z_j b + x_ij w + u_j + e_ij, from sufficient statistics: 40
groups of 10 rows, u_j ~ N(0, 1), e_ij ~ N(0, 2²). The posterior draws of (b, tau² + sigma²/s) and
of (w, sigma²) are those of two regressions under 1/variance priors; tau² is their difference, at
least 0. 20 000 runs: standard error of a coverage of .95 is .0016.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Clusters, Estimate, compare_fits, fit_statsmodels, pool
from posynth.evaluation.inference.catalogue import RULES
from posynth.evaluation.inference.choose import choose
from posynth.evaluation.inference.clusters import of_source, taken_to_source
from posynth.evaluation.inference.moments import matrix_moments, scalar_moments
from posynth.evaluation.inference.overlap import lack_of_fit, noise_factor

RUNS, GROUPS, SIZE = 20_000, 40, 10
N = GROUPS * SIZE


@dataclass(frozen=True)
class Level:
    """Estimates, variances and their part within groups, (m, runs); degrees of freedom."""

    q: np.ndarray
    v: np.ndarray
    rows: np.ndarray
    df: float
    q_obs: np.ndarray | None = None
    v_obs: np.ndarray | None = None


def grouped_chain(k, m, rng, groups=GROUPS):
    """Copies of k rows in so many groups, whose effects are drawn anew."""
    shape, size = (m, RUNS), k / groups
    omega, sigma2 = 1 + 4 / SIZE, 4.0
    szz, sxx = rng.chisquare(GROUPS - 1, RUNS), rng.chisquare(N - GROUPS, RUNS)
    b_obs = rng.normal(size=RUNS) * np.sqrt(omega / szz)
    w_obs = rng.normal(size=RUNS) * np.sqrt(sigma2 / sxx)
    ss_between = omega * rng.chisquare(GROUPS - 2, RUNS)
    ss_within = sigma2 * rng.chisquare(N - GROUPS - 1, RUNS)
    sigma2 = ss_within / rng.chisquare(N - GROUPS - 1, shape)
    omega = ss_between / rng.chisquare(GROUPS - 2, shape)
    b = b_obs + rng.normal(size=shape) * np.sqrt(omega / szz)
    w = w_obs + rng.normal(size=shape) * np.sqrt(sigma2 / sxx)
    omega = np.maximum(omega - sigma2 / SIZE, 0) + sigma2 / size
    szz_obs = szz
    szz = szz / rng.chisquare(GROUPS - 1, shape) * rng.chisquare(groups - 1, shape)
    sxx = sxx / rng.chisquare(N - GROUPS, shape) * rng.chisquare(k - groups, shape)
    q = b + rng.normal(size=shape) * np.sqrt(omega / szz)
    noise = sigma2 * rng.chisquare(k - groups - 1, shape) / (k - groups - 1)
    found = omega * rng.chisquare(groups - 2, shape) / (groups - 2)
    found = np.maximum(found, noise / size)  # an estimate of tau² is never negative
    v_obs = ss_between / (GROUPS - 2) / szz_obs
    between = Level(q, found / szz, noise / size / szz, groups - 2.0, b_obs, v_obs)
    q = w + rng.normal(size=shape) * np.sqrt(sigma2 / sxx)
    return between, Level(q, noise / sxx, noise / sxx, np.inf)


def coverage(level, k, m, groups=None):
    """Coverage of the chosen rule; variances by the ratio of rows if no groups are given."""
    made, source, df = Provenance(N, k, m), None, level.df
    if groups is not None:
        source = taken_to_source(level.v, level.rows, (groups, GROUPS), (k, N))
        df = df + GROUPS - groups
    x = scalar_moments(level.q, level.v, made, level.df, source, df)
    spread = RULES[choose(made).rule].spread(x)
    half = stats.t.ppf(0.975, spread.df) * np.sqrt(spread.variance)
    return float((np.abs(x.center) <= half).mean()), x


@pytest.mark.parametrize("m", [1, 2, 5, 20])
@pytest.mark.parametrize(("k", "groups"), [(80, 40), (N, 40), (2000, 40), (N, 30), (120, 30)])
def test_intervals_cover_at_any_number_of_rows(k, groups, m):
    between, within = grouped_chain(k, m, np.random.default_rng([k, groups, m]), groups)
    assert 0.935 < coverage(between, k, m, groups)[0] < 0.965
    # With 2 rows a group their means take half of the rows: conservative, .99 at most.
    assert 0.93 < coverage(within, k, m, groups)[0] < (0.97 if k / groups >= 4 else 0.99)


def kept_chain(k, m, runs, rng):
    """Copies with the group effects of the source: those of the posterior, z of schools anew."""
    size = k / GROUPS
    z = rng.normal(size=(runs, GROUPS))
    means = z * 0 + rng.normal(size=z.shape) * np.sqrt(1 + 4 / SIZE)
    ss_within = 4 * rng.chisquare(N - GROUPS, runs)
    b_obs, residual, szz = _slope(z, means)
    shape = (m, runs)
    sigma2 = ss_within / rng.chisquare(N - GROUPS, shape)
    omega = (residual**2).sum(axis=-1) / rng.chisquare(GROUPS - 2, shape)
    tau2 = np.maximum(omega - sigma2 / SIZE, 0)
    b = b_obs + rng.normal(size=shape) * np.sqrt(omega / szz)
    centred = z - z.mean(axis=-1, keepdims=True)
    level = rng.normal(size=shape) * np.sqrt(omega / GROUPS)
    left = residual - (b - b_obs)[..., None] * centred - level[..., None]
    share = tau2 / (tau2 + sigma2 / SIZE)
    u = share[..., None] * left
    u += rng.normal(size=u.shape) * np.sqrt(share * sigma2 / SIZE)[..., None]
    z_copy = rng.normal(size=u.shape)
    y = b[..., None] * z_copy + u + rng.normal(size=u.shape) * np.sqrt(sigma2 / size)[..., None]
    q, off, szz = _slope(z_copy, y)
    noise = sigma2 * rng.chisquare(k - GROUPS, shape) / (k - GROUPS) / size
    found = np.maximum((off**2).sum(axis=-1) / (GROUPS - 2), noise)
    return Level(q, found / szz, noise / szz, GROUPS - 2.0)


def _slope(z, y):
    z, y = (a - a.mean(axis=-1, keepdims=True) for a in (z, y))
    szz = (z**2).sum(axis=-1)
    slope = (z * y).sum(axis=-1) / szz
    return slope, y - slope[..., None] * z, szz


@pytest.mark.parametrize("m", [2, 5])
@pytest.mark.parametrize("k", [120, N, 2000])
def test_kept_groups_are_covered_by_their_own_spread(k, m):
    """4000 runs: standard error .0034."""
    level = kept_chain(k, m, 4000, np.random.default_rng([k, m]))
    source = taken_to_source(level.v, level.rows, (GROUPS, GROUPS), (k, N))
    made = Provenance(N, k, m, kept_groups=("y",))
    assert choose(made).rule == "t_p_star"
    x = scalar_moments(level.q, level.v, made, level.df, source, level.df)
    spread = RULES["t_p_star"].spread(x)
    half = stats.t.ppf(0.975, spread.df) * np.sqrt(spread.variance)
    assert 0.93 < (np.abs(x.center) <= half).mean() < 0.97


@pytest.mark.parametrize(("k", "covered"), [(80, 0.88), (2000, 0.998)])
def test_the_ratio_of_rows_is_wrong_between_groups(k, covered):
    between, _ = grouped_chain(k, 5, np.random.default_rng(3))
    assert coverage(between, k, 5)[0] == pytest.approx(covered, abs=0.03)
    by_rows, by_groups = (coverage(between, k, 5, g)[1].original for g in (None, GROUPS))
    # (1 + .4)·k/n against (1 + .4·10/s)·k/n: V is 1.4, a copy reports 1 + 4/s.
    factor = (1 + 4 * GROUPS / k) / 1.4 * k / N
    assert np.median(by_rows / by_groups) == pytest.approx(factor, rel=0.06)


@pytest.fixture(scope="module")
def pupils():
    """40 schools of 10 pupils: z of the school, x of the pupil, intercepts of schools."""
    rng = np.random.default_rng(8)
    at = np.repeat(np.arange(GROUPS), SIZE)
    z, x = rng.normal(size=GROUPS)[at], rng.normal(size=N)
    y = 10 + z + x + rng.normal(size=GROUPS)[at] + 2 * rng.normal(size=N)
    school = pd.Categorical([f"s{j:02d}" for j in at])
    return pd.DataFrame({"school": school, "z": z.round(3), "x": x.round(3), "y": y.round(3)})


MIXED = {"formula": "y ~ z + x", "model": "mixed", "groups": "school"}


def test_the_part_within_groups_is_that_of_the_closed_form(pupils):
    """Balanced: between groups v = (tau² + sigma²/s)/Szz, of which sigma²/s/Szz is due to rows."""
    import statsmodels.formula.api as smf

    found = fit_statsmodels(**MIXED)(pupils)
    fit = smf.mixedlm("y ~ z + x", pupils, groups="school").fit()
    tau2, sigma2 = float(fit.cov_re.iloc[0, 0]), float(fit.scale)
    assert (found.clusters.column, found.clusters.count) == ("school", GROUPS)
    rows, at = found.clusters.rows, found.names.index("z")
    share = (sigma2 / SIZE) / (tau2 + sigma2 / SIZE)
    assert rows[at, at] / found.cov[at, at] == pytest.approx(share, rel=0.03)
    x = found.names.index("x")
    assert 0.97 < rows[x, x] / found.cov[x, x] <= 1.0001


def test_robust_covariances_have_their_part_within_groups(pupils):
    import statsmodels.formula.api as smf

    found = fit_statsmodels("y ~ z + x", cluster="school")(pupils)
    codes = pupils["school"].cat.codes
    fit = smf.ols("y ~ z + x", pupils).fit(cov_type="cluster", cov_kwds={"groups": codes})
    np.testing.assert_allclose(found.cov, fit.cov_params(), rtol=1e-10)
    assert (found.df_com, found.clusters.count) == (GROUPS - 1, GROUPS)
    plain = np.asarray(smf.ols("y ~ z + x", pupils).fit(cov_type="HC0").cov_params())
    factor = GROUPS / (GROUPS - 1) * (N - 1) / (N - 3)
    np.testing.assert_allclose(found.clusters.rows, plain * factor, rtol=1e-10)
    logit = fit_statsmodels("high ~ z + x", "logit", cluster="school")
    assert logit(pupils.assign(high=(pupils["y"] > 10) * 1.0)).clusters.count == GROUPS


def resized(pupils, k):
    """Rows of the same schools, k in all, with effects and values as in the source."""
    rng = np.random.default_rng(k)
    each = k // GROUPS
    at = np.repeat(np.arange(GROUPS), each)
    z, x = pupils["z"].to_numpy()[::SIZE][at], rng.normal(size=k)
    y = 10 + z + x + rng.normal(size=GROUPS)[at] + 2 * rng.normal(size=k)
    school = pd.Categorical.from_codes(at, pupils["school"].cat.categories)
    return pd.DataFrame({"school": school, "z": z, "x": x, "y": y})


@pytest.mark.parametrize("analysis", [MIXED, {"formula": "y ~ z + x", "cluster": "school"}])
@pytest.mark.parametrize("k", [160, 4000])
def test_variances_of_other_sizes_say_those_of_the_source(pupils, analysis, k):
    run = fit_statsmodels(**analysis)
    copies = [run(resized(pupils, k + j * GROUPS)) for j in range(5)]
    made = [Provenance(N, k + j * GROUPS, 1, groups={"school": GROUPS}) for j in range(5)]
    found = [np.diag(of_source([c], p)[0][0]) for c, p in zip(copies, made, strict=True)]
    sources = [np.diag(run(resized(pupils, N + j * GROUPS)).cov) for j in range(-2, 3)]
    # A variance of 39 groups has a relative sd of .23, so the ratio of two means of 5 has .15.
    np.testing.assert_allclose(np.mean(found, axis=0), np.mean(sources, axis=0), rtol=0.4)


def test_a_copy_of_another_size_has_the_standard_errors_of_the_source(pupils):
    chain = {
        "order": ["school", "z", "x"],
        "methods": {"z": "gaussian(per_group=school)", "y": "gaussian_ml(new_groups=school)"},
    }
    posterior = posynth.fit(pupils, posynth.specify(pupils, **chain), seed=1)
    own = fit_statsmodels(**MIXED)(pupils).std_error
    manifest = posynth.draw(posterior, m=2, seed=3).manifest()
    assert manifest["groups"] == {"school": GROUPS} and manifest["grouped"] == {
        "z": "school",
        "y": "school",
    }
    assert manifest["kept_groups"] == []
    for k in (160, 4000):
        pooled = posynth.pool(posynth.draw(posterior, m=3, k=k, seed=2), **MIXED)
        error = pooled.table["expected error"].to_numpy()
        np.testing.assert_allclose(error, own, rtol=0.3)  # 38 df of the groups: 11 % a copy
        assert pooled.choice.rule == "ppd"
        assert any("by its 40 groups of 'school'" in note for note in pooled.notes)
        plain = posynth.pool(posynth.draw(posterior, m=3, k=k, seed=2), "ols", "y ~ z + x")
        assert any("rows of one 'school' are alike" in note for note in plain.notes)


@pytest.mark.parametrize("k", [120, 2000])
def test_lack_of_fit_with_groups_has_its_level(k):
    """Copies of other sizes differ from the source by v̄ + V, not by V(1 + n/k)."""
    rng = np.random.default_rng(k)
    between, _ = grouped_chain(k, 4, rng)
    made = Provenance(N, k, 4, groups={"school": GROUPS})
    source = taken_to_source(between.v, between.rows, (GROUPS, GROUPS), (k, N))
    difference = between.q.mean(axis=0) - between.q_obs
    z2 = []
    for run in range(2000):
        x = matrix_moments(
            between.q[:, [run]], between.v[:, [[run]]], made, source=source[:, [[run]]]
        )
        z2.append(lack_of_fit(difference[[run]], between.v_obs[[[run]]], x, made).value)
    # The mean of χ²(1) over 2000 runs has standard error .032; t tails of 38 df add .05.
    assert np.mean(z2) == pytest.approx(1.0, abs=0.18)
    by_rows = np.mean(difference[:2000] ** 2 / between.v_obs[:2000]) / noise_factor(made)
    assert abs(by_rows - 1) > 0.25


def test_what_to_expect_of_groups_is_left_open():
    made = Provenance(n=400, k=100, m=2, groups={"school": 20})
    assert np.isnan(compare_fits(two([[0.5]]), two()[0], made).expected).all()


def two(rows=None, column="school", count=20):
    clusters = Clusters(column, count, rows)
    return [Estimate(("a",), [q], [[1.0]], clusters=clusters) for q in (0.0, 1.0)]


def test_groups_that_are_not_known_are_refused_unless_k_is_n():
    made = Provenance(n=400, k=100, m=2)
    for estimates in (two([[0.5]]), two()):
        with pytest.raises(MeasureError, match=r"k = 100 .* n = 400.*`posynth draw OUT -k 400`"):
            pool(estimates, made)
        assert pool(estimates, replace(made, k=400)).moments.source is None
    with pytest.raises(MeasureError, match="how many groups of 'school' the source has is not"):
        pool(two([[0.5]]), made)
    with pytest.raises(MeasureError, match="which part of the variances is due to rows within"):
        pool(two(), replace(made, groups={"school": 20}))
    with pytest.raises(MeasureError, match="some copies were analysed with groups"):
        pool([two()[0], replace(two()[1], clusters=None)], made)


def test_a_sandwich_below_its_part_within_groups_is_taken_as_that_part():
    made = Provenance(n=400, k=100, m=2, groups={"school": 20})
    source, _ = of_source(two([[1.7]]), made)
    assert source.ravel() == pytest.approx([0.25, 0.25])  # k/n, not 1 - .75·1.7 < 0


def test_groups_follow_coefficients_that_are_put_in_order():
    rows = np.array([[0.1, 0.0], [0.0, 0.2]])
    estimate = Estimate(("a", "b"), [0.0, 1.0], np.eye(2), clusters=Clusters("g", 9, rows))
    assert estimate.ordered(("b", "a")).clusters.rows.tolist() == [[0.2, 0.0], [0.0, 0.1]]
    with pytest.raises(MeasureError, match=r"groups has shape \(1, 2\); it must be \(2, 2\)"):
        replace(estimate, clusters=Clusters("g", 9, rows[:1]))


def test_fitted_results_with_groups_are_recognised(pupils):
    import statsmodels.formula.api as smf

    from posynth.evaluation.inference.estimates import as_estimate

    codes = pupils["school"].cat.codes
    robust = smf.ols("y ~ z", pupils).fit(cov_type="cluster", cov_kwds={"groups": codes})
    for fit in (robust, smf.mixedlm("y ~ z + x", pupils, groups="school").fit()):
        assert as_estimate(fit).clusters == Clusters("", GROUPS)
    assert as_estimate(smf.ols("y ~ z", pupils).fit()).clusters is None
    gee = smf.gee("y ~ z", "school", pupils).fit()
    hazards = smf.phreg("rank ~ z", pupils.assign(rank=pupils["y"].rank())).fit(groups=codes)
    count = pupils.assign(count=pupils["y"].rank().astype(int) % 7)
    within = smf.conditional_poisson("count ~ 0 + x", count, groups=codes).fit(disp=0)
    panel = {"groups": codes, "time": pupils.index.to_numpy(), "maxlags": 1}
    by_time = smf.ols("y ~ z", pupils).fit(cov_type="hac-panel", cov_kwds=panel)
    for fit in (gee, hazards, within, by_time):
        assert as_estimate(fit).clusters == Clusters("", GROUPS)


def test_robust_results_of_the_users_own_have_the_df_of_their_groups(pupils):
    import statsmodels.formula.api as smf

    from posynth.evaluation.inference.estimates import as_estimate

    kwds = {"groups": pupils["school"].cat.codes}
    robust = smf.ols("y ~ z", pupils).fit(cov_type="cluster", cov_kwds=kwds, use_t=True)
    assert as_estimate(robust).df_com == GROUPS - 1
    hc = smf.ols("y ~ z", pupils).fit(cov_type="HC1", use_t=True)
    assert as_estimate(hc).df_com == N - 2


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"model": "phreg"}, "cluster: unknown model 'phreg'; allowed: .*mixed takes groups"),
        ({"cluster": "scool"}, "cluster: unknown column 'scool'.*Did you mean 'school'"),
        ({"cluster": "one"}, "column 'one' has a single group here"),
        ({"cluster": "holed"}, "column 'holed' has missing values here"),
    ],
)
def test_wrong_columns_of_groups_are_explained(pupils, call, text):
    frame = pupils.assign(one="a", holed=pupils["school"].where(pupils.index > 3))
    with pytest.raises(MeasureError, match=text):
        fit_statsmodels("y ~ z", **{"cluster": "school", **call})(frame)
