"""describe, fit, draw, diagnose, demo, --help and --version."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

import posynth
from posynth.chain.toml import read_chain

COMMANDS = ("describe", "synthesize", "fit", "draw", "diagnose", "demo", "families", "example")


def test_describe_explains_every_column_and_writes_a_chain(cli, said, people_csv, tmp_path):
    chain = tmp_path / "chain.toml"
    shown = said(cli("describe", people_csv, "--order", "bmi", "-o", chain).stdout)
    for word in ("people.csv: 160 rows", "identifier", "free text", "income_missing"):
        assert word in shown
    spec, declared = read_chain(chain)
    assert spec.targets[0] == "bmi"
    assert declared["edu"] == {
        "kind": "nominal",
        "levels": ["high", "low", "middle"],
        "note": declared["edu"]["note"],
    }


def test_copies_are_drawn_without_the_data(cli, people, people_csv, output, tmp_path):
    source, out = tmp_path / "people.csv", tmp_path / "out"
    people.to_csv(source, index=False)
    cli("fit", source, "-m", 3, "--seed", 1, "--workers", 1, "-o", out)
    assert sorted(p.name for p in out.iterdir()) == ["chain.toml", "diagnostics.csv", "posterior"]
    source.unlink()
    cli("draw", out, "-m", 3, "--seed", 1)
    for copy in (output[0] / "copies").iterdir():
        assert (out / "copies" / copy.name).read_bytes() == copy.read_bytes()
    cli("draw", out, "-m", 2, "-k", 7, "--seed", 9, "-o", tmp_path / "other", "--format", "parquet")
    drawn = pd.read_parquet(tmp_path / "other" / "copies" / "copy-01.parquet")
    manifest = json.loads((tmp_path / "other" / "manifest.json").read_text())
    assert len(drawn) == 7
    assert (manifest["seed"], manifest["fit_seed"], manifest["k"]) == (9, 1, 7)


def test_a_bare_posterior_is_drawn_from_where_it_is_said(cli, said, output, tmp_path):
    posterior = output[0] / "posterior"
    text = "is itself a posterior; say where to write with -o"
    assert text in said(cli("draw", posterior, "-m", 2, code=2).stderr)
    cli("draw", posterior, "-m", 2, "-o", tmp_path / "new")
    assert (tmp_path / "new" / "copies" / "copy-02.csv").exists()


def test_fitting_again_leaves_no_copies_of_another_posterior(cli, people, tmp_path):
    source, out = tmp_path / "two.csv", tmp_path / "out"
    people[["age", "bmi"]].to_csv(source, index=False)
    cli("synthesize", source, "-m", 2, "--seed", 1, "-o", out)
    (out / "notes.txt").write_text("mine")
    cli("fit", source, "-m", 2, "--seed", 2, "-o", out, "--overwrite")
    left = ["chain.toml", "diagnostics.csv", "notes.txt", "posterior"]
    assert sorted(p.name for p in out.iterdir()) == left


def test_diagnose_shows_what_was_fitted(cli, output):
    folder, _ = output
    shown = cli("diagnose", folder).stdout
    for word in ("income_missing", "bernoulli", "exact", "R-hat", "passed"):
        assert word in shown
    assert cli("diagnose", folder / "posterior").stdout == shown


def test_the_demo_runs_on_the_embedded_table(cli, tmp_path):
    cli("demo", "-m", 2, "--workers", 1, "-o", tmp_path / "demo")
    copy = pd.read_csv(tmp_path / "demo" / "copies" / "copy-01.csv")
    assert copy.shape == (299, 13)
    assert list(copy.columns) == list(posynth.load_heart_failure().columns)


def test_help_and_version(cli, said):
    shown = said(cli("--help").stdout)
    assert all(command in shown for command in COMMANDS)
    assert cli("--version").stdout == f"posynth {posynth.__version__}\n"
    for command in COMMANDS:
        assert "--help" in cli(command, "--help").stdout


def _fresh(*arguments):
    """Processor seconds of a new process (a busy machine stretches the wall's), and its output."""
    before = os.times()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    after = os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system, done.stdout


HEAVY = "import sys; print({'pandas', 'pymc', 'xarray', 'scipy', 'matplotlib'} & set(sys.modules))"


@pytest.mark.parametrize(
    "start",
    [
        "import posynth; dir(posynth); ",
        "import posynth.cli as c\ntry: c.app(['--help'])\nexcept SystemExit: pass\n",
        "import posynth.cli as c\ntry: c.app(['synthesize', '--help'])\nexcept SystemExit: pass\n",
    ],
    ids=["import", "help", "help of a command"],
)
def test_starting_loads_nothing_heavy(start):
    assert _fresh("-c", start + HEAVY)[1].splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    "arguments", [("-c", "import posynth"), ("-m", "posynth.cli", "--help")], ids=["import", "help"]
)
def test_starting_takes_less_than_half_a_second(arguments):
    assert min(_fresh(*arguments)[0] for _ in range(3)) < 0.5


def test_the_example_table_is_written_to_standard_output(cli, tmp_path):
    written = tmp_path / "heart_failure.csv"
    written.write_text(cli("example").stdout)
    pd.testing.assert_frame_equal(pd.read_csv(written), posynth.load_heart_failure(), **LOOSELY)


#: Labels are read as text here and as categories by posynth.
LOOSELY = {"check_dtype": False, "check_categorical": False}


def test_families_are_listed_with_options_and_priors(cli, said, tmp_path):
    names = set(posynth.families.facts())
    listed = json.loads(_json(cli, tmp_path, "families"))["families"]
    assert {row["family"] for row in listed} == names
    shown = said(cli("families").stdout)
    assert "lower, upper" in shown and "zero_inflated" in shown and "(not proper)" in shown
    one = said(cli("families", "negbinomial").stdout)
    assert "options" in one and "priors" in one and "count" in one and "poisson" not in one
    wrong = said(cli("families", "gausian", code=2).stderr)
    assert "unknown family 'gausian'" in wrong and "Did you mean 'gaussian'?" in wrong


def _json(cli, folder, *command):
    cli(*command, "--json", folder / "listed.json")
    return (folder / "listed.json").read_text()


def test_every_command_has_an_example_whose_options_exist():
    import shlex

    from typer.main import get_command

    from posynth.cli import app
    from posynth.cli_examples import EXAMPLES

    commands = get_command(app).commands
    assert set(EXAMPLES) == set(commands)
    for name, line in EXAMPLES.items():
        words = shlex.split(line.partition(" > ")[0])
        assert words[:2] == ["posynth", name]
        options = {option for p in commands[name].params for option in p.opts}
        assert {word for word in words[2:] if word.startswith("-")} <= options
        assert line in commands[name].epilog


def test_help_is_shown_for_the_short_option_too(cli):
    assert cli("pool", "-h").stdout == cli("pool", "--help").stdout
    assert "Example: " in cli("pool", "-h").stdout
