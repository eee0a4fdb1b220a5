"""Pool estimates and variances that were computed elsewhere: numbers in, one inference out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from posynth.arguments import truth
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.moments import Floats
from posynth.evaluation.inference.pool import Pooled, pool


def pool_estimates(  # noqa: PLR0913 - what a manifest says, and how to pool
    q: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    n: int,
    k: int,
    names: Sequence[str] | None = None,
    df_com: float = float("inf"),
    proper: bool = True,
    rule: Any = "auto",
    estimand: str = "population",
    level: float = 0.95,
    **made: Any,
) -> Pooled:
    """Pool m estimates and their variances, one a copy, as they come from any program.

    Parameters
    ----------
    q : array_like
        Estimates, (m,) of one coefficient or (m, p) of several.
    v : array_like
        What each copy gives as if it were real data: variances (squared standard errors), of the
        shape of ``q``; or covariance matrices, (m, p, p), which joint tests need.
    n, k : int
        Rows of the source and of a copy.
    names : sequence of str, optional
        Names of the p coefficients.
    df_com : float
        Residual degrees of freedom of the analysis of one copy, such as k - p of a linear
        regression; infinite where it uses a normal reference, as a logistic regression does.
    proper : bool
        Whether every copy took a posterior draw of its own (synthpop's do only with
        ``proper = TRUE``).
    rule, estimand, level
        As for ``posynth.pool``.
    **made
        What else a `Provenance` says of the copies: ``unsynthesised``, ``missing`` (by default
        ``"impute"`` if there are nests), ``nests``.

    Returns
    -------
    Pooled
        ``pooled.table`` has one row a coefficient, ``pooled.text`` the rule in words.

    Raises
    ------
    MeasureError
        If shapes do not fit each other, a variance is negative, or no rule fits the copies.
    SpecError
        If ``proper`` is neither True nor False.

    Examples
    --------
    >>> pooled = pool_estimates([1.0, 1.2, 0.9], [0.04, 0.05, 0.04], n=100, k=100)
    >>> pooled.table.index.tolist(), round(float(pooled.table["estimate"].iloc[0]), 3)
    (['q'], 1.033)
    """
    values, cov, covariances_known = _shaped(q, v)
    labels = _labels(names, values.shape[1])
    imputed = {"missing": "impute"} if made.get("nests", 1) != 1 else {}
    made = {**imputed, **made, "proper": truth("proper", proper)}
    try:
        provenance = Provenance(n=n, k=k, m=len(values), **made)
    except TypeError as error:
        raise MeasureError(
            f"{str(error).removeprefix('Provenance.__init__() ')}; what can be said of copies: "
            "proper, unsynthesised, missing, nests, without_noise"
        ) from None
    estimates = [
        Estimate(labels, each, matrix, df_com) for each, matrix in zip(values, cov, strict=True)
    ]
    pooled = pool(estimates, provenance, rule=rule, estimand=estimand, level=level)
    return pooled if covariances_known else _without_covariances(pooled)


def _shaped(q: npt.ArrayLike, v: npt.ArrayLike) -> tuple[Floats, Floats, bool]:
    """Return estimates (m, p), covariance matrices (m, p, p), and whether covariances are known."""
    try:
        values, spread = np.asarray(q, dtype=float), np.asarray(v, dtype=float)
    except (TypeError, ValueError):
        raise MeasureError("q and v must be numbers: estimates and variances, one a copy") from None
    single = values.ndim == 1
    values = values[:, None] if single else values
    if values.ndim != 2 or not values.size:
        raise MeasureError(
            f"q has shape {values.shape}; give (m,) for one coefficient, or (m, p) for p of them"
        )
    if single and spread.ndim == 1:
        spread = spread[:, None]
    m, p = values.shape
    if spread.shape == (m, p):
        return values, spread[:, :, np.newaxis] * np.eye(p), p == 1
    if spread.shape == (m, p, p):
        return values, spread, True
    raise MeasureError(
        f"q is of {m} copies and {p} coefficient(s), but v has shape {np.shape(v)}; give a "
        f"variance for each, ({m}, {p}), or covariance matrices, ({m}, {p}, {p})"
    )


def _without_covariances(pooled: Pooled) -> Pooled:
    """Mark covariances as unknown (NaN), so that they are not taken for zero in a joint test."""
    within = pooled.moments.within.copy()
    within[~np.eye(len(within), dtype=bool)] = np.nan
    return replace(pooled, moments=replace(pooled.moments, within=within))


def _labels(names: Sequence[str] | None, p: int) -> tuple[str, ...]:
    if names is None:
        return ("q",) if p == 1 else tuple(f"q{i}" for i in range(1, p + 1))
    labels = (names,) if isinstance(names, str) else tuple(map(str, names))
    if len(labels) != p:
        raise MeasureError(f"{len(labels)} names for {p} coefficient(s); name every one")
    return labels
