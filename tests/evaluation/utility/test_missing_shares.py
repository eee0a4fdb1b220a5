"""Kinds of missing values are compared by their shares, where table and copies tell them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.evaluation.base import Comparison, Provenance
from posynth.evaluation.utility.missing_shares import KINDS, measure
from posynth.table.schema import Column, Kind, Schema

COLUMN = Column(
    "x",
    Kind.COUNT,
    "float64",
    missing_codes=("-9", "-8"),
    missing_kinds=("-9", "-8", ""),
    missing=1,
)
SHARES = (0.4, 0.3, 0.2, 0.1)


def compared(original, copies, proper=False):
    frames = [pd.DataFrame({"x": np.where(side > 0, np.nan, 1.0)}) for side in (original, *copies)]
    kinds = tuple({"x": side} for side in (original, *copies))
    schema, k = Schema((COLUMN,), len(original)), len(copies[0])
    made = Provenance(len(original), k, len(copies), proper)
    return Comparison(frames[0], tuple(frames[1:]), schema, made, kinds=kinds)


def test_value_by_hand():
    """n = 1000, k = 500; copies .4 .1 .4 .1: e = (o + s) / 3, 3 degrees of freedom."""
    original = np.repeat([0, 1, 2, 3], [400, 300, 200, 100])
    copy = np.repeat([0, 1, 2, 3], [200, 50, 200, 50])
    (found,) = measure(compared(original, (copy,)))
    plugin = (100**2 / (350 / 3) + 100**2 / (400 / 3)) / 3
    assert found.details["S_plugin"] == pytest.approx(plugin)
    assert found.value == found.details["S_plugin"] and found.passed is False
    assert found.details["S_proper"] == pytest.approx(plugin * 2 / 3)
    shares = {"-9": (0.3, 0.1), "-8": (0.2, 0.4), "(empty)": (0.1, 0.1)}
    assert {k: tuple(np.round(v, 12)) for k, v in found.details["kinds"].items()} == shares
    assert "-9 30.0% (10.0%), -8 20.0% (40.0%), (empty) 10.0% (10.0%)" in found.text
    assert "conditional of the missing values of 'x'" in found.text


def test_a_second_sample_has_the_expected_value_1_on_the_proper_scale():
    """400 pairs of samples; S is chi-squared with 3 degrees over 3, se sqrt(2 / 3 / 400) = .041."""
    rng = np.random.default_rng(4)
    found = [
        measure(compared(*(_sample(rng),), (_sample(rng),), proper=True))[0].value
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=4 * 0.041)


def _sample(rng):
    return rng.choice(4, 800, p=SHARES)


def test_kinds_that_are_not_known_are_said_not_to_be(rng):
    side = rng.choice(4, 100, p=SHARES)
    known = compared(side, (side, side))
    for kinds in ((), ({}, *known.kinds[1:]), known.kinds[:1]):
        (found,) = measure(replace(known, kinds=kinds))
        assert np.isnan(found.value) and found.passed is None
        assert "Not measured" in found.text and "without their codes" in found.text
    one_kind = Schema((replace(COLUMN, missing_kinds=()),), 100)
    assert measure(replace(known, schema=one_kind)) == []


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    rng = np.random.default_rng(8)
    age = rng.integers(20, 80, 400)
    income = (1000 + 10 * age + rng.normal(0, 90, 400)).round()
    kind = rng.choice(4, 400, p=(0.6, 0.2, 0.15, 0.05))
    income[kind == 1], income[kind == 2], income[kind == 3] = -9, -8, np.nan
    path = tmp_path_factory.mktemp("kinds") / "t.csv"
    pd.DataFrame({"age": age, "income": income}).to_csv(path, index=False)
    copies = posynth.synthesize(path, m=3, seed=1, na={"income": [-9, -8]})
    return path, copies, copies.save(path.parent / "out")


@pytest.mark.parametrize("how", ["copies in memory", "a folder of copies"])
def test_evaluate_compares_the_kinds_of_a_table_with_codes(job, how):
    path, copies, folder = job
    results = posynth.evaluate(copies if "memory" in how else folder, path)
    (found,) = results.select(KINDS)
    assert found.subject == "income" and found.passed
    own, drawn = found.details["kinds"]["-9"]
    source = pd.read_csv(path)["income"]
    assert own == pytest.approx((source == -9).mean())
    assert abs(drawn - own) < 4 * (own * (1 - own) / 400 * (1 + 1 / 3)) ** 0.5


def test_a_data_frame_with_its_codes_is_compared_and_one_without_is_not(job):
    path, copies, _ = job
    coded = pd.read_csv(path)
    assert measure(posynth.lay_beside(copies, coded))[0].passed
    plain = coded.replace({-9: np.nan, -8: np.nan})
    assert np.isnan(measure(posynth.lay_beside(copies, plain))[0].value)


def test_kinds_that_were_swapped_are_found_out_and_reported(job, tmp_path):
    path, copies, _ = job
    swap = np.array([0, 3, 1, 2])
    wrong = replace(copies, reasons=tuple({"income": swap[r["income"]]} for r in copies.reasons))
    (found,) = measure(posynth.lay_beside(wrong, path))
    assert found.passed is False
    page = posynth.write_report(wrong, path, to=tmp_path / "report.html").read_text("utf-8")
    assert "Kinds of missing values" in page and ">-9<" in page
    assert "look at the conditional of the missing values" in page
    public = posynth.write_report(wrong, path, to=tmp_path / "public.html", public=True)
    assert "inds of missing values" not in public.read_text("utf-8")
