r"""Linear regression with random intercepts.

.. math:: y_i \sim N(\alpha + x_i\beta + u_{g(i)}, \sigma), \quad u_j \sim N(0, \tau)

on the standardised response and standardised predictors, one :math:`\sigma` for all groups.
Prior: :math:`\alpha, \beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)` as in ``gaussian``, and
:math:`\tau \sim Exp(1)`, whose density at zero lets groups not differ at all.

References
----------
Gelman, A. and Hill, J. (2007). Data Analysis Using Regression and Multilevel Models, chapter 12.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.grouped import grouped_contents, grouped_line

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = grouped_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        line = grouped_line(data)
        sigma = pm.Exponential("sigma", data["prior_sigma"])
        pm.Normal("response", line, sigma, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="gaussian_ml",
        kinds=NUMERIC,
        summary="linear regression with random intercepts, y ~ N(alpha + X beta + u_group, sigma)",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "tau": 1.0, "sigma": 1.0}},
        response="standardised",
        design="grouped",
        exact="mixed",
        exact_priors=("weak",),
    ),
    build,
    contents=grouped_contents,
)
