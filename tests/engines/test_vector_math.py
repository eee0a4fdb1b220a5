"""Functions that run on several rows at a time say what NumPy and SciPy say."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import special

from posynth.engines.vector_math import vector_mode

EPS = np.finfo(float).eps
WIDE = np.concatenate([np.linspace(-750, 750, 40_001), np.geomspace(1e-300, 1, 2_000)])
POSITIVE = np.geomspace(5e-324, 1.7e308, 40_001)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])


def _log1mexp(x: np.ndarray) -> np.ndarray:
    return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


CASES = {
    "exp": (pt.exp, np.exp, np.linspace(-707.9, 708.9, 40_001)),
    "expm1": (
        pt.expm1,
        np.expm1,
        np.concatenate([WIDE, -WIDE[40_001:]])[np.r_[WIDE, -WIDE[40_001:]] < 709],
    ),
    "log": (pt.log, np.log, POSITIVE),
    "sigmoid": (pt.sigmoid, special.expit, WIDE[WIDE > -700]),
    "softplus": (pt.softplus, lambda x: np.logaddexp(0, x), WIDE[WIDE > -700]),
    "log1mexp": (pt.log1mexp, _log1mexp, -WIDE[(WIDE > 1e-300) & (WIDE < 700)]),
}


def _compiled(function):
    x = pt.vector("x")
    return pytensor.function([x], function(x), mode=vector_mode())


@pytest.mark.parametrize("name", CASES)
def test_error_is_a_few_units_in_the_last_place(name: str) -> None:
    function, reference, points = CASES[name]
    with np.errstate(all="ignore"):
        found, expected = _compiled(function)(points), reference(points)
    np.testing.assert_allclose(found, expected, rtol=8 * EPS, atol=1e-307)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "sigmoid", "softplus"])
def test_special_values(name: str) -> None:
    function, reference, _ = CASES[name]
    with np.errstate(all="ignore"):
        expected = reference(SPECIAL)
    np.testing.assert_allclose(_compiled(function)(SPECIAL), expected, rtol=4 * EPS)


def test_beyond_the_range_of_numbers() -> None:
    np.testing.assert_array_equal(_compiled(pt.exp)(np.array([-745.0, 710.0])), [0.0, np.inf])


def test_they_stand_in_the_compiled_function() -> None:
    x = pt.vector("x")
    compiled = pytensor.function([x], pt.exp(x) + 1.0, mode=vector_mode())
    assert "vectorised_exp" in str(pytensor.dprint(compiled, file="str")).lower()
