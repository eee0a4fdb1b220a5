"""The response of a Bambi model: what its left side is about, and the way back to the column."""

from typing import Any

from posynth.chain.blocks import Floats
from posynth.errors import SpecError
from posynth.families.bambi_formulas import Formulas
from posynth.families.base import Response
from posynth.families.left_side import LeftSide


def require_left(formulas: Formulas, response: Response) -> None:
    """Refuse a left side that speaks of another column, level or form than there is."""
    left, where = formulas.left, f"from_bambi {formulas.left.text!r}"
    if left.column not in ("", response.name):
        raise SpecError(
            f"{where} is used for column {response.name!r}; write its name on the left side, or "
            "no left side for a formula of several columns"
        )
    if left.level and (formulas.family != "bernoulli" or left.level not in response.levels):
        raise SpecError(
            f"{where}: {left.level!r} is no level of a two-level column under family 'bernoulli'; "
            f"levels of {response.name!r}: {', '.join(map(repr, response.levels)) or 'none'}"
        )
    if left.level and left.level != response.levels[1]:
        raise SpecError(
            f"{where}: the level modelled is the second, {response.levels[1]!r}; write "
            f"'{response.name}[{response.levels[1]}]', which only turns the signs"
        )


def response_term(left: LeftSide) -> Any:
    """Return Bambi's class of response terms, or one whose response is taken back by PyMC."""
    import pymc as pm
    from bambi.backend.terms import ResponseTerm
    from bambi.backend.utils import get_distribution_from_likelihood

    if not left.transformed:
        return ResponseTerm

    class Transformed(ResponseTerm):  # type: ignore[misc] # Bambi is untyped
        def build_distribution(self, kwargs: dict[str, Any], backend: Any) -> Any:
            if hasattr(self.family, "transform_backend_kwargs"):
                kwargs = self.family.transform_backend_kwargs(kwargs)
            observed, dims = kwargs.pop("observed"), kwargs.pop("dims")
            distribution = get_distribution_from_likelihood(self.family.likelihood)

            def back(*arguments: Any) -> Any:
                *parameters, size = arguments
                named = dict(zip(kwargs, parameters, strict=True))
                return left.back(distribution.dist(**named, size=size))

            values = kwargs.values()
            return pm.CustomDist(self.name, *values, dist=back, observed=observed, dims=dims)

    return Transformed


def transformed(formulas: Formulas, y: Floats) -> Floats:
    """Return what the family speaks of for values (n,); refuse what it has no density for."""
    z = formulas.left.forward(y)
    if formulas.positive and (z <= 0).any():
        left = formulas.left.text.partition("~")[0].strip()
        raise SpecError(
            f"from_bambi {formulas.left.text!r}: {left} must be above 0 under family "
            f"{formulas.family!r}, and is {z[z <= 0][0]:g} for {y[z <= 0][0]:g}; use another "
            "function or family"
        )
    return z


class Observed:
    """Bambi's response term, but for its data."""

    def __init__(self, term: Any, data: Any) -> None:
        self._term, self.data = term, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._term, name)
