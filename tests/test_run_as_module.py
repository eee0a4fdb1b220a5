"""``python -m posynth``, and models of a column that is named as the constant is."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "posynth", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert posynth.__version__ in done.stdout


def test_a_predictor_named_as_the_constant_is_named():
    rng = np.random.default_rng(1)
    frames = [pd.DataFrame(rng.normal(size=(50, 2)), columns=["Intercept", "y"]) for _ in range(2)]
    with pytest.raises(MeasureError, match="both named 'Intercept'; rename the column"):
        posynth.pool(frames, "ols", "y ~ Intercept", n=50)
