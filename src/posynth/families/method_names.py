"""What stands for what: the methods of mice and synthpop, and families by order of preference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Method:
    """A method's name and what stands for it.

    Attributes
    ----------
    name, package : str
        Its name, and whose it is.
    families : tuple of str
        Families that stand for it: the first that suits the column's kind is used.
    why : str
        How the two differ, and why it is proper or not.
    approximate : bool
        Whether draws carry parameter uncertainty only approximately.
    settings : Mapping
        What the conditional is told beside its family.
    """

    name: str
    package: str
    families: tuple[str, ...]
    why: str
    approximate: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


MICE, SYNTHPOP, BOTH = "mice", "synthpop", "mice and synthpop"
_GROUPS = ("gaussian_ml",)
_GROUPED_LOGIT = ("bernoulli_ml",)
_ASK = "write 2l.{}(new_groups=COLUMN) or (keep_groups=COLUMN), with slopes=A+B"
_SHRUNK = ("gaussian_horseshoe",)
_SHRUNK_LOGIT = ("bernoulli_horseshoe",)
_SELECTION = "horseshoe; mice selects first, which leaves the uncertainty of selection out"
_LASSO = "horseshoe with its posterior, where mice bootstraps a lasso"
_ROOT = "regression on a monotone scale learned from the column, in place of the {} root"
_FOREST = ("forest",)
_TREES = ("cart",)

METHODS = (
    Method(
        "pmm",
        MICE,
        ("pmm",),
        "posterior draw of the coefficients, donors as they are; copies values of the source",
        approximate=True,
    ),
    Method(
        "midastouch",
        MICE,
        ("midastouch",),
        "donors weighted by distance, on a bootstrap (outout = FALSE); copies values of the source",
        approximate=True,
    ),
    Method(
        "sample",
        BOTH,
        ("dirichlet", "cart"),
        "margin alone: Dirichlet for levels, smoothed Bayesian bootstrap (a tree of one leaf) for "
        "numbers; a plain resample would not be proper and would copy values",
        settings={"predictors": ()},
    ),
    Method(
        "cart",
        BOTH,
        _TREES,
        "Bayesian bootstrap of tree and leaves, where mice grows one tree; leaves are smoothed and "
        "copy no row",
        approximate=True,
    ),
    Method(
        "rf",
        BOTH,
        _FOREST,
        "10 resampled trees on Bayesian bootstrap weights a copy; leaves smoothed, no row copied",
        approximate=True,
    ),
    Method("mean", MICE, ("constant_mean",), "repeats the mean: no noise, no uncertainty"),
    Method("norm", BOTH, ("gaussian",), "posterior draw; prior 'jeffreys' is mice's own"),
    Method("norm.nob", MICE, ("gaussian_plugin",), "least squares and noise, parameters fixed"),
    Method("norm.boot", MICE, ("gaussian",), "a posterior draw replaces the bootstrap"),
    Method(
        "norm.predict", MICE, ("deterministic_mean",), "predicted mean: no noise, no uncertainty"
    ),
    Method("lasso.norm", MICE, _SHRUNK, _LASSO),
    Method("lasso.select.norm", MICE, _SHRUNK, _SELECTION),
    Method(
        "quadratic",
        MICE,
        ("gaussian",),
        "formula terms: formula = '. + I(x**2)' or '. + poly(x, 2)', computed from the drawn x; a "
        "square that is a column is passive = 'x ** 2'",
    ),
    Method(
        "ri",
        MICE,
        ("gaussian",),
        "copies reproduce holes and assume nothing of what they hide; where holes are imputed, a "
        "selection model states it: pool --impute 5 --selection COLUMN=LOG-ODDS, or --delta "
        "COLUMN=SHIFT; proper given that number, which mice estimates from normality alone",
    ),
    Method("logreg", BOTH, ("bernoulli",), "posterior draw, also under separation"),
    Method("logreg.boot", MICE, ("bernoulli",), "a posterior draw replaces the bootstrap"),
    Method("lasso.logreg", MICE, _SHRUNK_LOGIT, _LASSO),
    Method("lasso.select.logreg", MICE, _SHRUNK_LOGIT, _SELECTION),
    Method("polr", BOTH, ("ordinal",), "posterior draw; mice draws no parameters"),
    Method("polyreg", BOTH, ("categorical",), "posterior draw; mice draws no parameters"),
    Method(
        "lda",
        MICE,
        ("da",),
        "exact posterior draw, where predictors are normal within levels; mice draws no parameters",
    ),
    Method(
        "2l.norm",
        MICE,
        ("location_scale_ml",),
        "random intercepts and slopes, and a spread of each group's own; " + _ASK.format("norm"),
    ),
    Method(
        "2l.lmer",
        MICE,
        _GROUPS,
        "random intercepts and slopes; variances drawn, where lme4's may be fixed; "
        + _ASK.format("lmer"),
    ),
    Method(
        "2l.pan",
        MICE,
        _GROUPS,
        "random intercepts and slopes, correlated; " + _ASK.format("pan"),
    ),
    Method(
        "2l.bin",
        MICE,
        _GROUPED_LOGIT,
        "logistic regression with random intercepts and slopes; " + _ASK.format("bin"),
    ),
    Method(
        "2lonly.norm",
        MICE,
        ("gaussian",),
        "one row a group, drawn once a group; write 2lonly.norm(per_group=COLUMN); any family "
        "takes per_group",
        settings={"per_group": ""},
    ),
    Method(
        "2lonly.mean",
        MICE,
        ("gaussian", "bernoulli", "categorical"),
        "a column that is constant within groups is drawn once a group, where mice repeats the "
        "group's own value; write 2lonly.mean(per_group=COLUMN)",
        settings={"per_group": ""},
    ),
    Method(
        "2lonly.pmm",
        MICE,
        ("pmm",),
        "pmm on one row a group; write 2lonly.pmm(per_group=COLUMN)",
        settings={"per_group": ""},
        approximate=True,
    ),
    Method(
        "normrank",
        SYNTHPOP,
        ("gaussian",),
        "normal regression of scores, mapped to a smoothed margin",
        settings={"scale": "learned"},
    ),
    Method("lognorm", SYNTHPOP, ("lognormal",), "regression of the logarithm"),
    Method(
        "sqrtnorm",
        SYNTHPOP,
        ("gaussian",),
        _ROOT.format("square"),
        settings={"scale": "learned"},
    ),
    Method(
        "cubertnorm",
        SYNTHPOP,
        ("gaussian",),
        _ROOT.format("cube"),
        settings={"scale": "learned"},
    ),
    Method(
        "ctree",
        SYNTHPOP,
        _TREES,
        "trees by impurity, not by permutation tests; Bayesian bootstrap",
        approximate=True,
    ),
    Method(
        "bag",
        SYNTHPOP,
        _FOREST,
        "as rf; scales = {share = 1} makes it a bag",
        approximate=True,
    ),
    Method("ranger", SYNTHPOP, _FOREST, "as rf", approximate=True),
    Method(
        "nested",
        SYNTHPOP,
        ("dirichlet",),
        "levels within those of one predictor: name it alone in predictors",
    ),
    Method("catall", SYNTHPOP, ("dirichlet",), "saturated table: every cell its own probabilities"),
    Method(
        "ipf",
        SYNTHPOP,
        ("bernoulli", "categorical"),
        "logits of main effects: every two columns have an association of their own, as in the "
        "two-way margins that ipf fits by default; 'catall' is the saturated table",
    ),
    Method(
        "survctree",
        SYNTHPOP,
        ("weibull",),
        "time given the event or censoring that ended it, which is visited first; location and "
        "shape by regression in place of a tree",
    ),
    Method(
        "passive",
        SYNTHPOP,
        ("passive",),
        "a column computed from others by a rule, as passive = 'weight / height ** 2'",
    ),
)  # fmt: skip
