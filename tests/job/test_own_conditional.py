"""A conditional written by hand: passed as a function or named in a file, from fit to draws."""

import os
import shutil

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import SpecError

FILE = '''
import pymc as pm

from posynth import conditional


@conditional(response="standardised", summary="Laplace errors")
def robust(design, response, priors):
    """Regression with Laplace errors."""
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha")
        beta = pm.Normal("beta", dims="predictor")
        scale = pm.Exponential("scale", 1.0)
        pm.Laplace("response", alpha + X @ beta, scale, observed=y, dims="row")
    return model


def no_data(design, response, priors):
    with pm.Model() as model:
        mean = design.X @ pm.Normal("beta", shape=design.X.shape[1])
        pm.Normal("response", mean, observed=response.y)
    return model


def two_observed(design, response, priors):
    with robust(design, response, priors) as model:
        pm.Normal("again", model["alpha"], observed=response.y)
    return model


def slips(design, response, priors):
    return design.Y


def nothing(design, response, priors):
    pass
'''


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    x = rng.normal(0, 2, 240).round(2)
    return pd.DataFrame({"x": x, "y": (10 + 3 * x + rng.laplace(0, 1, 240)).round(2)})


@pytest.fixture
def folder(tmp_path, table):
    (tmp_path / "mine.py").write_text(FILE)
    table.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def counts(design, response, priors):
    """Poisson regression on the natural scale."""
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha", 0.0, 3.0)
        beta = pm.Normal("beta", dims="predictor")
        pm.Poisson("response", pm.math.exp(alpha + X @ beta), observed=y, dims="row")
    return model


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=300)
    return pd.DataFrame({"x": x, "events": rng.poisson(np.exp(0.5 + 0.4 * x))})


def test_a_function_in_python_is_fitted_drawn_stored_and_drawn_again(events, tmp_path):
    copies = posynth.synthesize(events, m=2, seed=1, methods={"events": counts})
    assert copies.posterior.spec["events"].family == "counts"
    slope = copies.posterior["events"]["posterior"]["beta"].mean().item() / events["x"].std()
    # Information of a Poisson slope: sum of mu (x - mean)^2, near 300 * exp(0.6) here.
    assert abs(slope - 0.4) < 4 / np.sqrt(300 * np.exp(0.58))
    assert all((c["events"] >= 0).all() and c["events"].dtype == "int64" for c in copies)
    copies.save(tmp_path / "out")
    loaded = posynth.load_posterior(tmp_path / "out")
    text = (
        r"conditional 'events' uses 'counts', a function that was passed in Python and is not "
        r"stored; pass it again: load_posterior\(folder, methods=\{'events': counts\}\)"
    )
    with pytest.raises(SpecError, match=text):
        posynth.draw(loaded, 2)
    again = posynth.load_posterior(tmp_path / "out", {"events": counts})
    again = draw_copies(again, *copies.streams)
    assert again[0].equals(copies[0]) and again[1].equals(copies[1])


def test_a_function_in_a_file_needs_the_output_folder_only(cli, folder, tmp_path_factory):
    chain, data, out = folder / "chain.toml", folder / "table.csv", folder / "out"
    cli("describe", data, "-o", chain)
    text = chain.read_text()
    start = text.index('target = "y"')
    lines = [line for line in text[start:].splitlines() if not line.startswith(("prior", "scales"))]
    changed = "\n".join(lines).replace('"gaussian"', '"mine.py:robust"')
    chain.write_text(text[:start] + changed)
    options = ("-m", 2, "--seed", 1, "--workers", 1)
    allowed = ("--chain", chain, "--allow-code")
    result = cli("synthesize", data, *options, *allowed, "-o", out)
    assert "mine.py:robust" in result.stdout
    moved = tmp_path_factory.mktemp("elsewhere") / "received"
    shutil.move(out, moved)
    for name in ("mine.py", "table.csv", "chain.toml"):
        (folder / name).unlink()
    first = (moved / "copies" / "copy-01.csv").read_bytes()
    copies = posynth.load_copies(moved, allow_code=True)
    draw_copies(copies.posterior, *copies.streams).save(moved / "again")
    assert (moved / "again" / "copies" / "copy-01.csv").read_bytes() == first
    for source, name in ((moved, "more"), (moved / "posterior", "same")):
        cli("draw", source, "-m", 2, "--seed", 3, "--allow-code", "-o", moved / name)
    more, same = ((moved / n / "copies" / "copy-01.csv").read_bytes() for n in ("more", "same"))
    assert more == same != first


