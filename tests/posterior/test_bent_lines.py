"""A line on the natural scale bends where curves or products raise its likelihood, else stays."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.posterior.structure import least_gain


def _table(rows, seed, mean, levels=False):
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((2, rows))
    g = rng.choice(["a", "b", "c"], rows)
    y = mean(x, z, g) + rng.standard_normal(rows)
    frame = pd.DataFrame({"x": x, "z": z, "y": y})
    return frame.assign(g=g)[["x", "z", "g", "y"]] if levels else frame


def test_a_product_that_a_line_lacks_is_found():
    frame = _table(400, 1, lambda x, z, g: 0.5 * (x + z) + 0.7 * x * z)
    found = posynth.specify(frame).spec["y"]
    assert (found.family, found.scale) == ("structured", "natural")
    assert found.interactions == (("x", "z"),)
    assert "bent: log Bayes factor" in found.note and "for x:z" in found.note


def test_a_square_that_a_line_lacks_is_found():
    found = posynth.specify(_table(400, 2, lambda x, z, g: x + 0.5 * x**2)).spec["y"]
    assert found.family == "structured" and found.splines >= 3 and not found.interactions
    assert "for x;" in found.note


def test_slopes_that_differ_between_levels_are_found():
    frame = _table(400, 3, lambda x, z, g: z + np.where(g == "c", x, -0.3 * x), levels=True)
    assert ("x", "g") in posynth.specify(frame).spec["y"].interactions


@pytest.mark.parametrize("seed", range(6))
def test_a_line_is_kept_where_it_holds(seed):
    frame = _table(200, seed, lambda x, z, g: 0.3 * x + z, levels=True)
    found = posynth.specify(frame, methods={"x": "gaussian", "z": "gaussian"}).spec["y"]
    assert (found.family, found.interactions) == ("gaussian", ())


def test_a_family_that_was_asked_for_is_kept():
    frame = _table(400, 1, lambda x, z, g: x * z)
    assert posynth.specify(frame, methods={"y": "gaussian"}).spec["y"].family == "gaussian"


def test_few_rows_keep_their_line():
    found = posynth.specify(_table(40, 1, lambda x, z, g: x**2)).spec["y"]
    assert found.family != "structured"


def test_the_gain_asked_for_grows_with_the_number_of_terms_tried():
    assert least_gain(1) == 3.0
    assert least_gain(66) == pytest.approx(3.0 + np.log(66))


def test_copies_hold_the_product():
    """The slope of the product in a copy is within 4 of its standard errors of the source's."""
    frame = _table(400, 1, lambda x, z, g: 0.5 * (x + z) + 0.7 * x * z)

    def slope(table):
        X = np.column_stack([np.ones(400), table.x, table.z, table.x * table.z])
        return np.linalg.lstsq(X, table.y.to_numpy(), rcond=None)[0][3]

    copy = posynth.synthesize(frame, m=1, seed=3)[0]
    assert abs(slope(copy) - slope(frame)) < 4 * np.sqrt(2) * 0.05


@pytest.mark.parametrize("asked", [{"formula": "x * z"}, {"formula": "poly(x, 2) + z"}])
def test_a_formula_takes_the_place_of_curves_that_were_chosen(asked):
    chain = posynth.specify(_table(400, 1, lambda x, z, g: x * z))
    assert chain.spec["y"].family == "structured"
    found = chain.change("y", **asked).spec["y"]
    assert (found.family, found.splines, found.interactions) == ("gaussian", 0, ())
    assert found.formula == asked["formula"] and "dropped: interactions x:z" in found.note
