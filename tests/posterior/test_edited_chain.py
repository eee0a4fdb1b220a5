"""A chain file that was edited after the fit is named by all that reads its folder."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import EditWarning
from posynth.posterior.store import load_posterior


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    h = pd.Series(rng.normal(170, 8, 60).round())
    table = pd.DataFrame({"h": h, "w": (h / 2 + rng.normal(0, 4, 60)).round(1)})
    posynth.synthesize(table, m=2, seed=1).save(tmp_path / "out")
    return tmp_path / "out"


def test_edits_that_have_no_effect_are_named(folder: Path) -> None:
    chain = folder / "chain.toml"
    text = chain.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_posterior(folder)
        chain.write_text(f"# mine\n{text}", encoding="utf-8")  # a comment is no change
        posynth.load_copies(folder)
    assert 'target = "w"' in text
    chain.write_text(text.replace("decimals = 1", "decimals = 1, upper = 95"), encoding="utf-8")
    with pytest.warns(EditWarning, match=r"its changes have no effect here; `posynth synthesize"):
        load_posterior(folder)
    with pytest.warns(EditWarning):
        posynth.load_copies(folder)
    chain.write_text("not toml [", encoding="utf-8")
    with pytest.warns(EditWarning):
        load_posterior(folder)
