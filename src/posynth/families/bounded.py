r"""Normal regression truncated to the bounds that rules leave in each row.

.. math:: y_i \sim N(\alpha + x_i\beta, \sigma) \text{ given } l_i \le y_i \le u_i

on the standardised response, with :math:`\alpha \sim N(0, 2.5)`,
:math:`\beta_j \sim N(0, 2.5)`, :math:`\sigma \sim Exp(1)`: the priors of ``gaussian``. The first
two columns of X are l and u, the others the predictors.
"""

from typing import TYPE_CHECKING

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
from posynth.families.truncated import observed
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds; X has the bounds before the predictors."""
    held = regression_contents(design, response, priors)
    return Contents({**held.data, "X": (design.X, ("row", "column"))}, held.coords)


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model."""
    import pymc as pm

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        data = held.declare()
        X = data["X"]
        observed(data, weak_line({**data, "X": X[:, 2:]}), X[:, 0], X[:, 1])
    return model


FAMILY = Family(
    FamilyFacts(
        name="bounded",
        kinds=frozenset({Kind.CONTINUOUS, Kind.COUNT, Kind.DATE}),
        summary="normal regression truncated to the bounds that rules leave in each row",
        priors={"weak": {"intercept": 2.5, "slope": 2.5, "sigma": 1.0}},
        response="standardised",
        design="bounded",
        stated_priors=("weak",),
    ),
    build,
    contents=contents,
)
