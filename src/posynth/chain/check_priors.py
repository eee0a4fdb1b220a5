"""Priors of single coefficients that a family, prior or design cannot take are refused."""

from collections.abc import Mapping

from posynth.chain.coefficient_priors import INTERCEPT
from posynth.chain.facts import FamilyFacts
from posynth.chain.missing_kinds import target_kind
from posynth.chain.spec import Conditional
from posynth.errors import SpecError
from posynth.table.schema import Schema


def check_priors(
    conditional: Conditional, schema: Schema, facts: Mapping[str, FamilyFacts]
) -> None:
    """Refuse priors of coefficients where they have no meaning.

    Parameters
    ----------
    conditional : Conditional
        The conditional.
    schema : Schema
        What each column is.
    facts : Mapping
        Family name -> its facts.

    Raises
    ------
    SpecError
        Naming the column, the family, and the families or priors that take them.
    """
    if not conditional.priors:
        return
    own, where = facts[conditional.family], f"column {conditional.column!r}, priors"
    named = ", ".join(map(repr, conditional.priors))
    if not own.stated_priors:
        kind = target_kind(schema, conditional)
        able = sorted(n for n, f in facts.items() if f.stated_priors and kind in f.kinds)
        raise SpecError(
            f"{where} of {named}: family {own.name!r} takes no prior of a single coefficient; "
            f"families for {kind.value} columns that do: {', '.join(able)}"
        )
    prior = conditional.prior or own.default_prior
    if prior not in own.stated_priors:
        raise SpecError(
            f"{where} of {named}: under prior {prior!r} family {own.name!r} takes no prior of a "
            f"single coefficient; it does under {', '.join(map(repr, own.stated_priors))}"
        )
    if conditional.strata:
        raise SpecError(
            f"{where} of {named}: within strata ({conditional.strata!r}) coefficients are of "
            "standardised predictors; leave the priors out, or write products in a formula"
        )
    if conditional.scale == "learned":
        raise SpecError(
            f"{where} of {named}: on scale 'learned' coefficients are about normal scores, not "
            "about the column's values; use scale 'natural'"
        )
    if "intercept" not in own.priors[prior] and {*INTERCEPT} & {*conditional.priors}:
        raise SpecError(
            f"{where}: family {own.name!r} has cutpoints and no intercept; state priors of slopes"
        )
    for name, each in conditional.priors.items():
        if isinstance(each, Mapping) and not own.contrasts:
            raise SpecError(
                f"{where}: that of {name!r} names levels ({', '.join(map(repr, each))}), and "
                f"family {own.name!r} has one coefficient for all; give {name} = {{mu, sigma}}"
            )
