r"""Groups of rows: what the variances of copies say of the source where k differs from n.

Copies of k rows have the groups of the source, not k/n times as many. The variance of an estimate
then has a part that falls with the number of groups and a part that falls with the rows in them,

.. math:: V = \frac{1}{G} (A + B/s),

with G groups of s rows each: B comes from the noise of rows within groups, A from what rows of a
group share. A copy of G_c groups of s_c rows each says of the source

.. math:: \hat V = \frac{G_c}{G} (v + (s_c/s - 1) v_B),

v its covariance matrix and v_B the part that B makes of it. For estimates within groups v_B = v and
the factor is k/n; for estimates between groups that differ much it is G_c/G.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.moments import Floats

if TYPE_CHECKING:
    from posynth.evaluation.inference.estimates import Estimate

#: Models whose covariance matrix can be that of groups of rows.
ROBUST = ("ols", "glm", "logit")
#: A variance by groups below this part of the variance by rows is 0 but for rounding.
EXACT = 1e-14


@dataclass(frozen=True)
class Clusters:
    """The groups of rows that an analysis allows for.

    Attributes
    ----------
    column : str
        The column of groups; ``""`` if it is not known.
    count : int
        Groups in the table that was analysed.
    rows : array, optional
        Part of the covariance matrix due to the noise of rows within groups, (p, p).
    """

    column: str
    count: int
    rows: Floats | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.rows is not None:
            object.__setattr__(self, "rows", np.asarray(self.rows, dtype=float))


def of_source(
    estimates: "Sequence[Estimate]", provenance: Provenance
) -> tuple[Floats | None, float | None]:
    """Return what each copy says of the source's covariance, (m, p, p), and its df.

    Parameters
    ----------
    estimates : sequence of Estimate
        One a copy, coefficients in the same order.
    provenance : Provenance
        How the copies were made; ``groups`` says how many the source has.

    Returns
    -------
    array, float
        None and None where rows are independent, or nothing is known and k = n.

    Raises
    ------
    MeasureError
        If k differs from n and the groups of the source or the part within groups are not known.
    """
    found = [estimate.clusters for estimate in estimates]
    known = [clusters for clusters in found if clusters is not None]
    if not known:
        return None, None
    if len(known) < len(found):
        raise MeasureError(
            "some copies were analysed with groups of rows and others without; run the same "
            "analysis on every copy"
        )
    groups = provenance.groups.get(known[0].column)
    if groups is None or any(clusters.rows is None for clusters in known):
        if provenance.k != provenance.n:
            raise MeasureError(_unknown(known[0], groups, provenance))
        return None, None
    scaled = [
        _scaled(estimate.cov, clusters, groups, provenance)
        for estimate, clusters in zip(estimates, known, strict=True)
    ]
    count = float(np.mean([clusters.count for clusters in known]))
    df = min(estimate.df_com for estimate in estimates) + groups - count
    return np.array(scaled), max(df, 1.0)


def as_drawn(estimates: "Sequence[Estimate]", provenance: Provenance) -> Provenance:
    """Count group effects as those of the source unless the copies are known to draw them anew.

    Of a chain with the column of groups as a predictor every copy has the group effects of the
    source, as with ``keep_groups``: the spread between groups has its degrees of freedom once.
    """
    clusters = estimates[0].clusters
    if clusters is None or provenance.kept_groups:
        return provenance
    by = set(provenance.grouped.values())
    if by and (not clusters.column or clusters.column in by):
        return provenance
    return replace(provenance, kept_groups=(clusters.column or "groups",))


def _unknown(clusters: Clusters, groups: int | None, p: Provenance) -> str:
    what = (
        f"how many groups of {clusters.column!r} the source has is not recorded"
        if groups is None and clusters.column
        else "it is not known which part of the variances is due to rows within groups"
    )
    return (
        f"the analysis allows for {clusters.count} groups of rows, and the copies have k = {p.k} "
        f"rows where the source has n = {p.n}: a copy does not have k/n times the groups, and "
        f"{what}, so its variances say nothing of the source. Draw copies with k = n "
        f"(`posynth draw OUT -k {p.n}`), or use model 'mixed' with groups=COLUMN or cluster=COLUMN "
        "for a column of levels"
    )


def _scaled(cov: Floats, clusters: Clusters, groups: int, provenance: Provenance) -> Floats:
    rows = np.zeros_like(cov) if clusters.rows is None else clusters.rows
    # A sandwich may come out below the part within groups; it is that part then.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(np.diag(cov) / np.diag(rows))
    shrink = np.where(np.diag(rows) > 0, np.minimum(1.0, ratio), 1.0)
    return taken_to_source(
        cov, rows * np.outer(shrink, shrink), (clusters.count, groups), (provenance.k, provenance.n)
    )


def taken_to_source(
    cov: Floats, rows: Floats, groups: tuple[int, int], size: tuple[int, int]
) -> Floats:
    """Return V̂ = (G_c/G)(v + (s_c/s - 1)v_B) from the variances of a copy.

    Parameters
    ----------
    cov, rows : array
        v, and its part v_B due to the noise of rows within groups, of any shape.
    groups : tuple of int
        Groups of the copy and of the source, G_c and G.
    size : tuple of int
        Rows of the copy and of the source: their groups have s_c = k/G_c and s = n/G rows.

    Returns
    -------
    array

    Examples
    --------
    Between groups that differ much nothing changes with the rows; within groups all does:

    >>> taken_to_source(np.array([1.0, 1.0]), np.array([0.0, 1.0]), (40, 40), (2000, 400)).tolist()
    [1.0, 5.0]
    """
    share = groups[0] / groups[1]
    larger = size[0] / size[1] / share
    found: Floats = share * (cov + (larger - 1) * rows)
    return found


def noted(estimates: "Sequence[Estimate]", provenance: Provenance) -> tuple[str, ...]:
    """Return what a reader must know of groups: how variances were scaled, or that none were."""
    clusters = estimates[0].clusters
    if clusters is None:
        if not provenance.grouped:
            return ()
        grouped = provenance.grouped
        named = ", ".join(map(repr, grouped))
        column = next(iter(grouped.values()))
        return (
            f"{named}: rows of one {column!r} are alike in the copies as in the source, and this "
            "analysis does not say that it allows for it, so its standard errors may be too small; "
            f"use model 'mixed' with groups={column!r}, or cluster={column!r}",
        )
    if provenance.apart:
        named, column = ", ".join(map(repr, provenance.apart)), clusters.column
        return (
            f"in the chain {named} does not depend on {column!r}, so that rows of one {column!r} "
            "are not alike in the copies and variances by groups say nothing of the source; name "
            f"{column!r} among its predictors, or give it a family with new_groups={column}",
        )
    if not clusters.column and any(provenance.by_row.values()):
        return tuple(_by_row(*each) for each in provenance.by_row.items() if each[1])
    groups = provenance.groups.get(clusters.column)
    if groups is None or clusters.rows is None or provenance.k == provenance.n:
        return ()
    return (
        f"variances were taken from copies to the source by its {groups} groups of "
        f"{clusters.column!r}, and by k/n only for what rows vary within groups",
    )


def _by_row(column: str, names: Sequence[str]) -> str:
    named = ", ".join(map(repr, names))
    return (
        f"in these copies {named} {'is' if len(names) == 1 else 'are'} drawn row by row, so that "
        f"rows of one {column!r} are independent given their predictors; an analysis of them "
        f"within {column!r} (a mixed model, GEE, changes) says nothing of the source"
    )


def mean_of(estimates: "Sequence[Estimate]") -> Clusters | None:
    """Return the groups of several imputations of one copy, with the mean of the part within."""
    found = [estimate.clusters for estimate in estimates if estimate.clusters is not None]
    if len(found) < len(estimates):
        return None
    rows = [clusters.rows for clusters in found if clusters.rows is not None]
    mean = np.mean(rows, axis=0) if len(rows) == len(found) else None
    return Clusters(found[0].column, found[0].count, mean)


def side_by_side(estimates: "Sequence[Estimate]") -> Clusters | None:
    """Return the groups of several analyses of one table, with variances within groups only.

    Analyses that take rows for independent vary by their rows alone, so v_B = v.

    Raises
    ------
    MeasureError
        If analyses allow for different groups.
    """
    known = [estimate.clusters for estimate in estimates if estimate.clusters is not None]
    if not known:
        return None
    if len({(clusters.column, clusters.count) for clusters in known}) > 1:
        named = ", ".join(repr(clusters.column) for clusters in known)
        raise MeasureError(f"analyses allow for different groups ({named}); run one at a time")
    parts = [e.cov if e.clusters is None else e.clusters.rows for e in estimates]
    within = [np.diag(part) for part in parts if part is not None]
    rows = np.diag(np.concatenate(within)) if len(within) == len(parts) else None
    return replace(known[0], rows=rows)


def of_mixed(result: Any, column: str) -> Clusters:
    r"""Read the groups of a fitted statsmodels MixedLM.

    With :math:`V_j = \sigma^2 I + Z_j \Psi Z_j'` and :math:`M = (\sigma^2 I + \Psi Z_j'Z_j)^{-1}
    \Psi`, :math:`V_j^{-1} = (I - Z_j M Z_j') / \sigma^2`; what the noise of rows makes of the
    covariance of the estimates is :math:`H^{-1} (\sum X_j'V_j^{-2}X_j \sigma^2) H^{-1}` with
    :math:`H = \sum X_j'V_j^{-1}X_j`.
    """
    model = result.model
    if getattr(model, "k_vc", 0):
        return Clusters(column, int(model.n_groups))
    sigma2, psi = float(result.scale), np.asarray(result.cov_re, dtype=float)
    width = model.exog.shape[1]
    information, noise = np.zeros((width, width)), np.zeros((width, width))
    for X, Z in zip(model.exog_li, model.exog_re_li, strict=True):
        inner, cross = Z.T @ Z, X.T @ Z
        M = np.linalg.solve(sigma2 * np.eye(len(psi)) + psi @ inner, psi)
        once = cross @ M @ cross.T
        information += (X.T @ X - once) / sigma2
        noise += (X.T @ X - 2 * once + cross @ M @ inner @ M @ cross.T) / sigma2
    inverse = np.linalg.inv(information)
    return Clusters(column, int(model.n_groups), inverse @ noise @ inverse)


def of_result(result: Any) -> Clusters | None:
    """Recognise groups in a fitted statsmodels result of the user's own, by an unknown column."""
    model: Any = getattr(result, "model", None)
    if str(getattr(result, "cov_type", "")).casefold().startswith(("cluster", "hac-", "nw-")):
        labels = np.asarray((getattr(result, "cov_kwds", None) or {}).get("groups", ()))
        ways = labels.reshape(len(labels), -1).T if labels.size else ()
        return Clusters("", min((len(np.unique(way)) for way in ways), default=0))
    if isinstance(getattr(model, "groups", None), np.ndarray) and hasattr(model, "ties"):  # PHReg
        return Clusters("", len(np.unique(model.groups)))
    # MixedLM, GEE, and the conditional models, whose likelihood is that of rows within groups.
    count = getattr(model, "num_group", getattr(model, "_n_groups", None))
    if hasattr(model, "exog_re_li"):
        count = model.n_groups
    return None if count is None else Clusters("", int(count))


