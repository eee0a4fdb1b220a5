"""What the committed results say, held to what is claimed of them.

Coverage is claimed to lie within .015 of nominal over 1000 replications (Monte-Carlo error of one
coverage .0069). A study that was collected before it had them all is held to what its number can
tell: the 1e-3 limit over all 45 cells of the design, 4.2 Monte-Carlo errors.
"""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).resolve().parent / "results"
CORE = ["treated", "dose", "pain", "stay"]  # bernoulli, categorical, ordinal, gaussian


def results(name):
    table = pd.read_csv(RESULTS / f"{name}.csv", keep_default_na=False, na_values=[""])
    own = table[table["estimand"] == "population"].copy()
    own["family"] = own["coefficient"].str.partition(":")[0]
    return own


def near(cells, level=0.95):
    """Nominal coverage within what the number of replications can tell."""
    runs = int(cells["replications"].iloc[0])
    error = (level * (1 - level) / runs) ** 0.5
    return pytest.approx(level, abs=0.015 if runs >= 1000 else stats.norm.isf(1e-3 / 90) * error)


def outside(cells):
    """Coefficients whose coverage is unlikely (1e-3 over all cells) if intervals are nominal."""
    runs, tail = cells["replications"].iloc[0], 1e-3 / (2 * len(cells))
    low = stats.binom.ppf(tail, runs, 0.944) / runs
    high = stats.binom.isf(tail, runs, 0.956) / runs
    return cells[(cells["coverage"] < low) | (cells["coverage"] > high)]


@pytest.mark.parametrize("family", [*CORE, "age"])
@pytest.mark.parametrize("m", [1, 5, 20])
@pytest.mark.parametrize("k", [250, 500, 2500])
def test_core_families_cover(family, k, m):
    table = results("congenial")
    cell = table[
        (table["family"] == family) & (table["k"] == k) & (table["m"] == m)
        & (table["rule"] == "auto")
    ]  # fmt: skip
    assert cell["coverage"].mean() == near(cell)
    assert outside(cell).empty


@pytest.mark.parametrize("family", CORE)
@pytest.mark.parametrize("m", [1, 5])
def test_reproduced_holes_are_covered(family, m):
    table = results("pattern")
    cell = table[
        (table["family"] == family) & (table["m"] == m) & (table["rule"] == "auto")
    ]  # fmt: skip
    assert cell["coverage"].mean() == near(cell)


def test_copies_taken_for_real_data_do_not_cover():
    table = results("congenial")
    naive = table[(table["rule"] == "naive") & (table["m"] == 1)].groupby("k")["coverage"].mean()
    # 95 % intervals of width v on an error of variance V(1 + (1 + n/k)): .94, .74 and .32 ...
    for k, coverage in naive.items():
        ratio = (500 / k) / (1 + 1 + 500 / k)
        assert coverage == pytest.approx(2 * stats.norm.cdf(1.96 * ratio**0.5) - 1, abs=0.03)


def test_the_rule_for_missing_data_over_covers():
    table = results("congenial")
    rubin = table[(table["rule"] == "rubin") & (table["m"] == 5) & (table["k"] == 500)]
    assert rubin["coverage"].mean() > 0.98


def test_rrr_is_often_negative_with_five_copies():
    table = results("congenial")
    rrr = table[(table["rule"] == "rrr") & (table["m"] == 5) & (table["k"] == 500)]
    assert rrr["negative"].mean() == pytest.approx(0.21, abs=0.03)
    assert rrr["coverage"].mean() == pytest.approx(0.79, abs=0.03)


def test_a_chain_without_the_interaction_misleads_and_one_with_it_does_not():
    term = "with: x:group[T.b]"
    wrong, right = (
        table[(table["coefficient"] == term) & (table["rule"] == "auto")]
        for table in (results("misspecified"), results("specified"))
    )
    assert (wrong["coverage"] < 0.05).all()
    assert right["coverage"].between(0.935, 0.965).all()


def test_the_interaction_is_found_and_covered_with_the_chain_chosen_in_every_replication():
    """Where a chain lacks the interaction nothing is covered; it did in a tenth of the samples."""
    choices = pd.read_csv(RESULTS / "found_choices.csv").set_index("choice")
    share = choices.loc["interaction x:group", "share"]
    assert share > 0.99
    table = results("found")
    assert (table["plan"] == "each").all()
    cell = table[
        (table["rule"] == "auto") & (table["coefficient"] == "with: x:group[T.b]")
    ].set_index("m")  # fmt: skip
    error = cell["coverage_mcse"]
    assert cell["coverage"][5] == pytest.approx(0.95 * share, abs=3.3 * error[5])
    assert cell["coverage"][1] == pytest.approx(0.95 * share, abs=0.03 + 3.3 * error[1])


@pytest.mark.parametrize("name", ["congenial", "plug_in", "pattern"])
def test_core_families_are_chosen_where_they_hold(name):
    """The line on the natural scale is chosen for normal columns, in all but 1 of 1000 samples."""
    choices = pd.read_csv(RESULTS / f"{name}_choices.csv")
    shares = choices.set_index(["conditional", "choice"])["share"]
    for column in ("age", "stay"):
        assert shares[column, "gaussian"] >= 0.999
    false = choices[choices["choice"].str.startswith("interaction")]
    assert len(false) and (false["share"] < 0.05).all()


def test_plug_in_copies_are_covered_by_the_rules_for_them():
    table = results("plug_in")
    for m, rule in ((1, "simple"), (5, "simple"), (5, "auto")):
        cell = table[(table["m"] == m) & (table["rule"] == rule)]
        assert cell["coverage"].mean() == near(cell)


@pytest.mark.parametrize("draws", ["proper", "plug-in"])
def test_real_data_are_covered(draws):
    """synthpop's proper normal chain reaches .96 on this design, mice's recipe .32, CART .87."""
    table = results("sd2011")
    cell = table[(table["draws"] == draws) & (table["m"] == 5) & (table["rule"] == "auto")]
    assert cell["coverage"].mean() == near(cell)
