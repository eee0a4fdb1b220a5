"""The run that compiles, those that find compiled functions, and those of two processes agree."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Numbers whose default conditional has a modelled spread on a learned scale, and a logit."""
    rng = np.random.default_rng(3)
    x = rng.normal(50, 10, 900)
    y = np.exp(rng.normal(0.02 * x, 0.01 * x)) - 1
    ill = rng.random(900) < 1 / (1 + np.exp(5 - 0.1 * x))
    path = tmp_path_factory.mktemp("first") / "table.csv"
    pd.DataFrame({"x": x, "y": y, "ill": ill}).to_csv(path, index=False)
    return path


def _run(table: Path, cache: Path, out: Path, workers: int) -> dict[str, bytes]:
    command = [sys.executable, "-m", "posynth.cli", "synthesize", table, "-m", "2", "-o", out]
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "NUMBA_CACHE_DIR": str(cache / "numba")}
    options = ["--seed", "1", "--workers", str(workers)]
    subprocess.run([*command, *options], check=True, capture_output=True, env=os.environ | flags)
    files = sorted(p for p in out.rglob("*") if p.suffix in {".csv", ".toml"})
    assert "location_scale" in (out / "chain.toml").read_text()
    return {
        str(p.relative_to(out)): p.read_bytes() for p in files if p.name != "diagnostics.csv"
    } | {"diagnostics": pd.read_csv(out / "diagnostics.csv").drop(columns="seconds").to_csv()}


def test_the_run_that_compiles_gives_the_digits_of_those_that_follow(table, tmp_path):
    first = _run(table, tmp_path / "cache", tmp_path / "first", 1)
    assert len(first) == 4
    assert _run(table, tmp_path / "cache", tmp_path / "second", 1) == first
    assert _run(table, tmp_path / "cache", tmp_path / "third", 2) == first
