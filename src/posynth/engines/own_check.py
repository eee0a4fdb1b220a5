"""A user's own model, tried on a few rows before any fit: that its rows can be replaced.

Copies are drawn from stored parameters, without the source: the user's function then writes its
model for a placeholder, and other rows are put under it. Here both models, that of the table and
that of a placeholder, are put on the same few rows, and must give each row the same density.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import Task
from posynth.engines.function import COMPILING
from posynth.engines.own_form import X_LINE, check_form, check_observed
from posynth.engines.own_rows import (
    follows,
    observed_data,
    reads_rows,
    row_data,
)
from posynth.engines.own_trial import Written
from posynth.errors import SpecError
from posynth.families.placeholder import blank, placeholder

if TYPE_CHECKING:
    import pymc as pm

#: Rows on which both models are compared.
FEW = 5


def check_own(task: Task) -> None:
    """Refuse a user's own model that could not be fitted, or drawn from.

    Parameters
    ----------
    task : Task
        The table's rows and the user's family.

    Raises
    ------
    SpecError
        With the line to change.
    """
    with COMPILING:
        model = check_form(task.model())
        check_observed(model, task.response)
        trial = _Trial(task, model, _without_data(task))
        trial.response_unread()
        trial.same_parameters()
        trial.same_data()
        trial.same_density()
        trial.finite_density()
        trial.gradient()
        trial.draws()


def _without_data(task: Task) -> "pm.Model":
    """Write the model for a placeholder, as drawing from a stored posterior does."""
    design, response = placeholder(task.family, task.design, task.response)
    try:
        model = replace(task, design=design, response=response).model()
    except Exception as error:
        raise SpecError(
            f"its function fails on rows without data ({type(error).__name__}: {error}), for which "
            "it is called when copies are drawn from a stored posterior; what it computes from "
            "design.X and response.y must work for any values: use response.center and "
            "response.scale, which are stored"
        ) from error
    return check_form(model)


class _Trial:
    """Two models of a user's function: of the table, and of a placeholder."""

    def __init__(self, task: Task, first: "pm.Model", second: "pm.Model") -> None:
        self.task, self.first, self.second = task, Written(first), Written(second)
        self.few = min(FEW, len(task.response.y))
        self.follows = follows(first, task.design)

    def response_unread(self) -> None:
        """Refuse a likelihood that reads the response itself."""
        model = self.first.model
        own, n = observed_data(model), len(self.task.response.y)
        name = self.first.observed.name
        if own & {node.name for node in reads_rows([self.first.resized], model, n)}:
            raise SpecError(
                f"the likelihood of {name!r} reads the response itself, which is what a copy "
                "draws; write each row's distribution from predictors and parameters alone"
            )

    def same_parameters(self) -> None:
        """Refuse a form that depends on the table, and parameters of single rows."""
        shapes = [each.model.eval_rv_shapes() for each in (self.first, self.second)]
        known, moved = (
            {rv.name: found[rv.name] for rv in rows.model.free_RVs}
            for found, rows in zip(shapes, (self.first, self.second), strict=True)
        )
        odd = sorted(set(known) ^ set(moved))
        if odd:
            raise SpecError(
                f"its variables depend on the values of the table: {odd[0]!r} is there for some "
                "tables only; write the same variables for any rows"
            )
        for name, shape in known.items():
            if shape != moved[name]:
                lengths = " x ".join(map(str, shape))
                raise SpecError(
                    f"its parameter {name!r} has one value a row ({lengths}), which new rows "
                    "do not have; sum it out, as pm.NegativeBinomial does for counts with an "
                    "effect of each row, or give it the dim of a column's levels"
                )

    def same_data(self) -> None:
        """Refuse data of rows that are computed from the response or from other rows."""
        if self.follows:
            return
        held = row_data(self.first.model, len(self.task.design.X))
        moved = row_data(self._rewritten(self.few), self.few)
        for name, values in held.items():
            if name not in moved or not np.array_equal(values[: self.few], moved[name]):
                raise SpecError(
                    f"its pm.Data({name!r}, ...) is computed from the response or from other rows, "
                    f"which copies do not have; hold the design as it is: `{X_LINE}`"
                )

    def same_density(self) -> None:
        """Refuse numbers of the table in the likelihood, and rows that depend on each other."""
        for size in (0.4, 0.04, 0.004):  # nearer, where a mean is then no longer impossible
            values = self.first.parameters(self.first.beside_start(size))
            known = self._log_density(self.first, self.few, values)
            if np.isfinite(known).all():
                break
        moved = self._log_density(self.second, self.few, values)
        if not np.allclose(known, moved, rtol=1e-6, equal_nan=True):
            raise SpecError(
                "its likelihood holds a number computed from the table, which would be another "
                "when copies are drawn from a stored posterior, without the table; use "
                "response.center and response.scale, which are stored, or a parameter; design.X "
                "is standardised already"
            )
        if self.few > 1:
            fewer = self._log_density(self.second, self.few - 1, values)
            if not np.allclose(fewer, moved[:-1], rtol=1e-6, equal_nan=True):
                raise SpecError(
                    "the density of a row depends on other rows (a mean, sum, lag or rank over "
                    "rows), and copies hold other rows; write each row's mean from its own "
                    "predictors and the parameters; design.X is standardised already"
                )

    def finite_density(self) -> None:
        """Refuse values to which the likelihood gives no density at the initial parameters."""
        y = np.asarray(self.task.response.y)
        for start in (self.first.start, [np.zeros_like(z) for z in self.first.start]):
            found = self._log_density(self.first, len(y), self.first.parameters(start))
            wrong = ~np.isfinite(found)
            if not wrong.any():
                return
        raise SpecError(
            f"its likelihood has no density for {int(wrong.sum())} of {len(y)} values at the "
            f"initial parameters, for example {y[wrong][0]:g}; use a distribution whose support "
            "holds them, or other initial values (`initval=`)"
        )

    def gradient(self) -> None:
        """Refuse a density that has no gradient."""
        import pytensor

        model = self.first.model
        try:
            pytensor.grad(model.logp(), model.value_vars)
        except Exception as error:
            raise SpecError(
                f"its density has no gradient, which engines follow ({_short(error)}); write it "
                "in functions of pytensor.tensor"
            ) from error

    def draws(self) -> None:
        """Refuse a response that cannot be drawn, or not as the column's."""
        self._put(self.second, self.few)
        try:
            drawn = self.second.draw(self.first.parameters(self.first.start))
        except Exception as error:
            raise SpecError(
                f"its response cannot be drawn ({_short(error)}); give pm.CustomDist a `dist=` or "
                "`random=`"
            ) from error
        levels = self.task.response.levels
        odd = drawn[~np.isin(drawn, np.arange(len(levels)))]
        if levels and len(odd):
            raise SpecError(
                f"it draws {odd[0]:g} for a column of {len(levels)} levels; use a distribution of "
                f"their codes, 0 to {len(levels) - 1}: pm.Bernoulli, pm.Categorical, "
                "pm.OrderedLogistic"
            )

    def _log_density(self, rows: "Written", count: int, values: list[NDArray[Any]]) -> NDArray[Any]:
        """Return the log-density of the first rows, given one value of each parameter."""
        try:
            self._put(rows, count)
            found = rows.log_density(values, self.task.response.y[:count])
        except ValueError as error:
            raise SpecError(self._fixed_rows(_short(error))) from error
        if len(found) != count:
            raise SpecError(self._fixed_rows(f"{len(found)} densities of {count} rows"))
        return found

    def _fixed_rows(self, what: str) -> str:
        n = len(self.task.response.y)
        read = reads_rows([self.first.resized], self.first.model, n)
        shown = [np.shape(node.data) for node in read if hasattr(node, "data")]
        held = next((f"an array of shape {s}" for s in shown if n in s), f"{n} rows")
        return (
            f"its rows cannot be replaced: it holds {held} of the table ({what}); let predictors "
            f"be data: `{X_LINE}`, and leave out `shape=`"
        )

    def _put(self, rows: "Written", count: int) -> None:
        """Put the first rows under a model."""
        if self.follows:
            rows.put(self.task.design.X[:count])
        else:
            rows.take(self._rewritten(count))

    def _rewritten(self, count: int) -> "pm.Model":
        """Return the model written anew for the first rows, as drawing does."""
        task = self.task
        design = replace(task.design, X=task.design.X[:count])
        response = blank(task.family, task.response, count)
        return replace(task, design=design, response=response).model()


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}"
