"""Rules that hold in every row are seen, told from chance and from strong dependence, and kept."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.default import default_chain
from posynth.posterior.task import encode_table
from posynth.structure.search import search
from posynth.table.inputs import given_table


def _found(frame, visited=None):
    table = given_table(frame, None)
    rows = encode_table(table, default_chain(table.schema), {})
    return search(rows, visited or [c.name for c in table.schema if c.kind.is_modelled])


def _sure(frame, visited=None):
    return [each.text for each in _found(frame, visited) if each.sure]


def _random_table(seed):
    """Columns of all kinds that depend on each other, or not, with missing values, and no rule."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([40, 100, 300, 1000]))
    z = rng.normal(size=n) * rng.choice([0, 1])
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    kinds = [
        lambda: rng.normal(size=n) + z,
        lambda: rng.poisson(np.exp(0.5 * z + rng.normal())).astype(float),
        lambda: letters[np.clip((rng.gamma(1, 3, n) + 2 * z).astype(int), 0, 25)],
        lambda: np.where(z + rng.normal(size=n) > rng.normal(), "yes", "no"),
        lambda: np.where(rng.random(n) < 0.6, 0, np.exp(z + rng.normal(size=n)).round(1)),
        lambda: rng.integers(1, 6, n).astype(float),
    ]
    columns = {}
    for j in range(int(rng.integers(4, 12))):
        values = pd.Series(kinds[rng.integers(len(kinds))]())
        if rng.random() < 0.3:
            gone = rng.random(n) < 1 / (1 + np.exp(-(2 * rng.normal() + z)))
            values = values.mask(gone)
        columns[f"x{j}"] = values
    return pd.DataFrame(columns)


def test_at_most_one_in_a_hundred_random_tables_gets_a_rule():
    false = [seed for seed in range(200) if _sure(_random_table(seed))]
    assert len(false) <= 2, false


def test_a_question_that_is_not_asked_is_missing_exactly_there(rng):
    smoke = rng.choice(["never", "former", "current"], 120, p=[0.5, 0.2, 0.3])
    kids = rng.poisson(1.2, 120)
    frame = pd.DataFrame(
        {
            "smoke": smoke,
            "cigarettes": np.where(smoke == "current", rng.poisson(9, 120), np.nan),
            "brand": pd.Series(rng.choice(list("AB"), 120)).where(smoke == "current"),
            "kids": kids,
            "youngest": np.where(kids > 0, rng.integers(0, 18, 120), np.nan),
        }
    )
    asked = "smoke == 'former' or smoke == 'never'"
    assert _sure(frame) == [
        f"cigarettes is missing if and only if {asked}",
        f"brand is missing if and only if {asked}",
        "youngest is missing if and only if kids == 0",
    ]


def test_a_skip_that_explains_some_missing_values_leaves_the_others(rng):
    asked = rng.random(400) < 0.6
    answered = asked & (rng.random(400) < 0.8)
    frame = pd.DataFrame(
        {"asked": np.where(asked, "y", "n"), "hours": np.where(answered, rng.normal(9, 2, 400), 0)}
    )
    frame.loc[~answered, "hours"] = np.nan
    assert _sure(frame) == ["hours is missing if asked == 'n'"]


def test_a_survey_that_is_broken_off_stays_so(rng):
    """Who did not answer a question answered none after it, but for some who skipped one."""
    last = rng.integers(0, 4, 600)
    answers = [pd.Series(rng.choice(["no", "some", "very"], 600)).where(last > j) for j in range(3)]
    frame = pd.DataFrame({f"q{j}": each for j, each in enumerate(answers)})
    frame.loc[(last == 3) & (rng.random(600) < 0.1), "q1"] = np.nan
    assert _sure(frame)[:2] == ["q1 is missing if missing(q0)", "q2 is missing if missing(q0)"]
    frame["q2"] = answers[1]
    assert "q2 is present if not missing(q1)" in _sure(frame)


def test_the_other_order_gives_the_rule_turned_round(rng):
    asked = rng.random(90) < 0.5
    frame = pd.DataFrame(
        {"age": np.where(asked, rng.normal(40, 9, 90), np.nan), "moved": np.where(asked, "y", "n")}
    )
    assert _sure(frame) == ["moved == 'n' if missing(age)", "moved == 'y' if not missing(age)"]


