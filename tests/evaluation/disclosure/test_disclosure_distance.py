"""Distances, copied rows and membership inference: exact cases and calibration under the null."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import copied, distance, membership
from posynth.evaluation.disclosure.space import embed, nearest
from posynth.table.schema import Column, Kind, Schema


def by_name(results):
    return {(r.measure, r.subject): r for r in results}


def gower(a, b, spans):
    """Gower's distance of two rows of ``population``, spelled out."""
    parts = []
    for name in ("x", "y"):
        if np.isnan(a[name]) or np.isnan(b[name]):
            parts.append(float(np.isnan(a[name]) != np.isnan(b[name])))
        else:
            parts.append(min(abs(a[name] - b[name]) / spans[name], 1.0))
    parts.append(float(a["group"] != b["group"]))
    return sum(parts) / 3


def test_nearest_agrees_with_gower_spelled_out(population, mixed_schema, rng):
    table, copy = population(40, rng), population(25, rng)
    copy.loc[0, "x"] = 1e4  # far outside the range of the original: clipped to distance 1
    space = embed(Comparison(table, (copy,), mixed_schema))
    spans = {name: table[name].max() - table[name].min() for name in ("x", "y")}
    expected = np.array(
        [[gower(a, b, spans) for _, b in table.iterrows()] for _, a in copy.iterrows()]
    )
    found = nearest(space.copies[0], space.original, 3)
    assert found.distance == pytest.approx(np.sort(expected, axis=1)[:, :3], abs=1e-6)
    assert np.take_along_axis(expected, found.row, 1) == pytest.approx(found.distance, abs=1e-6)


def test_blocks_do_not_show(population, mixed_schema, rng, monkeypatch):
    table = population(50, rng)
    space = embed(Comparison(table, (population(23, rng),), mixed_schema))
    whole = nearest(space.copies[0], space.original, 2)
    monkeypatch.setattr("posynth.evaluation.disclosure.space.BLOCK", 50 * 7)
    blocks = nearest(space.copies[0], space.original, 2)
    assert np.array_equal(whole.distance, blocks.distance)
    assert np.array_equal(whole.row, blocks.row)
    with pytest.raises(MeasureError, match="51 nearest neighbours asked for among 50 rows"):
        nearest(space.copies[0], space.original, 51)


def test_dcr_and_nndr_by_hand():
    # Range 10. Copy 1 -> 0 (.1) and 4 (.3); copy 4 -> 4 (0) and 0 (.4); copy 9 -> 10 (.1), 4 (.5).
    schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=3)
    original, copy = pd.DataFrame({"x": [0.0, 4.0, 10.0]}), pd.DataFrame({"x": [1.0, 4.0, 9.0]})
    tables = Comparison(original, (copy,), schema)
    dcr, nndr, share = distance.measure(tables, rng=np.random.default_rng(0))
    assert dcr.value == pytest.approx(0.1)
    assert dcr.details["zero"] == [1]
    assert nndr.value == pytest.approx(0.2)  # ratios 1/3, 0, 1/5
    # Leave one out: 0 -> 4 (.4, then 1), 4 -> 0 (.4, then .6), 10 -> 4 (.6, then 1).
    assert (dcr.details["fresh"], dcr.details["fresh_is"]) == (pytest.approx(0.4), "leave one out")
    assert nndr.details["fresh"] == pytest.approx(0.6)
    assert np.isnan(share.value)
    assert "it needs a holdout" in share.text


def test_identity_copy_has_distance_zero_and_is_always_closer(population, mixed_schema, rng):
    table, holdout = population(150, rng), population(150, rng)
    tables = Comparison(table, (table,), mixed_schema, holdout=holdout)
    dcr, nndr, share = distance.measure(tables, rng=rng)
    assert dcr.value == 0
    assert nndr.value == 0
    assert share.value == 1
    assert share.passed is False


def test_duplicates_in_the_original_are_not_singled_out():
    schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=4)
    table = pd.DataFrame({"x": [0.0, 0.0, 1.0, 1.0]})
    nndr = distance.measure(Comparison(table, (table,), schema), rng=np.random.default_rng(0))[1]
    assert nndr.value == 1


def test_a_second_sample_is_as_close_to_the_original_as_to_the_holdout(
    population, mixed_schema, rng
):
    # The stated standard error must be the spread of the share over repetitions. With 300 of them
    # the sd of z has standard error 1 / sqrt(600) = .04, its mean 1 / sqrt(300) = .058.
    scores = []
    for _ in range(300):
        tables = Comparison(
            population(40, rng),
            (population(40, rng), population(40, rng)),
            mixed_schema,
            holdout=population(60, rng),
        )
        share = distance.measure(tables, rng=rng)[2]
        scores.append((share.value - 0.5) / share.details["se"])
    assert abs(np.mean(scores)) < 3 * 0.058
    assert abs(np.std(scores) - 1) < 3 * 0.045


