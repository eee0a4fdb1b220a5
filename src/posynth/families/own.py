"""A user's own model: any function (design, response, priors) -> pm.Model becomes a family."""

import importlib.util
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.errors import SpecError, unknown
from posynth.families.base import Build, Family
from posynth.families.permission import require_permission
from posynth.table.names import Names, as_names
from posynth.table.schema import Kind

_MARK = "posynth_facts"
_RESPONSES = ("natural", "standardised", "codes")


def conditional(
    kinds: Names = (), response: str = "", summary: str = ""
) -> Callable[[Build], Build]:
    """Declare facts about a hand-written conditional; optional.

    Parameters
    ----------
    kinds : iterable of str
        Kinds of column it models; default numeric ones for a ``"natural"`` or
        ``"standardised"`` response, categorical ones for ``"codes"``.
    response : str
        How it wants y: ``"natural"`` (default), ``"standardised"`` or ``"codes"``.
    summary : str
        The model in one line.

    Returns
    -------
    callable
        A decorator that returns the function unchanged but for the declaration.

    Raises
    ------
    SpecError
        If a kind or the response is unknown.

    Examples
    --------
    >>> @conditional(response="standardised", summary="Student-t regression")
    ... def student(design, response, priors): ...
    """
    if response and response not in _RESPONSES:
        raise SpecError(f"conditional: {unknown('response', response, _RESPONSES)}")
    wanted = set(as_names(kinds))
    for kind in wanted:
        if kind not in list(Kind):
            raise SpecError(f"conditional: {unknown('kind', kind, Kind)}")

    def mark(build: Build) -> Build:
        return declare_facts(build, _facts(build, wanted, response, summary))

    return mark


def _facts(
    build: Build, kinds: Collection[str] = (), response: str = "", summary: str = ""
) -> FamilyFacts:
    default = CATEGORICAL if response == "codes" else NUMERIC
    coded = "codes" if set(kinds) & {kind.value for kind in CATEGORICAL} else "natural"
    first = (build.__doc__ or "").strip().splitlines()[:1]
    return FamilyFacts(
        name=getattr(build, "__name__", "own"),
        kinds=frozenset(Kind(k) for k in kinds) or default,
        summary=summary or "".join(first) or "a PyMC model passed by the user",
        response=response or coded,
    )


def declare_facts(build: Build, facts: FamilyFacts) -> Build:
    """Attach facts to a function that writes a model."""
    setattr(build, _MARK, facts)
    return build


def as_family(build: Build, name: str = "") -> Family:
    """Make a family of a function that writes a PyMC model.

    Parameters
    ----------
    build : callable
        ``build(design, response, priors) -> pm.Model``.
    name : str
        Name in the chain; the function's own by default.

    Returns
    -------
    Family
        One that is compiled for each column it is used on.
    """
    # A method or another callable may have no place to attach facts to.
    facts: FamilyFacts = getattr(build, _MARK, None) or _facts(build)
    named = FamilyFacts(**{**vars(facts), "name": name or facts.name})
    return Family(named, build, shared=False)


def own_names(
    methods: Mapping[str, str | Build | Family], taken: Mapping[str, Family]
) -> tuple[dict[str, str], dict[str, Build | Family]]:
    """Name the functions among methods; where two would share a name, the column's is added.

    Parameters
    ----------
    methods : Mapping
        Column -> name of a family, or a function, or a family.
    taken : Mapping
        Families that are known by name already.

    Returns
    -------
    tuple of dict and dict
        Column -> name in the chain, and name -> function or family.
    """
    names: dict[str, str] = {}
    own: dict[str, Build | Family] = {}
    for column, method in methods.items():
        if isinstance(method, str):
            names[column] = method
            continue
        plain = getattr(method, "__name__", "own")
        name = method.facts.name if isinstance(method, Family) else plain
        if _stands_for_another(name, method, taken, own):
            name = f"{name}_{column}"
        while _stands_for_another(name, method, taken, own):
            name += "_"
        names[column], own[name] = name, method
    return names, own


def _stands_for_another(
    name: str, method: Build | Family, taken: Mapping[str, Family], own: Mapping[str, object]
) -> bool:
    if own.get(name, method) is not method:
        return True
    return name in taken and method not in (taken[name], taken[name].build)


def find_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the file that ``"file.py:function"`` names, or one of its bare name, if any."""
    file = Path(name.rpartition(":")[0])
    places = [folder / path for path in (file, file.name) for folder in folders]
    return next((place for place in places if place.is_file()), None)


def load_reference(name: str, folders: Sequence[Path], *, allowed: bool) -> Family:
    """Load the family that ``"file.py:function"`` points to.

    Parameters
    ----------
    name : str
        The reference; its file is sought in ``folders`` in turn.
    folders : iterable of Path
        Where to look.
    allowed : bool
        Whether the file may be run; see ``families.permission``.

    Raises
    ------
    SpecError
        If the file, the function, or a usable function is not found, or it may not be run.
    """
    return as_family(load_function(name, folders, "family", allowed=allowed), name)


def load_function(
    name: str, folders: Sequence[Path], what: str, *, allowed: bool
) -> Callable[..., Any]:
    """Load the function that ``"file.py:function"`` points to.

    Parameters
    ----------
    name : str
        The reference; its file is sought in ``folders`` in turn.
    folders : iterable of Path
        Where to look.
    what : str
        What the function is for, in error messages.
    allowed : bool
        Whether the file may be run; see ``families.permission``.

    Raises
    ------
    SpecError
        If the file or the function is not found, the file may not be run, or it fails on import.
    """
    file, _, function = name.rpartition(":")
    found = find_file(name, folders)
    if found is None:
        naming = "chain" if what == "family" else "study"
        raise SpecError(
            f"{what} {name!r}: there is no file {file!r} beside the {naming} file or here; "
            f"write the path relative to the {naming} file"
        )
    require_permission(name, what, found, allowed)
    module_name = f"posynth_own_{found.stem}"
    spec = importlib.util.spec_from_file_location(module_name, found)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SpecError(f"{what} {name!r}: {file} fails on import: {error}") from error
    loaded = getattr(module, function, None)
    if not callable(loaded):
        public = [key for key, value in vars(module).items() if callable(value)]
        raise SpecError(f"{what} {name!r}: {unknown('function', function, public)}")
    return loaded  # type: ignore[no-any-return]
