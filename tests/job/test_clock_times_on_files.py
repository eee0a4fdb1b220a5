"""Clock times and dates with zones through the whole job."""

import re

import numpy as np
import pytest


@pytest.fixture(scope="module")
def folder(cli, tmp_path_factory):
    """Copies of a table with a clock time late in the evening, and a time in UTC."""
    rng = np.random.default_rng(3)
    late = (1380 + rng.normal(0, 45, 120)).round().astype(int) % 1440
    seconds = rng.integers(0, 10**8, 120)
    when = (np.datetime64("2021-01-01", "s") + seconds).astype(str)
    lines = [
        f"{m // 60:02d}:{m % 60:02d},{w}Z,{x:.1f}"
        for m, w, x in zip(late, when, rng.normal(5, 1, 120), strict=True)
    ]
    place = tmp_path_factory.mktemp("clock")
    (place / "t.csv").write_text("\n".join(["t,when,x", *lines, ""]))
    cli("synthesize", place / "t.csv", "-m", 3, "--seed", 2, "-o", place / "out")
    return place / "out"


def test_copies_hold_times_in_the_form_of_the_source(folder):
    cell = r"([01]\d|2[0-3]):[0-5]\d,20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ,-?\d\.\d"
    for path in (folder / "copies").iterdir():
        lines = path.read_text().splitlines()[1:]
        assert all(re.fullmatch(cell, line) for line in lines)
        hours = np.array([int(line[:2]) for line in lines])
        assert np.isin(hours, [20, 21, 22, 23, 0, 1, 2]).mean() > 0.5


def test_they_are_evaluated_and_released(cli, folder):
    cli("evaluate", folder, "--data", folder.parent / "t.csv")
    cli("release", folder, "-o", folder.parent / "release", "--allow-failed")
    cli("pool", folder.parent / "release", "--formula", "x ~ t", "--allow-failed")
