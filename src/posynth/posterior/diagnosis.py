"""How well one conditional was fitted, what did not pass, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from posynth.engines.base import K_HAT_LIMIT, Fit
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
        Largest R-hat and its limit.
    ess, ess_needed : float
        Smallest bulk effective sample size, and how much was asked for.
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
    ess: float
    ess_needed: float
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


def k_hat_limit(fit: Fit) -> float:
    """Return the limit of k-hat, NaN where k-hat did not decide whether the fit was used."""
    return K_HAT_LIMIT if fit.k_hat < K_HAT_LIMIT else float("nan")
