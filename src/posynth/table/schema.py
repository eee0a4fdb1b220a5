"""What each column is: kind, levels, decimals, storage. A Schema holds no row of the table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from math import inf, isinf
from typing import Any

from posynth.errors import SpecError, TableError, unknown
from posynth.table.grid import Grid
from posynth.table.listing import listing
from posynth.table.roster import Roster

#: Most decimals that a column can be declared to have.
MOST_DECIMALS = 30


class Kind(StrEnum):
    """The kinds of column; a family declares which of them it can model."""

    CONTINUOUS = "continuous"
    COUNT = "count"
    BINARY = "binary"
    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    DATE = "date"
    CONSTANT = "constant"
    IDENTIFIER = "identifier"
    TEXT = "text"

    @property
    def is_categorical(self) -> bool:
        """Whether values are levels (binary, nominal, ordinal)."""
        return self in (Kind.BINARY, Kind.NOMINAL, Kind.ORDINAL)

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers on a scale (continuous, count, date in days)."""
        return self in (Kind.CONTINUOUS, Kind.COUNT, Kind.DATE)

    @property
    def is_modelled(self) -> bool:
        """Whether a conditional is fitted; constants, identifiers and text are filled in."""
        return self.is_categorical or self.is_numeric


type Level = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """Facts about one column.

    Attributes
    ----------
    name : str
        The column's name in the source.
    kind : Kind
        What is modelled.
    dtype : str
        Storage in a data frame (``"int64"``, ``"Int64"``, ``"float64"``, ``"str"``, ``"bool"``,
        ``"boolean"``, ``"category"``, ``"datetime64[ns]"`` ...); a copy gets the same.
    levels : tuple of Level
        The levels in order, for categorical and constant columns; else empty.
    ordered : bool
        Whether the levels have an order.
    decimals : int, optional
        Decimals to which numeric values are given; None for full precision.
    padded : bool
        Whether the file pads values to ``decimals`` with zeros.
    min_decimals : int
        Decimals the file always shows (1 where whole numbers stand as ``49.0``).
    missing : int
        Number of missing values in the source.
    missing_text : str
        How a missing value is written in the file.
    date_format : str
        ``strftime`` format of a date column.
    note : str
        Why the kind was chosen; every guess is explained here.
    categories : tuple of Level
        What a column of categories declares, in order, where some of it is in no row: copies
        declare it too, and never hold it.
    category_dtype : str
        Storage of the categories, where it is not what pandas chooses for such values.
    category_type : str
        Type of categories that are no labels, such as ``"interval[float64, right]"``: the levels
        are their texts, and copies give the categories back.
    missing_codes : tuple of str
        Values declared to be missing, numbers and texts alike.
    missing_kinds : tuple of str
        How several kinds of missing values are written, each a kind of its own in copies; empty
        where there is one kind.
    prefix, suffix, grouping : str
        How the file writes numbers, as ``"$"``, ``"%"``, and ``","`` between thousands.
    clock : str
        Format of clock times: values are minutes of the day, or seconds where it has seconds.
    lower, upper : float, optional
        Bounds that every value of a copy keeps; infinite where the user lifts one.
    grid : Grid, optional
        What all values are multiples of, beyond their decimals; copies keep it.
    roster : Roster, optional
        Of an identifier whose values repeat: rows and waves of its ids, and no id.
    """

    name: str
    kind: Kind
    dtype: str
    levels: tuple[Level, ...] = ()
    ordered: bool = False
    decimals: int | None = None
    padded: bool = False
    min_decimals: int = 0
    missing: int = 0
    missing_text: str = ""
    date_format: str = ""
    note: str = ""
    categories: tuple[Level, ...] = ()
    category_dtype: str = ""
    category_type: str = ""
    missing_codes: tuple[str, ...] = ()
    missing_kinds: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    grouping: str = ""
    clock: str = ""
    lower: float | None = None
    upper: float | None = None
    grid: Grid | None = None
    roster: Roster | None = None

    def __post_init__(self) -> None:
        if self.kind.is_categorical and len(self.levels) < 2:
            raise SpecError(
                f"column {self.name!r}: kind {self.kind.value!r} needs at least 2 levels, found "
                f"{len(self.levels)}; declare the levels, or use kind 'constant'"
            )


