"""The manifest: what a reader of the copies must know to use them rightly."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from posynth.families import families
from posynth.posterior.record import Posterior

DRAWS_A_COPY = 20
_VERSIONS = ("numpy", "pandas", "pymc", "pytensor", "nutpie", "xarray", "formulaic")


def manifest(posterior: Posterior, m: int, k: int, seed: int) -> dict[str, Any]:
    """Return the manifest of m copies of k rows."""
    schema, spec = posterior.schema, posterior.spec
    holes = sorted(spec.indicators)
    filled = {c.name: c.kind.value for c in schema if not c.kind.is_modelled}
    return {
        "posynth": posterior.version,
        "spec_hash": spec.digest(),
        "source": posterior.source.name,
        "n": schema.rows,
        "k": k,
        "m": m,
        "seed": seed,
        "fit_seed": posterior.seed,
        "proper": posterior.proper,
        **_exceptions(posterior),
        "complete": True,
        "unsynthesised": [],
        "filled": filled,
        "passive": {c.target: c.passive for c in spec if c.passive},
        "missing": spec.missing if holes else "none",
        "missing_note": _missing_note(holes),
        "priors": {c.target: _prior(posterior, c.target) for c in spec},
        "engines": {t: link.diagnosis.engine for t, link in posterior.links.items()},
        "passed": _passed(posterior, m),
        "versions": {name: version(name) for name in _VERSIONS},
    }


def _passed(posterior: Posterior, m: int) -> bool:
    """Whether every fit passed, with the 20 effective draws a copy that make copies independent."""
    found = [link.diagnosis for link in posterior.links.values()]
    # ESS is NaN where a family makes its own, independent draws.
    return all(d.passed and not d.ess < DRAWS_A_COPY * m for d in found)


def _exceptions(posterior: Posterior) -> dict[str, dict[str, str]]:
    """Return conditional -> family for what had to be asked for in so many words."""
    known = {**families(), **posterior.own}
    used = {c.target: known[c.family].facts for c in posterior.spec if c.family in known}
    return {
        "improper": {target: facts.name for target, facts in used.items() if not facts.proper},
        "without_noise": {target: facts.name for target, facts in used.items() if not facts.noisy},
        "copies_values": {
            target: facts.name for target, facts in used.items() if facts.copies_values
        },
    }


def _prior(posterior: Posterior, target: str) -> dict[str, Any]:
    conditional = posterior.spec[target]
    return {
        "family": conditional.family,
        "prior": conditional.prior,
        "scales": dict(conditional.scales),
    }


def _missing_note(holes: Iterable[str]) -> str:
    names = ", ".join(holes)
    if not names:
        return "the source has no missing values in modelled columns"
    return (
        f"missing values in {names}: the pattern is reproduced (an indicator is drawn first, then "
        "the value where present); for inference impute each copy multiply, then pool"
    )
