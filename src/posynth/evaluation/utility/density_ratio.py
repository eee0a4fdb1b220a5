"""Density ratio of original and copies: Pearson divergence by uLSIF, Kullback-Leibler by KLIEP."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posynth.engines.threads import one_thread
from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.design import main_effects
from posynth.evaluation.utility.values import Floats
from posynth.results import Result
from posynth.table.names import Names

type Divergence = Callable[[Floats, Floats], float]

RIDGES: Floats = np.logspace(3, -3, 13)
FOLDS = 5
SMALLEST_RATIO = 1e-6


@dataclass(frozen=True)
class Sizes:
    """How much work a density ratio is given.

    Attributes
    ----------
    rows : int
        Rows drawn from each side at most; more rows see smaller differences.
    centres : int
        Kernels at most, centred on rows of both sides together.
    nperms : int
        Relabellings in all, spread over the copies; 0 for no test.
    """

    rows: int = 1000
    centres: int = 100
    nperms: int = 40


def measure(
    comparison: Comparison,
    rng: np.random.Generator,
    columns: Names | None = None,
    *,
    method: str = "ulsif",
    sizes: Sizes | None = None,
) -> list[Result]:
    """Estimate r = (density of the original) / (density of the copy) and its divergence from 1.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    rng : numpy.random.Generator
        Source of rows, centres and relabellings.
    columns : iterable of str, optional
        Columns used; by default every modelled column.
    method : {"ulsif", "kliep"}
        Which estimator.
    sizes : Sizes, optional
        Rows, centres and relabellings.

    Returns
    -------
    list of Result
        One record, ``PE_ulsif`` or ``KL_kliep``: the larger of the divergences of the two
        directions, mean over copies. Details: ``per_copy``, ``p_per_copy``, ``p``, ``null_mean``.

    Notes
    -----
    r(x) = sum_b alpha_b exp(-|x - x_b|^2 / (2 sigma^2)) on columns laid out as for the logistic
    propensity model; 2 sigma^2 is the median squared distance between rows and centres.

    * uLSIF (Kanamori, Hido and Sugiyama 2009): alpha = (H + lambda I)^-1 h with
      H = mean of phi phi' over the copy, h = mean of phi over the original, lambda by 5-fold
      cross-validation; PE = mean r(original) / 2 - mean r(copy) + 1/2.
    * KLIEP (Sugiyama et al. 2008): alpha >= 0 maximises mean log r(original) with mean
      r(copy) = 1; KL = mean log max(r(original), 1e-6); kernels cannot
      make r = 1 everywhere, so KL of equal densities is a little below 0.

    p is the share of relabellings with at least this divergence, counting the data themselves,
    so that it cannot be 0. Relabelled rows are two samples of one population: the test is that
    of proper copies, and plug-in copies should score below it. Over copies, p is twice the
    median, valid however they depend on each other. R's densityratio tunes lambda by
    leave-one-out and doubles a one-sided p; here sigma sees no label, lambda is tuned anew for
    every relabelling, and both directions are in the statistic.
    """
    if method not in DIVERGENCES:
        raise MeasureError(unknown("density ratio method", method, DIVERGENCES))
    sizes = sizes or Sizes()
    design = main_effects(comparison, columns)
    share = -(-sizes.nperms // len(design.copies))
    with one_thread():
        runs = [
            _test(DIVERGENCES[method], (design.original, copy), sizes, share, rng)
            for copy in design.copies
        ]
    return [_result(method, [value for value, _ in runs], [x for _, null in runs for x in null])]


def pearson(nu: Floats, de: Floats) -> float:
    """Pearson divergence by uLSIF.

    Parameters
    ----------
    nu, de : ndarray, shape (rows, centres)
        Kernels at the rows of numerator and denominator.

    Returns
    -------
    float
        Estimate of the Pearson divergence, 0 for equal densities.
    """
    ridge = _best_ridge(nu, de)
    alpha = _least_squares(nu, de, np.array([ridge]))[:, 0]
    return float((nu @ alpha).mean() / 2 - (de @ alpha).mean() + 0.5)


def kullback_leibler(nu: Floats, de: Floats, most: int = 200) -> float:
    """Kullback-Leibler divergence by KLIEP.

    Parameters
    ----------
    nu, de : ndarray, shape (rows, centres)
        Kernels at the rows of numerator and denominator.
    most : int
        Iterations at most.

    Returns
    -------
    float
        mean log r over the numerator.

    Notes
    -----
    With w_b = alpha_b mean phi_b(copy) on the simplex the problem is the likelihood of a
    mixture, which EM climbs to its maximum: w <- w * mean over rows of (phi / mean phi) / r.
    """
    scaled = nu / np.maximum(de.mean(axis=0), 1e-12)
    w = np.full(nu.shape[1], 1 / nu.shape[1])
    last = -np.inf
    for _ in range(most):
        r = np.maximum(scaled @ w, 1e-300)
        now = float(np.log(r).mean())
        if now - last < 1e-6:
            break
        w, last = w * (scaled.T @ (1 / r)) / len(r), now
    return float(np.log(np.maximum(scaled @ w, SMALLEST_RATIO)).mean())


DIVERGENCES: dict[str, Divergence] = {"ulsif": pearson, "kliep": kullback_leibler}
NAMES = {"ulsif": "PE_ulsif", "kliep": "KL_kliep"}


def kernels(rows: Floats, centres: Floats) -> Floats:
    """Gaussian kernels, shape (rows, centres), of the median width."""
    from scipy.spatial.distance import cdist

    squared = cdist(rows, centres, "sqeuclidean")
    apart = squared[squared > 0]
    width = float(np.median(apart)) if apart.size else 1.0
    return np.asarray(np.exp(-squared / width))


def _test(
    divergence: Divergence,
    sides: tuple[Floats, Floats],
    sizes: Sizes,
    nperms: int,
    rng: np.random.Generator,
) -> tuple[float, list[float]]:
    """Return the divergence of one copy, and its values under relabelling."""
    nu, de = (_drawn(side, sizes.rows, rng) for side in sides)
    stacked = np.vstack((nu, de))
    phi = kernels(stacked, _drawn(stacked, sizes.centres, rng))
    cut = len(nu)

    def larger(order: np.ndarray) -> float:
        a, b = phi[order[:cut]], phi[order[cut:]]
        return max(divergence(a, b), divergence(b, a))

    value = larger(np.arange(len(phi)))
    return value, [larger(rng.permutation(len(phi))) for _ in range(nperms)]


def _drawn(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    return rows[rng.permutation(len(rows))[:most]]


def _least_squares(nu: Floats, de: Floats, ridges: Floats) -> Floats:
    """Solve (H + lambda I) alpha = h for every lambda at once, shape (centres, ridges)."""
    values, vectors = np.linalg.eigh(de.T @ de / len(de))
    rotated = vectors.T @ nu.mean(axis=0)
    return np.asarray(vectors @ (rotated[:, None] / (np.maximum(values, 0)[:, None] + ridges)))


def _best_ridge(nu: Floats, de: Floats) -> float:
    loss = np.zeros(RIDGES.size)
    for fold in range(FOLDS):
        held_nu, held_de = np.arange(len(nu)) % FOLDS == fold, np.arange(len(de)) % FOLDS == fold
        if not (0 < held_nu.sum() < len(nu) and 0 < held_de.sum() < len(de)):
            continue
        alpha = _least_squares(nu[~held_nu], de[~held_de], RIDGES)
        loss += ((de[held_de] @ alpha) ** 2).mean(axis=0) / 2 - (nu[held_nu] @ alpha).mean(axis=0)
    return float(RIDGES[int(np.argmin(loss))])


def _result(method: str, values: list[float], null: list[float]) -> Result:
    name, value = NAMES[method], float(np.mean(values))
    tails = [(1 + sum(x >= v for x in null)) / (1 + len(null)) for v in values]
    p = float(min(1.0, np.median(tails) * (2 if len(tails) > 1 else 1)))
    details = {"per_copy": values, "p_per_copy": tails, "p": p, "null_size": len(null)}
    text = f"{name}: {value:.4f}, 0 is the same density; no test was asked for."
    if null:
        details["null_mean"] = float(np.mean(null))
        text = (
            f"{name}: {value:.4f}, {details['null_mean']:.4f} between two samples of one "
            f"population (permutation p = {p:.3f})."
        )
    return Result(name, value, passed=p >= 0.05 if null else None, text=text, details=details)
