"""Rules that a user states: their language, what contradicts them, what they do to copies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

import posynth
from posynth.chain.default import default_chain
from posynth.chain.limits import Limits
from posynth.chain.row_rule import read_row_rule
from posynth.chain.spec import Conditional
from posynth.cli import app
from posynth.errors import SpecError
from posynth.posterior.task import encode_table
from posynth.table.inputs import given_table

READ = {
    "discharge >= admission": ("holds", ("discharge", "admission")),
    "weeks == 0 if employed == 'no'": ("holds", ("weeks", "employed")),
    "weeks > 0 unless (employed == 'no' or missing(`first job`))": (
        "holds",
        ("weeks", "employed", "first job"),
    ),
    "`brand 1` is missing if smoke == 'never if asked'": ("missing", ("brand 1", "smoke")),
    "brand is not missing if smoke == 'current'": ("present", ("brand", "smoke")),
    "brand is missing if and only if smoke == 'never'": ("missing", ("brand", "smoke")),
    "town within region, country": ("within", ("town", "region", "country")),
    "1 if a > 2 else 0": ("holds", ("a",)),
}


@pytest.mark.parametrize("text", READ)
def test_rules_are_read(text):
    rule = read_row_rule(text)
    assert (rule.kind, rule.columns) == READ[text]


REFUSED = {
    "brand is missing": "has no condition: write 'brand is missing if ...'",
    "brand is missing if brand == 'a'": "its condition reads the column it speaks of",
    "town within town": "names a column twice",
    "a + b": "",
    "a >= b if and only if c == 1": "'if and only if' is for 'is missing' and 'is present'",
    "__import__('os').system('true') if a": "is not allowed",
    "discharge after admission": "Rules are written as 'discharge >= admission'",
}


@pytest.mark.parametrize("text", [text for text in REFUSED if REFUSED[text]])
def test_other_texts_are_refused_with_examples(text):
    with pytest.raises(SpecError, match="rule") as found:
        read_row_rule(text)
    assert REFUSED[text] in str(found.value)


@pytest.fixture
def visits(rng):
    start = rng.integers(0, 300, 200)
    sex = rng.choice(["f", "m"], 200)
    return pd.DataFrame(
        {
            "sex": sex,
            "pregnant": np.where((sex == "f") & (rng.random(200) < 0.2), "yes", "no"),
            "start": start,
            "end": start + rng.geometric(0.15, 200) + 20,
            "brand": pd.Series(rng.choice(list("ab"), 200)).where(sex == "f"),
        }
    )


WRONG = {
    "end >= start + 30": "1[0-9][0-9] of 200 rows of the source contradict it; correct these",
    "end >= begin": "there is no column 'begin'; columns are 'sex', 'pregnant', 'start'",
    "start within sex": "column 'start' is of kind 'count'; 'within' takes columns of levels",
    "start is missing if sex == 'f'": "1?[0-9][0-9] of 200 rows of the source contradict it",
    "start is present if sex == 'f'": "column 'start' has no missing values",
    "end * end >= start": "it stands in a function, power, product or quotient",
    "sex > start": "cannot be computed",
}


@pytest.mark.parametrize("rule", WRONG)
def test_rules_that_do_not_fit_the_table_are_refused(rule, visits):
    with pytest.raises(SpecError, match=WRONG[rule]):
        posynth.specify(visits, rules=[rule])


def test_stated_rules_hold_in_every_row_of_every_copy(visits):
    rules = [
        "end >= start + 20",
        "pregnant == 'no' if sex == 'm'",
        "brand is missing if sex == 'm'",
    ]
    copies = posynth.synthesize(visits, m=4, k=500, seed=2, rules=rules, no_rules="all")
    for copy in copies:
        assert (copy["end"] >= copy["start"] + 20).all()
        assert not ((copy["sex"] == "m") & (copy["pregnant"] == "yes")).any()
        assert copy.loc[copy["sex"] == "m", "brand"].isna().all()
    assert copies.manifest()["rules"]["end"] == ["end >= start + 20"]


@pytest.mark.parametrize("name", ["rules", "no_rules"])
@pytest.mark.parametrize("given", [[["age > 3"]], 3, {"age": "age > 3"}, [None]])
def test_what_is_no_list_of_rules_is_refused(visits, name, given):
    with pytest.raises(SpecError, match=rf"^{name}: .* is no rule; give one rule as a text, or a"):
        posynth.specify(visits, **{name: given})


def test_no_rules_at_all_may_be_none(visits):
    assert posynth.specify(visits, rules=None, no_rules=None).spec == posynth.specify(visits).spec


@pytest.mark.parametrize("number", ["1e400", "-1e400", "2e308"])
def test_numbers_beyond_floating_point_are_refused(number):
    with pytest.raises(SpecError, match=r"holds a number beyond 1.8e\+308"):
        read_row_rule(f"age < {number}")


def test_alternatives_of_a_number_are_refused_with_what_serves(rng):
    frame = pd.DataFrame({"k": rng.integers(0, 40, 60), "age": rng.normal(50, 9, 60)})
    frame["k"] = frame["k"] * 1.5
    with pytest.raises(SpecError, match="several alternatives; of values of its own, state the r"):
        posynth.specify(frame, rules="k < 20 or k >= 0", order=["age"])


def test_where_values_are_missing_has_a_form_of_its_own(rng):
    smoke = rng.choice(["current", "never"], 60)
    frame = pd.DataFrame({"smoke": smoke, "cig": np.where(smoke == "current", 5.5, np.nan)})
    frame.loc[smoke == "current", "cig"] += rng.normal(size=(smoke == "current").sum())
    with pytest.raises(SpecError, match=r"written as 'cig is missing if \.\.\.'"):
        posynth.specify(frame, rules="missing(cig) or smoke == 'current'")


@pytest.fixture(scope="module")
def stays():
    rng = np.random.default_rng(4)
    start = pd.Timestamp("2020-01-01")
    frame = pd.DataFrame(
        {"ward": rng.choice(["a", "b"], 80), "day": rng.choice(["2020-01-01", "x"], 80)}
    )
    frame["admission"] = start + pd.to_timedelta(rng.integers(0, 400, 80), unit="D")
    late = frame["ward"] == "b"
    frame.loc[late, "admission"] += pd.Timedelta(days=90)
    return frame


def test_dates_are_stated_as_they_are_written(stays):
    rules = ["admission >= '2020-01-01'", 'admission >= "2020-03-31" if ward == "b"']
    chain = posynth.specify(stays, rules=rules, no_rules="all", order=["ward"])
    assert set(chain.spec["admission"].rules) == {
        "admission >= 18262",
        'admission >= 18352 if ward == "b"',
    }
    for copy in posynth.synthesize(stays, chain=chain, m=2, seed=1, progress=False):
        assert (copy["admission"] >= "2020-01-01").all()
        assert (copy["admission"][copy["ward"] == "b"] >= "2020-03-31").all()
    levels = posynth.specify(stays, rules="day == '2020-01-01' or day == 'x' or ward == 'a'")
    assert all("18262" not in text for c in levels.spec for text in c.rules)
    with pytest.raises(SpecError, match="rows of the source contradict it"):
        posynth.specify(stays, rules="admission >= '2020-06-01'")


def test_a_chain_file_may_state_dates(stays, tmp_path):
    chain = posynth.specify(stays, rules="admission >= '2020-01-01'", no_rules="all")
    path = tmp_path / "chain.toml"
    text = chain.to_toml().replace("18262", "'2020-01-01'")
    assert "'2020-01-01'" in text
    path.write_text(text)
    assert posynth.specify(stays, chain=path).spec["admission"].rules == ("admission >= 18262",)


def test_conditions_on_missing_values_are_visited_first(rng):
    asked = rng.choice(["yes", "no"], 120)
    frame = pd.DataFrame({"age": np.where(asked == "yes", 30.0 + np.arange(120) % 9, np.nan)})
    frame["asked"] = asked
    rule = "age is missing if asked == 'no'"
    chain = posynth.specify(frame, rules=rule)
    assert chain.spec.columns == ("asked", "age") and chain.spec["age_missing"].computed
    with pytest.raises(SpecError, match=r"'asked' is visited after 'age'.*--order asked,age"):
        posynth.specify(frame, rules=rule, order=["age"])


def test_parts_of_a_total_are_never_negative(rng):
    parts = np.round(100 * rng.dirichlet([1, 1, 1], 300), 1)
    frame = pd.DataFrame(parts, columns=["a", "b", "c"])
    frame["c"] = np.round(100 - frame["a"] - frame["b"], 1)
    frame = frame[(frame >= 0).all(axis=1)]
    for copy in posynth.synthesize(frame, m=3, seed=1, rules=["a >= 0", "b >= 0"]):
        assert (copy >= 0).all().all() and (copy <= 100).all().all()
        np.testing.assert_allclose(copy.sum(axis=1), 100, atol=1e-9)


def test_a_chain_file_may_hold_rules_at_its_top(visits, tmp_path):
    file = tmp_path / "chain.toml"
    text = posynth.specify(visits, no_rules="all").to_toml()
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("missing ="))
    lines.insert(at, "rules = [\"end >= start\", \"pregnant == 'no' if sex == 'm'\"]")
    file.write_text("\n".join(lines))
    chain = posynth.specify(visits, chain=file)
    assert chain.spec["end"].rules == ("end >= start",)
    assert chain.spec["pregnant"].rules == ("pregnant == 'no' if sex == 'm'",)
    file.write_text(chain.to_toml())
    assert posynth.specify(visits, chain=file).spec["end"].rules == ("end >= start",)


def _limits(frame, target, *rules):
    table = given_table(frame, None)
    rows = encode_table(table, default_chain(table.schema), {})
    return Limits.of(rows, Conditional(target, "gaussian", rules=rules)), rows


def test_bounds_are_those_that_rules_leave(rng):
    frame = pd.DataFrame({"a": [1.0, 2.5, 4.0] * 20, "b": [0, 1, 0] * 20, "y": [5, 6, 7] * 20})
    limits, rows = _limits(frame, "y", "y > a", "2 * y <= a + 20", "y < 9 if b == 1")
    low, high = replace(limits, ended=False).bounds(rows)
    np.testing.assert_allclose(low[:3], [2, 3, 5])
    np.testing.assert_allclose(high[:3], [10, 8, 12])


def test_levels_are_those_that_rules_leave():
    frame = pd.DataFrame({"x": ["p", "q", "r"] * 10, "y": ["a", "b", "c"] * 10})
    limits, rows = _limits(frame, "y", "y != 'a' if x == 'q'", "y == 'c' if x == 'r'")
    assert limits.allowed(rows)[:3].tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    limits, rows = _limits(frame, "y", "y within x")
    assert limits.decided(rows)[:3].tolist() == [0, 1, 2]


def test_no_posterior_without_its_rules(visits, tmp_path):
    fitted = posynth.fit(visits, posynth.specify(visits, rules="end >= start + 20"), seed=1)
    posynth.save_posterior(fitted, tmp_path / "posterior")
    again = posynth.load_posterior(tmp_path / "posterior")
    first, second = (posynth.draw(p, 2, seed=3) for p in (fitted, again))
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))
    assert all((copy["end"] >= copy["start"] + 20).all() for copy in second)


def test_the_truncated_likelihood_is_normalised():
    """y | x is normal given y >= x; without 1/Z the slope is off by many standard errors."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=3000).round(3)
    mean = 0.3 + 0.5 * x
    y = mean + stats.truncnorm.rvs(x - mean, np.inf, size=3000, random_state=rng)
    frame = pd.DataFrame({"x": x, "y": np.maximum(y.round(3), x)})
    rule = "y >= x"
    chain = posynth.specify(frame, rules=rule, methods={"y": "bounded"})
    posterior = posynth.fit(frame, chain, seed=1)
    draws, coding = posterior.draws["y"], posterior.links["y"].coding
    slope = (draws["beta"][..., 0] * coding.scale / coding.encoder.scale[0]).values.ravel()
    sigma = (draws["sigma"] * coding.scale).values.ravel()
    assert abs(slope.mean() - 0.5) < 3 * slope.std()
    assert abs(sigma.mean() - 1) < 3 * sigma.std()
    naive = np.polyfit(x, frame["y"], 1)[0]
    assert abs(naive - 0.5) > 5 * slope.std()


def test_the_command_line_takes_rules(visits, tmp_path):
    def run(*given):
        return CliRunner().invoke(app, given)

    data = tmp_path / "visits.csv"
    visits.to_csv(data, index=False)
    done = run("describe", str(data), "--rule", "end >= start + 20")
    assert done.exit_code == 0 and "end >= start + 20" in done.output
    done = run("describe", str(data), "--rule", "end >= start + 30")
    assert done.exit_code == 2 and "rows of the source contradict it" in done.output