@dataclass(frozen=True)
class Schema:
    """The columns of a table in order, and its number of rows.

    Attributes
    ----------
    columns : tuple of Column
        One record a column, in the order of the table.
    rows : int
        Number of rows n of the source.
    """

    columns: tuple[Column, ...]
    rows: int

    def __repr__(self) -> str:
        rows = [(c.name, c.kind.value, len(c.levels) or "", c.missing or "", c.dtype) for c in self]
        heads = ("column", "kind", "levels", "missing", "dtype")
        return "\n".join(
            [f"Schema of {len(rows)} columns and {self.rows} rows", *listing(heads, rows)]
        )

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SpecError(unknown("column", name, self.names))

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def repeated(self) -> Column | None:
        """The identifier whose values repeat, or None."""
        return next((column for column in self.columns if column.roster), None)

    def groups_of(self, name: str) -> int:
        """Return the number of groups of rows: levels of a column, or ids."""
        column = self[name]
        return column.roster.groups if column.roster else len(column.levels)

    def with_column(self, column: Column) -> "Schema":
        """Return a schema in which ``column`` replaces the one of the same name."""
        self[column.name]
        columns = tuple(column if old.name == column.name else old for old in self.columns)
        return replace(self, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON or TOML; defaults are left out."""
        return {"rows": self.rows, "columns": [_column_to_dict(column) for column in self.columns]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Schema":
        """Build a schema from what ``to_dict`` returned.

        Raises
        ------
        TableError
            If a field is unknown or missing.
        """
        # What tomlkit parses are wrappers; levels must be plain bool, int, float and str again.
        data = data.unwrap() if hasattr(data, "unwrap") else data
        for key in ("columns", "rows"):
            if key not in data:
                raise TableError(f"schema: field {key!r} is missing; found {sorted(data)}")
        return cls(tuple(_column_from_dict(entry) for entry in data["columns"]), int(data["rows"]))


_BOUNDS, _LIFTED = {"lower": -inf, "upper": inf}, "none"
_SEQUENCES = ("levels", "categories", "missing_codes", "missing_kinds")


def _column_to_dict(column: Column) -> dict[str, Any]:
    defaults = {f.name: f.default for f in fields(Column)}
    data = {key: value for key, value in asdict(column).items() if value != defaults[key]}
    data["kind"] = column.kind.value
    for key in _SEQUENCES:
        if key in data:
            data[key] = list(data[key])
    for key in _BOUNDS:
        if key in data and isinf(data[key]):  # which JSON has no number for
            data[key] = _LIFTED
    return data


def _column_from_dict(data: Mapping[str, Any]) -> Column:
    known = {f.name for f in fields(Column)}
    for key in data:
        if key not in known:
            raise TableError(f"schema column {data.get('name')!r}: {unknown('field', key, known)}")
    for key in ("name", "kind", "dtype"):
        if key not in data:
            raise TableError(
                f"schema column {data.get('name')!r}: field {key!r} is missing; add it"
            )
    values = dict(data)
    try:
        values["kind"] = Kind(values["kind"])
    except ValueError:
        raise TableError(
            f"schema column {data.get('name')!r}: {unknown('kind', values['kind'], Kind)}"
        ) from None
    for key in _SEQUENCES:
        values[key] = tuple(values.get(key, ()))
    for key, lifted in _BOUNDS.items():
        if values.get(key) is not None:
            values[key] = lifted if values[key] == _LIFTED else float(values[key])
    if values.get("grid") is not None:
        values["grid"] = Grid.from_dict(values["grid"])
    if values.get("roster") is not None:
        values["roster"] = Roster.from_dict(values["roster"])
    return Column(**values)
