"""Ranking, advice and pictures."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.utility import advise, plots, ranked, tables
from posynth.table.schema import Column, Kind, Schema


@pytest.fixture
def real(rng):
    n = 3000
    age = rng.normal(size=n)
    income = age + rng.normal(size=n)
    return pd.DataFrame(
        {"age": age, "income": income, "sex": np.where(rng.random(n) < 0.5, "F", "M")}
    )


def judge(comparison):
    return tables.measure(comparison, 1) + tables.measure(comparison, 2)


def test_good_copies_ask_for_no_change(real, compare, rng):
    comparison = compare(real, [real.sample(3000, replace=True, random_state=rng)], proper=False)
    found = advise(judge(comparison), comparison)
    assert [(r.measure, r.passed) for r in found] == [("advice", True)]
    assert found[0].text == (
        "No margin or association of 6 tables has S above 3 and beyond chance: no conditional asks "
        "for a change."
    )


def test_a_lost_association_is_charged_to_the_later_column_alone(real, compare, rng):
    fake = real.assign(income=rng.permutation(real["income"].to_numpy()))
    comparison = compare(real, [fake])
    found = advise(judge(comparison), comparison)
    assert [result.subject for result in found] == ["income"]
    assert found[0].details["margin"] is None
    assert list(found[0].details["pairs"]) == ["age"]
    assert found[0].text.startswith(
        "In the conditional of 'income' add a term, a spline or an interaction, or let the spread "
        "depend on earlier columns: the associations with 'age' ("
    )


@pytest.mark.parametrize("copies", [1, 3])
def test_right_copies_of_few_levels_ask_for_no_change(compare, copies):
    """Independent coins and their exact posterior: no table is off, whatever m is."""
    rng = np.random.default_rng(copies)
    asked, runs, n = 0, 60, 300
    for _ in range(runs):
        real = rng.random((n, 8)) < 0.4
        chances = rng.beta(0.5 + real.sum(0), 0.5 + n - real.sum(0), size=(copies, 8))
        drawn = [rng.random((n, 8)) < each for each in chances]
        frames = [pd.DataFrame(x, columns=list("abcdefgh")) for x in (real, *drawn)]
        comparison = compare(frames[0], frames[1:], proper=True)
        results = judge(comparison)
        asked += advise(results, comparison)[0].passed is False
    # Margins and pairs exceed their limits in 5 % of runs each; standard error of .1: .039.
    assert asked / runs < 0.1 + 3 * (0.1 * 0.9 / runs) ** 0.5


def test_what_is_advised_is_what_the_verdict_counts(real, compare, rng):
    shuffled = real.sample(frac=0.6, random_state=1)
    fake = real.assign(income=real["income"] + rng.normal(size=len(real)), sex="F")
    for frame in (fake, real.assign(age=shuffled["age"].reindex(real.index).fillna(0.0))):
        comparison = compare(real, [frame])
        results = judge(comparison)
        flagged = {r.subject for r in results if r.passed is False}
        for advice in advise(results, comparison):
            pairs = {f"{name}:{advice.subject}" for name in advice.details["pairs"]}
            assert pairs <= flagged
            assert advice.details["margin"] is None or advice.subject in flagged


def test_the_visit_order_decides_which_column_is_later(real, compare, rng):
    fake = real.assign(income=rng.permutation(real["income"].to_numpy()))
    comparison = compare(real, [fake])
    found = advise(judge(comparison), comparison, order=["income", "sex", "age"])
    assert [result.subject for result in found] == ["age"]
    assert list(found[0].details["pairs"]) == ["income"]


def test_a_wrong_margin_is_not_charged_to_its_pairs(real, compare):
    """Sex is redrawn at 70 % whatever the rest: pairs misfit by their margin and nothing else."""
    half = real["sex"].where(np.random.default_rng(4).random(3000) > 0.4, "F")
    comparison = compare(real, [real.assign(sex=half)])
    results = judge(comparison)
    assert ranked(results, comparison).query("ways == 2")["S"].max() > 3
    found = advise(results, comparison)
    assert [result.subject for result in found] == ["sex"]
    assert found[0].details["pairs"] == {}
    assert found[0].text.startswith(
        "Change the family or transformation of 'sex': its own distribution is off (S "
    )


def test_unsynthesised_columns_are_not_blamed(real, compare, rng):
    fake = real.assign(age=rng.permutation(real["age"].to_numpy()))
    comparison = compare(real, [fake], unsynthesised=("income",))
    assert advise(judge(comparison), comparison)[0].passed is True


def test_advice_without_tables_says_what_to_run(real, compare):
    comparison = compare(real, [real])
    found = advise([], comparison)
    assert found[0].passed is None
    assert found[0].text.endswith("run the one-way and two-way tables.")


def test_ranked_sorts_by_the_scale_that_fits(real, compare, rng):
    fake = real.assign(income=rng.permutation(real["income"].to_numpy()))
    comparison = compare(real, [fake], proper=True)
    table = ranked(judge(comparison), comparison)
    assert table["subject"].iloc[0] == "age:income"
    assert table["S"].is_monotonic_decreasing
    assert table["S"].tolist() == table["S_proper"].tolist()
    assert table["S_plugin"].to_numpy() == pytest.approx(2 * table["S_proper"].to_numpy())


def test_names_with_colons_are_told_apart(compare, rng):
    real = pd.DataFrame({"a:b": rng.normal(size=500), "a": rng.normal(size=500)})
    fake = real.assign(a=real["a:b"])
    comparison = compare(real, [fake])
    table = ranked(judge(comparison), comparison)
    assert dict(zip(table["subject"], table["ways"], strict=True)) == {
        "a:b:a": 2,
        "a:b": 1,
        "a": 1,
    }
    assert advise(judge(comparison), comparison)[0].subject == "a"


def test_heatmap_holds_pairs_off_and_margins_on_the_diagonal(real, compare, rng):
    fake = real.assign(income=rng.permutation(real["income"].to_numpy()))
    comparison = compare(real, [fake], proper=False)
    results = judge(comparison)
    axes = plots.heatmap(results, comparison, limits=(0, 45)).axes[0]
    grid = np.asarray(axes.images[0].get_array())
    scores = {result.subject: result.value for result in results}
    assert grid[0, 1] == grid[1, 0] == pytest.approx(scores["age:income"])
    assert grid[2, 2] == pytest.approx(scores["sex"])
    assert axes.images[0].get_clim() == (0, 45)


def test_heatmap_of_proper_copies_can_be_drawn_on_the_scale_synthpop_prints(real, compare):
    comparison = compare(real, [real.assign(income=real["income"] + 0.2)])
    results = judge(comparison)
    grids = {}
    for scale in ("auto", "proper", "plug-in"):
        figure = plots.heatmap(results, comparison, scale=scale)
        grids[scale] = np.asarray(figure.axes[0].images[0].get_array())
        kind = "proper" if scale == "auto" else scale
        assert figure.axes[1].get_ylabel() == f"S_pMSE, {kind} scale (1 is ideal)"
    np.testing.assert_array_equal(grids["auto"], grids["proper"])
    np.testing.assert_allclose(grids["plug-in"], 2 * grids["proper"])
    with pytest.raises(MeasureError, match="scale 'R'"):
        plots.heatmap(results, comparison, scale="R")


def test_heatmap_without_tables_says_what_to_run(real, compare):
    with pytest.raises(MeasureError, match=r"run tables\.measure first"):
        plots.heatmap([], compare(real, [real]))


def test_overlay_draws_shares_of_original_and_every_copy(compare):
    real = pd.DataFrame({"g": list("aaab"), "i": [1.0, 1.0, 2.0, np.nan]})
    fake = pd.DataFrame({"g": list("abbb"), "i": [1.0, 2.0, 2.0, 2.0]})
    comparison = compare(real, [fake, fake])
    figure = plots.overlays(comparison)
    bars, histogram = figure.axes
    assert [bar.get_width() for bar in bars.patches] == [75, 25]
    assert [line.get_xdata().tolist() for line in bars.lines] == [[25, 75]] * 2
    shown = [patch.get_data().values.tolist() for patch in histogram.patches]
    assert shown == [[50, 25], [25, 75], [25, 75]]
    assert histogram.get_xlabel() == "missing: 25.0 % of original, 0.0 % of copies"


def test_one_wild_value_does_not_squeeze_the_histogram(compare, rng):
    x = rng.normal(size=2000)
    real = pd.DataFrame({"x": np.append(x, 1e6)})
    axes = plots.overlay(compare(real, [real]), "x").axes[0]
    values, edges, _ = axes.patches[0].get_data()
    assert edges[-1] < 10
    assert values.sum() == pytest.approx(100)


def test_rare_levels_are_counted_when_not_drawn(compare):
    real = pd.DataFrame({"g": [f"v{i:02d}" for i in range(20) for _ in range(20 - i)]})
    axes = plots.overlay(compare(real, [real]), "g").axes[0]
    assert len(axes.patches) == 12
    assert axes.get_xlabel() == "% of rows; 8 rarer levels not drawn"


def test_a_column_of_all_missing_or_one_value_can_be_drawn(compare):
    real = pd.DataFrame({"x": [np.nan, np.nan], "y": [0.5, 0.5]})
    schema = Schema(tuple(Column(name, Kind.CONTINUOUS, "float64") for name in "xy"), 2)
    assert len(plots.overlays(compare(real, [real], schema=schema)).axes) == 2


def test_many_copies_are_drawn_as_a_median_in_a_band(compare, rng):
    real = pd.DataFrame({"g": list("aabb") * 25, "x": rng.normal(size=100)})
    fakes = [real.sample(100, replace=True, random_state=i) for i in range(12)]
    bars, histogram = plots.overlays(compare(real, fakes)).axes
    shares = [(fake["g"] == "a").mean() * 100 for fake in fakes]
    (marks,) = bars.lines
    assert marks.get_xdata()[0] == pytest.approx(np.median(shares))
    low, high = bars.collections[0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx(tuple(np.quantile(shares, [0.05, 0.95])))
    assert len(histogram.patches) == 3  # original, band and median


def test_dates_stand_on_the_axis_as_dates(compare):
    days = pd.Series(pd.date_range("2019-01-01", periods=60, freq="10D"))
    column = Column("when", Kind.DATE, "datetime64[ns]", date_format="%Y-%m-%d")
    real = pd.DataFrame({"when": days})
    figure = plots.overlay(compare(real, [real], schema=Schema((column,), 60)), "when")
    figure.canvas.draw()
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert any(text.startswith(("2019", "2020")) for text in shown)


def test_an_ideal_misfit_is_pale_and_a_large_one_dark(real, compare):
    comparison = compare(real, [real])
    results = judge(comparison)
    image = plots.heatmap(results, comparison, limits=(0, 20)).axes[0].images[0]
    lightness = [np.mean(image.cmap(image.norm(value))[:3]) for value in (1, 3, 5, 10)]
    assert lightness[0] > 0.9 and np.all(np.diff(lightness) < 0) and lightness[-1] < 0.5
