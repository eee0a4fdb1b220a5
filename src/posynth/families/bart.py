r"""Bayesian additive regression trees: a sum of many small trees, and normal noise or a probit.

.. math:: y = c + \sum_{t=1}^{m} g(x; T_t, M_t) + \varepsilon,\quad \varepsilon \sim N(0, \sigma^2),
    \qquad\text{or}\qquad P(y = 1) = \Phi\Bigl(c + \sum_t g(x; T_t, M_t)\Bigr)

with c the mean of y, or the probit of the share of ones. A priori (section 2.2 of the paper) a
node at depth d is split with probability :math:`\alpha (1 + d)^{-\beta}`, by a predictor and a cut
that are each as probable as the others left; a leaf's value is :math:`N(0, (3 / k)^2 / m)`, y in
units of its sd; and :math:`\sigma^2 \sim \nu\lambda/\chi^2_\nu`, with :math:`\lambda` such that
sigma is below the residual sd of least squares with probability q. Defaults are the paper's,
:math:`\alpha = .95, \beta = 2, k = 2, \nu = 3, q = .9`, with 200 trees. Leaves
have at least 5 rows and lie at most 6 splits deep.

Interactions and curves are found without being told; what no tree has seen is taken as constant.
A posterior holds splits, which stand midway between neighbouring values of a predictor and at least
5 rows from each other, at most 100 of them, and values of leaves, each one draw given several rows;
no row is kept.

References
----------
Chipman, H. A., George, E. I. and McCulloch, R. E. (2010). BART: Bayesian additive regression
trees. Annals of Applied Statistics 4(1), 266-298.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.errors import FitError
from posynth.families.base import Family, Floats, without_model
from posynth.table.schema import Kind


def sum_of_trees(trees: Mapping[str, Any], X: Floats) -> Floats:
    """Add up the leaves that rows end in.

    Parameters
    ----------
    trees : Mapping
        ``feature``, ``threshold``, ``left``, ``right`` and ``value``, each (m, nodes).
    X : ndarray, shape (k, p)
        Rows.

    Returns
    -------
    ndarray, shape (k,)
    """
    left, right = trees["left"].astype(np.int64), trees["right"].astype(np.int64)
    feature, total = trees["feature"].astype(np.int64), np.zeros(len(X))
    for t, threshold in enumerate(trees["threshold"]):
        node, moving = np.zeros(len(X), dtype=np.int64), np.arange(len(X))
        for _ in range(left.shape[1] + 1):
            if not (moving := moving[left[t, node[moving]] >= 0]).size:
                break
            at = node[moving]
            below = X[moving, feature[t, at]] <= threshold[at]
            node[moving] = np.where(below, left[t, at], right[t, at])
        if moving.size:  # only of a stored tree that was damaged
            raise FitError("a tree leads back to itself; fit again")
        total += trees["value"][t, node]
    return total


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Draw a number, or 0 or 1, for every row."""
    mean = parameters["center"] + sum_of_trees(parameters, X)
    noise = rng.standard_normal(len(X))
    if "sigma" in parameters:
        drawn: Floats = mean + parameters["sigma"] * noise
        return drawn
    positive: Floats = (mean + noise > 0).astype(np.float64)
    return positive


FAMILY: Family = without_model(
    FamilyFacts(
        name="bart",
        kinds=NUMERIC | {Kind.BINARY},
        summary="Bayesian additive regression trees, normal noise or a probit",
        priors={
            "trees": {"trees": 200.0, "alpha": 0.95, "beta": 2.0, "k": 2.0, "nu": 3.0, "q": 0.9},
        },
        response="standardised",
        fitted_by="backfitting",
        chain="backfitting",
    ),
    None,
    draw,
)
