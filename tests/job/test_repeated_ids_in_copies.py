"""Copies of long data: new ids, each wave once, columns of ids constant, rows of an id alike."""

import json

import numpy as np
import pandas as pd
import pytest

import posynth


@pytest.fixture(scope="module")
def source():
    """40 ids from 501 on with 3 to 5 waves; y and z differ between ids, c does not."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(3, 6, 40)
    ids = np.repeat(np.arange(40), sizes)
    wave = np.concatenate([np.arange(1, s + 1) for s in sizes])
    n = len(ids)
    y = 2 * rng.normal(size=40)[ids] + 0.5 * wave + rng.normal(size=n)
    score = rng.normal(50, 10, 40)[ids]
    return pd.DataFrame(
        {
            "y": y.round(2),
            "id": 501 + ids,
            "c": rng.choice(["a", "b", "c"], n),
            "sex": np.array(["f", "m"])[ids % 2],
            "wave": wave,
            "score": score.round(1),
        }
    )


@pytest.fixture(scope="module")
def copies(source):
    return posynth.synthesize(source, m=3, seed=1)


def test_ids_are_new_and_have_each_wave_once(source, copies):
    for copy in copies:
        assert set(copy["id"]) == set(range(1, copy["id"].nunique() + 1))
        assert not set(copy["id"]) & set(source["id"])
        assert not copy.duplicated(["id", "wave"]).any()
        assert copy["id"].dtype == source["id"].dtype and len(copy) == len(source)
        sizes = copy.groupby("id").size().iloc[:-1]
        assert set(sizes) <= {3, 4, 5}


def test_columns_constant_within_ids_stay_so(copies):
    for copy in copies:
        assert (copy.groupby("id")[["sex", "score"]].nunique() == 1).all().all()


def test_rows_of_an_id_are_alike_where_the_source_says_so(copies):
    spec = copies.posterior.spec
    assert (spec["y"].family, spec["y"].new_groups) == ("gaussian_ml", "id")
    assert (spec["wave"].family, spec["sex"].per_group) == ("roster", "id")
    assert "drawn row by row: rows of one 'id' are independent" in spec["c"].note
    within = np.mean([copy.groupby("id")["y"].var().mean() for copy in copies])
    total = np.mean([copy["y"].var() for copy in copies])
    assert within < 0.6 * total


def test_more_rows_have_more_ids_and_fewer_have_fewer(copies):
    many = posynth.draw(copies.posterior, m=1, k=1000, seed=2)[0]
    few = posynth.draw(copies.posterior, m=1, k=20, seed=2)[0]
    assert many["id"].nunique() > 200 and len(many) == 1000
    assert 4 <= few["id"].nunique() <= 7
    assert not many.duplicated(["id", "wave"]).any()
    assert many.groupby("id")["y"].var().mean() < 0.6 * many["y"].var()


def test_a_saved_posterior_holds_no_id_and_draws_the_same(copies, tmp_path):
    copies.save(tmp_path / "out")
    texts = [f.read_text(encoding="utf-8") for f in (tmp_path / "out").rglob("*.json")]
    assert not any(str(i) in text for text in texts for i in (": 501,", "[501,", '"501"'))
    loaded = posynth.load_posterior(tmp_path / "out")
    again = posynth.draw(loaded, m=2, seed=5)
    first = posynth.draw(copies.posterior, m=2, seed=5)
    assert all(a.equals(b) for a, b in zip(again, first, strict=True))


def test_copies_that_are_passed_on_tell_no_numbers_of_rows_of_ids(copies, tmp_path):
    copies.save(tmp_path / "out")
    posynth.release(tmp_path / "out", tmp_path / "given")
    public = (tmp_path / "given" / "manifest.json").read_text(encoding="utf-8")
    assert all(word not in public for word in ('"roster": {', '"sizes"', '"weights"'))
    given = posynth.load_copies(tmp_path / "given")
    assert all(a.equals(b) for a, b in zip(given, copies, strict=True))
    assert all(
        a.equals(b) for a, b in zip(posynth.load_copies(tmp_path / "out"), copies, strict=True)
    )
    pooled = posynth.pool(given, "mixed", "y ~ wave", groups="id")
    assert pooled.table["estimate"]["wave"] == pytest.approx(0.5, abs=0.5)  # se .12
    apart = posynth.pool(given, "logit", "I(c == 'a') ~ wave", cluster="id")
    assert any("'c' does not depend on 'id'" in note for note in apart.notes)


def test_a_chain_file_gives_the_same_copies(source, copies, tmp_path):
    file = tmp_path / "chain.toml"
    file.write_text(posynth.specify(source).to_toml(), encoding="utf-8")
    again = posynth.synthesize(source, m=3, seed=1, chain=file)
    assert all(a.equals(b) for a, b in zip(again, copies, strict=True))


def test_pooling_says_which_columns_ids_do_not_share_in(copies):
    alike = posynth.pool(copies, "ols", "y ~ wave", cluster="id")
    assert not any("does not depend on 'id'" in note for note in alike.notes)
    plain = posynth.pool(copies, "ols", "y ~ wave")
    assert any("rows of one 'id' are alike" in note for note in plain.notes)
    assert copies.manifest()["ids"] == {"id": {"wave": "wave", "apart": ["c"]}}
    assert copies.manifest()["groups"] == {"id": 40}


def test_groups_of_a_column_drawn_row_by_row_are_warned_of(source):
    chain = posynth.specify(source, methods={"y": "gaussian"})
    copies = posynth.synthesize(source, m=2, seed=1, chain=chain)
    said = "in the chain 'y' does not depend on 'id'"
    assert any(said in note for note in posynth.pool(copies, "ols", "y ~ wave", cluster="id").notes)
    assert copies.manifest()["ids"]["id"]["apart"] == ["y", "c"]


def test_missing_ids_keep_their_share_and_the_rest_its_form(source, tmp_path):
    holed = source.assign(id=source["id"].where(source.index % 10 != 3).astype("Int64"))
    share = holed["id"].isna().mean()
    copies = posynth.synthesize(holed, m=5, seed=1)
    shares = [copy["id"].isna().mean() for copy in copies]
    # Standard error of a mean of 5 copies: sqrt(2 * .1 * .9 / 160 / 5) = .015.
    assert np.mean(shares) == pytest.approx(share, abs=0.05)
    copies.save(tmp_path / "out")
    assert all(
        a.equals(b) for a, b in zip(posynth.load_copies(tmp_path / "out"), copies, strict=True)
    )
    known = copies[0].dropna(subset="id")
    assert not known.duplicated(["id", "wave"]).any()
    assert (known.groupby("id")["sex"].nunique() == 1).all()


@pytest.mark.parametrize("words", ["passport-{}", "this person said {} once and again"])
def test_missing_values_of_unique_identifiers_and_texts_keep_their_share(words, tmp_path):
    rng = np.random.default_rng(2)
    x = rng.normal(size=200).round(2)
    who = pd.Series([words.format(i) for i in range(200)]).where(x > -0.5)
    copies = posynth.synthesize(pd.DataFrame({"who": who, "x": x}), m=5, seed=1)
    shares = [copy["who"].isna().mean() for copy in copies]
    assert np.mean(shares) == pytest.approx(who.isna().mean(), abs=0.08)
    gap = np.mean([c.loc[c["who"].isna(), "x"].mean() - c["x"].mean() for c in copies])
    assert gap < -0.5  # the source has -.8
    assert not set(copies[0]["who"].dropna()) & set(who.dropna())
    copies.save(tmp_path / "out")
    assert all(
        a.equals(b) for a, b in zip(posynth.load_copies(tmp_path / "out"), copies, strict=True)
    )


def test_courses_that_bend_or_differ_by_treatment_are_modelled_so():
    rng = np.random.default_rng(3)
    ids, wave = np.repeat(np.arange(80), 5), np.tile(np.arange(5), 80)
    drug, start = rng.integers(0, 2, 80)[ids], rng.normal(size=80)[ids]
    noise = rng.normal(0, 0.5, 400)
    frame = pd.DataFrame(
        {
            "id": ids + 300,
            "wave": wave,
            "drug": drug,
            "bent": start + 0.4 * wave**2 - 0.8 * wave * drug + noise,
            "line": start + wave + noise[::-1],
        }
    ).round(3)
    spec = posynth.specify(frame).spec
    assert set(map(frozenset, spec["bent"].interactions)) == {
        frozenset({"wave"}),
        frozenset({"wave", "drug"}),
    }
    copies = posynth.synthesize(frame[["id", "wave", "drug", "bent"]], m=5, seed=1)
    means = [copy.groupby(["drug", "wave"])["bent"].mean() for copy in copies]
    gap = np.mean(means, axis=0) - frame.groupby(["drug", "wave"])["bent"].mean()
    # Standard error of a mean of 40 ids, and of 5 copies of it: 1.1 sqrt(1/40 + 1/200) = .2.
    assert np.abs(gap).max() < 0.6
    assert np.ptp(gap.to_numpy().reshape(2, 5), axis=1).max() < 0.4  # courses: noise only


@pytest.mark.parametrize("every", [4, 12])
def test_a_column_of_ids_that_some_lack_is_missing_in_all_rows_of_an_id_or_none(source, every):
    # 15 ids of 60 lack it, or 5: the latter have no predictors.
    source = pd.concat([source, source[source["id"] < 521].assign(id=lambda f: f["id"] + 100)])
    holed = source.assign(score=source["score"].where(source["id"] % every != 1))
    spec = posynth.specify(holed).spec
    assert (spec["score"].per_group, spec["score_missing"].per_group) == ("id", "id")
    copies = posynth.synthesize(holed, m=5, seed=1)
    shares = []
    for copy in copies:
        groups = copy.groupby("id")["score"]
        assert set(groups.apply(lambda values: values.isna().mean())) <= {0.0, 1.0}
        assert (groups.nunique() <= 1).all()
        shares.append(groups.first().isna().mean())
    pooled = posynth.pool(copies, "ols", "y ~ score", cluster="id", impute=2)
    assert any("values are imputed row by row" in note for note in pooled.notes)
    own = holed.groupby("id")["score"].first().isna().mean()
    # Standard error of a mean of 5 copies of 60 ids: sqrt(2 own (1 - own) / 60 / 5) < .036.
    assert np.mean(shares) == pytest.approx(own, abs=0.12)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sizes": [1_000_000_000, 4, 5]}, "a roster has a pattern of"),
        ({"ids": [1_000_000_000, 1, 1]}, "its roster has"),
        ({"ids": [0, 1, 1]}, "a roster needs"),
        ({"support": ["x"]}, "roster: support"),
    ],
)
def test_a_stored_roster_that_is_not_of_the_rows_is_refused(copies, tmp_path, change, text):
    copies.save(tmp_path / "out")
    file = tmp_path / "out" / "posterior" / "posterior.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    column = next(c for c in facts["schema"]["columns"] if c["name"] == "id")
    column["roster"] |= change
    file.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(posynth.errors.StoreError, match=text):
        posynth.load_posterior(tmp_path / "out")


def test_what_ids_have_in_common_is_no_rule():
    # Each of 20 ids has a level of its own in nearly all of 8 rows; sites have 6 or 7 ids each.
    kept = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        ids, n = np.repeat(np.arange(20), 8), 160
        own = np.array(["x", "y"])[rng.integers(0, 2, 20)[ids]]
        frame = pd.DataFrame(
            {
                "id": ids + 100,
                "wave": np.tile(np.arange(8), 20),
                "site": rng.choice(["a", "b", "c"], 20)[ids],
                "age": rng.integers(20, 70, 20)[ids],
                "kind": np.where(rng.random(n) < 0.1, "z", own),
            }
        )
        kept += any(c.rules for c in posynth.specify(frame).spec)
    assert kept == 0  # rows counted as independent gave rules in 16 of 60 such tables


def test_an_analysis_of_ones_own_within_ids_is_warned_of_columns_drawn_row_by_row(copies):
    def mixed(frame):
        import statsmodels.formula.api as smf

        return smf.mixedlm("y ~ wave", frame, groups=frame["id"]).fit()

    said = "in these copies 'c' is drawn row by row"
    assert any(said in note for note in posynth.pool(copies, mixed).notes)
    plain = posynth.pool(copies, "ols", "score ~ wave", cluster="id").notes
    assert not any(said in note for note in plain)


@pytest.mark.parametrize("order", [None, ["doctor", "hospital", "weight"]])
def test_doctors_of_two_rows_each_belong_to_one_hospital(order):
    """With fewer than two rows an id what is constant within ids was drawn row by row."""
    rng = np.random.default_rng(12)
    doctor, hospital = rng.integers(0, 239, 400), rng.integers(0, 4, 239)
    table = pd.DataFrame({"weight": rng.normal(70, 12, 400).round(2)})
    table["hospital"] = [f"H{hospital[k]}" for k in doctor]
    table["doctor"] = [f"d{k}" for k in doctor]
    for copy in posynth.synthesize(table, m=2, seed=1, order=order):
        assert (copy.groupby("doctor")["hospital"].nunique() == 1).all()
        assert 150 < copy["doctor"].nunique() < 300
        assert not {*copy["doctor"]} & {*table["doctor"]}
