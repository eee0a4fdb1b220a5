"""Coverage where cases are few: missing values, a rare outcome, a rare level, many predictors.

``python -m tests.truth.few_cases [NAME ...] [--runs N]`` writes results/few_cases.csv, 400 samples
a row; the Monte-Carlo standard error of a coverage of .95 is then .011 (column ``mcse``). In every
sample the chain is chosen anew, five copies are drawn, and ``posynth.pool`` is asked, as a user
would. Columns, for nominal .95:

* ``original``: the interval of the source itself, by Firth's logit or least squares;
* ``pooled``: that of five pooled copies; ``bias``: of its centre, in standard errors of the source;
* ``posterior``: the equal-tailed interval of the conditional's own slope, where it is one.

Samples whose copies lack the rare level, so that there is no estimate, are counted in ``without``;
the other columns are about those that have one.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

import posynth
from posynth.engines.choose import fit
from posynth.families import family
from posynth.posterior.plan import plan
from posynth.posterior.task import encode_table, make_task
from posynth.posterior.wishes import Wishes

RESULTS = Path(__file__).resolve().parent / "results" / "few_cases.csv"
RUNS, COPIES, SEED = 400, 5, 41
Z = stats.norm.isf(0.025)


@dataclass(frozen=True)
class Case:
    """A population, what is estimated, and its true values.

    ``posterior`` maps an estimand to (conditional, predictor) whose slope it is; ``methods`` names
    families, where the chain is not left to its defaults.
    """

    simulate: Callable
    analyse: Callable
    truth: dict
    posterior: dict = field(default_factory=dict)
    impute: int = 0
    methods: dict = field(default_factory=dict)


def logistic(y, X):
    """Return slopes by Firth's penalised likelihood and their covariance; they always exist.

    Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80(1), 27-38.
    """
    A = np.column_stack([np.ones(len(X)), X])
    theta = np.zeros(A.shape[1])
    theta[0] = logit(np.clip(np.mean(y), 1 / len(y), 1 - 1 / len(y)))
    for turn in range(200):
        p = expit(A @ theta)
        information = (A.T * (p * (1 - p))) @ A
        covariance = np.linalg.inv(information)
        leverage = p * (1 - p) * np.einsum("ij,jk,ik->i", A, covariance, A)
        step = covariance @ (A.T @ (y - p + leverage * (0.5 - p)))
        theta = theta + np.clip(step, -2, 2) / (1 + turn // 20)  # shorter where they swing
        if np.abs(step).max() < 1e-6:
            return theta[1:], covariance[1:, 1:]
    return np.full(A.shape[1] - 1, np.nan), np.full((A.shape[1] - 1,) * 2, np.nan)


def missing_case(share, slope, noise=6):
    """y of n = 500 is missing by x; six columns of noise and one of levels come before it."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.linspace(-15, 10, 4001)
    shares = expit(grid[:, None] + slope * nodes) @ weights / weights.sum()
    start = float(np.interp(share, shares, grid))

    def simulate(rng):
        z, g = rng.standard_normal((500, noise)), rng.choice(list("pqrs"), 500)
        x = rng.standard_normal(500)
        y = x + rng.standard_normal(500)
        y[rng.random(500) < expit(start + slope * x)] = np.nan
        named = pd.DataFrame(z, columns=[f"z{i}" for i in range(noise)])
        return named.assign(g=g, x=x, y=y)

    def analyse(frame):
        q, cov = logistic(frame["y"].isna().to_numpy(float), frame[["x"]].to_numpy())
        return {"slope": q[0]}, cov[:1, :1]

    return Case(simulate, analyse, {"slope": slope}, {})


