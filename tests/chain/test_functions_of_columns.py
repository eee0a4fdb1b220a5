"""Columns that others determine in every row are computed: sums, ratios, powers, logarithms."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.default import default_chain
from posynth.chain.functions import functions
from posynth.chain.rule import read_rule
from posynth.posterior.computed import with_domains
from posynth.posterior.task import encode_table, learn_scales
from posynth.table.inputs import given_table

ROWS = 150


@pytest.fixture
def people(rng):
    height, weight = rng.normal(170, 9, ROWS).round(), np.exp(rng.normal(4.2, 0.2, ROWS)).round(1)
    age, school = rng.integers(20, 60, ROWS), rng.integers(8, 17, ROWS)
    return pd.DataFrame({"height": height, "weight": weight, "age": age, "school years": school})


def found_in(frame, fixed=(), ordered=False):
    table = given_table(frame, None)
    rows = encode_table(table, default_chain(table.schema), {})
    return functions(rows, tuple(c.name for c in table.schema), fixed, ordered)


@pytest.mark.parametrize(
    ("compute", "rule"),
    [
        (lambda d: (d.weight / (d.height / 100) ** 2).round(1), "10000 * weight / height ** 2"),
        (lambda d: d.age - d["school years"] - 6, "age - `school years` - 6"),
        (lambda d: d.height * 2.54, "2.54 * height"),
        (lambda d: np.log(d.weight), "log(weight)"),
        (lambda d: d.age**2, "age ** 2"),
        (lambda d: d.age * d["school years"], "age * `school years`"),
        (lambda d: (d.weight / d.age).round(3), "weight / age"),
        (lambda d: d.age + d["school years"] + d.height, "height + age + `school years`"),
        (lambda d: d.height, "height"),
    ],
)
def test_a_function_is_found_in_its_plain_form(people, compute, rule):
    assert found_in(people.assign(y=compute(people))) == {"y": rule}


def test_a_function_up_to_noise_beyond_rounding_is_not_found(people, rng):
    bmi = people.weight / (people.height / 100) ** 2
    assert found_in(people.assign(y=(bmi + rng.normal(0, 0.1, ROWS)).round(1))) == {}


def test_one_row_that_breaks_it_is_enough(people):
    total = people.age + people["school years"]
    total.iloc[7] += 1
    assert found_in(people.assign(y=total)) == {}


def test_a_column_missing_where_no_source_is_stays_modelled(people):
    total = (people.age + people["school years"]).astype(float)
    assert found_in(people.assign(y=total.mask(people.index < 5))) == {}
    both = people.assign(age=people.age.astype(float).mask(people.index < 5))
    assert found_in(both.assign(y=both.age * 2.5)) == {"y": "2.5 * age"}


def test_too_few_rows_or_values_to_tell_give_none(people):
    y = people.assign(y=people.age + 1)
    assert found_in(y.head(30)) == {}
    few = people.assign(few=people.age // 15)
    assert "few" not in found_in(few.assign(y=few.few + 1))


def test_a_given_order_and_named_columns_are_kept(people):
    frame = people.assign(y=people.age + people["school years"])[["y", *people.columns]]
    assert found_in(frame) == {"age": "y - `school years`"}
    later = frame[["y", "school years", "height", "age"]]
    assert found_in(later, ordered=True) == {"age": "y - `school years`"}
    assert found_in(frame, fixed=("school years", "age")) == {"y": "age + `school years`"}
    assert found_in(frame, fixed=("school years", "age"), ordered=True) == {}


def test_totals_of_totals_are_all_found(rng):
    """Parts were computed as differences before, which can be negative."""
    a, b, c, d = (rng.lognormal(mean, 0.5, ROWS).round(2) for mean in (3, 2, 3, 2))
    frame = pd.DataFrame({"a": a, "b": b, "one": (a + b).round(2), "c": c, "d": d})
    frame["two"] = (c + d).round(2)
    frame["all"] = (frame.one + frame.two).round(2)
    frame["percent"] = (100 * a / frame.one).round(1)
    rules = found_in(frame)
    assert rules == {
        "one": "a + b", "two": "c + d", "all": "one + two", "percent": "100 * a / one",
    }  # fmt: skip
    copies = posynth.synthesize(frame, m=3, seed=1)
    for copy in copies:
        assert (copy[["a", "b", "c", "d"]] > 0).all(axis=None)
        assert np.allclose(copy.one + copy.two, copy["all"])


@pytest.fixture(scope="module")
def scale():
    """Three items of 1 to 5, whose sum has 13 values only."""
    rng = np.random.default_rng(2)
    return pd.DataFrame({f"q{i}": rng.integers(1, 6, 200) for i in (1, 2, 3)})


BESIDE_A_SUM = {
    "mean": (lambda s: s / 3, "score / 3"),
    "rounded mean": (lambda s: (s / 3).round(2), "score / 3"),
    "percent": (lambda s: s * 20, "20 * score"),
    "a year": (lambda s: (s / 12).round(4), "score / 12"),
    "other unit": (lambda s: (s / 1.609).round(3), "score / 1.609"),
    "root": (lambda s: s**0.5, "sqrt(score)"),
    "logarithm": (np.log, "log(score)"),
    "exponential": (np.exp, "exp(score)"),
}


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("name", BESIDE_A_SUM)
def test_a_sum_stays_a_sum_beside_a_function_of_it(scale, name, last):
    # Were the sum computed from the other column, whose own sum is no rule, nothing would keep it.
    compute, rule = BESIDE_A_SUM[name]
    score = scale.sum(axis=1)
    beside = {"other": compute(score), "score": score} if last else {"score": score}
    found = found_in(scale.assign(**beside, **({} if last else {"other": compute(score)})))
    assert set(found) == {"score", "other"}
    if found["score"] == "q1 + q2 + q3":
        assert found["other"] == rule
    else:  # the other column is a sum itself
        assert set("123") <= set(found["other"]) and "other" in found["score"]


def test_copies_keep_a_sum_beside_its_mean(scale):
    frame = scale.assign(score=scale.sum(axis=1), mean=(scale.sum(axis=1) / 3).round(2))
    copies = posynth.synthesize(frame, m=2, seed=1, progress=False)
    for copy in copies.frames:
        total = copy.q1 + copy.q2 + copy.q3
        assert (copy["score"] == total).all()
        np.testing.assert_allclose(copy["mean"], (total / 3).round(2), atol=1e-9)


def test_a_product_is_divided_by_a_unit(rng):
    frame = pd.DataFrame({"a": rng.gamma(5, 10, 200).round(1), "h": rng.gamma(5, 10, 200).round(1)})
    assert found_in(frame.assign(volume=frame.a * frame.h / 3)) == {"volume": "a * h / 3"}


def test_rules_never_depend_on_each_other_in_a_circle(people):
    frame = people.assign(a=people.age + 1, b=people.age * 2, c=people.age - people.height)
    rules = found_in(frame)
    sources = {name for rule in rules.values() for name in read_rule(rule).sources}
    assert len(rules) == 3 and not sources & set(rules)


def random_table(seed):
    """Give a table of correlated columns of all sorts, none a function of others."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.choice([45, 90, 200, 600])), int(rng.integers(3, 10))
    Z = rng.standard_normal((n, p)) @ rng.standard_normal((p, p))
    Z /= Z.std(axis=0)
    shapes = (
        lambda z: (10 * z).round(1),
        lambda z: np.exp(z).round(2),
        lambda z: rng.poisson(np.exp(1 + 0.5 * z)),
        lambda z: (50 + 10 * z).round(),
        lambda z: np.where(rng.random(n) < 0.4, 0, np.exp(z).round(1)),
    )
    return pd.DataFrame({f"x{j}": shapes[rng.integers(5)](Z[:, j]) for j in range(p)})


