"""A study on paper: TOML to a `Study`, every wrong key named before anything runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from posynth.errors import SpecError, TableError, unknown
from posynth.evaluation.validity.design import design_study
from posynth.evaluation.validity.holes import Hole
from posynth.evaluation.validity.population import Finite, Population, Predictive, Prior, Simulator
from posynth.evaluation.validity.study import Analysis, Study
from posynth.families.own import find_file
from posynth.families.permission import is_reference, require_permission
from posynth.posterior.plan import plan
from posynth.posterior.store import load_posterior
from posynth.posterior.wishes import Wishes
from posynth.table.io import read_table

_SIZES: dict[str, Any] = {
    "name": str, "n": int, "m": list, "k": list, "draws": list, "rules": list,
    "replications": int, "seed": int, "level": float, "need": int, "plan": str,
}  # fmt: skip
_TOP = (*_SIZES, "population", "chain", "analysis", "missing", "truth")
_CHAIN: dict[str, Any] = {
    "file": str, "order": list, "methods": dict, "kinds": dict, "na": (list, dict),
    "lower": dict, "upper": dict, "rules": list, "no_rules": list, "priors": dict,
}  # fmt: skip
_ANALYSIS = {"name": str, "model": str, "formula": str, "function": str, "options": dict}
_HOLE = {"column": str, "share": float, "depends": str, "slope": float}
_TRUTH = {"rows": int, "values": dict}
_POPULATIONS = ("simulator", "table", "posterior", "prior")


def read_study(path: str | Path, *, allow_code: bool = False, **changes: Any) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : str or Path
        The TOML file; files it names are relative to it.
    allow_code : bool
        Whether Python files that the study, its chain or its posterior name may be run.
    **changes
        Settings to use instead of the file's: replications, seed, n, m, k, plan ...

    Returns
    -------
    Study

    Raises
    ------
    SpecError
        Naming the key, what was found, what is allowed and the next step.
    """
    file = Path(path)
    where = f"study file {file.name!r}"
    data = _parsed(file, where)
    folder = file.resolve().parent
    try:
        _require_permissions(data, folder, allow_code)
        given = {key: value for key, value in changes.items() if value is not None}
        return _study(data, folder, given, allow_code)
    except (SpecError, TableError) as error:
        raise SpecError(f"{where}: {error}") from None


def _parsed(file: Path, where: str) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{where} cannot be read: {type(error).__name__}") from None
    try:
        return dict(tomlkit.parse(text).unwrap())
    except TOMLKitError as error:
        raise SpecError(f"{where}: not a TOML document: {error}") from None


def _require_permissions(data: Any, folder: Path, allow_code: bool) -> None:
    """Refuse a study that names a function in a file, unless files it names may be run."""
    named = [("family", text) for text in _texts(data.get("chain"), ["methods"])]
    named += [("simulator", text) for text in _texts(data.get("population"), [])]
    named += [("analysis", text) for text in _texts(data.get("analysis"), [])]
    for what, name in named:
        if is_reference(name):
            file = find_file(name, (folder, Path.cwd())) or Path(name.rpartition(":")[0])
            require_permission(name, what, file, allow_code)


def _texts(given: Any, inner: list[str]) -> list[str]:
    """Return the texts of a section of the file, or of the section inside it."""
    entries = given if isinstance(given, list) else [given]
    sections = [entry for entry in entries if isinstance(entry, Mapping)]
    if inner:
        return _texts([entry.get(inner[0]) for entry in sections], inner[1:])
    return [text for entry in sections for text in entry.values() if isinstance(text, str)]


