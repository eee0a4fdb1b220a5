"""Bayesian attribute risk: what an intruder who knows everybody else learns about one value."""

from importlib import import_module

import numpy as np

from posynth.errors import MeasureError
from posynth.evaluation.disclosure.keys import Floats
from posynth.results import Result

GOOD = 0.7
TEXT = (
    "Posterior probability of the true value for an intruder who knows all other records, the "
    "model and the copies; before the copies it was {prior:.3g}. Trust it only if k-hat is below "
    f"{GOOD}: it rests on importance weights, which degenerate when a copy's likelihood is a sum "
    "over thousands of rows, so it is for low-dimensional targets and small tables. It speaks of "
    "this record and this model, and guarantees nothing for others"
)


def measure(
    log_copies: Floats,
    log_candidates: Floats,
    truth: int,
    log_prior: Floats | None = None,
    subject: str = "",
) -> list[Result]:
    """Compute the intruder's posterior over candidate values y* of one confidential value y_i.

    From posterior draws theta_h ~ p(theta | Y), h = 1..S:

    1. w_h(y*) proportional to p(y* | theta_h) / p(y_i | theta_h), summing to 1: turns the draws
       into draws given Y with y_i replaced by y*.
    2. p(Z | y*, Y_-i) = prod_l sum_h w_h(y*) p(Z^(l) | theta_h) over the m copies, each made from a
       posterior draw of its own.
    3. p(y* | Z, Y_-i) proportional to p(Z | y*, Y_-i) p(y*).

    Draws must cover the posterior; those that made the copies should not be among them.

    Parameters
    ----------
    log_copies : numpy.ndarray
        log p(Z^(l) | theta_h), summed over the rows of copy l, shape (S, m).
    log_candidates : numpy.ndarray
        log p(y* | theta_h) of person i's row with each candidate value, shape (candidates, S).
    truth : int
        Which candidate is the value in the source.
    log_prior : numpy.ndarray, optional
        The intruder's log p(y*) up to a constant, shape (candidates,); flat if not given.
    subject : str
        Name of the target.

    Returns
    -------
    list of Result
        ``attribute risk`` (posterior probability of the truth), ``attribute risk rank`` (1 = most
        probable; ties share the mean rank) and ``k-hat`` (worst Pareto shape of the weights, with
        and without the copies' likelihood). All are row level and private.

    References
    ----------
    Reiter, Wang and Zhang (2014), Bayesian estimation of disclosure risks for multiply imputed,
    synthetic data, Journal of Privacy and Confidentiality 6(1):2; Vehtari et al. (2024), Pareto
    smoothed importance sampling, JMLR 25(72).

    Examples
    --------
    >>> theta = np.random.default_rng(1).beta(4, 2, size=2000)
    >>> log_candidates = np.log(np.array([1 - theta, theta]))
    >>> log_copies = (3 * np.log(theta) + np.log(1 - theta))[:, None]  # a copy with 3 of 4 ones
    >>> results = measure(log_copies, log_candidates, truth=1)
    >>> results[1].value  # one is the more probable value
    1.0
    """
    _check(log_copies, log_candidates, truth, log_prior)
    prior = np.zeros(len(log_candidates)) if log_prior is None else log_prior
    prior = prior - _log_sum(prior)
    ratios = log_candidates - log_candidates[truth]
    weights = ratios - _log_sum(ratios)[:, None]
    evidence = np.array([_log_sum(weights + copy) for copy in log_copies.T]).sum(axis=0)
    posterior = evidence + prior
    posterior = np.exp(posterior - _log_sum(posterior))
    details = {
        "prior": float(np.exp(prior[truth])),
        "candidates": len(posterior),
        "draws": log_copies.shape[0],
        "copies": log_copies.shape[1],
        "row_level": True,
        "private": True,
    }
    text = TEXT.format(prior=details["prior"]) + "."
    ties = np.isclose(posterior, posterior[truth], rtol=1e-9, atol=0)
    rank = np.sum((posterior > posterior[truth]) & ~ties) + (ties.sum() + 1) / 2
    return [
        Result("attribute risk", float(posterior[truth]), subject, text=text, details=details),
        Result("attribute risk rank", float(rank), subject, text=text, details=details),
        _k_hat(ratios, log_copies, subject),
    ]


def _log_sum(values: Floats) -> Floats:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(values, axis=-1))


def pareto_k(log_ratios: Floats) -> Floats:
    """Estimate the Pareto shape k-hat of importance ratios, over the last axis.

    Ratios that are all equal are perfect, with shape minus infinity; a tail too short or too
    degenerate to be estimated has shape infinity.
    """
    # By import_module, because ArviZ's own annotations do not export the name.
    stats = import_module("arviz_stats.base").array_stats

    flat = np.ptp(log_ratios, axis=-1) < 1e-12
    shape = np.full(log_ratios.shape[:-1], -np.inf)
    if not flat.all():
        # psislw takes log-likelihoods and weights by their inverse, hence the sign.
        shape[~flat] = stats.psislw(-log_ratios[~flat])[1]
    return np.where(np.isnan(shape), np.inf, shape)


def _k_hat(ratios: Floats, log_copies: Floats, subject: str) -> Result:
    replaced = float(pareto_k(ratios).max())
    # The sums of step 2 are importance sums too, one a candidate and copy.
    products = ratios[:, None, :] + log_copies.T[None]
    with_copies = float(pareto_k(products.reshape(-1, products.shape[-1])).max())
    value = max(replaced, with_copies)
    text = (
        f"Worst Pareto shape of the weights behind the attribute risk; above {GOOD} the risk is "
        "not to be trusted: take more draws, fewer rows or a coarser target."
    )
    details = {"replacing_the_value": replaced, "copies": with_copies}
    return Result("k-hat", value, subject, passed=value < GOOD, text=text, details=details)


def _check(
    log_copies: Floats, log_candidates: Floats, truth: int, log_prior: Floats | None
) -> None:
    if log_copies.ndim != 2 or log_candidates.ndim != 2:
        raise MeasureError(
            f"log_copies has shape {log_copies.shape} and log_candidates {log_candidates.shape}; "
            "give (draws, copies) and (candidates, draws)"
        )
    if log_copies.shape[0] != log_candidates.shape[1]:
        raise MeasureError(
            f"log_copies has {log_copies.shape[0]} draws and log_candidates "
            f"{log_candidates.shape[1]}; both must use the same posterior draws"
        )
    if not 0 <= truth < len(log_candidates):
        raise MeasureError(
            f"truth = {truth} is not among the {len(log_candidates)} candidates; it is the index "
            "of the value in the source, counted from 0"
        )
    if log_prior is not None and log_prior.shape != (len(log_candidates),):
        raise MeasureError(
            f"log_prior has shape {log_prior.shape}; give one number for each of the "
            f"{len(log_candidates)} candidates"
        )
    if not (np.isfinite(log_copies).all() and np.isfinite(log_candidates).all()):
        raise MeasureError(
            "log_copies and log_candidates must be finite; leave out candidates that the model "
            "holds impossible, and look at the conditional if a copy seems impossible"
        )
