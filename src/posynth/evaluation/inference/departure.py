r"""Values that are not missing at random: a departure that the user states, column by column.

The data do not tell how missing values differ from those present, so it is assumed, and varied:

delta
    Pattern-mixture model: a missing number is ``delta`` units above what its predictors say of a
    present one, :math:`y \mid x, R=1 \sim p(y - \delta \mid x, R=0)`; for a binary column ``delta``
    is added to the log-odds of its second level.
selection
    Selection model :math:`\mathrm{logit}\,P(R=1 \mid x, y) = h(x) + \delta y` with any h: one unit
    more multiplies the odds of being missing by :math:`e^\delta`. It is the same as
    :math:`p(y \mid x, R=1) \propto e^{\delta y} p(y \mid x, R=0)`, so a normal regression of the
    present values with variance :math:`\sigma^2` is shifted by :math:`\delta \sigma^2`, with the
    :math:`\sigma^2` of each posterior draw, and a binary column's log-odds by :math:`\delta`.
    A column of another family, or on a learned scale, is drawn as if present several times a row,
    of which one is chosen with weights :math:`e^{\delta y}`.

Both are proper given delta; delta = 0 is missing at random. The random-indicator method of mice
(Jolani 2012) estimates an offset in place of stating it, which only the assumed normality tells.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 9.2; Franks, D'Amour
and Feller (2020), Flexible sensitivity analysis for observational studies without observable
implications, JASA 115, 1730-1746, for the second form; Jolani, S. (2012), Dual imputation
strategies for analyzing incomplete data, Utrecht University.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real

import numpy as np

from posynth.arguments import mapping
from posynth.chain.blocks import Floats
from posynth.errors import MeasureError, unknown
from posynth.posterior.coding import Coding
from posynth.table.schema import Column, Kind, Schema

type Draws = dict[str, Floats]

#: Draws a row among which a selection model chooses, and effective ones it must choose among.
CANDIDATES, LEAST_EFFECTIVE = 200, 20.0


@dataclass(frozen=True)
class Departure:
    """How missing values differ from those present, where they are not missing at random.

    Attributes
    ----------
    delta : Mapping of str to float
        Column -> shift of its missing values, in its units, or log-odds of its second level.
    selection : Mapping of str to float
        Column -> change of the log-odds of being missing with one unit of the column.
    """

    delta: Mapping[str, float] = field(default_factory=dict)
    selection: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are said not to be missing at random."""
        return tuple(dict.fromkeys((*self.delta, *self.selection)))

    def check(
        self, schema: Schema, imputed: Iterable[str], rules: Mapping[str, str] | None = None
    ) -> None:
        """Raise unless each departure is about a column that is imputed, and can be drawn.

        Parameters
        ----------
        schema : Schema
            What each column is.
        imputed : iterable of str
            Columns whose missing values are drawn.
        rules : Mapping of str to str, optional
            Passive column -> its rule: such a column is computed, not drawn.

        Raises
        ------
        MeasureError
            Naming the column, what was found and what is allowed.
        """
        possible = list(imputed)
        allowed = [n for n in possible if schema[n].kind.is_numeric or _is_binary(schema[n])]
        for what, stated in (("delta", self.delta), ("selection", self.selection)):
            mapping(what, stated, "{'income': -500}")
            for name, value in stated.items():
                if rules and name in rules:
                    raise MeasureError(
                        f"{what}: column {name!r} is computed as {rules[name]!r}, so that a "
                        "departure of its own would be overwritten; state it for a column that "
                        "the rule reads"
                    )
                if name not in allowed:
                    raise MeasureError(f"{what}: {_not_about(name, schema, possible, allowed)}")
                if not isinstance(value, Real) or not isfinite(value):
                    raise MeasureError(
                        f"{what} of column {name!r} = {value!r}; it must be a finite number"
                    )
        both = set(self.delta) & set(self.selection)
        if both:
            raise MeasureError(
                f"column {min(both)!r} has a delta and a selection; they are two ways to say the "
                "same, so keep one"
            )

    def family(self, column: Column, usual: str) -> str:
        """Return the family a column is imputed by: a binary column's log-odds are shifted."""
        return "bernoulli" if column.name in self.columns and _is_binary(column) else usual

    def shifted(self, column: Column, family: str, coding: Coding, draws: Draws) -> Draws:
        """Return posterior draws with the departure added to the intercept, where that is exact."""
        name = column.name
        if name in self.selection and not self.weighs(column, family, coding):
            variance = 1.0 if coding.levels else draws["sigma"] ** 2 * coding.unit
            return draws | {"alpha": draws["alpha"] + self.selection[name] * variance}
        if name in self.delta and _is_binary(column):
            return draws | {"alpha": draws["alpha"] + self.delta[name]}
        return draws

    def weighs(self, column: Column, family: str, coding: Coding) -> bool:
        """Whether a selection model is drawn by weighting candidates: it has no closed form."""
        exact = family == "gaussian" and coding.learned is None
        return column.name in self.selection and not (_is_binary(column) or exact)

    def chosen(self, column: Column, candidates: Floats, rng: np.random.Generator) -> Floats:
        r"""Choose one of several draws a row, with probabilities that go as :math:`e^{\delta y}`.

        Parameters
        ----------
        column : Column
            What is imputed.
        candidates : ndarray, shape (c, k)
            Draws of each row given that its value is present.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray, shape (k,)

        Raises
        ------
        MeasureError
            If few of them have all the weight, as where the tail is too heavy for the departure.
        """
        weight = self.selection[column.name] * candidates
        weight = np.exp(weight - weight.max(axis=0))
        weight /= weight.sum(axis=0)
        effective = float(np.mean(1 / np.sum(weight**2, axis=0)))
        if effective < LEAST_EFFECTIVE:
            stated = f"{column.name!r} = {self.selection[column.name]:g}"
            raise MeasureError(
                f"selection of column {stated} gives a few "
                f"extreme values all the weight ({effective:.1f} of {len(candidates)} candidates); "
                "state one nearer 0, or a delta"
            )
        place = (weight.cumsum(axis=0) < rng.random(candidates.shape[1])).sum(axis=0)
        return candidates[np.minimum(place, len(candidates) - 1), np.arange(candidates.shape[1])]

    def moved(self, column: Column, drawn: Floats) -> Floats:
        """Return imputed numbers with their delta."""
        return drawn + self.delta.get(column.name, 0.0) if column.kind.is_numeric else drawn

    def told(self, schema: Schema) -> tuple[str, ...]:
        """Say what was assumed, a sentence a column."""
        shifts = (f"{n!r} are shifted by {_delta(schema[n], v)}" for n, v in self.delta.items())
        odds = (
            f"{n!r}: log-odds of being missing change by {v:g} with {_unit(schema[n])}"
            for n, v in self.selection.items()
        )
        end = " (not missing at random: assumed, not estimated; vary it)"
        return tuple(f"imputed values of {text}{end}" for text in (*shifts, *odds))


AT_RANDOM = Departure()


def _not_about(name: str, schema: Schema, possible: Sequence[str], allowed: Sequence[str]) -> str:
    """Say why a column cannot differ from missing at random, and which can."""
    if name not in schema:
        return unknown("column", name, schema.names)
    if name in possible:
        why = "has more than two levels, and a shift is of a number or of the odds of two"
    elif schema[name].missing:
        why = "is no column of the model"
    else:
        why = "has no missing values, so that none are imputed"
    rest = f"columns of which that can be said here: {', '.join(map(repr, allowed))}"
    return f"column {name!r} {why}; {rest if allowed else 'it can be said of no column here'}"


def _is_binary(column: Column) -> bool:
    return column.kind is Kind.BINARY


def _delta(column: Column, value: float) -> str:
    if _is_binary(column):
        return f"{value:g} on the log-odds of {column.levels[1]!r}"
    return f"{value:g} {'days' if column.kind is Kind.DATE else 'of its units'}"


def _unit(column: Column) -> str:
    if _is_binary(column):
        return f"{column.levels[1]!r} in place of {column.levels[0]!r}"
    return "one day" if column.kind is Kind.DATE else "one of its units"
