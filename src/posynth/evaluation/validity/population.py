"""Where the samples of a study come from: a simulator, a large table, or a chain's own rows."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from posynth.copies.walk import as_frame, walk
from posynth.errors import SpecError
from posynth.families.own import load_function
from posynth.posterior.bound import Chain
from posynth.posterior.prior import from_prior
from posynth.posterior.record import Posterior

if TYPE_CHECKING:
    from posynth.table.frame import Table

type Simulate = Callable[[int, np.random.Generator], pd.DataFrame]


class Population(Protocol):
    """What a study samples from."""

    @property
    def varies(self) -> bool:
        """Whether every replication has a population of its own."""

    def at(self, rng: np.random.Generator) -> "Population":
        """Return the population of one replication."""

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows independently."""

    def whole(self) -> pd.DataFrame | None:
        """Return every row, where the population is finite and known."""


@dataclass(frozen=True)
class _Fixed:
    @property
    def varies(self) -> bool:
        """One population for the whole study."""
        return False

    def whole(self) -> pd.DataFrame | None:
        """No list of rows."""
        return None


@dataclass(frozen=True)
class Simulator(_Fixed):
    """A function ``(rows, rng) -> DataFrame``, or the name of one as ``"file.py:function"``.

    Attributes
    ----------
    function : callable or str
        The simulator.
    folders : tuple of Path
        Where the file is sought.
    """

    function: Simulate | str
    folders: tuple[Path, ...] = ()

    def at(self, rng: np.random.Generator) -> "Simulator":
        """Return the simulator, its file read once."""
        if not isinstance(self.function, str):
            return self
        return replace(self, function=self._loaded(self.function))

    def _loaded(self, name: str) -> Simulate:
        # A name that a study file gives was refused by ``read_study`` unless code is allowed.
        return load_function(name, self.folders, "simulator", allowed=True)

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Call the simulator.

        Raises
        ------
        SpecError
            If it fails, or returns something other than a data frame of so many rows.
        """
        function: Any = self.at(rng).function
        try:
            frame = function(rows, rng)
        except Exception as error:
            raise SpecError(
                f"the simulator failed with {type(error).__name__}: {error}; call it as "
                f"function({rows}, numpy.random.default_rng(1)) to see where"
            ) from error
        if not isinstance(frame, pd.DataFrame) or len(frame) != rows:
            size = f" of {len(frame)} rows" if isinstance(frame, pd.DataFrame) else ""
            raise SpecError(
                f"the simulator was asked for {rows} rows and returned a {type(frame).__name__}"
                f"{size}; return a pandas.DataFrame with as many rows as asked for"
            )
        return frame


@dataclass(frozen=True)
class Finite(_Fixed):
    """A large table; samples are drawn from its rows with replacement.

    Attributes
    ----------
    frame : pandas.DataFrame
        The rows.
    """

    frame: pd.DataFrame = field(repr=False)

    def at(self, rng: np.random.Generator) -> "Finite":
        """Return the table."""
        return self

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows with replacement, so that samples are independent however large."""
        chosen = rng.integers(0, len(self.frame), rows)
        return self.frame.iloc[chosen].reset_index(drop=True)

    def whole(self) -> pd.DataFrame:
        """Return the table: population values are known without error."""
        return self.frame


@dataclass(frozen=True)
class Predictive(_Fixed):
    """Rows of a fitted chain at one posterior draw: the analyst's world is the chain's own.

    Attributes
    ----------
    posterior : Posterior
        Its first draw is the population's parameter.
    """

    posterior: Posterior = field(repr=False)

    def at(self, rng: np.random.Generator) -> "Predictive":
        """Return the same population."""
        return self

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Walk the chain once."""
        first = {
            target: draws.isel(chain=slice(0, 1), draw=slice(0, 1))
            for target, draws in self.posterior.draws.items()
        }
        one = replace(self.posterior, draws=first)
        (arrays,) = walk(one, 1, rows, int(rng.integers(2**62)))
        return as_frame(one, arrays)


@dataclass(frozen=True)
class Prior:
    """A chain's prior predictive: every replication has parameters of its own.

    Attributes
    ----------
    chain : Chain
        Its priors must be proper.
    table : Table
        Rows on which codings (centres, scales, levels) are learned, once for all replications.
    """

    chain: Chain
    table: "Table" = field(repr=False)

    @property
    def varies(self) -> bool:
        """Every replication has its own parameters."""
        return True

    def at(self, rng: np.random.Generator) -> Predictive:
        """Draw the parameters of one replication."""
        return Predictive(from_prior(self.chain, self.table, rng))

    def draw(self, rows: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw rows under parameters drawn for the occasion."""
        return self.at(rng).draw(rows, rng)

    def whole(self) -> None:
        """No list of rows."""
