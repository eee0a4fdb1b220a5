"""Ranks and exchangeability: uniform where fit and draw are right, not where they are broken."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from posynth import exchangeable, plot_calibration, sbc, specify
from posynth.engines.compiled import compilations
from posynth.errors import SpecError
from posynth.evaluation.validity import exchange
from posynth.evaluation.validity.artificial import artificial
from posynth.evaluation.validity.calibration import Calibration
from posynth.evaluation.validity.ecdf import bands
from posynth.posterior.predict import RowSampler


def table(rows=60, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pd.DataFrame(
        {
            "g": pd.Categorical.from_codes(rng.integers(0, 3, rows), ["u", "v", "w"]),
            "x": x,
            "y": x + rng.normal(size=rows),
        }
    )


@pytest.fixture(scope="module")
def chain():
    """Give a chain of exact posteriors with priors that let tables look like data."""
    found = specify(table())
    for name in "xy":
        found = found.change(name, scales={"slope": 0.7, "intercept": 1.0})
    return found


def failed(results):
    return {result.subject for result in results if not result.passed}


def test_every_conditional_of_a_chain_is_calibrated(chain):
    found = sbc(chain, table(), replications=100, seed=3)
    assert list(found) == ["g", "x", "y"]
    assert found["y"].names == (
        "alpha", "beta[0]", "beta[1]", "beta[2]", "sigma", "log-likelihood",
        "log-likelihood of row 1",
    )  # fmt: skip
    assert all(failed(each.results()) == set() for each in found.values())


def test_ranks_do_not_depend_on_which_conditionals_are_checked(chain):
    both = sbc(chain, table(), ["x", "y"], 20, seed=3)
    alone = sbc(chain, table(), ["y"], 20, seed=3)
    np.testing.assert_array_equal(both["y"].ranks, alone["y"].ranks)


@pytest.mark.parametrize("narrow", [0.5, 0.7])
def test_a_posterior_too_narrow_is_found_out(chain, monkeypatch, narrow):
    from dataclasses import replace

    from posynth.evaluation.validity import calibration

    original = calibration.fit

    def shrunk(task, engine, rng):
        found = original(task, engine, rng)
        mean = {name: a.mean(axis=(0, 1)) for name, a in found.draws.items()}
        draws = {name: mean[name] + narrow * (a - mean[name]) for name, a in found.draws.items()}
        return replace(found, draws=draws)

    monkeypatch.setattr(calibration, "fit", shrunk)
    found = sbc(chain, table(), ["y"], 200, seed=3)["y"]
    assert "y: beta[2]" in failed(found.results())
    assert not bands(found.ranks[:, 3], found.draws).inside


def test_a_conditional_of_ones_own_is_calibrated_and_compiled_once(tmp_path):
    (tmp_path / "own.py").write_text(
        "import pymc as pm\n"
        "def line(design, response, priors):\n"
        "    with pm.Model(coords={'predictor': design.predictors}) as model:\n"
        "        X = pm.Data('X', design.X, dims=('row', 'predictor'))\n"
        "        y = pm.Data('y', response.y, dims='row')\n"
        "        beta = pm.Normal('beta', 0.0, 1.0, dims='predictor')\n"
        "        sigma = pm.Exponential('sigma', 1.0)\n"
        "        pm.Normal('r', X @ beta, sigma, observed=y, dims='row')\n"
        "    return model\n"
    )
    (tmp_path / "chain.toml").write_text(
        "[columns]\nx = {kind = 'continuous'}\ny = {kind = 'continuous'}\n"
        "[[conditional]]\ntarget = 'x'\nfamily = 'gaussian'\n"
        "[[conditional]]\ntarget = 'y'\nfamily = 'own.py:line'\n"
    )
    counts = []
    found = sbc(
        tmp_path / "chain.toml", columns=["y"], replications=40, rows=40, seed=2, allow_code=True,
        progress=lambda name, done, total, failed: counts.append(dict(compilations)),
    )["y"]  # fmt: skip
    assert failed(found.results()) == set()
    assert counts[0] == counts[-1]


def test_an_improper_prior_and_a_chain_without_rows_are_explained(chain):
    with pytest.raises(SpecError, match=r"'x': prior 'jeffreys' is improper.*closed form"):
        sbc(chain.change("x", prior="jeffreys", scales={}), table(), ["x"], 20)
    with pytest.raises(SpecError, match=r"a chain that is no file needs data"):
        sbc(chain)
    with pytest.raises(SpecError, match=r"declares no columns"):
        artificial({}, 10, np.random.default_rng(1))
    with pytest.raises(SpecError, match=r"column 'g': kind 'nominal' without levels"):
        artificial({"g": {"kind": "nominal"}}, 10, np.random.default_rng(1))


def test_chi_square_and_bands_by_hand():
    ranks = np.tile(np.arange(100), 2)[:, None]
    even = Calibration("y", "gaussian", "weak", ("a",), ranks)
    assert even.p_values == pytest.approx(1.0)
    piled = Calibration("y", "gaussian", "weak", ("a",), np.zeros((100, 1), dtype=int))
    assert piled.p_values[0] == pytest.approx(stats.chi2.sf(900.0, 9))  # 100 in one of ten bins
    assert failed(piled.results()) == {"y: a"}
    assert plot_calibration(piled).get_legend() is not None
    assert plot_calibration(even).get_legend() is None


def test_simultaneous_bands_hold_uniform_ranks_as_often_as_they_say():
    # 400 samples: Monte-Carlo standard error .011; bands are made from 1000 simulations (.007).
    rng = np.random.default_rng(5)
    inside = [bands(rng.integers(0, 100, 150), 99).inside for _ in range(400)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)


def test_a_table_and_its_copy_are_exchangeable(chain):
    pairs = exchangeable(chain, table(), 60, seed=4)
    assert "correlation x, y" in pairs.names
    assert failed(pairs.results()) == set()


def test_a_chain_with_a_passive_column_is_exchangeable():
    wide = table().assign(twice=lambda f: 2 * f["x"] - 1)[["g", "x", "twice", "y"]]
    chain = specify(wide, passive={"twice": "2 * x - 1"})
    for name in "xy":
        chain = chain.change(name, scales={"slope": 0.7, "intercept": 1.0})
    pairs = exchangeable(chain, wide, 60, seed=4)
    assert "correlation x, twice" in pairs.names
    assert failed(pairs.results()) == set()


def test_columns_drawn_independently_are_not_exchangeable(chain, monkeypatch):
    """The first table of each pair is drawn rightly, its copy from permuted predictors."""
    original, walk, calls = RowSampler.draw, exchange.walk, []

    def permuted(self, X, index, rng):
        return original(self, rng.permutation(X), index, rng)

    def broken_copy(*given):
        calls.append(1)
        with monkeypatch.context() as patch:
            if len(calls) % 2 == 0:
                patch.setattr(RowSampler, "draw", permuted)
            return list(walk(*given))

    monkeypatch.setattr(exchange, "walk", broken_copy)
    found = failed(exchangeable(chain, table(), 60, seed=4).results())
    assert "squared correlation x, y" in found
