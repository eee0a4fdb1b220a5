"""Columns modelled by sums of trees, in Python and on the command line."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import SpecError


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(4)
    x = rng.normal(50, 10, 90).round(2)
    y = np.sin(x / 6) + 0.2 * rng.standard_normal(90)
    return pd.DataFrame({"x": x, "y": y.round(3), "sick": np.where(y > 0, "yes", "no")})


@pytest.mark.slow
def test_copies_by_python_are_the_same_under_a_seed_and_after_saving(small, tmp_path):
    made = posynth.synthesize(small, 2, seed=5, methods={"y": "bart", "sick": "bart"})
    told = made.diagnostics().set_index("target")
    assert (told.loc[["y", "sick"], "engine"] == "backfitting").all()
    assert told.loc[["y", "sick"], "passed"].all() and (told["ess"].dropna() >= 400).all()
    posynth.save_posterior(made.posterior, tmp_path / "kept")
    again = draw_copies(posynth.load_posterior(tmp_path / "kept"), *made.streams)
    for one, other in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.slow
def test_copies_on_the_command_line(small, cli, tmp_path):
    small[["x", "y"]].to_csv(tmp_path / "a.csv", index=False)
    cli(
        "synthesize",
        tmp_path / "a.csv",
        "-m",
        2,
        "--seed",
        1,
        "--method",
        "y=bart",
        "-o",
        tmp_path / "o",
    )
    told = pd.read_csv(tmp_path / "o" / "diagnostics.csv").set_index("target")
    assert told.loc["y", "family"] == "bart" and told.loc["y", "passed"]


def test_levels_that_it_cannot_model_are_refused_with_those_that_can(people):
    with pytest.raises(SpecError, match=r"column 'edu'.*bart.*(cart|forest)"):
        posynth.specify(people, methods={"edu": "bart"})
