r"""Binomial regression for counts out of a known number of trials.

.. math:: y \sim Binomial(N, p), \quad logit\,p = \alpha + X\beta

on standardised predictors, with :math:`\alpha \sim N(0, 5)` and :math:`\beta_j \sim N(0, 2.5)`,
the priors of ``bernoulli``. Option ``trials`` is N, the same for every row.

References
----------
McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, 2nd edition, chapter 4. Gelman,
A., Jakulin, A., Pittau, M. G. and Su, Y.-S. (2008). Annals of Applied Statistics 2(4), 1360-1383.
"""

from typing import TYPE_CHECKING

import numpy as np

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    weak_line,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and the number of trials."""
    held = regression_contents(design, response, priors)
    trials = np.asarray(response.options["trials"], dtype=np.int64)
    return Contents({**held.data, "trials": (trials, ())}, held.coords)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        eta = weak_line(data)
        pm.Binomial("response", data["trials"], logit_p=eta, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="binomial",
        kinds=frozenset({Kind.COUNT}),
        summary="binomial regression, logit of the success probability = alpha + X beta",
        priors={"weak": {"intercept": 5.0, "slope": 2.5}},
        response="natural",
        support="trials",
        options={"trials": None},
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
