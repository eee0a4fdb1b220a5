"""A product that main effects hold already tells nothing, whatever their prior shrinks."""

import numpy as np
import pandas as pd

import posynth
from posynth.posterior.structure import _gain


def test_a_product_in_the_span_of_main_effects_gains_nothing() -> None:
    rng = np.random.default_rng(7)
    A = np.column_stack([np.ones(200), rng.random((200, 3)) < 0.3]).astype(float)
    residual = 2.0 * A[:, 1] + rng.normal(size=200)  # as where a prior shrank the coefficient
    weight = rng.uniform(0.5, 2.0, 200)
    assert _gain(A, weight, residual, A[:, [1]] * A[:, [1]]) == 0.0
    assert _gain(A, weight, residual + 2.0 * A[:, 1] * A[:, 2], A[:, [1]] * A[:, [2]]) > 5.0


def test_a_date_of_noise_stays_on_its_learned_scale() -> None:
    rng = np.random.default_rng(208)
    n = 160
    sex = rng.choice(["m", "f"], n)
    pregnant = np.where((sex == "f") & (rng.random(n) < 0.3), "yes", "no")
    days = pd.to_timedelta(rng.integers(0, 365, n), unit="D")
    table = pd.DataFrame(
        {
            "school": np.repeat([f"S{i:02d}" for i in range(16)], 10),
            "sex": sex,
            "age": rng.integers(18, 60, n),
            "pregnant": pregnant,
            "weeks": np.where(pregnant == "yes", rng.integers(4, 40, n), np.nan),
            "adm": pd.Timestamp("2020-01-01") + days,
        }
    )
    assert "bent" not in posynth.specify(table)["adm"].conditional.note
