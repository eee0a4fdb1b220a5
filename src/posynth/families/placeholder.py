"""Rows without data, on which a user's own model is written to draw from stored parameters."""

from dataclasses import replace

import numpy as np

from posynth.families.base import Design, Family, Response

#: Rows of a placeholder: a number that is seldom the length of another dim.
ROWS = 7


def placeholder(family: Family, design: Design, response: Response) -> tuple[Design, Response]:
    """Return a design and a response of the same form that hold no data.

    Parameters
    ----------
    family : Family
        Whose model is to be written.
    design, response : Design, Response
        What they are like; their rows are not read.

    Returns
    -------
    tuple of Design and Response
        ``ROWS`` rows; predictors are fixed random numbers, indicators of cells, or follow the
        index of the first group.
    """
    X = np.random.default_rng(0).normal(size=(ROWS, design.X.shape[1]))
    if family.facts.design == "cells":
        X = np.eye(ROWS, design.X.shape[1])
    elif family.facts.design == "grouped":
        X[:, 0] = 0.0
    return replace(design, X=X), blank(family, response, ROWS)


def blank(family: Family, response: Response, rows: int) -> Response:
    """Return a response without data: the column's mean in each row, or the first level."""
    if response.levels:
        return replace(response, y=np.zeros(rows, dtype=np.int64))
    standardised = family.facts.response == "standardised"
    return replace(response, y=np.full(rows, 0.0 if standardised else response.center))
