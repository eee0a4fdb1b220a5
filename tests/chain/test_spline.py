"""Natural splines of scores: orthonormal, straight beyond the knots."""

import numpy as np
import pytest

from posynth.chain.spline import natural_spline

GRID = np.linspace(-8, 8, 20_001)
WEIGHTS = np.exp(-0.5 * GRID**2) / np.exp(-0.5 * GRID**2).sum()


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 6, 7, 8])
def test_columns_are_orthonormal_under_the_normal(columns):
    basis = natural_spline(GRID, columns)
    full = np.column_stack([np.ones(len(GRID)), basis])
    np.testing.assert_allclose(full.T @ (WEIGHTS[:, None] * full), np.eye(columns + 1), atol=1e-6)
    np.testing.assert_allclose(basis[:, 0], GRID, atol=1e-9)


@pytest.mark.parametrize("columns", [2, 4, 7])
def test_it_is_straight_beyond_the_outer_knots_and_bent_within(columns):
    for outside in (np.array([-5.0, -4.0, -3.0]), np.array([2.3, 3.5, 5.0])):
        curve = natural_spline(outside, columns)
        slope = np.diff(curve, axis=0) / np.diff(outside)[:, None]
        np.testing.assert_allclose(slope[0], slope[1], rtol=1e-8)
    assert (
        np.abs(np.diff(natural_spline(np.array([-1.0, 0.0, 1.0]), columns), 2, axis=0)).max() > 0.1
    )


def test_a_hole_stays_a_hole():
    assert np.isnan(natural_spline(np.array([np.nan, 0.0]), 3)).any(axis=1).tolist() == [
        True,
        False,
    ]
