"""Posteriors of posteriordb, where a clone of it is at hand (POSTERIORDB=/path/to/clone).

Linear regressions under a flat prior on coefficients and sigma, against its reference draws of
Stan (10 chains of 1000); logistic regressions under a flat prior, for which it has data only,
against two-dimensional quadrature.
"""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from posynth.engines.base import Task
from posynth.engines.choose import fit
from posynth.families import families
from posynth.families.base import Design, Response

ROOT = Path(os.environ.get("POSTERIORDB", "posteriordb")) / "posterior_database"
pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason="no clone of stan-dev/posteriordb; name it by POSTERIORDB=/path"
)


def read(path: Path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(path.name.removesuffix(".zip")))


def data(name: str) -> dict[str, np.ndarray]:
    found = read(ROOT / "data" / "data" / f"{name}.json.zip")
    return {key: np.asarray(value, dtype=float) for key, value in found.items()}


def reference(name: str) -> np.ndarray:
    """Reference draws of beta and sigma, (draw, parameter)."""
    folder = ROOT / "reference_posteriors" / "draws" / "draws"
    chains = read(folder / f"{name}.json.zip")
    names = sorted(chains[0], key=lambda n: (n == "sigma", n))
    return np.column_stack([np.concatenate([chain[n] for chain in chains]) for n in names])


def _dummies(values: np.ndarray, levels: tuple[int, ...]) -> list[np.ndarray]:
    return [(values == level).astype(float) for level in levels]


def _nes(d):
    ages = _dummies(d["age_discrete"], (2, 3, 4))
    return [d["real_ideo"], d["race_adj"], *ages, d["educ1"], d["gender"], d["income"]]


def _centred(d):
    hs, iq = (d[name] - d[name].mean() for name in ("mom_hs", "mom_iq"))
    return [hs, iq, hs * iq]


LINEAR = {
    "earnings-earn_height": (lambda d: d["earn"], lambda d: [d["height"]]),
    "earnings-logearn_height": (lambda d: np.log(d["earn"]), lambda d: [d["height"]]),
    "earnings-logearn_height_male": (
        lambda d: np.log(d["earn"]),
        lambda d: [d["height"], d["male"]],
    ),
    "mesquite-logmesquite_logvolume": (
        lambda d: np.log(d["weight"]),
        lambda d: [np.log(d["diam1"] * d["diam2"] * d["canopy_height"])],
    ),
    "kidiq_with_mom_work-kidscore_mom_work": (
        lambda d: d["kid_score"],
        lambda d: _dummies(d["mom_work"], (2, 3, 4)),
    ),
    "kidiq_with_mom_work-kidscore_interaction_c": (lambda d: d["kid_score"], _centred),
    **{f"nes{year}-nes": (lambda d: d["partyid7"], _nes) for year in (1972, 1984, 2000)},
}


def _fit(family: str, columns: list[np.ndarray], y: np.ndarray, draws: int):
    """Fit on centred columns; return alpha, beta and sigma, if any, on the natural scale."""
    X = np.column_stack(columns)
    center, scale = X.mean(axis=0), X.std(axis=0)
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    levels = ("0", "1") if family == "bernoulli" else ()
    task = Task(
        families()[family],
        Design((X - center) / scale, names),
        Response("y", y, levels),
        "flat",
        {},
        draws,
        2 * draws,
    )
    found = fit(task, "auto", np.random.default_rng(1)).draws
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in found.items()}
    beta = flat["beta"] / scale
    parts = [flat["alpha"] - beta @ center, *beta.T]
    return np.column_stack([*parts, flat["sigma"]] if "sigma" in flat else parts)


@pytest.mark.parametrize("name", LINEAR)
def test_flat_linear_regressions_have_the_reference_moments(name: str) -> None:
    response, predictors = LINEAR[name]
    table = data(name.split("-", maxsplit=1)[0])
    found = _fit("gaussian", predictors(table), response(table), 5000)
    expected = reference(name)
    error = expected.std(axis=0) * np.sqrt(1 / len(found) + 1 / 9000)  # their ESS is about 10 000
    z = (found.mean(axis=0) - expected.mean(axis=0)) / error
    assert np.abs(z).max() < 4.0
    # the sd of a ratio of two sds is sqrt(1 / (2 * 20 000) + 1 / (2 * 9000)), .009
    assert np.abs(np.log(found.std(axis=0) / expected.std(axis=0))).max() < 0.04


LOGISTIC = {
    "nes_logit_data": (
        lambda d: (d["vote"], [d["income"]]),
        [(-1.406325, 0.189772), (0.327083, 0.056970)],
    ),
    "wells_data": (
        lambda d: (d["switched"], [d["dist"]]),
        [(0.606577, 0.060343), (-0.006230, 0.000975)],
    ),
}


@pytest.mark.parametrize("name", LOGISTIC)
def test_flat_logistic_regressions_have_the_moments_of_quadrature(name: str) -> None:
    split, expected = LOGISTIC[name]
    y, columns = split(data(name))
    found = _fit("bernoulli", columns, y.astype(np.int64), 2000)
    for draws, (mean, sd) in zip(found.T, expected, strict=True):
        # at least 4000 effective draws: standard errors sd / 63 and sd / 89
        assert abs(draws.mean() - mean) < 4 * sd / 63
        assert abs(np.log(draws.std() / sd)) < 4 / 89
