"""The manifest: what a reader of the copies must know to use them rightly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from posynth.chain.coefficient_priors import plain_priors
from posynth.chain.rare import POOLED
from posynth.chain.slopes import slope_sd
from posynth.chain.spec import ROSTER
from posynth.copies.codebook import private_codebook
from posynth.copies.failed import failures
from posynth.copies.streams import Streams
from posynth.families import families
from posynth.families.permission import is_reference
from posynth.posterior.record import Posterior
from posynth.posterior.simpler import simplified
from posynth.table.bounds import bounds_text, is_bounded

_VERSIONS = ("numpy", "pandas", "pymc", "pytensor", "nutpie", "xarray", "formulaic")
#: Scale of slopes from which on a prior is weak: that of every family's default.
WEAK_SLOPE = 2.5
#: All that is published, in manifest, report, codebook and HOW_TO_POOL.md alike. Everything else
#: stays with the data holder, and so does every key that a later version adds, until it is named
#: here. What the keys stand for is said in `public_manifest`.
PUBLIC = (
    *("posynth", "n", "k", "m", "nests", "proper", "improper", "without_noise", "copies_values"),
    *("complete", "unsynthesised", "filled", "missing", "passed", "failed_affects"),
    *("versions", "chain", "passive", "rules"),
    *(
        "plug_in",
        "tightened",
        "stated_priors",
        "simplified",
        "kept_groups",
        "grouped",
        "groups",
        "ids",
    ),
)

#: How missing values come about in the copies.
REPRODUCED = "the pattern is reproduced (an indicator is drawn first, then the value where present)"


def manifest(posterior: Posterior, k: int, streams: Sequence[Streams]) -> dict[str, Any]:
    """Return the manifest of copies of k rows, drawn with the streams of one call or several.

    It is the data holder's: `public_manifest` leaves out what must not be published.
    """
    schema, spec = posterior.schema, posterior.spec
    m = sum(len(each.copies) for each in streams)
    seeds = [each.seed for each in streams]
    holes = sorted(spec.indicators)
    filled = {c.name: c.kind.value for c in schema if not c.kind.is_modelled}
    failed = failures(posterior, m)
    return {
        "posynth": posterior.version,
        "spec_hash": spec.digest(),
        "source": posterior.source.name,
        "n": schema.rows,
        "k": k,
        "m": m,
        "seed": seeds[0] if len(seeds) == 1 else seeds,
        "fit_seed": posterior.seed,
        "proper": posterior.proper,
        **_exceptions(posterior),
        "complete": True,
        "unsynthesised": [],
        **_of_groups(posterior),
        "tightened": _tightened(posterior),
        "stated_priors": [c.target for c in spec if c.priors],
        "simplified": {c.target: simplified(c) for c in spec if simplified(c)},
        "merged_levels": _merged(posterior),
        "filled": filled,
        "passive": {c.target: c.computed_by for c in spec if c.computed and c.family != ROSTER},
        "rules": {c.target: list(c.rules) for c in spec if c.rules},
        "bounds": {c.name: bounds_text(c) for c in schema if is_bounded(c)},
        "chain": public_chain(posterior),
        "missing": spec.missing if holes else "none",
        "missing_note": _missing_note(holes),
        "priors": {c.target: _prior(posterior, c.target) for c in spec},
        "engines": {t: link.diagnosis.engine for t, link in posterior.links.items()},
        "passed": not failed,
        "failed": {each.target: list(each.reasons) for each in failed},
        "failed_affects": {each.target: list(each.affects) for each in failed},
        "versions": {name: version(name) for name in _VERSIONS},
        **private_codebook(schema, posterior.source).to_dict(),
        "streams": [each.to_dict() for each in streams],
    }


def public_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be published of a manifest: what is needed to use and pool the copies.

    Whoever knows all rows of the source but one can run posynth on them with every guess at the
    missing row, and compare. Whatever the run makes out of the rows would tell him which guess is
    right: seeds and streams (with them he gets the copies themselves), the hash of the chain,
    scales of priors and engines (they follow the data), the values of diagnostics, the names of
    columns with missing values, the posterior draws taken, times. They are left out, and so is the
    name of the source's file. The public report, the codebook and HOW_TO_POOL.md are written from
    what is returned here, from the copies, and from standardised measures of misfit.

    Parameters
    ----------
    manifest : Mapping
        A manifest, as `Copies.manifest` returns it or ``manifest.json`` holds it.

    Returns
    -------
    dict
        Versions, sizes n, k and m; whether the copies are proper and complete and what is an
        exception to it; which columns hold placeholders; how missing values were treated; the
        conditionals with their predictors and families (`public_chain`) and the rules of passive
        columns, both of which a user of the copies must know, and the latter of which hold in
        every row of the copies; whether the diagnostics passed, and the columns concerned where
        they did not, without their values; conditionals whose slopes are drawn towards 0, those
        with priors of single coefficients, and simpler ones in place of what was not fitted;
        columns and numbers of groups, which rules of
        pooling need, and of a repeated identifier its wave and the columns that are drawn row by
        row. Keys that the manifest lacks are left out.

    Examples
    --------
    >>> public_manifest({"n": 299, "k": 299, "m": 5, "seed": 1, "source": "patients.csv"})
    {'n': 299, 'k': 299, 'm': 5}
    """
    return {key: manifest[key] for key in PUBLIC if key in manifest}


