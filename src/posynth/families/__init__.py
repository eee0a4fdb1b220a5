"""Families: one small file each; the registry finds them by looking into this folder."""

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from threading import RLock

from posynth.caches import prepare_caches
from posynth.chain.facts import FamilyFacts
from posynth.errors import SpecError, unknown
from posynth.families.base import Family

__all__ = ["Family", "facts", "families", "family"]

_GROUP = "posynth.families"
_loading = RLock()
# Before any family imports PyMC, which fails where its folder cannot be written.
prepare_caches()


def families() -> dict[str, Family]:
    """Return every family by name: the built-in ones, then those of installed plugins.

    Examples
    --------
    >>> "gaussian" in families()
    True
    """
    # Families are compared by identity, so two threads must not load them twice.
    with _loading:
        return _loaded()


@cache
def _loaded() -> dict[str, Family]:
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__):
        member = getattr(importlib.import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if isinstance(member, Family):
            found[member.facts.name] = member
    for entry in entry_points(group=_GROUP):
        plugin: Family = entry.load()
        found.setdefault(plugin.facts.name, plugin)
    return found


def family(name: str) -> Family:
    """Return one family by name.

    Raises
    ------
    SpecError
        If there is none of that name.
    """
    if name not in families():
        raise SpecError(unknown("family", name, families()))
    return families()[name]


def facts() -> dict[str, FamilyFacts]:
    """Return the facts of every family by name."""
    return {name: member.facts for name, member in families().items()}
