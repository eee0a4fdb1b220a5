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


@pytest.fixture(scope="session")
def make_task():
    """Give the builder of a task from plain arrays, so that a test states only its data."""
    from posynth.engines.base import Task
    from posynth.families import family
    from posynth.families.base import Design, Response

    def build(name, prior, X, y, levels=0, draws=250, need=400, **scales) -> Task:
        predictors = tuple(f"x{j}" for j in range(X.shape[1]))
        response = Response("outcome", np.asarray(y), tuple("abcdefgh"[:levels]))
        priors = {**family(name).facts.priors[prior], **scales}
        return Task(family(name), Design(X, predictors), response, prior, priors, draws, need)

    return build


@pytest.fixture(scope="session")
def density_of():
    """Give a task's log-density on the family's shared compiled form."""
    from posynth.engines.choose import compiled_for
    from posynth.engines.compiled import Density

    def density(task) -> Density:
        model = task.model()
        return Density(compiled_for(task, model), model)

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
