"""How well one conditional was fitted, what did not pass, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from posynth.engines.base import K_HAT_LIMIT, Fit
from posynth.engines.diagnostics import R_HAT_LIMIT, SHIFT_LIMIT, tail_needed
from posynth.engines.own import DRAWS_A_COPY


@dataclass(frozen=True)
class Diagnosis:
    """What is known of how well one conditional was fitted; one row of ``diagnostics.csv``.

    Attributes
    ----------
    target, family, engine, why : str
        The conditional, its family, the engine used and the reason for it.
    n, parameters : int
        Rows fitted and scalar parameters.
    k_hat, k_hat_limit : float
        Pareto k-hat of the Laplace proposal, and the limit it must stay below; the limit is NaN
        where k-hat was not what decided, see ``why``.
    r_hat, r_hat_limit : float
        Largest R-hat, bulk or folded, and its limit.
    shift, shift_limit : float
        Bound on how far the mean of one chain is from that of the others, in posterior standard
        deviations, and its limit.
    ess, ess_needed, ess_tail, ess_tail_needed : float
        Smallest effective sample sizes of the bulk and of 5 % tails, and how much was asked for.
    divergences : int
        Divergent transitions; the limit is 0.
    seconds : float
        Time taken to fit.
    proper : bool
        Whether a draw carries parameter uncertainty.
    independent : bool
        Whether the draws are independent by construction, so that none of the limits applies.
    passed : bool
        Whether every diagnostic is within its limit.
    reasons : tuple of str
        What is not within its limit: value and limit.
    """

    target: str
    family: str
    engine: str
    n: int
    parameters: int
    k_hat: float
    k_hat_limit: float
    r_hat: float
    r_hat_limit: float
    shift: float
    shift_limit: float
    ess: float
    ess_needed: float
    ess_tail: float
    ess_tail_needed: float
    divergences: int
    seconds: float
    proper: bool
    independent: bool
    passed: bool
    reasons: tuple[str, ...]
    why: str

    def failures(self, m: int = 0) -> tuple[str, ...]:
        """Return what is wrong with it as a source of m copies, each with value and limit.

        Parameters
        ----------
        m : int
            Copies to draw; dependent draws need 20 effective ones a copy, or copies would share
            parts of their posterior draws. 0 for whatever it was fitted for.

        Returns
        -------
        tuple of str
            Empty if nothing is wrong.
        """
        needed = DRAWS_A_COPY * m
        if self.independent or self.ess >= needed:
            return self.reasons
        if needed <= self.ess_needed:  # ESS is among the reasons already
            return self.reasons
        others = (reason for reason in self.reasons if not reason.startswith("ESS"))
        return (*others, f"ESS {self.ess:.0f} < {needed} ({DRAWS_A_COPY} a copy of {m})")

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table, with the reasons as one text."""
        return asdict(self) | {"reasons": "; ".join(self.reasons)}


def reasons(fit: Fit, need: int) -> tuple[str, ...]:
    """Return what of a fit is not within its limit, each with value and limit.

    Parameters
    ----------
    fit : Fit
        Draws with their diagnostics.
    need : int
        Effective draws asked for.

    Returns
    -------
    tuple of str
        Empty if it passes.
    """
    found = list(() if fit.independent else fit.mixed.reasons(need))
    if fit.divergences:
        draws = next(iter(fit.draws.values())).shape[:2]
        found.append(f"{fit.divergences} divergences of {draws[0] * draws[1]} draws > 0")
    return tuple(found)


def values_and_limits(fit: Fit, need: int) -> dict[str, float]:
    """Return every diagnostic with its limit, NaN where none applies.

    Independent draws have no limits; k-hat has none where it did not decide whether the proposal
    was used, since all ratios are close to their mean.
    """
    nan = float("nan")
    mixed = fit.mixed
    limits = {
        "r_hat_limit": R_HAT_LIMIT,
        "shift_limit": SHIFT_LIMIT,
        "ess_needed": float(need),
        "ess_tail_needed": float(tail_needed(need)),
    }
    return {
        "k_hat": fit.k_hat,
        "k_hat_limit": K_HAT_LIMIT if fit.k_hat < K_HAT_LIMIT else nan,
        "r_hat": mixed.r_hat,
        "shift": mixed.shift,
        "ess": mixed.ess,
        "ess_tail": mixed.ess_tail,
        **(dict.fromkeys(limits, nan) if fit.independent else limits),
    }