def test_dcr_share_of_one_large_sample(population, mixed_schema, rng):
    tables = Comparison(
        population(800, rng), (population(800, rng),), mixed_schema, holdout=population(800, rng)
    )
    share = distance.measure(tables, rng=rng)[2]
    # 800 rows of one copy; were they independent the se would be .5 / sqrt(800) = .018.
    assert 0.018 < share.details["se"] < 0.03
    assert abs(share.value - 0.5) < 3 * share.details["se"]
    assert share.passed is True


def test_ties_count_half(six):
    # Holdout and original are the same rows: every synthetic row is as close to either.
    share = distance.measure(replace(six, holdout=six.original), rng=np.random.default_rng(0))[2]
    assert share.value == 0.5


def test_too_few_rows_for_ratios(six):
    two = replace(six, original=six.original.iloc[:2])
    with pytest.raises(MeasureError, match="the original has 2 rows; nearest-neighbour ratios"):
        distance.measure(two, rng=np.random.default_rng(0))


def test_infinite_values_are_refused_by_name():
    schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=3)
    table = pd.DataFrame({"x": [0.0, 1.0, np.inf]})
    with pytest.raises(MeasureError, match="column 'x' of the original holds an infinite value"):
        distance.measure(Comparison(table, (table,), schema), rng=np.random.default_rng(0))


def test_copied_rows_by_hand(six):
    # All columns: F30x F40x M30x of the copy are rows of the original -> 3 of 6. No original row
    # occurs twice -> 0 expected. The share has mean (0 + 1)/(6 + 2) and, with one more of each,
    # variance (7 + 2 - 7 * 7/6)/36; more than 4 of 6 have probability .014, more than 5 .003.
    result = copied.measure(six)[0]
    assert result.value == pytest.approx(50)
    assert result.details["expected"] == 0
    assert result.details["limit"] == pytest.approx(500 / 6)
    total = (7 / 64) / (5 / 216) - 1
    tails = stats.betabinom.sf([4, 5], 6, total / 8, 7 * total / 8)
    np.testing.assert_allclose(tails, [0.0143, 0.0031], atol=5e-5)
    assert result.passed is True
    # A holdout with one original row of two: 50 % expected.
    holdout = pd.DataFrame({"sex": ["F", "F"], "age": [30, 99], "ill": ["x", "x"]})
    result = copied.measure(replace(six, holdout=holdout))[0]
    assert (result.details["expected"], result.details["expected_from"]) == (50, "holdout")
    # By keys sex and age F30 occurs twice in the original: 2 of 6 expected, 5 of 6 copied.
    result = copied.measure(six, ["sex", "age"])[0]
    assert result.value == pytest.approx(500 / 6)
    assert result.details["expected"] == pytest.approx(200 / 6)


def test_copied_rows_fail_for_a_copying_synthesizer_and_pass_for_a_sample(rng):
    schema = Schema((Column("x", Kind.COUNT, "int64"), Column("y", Kind.COUNT, "int64")), rows=400)

    def draw():
        return pd.DataFrame(rng.poisson(12, size=(400, 2)), columns=["x", "y"])

    original, holdout, fresh = draw(), draw(), draw()
    passed = {}
    for name, held in (("holdout", holdout), ("leave one out", None)):
        half = pd.concat([original.iloc[:200], fresh.iloc[:200]])
        sample = copied.measure(Comparison(original, (fresh,), schema, holdout=held))[0]
        mixed = copied.measure(Comparison(original, (half,), schema, holdout=held))[0]
        passed[name] = (sample.passed, mixed.passed)
        assert 20 < sample.details["expected"] < 95  # chance copies many rows of whole numbers
    assert passed == {"holdout": (True, False), "leave one out": (True, False)}


def test_leave_one_out_estimates_the_chance_of_a_fresh_match(rng):
    # A fresh row equals one of n others with probability sum p (1 - (1 - p)^n); leaving one out
    # there are n - 1 others, which costs sum p^2 (1 - p)^(n - 1).
    schema = Schema((Column("x", Kind.COUNT, "int64"),), rows=50)
    by_itself, by_holdout = [], []
    for _ in range(400):
        original, fresh = (pd.DataFrame({"x": rng.geometric(0.05, size=50)}) for _ in range(2))
        tables = Comparison(original, (fresh,), schema)
        by_itself.append(copied.measure(tables)[0].details["expected"])
        by_holdout.append(copied.measure(replace(tables, holdout=fresh))[0].details["expected"])
    gap = np.array(by_itself) - np.array(by_holdout)
    p = 0.05 * 0.95 ** np.arange(1000)
    cost = 100 * np.sum(p**2 * (1 - p) ** 49)
    assert abs(gap.mean() + cost) < 3 * gap.std() / np.sqrt(len(gap))


