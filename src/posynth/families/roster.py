"""The wave of a repeated identifier, drawn with the ids: persons by visit, schools by pupil.

Which rows and waves an id of a copy has is drawn by the Bayesian bootstrap over the source's ids
(``table.roster``), before any other column: the probabilities of patterns are Dirichlet with the
numbers of ids that have them. Patterns of waves that a few ids have are replaced by as many waves
at random. The conditional itself has no parameter; its uncertainty is drawn anew in every copy.

References
----------
Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9, 130-134.
"""

from posynth.chain.facts import CATEGORICAL, NUMERIC, FamilyFacts
from posynth.families.base import without_model
from posynth.families.passive import draw, fit

FAMILY = without_model(
    FamilyFacts(
        name="roster",
        kinds=NUMERIC | CATEGORICAL,
        summary="wave of a repeated identifier, drawn with its ids by the Bayesian bootstrap",
        priors={"none": {}},
        response="natural",
        fitted_by="the roster",
    ),
    fit,
    draw,
)