def public_chain(posterior: Posterior) -> dict[str, dict[str, str]]:
    """Return conditional -> what it is given and its family, as they may be published.

    Of a model of the user's own the name is told, and not the file: its folder is private.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.

    Returns
    -------
    dict
        In visit order, with the keys ``given`` and ``family``.
    """
    found = {}
    for c in posterior.spec:
        names = " + ".join(posterior.spec.predictors(c.target))
        given = f"= {c.computed_by}" if c.computed else c.formula or names or "nothing"
        own = is_reference(c.family)
        family = f"own model {c.family.rpartition(':')[2]}" if own else c.family
        shown = replace(c, family=family, priors={})
        found[c.target] = {"given": given, "family": shown.label}
    return found


def missing_words(manifest: Mapping[str, Any]) -> str:
    """Say how missing values were treated, with the columns where the manifest names them.

    Parameters
    ----------
    manifest : Mapping
        A manifest, or a public one, which names no column.

    Returns
    -------
    str
        One sentence without a full stop.

    Examples
    --------
    >>> missing_words({"missing": "none"})
    'the source has no missing values in modelled columns'
    """
    if "missing_note" in manifest:
        return str(manifest["missing_note"])
    if manifest.get("missing", "none") == "none":
        return _missing_note(())
    return f"missing values: {REPRODUCED}" if manifest["missing"] == "pattern" else "imputed"


def _exceptions(posterior: Posterior) -> dict[str, Any]:
    """Return conditional -> family for what had to be asked for in so many words."""
    known = {**families(), **posterior.own}
    used = {c.target: known[c.family].facts for c in posterior.spec if c.family in known}
    improper = {target: facts.name for target, facts in used.items() if not facts.proper}
    return {
        "improper": improper,
        "plug_in": sorted(improper) if len(improper) < len(used) else [],
        "without_noise": {target: facts.name for target, facts in used.items() if not facts.noisy},
        "copies_values": {
            target: facts.name for target, facts in used.items() if facts.copies_values
        },
    }


def _of_groups(posterior: Posterior) -> dict[str, Any]:
    """Return which conditionals have groups whose rows are alike, and how many groups there are."""
    spec, schema = posterior.spec, posterior.schema
    columns = {c.groups or c.per_group for c in spec} - {""}
    ids = _ids(posterior)
    columns |= {*ids}
    return {
        "kept_groups": [c.target for c in spec if c.keep_groups],
        "grouped": {c.target: c.groups or c.per_group for c in spec if c.groups or c.per_group},
        "groups": {name: schema.groups_of(name) for name in sorted(columns)},
        "ids": ids,
    }


def _ids(posterior: Posterior) -> dict[str, dict[str, Any]]:
    """Return the repeated identifier with its wave, and the columns that ids do not share in."""
    column, spec = posterior.schema.repeated, posterior.spec
    if column is None or column.roster is None:
        return {}
    apart = [
        c.target
        for c in spec
        if not (c.computed or c.indicates) and column.name not in (c.groups, c.per_group)
    ]
    return {column.name: {"wave": column.roster.wave, "apart": apart}}


def _tightened(posterior: Posterior) -> list[str]:
    """Return the conditionals whose slopes have a prior narrower than the weak one."""
    found = []
    for c in posterior.spec:
        if slope_sd(c) < WEAK_SLOPE or c.family.endswith("_horseshoe"):
            found.append(c.target)
    return found


def _merged(posterior: Posterior) -> dict[str, list[str]]:
    """Return conditional -> levels of its predictors without a coefficient of their own."""
    found = {}
    for target, link in posterior.links.items():
        encoder = link.coding.encoder
        pooled = [name for name in link.coding.predictors if name.endswith(POOLED)]
        levels = [*pooled, *(encoder.merged if encoder else ())]
        if levels:
            found[target] = levels
    return found


def _prior(posterior: Posterior, target: str) -> dict[str, Any]:
    conditional = posterior.spec[target]
    return {
        "family": conditional.family,
        "prior": conditional.prior,
        "scales": dict(conditional.scales),
        **({"stated": plain_priors(conditional.priors)} if conditional.priors else {}),
    }


def _missing_note(holes: Iterable[str]) -> str:
    names = ", ".join(holes)
    if not names:
        return "the source has no missing values in modelled columns"
    return (
        f"missing values in {names}: {REPRODUCED}; for inference impute inside each copy: `posynth "
        "pool --impute 5`"
    )
