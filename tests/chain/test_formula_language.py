"""Formulas hold what the list allows and nothing else; what they hold has the right values."""

import numpy as np
import pandas as pd
import pytest

from posynth.chain.formula import read_formula, single_column, split_formula
from posynth.chain.formula_matrix import formula_matrix
from posynth.chain.formula_tokens import quoted, tokenize, written
from posynth.errors import SpecError

N = 40
CALL = "__import__('pathlib').Path('MARK').touch()"
#: Each of these would run something, read something it must not, or fill the memory.
HOSTILE = [
    CALL,
    f"I({CALL})",
    f"I(x, {CALL})",
    f"I(x if {CALL} else x)",
    f"I([{CALL}])",
    f"C(g, {CALL})",
    f"C(g, Treatment({CALL}))",
    f"C(g, levels=[{CALL}])",
    f"poly(x, {CALL})",
    f"poly(x, degree={CALL})",
    f"bs(x, knots=[{CALL}])",
    f"where(x > 1, {CALL}, 0)",
    f"x + {CALL}",
    f"x:I({CALL})",
    f"(x + I({CALL})) ** 2",
    f"{{{CALL}}}",
    f"`x`{CALL}",
    f"`x` + `{CALL}`",
    f"x[{CALL}]",
    f"I(x[{CALL}])",
    f"I((lambda: {CALL})())",
    f"I([{CALL} for _ in 'a'][0])",
    f"I(sum({CALL} for _ in 'a'))",
    f"I(f'{{{CALL}}}')",
    f"f'{{{CALL}}}'",
    f"I((y := {CALL}))",
    f"I(x) or {CALL}",
    f"I(x and {CALL})",
    f"I(*[{CALL}])",
    f"I(**{{'data': {CALL}}})",
    f'I("a) + I({CALL}) + (")',
    f'C(g, Treatment("a)) + I({CALL}) + C(g, Treatment(")',
    f"I('`' + {CALL} + '`')",
    "I(x.__class__.__mro__)",
    "x.__class__",
    "I(().__class__.__bases__[0].__subclasses__())",
    "_as_number(x > 0)",
    "I(_as_number(x > 0))",
    "np.load('MARK')",
    "np.lib.npyio.DataSource()",
    "np.fromfile('MARK')",
    "I(np)",
    "np",
    "np.log",
    "I(np.log)",
    "I(sqrt)",
    "open('MARK', 'w')",
    "I(open)",
    "eval('1')",
    "exec('1')",
    "getattr(x, 'values')",
    "globals()",
    "__builtins__",
    "I(__FORMULAIC_CONTEXT__)",
    "I(__FORMULAIC_STATE__)",
    "contr.custom([[1]])",
    "C(g, contr.custom([[1]]))",
    "C(g, contr.treatment.__init__)",
    "hashed(g, levels=10)",
    "lag(x)",
    "I(x.to_csv('MARK'))",
    "x.to_csv('MARK')",
    "I(9 ** 9 ** 9 ** 9)",
    "I(x + 9 ** 9 ** 9)",
    "I('a' * 10 ** 10)",
    "I('a' + 'b')",
    "poly(x, 10 ** 9)",
    "poly(x, 1000000000)",
    "bs(x, df=1000000000)",
    "I(x << 100000)",
    "I(x @ x)",
    "I(x ^ 2)",
    "I(x & 1)",
    "I(~x)",
    "I(1e999 * x)",
    "I(1j * x)",
    "I(b'a')",
    "I(...)",
    "I(None)",
    "I(x is None)",
    "I(x in [1])",
    "I(not x)",
    "I(await x)",
    "(x + z) ** 99999999",
    "x * z * g * k * x1 * x2 * x3 * x4 * x5 * x6 * x7 * x8 * x9",
    "x | z",
    "[x ~ z]",
    "x ~ z ~ g",
    "x; import os",
    "x\n+ import os",
    "x = 1",
    "x == 1",
    "'text'",
    "x %in% z",
    "x % z",
    "x // z",
    "2 * x",
    "x 2",
    "x z",
    "x +",
    "x ** 2",
    "x^2",
    "((x)",
    "x)",
    "",
    "`",
    "`x",
    "log()",
    "log(x, 2)",
    "log(x=x)",
    "where(x > 1)",
    "I(" * 300 + "x" + ")" * 300,
    "(" * 3000 + "x" + ")" * 3000,
    "-" * 5000 + "x",
    "x+" * 20000 + "x",
    "factor(g)",
    "as.factor(g)",
    "relevel(g, ref='b')",
    "ns(x, df=3)",
    "offset(x)",
    "ifelse(x > 1, 1, 0)",
]  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Give columns of every kind, with names that are no identifiers among them."""
    rng = np.random.default_rng(7)
    data = {name: rng.normal(size=N) for name in ("x", "z", *(f"x{i}" for i in range(1, 10)))}
    data["k"] = pd.Categorical(rng.choice([1, 2, 3], N), [1, 2, 3])
    data["g"] = pd.Categorical(rng.choice(list("abc"), N), list("abc"))
    data["odd name"] = rng.uniform(1, 2, N)
    data["a`b"] = rng.normal(size=N)
    data["log"] = rng.normal(size=N)
    data["Sepal.Length"] = rng.uniform(4, 8, N)
    data["class"] = rng.normal(size=N)
    data["ﬁ"] = rng.normal(size=N)
    data[CALL] = rng.normal(size=N)
    return pd.DataFrame(data)


def _values(frame, formula):
    read = read_formula(formula, list(frame), dot=("x", "g"), numbers=("k",))
    return formula_matrix(read, frame)


@pytest.mark.parametrize("formula", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_on_no_list_is_refused_and_runs_nothing(frame, formula, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = frame.drop(columns=CALL)
    with pytest.raises(SpecError) as caught:
        _values(known, formula)
    assert list(tmp_path.iterdir()) == []
    assert "formula" in str(caught.value)


def test_there_are_many_of_them():
    assert len(HOSTILE) == len(set(HOSTILE)) > 100


def test_a_column_whose_name_is_a_call_is_only_a_column(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = _values(frame, f"{quoted(CALL)} + I({quoted(CALL)} * 2)")
    np.testing.assert_array_equal(found.values[:, 1], frame[CALL])
    np.testing.assert_array_equal(found.values[:, 2], 2 * frame[CALL])
    assert found.labels[1] == CALL
    assert list(tmp_path.iterdir()) == []


LEGAL = {
    "x + z": ("x", "z"),
    "log(`odd name`)": ("odd name", np.log),
    "np.log(`odd name`)": ("odd name", np.log),
    "log2(`odd name`)": ("odd name", np.log2),
    "log10(`odd name`)": ("odd name", np.log10),
    "log1p(`odd name`)": ("odd name", np.log1p),
    "exp(x)": ("x", np.exp),
    "expm1(x)": ("x", np.expm1),
    "sqrt(`odd name`)": ("odd name", np.sqrt),
    "np.sqrt(`odd name`)": ("odd name", np.sqrt),
    "abs(x)": ("x", np.abs),
    "floor(x)": ("x", np.floor),
    "ceil(x)": ("x", np.ceil),
    "I(x ** 2)": ("x", np.square),
    "I(x**2.0)": ("x", np.square),
    "I(-x / 2 + 1)": ("x", lambda x: -x / 2 + 1),
    "I(x // 1)": ("x", np.floor),
    "I(x % 1)": ("x", lambda x: x % 1),
    "I(x > 0)": ("x", lambda x: x > 0),
    "I(0 < x)": ("x", lambda x: x > 0),
    "I((x > 0) & (x < 1))": ("x", lambda x: (x > 0) & (x < 1)),
    "I(~(x > 0) | (x > 1))": ("x", lambda x: ~(x > 0) | (x > 1)),
    "where(x > 0, x, 0)": ("x", lambda x: np.maximum(x, 0)),
    "I((x > 0) + (x > 1))": ("x", lambda x: (x > 0) * 1.0 + (x > 1)),
    "I((x > 0) - (x < 1))": ("x", lambda x: (x > 0) * 1.0 - (x < 1)),
    "I(-(x > 0))": ("x", lambda x: -np.where(x > 0, 1.0, 0.0)),
    "I(((x > 0) & (x < 1)) + (x > 1))": ("x", lambda x: ((x > 0) & (x < 1)) * 1.0 + (x > 1)),
    "I(I(x > 0) + where(x > 1, x > 2, x > 0))":
        ("x", lambda x: (x > 0) * 1.0 + np.where(x > 1, x > 2, x > 0)),
    "where((x > 0) + (x > 1) == 2, 1, 0)": ("x", lambda x: (x > 1) * 1.0),
    "exp(x > 0)": ("x", lambda x: np.where(x > 0, np.e, 1.0)),
    "I(g == 'b')": ("g", lambda g: g == "b"),
    "I(g != \"b\")": ("g", lambda g: g != "b"),
    "Sepal.Length": ("Sepal.Length", np.asarray),
    "I(Sepal.Length * 2)": ("Sepal.Length", lambda x: 2 * x),
    "log": ("log", np.asarray),
    "exp(log)": ("log", np.exp),
    "class": ("class", np.asarray),
    "I(class ** 2)": ("class", np.square),
    "ﬁ": ("ﬁ", np.asarray),
    "I(ﬁ * 2)": ("ﬁ", lambda x: 2 * x),
    "`a``b`": ("a`b", np.asarray),
    "I(`a``b` * 2)": ("a`b", lambda x: 2 * x),
    "Q('odd name')": ("odd name", np.asarray),
    "I(k)": ("k", lambda k: k.astype(float)),
    "I(k ** 2)": ("k", lambda k: k.astype(float) ** 2),
    "scale(x)": ("x", lambda x: (x - x.mean()) / x.std(ddof=1)),
    "standardize(x)": ("x", lambda x: (x - x.mean()) / x.std(ddof=0)),
    "center(x)": ("x", lambda x: x - x.mean()),
    "x:z": None,
}  # fmt: skip


@pytest.mark.parametrize("formula", LEGAL)
def test_what_is_allowed_has_the_right_values(frame, formula):
    found = _values(frame, formula).values[:, 1:]
    expected = LEGAL[formula]
    if expected is None:
        wanted = (frame["x"] * frame["z"]).to_numpy()[:, None]
    elif callable(expected[1]):
        wanted = np.asarray(expected[1](frame[expected[0]]), dtype=float)[:, None]
    else:
        wanted = frame[list(expected)].to_numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


LABELS = {
    "g": ["Intercept", "g[T.b]", "g[T.c]"],
    "k": ["Intercept", "k[T.2]", "k[T.3]"],
    "0 + g": ["g[a]", "g[b]", "g[c]"],
    "g - 1": ["g[a]", "g[b]", "g[c]"],
    "C(g, Treatment('b'))": ["Intercept", *(f"C(g, Treatment('b'))[T.{i}]" for i in "ac")],
    'C(g, contr.treatment("c"))': [
        "Intercept",
        *(f"C(g, contr.treatment('c'))[T.{i}]" for i in "ab"),
    ],
    "C(k, Treatment(2))": ["Intercept", *(f"C(k, Treatment(2))[T.{i}]" for i in (1, 3))],
    "C(g, Sum)": ["Intercept", "C(g, Sum)[S.a]", "C(g, Sum)[S.b]"],
    "C(g, contr.sum)": ["Intercept", "C(g, contr.sum)[S.a]", "C(g, contr.sum)[S.b]"],
    "x * z": ["Intercept", "x", "z", "x:z"],
    "(x + z + x1) ** 2": ["Intercept", "x", "z", "x1", "x:z", "x:x1", "z:x1"],
    "(x + z)^2": ["Intercept", "x", "z", "x:z"],
    "x / z": ["Intercept", "x", "x:z"],
    ". + x:z": ["Intercept", "x", "g[T.b]", "g[T.c]", "x:z"],
    ".^2": ["Intercept", "x", "g[T.b]", "g[T.c]", "x:g[T.b]", "x:g[T.c]"],
    ". - g": ["Intercept", "x"],
    "1": ["Intercept"],
    "x + z*g:k - z": [
        "Intercept",
        "x",
        "k[T.2]",
        "k[T.3]",
        *(f"g[T.{i}]:k[{j}]" for j in (1, 2, 3) for i in "bc"),
        *(f"z:g[{i}]:k[{j}]" for j in (1, 2, 3) for i in "abc"),
    ],
    "x * I(z > 0)": ["Intercept", "x", "I(z > 0)", "x:I(z > 0)"],
    "C(g, levels=['c', 'a', 'b'])": [
        "Intercept",
        *(f"C(g, levels=['c', 'a', 'b'])[T.{i}]" for i in "ab"),
    ],
    "x + z - 1": ["x", "z"],
    "(x + z)^2 - z:x": ["Intercept", "x", "z"],
    ". - z": ["Intercept", "x", "g[T.b]", "g[T.c]"],
    "((x + z))^2 - x - 1": ["z", "x:z"],
    "poly(x, 2, raw=True)": ["Intercept", "poly(x, 2, raw=True)[1]", "poly(x, 2, raw=True)[2]"],
    "poly(x, 2)": ["Intercept", "poly(x, 2)[1]", "poly(x, 2)[2]"],
    "log(`odd name`) + `odd name`": ["Intercept", "log(`odd name`)", "odd name"],
    "I(k) + k": ["Intercept", "I(k)", "k[T.2]", "k[T.3]"],
}


@pytest.mark.parametrize("formula", LABELS)
def test_terms_expand_and_are_named_as_r_and_patsy_do(frame, formula):
    assert list(_values(frame, formula).labels) == LABELS[formula]


def test_polynomials_are_orthogonal_and_replay_what_they_learned(frame):
    read = read_formula("poly(x, 2) + scale(z)", list(frame))
    first = formula_matrix(read, frame)
    P = first.values[:, 1:3]
    np.testing.assert_allclose(P.T @ P, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(P.sum(axis=0), 0, atol=1e-12)
    # As R's poly: the span of 1, x, x^2.
    A = np.column_stack([np.ones(N), frame["x"], frame["x"] ** 2])
    np.testing.assert_allclose(A @ np.linalg.lstsq(A, P, rcond=None)[0], P, atol=1e-10)
    part = frame.iloc[:5].reset_index(drop=True)
    again = formula_matrix(read, part, first.state)
    np.testing.assert_allclose(again.values, first.values[:5])


ATOMS = ("x", "z", "g", "k", "I(x**2)", "np.exp(z)", "C(g)", "C(k, Sum)", "I(x > 0)", "0", "1")


def _random_formula(rng, depth):
    kind = rng.choice(["atom", "+", "+", "-", ":", "*", "/", "**", "()"]) if depth else "atom"
    if kind == "atom":
        return str(rng.choice(ATOMS))
    left = _random_formula(rng, depth - 1)
    if kind == "()":
        return f"({left})"
    right = _random_formula(rng, depth - 1)
    return f"({left} + {right})**{rng.integers(1, 4)}" if kind == "**" else f"{left} {kind} {right}"


def test_formulas_that_are_taken_span_what_patsy_makes_of_them(frame):
    patsy = pytest.importorskip("patsy")
    rng, taken = np.random.default_rng(11), 0
    for _ in range(700):
        formula = _random_formula(rng, 3)
        try:
            found = _values(frame, formula).values
        except SpecError:
            continue
        try:
            known = np.asarray(patsy.dmatrix(formula, frame))
        except patsy.PatsyError:
            continue
        both = np.linalg.matrix_rank(np.hstack([found, known])) if found.size + known.size else 0
        ranks = [np.linalg.matrix_rank(each) if each.size else 0 for each in (found, known)]
        assert ranks == [both, both], formula
        taken += 1
    assert taken > 150


def test_raw_polynomials_are_plain_powers_and_learn_nothing(frame):
    for text in ("poly(x, 3, raw=True)", "poly(x, degree=3, raw=True)", "poly(x, 3, True)"):
        read = read_formula(text, list(frame))
        found = formula_matrix(read, frame, {})  # as on new rows, where nothing was learned
        powers = np.column_stack([frame["x"] ** k for k in range(4)])
        np.testing.assert_allclose(found.values, powers, rtol=1e-14)
    whole = pd.DataFrame({"x": [10**6, 1]})
    read = read_formula("poly(x, 4, raw=True)", ["x"])
    assert formula_matrix(read, whole).values[0, 4] == 1e24


def test_a_dot_of_one_column_may_be_raised_to_a_power(frame):
    read = read_formula(".^2", list(frame), dot=("x",))
    assert formula_matrix(read, frame).labels == ("Intercept", "x")


def test_what_was_not_learned_is_not_learned_again_in_silence(frame):
    read = read_formula("poly(x, 2)", list(frame))
    with pytest.raises(SpecError, match=r"what poly\(x, 2\) learned is not stored; fit again"):
        formula_matrix(read, frame, {})


TEXTS = {
    "I(x ^ 2)": r"'x \^ 2' is no power: inside I\(...\) \^ works on bits; write x \*\* 2",
    "x^2": r"\^ between terms expands interactions.*the power of a column is I\(x \*\* 2\)",
    "x ** 2": r"the power of a column is I\(x \*\* 2\)",
    "factor(g)": r"factor\(\) is not known here; use C\(x\), which makes levels of a column",
    "relevel(g, ref='b')": r"use C\(x, Treatment\(\"b\"\)\), which makes b the base level",
    "ns(x, 3)": r"use cr\(x, df=3, constraints='center'\)",
    "x %in% z": "write b %in% a as a:b",
    "x > 1": r"'>' stands outside a function; write I\(x > 60\)",
    "2 * x": "the number 2 stands alone; 0 and 1 leave out or keep the intercept",
    "xx": "unknown column 'xx'; did you mean 'x'",
    "lg(x)": r"'lg\(x\)' is not allowed: unknown function 'lg'; allowed: 'C', 'I', .*mean 'log'",
    "I(x.real)": r"'x.real' is not allowed; a formula holds columns \(odd names in backquotes\)",
    "poly(x, 99)": r"poly\(\): degree = '99'; it must be a whole number from 1 to 50",
    "log(x, 2)": r"'log\(x, 2\)' does not suit log\(\), which takes 1 expression of columns",
    "C(g, Tretment('b'))": r"unknown function 'Tretment'; allowed: .* mean 'Treatment'",
    "I(x & 1)": "put each comparison in parentheses",
    "x + `y": "a backquote is not closed",
    "(x + z) ** 99": "expands to more than 5000 terms; name the interactions that are meant",
    "I(x)^2": r"'I\(x\)' is a single term; its power is I\(x \*\* 2\)",
    "(x)^2": r"'x' is a single term; its power is I\(x \*\* 2\)",
    "exp(1 + x)**3": r"its power is I\(exp\(1 \+ x\) \*\* 3\)",
    "(x - 1)^2": r"its power is I\(\(x - 1\) \*\* 2\)",
    "(x + 1)^2": r"its power is I\(\(x \+ 1\) \*\* 2\)",
    "(x:z)^2": r"'x:z' is a single term; its power is I\(\(x \* z\) \*\* 2\)",
    "g + (`odd name`)^2": r"its power is I\(`odd name` \*\* 2\)",
    "Q('odd name') ** 2": r"its power is I\(`odd name` \*\* 2\)",
    "(x + z)^0": "the power 0 of terms is none",
    "(x + z)^(2)": r"the power of a column is I\(x \*\* 2\)",
    "x:x": r"a term with itself is the term; its square is I\(x \*\* 2\)",
    "log(`odd name`) * log(`odd name`)": r"square is I\(log\(`odd name`\) \*\* 2\)",
    "x - z": r"leaves a term out, and this one is not there; a difference is I\(x - z\)",
    "x + g - x:g": r"is not there; a difference is",
    "-x": r"the negative of a column is I\(-x\)",
    "x * 1": "a number takes no part in a product of terms",
    "(1 + x) * g": "a number takes no part in a product of terms",
    "I(1)": r"'I\(1\)' holds no column",
    "I(0 < x < 1)": r"two comparisons in one; write \(0 < x\) & \(x < 1\)",
    "I(x > 0 & z > 0)": r"two comparisons in one; write \(x > 0\) & \(z > 0\)",
    "I(x > 0 | z > 0)": r"two comparisons in one; write \(x > 0\) \| \(z > 0\)",
    "where(0 < `odd name` <= 2, 1, 0)": r"write \(0 < `odd name`\) & \(`odd name` <= 2\)",
    "I(g == 'B')": r"column 'g': unknown level 'B'; allowed: 'a', 'b', 'c'",
    "where('d' != g, x, 0)": "column 'g': unknown level 'd'",
    "I(x == 'a')": r"column 'x' holds numbers .* and 'a' is a text",
    "C(g, levels=['a', 'b'])": r"leaves out 'c' of 'g', whose rows would count as the first level",
    "C(k, Sum, [1, 2])": r"leaves out 3 of 'k'",
    "C(g, Treatment('z'))": r"column 'g': unknown level 'z'",
    "C(k, Treatment(reference=9))": r"column 'k': unknown level 9",
    "I(x > 0):z": r"rows where it is true alone; write C\(x > 0\):z for both, or add z to the",
    "I(g == 'b') / x": r"I\(g == 'b'\) counts as 0 and 1",
    "0 + I((x > 0) & (z > 0))": r"without an intercept I\(\(x > 0\) & \(z > 0\)\) leaves rows",
    "g + (0 + x)": "leave out the intercept of the whole model; write them outside of parentheses",
    "x - (1)": "write them outside of parentheses",
    "x / 0": "a number takes no part in a product of terms",
    "0 : x": "a number takes no part in a product of terms",
    "bs(x, df=2)": "at least the degree, 3 if not given",
    "I(2 ** 9)": r"'2 \*\* 9' is a power of numbers alone; write the number out",
    "I(`odd nam` + 1)": "unknown column 'odd nam'; did you mean 'odd name'",
}


@pytest.mark.parametrize("formula", TEXTS)
def test_refusals_say_what_to_write(frame, formula):
    with pytest.raises(SpecError, match=TEXTS[formula]):
        _values(frame, formula)


def test_conditions_that_are_counted_keep_the_names_that_were_written(frame):
    text = "I((x > 0) + (`odd name` > 0)) + I((g == 'b') * x)"
    formula = read_formula(text, list(frame))
    assert formula_matrix(formula, frame).labels[1:] == tuple(
        text.replace(") + I", ")~I").split("~")
    )
    again = read_formula(formula.label(formula.factors[0]), list(frame))
    assert again.factors == formula.factors[:1]


def test_sides_and_single_columns_are_told_apart():
    assert split_formula("I(a == '~') ~ x") == ("I(a == '~')", "x")
    assert split_formula("`a ~ b` ~ x") == ("`a ~ b`", "x")
    assert split_formula("x + z") == ("", "x + z")
    with pytest.raises(SpecError, match="more than one ~"):
        split_formula("a ~ b ~ c")
    assert single_column("`a ~ b`") == "a ~ b"
    assert single_column("Q('a b')") == "a b" and single_column("log(y)") is None


@pytest.mark.parametrize("name", ["x", "odd name", "a`b", "``", "log", "class", "a.b", "é", "1st"])
def test_any_name_can_be_written(name):
    assert [token.column for token in tokenize(quoted(name))] == [name]
    assert read_formula(written(name), [name]).columns == (name,)
