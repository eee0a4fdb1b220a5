"""The scales of a conditional's prior, with those of single coefficients that a user states."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.coefficient_priors import INTERCEPT, NormalPrior, Stated
from posynth.chain.facts import FamilyFacts
from posynth.chain.spec import Conditional
from posynth.errors import SpecError, unknown
from posynth.posterior.coding import Coding


def prior_scales(conditional: Conditional, facts: FamilyFacts, coding: Coding) -> dict[str, Any]:
    """Return what the model of a conditional takes as the scales of its prior.

    Parameters
    ----------
    conditional : Conditional
        With the name of its prior and the scales that differ from the default.
    facts : FamilyFacts
        Its family.
    coding : Coding
        How its design and response are standardised.

    Returns
    -------
    dict
        Scale by name. Where priors of single coefficients are stated, ``slope`` and ``intercept``
        hold one standard deviation a coefficient and ``slope_mean`` and ``intercept_mean`` the
        means, in the units of the standardised design: with predictor ``(x - c) / s`` and linear
        predictor ``origin + unit * eta``, a slope N(mu, sigma) becomes
        N(mu s / unit, sigma s / unit), the intercept N((mu - origin) / unit, sigma / unit).
        ``slope_stated`` is 1 where a prior is stated and else 0. Slopes have shape (p,), or
        (p, contrasts) where each level of the target has its own.

    Raises
    ------
    SpecError
        If a name is none of a coefficient, or of a level that has coefficients.
    """
    prior = conditional.prior or facts.default_prior
    scales: dict[str, Any] = {**facts.priors[prior], **conditional.scales}
    if not conditional.priors:
        return scales
    contrasts = _contrasts(coding) if facts.contrasts else ()
    shape = (len(coding.predictors), *([len(contrasts)] if facts.contrasts else []))
    found = {
        "slope": np.full(shape, scales["slope"]),
        "slope_mean": np.zeros(shape),
        "slope_stated": np.zeros(shape),
    }
    has_intercept = "intercept" in scales
    if has_intercept:
        found |= {
            "intercept": np.full(shape[1:], scales["intercept"]),
            "intercept_mean": np.zeros(shape[1:]),
        }
    places = _places(conditional, coding, has_intercept)
    for name, stated in conditional.priors.items():
        place = places[name]
        for contrast, one in _each(conditional, name, stated, contrasts):
            at = (*([] if place is None else [place]), *contrast)
            if place is None:
                found["intercept_mean"][at] = (one.mu - coding.origin) / coding.unit
                found["intercept"][at] = one.sigma / coding.unit
                continue
            assert coding.encoder is not None
            factor = coding.encoder.scale[place] / coding.unit
            found["slope_mean"][at], found["slope"][at] = one.mu * factor, one.sigma * factor
            found["slope_stated"][at] = 1.0
    return scales | found


def _contrasts(coding: Coding) -> tuple[str, ...]:
    """Return the levels of the target that have coefficients."""
    return coding.levels[: coding.reference] + coding.levels[coding.reference + 1 :]


def _places(conditional: Conditional, coding: Coding, has_intercept: bool) -> dict[str, int | None]:
    """Return where in the design each coefficient is; None for the intercept."""
    known = {name: place for place, name in enumerate(coding.predictors)}
    places: dict[str, int | None] = {}
    for name in conditional.priors:
        if name not in known and not (name in INTERCEPT and has_intercept):
            merged = coding.encoder.merged if coding.encoder is not None else ()
            why = "; it has a handful of rows and counts as the reference level"
            allowed = (*known, *(("intercept",) if has_intercept else ()))
            raise SpecError(
                f"column {conditional.target!r}, priors: {unknown('coefficient', name, allowed)}"
                f"{why if name in merged else ''}"
            )
        places[name] = known.get(name)
    if sum(place is None for place in places.values()) > 1:
        raise SpecError(
            f"column {conditional.target!r}, priors: that of the intercept stands twice"
        )
    return places


def _each(
    conditional: Conditional, name: str, stated: Stated, contrasts: tuple[str, ...]
) -> list[tuple[tuple[Any, ...], NormalPrior]]:
    """Return which contrasts a prior is of, as an index, and the prior of each."""
    if isinstance(stated, NormalPrior):
        return [((slice(None),) if contrasts else (), stated)]
    assert isinstance(stated, Mapping)
    for level in stated:
        if level not in contrasts:
            raise SpecError(
                f"column {conditional.target!r}, prior of {name!r}: "
                f"{unknown('level', level, contrasts)}. The most frequent level is the reference, "
                "which has no coefficients"
            )
    return [((contrasts.index(level),), one) for level, one in stated.items()]