def test_the_written_chain_finds_the_file_again(cli, folder, table):
    out = folder / "out"
    options = ("-m", 2, "--seed", 1, "--workers", 1)
    before = os.getcwd()
    os.chdir(folder)
    try:
        cli("synthesize", "table.csv", *options, "--method", "y=mine.py:robust", "-o", out)
    finally:
        os.chdir(before)
    (folder / "mine.py").unlink()
    again = folder / "again"
    chain = out / "chain.toml"
    cli("synthesize", folder / "table.csv", *options, "--chain", chain, "--allow-code", "-o", again)
    for name in ("copy-01.csv", "copy-02.csv"):
        assert (again / "copies" / name).read_bytes() == (out / "copies" / name).read_bytes()


def test_it_is_the_model_that_was_written(folder, table):
    chain = posynth.specify(table, methods={"y": f"{folder}/mine.py:robust"})
    posterior = posynth.fit(table, chain, seed=1)
    scale = posterior["y"]["posterior"]["scale"].mean().item() * table["y"].std()
    # The sd of the estimate of a Laplace scale b is b / sqrt(n).
    assert abs(scale - 1) < 4 / np.sqrt(240)
    found = posterior.coefficients("y")["slope"].mean().item()
    assert abs(found - 3) < 4 / np.sqrt(240 * table["x"].var())
    assert posterior.diagnostics().set_index("target").loc["y", "passed"]


ERRORS = [
    (
        "no_data",
        r"rows cannot be replaced: .* let predictors be data: `X = pm.Data\(\"X\", design.X",
    ),
    (
        "two_observed",
        "has 2 observed variables, 'response', 'again'; a conditional draws one column",
    ),
    ("slips", "its model cannot be written: AttributeError: 'Design' object has no attribute 'Y'"),
    ("nothing", "its function returned NoneType, not a pm.Model; end it with `return model`"),
    ("robusst", "unknown function 'robusst'; allowed: .* Did you mean 'robust'"),
]


@pytest.mark.parametrize(("function", "text"), ERRORS)
def test_a_function_that_cannot_serve_is_refused(cli, said, folder, function, text):
    method = f"y={folder}/mine.py:{function}"
    out = folder / "out"
    shown = said(
        cli("synthesize", folder / "table.csv", "--method", method, "-o", out, code=2).stderr
    )
    assert "mine.py" in shown and not out.exists()
    with pytest.raises(SpecError, match=text):
        posynth.synthesize(
            pd.read_csv(folder / "table.csv"), methods={"y": f"{folder}/mine.py:{function}"}
        )


def test_a_file_that_is_not_there_is_named(cli, said, folder):
    method = "y=nowhere.py:f"
    shown = said(cli("describe", folder / "table.csv", "--method", method, code=2).stderr)
    assert "family 'nowhere.py:f': there is no file 'nowhere.py' beside the chain file" in shown


def test_errors_come_at_specify_and_before_the_first_fit(folder, table, monkeypatch):
    monkeypatch.setattr("posynth.posterior.schedule.fit_task", lambda *_: pytest.fail("fitted"))
    for function in ("no_data", "two_observed", "slips", "nothing"):
        with pytest.raises(SpecError, match=f"column 'y', family '.*mine.py:{function}': "):
            posynth.specify(table, methods={"y": f"{folder}/mine.py:{function}"})
    changed = posynth.specify(table).change("y", family=lambda design, response, priors: None)
    with pytest.raises(SpecError, match="column 'y', family '<lambda>': its function returned"):
        posynth.fit(table, changed)


