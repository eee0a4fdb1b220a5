"""Several codes for missing values are kinds of their own in copies, in shares that follow."""

import re

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.missing_kinds import missingness
from posynth.posterior.plan import plan
from posynth.posterior.task import encode_table
from posynth.table import read_table

#: Group -> shares of values that are present, -9, -8 and empty.
SHARES = {"a": (0.55, 0.35, 0.05, 0.05), "b": (0.55, 0.05, 0.35, 0.05)}
ROWS = 800
CODES = ["", "-9", "-8", "NA"]


def table_of(rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b"], rows)
    age = rng.integers(20, 80, rows)
    kind = np.array([rng.choice(4, p=SHARES[g]) for g in group])
    income = np.round(1000 + 10 * age + rng.normal(0, 90, rows), 1)
    cells = [CODES[k] or f"{x:.1f}" for k, x in zip(kind, income, strict=True)]
    later = rng.normal(size=rows) + (kind > 0)
    return pd.DataFrame({"g": group, "age": age, "income": cells, "later": later.round(2)})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinds") / "t.csv"
    table_of().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def copies(source):
    return posynth.synthesize(source, m=20, seed=3, na={"income": [-9, -8]})


@pytest.fixture(scope="module")
def folder(copies, source):
    return copies.save(source.parent / "out")


def shares(frame):
    """Share of each code within each group, and of values that are present."""
    what = frame["income"].where(frame["income"].isin(CODES[1:]), "")
    return pd.crosstab(frame["g"], what, normalize="index").reindex(columns=CODES).to_numpy()


def written(folder):
    return [
        pd.read_csv(path, dtype=str, keep_default_na=False)
        for path in sorted((folder / "copies").iterdir())
    ]


def test_files_of_copies_hold_every_kind_in_the_shares_of_its_group(folder, source):
    original = shares(pd.read_csv(source, dtype=str, keep_default_na=False))
    found = np.array([shares(frame) for frame in written(folder)])
    # A share in a copy of 400 rows a group varies by the posterior and by its own draws: the mean
    # of 20 copies has a standard error below sqrt(2 * .25 / 400 / 20) = .008.
    np.testing.assert_allclose(found.mean(axis=0), original, atol=4 * 0.008)
    assert found.std(axis=0).min() > 0.005


def test_frames_hold_missing_values_and_the_column_is_a_number(copies):
    for frame in copies:
        assert frame["income"].dtype == "float64"
        assert frame["income"].min() > 500
        assert 0.3 < frame["income"].isna().mean() < 0.6


def test_the_chain_says_what_the_indicator_models(copies):
    column = copies.schema["income"]
    assert column.missing_kinds == ("-9", "-8", "NA")
    assert "kinds of missing values of their own, in copies too: '-9', '-8', 'NA'" in column.note
    indicator = copies.posterior.spec["income_missing"]
    assert (indicator.family, indicator.indicates) == ("categorical", "income")
    levels = copies.posterior.links["income_missing"].coding.levels
    assert levels == ("present", "-9", "-8", "NA")


def test_later_columns_depend_on_whether_a_value_is_missing(copies):
    gaps = [
        frame["later"][frame["income"].isna()].mean()
        - frame["later"][frame["income"].notna()].mean()
        for frame in copies
    ]
    # True difference 1; residual sd 1, so a copy's difference has a standard error of .07 twice.
    assert abs(np.mean(gaps) - 1) < 4 * 0.07


def test_a_folder_read_again_keeps_the_kinds(copies, folder, tmp_path):
    again = posynth.load_copies(folder)
    for one, other in zip(again.frames, copies.frames, strict=True):
        pd.testing.assert_frame_equal(one, other)
    for one, other in zip(again.reasons, copies.reasons, strict=True):
        np.testing.assert_array_equal(one["income"], other["income"])
    saved = again.save(tmp_path / "again")
    for path in sorted((folder / "copies").iterdir()):
        assert (saved / "copies" / path.name).read_bytes() == path.read_bytes()


def test_parts_and_more_draws_keep_the_kinds(copies, folder, tmp_path):
    part = copies[3:5]
    np.testing.assert_array_equal(part.reasons[0]["income"], copies.reasons[3]["income"])
    posterior = posynth.load_posterior(folder)
    more = posynth.draw(posterior, m=2, seed=8).save(tmp_path / "more")
    assert set(CODES[1:]) <= set(written(more)[0]["income"])
    both = posynth.combined([copies, posynth.draw(copies.posterior, m=2, seed=9)])
    assert len(both.reasons) == 22


def test_a_release_holds_the_kinds_and_is_read_without_the_posterior(
    copies, folder, tmp_path, monkeypatch
):
    place = posynth.release(copies, tmp_path / "release")
    assert written(place)[0]["income"].tolist() == written(folder)[0]["income"].tolist()
    passed = posynth.load_copies(place)
    pd.testing.assert_frame_equal(passed.frames[0], copies.frames[0])
    np.testing.assert_array_equal(passed.reasons[0]["income"], copies.reasons[0]["income"])
    text = (place / "HOW_TO_POOL.md").read_text()
    assert "'-9' marks missing values of income; R reads it as missing in every column" in text
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "def read" in block)
    monkeypatch.chdir(place)
    names = {}
    exec(compile(code, "HOW_TO_POOL.md", "exec"), names)
    found = names["read"](sorted((place / "copies").iterdir())[0])
    pd.testing.assert_series_equal(found["income"], copies[0]["income"])


