import numpy as np
import pandas as pd
import pytest
import xarray as xr

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.mix import mix_posteriors, mixing_inflation

FRAMES = [pd.DataFrame({"x": [0.0, 1.0]}), pd.DataFrame({"x": [4.0, 6.0]})]
TWO = Provenance(n=2, k=2, m=2)


def posterior(frame, draws=3, **extra):
    values = frame["x"].mean() + np.zeros((2, draws))
    variables = {"mu": (("chain", "draw"), values)} | extra
    return xr.DataTree.from_dict(
        {"posterior": xr.Dataset(variables, coords={"chain": [0, 1], "draw": range(draws)})}
    )


def test_chains_of_all_copies_stand_side_by_side():
    tree = mix_posteriors(posterior, FRAMES, TWO)
    mixed = tree["posterior"]
    assert dict(mixed.sizes) == {"chain": 4, "draw": 3}
    assert mixed["copy"].values.tolist() == [1, 1, 2, 2]
    assert mixed["mu"].mean("draw").values.tolist() == [0.5, 0.5, 5.0, 5.0]
    assert "3 times the variance" in tree.attrs["caveat"]


def test_arviz_reads_the_mixture():
    import arviz

    tree = mix_posteriors(posterior, FRAMES, TWO)
    assert arviz.extract(tree, num_samples=12).sizes["sample"] == 12


@pytest.mark.parametrize("rows", [1, 4])
def test_the_inflation_by_simulation(rows):
    # Mean of a normal with variance 1, flat prior: V = 1/n; copies and analyst are conjugate.
    rng, n, m = np.random.default_rng(3), 1, 100
    k = rows * n
    theta = rng.normal(size=(4000, m, 1))
    means = theta + rng.normal(size=(4000, m, 1)) / np.sqrt(k)
    draws = means + rng.normal(size=(4000, m, 4)) / np.sqrt(k)
    variance = draws.reshape(4000, -1).var(axis=1).mean()
    inflation = mixing_inflation(Provenance(n, k, m)).value
    # Finite m: V·n/k + (m-1)/m·V(1 + n/k).
    assert variance == pytest.approx(inflation - (1 + 1 / rows) / m, rel=0.01)


def test_the_caveat_passes_only_for_many_large_copies():
    good = mixing_inflation(Provenance(n=100, k=2000, m=50))
    assert good.passed
    assert good.value == pytest.approx(1.1)
    grouped = mixing_inflation(Provenance(n=100, k=2000, m=50, grouped={"y": "school"}))
    assert not grouped.passed
    assert grouped.text.endswith("between groups of 'school' it stays near 3 for any k")
    few = mixing_inflation(Provenance(n=100, k=2000, m=5))
    assert not few.passed
    assert few.text.endswith("use k of at least 2000 rows and m of at least 50 copies")


def test_plug_in_copies_are_refused():
    with pytest.raises(MeasureError, match="plug-in copies cannot be mixed"):
        mix_posteriors(posterior, FRAMES, Provenance(2, 2, 2, proper=False))


@pytest.mark.parametrize(
    ("analysis", "text"),
    [
        (lambda frame: 3.0, r"copy 1: the analysis returned float without a posterior group"),
        (lambda frame: posterior(frame["y"]), r"copy 1: the analysis failed with KeyError: 'y'"),
        (
            lambda frame: posterior(frame, draws=3 + int(frame["x"].iloc[0])),
            r"copy 2: its posterior has the dimensions \{'chain': 2, 'draw': 7\}, copy 1",
        ),
        (
            lambda frame: posterior(
                frame, **({"tau": (("chain",), [1.0, 1.0])} if frame["x"].iloc[0] else {})
            ),
            r"copy 2: variable 'tau' is not in the posterior of every copy",
        ),
    ],
)
def test_copies_that_cannot_be_mixed_are_named(analysis, text):
    with pytest.raises(MeasureError, match=text):
        mix_posteriors(analysis, FRAMES, TWO)


def test_every_copy_must_be_there():
    with pytest.raises(MeasureError, match=r"1 copies, but the manifest speaks of m = 2"):
        mix_posteriors(posterior, FRAMES[:1], TWO)