def _named(slope, name):
    def build(design, response, priors):
        with pm.Model(coords={"predictor": design.predictors}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            beta = pm.Normal("beta", slope, 0.001, dims="predictor")
            pm.Normal("response", X @ beta, 0.1, observed=y, dims="row")
        return model

    build.__name__ = name
    return build


def test_two_functions_of_one_name_stay_two_models(rng):
    x = rng.normal(size=100)
    frame = pd.DataFrame({"x": x, "y": rng.normal(size=100), "z": rng.normal(size=100)})
    methods = {"y": _named(5.0, "build"), "z": _named(-5.0, "build")}
    chain = posynth.specify(frame, methods=methods)
    assert [chain.spec[c].family for c in "yz"] == ["build", "build_z"]
    posterior = posynth.fit(frame, chain, seed=1)
    slopes = [posterior[c]["posterior"]["beta"].sel(predictor="x").mean().item() for c in "yz"]
    # Priors this tight outweigh 100 rows of error sd 0.1: information 1e6 against 1e4.
    assert slopes[0] > 4.5 and slopes[1] < -4.5


def test_a_function_named_like_a_family_does_not_replace_it(rng):
    frame = pd.DataFrame({"x": rng.normal(size=50), "y": rng.normal(size=50)})
    mine = _named(1.0, "gaussian")
    chain = posynth.specify(frame, methods={"y": mine})
    assert [c.conditional.family for c in chain] == ["gaussian", "gaussian_y"]
    assert "sigma" in {rv.name for rv in chain["x"].model(frame).free_RVs}
    assert {rv.name for rv in chain["y"].model(frame).free_RVs} == {"beta"}
    changed = posynth.specify(frame).change("y", family=mine)
    assert changed.spec["y"].family == "gaussian_y"
    again = changed.change("x", family=mine)
    assert [c.conditional.family for c in again] == ["gaussian_x", "gaussian_y"]


def test_a_chain_object_takes_functions_too(events):
    chain = posynth.specify(events)
    copies = posynth.synthesize(events, m=2, chain=chain, methods={"events": counts})
    assert copies.posterior.spec["events"].family == "counts"
    assert (copies[0]["events"] >= 0).all()


def unpractised(design, response, priors):
    """As one writes it at first: arrays, one name a column, no dims, a fixed number of rows."""
    with pm.Model() as model:
        x = pm.Data("x", design.X[:, 0])
        alpha, beta = pm.Normal("alpha", 0, 20), pm.Normal("beta", 0, 20)
        sigma = pm.HalfNormal("sigma", 10)
        pm.Deterministic("signal_to_noise", beta / sigma)
        pm.Deterministic("endless", pm.math.log(-sigma))
        mean = pm.Deterministic("mean", alpha + beta * x)
        pm.Deterministic("largest", mean.max())
        pm.Normal("y", mean, sigma, shape=len(response.y), observed=response.y)
    return model


@pytest.fixture(scope="module")
def first_try(table):
    return posynth.synthesize(table, m=3, seed=1, methods={"y": unpractised})


def test_a_model_without_dims_is_drawn_for_other_numbers_of_rows(first_try, table, tmp_path):
    first_try.save(tmp_path / "out")
    loaded = posynth.load_posterior(tmp_path / "out", methods={"y": unpractised})
    longer = pd.concat(posynth.draw(loaded, m=3, k=1000, seed=2))
    slope, _ = np.polyfit(longer["x"], longer["y"], 1)
    # Posterior sd of the slope is 2**.5 / (2 * 240**.5), that of three copies of 1000 a half.
    assert abs(slope - 3) < 4 * (2 / 240) ** 0.5 / 2
    assert draw_copies(loaded, *first_try.streams)[1].equals(first_try[1])


def test_deterministics_stay_where_they_are_functions_of_parameters(first_try, tmp_path):
    posterior = first_try.posterior
    draws = posterior["y"]["posterior"]
    assert set(draws.data_vars) == {"alpha", "beta", "sigma", "signal_to_noise"}
    np.testing.assert_allclose(draws["signal_to_noise"], draws["beta"] / draws["sigma"])
    row = posterior.diagnostics().set_index("target").loc["y"]
    assert row["parameters"] == 3
    assert "Deterministic 'mean', 'largest' not kept: computed from rows of the s" in row["why"]
    assert "Deterministic 'endless' not kept: not finite" in row["why"]
    posynth.save_posterior(posterior, tmp_path / "posterior")
    saved = posynth.load_posterior(tmp_path / "posterior")["y"]["posterior"]
    assert saved.equals(draws)


def test_a_model_that_leaves_its_predictors_aside_says_so(table):
    def margin(design, response, priors):
        with pm.Model() as model:
            pm.Normal("y", pm.Normal("mu", 0, 50), pm.HalfNormal("s", 50), observed=response.y)
        return model

    posterior = posynth.fit(table, posynth.specify(table, methods={"y": margin}), seed=1)
    assert "it reads none of its predictors" in posterior.diagnostics()["why"].iloc[1]
    assert len(posynth.draw(posterior, m=1, k=17)[0]) == 17
