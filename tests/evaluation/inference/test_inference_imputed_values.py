"""Imputed values look like those of the column: its support, its shape, and estimates from them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference import imputation
from posynth.evaluation.inference.departure import AT_RANDOM, Departure
from posynth.evaluation.inference.imputation import Imputation, impute

MU, SLOPE, NOISE = 0.8, 0.6, 0.5
SD = float(np.hypot(SLOPE, NOISE))
#: Mean of y, slope of log y on x, P(y < 1): y is lognormal given x, x standard normal.
TRUTH = np.array([np.exp(MU + SD**2 / 2), SLOPE, stats.norm.cdf(-MU / SD)])


def skewed(rng, n=250):
    """Draw x and y = exp(.8 + .6 x + .5 e); y is missing in 30 % of rows, more where x is high."""
    x = rng.normal(size=n)
    y = np.exp(MU + SLOPE * x + NOISE * rng.normal(size=n))
    return pd.DataFrame({"x": x, "y": y}), rng.random(n) < 1 / (1 + np.exp(1 - x))


def estimated(frame):
    """Estimate mean, slope and share, and their variances."""
    x, y, n = frame["x"].to_numpy(), frame["y"].to_numpy(), len(frame)
    z = np.log(y)
    line = np.polyfit(x, z, 1)
    rest = z - np.polyval(line, x)
    slope = rest @ rest / (n - 2) / np.sum((x - x.mean()) ** 2)
    p = np.mean(y < 1)
    return np.array([y.mean(), line[0], p]), np.array([y.var(ddof=1) / n, slope, p * (1 - p) / n])


@pytest.fixture(scope="module")
def chain():
    """Give the posterior whose chain has y on a learned scale."""
    frame, missing = skewed(np.random.default_rng(1))
    holed = frame.assign(y=frame["y"].mask(missing))
    asked = posynth.specify(holed).change("y", family="gaussian", scale="learned")
    posterior = posynth.fit(holed, asked, seed=1)
    assert posterior.spec["y"].scale == "learned"
    return posterior


def replicated(chain, tables, imputations):
    """Impute many tables: distances of pooled estimates from the truth, half widths, the least y.

    Degrees of freedom are those of Barnard and Rubin (1999).
    """
    off, half, least, complete = [], [], np.inf, []
    for number in range(tables):
        frame, missing = skewed(np.random.default_rng([7, number]))
        complete.append(estimated(frame)[0] - TRUTH)
        holed = frame.assign(y=frame["y"].mask(missing))
        pairs = []
        for each in impute(holed, chain, ["y"], imputations, number):
            least = min(least, each["y"].min())
            pairs.append(estimated(each))
        q, v = (np.array(part) for part in zip(*pairs, strict=True))
        between = (1 + 1 / imputations) * q.var(axis=0, ddof=1)
        total = v.mean(axis=0) + between
        share, com = np.maximum(between / total, 1e-9), len(frame) - 1
        old, seen = (imputations - 1) / share**2, (com + 1) / (com + 3) * com * (1 - share)
        off.append(q.mean(axis=0) - TRUTH)
        half.append(np.sqrt(total) * stats.t.ppf(0.975, old * seen / (old + seen)))
    return np.array(off), np.array(half), least, np.array(complete)


def test_a_skewed_positive_column_keeps_its_sign_and_shape(chain):
    """On a line of its own scale 25 % of imputed values were negative, and P(y < 1) .19.

    Over 40 tables, beside the same tables without missing values: the difference of P(y < 1) has
    a standard error of about .0015.
    """
    off, _, least, complete = replicated(chain, 40, 3)
    assert least > 0
    difference = off - complete
    error = difference.std(axis=0, ddof=1) / np.sqrt(len(off))
    assert error[2] < 0.003
    assert (np.abs(difference.mean(axis=0)) < 3.5 * error).all()


@pytest.mark.slow
def test_intervals_from_a_learned_scale_cover(chain):
    """400 tables, 10 imputations: the standard error of a coverage of .95 is .0109."""
    off, half, least, _ = replicated(chain, 400, 10)
    assert least > 0
    assert (np.abs(off.mean(axis=0)) < 3.5 * off.std(axis=0, ddof=1) / 20).all()
    coverage = (np.abs(off) <= half).mean(axis=0)
    assert (np.abs(coverage - 0.95) < 3 * 0.0109).all()


def test_a_selection_model_on_a_learned_scale_tilts_the_drawn_values(chain):
    r"""p(y | missing) is proportional to exp(delta y) p(y | present): an exponential stays one."""
    rng = np.random.default_rng(1)
    column = chain.schema["y"]
    drawn = Departure({}, {"y": -1.0}).chosen(column, rng.exponential(size=(200, 20_000)), rng)
    # Exp(1) tilted by -1 is Exp(2): mean .5, with a standard error of .0035; 1 / 200 of bias.
    assert drawn.mean() == pytest.approx(0.5, abs=0.015)
    assert np.mean(drawn > 1) == pytest.approx(np.exp(-2), abs=0.01)
    with pytest.raises(MeasureError, match=r"selection of column 'y' = 20 gives a few extreme"):
        Departure({}, {"y": 20.0}).chosen(column, rng.exponential(size=(200, 50)), rng)
    frame, missing = skewed(rng)
    holed = frame.assign(y=frame["y"].mask(missing))
    plain, tilted = (
        next(impute(holed, chain, ["y"], 1, 3, departure))["y"][missing]
        for departure in (AT_RANDOM, Departure({}, {"y": -0.5}))
    )
    assert tilted.min() > 0 and tilted.mean() < plain.mean() - 0.3


SUPPORTS = {
    "binary": ("g", "bernoulli", {"no", "yes"}),
    "nominal": ("h", "categorical", {"a", "b", "c"}),
    "ordinal": ("o", "ordinal", {"low", "mid", "high"}),
    "count": ("k", "poisson", set(range(60))),
    "numbers as levels": ("r", "categorical", {1, 2, 5}),
    "spike": ("s", "semicontinuous", None),
    "bounded": ("t", "truncated", None),
    "rounded": ("u", "interval", None),
}


@pytest.fixture(scope="module")
def mixed():
    """Give a table with a column of each support, a third of it missing."""
    rng = np.random.default_rng(6)
    n, x = 240, rng.normal(size=240)
    table = pd.DataFrame(
        {
            "x": x,
            "g": np.where(rng.random(n) < 1 / (1 + np.exp(-x)), "yes", "no"),
            "h": rng.choice(list("abc"), n),
            "o": pd.Categorical.from_codes(
                np.digitize(x + rng.normal(size=n), [-0.5, 0.7]),
                ["low", "mid", "high"],
                ordered=True,
            ),
            "k": rng.poisson(np.exp(1 + 0.3 * x)).astype(float),
            "r": rng.choice([1.0, 2.0, 5.0], n, p=[0.3, 0.3, 0.4]),
            "s": np.where(rng.random(n) < 0.4, 0.0, np.exp(x + 0.5 * rng.normal(size=n))),
            "t": np.clip(x + 0.5 * rng.normal(size=n), -1, 1),
            "u": np.round(np.exp(x) * 10) / 2,
        }
    )
    for place, (name, _, _) in enumerate(SUPPORTS.values()):
        table.loc[place::3, name] = None
    return table


@pytest.mark.parametrize("case", SUPPORTS)
def test_imputed_values_are_values_the_column_can_have(mixed, case):
    name, family, allowed = SUPPORTS[case]
    table = mixed[["x", name]]
    kinds = {"o": "ordinal"} if name == "o" else None
    written = {"s": "semicontinuous(spikes=0)", "t": "truncated(lower=-1, upper=1)"}
    methods = {} if name in "ru" else {name: written.get(name, family)}
    spec = posynth.specify(table, methods=methods, kinds=kinds)
    if name == "r":
        spec = spec.change("r", family="categorical", scale="levels")
    posterior = posynth.fit(table, spec, seed=1)
    plan = Imputation.of(table, posterior, [name], AT_RANDOM)
    assert (plan.first[0].conditional.family, plan.notes) == (family, ())
    missing = table[name].isna().to_numpy()
    found = pd.concat([each[name][missing] for each in plan.complete(4, 1)])
    assert found.notna().all() and found.nunique() > 1
    assert found.dtype == mixed[name].dtype
    if allowed is not None:
        assert set(found) <= allowed
    if name == "s":
        assert (found >= 0).all() and 0.2 < (found == 0).mean() < 0.6
    if name == "t":
        assert found.between(-1, 1).all()
    if name == "u":  # on its learned scale: positive, in steps of a half as the source
        assert (found >= 0).all() and np.allclose(found * 2, np.round(found * 2))


def test_a_column_within_groups_is_imputed_with_the_effects_its_groups_have():
    """Means of 12 groups of 25 rows lie 3 sds apart; without groups they would be near 0."""
    rng = np.random.default_rng(9)
    group = np.repeat(np.arange(12), 25)
    effect = 3 * rng.normal(size=12)
    y = effect[group] + rng.normal(size=300)
    table = pd.DataFrame({"school": [f"s{g:02d}" for g in group], "y": y})
    table.loc[::4, "y"] = np.nan
    spec = posynth.specify(table, methods={"y": "gaussian_ml(new_groups=school)"})
    posterior = posynth.fit(table, spec, seed=1)
    plan = Imputation.of(table, posterior, ["y"], AT_RANDOM)
    assert plan.first[0].conditional.keep_groups == "school" and plan.notes == ()
    (found,) = plan.complete(1, 1)
    gone = table["y"].isna()
    means = found[gone].groupby("school")["y"].mean()
    # Six imputed values a group, and an effect known from 19: standard error about .47.
    assert np.abs(means.to_numpy() - effect).max() < 4 * 0.47


def bivariate(rng, n, rho):
    """Draw z and correlated x and y given z, and miss them in overlapping parts of the rows."""
    z = rng.normal(size=n)
    noise = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    table = pd.DataFrame({"z": z, "x": z + noise[:, 0], "y": noise[:, 1] - z})
    part = rng.random(n)
    return table, {"both": part < 0.3, "x": part < 0.45, "y": (part < 0.3) | (part > 0.85)}


@pytest.mark.parametrize("pattern", ["monotone", "not monotone"])
def test_more_sweeps_change_nothing(pattern, monkeypatch):
    """Partial correlation .9: from independent guesses each sweep would keep .81 of the distance.

    The mean over 40 imputations of the residual correlation, and of the mean of y, with 5 and
    with 20 sweeps: the standard error of the difference comes from the imputations' own spread.
    """
    rng = np.random.default_rng(12)
    table, gone = bivariate(rng, 200, 0.9)
    holed = table.assign(
        x=table["x"].mask(gone["x"] if pattern != "monotone" else gone["both"]),
        y=table["y"].mask(gone["y"]),
    )
    lines = dict.fromkeys("zxy", "gaussian")
    posterior = posynth.fit(holed, posynth.specify(holed, methods=lines), seed=1)

    def quantities(frame):
        x, y = frame["x"] - frame["z"], frame["y"] + frame["z"]
        both = gone["both"]
        return np.corrcoef(x, y)[0, 1], y.mean(), np.corrcoef(x[both], y[both])[0, 1]

    found = []
    for sweeps in (5, 20):
        monkeypatch.setattr(imputation, "SWEEPS", sweeps)
        plan = Imputation.of(holed, posterior, ["x", "y"], AT_RANDOM)
        assert bool(plan.again) == (pattern != "monotone")
        found.append(np.array([quantities(each) for each in plan.complete(40, sweeps)]))
    error = np.sqrt(sum(each.var(axis=0, ddof=1) / 40 for each in found))
    assert (np.abs(found[0].mean(axis=0) - found[1].mean(axis=0)) < 3.5 * error).all()
    # And both are right: .9 and 0, given 130 rows with both present (standard errors .02 and .09).
    assert found[0].mean(axis=0)[0] == pytest.approx(0.9, abs=0.05)
    assert found[0].mean(axis=0)[2] == pytest.approx(0.9, abs=0.06)
