"""Values of a column as trees for ArviZ hold them: whole numbers as such, levels as codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats
from posynth.chain.missing_kinds import indicator_levels
from posynth.chain.spec import Conditional
from posynth.posterior.coding import Coding
from posynth.posterior.support import LARGEST_WHOLE
from posynth.table.schema import Kind, Schema


@dataclass(frozen=True)
class Units:
    """How a conditional's values are shown.

    Attributes
    ----------
    whole : bool
        Whether they are whole numbers: counts and codes of levels.
    levels : tuple of str
        What the codes mean, for a column of levels or an indicator of missing values.
    decimals : int, optional
        Decimals to which the column is rounded.
    """

    whole: bool
    levels: tuple[str, ...] = ()
    decimals: int | None = None

    @classmethod
    def of(cls, schema: Schema, conditional: Conditional, coding: Coding) -> "Units":
        """Return the units of a conditional."""
        if conditional.indicates:
            return cls(True, indicator_levels(schema[conditional.column]))
        column = schema[conditional.target]
        levels = () if coding.numbers else coding.levels
        if column.kind.is_categorical:
            levels = tuple(map(str, column.levels))
        whole = bool(levels) or column.kind is Kind.COUNT
        return cls(whole, levels, column.decimals)

    def values(self, drawn: Floats) -> NDArray[Any]:
        """Return values or draws of them, of any shape, as the tree holds them.

        Counts are rounded as in copies. A count too large to be told from its neighbours is the
        largest that is not.
        """
        if not self.whole:
            return np.asarray(drawn, dtype=np.float64)
        return np.round(np.clip(drawn, -LARGEST_WHOLE, LARGEST_WHOLE)).astype(np.int64)

    @property
    def attrs(self) -> dict[str, Any]:
        """What the codes mean, as attributes of a variable."""
        return {"levels": list(self.levels)} if self.levels else {}
