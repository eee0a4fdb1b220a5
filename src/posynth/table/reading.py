"""How a text file is to be read, as far as that is said and not left to what the file shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from posynth.errors import TableError, unknown
from posynth.table.missing_codes import Code, Codes, MissingCodes, declared_codes
from posynth.table.schema import Schema
from posynth.table.source import Source

#: Marks that may set off thousands.
GROUPING = (",", ".", " ", "'", "\u2019", "\u00a0", "\u202f")
DECIMALS = (".", ",")


class Options(TypedDict, total=False):
    """Options of reading a text file, see `read_table`."""

    comment: str
    decimal: str
    thousands: str
    skip_rows: int


@dataclass(frozen=True)
class Reading:
    """Options of reading; None leaves an option to what the file shows.

    Attributes
    ----------
    missing : MissingCodes
        Codes for missing values.
    comment : str, optional
        Lines that begin with it are left out.
    decimal, thousands : str, optional
        Marks in numbers.
    skip_rows : int, optional
        Lines before the header.
    """

    missing: MissingCodes = field(default_factory=MissingCodes)
    comment: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    skip_rows: int | None = None

    def __post_init__(self) -> None:
        _check_mark("decimal", self.decimal, DECIMALS)
        _check_mark("thousands", self.thousands, GROUPING)
        if self.comment is not None and (not self.comment.strip() or "\n" in self.comment):
            raise TableError(f"comment = {self.comment!r}; give what such lines begin with, as '#'")
        if self.decimal and self.decimal == self.thousands:
            raise TableError(f"decimal and thousands are both {self.decimal!r}; they must differ")
        rows = self.skip_rows
        if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 0):
            raise TableError(f"skip_rows = {rows!r}; it must be a whole number, 0 or more")

    @classmethod
    def of(cls, schema: Schema, source: Source | None = None) -> "Reading":
        """Return how the table of a schema was read, to read another of its kind alike."""
        codes = {c.name: c.missing_codes for c in schema if c.missing_codes}
        asked = source.reading if source is not None else {}
        return cls(MissingCodes(columns=codes, strict=False), **asked)

    def beside(self, codes: Mapping[str, Iterable[Code]], options: Mapping[str, Any]) -> "Reading":
        """Return the same with what a chain file declares too; what was said here counts more."""
        given = declared_codes(codes).columns
        columns = {**given, **self.missing.columns}
        columns |= {name: (*given[name], *self.missing.columns.get(name, ())) for name in given}
        missing = MissingCodes(self.missing.everywhere, columns, strict=False)
        return Reading(missing, **{**options, **self.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        """Return what was said of the file, without codes for missing values."""
        names = ("comment", "decimal", "thousands", "skip_rows")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def as_reading(na: "Codes | Reading | None", options: Options | None = None) -> Reading:
    """Return options of reading from codes for missing values, or as they are.

    Examples
    --------
    >>> as_reading([-9]).missing.of("age")
    ('-9',)
    """
    if isinstance(na, Reading):
        return na
    for name in options or {}:
        if name not in Options.__annotations__:
            raise TableError(unknown("option of reading", name, Options.__annotations__))
    return Reading(declared_codes(na), **(options or {}))


def _check_mark(name: str, mark: str | None, allowed: tuple[str, ...]) -> None:
    if mark is not None and mark not in allowed:
        shown = ", ".join(repr(each) for each in allowed[:4])
        raise TableError(f"{name} = {mark!r}; allowed: {shown}")
