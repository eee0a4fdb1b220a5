"""One combining rule as a record: posynth's own are in the catalogue, users pass theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from posynth.errors import MeasureError
from posynth.evaluation.inference import rules, wald
from posynth.evaluation.inference.moments import Floats, Moments
from posynth.evaluation.inference.rules import Spread


@dataclass(frozen=True)
class Rule:
    """A combining rule: one of posynth's own, or a user's.

    A user's rule is a name and a function from `Moments` to the variance of q̄ about Q and the
    degrees of freedom of its t reference; pass it as ``rule=`` to `pool` or `compare`. Everything
    in the moments is an array with one value a coefficient: ``center`` q̄, ``within`` v̄,
    ``between`` b, ``original`` V̂ = v̄·k/n, and ``m``, ``n``, ``k``, ``df_com``.

    Attributes
    ----------
    name : str
        What tables and texts call it.
    formula, when : str
        Its variance for the population estimand as printed, and when it holds: both are part of
        what the reader of an inference is told.
    function : callable
        Moments to `Spread` (or a pair): the variance of q̄ about Q, one value a coefficient, not
        negative; and degrees of freedom above 0, infinite for a normal reference.
    original : callable
        The same about q̂_obs; variance b/m with m - 1 degrees of freedom if not given.
    joint, joint_original : callable
        Difference and matrix moments to the multivariate `FTest`, about Q and about q̂_obs; no
        test about Q if not given.
    copies : tuple of int
        Fewest copies needed for Q and for q̂_obs.
    nested : bool
        Whether it needs at least 2 imputations with at least 2 copies each.
    fmi : callable, optional
        Moments and Spread to the fraction of information lost; 1 - V̂/T if not given.
    signed : bool
        Whether its variance may be negative or undefined, as a difference of two variances; the
        coefficient then has no interval, which a note says. Otherwise that is an error.

    Raises
    ------
    MeasureError
        If a text is missing, or a function cannot be called.

    Examples
    --------
    Plug-in copies whose variance between copies is taken as it is found, with a normal reference:

    >>> import numpy as np
    >>> cautious = Rule(
    ...     name="larger of two",
    ...     formula="T = v̄·k/n + max(b, v̄)/m",
    ...     when="for plug-in copies of every column, whose b should not be below v̄",
    ...     function=lambda x: (x.original + np.maximum(x.between, x.within) / x.m, np.inf),
    ... )
    >>> from posynth.evaluation.base import Provenance
    >>> from posynth.evaluation.inference import Estimate, pool
    >>> copies = [Estimate(("mean",), [q], [[0.04]]) for q in (1.0, 1.1)]
    >>> pooled = pool(copies, Provenance(n=100, k=100, m=2, proper=False), rule=cautious)
    >>> round(float(pooled.table.loc["mean", "std error"]), 4)
    0.2449
    """

    name: str
    formula: str
    when: str
    function: Callable[[Moments], Any]
    original: Callable[[Moments], Any] = rules.about_original
    joint: Callable[[Floats, Moments], wald.FTest] = wald.none
    joint_original: Callable[[Floats, Moments], wald.FTest] = wald.hotelling
    copies: tuple[int, int] = (2, 2)
    nested: bool = False
    fmi: Callable[[Moments, Spread], Floats] | None = None
    signed: bool = False

    def __post_init__(self) -> None:
        for key in ("name", "formula", "when"):
            found = getattr(self, key)
            if not isinstance(found, str) or not found.strip():
                raise MeasureError(
                    f"rule: {key} = {found!r}; give a text, which is printed with every inference"
                )
        for key in ("function", "original", "joint", "joint_original"):
            if not callable(found := getattr(self, key)):
                raise MeasureError(
                    f"rule {self.name!r}: {key} is a {type(found).__name__}, not a function; pass "
                    "a function of the moments that returns (variance, degrees of freedom)"
                )

    def spread(self, x: Moments, estimand: str = "population") -> Spread:
        """Variance of q̄ and degrees of freedom, one value an estimand.

        Raises
        ------
        MeasureError
            If a user's function fails, or returns anything but a `Spread`.
        """
        run = self.function if estimand == "population" else self.original
        with np.errstate(divide="ignore", invalid="ignore"):
            return checked_spread(self.name, run, x, signed=self.signed)

    def lost(self, x: Moments, spread: Spread) -> Floats:
        """Fraction of the information about Q lost on the way from the original rows."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.fmi is not None:
                return self.fmi(x, spread)
            share: Floats = np.where(spread.variance > 0, 1 - x.original / spread.variance, np.nan)
            return share

    def test(self, difference: Floats, x: Moments, estimand: str = "population") -> wald.FTest:
        """Multivariate test of a difference q̄ - Q₀, (..., p)."""
        run = self.joint if estimand == "population" else self.joint_original
        return run(difference, x)


def checked_spread(
    name: str, run: Callable[[Moments], Any], x: Moments, signed: bool = False
) -> Spread:
    """Call a rule and return its spread, or say what is wrong with it.

    Parameters
    ----------
    name : str
        Name of the rule, for messages.
    run : callable
        Moments to variance and degrees of freedom.
    x : Moments
        What it reads.
    signed : bool
        Whether a variance may be negative or undefined.

    Returns
    -------
    Spread
        With one value a coefficient.

    Raises
    ------
    MeasureError
        If the function fails, does not return two parts, or returns a variance or degrees of
        freedom that have the wrong shape, are not numbers, or are negative.
    """
    # A user's function may raise anything; he needs to know that it was his.
    try:
        found = run(x)
    except Exception as error:
        raise MeasureError(
            f"rule {name!r}: its function failed with {type(error).__name__}: {error}; call it on "
            "pooled.moments to see where"
        ) from error
    if not isinstance(found, tuple | list) or len(found) != len(Spread._fields):
        raise MeasureError(
            f"rule {name!r}: its function returned {type(found).__name__}; return a pair "
            "(variance, degrees of freedom), infinite degrees of freedom for a normal reference"
        )
    variance, df = (
        _numbers(name, what, part, x.center.shape)
        for what, part in zip(("variance", "degrees of freedom"), found, strict=True)
    )
    if signed:
        return Spread(variance, df)
    if not (np.isfinite(variance) & (variance >= 0)).all():
        worst = variance[~(np.isfinite(variance) & (variance >= 0))].flat[0]
        raise MeasureError(
            f"rule {name!r}: its variance is {worst:.4g}; it must be 0 or more: fall back to "
            "another formula where it is negative, as rrr_adjusted does, or set signed=True, which "
            "leaves such coefficients without an interval"
        )
    if not (df > 0).all():
        raise MeasureError(
            f"rule {name!r}: its degrees of freedom are {df[~(df > 0)].flat[0]:.4g}; they must be "
            "above 0, numpy.inf for a normal reference"
        )
    return Spread(variance, df)


def _numbers(name: str, what: str, found: Any, shape: tuple[int, ...]) -> Floats:
    try:
        array = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        raise MeasureError(
            f"rule {name!r}: its {what} is {type(found).__name__}, not numbers; return one value "
            "a coefficient"
        ) from None
    if array.shape not in ((), shape):
        raise MeasureError(
            f"rule {name!r}: its {what} has shape {array.shape}, but there are coefficients of "
            f"shape {shape}; return one value a coefficient, or a single number"
        )
    return np.broadcast_to(array, shape).copy()
