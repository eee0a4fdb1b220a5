r"""One sweep over a sum of trees, compiled: each tree is changed, then its leaves are drawn.

Trees lie in heaps: node i has children 2i + 1 and 2i + 2. Rows are coded by rank, so that rule
(j, c) sends a row left if its code of predictor j is at most c. Of the Metropolis steps on a tree
with leaf values integrated out (Chipman, George and McCulloch 1998, JASA 93:935) there are:

- *grow*, which splits a leaf chosen at random by a rule drawn from its prior,
- *prune*, which takes a split back whose children are both leaves,
- *change*, which draws the rule of such a split anew.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Codes = NDArray[np.int64]
type Ranks = NDArray[np.int32]
type Tree = tuple[Small, Codes, Leaves]
type Scales = tuple[float, float, float, float]
type Small = NDArray[np.int16]
type Leaves = NDArray[np.uint8]

DEPTH = 6  # of the deepest leaf
NODES = 2 ** (DEPTH + 1) - 1
LEAST = 5  # rows of a leaf
#: How many splits lie above each node.
ABOVE = np.floor(np.log2(np.arange(1, NODES + 1) + 0.5)).astype(np.int64)
GROW, PRUNE = 0.4, 0.8  # cumulative; the rest are changes
STEPS = 2  # on each tree, in a sweep

_compiled = njit(cache=True, error_model="numpy")


@_compiled
def nodes_to_grow(feature: Small) -> Codes:
    """Return the leaves that are not too deep to be split."""
    found = np.empty(NODES, dtype=np.int64)
    count = 0
    for node in range(NODES // 2):
        if feature[node] < 0 and (node == 0 or feature[(node - 1) // 2] >= 0):
            found[count] = node
            count += 1
    return found[:count]


@_compiled
def nodes_to_prune(feature: Small) -> Codes:
    """Return the splits whose children are both leaves."""
    found = np.empty(NODES, dtype=np.int64)
    count = 0
    for node in range(NODES // 2):
        if feature[node] < 0:
            continue
        left = 2 * node + 1
        if left >= NODES // 2 or (feature[left] < 0 and feature[left + 1] < 0):
            found[count] = node
            count += 1
    return found[:count]


@_compiled
def draw_rule(
    feature: Small, cut: Codes, cuts: Codes, node: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Draw a predictor, of those with a cut left at this node, and one of its cuts; or (-1, 0)."""
    low, high = np.zeros(len(cuts), dtype=np.int64), cuts - 1
    child = node
    while child > 0:
        above = (child - 1) // 2
        j = feature[above]
        if child == 2 * above + 1:
            high[j] = min(high[j], cut[above] - 1)
        else:
            low[j] = max(low[j], cut[above] + 1)
        child = above
    left = np.flatnonzero(high >= low)
    if len(left) == 0:
        return -1, 0
    j = left[min(int(rng.random() * len(left)), len(left) - 1)]
    width = high[j] - low[j] + 1
    return j, low[j] + min(int(rng.random() * width), width - 1)


@_compiled
def evidence(count: float, total: float, variance: float, prior: float) -> float:
    """Log marginal density of a leaf's residuals, up to what all trees share."""
    shrunk = variance + count * prior
    found: float = 0.5 * np.log(variance / shrunk) + 0.5 * prior * total**2 / (variance * shrunk)
    return found


@_compiled
def halves(
    codes: Ranks, rest: Floats, leaf: Leaves, first: int, last: int, j: int, c: int
) -> tuple[float, float, float, float]:
    """Count rows and sum residuals on both sides of a rule, of rows in leaves first to last."""
    n_left, n_right, left, right = 0.0, 0.0, 0.0, 0.0
    for row in range(len(rest)):
        if first <= leaf[row] <= last:
            if codes[j, row] <= c:
                n_left, left = n_left + 1.0, left + rest[row]
            else:
                n_right, right = n_right + 1.0, right + rest[row]
    return n_left, left, n_right, right


@_compiled
def split_evidence(
    parts: tuple[float, float, float, float], variance: float, prior: float
) -> float:
    """Log evidence of two leaves; minus infinity if one has too few rows."""
    n_left, left, n_right, right = parts
    if n_left < LEAST or n_right < LEAST:
        return -np.inf
    found: float = evidence(n_left, left, variance, prior)
    return found + evidence(n_right, right, variance, prior)


@_compiled
def log_odds(depth: int, alpha: float, beta: float) -> float:
    """Log prior odds of a split at this depth over a leaf, its children being leaves."""
    here, below = alpha * (1.0 + depth) ** -beta, alpha * (2.0 + depth) ** -beta
    if depth + 1 >= DEPTH:
        below = 0.0
    found: float = np.log(here) - np.log1p(-here) + 2.0 * np.log1p(-below)
    return found


@_compiled
def send(codes: Ranks, leaf: Leaves, first: int, last: int, node: int, j: int, c: int) -> None:
    """Send rows in leaves first to last to the children of a node."""
    for row in range(len(leaf)):
        if first <= leaf[row] <= last:
            leaf[row] = 2 * node + 1 if codes[j, row] <= c else 2 * node + 2


