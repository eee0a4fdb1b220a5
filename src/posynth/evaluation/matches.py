r"""How many fresh rows equal a row of the source by chance, with the error of that reference.

Let pi be the probability that a fresh row of the population equals one of n source rows. A row of
the source that occurs once shows what was not seen before, so with n1 such rows and n2 pairs that
occur twice :math:`1 - n_1/n` estimates pi (Good-Turing; leaving one out), with variance

.. math:: (n_1 + 2 n_2 - n_1^2 / n) / n^2

about pi (Esty 1983), which counts that pi itself depends on the source. Among N fresh rows the
number that match is beta-binomial: binomial with N and pi, pi beta with that mean and variance.

References
----------
Esty (1983), A normal limit law for a nonparametric estimator of the coverage of a random sample,
Annals of Statistics 11:905-912.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Matches:
    """What is known of pi, the share of fresh rows that match a row of the source.

    Attributes
    ----------
    share : float
        Mean of pi.
    variance : float
        Its variance.
    """

    share: float
    variance: float

    @classmethod
    def of_source(cls, counts: NDArray[np.integer]) -> "Matches":
        """Estimate pi from how often each different row of the source occurs.

        Parameters
        ----------
        counts : ndarray of int
            Rows of the source alike, one number a different row; 0 is passed over.

        Examples
        --------
        >>> round(Matches.of_source(np.array([1, 1, 1, 1, 2])).share, 3)
        0.375
        """
        n, once, pairs = counts.sum(), np.sum(counts == 1), np.sum(counts == 2)
        # One more of each, so that no twins in few rows do not mean that there are none anywhere.
        spread = (once + 1 + 2 * (pairs + 1) - (once + 1) ** 2 / n) / n**2
        return cls._bounded((n - once + 1) / (n + 2), float(spread), int(n))

    @classmethod
    def of_holdout(cls, matched: int, rows: int) -> "Matches":
        """Estimate pi from how many rows of a holdout match.

        Examples
        --------
        >>> Matches.of_holdout(4, 8).share
        0.5
        """
        return cls._bounded((matched + 1) / (rows + 2), 0.0, rows)

    @classmethod
    def _bounded(cls, share: float, variance: float, rows: int) -> "Matches":
        """Keep the variance between that of independent rows and that of a uniform pi."""
        most = float(share * (1 - share))
        return cls(float(share), min(max(variance, most / (rows + 3)), most / 2))

    def exceeds(self, found: int, rows: int) -> float:
        """Return the probability of so many matches or more among fresh rows.

        Examples
        --------
        >>> round(Matches(0.5, 1 / 12).exceeds(9, 9), 3)  # pi uniform: 0 to 9 equally likely
        0.1
        """
        from scipy import stats

        return float(stats.betabinom.sf(found - 1, rows, *self._beta))

    def most(self, rows: int, level: float) -> int:
        """Return the number of matches that fresh rows exceed with probability ``level`` at most.

        Examples
        --------
        >>> Matches(0.5, 1 / 12).most(9, 0.15)
        8
        """
        from scipy import stats

        return int(stats.betabinom.ppf(1 - level, rows, *self._beta))

    @property
    def _beta(self) -> tuple[float, float]:
        total = self.share * (1 - self.share) / self.variance - 1
        return self.share * total, (1 - self.share) * total
