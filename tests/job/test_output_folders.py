"""A folder that holds another run is replaced only where that is said, and then as a whole."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

import posynth
from posynth.copies import output as writing
from posynth.copies.folder import PARTS, written_about
from posynth.copies.replacing import check_target
from posynth.errors import EditWarning, StoreError

ONE = ("-m", 1, "--workers", 1)


@pytest.fixture(scope="module")
def source(people, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "two.csv"
    people[["age", "bmi"]].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(cli, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted") / "fit"
    cli("fit", source, "--seed", 1, "-o", folder)
    return folder


@pytest.fixture(scope="module")
def made(cli, source, tmp_path_factory):
    """An output folder of two copies, with a report, a public one and results as files."""
    folder = tmp_path_factory.mktemp("made") / "out"
    cli("synthesize", source, "-m", 2, "--seed", 1, "--workers", 1, "-o", folder)
    data = ("--data", source)
    cli("report", folder, *data)
    cli("report", folder, *data, "--public", "-o", folder / "for_all.html")
    files = ("--json", folder / "e.json", "--csv", folder / "e.csv")
    cli("evaluate", folder, *data, *files)
    files = ("--json", folder / "pooled.json", "--csv", folder / "pooled.csv")
    cli("pool", folder, "--formula", "bmi ~ age", *files)
    return folder


ABOUT = ["e.csv", "e.json", "for_all.html", "pooled.csv", "pooled.json", "report.html"]


@pytest.fixture
def out(made, tmp_path):
    """A copy of that folder, with files of the user's that look alike."""
    shutil.copytree(made, tmp_path / "out")
    folder = tmp_path / "out"
    (folder / "page.html").write_text("<title>posynth and I</title>")
    (folder / "notes.json").write_text('{"n": 1, "spec_hash": "mine"}')
    (folder / "list.json").write_text('["posynth", "spec_hash", "n", "m"]')
    (folder / "table.csv").write_text("age,bmi\n1,2\n")
    (folder / "broken.json").write_bytes(b"\xff{")
    (folder / "folder.html").mkdir()
    return folder


MINE = ["broken.json", "folder.html", "list.json", "notes.json", "page.html", "table.csv"]


def _content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_was_written_about_copies_is_known_and_nothing_else(out):
    assert written_about(out) == ABOUT
    assert written_about(out / "nowhere") == []


@pytest.mark.parametrize("verb", ["synthesize", "fit", "draw", "demo"])
def test_another_run_is_not_replaced_unasked(cli, said, source, fitted, out, verb):
    before = _content(out)
    given = {"draw": (fitted,), "demo": ()}.get(verb, (source,))
    shown = said(cli(verb, *given, "-m", 1, "-o", out, code=2).stderr)
    assert "already holds a run (posterior, chain.toml, diagnostics.csv, copies, manif" in shown
    assert "out'" in shown and "report.html" in shown
    assert "choose another folder with -o, or replace that run with --overwrite" in shown
    assert _content(out) == before


