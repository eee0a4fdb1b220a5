"""R-hat, effective sample size, shifts of single chains and k-hat, for all parameters at once.

ArviZ has the same measures, shifts of chains apart, and the tests compare them; they are written
here because importing its statistics costs more than fitting a small table.

What draws must pass does not depend on how many there are (Vehtari et al. 2021): R-hat of at most
1.01, bulk and folded; as many effective draws as are needed; and no chain whose mean may be off by
0.4 posterior standard deviations. R-hat alone misses that in three of ten cases where there are
400 effective draws, and in two of ten where there are 700; here few draws do not pass, since their
bound on the shift is wide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

R_HAT_LIMIT = 1.01
SHIFT_LIMIT = 0.4  # posterior standard deviations
QUANTILE = 2.05  # of the normal, for 96 % intervals: chains are looked at up to five times
TAIL_NEEDED = 400.0  # effective draws of tails, where as many are asked for in the bulk
TAILS = (0.05, 0.95)
GROUPS = 4  # into which the chains are pooled where there are more


@dataclass(frozen=True)
class Convergence:
    """How well chains have mixed, over all parameters.

    Attributes
    ----------
    r_hat : float
        Largest rank-normalised split R-hat, bulk or folded; NaN if a parameter never moves.
    ess, ess_tail : float
        Smallest effective sample size of the bulk, and of the 5 % and 95 % quantiles.
    shift : float
        Largest bound on how far the mean of one chain is from that of the others, in posterior
        standard deviations.
    """

    r_hat: float
    ess: float
    ess_tail: float
    shift: float

    @classmethod
    def of_independent(cls, draws: float) -> "Convergence":
        """Return what holds of independent draws, whose number may be unknown (NaN)."""
        return cls(1.0, draws, draws, 0.0)

    @classmethod
    def none(cls) -> "Convergence":
        """Return what holds where there are no draws."""
        return cls(float("nan"), 0.0, 0.0, float("nan"))

    def enough(self, need: float) -> bool:
        """Whether the draws can be used where ``need`` effective ones are asked for."""
        return not self.reasons(need)

    def reasons(self, need: float) -> tuple[str, ...]:
        """Return what is not within its limit, each with value and limit; empty if all is."""
        texts = []
        if not self.r_hat <= R_HAT_LIMIT:
            texts.append(f"R-hat {self.r_hat:.3f} > {R_HAT_LIMIT}")
        if not self.shift < SHIFT_LIMIT:
            texts.append(f"chain shift {self.shift:.2f} >= {SHIFT_LIMIT} sd")
        if not self.ess >= need:
            texts.append(f"ESS {self.ess:.0f} < {need:.0f}")
        if not self.ess_tail >= tail_needed(need):
            texts.append(f"tail ESS {self.ess_tail:.0f} < {tail_needed(need):.0f}")
        return tuple(texts)


def tail_needed(need: float) -> float:
    """Return how many effective draws of tails go with ``need`` in the bulk: at most 400."""
    return min(need, TAIL_NEEDED)


@dataclass(frozen=True)
class Measures:
    """What chains show of each parameter.

    Attributes
    ----------
    r_hat, folded : ndarray, shape (d,)
        Rank-normalised split R-hat of the bulk, and of distances from the median.
    ess, ess_tail : ndarray, shape (d,)
        Effective sample sizes.
    shift : ndarray, shape (d,)
        Bound on the distance of the mean of one chain from that of the others.
    """

    r_hat: Floats
    folded: Floats
    ess: Floats
    ess_tail: Floats
    shift: Floats


def convergence(thetas: Floats) -> Convergence:
    """Judge chains by the parameter on which they agree least.

    Parameters
    ----------
    thetas : ndarray, shape (chain, draw, d)
        Draws of all parameters.

    Returns
    -------
    Convergence
        The largest R-hat and shift, and the smallest ESS.

    Examples
    --------
    >>> draws = np.random.default_rng(1).standard_normal((4, 400, 3))
    >>> convergence(draws).enough(400), convergence(draws[:, :50]).enough(100)
    (True, False)
    >>> convergence(draws + 3 * np.eye(4)[0][:, None, None]).reasons(400)[0]
    'R-hat 1.473 > 1.01'
    """
    if thetas.shape[2] == 0:
        return Convergence.of_independent(float(thetas.shape[0] * thetas.shape[1]))
    each = measures(thetas)
    r_hat = float(np.max([each.r_hat, each.folded]))
    return Convergence(
        r_hat, float(each.ess.min()), float(each.ess_tail.min()), float(each.shift.max())
    )


def measures(thetas: Floats) -> Measures:
    r"""Return R-hat, ESS and the bound on shifts, parameter by parameter.

    More chains than four are pooled into four groups, where they divide evenly: R-hat and the
    bound are about differences between groups (nested R-hat, Margossian et al. 2024), since each
    of many chains is too short to be judged alone, and one of sixteen that is off by 0.4 moves the
    mean of all by 0.025 standard deviations. ESS is that of all chains.

    The bound, of M effective draws in C chains, is that of a two-sided confidence interval:

    .. math:: \max_c |\bar z_c - \bar z_{-c}| / s + 2.05 \sqrt{C^2 / ((C - 1) M)}

    with z the normal scores of ranks and s their standard deviation within chains.

    Parameters
    ----------
    thetas : ndarray, shape (chain, draw, d)
        Draws of all parameters.

    Returns
    -------
    Measures
        R-hat and ESS as of Vehtari et al. (2021), Bayesian Analysis 16:667.

    References
    ----------
    Margossian, C. C., Hoffman, M. D., Sountsov, P., Riou-Durand, L., Vehtari, A. and Gelman, A.
    (2024). Nested R-hat: assessing the convergence of Markov chain Monte Carlo when running many
    short chains. Bayesian Analysis.
    """
    x = np.ascontiguousarray(np.moveaxis(thetas, 2, 0))  # (d, chain, draw): contiguous in time
    halves = _split(x)
    bulk = _normal_scores(halves)
    folded = _normal_scores(np.abs(halves - np.median(x, axis=(1, 2))[:, None, None]))
    low, high = np.quantile(x, TAILS, axis=(1, 2))[:, :, None, None]
    # A parameter that never moves gives 0 / 0: NaN, which is within no limit.
    with np.errstate(divide="ignore", invalid="ignore"):
        ess = _ess(bulk)
        tails = [_ess((halves <= cut).astype(np.float64)) for cut in (low, high)]
        bulk, folded = _pooled(bulk), _pooled(folded)
        return Measures(_r_hat(bulk), _r_hat(folded), ess, np.minimum(*tails), _shift(bulk, ess))


def draws_to_pass(size: int, share: float = 0.99, chains: int = 4) -> int:
    """Return how many independent draws pass the limits for R-hat and shift in most cases.

    For N draws in each of C half-chains, (R-hat^2 - 1) N + 1 is about chi2(C - 1) / (C - 1); the
    difference of means behind a shift is normal. The shares that fail are added up over R-hat,
    folded R-hat, chains and parameters.

    Parameters
    ----------
    size : int
        Number of parameters d.
    share : float
        Share of cases in which they are to pass.
    chains : int
        Number of chains.

    Returns
    -------
    int
        Draws of all chains together.

    Examples
    --------
    >>> draws_to_pass(1), draws_to_pass(50), draws_to_pass(50, share=0.6)
    (903, 1352, 929)
    """
    from scipy.special import chdtrc, ndtr

    total = np.arange(100.0, 10_000.0)
    df = 2 * chains - 1
    excess = (R_HAT_LIMIT**2 - 1) * total / (2 * chains)
    apart = SHIFT_LIMIT * np.sqrt(total * (chains - 1)) / chains - QUANTILE
    fail = 2 * chdtrc(df, df * (1 + excess)) + 2 * chains * ndtr(-apart)
    return int(total[np.searchsorted(-fail, -(1 - share) / max(size, 1))])


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


def _split(x: Floats) -> Floats:
    """Split chains into halves, (d, 2 chain, draw / 2); the middle one of an odd number is left."""
    half = x.shape[2] // 2
    return np.concatenate([x[:, :, :half], x[:, :, -half:]], axis=1)


def _normal_scores(x: Floats) -> Floats:
    """Replace draws by normal scores of their ranks over all chains; ties share a rank."""
    from scipy.special import ndtri

    flat = x.reshape(len(x), -1)
    count = flat.shape[1]
    # Ranks are whole or, of ties, half: twice a rank is a place in the table.
    scores = ndtri((np.arange(2 * count + 1) / 2 - 0.375) / (count + 0.25))
    scored: Floats = scores[_twice_ranks(flat)].reshape(x.shape)
    return scored


def _twice_ranks(values: Floats) -> NDArray[np.int64]:
    """Return twice the average ranks of each row."""
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    place = np.arange(values.shape[1])
    begins = np.ones(values.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=begins[:, 1:])
    ranks = np.empty(values.shape, dtype=np.int64)
    if begins.all():
        np.put_along_axis(ranks, order, 2 * place[None] + 2, axis=1)
        return ranks
    ends = np.roll(begins, -1, axis=1)  # the first value begins a run, so the last one ends one
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, place, place[-1])[:, ::-1], axis=1)[:, ::-1]
    np.put_along_axis(ranks, order, first + last + 2, axis=1)
    return ranks


def _r_hat(z: Floats) -> Floats:
    count = z.shape[2]
    within = z.var(axis=2, ddof=1).mean(axis=1)
    between = z.mean(axis=2).var(axis=1, ddof=1)
    ratio: Floats = np.sqrt((between + within * (count - 1) / count) / within)
    return ratio


def _pooled(z: Floats) -> Floats:
    """Pool half-chains (d, 2 chain, draw) into those of four groups, where there are more."""
    chains = z.shape[1] // 2
    if chains <= GROUPS or chains % GROUPS:
        return z
    return z.reshape(len(z), 2 * GROUPS, -1)


def _shift(z: Floats, ess: Floats) -> Floats:
    """Return the bound on shifts, of the normal scores of half-chains."""
    chains = z.shape[1] // 2
    means = z.mean(axis=2).reshape(len(z), 2, chains).mean(axis=1)
    rest = (means.sum(axis=1, keepdims=True) - means) / (chains - 1)
    spread = np.sqrt(z.var(axis=2, ddof=1).mean(axis=1))
    error = np.sqrt(chains**2 / ((chains - 1) * ess))
    bound: Floats = np.abs(means - rest).max(axis=1) / spread + QUANTILE * error
    return bound


def _ess(z: Floats) -> Floats:
    """ESS by Geyer's initial monotone sequence, (d,); that of a constant is NaN."""
    _, chains, count = z.shape
    autocovariance = _autocovariance(z).mean(axis=1)  # (d, lag)
    within = autocovariance[:, :1] * count / (count - 1)
    total = autocovariance[:, :1] + z.mean(axis=2).var(axis=1, ddof=1)[:, None]
    rho = 1 - (within - autocovariance) / total
    rho[:, 0] = 1.0
    even, odd = rho[:, 0 : count - 2 : 2], rho[:, 1 : count - 1 : 2]
    positive = np.logical_and.accumulate(even + odd > 0, axis=1)
    positive[:, -1] = False  # nothing is known of the pair after the last
    monotone = np.minimum.accumulate(np.where(positive, even + odd, 0.0), axis=1)
    # The even lag of the first pair that is not positive still counts where it is positive.
    rest = np.take_along_axis(even, np.argmin(positive, axis=1)[:, None], axis=1)[:, 0]
    tau = -1 + 2 * monotone.sum(axis=1) + np.maximum(rest, 0.0)
    draws = chains * count
    effective: Floats = draws / np.maximum(tau, 1 / np.log10(draws))
    return effective


def _autocovariance(z: Floats) -> Floats:
    """Autocovariance along draws by FFT, biased form, (d, chain, lag)."""
    count = z.shape[2]
    centred = z - z.mean(axis=2, keepdims=True)
    length = 2 ** int(np.ceil(np.log2(2 * count)))
    spectrum = np.fft.rfft(centred, n=length, axis=2)
    power = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, n=length, axis=2)[:, :, :count]
    covariance: Floats = power / count
    return covariance
