"""Proper synthetic copies of a confidential table, and what they are good for.

describe (what each column is) -> specify (a chain of conditionals, each a PyMC model) -> fit
(posterior draws and diagnostics) -> synthesize (m copies, each from its own posterior draw) ->
evaluate (utility and disclosure), pool (valid inference) and write_report (one page).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posynth.copies.combine import combined as combined
    from posynth.copies.container import Copies as Copies
    from posynth.copies.drawing import draw as draw
    from posynth.copies.reading import load_copies as load_copies
    from posynth.errors import DiagnosticWarning as DiagnosticWarning
    from posynth.evaluation.inference.clusters import Clusters as Clusters
    from posynth.evaluation.inference.estimates import Estimate as Estimate
    from posynth.evaluation.inference.given_estimates import pool_estimates as pool_estimates
    from posynth.evaluation.inference.rule import Rule as Rule
    from posynth.evaluation.validity.design import design_study as design_study
    from posynth.evaluation.validity.ecdf import plot_calibration as plot_calibration
    from posynth.evaluation.validity.plots import plot_coverage as plot_coverage
    from posynth.evaluation.validity.plots import plot_zip as plot_zip
    from posynth.evaluation.validity.study import Analysis as Analysis
    from posynth.evaluation.validity.study import Study as Study
    from posynth.families.bambi import from_bambi as from_bambi
    from posynth.families.listing import list_families as list_families
    from posynth.families.methods import methods as methods
    from posynth.families.own import conditional as conditional
    from posynth.judge import compare as compare
    from posynth.judge import evaluate as evaluate
    from posynth.judge import pool as pool
    from posynth.material import lay_beside as lay_beside
    from posynth.posterior.bound import Chain as Chain
    from posynth.posterior.checks import check_conditionals as check_conditionals
    from posynth.posterior.predictive import log_likelihood as log_likelihood
    from posynth.posterior.predictive import posterior_predictive as posterior_predictive
    from posynth.posterior.predictive import prior_predictive as prior_predictive
    from posynth.posterior.record import Posterior as Posterior
    from posynth.posterior.store import load_posterior as load_posterior
    from posynth.posterior.store import save_posterior as save_posterior
    from posynth.releasing import release as release
    from posynth.reporting import write_report as write_report
    from posynth.results import Evaluation as Evaluation
    from posynth.studies import exchangeable as exchangeable
    from posynth.studies import sbc as sbc
    from posynth.studies import validity as validity
    from posynth.synthesizer import describe as describe
    from posynth.synthesizer import fit as fit
    from posynth.synthesizer import load_heart_failure as load_heart_failure
    from posynth.synthesizer import specify as specify
    from posynth.synthesizer import synthesize as synthesize
    from posynth.table.io import read_table as read_table

__version__ = "0.1.0"

# Names are resolved on first use: `import posynth` must not wait for pandas.
_HOME = {
    "check_conditionals": "posynth.posterior.checks",
    "Analysis": "posynth.evaluation.validity.study",
    "Chain": "posynth.posterior.bound",
    "Clusters": "posynth.evaluation.inference.clusters",
    "Copies": "posynth.copies.container",
    "DiagnosticWarning": "posynth.errors",
    "Posterior": "posynth.posterior.record",
    "combined": "posynth.copies.combine",
    "compare": "posynth.judge",
    "conditional": "posynth.families.own",
    "Estimate": "posynth.evaluation.inference.estimates",
    "Rule": "posynth.evaluation.inference.rule",
    "Study": "posynth.evaluation.validity.study",
    "describe": "posynth.synthesizer",
    "design_study": "posynth.evaluation.validity.design",
    "draw": "posynth.copies.drawing",
    "evaluate": "posynth.judge",
    "Evaluation": "posynth.results",
    "list_families": "posynth.families.listing",
    "exchangeable": "posynth.studies",
    "fit": "posynth.synthesizer",
    "from_bambi": "posynth.families.bambi",
    "lay_beside": "posynth.material",
    "load_copies": "posynth.copies.reading",
    "load_heart_failure": "posynth.synthesizer",
    "load_posterior": "posynth.posterior.store",
    "log_likelihood": "posynth.posterior.predictive",
    "posterior_predictive": "posynth.posterior.predictive",
    "prior_predictive": "posynth.posterior.predictive",
    "plot_calibration": "posynth.evaluation.validity.ecdf",
    "plot_coverage": "posynth.evaluation.validity.plots",
    "plot_zip": "posynth.evaluation.validity.plots",
    "methods": "posynth.families.methods",
    "pool": "posynth.judge",
    "pool_estimates": "posynth.evaluation.inference.given_estimates",
    "read_table": "posynth.table.io",
    "release": "posynth.releasing",
    "save_posterior": "posynth.posterior.store",
    "sbc": "posynth.studies",
    "specify": "posynth.synthesizer",
    "synthesize": "posynth.synthesizer",
    "validity": "posynth.studies",
    "write_report": "posynth.reporting",  # `report` is the room
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - names come from the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'posynth' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
