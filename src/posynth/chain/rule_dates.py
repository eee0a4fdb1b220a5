"""Dates in rules: written in quotes as in the table, read as days since 1970-01-01."""

import re

import numpy as np

from posynth.chain.row_rule import read_row_rule
from posynth.table.schema import Kind, Schema

#: '2020-01-31', "2020-01-31 12:30", '2020-01-31T12:30:15'.
_DATE = re.compile(r"(['\"])(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)\1")


def with_days(text: str, schema: Schema) -> str:
    """Write the dates of a rule as days since 1970-01-01, in which columns of dates are counted.

    Parameters
    ----------
    text : str
        A rule as a user states it; ISO dates in quotes are dates where it reads a column of dates.
    schema : Schema
        The columns.

    Returns
    -------
    str
        The rule with numbers in their place; what is a level of a column that it reads stays.

    Raises
    ------
    SpecError
        If it is no rule.

    Examples
    --------
    >>> from posynth.table.schema import Column
    >>> schema = Schema((Column("admission", Kind.DATE, "datetime64[us]"),), 9)
    >>> with_days("admission >= '2020-01-01'", schema)
    'admission >= 18262'
    """
    if not _DATE.search(text):
        return text
    columns = [schema[name] for name in read_row_rule(text).columns if name in schema]
    levels = {str(level) for column in columns for level in column.levels}
    if not any(column.kind is Kind.DATE for column in columns):
        return text
    return _DATE.sub(lambda found: _days(found, levels), text)


def _days(found: "re.Match[str]", levels: set[str]) -> str:
    if found.group(2) in levels:
        return found.group(0)
    try:
        moment = np.datetime64(found.group(2), "us")
    except ValueError:  # such as 2020-02-31
        return found.group(0)
    return f"{moment.astype(np.int64) / 86_400_000_000:.12g}"
