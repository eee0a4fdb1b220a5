"""Rows held out of a synthesis: refused where they are rows of the source."""

import numpy as np
import pandas as pd

from posynth.errors import MeasureError
from posynth.evaluation.matches import Matches
from posynth.table.codec import encode
from posynth.table.schema import Column, Schema

#: Probability below which rows of the holdout that are in the source are not put down to chance.
_CHANCE = 1e-3


def check_holdout(holdout: pd.DataFrame, source: pd.DataFrame, schema: Schema) -> None:
    """Refuse a holdout with more rows of the source than chance would give.

    A row of the population equals one of the source about as often as a row of the source equals
    another. The number among h rows of a holdout is held against the beta-binomial distribution of
    ``matches``, which counts that this share is an estimate.

    Parameters
    ----------
    holdout, source : pandas.DataFrame
        Rows in the types of the schema.
    schema : Schema
        The columns; those that are not modelled, such as keys, are not compared.

    Raises
    ------
    MeasureError
        With the number of such rows.

    Examples
    --------
    >>> import posynth
    >>> from posynth.table.frame import table_from_frame
    >>> table = posynth.load_heart_failure()
    >>> schema = table_from_frame(table).schema
    >>> check_holdout(table[:100], table[100:], schema)
    >>> check_holdout(table[:100], table, schema)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    posynth.errors.MeasureError: the holdout: 100 of its 100 rows are rows of the table that was ...
    """
    columns = [column for column in schema if column.kind.is_modelled]
    if not columns or holdout.empty:
        return
    own, other = _keys(source, columns), _keys(holdout, columns)
    found = int(np.isin(other, own).sum())
    chance = Matches.of_source(own.value_counts().to_numpy())
    if chance.exceeds(found, len(other)) >= _CHANCE:
        return
    raise MeasureError(
        f"the holdout: {found} of its {len(other)} rows are rows of the table that was synthesised "
        f"(about {len(other) * chance.share:.0f} would be by chance), so that copies cannot be "
        "told to be nearer to the source than to them; split the table before the synthesis and "
        "hand the rest over as the holdout. Do not leave out rows because they are alike: others "
        "are alike by chance, and what is left would be farther from the source than fresh rows"
    )


def _keys(frame: pd.DataFrame, columns: list[Column]) -> "pd.Series[int]":
    """Return a hash of each row, over columns in their order, missing values equal."""
    coded = pd.DataFrame({c.name: encode(c, frame[c.name]) for c in columns})
    return pd.util.hash_pandas_object(coded, index=False)
