"""Two threads never see each other's table: interleaved on purpose, and left to themselves."""

import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import posynth
from posynth.engines import choose
from posynth.engines.conditioned import Conditioned
from posynth.engines.function import Function
from posynth.engines.threads import caught_warnings, one_thread
from posynth.posterior.crew import Crew
from posynth.posterior.predictive import log_likelihood

ROWS = 120


def table(slope: float) -> pd.DataFrame:
    """A count and a truth value that depends on it with this sign; columns of the same form."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, ROWS).round(3)
    smokes = rng.random(ROWS) < 1 / (1 + np.exp(-slope * x))
    return pd.DataFrame({"x": x, "smokes": np.where(smokes, "yes", "no")})


TABLES = (table(3.0), table(-3.0))


def in_threads(work, pieces) -> list:
    """Do work on every piece, each in a thread of its own."""
    with ThreadPoolExecutor(len(pieces)) as pool:
        return [future.result(300) for future in [pool.submit(work, p) for p in pieces]]


def meeting(monkeypatch, place, name) -> list[int]:
    """Let a function wait until both threads have come to it; return a count of the meetings."""
    original, barrier, met = getattr(place, name), Barrier(2), []

    def waits(*args, **kwargs):
        if barrier.wait(300) == 0:
            met.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(place, name, waits)
    return met


def synthesized(frame: pd.DataFrame, engine: str = "auto") -> list[pd.DataFrame]:
    return list(posynth.synthesize(frame, m=2, seed=3, engine=engine))


@pytest.fixture(scope="module")
def sequential() -> list[list[pd.DataFrame]]:
    return [synthesized(frame) for frame in TABLES]


def assert_same(found, expected) -> None:
    for copies, others in zip(found, expected, strict=True):
        for copy, other in zip(copies, others, strict=True):
            pd.testing.assert_frame_equal(copy, other, check_exact=True)


def test_the_tables_are_told_apart(sequential):
    """The test can fail: the slopes of the two tables have opposite signs in their copies."""
    signs = [np.sign(c[0].groupby("smokes")["x"].mean().diff().iloc[-1]) for c in sequential]
    assert signs == [1.0, -1.0]


@pytest.mark.parametrize(("engine", "place"), [("laplace", "find_mode"), ("auto", "fit_batched")])
def test_fits_that_interleave_give_each_its_own_posterior(monkeypatch, engine, place):
    work = partial(synthesized, engine=engine)
    expected = [work(frame) for frame in TABLES]
    met = meeting(monkeypatch, choose, place)  # both have put their data under the model
    assert_same(in_threads(work, TABLES), expected)
    assert met


def of_own(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Copies by a user's model."""

    def line(design, response, priors):
        import pymc as pm

        with pm.Model(coords={"predictor": design.predictors}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            slope = pm.Normal("slope", 0, 2, dims="predictor")
            pm.Normal("x", X @ slope, 0.5, observed=response.y)
        return model

    options = {"methods": {"x": line}, "engine": "laplace", "order": "smokes"}
    return list(posynth.synthesize(frame, m=2, seed=3, **options))


def test_models_of_the_user_that_interleave_keep_their_own_data(monkeypatch):
    expected = [of_own(frame) for frame in TABLES]
    assert not expected[0][0].equals(expected[1][0])
    met = meeting(monkeypatch, choose, "find_mode")
    assert_same(in_threads(of_own, TABLES), expected)
    assert met


def test_draws_that_interleave_are_of_their_own_rows(monkeypatch, sequential):
    met = meeting(monkeypatch, Conditioned, "draw")  # both have put their rows under the model
    assert_same(in_threads(synthesized, TABLES), sequential)
    assert met


def test_log_likelihoods_that_interleave_are_of_their_own_rows(monkeypatch):
    pairs = [(posynth.fit(frame, seed=1), frame) for frame in TABLES]

    def of_rows(pair) -> np.ndarray:
        tree = log_likelihood(pair[0], "smokes", pair[1], draws=20)
        return tree["log_likelihood"]["smokes"].to_numpy()

    expected = [of_rows(pair) for pair in pairs]
    met = meeting(monkeypatch, Conditioned, "row_log_likelihood")
    for found, other in zip(in_threads(of_rows, pairs), expected, strict=True):
        np.testing.assert_array_equal(found, other)
    assert met


def test_one_posterior_is_drawn_from_by_several_threads():
    posterior = posynth.fit(TABLES[0], seed=1)
    expected = [list(posynth.draw(posterior, 2, seed=seed)) for seed in range(4)]
    found = in_threads(lambda seed: list(posynth.draw(posterior, 2, seed=seed)), range(4))
    assert_same(found, expected)


def test_threads_left_to_themselves_repeat_what_one_does(sequential):
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(3):
            assert_same(in_threads(synthesized, TABLES * 2), sequential * 2)
    finally:
        sys.setswitchinterval(before)


def test_a_compiled_function_runs_one_call_at_a_time():
    inside: list[int] = []

    def call(value: int, given: int) -> int:
        inside.append(value)
        assert len(inside) == 1
        time.sleep(0.01)
        inside.remove(value)
        return value + given

    shared = Function(call, ("y",), 0)
    found = in_threads(lambda i: shared.on({"y": 10 * i})(i), range(8))
    assert found == [11 * i for i in range(8)]


def test_linear_algebra_keeps_to_one_thread_until_the_last_has_left():
    def threads() -> set[int]:
        return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}

    entered, leave = Event(), Event()

    def other() -> set[int]:
        with one_thread():
            entered.set()
            leave.wait(60)
            return threads()

    # Set by a thread that ends, so that no thread keeps the sole right to set it.
    with ThreadPoolExecutor(1) as setter:
        before = setter.submit(threadpool_limits, 2, "blas").result()
    with ThreadPoolExecutor(1) as pool:
        with one_thread():
            future = pool.submit(other)
            assert entered.wait(60)
        assert threads() == {1}  # the other is still inside
        leave.set()
        assert future.result(60) == {1}
    assert threads() == {2}
    before.restore_original_limits()


def test_warnings_are_told_to_the_thread_that_caused_them():
    def caught(name: str) -> list[str]:
        with caught_warnings() as found:
            for _ in range(20):
                warnings.warn(name, RuntimeWarning, stacklevel=1)
                time.sleep(0.001)
        return [str(each.message) for each in found]

    filters = list(warnings.filters)
    assert in_threads(caught, ["a", "b", "c"]) == [[name] * 20 for name in "abc"]
    assert warnings.filters == filters


def test_processes_of_another_thread_outlive_the_end_of_a_crew():
    with Crew(1) as other:
        future = other.submit(time.sleep, 1.0)
        with Crew(1) as crew:
            crew.submit(int).result()
        assert future.result(60) is None
