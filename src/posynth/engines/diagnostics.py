"""R-hat, effective sample size and k-hat, for all parameters of a conditional at once.

ArviZ has the same measures and the tests hold these to its numbers; they are written here
because importing its statistics costs more than fitting a small table.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Convergence:
    """How well chains have mixed, over all parameters.

    Attributes
    ----------
    r_hat : float
        Largest rank-normalised split R-hat, bulk or folded; NaN if a parameter never moves.
    ess : float
        Smallest bulk effective sample size.
    limit : float
        The R-hat that chains of this many effective draws would stay below with probability .99
        if they had converged; never below 1.01.
    """

    r_hat: float
    ess: float
    limit: float

    def enough(self, need: float) -> bool:
        """Whether the draws can be used where ``need`` effective ones are asked for."""
        return not self.reasons(need)

    def reasons(self, need: float) -> tuple[str, ...]:
        """Return what is not within its limit, each with value and limit; empty if all is."""
        found = []
        if not self.r_hat <= self.limit:
            found.append(f"R-hat {self.r_hat:.3f} > {self.limit:.3g}")
        if not self.ess >= need:
            found.append(f"ESS {self.ess:.0f} < {need:.0f}")
        return tuple(found)


def convergence(thetas: Floats, need: float) -> Convergence:
    """Judge chains by R-hat and ESS (Vehtari et al. 2021, Bayesian Analysis 16:667).

    Parameters
    ----------
    thetas : ndarray, shape (chain, draw, d)
        Draws of all parameters.
    need : float
        Effective draws asked for; fewer than these do not widen the limit for R-hat further.

    Returns
    -------
    Convergence
        The largest R-hat, the smallest ESS, and the limit for R-hat.
    """
    chains, draws, size = thetas.shape
    if size == 0:
        return Convergence(1.0, float(chains * draws), 1.01)
    bulk = _rank_normalise(_split(thetas))
    folded = _rank_normalise(_split(np.abs(thetas - np.median(thetas, axis=(0, 1)))))
    # A parameter that never moves gives 0 / 0: NaN, which is not "enough".
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = float(np.max([_r_hat(bulk), _r_hat(folded)]))
        ess, spread = float(_ess(bulk).min()), float(_ess(folded).min())
    effective = max(need, min(ess, spread, chains * draws))
    return Convergence(r_hat, ess, r_hat_limit(chains, effective, size))


def r_hat_limit(chains: int, effective: float, size: int) -> float:
    """Return 1.01, or what that many independent draws would show, if that is larger.

    For draws in C half-chains, each worth N independent ones, (R-hat^2 - 1) N + 1 is about
    chi2(C - 1) / (C - 1); the limit is the 99 % point of the largest of ``2 * size`` of them.
    """
    from scipy.special import chdtri

    halves = 2 * chains
    quantile = float(chdtri(halves - 1, 0.01 / (2 * max(size, 1)))) / (halves - 1)
    return max(1.01, float(np.sqrt(1.0 + (quantile - 1.0) / (effective / halves))))


def k_hat(log_ratios: Floats) -> float:
    """Return the Pareto k-hat of importance ratios.

    Parameters
    ----------
    log_ratios : ndarray, shape (s,)
        Log importance ratios, up to a constant.

    Returns
    -------
    float
        Shape of the generalised Pareto distribution fitted to the largest ratios (Vehtari et al.
        2024, JMLR 25:72; fit of Zhang and Stephens 2009); below 0.7 they can be relied on.
        Minus infinity where all ratios are equal.
    """
    ratios = np.sort(np.where(np.isfinite(log_ratios), log_ratios, -np.inf))
    ratios = np.exp(ratios - ratios[-1])
    count = len(ratios)
    tail = int(min(0.2 * count, 3 * np.sqrt(count)))
    excess = ratios[-tail:] - ratios[-tail - 1]
    if excess[-1] < 1e-9 or tail < 5:
        return float("-inf") if excess[-1] < 1e-9 else float("inf")
    return _pareto_shape(excess)


def _pareto_shape(excess: Floats) -> float:
    """Shape by the quasi-Bayesian fit of Zhang and Stephens, with its prior pull towards 0.5."""
    excess = np.maximum(excess, 1e-300)
    count = len(excess)
    grid = 30 + int(np.sqrt(count))
    quartile = excess[int(count / 4 + 0.5) - 1]
    b = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    b = b / (3 * quartile) + 1 / excess[-1]
    k = np.mean(np.log1p(-b[:, None] * excess), axis=1)
    score = count * (np.log(-(b / k)) - k - 1)
    weight = np.exp(score - score.max())
    weight /= weight.sum()
    keep = weight >= 10 * np.finfo(float).eps
    posterior_b = np.sum(b[keep] * weight[keep]) / weight[keep].sum()
    shape = float(np.mean(np.log1p(-posterior_b * excess)))
    return (shape * count + 0.5 * 10) / (count + 10)


def _split(thetas: Floats) -> Floats:
    half = thetas.shape[1] // 2
    return np.concatenate([thetas[:, :half], thetas[:, -half:]])


def _rank_normalise(thetas: Floats) -> Floats:
    """Replace draws by normal scores of their ranks over all chains; ties share a rank."""
    from scipy.special import ndtri

    flat = thetas.reshape(-1, thetas.shape[-1])
    ranks = np.column_stack([_average_ranks(column) for column in flat.T])
    scores: Floats = ndtri((ranks - 0.375) / (len(flat) + 0.25))
    return scores.reshape(thetas.shape)


def _average_ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def _r_hat(z: Floats) -> Floats:
    count = z.shape[1]
    within = z.var(axis=1, ddof=1).mean(axis=0)
    between = z.mean(axis=1).var(axis=0, ddof=1)
    ratio: Floats = np.sqrt((between + within * (count - 1) / count) / within)
    return ratio


def _ess(z: Floats) -> Floats:
    """Bulk ESS by Geyer's initial monotone sequence, (d,)."""
    chains, count, _ = z.shape
    autocovariance = _autocovariance(z).mean(axis=0)  # (lag, d)
    within = autocovariance[0] * count / (count - 1)
    total = autocovariance[0] + z.mean(axis=1).var(axis=0, ddof=1)
    rho = 1 - (within - autocovariance) / total
    rho[0] = 1.0
    even, odd = rho[0 : count - 2 : 2], rho[1 : count - 1 : 2]
    positive = np.logical_and.accumulate(even + odd > 0, axis=0)
    positive[-1] = False  # nothing is known of the pair after the last
    monotone = np.minimum.accumulate(np.where(positive, even + odd, 0.0), axis=0)
    # The even lag of the first pair that is not positive still counts where it is positive.
    rest = np.take_along_axis(even, np.argmin(positive, axis=0)[None], axis=0)[0]
    tau = -1 + 2 * monotone.sum(axis=0) + np.maximum(rest, 0.0)
    draws = chains * count
    effective: Floats = draws / np.maximum(tau, 1 / np.log10(draws))
    return effective


def _autocovariance(z: Floats) -> Floats:
    """Autocovariance along draws by FFT, biased form, (chain, lag, d)."""
    count = z.shape[1]
    centred = z - z.mean(axis=1, keepdims=True)
    length = 2 ** int(np.ceil(np.log2(2 * count)))
    spectrum = np.fft.rfft(centred, n=length, axis=1)
    power = np.fft.irfft(np.abs(spectrum) ** 2, n=length, axis=1)[:, :count]
    covariance: Floats = power / count
    return covariance