def test_large_numbers_whose_exponential_cannot_be_squared_are_passed_over(rng):
    """exp(600) is a number in floating point, its square is none; warnings are errors here."""
    table = pd.DataFrame({"x": rng.uniform(300, 600, ROWS), "y": rng.normal(size=ROWS)})
    assert found_in(table) == {}
    table["z"] = 2 * table["x"]
    assert found_in(table)


def test_chance_makes_no_functions():
    """None of 200 tables: if 2 % gave one, that would be seen but once in 57."""
    assert [found for seed in range(200) if (found := found_in(random_table(seed)))] == []


@pytest.mark.parametrize("missing", ["pattern", "error"])
def test_it_is_looked_for_whatever_is_done_with_missing_values(people, missing):
    """With missing="error" no function was looked for, and nothing said so."""
    complete = people[["height", "weight"]].dropna()
    frame = complete.assign(total=complete["height"] + complete["weight"])
    found = posynth.specify(frame, missing=missing).spec
    assert read_rule(found["total"].passive).sources == ("height", "weight")


def test_it_is_computed_in_copies_and_said_and_a_method_models_it(people):
    bmi = (people.weight / (people.height / 100) ** 2).round(1)
    frame = people.assign(bmi=bmi)[["bmi", *people.columns]]
    chain = posynth.specify(frame)
    assert chain.spec["bmi"].passive == "10000 * weight / height ** 2"
    assert "a function of other columns in all 150 rows" in str(chain)
    copy = posynth.synthesize(frame, chain=chain, m=1, seed=2)[0]
    expected = (copy.weight / (copy.height / 100) ** 2).round(1)
    assert np.abs(copy.bmi - expected).max() < 0.11
    assert not posynth.specify(frame, methods={"bmi": "gaussian"}).spec["bmi"].passive
    ordered = posynth.specify(frame, order=("bmi", "height", "weight"))
    assert not ordered.spec["bmi"].passive


