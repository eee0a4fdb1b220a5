"""Every statistic that compares two tables of counts, raw and standardised: arithmetic only.

Cell j holds o_j original and s_j synthetic rows, n = sum o, k = sum s, N = n + k, c = k / N,
p_o = o / n, p_s = s / k, diff = s - o k / n, expect = (s + o) c. Cells empty on both sides are
left out, so df = (cells in use) - 1. Definitions are those of ``synthpop::utility.tab`` (1.9-2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posynth.evaluation.utility.values import Floats

MOST_CELLS = 1500
"""Above this number of cells the null of U, a double sum over cells, is not computed."""


@dataclass(frozen=True)
class Counts:
    """An original table beside one synthetic table, cells empty on both sides left out.

    Attributes
    ----------
    o, s : ndarray, shape (cells,)
        Original and synthetic counts.
    """

    o: Floats
    s: Floats

    @classmethod
    def of(cls, original: Floats, copy: Floats) -> "Counts":
        """Build from two aligned count vectors of any shape."""
        o, s = np.ravel(original).astype(float), np.ravel(copy).astype(float)
        used = (o + s) > 0
        return cls(o[used], s[used])

    @cached_property
    def n(self) -> float:
        """Original rows."""
        return float(self.o.sum())

    @cached_property
    def k(self) -> float:
        """Synthetic rows."""
        return float(self.s.sum())

    @property
    def c(self) -> float:
        """Share of synthetic rows."""
        return self.k / (self.n + self.k)

    @property
    def df(self) -> int:
        """Cells in use less one."""
        return self.o.size - 1

    @property
    def df_g(self) -> int:
        """Cells in use on both sides less one (for G)."""
        return int(((self.o > 0) & (self.s > 0)).sum()) - 1

    @cached_property
    def diff(self) -> Floats:
        """Synthetic count less the original count scaled to k rows."""
        return self.s - self.o * (self.k / self.n)

    @cached_property
    def expect(self) -> Floats:
        """Synthetic count expected from both tables together."""
        return (self.s + self.o) * self.c

    @cached_property
    def pooled(self) -> Floats:
        """Cell shares of both tables together."""
        return (self.s + self.o) / (self.n + self.k)


def voas_williamson(t: Counts) -> float:
    """Return VW = sum diff^2 / expect."""
    return float((t.diff**2 / t.expect).sum())


def pmse(t: Counts) -> float:
    """Return pMSE = VW c (1 - c)^2 / N, the propensity score of a cell being s / (s + o)."""
    return voas_williamson(t) * t.c * (1 - t.c) ** 2 / (t.n + t.k)


def freeman_tukey(t: Counts) -> float:
    """Return FT = 4 sum (sqrt s - sqrt(o k / n))^2."""
    return float(4 * ((np.sqrt(t.s) - np.sqrt(t.o * t.k / t.n)) ** 2).sum())


def likelihood_ratio(t: Counts) -> float:
    """Return G = 2 sum s log(p_s / p_o), shares taken over the cells in use on both sides."""
    both = (t.o > 0) & (t.s > 0)
    o, s = t.o[both], t.s[both]
    return float(2 * (s * np.log(s / s.sum() / (o / o.sum()))).sum()) if both.any() else np.nan


def jensen_shannon(t: Counts) -> float:
    """Return the Jensen-Shannon divergence in bits, between 0 and 1."""
    po, ps = t.o / t.n, t.s / t.k
    half = (po + ps) / 2
    return _bits(po, half) / 2 + _bits(ps, half) / 2


def _bits(p: Floats, q: Floats) -> float:
    used = p > 0
    return float((p[used] * np.log2(p[used] / q[used])).sum())


def specks(t: Counts) -> float:
    """Return the Kolmogorov-Smirnov distance of the scores s / (s + o) of the two tables.

    Notes
    -----
    Scores order the cells by p_s / p_o, so the largest gap between the two distribution functions
    is the total variation distance: SPECKS = sum |p_s - p_o| / 2 = MabsDD / 2.
    """
    return float(np.abs(t.s / t.k - t.o / t.n).sum() / 2)


def wilcoxon(t: Counts) -> float:
    """Return U, the number of (synthetic, original) pairs with the higher score synthetic.

    Ties count half, as the statistic of R's ``wilcox.test``.
    """
    _, group = np.unique(t.s / (t.s + t.o), return_inverse=True)
    s, o = np.bincount(group, weights=t.s), np.bincount(group, weights=t.o)
    return float((s * (np.cumsum(o) - o / 2)).sum())


def po50(t: Counts) -> float:
    """Return PO50, per cent of rows told apart by their cell, less the 50 of guessing: 25 MabsDD.

    It is the mean of the per cent of synthetic and of original rows that lie in cells where they
    are more than their share, which is synthpop's where k = n.
    """
    return 25 * mean_absolute(t)


def mean_absolute(t: Counts) -> float:
    """Return MabsDD = sum |diff| / k."""
    return float(np.abs(t.diff).sum() / t.k)


def weighted_absolute(t: Counts) -> float:
    """Return WMabsDD = sum (|diff| / sqrt(expect)) / sqrt(2 / pi)."""
    return float((np.abs(t.diff) / np.sqrt(t.expect)).sum() / np.sqrt(2 / np.pi))


def bhattacharyya(t: Counts) -> float:
    """Return dBhatt = sqrt(1 - sum sqrt(p_o p_s)), the Hellinger distance of the tables."""
    affinity = float(np.sqrt(t.o / t.n * t.s / t.k).sum())
    return float(np.sqrt(max(0.0, 1 - affinity)))


RAW: dict[str, Callable[[Counts], float]] = {
    "pMSE": pmse,
    "VW": voas_williamson,
    "FT": freeman_tukey,
    "G": likelihood_ratio,
    "JSD": jensen_shannon,
    "SPECKS": specks,
    "U": wilcoxon,
    "PO50": po50,
    "MabsDD": mean_absolute,
    "WMabsDD": weighted_absolute,
    "dBhatt": bhattacharyya,
}


def s_vw(t: Counts) -> float:
    """Return S_VW = S_pMSE = VW / df; the two are one number for tables."""
    return _ratio(voas_williamson(t), t.df)


def s_ft(t: Counts) -> float:
    """Return S_FT = FT / df."""
    return _ratio(freeman_tukey(t), t.df)


def s_g(t: Counts) -> float:
    """Return S_G = G / df_g."""
    return _ratio(likelihood_ratio(t), t.df_g)


def s_jsd(t: Counts) -> float:
    """Return S_JSD = 8 k ln(2) JSD / df, whose plug-in expectation is 1 for every k / n.

    Notes
    -----
    JSD in bits is close to sum (p_s - p_o)^2 / p / (8 ln 2). synthpop multiplies by 2 N / ln(2),
    which is about 4 % too much at k = n and 30 % too little at k = 3 n (:func:`s_jsd_synthpop`).
    """
    return _ratio(8 * t.k * np.log(2) * jensen_shannon(t), t.df)


def s_jsd_synthpop(t: Counts) -> float:
    """Return S_JSD as synthpop 1.9-2 computes it, 2 N JSD / (df ln 2), for comparison only."""
    return _ratio(2 * (t.n + t.k) * jensen_shannon(t) / np.log(2), t.df)


def s_mabsdd(t: Counts) -> float:
    """Return MabsDD over sum sqrt(2 / pi) sqrt(p (1 - p) / k), its normal plug-in expectation."""
    p = t.pooled
    return _ratio(mean_absolute(t), float(np.sqrt(2 / np.pi * p * (1 - p) / t.k).sum()))


def s_po50(t: Counts) -> float:
    """Return S_PO50, which equals S_MabsDD (PO50 = 25 MabsDD)."""
    return s_mabsdd(t)


def s_u(t: Counts) -> float:
    """Return the excess of U / (n k) over 1/2 divided by its normal plug-in expectation.

    The excess is sum_ij |p_si p_oj - p_sj p_oi| / 4; under the null each term is normal
    with variance p_i p_j (p_i + p_j) / k. synthpop takes the ratio of U itself, which is near 1
    whatever the misfit, because U is near n k / 2.
    """
    if t.o.size > MOST_CELLS:
        return float("nan")
    p = t.pooled
    spread = np.sqrt(np.outer(p, p) * np.add.outer(p, p) / t.k)
    np.fill_diagonal(spread, 0.0)
    return _ratio(wilcoxon(t) / (t.n * t.k) - 0.5, float(np.sqrt(2 / np.pi) * spread.sum() / 4))


def s_wmabsdd(t: Counts) -> float:
    """Return S_WMabsDD = WMabsDD / df (synthpop's; the exact null, sum sqrt(1 - p), is >= df)."""
    return _ratio(weighted_absolute(t), t.df)


def s_dbhatt(t: Counts) -> float:
    """Return dBhatt / sqrt(df / (8 k)), which is the square root of S_FT."""
    return _ratio(bhattacharyya(t), float(np.sqrt(t.df / (8 * t.k))))


def _ratio(value: float, expectation: float) -> float:
    """Divide by the null expectation; where there is none, only no difference has a ratio: 0."""
    if expectation > 0:
        return value / expectation
    return 0.0 if value == 0 else float("nan")


STANDARDISED: dict[str, tuple[Callable[[Counts], float], float]] = {
    "S_pMSE": (s_vw, 1.0),
    "S_VW": (s_vw, 1.0),
    "S_FT": (s_ft, 1.0),
    "S_G": (s_g, 1.0),
    "S_JSD": (s_jsd, 1.0),
    "S_JSD_synthpop": (s_jsd_synthpop, 1.0),
    "S_SPECKS": (s_mabsdd, 0.5),
    "S_U": (s_u, 0.5),
    "S_PO50": (s_po50, 0.5),
    "S_MabsDD": (s_mabsdd, 0.5),
    "S_WMabsDD": (s_wmabsdd, 0.5),
    "S_dBhatt": (s_dbhatt, 0.5),
}
"""Standardised statistics on the plug-in scale, and the order of their correction (see scale)."""
