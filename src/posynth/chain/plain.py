"""One conditional as plain data, and back: what chain files and stored posteriors hold of it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from posynth.chain.coefficient_priors import plain_priors
from posynth.chain.options import read_option
from posynth.errors import SpecError, unknown

if TYPE_CHECKING:
    from posynth.chain.spec import Conditional


def to_plain(conditional: "Conditional") -> dict[str, Any]:
    """Return plain data for TOML or JSON; values equal to their default are left out."""
    data: dict[str, Any] = {"target": conditional.target, "family": conditional.family}
    if conditional.predictors is not None:
        data["predictors"] = list(conditional.predictors)
    if conditional.scales:
        data["scales"] = dict(conditional.scales)
    if conditional.priors:
        data["priors"] = plain_priors(conditional.priors)
    if conditional.options:
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in conditional.options.items()}
        data["options"] = plain
    if conditional.engine != "auto":
        data["engine"] = conditional.engine
    if conditional.scale != "natural":
        data["scale"] = conditional.scale
    if conditional.splines:
        data["splines"] = conditional.splines
    if conditional.spread:
        data["spread"] = list(conditional.spread)
    if conditional.corrections:
        data["corrections"] = list(conditional.corrections)
    if conditional.slopes:
        data["slopes"] = list(conditional.slopes)
    if conditional.rules:
        data["rules"] = list(conditional.rules)
    if conditional.interactions:
        data["interactions"] = [list(pair) for pair in conditional.interactions]
    return data | {key: getattr(conditional, key) for key in _PLAIN if getattr(conditional, key)}


_PLAIN = (
    *("formula", "prior", "indicates", "strata", "keep_groups", "new_groups"),
    *("per_group", "passive", "improper", "copies_values", "note"),
)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "target": str,
    "family": str,
    "predictors": (list, tuple),
    "formula": str,
    "prior": str,
    "scales": Mapping,
    "priors": Mapping,
    "engine": str,
    "indicates": str,
    "scale": str,
    "splines": int,
    "interactions": (list, tuple),
    "spread": (list, tuple),
    "corrections": (list, tuple),
    "strata": str,
    "keep_groups": str,
    "new_groups": str,
    "slopes": (list, tuple),
    "per_group": str,
    "passive": str,
    "rules": (list, tuple),
    "improper": bool,
    "copies_values": bool,
    "note": str,
    "options": Mapping,
}


def checked_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a conditional that plain data name.

    Raises
    ------
    SpecError
        If a key is unknown, missing or of the wrong type.
    """
    name = data.get("target", "?")
    for key, value in data.items():
        if key not in _TYPES:
            raise SpecError(f"conditional {name!r}: {unknown('key', key, _TYPES)}")
        if not isinstance(value, _TYPES[key]):
            raise SpecError(
                f"conditional {name!r}: {key} = {value!r} is of the wrong type "
                f"({type(value).__name__}); see the chain file that `posynth describe` writes"
            )
    data = {"family": "passive", **data} if data.get("passive") else data
    for key in ("target", "family"):
        if key not in data:
            raise SpecError(f"conditional {name!r}: the key {key!r} is missing")
    for key, value in data.get("scales", {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpecError(f"conditional {name!r}: scale {key} = {value!r} must be a number")
    values = dict(data)
    for key in {"predictors", "slopes", "spread", "corrections", "rules"} & set(values):
        values[key] = tuple(values[key])
    if "interactions" in values:
        values["interactions"] = tuple(map(_pair(name), values["interactions"]))
    if "scales" in values:
        values["scales"] = {str(k): float(v) for k, v in values["scales"].items()}
    if "options" in values:
        options = values["options"].items()
        values["options"] = {str(key): read_option(name, str(key), value) for key, value in options}
    return values


def _pair(target: str) -> Callable[[Any], tuple[str, str]]:
    def checked(found: Any) -> tuple[str, str]:
        if isinstance(found, list | tuple) and [type(name) for name in found] == [str, str]:
            return found[0], found[1]
        raise SpecError(
            f"conditional {target!r}: interaction {found!r} must be two names, as ['sex', 'age']"
        )

    return checked
