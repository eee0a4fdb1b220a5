"""A disk or a device that is full: one sentence and exit code 2, no traceback and no crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posynth import caches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses /dev/full and file limits")
FULL = Path("/dev/full")
#: A limit of bytes a file stands for a full disk, without the rights that a small one needs.
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
MAIN = "import sys; from posynth.cli import main; sys.argv[1:] = {0!r}; main()"


def _run(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
    known = {**os.environ, "PYTHONPATH": str(Path(caches.__file__).parents[1])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, stdout=stdout, stderr=stderr, env=known, text=True, timeout=300, check=False
    )
    return done.returncode, done.stderr


def _texts(folder):
    return {
        "help": ["--help"],
        "example": ["example"],
        "diagnose": ["diagnose", str(folder)],
        "pool": ["pool", str(folder), "--formula", "bmi ~ age"],
    }


@pytest.mark.parametrize("name", list(_texts("")))
def test_a_standard_output_that_is_full_is_told_in_one_line(output, name):
    with FULL.open("w") as full:
        code, shown = _run(MAIN.format(_texts(output[0])[name]), stdout=full)
    assert code == 2
    assert shown.startswith("Error: the standard output cannot be written: No space left on device")
    assert shown.count("\n") == 1


def test_a_standard_error_that_is_full_changes_no_exit_code(output):
    wrong = ["pool", str(output[0]), "--formula", "nobody ~ age"]
    with FULL.open("w") as full:
        assert _run(MAIN.format(wrong), stderr=full)[0] == 2
        assert _run(MAIN.format(["families"]), stderr=full)[0] == 0


@pytest.mark.parametrize(
    ("command", "size"),
    [
        (["describe", "DATA", "-o", "TO"], 100),
        (["synthesize", "DATA", "-m", "2", "-o", "TO"], 5000),
        (["draw", "RUN", "-m", "2", "-o", "TO"], 5000),
        (["pool", "RUN", "--formula", "bmi ~ age", "--json", "TO"], 100),
        (["pool", "RUN", "--formula", "bmi ~ age", "--csv", "TO"], 10),
        (["report", "RUN", "--data", "DATA", "-o", "TO", "--formula", "bmi ~ age"], 5000),
        (["release", "RUN", "-o", "TO"], 3000),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_files_that_cannot_be_written_are_named_and_nothing_is_left(
    output, people_csv, tmp_path, command, size
):
    names = {"DATA": str(people_csv), "RUN": str(output[0]), "TO": str(tmp_path / "to")}
    main = MAIN.format([names.get(each, each) for each in command])
    # What is imported first may write its caches.
    code, shown = _run(f"import posynth.cli; {LIMITED.format(size)}; {main}")
    assert code == 2, shown
    said = " ".join(shown.split())
    assert "cannot be written" in said or "could not be written" in said
    assert "File too large" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_in_python_a_posterior_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    table = "posynth.load_heart_failure()[['age', 'sex']]"
    code, shown = _run(
        f"import posynth; p = posynth.fit({table}, seed=1); {LIMITED.format(3000)}\n"
        f"try: posynth.save_posterior(p, {str(tmp_path / 'p')!r})\n"
        "except posynth.errors.StoreError as e: print(e, file=sys.stderr)".replace(
            "import posynth;", "import posynth, posynth.errors, sys;"
        )
    )
    assert code == 0 and shown.count("cannot be written: ") == 1
    assert list(tmp_path.iterdir()) == []
