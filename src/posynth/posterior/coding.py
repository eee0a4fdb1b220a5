"""How a fitted conditional codes rows: all that it learned of the source but its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.corrections import NO_CORRECTIONS, Corrections
from posynth.chain.crossing import cells
from posynth.chain.design import Encoder
from posynth.chain.few import codes_of
from posynth.chain.group_level import gather
from posynth.chain.groups import NO_GROUPS, Groups, behind_groups
from posynth.chain.limits import Limits
from posynth.chain.open_rows import Measure, behind_limits
from posynth.chain.passive import drawn_values
from posynth.chain.scale import Scale
from posynth.chain.scores import STRAIGHT, Warp
from posynth.errors import SpecError
from posynth.families.base import Design, Response


@dataclass(frozen=True)
class Coding:
    """How a conditional reads predictors and writes its response; replayable, holds no row.

    Attributes
    ----------
    encoder : Encoder, optional
        Standardised design; None for a family that crosses levels into cells.
    columns : tuple of str
        Columns crossed into cells, if ``encoder`` is None.
    predictors : tuple of str
        Names of the p predictors.
    levels : tuple of str
        Levels of a categorical response.
    center, scale : float
        As in ``Response``; a standardised response is ``center + scale * y``.
    reference : int
        Index of the reference level.
    origin, unit : float
        A linear predictor alpha + X beta stands for ``origin + unit * (alpha + X beta)`` on the
        scale of the link.
    options : Mapping
        As in ``Response``; None stands for no bound, since infinity is no JSON.
    learned : Scale, optional
        The response is a score on this scale; then ``center`` is 0 and ``scale`` 1.
    warp : Warp
        Takes normal scores on the learned scale to those of the model.
    groups : Groups
        The column of groups, for a family with random effects.
    per_group : str
        The column of groups within which the target is constant, or ``""``.
    numbers : tuple of float
        What the levels stand for in a numeric column; of a column of levels that are not all seen,
        the codes of those that are; or ``()``.
    rule : str
        Rule of a passive column, whose one predictor is what the rule gives.
    spread : tuple of int
        Places of the predictors of the log spread, for a family of blocks.
    limits : Limits, optional
        What rules that hold in every row leave open.
    corrections : Corrections
        Bins of predictors in which the shape is corrected, for family ``tilted``.
    """

    encoder: Encoder | None
    columns: tuple[str, ...]
    predictors: tuple[str, ...]
    levels: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    reference: int = 0
    origin: float = 0.0
    unit: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    learned: Scale | None = None
    warp: Warp = STRAIGHT
    groups: Groups = NO_GROUPS
    per_group: str = ""
    numbers: tuple[float, ...] = ()
    rule: str = ""
    spread: tuple[int, ...] = ()
    limits: Limits | None = None
    corrections: Corrections = NO_CORRECTIONS

    def response(self, name: str, y: NDArray[Any]) -> Response:
        """Return values of the response under this coding."""
        unbounded = {"lower": -np.inf, "upper": np.inf}
        options = {k: unbounded[k] if v is None else v for k, v in self.options.items()}
        return Response(name, y, self.levels, self.center, self.scale, self.reference, options)

    def levels_of(self, name: str, values: Floats) -> Floats:
        """Return values as a response of levels holds them: their codes.

        Raises
        ------
        SpecError
            If a number is none of those that stood for a level.
        """
        if not self.numbers:
            return values
        codes = codes_of(np.array(self.numbers), values)
        if (codes < 0).any():
            raise SpecError(
                f"column {name!r} holds {values[codes < 0][0]:g}, which is none of the numbers "
                f"its conditional knows as levels: {', '.join(self.levels)}; fit again with scale "
                "'learned', or on rows that hold it"
            )
        return codes.astype(np.float64)

    def design(self, rows: Rows) -> Floats:
        """Code predictor rows, (n, p)."""
        if self.rule:
            (name,) = self.predictors
            return drawn_values(rows, rows.schema[name], self.rule)[:, None]
        if self.encoder is None:
            return cells(rows, self.columns)[1]
        X = behind_groups(rows, self.groups, self.encoder.replay(rows))
        X = self.corrections.before(rows, X)
        return behind_limits(rows, self.limits, X, self.measure)

    @property
    def measure(self) -> Measure:
        """How values of the response become what is modelled."""
        return Measure(self.center, self.scale, self.learned, self.warp)

    def gathered(self, rows: Rows, used: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the design of the rows used, and which they are.

        Where the target is constant within groups they are the first of each group; where rules
        decide its value they are not used.
        """
        if self.limits is not None:
            used = used & self.limits.open(rows)
        X = self.design(rows)[used]
        if not self.per_group:
            return X, used
        found = gather(rows, self.per_group, X, used)
        return found.X, np.isin(np.arange(len(rows)), found.first)

    def measured(self, rows: Rows) -> Rows:
        """Return rows in which the response is what is modelled: see ``chain.limits``."""
        return rows if self.limits is None else self.limits.measured(rows)

    def designed(self, X: Floats) -> Design:
        """Return coded predictor rows with what their columns are."""
        blocks = () if self.encoder is None else self.encoder.blocks
        return Design(
            X,
            self.predictors,
            self.groups.levels,
            self.groups.slopes,
            blocks,
            self.spread,
            self.corrections.labels,
        )
