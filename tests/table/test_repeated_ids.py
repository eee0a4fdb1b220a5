"""Repeated identifiers are recognised beyond chance, and nothing else is taken for one."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import TableError
from posynth.table.arrangement import all_differ, one_value_each
from posynth.table.frame import table_from_frame
from posynth.table.roster import Roster


def long_data(ids=40, waves=4, dropout=False, seed=1):
    """Rows of ids from 501 on, shuffled; sex is constant within each."""
    rng = np.random.default_rng(seed)
    rows = [
        (501 + i, wave + 1, "fm"[i % 2])
        for i in range(ids)
        for wave in range(waves - int(rng.integers(0, 3)) * dropout)
    ]
    frame = pd.DataFrame(rows, columns=["id", "wave", "sex"])
    y = 0.5 * frame["wave"] + rng.normal(size=ids)[frame["id"] - 501] + rng.normal(size=len(rows))
    return frame.assign(y=y.round(3)).sample(frac=1, random_state=seed, ignore_index=True)


def found(frame, **options):
    return table_from_frame(frame, **options).schema.repeated


def test_long_balanced_data_have_an_id_a_wave_and_a_constant_column():
    column = found(long_data())
    assert (column.name, column.kind.value, column.levels) == ("id", "identifier", ())
    roster = column.roster
    assert (roster.count, roster.sizes, roster.wave) == (40, (4,), "wave")
    assert (roster.constant, roster.waves) == (("sex",), ((0, 1, 2, 3),))
    assert "repeated identifier of 40 ids with 4 rows each" in column.note
    assert "'wave' differs between the rows of each; constant within each: 'sex'" in column.note


def test_dropout_gives_patterns_with_the_numbers_of_ids_that_have_them():
    frame = long_data(dropout=True)
    roster = found(frame).roster
    sizes = frame.groupby("id").size().value_counts()
    assert dict(zip(roster.sizes, roster.ids, strict=True)) == sizes.to_dict()
    assert roster.rows == len(frame)


def test_a_pattern_of_few_ids_is_not_kept():
    frame = long_data()
    frame = frame[~((frame["id"] == 501) & (frame["wave"] == 2))]
    roster = found(frame.reset_index(drop=True)).roster
    assert roster.waves == ((), (0, 1, 2, 3))


@pytest.mark.parametrize("make", [str, lambda i: f"p-{i}", lambda i: i * 10_000_001])
def test_ids_are_recognised_as_numbers_and_as_text(make):
    frame = long_data()
    frame["id"] = [make(i) for i in frame["id"]]
    assert found(frame).roster.count == 40


def test_school_numbers_are_recognised_by_their_pupils():
    rng = np.random.default_rng(2)
    sizes = rng.integers(12, 20, 25)
    frame = pd.DataFrame(
        {
            "pupil": np.concatenate([np.arange(1, s + 1) for s in sizes]),
            "school": np.repeat(np.arange(1, 26), sizes),
            "mark": rng.integers(1, 7, sizes.sum()),
        }
    )
    column = found(frame)
    assert (column.name, column.roster.wave, column.roster.count) == ("school", "pupil", 25)
    assert "looks like" not in table_from_frame(frame).schema["pupil"].note


def test_rows_without_an_id_are_counted_apart():
    frame = long_data()
    frame["id"] = frame["id"].where(frame.index % 20 != 0)
    roster = found(frame).roster
    assert (roster.blank, roster.rows) == (8, 160)


def test_two_constant_columns_and_a_name_suffice_without_a_wave():
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 30, 200)
    frame = pd.DataFrame(
        {"household": ids, "rooms": ids * 7 % 5 + 1, "urban": ids % 2, "y": rng.normal(size=200)}
    )
    column = found(frame)
    assert (column.name, column.roster.wave) == ("household", "")
    assert column.roster.constant == ("rooms", "urban")
    assert found(frame.rename(columns={"household": "x"})) is None


def doctors(levels=239, rows=400):
    """Give doctors of hospitals: texts of more values than are modelled, constant hospitals."""
    rng = np.random.default_rng(12)
    doctor = rng.integers(0, levels, rows)
    return pd.DataFrame(
        {
            "weight": rng.normal(70, 12, rows).round(2),
            "hospital": [f"H{k % 4}" for k in doctor],
            "doctor": [f"d{k}" for k in doctor],
        }
    )


@pytest.mark.parametrize("name", ["doctor", "x"])
def test_texts_of_too_many_values_are_ids_if_one_column_is_constant_within_them(name):
    """Each row of a copy had a new doctor, of no hospital."""
    column = found(doctors().rename(columns={"doctor": name}))
    assert (column.name, column.roster.constant) == (name, ("hospital",))
    mixed = doctors().assign(hospital=np.random.default_rng(1).permutation(doctors()["hospital"]))
    assert found(mixed) is None


def test_a_number_that_nothing_follows_is_an_id_without_a_name_or_wave():
    """Copies had professors of several ages: their numbers were counts."""
    rng = np.random.default_rng(13)
    prof, years = rng.integers(1, 95, 460), np.arange(1, 96)
    facts = {
        "age": rng.integers(29, 70, 95),
        "gender": rng.choice(["f", "m"], 95),
        "tenure": rng.choice(["no", "yes"], 95),
        "beauty": rng.normal(size=95).round(6),
    }
    frame = pd.DataFrame({"prof": prof, **{k: v[prof] for k, v in facts.items()}})
    frame["score"] = rng.normal(size=460).round(1)
    assert found(frame).roster.constant == ("age", "gender", "tenure", "beauty")
    trends = {"income": years * 3 + rng.integers(0, 9, 95), "rate": 40 - years // 7}
    trends |= {"old": years > 50, "cohort": years // 10}
    assert found(pd.DataFrame({"x": prof, **{k: v[prof] for k, v in trends.items()}})) is None
    assert found(frame.assign(prof=frame["prof"] + 1900)) is None  # may be years


def test_a_declared_identifier_needs_no_evidence_and_another_kind_is_left():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": rng.integers(0, 20, 200), "y": rng.normal(size=200)})
    assert found(frame) is None
    assert found(frame, kinds={"g": "identifier"}).roster.count == 20
    assert found(long_data(), kinds={"id": "nominal"}) is None


def test_what_is_no_repeated_identifier_is_not_taken_for_one():
    rng = np.random.default_rng(5)
    n, age = 300, rng.integers(18, 80, 300)
    town = rng.integers(0, 40, n)
    grid = np.array(np.meshgrid(np.arange(40), np.arange(7))).reshape(2, -1)
    tables = {
        "an id that is unique": {"id": np.arange(1, n + 1), "y": rng.normal(size=n)},
        "a count that repeats": {"visits": rng.poisson(20, n), "y": rng.normal(size=n)},
        "a name alone": {"id": rng.integers(1, 60, n), "y": rng.normal(size=n)},
        "functions of age": {"age": age, "group": age // 10, "adult": age > 40},
        "towns": {"town": [f"t{i}" for i in town], "code": town % 7, "region": town % 7},
        "two factors": {"heat": grid[0], "dose": grid[1], "y": rng.normal(size=280)},
    }
    assert [name for name, data in tables.items() if found(pd.DataFrame(data))] == []


def test_at_most_one_in_a_hundred_random_tables_gets_one():
    rng, taken = np.random.default_rng(6), 0
    for _ in range(200):
        n = int(rng.integers(40, 200))
        levels = max(12, n // 4)
        columns = (
            rng.integers(0, n // int(rng.integers(2, 8)), n),
            rng.poisson(rng.integers(1, 30), n),
            rng.choice([f"L{i}" for i in range(levels)], n),
            rng.integers(1, 9, n),
        )
        names = rng.choice(["id", "school", "x", "wave", "subject", "n"], 4, replace=False)
        taken += found(pd.DataFrame(dict(zip(names, columns, strict=True)))) is not None
    assert taken <= 2


def test_probabilities_of_arrangements_are_those_of_shuffled_values():
    # 4 groups of 2 in 8 rows, values a, b of 4 rows each.
    rng = np.random.default_rng(7)
    groups, values = np.repeat(np.arange(4), 2), np.repeat([0, 1], 4)
    shuffled = np.array([rng.permutation(values) for _ in range(40_000)])
    pairs = shuffled.reshape(-1, 4, 2)
    differ = pairs[:, :, 0] != pairs[:, :, 1]
    sizes, counts = np.bincount(groups), np.bincount(values)
    # One group: 4/7; standard error .0025. The bound takes half of four groups.
    assert differ[:, 0].mean() == pytest.approx(4 / 7, abs=0.01)
    assert np.exp(all_differ(sizes, counts)) == pytest.approx((4 / 7) ** 2)
    assert differ.all(axis=1).mean() <= np.exp(all_differ(sizes, counts))
    # All groups of one value: 6 arrangements of 70; the formula gives 1/16.
    assert (~differ).all(axis=1).mean() == pytest.approx(6 / 70, abs=0.006)
    assert np.exp(one_value_each(sizes, counts)) == pytest.approx(1 / 16)


def test_rosters_have_the_distribution_of_the_bayesian_bootstrap():
    roster = Roster((2, 4), (30, 10), ((0, 1), ()), "w", (1.0, 2.0, 5.0, 9.0, 11.0), (9,) * 5)
    rng = np.random.default_rng(8)
    shares = []
    for _ in range(2000):
        codes, waves = roster.draw(100, rng)
        assert len(np.unique(np.column_stack([codes, waves]), axis=0)) == 100
        sizes = np.bincount(codes.astype(int))[:-1]  # the last may have lost rows
        shares.append(np.mean(sizes == 4))
        assert set(waves[np.isin(codes, np.flatnonzero(sizes == 2))]) <= {1.0, 2.0}
    # Dirichlet(30, 10): mean 1/4; about 40 ids a copy add binomial variance.
    shares = np.array(shares)
    spread = np.sqrt(0.25 * 0.75 * (1 / 41 + 1 / 40))
    assert shares.mean() == pytest.approx(0.25, abs=4 * spread / np.sqrt(2000))
    assert shares.std() == pytest.approx(spread, rel=0.1)


def test_rows_without_an_id_have_their_share_and_are_groups_of_one():
    roster = Roster((5,), (36,), blank=20)
    rng = np.random.default_rng(9)
    drawn = [roster.draw(200, rng)[0] for _ in range(1000)]
    blank = np.array([np.mean(codes % 1 != 0) for codes in drawn])
    assert blank.mean() == pytest.approx(0.1025, abs=4 * blank.std() / np.sqrt(1000))
    codes = drawn[0]
    alone = np.floor(codes[codes % 1 != 0])
    assert len(np.unique(alone)) == len(alone) and not np.isin(alone, codes).any()


@pytest.mark.parametrize(
    "parts",
    [
        {"sizes": (0,), "ids": (3,)},
        {"sizes": (2,), "ids": (3, 4)},
        {"sizes": (), "ids": ()},
        {"sizes": (2,), "ids": (3,), "waves": ((0, 7),), "wave": "w", "support": (1.0,)},
        {
            **{"sizes": (2,), "ids": (3,), "waves": ((0, 0),), "wave": "w"},
            **{"support": (1.0, 2.0), "weights": (3, 3)},
        },
    ],
)
def test_a_roster_whose_parts_do_not_fit_is_refused(parts):
    with pytest.raises(TableError, match="a roster"):
        Roster(**parts)


def test_what_all_rows_of_one_id_share_is_no_bound():
    frame = long_data(ids=40, waves=8)
    grade = np.where(frame["id"] == 501, 5, 1 + frame["id"] % 4)
    alone = table_from_frame(frame.assign(grade=grade).drop(columns="id")).schema["grade"]
    assert (alone.lower, alone.upper) == (1.0, 5.0)  # 8 rows share the 5, all of one id
    schema = table_from_frame(frame.assign(grade=grade)).schema
    assert (schema["grade"].lower, schema["grade"].upper) == (1.0, None)
    assert "upper" not in schema["grade"].note
    assert (schema["wave"].lower, schema["wave"].upper) == (1.0, 8.0)
    assert "upper bound 8 (shared by 40 ids)" in schema["wave"].note
