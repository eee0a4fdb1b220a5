"""The families that a chain uses: built in, installed, passed in Python, or named in a file."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from posynth.chain.spec import ChainSpec
from posynth.errors import SpecError
from posynth.families import families
from posynth.families.base import Build, Family
from posynth.families.own import as_family, load_reference
from posynth.families.permission import is_reference


def find_families(
    spec: ChainSpec,
    own: Mapping[str, Family],
    folders: tuple[Path, ...],
    allowed: Collection[str],
) -> dict[str, Family]:
    """Return built-in, installed and own families, and those in files that the chain names.

    Parameters
    ----------
    spec : ChainSpec
        The chain.
    own : Mapping of str to Family
        Families that were passed in Python.
    folders : tuple of Path
        Where files are sought, and after them in the working directory.
    allowed : collection of str
        Names ``"file.py:function"`` whose file may be run.

    Raises
    ------
    SpecError
        If a file is not found or may not be run.
    """
    found = families() | dict(own)
    for conditional in spec:
        name = conditional.family
        if is_reference(name) and name not in found:
            places = (*folders, Path.cwd())
            found[name] = load_reference(name, places, allowed=name in allowed)
    return found


def stored_families(
    spec: ChainSpec,
    own: Mapping[str, Family],
    folders: tuple[Path, ...],
    allowed: Collection[str],
) -> dict[str, Family]:
    """Return families as find_families does, for a posterior that may have been loaded.

    Raises
    ------
    SpecError
        If the chain uses a function that was passed in Python, which no folder holds.
    """
    found = find_families(spec, own, folders, allowed)
    for conditional in spec:
        if conditional.family not in found:
            raise SpecError(
                f"conditional {conditional.target!r} uses {conditional.family!r}, a function that "
                "was passed in Python and is not stored; pass it again: "
                f"load_posterior(folder, methods={{{conditional.target!r}: "
                f"{conditional.family}}}), or keep it in a file and name it 'file.py:function'"
            )
    return found


def own_families(builds: Mapping[str, Build | Family] | None) -> dict[str, Family]:
    """Make families of functions, by the name given to each."""
    return {
        name: _named(build, name) if isinstance(build, Family) else as_family(build, name)
        for name, build in (builds or {}).items()
    }


def _named(family: Family, name: str) -> Family:
    """Return a family under a name; a user's own shares no compiled form with another of it."""
    known = families().get(family.facts.name)
    if known is None or known.build is not family.build:
        family = replace(family, shared=False)
    if family.facts.name == name:
        return family
    return replace(family, facts=replace(family.facts, name=name))
