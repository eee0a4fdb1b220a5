"""The verbs on methods at the command line, on the study that models/ shows."""

from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
import xarray as xr
from rich.console import Console
from typer.testing import CliRunner

from posynth.cli import app
from posynth.evaluation.validity.output import clear_other_study
from posynth.progress import of_replications, shown

MODELS = Path(__file__).resolve().parents[1] / "models"


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validity")
    return call(
        "validity", MODELS / "validity_study.toml", "-r", 3, "--allow-code", "-o", folder
    ), folder


def test_the_study_of_models_runs_and_writes_its_parts(study):
    result, folder = study
    assert result.exit_code == 0, result.output
    assert "3 replications of n = 500" in result.stdout
    assert "replications" not in result.stderr  # quiet where there is no terminal
    table = pd.read_csv(folder / "summary.csv")
    assert set(table["rule"]) == {"original", "auto", "naive", "rubin", "rrr"}
    assert {"bias", "bias_mcse", "coverage", "coverage_mcse", "negative"} <= set(table)
    with xr.open_dataset(folder / "summary.nc", engine="h5netcdf") as data:
        assert data.sizes["coefficient"] == 24
        assert data.attrs["replications"] == 3
        assert float(data["seconds"].sum()) > 0
    choices = pd.read_csv(folder / "choices.csv")
    assert (choices["replications"] == 3).all() and choices["share"].between(0, 1).all()
    assert "the chain was chosen anew in each replication" in result.stdout
    assert "stay: gaussian" in result.stdout
    for name in ("coverage.png", "zip.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob(".*.tmp"))


def test_it_goes_on_and_gives_the_same(study):
    _, folder = study
    before = (folder / "summary.csv").read_text()
    again = call("validity", MODELS / "validity_study.toml", "-r", 3, "--allow-code", "-o", folder)
    assert again.exit_code == 0
    assert (folder / "summary.csv").read_text() == before
    other = call(
        *("validity", MODELS / "validity_study.toml", "-r", 3, "--seed", 1, "--allow-code"),
        *("-o", folder),
    )
    assert other.exit_code == 2
    shown = " ".join(other.stderr.split())
    assert "another study" in shown and "replace that study with --overwrite" in shown
    assert (folder / "summary.csv").read_text() == before


def test_another_study_is_replaced_where_that_is_said(study, tmp_path):
    _, folder = study
    copytree(folder, tmp_path / "s")
    (tmp_path / "s" / "notes.txt").write_text("mine")
    given = (
        "validity",
        MODELS / "validity_study.toml",
        "-o",
        tmp_path / "s",
        "--allow-code",
        "--overwrite",
    )
    started = (tmp_path / "s" / "replications.jsonl").read_text()
    again = call(*given, "-r", 3)  # the same study goes on, --overwrite or not
    assert again.exit_code == 0, again.output
    assert (tmp_path / "s" / "replications.jsonl").read_text() == started
    broken = call(*given, "-r", 1, "--seed", 1, "--workers", 0)
    assert broken.exit_code == 2 and (tmp_path / "s" / "summary.csv").exists()
    other = call(*given, "-r", 1, "--seed", 1)
    assert other.exit_code == 0, other.output
    lines = (tmp_path / "s" / "replications.jsonl").read_text().splitlines()
    assert len(lines) == 2 and lines[0] != started.splitlines()[0]
    assert (tmp_path / "s" / "notes.txt").read_text() == "mine"


def test_results_of_another_study_do_not_stay_beside_an_unfinished_one(study, tmp_path):
    _, folder = study
    copytree(folder, tmp_path / "s")
    clear_other_study(tmp_path / "s", "another")
    assert list((tmp_path / "s").iterdir()) == []
    clear_other_study(tmp_path / "s", "another")


def test_one_chain_for_all_replications_is_another_study(study):
    _, folder = study
    given = ("validity", MODELS / "validity_study.toml", "--allow-code", "-r", 3, "-o", folder)
    once = call(*given, "--plan", "once")
    assert once.exit_code == 2
    assert "another study" in " ".join(once.stderr.split())
    wrong = call(*given, "--plan", "twice")
    assert wrong.exit_code == 2
    assert "unknown plan 'twice'; allowed: 'each'" in " ".join(wrong.stderr.split())


def test_a_wrong_study_is_told_in_a_sentence(tmp_path):
    result = call("validity", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_time_left_is_shown_on_a_terminal():
    console = Console(force_terminal=True, width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with shown(None, ("replicate",), of_replications, console) as tell:
        tell(0, 10, 0)
        tell(3, 10, 2)
    text = console.export_text()
    assert "3/10" in text and "left" in text and "2 failed" in text
    console.file.close()


def test_sbc_of_a_chain_file(tmp_path):
    (tmp_path / "chain.toml").write_text(
        "[columns]\nx = {kind = 'continuous'}\ny = {kind = 'continuous'}\n"
        "[[conditional]]\ntarget = 'x'\nfamily = 'gaussian'\n"
        "[[conditional]]\ntarget = 'y'\nfamily = 'gaussian'\n"
    )
    result = call("sbc", tmp_path / "chain.toml", "-r", 30, "--rows", 30, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "log-likelihood" in result.stdout
    ranks = pd.read_csv(tmp_path / "out" / "ranks.csv")
    assert ranks["rank"].between(0, 99).all()
    assert len(list((tmp_path / "out").glob("ecdf-*.png"))) == 2
    one = ("sbc", tmp_path / "chain.toml", "-r", 30, "--rows", 30, "--columns", "x")
    refused = call(*one, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and "holds a calibration (" in " ".join(refused.stderr.split())
    again = call(*one, "-o", tmp_path / "out", "--overwrite")
    assert again.exit_code == 0, again.output
    left = ["calibration.csv", "ecdf-01.png", "ranks.csv"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == left
    whole = call("sbc", tmp_path / "chain.toml", "-r", 30, "--rows", 30, "--chain")
    assert whole.exit_code == 0, whole.output
    assert "sign test" in whole.stdout
    wrong = call("sbc", tmp_path / "chain.toml", "--columns", "z")
    assert wrong.exit_code == 2
    assert "unknown conditional 'z'" in wrong.stderr
