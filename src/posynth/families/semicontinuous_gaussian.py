r"""Spikes and a normal slab: as ``semicontinuous``, for columns of both signs.

.. math:: P(y = s_k) = \pi_k, \quad
    y \mid \text{off the spikes} \sim N(m + s(\alpha + X\beta), s\sigma)

Priors as in ``semicontinuous``, with m and s the mean and sd of y off the spikes. Option
``spikes`` lists the values; 0 alone by default.

References
----------
Olsen, M. K. and Schafer, J. L. (2001). A two-part random-effects model for semicontinuous
longitudinal data. Journal of the American Statistical Association 96(454), 730-745.
"""

from typing import TYPE_CHECKING

from posynth.chain.facts import FamilyFacts
from posynth.families.base import Design, Family, Priors, Response
from posynth.families.semicontinuous import SCALES, contents, write
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    return write(contents(design, response, priors), pm.Normal.dist)


FAMILY = Family(
    FamilyFacts(
        name="semicontinuous_gaussian",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT}),
        summary="spikes with multinomial logit shares, and a linear regression off them",
        priors={"weak": SCALES},
        response="natural",
        support="spiked",
        options={"spikes": 0.0},
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
