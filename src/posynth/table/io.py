"""Files become Tables, and copies are written in the dialect of the source."""

import contextlib
import io
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import pandas as pd

from posynth.arguments import as_path
from posynth.errors import TableError, unknown
from posynth.table.arrays import with_dtype
from posynth.table.cells import Marks, field_from_cells
from posynth.table.declare import declared_kinds, in_order
from posynth.table.delimited import TextTable, parse_delimited
from posynth.table.frame import FewRows, Table, check_rows, table_from_frame, table_of
from posynth.table.infer import as_datetimes, infer_column
from posynth.table.missing_codes import Codes, MissingCodes
from posynth.table.missing_notes import unused_notes
from posynth.table.reading import Options, Reading, as_reading
from posynth.table.reasons import Reasons, with_codes
from posynth.table.render import render
from posynth.table.schema import Schema
from posynth.table.source import Source

if TYPE_CHECKING:
    import pyarrow

DELIMITED = {".csv": None, ".txt": None, ".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
MAGIC = b"PAR1"

__all__ = ["Source", "Table", "read_table", "write_copy"]


def read_table(
    path: str | Path,
    *,
    kinds: Mapping[str, str] | None = None,
    na: Codes | Reading | None = None,
    **options: Unpack[Options],
) -> Table:
    """Read a confidential table from a file.

    Parameters
    ----------
    path : str or Path
        A delimited text file (.csv, .txt, .tsv, .tab; comma, semicolon, tab or bar are told from
        the content) or a Parquet file (.parquet, .pq).
    kinds : mapping of str to str, optional
        Kinds to use instead of the guessed ones, by column, as in ``{"status": "nominal"}`` or
        ``{"size": "ordinal(S<M<L)"}``.
    na : str, number, iterable of these, or Mapping, optional
        Values that are missing: ``[-9, "refused"]`` in every column, or column -> codes, as
        ``{"income": [-9, -8]}``, where ``""`` stands for every column. Empty cells, NA and the like
        are missing anyway, and texts such as ``?`` are beside numbers only.
    **options
        How a text file is to be read, where the file does not show it: ``comment``, with which
        lines that are left out begin; ``decimal`` and ``thousands``, marks in numbers;
        ``skip_rows``, lines before the header.

    Returns
    -------
    Table
        Values, schema with every guess explained, and the dialect of the file.

    Raises
    ------
    TableError
        If the file cannot be read or holds what no synthesis can use.

    Examples
    --------
    >>> from importlib.resources import files
    >>> table = read_table(str(files("posynth") / "data" / "heart_failure.csv"))
    >>> table.schema.rows, table.schema["sex"].kind.value
    (299, 'binary')
    """
    place = as_path("path", path)
    raw = _read_bytes(place)
    try:
        return _parse(raw, place, kinds, as_reading(na, options))
    except FewRows as error:
        raise FewRows(f"{place.name}: {error}", error.count) from None
    except TableError as error:
        raise TableError(f"{place.name}: {error}") from None


def _parse(raw: bytes, path: Path, kinds: Mapping[str, str] | None, reading: Reading) -> Table:
    if raw.startswith(MAGIC):
        table = table_from_arrow([arrow_table(raw)], kinds, reading.missing)
        return replace(table, source=Source(path.name, "parquet"))
    if path.suffix.lower() in PARQUET:
        raise TableError("this is no Parquet file; rename it to .csv if it is text")
    text = parse_delimited(raw, path.name, DELIMITED[path.suffix.lower()], reading)
    return table_from_text(text, kinds, reading)


def _read_bytes(path: Path) -> bytes:
    known = (*DELIMITED, *PARQUET)
    if path.is_dir():
        raise TableError(f"{path}: this is a folder; name the file in it")
    if not path.exists():
        raise TableError(f"{path}: no such file; {_instead(path, known)}")
    if path.suffix.lower() not in known:
        raise TableError(f"{path.name}: {unknown('extension', path.suffix, known)}; save it as CSV")
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path.name}: cannot be read ({error.strerror}); check it") from None


def _instead(path: Path, known: Sequence[str]) -> str:
    """Say which tables lie where a file was looked for."""
    if not path.parent.is_dir():
        return f"there is no folder {str(path.parent)!r} either: check the path"
    names = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in known)
    where = "this folder" if path.parent == Path() else f"the folder {str(path.parent)!r}"
    if not names:
        return (
            f"{where} holds no table ({', '.join(known)}): check the path, or write a table to try "
            "by `posynth example > heart_failure.csv`"
        )
    stems = {Path(name).stem: name for name in names}  # endings alike say nothing
    close = get_close_matches(path.stem, stems, n=1)
    meant = stems[close[0]] if close else ""
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")
    return f"{where} holds {shown}" + (f". Did you mean {meant!r}?" if meant else "")


