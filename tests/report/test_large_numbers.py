"""Very large and very small estimates are read whole beside their names, in 100 columns."""

import io

import numpy as np
import pandas as pd
from rich.console import Console

import posynth
from posynth.readout import print_grid
from posynth.report import risk_tables
from posynth.report.grid import scaled


def test_names_and_whole_numbers_fit_a_terminal():
    rng = np.random.default_rng(4)
    frames = []
    for _ in range(3):
        tiny = 1e-9 * rng.normal(5, 1, 80)
        frames.append(pd.DataFrame({"tiny": tiny, "big": 1e20 * tiny + 1e11 * rng.normal(size=80)}))
    pooled = posynth.pool(frames, "ols", "big ~ tiny", n=80)
    out = io.StringIO()
    print_grid(Console(file=out, width=100), risk_tables.pooled(pooled))
    text = out.getvalue()
    assert "tiny" in text and "Intercept" in text and "…" not in text
    assert f"{pooled.table.loc['tiny', 'estimate']:.3e}" in text


def test_usual_numbers_keep_their_decimals():
    assert scaled([-1234.5, float("nan")], 1, 2.0) == ["−1,234.5", "–"]
    assert scaled([1e-8], 8, 1e-9) == ["1.000e-08"]
