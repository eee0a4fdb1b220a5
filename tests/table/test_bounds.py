"""Bounds of numeric columns: which are seen, how they are stated, and that copies keep them."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

import posynth
from posynth.chain.beyond import beyond
from posynth.cli import app
from posynth.errors import SpecError
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility import kept_bounds
from posynth.report import tables
from posynth.table.bounds import within_bounds
from posynth.table.frame import table_from_frame
from posynth.table.schema import Column, Kind, Schema


def _ends(values, **given):
    column = table_from_frame(pd.DataFrame({"x": values, "y": range(len(values))})).schema["x"]
    return column.lower, column.upper


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        (np.repeat([1, 2, 3, 4, 5], [6, 20, 40, 30, 9]), (1, 5)),
        (np.repeat([0, 1, 2, 3, 4, 5, 6, 7], [40, 30, 20, 10, 6, 3, 2, 1]), (0, None)),
        (np.arange(100) - 40, (None, None)),
        (np.arange(100)[::-7] % 97 + 20.5, (0, None)),
        (np.arange(100) * 37 % 101 + 20, (1, None)),
        (np.arange(40) * 37 % 101 + 20, (0, None)),
        (np.linspace(0.02, 0.97, 60), (0, 1)),
        (np.linspace(0.02, 0.70, 60), (0, None)),
        (np.round(np.linspace(2, 99, 60), 1), (0.1, 100)),
        (np.round(np.linspace(40, 98, 60), 1), (0.1, None)),
        (np.r_[np.arange(18, 91), np.repeat(90, 30)], (1, 90)),
        (np.repeat(np.array([101, 230, 365, 477, 588, 692, 733, 845]), 30), (1, None)),
        (np.r_[np.linspace(-8.5, 3.25, 90), np.repeat(4.0, 30)], (None, 4)),
    ],
)
def test_bounds_are_natural_or_shared_by_many_rows(values, bounds):
    assert _ends(values) == bounds


def test_too_few_values_show_no_bound():
    assert _ends(np.r_[np.arange(9.0), np.full(20, np.nan)]) == (None, None)


def test_levels_dates_and_clock_times_have_no_bounds():
    days = pd.date_range("2020-01-01", periods=40)
    frame = pd.DataFrame({"a": ["x", "y"] * 20, "day": days, "n": range(40)})
    schema = table_from_frame(frame, kinds={"n": "nominal"}).schema
    assert {(c.lower, c.upper) for c in schema} == {(None, None)}


def test_bounds_go_through_plain_data_and_chain_files(tmp_path):
    lifted = Column("x", Kind.COUNT, "int64", lower=-np.inf, upper=7)
    schema = Schema((lifted,), 30)
    assert Schema.from_dict(schema.to_dict()) == schema
    frame = pd.DataFrame({"x": np.arange(40) % 9, "y": np.linspace(0, 30.5, 40)})
    chain = posynth.specify(frame, lower={"x": None}, upper={"y": 31})
    (tmp_path / "chain.toml").write_text(chain.to_toml())
    read = posynth.specify(frame, chain=tmp_path / "chain.toml").schema
    assert (read["x"].lower, read["y"].upper) == (-np.inf, 31)
    assert posynth.describe(frame)["bounds"].tolist() == ["0 or more", "0 or more"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lower": {"z": 1}}, "unknown column 'z'"),
        ({"lower": {"g": 1}}, "its kind is 'binary'; bounds are for kinds 'count' and"),
        ({"upper": {"x": 3}}, "8 of 40 rows of the source lie beyond its bounds (0 to 3)"),
        ({"upper": {"x": -3}}, "its lower bound 0 is not below its upper bound -3; state both"),
        ({"upper": {"x": "3"}}, "give a number, as upper={'age': 0}, or None for no bound"),
        ({"upper": 3}, "it must be a mapping from columns"),
    ],
)
def test_bounds_that_cannot_be_are_refused(given, said):
    frame = pd.DataFrame({"x": np.arange(40) % 5, "g": ["a", "b"] * 20})
    with pytest.raises((SpecError, TypeError)) as found:
        posynth.specify(frame, **given)
    assert said in str(found.value)


def test_draws_beyond_are_reflected_and_others_untouched():
    column = Column("x", Kind.CONTINUOUS, "float64", lower=0.0)
    drawn = np.array([-1.5, 0.0, 0.2, 7.0])
    assert within_bounds(column, drawn).tolist() == [1.5, 0.0, 0.2, 7.0]
    free = Column("x", Kind.CONTINUOUS, "float64", lower=-np.inf)
    assert within_bounds(free, drawn) is drawn


def test_the_change_of_a_mean_by_reflection_is_that_of_draws(rng):
    """400,000 draws: the Monte-Carlo standard error of the mean is .0015."""
    column = Column("x", Kind.CONTINUOUS, "float64", lower=0.0)
    y = np.linspace(0.4, 3.8, 101)
    found = beyond(column, y, np.empty((101, 0)), 0.0, 101)
    sd = y.std() * np.sqrt(101 / 100)
    drawn = rng.normal(y.mean(), sd, 400_000)
    changed = within_bounds(column, drawn).mean() - drawn.mean()
    assert found.moved == pytest.approx(changed / sd * np.sqrt(101), abs=0.02)
    assert found.share == pytest.approx(stats.norm.cdf(-y.mean() / sd))


def _survey(rng, n=300):
    latent = rng.normal(size=n)
    rating = np.clip(np.round(3.6 + 0.9 * latent + rng.normal(size=n)), 1, 5).astype(int)
    share = np.clip(np.round(0.15 + 0.12 * rng.normal(size=n), 3), 0, None)
    age = np.clip(np.round(47 + 15 * rng.normal(size=n) + 4 * latent), 18, 90).astype(int)
    gain = np.round(np.exp(1 + rng.normal(size=n)) * (rng.random(n) < 0.7), 2)
    return pd.DataFrame(
        {"age": age, "rating": rating, "share": share, "gain": gain, "z": rng.normal(size=n)}
    )


LIMITS = {"age": (18, np.inf), "rating": (1, 5), "share": (0, 1), "gain": (0, np.inf)}


@pytest.mark.parametrize(
    "methods",
    [{}, *({name: family for name in LIMITS} for family in ("gaussian", "cart", "forest"))],
    ids=["default", "gaussian", "cart", "forest"],
)
def test_no_value_of_a_copy_lies_beyond_a_bound(rng, methods):
    frame = _survey(rng)
    # Of a named line bounds are kept where they are stated: reflection moves its estimates.
    stated = LIMITS if "gaussian" in methods.values() else {}
    lower, upper = ({name: ends[side] for name, ends in stated.items()} for side in (0, 1))
    copies = posynth.synthesize(frame, m=10, seed=1, methods=methods, lower=lower, upper=upper)
    for name, (lower, upper) in LIMITS.items():
        assert all(copy[name].between(lower, upper).all() for copy in copies), name
    found = kept_bounds.measure(posynth.lay_beside(copies, frame))
    assert [(r.subject, r.value, r.passed) for r in found] == [("", 0.0, True)]
    assert copies.manifest()["bounds"]["rating"] == "1 to 5"


def test_a_bound_that_is_lifted_is_passed(rng):
    frame = _survey(rng)[["share", "z"]]
    kept, lifted = (
        posynth.synthesize(frame, m=5, seed=1, methods={"share": "gaussian"}, lower=lower)
        for lower in ({"share": 0}, {"share": None})
    )
    assert min(copy["share"].min() for copy in kept) == 0
    assert min(copy["share"].min() for copy in lifted) < 0
    same = kept[0]["share"] == lifted[0]["share"]
    assert same[lifted[0]["share"] >= 0].all()  # only draws beyond the bound differ


def test_a_line_that_reaches_far_beyond_a_bound_is_no_candidate(rng):
    frame = pd.DataFrame({"y": np.round(np.abs(rng.normal(0.8, 1, 400)), 2)})
    assert posynth.specify(frame).spec["y"].scale == "learned"
    assert "lie beyond the bounds" in posynth.specify(frame).spec["y"].note


def test_the_share_of_draws_that_a_named_family_puts_beyond_is_said(rng):
    frame = _survey(rng)[["share", "z"]]
    chain = posynth.specify(frame, methods={"share": "gaussian"}, lower={"share": 0})
    note = chain.spec["share"].note
    found = re.search(r"([\d.]+)% of draws beyond its bounds \(0 or more\) are reflected", note)
    share = stats.norm.cdf(-frame["share"].mean() / frame["share"].std())
    assert found and float(found.group(1)) / 100 == pytest.approx(share, abs=0.003)


def test_parts_of_a_total_are_at_most_the_total(rng):
    parts = np.round(100 * rng.dirichlet([3, 2, 1.2], 300), 1)
    frame = pd.DataFrame(parts, columns=["a", "b", "c"])
    frame["c"] = np.round(100 - frame["a"] - frame["b"], 1)
    frame = frame[(frame > 0).all(axis=1)]
    for copy in posynth.synthesize(frame, m=10, seed=3):
        assert (copy > 0).all().all()
        np.testing.assert_allclose(copy.sum(axis=1), 100, atol=1e-9)


def test_bounds_of_one_table_are_lifted_for_another_that_passes_them(rng):
    frame = _survey(rng)
    chain = posynth.specify(frame)
    other = frame.assign(rating=np.where(np.arange(len(frame)) == 0, 0, frame["rating"]))
    posterior = posynth.fit(other, chain, seed=1)
    assert posterior.schema["rating"].lower is None
    assert "are lifted" in posterior.schema["rating"].note


def test_the_command_line_takes_and_shows_bounds(tmp_path, rng):
    _survey(rng).to_csv(tmp_path / "t.csv", index=False)
    run = CliRunner().invoke(
        app, ["describe", str(tmp_path / "t.csv"), "--upper", "gain=5000", "--lower", "share=none"]
    )
    assert run.exit_code == 0 and "0 to 5000" in run.output and "1 to 5" in run.output
    wrong = CliRunner().invoke(app, ["describe", str(tmp_path / "t.csv"), "--lower", "gain=low"])
    assert wrong.exit_code != 0 and "'low' is no number" in wrong.output


def test_evaluate_lists_columns_with_values_beyond_their_bounds(tmp_path, rng):
    _survey(rng, 120)[["rating", "z"]].to_csv(tmp_path / "t.csv", index=False)
    run, made = CliRunner(), ["synthesize", str(tmp_path / "t.csv"), "--seed", "1", "-m", "2"]
    assert run.invoke(app, [*made, "-o", str(tmp_path / "out")]).exit_code == 0
    judged = ["evaluate", str(tmp_path / "out"), "--data", str(tmp_path / "t.csv")]
    assert "0 values a copy lie beyond" in " ".join(run.invoke(app, judged).output.split())
    path = tmp_path / "out" / "copies" / "copy-01.csv"
    copy = pd.read_csv(path)
    copy.loc[:3, "rating"] = 6
    copies = [copy, pd.read_csv(tmp_path / "out" / "copies" / "copy-02.csv")]
    table = table_from_frame(pd.read_csv(tmp_path / "t.csv"))
    found = kept_bounds.measure(Comparison(table.frame, tuple(copies), table.schema))
    assert [(r.subject, r.value, r.passed) for r in found] == [
        ("", 2.0, False),
        ("rating", 2.0, False),
    ]
    assert [row[0] for row in tables.impossible(found).rows] == ["rating"]
