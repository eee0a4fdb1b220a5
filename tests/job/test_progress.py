"""Every long verb shows a bar where somebody sees it, or tells a callable instead."""

import io
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from functools import partial

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import SpecError
from posynth.progress import Step, shown

ROWS = 60


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def seen(monkeypatch):
    """Run work while somebody looks at the standard error; return what was written there."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def text(work) -> str:
        with redirect_stderr(Terminal()) as stream:
            work()
        return stream.getvalue()

    return text


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=ROWS).round(2)
    return pd.DataFrame({"weight": x, "height": (x + rng.normal(size=ROWS)).round(2)})


@pytest.fixture(scope="module")
def copies(few) -> posynth.Copies:
    return posynth.synthesize(few, m=2, seed=1)


@pytest.fixture(scope="module")
def study(few) -> posynth.Study:
    return posynth.design_study(few, 20, "ols", "height ~ weight", replications=4, seed=1)


@pytest.fixture
def verbs(few, copies, study, tmp_path) -> dict:
    """Each verb that takes long, and what its bar says."""
    holed = few.assign(height=few["height"].mask(np.arange(ROWS) % 3 == 0))
    chain = posynth.specify(few)
    gaps = posynth.synthesize(holed, m=2, seed=1, progress=False)
    page = tmp_path / "page.html"
    return {
        "synthesize": (partial(posynth.synthesize, few, m=1, seed=1), ("fitting", "height exact")),
        "fit": (partial(posynth.fit, few, seed=1), ("fitting", "height exact")),
        "draw": (partial(posynth.draw, copies.posterior, 1, seed=2), ("drawing", "2/2")),
        "evaluate": (partial(posynth.evaluate, copies, few), ("evaluating",)),
        "report": (partial(posynth.write_report, copies, few, to=page), ("evaluating", "page")),
        "pool": (
            partial(posynth.pool, gaps, "ols", "height ~ weight", impute=2),
            ("imputing",),
        ),
        "validity": (partial(posynth.validity, study), ("replications", "4/4")),
        "sbc": (
            partial(posynth.sbc, chain, few, "height", 20, rows=20),
            ("fits", "height", "20/20"),
        ),
        "exchangeable": (partial(posynth.exchangeable, chain, few, 20, rows=20), ("20/20",)),
    }


def test_every_long_verb_shows_what_it_is_at(verbs, seen):
    for name, (verb, texts) in verbs.items():
        shown_there = seen(verb)
        assert all(text in shown_there for text in texts), (name, shown_there)
        assert not seen(partial(verb, progress=False)), name


def test_nothing_is_shown_where_nobody_looks_unless_it_is_asked_for(few, capsys):
    posynth.synthesize(few, m=1, seed=1)
    assert capsys.readouterr() == ("", "")
    posynth.synthesize(few, m=1, seed=1, progress=True)
    out, err = capsys.readouterr()
    assert not out and "fitting" in err and "2/2" in err


def test_a_callable_is_told_in_place_of_a_bar(verbs, seen):
    for name, (verb, _) in verbs.items():
        told: list = []
        assert not seen(partial(verb, progress=lambda *step, told=told: told.append(step))), name
        assert told and (isinstance(told[0][0], Step) or isinstance(told[0][-1], int)), name


@pytest.mark.parametrize("progress", ["yes", 2, []])
def test_anything_else_is_refused(few, progress):
    with pytest.raises(SpecError, match=r"^progress = .*; it must be True, False, None or a func"):
        posynth.fit(few, progress=progress)


def test_threads_show_nothing(few, seen):
    with ThreadPoolExecutor(1) as pool:
        work = partial(posynth.synthesize, few, m=1, seed=1)
        assert not seen(lambda: pool.submit(work).result())


def test_there_are_never_two_bars_at_once(seen):
    def nested() -> None:
        with shown(True, ("fit",)) as outer, shown(True, ("draw",)) as inner:
            outer(Step("fit", "first", "", 1, 2))
            inner(Step("draw", "second", "", 1, 2))

    def next_one() -> None:
        with shown(True, ("draw",)) as tell:
            tell(Step("draw", "second", "", 1, 2))

    text = seen(nested)
    assert "first" in text and "second" not in text
    assert "second" in seen(next_one)


def test_failures_are_counted(seen):
    def work() -> None:
        with shown(None, ("replicate",)) as tell:
            tell(Step("replicate", "", "", 3, 9, failed=2))

    text = seen(work)
    assert "3/9" in text and "2 failed" in text


@pytest.fixture
def notebook(monkeypatch) -> list[dict]:
    """What a notebook was asked to display below its cell, picture by picture."""
    pictures: list[dict] = []

    class Handle:
        def update(self, picture, raw):
            assert raw
            pictures.append(picture)

    def display(picture, raw, display_id):
        assert raw and display_id
        pictures.append(picture)
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    module = types.SimpleNamespace(display=display)
    ipython = types.SimpleNamespace(get_ipython=lambda: shell, display=module)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr("posynth.progress._EVERY", 0.0)
    return pictures


def test_a_notebook_shows_bars_below_the_cell_and_takes_them_away(few, notebook, capsys):
    posynth.synthesize(few, m=1, seed=1)
    texts = [picture.get("text/plain", "") for picture in notebook]
    assert any("fitting" in text and "2/2" in text and "height exact" in text for text in texts)
    assert notebook[-1] == {} and capsys.readouterr() == ("", "")
    del notebook[:]
    posynth.synthesize(few, m=1, seed=1, progress=False)
    assert not notebook
