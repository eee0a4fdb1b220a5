r"""Random forests under the Bayesian bootstrap, with smoothed leaves.

Every posterior draw weights the rows by :math:`w \sim n\,Dirichlet(1, \ldots, 1)` and grows 10
trees, each on n rows drawn with probabilities w/n and, at every split, on a random share of the
predictors. A synthetic row takes one of the trees at random and a value from its leaf, as
``mice.impute.rf`` takes a donor; leaves are those of ``cart`` and keep no row. Copies differ by the
weights, so intervals are approximately right; trees within a copy differ by resampling besides,
which blurs what a single tree would sharpen.

References
----------
Doove, L. L., van Buuren, S. and Dusseldorp, E. (2014). Recursive partitioning for missing data
imputation in the presence of interaction effects. Computational Statistics & Data Analysis 72,
92-104.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.cuts import Binned
from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model
from posynth.families.cart import grown, leaf_of, padded
from posynth.families.leaf import SHARED, atoms_of, draw_leaves, scale_of, shared_by_draws


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return ``size`` forests, their trees padded to the largest of all."""
    n, count = len(response.y), round(scales["trees"])
    atoms, trees = atoms_of(response), []
    scale = scale_of(response, atoms)
    binned = Binned.of(design.X, scales["apart"])
    for _ in range(size):
        share = rng.standard_exponential(n)
        share /= share.sum()
        for seed in rng.integers(0, 2**31, count):
            weight = rng.multinomial(n, share).astype(np.float64)
            trees.append(grown(binned, response, (atoms, scale), scales, weight, int(seed)))
    shared = shared_by_draws(atoms, scale, size)
    stacked = {name: padded([tree[name] for tree in trees]) for name in trees[0]}
    return {name: a.reshape(size, count, *a.shape[1:]) for name, a in stacked.items()} | shared


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Draw a value from the leaf of every row in a tree of its own."""
    chosen = rng.integers(0, len(parameters["left"]), len(X))
    drawn = np.empty(len(X))
    for number in np.unique(chosen):
        rows = chosen == number
        tree = {name: a if name in SHARED else a[number] for name, a in parameters.items()}
        drawn[rows] = draw_leaves(tree, leaf_of(tree, X[rows]), rng)
    return drawn


FAMILY = without_model(
    FamilyFacts(
        name="forest",
        kinds=NUMERIC | CATEGORICAL,
        summary="random forest under the Bayesian bootstrap, smoothed leaves",
        priors={
            "bootstrap": {
                "trees": 10.0,
                "share": 1 / 3,
                "leaf": 5.0,
                "apart": 5.0,
                "complexity": 1e-4,
            },
        },
        response="natural",
        fitted_by="bootstrap",
    ),
    fit,
    draw,
)
