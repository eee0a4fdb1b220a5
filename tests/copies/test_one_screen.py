"""Whatever is printed fits one screen, and copies are sliced and stacked as one expects."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.table.listing import listing, record_text, shortened, some

COLUMNS, ROWS = 40, 60
LONG = "the <b>ninth</b> column,\nwhose name is far too long for any table on one screen " * 2
LINES, WIDTH = 25, 100


@pytest.fixture(scope="module")
def wide():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        rng.normal(size=(ROWS, COLUMNS)), columns=[f"v{i}" for i in range(COLUMNS)]
    )
    frame["v3"] = rng.choice(["a", "b"], ROWS)
    frame["unit"] = "mg"
    return frame.rename(columns={"v9": LONG, "v5": "列" * 40})


@pytest.fixture(scope="module")
def chain(wide):
    numbers = [c for c in wide.columns if c not in ("v3", "unit")]
    methods = dict.fromkeys(numbers, "gaussian")
    chain = posynth.specify(wide, methods=methods, predictors={c: ["v0"] for c in numbers[20:]})
    note = "a note of many words " * 30
    return chain.change("v7", predictors=("v1", "v2"), note=note, scales={"slope": 1.0})


@pytest.fixture(scope="module")
def copies(wide, chain):
    return posynth.synthesize(wide, m=3, k=20, seed=1, chain=chain)


def _failed(posterior):
    """The same posterior, of which 30 conditionals did not pass."""
    links = dict(posterior.links)
    for target in list(links)[5:35]:
        diagnosis = replace(links[target].diagnosis, passed=False)
        links[target] = replace(links[target], diagnosis=diagnosis)
    return replace(posterior, links=links)


def _shown(copies, chain):
    failed = _failed(copies.posterior)
    more = posynth.draw(copies.posterior, 2, k=20, seed=2)
    return {
        "chain": chain,
        "spec": chain.spec,
        "conditional of a chain": chain["v7"],
        "conditional": chain.spec["v7"],
        "conditional of a long name": chain.spec[LONG],
        "copies": copies,
        "copies of two draws": posynth.combined([copies, more]),
        "copies of a posterior that failed": replace(copies, origin=failed, written=None),
        "posterior": copies.posterior,
        "posterior that failed": failed,
        "schema": copies.schema,
        "streams": copies.streams[0],
    }


def _wide(line):
    """Columns on a terminal, of letters and of Chinese characters."""
    return len(line) + line.count("列")


def test_everything_of_forty_columns_fits_one_screen(copies, chain):
    for name, each in _shown(copies, chain).items():
        lines = repr(each).splitlines()
        assert len(lines) <= LINES, name
        assert max(map(_wide, lines)) <= WIDTH, name


def test_what_is_left_out_is_counted_and_said_where_to_find(copies, chain):
    assert repr(chain).endswith(f"... and {COLUMNS - 18} more: print(chain) shows all, and why")
    assert f"... and {COLUMNS - 18} more: copies.diagnostics() shows all" in repr(copies)
    assert repr(copies).endswith("filled in, not modelled: unit")
    assert str(chain).count("\n") == COLUMNS


def test_what_failed_is_named_however_many_pass(copies):
    failed = _failed(copies.posterior)
    assert "10 within diagnostic limits" in repr(failed)
    assert re.search(r"outside their limits: .*v6.* and 2\d more", repr(failed))
    assert "outside their limits: " in repr(replace(copies, origin=failed, written=None))


def test_html_is_a_table_in_which_names_are_escaped(copies, chain):
    for each in (copies, copies.posterior, chain):
        text = each._repr_html_()
        assert text.count("<table") == 1 and text.count("<tr") == COLUMNS + 1
        assert "<b>ninth" not in text and "&lt;b&gt;ninth" in text
    assert "seed 1</p>" in copies._repr_html_() and "unit</p>" in copies._repr_html_()
    frames = posynth.pool(copies.to_pandas(), "ols", "v1 ~ v2", n=ROWS, proper=True)
    assert frames.provenance.m == 3


def test_html_of_copies_that_were_passed_on_lists_columns(copies):
    from posynth.copies.given import copies_of_frames

    given = copies_of_frames(copies.to_pandas(), n=ROWS)
    assert "passed on without their posterior</p>" in given._repr_html_()
    assert given._repr_html_().count("<tr") == COLUMNS + 2
    assert repr(given) == given.title


def test_a_slice_of_copies_is_copies(copies):
    part = copies[1:]
    assert isinstance(part, posynth.Copies) and len(part) == 2
    assert part[0] is copies[1] and part.manifest()["m"] == 2
    assert part.streams[0].copies == (2, 3)
    assert {t: d.tolist() for t, d in part.taken.items()} == {
        t: d[1:].tolist() for t, d in copies.taken.items()
    }
    assert [c is d for c, d in zip(copies[::-1], reversed(copies.frames), strict=True)] == [
        True
    ] * 3
    assert posynth.pool(part, "ols", "v1 ~ v2").provenance.m == 2
    assert copies[-1] is copies.frames[-1] and copies[np.int64(1)] is copies.frames[1]


def test_a_slice_of_copies_from_a_folder_keeps_its_manifest(copies, tmp_path):
    copies.save(tmp_path / "out")
    part = posynth.load_copies(tmp_path / "out")[:2]
    assert (
        part.manifest()["m"] == 2 and part.manifest()["spec_hash"] == part.posterior.spec.digest()
    )
    part.save(tmp_path / "part")
    again = posynth.load_copies(tmp_path / "part")
    assert len(again) == 2 and again.streams == part.streams


def test_what_is_no_copy_is_told(copies):
    with pytest.raises(MeasureError, match=r"copies\[5:9\] takes none of 3 copies, which are num"):
        copies[5:9]
    with pytest.raises(MeasureError, match=r"copies\['v1'\]: there are 3 copies, numbered from 0"):
        copies["v1"]
    with pytest.raises(MeasureError, match=r"copies\[3\]: there are 3 copies.*copies.to_frame"):
        copies[3]


def test_the_long_frame_holds_all_copies_by_number(heart):
    table = heart[["age", "sex", "smoking"]].astype({"sex": "category"})
    copies = posynth.synthesize(table, m=3, k=60, seed=1)
    frame = copies.to_frame()
    assert frame.index.names == ["copy", "row"] and len(frame) == 180
    for number, copy in enumerate(copies):
        pd.testing.assert_frame_equal(frame.loc[number], copy, check_names=False)
    pd.testing.assert_series_equal(frame.dtypes, copies[0].dtypes)
    means = frame.groupby(level="copy")["age"].mean()
    np.testing.assert_allclose(means, [copy["age"].mean() for copy in copies])
    pooled = posynth.pool(frame, "ols", "age ~ sex", n=299, proper=True)  # as it is passed on
    expected = posynth.pool(copies, "ols", "age ~ sex").table["estimate"]
    np.testing.assert_allclose(pooled.table["estimate"], expected)


def test_a_table_of_text_takes_width_from_its_widest_columns():
    lines = listing(("a", "b", "c"), [("x" * 90, "y" * 90, "short"), (1, 2, 3)])
    assert all(len(line) <= WIDTH for line in lines) and lines[1].endswith("short")
    assert lines[1].startswith("xxx") and "...  yyy" in lines[1]
    assert len(listing(("a",), [[i] for i in range(19)])) == 20  # one more is shown, not counted
    assert listing(("a",), [[i] for i in range(20)])[-1] == "... and 2 more"


def test_texts_are_cut_by_the_width_of_their_characters():
    assert shortened("列" * 10, 9) == "列列列..."
    assert some(["a", "b"]) == "a, b" and some(["a" * 200, "b"]) == f"{'a' * 21}..., b"


def test_a_record_shows_what_is_not_at_its_default(chain):
    shown = record_text(chain.spec["v7"])
    assert shown.startswith("Conditional(") and "predictors=('v1', 'v2')" in shown
    assert "prior" not in shown and "strata" not in shown
