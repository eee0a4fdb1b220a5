"""Fixtures shared by every room's tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20261124)


@pytest.fixture(scope="session")
def shared_data():
    """Give the path of a development table beside the project, or skip with the reason."""

    def path(name: str) -> Path:
        found = SHARED / "data" / name
        if not found.exists():
            pytest.skip(f"development table {name} is not beside this checkout")
        return found

    return path


@pytest.fixture(scope="session")
def torture() -> Path:
    """Give the folder of awkward files beside the project, or skip with the reason."""
    folder = SHARED / "torture"
    if not folder.exists():
        pytest.skip("the folder of awkward files is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def heart() -> pd.DataFrame:
    """The embedded heart_failure table as a plain data frame."""
    folder = Path(__file__).resolve().parents[1] / "src" / "posynth" / "data"
    return pd.read_csv(folder / "heart_failure.csv")
