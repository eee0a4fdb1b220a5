"""Draws of one conditional beside rows of a table, as groups of a tree for ArviZ."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.open_rows import part
from posynth.engines.base import Task
from posynth.errors import SpecError
from posynth.posterior.coding import Coding
from posynth.posterior.likelihood import (
    Coded,
    code_rows,
    counts,
    encoded,
    family_of,
    row_log_likelihood,
)
from posynth.posterior.predict import RowSampler, stacked
from posynth.posterior.prior import prior_fit
from posynth.posterior.record import Posterior, labelled, node_name, to_dataset
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.units import Units

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: What the log-likelihood is of, by whether it is one of whole numbers and of levels.
PROBABILITY = "log probability of the value"
DENSITY = "log density of the value, in the units of the column"
LEARNED = (
    "log density of the value in the units of the column, a log probability for whole numbers; "
    "given the column's learned scale, which was learned on the source's rows: scores of the same "
    "rows flatter it, and compare with those of other learned scales only"
)


@dataclass(frozen=True)
class View:
    """Draws of one conditional beside rows coded as it was fitted.

    Attributes
    ----------
    posterior : Posterior
        The fitted chain.
    target : str
        Which conditional.
    coded : Coded
        The rows.
    thinned : xarray.Dataset
        Its draws, thinned.
    step : int
        Draws from one that is taken to the next.
    rows : Rows
        The rows it speaks of, as they are encoded.
    """

    posterior: Posterior
    target: str
    coded: Coded
    thinned: "xr.Dataset"
    step: int
    rows: Rows

    @classmethod
    def of(cls, posterior: Posterior, target: str, df: "pd.DataFrame", draws: int | None) -> "View":
        """Code rows, and thin the posterior to at most so many draws.

        Raises
        ------
        SpecError
            If no draw is asked for, or the column is computed by a rule.
        """
        if draws is not None and draws < 1:
            raise SpecError(f"draws = {draws}; it must be 1 or more")
        full = posterior[target]["posterior"].to_dataset()
        if posterior.spec[target].computed:
            raise SpecError(computed(target))
        step = -(-full.sizes["chain"] * full.sizes["draw"] // draws) if draws else 1
        rows = encoded(posterior, df)
        coded = code_rows(posterior, rows, target)
        return cls(
            posterior,
            target,
            coded,
            full.isel(draw=slice(None, None, step)),
            step,
            part(rows, coded.used),
        )

    @property
    def units(self) -> Units:
        """How values of the column are shown."""
        posterior, conditional = self.posterior, self.posterior.spec[self.target]
        return Units.of(posterior.schema, conditional, posterior.links[self.target].coding)

    def tree(self, groups: "dict[str, xr.Dataset]") -> "xr.DataTree":
        """Return a tree of draws, these groups and the observed values."""
        import xarray as xr

        every = {"posterior": self.thinned, **groups, "observed_data": self.observed()}
        return xr.DataTree.from_dict(every, name=node_name(self.target))

    def observed(self) -> "xr.Dataset":
        """Return the values of the rows."""
        values = self.coded.observed
        if self.by_distance:
            values = self.rows.arrays[self.posterior.spec[self.target].column]
        return observed(self.target, values, self.units, self.places)

    @property
    def places(self) -> NDArray[np.intp]:
        """Positions of the rows in the table given: the coordinate ``row`` of every group."""
        return np.flatnonzero(self.coded.used)

    @property
    def by_distance(self) -> bool:
        """Whether what is modelled is the column's distance from a bound."""
        limits = self.posterior.links[self.target].coding.limits
        return limits is not None and bool(limits.distance)

    def log_likelihood(self) -> "xr.Dataset":
        """Return the log-likelihood of each row at each draw.

        Raises
        ------
        SpecError
            If the conditional is an algorithm.
        """
        if not has_posterior(self.posterior, self.target):
            raise SpecError(no_model(self.target, self.posterior.spec[self.target].family))
        found = row_log_likelihood(self.coded, stacked(self.thinned))
        whole = bool(self.posterior.links[self.target].coding.levels) or counts(
            self.posterior, self.target
        )
        said: dict[str, Any] = {"scale": PROBABILITY if whole else DENSITY}
        if self.coded.scored is not None:
            # Rare values that the scale does not hold have the probability of one case.
            said = {"scale": LEARNED, "outside": int(self.coded.scored.outside.sum())}
        return by_row(self.target, found, self.thinned, said, self.places)

    def predicted(self, seed: int) -> "xr.Dataset":
        """Return rows drawn anew at each draw."""
        coding = self.posterior.links[self.target].coding
        prior = self.posterior.spec[self.target].prior
        sampler = RowSampler(self.coded.family, self.target, coding, prior, stacked(self.thinned))
        rng = stream(seed, Purpose.PREDICT, self.target)
        drawn = draws_of(sampler, self.coded.task.design.X, self.thinned, rng)
        drawn, units = values_of(coding, self.rows, drawn), self.units
        return by_row(self.target, units.values(drawn), self.thinned, units.attrs, self.places)

    def prior_predicted(self, draws: int, seed: int) -> "tuple[xr.Dataset, xr.Dataset]":
        """Return parameters drawn from the prior, and rows drawn given them."""
        coding = self.posterior.links[self.target].coding
        rng = stream(seed, Purpose.PREDICT, self.target, 1)
        prior, drawn = from_prior(self.coded.task, coding, draws, rng)
        shown = of_prior(self.target, values_of(coding, self.rows, drawn), prior, self.units)
        return prior, shown.assign_coords(row=self.places)