def test_pool_and_evaluate_take_them_for_missing(copies, source):
    pooled = posynth.pool(copies, formula="income ~ age")
    assert abs(pooled.table["estimate"]["age"] - 10) < 4 * pooled.table["std error"]["age"]
    results = posynth.evaluate(copies[:2], source)
    assert any(result.measure == "KS" and result.subject == "income" for result in results)


def test_parquet_files_hold_numbers_as_codes(copies, tmp_path):
    place = copies[:2].save(tmp_path / "parquet", "parquet")
    frame = pd.read_parquet(sorted((place / "copies").iterdir())[0])
    reasons = copies.reasons[0]["income"]
    assert (frame["income"][reasons == 1] == -9).all()
    assert (frame["income"][reasons == 2] == -8).all()
    assert frame["income"][reasons == 3].isna().all()
    again = posynth.load_copies(place)
    np.testing.assert_array_equal(again.reasons[0]["income"], reasons)
    pd.testing.assert_frame_equal(again.frames[0], copies.frames[0])


def test_one_kind_is_modelled_as_before(source):
    table = read_table(source, na={"income": [-9, -8]})
    rows = table_of()
    rows["income"] = rows["income"].where(~rows["income"].isin(["-9", "-8"]), "NA")
    path = source.parent / "one.csv"
    rows.to_csv(path, index=False)
    plain = posynth.specify(path)
    assert plain.schema["income"].missing_kinds == ()
    assert plain.spec["income_missing"].family == "bernoulli"
    coded = posynth.specify(path, na={"income": "-7"})
    assert coded.spec == plain.spec
    assert table.schema["income"].missing == plain.schema["income"].missing


def test_a_chain_is_fitted_to_other_rows_with_other_kinds(source, tmp_path):
    chain = posynth.specify(source, na={"income": [-9, -8]})
    rows = table_of(300, 2)
    rows["income"] = rows["income"].replace({"-8": "-8.0", "NA": ""})
    rows.to_csv(tmp_path / "other.csv", index=False)
    table, bound = plan(tmp_path / "other.csv", chain=chain)
    found = missingness(encode_table(table, bound.spec), bound.spec["income_missing"])
    kinds = [{"-9": 1, "-8.0": 2, "": 3}.get(cell, 0) for cell in rows["income"]]
    np.testing.assert_array_equal(found, kinds)


