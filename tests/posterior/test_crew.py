"""Processes that fit beside the first: they do as told, and end with it however it ends."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from posynth.errors import FitError
from posynth.posterior import schedule
from posynth.posterior.crew import Crew, load

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_crew_of_none_works_here():
    done = []
    with Crew(0) as crew, crew.beside(done.append, 1):
        assert done == [1]
    with pytest.raises(ValueError, match="a crew of none"):
        crew.submit(os.getpid)


def test_work_beside_is_done_elsewhere_and_waited_for(tmp_path):
    with Crew(1) as crew:
        assert crew.submit(os.getpid).result() != os.getpid()
        with crew.beside(os.mkdir, tmp_path / "there"):
            pass
        assert (tmp_path / "there").is_dir()


@pytest.mark.parametrize("size", [0, 1])
def test_shared_work_is_all_done(tmp_path, size):
    with Crew(size) as crew:
        crew.share(os.mkdir, [(tmp_path / name,) for name in "abcde"])
        assert {path.name for path in tmp_path.iterdir()} == set("abcde")
        with pytest.raises(FileExistsError):
            crew.share(os.mkdir, [(tmp_path / name,) for name in "fa"])
        assert (tmp_path / "f").is_dir()


def test_what_goes_wrong_beside_is_told():
    with Crew(1) as crew, pytest.raises(FileNotFoundError), crew.beside(os.rmdir, "not there"):
        pass


def test_work_that_is_no_longer_wanted_is_not_waited_for():
    before = set(active_children())
    start = time.monotonic()
    with Crew(1) as crew:
        crew.submit(time.sleep, 60)
        (child,) = set(active_children()) - before
    child.join(20)
    assert child.exitcode is not None and time.monotonic() - start < 30


def test_one_worker_calls_nobody_and_two_call_one():
    assert Crew.called(1).size == 0
    with Crew.called(2) as crew:
        assert crew.size == 1
        assert crew.submit(os.getpid).result() != os.getpid()  # after what it loads


def test_what_a_process_loads_is_what_fits_need():
    from posynth.engines.compiled import compilations

    load()
    before = dict(compilations)
    load()
    assert compilations == before


def test_a_process_that_was_ended_from_outside_is_named():
    with Crew(1) as crew:
        pid = crew.submit(os.getpid).result()
        future = crew.submit(time.sleep, 60)
        os.kill(pid, signal.SIGKILL)
        said = r"column 'bmi': .* ended from outside .*SIGKILL.* for want of memory; use 1 worker"
        with pytest.raises(FitError, match=said), schedule._watched("bmi", crew):
            future.result()
        with pytest.raises(FitError, match=said), schedule._watched("bmi", crew):
            crew.submit(os.getpid)


LEFT = """
import os, time
from posynth.posterior.crew import Crew
if __name__ == "__main__":
    crew = Crew(1)
    print(crew.submit(os.getpid).result(), flush=True)
    crew.submit(time.sleep, 60)
    time.sleep(60)
"""


@LINUX
def test_no_process_outlives_one_that_was_killed(tmp_path, ended):
    script = tmp_path / "left.py"
    script.write_text(LEFT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        process.kill()
    assert ended(child)


def test_what_is_sent_may_change_at_once(tmp_path):
    """It was read by another thread later: "dictionary changed size during iteration"."""
    values = {str(i): i for i in range(200_000)}
    with Crew(1) as crew:
        sent = crew.submit(len, values)
        for i in range(200_000):
            values[f"more {i}"] = i
        assert sent.result() == 200_000
