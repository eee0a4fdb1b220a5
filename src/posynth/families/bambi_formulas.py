"""What Bambi is asked for, read from formulas before there are data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posynth.errors import SpecError
from posynth.families.left_side import LeftSide, read_left


@dataclass(frozen=True)
class Formulas:
    """What Bambi is asked for.

    Attributes
    ----------
    left : LeftSide
        Left-hand side of the response's formula.
    main : str
        Right-hand side of the response's formula.
    others : tuple of str
        Formulas of other parameters.
    columns : tuple of str
        Columns they read.
    family : str
        Bambi's name of the family.
    priors : Mapping
        As Bambi takes them.
    link : str or Mapping, optional
        As Bambi takes it.
    noncentered : bool
        Whether group-specific terms are non-centred.
    positive : bool
        Whether the family allows positive numbers only.
    """

    left: LeftSide
    main: str
    others: tuple[str, ...]
    columns: tuple[str, ...]
    family: str
    priors: Mapping[str, Any]
    link: Any
    noncentered: bool
    positive: bool = False

    @classmethod
    def read(cls, texts: tuple[str, ...], family: str, **settings: Any) -> "Formulas":
        """Read formulas; refuse terms that cannot be written on a design.

        ``settings`` are the fields from ``priors`` on.
        """
        left = read_left(texts[0])
        right = texts[0].partition("~")[2].strip() or texts[0].strip()
        columns = {
            name: None
            for text in (right, *(each.partition("~")[2] for each in texts[1:]))
            for name in _variables(text, texts[0])
        }
        return cls(left, right, texts[1:], tuple(columns), family, **settings)


def _variables(right: str, text: str) -> list[str]:
    import formulae
    from formulae.terms.variable import Variable

    found: list[str] = []
    for term in formulae.model_description(right).terms:
        parts = [getattr(term, side) for side in ("expr", "factor") if hasattr(term, side)]
        for part in parts or [term]:
            for component in getattr(part, "components", ()):
                if not isinstance(component, Variable):
                    raise SpecError(_no_call(text, str(getattr(component, "name", component))))
                found.append(component.name)
    return found


def _no_call(text: str, call: str) -> str:
    if call.startswith("offset("):
        return (
            f"from_bambi {text!r}: {call!r} has no unit in a chain, whose predictors are "
            "standardised; use the column as a predictor, or write the model in PyMC"
        )
    return (
        f"from_bambi {text!r}: {call!r} is a call; name columns, their interactions and groups "
        "only, and compute others as passive columns"
    )
