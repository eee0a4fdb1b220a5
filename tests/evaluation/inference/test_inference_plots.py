import subprocess
import sys

import numpy as np
import pytest

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.compare import compare_fits
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.plots import plot_agreement


@pytest.fixture
def agreement():
    original = Estimate(("a", "b"), [1.0, 2.0], np.diag([0.04, 0.25]))
    copy = Estimate(("a", "b"), [1.2, 3.0], np.diag([0.04, 0.16]))
    return compare_fits([copy], original, Provenance(n=100, k=100, m=1))


def test_points_are_a_standardised_difference_apart(agreement):
    axes = plot_agreement(agreement)
    original, synthetic = (container.lines[0].get_xdata() for container in axes.containers)
    assert np.asarray(original) == pytest.approx([5.0, 4.0])
    gap = np.asarray(synthetic) - np.asarray(original)
    assert gap == pytest.approx(agreement.table["std diff"].to_numpy())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_legend_handles_labels()[1] == [
        "original, 95% interval",
        "synthetic, 95% interval",
    ]


def test_bars_are_the_intervals(agreement):
    axes = plot_agreement(agreement)
    (bars,) = axes.containers[1].lines[2]
    left, right = bars.get_segments()[1][:, 0]
    assert (left, right) == (
        pytest.approx(6 - 1.96 * 0.8, abs=1e-3),
        pytest.approx(6 + 1.568, abs=1e-3),
    )


def test_an_axes_of_the_callers_is_used(agreement):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot_agreement(agreement, ax) is ax


def test_the_room_is_imported_without_heavy_packages():
    heavy = ("pymc", "matplotlib", "statsmodels", "arviz", "xarray")
    code = (
        f"import posynth.evaluation.inference, sys; print([m for m in {heavy} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
