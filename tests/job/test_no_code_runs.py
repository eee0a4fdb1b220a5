"""Nothing in a table, a chain, a study, a posterior or a formula is run as code.

Each test hands over a call that would leave a file behind, and looks for that file.
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError

CALL = "I(__import__('os').system('touch MARK'))"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in an empty folder, where a call that ran would leave its mark."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _table(**odd) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    age = rng.integers(20, 80, 120)
    frame = {"age": age, "w": rng.choice(["a", "b"], 120)}
    frame |= {name: rng.normal(size=120).round(2) for name in odd.get("names", ())}
    return pd.DataFrame(frame | {"y": (age / 10 + rng.normal(size=120)).round(2)})


@pytest.mark.parametrize(
    "name", [f"x` + {CALL} + `z", f"`{CALL}`", f"x`:{CALL}", "a``b", "`", f"') or {CALL} or ('"]
)
def test_a_header_with_backquotes_is_only_a_name(cli, place, name):
    table = _table(names=[name])
    table.to_csv("table.csv", index=False)
    options = ("-m", 2, "--seed", 1, "--workers", 1, "-o", "out")
    cli("synthesize", "table.csv", "--formula", "y=. + age:w", *options)
    assert list(posynth.load_copies("out")[0].columns) == list(table.columns)
    cli("draw", "out", "-m", 2, "-o", "more")
    assert not (place / "MARK").exists()


@pytest.mark.parametrize("formula", [CALL, f"age + {CALL}", f". + {CALL}:w"])
def test_a_chain_file_runs_no_formula(cli, said, place, formula):
    table = _table()
    table.to_csv("table.csv", index=False)
    written = posynth.specify(table).change("y", formula="age").to_toml()
    (place / "chain.toml").write_text(
        written.replace('formula = "age"', f"formula = {json.dumps(formula)}")
    )
    assert CALL in (place / "chain.toml").read_text()
    shown = said(cli("describe", "table.csv", "--chain", "chain.toml", code=2).stderr)
    assert "column 'y'" in shown and "__import__" in shown and "is not allowed" in shown
    cli("synthesize", "table.csv", "--chain", "chain.toml", "-o", "out", code=2)
    cli("sbc", "chain.toml", code=2)
    with pytest.raises(SpecError, match="compute anything else as a column first"):
        posynth.specify(table, formulas={"y": formula})
    assert not (place / "MARK").exists()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Give an output folder whose conditional of y is fitted by a formula that learns."""
    place = tmp_path_factory.mktemp("fitted")
    chain = posynth.specify(_table()).change("y", formula="poly(age, 2) + w")
    return posynth.synthesize(_table(), m=2, seed=1, chain=chain).save(place / "out")


@pytest.mark.parametrize("formula", [CALL, f"poly(age, 2) + w + {CALL}", f"`age` + {CALL}"])
def test_a_stored_posterior_runs_no_formula(cli, said, place, fitted, formula):
    out = shutil.copytree(fitted, place / "out")
    file = out / "posterior" / "posterior.json"
    facts = json.loads(file.read_text())
    facts["links"]["y"]["coding"]["encoder"]["formula"] = formula
    file.write_text(json.dumps(facts))
    shown = said(cli("draw", out, "-m", 2, "-o", "more", code=2).stderr)
    assert "__import__" in shown and "is not allowed" in shown
    with pytest.raises(SpecError, match="is not allowed"):
        posynth.draw(posynth.load_posterior(out), 2)
    assert not (place / "MARK").exists()
