"""The two null scales: plug-in copies (synthpop's) and proper draws, and the record for both.

A measure's *standardised* value S is the raw value over its expectation when the copies come from
the right model. That expectation depends on how the copies were drawn. With n original rows, k
synthetic rows and c = k / (n + k), the difference between original and copy has variance V n / k
given the original when the copy is drawn at the point estimate (plug-in), and V + V n / k when
it takes its own posterior draw (proper); the ratio is 1 / (1 - c). Hence

    S_proper = S_plugin (1 - c)          for measures quadratic in the difference (order 1)
    S_proper = S_plugin sqrt(1 - c)      for measures linear in the difference (order 1/2).

On the plug-in scale, an exact copy scores 0, a bootstrap resample of the original 1, and a perfect
proper copy, like a second sample of the same population, 1 / (1 - c): 2 if k = n, 4 if k = 3 n.
R's synthpop has the plug-in scale only.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.values import Floats
from posynth.results import Result

LIMIT = 3.0
"""Above this S a table deserves work: "below 10, or better still below 3" (synthpop's vignette on
utility, 1.9-2). It is applied on the scale that fits how the copies were drawn."""
_CHANCE = 0.05


def shares(comparison: Comparison) -> Floats:
    """Return c = k / (n + k) of every copy, shape (m,)."""
    n = len(comparison.original)
    return np.array([len(copy) / (n + len(copy)) for copy in comparison.copies])


def to_proper(plugin: Floats, comparison: Comparison, order: float = 1.0) -> Floats:
    """Put plug-in ratios, shape (m,), on the scale of proper draws.

    Parameters
    ----------
    plugin : ndarray, shape (m,)
        S of every copy on the plug-in scale.
    comparison : Comparison
        The original and its copies; their row numbers give c.
    order : float
        1 for measures quadratic in the difference, 1/2 for linear ones.

    Returns
    -------
    ndarray, shape (m,)
        S of every copy on the proper scale.
    """
    return np.asarray(plugin * (1 - shares(comparison)) ** order)


def fitting(plugin: float, proper: float, comparison: Comparison) -> float:
    """Return the S whose null fits how the copies were drawn."""
    return proper if comparison.provenance.proper else plugin


def limit_of(df: float, copies: int, tables: int) -> float:
    """Return the S of a table above which it deserves work: 3, or more where chance gives more.

    Given the source, the statistic of each copy of the right model is chi-squared with df, and
    copies are independent, so df m S is chi-squared with df m.

    Parameters
    ----------
    df : float
        Degrees of freedom of the table.
    copies : int
        m, over which S is a mean.
    tables : int
        Tables looked at: with probability .95 none of a right model exceeds its limit.

    Examples
    --------
    >>> [round(limit_of(df, m, 45), 1) for df, m in ((1, 1), (1, 5), (16, 5))]
    [10.6, 4.1, 3.0]
    """
    from scipy.special import chdtri

    if not df > 0:
        return LIMIT
    return max(LIMIT, float(chdtri(df * copies, _CHANCE / max(tables, 1))) / (df * copies))


def ratio_result(
    measure: str,
    plugin: Floats,
    comparison: Comparison,
    *,
    subject: str = "",
    order: float = 1.0,
    details: Mapping[str, Any] | None = None,
    limit: float = LIMIT,
) -> Result:
    """Write the record of a standardised measure with both scales.

    Parameters
    ----------
    measure : str
        Its name.
    plugin : ndarray, shape (m,)
        S of every copy on the plug-in scale.
    comparison : Comparison
        The original and its copies.
    subject : str
        Column or pair judged.
    order : float
        See :func:`to_proper`.
    details : mapping, optional
        Further numbers.
    limit : float
        The largest S that passes.

    Returns
    -------
    Result
        The value is the mean over copies on the scale that fits how they were drawn: 1 is ideal.
        Details: ``limit``, ``S_plugin``, ``S_proper``, ``per_copy`` (on the plug-in scale,
        which is synthpop's) and ``per_copy_proper``.
    """
    proper = to_proper(plugin, comparison, order)
    means = float(np.mean(plugin)), float(np.mean(proper))
    own = fitting(*means, comparison)
    where = f"{measure} of {subject}" if subject else measure
    scales = {
        "limit": limit,
        "S_plugin": means[0],
        "S_proper": means[1],
        "per_copy": plugin.tolist(),
        "per_copy_proper": proper.tolist(),
    }
    return Result(
        measure,
        own,
        subject,
        passed=None if np.isnan(own) else own <= limit,
        text=_sentence(where, means, comparison, order, limit),
        details={**scales, **(details or {})},
    )


def _sentence(
    where: str, means: tuple[float, float], comparison: Comparison, order: float, limit: float
) -> str:
    chance = ", the most that chance explains" if limit > LIMIT else ""
    said = f"1 is ideal, {limit:.2g} a limit{chance}"
    if not comparison.provenance.proper:
        return f"{where}: {means[0]:.2f} for plug-in copies; {said}."
    return (
        f"{where}: {means[1]:.2f} for proper copies; {said} (on synthpop's scale, on which perfect "
        f"proper copies score {_ideal(comparison, order):.2f}: {means[0]:.2f})."
    )


def _ideal(comparison: Comparison, order: float) -> float:
    """Return what perfect proper copies score on the plug-in scale, on average."""
    return float(np.mean((1 - shares(comparison)) ** -order))
