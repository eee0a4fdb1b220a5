"""Propensity scores by a classification tree, settings as near rpart's as scikit-learn allows."""

from functools import partial

import numpy as np

from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.design import tree_features
from posynth.evaluation.utility.discriminate import Discriminator, Null, judge
from posynth.evaluation.utility.propensity import Labels
from posynth.evaluation.utility.values import Floats
from posynth.results import Result
from posynth.table.names import Names
from posynth.table.schema import Kind

COMPLEXITY = 1e-3
MIN_BUCKET = 5
DEEPEST = 30


def measure(
    comparison: Comparison,
    rng: np.random.Generator | None = None,
    columns: Names | None = None,
    *,
    null: str = "permutation",
    nperms: int = 50,
) -> list[Result]:
    """Judge the copies by a classification tree that tells their rows from the original's.

    Parameters
    ----------
    comparison : Comparison
        The original and its copies.
    rng : numpy.random.Generator, optional
        Source of the relabellings; needed for ``null="permutation"``.
    columns : iterable of str, optional
        Columns the tree may use; by default every modelled column.
    null : {"permutation", "pairs"}
        Where the value of a perfect copy comes from. ``"pairs"`` needs several copies and is the
        one to use if columns were left unsynthesised.
    nperms : int
        Relabellings in all, spread over the copies (synthpop: for each copy).

    Returns
    -------
    list of Result
        ``pMSE_cart``, ``SPECKS_cart``, ``PO50_cart``, ``U_cart`` and their ``S_`` ratios.

    Notes
    -----
    synthpop fits ``rpart(method = "class", cp = 1e-3, minbucket = 5)``. Here splits minimise Gini,
    leaves hold at least 5 rows, nodes of fewer than 15 are not split, depth is at most 30,
    and the full tree is cut back by misclassification cost with penalty cp x (root's errors) a
    leaf, as rpart does. An unordered column is split along its levels ordered by their share of
    synthetic rows, where rpart searches the best subset anew in every node; missing numbers lie
    below the smallest value, where synthpop fills 0 and adds an indicator.

    A tree is grown to find differences, so its value under the null is far from 0 and
    theory gives no expectation: always read the ratio, never pMSE alone. Because cutting back has a
    threshold, pMSE is not proportional to the squared difference: a second sample of the population
    scores exactly 1 on the proper scale in expectation (2 on the plug-in scale at k = n), but a
    bootstrap resample scores less than 1 on the plug-in scale.
    """
    design = tree_features(comparison, columns)
    kinds = [comparison.schema[name].kind for name in design.names]
    nominal = [j for j, kind in enumerate(kinds) if kind in (Kind.NOMINAL, Kind.BINARY)]
    model = partial(tree, nominal=tuple(nominal))
    sides = (design.original, *design.copies)
    return judge(Discriminator("cart", model), sides, comparison, Null(null, nperms, rng))


def tree(
    X: Floats,
    t: Labels,
    nominal: tuple[int, ...] = (),
    complexity: float = COMPLEXITY,
) -> Floats:
    """Grow a tree, cut it back, and return its scores.

    Parameters
    ----------
    X : ndarray, shape (N, p)
        Predictors; those in ``nominal`` are level codes.
    t : ndarray of int, shape (N,)
        1 for synthetic rows, 0 for original ones.
    nominal : tuple of int
        Predictors whose codes are re-ordered by share of synthetic rows before growing.
    complexity : float
        Errors a split must save, as a share of the root's errors.

    Returns
    -------
    ndarray, shape (N,)
        Share of synthetic rows in each row's leaf.
    """
    from sklearn.tree import DecisionTreeClassifier

    ordered = X.astype(np.float32)
    for j in nominal:
        ordered[:, j] = _ordered(X[:, j].astype(np.int64), t)
    grower = DecisionTreeClassifier(
        min_samples_leaf=MIN_BUCKET,
        min_samples_split=3 * MIN_BUCKET,
        max_depth=DEEPEST,
        random_state=0,  # ties between equally good splits only; results depend on no global seed
    )
    grown = grower.fit(ordered, t).tree_
    leaf = _pruned(grown.children_left, grown.children_right, _errors(grown), complexity)
    return np.asarray(grown.value[leaf[grown.apply(ordered)], 0, 1])


def _ordered(codes: Labels, t: Labels) -> Floats:
    rows = np.bincount(codes)
    share = np.bincount(codes, weights=t) / np.maximum(rows, 1)
    rank = np.empty(rows.size)
    rank[np.argsort(share, kind="stable")] = np.arange(rows.size)
    return rank[codes]


def _errors(grown: object) -> Floats:
    """Count the rows each node would misclassify as a leaf."""
    shares, rows = grown.value[:, 0, :], grown.n_node_samples  # type: ignore[attr-defined]
    return np.asarray(rows * (1 - shares.max(axis=1)))


def _pruned(left: Labels, right: Labels, errors: Floats, complexity: float) -> Labels:
    """Return for every node the leaf of the cut-back tree that its rows fall into.

    The subtree kept minimises errors + penalty x leaves (minimal cost-complexity pruning); children
    have higher numbers than their parent, so one pass up finds it and one pass down applies it.
    """
    penalty = complexity * errors[0]
    cost = errors + penalty
    keep = np.zeros(errors.size, dtype=bool)
    for node in range(errors.size - 1, -1, -1):
        if left[node] >= 0:
            below = cost[left[node]] + cost[right[node]]
            keep[node] = below < cost[node] - 1e-9
            cost[node] = min(below, cost[node])
    leaf = np.arange(errors.size)
    for node in range(errors.size):
        if left[node] >= 0 and not (leaf[node] == node and keep[node]):
            leaf[left[node]] = leaf[right[node]] = leaf[node]
    return leaf