def test_auc_and_advantage_by_hand():
    # Pairs won: 3 beats both, 2 beats 0 and ties 2, 1 beats 0: 4.5 of 6.
    # Thresholds 3, 2, 1, 0: 1/3 - 0, 2/3 - 1/2, 1 - 1/2, 0 -> advantage 1/2.
    auc, advantage = membership.attack(np.array([3.0, 2.0, 1.0]), np.array([0.0, 2.0]), "score")
    assert (auc.value, advantage.value) == (pytest.approx(0.75), pytest.approx(0.5))
    # Placements: members 1, .75, .5; others 1, .5 -> se^2 = .0625 / 3 + .125 / 2.
    assert auc.details["se"] == pytest.approx(np.sqrt(0.0625 / 3 + 0.125 / 2))
    assert advantage.details["by_chance"] == pytest.approx(0.6267 * np.sqrt(5 / 6), rel=1e-3)


def test_score_that_knows_nothing_has_the_stated_intervals(rng):
    # AUC: 95 % interval; 1000 repetitions, binomial se .7 percentage points.
    # Advantage: the one-sided Kolmogorov distance of two samples has mean sqrt(pi / 8) = .6267
    # times sqrt(1/n1 + 1/n0) in the limit, a few percent less at these sizes.
    covered, gap, chance = 0, [], 0.0
    for _ in range(1000):
        auc, advantage = membership.attack(rng.normal(size=200), rng.normal(size=100))
        covered += auc.interval[0] <= 0.5 <= auc.interval[1]
        gap.append(advantage.value)
        chance = advantage.details["by_chance"]
        assert advantage.interval[0] == 0
    assert abs(covered / 1000 - 0.95) < 0.025
    assert 0.9 * chance < np.mean(gap) < 1.02 * chance


def test_identity_copy_gives_the_members_away(population, mixed_schema, rng):
    tables = population(100, rng)
    comparison = Comparison(tables, (tables, tables), mixed_schema, holdout=population(100, rng))
    results = by_name(membership.measure(comparison, rng=rng))
    for score in ("-DCR", "local density ratio"):
        assert results["MIA AUC", score].value == 1
        assert results["MIA advantage", score].value == 1
        assert results["MIA AUC", score].passed is False


def test_independent_sample_gives_nobody_away(population, mixed_schema, rng):
    tables = Comparison(
        population(500, rng),
        (population(500, rng), population(500, rng)),
        mixed_schema,
        holdout=population(500, rng),
    )
    results = by_name(membership.measure(tables, rng=rng))
    for score in ("-DCR", "local density ratio"):
        auc = results["MIA AUC", score]
        assert abs(auc.value - 0.5) < 3 * auc.details["se"]
        assert auc.details["se"] < 0.03


def test_membership_without_or_with_too_small_a_holdout(six, rng):
    results = membership.measure(six, rng=rng)
    assert len(results) == 4
    assert all(np.isnan(r.value) and "it needs a holdout" in r.text for r in results)
    with pytest.raises(MeasureError, match="the holdout has 3 rows; membership inference needs at"):
        membership.measure(replace(six, holdout=six.original.iloc[:3]), rng=rng)
    with pytest.raises(MeasureError, match="no holdout: it needs a holdout, rows of the same"):
        membership.scores(six, rng=rng)


def test_density_ratio_by_hand():
    # Range 10; copies 1 and 1.5 (m = 2), so the second closest synthetic row counts. Wherever the
    # reference half of the holdout falls, members are closer to it or to the copies as computed.
    schema = Schema((Column("x", Kind.CONTINUOUS, "float64"),), rows=2)
    tables = Comparison(
        pd.DataFrame({"x": [0.0, 10.0]}),
        (pd.DataFrame({"x": [1.0]}), pd.DataFrame({"x": [1.5]})),
        schema,
        holdout=pd.DataFrame({"x": [5.0] * 4}),
    )
    found = membership.scores(tables, rng=np.random.default_rng(0))
    members, others = found["-DCR"]
    assert members == pytest.approx([-0.1, -0.85])
    assert others == pytest.approx([-0.35, -0.35])
    members, others = found["local density ratio"]
    # Member 0: reference at .5, second copy at .15; member 10: .5 and .9; others: 0 and .4.
    tiny = membership.TINY
    assert members == pytest.approx(np.log([0.5 / 0.15, 0.5 / 0.9]), abs=1e-4)
    assert others == pytest.approx(np.log([tiny / 0.4] * 2), abs=1e-4)


def test_scores_must_be_finite_and_of_both_kinds():
    with pytest.raises(MeasureError, match="scores of 1 members and 2 others: at least 2 of each"):
        membership.attack(np.array([1.0]), np.array([1.0, 2.0]))
    with pytest.raises(MeasureError, match="all finite"):
        membership.attack(np.array([1.0, np.inf]), np.array([1.0, 2.0]))


def test_same_generator_same_results_and_subsets_are_used(population, mixed_schema, rng):
    tables = Comparison(
        population(120, rng), (population(100, rng),), mixed_schema, holdout=population(60, rng)
    )
    for room in (distance, membership):
        first, again = (
            room.measure(tables, rng=np.random.default_rng(5), rows=30) for _ in range(2)
        )
        assert [r.value for r in first] == [r.value for r in again]
    assert distance.measure(tables, rng=rng, rows=30)[0].details["rows"] == [30]