def test_it_is_refused_before_the_work(cli, source, fitted, out, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("work was begun")

    monkeypatch.setattr("posynth.posterior.fitting.fit_chain", refuse)
    monkeypatch.setattr("posynth.copies.drawing.draw", refuse)
    for verb, given in (("synthesize", source), ("fit", source), ("draw", fitted)):
        cli(verb, given, *("-m", 1), "-o", out, code=2)


def test_with_leave_it_is_replaced_as_a_whole_and_nothing_about_it_stays(cli, said, source, out):
    shown = said(cli("synthesize", source, *ONE, "--overwrite", "-o", out).stdout)
    assert sorted(p.name for p in out.iterdir()) == sorted([*PARTS, *MINE])
    assert [p.name for p in (out / "copies").iterdir()] == ["copy-01.csv"]
    assert len(posynth.load_copies(out)) == 1
    assert f"note: removed {', '.join(ABOUT)} from" in shown and "about the run before" in shown
    assert f"out: {', '.join(MINE)}" in shown


def test_a_fit_over_a_run_leaves_no_copies(cli, source, out):
    cli("fit", source, "-m", 1, "--overwrite", "-o", out)
    left = [*MINE, "posterior", "chain.toml", "diagnostics.csv"]
    assert sorted(p.name for p in out.iterdir()) == sorted(left)


def test_a_draw_over_a_run_takes_its_posterior_along(cli, source, fitted, out):
    cli("draw", fitted, "-m", 1, "--overwrite", "-o", out)
    fingerprint = posynth.load_posterior(fitted).fingerprint
    assert posynth.load_copies(out).posterior.fingerprint == fingerprint
    assert written_about(out) == []


def test_copies_are_added_to_a_posterior_that_stands_alone(cli, fitted, tmp_path):
    folder = tmp_path / "fit"
    shutil.copytree(fitted, folder)
    (folder / "chain.toml").write_text("# edited for the next run")
    before = _content(folder)
    cli("draw", folder, "-m", 2)
    assert before.items() <= _content(folder).items()
    with pytest.warns(EditWarning, match="its changes have no effect here"):
        assert len(posynth.load_copies(folder)) == 2
    cli("draw", folder, "-m", 2, code=2)
    cli("draw", folder, "-m", 3, "--overwrite")
    assert len(posynth.load_copies(folder)) == 3  # the chain that was fitted is written again


def test_another_posterior_that_stands_alone_is_not_replaced(cli, said, source, fitted, tmp_path):
    folder = tmp_path / "fit"
    shutil.copytree(fitted, folder)
    cli("fit", source, "--seed", 2, "-o", tmp_path / "other")
    shown = said(cli("draw", tmp_path / "other", "-m", 1, "-o", folder, code=2).stderr)
    assert "already holds a run (posterior, chain.toml, diagnostics.csv)" in shown
    cli("fit", source, "--seed", 2, "-o", folder, code=2)


def test_a_report_without_its_run_is_not_joined_by_copies(cli, said, source, made, tmp_path):
    shutil.copy(made / "report.html", tmp_path / "report.html")
    shown = said(cli("synthesize", source, *ONE, "-o", tmp_path, code=2).stderr)
    assert "already holds a run (report.html)" in shown
    cli("synthesize", source, *ONE, "-o", tmp_path, "--overwrite")
    assert not (tmp_path / "report.html").exists()


def test_saving_from_python_is_alike(people, out, tmp_path):
    two = people[["age", "bmi"]]
    copies = posynth.synthesize(two, m=1, seed=3)
    before = _content(out)
    with pytest.raises(StoreError, match=r"already holds a run .*\(overwrite=True in Python\)"):
        copies.save(out)
    assert _content(out) == before
    copies.save(out, overwrite=True)
    assert posynth.load_copies(out).seed == 3 and written_about(out) == []
    posynth.save_posterior(copies.posterior, tmp_path / "new" / "posterior")
    copies.save(tmp_path / "new")
    with pytest.raises(StoreError, match="already holds a run"):
        copies.save(tmp_path / "new")


def test_a_posterior_is_not_replaced_unasked(people, tmp_path):
    one, two = (posynth.fit(people[["age"]], seed=seed) for seed in (1, 2))
    posynth.save_posterior(one, tmp_path / "p")
    with pytest.raises(StoreError, match="already holds a posterior; choose another folder, or"):
        posynth.save_posterior(two, tmp_path / "p")
    posynth.save_posterior(two, tmp_path / "p", overwrite=True)
    assert posynth.load_posterior(tmp_path / "p").seed == 2


def test_a_failure_keeps_run_and_report(cli, source, out, monkeypatch):
    before = _content(out)
    plain = os.replace

    def failing(one, other):
        if str(other).endswith("manifest.json"):
            raise KeyboardInterrupt
        plain(one, other)

    monkeypatch.setattr(writing.os, "replace", failing)
    cli("synthesize", source, *ONE, "--overwrite", "-o", out, code=130)
    assert _content(out) == before


def test_an_edited_chain_file_is_not_replaced_unasked(cli, said, source, tmp_path):
    chain = tmp_path / "chain.toml"
    cli("describe", source, "-o", chain)
    cli("describe", source, "-o", chain)  # the same again
    plain = chain.read_text()
    chain.write_text(plain + "# mine")
    shown = said(cli("describe", source, "-o", chain, code=2).stderr)
    assert "chain.toml' is there already and says something else, perhaps by your edits" in shown
    assert chain.read_text() == plain + "# mine"
    cli("describe", source, "-o", chain, "--overwrite")
    assert chain.read_text() == plain


def test_the_demo_runs_twice(cli, tmp_path):
    for _ in range(2):
        cli("demo", "-m", 1, "--workers", 1, "--overwrite", "-o", tmp_path / "demo")
    assert json.loads((tmp_path / "demo" / "manifest.json").read_text())["seed"] == 1
    assert len(pd.read_csv(tmp_path / "demo" / "copies" / "copy-01.csv")) == 299


@pytest.mark.parametrize("verb", ["synthesize", "fit", "draw", "demo"])
@pytest.mark.parametrize("name", ["notes.txt", "manifest.json", "copies/mine.csv"])
def test_a_folder_that_posynth_did_not_write_is_never_written_into(
    cli, said, source, fitted, tmp_path, verb, name
):
    folder = tmp_path / "mine"
    (folder / "copies").mkdir(parents=True) if "/" in name else folder.mkdir()
    (folder / name).write_text('{"name": "a web page"}')
    before = _content(folder)
    given = {"draw": (fitted,), "demo": ()}.get(verb, (source,))
    for more in ((), ("--overwrite",)):
        shown = said(cli(verb, *given, "-m", 1, *more, "-o", folder, code=2).stderr)
        assert f"mine' already holds {name.split('/')[0]}, not written by posynth" in shown
        assert _content(folder) == before


def test_new_empty_and_hidden_files_are_no_obstacle(cli, source, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".gitkeep").write_text("")
    cli("synthesize", source, *ONE, "-o", tmp_path / "empty")
    assert (tmp_path / "empty" / ".gitkeep").is_file()


@pytest.mark.parametrize("name", ["copies/mine.csv", "posterior/notes.txt", "posterior/own.py"])
def test_files_among_the_parts_of_a_run_are_named_and_kept(cli, said, source, out, name):
    (out / name).write_text("mine")
    before = _content(out)
    shown = said(cli("synthesize", source, *ONE, "--overwrite", "-o", out, code=2).stderr)
    assert f"already holds {name}, not written by posynth" in shown
    assert _content(out) == before


def test_a_posterior_goes_with_no_file_of_others(people, tmp_path):
    one = posynth.fit(people[["age"]], seed=1)
    posynth.save_posterior(one, tmp_path / "p")
    (tmp_path / "p" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"also holds notes.txt, not written by posynth"):
        posynth.save_posterior(one, tmp_path / "p", overwrite=True)
    assert (tmp_path / "p" / "notes.txt").read_text() == "mine"


def test_what_is_read_is_not_replaced(cli, said, source, out, tmp_path):
    before = _content(out)
    for read in ((out / "copies" / "copy-01.csv",), (source, "--chain", out / "chain.toml")):
        shown = said(cli("synthesize", *read, *ONE, "--overwrite", "-o", out, code=2).stderr)
        assert "is read, and lies in output folder" in shown
    assert _content(out) == before


@pytest.mark.parametrize("verb", ["report", "evaluate", "pool"])
def test_results_replace_their_own_and_other_files_on_request_only(
    cli, said, source, out, tmp_path, verb
):
    data = shutil.copy(source, tmp_path / "two.csv")
    given = {
        "report": (out, "--data", data, "-o"),
        "evaluate": (out, "--data", data, "--csv"),
        "pool": (out, "--formula", "bmi ~ age", "--json"),
    }[verb]
    ending = {"report": "html", "evaluate": "csv", "pool": "json"}[verb]
    mine = tmp_path / f"mine.{ending}"
    mine.write_text("mine")
    shown = said(cli(verb, *given, mine, code=2).stderr)
    assert "is there already and was not written by posynth" in shown and "--overwrite" in shown
    assert mine.read_text() == "mine"
    cli(verb, *given, mine, "--overwrite")
    cli(verb, *given, mine)  # its own by now
    kept = {data: "the table that was s" if verb == "pool" else "an input"}
    kept |= {out / name: "not replaced" for name in PARTS if (out / name).is_file()}
    kept |= {out / "copies" / "copy-01.csv": "a part of the run", out: "is a folder"}
    (tmp_path / "c.toml").write_text("a = 1")
    kept |= {tmp_path / "c.toml": "a .toml file", tmp_path / "no" / "x": "there is no such folder"}
    for path, reason in kept.items():
        before = path.read_bytes() if path.is_file() else b""
        assert reason in said(cli(verb, *given, path, "--overwrite", code=2).stderr), path
        assert not path.is_file() or path.read_bytes() == before
    assert "--overwrite" in said(cli(verb, "-h").stdout)


def test_a_page_is_replaced_in_python_where_that_is_said(source, out, tmp_path):
    page = out / "report.html"
    posynth.write_report(out, source)  # its own page
    page.write_text("mine")
    with pytest.raises(StoreError, match=r"report.html' is there already .*overwrite=True"):
        posynth.write_report(out, source)
    posynth.write_report(out, source, overwrite=True)
    assert "generator" in page.read_text()


def test_two_results_have_two_names(cli, said, out, tmp_path):
    names = ("--json", tmp_path / "p", "--csv", tmp_path / "p")
    shown = said(cli("pool", out, "--formula", "bmi ~ age", *names, code=2).stderr)
    assert "is named for two files" in shown


def test_results_hold_no_seed_and_say_whether_they_are_confidential(out):
    for name, confidential in (("e.json", True), ("pooled.json", False)):
        content = json.loads((out / name).read_text())
        assert not {"seed", "fit_seed", "streams"} & content.keys()
        assert ("confidential" in content) == ("spec_hash" in content) == confidential


def test_describe_replaces_chains_only(cli, said, source, tmp_path):
    data = shutil.copy(source, tmp_path / "two.csv")
    (tmp_path / "notes.txt").write_text("mine")
    shown = said(cli("describe", data, "-o", data, "--overwrite", code=2).stderr)
    assert "is an input of this command, which is not replaced" in shown
    text = cli("describe", data, "-o", tmp_path / "notes.txt", "--overwrite", code=2).stderr
    assert "is no chain file" in said(text)
    chain = tmp_path / "c.toml"
    cli("describe", data, "-o", chain)
    again = ("describe", data, "--chain", chain, "-o", chain, "--overwrite")
    assert "is an input" in said(cli(*again, code=2).stderr)


def test_lists_are_files_like_others(cli, said, tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    for verb in ("methods", "families"):
        cli(verb, "--json", tmp_path / f"{verb}.json")
        cli(verb, "--json", tmp_path / f"{verb}.json")
        assert "not written by" in said(cli(verb, "--json", tmp_path / "mine.json", code=2).stderr)


@pytest.mark.parametrize("verb", ["validity", "sbc"])
def test_studies_are_not_written_among_other_files(cli, said, source, tmp_path, verb):
    shutil.copy(source, tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("summary.csv", "ranks.csv", "ecdf-01.png"):
        (folder / name).write_text("mine")
    before = _content(folder)
    (tmp_path / "c.toml").write_text(
        'columns = {x = {kind = "continuous"}}\n[[conditional]]\ntarget = "x"\nfamily = "gaussian"'
    )
    (tmp_path / "s.toml").write_text(
        'n = 20\n[population]\ntable = "two.csv"\n[[analysis]]\n'
        'model = "ols"\nformula = "bmi ~ age"\n'
    )
    file = "s.toml" if verb == "validity" else "c.toml"
    for more in ((), ("--overwrite",)):
        shown = said(cli(verb, tmp_path / file, *more, "-o", folder, code=2).stderr)
        assert "already holds ecdf-01.png, ranks.csv, summary.csv, and no" in shown
        assert _content(folder) == before


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_no_place_for_results(device):
    """It was read first, to see who had written it, without end."""
    with pytest.raises(StoreError, match=rf"'{device}' is a device or pipe.*name a file"):
        check_target(Path(device), overwrite=True)
