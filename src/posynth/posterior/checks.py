"""Bayesian checks of each conditional through ArviZ: LOO, and what draws of its rows look like."""

from typing import TYPE_CHECKING

import numpy as np

from posynth.arguments import of_type, whole
from posynth.chain.blocks import Floats
from posynth.engines.threads import ignored_warnings
from posynth.posterior.predictive import log_likelihood, posterior_predictive
from posynth.posterior.record import Posterior
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.view import has_posterior
from posynth.results import Result
from posynth.table.inputs import as_frame

if TYPE_CHECKING:
    import pandas as pd

BAD_K = 0.7


def check_conditionals(
    posterior: Posterior, df: "pd.DataFrame", *, draws: int = 100, rows: int = 500, seed: int = 0
) -> list[Result]:
    """Check every conditional on the rows it was fitted on.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    df : pandas.DataFrame
        The source.
    draws : int
        Posterior draws used.
    rows : int
        At most so many rows are looked at, drawn at random.
    seed : int
        Seed of rows and draws.

    Returns
    -------
    list of Result
        Two a conditional: ``LOO`` (expected log predictive density of a row left out, with its
        standard error and the share of rows whose Pareto k is above 0.7) and ``PPC`` (posterior
        predictive p-value of the response's skewness, or of its commonest level).
        Both are computed from confidential rows and marked so.

    Examples
    --------
    >>> import posynth
    >>> df = posynth.load_heart_failure()[["age", "platelets"]]
    >>> [r.measure for r in check_conditionals(posynth.fit(df, seed=1), df)]
    ['LOO', 'PPC', 'LOO', 'PPC']
    """
    draws, rows = whole("draws", draws), whole("rows", rows)
    step = "pass what `fit` returned, or the .posterior of copies, in the order (posterior, df)"
    posterior = of_type("posterior", posterior, Posterior, step)
    rng, df = stream(seed, Purpose.PREDICT, ""), as_frame(df)
    if len(df) > rows:
        df = df.iloc[np.sort(rng.choice(len(df), rows, replace=False))]
    found = []
    for target in posterior.estimated:
        if _has_rows(posterior, target, df):
            if has_posterior(posterior, target):
                found.append(_loo(posterior, target, df, draws))
            found.append(_ppc(posterior, target, df, draws, seed))
    return found


def _has_rows(posterior: Posterior, target: str, df: "pd.DataFrame") -> bool:
    conditional = posterior.spec[target]
    return bool(conditional.indicates) or bool(df[target].notna().sum() > 1)


def _loo(posterior: Posterior, target: str, df: "pd.DataFrame", draws: int) -> Result:
    import arviz as az

    with ignored_warnings(UserWarning):  # what it warns of is counted below
        loo = az.loo(log_likelihood(posterior, target, df, draws), pointwise=True)
    pareto = np.asarray(loo.pareto_k)
    share, count = float(np.mean(pareto > BAD_K)), len(pareto)
    each, error = float(loo.elpd) / count, float(loo.se) / count
    return Result(
        "LOO",
        each,
        target,
        (each - 1.96 * error, each + 1.96 * error),
        share < 0.01,
        f"expected log density of a row left out; {share:.1%} of {count} rows decide their own fit",
        {"p_loo": float(loo.p), "bad_k": share, "rows": count, "row_level": True},
    )


def _ppc(posterior: Posterior, target: str, df: "pd.DataFrame", draws: int, seed: int) -> Result:
    tree = posterior_predictive(posterior, target, df, draws, seed)
    drawn = next(iter(tree["posterior_predictive"].data_vars.values())).to_numpy()
    drawn = drawn.reshape(-1, drawn.shape[-1])
    observed = next(iter(tree["observed_data"].data_vars.values())).to_numpy()
    coding = posterior.links[target].coding
    known = bool(posterior.spec[target].indicates)
    known |= target in posterior.schema and posterior.schema[target].kind.is_categorical
    numeric = not known and (bool(coding.numbers) or not coding.levels)
    if numeric:
        name, statistic, value = "skewness", _skewness(drawn), float(_skewness(observed[None])[0])
    else:
        level = _commonest(observed)
        name, statistic = "share of the commonest level", np.mean(drawn == level, axis=1)
        value = float(np.mean(observed == level))
    tail = _tail(statistic, value)
    return Result(
        "PPC",
        tail,
        target,
        None,
        0.005 < tail < 0.995,
        f"share of draws whose {name} is above the observed one; near 0 or 1 the model misses it",
        {"statistic": name, "row_level": True},
    )


def _tail(statistic: Floats, value: float) -> float:
    """Share of draws above the value; ties count half."""
    return float(np.mean(statistic > value) + 0.5 * np.mean(statistic == value))


def _skewness(values: Floats) -> Floats:
    """Skewness of each row of values (s, n)."""
    centred = values - values.mean(axis=1, keepdims=True)
    skew: Floats = np.mean(centred**3, axis=1) / np.mean(centred**2, axis=1) ** 1.5
    return skew


def _commonest(values: Floats) -> float:
    levels, counts = np.unique(values, return_counts=True)
    return float(levels[counts.argmax()])