@_compiled
def grow(
    codes: Ranks, rest: Floats, tree: Tree, cuts: Codes, scales: Scales, rng: np.random.Generator
) -> None:
    """Try to split a leaf."""
    feature, cut, leaf = tree
    variance, prior, alpha, beta = scales
    leaves = nodes_to_grow(feature)
    if len(leaves) == 0:
        return
    node = leaves[min(int(rng.random() * len(leaves)), len(leaves) - 1)]
    j, c = draw_rule(feature, cut, cuts, node, rng)
    if j < 0:
        return
    parts = halves(codes, rest, leaf, node, node, j, c)
    gain = split_evidence(parts, variance, prior) - evidence(
        parts[0] + parts[2], parts[1] + parts[3], variance, prior
    )
    feature[node] = j
    back = len(nodes_to_prune(feature))
    gain += log_odds(ABOVE[node], alpha, beta) + np.log(len(leaves) / back)
    if np.log(rng.random()) < gain:
        cut[node] = c
        send(codes, leaf, node, node, node, j, c)
    else:
        feature[node] = -1


@_compiled
def prune(codes: Ranks, rest: Floats, tree: Tree, scales: Scales, rng: np.random.Generator) -> None:
    """Try to take a split back."""
    feature, cut, leaf = tree
    variance, prior, alpha, beta = scales
    splits = nodes_to_prune(feature)
    if len(splits) == 0:
        return
    node = splits[min(int(rng.random() * len(splits)), len(splits) - 1)]
    j = feature[node]
    first, last = 2 * node + 1, 2 * node + 2
    parts = halves(codes, rest, leaf, first, last, j, cut[node])
    gain = evidence(parts[0] + parts[2], parts[1] + parts[3], variance, prior) - split_evidence(
        parts, variance, prior
    )
    feature[node] = -1
    back = len(nodes_to_grow(feature))
    gain += np.log(len(splits) / back) - log_odds(ABOVE[node], alpha, beta)
    if np.log(rng.random()) < gain:
        for row in range(len(leaf)):
            if first <= leaf[row] <= last:
                leaf[row] = node
    else:
        feature[node] = j


@_compiled
def change(
    codes: Ranks, rest: Floats, tree: Tree, cuts: Codes, scales: Scales, rng: np.random.Generator
) -> None:
    """Try another rule at a split whose children are both leaves."""
    feature, cut, leaf = tree
    splits = nodes_to_prune(feature)
    if len(splits) == 0:
        return
    node = splits[min(int(rng.random() * len(splits)), len(splits) - 1)]
    j, c = draw_rule(feature, cut, cuts, node, rng)
    first, last = 2 * node + 1, 2 * node + 2
    new = split_evidence(halves(codes, rest, leaf, first, last, j, c), scales[0], scales[1])
    old = halves(codes, rest, leaf, first, last, feature[node], cut[node])
    if np.log(rng.random()) < new - split_evidence(old, scales[0], scales[1]):
        feature[node], cut[node] = j, c
        send(codes, leaf, first, last, node, j, c)


@_compiled
def draw_values(
    rest: Floats,
    leaf: Leaves,
    value: Floats,
    variance: float,
    prior: float,
    rng: np.random.Generator,
) -> None:
    """Draw the value of every leaf from its normal conditional."""
    count, total = np.zeros(NODES), np.zeros(NODES)
    for row in range(len(rest)):
        count[leaf[row]] += 1.0
        total[leaf[row]] += rest[row]
    for node in range(NODES):
        value[node] = 0.0
        if count[node] > 0:
            precision = count[node] / variance + 1.0 / prior
            mean = total[node] / variance / precision
            value[node] = mean + rng.standard_normal() / np.sqrt(precision)


@_compiled
def exchange(rest: Floats, old: Floats, old_leaf: Leaves, new: Floats, new_leaf: Leaves) -> None:
    """Take one tree from the residuals and give another's back."""
    for row in range(len(rest)):
        rest[row] += new[new_leaf[row]] - old[old_leaf[row]]


@_compiled
def step(
    codes: Ranks, rest: Floats, tree: Tree, cuts: Codes, scales: Scales, rng: np.random.Generator
) -> None:
    """Try one of the moves."""
    move = rng.random()
    if move < GROW:
        grow(codes, rest, tree, cuts, scales, rng)
    elif move < PRUNE:
        prune(codes, rest, tree, scales, rng)
    else:
        change(codes, rest, tree, cuts, scales, rng)


@_compiled
def sweep(
    codes: Ranks,
    rest: Floats,
    trees: tuple[Small, Codes, Leaves, Floats],
    cuts: Codes,
    scales: Scales,
    rng: np.random.Generator,
) -> None:
    """Move every tree, in place.

    Parameters
    ----------
    codes : ndarray, shape (p, n)
        Ranks of the predictors.
    rest : ndarray, shape (n,)
        Residuals; they are kept up to date.
    trees : tuple of ndarray
        Predictor of each split (m, NODES), -1 for leaves, its cut, the leaf of each row (m, n),
        and the values of leaves (m, NODES).
    cuts : ndarray, shape (p,)
        Number of cuts of each predictor.
    scales : tuple of float
        Residual variance, prior variance of a leaf's value, alpha and beta.
    rng : numpy.random.Generator
        Source of randomness.
    """
    last = len(trees[0]) - 1
    for row in range(len(rest)):
        rest[row] += trees[3][0][trees[2][0][row]]
    for t in range(last + 1):
        tree, value = (trees[0][t], trees[1][t], trees[2][t]), trees[3][t]
        for _ in range(STEPS):
            step(codes, rest, tree, cuts, scales, rng)
        draw_values(rest, tree[2], value, scales[0], scales[1], rng)
        if t < last:
            exchange(rest, value, tree[2], trees[3][t + 1], trees[2][t + 1])
    for row in range(len(rest)):
        rest[row] -= trees[3][last][trees[2][last][row]]
