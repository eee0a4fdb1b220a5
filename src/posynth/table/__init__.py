"""A file or data frame becomes a Table: a canonical frame with a Schema of its columns."""

from posynth.table.codec import decode, decode_frame, encode
from posynth.table.frame import Table, table_from_frame
from posynth.table.io import read_table, write_copy
from posynth.table.schema import Column, Kind, Level, Schema
from posynth.table.source import Source

__all__ = [
    "Column",
    "Kind",
    "Level",
    "Schema",
    "Source",
    "Table",
    "decode",
    "decode_frame",
    "encode",
    "read_table",
    "table_from_frame",
    "write_copy",
]
