"""Names, levels and file names of a table are text wherever they are shown: never markup."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from posynth.cli import app
from posynth.errors import printable
from posynth.evaluation.labels import as_label

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "[bold red]x[/bold red]",
    "\x1b[31mred\x1b[0m",
    "$\\frac{a$",
    "../../../etc/passwd",
    "{{ 7 * 7 }}",
    "=cmd()",
    "_hidden",
    "a\tb",
    "x\u202egpj.exe",
]
LEVELS = ["<b>bold</b>", "=1+1", "[red]r[/red]", "@SUM(A1)", "$x$", "\x1b[2Jcleared", "-->"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a hostile table, named hostilely, and copies of it."""
    place = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(6)
    table = pd.DataFrame({name: rng.normal(size=120).round(2) for name in [*NAMES, "y"]})
    for name in NAMES[1:4:2]:
        table[name] = rng.choice(LEVELS, 120)
    table.to_csv(place / "a <i>table.csv", index=False)
    return place


@pytest.fixture(scope="module")
def run(folder):
    """Run a command in the folder and give what it printed."""

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code in (0, 3), result.output
        assert "Traceback" not in result.output
        return result.output

    return call


@pytest.fixture(scope="module")
def shown(folder, run):
    """Do the whole job; give everything that was printed, and the folder."""
    table, out = folder / "a <i>table.csv", folder / "out"
    said = run("describe", table)
    said += run("synthesize", table, "-m", 2, "--seed", 1, "--workers", 1, "-o", out)
    said += run("diagnose", out)
    said += run("pool", out, "--formula", "y ~ `../../../etc/passwd` + `[bold red]x[/bold red]`")
    said += run("report", out, "--data", table)
    said += run("report", out, "--data", table, "--public", "-o", folder / "public.html")
    return said


def test_nothing_moves_the_cursor_or_changes_colours(shown):
    assert "\x1b" not in shown and "\u202e" not in shown
    assert "\\x1b[31mred" in shown
    # Square brackets are not read as markup of the terminal.
    assert "[bold red]x[/bold" in shown


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("page", ["out/report.html", "public.html"])
def test_a_page_holds_no_tag_of_the_table(shown, folder, page):
    text = (folder / page).read_text(encoding="utf-8")
    parser = _Tags()
    parser.feed(text)
    assert not parser.found & {"script", "b", "iframe", "object", "embed"}
    assert not any(part in text for part in ("<i>table", "<b>bold", "onerror=alert(2)>'"))
    assert not {name for name in parser.attributes if name.startswith("on")}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text and "\u202e" not in text
    assert "{{ 7 * 7 }}" in text  # not evaluated by the template either
    sources = re.findall(r'<img[^>]*src="([^"]*)"', text)
    assert sources and all(source.startswith("data:image/") for source in sources)


def test_files_are_written_inside_the_folder_only(shown, folder):
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    known = r"a <i>table\.csv|public\.html|out/(chain\.toml|manifest\.json|diagnostics\.csv|"
    known += r"report\.html|copies/copy-0[12]\.csv|posterior/(draws\.nc|posterior\.json))"
    assert all(re.fullmatch(known, name) for name in files), files
    assert not list(folder.parent.glob("etc"))


def test_levels_that_a_spreadsheet_would_run_are_kept_and_said(shown, folder):
    assert "text that a spreadsheet would run" in " ".join(shown.replace("\n", " ").split())
    copy = pd.read_csv(folder / "out" / "copies" / "copy-01.csv")
    assert set(copy[NAMES[1]].dropna()) <= set(LEVELS)
    assert "=1+1" in set(copy[NAMES[1]])


def test_labels_of_figures_are_no_formulas():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    title = axes.set_title(as_label("$\\frac{a$ and $x$"))
    axes.figure.draw_without_rendering()
    assert title.get_text() == r"\$\frac{a\$ and \$x\$"
    assert printable("a\nb\x07\x9b") == "a\nb\\x07\\x9b"
