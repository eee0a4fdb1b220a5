"""How long chains run: first as long as they usually need to pass, then a little longer.

Limits do not depend on the number of draws, so chains that have converged pass once they are long
enough, and those that have not do not. Looking again after 15 % more costs less than running all
of them for as long as the unluckiest need; later looks are further apart, since each is a chance
for chains that have not converged: at most five in four times the first length.
"""

import math

from posynth.engines.diagnostics import Convergence, draws_to_pass, tail_needed

FIRST_SHARE = 0.6  # of converged chains that pass at the first look
#: R-hat up to which chains are extended by powers of GROWTH, and beyond which to MOST their length.
NEAR, GROWTH, MOST = 1.02, 1.15, 2.0


def effective_target(need: int, size: int) -> float:
    """Return how many effective draws chains of ``size`` parameters usually need to pass."""
    return float(max(1.1 * need, draws_to_pass(size, FIRST_SHARE)))


def first_length(need: int, size: int, efficiency: float, chains: int) -> int:
    """Return the steps of each chain before the first look.

    Parameters
    ----------
    need : int
        Effective draws asked for.
    size : int
        Number of parameters.
    efficiency : float
        Effective draws expected of a step.
    chains : int
        Number of chains.

    Examples
    --------
    >>> first_length(400, 50, 0.8, 4)
    291
    """
    return math.ceil(effective_target(need, size) / efficiency / chains)


def further(mixed: Convergence, need: int, length: int, looks: int) -> int:
    """Return by how many steps to extend chains of this length that did not pass yet.

    Parameters
    ----------
    mixed : Convergence
        What they have shown.
    need : int
        Effective draws asked for.
    length : int
        Steps of each chain so far.
    looks : int
        How often they were looked at.

    Examples
    --------
    >>> [further(Convergence(1.012, 930.0, 800.0, 0.36), 400, 284, looks) for looks in (1, 2, 3)]
    [43, 92, 148]
    >>> further(Convergence(1.012, 300.0, 280.0, 0.44), 400, 284, 1)
    163
    >>> further(Convergence(1.2, 80.0, 70.0, 0.9), 400, 284, 1)
    284
    """
    short = max(need / mixed.ess, tail_needed(need) / mixed.ess_tail) if mixed.ess > 0 else MOST
    wanted = max(GROWTH**looks if mixed.r_hat <= NEAR else MOST, 1.1 * short)
    return math.ceil((min(wanted, MOST) - 1) * length)
