"""The family contract: facts, and one function that says how y depends on X as a PyMC model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posynth.chain.facts import FamilyFacts
from posynth.errors import SpecError

if TYPE_CHECKING:
    import pymc as pm

type Floats = NDArray[np.float64]
type Priors = Mapping[str, Any]


@dataclass(frozen=True)
class Design:
    """Predictors of one conditional.

    Attributes
    ----------
    X : ndarray, shape (n, p)
        Standardised columns, or cell indicators for a family that asks for cells. For a family
        with groups (n, 1 + p): the index of the row's group comes first.
    predictors : tuple of str
        Names of the p predictors.
    groups : tuple of str
        Levels of the grouping column, where the family has one.
    slopes : tuple of str
        The predictors whose slopes vary between groups.
    blocks : tuple of str
        The block of each predictor whose coefficients share a scale, ``""`` for those in none;
        empty for a family without blocks.
    spread : tuple of int
        Places of the predictors of the log spread, for the same families.
    corrections : tuple of str
        Names of the columns before the predictors that correct the shape of the response.
    """

    X: Floats
    predictors: tuple[str, ...]
    groups: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    spread: tuple[int, ...] = ()
    corrections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Response:
    """The target of one conditional.

    Attributes
    ----------
    name : str
        The column.
    y : ndarray, shape (n,)
        Float for numeric responses, int64 level index for categorical ones.
    levels : tuple of str
        Levels of a categorical response; empty for a numeric one.
    center, scale : float
        Mean and standard deviation of a numeric response, of its logarithm where the family's
        support is positive; lower bound and width where it is bounded. A standardised response
        is ``(value - center) / scale``.
    reference : int
        Index of the level that others are contrasted with: the most frequent one, since contrasts
        with a rare level would all share its uncertainty.
    options : Mapping
        What the conditional states about the column, bounds on the scale of ``y``.
    cells : tuple of ndarray, shape (c,), optional
        Lower and upper ends, in increasing order, of intervals of the model's scale: of a response
        in one of them, ``lower <= y < upper``, no more is known than that (rounded values).
    """

    name: str
    y: NDArray[Any]
    levels: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    reference: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    cells: tuple[Floats, Floats] | None = None

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The levels but for the reference."""
        return self.levels[: self.reference] + self.levels[self.reference + 1 :]


@dataclass(frozen=True)
class Contents:
    """What a model holds: data and labels, apart from its form.

    A family that states its contents lets one compiled model serve every column without
    a model being written anew for each.

    Attributes
    ----------
    data : Mapping of str to (value, dims)
        Every ``pm.Data`` of the model.
    coords : Mapping of str to tuple of str
        Labels of the dims other than ``row``.
    """

    data: Mapping[str, tuple[Any, tuple[str, ...]]]
    coords: Mapping[str, tuple[str, ...]]

    def declare(self) -> dict[str, Any]:
        """Declare the data in the model that is being written; return them by name."""
        import pymc as pm

        return {
            name: pm.Data(name, value, dims=dims or None)
            for name, (value, dims) in self.data.items()
        }


def regression_contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return X, y and the prior's scales as ``prior_NAME``: what a regression holds.

    A scale is a number, or an array where priors of single coefficients are stated.
    """
    scales = {f"prior_{name}": _scale(name, value) for name, value in priors.items()}
    data = {"X": (design.X, ("row", "predictor")), "y": (response.y, ("row",))}
    return Contents(data | scales, {"predictor": design.predictors})


def _scale(name: str, value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a prior's scale with the dims that it has."""
    array = np.asarray(value)
    dims = ("predictor", "contrast") if name.startswith("slope") else ("contrast",)
    return array, dims[: array.ndim]


def log_link_contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and log mean of y as ``location`` of the predictor.

    Counts are held as float64: PyMC keeps integers in 32 bits.
    """
    held = regression_contents(design, response, priors)
    location = np.log(response.center) if response.center > 0 else 0.0
    about = {
        "y": (response.y.astype(np.float64), ("row",)),
        "location": (np.asarray(location), ()),
    }
    return Contents({**held.data, **about}, held.coords)


def weak_line(data: Mapping[str, Any]) -> Any:
    """Return alpha + X beta, (row,), under alpha ~ N(0, a), beta ~ N(0, b).

    a and b are the prior's scales ``intercept`` and ``slope``. Families whose predictor lies
    elsewhere add its location and multiply its spread, so that zero is where an optimiser can
    begin.
    """
    alpha, beta = intercept(data), slopes(data)
    return alpha + data["X"] @ beta


def intercept(data: Mapping[str, Any], dims: str | None = None) -> Any:
    """Declare alpha ~ N(m, a): a is the prior's scale ``intercept``, m is 0 unless stated."""
    import pymc as pm

    mean = data.get("prior_intercept_mean", 0.0)
    return pm.Normal("alpha", mean, data["prior_intercept"], dims=dims)


