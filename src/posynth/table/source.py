"""Where a table came from and in which dialect, so that a copy can be written like it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from posynth.errors import TableError, unknown


@dataclass(frozen=True)
class Source:
    """Dialect of a source; holds the file's name but neither its folder nor any value.

    Attributes
    ----------
    name : str
        File name without folder; empty for a data frame.
    format : str
        ``"csv"`` (any delimited text), ``"parquet"`` or ``"frame"``.
    delimiter, decimal, encoding, newline : str
        How delimited text is written.
    quoted_header : bool
        Whether column names stand in quotes.
    quoted_columns : tuple of str
        Columns whose values always stand in quotes.
    decimal_given : bool
        Whether the user said the decimal mark, and not the file.
    comment, thousands, skip_rows : str or int, optional
        How the user said the file is to be read, for later reads of it; copies have no comments
        and no lines before their header.
    """

    name: str = ""
    format: str = "frame"
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    newline: str = "\n"
    quoted_header: bool = False
    quoted_columns: tuple[str, ...] = ()
    decimal_given: bool = False
    comment: str | None = None
    thousands: str | None = None
    skip_rows: int | None = None

    @property
    def reading(self) -> dict[str, Any]:
        """What was said of how to read the file: options of `Reading` by name."""
        found = {name: getattr(self, name) for name in ("comment", "thousands", "skip_rows")}
        found["decimal"] = self.decimal if self.decimal_given else None
        return {name: value for name, value in found.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON or TOML.

        Examples
        --------
        >>> Source.from_dict(Source(name="a.csv", format="csv").to_dict()).name
        'a.csv'
        """
        return {**asdict(self), "quoted_columns": list(self.quoted_columns)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a source from what ``to_dict`` returned.

        Raises
        ------
        TableError
            If a field is unknown.
        """
        known = {f.name for f in fields(cls)}
        for key in data:
            if key not in known:
                raise TableError(f"source {data.get('name')!r}: {unknown('field', key, known)}")
        return cls(**{**data, "quoted_columns": tuple(data.get("quoted_columns", ()))})
