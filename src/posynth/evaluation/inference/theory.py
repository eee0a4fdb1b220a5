"""Whether copies differ more than the rules say that take the spread between copies from theory."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from posynth.evaluation.inference.moments import Moments

#: Rules that take the spread between copies from theory.
FROM_THEORY = ("ppd", "simple")
#: Chance of a note where theory holds, over all coefficients.
ERROR = 0.01


def more_than_theory(rule: str, names: Sequence[str], x: Moments) -> tuple[str, ...]:
    """Test that b is no larger than theory says, F(m - 1, m·ν_k), all coefficients at once at .01.

    Parameters
    ----------
    rule : str
        The rule used; others than ``ppd`` and ``simple`` assume nothing of b.
    names : sequence of str
        The p coefficients.
    x : Moments
        Scalar moments, (p,).

    Returns
    -------
    tuple of str
        A note with the coefficients and their factor of variance, or nothing.
    """
    if rule not in FROM_THEORY or x.m == 1:
        return ()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = x.between / x.noise
    df = x.m * x.df_com
    tail = stats.chi2.sf((x.m - 1) * ratio, x.m - 1)
    if np.isfinite(df):
        tail = stats.f.sf(ratio, x.m - 1, df)
    limit = ERROR / len(names)
    wide = [f"{n!r} ({r:.3g})" for n, r, p in zip(names, ratio, tail, strict=True) if p < limit]
    if not wide:
        return ()
    return (
        f"copies differ more than theory says, in variance by the factor in brackets: "
        f"{', '.join(wide)}; chain and analysis do not agree there, so these intervals are too "
        "short: make 5 or more copies, whose own spread is then used",
    )
