r"""Simulation-based calibration of any conditional: prior, data, posterior, rank.

1. theta is drawn from the prior, a response y from the model given theta and the design's X.
2. L posterior draws given y are taken from the engine.
3. The rank of f(theta, y) among f(theta_l, y) is uniform on 0..L for every test quantity f
   (Talts et al. 2018). Beside each parameter f is the joint log-likelihood, and that of the first
   row: they depend on the data, and so show an engine that returns its prior, which ranks of
   parameters cannot (Modrák et al. 2023).

Ranks are judged by the chi-square of 20 bins, and by their ECDF within simultaneous bands
(Säilynoja et al. 2022), as ArviZ computes them.

References
----------
Talts, S. et al. (2018). Validating Bayesian inference algorithms with simulation-based
calibration. arXiv:1804.06788. Modrák, M. et al. (2023). Simulation-based calibration checking for
Bayesian computation: the choice of test quantities shapes sensitivity. Bayesian Analysis.
Säilynoja, T., Bürkner, P.-C. and Vehtari, A. (2022). Graphical test for discrete uniformity and
its applications in goodness-of-fit evaluation and multiple sample comparison. Statistics and
Computing 32, 32.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from posynth.engines.base import Fit, Task
from posynth.engines.choose import condition, fit
from posynth.engines.conditioned import Conditioned
from posynth.errors import FitError, SpecError
from posynth.results import Result

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

DRAWS = 99
LIKELIHOODS = ("log-likelihood", "log-likelihood of row 1")
#: Chance that a calibrated conditional fails, over all of its test quantities.
ERROR = 1e-3


@dataclass(frozen=True)
class Calibration:
    """Ranks of true values among posterior draws.

    Attributes
    ----------
    target, family, prior : str
        The conditional.
    names : tuple of str
        The q test quantities.
    ranks : ndarray of int, shape (replications, q)
        Ranks, 0 to ``draws``.
    draws : int
        L, posterior draws each true value is ranked among.
    failed : int
        Replications whose fit was refused; they are left out.
    """

    target: str
    family: str
    prior: str
    names: tuple[str, ...]
    ranks: Ints
    draws: int = DRAWS
    failed: int = 0

    @cached_property
    def p_values(self) -> Floats:
        """Chi-square p-value of uniform ranks of each quantity, (q,)."""
        runs = len(self.ranks)
        bins = 20 if runs >= 200 else 10
        place = self.ranks * bins // (self.draws + 1)
        counts = [np.bincount(column, minlength=bins) for column in place.T]
        return np.array([stats.chisquare(count).pvalue for count in counts])

    def results(self) -> list[Result]:
        """Return one `Result` a quantity: chi-square p, and whether it is within its limit."""
        limit = ERROR / len(self.names)
        return [
            Result(
                "SBC",
                float(p),
                f"{self.target}: {name}",
                None,
                bool(p > limit),
                f"chi-square p of {len(self.ranks)} ranks; below {limit:.2g} the posterior is not "
                "that of the model",
                {"mean_rank": float(column.mean() / self.draws), "failed": self.failed},
            )
            for name, p, column in zip(self.names, self.p_values, self.ranks.T, strict=True)
        ]


def calibrate(
    task: Task,
    replications: int = 200,
    *,
    engine: str = "auto",
    draws: int = DRAWS,
    seed: int = 0,
    fitted: Callable[[Task], Task] = lambda task: task,
    progress: Callable[[int, int, int], None] = lambda done, total, failed: None,
) -> Calibration:
    """Calibrate one conditional.

    Parameters
    ----------
    task : Task
        Model, design and prior; its response is replaced by simulated ones.
    replications : int
        Draws from the prior.
    engine : str
        Engine to try, as for ``fit``.
    draws : int
        L, posterior draws a rank is taken among.
    seed : int
        Seed; every replication has a stream of its own.
    fitted : callable
        Task to the task that is fitted in its place, to break an engine on purpose.
    progress : callable
        Told of (done, in all, failed).

    Returns
    -------
    Calibration

    Raises
    ------
    SpecError
        If the prior is improper, so that nothing can be drawn from it.
    FitError
        If no fit succeeds.
    """
    study = _Study(task, engine, draws, seed, fitted)
    rows: list[Ints] = []
    failed = 0
    for number in range(replications):
        try:
            rows.append(study.ranks(number))
        except FitError as error:
            failed += 1
            last = error
        progress(number + 1, replications, failed)
    if not rows:
        raise FitError(f"no fit of {replications} succeeded; the last: {last}")
    family = task.family.facts.name
    names, ranks = (*study.names, *LIKELIHOODS), np.array(rows)
    return Calibration(task.response.name, family, task.prior, names, ranks, draws, failed)


class _Study:
    """One conditional under its own prior."""

    def __init__(
        self,
        task: Task,
        engine: str,
        draws: int,
        seed: int,
        fitted: Callable[[Task], Task],
    ) -> None:
        self.task, self.engine, self.count, self.fitted = task, engine, draws, fitted
        self.seed = seed
        self.model = condition(task)
        if self.model.compiled.flat:
            raise SpecError(
                f"conditional {task.response.name!r}: prior {task.prior!r} is improper, so nothing "
                "can be drawn from it and ranks mean nothing; compare with a closed form instead"
            )
        theta = self.model.draw_prior(np.random.default_rng(seed))
        pairs = zip(self.model.names, theta, strict=True)
        self.names = tuple(label for name, value in pairs for label in _labels(name, value))

    def ranks(self, number: int) -> Ints:
        """Run one replication."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(8, number)))
        of_prior, of_rows, of_fit, of_choice = rng.spawn(4)
        theta = self.model.draw_prior(of_prior)
        y = np.asarray(self.model.draw(theta, of_rows)).astype(self.task.response.y.dtype)
        task = replace(self.task, response=replace(self.task.response, y=y))
        found = fit(self.fitted(task), self.engine, of_fit)
        drawn = self._thinned(found, of_choice)
        model = condition(task)
        true = _quantities(model, theta)
        others = np.array([_quantities(model, [a[i] for a in drawn]) for i in range(self.count)])
        # Ties (an estimate at a bound, a class of equal rows) are broken at random.
        ties = of_choice.integers(0, (others == true).sum(axis=0) + 1)
        ranked: Ints = (others < true).sum(axis=0) + ties
        return ranked

    def _thinned(self, found: Fit, rng: np.random.Generator) -> list[NDArray[Any]]:
        flat = [found.draws[n] for n in self.model.names]
        flat = [a.reshape(a.shape[0] * a.shape[1], *a.shape[2:]) for a in flat]
        keep = rng.permutation(len(flat[0]))[: self.count]
        return [a[keep] for a in flat]


def _quantities(model: Conditioned, theta: list[NDArray[Any]]) -> Floats:
    rows = model.row_log_likelihood(model.unconstrain(theta))
    parts = [np.ravel(value) for value in theta]
    return np.concatenate([*parts, [rows.sum(), rows.ravel()[0]]])


def _labels(name: str, value: NDArray[Any]) -> list[str]:
    if np.ndim(value) == 0:
        return [name]
    return [f"{name}[{', '.join(map(str, at))}]" for at in np.ndindex(np.shape(value))]
