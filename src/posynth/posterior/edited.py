"""A chain file beside a posterior that was edited after the fit: its changes have no effect."""

from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from posynth.chain.toml import chain_to_toml
from posynth.errors import PosynthError
from posynth.posterior.chain_families import find_families
from posynth.posterior.record import Posterior

CHAIN_FILE = "chain.toml"


def edits(posterior: Posterior, folder: Path) -> str:
    """Say that the chain file in a folder differs from what its posterior was fitted with.

    Parameters
    ----------
    posterior : Posterior
        As it is stored in the folder.
    folder : Path
        An output folder.

    Returns
    -------
    str
        ``""`` where the file is not there or differs in notes and comments only.
    """
    path = folder / CHAIN_FILE
    if not path.is_file():
        return ""
    try:
        known = find_families(posterior.spec, posterior.own, posterior.folders, posterior.allowed)
    except PosynthError:  # a user's own model that may not be run, whose priors are not known here
        return ""
    facts = {name: member.facts for name, member in known.items()}
    fitted = chain_to_toml(posterior.spec, posterior.schema, facts, posterior.source.reading)
    found = _content(path)
    if found == _plain(tomlkit.parse(fitted).unwrap()):
        return ""
    return (
        f"{str(path)!r} differs from the chain that was fitted, and its changes have no effect "
        f"here; `posynth synthesize DATA --chain {path}` fits the edited chain"
    )


def _content(path: Path) -> Any:
    try:
        return _plain(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap())
    except (OSError, UnicodeDecodeError, TOMLKitError):
        return None


def _plain(content: Any) -> Any:
    """Return plain data without notes."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items() if key != "note"}
    return [_plain(value) for value in content] if isinstance(content, list) else content
