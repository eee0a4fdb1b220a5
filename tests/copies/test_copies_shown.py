"""What a reader sees when copies are printed."""

import pandas as pd

import posynth


def _lines(rng, **more):
    frame = pd.DataFrame({"x": rng.normal(size=60), "g": rng.choice(["a", "b", "c"], 60), **more})
    copies = posynth.synthesize(frame[["g", "x", *more]], m=2, k=7, seed=3)
    return repr(copies).splitlines()


def test_copies_say_how_many_how_and_by_which_methods(rng):
    head, names, *methods = _lines(rng)
    assert head == "2 copies of 7 rows from a source of 60 rows, proper, seed 3"
    assert names.split() == ["target", "family", "engine", "draws", "passed"]
    found = [line.split() for line in methods]
    assert [line[:3] for line in found] == [["g", "dirichlet", "exact"], ["x", "gaussian", "exact"]]
    assert all(int(line[3]) >= 400 and line[4] == "True" for line in found)


def test_columns_without_a_conditional_are_named(rng):
    assert _lines(rng, unit=["mg"] * 60)[-1] == "filled in, not modelled: unit"


def test_no_row_of_a_copy_is_printed(rng):
    assert len(_lines(rng)) == 4
