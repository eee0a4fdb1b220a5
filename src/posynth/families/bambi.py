"""A Bambi formula or model as a conditional: Bambi writes priors and likelihood, posynth fits them.

Bambi builds its PyMC model around the data frame it is given. Here the same pieces - its priors,
links and likelihood - are put around the design of the chain instead, so that the model can be
moved to other rows: see ``families.bambi_graph``. Nothing of the data is in what is stored.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.errors import SpecError, unknown
from posynth.families.base import Build, Design, Priors, Response
from posynth.families.left_side import LeftSide
from posynth.families.own import declare_facts
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

_COUNTS, _LEVELS = frozenset({Kind.COUNT}), frozenset({Kind.BINARY})
_POSITIVE = frozenset({Kind.CONTINUOUS, Kind.COUNT})

#: Bambi family -> kinds of column, form of the response, support, as in ``FamilyFacts``.
FAMILIES: Mapping[str, tuple[frozenset[Kind], str, str]] = {
    **{name: (NUMERIC, "natural", "real") for name in ("gaussian", "t", "laplace")},
    **{name: (NUMERIC, "natural", "real") for name in ("asymmetriclaplace", "exgaussian")},
    **{name: (_POSITIVE, "natural", "positive") for name in ("gamma", "exponential", "weibull")},
    **{name: (_POSITIVE, "natural", "positive") for name in ("lognormal", "wald")},
    "beta": (_POSITIVE, "standardised", "open"),
    **{name: (_COUNTS, "natural", "whole") for name in ("poisson", "negativebinomial")},
    **{name: (_COUNTS, "natural", "whole") for name in ("zero_inflated_poisson",)},
    **{name: (_COUNTS, "natural", "whole") for name in ("zero_inflated_negativebinomial",)},
    "bernoulli": (_LEVELS, "codes", "real"),
    "cumulative": (frozenset({Kind.ORDINAL}), "codes", "real"),
}


def from_bambi(
    formula: Any,
    family: str = "gaussian",
    *,
    priors: Mapping[str, Any] | None = None,
    link: Any = None,
    noncentered: bool = True,
) -> Build:
    """Make a conditional of a Bambi formula or model; needs the extra ``posynth[bambi]``.

    Common terms, interactions and group-specific terms (``(1 | g)``, ``(x | g)``) of earlier
    columns are taken, for parameters other than the mean too. Numeric columns are standardised
    and levels with few rows are pooled, as in every design of a chain; priors speak of these
    columns and of the response as it is, and automatic ones are Bambi's. Ordinal columns take
    ``family="cumulative"`` with a formula that begins with ``0 +``; for nominal ones use
    posynth's ``categorical``. Levels with fewer than 20 rows (a fiftieth of a table under 1000) are
    pooled, groups too.

    The left side names the column the conditional is for, or there is none (``"~ x"``). It may be
    an invertible function of the column: ``log``, ``log2``, ``log10``, ``log1p``, ``sqrt``,
    ``exp`` and ``expm1`` (these two with families of positive numbers), ``scale``, ``center``, and
    arithmetic with a number (``log(y + 1)``). The model then has the density of the column itself,
    and its draws are values of the column. Of ``sqrt(y)`` that is the square of what the family
    gives, from either side of 0. ``y[level]`` names the second of two levels. Trials, censoring,
    truncation, weights and offsets are refused with what to use instead.

    Parameters
    ----------
    formula : str, sequence of str, bambi.Formula or bambi.Model
        ``"y ~ x + (1 | g)"``, and formulas of other parameters, ``"sigma ~ x"``. Of a model its
        formula and family are taken, not its data, and no priors but those given here.
    family : str
        Name of a Bambi family; see ``families.bambi.FAMILIES``.
    priors : Mapping, optional
        As for ``bambi.Model``.
    link : str or Mapping, optional
        As for ``bambi.Model``.
    noncentered : bool
        Whether group-specific terms are non-centred.

    Returns
    -------
    callable
        To be passed as a method, or named in a chain file as ``"file.py:name"``.

    Raises
    ------
    SpecError
        If Bambi is not installed, or the family or a term cannot be taken.

    Examples
    --------
    >>> import posynth
    >>> table = posynth.load_heart_failure()[["sex", "age", "platelets"]]
    >>> varying = posynth.from_bambi("platelets ~ age + (1 | sex)")  # doctest: +SKIP
    >>> posynth.specify(table, methods={"platelets": varying})  # doctest: +SKIP
    """
    if find_spec("bambi") is None:
        raise SpecError(
            "from_bambi needs Bambi, which is not installed: pip install 'posynth[bambi]'"
        )
    from posynth.families.bambi_formulas import Formulas
    from posynth.families.bambi_graph import write

    texts, family, link = _taken(formula, family, link)
    if family not in FAMILIES:
        raise SpecError(f"from_bambi {texts[0]!r}: {unknown('family', family, FAMILIES)}")
    kinds, response_form, support = FAMILIES[family]
    positive = support == "positive"
    settings = {"priors": dict(priors or {}), "link": link, "noncentered": noncentered}
    formulas = Formulas.read(texts, family, **settings, positive=positive)
    _require_transformable(formulas.left, family)

    def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
        return write(formulas, design, response)

    build.__name__ = f"bambi_{family}"
    facts = FamilyFacts(
        name=build.__name__,
        kinds=kinds,
        summary=f"Bambi model {'; '.join(texts)}, family {family}",
        response=response_form,
        support=support,
        options={"lower": None, "upper": None} if support == "open" else {},
    )
    return declare_facts(build, facts)


def _require_transformable(left: LeftSide, family: str) -> None:
    """Refuse a function of the response under a family that has no density for it."""
    if not left.transformed:
        return
    _, form, support = FAMILIES[family]
    if form == "codes" or support not in ("real", "positive"):
        allowed = [n for n, (_, f, s) in FAMILIES.items() if f == "natural" and s != "whole"]
        raise SpecError(
            f"from_bambi {left.text!r}: family {family!r} models the column itself; name the "
            f"column alone, or use a family of continuous numbers: {', '.join(sorted(allowed))}"
        )
    if support == "real" and any(step.positive for step in left.steps):
        raise SpecError(
            f"from_bambi {left.text!r}: family {family!r} gives numbers below 0, of which there is "
            "no logarithm to come back by; use a family of positive numbers, such as 'gamma'"
        )


def _taken(formula: Any, family: str, link: Any) -> tuple[tuple[str, ...], str, Any]:
    """Return formulas as text, and the family with its link: those of a Bambi model."""
    if isinstance(formula, str):
        return (formula,), family, link
    if isinstance(formula, Sequence):
        return tuple(formula), family, link
    if hasattr(formula, "backend"):  # a bambi.Model
        model, formula, family = formula, formula.formula, formula.family.name
        link = link or {name: each.name for name, each in model.family.link.items()}
    return (formula.main, *formula.additionals), family, link
