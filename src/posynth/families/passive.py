"""A column computed from others, ``bmi = weight / (height / 100) ** 2``: no parameter, no noise.

Passive imputation of ``mice`` (``~ I(...)``) and ``syn.passive`` of synthpop: the rule is applied
to the values already drawn, so that it holds in every row of every copy. Given its sources the
column has no uncertainty of its own, and draws are as proper as those of its sources.

References
----------
van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 6.4.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.families.base import Design, Floats, Priors, Response, without_model


def fit(
    design: Design, response: Response, scales: Priors, size: int, rng: np.random.Generator
) -> Mapping[str, Any]:
    """Return no parameter: there is none."""
    return {}


def draw(parameters: Mapping[str, Any], X: Floats, rng: np.random.Generator) -> Floats:
    """Return the computed values: the only column of a passive conditional's design."""
    return X[:, 0]


FAMILY = without_model(
    FamilyFacts(
        name="passive",
        kinds=NUMERIC | CATEGORICAL,
        summary="computed from other columns by a rule, never modelled",
        priors={"none": {}},
        response="natural",
        fitted_by="its rule",
        options={"violations": 0.01},
    ),
    fit,
    draw,
)
