"""A copy is counted once: the same rows given twice are refused, chance repetitions are not."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.distinct import require_distinct
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Estimate
from posynth.evaluation.inference import pool as pool_records

K = 40


def _copy(seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": rng.normal(size=K), "g": rng.choice(list("ab"), K)})


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (lambda frame: frame, "copies 1 and 3 hold the same rows and would be counted twice"),
        (lambda frame: frame.copy(), "copies 1 and 3 hold the same rows and would be counted"),
        (lambda frame: frame[::-1], "copies 1 and 3 hold the same rows, in another order, and"),
        (lambda frame: frame[["g", "x"]], "copies 1 and 3 hold the same rows and"),
    ],
)
def test_a_frame_given_twice_is_refused(again, said):
    frames = [_copy(0), _copy(1)]
    with pytest.raises(MeasureError, match=said):
        posynth.pool([*frames, again(frames[0])], "ols", "x ~ g", n=K)
    with pytest.raises(MeasureError, match="give each copy once"):
        posynth.pool({"a": frames[0], "b": again(frames[0])}, "ols", "x ~ g", n=K)


def test_a_tiny_frame_given_twice_is_refused_as_one_object():
    frame = pd.DataFrame({"x": [1.0, 2.0, 4.0]})
    with pytest.raises(MeasureError, match="copies 1 and 2 hold the same rows"):
        posynth.pool([frame, frame], "ols", "x ~ 1", n=3)


def test_a_file_that_was_copied_in_a_folder_is_refused(tmp_path, heart):
    made = posynth.synthesize(heart[["age", "sex"]], m=3, k=50, seed=2)
    made.save(tmp_path / "out")
    first, second, _ = sorted((tmp_path / "out" / "copies").iterdir())
    second.write_bytes(first.read_bytes())
    with pytest.raises(MeasureError, match="copies 1 and 2 hold the same rows"):
        posynth.pool(tmp_path / "out", "ols", "age ~ sex")


def test_copies_that_are_alike_by_chance_are_taken():
    rng = np.random.default_rng(3)
    frames = [pd.DataFrame({"a": rng.integers(0, 2, 4), "b": 1}) for _ in range(12)]
    assert any(one.equals(other) for i, one in enumerate(frames) for other in frames[:i])
    require_distinct(frames)
    require_distinct([pd.DataFrame({"a": [1] * 50})] * 2)  # a constant column has one table only


def test_columns_that_were_not_synthesised_may_be_alike():
    frames = [_copy(0).assign(x=_copy(seed)["x"]) for seed in range(3)]
    require_distinct(frames)


def test_an_analysis_that_gives_one_estimate_for_all_copies_is_noted():
    frames = [_copy(seed) for seed in range(3)]

    def careless(table):
        return frames[0]["x"].mean(), frames[0]["x"].var() / K

    pooled = posynth.pool(frames, careless, n=K)
    assert "all copies give the same estimates to the last digit" in pooled.text
    records = [Estimate(("q",), [q], [[1.0]]) for q in (1.0, 1.0, 1.1)]
    assert "to the last digit" not in pool_records(records, Provenance(n=K, k=K, m=3)).text


def test_two_columns_of_one_name_are_refused():
    frames = [_copy(seed) for seed in range(2)]
    twice = pd.concat([frames[1], frames[1][["x"]]], axis=1)
    with pytest.raises(MeasureError, match="copy 2 has two columns 'x'; give each its own name"):
        posynth.pool([frames[0], twice], "ols", "x ~ g", n=K)
