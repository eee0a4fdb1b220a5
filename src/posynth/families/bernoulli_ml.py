r"""Logistic regression with random intercepts and slopes.

.. math:: logit P(y_i = 1) = \alpha + x_i\beta + w_i' u_{g(i)}, \quad
    u_j \sim N(0, diag(\tau) R\, diag(\tau))

with :math:`\alpha \sim N(0, 5)` and :math:`\beta_j \sim N(0, 2.5)` as in ``bernoulli``, and
:math:`\tau_k \sim Exp(1)`, :math:`R \sim LKJ(2)`; w as in ``gaussian_ml``. Without slopes the
effects of groups are integrated out by quadrature and drawn given the rest
(``engines.integrated``); with slopes all parameters are sampled together, which takes minutes
where groups are many.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.grouped import grouped_contents, grouped_line
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = grouped_contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        pm.Bernoulli("response", logit_p=grouped_line(data), observed=data["y"], dims="row")
    return model


FAMILY = Family(
    FamilyFacts(
        name="bernoulli_ml",
        kinds=frozenset({Kind.BINARY}),
        summary="logistic regression with random intercepts and slopes, "
        "logit P(y = 1) = alpha + X beta + W u_group",
        priors={"weak": {"intercept": 5.0, "slope": 2.5, "tau": 1.0, "lkj": 2.0}},
        design="grouped",
        sampler="integrated",
        sampler_slopes=0,
        stated_priors=("weak",),
    ),
    build,
    contents=grouped_contents,
)
