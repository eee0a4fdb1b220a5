"""The spread of a default conditional that is fitted within strata: one, or one of each level."""

from dataclasses import replace

import numpy as np
from scipy.stats import levene

from posynth.chain.blocks import Rows
from posynth.chain.design import learn
from posynth.chain.spec import ChainSpec, Conditional
from posynth.errors import SpecError

LINE, WITH_SPREAD = "gaussian", "location_scale"
#: Level of the test that residuals are as wide in all strata (Brown and Forsythe).
LEVEL = 0.05


def with_strata_spread(rows: Rows, spec: ChainSpec, conditional: Conditional) -> Conditional:
    """Let the spread of a default line depend on the strata where residuals ask for it.

    Parameters
    ----------
    rows, spec : Rows and ChainSpec
        The source, encoded, and the chain.
    conditional : Conditional
        A default one with strata.

    Returns
    -------
    Conditional
        Of family ``location_scale`` where the medians of absolute residuals differ; else with a
        note that one spread is shared.

    References
    ----------
    Brown, M. B. and Forsythe, A. B. (1974). Robust tests for the equality of variances. Journal
    of the American Statistical Association 69(346), 364-367.
    """
    if conditional.family != LINE or conditional.formula or conditional.priors:
        return conditional
    y, codes = rows.arrays[conditional.target], rows.arrays[conditional.strata]
    known = ~(np.isnan(y) | np.isnan(codes))
    columns = spec.predictors(conditional.target)
    columns += () if conditional.strata in columns else (conditional.strata,)
    try:
        X = learn(rows, columns, "", known, conditional.strata)[1]
    except SpecError:  # a stratum of too few rows, which is refused before the first fit
        return conditional
    X = np.column_stack([np.ones(len(X)), np.nan_to_num(X)])
    left = y[known] - X @ np.linalg.lstsq(X, y[known])[0]
    parts = [left[codes[known] == code] for code in np.unique(codes[known])]
    p = levene(*parts, center="median").pvalue if len(parts) > 1 and np.ptp(left) > 0 else 1.0
    if not p < LEVEL:
        note = f"{conditional.note}; straight lines, one spread: it does not differ beyond chance"
        return replace(conditional, note=note)
    note = f"{conditional.note}; straight lines for the mean and the log spread"
    return replace(conditional, family=WITH_SPREAD, note=note)