def robust(built: Any, frame: pd.DataFrame, column: str, fit: dict[str, Any]) -> tuple[Any, Any]:
    """Fit a statsmodels model with a covariance matrix of groups of rows.

    Returns
    -------
    result, Clusters
        The result, and its groups; the part within groups is the sandwich of independent rows.

    Raises
    ------
    MeasureError
        If the column is not there, has missing values or a single group.
    """
    if column not in frame:
        raise MeasureError(f"cluster: {unknown('column', column, frame.columns)}")
    labels = frame[column].loc[built.data.row_labels]
    codes, levels = pd.factorize(labels)
    if (codes < 0).any() or len(levels) < 2:
        what = "missing values" if (codes < 0).any() else "a single group"
        raise MeasureError(
            f"cluster: column {column!r} has {what} here; every row must belong to one of 2 groups "
            "or more"
        )
    rows, width = built.exog.shape
    given = {"cov_type": "cluster", "cov_kwds": {"groups": codes}, "use_t": True}
    result = built.fit(**{**fit, **given})
    plain = np.asarray(built.fit(**{**fit, "cov_type": "HC0"}).cov_params())
    correction = len(levels) / (len(levels) - 1) * (rows - 1) / (rows - width)
    return result, Clusters(column, len(levels), plain * correction)


def exact_notes(names: Sequence[str], cov: Floats, clusters: Clusters | None) -> list[str]:
    """Say which coefficients fit every group exactly, so that their variance by groups is 0.

    Raises
    ------
    MeasureError
        If all of them do: the groups then say nothing of any variance.
    """
    if clusters is None or clusters.rows is None:
        return []
    exact = np.diag(cov) <= EXACT * np.diag(clusters.rows)
    column = clusters.column
    if exact.all():
        raise MeasureError(
            f"cluster: variances by groups of {column!r} are 0, because the formula fits the mean "
            f"of each group; leave {column!r} out of the formula or of cluster, or name a column "
            "of more groups"
        )
    shown = ", ".join(repr(name) for name, each in zip(names, exact, strict=True) if each)
    why = f"because the formula fits the mean of each group of {column!r}"
    return [f"the variance of {shown} is 0, {why}: do not read their intervals"] if shown else []
