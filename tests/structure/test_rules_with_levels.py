"""Rules on a few numbers given levels, on levels that begin at a threshold, and within ids."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.default import default_chain
from posynth.posterior.task import encode_table
from posynth.structure.search import search
from posynth.table.inputs import given_table


def sure(frame):
    table = given_table(frame, None)
    rows = encode_table(table, default_chain(table.schema), {})
    found = search(rows, [c.name for c in table.schema if c.kind.is_modelled])
    return [each.text for each in found if each.sure]


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def volumes(rng):
    """Journals, whose volumes are numbers that no other journal has."""
    journal = rng.choice(["A", "B", "C"], 300, p=[0.2, 0.3, 0.5])
    volume = np.select([journal == "A", journal == "B"], [rng.integers(151, 154, 300), 52], 265)
    pages = rng.poisson(9, 300) + 1
    return pd.DataFrame({"journal": journal, "volume": volume, "pages": pages})


def selected(rng):
    """Years of those who were selected, 0 for all others; some may apply only once."""
    chosen = rng.choice(["no", "yes"], 900, p=[0.4, 0.6])
    years = np.where(chosen == "yes", rng.integers(1, 5, 900), 0)
    return pd.DataFrame({"chosen": chosen, "years": years, "y": rng.normal(size=900).round(2)})


@pytest.mark.parametrize(
    ("make", "holds", "rule"),
    [
        (
            volumes,
            lambda t: set(zip(t.journal, t.volume, strict=True)),
            "volume >= 151 if journal == 'A'",
        ),
        (selected, lambda t: (t.chosen == "yes") == (t.years > 0), "years >= 1 if chosen == 'yes'"),
    ],
)
def test_the_range_of_a_few_numbers_in_a_level_is_kept(rng, make, holds, rule):
    """Numbers of few values had rules on their commonest value only."""
    frame = make(rng)
    assert rule in sure(frame)
    for copy in posynth.synthesize(frame, m=2, seed=1):
        found = holds(copy)
        assert found <= holds(frame) if isinstance(found, set) else found.all()


def test_a_number_inside_a_range_that_never_occurs_in_a_level_is_left_out(rng):
    """Of 51 rows that chance would give, a logit of its levels drew 6 in each copy."""
    frame = pd.DataFrame({"g": rng.choice(list("abcd"), 1500, p=[0.25, 0.35, 0.25, 0.15])})
    other = rng.choice([1, 2, 3], 1500, p=[0.5, 0.2, 0.3])
    frame["h"] = np.where((frame["g"] == "a") & (other == 2), 1, other)
    assert sure(frame) == ["h != 2 if g == 'a'"]
    share = (frame["h"] == 2).mean()
    for copy in posynth.synthesize(frame, m=2, seed=1):
        assert not ((copy["g"] == "a") & (copy["h"] == 2)).any()
        assert abs((copy["h"] == 2).mean() - share) < 4 * np.sqrt(2 * share / 1500)
    stated = posynth.specify(frame[["h", "g"]], rules=["h != 2 if g == 'a'"])
    assert stated.spec["g"].family == "restricted"


def test_a_range_that_a_dependence_explains_is_not_kept(rng):
    z = rng.normal(size=400)
    frame = pd.DataFrame({"g": np.where(z + 0.3 * rng.normal(size=400) > 0.8, "high", "low")})
    frame["score"] = np.clip((2 * z + 3 + 0.3 * rng.normal(size=400)).round(), 0, 6)
    assert sure(frame) == []


def test_a_threshold_at_which_a_level_begins_is_no_tail(rng):
    """A favourite that lost did not cover the spread; of the difference alone a logit would do."""
    difference = rng.normal(6, 8, 500).round()
    spread = rng.integers(1, 12, 500)
    frame = pd.DataFrame({"spread": spread, "difference": difference})
    frame["covered"] = np.where(difference > spread, "yes", "no")
    frame["covered"] = frame["covered"].mask((difference > 0) & (rng.random(500) < 0.15), "yes")
    assert not sure(frame[["difference", "covered"]])
    frame["won"] = np.where(difference < 1, "no", "yes")
    assert "covered == 'no' if difference < 1" in sure(frame)
    for copy in posynth.synthesize(frame, m=2, seed=1):
        assert not ((copy["won"] == "no") & (copy["covered"] == "yes")).any()


def test_columns_of_repeated_ids_keep_their_rules(rng):
    """They were taken for columns whose method the user names.

    What is constant within ids keeps rules on what is, and rules come before intercepts of ids.
    """
    club = rng.integers(0, 8, 90)
    ids = np.repeat(np.arange(90), 3)
    frame = pd.DataFrame(
        {
            "team": [f"t{k:02d}" for k in ids],
            "year": np.tile(["2001", "2002", "2003"], 90),
            "league": [f"L{club[k]}" for k in ids],
            "rich": np.where(club[ids] < 3, "yes", "no"),
            "wins": rng.poisson(12, 270),
        }
    )
    level = rng.normal(size=90)[ids]
    frame["games"] = frame["wins"] + rng.poisson(np.exp(1 + level))  # differs between teams
    known = set(zip(frame["league"], frame["rich"], strict=True))
    for copy in posynth.synthesize(frame, m=2, seed=1):
        assert set(zip(copy["league"], copy["rich"], strict=True)) <= known
        assert (copy.groupby("team")[["league", "rich"]].nunique() == 1).all().all()
        assert (copy["wins"] <= copy["games"]).all()


def test_a_number_of_each_level_is_computed_unless_it_may_be_that_of_a_row(rng):
    """Scores of 43 neighbourhoods were modelled: names of 30 levels were the most."""
    place = np.sort(np.concatenate([np.repeat(np.arange(43), 3), rng.integers(0, 43, 500)]))
    scores = rng.permutation(np.arange(43) * 2 + 10)
    frame = pd.DataFrame({"place": [f"p{k:02d}" for k in place], "score": scores[place]})
    frame["price"] = rng.normal(100, 20, len(frame)).round()
    for copy in posynth.synthesize(frame, m=2, seed=1):
        assert (copy["score"] == scores[copy["place"].str[1:].astype(int)]).all()
    frame.loc[0, "place"], frame.loc[0, "score"] = "p43", 7
    chain = posynth.specify(frame)
    assert chain.spec["score"].family != "passive"
    (said,) = [text for text in chain.proposed if text.startswith("score")]
    assert "one value for each level of place" in said
    assert "a level of fewer than 3 rows would show a number of one of them" in said
