"""Text files of several formats through the whole job: options, chain.toml, copies, evaluate."""

import re

import numpy as np
import pandas as pd
import pytest

from posynth import load_copies, pool


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file with a title, comments, a dollar column, percents and decimal commas."""
    rng = np.random.default_rng(4)
    age = rng.integers(20, 60, 150)
    pay = 1500 + 40 * age + rng.normal(0, 300, 150)
    share = rng.uniform(5, 95, 150)
    lines = [
        f"{a};$ {p:,.2f};{s:.1f} %".replace(",", " ").replace(".", ",")
        for a, p, s in zip(age, pay, share, strict=True)
    ]
    lines[40:40] = ["# the second half"]
    path = tmp_path_factory.mktemp("formats") / "pay.csv"
    path.write_text("\n".join(["Pay; of", "age;pay;share", *lines, ""]))
    return path


@pytest.fixture(scope="module")
def folder(cli, source):
    """Copies of it."""
    out = source.parent / "out"
    cli("synthesize", source, "--comment", "#", "-m", 2, "--seed", 1, "-o", out)
    return out


def test_copies_are_written_in_the_form_of_the_source(folder):
    for path in (folder / "copies").iterdir():
        first, *lines = path.read_text().splitlines()
        assert (first, len(lines)) == ("age;pay;share", 150)
        assert all(re.fullmatch(r"\d+;-?\$ \d( \d{3})?,\d\d;-?\d+,\d %", line) for line in lines)


def test_the_options_are_in_the_chain_file_and_later_reads_follow_them(cli, source, folder):
    assert '[reading]\ncomment = "#"\n' in (folder / "chain.toml").read_text()
    said = cli("describe", source, "--chain", folder / "chain.toml").stdout
    assert "150 rows" in said
    cli("evaluate", folder, "--data", source)
    result = cli("describe", source, code=2)
    assert "line 2 has 3 fields, the header has 2" in result.stderr
    result = cli("describe", source, "--skip-rows", 1, code=2)
    assert "--comment '#' leaves out lines that begin so" in " ".join(result.stderr.split())


def test_evaluate_refuses_another_table(cli, source, folder, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(source.read_text().replace("$ ", "x"))
    cli("evaluate", folder, "--data", other, code=2)


def test_plain_python_pools_numbers_with_signs(cli, folder, tmp_path, monkeypatch):
    place = tmp_path / "release"
    cli("release", folder, "-o", place, "--allow-failed")
    blocks = re.findall(r"```python\n(.*?)```", (place / "HOW_TO_POOL.md").read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "def read" in block)
    monkeypatch.chdir(place)
    names = {}
    exec(compile(code, "HOW_TO_POOL.md", "exec"), names)
    found = names["read"](sorted((place / "copies").iterdir())[0])
    pd.testing.assert_frame_equal(found, load_copies(place).frames[0], check_dtype=False)
    assert "signs <- list(" in (place / "HOW_TO_POOL.md").read_text()
    assert len(pool(place, formula="pay ~ age").table) == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--decimal", "x"), "decimal = 'x'; allowed: '.', ','"),
        (("--comment", ""), "comment = ''; give what such lines begin with, as '#'"),
        (("--skip-rows", "900"), "skip_rows = 900 leaves no line of the file; skip fewer"),
    ],
)
def test_options_that_cannot_be(cli, source, options, text):
    result = cli("describe", source, *options, code=2)
    assert text in " ".join(result.stderr.split())
