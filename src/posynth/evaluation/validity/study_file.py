"""A study on paper: TOML to a `Study`, every wrong key named before anything runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from posynth.errors import SpecError, unknown
from posynth.evaluation.validity.design import design_study
from posynth.evaluation.validity.holes import Hole
from posynth.evaluation.validity.population import Finite, Population, Predictive, Prior, Simulator
from posynth.evaluation.validity.study import Analysis, Study
from posynth.posterior.plan import plan
from posynth.posterior.store import load_posterior
from posynth.table.io import read_table

_SIZES: dict[str, Any] = {
    "name": str, "n": int, "m": list, "k": list, "draws": list, "rules": list,
    "replications": int, "seed": int, "level": float, "need": int,
}  # fmt: skip
_TOP = (*_SIZES, "population", "chain", "analysis", "missing", "truth")
_CHAIN = {"file": str, "order": list, "methods": dict, "kinds": dict}
_ANALYSIS = {"name": str, "model": str, "formula": str, "function": str, "options": dict}
_HOLE = {"column": str, "share": float, "depends": str, "slope": float}
_TRUTH = {"rows": int, "values": dict}
_POPULATIONS = ("simulator", "table", "posterior", "prior")


def read_study(path: str | Path, **changes: Any) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : str or Path
        The TOML file; files it names are relative to it.
    **changes
        Settings to use instead of the file's: replications, seed, n, m, k ...

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
        return _study(data, folder, {key: v for key, v in changes.items() if v is not None})
    except SpecError as error:
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


def _study(data: dict[str, Any], folder: Path, changes: dict[str, Any]) -> Study:
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
    return design_study(
        _population(data["population"], folder),
        sizes.pop("n"),
        _analyses(data["analysis"], folder),
        **chain,
        holes=[Hole(**_table("missing", e, _HOLE)) for e in _entries("missing", data)],
        folders=(folder,),
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


def _of_type(key: str, value: Any, kind: type) -> Any:
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


def _population(given: Any, folder: Path) -> Population:
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
        "posterior": lambda: Predictive(load_posterior(folder / about["posterior"])),
        "prior": lambda: _prior(folder / about["prior"], folder / about["data"]),
    }
    return make[kind[0]]()


def _prior(chain: Path, data: Path) -> Prior:
    table, bound = plan(data, chain=chain)
    return Prior(bound, table)
