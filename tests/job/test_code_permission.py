"""A Python file runs only where the user names it himself, or allows the files that a text names.

Each test plants a file that leaves a mark when it is imported, and looks for the mark.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.spec import ChainSpec
from posynth.errors import SpecError
from posynth.evaluation.validity import read_study
from posynth.posterior.store import save_posterior

EVIL = """\
from pathlib import Path

Path(__file__).with_name("mark").write_text("it ran")


def f(design, response, priors):
    import pymc as pm

    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        y = pm.Data("y", response.y, dims="row")
        alpha = pm.Normal("alpha")
        beta = pm.Normal("beta", dims="predictor")
        sigma = pm.Exponential("sigma")
        pm.Normal("response", alpha + X @ beta, sigma, observed=y, dims="row")
    return model


def rows(count, rng):
    import pandas as pd

    return pd.DataFrame({"x": rng.normal(size=count), "y": rng.normal(size=count)})


def mean(frame):
    return [0.0], [[1.0]]
"""
STUDY = "n = 50\nreplications = 2\n[population]\n{}\n[[analysis]]\n{}\n"


@pytest.fixture
def folder(tmp_path):
    """Give a folder with a table, and a Python file that leaves a mark beside it."""
    (tmp_path / "evil.py").write_text(EVIL)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=60).round(2), "y": rng.normal(size=60).round(2)})
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path


def _chain(folder):
    chain = posynth.specify(folder / "table.csv")
    lines = chain.to_toml().replace('family = "gaussian"', 'family = "evil.py:f"').splitlines()
    kept = [
        line for line in lines if not line.startswith(("prior", "scales", "scale =", "splines"))
    ]
    (folder / "chain.toml").write_text("\n".join(kept))
    return folder / "chain.toml"


def _ran(folder):
    return (folder / "mark").exists()


def test_a_chain_file_runs_no_file_unasked(cli, said, folder):
    chain, table = _chain(folder), folder / "table.csv"
    shown = said(cli("synthesize", table, "--chain", chain, "-o", folder / "out", code=2).stderr)
    assert "family 'evil.py:f' would run the Python file" in shown
    assert str(folder / "evil.py").replace(" ", "") in shown.replace(" ", "")
    assert "read that file, then allow it by --allow-code (in Python allow_code=True)" in shown
    assert "or name it yourself: --method COLUMN=evil.py:f" in shown
    for verb in ("describe", "fit", "sbc"):
        cli(*((verb, table) if verb != "sbc" else (verb,)), *_given(verb, chain), code=2)
    for run in (posynth.specify, posynth.fit, posynth.synthesize):
        with pytest.raises(SpecError, match="allow_code=True"):
            run(table, chain=chain)
    assert not _ran(folder)
    cli("describe", table, "--chain", chain, "--allow-code")
    assert _ran(folder)


def _given(verb, chain):
    return (chain,) if verb == "sbc" else ("--chain", chain)


def test_naming_the_function_oneself_is_permission_enough(cli, folder, monkeypatch):
    monkeypatch.chdir(folder)
    cli("describe", "table.csv", "--method", "y=evil.py:f")
    assert _ran(folder)
    (folder / "mark").unlink()
    posynth.specify(folder / "table.csv").change("y", family="evil.py:f")
    assert _ran(folder)


def test_the_message_shows_where_an_odd_path_leads(folder):
    (folder / "inner").mkdir()
    (folder / "evil.py").rename(folder / "inner" / "evil.py")
    chain = _chain(folder)
    chain.write_text(chain.read_text().replace("evil.py:f", "nowhere/../inner/../inner/evil.py:f"))
    (folder / "nowhere").mkdir()
    with pytest.raises(SpecError) as caught:
        posynth.specify(folder / "table.csv", chain=chain)
    assert repr(str(folder / "inner" / "evil.py")) in str(caught.value)
    assert not _ran(folder / "inner")


def _received(folder):
    """Return an output folder whose stored chain names a function in a file beside it."""
    out = posynth.synthesize(folder / "table.csv", m=2, seed=1).save(folder / "out")
    file = out / "posterior" / "posterior.json"
    facts = json.loads(file.read_text())
    facts["spec"]["conditional"][1] |= {"family": "evil.py:f", "prior": "own", "scales": {}}
    # Whoever plants a family can compute the hash too.
    facts["digest"] = ChainSpec.from_dict(facts["spec"]).digest()
    file.write_text(json.dumps(facts))
    manifest = out / "manifest.json"
    written = json.loads(manifest.read_text()) | {"spec_hash": facts["digest"]}
    for streams in written["streams"]:
        streams["posterior"] = posynth.load_posterior(out).fingerprint
    manifest.write_text(json.dumps(written))
    (out / "posterior" / "evil.py").write_text(EVIL)
    return out


def test_a_received_posterior_runs_no_file_unasked(cli, said, folder):
    out, table = _received(folder), folder / "table.csv"
    mark = out / "posterior"
    shown = said(cli("draw", out, "-m", 2, "-o", folder / "more", code=2).stderr)
    assert "family 'evil.py:f' would run the Python file" in shown and "--allow-code" in shown
    received = posynth.load_posterior(out)
    with pytest.raises(SpecError, match="allow_code=True"):
        posynth.draw(received, 2)
    cli("diagnose", out)
    cli("pool", out, "--formula", "y ~ x")
    told = said(cli("evaluate", out, "--data", table).stdout)
    assert "Traceback" not in told
    cli("report", out, "--data", table)
    assert not _ran(mark)
    cli("draw", out, "-m", 2, "-o", folder / "more", "--allow-code")
    assert _ran(mark)


def test_a_file_elsewhere_that_a_received_posterior_names_is_not_copied(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("private") / "mine.py"
    secret.write_text("KEY = 'private'\n")
    out = posynth.synthesize(folder / "table.csv", m=2, seed=1).save(folder / "out")
    loaded = posynth.load_posterior(out)
    conditional = loaded.spec.conditionals[1]
    spec = loaded.spec.with_conditional(replace(conditional, family=f"{secret}:f"))
    save_posterior(replace(loaded, spec=spec), folder / "again")
    assert not list((folder / "again").rglob("*.py"))
    save_posterior(replace(loaded, spec=spec, allowed=frozenset({f"{secret}:f"})), folder / "mine")
    assert [path.name for path in (folder / "mine").rglob("*.py")] == ["mine.py"]


STUDIES = {
    "simulator": (STUDY.format('simulator = "evil.py:rows"', 'formula = "y ~ x"'), "simulator"),
    "analysis": (STUDY.format('table = "table.csv"', 'function = "evil.py:mean"'), "analysis"),
    "one analysis": (
        STUDY.replace("[[analysis]]", "[analysis]").format(
            'table = "table.csv"', 'function = "evil.py:mean"'
        ),
        "analysis",
    ),
    "method": (
        STUDY.format('table = "table.csv"', 'formula = "y ~ x"')
        + '[chain]\nmethods = {y = "evil.py:f"}\n',
        "family",
    ),
    "chain": (
        STUDY.format('table = "table.csv"', 'formula = "y ~ x"') + '[chain]\nfile = "chain.toml"\n',
        "family",
    ),
    "prior": (
        STUDY.format('prior = "chain.toml"\ndata = "table.csv"', 'formula = "y ~ x"'),
        "family",
    ),
}


@pytest.mark.parametrize("case", STUDIES)
def test_a_study_file_runs_no_file_unasked(cli, said, folder, case):
    _chain(folder)
    text, what = STUDIES[case]
    (folder / "study.toml").write_text(text)
    shown = said(cli("validity", folder / "study.toml", "-o", folder / "v", code=2).stderr)
    assert f"{what} 'evil.py:" in shown and "--allow-code" in shown
    with pytest.raises(SpecError, match=r"study.toml.*allow_code=True"):
        read_study(folder / "study.toml")
    assert not _ran(folder)


def test_a_study_whose_population_is_a_received_posterior_runs_no_file(cli, folder):
    out = _received(folder)
    text = STUDY.format('posterior = "out"', 'formula = "y ~ x"')
    (folder / "study.toml").write_text(text)
    cli("validity", folder / "study.toml", "-o", folder / "v", code=2)
    assert not _ran(out / "posterior")
