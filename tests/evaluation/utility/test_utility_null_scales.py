"""What perfect copies score: 1 plug-in and 1/(1-c) proper, by simulation of saturated tables.

Each mean is compared with its expectation at four Monte-Carlo standard errors; with 2000
tables of df = 5 the standard error of S_VW is sqrt(2 / 5 / 2000) = .014 on its own scale.
"""

from math import gamma, log, pi, sqrt

import numpy as np
import pandas as pd
import pytest

from posynth.evaluation.utility import tables
from posynth.evaluation.utility.scale import shares, to_proper
from posynth.evaluation.utility.table_statistics import STANDARDISED, Counts

POPULATION = np.array([0.1, 0.1, 0.15, 0.15, 0.2, 0.3])
DF = POPULATION.size - 1
N = 4000
RUNS = 2000

CHI = sqrt(2) * gamma((DF + 1) / 2) / gamma(DF / 2) / sqrt(DF)
"""Mean of a chi variable over sqrt(df): what S_dBhatt, a root of chi-squared, has for null."""


def simulate(ratio: int, kind: str, rng: np.random.Generator) -> list[Counts]:
    """Draw RUNS originals with one copy each: plug-in, proper (Dirichlet), or a second sample."""
    pairs = []
    for _ in range(RUNS):
        o = rng.multinomial(N, POPULATION)
        theta = {
            "plug-in": lambda o=o: o / N,
            "proper": lambda o=o: rng.dirichlet(o),
            "second sample": lambda: POPULATION,
        }[kind]()
        pairs.append(Counts.of(o, rng.multinomial(ratio * N, theta)))
    return pairs


@pytest.mark.parametrize("ratio", [1, 3], ids=["k=n", "k=3n"])
@pytest.mark.parametrize("kind", ["plug-in", "proper", "second sample"])
def test_perfect_copies_score_one_on_their_own_scale(kind, ratio, rng):
    pairs = simulate(ratio, kind, rng)
    c = ratio / (1 + ratio)
    limit = {
        "S_WMabsDD": float(np.sqrt(1 - POPULATION).sum() / DF),
        "S_dBhatt": CHI,
        "S_JSD_synthpop": (1 + 1 / ratio) / (4 * log(2) ** 2),
    }
    for name, (statistic, order) in STANDARDISED.items():
        s = np.array([statistic(t) for t in pairs])
        own = s if kind == "plug-in" else s * (1 - c) ** order
        target = limit.get(name, 1.0)
        error = own.std(ddof=1) / sqrt(RUNS)
        assert abs(own.mean() - target) < 4 * error, (name, own.mean(), error)


def test_the_two_scales_differ_by_the_factor_of_the_specification(rng):
    """STATISTICS: S_VW of a saturated table 1.0 and 2.0 at k = n; 1.0 and 4.0 at k = 3 n."""
    for ratio, expected in ((1, 2.0), (3, 4.0)):
        s = np.array([STANDARDISED["S_VW"][0](t) for t in simulate(ratio, "proper", rng)])
        error = s.std(ddof=1) / sqrt(RUNS)
        assert abs(s.mean() - expected) < 4 * error
        assert error < 0.06


def test_u_null_is_the_double_sum_over_cells():
    """The null of U is half the double sum over unordered pairs, computed here one by one."""
    table = Counts.of(POPULATION * 120, POPULATION[::-1] * 120)
    p = (POPULATION + POPULATION[::-1]) / 2
    null = sum(
        sqrt(2 / pi) * sqrt(p[i] * p[j] * (p[i] + p[j]) / 120) / 2
        for i in range(6)
        for j in range(i)
    )
    pairs_won = sum(
        table.s[i] * table.o[j] * (1.0 if a > b else 0.5 if a == b else 0.0)
        for i, a in enumerate(table.s / (table.s + table.o))
        for j, b in enumerate(table.s / (table.s + table.o))
    )
    assert STANDARDISED["S_U"][0](table) == pytest.approx((pairs_won / 120**2 - 0.5) / null)


@pytest.mark.parametrize("ratio", [1, 3], ids=["k=n", "k=3n"])
@pytest.mark.parametrize("proper", [False, True], ids=["plug-in", "proper"])
def test_pairs_of_copies_give_one_for_either_kind(proper, ratio, compare, rng):
    n, values = 600, []
    for _ in range(60):
        o = rng.multinomial(n, POPULATION)
        copies = []
        for _ in range(8):
            theta = rng.dirichlet(o) if proper else o / n
            copies.append(_frame(rng.multinomial(ratio * n, theta)))
        result = tables.measure(compare(_frame(o), copies), ways=1)[0]
        values.append(result.details["S_pairs"])
    error = np.std(values, ddof=1) / sqrt(len(values))
    assert error < 0.1
    # a ratio of means is biased upward by about 2 / (df x pairs' effective number) < .06
    assert abs(np.mean(values) - 1) < 4 * error


def test_to_proper_uses_each_copys_own_share(compare):
    real = pd.DataFrame({"x": ["a", "b"] * 10})
    comparison = compare(real, [real, pd.concat([real] * 3)])
    assert shares(comparison).tolist() == [0.5, 0.75]
    assert to_proper(np.array([2.0, 4.0]), comparison).tolist() == [1.0, 1.0]
    assert to_proper(np.array([2.0, 4.0]), comparison, 0.5) == pytest.approx([sqrt(2), 2.0])


def _frame(counts: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"x": np.repeat(list("abcdef"), counts)})
