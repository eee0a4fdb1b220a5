r"""Classification and regression trees under the Bayesian bootstrap, with smoothed leaves.

Every posterior draw weights the rows by :math:`w \sim n\,Dirichlet(1, \ldots, 1)`, grows a tree on
them and keeps, of every leaf, level probabilities or a smoothed distribution of values (``leaf``).
No row is kept. Splits stand midway between neighbouring values of a standardised predictor, at
cuts with ``apart`` = 5 rows between them, so that no value can be worked out from many trees; a
leaf has at least 5 rows, and a split must lower the impurity by 1e-4 of that of all rows.

A plain tree, as in ``mice.impute.cart``, is one estimate for all copies; the bootstrap makes
copies differ as samples of the population would. Trees have no exact small-sample theory, so
intervals are approximately right. Without predictors the tree is one leaf: the margin.

References
----------
Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata. Journal of
Official Statistics 21(3), 441-462. Rubin, D. B. (1981). The Bayesian bootstrap. Annals of
Statistics 9(1), 130-134.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.chain.cuts import Binned
from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.chain.scale import Scale
from posynth.errors import FitError
from posynth.families.base import Design, Floats, Priors, Response, without_model
from posynth.families.leaf import atoms_of, draw_leaves, scale_of, shared_by_draws, summarise

type Nodes = NDArray[np.int64]

ONE_LEAF: dict[str, NDArray[Any]] = {
    "feature": np.zeros(1, dtype=np.int64),
    "threshold": np.zeros(1),
    "left": np.full(1, -1),
    "right": np.full(1, -1),
}


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return ``size`` trees, padded to the largest of them."""
    atoms, trees = atoms_of(response), []
    scale = scale_of(response, atoms)
    binned = Binned.of(design.X, scales["apart"])
    for seed in rng.integers(0, 2**31, size):
        weight = rng.standard_exponential(len(response.y))
        weight *= len(weight) / weight.sum()
        trees.append(grown(binned, response, (atoms, scale), scales, weight, int(seed)))
    shared = shared_by_draws(atoms, scale, size)
    return {name: padded([tree[name] for tree in trees]) for name in trees[0]} | shared


def grown(
    binned: Binned,
    response: Response,
    smoothing: tuple[Floats, Scale | None],
    scales: Priors,
    weight: Floats,
    seed: int,
) -> dict[str, NDArray[Any]]:
    """Grow a tree on weighted rows: its splits, and the summary of every leaf.

    ``smoothing`` are the atoms, and the scale of the other values.
    """
    splits, leaf = grow(binned, response.y, bool(response.levels), scales, weight, seed)
    return splits | summarise(response, weight, leaf, len(splits["left"]), *smoothing)


def grow(
    binned: Binned, y: NDArray[Any], coded: bool, scales: Priors, weight: Floats, seed: int
) -> tuple[dict[str, NDArray[Any]], Nodes]:
    """Grow a tree on weighted rows; return its splits, and the leaf of every row."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if not binned.cuts:
        return {name: a.copy() for name, a in ONE_LEAF.items()}, np.zeros(len(y), dtype=np.int64)
    kind = DecisionTreeClassifier if coded else DecisionTreeRegressor
    model = kind(
        min_samples_leaf=min(round(scales["leaf"]), len(y)),
        min_impurity_decrease=scales["complexity"] * impurity(y, coded, weight),
        max_features=scales.get("share", 1.0),
        random_state=seed,
    )
    tree = model.fit(binned.codes, y, sample_weight=weight).tree_
    code = np.where(tree.children_left < 0, -1.0, tree.threshold)
    splits = {
        "feature": np.maximum(tree.feature, 0),
        "threshold": binned.threshold(tree.feature, code),
        "left": tree.children_left,
        "right": tree.children_right,
    }
    return splits, tree.apply(binned.codes).astype(np.int64)


def impurity(y: NDArray[Any], coded: bool, weight: Floats) -> float:
    """Return the Gini index or the variance of all rows, which splits are measured against."""
    if coded:
        share = np.bincount(y, weight) / weight.sum()
        return float(1.0 - share @ share)
    mean = np.average(y, weights=weight)
    return float(np.average((y - mean) ** 2, weights=weight))


def leaf_of(splits: Mapping[str, NDArray[Any]], X: Floats) -> Nodes:
    """Send rows down a tree; return the node each ends in."""
    node = np.zeros(len(X), dtype=np.int64)
    left, right = splits["left"].astype(np.int64), splits["right"].astype(np.int64)
    feature, threshold = splits["feature"].astype(np.int64), splits["threshold"]
    moving = np.flatnonzero(left[node] >= 0)
    for _ in range(len(left)):
        if not len(moving):
            break
        at = node[moving]
        below = X[moving, feature[at]] <= threshold[at]
        node[moving] = np.where(below, left[at], right[at])
        moving = moving[left[node[moving]] >= 0]
    if len(moving):  # only of a stored tree that was damaged
        raise FitError("a tree leads back to itself; fit again")
    return node


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Draw a value from the leaf of every row."""
    return draw_leaves(parameters, leaf_of(parameters, X), rng)


def padded(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Stack arrays of different length along their first axis; what is added is never visited."""
    longest = max(len(a) for a in arrays)
    stacked = np.zeros((len(arrays), longest, *arrays[0].shape[1:]), arrays[0].dtype)
    for place, a in enumerate(arrays):
        stacked[place, : len(a)] = a
    return stacked


FAMILY = without_model(
    FamilyFacts(
        name="cart",
        kinds=NUMERIC | CATEGORICAL,
        summary="classification or regression tree under the Bayesian bootstrap, smoothed leaves",
        priors={"bootstrap": {"leaf": 5.0, "apart": 5.0, "complexity": 1e-4}},
        response="natural",
        fitted_by="bootstrap",
    ),
    fit,
    draw,
)
