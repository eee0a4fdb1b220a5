"""What a terminal shows: bars with the column's name; names that look like markup stay as is."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import posynth
from posynth import screen
from posynth.copies.failed import FailedConditional
from posynth.posterior.plan import plan
from posynth.progress import Step, shown

NAMES = ["[red]x[/red]", "[/oops]", "a:smile:b"]


@pytest.fixture(scope="module")
def odd() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({name: rng.normal(size=30) for name in NAMES})


@pytest.fixture
def terminal() -> Console:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=True, width=120, color_system=None, emoji=False)


def _text(console):
    return console.file.getvalue()


def test_progress_on_a_terminal_names_column_and_engine(odd, terminal):
    with shown(None, ("fit", "draw"), console=terminal) as progress:
        posynth.synthesize(odd, m=2, seed=1, progress=progress)
    text = _text(terminal)
    assert "fitting" in text and "drawing" in text and "3/3" in text
    assert "a:smile:b exact" in text


def test_progress_elsewhere_prints_nothing(odd):
    console = Console(file=io.StringIO())
    with shown(None, ("fit", "draw"), console=console) as progress:
        posynth.synthesize(odd, m=2, seed=1, progress=progress)
    assert _text(console) == ""


def test_names_are_printed_as_they_are(odd, terminal):
    table, chain = plan(odd)
    copies = posynth.synthesize(odd, m=2, seed=1)
    screen.print_schema(terminal, table)
    screen.print_chain(terminal, chain)
    screen.print_diagnostics(terminal, copies.diagnostics())
    for name in NAMES:
        assert _text(terminal).count(name) >= 3


def test_the_command_line_prints_names_as_they_are_too(odd, cli, tmp_path):
    odd.to_csv(tmp_path / "odd.csv", index=False)
    text = cli("synthesize", tmp_path / "odd.csv", "-m", 2, "-o", tmp_path / "out").stdout
    assert all(name in text for name in NAMES)
    text = cli("describe", tmp_path / "odd.csv", "--order", "[/x]", code=2).stderr
    assert "unknown column '[/x]'" in text


def test_a_fit_that_did_not_pass_is_explained(odd, terminal, tmp_path):
    copies = posynth.synthesize(odd, m=2, seed=1)
    reasons = ["", "R-hat 1.2 > 1.01 [high]", ""]
    table = copies.diagnostics().assign(passed=[True, False, True], reasons=reasons, why="")
    screen.print_diagnostics(terminal, table)
    assert "[/oops] did not pass: R-hat 1.2 > 1.01 [high]" in _text(terminal)
    failed = FailedConditional("[/oops]", ("ESS 63 < 400",), ("[/oops]",))
    screen.print_failed(terminal, [failed], allowed=False)
    assert "  [/oops]: ESS 63 < 400" in _text(terminal)
    columns = [{"name": "=1+1"}, {"name": "g", "levels": ["@a", "b"]}, {"name": "n", "levels": [1]}]
    facts = {**copies.manifest(), "proper": False, "columns": columns}
    screen.print_summary(terminal, facts, tmp_path)
    assert "formula; kept exactly: =1+1" in _text(terminal)
    assert "columns with levels that a spreadsheet" in _text(terminal)
    assert "NOT proper" in _text(terminal)


def test_imputation_shows_its_columns_only_where_there_is_work(terminal):
    with shown(None, ("impute",), console=terminal):
        pass
    assert "imputing" not in _text(terminal)
    with shown(None, ("impute",), console=terminal) as progress:
        progress(Step("impute", "[red]x[/red] (table 1 of 3)", "", 4, 30))
    text = _text(terminal)
    assert "imputing" in text and "4/30" in text and "[red]x[/red] (table 1 of 3)" in text
