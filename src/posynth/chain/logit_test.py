r"""Rao's score test of further columns of a multinomial logit.

With residuals :math:`R = Y - \hat P` of the logit on A, where Y are indicators of the levels but
one, the score of the coefficients of P is :math:`U = vec(P'R)`. Its covariance V is that of all
scores, with blocks :math:`B_i'\,diag(w_{cd})\,B_j` for designs B and
:math:`w_{cd} = p_c (1\{c = d\} - p_d)`, cleared of the coefficients that were fitted;
:math:`U'V^{-1}U` is about :math:`\chi^2_{q(K-1)}` if P is not needed.

References
----------
Rao, C. R. (1948). Large sample tests of statistical hypotheses concerning several parameters.
Mathematical Proceedings of the Cambridge Philosophical Society 44(1), 50-57.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from posynth.chain.few import multinomial, probabilities

type Floats = NDArray[np.float64]


class LogitTest:
    """Score tests against one fitted logit.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Standardised design that was fitted.
    codes : ndarray, shape (n,)
        Level indices 0 to K - 1, each of them seen.
    ridge : float
        Prior precision of a slope.
    """

    def __init__(self, X: Floats, codes: NDArray[np.int64], ridge: float) -> None:
        levels = int(codes.max()) + 1
        p = probabilities(multinomial(X, codes, levels, ridge), X)[:, 1:]
        self._A = np.column_stack([np.ones(len(X)), X])
        self._residual = (codes[:, None] == np.arange(1, levels)) - p
        self._p = p
        self._fitted = self._information(self._A, self._A)
        self._fitted[np.diag_indices(len(self._fitted))] += 1e-9 * len(X)

    def p_value(self, P: Floats) -> float:
        """Return the p-value of columns P (n, q); what A spans of them is left out.

        Examples
        --------
        >>> x = np.linspace(-1, 1, 400)
        >>> codes = (np.abs(x) > 0.5).astype(int)
        >>> LogitTest(x[:, None], codes, ridge=0.16).p_value((x**2)[:, None]) < 1e-6
        True
        """
        P = beyond(self._A, P)
        score = (P.T @ self._residual).T.ravel()
        cross = self._information(self._A, P)
        spread = self._information(P, P) - cross.T @ np.linalg.solve(self._fitted, cross)
        sizes, directions = np.linalg.eigh(spread)
        kept = sizes > 1e-9 * float(self._fitted.max())
        along = directions[:, kept].T @ score
        return float(chdtrc(max(int(kept.sum()), 1), float(np.sum(along**2 / sizes[kept]))))

    def _information(self, left: Floats, right: Floats) -> Floats:
        """Return the information of coefficients of two designs, contrasts outermost."""
        blocks = [
            [left.T @ (right * self._weight(c, d)[:, None]) for d in range(self._p.shape[1])]
            for c in range(self._p.shape[1])
        ]
        found: Floats = np.block(blocks)
        return found

    def _weight(self, c: int, d: int) -> Floats:
        weight: Floats = self._p[:, c] * (float(c == d) - self._p[:, d])
        return weight


def beyond(A: Floats, P: Floats) -> Floats:
    """Return orthogonal columns that span what P (n, q) adds to A, each of mean square 1."""
    basis = np.linalg.qr(A)[0]
    cleared = P - basis @ (basis.T @ P)
    directions, sizes, _ = np.linalg.svd(cleared, full_matrices=False)
    found: Floats = directions[:, sizes > 1e-6 * np.linalg.norm(P)] * np.sqrt(len(P))
    return found
