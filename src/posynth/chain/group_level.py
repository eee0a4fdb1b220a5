"""Columns that are constant within groups: fitted on one row a group, drawn once a group."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.chain.facts import FamilyFacts
from posynth.chain.groups import check_column
from posynth.chain.spec import Conditional
from posynth.errors import SpecError
from posynth.table.schema import Schema


class OneRowAGroup(NamedTuple):
    """Rows of a design gathered by group, groups in the order in which they first appear.

    Attributes
    ----------
    X : ndarray, shape (groups, p)
        Means over the rows of each group, so that a level becomes its share.
    first : ndarray of int, shape (groups,)
        The first row of each group.
    member : ndarray of int, shape (n,)
        The group of each row.
    """

    X: Floats
    first: NDArray[np.int64]
    member: NDArray[np.int64]


def one_row_a_group(codes: NDArray[Any], X: Floats) -> OneRowAGroup:
    """Gather rows of a design by group.

    Examples
    --------
    >>> one_row_a_group(np.array([3, 1, 3]), np.array([[1.0], [5.0], [2.0]])).X.tolist()
    [[1.5], [5.0]]
    """
    _, first, member = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    first, member = first[order], np.argsort(order)[member]
    means = np.zeros((len(first), X.shape[1]))
    np.add.at(means, member, X)
    return OneRowAGroup(means / np.bincount(member)[:, None], first, member)


def gather(rows: Rows, column: str, X: Floats, used: NDArray[np.bool_]) -> OneRowAGroup:
    """Gather the used rows of a design; ``first`` counts all rows."""
    found = one_row_a_group(rows.arrays[column][used], X)
    return found._replace(first=np.flatnonzero(used)[found.first])


def require_constant(
    conditional: Conditional, values: Floats, found: OneRowAGroup, used: NDArray[np.bool_]
) -> None:
    """Raise unless the column has one value in each group, of the rows that are used.

    Raises
    ------
    SpecError
        With the number of groups in which it differs.
    """
    differ = np.unique(found.member[values[used] != values[found.first][found.member]])
    if len(differ):
        raise SpecError(
            f"column {conditional.column!r} differs within {len(differ)} of {len(found.first)} "
            f"groups of {conditional.per_group!r}, so it is no column of groups; leave per_group "
            "out, or model it by a family with groups: gaussian_ml, bernoulli_ml"
        )


def check_group_level(
    conditional: Conditional,
    schema: Schema,
    earlier: tuple[str, ...],
    facts: Mapping[str, FamilyFacts],
    of_groups: bool = False,
) -> None:
    """Raise unless a column that is constant within groups can be fitted on one row a group.

    Where it has missing values, ``of_groups`` says whether its indicator is drawn once a group too.

    Raises
    ------
    SpecError
        Naming the column, the value found, what is allowed and the next step.
    """
    if not conditional.per_group:
        return
    where = f"column {conditional.column!r}, per_group {conditional.per_group!r}"
    design, given = facts[conditional.family].design, conditional.predictors
    # The margin of a table of cells is the same for means of its one column of ones.
    if design == "grouped" or (design == "cells" and given != ()):
        raise SpecError(
            f"{where}: family {conditional.family!r} does not go together with one row a group; "
            "use gaussian, bernoulli, categorical or another regression"
        )
    for what, found in (("strata", conditional.strata), ("scale", conditional.scale != "natural")):
        if found:
            raise SpecError(f"{where}: {what} does not go together with one row a group; leave it")
    if not (conditional.indicates or of_groups) and schema[conditional.target].missing:
        raise SpecError(
            f"{where}: it has missing values, which are holes of rows and not of groups; complete "
            "the column first, or give its indicator the same per_group"
        )
    check_column(where, conditional.per_group, schema, earlier, spread=False)
