"""The two records every judgement works on: where the copies come from, and what is compared."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from posynth.copies.failed import concerning, failed_conditionals, note
from posynth.table.reasons import Reasons
from posynth.table.schema import Schema

NO_HOLDOUT = (
    "Not measured: it needs a holdout, rows of the same population that no conditional was fitted "
    "on. Split the source before the synthesis and hand the rest over as the holdout."
)


@dataclass(frozen=True)
class Provenance:
    """How the copies were made, as read from a manifest; it decides rules and null scales.

    Attributes
    ----------
    n, k, m : int
        Rows of the source, rows of a copy, number of copies.
    proper : bool
        Whether every copy took its own posterior draw of every conditional.
    without_noise : tuple of str
        Columns that repeat their mean; no combining rule holds for them.
    unsynthesised : tuple of str
        Columns that hold original values row by row (partial synthesis); empty if complete.
    missing : str
        ``"none"`` (complete source), ``"pattern"`` (holes reproduced in the copies),
        ``"impute"`` (imputed ``nests`` times, then synthesised) or ``"joint"``.
    apart : tuple of str
        Responses that the chain does not relate to the groups of the analysis, as far as is known.
    holed : tuple of str
        Columns with missing values in the copies, where it is not known which of them an analysis
        reads; empty where that is known.
    imputed : int
        Imputations inside each copy, of which each estimate is the total; 0 if there are none.
    failed : tuple of str
        Sentences on conditionals that did not pass their diagnostics; notes of every inference.
    nests : int
        Number of imputations m in a nested design of nests x (m / nests) copies; 1 otherwise.
    plug_in : tuple of str
        Columns drawn without parameter uncertainty while others have it; empty if all are alike.
    tightened : tuple of str
        Columns whose slopes a prior draws towards 0.
    stated_priors : tuple of str
        Columns with priors of single coefficients that a user stated.
    simplified : Mapping of str to str
        Column -> what is left of its conditional, where a larger one was not fitted.
    kept_groups : tuple of str
        Columns drawn with the group effects of the source, as far as is known.
    groups : Mapping of str to int
        Column of groups -> how many groups the source has.
    grouped : Mapping of str to str
        Column whose rows are alike within groups -> column of groups.
    by_row : Mapping of str to tuple of str
        Repeated identifier -> columns in which its rows are independent given their predictors.
    """

    n: int
    k: int
    m: int
    proper: bool = True
    unsynthesised: tuple[str, ...] = ()
    missing: str = "none"
    nests: int = 1
    imputed: int = 0
    without_noise: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    plug_in: tuple[str, ...] = ()
    tightened: tuple[str, ...] = ()
    stated_priors: tuple[str, ...] = ()
    simplified: Mapping[str, str] = field(default_factory=dict)
    kept_groups: tuple[str, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    grouped: Mapping[str, str] = field(default_factory=dict)
    holed: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    by_row: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every column was synthesised."""
        return not self.unsynthesised

    @property
    def drawn_anew(self) -> bool:
        """Whether every column was synthesised, and the spread between its groups drawn anew."""
        return self.complete and not self.kept_groups

    @property
    def share(self) -> float:
        """Share c = k / (n + k) of synthetic rows in the stacked table."""
        return self.k / (self.n + self.k)

    @classmethod
    def from_manifest(
        cls, manifest: Mapping[str, Any], columns: Collection[str] | None = None
    ) -> "Provenance":
        """Read the record from a manifest; keys not listed above are ignored.

        Of conditionals that did not pass, those are named on which ``columns`` depend; by default
        all of them.
        """
        failed = failed_conditionals(manifest)
        used = {name for each in failed for name in each.affects} if columns is None else columns
        return cls(
            n=int(manifest["n"]),
            k=int(manifest["k"]),
            m=int(manifest["m"]),
            proper=bool(manifest.get("proper", True)),
            unsynthesised=tuple(manifest.get("unsynthesised", ())),
            missing=str(manifest.get("missing", "none")),
            nests=int(manifest.get("nests", 1)),
            without_noise=tuple(manifest.get("without_noise", ())),
            failed=tuple(note(each, used) for each in concerning(failed, used)),
            plug_in=_plug_in(manifest),
            tightened=tuple(manifest.get("tightened", ())),
            stated_priors=tuple(manifest.get("stated_priors", ())),
            simplified=dict(manifest.get("simplified", {})),
            kept_groups=tuple(manifest.get("kept_groups", ())),
            groups={str(name): int(count) for name, count in manifest.get("groups", {}).items()},
            grouped=dict(manifest.get("grouped", {})),
            by_row=drawn_by_row(manifest),
        )


def drawn_by_row(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return repeated identifier -> columns that are drawn row by row, from a manifest.

    Examples
    --------
    >>> drawn_by_row({"ids": {"person": {"wave": "year", "apart": ["job"]}}})
    {'person': ('job',)}
    """
    entries = {n: e for n, e in manifest.get("ids", {}).items() if isinstance(e, Mapping)}
    return {str(name): tuple(map(str, e.get("apart") or ())) for name, e in entries.items()}


def _plug_in(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns drawn without parameter uncertainty, unless that is all columns that are modelled."""
    if "plug_in" in manifest:
        return tuple(manifest["plug_in"])
    improper = tuple(manifest.get("improper", ()))
    modelled = set(manifest.get("engines", manifest.get("priors", improper)))
    return improper if modelled - set(improper) else ()


@dataclass(frozen=True)
class Comparison:
    """An original table beside its copies.

    Attributes
    ----------
    original : pandas.DataFrame
        The source, n rows.
    copies : tuple of pandas.DataFrame
        The m copies, k rows each, same columns.
    schema : Schema
        What each column is.
    provenance : Provenance
        How the copies were made.
    holdout : pandas.DataFrame, optional
        Rows of the same population that no conditional was fitted on.
    kinds : tuple of Mapping of str to ndarray of int
        For columns with several kinds of missing values, which of them each row has, from 1, and 0
        where a value is present: of the original, then of each copy. Empty where it is not known.
    """

    original: pd.DataFrame
    copies: tuple[pd.DataFrame, ...]
    schema: Schema
    provenance: Provenance = field(default_factory=lambda: Provenance(0, 0, 0))
    holdout: pd.DataFrame | None = None
    kinds: tuple[Reasons, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        held = "no holdout" if self.holdout is None else f"{len(self.holdout)} rows held out"
        return (
            f"Comparison of {len(self.original)} rows of {len(self.schema)} columns with "
            f"{len(self.copies)} copies, {held}"
        )