def rare_outcome(share, levels):
    """Twelve cases in 400 rows, one predictor of four with log-odds ratio 2.0, a number or 0/1."""
    chance = np.array([0.3, 0.5, 0.2, 0.5])

    def predictors(rows, rng):
        if levels:
            return (rng.random((rows, 4)) < chance).astype(float)
        return rng.standard_normal((rows, 4))

    eta = 2.0 * predictors(400_000, np.random.default_rng(0))[:, 0]
    grid = np.linspace(-8, -1, 701)
    start = float(np.interp(share, [expit(a + eta).mean() for a in grid], grid))

    def simulate(rng):
        X = predictors(400, rng)
        y = np.where(rng.random(400) < expit(start + 2.0 * X[:, 0]), "yes", "no")
        frame = pd.DataFrame(X, columns=list("abcd"))
        frame = frame.map(lambda v: "ny"[int(v)]) if levels else frame
        return frame.assign(y=y)

    def analyse(frame):
        X = (frame[list("abcd")] == "y") if levels else frame[list("abcd")]
        q, cov = logistic((frame["y"] == "yes").to_numpy(float), X.to_numpy(float))
        return dict(zip(("strong", "zero"), q[:2], strict=True)), cov[:2, :2]

    mark = "[T.y]" if levels else ""
    slopes = {"strong": ("y", f"a{mark}"), "zero": ("y", f"b{mark}")}
    return Case(simulate, analyse, {"strong": 2.0, "zero": 0.0}, slopes)


def rare_level(rows, cases):
    """A number differs by one between a level and the rest; the level has a handful of rows."""

    def simulate(rng):
        g = np.r_[np.repeat("r", cases), rng.choice(list("abc"), rows - cases)]
        x = rng.standard_normal(rows)
        return pd.DataFrame({"x": x, "g": g, "y": x + (g == "r") + rng.standard_normal(rows)})

    def analyse(frame):
        rare = (frame["g"] == "r").to_numpy(float)
        A = np.column_stack([rare, np.ones(len(frame)), frame["x"]])
        if rare.sum() < 2:
            return {"difference": np.nan}, np.full((1, 1), np.nan)
        inverse = np.linalg.inv(A.T @ A)
        q = inverse @ A.T @ frame["y"].to_numpy()
        rest = frame["y"] - A @ q
        return {"difference": q[0]}, inverse[:1, :1] * float(rest @ rest) / (len(A) - 3)

    return Case(simulate, analyse, {"difference": 1.0})


def many_predictors(first, others):
    """Forty-five numbers and an outcome of two levels in 200 rows; most of them tell nothing.

    Only the posterior of the outcome's slopes is looked at: by maximum likelihood there is none.
    """
    beta = np.r_[first, np.repeat(others, 5), np.zeros(39)]

    def simulate(rng):
        X = rng.standard_normal((200, 45))
        y = np.where(rng.random(200) < expit(X @ beta), "yes", "no")
        return pd.DataFrame(X, columns=[f"x{i}" for i in range(45)]).assign(y=y)

    names = {"strong": "x0", "some": "x1", "zero": "x20"}
    truth = {"strong": first, "some": others, "zero": 0.0}
    return Case(simulate, None, truth, {key: ("y", name) for key, name in names.items()})


def lognormal():
    """As in the README: y lognormal given x, 30 % missing more where x is high, n = 250."""
    mu, slope, noise = 0.8, 0.6, 0.5
    sd = float(np.hypot(slope, noise))

    def simulate(rng):
        x = rng.normal(size=250)
        y = np.exp(mu + slope * x + noise * rng.normal(size=250))
        return pd.DataFrame({"x": x, "y": np.where(rng.random(250) < expit(x - 1), np.nan, y)})

    def analyse(frame):
        kept = frame.dropna()
        x, y, n = kept["x"].to_numpy(), kept["y"].to_numpy(), len(kept)
        line = np.polyfit(x, np.log(y), 1)
        rest = np.log(y) - np.polyval(line, x)
        p = np.mean(y < 1)
        variances = [y.var(ddof=1) / n, rest @ rest / (n - 2) / np.sum((x - x.mean()) ** 2)]
        return {"mean": y.mean(), "slope": line[0], "share": p}, np.diag(
            [*variances, p * (1 - p) / n]
        )

    truth = {
        "mean": np.exp(mu + sd**2 / 2),
        "slope": slope,
        "share": float(stats.norm.cdf(-mu / sd)),
    }
    return Case(simulate, analyse, truth, {}, impute=10)


