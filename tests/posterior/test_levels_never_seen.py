"""Levels that are declared and in no row are never drawn; rare ones keep their share."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.posterior.store import load_posterior, save_posterior

SEEN, UNSEEN = list("abcde"), [f"never{i}" for i in range(45)]
SHARES = np.array([0.4, 0.3, 0.2, 0.08, 0.02])
COPIES = 60


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    counts = (300 * SHARES).astype(int)
    group = rng.permutation(np.repeat(SEEN, counts))
    codes = pd.Series(group).map({name: i for i, name in enumerate(SEEN)})
    x = rng.normal(size=300)
    return pd.DataFrame({"x": x, "group": group, "y": x + codes + rng.normal(size=300)})


def _chain(table, tmp_path, family):
    methods = {"group": family} if family else {}
    chain = posynth.specify(table, methods=methods)
    listed = ", ".join(f'"{level}"' for level in SEEN)
    every = ", ".join(f'"{level}"' for level in [*SEEN[:2], *UNSEEN, *SEEN[2:]])
    text = chain.to_toml().replace(f"levels = [{listed}]", f"levels = [{every}]")
    (tmp_path / "chain.toml").write_text(text)
    return posynth.specify(table, chain=tmp_path / "chain.toml")


@pytest.mark.parametrize("family", ["", "cart"])
def test_levels_that_a_chain_declares_are_drawn_only_if_seen(table, tmp_path, family):
    """Shares over 60 copies of 300 rows lie within 4 standard errors, parameters included."""
    chain = _chain(table, tmp_path, family)
    assert len(chain.schema["group"].levels) == 50
    save_posterior(posynth.fit(table, chain, seed=1, m=COPIES), tmp_path / "p")
    posterior = load_posterior(tmp_path / "p")
    copies = posynth.draw(posterior, m=COPIES, seed=2)
    shares = np.mean([copy["group"].value_counts(normalize=True).reindex(SEEN, fill_value=0.0)
                      for copy in copies], axis=0)  # fmt: skip
    assert shares.sum() == pytest.approx(1.0)
    each = np.sqrt(SHARES * (1 - SHARES) / 300)
    error = np.sqrt(2 / COPIES) * each
    # The posterior mean is off by the prior: one case a level of 300.
    assert (np.abs(shares - SHARES) < 4 * error + 1.5 / 300).all()


def test_levels_of_other_rows_are_not_drawn_on_rows_without_them(table):
    chain = posynth.specify(table)
    few = table[table["group"].isin(["a", "b", "c"])]
    copies = posynth.draw(posynth.fit(few, chain, seed=1), m=10, seed=2)
    assert {level for copy in copies for level in copy["group"].unique()} == {"a", "b", "c"}


@pytest.mark.parametrize("declared", [5, 50])
def test_categories_in_no_row_cost_nothing(table, declared):
    levels = [*SEEN, *UNSEEN][:declared]
    frame = table.assign(group=pd.Categorical(table["group"], categories=levels))
    copies = posynth.synthesize(frame, m=3, seed=1)
    sizes = {name: values.sizes for name, values in copies.posterior.draws["group"].items()}
    assert all(50 not in each.values() for each in sizes.values())
    for copy in copies:
        assert len(copy["group"].cat.categories) == declared
        assert copy["group"].isin(SEEN).all()


def test_rare_levels_that_predict_are_said_to_be_merged(table):
    rare = table.assign(group=np.where(np.arange(300) < 3, "z", table["group"]))
    chain = posynth.specify(rare)
    assert any("'z' (3)" in note and "count as the reference level" in note for note in chain.rare)


def test_the_kind_of_a_question_that_is_not_asked_is_never_drawn_where_it_is():
    rng = np.random.default_rng(3)
    smoke = rng.choice(["current", "former", "never"], 500, p=[0.3, 0.3, 0.4])
    cigarettes = np.where(smoke == "current", rng.poisson(12, 500), -7)
    refused = np.flatnonzero(smoke == "current")[:16]
    cigarettes[refused[:8]], cigarettes[refused[8:]] = -9, -8
    frame = pd.DataFrame({"smoke": smoke, "cigarettes": cigarettes})
    copies = posynth.synthesize(frame, m=10, seed=1, na=[-9, -8, -7], progress=False)
    kinds = copies.posterior.schema["cigarettes"].missing_kinds
    assert kinds == ("-9", "-8", "-7")
    coding = copies.posterior.links["cigarettes_missing"].coding
    assert coding.levels == ("present", "-9", "-8") and coding.numbers == (0.0, 1.0, 2.0)
    drawn = [
        (copy["smoke"].to_numpy() == "current", reasons["cigarettes"])
        for copy, reasons in zip(copies.frames, copies.reasons, strict=True)
    ]
    assert all((kind[~asked] == 3).all() and (kind[asked] < 3).all() for asked, kind in drawn)
    assert sum(np.sum(kind[asked] > 0) for asked, kind in drawn) > 50  # 16 of 172 in the source
    known = frame.replace({"cigarettes": {-9: np.nan, -8: np.nan, -7: np.nan}})
    tree = posynth.log_likelihood(copies.posterior, "cigarettes_missing", known, draws=20)
    assert np.isfinite(tree["log_likelihood"]["cigarettes_missing"]).all()
    tree = copies.posterior.inference_data("cigarettes_missing", known, draws=20)
    assert tree["observed_data"]["cigarettes_missing"].attrs["levels"] == ["present", *kinds]