def slopes(
    data: Mapping[str, Any], dims: str | tuple[str, ...] = "predictor", logistic: bool = False
) -> Any:
    """Declare beta ~ N(m, b): b is the prior's scale ``slope``, m is 0 unless stated.

    Parameters
    ----------
    data : Mapping
        What the model holds.
    dims : str or tuple of str
        Dims of beta.
    logistic : bool
        Whether slopes are Logistic(0, b), but for those whose prior is stated: they are normal.
    """
    import pymc as pm

    mean, scale = data.get("prior_slope_mean", 0.0), data["prior_slope"]
    if not logistic:
        return pm.Normal("beta", mean, scale, dims=dims)
    if "prior_slope_stated" not in data:
        return pm.Logistic("beta", 0.0, scale, dims=dims)
    return pm.CustomDist(
        "beta",
        *(mean, scale, data["prior_slope_stated"]),
        logp=_log_either,
        dist=_draw_either,
        dims=dims,
    )


def _log_either(beta: Any, mean: Any, scale: Any, normal: Any) -> Any:
    """Log density of slopes that are normal where that is stated, and else logistic."""
    import pymc as pm
    import pytensor.tensor as pt

    return pt.switch(
        pt.gt(normal, 0.5),
        pm.logp(pm.Normal.dist(mean, scale), beta),
        pm.logp(pm.Logistic.dist(0.0, scale), beta),
    )


def _draw_either(mean: Any, scale: Any, normal: Any, size: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    return pt.switch(
        pt.gt(normal, 0.5),
        pm.Normal.dist(mean, scale, size=size),
        pm.Logistic.dist(0.0, scale, size=size),
    )


class Build(Protocol):
    """A function that writes a conditional as a PyMC model.

    The model holds the predictors as ``pm.Data``, its parameters only as named free variables, and
    one observed variable whose values are ``response.y`` as it is, one a row. A family shared by
    columns has ``X`` and ``y`` as data with a mutable row dim and no row coordinate; a user's own
    need not: its rows are replaced whatever it calls them.

    To draw copies from a stored posterior the function is called again on rows without data. What
    the likelihood holds beside parameters and predictors must then be the same: ``response.center``
    and ``response.scale`` are stored, a mean of ``response.y`` is not.
    """

    def __call__(self, design: Design, response: Response, priors: Priors) -> "pm.Model":
        """Return the model of ``response`` given ``design``."""
        ...


class Fitter(Protocol):
    """A function that finds parameters in place of an engine, each draw independent."""

    def __call__(
        self,
        design: Design,
        response: Response,
        scales: Priors,
        size: int,
        rng: np.random.Generator,
    ) -> Mapping[str, NDArray[Any]]:
        """Return ``size`` draws of each parameter, (size, ...)."""
        ...


class Drawer(Protocol):
    """A function that draws rows in place of a PyMC model."""

    def __call__(
        self, parameters: Mapping[str, NDArray[Any]], X: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return one response a row of X, given one draw of each parameter."""
        ...


@dataclass(frozen=True)
class Family:
    """A family: its facts and its model.

    Attributes
    ----------
    facts : FamilyFacts
        What it is, in data.
    build : Build
        Writes the model.
    variants : Mapping of str to Build
        Prior name -> builder, for priors that change the model's form; others use ``build``.
    contents : callable, optional
        States what the model holds, as ``build`` declares it.
    shared : bool
        Whether one compiled model serves every column (all dims mutable, no data baked in);
        false for a user's own model, which is compiled for each column it is used on.
    fitter : Fitter, optional
        Finds parameters in place of an engine (a bootstrap, a plug-in estimate).
    drawer : Drawer, optional
        Draws rows where there is no PyMC model (trees, donors); then there is no likelihood.
    """

    facts: FamilyFacts
    build: Build
    variants: Mapping[str, Build] | None = None
    contents: Callable[[Design, Response, Priors], Contents] | None = None
    shared: bool = True
    fitter: Fitter | None = None
    drawer: Drawer | None = None

    @property
    def algorithm(self) -> bool:
        """Whether it has no PyMC model whose posterior an engine finds."""
        return self.fitter is not None or self.drawer is not None

    def model(self, prior: str, design: Design, response: Response, priors: Priors) -> "pm.Model":
        """Write the model under a named prior with these scales."""
        build = (self.variants or {}).get(prior, self.build)
        return build(design, response, priors)


def without_model(facts: FamilyFacts, fitter: Fitter | None, drawer: Drawer) -> Family:
    """Make a family that is an algorithm: it has parameters, but no likelihood to write.

    Without a fitter it has a Markov chain, named in its facts.
    """

    def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
        raise SpecError(
            f"column {response.name!r}: family {facts.name!r} is an algorithm ({facts.summary}), "
            "not a PyMC model; it has draws and rows, but neither model, prior nor likelihood"
        )

    return Family(facts, build, fitter=fitter, drawer=drawer)