def test_codes_in_data_frames_are_kinds(tmp_path):
    df = table_of(400).assign(income=lambda d: pd.to_numeric(d["income"], errors="coerce"))
    copies = posynth.synthesize(df, m=1, seed=1, na={"income": [-9, -8]})
    assert copies.schema["income"].missing_kinds == ("-9", "-8", "")
    (frame,) = written(copies.save(tmp_path / "out"))
    assert {"-9", "-8", ""} <= set(frame["income"])
    (frame,) = copies.to_pandas(codes=True)
    reasons = copies.reasons[0]["income"]
    assert frame["income"][reasons > 0].fillna(0).tolist() == [
        (-9, -8, 0)[reason - 1] for reason in reasons if reason
    ]
    assert copies.to_pandas()[0]["income"].min() > 0
    model = posynth.specify(df, na={"income": [-9, -8]})["income_missing"].model(df)
    assert set(np.unique(model["y"].eval())) == {0, 1, 2, 3}


def test_the_likelihood_sums_over_kinds_where_they_are_not_known(copies, source):
    """p(missing) is the sum over kinds, and with codes in the table each row has its own kind."""
    df = pd.read_csv(source, keep_default_na=False).replace("NA", np.nan)
    coded = df.assign(income=pd.to_numeric(df["income"])).astype({"income": float})
    masked = coded.assign(income=coded["income"].mask(coded["income"] < 0))
    names = ("income_missing", coded), ("income_missing", masked)
    known, unknown = (
        posynth.log_likelihood(copies.posterior, name, frame, 40)["log_likelihood"]
        .to_dataset()["income_missing"]
        .to_numpy()
        .reshape(40, -1)
        for name, frame in names
    )
    there = coded["income"].gt(0).to_numpy()
    np.testing.assert_allclose(known[:, there], unknown[:, there])
    # What is left of p(present) is p(missing), the same for all rows of the same predictors.
    cell = coded.assign(at=range(ROWS)).groupby(["g", "age"])["at"].apply(list)
    checked = 0
    for rows in cell:
        here = [row for row in rows if there[row]]
        gone = [row for row in rows if not there[row]]
        if here and gone:
            total = np.exp(unknown[:, here[0]]) + np.exp(unknown[:, gone[0]])
            np.testing.assert_allclose(total, 1.0, rtol=1e-9)
            assert (known[:, gone[0]] < unknown[:, gone[0]]).all()
            checked += 1
    assert checked > 20


def test_a_chain_file_names_the_kinds_and_is_followed(source, folder, tmp_path):
    text = (folder / "chain.toml").read_text()
    assert 'na = ["-9", "-8"]' in text
    again = posynth.synthesize(source, m=20, seed=3, chain=folder / "chain.toml")
    assert again.schema["income"].missing_kinds == ("-9", "-8", "NA")
    assert set(CODES[1:]) <= set(written(again[:1].save(tmp_path / "x"))[0]["income"])


def test_a_code_of_those_who_were_not_asked_stays_apart_from_that_of_refusals(tmp_path):
    rng = np.random.default_rng(6)
    smoke, asked = rng.choice(["yes", "no"], 400), rng.random(400) > 0.2
    cigs = np.where(smoke == "no", -8, np.where(asked, 1 + rng.poisson(11, 400), -9))
    table = pd.DataFrame({"smoke": smoke, "cigs": cigs, "y": rng.normal(size=400).round(2)})
    table.to_csv(tmp_path / "t.csv", index=False)
    copies = posynth.synthesize(tmp_path / "t.csv", m=2, seed=1, na={"cigs": [-9, -8]})
    for frame in written(copies.save(tmp_path / "out")):
        assert (frame["cigs"][frame["smoke"] == "no"] == "-8").all()
        asked_rows = frame["cigs"][frame["smoke"] == "yes"]
        assert (asked_rows != "-8").all()
        # About 200 rows with a share of .2: standard error .04 with that of the posterior.
        assert abs((asked_rows == "-9").mean() - 0.2) < 4 * 0.04


def test_labels_have_kinds_too(tmp_path):
    rng = np.random.default_rng(4)
    answer = rng.choice(["yes", "no", "dk", "refused"], 300, p=[0.4, 0.3, 0.2, 0.1])
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": rng.normal(size=300).round(2), "q": answer}).to_csv(path, index=False)
    copies = posynth.synthesize(path, m=1, seed=1, na=["dk", "refused"])
    assert copies.schema["q"].levels == ("no", "yes")
    (frame,) = written(copies.save(tmp_path / "out"))
    assert set(frame["q"]) == {"yes", "no", "dk", "refused"}