def test_copies_end_where_a_logarithm_or_a_ratio_is_computed(rng):
    """A normal source reached below zero, and the job ended without copies."""
    x = np.maximum(rng.normal(7, 2, ROWS), 0.5 + rng.random(ROWS)).round(2)
    k = np.clip(rng.normal(4, 1.5, ROWS).round(), 1, None).astype(int)
    frame = pd.DataFrame({"x": x, "k": k, "num": rng.normal(50, 9, ROWS).round(1)})
    frame = frame.assign(lx=np.log(frame.x).round(4), per=(frame.num / frame.k).round(2))
    chain = posynth.specify(frame)
    assert chain.spec["lx"].passive == "log(x)" and chain.spec["per"].passive == "num / k"
    table = given_table(frame, None)
    rows = encode_table(table, chain.spec, {})
    rows = replace(rows, learned=learn_scales(table.schema, {"x": rows.arrays["x"]}))
    line = replace(chain.spec["x"], family="gaussian", scale="natural")
    kept = with_domains(rows, chain.spec.with_conditional(line))["x"]
    assert kept.scale == "learned" and "'lx' needs its sign" in kept.note
    copies = posynth.synthesize(frame, chain=chain, m=10, seed=3)
    assert all(copy.x.min() > 0 and copy.k.min() > 0 for copy in copies)
    asked = posynth.specify(frame, methods={"x": "gaussian"})
    assert not asked.spec["lx"].passive


def _shares(rng, whole, decimals):
    """A share, what is left of the whole, and the logarithms of both."""
    p = whole / (1 + np.exp(-rng.normal(size=150)))
    p = p if decimals is None else p.round(decimals)
    q = whole - p if decimals is None else (whole - p).round(decimals)
    return pd.DataFrame({"p": p, "q": q, "lp": np.log(p).round(4), "lq": np.log(q).round(4)})


