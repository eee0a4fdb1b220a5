"""A default chain looks at the rows: which scale, how many spline columns, which interactions."""

from collections.abc import Collection
from dataclasses import replace

from posynth.chain.blocks import Rows
from posynth.chain.choice import ROWS_FOR_A_COLUMN, choose
from posynth.chain.spec import ChainSpec

#: Most spline columns of a predictor.
MOST = 4
#: Families of levels and holes whose numeric predictors are curved too.
CURVED = ("bernoulli", "categorical")
#: Coefficients up to which a conditional of levels gets MOST; from there on two columns. Logits
#: of rare levels cost more to sample the more they bend.
FEW_COEFFICIENTS = 30


def refine(rows: Rows, spec: ChainSpec, fixed: Collection[str] = ()) -> ChainSpec:
    """Choose scales and splines for every conditional of a default chain that is not fixed.

    Parameters
    ----------
    rows : Rows
        The source, encoded, with the learned scale of every numeric column that has one.
    spec : ChainSpec
        A chain with plain conditionals.
    fixed : collection of str
        Numeric columns whose family the user named: they stay on the natural scale.

    Returns
    -------
    ChainSpec
    """
    for conditional in spec:
        columns = spec.predictors(conditional.target)
        numeric = not conditional.indicates and rows.schema[conditional.target].kind.is_numeric
        if numeric and conditional.target not in fixed:
            splines = spline_columns(rows, columns, 1)
            spec = spec.with_conditional(choose(rows, columns, conditional, splines))
        elif conditional.family in CURVED:
            levels = 2 if conditional.indicates else len(rows.schema[conditional.target].levels)
            splines = spline_columns(rows, columns, levels - 1)
            spec = spec.with_conditional(replace(conditional, splines=splines))
    return spec


def spline_columns(rows: Rows, columns: tuple[str, ...], contrasts: int) -> int:
    """Return how many columns each numeric predictor gets: as many as the rows support.

    Parameters
    ----------
    rows : Rows
        The source.
    columns : tuple of str
        Predictors.
    contrasts : int
        Coefficients a column has: one for numbers, K - 1 for K levels.
    """
    numeric = [name for name in columns if name in rows.learned]
    levels = sum(max(len(rows.schema[n].levels) - 1, 1) for n in columns if n in rows.schema)
    if not numeric:
        return 0
    for splines in range(MOST, 1, -1):
        width = levels + (splines - 1) * len(numeric)
        size = width * contrasts
        few = contrasts == 1 or splines == 2 or size <= FEW_COEFFICIENTS
        if few and size * ROWS_FOR_A_COLUMN <= rows.count:
            return splines
    return 1 if contrasts == 1 else 0
