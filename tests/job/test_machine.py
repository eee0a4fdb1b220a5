"""What the machine or the way posynth is called lacks: it works all the same, and says so once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posynth import caches

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="uses /dev/null as a folder")
TABLE = """
import posynth
table = posynth.load_heart_failure()[["age", "platelets", "sex"]]
"""
UNGUARDED = f"""{TABLE}
print("begun")
copies = posynth.synthesize(table, m=1, seed=1, workers=2)
print(copies[0].shape)
"""
POOLED = f"""{TABLE}
import multiprocessing

def work(seed):
    return posynth.synthesize(table, m=1, seed=seed, workers=2)[0].shape

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1]))
"""
STUDY = f"""{TABLE}
def mean(frame):
    from posynth.evaluation.inference import mean
    return mean("age")(frame)

study = posynth.design_study(table, 30, mean, replications=2, seed=1)
posynth.validity(study, workers=2)
"""


@pytest.fixture
def run(tmp_path):
    """Run a script; return what it wrote to the standard output and error, and its exit code."""

    def script(text: str, stdin: bool = False, **settings: str) -> tuple[str, str, int]:
        file = tmp_path / "script.py"
        file.write_text(text)
        source = str(Path(caches.__file__).parents[1])
        known = {"PYTHONPATH": source, "OPENBLAS_NUM_THREADS": "1", "PATH": os.environ["PATH"]}
        if "HOME" in os.environ:
            known["HOME"] = os.environ["HOME"]
        done = subprocess.run(
            [sys.executable, *([] if stdin else [str(file)])],
            input=text if stdin else None,
            env=known | settings,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        return done.stdout, done.stderr, done.returncode

    return script


@pytest.mark.parametrize("stdin", [False, True])
def test_scripts_without_a_main_guard_and_from_the_standard_input_work(run, stdin):
    """They blamed want of memory: each process ran the script again, and could start no other."""
    assert run(UNGUARDED, stdin) == ("begun\n(299, 3)\n", "", 0)


def test_within_a_worker_of_a_pool_one_process_is_used_and_that_is_said(run):
    out, err, code = run(POOLED)
    assert (out, code) == ("[(299, 3)]\n", 0)
    assert err.count("MachineWarning") == 1
    assert "workers = 2: one process is used, since this is a worker of a pool" in err


def test_a_study_of_functions_in_a_script_without_a_guard_says_what_to_add(run):
    _, err, code = run(STUDY)
    assert code == 1 and "want of memory" not in err
    assert (
        'put what calls posynth under `if __name__ == "__main__":`, or use workers=1'
        in (err.rstrip().splitlines()[-1])
    )


NOWHERE = "/dev/null/home"
WRITES_NOTHING = {
    **{"HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE, "XDG_CONFIG_HOME": NOWHERE},
    **{"NUMBA_CACHE_DIR": NOWHERE, "MPLCONFIGDIR": NOWHERE},
}
KEPT = f"""{TABLE}
import os
from posynth.posterior.crew import Crew
import matplotlib.figure

copies = posynth.synthesize(table[["age"]], m=1, seed=1)
with Crew(1) as crew:
    there = crew.submit(os.getenv, "PYTENSOR_FLAGS").result()
print(copies[0].shape, there == os.getenv("PYTENSOR_FLAGS") != None)
"""


@LINUX
def test_a_machine_that_keeps_nothing_works_and_says_so_once(run, tmp_path):
    out, err, code = run(KEPT, TMPDIR=str(tmp_path), **WRITES_NOTHING)
    assert (out, code) == ("(299, 1) True\n", 0)
    assert err.count("cannot be written") == 1 and "Traceback" not in err
    assert "/dev/null/home/.pytensor" in err and "set HOME to a folder that can be written" in err
    assert not list(tmp_path.glob("posynth-*"))  # what was kept meanwhile is gone


@LINUX
def test_the_command_line_says_it_in_a_note(run, tmp_path):
    call = """
import sys
from posynth.cli import main
sys.argv = ["posynth", "families"]
from posynth import families
main()
"""
    text = call.replace("from posynth import families\n", "")
    out, err, code = run(text, TMPDIR=str(tmp_path), **WRITES_NOTHING)
    assert code == 0 and "gaussian" in out
    assert err.startswith("note: /dev/null/home") and "Warning" not in err


@LINUX
def test_folders_are_judged_by_what_can_be_made_in_them(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert caches.writable(tmp_path / "new" / "folder") and not (tmp_path / "new").exists()
    for place in (file, file / "below", Path("/proc/new"), Path("/dev/null/x")):
        assert not caches.writable(place)


def test_flags_of_the_user_are_kept_and_only_folders_changed(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTENSOR_FLAGS", "optimizer=fast_compile, compiledir=/dev/null/a")
    assert caches._pytensor() == Path("/dev/null/a")
    caches._use_pytensor(tmp_path)
    assert caches._flags() == {
        "optimizer": "fast_compile",
        "compiledir": str(tmp_path / "pytensor" / "compiled"),
        "base_compiledir": str(tmp_path / "pytensor"),
    }
    monkeypatch.delenv("PYTENSOR_FLAGS")
    monkeypatch.setenv("PYTENSORRC", str(tmp_path / "rc"))
    (tmp_path / "rc").touch()
    assert caches._pytensor() is None