@pytest.mark.parametrize("n", [60, 150, 3000])
def test_functions_of_one_column_are_found_at_any_number_of_rows(n, rng):
    age = rng.integers(18, 90, n)
    plan = rng.choice(["basic", "plus", "pro"], n)
    frame = pd.DataFrame(
        {
            "age": age,
            "group": np.select([age < 35, age < 60], ["18-34", "35-59"], "60+"),
            "plan": plan,
            "fee": pd.Series(plan).map({"basic": 9.9, "plus": 19.9, "pro": 49.9}),
        }
    )
    found = {each.column: each.text for each in _found(frame) if each.computes}
    assert found["fee"] == "9.9 if plan == 'basic' else 19.9 if plan == 'plus' else 49.9"
    assert found["group"].startswith("'18-34' if age < 35 else '35-59' if age < 60")


def test_towns_belong_to_regions_whichever_comes_first(rng):
    town = rng.integers(0, 12, 300)
    frame = pd.DataFrame({"town": [f"t{k}" for k in town], "region": [f"r{k % 4}" for k in town]})
    assert _sure(frame) == ["region within town"]
    assert _sure(frame, ["region", "town"]) == ["town within region"]


def test_a_nearly_unique_number_decides_nothing(rng):
    doctor = [f"d{k}" for k in rng.integers(0, 200, 400)]
    frame = pd.DataFrame({"weight": rng.normal(70, 12, 400).round(2), "doctor": doctor})
    table = given_table(frame, {"doctor": "nominal"})
    rows = encode_table(table, default_chain(table.schema), {})
    assert search(rows, ["weight", "doctor"]) == []


def test_a_tail_that_a_logit_explains_is_proposed_and_a_clear_one_kept(rng):
    age = rng.uniform(15, 90, 3000).round(1)
    single = rng.random(3000) < 1 / (1 + np.exp((age - 35) / 5))
    frame = pd.DataFrame({"age": age, "married": np.where(single, "no", "yes")})
    assert not _sure(frame) and any("married == 'no' if age <" in e.text for e in _found(frame))
    frame["licence"] = np.where((age >= 18) & (rng.random(3000) < 0.5), "yes", "no")
    assert _sure(frame[["age", "licence"]]) == ["licence == 'no' if age < 18"]


def test_inequalities_need_columns_that_would_be_out_of_order_otherwise(rng):
    start = rng.integers(0, 365, 300)
    frame = pd.DataFrame({"start": start, "end": start + rng.geometric(0.2, 300) - 1})
    assert _sure(frame) == ["end >= start"]
    frame = pd.DataFrame({"low": rng.normal(80, 9, 300), "far": rng.normal(400, 9, 300)})
    assert _found(frame) == []  # ranges that never meet
    frame["systolic"] = frame["low"] + rng.normal(50, 10, 300).clip(5)
    assert not _sure(frame[["low", "systolic"]])  # a line with normal residuals never crosses


def test_copies_keep_what_was_seen_and_say_so(rng):
    moved = rng.choice(["no", "yes"], 150)
    start = rng.integers(0, 300, 150)
    frame = pd.DataFrame(
        {
            "moved": moved,
            "when": np.where(moved == "yes", rng.integers(20, 60, 150), np.nan),
            "start": start,
            "end": start + rng.geometric(0.1, 150),
        }
    )
    frame.loc[0, "end"] = frame.loc[0, "start"]
    copies = posynth.synthesize(frame, m=3, seed=1)
    for copy in copies:
        assert ((copy["moved"] == "no") == copy["when"].isna()).all()
        assert (copy["end"] >= copy["start"]).all()
    rules = copies.manifest()["rules"]
    assert rules["when_missing"] == ["when is missing if and only if moved == 'no'"]
    assert rules["end"] == ["end >= start"]


def test_a_rule_can_be_left_out_and_named_families_have_none(rng):
    moved = rng.choice(["no", "yes"], 150)
    frame = pd.DataFrame(
        {"moved": moved, "when": np.where(moved == "yes", rng.integers(20, 60, 150), np.nan)}
    )
    rule = "when is missing if and only if moved == 'no'"
    for without in (rule, "all"):
        chain = posynth.specify(frame, no_rules=without)
        assert chain.spec["when_missing"].family == "bernoulli"
    assert posynth.specify(frame).spec["when_missing"].rules == (rule,)
