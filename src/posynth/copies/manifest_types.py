"""What the entries of a manifest must be: it may have been written by hand, or elsewhere."""

from collections.abc import Mapping
from typing import Any

from posynth.errors import StoreError

#: Words that older or other programs write for true and false.
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_BOOLEANS = ("proper", "complete", "passed")
_LISTS = ("unsynthesised", "plug_in", "tightened", "stated_priors", "kept_groups")
_MAPPINGS = (
    "groups",
    "grouped",
    "failed",
    "failed_affects",
    "filled",
    "passive",
    "rules",
    "simplified",
    "ids",
)
#: Column -> family; only the columns are read, so that a list will do.
_EITHER = ("improper", "without_noise", "copies_values")


def checked_entries(manifest: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a manifest whose entries have the types that are read, or refuse it.

    A text such as ``"no"`` counts as true in Python, and a single column's name as the list of its
    letters: neither must decide how copies are pooled.

    Parameters
    ----------
    manifest : Mapping
        As it was read.
    where : str
        How errors call it.

    Returns
    -------
    dict
        The manifest, with words such as ``"yes"`` and ``"no"`` as truth values.

    Raises
    ------
    StoreError
        Naming the entry, its value and what it must be.

    Examples
    --------
    >>> checked_entries({"proper": "no"}, "manifest.json")
    {'proper': False}
    """
    found = dict(manifest)
    for key in _BOOLEANS:
        if key in found and isinstance(found[key], str):
            found[key] = _WORDS.get(found[key].strip().lower(), found[key])
    expected: dict[str, tuple[Any, str]] = {
        **dict.fromkeys(_BOOLEANS, (bool, "true or false")),
        **dict.fromkeys(_LISTS, (list, 'a list of columns, as ["age"]')),
        **dict.fromkeys(_MAPPINGS, (dict, 'an object, as {"age": ...}')),
        **dict.fromkeys(_EITHER, ((dict, list), "a list of columns, or an object of them")),
        "missing": (str, "a text"),
        "nests": (int, "a whole number"),
    }
    for key, (kind, words) in expected.items():
        if key in found and not isinstance(found[key], kind):
            raise StoreError(
                f"{where} has {key} = {found[key]!r}, which must be {words}; correct it, or ask "
                "whoever made the copies for the manifest they were written with"
            )
    return found
