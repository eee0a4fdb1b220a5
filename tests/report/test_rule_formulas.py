"""Rules written out compute what the rules of the catalogue compute, in Python and in R."""

import itertools
import shutil
import subprocess

import numpy as np
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import RULES, choose
from posynth.evaluation.inference.moments import scalar_moments
from posynth.report.rule_formulas import WRITTEN, in_mata, in_python, in_r, rule_formula


def _provenances():
    """Every kind of copies that a manifest can describe, with few and many of them."""
    grid = itertools.product(
        (1, 2, 3, 4, 6, 24), (1, 2, 3), (True, False), ((), ("x",)), (60, 100, 400),
        ("none", "pattern", "impute", "joint"), (0, 3),
    )  # fmt: skip
    for m, nests, proper, original, k, missing, imputed in grid:
        if m % nests == 0 and (nests == 1 or missing == "impute"):
            yield Provenance(100, k, m, proper, original, missing, nests, imputed)


def _chosen():
    for made in _provenances():
        try:
            yield choose(made).rule, made
        except MeasureError:
            continue


@pytest.fixture(scope="module")
def cases():
    """One case a rule and a way of making copies, with random estimates: names and numbers."""
    rng = np.random.default_rng(11)
    found = {}
    for rule, made in _chosen():
        key = (rule, made.m, made.nests, made.k, made.proper, made.complete)
        if key in found:
            continue
        v = rng.gamma(3.0, size=(made.m, 40))
        q = rng.normal(size=(made.m, 40)) * 2 * np.sqrt(v)
        df = float("inf") if len(found) % 2 else made.k - 3.0
        found[key] = made, scalar_moments(q, v, made, df)
    return [(key[0], *case) for key, case in found.items()]


def _numbers(made, x):
    return {
        "m": made.m, "n": made.n, "k": made.k, "L": made.nests, "v": x.within, "b": x.between,
        "B": x.nest_between, "bw": x.nest_within, "dfk": x.df_com,
        "dfn": max(x.df_com + made.n - made.k, 1),
    }  # fmt: skip


def test_every_rule_that_can_be_chosen_is_written_out():
    assert {rule for rule, _ in _chosen()} == set(WRITTEN)


def test_formulas_in_python_are_the_rules_of_the_catalogue(cases):
    assert len(cases) > 50
    for rule, made, x in cases:
        names = _numbers(made, x) | {"np": np}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, formula in rule_formula(rule, made).steps:
                names[name] = eval(in_python(formula), names)
        expected = RULES[rule].spread(x)
        np.testing.assert_allclose(names["T"], expected.variance, rtol=1e-12, err_msg=rule)
        df = np.broadcast_to(names["df"], expected.df.shape)
        np.testing.assert_allclose(df, expected.df, rtol=1e-10, err_msg=rule)


def test_formulas_in_r_are_the_rules_of_the_catalogue(cases, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    lines, expected = [], []
    for rule, made, x in cases:
        for name, value in _numbers(made, x).items():
            values = ", ".join(repr(float(each)) for each in np.ravel(value))
            text = f"c({values})".replace("inf", "Inf").replace("nan", "NaN")
            lines.append(f"{name} <- {text}")
        lines += [f"{name} <- {in_r(formula)}" for name, formula in rule_formula(rule, made).steps]
        lines.append('cat(sprintf("%.17g", T), sprintf("%.17g", rep_len(df, 40)), fill = FALSE)')
        lines.append('cat("\\n")')
        expected.append(RULES[rule].spread(x))
    script = tmp_path / "rules.R"
    script.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", script], capture_output=True, text=True, check=True, timeout=120
    )
    rows = [line.replace("Inf", "inf").split() for line in done.stdout.splitlines()]
    for row, spread in zip(rows, expected, strict=True):
        numbers = np.array(row, dtype=float)
        np.testing.assert_allclose(numbers[:40], spread.variance, rtol=1e-12)
        np.testing.assert_allclose(numbers[40:], spread.df, rtol=1e-10)


def test_words_name_the_same_quantities_as_the_formula():
    for rule, made in _chosen():
        written = rule_formula(rule, made)
        text = " ".join(written.words)
        assert "degrees of freedom" in text
        assert [name for name, _ in written.steps][-1] == "df"
        assert "T" in dict(written.steps)


def test_a_choice_becomes_a_conditional_expression_in_mata():
    assert in_mata("where(a > v, a - v, v * k / n)") == "(a > v ? a - v : v * k / n)"
    for rule, made in _chosen():
        texts = [in_mata(formula) for _, formula in rule_formula(rule, made).steps]
        assert not any("where" in text or "**" in text or "inf" in text for text in texts)


def test_a_rule_that_is_not_written_out_is_named():
    with pytest.raises(MeasureError, match="unknown written-out rule 'rrr'; allowed"):
        rule_formula("rrr", Provenance(100, 100, 5))
