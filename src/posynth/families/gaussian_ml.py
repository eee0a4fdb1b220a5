r"""Linear regression with random intercepts and slopes.

.. math:: y_i \sim N(\alpha + x_i\beta + w_i' u_{g(i)}, \sigma), \quad
    u_j \sim N(0, diag(\tau) R\, diag(\tau))

on the standardised response and standardised predictors, one :math:`\sigma` for all groups;
:math:`w_{i0} = 1`, further w are the predictors named in ``slopes``. Prior:
:math:`\alpha, \beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)` as in ``gaussian``,
:math:`\tau_k \sim Exp(1)`, whose density at zero lets groups not differ at all, and
:math:`R \sim LKJ(2)`. The posterior is drawn exactly (``engines.mixed``), except with two slopes.

The intraclass correlation of copies is that of the posterior predictive, not that of the source.
With 18 groups of 10 rows (reaction times of sleepstudy, source .395) its exact expectation is .388
where copies keep the groups and .398 where they are new: shrinkage and the skew of an uncertain
spread nearly cancel. A predictor that the source holds balanced within groups adds to it: days 0
to 9 were observed of every subject, copies draw them, so their mean differs between subjects and
the raw correlation becomes .418. What the model holds constant, the correlation given predictors,
is kept.

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
        summary="linear regression with random intercepts and slopes, "
        "y ~ N(alpha + X beta + W u_group, sigma)",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "tau": 1.0, "lkj": 2.0, "sigma": 1.0}},
        response="standardised",
        design="grouped",
        exact="mixed",
        exact_priors=("weak",),
        exact_slopes=1,
        sampler="gibbs",
        stated_priors=("weak",),
    ),
    build,
    contents=grouped_contents,
)
