r"""Cumulative probit regression: an ordinal column as a normal variable cut into levels.

.. math:: P(y \le k) = \Phi(c_k - X\beta), \qquad c_1 < \ldots < c_{K-1}

Priors, and ``stick`` for the cutpoints, as in ``ordinal``: :math:`\beta_j \sim N(0, 2.5)`, and
the probabilities of the levels at X = 0 are Dirichlet(1, ..., 1).

References
----------
Albert, J. H. and Chib, S. (1993). Bayesian analysis of binary and polychotomous response data.
Journal of the American Statistical Association 88(422), 669-679.
"""

from typing import TYPE_CHECKING, Any

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.ordinal import contents, cumulative
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

ROOT = 2.0**0.5


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm
    import pytensor.tensor as pt

    def quantile(log_tail: Any) -> Any:
        return ROOT * pt.erfcinv(2 * pt.exp(log_tail))

    def log_tail(x: Any) -> Any:
        # log P(z > x) for z standard normal; each branch sees only the x it is accurate for
        far = pt.log(pt.erfcx(pt.maximum(x, 0.0) / ROOT) / 2) - pt.maximum(x, 0.0) ** 2 / 2
        return pt.switch(x > 0, far, pt.log1p(-pt.erfc(-pt.minimum(x, 0.0) / ROOT) / 2))

    def log_mass(lower: Any, upper: Any) -> Any:
        # The interval is mirrored into the upper half, where tails lose no digits.
        mirror = lower + upper < 0
        near, beyond = pt.switch(mirror, -upper, lower), pt.switch(mirror, -lower, upper)
        most = log_tail(near)
        return most + pt.log1mexp(log_tail(beyond) - most)

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        cumulative(held.declare(), quantile, log_mass)
    return model


FAMILY = Family(
    FamilyFacts(
        name="ordinal_probit",
        kinds=frozenset({Kind.ORDINAL}),
        summary="cumulative probit regression, P(y <= k) = Phi(c_k - X beta)",
        priors={"weak": {"slope": 2.5, "level": 1.0}},
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
