"""Fixtures shared by every room's tests."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

# Tests run side by side: commands called without a number of workers start no process besides.
os.environ["POSYNTH_WORKERS"] = "1"

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20261124)


@pytest.fixture(scope="session")
def ended():
    """Wait for a process to end, on Linux."""

    def wait(pid: int) -> bool:
        for _ in range(400):
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return True
            if state == "Z":
                return True  # ended, and waiting for somebody to ask
            time.sleep(0.05)
        return False

    return wait


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
def cases() -> Path:
    """Give the folder of small inputs that once gave wrong results, or skip with the reason."""
    folder = SHARED / "cases"
    if not folder.exists():
        pytest.skip("the folder of cases is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def heart() -> pd.DataFrame:
    """The embedded heart_failure table as a plain data frame."""
    folder = Path(__file__).resolve().parents[1] / "src" / "posynth" / "data"
    return pd.read_csv(folder / "heart_failure.csv")


#: Groups of rows in tests of families that have groups.
GROUPS = 6

#: Support -> a few values in it, and the options a family of that support is told in tests.
PLAUSIBLE = {
    "real": ((1.0, 2.0, 3.0), {}),
    "positive": ((1.0, 2.0, 3.0), {}),
    "whole": ((1.0, 2.0, 3.0), {}),
    "trials": ((1.0, 2.0, 3.0), {"trials": 9.0}),
    "open": ((0.2, 0.4, 0.7), {"lower": 0.0, "upper": 1.0}),
    "closed": ((-0.5, 0.3, 1.0), {"lower": -1.0, "upper": 1.5}),
    "spiked": ((0.0, 2.0, 3.0), {"spikes": (0.0, 1.5)}),
    "spiked positive": ((0.0, 2.0, 3.0), {"spikes": (0.0, 1.5)}),
}


def possible_levels(n, levels):
    """Return which levels are possible in each row, in tests of families restricted by rules.

    Every third row leaves one level out, never that of the row's own place.
    """
    rows = np.arange(n)[:, None]
    out = (np.arange(levels) == (rows + 2) % levels) & (rows % 3 == 0)
    return 1.0 - out


def plausible(facts, n):
    """Return n values in the support of a family, and options it can be told."""
    values, options = PLAUSIBLE[facts.support]
    return np.resize(values, n), options


@pytest.fixture(scope="session")
def holder():
    """Give n values that stand in for the response of a family: level codes or numbers."""

    def values(facts, n, levels) -> np.ndarray:
        return np.arange(n) % levels if levels else plausible(facts, n)[0]

    return values


@pytest.fixture(scope="session")
def prior_draws():
    """Give draws of a task's parameters from its prior, by PyMC, compiled once a family."""
    import pymc as pm
    from pymc.pytensorf import reseed_rngs
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.random.type import RandomType

    functions: dict[tuple, tuple] = {}

    def draws(task, count, seed) -> dict[str, np.ndarray]:
        new = task.model()
        if task.key not in functions:
            free = new.free_RVs
            shared = [n for n in ancestors(free) if isinstance(n, SharedVariable)]
            generators = [n for n in shared if isinstance(n.type, RandomType)]
            functions[task.key] = pm.compile([], free), generators, new
        function, generators, model = functions[task.key]
        free = model.free_RVs
        with model:
            data = {variable.name: variable.get_value() for variable in new.data_vars}
            coords = {n: labels for n, labels in new.coords.items() if labels is not None}
            pm.set_data(data, coords=coords)
        reseed_rngs(generators, seed)
        drawn = [function() for _ in range(count)]
        return {rv.name: np.array([d[i] for d in drawn]) for i, rv in enumerate(free)}

    return draws


@pytest.fixture(scope="session")
def make_task():
    """Give the builder of a task from plain arrays, so that a test states only its data."""
    from posynth.engines.base import Task
    from posynth.families import family
    from posynth.families.base import Design, Response

    def in_groups(name, X, levels, y) -> Design:
        predictors = tuple(f"x{j}" for j in range(X.shape[1]))
        if family(name).facts.design == "restricted":
            allowed = possible_levels(len(X), levels)
            allowed[np.arange(len(X)), np.asarray(y, dtype=np.int64)] = 1.0
            return Design(np.column_stack([allowed, X]), predictors)
        if family(name).facts.design == "bounded":
            ends = np.column_stack([np.minimum(y, -2.0), np.maximum(y, 2.5)])
            return Design(np.column_stack([ends, X]), predictors)
        if family(name).facts.design == "tilted":
            corrections = (X[:, :1] > 0).astype(float)
            named = {"spread": (0,), "corrections": ("x0[bin 2]",)}
            return Design(np.column_stack([corrections, X]), predictors, **named)
        if family(name).facts.design == "interval":
            return Design(X, predictors, spread=(0,))
        if family(name).facts.design != "grouped":
            return Design(X, predictors)
        codes = np.arange(len(X)) % GROUPS
        return Design(np.column_stack([codes, X]), predictors, tuple("ABCDEFGH"[:GROUPS]))

    def build(name, prior, X, y, levels=0, draws=250, need=400, **scales) -> Task:
        coded = family(name).facts.response == "codes"
        y = np.asarray(y) if coded else np.asarray(y, dtype=np.float64)
        options = plausible(family(name).facts, 1)[1]
        options |= {"cuts": (-0.5, 0.2, 0.9)} if name == "tilted" else {}
        response = Response("outcome", y, tuple("abcdefgh"[:levels]), options=options)
        if name in ("interval", "tilted"):
            cells = np.array([-np.inf, 0.3]), np.array([-0.8, 0.7])
            response = replace(response, cells=cells)
        priors = {**family(name).facts.priors[prior], **scales}
        return Task(
            family(name), in_groups(name, X, levels, y), response, prior, priors, draws, need
        )

    return build


@pytest.fixture(scope="session")
def density_of():
    """Give a task's log-density on the family's shared compiled form."""
    from posynth.engines.choose import condition
    from posynth.engines.density import Density

    def density(task) -> Density:
        return Density(condition(task, task.model()))

    return density


@pytest.fixture(scope="session")
def unconstrain():
    """Give the map from named parameters to the flat vector a log-density takes."""
    import pytensor

    functions: dict[int, object] = {}

    def flat(compiled, parameters) -> np.ndarray:
        model = compiled.model
        if id(model) not in functions:
            inputs = [rv.type(name=rv.name) for rv in model.free_RVs]
            transforms = [model.rvs_to_transforms[rv] for rv in model.free_RVs]
            outputs = [
                value if transform is None else transform.forward(value, *rv.owner.inputs)
                for rv, value, transform in zip(model.free_RVs, inputs, transforms, strict=True)
            ]
            functions[id(model)] = pytensor.function(inputs, outputs, on_unused_input="ignore")
        values = functions[id(model)](*(parameters[name] for name in compiled.names))
        return np.concatenate([np.ravel(value) for value in values])

    return flat


@pytest.fixture(scope="session")
def judged_folder(tmp_path_factory, heart):
    """Give an output folder of three small copies, and the file they were made from."""
    import posynth

    place = tmp_path_factory.mktemp("judged")
    source = place / "patients.csv"
    columns = ["sex", "age", "platelets", "smoking", "deceased"]
    heart[columns].to_csv(source, index=False)
    posynth.synthesize(source, m=3, seed=5).save(place / "out")
    return place / "out", source
