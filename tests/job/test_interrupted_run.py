"""A run that fails or is stopped leaves nothing half-written and an older output as it was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import posynth
from posynth.copies import output as writing
from posynth.copies.folder import PARTS
from posynth.errors import StoreError
from posynth.posterior import store


def _content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(people):
    return people[["age", "bmi"]]


@pytest.fixture
def source(small, tmp_path):
    path = tmp_path / "two.csv"
    small.to_csv(path, index=False)
    return path


@pytest.fixture
def older(cli, source, tmp_path):
    """An output of an earlier seed, and its content."""
    folder = tmp_path / "out"
    cli("synthesize", source, "-m", 2, "--seed", 1, "-o", folder)
    return folder, _content(folder)


def _fail_at(monkeypatch, module, name, count, error):
    """Let the count-th call of a function fail after it did its work half-way."""
    plain, calls = getattr(module, name), []

    def failing(*arguments, **named):
        calls.append(1)
        if len(calls) == count:
            raise error
        return plain(*arguments, **named)

    monkeypatch.setattr(module, name, failing)
    return calls


ERRORS = [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=["failure", "interrupt"])
@pytest.mark.parametrize("copy", [1, 2])
def test_a_failure_while_copies_are_written_keeps_the_older_output(
    cli, source, older, monkeypatch, error, code, copy
):
    folder, content = older
    _fail_at(monkeypatch, writing, "write_copy", copy, error)
    _run(cli, code, "synthesize", source, "-m", 2, "--seed", 2, "-o", folder, "--overwrite")
    assert _content(folder) == content


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=["failure", "interrupt"])
def test_a_failure_leaves_nothing_where_nothing_was(
    cli, source, tmp_path, monkeypatch, error, code
):
    _fail_at(monkeypatch, writing, "write_copy", 2, error)
    _run(cli, code, "synthesize", source, "-m", 2, "-o", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def _run(cli, code, *arguments):
    text = {
        2: "could not be written: No space left on device; what it held before is unchanged",
        130: "interrupted; nothing was written under a final name",
    }
    assert text[code] in " ".join(cli(*arguments, code=code).stderr.split())


@pytest.mark.parametrize("step", range(1, 11))
def test_a_failure_between_two_renames_is_undone(small, older, monkeypatch, step):
    folder, content = older
    copies = posynth.synthesize(small, m=2, seed=2)
    plain, calls = os.replace, []

    def failing(source, final):
        # Only renames between the draft and the folder count; each file has renames of its own.
        if folder in (source.parent, final.parent):
            calls.append(1)
            if len(calls) == step:
                raise KeyboardInterrupt
        plain(source, final)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        copies.save(folder, overwrite=True)
    assert _content(folder) == content
    assert {p.name for p in folder.iterdir()} == {name.split("/")[0] for name in content}


def test_ten_renames_are_all_there_are(small, older):
    folder, content = older
    copies = posynth.synthesize(small, m=2, seed=2)
    copies.save(folder, overwrite=True)
    assert _content(folder).keys() == content.keys()
    assert len(PARTS) == 5
    assert _content(folder)["manifest.json"] != content["manifest.json"]


def test_a_fit_that_is_stopped_leaves_nothing(cli, source, older, monkeypatch):
    folder, content = older
    _fail_at(monkeypatch, posynth.posterior.schedule, "fit_task", 2, KeyboardInterrupt())
    _run(cli, 130, "fit", source, "-o", folder, "--overwrite")
    assert _content(folder) == content


def test_a_posterior_that_is_stopped_keeps_the_older_one(small, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    posynth.save_posterior(posynth.fit(small, seed=1), folder)
    content, other = _content(folder), posynth.fit(small, seed=2)
    _fail_at(monkeypatch, store, "_facts", 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        posynth.save_posterior(other, folder, overwrite=True)
    assert _content(folder) == content
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    monkeypatch.undo()
    posynth.save_posterior(other, folder, overwrite=True)
    assert posynth.load_posterior(folder).seed == 2


def test_a_folder_that_holds_no_posterior_is_not_replaced(small, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="is there already and holds no posterior; it would be"):
        posynth.save_posterior(posynth.fit(small, seed=1), tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_chain_file_is_written_whole_or_not_at_all(cli, source, tmp_path, monkeypatch):
    path = tmp_path / "chain.toml"
    path.write_text("older")
    _fail_at(monkeypatch, os, "replace", 1, KeyboardInterrupt())
    _run(cli, 130, "describe", source, "-o", path, "--overwrite")
    assert path.read_text() == "older"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["chain.toml", "two.csv"]


def test_a_chain_file_that_cannot_be_written_is_named(cli, said, source, tmp_path):
    place = tmp_path / "two.csv" / "chain.toml"
    shown = said(cli("describe", source, "-o", place, code=2).stderr)
    assert "chain.toml' cannot be written: Not a directory" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_interrupt_is_told_in_one_line(people_csv, tmp_path, ended):
    # A shell starts its background jobs deaf to Ctrl-C, and so would this process be in one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "posynth.cli", "synthesize", people_csv, "-o", tmp_path / "o"]
    process = subprocess.Popen(
        [*command, "--workers", "2", "-m", "500", "-k", "5000"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(children.read_text().split()) < 2:  # the tracker of resources, and the crew
        time.sleep(0.02)
    found = [int(pid) for pid in children.read_text().split()]
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert told.splitlines()[0] == "interrupted; nothing was written under a final name"
    # CPython kills itself by the signal, which shells report as 130 too, if it came within code
    # that is run as text, such as a dataclass being made.
    assert process.returncode in (130, -signal.SIGINT)
    assert all(ended(pid) for pid in found)
    assert not (tmp_path / "o").exists()
