r"""Whether a normal regression gives its column the right margin: Anderson-Darling.

With the margin :math:`\hat F(y) = \frac1n \sum_j \Phi((y - \mu_j) / \sigma)` of the fitted line and
:math:`u_{(i)}` the ordered values of :math:`\hat F(y_i)`,

.. math:: A^2 = -n - \frac1n \sum_{i=1}^n (2i - 1) \{\log u_{(i)} + \log(1 - u_{(n+1-i)})\}

Without predictors this is the test of normality with mean and sd estimated, whose p-values are
used; with predictors the margin follows the rows more closely, and the test is conservative.

References
----------
Stephens, M. A. (1986). Tests based on EDF statistics. In D'Agostino and Stephens (eds.),
Goodness-of-Fit Techniques, table 4.9: p-values of A^2 (1 + 0.75/n + 2.25/n^2).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

type Floats = NDArray[np.float64]

#: Means of which the margin is mixed: quantiles of those of the rows.
MIXED = 200
LEAST = 1e-15
#: log p by the statistic's range, where 1 - p is: (below, constant, slope, curvature).
LOWER = ((0.2, -13.436, 101.14, -223.73), (0.34, -8.318, 42.796, -59.938))
UPPER = ((0.6, 0.9177, -4.279, -1.38), (13.0, 1.2937, -5.709, 0.0186))


def margin_p(y: Floats, mean: Floats, sd: float) -> float:
    """Return the p-value of the margin of a fitted normal regression.

    Parameters
    ----------
    y : ndarray, shape (n,)
        The column, eight values or more.
    mean : ndarray, shape (n,)
        Fitted means.
    sd : float
        Fitted residual sd.

    Returns
    -------
    float
        0 where the statistic is beyond 13.

    Examples
    --------
    >>> y = np.linspace(-1, 1, 200)
    >>> margin_p(y, np.zeros(200), y.std()) < 0.001
    True
    """
    mixed = np.quantile(mean, (np.arange(MIXED) + 0.5) / MIXED) if np.ptp(mean) else mean[:1]
    u = np.sort(ndtr((y[:, None] - mixed) / sd).mean(axis=1))
    n, u = len(u), np.clip(u, LEAST, 1 - LEAST)
    weight = 2 * np.arange(1, n + 1) - 1
    square = -n - weight @ (np.log(u) + np.log1p(-u[::-1])) / n
    return _p(float(square * (1 + 0.75 / n + 2.25 / n**2)))


def _p(statistic: float) -> float:
    for below, constant, slope, curvature in LOWER:
        if statistic < below:
            return 1 - float(np.exp(constant + statistic * (slope + curvature * statistic)))
    for below, constant, slope, curvature in UPPER:
        if statistic < below:
            return float(np.exp(constant + statistic * (slope + curvature * statistic)))
    return 0.0
