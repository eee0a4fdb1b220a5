"""Families: one small file each; the registry finds them by looking into this folder."""

import importlib
import pkgutil
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from threading import RLock

from posynth.caches import prepare_caches
from posynth.chain.facts import FamilyFacts
from posynth.errors import MachineWarning, SpecError, unknown
from posynth.families.base import Family

__all__ = ["Family", "facts", "families", "family", "is_plugin"]

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
        return _loaded()[0]


def is_plugin(member: Family) -> bool:
    """Whether a family comes from an installed plugin: such a one is tried before any fit."""
    with _loading:
        return any(member is plugin for plugin in _loaded()[1])


@cache
def _loaded() -> tuple[dict[str, Family], tuple[Family, ...]]:
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(__path__):
        member = getattr(importlib.import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if isinstance(member, Family):
            found[member.facts.name] = member
    plugins = []
    for entry in entry_points(group=_GROUP):
        try:
            plugin = _plugin(entry.load(), found)
        except Exception as error:  # whatever a plugin's import raises
            text = f"plugin {entry.name!r} ({entry.value}) is left out: {error}"
            warnings.warn(text, MachineWarning, stacklevel=4)
            continue
        found[plugin.facts.name] = plugin
        plugins.append(plugin)
    return found, tuple(plugins)


def _plugin(loaded: object, known: Mapping[str, Family]) -> Family:
    """Return what a plugin gives if it can be used."""
    if not isinstance(loaded, Family):
        raise TypeError(f"it is a {type(loaded).__name__}, and must be a posynth Family")
    if loaded.facts.name in known:
        raise ValueError(f"there is a family of the name {loaded.facts.name!r} already")
    return loaded


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
