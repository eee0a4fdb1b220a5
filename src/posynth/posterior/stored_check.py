"""What a stored posterior must be before anything is made of it: types, ranges, sizes.

A posterior may come from somebody else. Nothing in it is run (see ``families.permission`` and
``chain.formula``); here its numbers are checked, so that none fills the memory or the copies.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.design import Encoder
from posynth.chain.groups import Groups
from posynth.chain.scale import Scale
from posynth.chain.spec import ChainSpec
from posynth.errors import StoreError, TableError, unknown
from posynth.posterior.coding import Coding
from posynth.posterior.diagnosis import Diagnosis
from posynth.posterior.typed import require_types
from posynth.table.clock import UNITS
from posynth.table.roster import Roster
from posynth.table.schema import MOST_DECIMALS, Column, Schema
from posynth.table.source import Source
from posynth.table.typed import typed_index

if TYPE_CHECKING:
    import xarray as xr

#: Most rows that are drawn unasked: more must be asked for by -k.
MAX_DEFAULT_ROWS = 20_000_000
#: Most numbers that the draws of one parameter may hold, 4 GB.
MAX_DRAWS = 500_000_000
#: Texts and bytes of a fixed width, which no column of pandas has.
_SIZED = re.compile(r"[<>|=]?[USVa]\d+.*")
_FILE = "posterior.json"
_ENTRIES = {
    **{"format": int, "version": str, "seed": int, "digest": str},
    **{"spec": dict, "schema": dict, "source": dict, "links": dict, "learned": dict},
}
#: Fields of a diagnosis that JSON holds as null where they are not a number.
_NOT_MEASURED = {field.name: float | None for field in fields(Diagnosis) if field.type is float}


def check_facts(facts: Any) -> None:
    """Raise unless the contents of ``posterior.json`` have the types and ranges they must have.

    Parameters
    ----------
    facts : object
        What JSON gave.

    Raises
    ------
    StoreError
        Naming the field, the value found and what is allowed.
    """
    if not isinstance(facts, Mapping):
        raise StoreError(f"{_FILE} must be a table of fields")
    for key, kind in _ENTRIES.items():
        found = facts.get(key)
        if not isinstance(found, kind) or isinstance(found, bool):
            what = {int: "a whole number", str: "a text", dict: "a table"}[kind]
            raise StoreError(f"{_FILE}: {key} = {str(found)[:60]}; it must be {what}")
    rows = _check_schema(facts["schema"])
    _check_source(facts["source"])
    for name, entry in facts["learned"].items():
        _check_scale(name, entry)
    for target, link in facts["links"].items():
        where = f"{_FILE}, conditional {target!r}"
        if not isinstance(link, Mapping) or set(link) != {"coding", "diagnosis"}:
            raise StoreError(f"{where}: it must have a coding and a diagnosis")
        _check_coding(f"{where}, coding", link["coding"])
        require_types(Diagnosis, link["diagnosis"], f"{where}, diagnosis", also=_NOT_MEASURED)
        n = link["diagnosis"].get("n", 0)
        if not 0 <= n <= rows:
            raise StoreError(f"{where}: n = {n}; it was fitted on 0 to {rows} rows")


def _check_schema(schema: Mapping[str, Any]) -> int:
    rows = schema.get("rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
        raise StoreError(f"{_FILE}, schema: rows = {rows!r}; it must be a whole number above 0")
    columns = schema.get("columns")
    if not isinstance(columns, list):
        raise StoreError(f"{_FILE}, schema: columns must be a list")
    for column in columns:
        name = column.get("name") if isinstance(column, Mapping) else column
        where = f"{_FILE}, column {name!r}"
        require_types(Column, column, where)
        if _SIZED.fullmatch(column.get("dtype", "")):
            raise StoreError(f"{where}: dtype = {column['dtype']!r} is none of a table's dtypes")
        _check_categories(column, where)
        _check_roster(column.get("roster"), rows, where)
        clock = column.get("clock", "")
        if clock and clock not in UNITS:
            raise StoreError(f"{where}: {unknown('clock', clock, UNITS)}")
        limits = {"missing": rows, "decimals": MOST_DECIMALS, "min_decimals": MOST_DECIMALS}
        for key, most in limits.items():
            value = column.get(key) or 0
            if not 0 <= value <= most:
                raise StoreError(f"{where}: {key} = {value}; it must be 0 to {most}")
    return rows


def _check_roster(roster: Mapping[str, Any] | None, rows: int, where: str) -> None:
    """Refuse ids that are not those of the rows: copies are filled with them."""
    if roster is None:
        return
    try:
        found = Roster.from_dict(roster)
    except (TableError, TypeError) as error:
        raise StoreError(f"{where}: {error}") from None
    if found.rows != rows:
        raise StoreError(f"{where}: its roster has {found.rows} rows of {rows}")


def _check_categories(column: Mapping[str, Any], where: str) -> None:
    """Refuse a type of categories that the levels are no values of."""
    kind, levels = column.get("category_type", ""), column.get("levels", ())
    if kind and levels:
        try:
            typed_index([str(level) for level in levels], kind)
        except TableError as error:
            raise StoreError(f"{where}: {error}") from None


def _check_source(source: Any) -> None:
    """Check how copies are written: the encoding is one of texts, a delimiter one character."""
    where = f"{_FILE}, source"
    require_types(Source, source, where)
    allowed = {"format": ("csv", "parquet", "frame"), "newline": ("\n", "\r\n", "\r")}
    for key, values in allowed.items():
        if key in source and source[key] not in values:
            raise StoreError(f"{where}: {unknown(key, source[key], values)}")
    for key in ("delimiter", "decimal"):
        if len(source.get(key, ",")) != 1:
            raise StoreError(f"{where}: {key} = {source[key]!r}; it must be one character")
    encoding = source.get("encoding", "utf-8")
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise StoreError(f"{where}: encoding = {encoding!r} is not known") from None
    if {"/", "\\"} & set(source.get("name", "")):
        raise StoreError(f"{where}: name = {source['name']!r}; it must be a name without a folder")


def _check_scale(name: str, entry: Any) -> None:
    where = f"{_FILE}, learned scale of {name!r}"
    require_types(Scale, entry, where)
    sizes = {len(entry.get(key, ())) for key in ("lower", "upper", "counts", "grains")}
    lower, upper = np.array(entry.get("lower", ())), np.array(entry.get("upper", ()))
    if len(sizes) != 1 or not len(lower) or (lower > upper).any() or (np.diff(upper) < 0).any():
        raise StoreError(f"{where}: its cells are not in increasing order, one count a cell")
    if min(entry["counts"]) < 0:
        raise StoreError(f"{where}: counts = {min(entry['counts'])}; none may be below 0")


def _check_coding(where: str, coding: Any) -> None:
    in_file = {"encoder": Any, "warp": tuple[float, ...], "learned": Any, "groups": Groups}
    require_types(Coding, coding, where, also=in_file)
    if not coding.get("scale", 1.0) > 0 or not coding.get("unit", 1.0) > 0:
        raise StoreError(f"{where}: scale and unit must be above 0")
    levels, reference = len(coding.get("levels", ())), coding.get("reference", 0)
    if not 0 <= reference < max(levels, 1):
        raise StoreError(f"{where}: reference = {reference}; it must be the place of a level")
    encoder = coding.get("encoder")
    if encoder is None:
        return
    require_types(Encoder, encoder, f"{where}, encoder")
    sizes = {len(encoder.get(key, ())) for key in ("keep", "center", "scale")}
    if len(sizes) != 1 or min([0, *encoder["keep"]]) < 0 or min([1, *encoder["scale"]]) <= 0:
        raise StoreError(
            f"{where}, encoder: keep, center and scale must have one entry a predictor, places "
            "from 0 and scales above 0"
        )
    predictors, blocks = len(coding.get("predictors", ())), len(encoder.get("blocks", ()))
    if blocks not in (0, predictors):
        raise StoreError(f"{where}, encoder: {blocks} blocks for {predictors} predictors")
    spread = coding.get("spread", ())
    if not all(0 <= place < predictors for place in spread):
        raise StoreError(
            f"{where}: spread = {list(spread)}; each must be the place of a predictor, from 0 to "
            f"{predictors - 1}"
        )


def check_chain_and_schema(spec: ChainSpec, schema: Schema, links: Sequence[str]) -> None:
    """Raise unless the parts of a stored posterior speak of the same columns."""
    for conditional in spec:
        if conditional.column not in schema:
            raise StoreError(f"{_FILE}: {unknown('column', conditional.column, schema.names)}")
        if conditional.target not in links:
            raise StoreError(f"{_FILE}: conditional {conditional.target!r} has no entry in links")
    for target in links:
        if target not in spec.targets:
            raise StoreError(f"{_FILE}: {unknown('conditional', target, spec.targets)}")
    if len(set(schema.names)) < len(schema.names):
        raise TableError(f"{_FILE}: two columns have the same name")


def check_draws(target: str, draws: "xr.Dataset") -> None:
    """Raise unless the draws of a conditional are numbers, of a size that can be held.

    Called before they are read into memory.

    Raises
    ------
    StoreError
        Naming the parameter.
    """
    where = f"draws.nc, conditional {target!r}"
    for name, values in draws.variables.items():
        kind = values.dtype.kind
        if kind not in "fiub" and not (name in draws.coords and kind in "OUST"):
            raise StoreError(f"{where}: {name} holds {values.dtype}, not numbers")
        if values.size > MAX_DRAWS:
            raise StoreError(
                f"{where}: {name} would hold {values.size} numbers: {MAX_DRAWS} at most"
            )
    for name, array in draws.data_vars.items():
        if array.dims[:2] != ("chain", "draw") or 0 in array.shape[:2]:
            raise StoreError(f"{where}: {name} has dims {array.dims}, not (chain, draw, ...)")


def check_width(target: str, draws: "xr.Dataset", coding: Coding) -> None:
    """Raise unless draws have a coefficient for each predictor of the coding."""
    found, needed = draws.sizes.get("predictor"), len(coding.predictors)
    if found is not None and found != needed:
        raise StoreError(
            f"draws.nc, conditional {target!r}: {found} coefficients for {needed} predictors; the "
            "files do not belong together"
        )


def check_finite(target: str, draws: "xr.Dataset") -> None:
    """Raise unless every draw is a finite number."""
    for name, values in draws.data_vars.items():
        if values.dtype.kind == "f" and not np.isfinite(values.to_numpy()).all():
            raise StoreError(
                f"draws.nc, conditional {target!r}: {name} holds values that are not finite"
            )


def default_rows(schema: Schema) -> int:
    """Return the rows of a copy where none are asked for: those of the source.

    Raises
    ------
    StoreError
        If a stored posterior names more than anybody draws unasked.
    """
    if schema.rows > MAX_DEFAULT_ROWS:
        raise StoreError(
            f"posterior.json: rows = {schema.rows}, so a copy would have as many; more than "
            f"{MAX_DEFAULT_ROWS} are drawn only where they are asked for: -k ROWS (in Python k=)"
        )
    return schema.rows
