"""Several files of the same columns, read as one table: copies that nothing describes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from posynth.errors import TableError
from posynth.table.delimited import TextTable, parse_delimited
from posynth.table.frame import Table
from posynth.table.io import MAGIC, arrow_table, table_from_arrow, table_from_text


def read_alike(paths: Sequence[Path]) -> tuple[Table, tuple[pd.DataFrame, ...]]:
    r"""Read files of the same columns with one description for all of them.

    Read one by one, a column of whole numbers in one file and of fractions in another would get
    two types, and levels that a file lacks would be unknown there.

    Parameters
    ----------
    paths : sequence of Path
        Files, all of them delimited text or all of them Parquet.

    Returns
    -------
    Table
        The rows of all files, with the description inferred from them.
    tuple of pandas.DataFrame
        The same rows, file by file.

    Raises
    ------
    TableError
        If a file cannot be read or has other columns than the first.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / name for name in ("a.csv", "b.csv")]
    ...     for path, value in zip(paths, ("1", "0.5"), strict=True):
    ...         _ = path.write_text("x\n" + f"{value}\n" * 6)
    ...     [str(frame["x"].dtype) for frame in read_alike(paths)[1]]
    ['float64', 'float64']
    """
    contents = {path: _content(path) for path in paths}
    if contents[paths[0]].startswith(MAGIC):
        table, sizes = _from_parquet(contents)
    else:
        table, sizes = _from_text(contents)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    pieces = (
        table.frame.iloc[end - size : end].reset_index(drop=True)
        for size, end in zip(sizes, ends, strict=True)
    )
    return table, tuple(pieces)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path.name}: cannot be read ({error.strerror}); check it") from None


def _from_text(contents: dict[Path, bytes]) -> tuple[Table, list[int]]:
    texts: list[TextTable] = []
    for path, raw in contents.items():
        delimiter = texts[0].source.delimiter if texts else None
        try:
            texts.append(parse_delimited(raw, path.name, delimiter))
        except TableError as error:
            raise TableError(f"{path.name}: {error}") from None
        _check_same(path, list(texts[0].columns), list(texts[-1].columns))
    decimal = "," if any(text.source.decimal == "," for text in texts) else "."
    joined = {
        name: tuple(cell for text in texts for cell in text.columns[name])
        for name in texts[0].columns
    }
    sizes = [len(next(iter(text.columns.values()))) for text in texts]
    source = replace(texts[0].source, decimal=decimal)
    return table_from_text(TextTable(joined, source, texts[0].notes)), sizes


def _from_parquet(contents: dict[Path, bytes]) -> tuple[Table, list[int]]:
    tables = []
    for path, raw in contents.items():
        try:
            tables.append(arrow_table(raw))
        except TableError as error:
            raise TableError(f"{path.name}: {error}") from None
        _check_same(path, tables[0].column_names, tables[-1].column_names)
    return table_from_arrow(tables), [table.num_rows for table in tables]


def _check_same(path: Path, first: Sequence[str], found: Sequence[str]) -> None:
    odd = sorted(set(first).symmetric_difference(found))
    if odd:
        verb = "has a column" if odd[0] in found else "lacks the column"
        raise TableError(f"{path.name}: it {verb} {odd[0]!r}, unlike the first copy")
