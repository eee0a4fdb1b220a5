"""Nothing in a table, a chain, a study, a posterior or a formula is run as code.

Each test hands over a call that would leave a file behind, and looks for that file.
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError, SpecError

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


AFTER = ["age + {}", "`age` + {}", ". + {}", "{}"]
SIDES = [*(f"y ~ {each}".format(CALL) for each in AFTER), f"{CALL} ~ age"]


@pytest.mark.parametrize("formula", SIDES)
def test_pooling_runs_no_formula(cli, said, place, fitted, formula):
    shown = said(cli("pool", fitted, "--formula", formula, code=2).stderr)
    assert "__import__" in shown and "is not allowed" in shown
    cli("report", fitted, "--data", _written(place), "--formula", formula, code=2)
    copies = posynth.load_copies(fitted)
    for options in ({}, {"impute": 2}):
        with pytest.raises(MeasureError, match="compute anything else as a column first"):
            posynth.pool(copies, "ols", formula, **options)
    assert not (place / "MARK").exists()


def _written(place):
    _table().to_csv(place / "table.csv", index=False)
    return place / "table.csv"


def test_options_of_a_model_run_nothing_either(place, fitted):
    copies = posynth.load_copies(fitted)
    with pytest.raises(MeasureError, match=r"re_formula.*|is not allowed"):
        posynth.pool(copies, "mixed", "y ~ age", groups="w", re_formula=f"~ {CALL}")
    for name in ("vc_formula", "eval_env", "subset", "drop_cols"):
        with pytest.raises(MeasureError, match=f"model 'ols': unknown option '{name}'"):
            posynth.pool(copies, "ols", "y ~ age", **{name: CALL})
    for name in ("status", "groups", "offset"):
        model = {"status": "phreg", "groups": "mixed", "offset": "ols"}[name]
        with pytest.raises(MeasureError, match="unknown column"):
            posynth.pool(copies, model, "y ~ age", **{name: CALL})
    assert not (place / "MARK").exists()


def test_an_analysis_sees_no_variable_of_its_caller(fitted):
    secret = np.arange(120.0)  # noqa: F841 - what a formula must not reach
    with pytest.raises(MeasureError, match="unknown column 'secret'"):
        posynth.pool(posynth.load_copies(fitted), "ols", "y ~ secret")
    with pytest.raises(MeasureError, match="unknown column 'secret'"):
        posynth.pool(posynth.load_copies(fitted), "ols", "y ~ I(secret)")


STUDY = """\
n = 60
replications = 2
[population]
table = "table.csv"
[[analysis]]
formula = {formula}
model = "{model}"
options = {options}
"""
STUDIES = {
    "formula": (f"y ~ {CALL}", "ols", "{}"),
    "left side": (f"{CALL} ~ age", "ols", "{}"),
    "random effects": ("y ~ age", "mixed", f'{{groups = "w", re_formula = "~ {CALL}"}}'),
    "evaluation environment": ("y ~ age", "ols", "{eval_env = 2}"),
    "variance formula": ("y ~ age", "mixed", f'{{groups = "w", vc_formula = {{a = "{CALL}"}}}}'),
}


@pytest.mark.parametrize("case", STUDIES)
def test_a_study_file_runs_no_formula(cli, said, place, case):
    _written(place)
    formula, model, options = STUDIES[case]
    text = STUDY.format(formula=json.dumps(formula), model=model, options=options)
    (place / "study.toml").write_text(text)
    shown = said(cli("validity", "study.toml", "-o", "v", code=2).stderr)
    assert "is not allowed" in shown or "unknown option" in shown
    assert not (place / "MARK").exists()
