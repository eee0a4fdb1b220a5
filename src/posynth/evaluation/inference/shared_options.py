"""Options named once for several models: each goes to the models that take it."""

from collections.abc import Mapping, Sequence
from typing import Any

from posynth.errors import MeasureError
from posynth.evaluation.inference.clusters import ROBUST
from posynth.evaluation.inference.models import MODELS

#: About the values of all models, not about one kind of them.
_EVERY = ("impute", "delta", "selection", "fit")
#: Models that fit levels of a response in order.
_OF_LEVELS = ("logit", "mnlogit", "ordered")


def share_options(
    models: Sequence[tuple[Any, str]], options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the options of each model, of those that were named for all of them.

    Parameters
    ----------
    models : sequence of (model, formula)
        Names of models, or analyses of the user's own, which take no options of models.
    options : mapping
        Options of models; ``impute``, ``delta``, ``selection`` and ``fit`` go to all.

    Returns
    -------
    list of dict
        One a model, in order. A single model gets all: it says itself which it does not take.

    Raises
    ------
    MeasureError
        If none of several models takes an option.

    Examples
    --------
    >>> share_options([("ols", "y ~ x"), ("glm", "z ~ x")], {"family": "poisson"})
    [{}, {'family': 'poisson'}]
    """
    if len(models) == 1:
        return [dict(options)]
    shared = [
        {name: value for name, value in options.items() if _takes(model, name, options)}
        for model, _ in models
    ]
    for name in options:
        if not any(name in each for each in shared):
            named = ", ".join(repr(model) for model, _ in models if isinstance(model, str))
            raise MeasureError(
                f"option {name!r} is taken by none of the models {named}: leave it out, or name a "
                f"model that takes it{_those_that_take(name, options)}"
            )
    return shared


def _takes(model: Any, name: str, options: Mapping[str, Any]) -> bool:
    """Whether a model takes an option; an unknown model takes all, and is refused by name."""
    if name in _EVERY:
        return name != "fit" or isinstance(model, str)
    if not isinstance(model, str) or model not in MODELS:
        return isinstance(model, str)
    binary = model == "logit" or (model == "glm" and _binomial(options.get("family")))
    of_python = {
        "levels": binary or model in _OF_LEVELS,
        "event": binary or (model == "phreg" and options.get("status") is not None),
        "cluster": model in ROBUST,
    }
    return of_python.get(name, name in (*MODELS[model].per_row, *MODELS[model].plain))


def _binomial(family: Any) -> bool:
    return family == "binomial" or type(family).__name__ == "Binomial"


def _those_that_take(name: str, options: Mapping[str, Any]) -> str:
    able = [model for model in MODELS if _takes(model, name, options)]
    return f" ({', '.join(able)})" if able else ""
