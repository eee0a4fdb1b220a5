"""Priors of single coefficients as a user states them: normal, in the units of the raw table."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from posynth.errors import SpecError, in_short

#: Names of the intercept of centred predictors: posynth's, and Bambi's.
INTERCEPT = ("intercept", "Intercept")
_KEYS = frozenset({"mu", "sigma"})


@dataclass(frozen=True)
class NormalPrior:
    """The prior of one coefficient, N(mu, sigma), on the scale of raw predictor and link.

    A slope is the change of the linear predictor for one unit of the raw predictor; the intercept
    is the linear predictor where all predictors are at their means. Both are Bambi's conventions.

    Attributes
    ----------
    mu : float
        Mean.
    sigma : float
        Standard deviation.
    """

    mu: float
    sigma: float

    def __str__(self) -> str:
        return f"N({self.mu:g}, {self.sigma:g})"


#: One prior, or one for each level of a target with more than two levels.
type Stated = NormalPrior | Mapping[str, NormalPrior]


def read_priors(target: str, priors: Any) -> dict[str, Stated]:
    """Read the priors of coefficients of one conditional.

    Parameters
    ----------
    target : str
        The conditional, for error messages.
    priors : Mapping
        Name of a coefficient, or ``"intercept"`` -> ``(mu, sigma)``, ``{"mu": ..., "sigma": ...}``,
        a Bambi prior of name ``"Normal"``, or level of the target -> one of these.

    Raises
    ------
    SpecError
        If an entry is none of them, or a number is not allowed.

    Examples
    --------
    >>> read_priors("y", {"income": (0.2, 0.1), "intercept": {"mu": 3, "sigma": 1}})["income"]
    NormalPrior(mu=0.2, sigma=0.1)
    """
    if not isinstance(priors, Mapping):
        raise SpecError(
            f"conditional {target!r}: priors = {in_short(priors)}; it must be a mapping from "
            "coefficients, as {'income': {'mu': 0.2, 'sigma': 0.1}}"
        )
    return {str(name): _read(target, str(name), value) for name, value in priors.items()}


def _read(target: str, name: str, value: Any) -> Stated:
    if isinstance(value, Mapping) and not set(value) <= _KEYS:
        nested = all(
            isinstance(each, Mapping | tuple | list | NormalPrior) for each in value.values()
        )
        if nested and value:
            return {str(k): _normal(target, f"{name}, level {k}", v) for k, v in value.items()}
    return _normal(target, name, value)


def _normal(target: str, name: str, value: Any) -> NormalPrior:
    """Read one prior; see ``read_priors``."""
    where = f"conditional {target!r}, prior of {name!r}"
    mu, sigma = _numbers(where, value)
    for key, number in (("mu", mu), ("sigma", sigma)):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise SpecError(f"{where}: {key} = {in_short(number)}; it must be a number")
    if not isfinite(mu):
        raise SpecError(f"{where}: mu = {mu}; it must be finite")
    if not 0 < sigma < float("inf"):
        raise SpecError(f"{where}: sigma = {sigma}; it must be a positive, finite number")
    return NormalPrior(float(mu), float(sigma))


def _numbers(where: str, value: Any) -> tuple[Any, Any]:
    if isinstance(value, NormalPrior):
        return value.mu, value.sigma
    if isinstance(value, Mapping) and set(value) == _KEYS:
        return value["mu"], value["sigma"]
    if isinstance(value, list | tuple) and len(value) == 2:
        return value[0], value[1]
    of_bambi = getattr(value, "args", None)
    if isinstance(of_bambi, Mapping) and hasattr(value, "name"):
        if value.name == "Normal" and set(of_bambi) == _KEYS:
            mu, sigma = (of_bambi[key] for key in ("mu", "sigma"))
            return _plain(mu), _plain(sigma)
        raise SpecError(
            f"{where}: distribution {value.name!r}; only 'Normal' with mu and sigma is taken; "
            "posynth.from_bambi takes a whole Bambi formula with any priors"
        )
    raise SpecError(
        f"{where} = {in_short(value)}; give mean and standard deviation, as (0.2, 0.1) or "
        "{mu = 0.2, sigma = 0.1}"
    )


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item() if getattr(value, "size", 0) == 1 else value


def plain_priors(priors: Mapping[str, Stated]) -> dict[str, Any]:
    """Return priors as plain data, which ``read_priors`` takes back.

    Examples
    --------
    >>> plain_priors({"income": NormalPrior(0.2, 0.1)})
    {'income': {'mu': 0.2, 'sigma': 0.1}}
    """
    return {
        name: {"mu": each.mu, "sigma": each.sigma}
        if isinstance(each, NormalPrior)
        else plain_priors(each)
        for name, each in priors.items()
    }


def priors_text(priors: Mapping[str, Stated]) -> str:
    """Return priors in one line, for tables and notes.

    Examples
    --------
    >>> priors_text({"income": NormalPrior(0.2, 0.1), "age": {"good": NormalPrior(0, 1)}})
    'income ~ N(0.2, 0.1), age (good) ~ N(0, 1)'
    """
    parts = []
    for name, each in priors.items():
        if isinstance(each, NormalPrior):
            parts.append(f"{name} ~ {each}")
        else:
            parts += [f"{name} ({level}) ~ {one}" for level, one in each.items()]
    return ", ".join(parts)
