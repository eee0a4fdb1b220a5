"""The rules that R's mice has, on the same estimates: `reference_mice.R` printed its numbers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Estimate, pool

HERE = Path(__file__).parent
MICE = pd.read_csv(HERE / "reference_mice.csv").set_index(["rule", "case"])
CASES = sorted(set(MICE.index.get_level_values("case")))
OURS = {"rubin1987": "rubin", "reiter2003": "partial"}


def estimates():
    """Read the estimates that the script pools, so that they stand in one place."""
    text = (HERE / "reference_mice.R").read_text("utf-8").replace("rep(0.0004, 10)", "c(0.0004)")
    found = re.findall(r"(\w+)\s*= list\(q = c\(([^)]*)\),\s*u = c\(([^)]*)\)", text)
    return {name: (_floats(q), np.resize(_floats(u), len(_floats(q)))) for name, q, u in found}


def _floats(text):
    return np.array([float(number) for number in text.split(",")])


def pooled(case, rule, k=None):
    q, u = estimates()[case]
    n, p = (MICE.loc[("rubin1987", case), key] for key in ("n", "p"))
    rows = 10_000 if np.isinf(n) else int(n)
    copies = [Estimate(("q",), [a], [[b]], df_com=n - p) for a, b in zip(q, u, strict=True)]
    made = Provenance(n=rows, k=k or rows, m=len(q))
    return pool(copies, made, rule=rule).table.loc["q"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", OURS)
def test_estimate_variance_and_degrees_of_freedom_are_those_of_mice(case, rule):
    mice, ours = MICE.loc[(rule, case)], pooled(case, OURS[rule])
    names = {"qbar": "estimate", "ubar": "within", "b": "between", "df": "df"}
    for theirs, name in names.items():
        assert ours[name] == pytest.approx(mice[theirs], rel=1e-10), name
    assert ours["std error"] ** 2 == pytest.approx(mice["t"], rel=1e-10)
    # mice gives no fraction of missing information under Reiter's rule.
    if rule == "rubin1987":
        assert ours["fmi"] == pytest.approx(mice["fmi"], rel=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_mice_has_no_factor_for_copies_of_another_size(case):
    # pool.syn takes T = ubar + b/m whatever k is: right for k = n only. With k = 4n a copy's
    # variance is a quarter of the source's, which posynth multiplies back; mice does not.
    mice = MICE.loc[("reiter2003", case)]
    n = 10_000 if np.isinf(mice["n"]) else int(mice["n"])
    same, larger = pooled(case, "t_p_star"), pooled(case, "t_p_star", k=4 * n)
    assert same["std error"] ** 2 == pytest.approx(mice["t"], rel=1e-10)
    added = larger["std error"] ** 2 - mice["t"]
    assert added == pytest.approx(3 * mice["ubar"], rel=1e-9)


def test_mice_cannot_pool_one_copy():
    # pool.syn refuses m = 1, where b is undefined; theory gives a proper copy's variance.
    one = pool([Estimate(("q",), [1.0], [[0.04]])], Provenance(n=100, k=100, m=1))
    assert one.choice.rule == "ppd"
    assert one.table.loc["q", "std error"] ** 2 == pytest.approx(3 * 0.04)