@pytest.mark.parametrize("order", ["p q lp lq", "lq lp q p", "q lp lq p"])
@pytest.mark.parametrize(("whole", "decimals"), [(1, 3), (1, None), (100, 1)])
def test_a_share_and_its_complement_are_kept_where_logarithms_read_both(
    rng, order, whole, decimals
):
    """1 - p was not looked for where log(1 - p) was computed: p + q differed from 1 in copies."""
    frame = _shares(rng, whole, decimals)[order.split()]
    spec = posynth.specify(frame).spec
    (modelled,) = [c for c in spec if not c.passive]
    other = "q" if modelled.target == "p" else "p"
    assert (modelled.family, modelled.options["upper"]) == ("beta", whole)
    assert spec[other].passive == f"-{modelled.target} + {whole}"
    assert (spec["lp"].passive, spec["lq"].passive) == ("log(p)", "log(q)")
    assert f"beta from 0 to {whole}" in modelled.note


@pytest.mark.parametrize("order", ["a b q p lp", "lp p q b a", "p lp q a b"])
def test_no_logarithm_reads_the_complement_of_a_column_that_is_computed(rng, order):
    """Nothing keeps a product of two columns below 1."""
    a, b = rng.uniform(0.1, 0.9, size=(2, 150)).round(2)
    frame = pd.DataFrame({"a": a, "b": b, "q": a * b, "p": 1 - a * b, "lp": np.log(1 - a * b)})
    spec = posynth.specify(frame[order.split()]).spec
    rules = {c.target: c.passive for c in spec if c.passive}
    assert len(rules) >= 2
    if rules.get("lp") == "log(p)" and rules.get("p") == "-q + 1":
        assert "q" not in rules and spec["q"].family == "beta"


def test_shares_add_up_in_copies_and_have_logarithms(rng):
    frame = _shares(rng, 1, 2)
    frame = frame[frame["p"].between(0.01, 0.99)].reset_index(drop=True)
    every = pd.concat(list(posynth.synthesize(frame, m=3, seed=1)))
    assert (every["p"] + every["q"]).to_numpy() == pytest.approx(1.0)
    assert every["p"].between(0.01, 0.99).all()
    assert np.log(every["q"]).to_numpy() == pytest.approx(every["lq"].to_numpy(), abs=6e-5)
    named = posynth.specify(frame, methods={"p": "gaussian"}).spec
    assert named["p"].family == "gaussian" and not named["q"].passive  # it might be below 0


def test_a_departure_of_a_computed_column_is_refused_with_its_rule(people):
    """It was overwritten by the rule, and the note said that it was shifted."""
    weight = people.weight.mask(people.index % 5 == 0)
    frame = people.assign(weight=weight, bmi=(weight / (people.height / 100) ** 2).round(1))
    copies = posynth.synthesize(frame, m=2, seed=1)
    with pytest.raises(posynth.errors.MeasureError, match=r"'bmi' is computed as '10000 \* weight"):
        posynth.pool(copies, "ols", "bmi ~ 1", impute=2, delta={"bmi": 50})


def test_statistics_of_the_source_are_no_rules(people):
    """z-scores, shares of a total and centred values would publish mean, sd and total."""
    income = np.random.default_rng(4).lognormal(8, 0.5, ROWS).round(0)
    frame = people.assign(income=income)
    frame["z"] = (income - income.mean()) / income.std()
    frame["share"], frame["centred"] = 100 * income / income.sum(), income - income.mean()
    rules = found_in(frame)
    assert not {"z", "share", "centred", "income", "age"} & set(rules)


@pytest.mark.parametrize("name", ["\u00b5g", "class", "a b", "\uff41"])
def test_names_that_python_reads_otherwise_are_quoted(people, name):
    frame = people.rename(columns={"age": name})
    rules = found_in(frame.assign(total=frame[name] + frame.height))
    assert rules == {"total": f"height + `{name}`"}
    assert read_rule(rules["total"]).sources == ("height", name)


def test_a_rule_keeps_the_letters_of_its_names():
    assert read_rule("\u00b5g + b").sources == ("\u00b5g", "b")
    assert read_rule("'a' if x == '\u00b5' else 'b'").sources == ("x",)
