r"""Predictors of missing values: as many coefficients as there are cases for, most telling first.

A penalised score test ranks them. At the logit without predictors, with missing share p, the score
of a column's coefficients is :math:`U = X'(y - p)` and its information :math:`V = p(1-p) X'X`, X
centred. Under :math:`\beta \sim N(0, s^2)` the log Bayes factor of adding columns j to the chosen
ones is about

.. math:: \tfrac12 u'(W + s^{-2})^{-1} u - \tfrac12 \log|1 + s^2 W|,

with u and W what is left of :math:`U_j` and :math:`V_{jj}` given the chosen columns. The column
with the largest comes first, then the best beside it, and so on while coefficients are left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posynth.chain.blocks import Rows
from posynth.chain.missing_kinds import missingness
from posynth.chain.slopes import FEW_CASES, LOGISTIC_SD
from posynth.chain.spec import Conditional

type Floats = NDArray[np.float64]

#: Cases (the rarer of missing and present values) for each coefficient of an indicator.
CASES = 7
#: Cases for each coefficient below which slopes have the prior for few cases.
FEW = 20
#: Rows looked at where there are more.
ROWS = 20_000
#: Names that a note lists.
SHOWN = 8


@dataclass(frozen=True)
class _Scores:
    """Scores and information of all candidates side by side, d columns.

    Attributes
    ----------
    score : ndarray, shape (d,)
        U.
    information : ndarray, shape (d, d)
        V.
    places : Mapping of str to ndarray of int
        Candidate -> its columns.
    """

    score: Floats
    information: Floats
    places: Mapping[str, NDArray[np.intp]]

    def worth(self, name: str, chosen: NDArray[np.intp]) -> float:
        """Return the log Bayes factor of a candidate beside the columns chosen."""
        own, precision = self.places[name], LOGISTIC_SD**-2
        u, W = self.score[own], self.information[np.ix_(own, own)]
        if chosen.size:
            fitted = self.information[np.ix_(chosen, chosen)] + precision * np.eye(chosen.size)
            cross = np.linalg.solve(fitted, self.information[np.ix_(chosen, own)])
            u = u - cross.T @ self.score[chosen]
            W = W - cross.T @ self.information[np.ix_(chosen, own)]
        W = W + precision * np.eye(own.size)
        log_det = float(np.linalg.slogdet(W / precision)[1])
        return 0.5 * float(u @ np.linalg.solve(W, u)) - 0.5 * log_det


def with_predictors(rows: Rows, columns: tuple[str, ...], conditional: Conditional) -> Conditional:
    """Give an indicator of missing values the predictors that its cases support.

    Parameters
    ----------
    rows : Rows
        The source, encoded.
    columns : tuple of str
        Columns visited before.
    conditional : Conditional
        An indicator; predictors that it names already are kept.

    Returns
    -------
    Conditional
        As it was where there are cases for all of them; else with named predictors, and those left
        out in its note. Where cases are few its slopes have the prior ``log_f``.
    """
    missing = np.isnan(rows.arrays[conditional.column])
    kinds = missingness(rows, conditional).astype(np.int64)
    most = int(kinds.max(initial=1))
    # Each kind of missing values has coefficients of its own.
    cases = int(min(missing.sum(), len(rows) - missing.sum())) // most
    widths = {name: max(len(rows.block(name).names), 1) for name in columns}
    if conditional.predictors is not None or sum(widths.values()) * CASES <= cases:
        return _shrunk(conditional, sum(widths.values()), cases)
    flags = {rows.indicators[n]: n for n in columns if n in rows.indicators}
    widths |= dict.fromkeys(flags, 1)
    looked, names = _sample(missing), tuple(widths)
    scores = [_scores(rows, names, kinds == kind, looked) for kind in range(1, most + 1)]
    kept = _ranked(scores, widths, flags, cases // CASES)
    places = [*columns, *flags]
    found = replace(conditional, predictors=tuple(sorted(kept, key=places.index)))
    told = f"{cases} cases support {max(cases // CASES, 0)} coefficients, {CASES} cases each"
    left = [name for name in columns if name not in kept]
    note = f"{conditional.note}; {told}: given {_listed(kept)}; left out: {_listed(left)}"
    return _shrunk(replace(found, note=note), sum(widths[name] for name in kept), cases)


def _shrunk(conditional: Conditional, width: int, cases: int) -> Conditional:
    if conditional.prior or conditional.scales or not width or cases >= FEW * width:
        return conditional
    note = f"{conditional.note}; slopes log-F(2, 2)"
    return replace(conditional, prior=FEW_CASES, note=note)


def _ranked(
    scores: Sequence[_Scores], widths: Mapping[str, int], flags: Mapping[str, str], room: int
) -> list[str]:
    """Choose one candidate after the other while there is room; a column brings its own flag."""
    kept: list[str] = []
    places = scores[0].places
    waiting = [name for name in widths if places[name].size]
    while True:
        shut = set(kept) | {flag for flag, column in flags.items() if column in kept}
        free = room - sum(widths[name] for name in kept)
        fits = [name for name in waiting if name not in shut and widths[name] <= free]
        if not fits:
            return kept
        chosen = np.concatenate([np.empty(0, dtype=np.intp), *(places[n] for n in kept)])
        best = max(fits, key=lambda name: sum(each.worth(name, chosen) for each in scores))
        # A flag that was chosen before its column gives way to it.
        kept = [name for name in kept if flags.get(name) != best] + [best]


def _sample(missing: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return rows to look at, half of them of the rarer kind if they are many: slopes are kept."""
    found = []
    for kind in (np.flatnonzero(missing), np.flatnonzero(~missing)):
        most = max(ROWS // 2, ROWS - (len(missing) - len(kind)))
        found.append(kind[np.linspace(0, len(kind) - 1, min(len(kind), most)).astype(int)])
    return np.sort(np.concatenate(found))


def _scores(
    rows: Rows, names: tuple[str, ...], missing: NDArray[np.bool_], looked: NDArray[np.intp]
) -> _Scores:
    """Code every candidate as a design does: numbers of sd 1, levels as 0/1, gaps as the mean."""
    missing = missing[looked]
    parts, places, start = [np.empty((len(looked), 0))], {}, 0
    for name in names:
        X = rows.block(name).values[looked]
        known = ~np.isnan(X)
        mean = np.where(known, X, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        X = np.where(known, X - mean, 0.0)
        sd = X.std(axis=0)
        coded = ((X + mean == 0) | (X + mean == 1) | ~known).all(axis=0)
        parts.append(X[:, sd > 0] / np.where(coded, 1.0, sd)[sd > 0])
        places[name] = np.arange(start, start + parts[-1].shape[1])
        start += parts[-1].shape[1]
    design, share = np.hstack(parts), float(missing.mean())
    return _Scores(design.T @ (missing - share), share * (1 - share) * design.T @ design, places)


def _listed(names: list[str]) -> str:
    """Name the first ones, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "nothing"
