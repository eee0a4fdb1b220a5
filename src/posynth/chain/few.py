r"""Columns of few different numbers, such as ratings, seen as levels of a multinomial logit.

.. math:: P(y = v_c) \propto \exp(\alpha_c + X\beta_c), \quad \beta_{jc} \sim N(0, 1/\rho)

A normal regression on a learned scale is an ordered probit there: predictors can only shift values
up or down. Where they do more - some occupations stand beside each other in number only - levels
tell it. This fit only chooses; posteriors come from the engines.
"""

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

#: Different values up to which levels are considered, and rows the rarest of them must have.
MOST_VALUES, LEAST_ROWS = 16, 10
#: Steps of L-BFGS; the choice does not need the last digits.
STEPS = 60


def numbers_of(values: Floats) -> Floats:
    """Return the different numbers among values (n,), holes left out, in order."""
    found: Floats = np.unique(values[~np.isnan(values)])
    return found


def codes_of(numbers: Floats, values: Floats) -> NDArray[np.int64]:
    """Return the place of each value among the numbers; -1 where it is none of them."""
    place = np.searchsorted(numbers, values).clip(0, len(numbers) - 1)
    return np.where(numbers[place] == values, place, -1).astype(np.int64)


def may_be_levels(values: Floats) -> bool:
    """Whether values are few enough, and each is common enough, to be thought of as levels."""
    numbers, counts = np.unique(values, return_counts=True)
    return 2 < len(numbers) <= MOST_VALUES and int(counts.min()) >= LEAST_ROWS


def multinomial(X: Floats, codes: NDArray[np.int64], levels: int, ridge: float) -> Floats:
    """Return coefficients of a multinomial logit, intercepts first, (1 + p, levels)."""
    from scipy.optimize import minimize

    A = np.vstack([np.ones(len(X)), X.T])  # rows are the last axis: sums over levels then are fast
    seen = (codes == np.arange(levels)[:, None]).astype(np.float64)
    target, penalty = seen @ A.T, np.full(len(A), ridge)
    penalty[0] = ridge / 100

    def loss(flat: Floats) -> tuple[float, Floats]:
        beta = flat.reshape(levels, len(A))
        eta = beta @ A
        highest = eta.max(axis=0)
        p = np.exp(eta - highest)
        total = p.sum(axis=0)
        value = float(np.sum(highest + np.log(total))) - float(np.sum(target * beta))
        value += 0.5 * float(np.sum(penalty * beta**2))
        return value, ((p / total) @ A.T - target + penalty * beta).ravel()

    start = np.zeros((levels, len(A)))
    start[:, 0] = np.log(seen.sum(axis=1) + 0.5)
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x).reshape(levels, len(A)).T


def probabilities(beta: Floats, X: Floats) -> Floats:
    """Return the probability of each level for each row, (n, levels)."""
    from scipy.special import softmax

    found: Floats = softmax(beta[0] + X @ beta[1:], axis=1)
    return found
