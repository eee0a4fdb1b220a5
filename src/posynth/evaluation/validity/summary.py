"""From replications to bias, standard errors and coverage, each with its Monte-Carlo error."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.catalogue import ESTIMANDS, RULES
from posynth.evaluation.inference.choose import choose
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.moments import scalar_moments
from posynth.evaluation.validity.choices import shares
from posynth.evaluation.validity.replicate import Replication
from posynth.evaluation.validity.study import Study

if TYPE_CHECKING:
    import xarray as xr

type Floats = NDArray[np.float64]

DIMS = ("draws", "k", "m", "rule", "estimand", "coefficient")
MEASURES = (
    "bias", "bias_mcse", "empirical_se", "empirical_se_mcse", "mean_se", "mean_se_mcse",
    "coverage", "coverage_mcse", "width", "negative",
)  # fmt: skip


class Intervals(NamedTuple):
    """Pooled intervals of R replications for p coefficients, each (R, p)."""

    center: Floats
    variance: Floats
    half: Floats
    target: Floats

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Whether each interval holds its target; one that does not exist does not."""
        found: NDArray[np.bool_] = np.abs(self.center - self.target) <= self.half
        return found


@dataclass(frozen=True)
class Validity:
    """Outcome of a study.

    Attributes
    ----------
    study : Study
        The design.
    truth : Estimate, optional
        Population values and their Monte-Carlo covariance; None where each replication has its
        own.
    replications : tuple of Replication
        Those that gave estimates, in order.
    failures : tuple of Replication
        The others, each with its reason.
    """

    study: Study
    truth: Estimate | None
    replications: tuple[Replication, ...] = field(repr=False)
    failures: tuple[Replication, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p coefficients."""
        return self.replications[0].names

    @cached_property
    def _original(self) -> tuple[Floats, Floats, Floats]:
        first = self.names
        at = [[r.names.index(name) for name in first] for r in self.replications]
        rows = zip(self.replications, at, strict=True)
        found = [
            (np.array(r.original)[i], np.array(r.error)[i], np.array(r.df)[i]) for r, i in rows
        ]
        q, error, df = (np.array(part) for part in zip(*found, strict=True))
        return q, error, df

    @cached_property
    def target(self) -> Floats:
        """Population value of every replication and coefficient, (R, p)."""
        if self.truth is not None:
            q = self.truth.ordered(self.names).q
            return np.broadcast_to(q, (len(self.replications), len(q)))
        return np.array(
            [[r.truth[r.names.index(n)] for n in self.names] for r in self.replications]
        )

    def rule_of(self, rule: str, draws: str, k: int, m: int) -> str:
        """Return the rule used: itself, or what posynth chooses for such copies."""
        return choose(self._provenance(draws, k, m)).rule if rule == "auto" else rule

    @property
    def keeps_groups(self) -> bool:
        """Whether copies have the group effects of their sample."""
        return any(conditional.keep_groups for conditional in self.study.chain.spec)

    def _provenance(self, draws: str, k: int, m: int) -> Provenance:
        study = self.study
        missing = "pattern" if study.chain.spec.indicators else "none"
        kept = tuple(c.target for c in study.chain.spec if c.keep_groups)
        return Provenance(study.n, k, m, draws == "proper", missing=missing, kept_groups=kept)

    def estimates(self, draws: str, k: int, m: int) -> tuple[Floats, Floats]:
        """Return estimates and variances of the first m copies, each (m, R, p)."""
        q, v = (self._of_copies(part, draws, k, m) for part in ("q", "v"))
        return q, v

    def _of_copies(self, part: str, draws: str, k: int, m: int) -> Floats:
        """Return what the first m copies gave of every replication and coefficient, (m, R, p)."""
        at = [[r.names.index(name) for name in self.names] for r in self.replications]
        rows = zip(self.replications, at, strict=True)
        found = [np.asarray(getattr(r, part)[f"{draws}/{k}"])[:m, i] for r, i in rows]
        return np.array(found).swapaxes(0, 1)

    def of_sample(self, draws: str, k: int, m: int) -> Floats | None:
        """Return V̂ of the first m copies, (m, R, p), where an analysis allows for groups."""
        if not all(f"{draws}/{k}" in r.source for r in self.replications):
            return None
        return self._of_copies("source", draws, k, m)

    def intervals(self, draws: str, k: int, m: int, rule: str, estimand: str) -> Intervals | None:
        """Pool the first m copies of every replication; None if the rule needs more copies.

        Parameters
        ----------
        draws, k, m, rule
            Cell of the design.
        estimand : str
            ``"population"``: about Q; ``"original"``: about the sample's own estimate.
        """
        name = self.rule_of(rule, draws, k, m)
        if m < RULES[name].copies[estimand == "original"]:
            return None
        made = self._provenance(draws, k, m)
        (q, v), source = self.estimates(draws, k, m), self.of_sample(draws, k, m)
        own, _, df = self._original
        spread = []
        for j in range(len(self.names)):
            at, df_copy = (..., [j]), df[0, j] + (k - self.study.n if source is None else 0)
            of_source = None if source is None else source[at]
            x = scalar_moments(q[at], v[at], made, max(df_copy, 1.0), of_source, df[0, j])
            spread.append(RULES[name].spread(x, estimand))
        variance = np.concatenate([s.variance for s in spread], axis=-1)
        freedom = np.concatenate([np.broadcast_to(s.df, s.variance.shape) for s in spread], axis=-1)
        target = self.target if estimand == "population" else own
        return Intervals(q.mean(axis=0), variance, self._half(variance, freedom), target)

    def original_intervals(self) -> Intervals:
        """Return the intervals that the samples themselves give."""
        q, error, df = self._original
        return Intervals(q, error**2, self._half(error**2, df), self.target)

    def _half(self, variance: Floats, df: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            half: Floats = stats.t.ppf((1 + self.study.level) / 2, df) * np.sqrt(variance)
        return half

    def _cells(self) -> Iterator[tuple[tuple[int, ...], Intervals]]:
        study = self.study
        for a, draws in enumerate(study.draws):
            for b, k in enumerate(study.k):
                for c, m in enumerate(study.m):
                    for d, rule in enumerate(study.rules):
                        for e, estimand in enumerate(ESTIMANDS):
                            found = self.intervals(draws, k, m, rule, estimand)
                            if found is not None:
                                yield (a, b, c, d, e), found

    @cached_property
    def dataset(self) -> "xr.Dataset":
        """Everything measured, with dims draws, k, m, rule, estimand, coefficient.

        Variables of a cell: bias, empirical_se (standard deviation of the pooled estimates),
        mean_se (root of the mean variance), coverage, width (median), negative (share of
        variances that are not positive; such an interval counts as a miss); ``*_mcse`` are
        Monte-Carlo standard errors. The same of the samples themselves under ``original_*``;
        ``truth``, ``truth_se``; ``seconds`` a replication and stage.
        """
        import xarray as xr

        study = self.study
        coords: dict[str, list[Any]] = {
            "draws": list(study.draws), "k": list(study.k), "m": list(study.m),
            "rule": list(study.rules), "estimand": list(ESTIMANDS),
            "coefficient": list(self.names),
        }  # fmt: skip
        shape = tuple(len(coords[dim]) for dim in DIMS)
        arrays = {name: np.full(shape, np.nan) for name in MEASURES}
        for cell, found in self._cells():
            for name, values in measures(found).items():
                arrays[name][cell] = values
        variables = {name: (DIMS, values) for name, values in arrays.items()}
        own = measures(self.original_intervals())
        originals = {f"original_{name}": ("coefficient", v) for name, v in own.items()}
        about = {"truth": ("coefficient", self.target.mean(axis=0)), **self._truth_error()}
        seconds = pd.DataFrame([r.seconds for r in self.replications]).mean()
        stages = {"seconds": ("stage", seconds.to_numpy())}
        coords["stage"] = list(seconds.index)
        attrs = {
            "study": study.name, "n": study.n, "replications": len(self.replications),
            "failed": len(self.failures), "level": study.level, "seed": study.seed,
            "plan": study.plan, "digest": study.digest(),
        }  # fmt: skip
        return xr.Dataset(variables | originals | about | stages, coords, attrs)

    def _truth_error(self) -> dict[str, tuple[str, Floats]]:
        if self.truth is None:
            return {}
        return {"truth_se": ("coefficient", self.truth.ordered(self.names).std_error)}

    def table(self) -> pd.DataFrame:
        """Return one row a cell and coefficient that a rule answers for, the samples' own first."""
        data = self.dataset
        cells = data[list(MEASURES)].to_dataframe().dropna(subset=["coverage"]).reset_index()
        own = data[[f"original_{name}" for name in MEASURES]].to_dataframe().reset_index()
        own.columns = own.columns.str.removeprefix("original_")
        own = own.assign(draws="none", k=self.study.n, m=0, rule="original", estimand="population")
        table = pd.concat([own, cells], ignore_index=True)[[*DIMS, *MEASURES]]
        table["truth"] = table["coefficient"].map(data["truth"].to_series())
        table["width_ratio"] = table["width"] / table["coefficient"].map(
            data["original_width"].to_series()
        )
        table["replications"] = len(self.replications)
        table["plan"] = self.study.plan
        return table

    def choices(self) -> pd.DataFrame:
        """Return the share of replications in which each choice was made for each conditional."""
        return shares([replication.choices for replication in self.replications])


def _median(width: Floats) -> Floats:
    """Median of the widths that exist: a rule that subtracts variances has no mean width."""
    exists = np.isfinite(width).any(axis=0)
    found = np.full(width.shape[1], np.nan)
    found[exists] = np.nanmedian(width[:, exists], axis=0)
    return found


def measures(found: Intervals) -> dict[str, Floats]:
    """Bias, standard errors, coverage and width of each coefficient (Morris et al. 2019).

    References
    ----------
    Morris, T. P., White, I. R. and Crowther, M. J. (2019). Using simulation studies to evaluate
    statistical methods. Statistics in Medicine 38, 2074-2102, table 6.
    """
    runs = len(found.center)
    error = found.center - found.target
    spread = error.std(axis=0, ddof=1) if runs > 1 else np.full(error.shape[1], np.nan)
    positive = found.variance > 0
    variance = found.variance.mean(axis=0)
    mean_se = np.sqrt(np.maximum(variance, 0.0))
    covered = found.covered.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_se_mcse = found.variance.std(axis=0) / np.sqrt(runs) / (2 * mean_se)
    half = np.where(positive, found.half, np.nan)
    return {
        "bias": error.mean(axis=0),
        "bias_mcse": spread / np.sqrt(runs),
        "empirical_se": spread,
        "empirical_se_mcse": spread / np.sqrt(2 * max(runs - 1, 1)),
        "mean_se": mean_se,
        "mean_se_mcse": mean_se_mcse,
        "coverage": covered,
        "coverage_mcse": np.sqrt(covered * (1 - covered) / runs),
        "width": _median(2 * half),
        "negative": 1 - positive.mean(axis=0),
    }
