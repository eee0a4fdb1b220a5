"""The language of rules: what it computes, and that it runs nothing else."""

import numpy as np
import pytest

from posynth.chain.rule import FUNCTIONS, read_rule
from posynth.errors import SpecError

X, Y = np.array([1.0, 4.0, -2.5, 0.0]), np.array([2.0, 2.0, 5.0, 0.5])
SEX = np.array(["f", "m", "m", "f"], dtype=object)
COLUMNS = {"x": X, "y": Y, "sex": SEX, "time in bed": Y + 1}

COMPUTED = {
    "x + y * 2 - 1": X + 2 * Y - 1,
    "x / y": X / Y,
    "x // y": X // Y,
    "x % y": X % Y,
    "x ** 2": X**2,
    "-x": -X,
    "+x": X,
    "2 ** -x": 0.5**X,
    "`time in bed` - y": np.ones(4),
    "x > 0": np.array([1.0, 1, 0, 0]),
    "not x > 0": np.array([0.0, 0, 1, 1]),
    "x > 0 and y > 1 and x < 3": np.array([1.0, 0, 0, 0]),
    "x > 3 or y > 3": np.array([0.0, 1, 1, 0]),
    "0 <= x < 4": np.array([1.0, 0, 0, 1]),
    "x != 4": np.array([1.0, 0, 1, 1]),
    'x if sex == "f" else y': np.array([1.0, 2.0, 5.0, 0.0]),
    'where(sex != "f", 1, 0)': np.array([0.0, 1, 1, 0]),
    "(sex == 'm') * x": np.array([0.0, 4, -2.5, 0]),
    "cut(x, 0, 1, 4)": np.array([2.0, 3, 0, 1]),
    "min(x, y, 1)": np.array([1.0, 1, -2.5, 0]),
    "max(x, y)": np.array([2.0, 4, 5, 0.5]),
    "round(x / 3, 2)": np.round(X / 3, 2),
    "round(x)": np.round(X),
    "abs(x) + floor(x) + ceil(x)": np.abs(X) + np.floor(X) + np.ceil(X),
    "log(exp(x)) + sqrt(y ** 2)": X + Y,
    "log10(10 ** y) + log2(2 ** y) + log1p(y)": 2 * Y + np.log1p(Y),
    "True + x * 0": np.ones(4),
}


@pytest.mark.parametrize("text", COMPUTED)
def test_a_rule_is_computed_as_numpy_would(text):
    np.testing.assert_allclose(read_rule(text).values(COLUMNS), COMPUTED[text], rtol=1e-14)


def test_a_rule_may_give_text():
    found = read_rule("'old' if x > 3 else 'young' if x > 0 else sex").values(COLUMNS)
    assert found.tolist() == ["young", "old", "m", "f"]


def test_sources_are_the_columns_in_order_of_appearance():
    rule = read_rule("log(`time in bed`) + x * y if sex == 'f' else x")
    assert set(rule.sources) == {"time in bed", "x", "y", "sex"} and len(rule.sources) == 4


def test_a_column_may_have_the_name_of_a_function():
    rule = read_rule("log(log) + round")
    assert rule.sources == ("log", "round")
    assert rule.values({"log": np.ones(2), "round": np.full(2, 3.0)}).tolist() == [3.0, 3.0]


def test_what_is_not_defined_is_not_finite_and_warns_nobody():
    values = read_rule("log(x) / x").values({"x": np.array([0.0, -1.0, 1.0])})
    assert np.isfinite(values).tolist() == [False, False, True]


REFUSED = {
    "__import__('os').system('true')": "__import__.* is not allowed; a rule holds columns",
    "x.__class__": r"'x\.__class__' is not allowed",
    "x[0]": r"'x\[0\]' is not allowed",
    "(lambda: x)()": "is not allowed",
    "[x for x in y]": "is not allowed",
    "{'a': x}": "is not allowed",
    "f'{x}'": "is not allowed",
    "(y := x)": "is not allowed",
    "x if y else await z": "'await z' is not allowed",
    "x @ y": "'x @ y' is not allowed",
    "~x": "'~x' is not allowed",
    "x in (1, 2)": "is not allowed",
    "x is y": "is not allowed",
    "x + 1j": "'1j' is not allowed",
    "x + None": "'None' is not allowed",
    "x + b'1'": "is not allowed",
    "x + ...": "is not allowed",
    "eval('1') + x": "unknown function 'eval'; allowed: 'abs', 'ceil'",
    "sqr(x)": r"unknown function 'sqr'; .* mean 'sqrt'",
    "round(x, digits=2)": "is not allowed",
    "min(*x)": "is not allowed",
    "min(x)": "min takes 2 or more values, not 1",
    "log(x, 10)": "log takes 1 values, not 2",
    "x +": r"is no formula \(invalid syntax\); write it as",
    "x = 1": "is no formula",
    "1 + 1": "names no column",
    "": "is no formula",
    "x\0": "is no formula",
    "-" * 60 + "x": "nested too deeply",
    "(" * 300 + "x" + ")" * 300: "rule '.*': is nested too deeply|is no formula|nested too deeply",
    "x" + " + x" * 600: "rule of 2401 characters: at most 2000 are read",
}


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused_before_it_is_run(text):
    with pytest.raises(SpecError, match=REFUSED[text]):
        read_rule(text)


MIXED = {
    "x + sex": "it reckons with text",
    "log(sex)": "it reckons with text",
    "sex + sex": "it reckons with text",
    "sex > 'a'": "it orders text",
    "sex == 1": "it compares text with a number",
    "'a' if x > 0 else 1": "one branch is text, the other a number",
    "9" * 400 + " * x": "too large",
}


@pytest.mark.parametrize("text", MIXED)
def test_text_and_numbers_are_not_mixed(text):
    with pytest.raises(SpecError, match=f"cannot be computed: .*{MIXED[text]}"):
        read_rule(text).values(COLUMNS)


def test_powers_of_whole_numbers_cost_no_memory():
    assert np.isinf(read_rule("9 ** 9 ** 9 ** 9 + x").values({"x": np.ones(3)})).all()


def test_every_function_is_named_in_the_error():
    with pytest.raises(SpecError, match=", ".join(FUNCTIONS)):
        read_rule("x[1]")
