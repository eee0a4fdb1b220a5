"""Validity studies: whether intervals from the copies cover, and posteriors are calibrated."""

from posynth.evaluation.validity.design import design_study
from posynth.evaluation.validity.holes import Hole
from posynth.evaluation.validity.plots import plot_coverage, plot_zip
from posynth.evaluation.validity.population import Finite, Predictive, Prior, Simulator
from posynth.evaluation.validity.run import run_study
from posynth.evaluation.validity.study import Analysis, Study
from posynth.evaluation.validity.study_file import read_study
from posynth.evaluation.validity.summary import Validity
from posynth.evaluation.validity.verdict import verdicts

__all__ = [
    "Analysis",
    "Finite",
    "Hole",
    "Predictive",
    "Prior",
    "Simulator",
    "Study",
    "Validity",
    "design_study",
    "plot_coverage",
    "plot_zip",
    "read_study",
    "run_study",
    "verdicts",
]