CASES = {
    "missing 40 of 500": missing_case(0.08, 2.0),
    "missing 100 of 500": missing_case(0.20, 2.5),
    "missing 150 of 500": missing_case(0.30, 3.0),
    "rare outcome, number": rare_outcome(0.03, levels=False),
    "rare outcome, 0/1": rare_outcome(0.03, levels=True),
    "rare level, 8 of 400": rare_level(400, 8),
    "rare level, 8 of 1000": rare_level(1000, 8),
    "45 predictors": many_predictors(1.0, 0.4),
    "45 predictors, one strong": many_predictors(2.0, 0.0),
    "imputed lognormal": lognormal(),
}


def _slopes(frame, number, posterior, target, predictor):
    if posterior is not None:
        return posterior.coefficients(target)["slope"].sel(predictor=predictor).to_numpy()
    methods = {name: "gaussian" for name in frame if name != target}
    table, chain = plan(frame, Wishes(methods=methods))
    rows = encode_table(table, chain.spec)
    conditional = chain.spec[target]
    task, coding = make_task(rows, chain.spec, conditional, family(conditional.family))
    at = coding.predictors.index(predictor)
    draws = fit(task, "auto", np.random.default_rng([SEED, number]))
    return draws.draws["beta"][..., at] / coding.encoder.scale[at]


def run(case, number):
    """Return one sample's errors and half widths: {column: {estimand: (error, half width)}}."""
    frame = case.simulate(np.random.default_rng([SEED, number]))
    found = {"original": {}, "pooled": {}, "posterior": {}}
    posterior = None
    if case.analyse:
        chain = posynth.specify(frame, methods=case.methods) if case.methods else None
        posterior = posynth.fit(frame, chain, seed=number)
    for name, (target, predictor) in case.posterior.items():
        slopes = _slopes(frame, number, posterior, target, predictor)
        low, high = np.quantile(slopes, [0.025, 0.975])
        found["posterior"][name] = ((low + high) / 2 - case.truth[name], (high - low) / 2)
    if case.analyse is None:
        return found
    q, cov = case.analyse(frame)
    for at, (name, truth) in enumerate(case.truth.items()):
        found["original"][name] = (q[name] - truth, Z * np.sqrt(cov[at, at]))
    copies = posynth.draw(posterior, m=COPIES, seed=number + 1)
    if not all(np.isfinite(list(case.analyse(copy)[0].values())).all() for copy in copies):
        return found
    about = {"impute": case.impute} if case.impute else {}
    pooled = posynth.pool(copies, case.analyse, progress=False, **about).table
    for name, truth in case.truth.items():
        low, high = pooled.loc[name, ["lower", "upper"]].astype(float)
        found["pooled"][name] = ((low + high) / 2 - truth, (high - low) / 2)
    return found


def measured(name, case, runs):
    """Return one row an estimand."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [run(case, number) for number in range(runs)]
    for estimand in case.truth:
        row = {"case": name, "estimand": estimand, "runs": runs}
        for column in ("original", "pooled", "posterior"):
            each = np.array([one[column].get(estimand, (np.nan, np.nan)) for one in found])
            there = each[np.isfinite(each).all(axis=1)]
            row[column] = np.mean(np.abs(there[:, 0]) <= there[:, 1]) if len(there) else np.nan
            if column == "pooled":
                row["bias"] = there[:, 0].mean() if len(there) else np.nan
                row["without"] = runs - len(there) if case.analyse else 0
        widths = [one["original"].get(estimand, (np.nan, np.nan))[1] for one in found]
        row["bias"] /= np.nanmedian(widths) / Z if np.isfinite(widths).any() else 1.0
        row["mcse"] = np.sqrt(0.95 * 0.05 / runs)
        rows.append(row)
    return rows


def main(about, cases, results):
    """Measure the cases named, or all, and write what was found beside what is there."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*cases, []], default=[])
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    for name in given.names or cases:
        rows = pd.DataFrame(measured(name, cases[name], given.runs))
        print(rows.round(3).to_string(index=False), flush=True)
        if results.exists():
            before = pd.read_csv(results)
            rows = pd.concat([before[before["case"] != name], rows])
        rows.to_csv(results, index=False, float_format="%.4g")


if __name__ == "__main__":
    main(__doc__, CASES, RESULTS)
