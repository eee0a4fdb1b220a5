"""Repeated identifiers: how many rows an id has and which waves, and rosters of new ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posynth.errors import TableError
from posynth.table.arrays import Floats

#: Rows without an id are groups of one row; their number ends in this, so that it is an id's not.
BLANK = 0.5


@dataclass(frozen=True)
class Roster:
    """What is kept of a repeated identifier: no id, but patterns of rows and waves.

    Attributes
    ----------
    sizes : tuple of int
        Rows of an id, one entry a pattern.
    ids : tuple of int
        Ids of the source that have each pattern.
    waves : tuple of tuple of int
        Places in ``support`` of the waves of each pattern; empty where they are drawn at random.
    wave : str
        The column that differs between the rows of an id, or ``""``.
    support : tuple of float
        The values of the wave, encoded, in order.
    weights : tuple of int
        Rows of each.
    constant : tuple of str
        Columns that are constant within ids, beyond chance.
    blank : int
        Rows without an id.
    """

    sizes: tuple[int, ...]
    ids: tuple[int, ...]
    waves: tuple[tuple[int, ...], ...] = ()
    wave: str = ""
    support: tuple[float, ...] = ()
    weights: tuple[int, ...] = ()
    constant: tuple[str, ...] = ()
    blank: int = 0

    def __post_init__(self) -> None:
        count, most = len(self.sizes), len(self.support)
        shaped = count == len(self.ids) > 0 and len(self.waves) in (0, count)
        positive = all(each >= 1 for each in (*self.sizes, *self.ids, *self.weights))
        if not (shaped and positive and len(self.weights) == most and self.blank >= 0):
            raise TableError(
                "a roster needs as many sizes as ids and as weights of waves, all 1 or more"
            )
        for size, places in zip(self.sizes, self.waves, strict=False):
            inside = all(0 <= place < most for place in places)
            fits = len(places) == size == len(set(places)) if places else size <= most
            if self.wave and not (inside and fits):
                raise TableError(f"a roster has a pattern of {size} rows with waves {places}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Roster":
        """Build a roster from plain data."""
        parts: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list | tuple) else v for key, v in data.items()
        }
        parts["waves"] = tuple(tuple(places) for places in parts.get("waves", ()))
        return cls(**parts)

    @property
    def count(self) -> int:
        """Number of ids in the source."""
        return sum(self.ids)

    @property
    def groups(self) -> int:
        """Number of groups of rows: ids, and each row without one."""
        return self.count + self.blank

    @property
    def rows(self) -> int:
        """Number of rows of the source."""
        return sum(a * b for a, b in zip(self.sizes, self.ids, strict=True)) + self.blank

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw the ids and waves of so many rows.

        Probabilities of patterns are drawn by the Bayesian bootstrap over ids, Dirichlet(ids), the
        share of rows without an id from its posterior, Beta(blank + 1/2, rows - blank + 1/2); then
        ids are drawn until the rows are full. The last may lose rows.

        Parameters
        ----------
        rows : int
            Rows of the copy.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ids : ndarray, shape (rows,)
            0, 1, ... in order; those of rows without an id end in .5.
        waves : ndarray, shape (rows,)
            Encoded values of the wave; zeros if there is none.

        Examples
        --------
        >>> roster = Roster((3,), (9,), ((0, 1, 2),), "day", (1.0, 2.0, 4.0), (9, 9, 9))
        >>> [each.tolist() for each in roster.draw(5, np.random.default_rng(1))]
        [[0.0, 0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 4.0, 1.0, 2.0]]
        """
        blank = 0
        if self.blank:
            share = rng.beta(self.blank + 0.5, self.rows - self.blank + 0.5)
            blank = int(rng.binomial(rows, share))
        chosen = self._patterns(rows - blank, rng)
        sizes = np.array(self.sizes, dtype=np.int64)[chosen]
        codes = np.repeat(np.arange(len(chosen), dtype=np.float64), sizes)[: rows - blank]
        waves = self._waves(chosen, blank, rng)
        codes = np.append(codes, len(chosen) + np.arange(blank) + BLANK)
        return codes, np.append(waves[: rows - blank], waves[len(waves) - blank :])

    def _patterns(self, rows: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the patterns of as many ids as fill some rows."""
        shares, sizes = rng.dirichlet(self.ids), np.array(self.sizes)
        chosen = np.zeros(0, dtype=np.int64)
        while int(sizes[chosen].sum()) < rows:
            more = max(10, int(1.2 * rows / sizes.max()))
            chosen = np.append(chosen, rng.choice(len(shares), more, p=shares))
        return chosen[: int(np.searchsorted(np.cumsum(sizes[chosen]), rows)) + 1 if rows else 0]

    def _waves(self, chosen: np.ndarray, blank: int, rng: np.random.Generator) -> Floats:
        """Draw the waves of each id's pattern, and those of rows without an id behind."""
        if not self.wave:
            return np.zeros(int(np.array(self.sizes)[chosen].sum()) + blank)
        places, shares = [], np.array(self.weights) / np.sum(self.weights)
        for pattern in chosen.tolist():
            own = self.waves[pattern] or np.sort(
                rng.choice(len(shares), self.sizes[pattern], replace=False, p=shares)
            )
            places.append(np.asarray(own, dtype=np.int64))
        places.append(rng.choice(len(shares), blank, p=shares))
        found: Floats = np.array(self.support)[np.concatenate(places)]
        return found