def _study(data: dict[str, Any], folder: Path, changes: dict[str, Any], allow_code: bool) -> Study:
    if "conditional" in data:
        raise SpecError(
            "this is a chain of conditionals, not a study; a study names it in "
            "[chain], as file = 'chain.toml'; see models/validity_study.toml"
        )
    for key in data:
        if key not in _TOP:
            raise SpecError(unknown("key", key, _TOP))
    for key in ("population", "n", "analysis"):
        if key not in data and key not in changes:
            raise SpecError(f"the key {key!r} is missing; see models/validity_study.toml")
    sizes = {key: _of_type(key, data[key], kind) for key, kind in _SIZES.items() if key in data}
    sizes |= changes
    for key in ("m", "k"):
        if key in sizes:
            given = sizes[key]
            sizes[key] = tuple(given) if isinstance(given, list | tuple) else (given,)
    for key in ("draws", "rules"):
        if key in sizes:
            sizes[key] = tuple(sizes[key])
    truth = _table("truth", data.get("truth", {}), _TRUTH)
    if "rows" in truth:
        sizes["truth_rows"] = truth["rows"]
    chain = _table("chain", data.get("chain", {}), _CHAIN)
    if "file" in chain:
        chain["chain"] = folder / chain.pop("file")
    if "rules" in chain:  # of rows: those of a study itself combine copies
        chain["row_rules"] = chain.pop("rules")
    return design_study(
        _population(data["population"], folder, allow_code),
        sizes.pop("n"),
        _analyses(data["analysis"], folder),
        **chain,
        holes=[Hole(**_table("missing", e, _HOLE)) for e in _entries("missing", data)],
        folders=(folder,),
        allow_code=allow_code,
        truth=truth.get("values", {}),
        **sizes,
    )


def _table(name: str, given: Any, allowed: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise SpecError(f"{name} = {given!r} must be a table: write [{name}]")
    for key in given:
        if key not in allowed:
            raise SpecError(f"{name}: {unknown('key', key, allowed)}")
    return {key: _of_type(f"{name}: {key}", value, allowed[key]) for key, value in given.items()}


def _of_type(key: str, value: Any, kind: type | tuple[type, ...]) -> Any:
    if isinstance(kind, tuple):
        return value if isinstance(value, kind[1:]) else _of_type(key, value, kind[0])
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is list and isinstance(value, int | str) and not isinstance(value, bool):
        return [value]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SpecError(
            f"{key} = {value!r} is of type {type(value).__name__}; it must be {kind.__name__}"
        )
    return value


def _entries(name: str, data: Mapping[str, Any]) -> list[Any]:
    found = data.get(name, [])
    if not isinstance(found, list):
        raise SpecError(f"{name} must be a list of tables: write each as [[{name}]]")
    return found


def _analyses(given: Any, folder: Path) -> tuple[Analysis, ...]:
    entries = given if isinstance(given, list) else [given]
    found = []
    for entry in entries:
        about = _table("analysis", entry, _ANALYSIS)
        if ("formula" in about) == ("function" in about):
            raise SpecError(
                "analysis: give either a formula (with a model), or function = 'file.py:function'"
            )
        found.append(Analysis(**about, folders=(folder,)))
    return tuple(found)


def _population(given: Any, folder: Path, allow_code: bool) -> Population:
    allowed = {name: str for name in (*_POPULATIONS, "data")}
    about = _table("population", given, allowed)
    kind = [name for name in _POPULATIONS if name in about]
    if len(kind) != 1 or ("data" in about) != (kind == ["prior"]):
        raise SpecError(
            "population: give one of simulator = 'file.py:function', table = 'file', posterior = "
            "'folder', or prior = 'chain.toml' with data = 'file' to learn codings on"
        )
    make: dict[str, Callable[[], Population]] = {
        "simulator": lambda: Simulator(about["simulator"], (folder,)),
        "table": lambda: Finite(read_table(folder / about["table"]).frame),
        "posterior": lambda: Predictive(
            load_posterior(folder / about["posterior"], allow_code=allow_code)
        ),
        "prior": lambda: _prior(folder / about["prior"], folder / about["data"], allow_code),
    }
    return make[kind[0]]()


def _prior(chain: Path, data: Path, allow_code: bool) -> Prior:
    table, bound = plan(data, Wishes(allow_code=allow_code), chain)
    return Prior(bound, table)
