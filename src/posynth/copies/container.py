"""The m synthetic tables, where they come from, and how they are written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import pandas as pd

from posynth.copies.arrays import as_dataset
from posynth.copies.codebook import Codebook
from posynth.copies.manifest import manifest, public_manifest
from posynth.copies.output import write_output
from posynth.copies.streams import Streams, part_of, shared_draws
from posynth.errors import MeasureError, StoreError
from posynth.posterior.record import Posterior
from posynth.table.declare import in_text_order
from posynth.table.listing import listing, some, table_html
from posynth.table.reasons import Reasons, coded
from posynth.table.schema import Schema
from posynth.table.typed import as_given

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Copies:
    """m synthetic copies of one table.

    ``copies[0]`` is the first copy, a data frame; ``copies[1:3]`` are copies again, which can be
    pooled as such, and so are the copies of several draws together (`combined`).

    Attributes
    ----------
    frames : tuple of pandas.DataFrame
        The copies, k rows each, with the columns, order, dtypes and levels of the source, as they
        are written to files: categories of dates or intervals are text. ``copies[0]``, iteration
        and `to_pandas` give such categories in the type of the source.
    origin : Posterior or Codebook
        What they were drawn from; where they were passed on without it, the description of their
        columns.
    streams : tuple of Streams
        Which random streams and posterior draws made them, one record a draw; empty where they
        were passed on, since a public manifest does not tell it.
    written : Mapping, optional
        The manifest they were read with; versions in it are those of the day they were drawn.
    reasons : tuple of Mapping
        For columns with several codes for missing values: which of them stands in the file where
        the frame has a missing value, one Mapping a copy; empty if there is no such column.
    """

    frames: tuple[pd.DataFrame, ...]
    origin: Posterior | Codebook
    streams: tuple[Streams, ...]
    written: Mapping[str, Any] | None = field(default=None, compare=False)
    reasons: tuple[Reasons, ...] = field(default=(), compare=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return iter(self.to_pandas())

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, copy: int) -> pd.DataFrame: ...

    @overload
    def __getitem__(self, copy: slice) -> "Copies": ...

    def __getitem__(self, copy: int | slice) -> "pd.DataFrame | Copies":
        if not isinstance(copy, slice):
            return self._frame(copy)
        places = range(len(self))[copy]
        if not places:
            raise MeasureError(
                f"copies[{copy.start}:{copy.stop}] takes none of {len(self)} copies, which are "
                f"numbered 0 to {len(self) - 1}"
            )
        streams = part_of(self.streams, places) if self.streams else ()
        written = self.written
        if written is not None:
            records = {"streams": [each.to_dict() for each in streams]} if streams else {}
            written = {**written, "m": len(places), **records}
        frames = tuple(self.frames[i] for i in places)
        reasons = tuple(self.reasons[i] for i in places) if self.reasons else ()
        return Copies(frames, self.origin, streams, written, reasons)

    def _frame(self, copy: int) -> pd.DataFrame:
        try:
            return as_given(self.schema, self.frames[copy])
        except (IndexError, TypeError):
            raise MeasureError(
                f"copies[{copy!r}]: there are {len(self)} copies, numbered from 0; copies[0] is "
                "the first, a data frame, and copies.to_frame() holds all of them"
            ) from None

    @property
    def seed(self) -> int | None:
        """Seed of the draws, of the first where several were combined; None if it is not told."""
        return self.streams[0].seed if self.streams else None

    @property
    def taken(self) -> dict[str, np.ndarray]:
        """Conditional -> which posterior draw each copy takes, chains laid end to end, (m,).

        Raises
        ------
        StoreError
            If the manifest does not tell it.
        """
        targets, records = self.posterior.estimated, self._records()
        return {t: np.concatenate([np.array(s.taken[t], int) for s in records]) for t in targets}

    def __repr__(self) -> str:
        lines = [self.title]
        if isinstance(self.origin, Posterior) and self.origin.links:
            table, more = self.origin.summary(), "copies.diagnostics() shows all"
            lines += listing(list(map(str, table)), table.to_numpy().tolist(), more=more)
        return "\n".join([*lines, *self._asides()])

    def _repr_html_(self) -> str:
        if isinstance(self.origin, Posterior):
            return table_html(self.title, self.origin.summary(), "; ".join(self._asides()))
        kinds = [(column.name, column.kind.value) for column in self.schema]
        return table_html(self.title, pd.DataFrame(kinds, columns=["column", "kind"]))

    @property
    def title(self) -> str:
        """How many copies of how many rows, whether proper, and with which seed."""
        m, k = len(self), len(self.frames[0])
        size = f"{m} {'copy' if m == 1 else 'copies'} of {k} rows from a source of"
        size = f"{size} {self.schema.rows} rows, {'' if self.proper else 'not '}proper"
        if not self.has_posterior:
            return f"{size}, passed on without their posterior"
        seeds = [str(each.seed) for each in self.streams]
        named = f", seed{'s' * (len(seeds) > 1)} {some(seeds, 2)}" if seeds else ""
        return f"{size}{named}"

    def _asides(self) -> list[str]:
        """Columns that no conditional models, and conditionals that did not pass."""
        if not isinstance(self.origin, Posterior):
            return []
        links = self.origin.links
        failed = [t for t, link in links.items() if not link.diagnosis.passed]
        filled = [column.name for column in self.schema if not column.kind.is_modelled]
        by_text = [column.name for column in self.schema if in_text_order(column)]
        named = {
            "outside their limits": failed,
            "filled in, not modelled": filled,
            "levels in the order of their text, check it": by_text,
        }
        return [f"{what}: {some(names)}" for what, names in named.items() if names]

    def to_frame(self) -> pd.DataFrame:
        """Return all copies as one long data frame, indexed by copy and row.

        Returns
        -------
        pandas.DataFrame
            m k rows with the columns and dtypes of the copies and a MultiIndex (``copy``, ``row``),
            both from 0: ``frame.loc[2]`` is ``copies[2]``, ``frame.groupby(level="copy")`` goes
            over copies, and ``frame.reset_index(level="copy")`` makes the number a column.

        Examples
        --------
        >>> import posynth
        >>> table = posynth.load_heart_failure()[["age", "sex"]]
        >>> frame = posynth.synthesize(table, m=2, k=3, seed=1).to_frame()
        >>> frame.index.tolist()
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
        """
        return pd.concat(self.to_pandas(), keys=range(len(self)), names=["copy", "row"])

    def to_pandas(self, *, codes: bool = False) -> list[pd.DataFrame]:
        """Return the copies as a list of data frames.

        Parameters
        ----------
        codes : bool
            Put the declared codes for missing values in their place, as files hold them; codes that
            the dtype of a column cannot hold stay missing values.
        """
        frames = [as_given(self.schema, frame) for frame in self.frames]
        if not codes:
            return frames
        kinds: Sequence[Reasons] = self.reasons or [{}] * len(frames)
        return [coded(self.schema, frame, each) for frame, each in zip(frames, kinds, strict=True)]

    def to_xarray(self) -> "xr.Dataset":
        """Return the copies as one Dataset with dims (copy, row) and a variable a column.

        Columns whose name is also a dim (``copy``, ``row``) get an underscore behind it. The
        attribute ``manifest`` is the one that may be published, without seeds.
        """
        return as_dataset(self.frames, public_manifest(self.manifest()))

    @property
    def posterior(self) -> Posterior:
        """What the copies were drawn from.

        Raises
        ------
        StoreError
            If they were passed on without it.
        """
        if isinstance(self.origin, Posterior):
            return self.origin
        raise StoreError(
            "these copies were passed on without their posterior, which this needs (copies and "
            "manifest suffice for pooling); use the output folder that holds posterior/, or ask "
            "whoever made the copies"
        )

    @property
    def has_posterior(self) -> bool:
        """Whether the posterior is available."""
        return isinstance(self.origin, Posterior)

    @property
    def schema(self) -> Schema:
        """Kinds, levels, decimals and dtypes of the columns; ``rows`` is that of the source."""
        return self.origin.schema

    @property
    def remarks(self) -> tuple[str, ...]:
        """What had to be inferred or assumed, and what copies of several draws share."""
        shared = shared_draws(self.streams)
        known = self.origin.remarks if isinstance(self.origin, Codebook) else ()
        return (*known, shared) if shared else known

    @property
    def proper(self) -> bool:
        """Whether every copy took its own posterior draw of every conditional."""
        if isinstance(self.origin, Posterior):
            return self.origin.proper
        return bool(self.manifest()["proper"])

    @property
    def seed_of_draws(self) -> int:
        """Seed of the draws.

        Raises
        ------
        StoreError
            If the manifest does not tell it.
        """
        return self._records()[0].seed

    def _records(self) -> tuple[Streams, ...]:
        if self.streams:
            return self.streams
        raise StoreError(
            "the manifest of these copies is a public one, without seeds, which this needs; "
            "use the output folder that `posynth synthesize` or `posynth draw` wrote"
        )

    @property
    def tree(self) -> "xr.DataTree":
        """The posterior as a DataTree, one group a conditional."""
        return self.posterior.tree

    def diagnostics(self) -> pd.DataFrame:
        """Return how well each conditional was fitted, one row each."""
        return self.posterior.diagnostics()

    def manifest(self) -> dict[str, Any]:
        """Return what a reader of the copies must know: hashes, seeds, sizes, proper or not."""
        if self.written is not None:
            return dict(self.written)
        return manifest(self.posterior, len(self.frames[0]), self.streams)

    def save(
        self, folder: str | Path, format: str | None = None, *, overwrite: bool = False
    ) -> Path:
        """Write an output folder: copies, chain, posterior, diagnostics and manifest.

        Parameters
        ----------
        folder : str or Path
            Where; it is made if it is not there.
        format : str, optional
            ``"csv"`` or ``"parquet"``; the source's own by default.
        overwrite : bool
            Replace another run that the folder holds, with reports and results about it. A folder
            that holds just the posterior of these copies needs no leave.

        Raises
        ------
        StoreError
            If the folder holds another run, or something that posynth did not write.

        Returns
        -------
        Path
            The folder.
        """
        parts = (self.frames, self.posterior, self.manifest())
        return write_output(*parts, Path(folder), format, overwrite, self.reasons)
