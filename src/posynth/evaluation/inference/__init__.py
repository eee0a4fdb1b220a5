"""What inferences from the copies are worth: pool estimates, explain the rule, compare.

Estimates of every copy (``fit_copies``) and the provenance of the copies give one inference
(``pool``), whose rule is chosen and explained (``choose``); ``compare_fits`` lays it beside the
fit to the original rows, ``mix_posteriors`` serves Bayesian analysts.
"""

from posynth.evaluation.inference.catalogue import RULES, rule_named
from posynth.evaluation.inference.choose import Choice, choices, choose
from posynth.evaluation.inference.clusters import Clusters
from posynth.evaluation.inference.compare import Agreement, compare_analysis, compare_fits
from posynth.evaluation.inference.direct import fit_direct
from posynth.evaluation.inference.estimates import Estimate, combine_imputations, fit_copies
from posynth.evaluation.inference.given_estimates import pool_estimates
from posynth.evaluation.inference.mix import mix_posteriors, mixing_inflation
from posynth.evaluation.inference.models import fit_statsmodels
from posynth.evaluation.inference.moments import Moments
from posynth.evaluation.inference.plots import plot_agreement
from posynth.evaluation.inference.pool import Pooled, pool
from posynth.evaluation.inference.rule import Rule
from posynth.evaluation.inference.rules import Spread
from posynth.evaluation.inference.tables import correlation, mean, proportion, quantile

__all__ = [
    "RULES",
    "Agreement",
    "Choice",
    "Clusters",
    "Estimate",
    "Moments",
    "Pooled",
    "Rule",
    "Spread",
    "choices",
    "choose",
    "combine_imputations",
    "compare_analysis",
    "compare_fits",
    "correlation",
    "fit_copies",
    "fit_direct",
    "fit_statsmodels",
    "mean",
    "mix_posteriors",
    "mixing_inflation",
    "plot_agreement",
    "pool",
    "pool_estimates",
    "proportion",
    "quantile",
    "rule_named",
]