def values_of(coding: Coding, rows: Rows, drawn: Floats) -> Floats:
    """Return draws (s, n) as values of the column, within the bounds that rules give it."""
    limits = coding.limits
    if limits is None:
        return drawn
    return np.array([limits.back(rows, each) for each in drawn])


def of_prior(target: str, drawn: Floats, prior: "xr.Dataset", units: Units) -> "xr.Dataset":
    """Return rows drawn given parameters from the prior, and how many of them overflowed."""
    beyond = {"overflowed": int(np.isinf(drawn).sum())} if np.isinf(drawn).any() else {}
    places = np.arange(drawn.shape[1])
    return by_row(target, units.values(drawn), prior, units.attrs | beyond, places)


def from_prior(
    task: Task, coding: Coding, draws: int, rng: np.random.Generator
) -> "tuple[xr.Dataset, Floats]":
    """Return parameters drawn from a conditional's prior, and rows drawn given them, (s, n).

    Raises
    ------
    SpecError
        If the prior is improper or holds a potential.
    """
    prior = labelled(to_dataset(prior_fit(task, rng, draws)))
    sampler = RowSampler(task.family, task.response.name, coding, task.prior, stacked(prior))
    return prior, draws_of(sampler, task.design.X, prior, rng, checked=False)


def draws_of(
    sampler: RowSampler,
    X: Floats,
    parameters: "xr.Dataset",
    rng: np.random.Generator,
    *,
    checked: bool = True,
) -> Floats:
    """Return one row of responses for each draw of the parameters, (s, n)."""
    count = parameters.sizes["chain"] * parameters.sizes["draw"]
    return np.array([sampler.draw(X, index, rng, checked=checked) for index in range(count)])


def by_row(
    target: str,
    values: NDArray[Any],
    draws: "xr.Dataset",
    attrs: dict[str, Any],
    places: NDArray[np.intp],
) -> "xr.Dataset":
    """Return values (s, n) as a variable with dims chain, draw and row, at these positions."""
    import xarray as xr

    sizes = draws.sizes
    shaped = values.reshape(sizes["chain"], sizes["draw"], -1)
    coords = {
        "chain": draws["chain"],
        "draw": draws["draw"],
        "row": places,
    }
    variable = (("chain", "draw", "row"), shaped, attrs)
    return xr.Dataset({node_name(target): variable}, coords=coords)


def observed(
    target: str, values: NDArray[Any], units: Units, places: NDArray[np.intp]
) -> "xr.Dataset":
    """Return observed values (n,) as a variable with dim row, at these positions of the table."""
    import xarray as xr

    variable = ("row", units.values(values), units.attrs)
    return xr.Dataset({node_name(target): variable}, coords={"row": places})


def has_posterior(posterior: Posterior, target: str) -> bool:
    """Whether draws are those of a model's posterior; an algorithm or a plug-in has none."""
    return not family_of(posterior, target).algorithm


def computed(target: str) -> str:
    """Say that a column is computed by a rule."""
    return f"conditional {target!r} is computed by a rule: it has no parameters and no likelihood"


def no_model(target: str, family: str) -> str:
    """Say that a family is an algorithm."""
    return (
        f"conditional {target!r}: family {family!r} is an algorithm, not a PyMC model; it has "
        "neither prior nor likelihood"
    )
