"""One seed, one result: whatever the workers, the order, or how often the study was stopped."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from posynth.engines.compiled import compilations
from posynth.errors import FitError, SpecError, StoreError
from posynth.evaluation.inference import Estimate, pool
from posynth.evaluation.validity import Analysis, design_study, read_study, run_study
from posynth.evaluation.validity.journal import Journal
from posynth.evaluation.validity.replicate import replicate


def same(one, other):
    pd.testing.assert_frame_equal(one.table(), other.table(), check_exact=True)


@pytest.fixture
def study(small_study):
    return small_study(replications=6)


@pytest.fixture
def folder_of_files(tmp_path):
    """Give a folder with a simulator and a study in files, as the command line reads them."""
    (tmp_path / "line.py").write_text(
        "import pandas as pd\n"
        "def line(rows, rng):\n"
        "    x = rng.normal(size=rows)\n"
        "    return pd.DataFrame({'x': x, 'y': 1 + x + rng.normal(size=rows)})\n"
    )
    (tmp_path / "study.toml").write_text(
        'n = 60\nreplications = 40\nseed = 3\n[population]\nsimulator = "line.py:line"\n'
        '[[analysis]]\nformula = "y ~ x"\n[truth]\nrows = 1000\nvalues = {x = 1.0}\n'
    )
    return tmp_path


def test_a_replication_is_decided_by_its_number_alone(study):
    first = replicate(study, 4)
    replicate(study, 1)
    again = replicate(study, 4)
    assert (first.q, first.v, first.original) == (again.q, again.v, again.original)


def test_workers_do_not_change_the_result(folder_of_files):
    study = read_study(folder_of_files / "study.toml", allow_code=True, replications=4)
    same(run_study(study), run_study(study, workers=2))


def test_functions_of_a_session_cannot_go_to_other_processes(folder_of_files):
    study = design_study(lambda rows, rng: pd.DataFrame({"x": rng.normal(size=rows)}), 50, "ols",
                         "x ~ 1", replications=2, truth_rows=100)  # fmt: skip
    with pytest.raises(SpecError, match=r"cannot be sent to other processes.*or use workers=1"):
        run_study(study, workers=2)
    with pytest.raises(SpecError, match=r"workers = 0"):
        run_study(study, workers=0)


def test_a_study_goes_on_where_it_was_stopped(study, tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total, failed):
        if done == 2:
            raise Stop

    whole = run_study(study)
    with pytest.raises(Stop):
        run_study(study, tmp_path, progress=stop)
    file = tmp_path / "replications.jsonl"
    assert len(file.read_text().splitlines()) == 3
    file.write_text(file.read_text() + '{"number": 5, "names": ["x')  # a write that was cut off
    told = []
    resumed = run_study(study, tmp_path, progress=lambda *step: told.append(step))
    assert told[0] == (2, 6, 0)
    assert told[-1] == (6, 6, 0)
    same(whole, resumed)


def test_a_killed_process_loses_at_most_the_replications_at_work(folder_of_files):
    command = [sys.executable, "-m", "posynth.cli", "validity", "study.toml", "--allow-code"]
    command += ["-o", "out"]
    process = subprocess.Popen(command, cwd=folder_of_files, stdout=subprocess.DEVNULL)
    file = folder_of_files / "out" / "replications.jsonl"
    for _ in range(1200):
        if file.exists() and len(file.read_bytes().splitlines()) > 3:
            break
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    study = read_study(folder_of_files / "study.toml", allow_code=True)
    with Journal(file, study.digest(), {}) as journal:
        had = len(journal.replications)
    assert 2 <= had < 40
    same(run_study(study, folder_of_files / "out"), run_study(study))


def test_another_study_is_not_mixed_in(study, small_study, tmp_path):
    run_study(study, tmp_path)
    with pytest.raises(StoreError, match=r"holds replications of another study.*choose another"):
        run_study(small_study(replications=6, n=80), tmp_path)
    more = run_study(small_study(replications=8, rules=("rubin",)), tmp_path)  # no other study
    assert len(more.replications) == 8
    header = json.loads((tmp_path / "replications.jsonl").read_text().splitlines()[0])
    assert header["digest"] == study.digest()
    (tmp_path / "replications.jsonl").write_text("no journal\n")
    with pytest.raises(StoreError, match=r"another study"):
        run_study(study, tmp_path)


def test_nothing_is_compiled_after_the_first_replication(small_study):
    study = small_study(replications=3)
    replicate(study, 0)
    before = dict(compilations)
    for number in (1, 2):
        replicate(study, number)
    assert compilations == before


def test_what_fails_is_counted_and_told(small_study):
    study = small_study(replications=4)

    def sometimes(frame):
        if frame["x"].mean() > 0:
            raise ValueError("no")
        return {"x": frame["x"].mean()}, [[frame["x"].var() / len(frame)]]

    half = design_study(
        study.population, 50, sometimes, replications=6, seed=1, truth_rows=2001, truth={"x": 0.0}
    )
    found = [replicate(half, number) for number in range(8)]
    failed = [r for r in found if r.failure]
    assert failed and len(failed) < 8
    assert "failed with ValueError: no" in failed[0].failure


def test_a_study_of_failures_alone_is_an_error(small_study):
    calls = []

    def only_once(frame):
        calls.append(len(frame))
        if len(calls) > 2:  # the design and the population value
            raise ValueError("broken")
        return {"x": 0.0}, [[1.0]]

    study = design_study(small_study().population, 50, only_once, replications=2, truth_rows=100)
    with pytest.raises(FitError, match=r"every one of 2 replications failed; the first:.*broken"):
        run_study(study)


def test_intervals_are_those_of_pool(small_study):
    """The study pools all replications at once; `pool` must give the same for each of them."""
    study = small_study(replications=3, m=(3,), k=(50,))
    found = run_study(study)
    for rule in ("auto", "rubin", "rrr"):
        pooled = found.intervals("proper", 50, 3, rule, "population")
        q, v = found.estimates("proper", 50, 3)
        made = found._provenance("proper", 50, 3)
        for r in range(3):
            for j, name in enumerate(found.names):
                # Degrees of freedom are those of each coefficient's own analysis of k rows.
                df = found.replications[r].df[found.replications[r].names.index(name)]
                df += 50 - study.n
                copies = [Estimate((name,), q[c, r, [j]], v[c, r, [[j]]], df) for c in range(3)]
                table = pool(copies, made, rule=rule).table.loc[name]
                half = (table["upper"] - table["lower"]) / 2
                np.testing.assert_allclose(pooled.half[r, j], half)
                np.testing.assert_allclose(pooled.center[r, j], table["estimate"])


def test_nested_numbers_of_copies_share_their_copies(small_study):
    few = run_study(small_study(replications=2, m=(2,)))
    both = run_study(small_study(replications=2, m=(2, 4)))
    assert both.dataset.sizes["m"] == 2
    q, _ = both.estimates("proper", 100, 2)
    assert q.shape == (2, 2, 5)
    assert few.estimates("proper", 100, 2)[0].shape == (2, 2, 5)
    np.testing.assert_array_equal(both.estimates("proper", 100, 4)[0][:2], q)


def test_an_own_analysis_by_name(folder_of_files):
    (folder_of_files / "own.py").write_text(
        "def mean(frame):\n    x = frame['x']\n    return {'m': x.mean()}, [[x.var() / len(x)]]\n"
    )
    analysis = Analysis(function="own.py:mean", folders=(folder_of_files,))
    study = design_study("line.py:line", 50, [analysis], folders=(folder_of_files,), truth_rows=100,
                         replications=1)  # fmt: skip
    assert run_study(study).names == ("m",)
