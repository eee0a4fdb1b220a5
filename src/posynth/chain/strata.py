"""Fits within strata: a categorical column interacts with every predictor of a design."""

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Floats, Rows
from posynth.errors import SpecError

#: A stratum must have so many rows a predictor, and no fewer than 20.
ROWS_FOR_A_PREDICTOR = 5
LEAST_ROWS = 20
#: In place of a predictor: the contrast itself, where a formula leaves it out.
ALONE = -1

type Pairs = tuple[tuple[int, int], ...]


def contrasts(rows: Rows, strata: str) -> tuple[tuple[str, ...], Floats]:
    """Return names and values of the contrasts between strata, (n, s)."""
    block = rows.block(strata)
    return block.names, np.nan_to_num(block.values)


def cross(Z: Floats, S: Floats, pairs: Pairs) -> Floats:
    """Lay Z beside the products of contrasts and predictors that were kept."""
    products = [S[:, [s]] * Z[:, [z]] if z != ALONE else S[:, [s]] for s, z in pairs]
    return np.ascontiguousarray(np.hstack([Z, *products]))


def learn_pairs(
    strata: str, names: tuple[str, ...], S: Floats, Z: Floats, predictors: tuple[str, ...]
) -> tuple[Pairs, tuple[str, ...]]:
    """Choose the products of a stratified design.

    Parameters
    ----------
    strata : str
        The column.
    names, S : tuple of str and ndarray, shape (n, s)
        Contrasts between strata on the fitted rows.
    Z, predictors : ndarray, shape (n, p) and tuple of str
        The standardised design, and its names.

    Returns
    -------
    tuple of pairs and names
        Contrast and predictor of each product; those that do not vary are left out, for example
        where a stratum has no case of a level.

    Raises
    ------
    SpecError
        If a stratum has too few rows for coefficients of its own.
    """
    inner = [z for z, name in enumerate(predictors) if name not in names]
    _refuse_small(strata, S, len(inner))
    lacking = [(s, ALONE) for s, name in enumerate(names) if name not in predictors]
    pairs = [(s, z) for s in range(len(names)) for z in inner if _varies(S[:, s], Z[:, z])]
    told = [f"{names[s]}:{predictors[z]}" for s, z in pairs]
    return (*lacking, *pairs), (*(names[s] for s, _ in lacking), *told)


def _varies(contrast: Floats, predictor: Floats) -> bool:
    values: NDArray[np.float64] = predictor[contrast == 1]
    return bool(len(values) and np.ptp(values) > 0)


def _refuse_small(strata: str, S: Floats, predictors: int) -> None:
    least = max(LEAST_ROWS, ROWS_FOR_A_PREDICTOR * predictors)
    sizes = [*S.sum(axis=0), np.sum(~S.any(axis=1))]
    smallest = int(min(sizes))
    if 0 < smallest < least:
        raise SpecError(
            f"strata {strata!r}: its smallest level has {smallest} rows, too few for {predictors} "
            f"coefficients of its own ({least} rows are asked for); list fewer predictors, choose "
            "a column with larger levels, or leave strata out: the column is a predictor anyway"
        )
