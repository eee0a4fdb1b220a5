r"""Linear regression with random intercepts and slopes, and a spread of each group's own.

.. math:: y_i \sim N(\alpha + x_i\beta + w_i' u_{g(i)}, \sigma_{g(i)}), \quad
    u_j \sim N(0, diag(\tau) R\, diag(\tau)), \quad \log\sigma_j \sim N(\log\sigma, \omega)

as ``mice.impute.2l.norm``, whose :math:`\sigma_j^2` vary too, by an inverse gamma in place of the
lognormal. Prior: as in ``gaussian_ml``, and :math:`\omega \sim Exp(2)`, whose density at zero lets
all groups have one spread; :math:`\log\sigma_j = \log\sigma + \omega v_j` with :math:`v_j \sim
N(0, 1)`.

References
----------
Kasim, R. M. and Raudenbush, S. W. (1998). Application of Gibbs sampling to nested variance
components models with heterogeneous within-group variance. Journal of Educational and Behavioral
Statistics 23, 93-116.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import NUMERIC, FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.grouped import group_of, grouped_contents, grouped_line

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
        omega = pm.Exponential("omega", data["prior_omega"])
        v = pm.Normal("v", 0.0, 1.0, dims="group")
        spread = sigma * pm.math.exp(omega * v)[group_of(data)]
        pm.Normal("response", line, spread, observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="location_scale_ml",
        kinds=NUMERIC,
        summary="linear regression with random intercepts and slopes and a spread of each group's "
        "own, y ~ N(alpha + X beta + W u_group, sigma_group)",
        priors={
            "weak": {
                "intercept": 2.5,
                "slope": 2.5,
                "tau": 1.0,
                "lkj": 2.0,
                "sigma": 1.0,
                "omega": 2.0,
            }
        },
        response="standardised",
        design="grouped",
        sampler="gibbs",
        stated_priors=("weak",),
    ),
    build,
    contents=grouped_contents,
)