def table_from_text(
    text: TextTable, kinds: Mapping[str, str] | None = None, reading: Reading | None = None
) -> Table:
    """Describe columns of text cells; arguments as for `read_table`."""
    source, declared = text.source, declared_kinds(kinds, text.columns)
    codes = (reading or Reading()).missing
    codes.check(text.columns)
    check_rows(len(next(iter(text.columns.values()))))
    # Where some columns are quoted and others bare, the quotes say which are text.
    marked = len(source.quoted_columns) < len(text.columns) and source.decimal != source.delimiter
    labels = set(source.quoted_columns) if marked else ()
    columns, reasons, seen = [], {}, {}
    for name, cells in text.columns.items():
        wanted = declared.get(name)
        field = field_from_cells(
            name,
            cells,
            source.decimal,
            is_label=name in labels,
            wanted=wanted,
            marks=Marks(codes.of(name), source.thousands),
        )
        values, column = as_datetimes(*infer_column(field, wanted))
        columns.append((values, in_order(column, (kinds or {}).get(name))))
        seen[name] = set() if field.reasons is None else set(field.reasons)
        if column.missing_kinds and field.reasons is not None:
            reasons[name] = field.reasons
    notes = (*text.notes, *unused_notes(codes, seen))
    if source.thousands and not any(column.grouping for _, column in columns):
        notes = (*notes, f"no number has {source.thousands!r} between thousands")
    return replace(table_of(columns, source, notes), reasons=reasons)


def arrow_table(raw: bytes) -> "pyarrow.Table":
    """Read the bytes of a Parquet file.

    Raises
    ------
    TableError
        If the file is damaged.
    """
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_table(io.BytesIO(raw))
    except (ArrowException, OSError) as error:
        raise TableError(f"the Parquet file is damaged ({error}); export it again") from None


def table_from_arrow(
    tables: "Sequence[pyarrow.Table]",
    kinds: Mapping[str, str] | None = None,
    missing: MissingCodes | None = None,
) -> Table:
    """Describe the rows of one or more Arrow tables of the same columns.

    Raises
    ------
    TableError
        If their columns have types that cannot be joined, or no model uses.
    """
    from pyarrow import ArrowException, concat_tables

    try:
        table = concat_tables(tables, promote_options="permissive")
    except ArrowException as error:
        raise TableError(
            f"the Parquet files cannot be joined ({error}); export them again"
        ) from None
    frame = table.to_pandas()
    for field in table.schema:
        # Arrow would widen integers and truth values with gaps to float64 and object.
        if field.name in frame and frame[field.name].dtype in ("float64", "object"):
            frame[field.name] = _restore_nullable(frame[field.name], str(field.type))
    return table_from_frame(frame, kinds=kinds, na=missing)


def _restore_nullable(values: pd.Series, arrow_type: str) -> pd.Series:
    if arrow_type == "bool":
        return values.astype("boolean")
    if arrow_type.startswith(("int", "uint")):
        return with_dtype(values, arrow_type.replace("int", "Int").replace("uI", "UI"))
    return values


def write_copy(
    frame: pd.DataFrame,
    schema: Schema,
    source: Source,
    path: Path,
    format: str | None = None,
    reasons: Reasons | None = None,
) -> None:
    """Write a copy like its source: columns, order, types, labels, decimals, marks, dialect.

    The file appears complete or not at all.

    Parameters
    ----------
    frame : pandas.DataFrame
        The copy, shape (n, p), with the columns of the schema.
    schema : Schema
        Description of the source.
    source : Source
        Dialect of the source.
    path : Path
        Where to write; an existing file is replaced.
    format : {"csv", "parquet"}, optional
        Format to write; that of the source where not given (CSV for a data frame).
    reasons : Mapping of str to ndarray, shape (n,), optional
        Column with several kinds of missing values -> place of the kind, from 1; 0 where present.

    Raises
    ------
    TableError
        If the format is unknown, the columns are not those of the schema, or the folder is absent.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from posynth.table.frame import table_from_frame
    >>> table = table_from_frame(pd.DataFrame({"x": range(10), "y": [0.5, 1.0] * 5}))
    >>> with TemporaryDirectory() as folder:
    ...     write_copy(table.frame, table.schema, table.source, Path(folder) / "copy.csv")
    ...     (Path(folder) / "copy.csv").read_text().splitlines()[:2]
    ['x,y', '0,0.5']
    """
    if format not in (None, "csv", "parquet"):
        raise TableError(unknown("format", format, ("csv", "parquet")))
    if list(frame.columns) != list(schema.names):
        raise TableError(
            f"{path.name}: the copy has columns {list(frame.columns)}, its schema "
            f"{list(schema.names)}; write them all, in this order"
        )
    if not path.parent.is_dir():
        raise TableError(f"{path}: the folder does not exist; create it first")
    _replace(path, _content(frame, schema, source, format or source.format, reasons or {}))


def _content(
    frame: pd.DataFrame, schema: Schema, source: Source, format: str, reasons: Reasons
) -> bytes:
    if format == "parquet":
        buffer = io.BytesIO()
        with_codes(frame, schema.columns, reasons).to_parquet(buffer, index=False)
        return buffer.getvalue()
    text = render(frame, schema, source, reasons)
    try:
        return text.encode(source.encoding)
    except UnicodeEncodeError as error:
        raise TableError(
            f"{source.name}: a label holds {text[error.start]!r}, which {source.encoding} cannot "
            "write; save the source in UTF-8"
        ) from None


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
