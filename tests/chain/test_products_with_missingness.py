"""What depends on others in another way where a predictor is missing keeps both ways."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError


@pytest.fixture(scope="module")
def panel():
    """z rises with w where x is known and falls where it is missing."""
    rng = np.random.default_rng(8)
    w, x = rng.standard_normal((2, 900))
    gone = rng.random(900) < 0.4
    z = np.where(gone, -0.7, 0.7) * w + rng.standard_normal(900)
    frame = pd.DataFrame({"x": np.where(gone, np.nan, x), "w": w, "z": z})
    return frame.round(3).assign(up=z + rng.logistic(size=900) > 0)


@pytest.fixture(scope="module")
def chain(panel):
    return posynth.specify(panel)


def test_the_product_of_indicator_and_column_is_looked_for(chain):
    pairs = {pair for name in ("z", "up") for pair in chain.spec[name].interactions}
    assert ("x_missing", "w") in pairs


def test_copies_have_both_slopes(panel, chain):
    """A slope of 360 rows has standard error .05; of 10 copies' mean beside the source's, .023."""
    copies = pd.concat(posynth.synthesize(panel, chain=chain, m=10, seed=3))

    def slopes(frame):
        parts = (frame[frame["x"].isna() == gone] for gone in (False, True))
        return np.array([np.polyfit(part["w"], part["z"], 1)[0] for part in parts])

    assert np.abs(slopes(copies) - slopes(panel)).max() < 0.09


def test_without_the_column_its_indicator_has_no_product(chain):
    changed = chain.change("z", predictors=["w"])
    assert changed.spec["z"].interactions == ()
    kept = chain.change("z", predictors=["x", "w"])
    assert kept.spec["z"].interactions == chain.spec["z"].interactions


def test_an_indicator_of_no_predictor_is_refused(panel, chain):
    wrong = replace(chain.spec["z"], predictors=("w",), interactions=(("x_missing", "w"),))
    with pytest.raises(SpecError, match="interactions: unknown predictor 'x_missing'"):
        posynth.fit(panel, chain=replace(chain, spec=chain.spec.with_conditional(wrong)))


def test_a_column_that_is_computed_has_no_indicator_and_no_products_with_it(panel):
    chain = posynth.specify(panel, order=["w", "x"])
    changed = chain.change("x", passive="w * 2")
    assert "x_missing" not in changed.spec.targets
    for conditional in changed.spec:
        assert all("x_missing" not in pair for pair in conditional.interactions)


@pytest.mark.parametrize("given", ["file", "chain"])
def test_a_chain_serves_a_table_in_which_the_column_is_complete(panel, chain, tmp_path, given):
    path = tmp_path / "chain.toml"
    path.write_text(chain.to_toml())
    whole = panel.fillna({"x": 0.5})
    whole.loc[::2, "x"] = -0.5
    found = posynth.fit(whole, chain=path if given == "file" else chain, seed=1)
    products = [pair for conditional in found.spec for pair in conditional.interactions]
    assert all("x_missing" not in pair for pair in products)
    assert "dropped: x_missing:w" in found.spec["z"].note + found.spec["up"].note
