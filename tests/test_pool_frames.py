"""Data frames and numbers from anywhere are pooled once it is said how they were made."""

import numpy as np
import pandas as pd
import pyarrow
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Estimate
from posynth.evaluation.inference import pool as pool_records

FORMULA = "y ~ x + g"
N = 90


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(3)
    made = []
    for _ in range(4):
        x, g = rng.normal(size=60), rng.choice(["a", "b"], 60)
        y = 1 + 2 * x + (g == "b") + rng.normal(size=60)
        made.append(pd.DataFrame({"x": x, "g": g, "y": y, "z": (y > 1).astype(int)}))
    return made


def _fits(frames):
    import statsmodels.formula.api as smf

    fits = [smf.ols(FORMULA, frame).fit() for frame in frames]
    return (
        np.array([f.params for f in fits]),
        np.array([f.cov_params() for f in fits]),
        float(fits[0].df_resid),
    )


def test_frames_are_pooled_by_the_rule_for_how_they_were_made(frames):
    q, cov, df = _fits(frames)
    names = ("Intercept", "g[T.b]", "x")
    for proper in (True, False):
        pooled = posynth.pool(frames, "ols", FORMULA, n=N, proper=proper)
        records = [Estimate(names, each, matrix, df) for each, matrix in zip(q, cov, strict=True)]
        made = Provenance(n=N, k=60, m=4, proper=proper)
        expected = pool_records(records, made)
        assert pooled.provenance == made
        assert pooled.choice == expected.choice
        np.testing.assert_allclose(pooled.table, expected.table.loc[list(pooled.names)])


def test_every_way_to_give_frames_is_the_same(frames):
    expected = posynth.pool(frames, "ols", FORMULA, n=N, proper=True).table
    long = pd.concat(frames, keys=range(4), names=["copy", "row"])
    for given in (
        tuple(frames),
        {f"c{i}": frame for i, frame in enumerate(frames)},
        long,
        long.reset_index("copy"),
        [frame[["y", "g", "x", "z"]] for frame in frames],
    ):
        found = posynth.pool(given, "ols", FORMULA, n=N, proper=True).table
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_arrow_tables_are_data_frames(frames):
    expected = posynth.pool(frames, "ols", FORMULA, n=N, proper=True).table
    tables = [pyarrow.Table.from_pandas(frame) for frame in frames]
    found = posynth.pool(tables, "ols", FORMULA, n=N, proper=True).table
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)
    long = pa_long(tables)
    found = posynth.pool(long, "ols", FORMULA, n=N, proper=True).table
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def pa_long(tables):
    numbered = [
        table.append_column("copy", pyarrow.array([i] * len(table)))
        for i, table in enumerate(tables)
    ]
    return pyarrow.concat_tables(numbered)


def test_frames_of_copies_give_what_the_copies_give(heart):
    copies = posynth.synthesize(heart[["sex", "age", "deceased"]], m=3, seed=7)
    there = posynth.pool(copies, "logit", "deceased ~ age + sex")
    long = copies.to_frame().assign(copy=1)  # a column of that name is not the number of the copy
    for frames in (copies.to_pandas(), copies.to_frame(), long):
        here = posynth.pool(frames, "logit", "deceased ~ age + sex", n=299, proper=True)
        pd.testing.assert_frame_equal(here.table, there.table)
        assert here.choice == there.choice


def test_what_is_assumed_is_said(frames):
    assert "are taken to be proper" in posynth.pool(frames, "ols", FORMULA, n=N).text
    assert "taken to be" not in posynth.pool(frames, "ols", FORMULA, n=N, proper=True).text


@pytest.mark.parametrize("names", ["w", ["x", "w"]])
def test_original_columns_are_columns_of_the_copies(frames, names):
    with pytest.raises(MeasureError, match="unsynthesised: unknown column 'w'; allowed: 'g', 'x'"):
        posynth.pool(frames, "ols", FORMULA, n=N, unsynthesised=names)


def test_missing_values_matter_only_in_the_columns_of_the_model(frames):
    holed = [frame.assign(z=frame["z"].where(frame["x"] > -1)) for frame in frames]
    assert posynth.pool(holed, "ols", FORMULA, n=N).provenance.missing == "none"
    assert posynth.pool(holed, "ols", "z ~ x", n=N).provenance.missing == "pattern"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: [f[0], f[1].drop(columns="g")], "copy 2 lacks 'g', unlike copy 1"),
        (lambda f: [f[0], f[1].assign(w=1)], "copy 2 has 'w' besides, unlike copy 1"),
        (lambda f: {"a": f[0], "b": f[1].iloc[:50]}, "b has 50 rows, a has 60"),
        (
            lambda f: [f[0], f[1].assign(x="1")],
            "column 'x' has dtype (str|object) in copy 2 and fl",
        ),
        (
            lambda f: [f[0], "copy.csv"],
            "copy 2 is a str, not a data frame; give a list of data fra",
        ),
        (lambda f: [f[0], 3], "copy 2: .*int"),
        (lambda f: [], "the list of data frames is empty"),
        (lambda f: [f[0].iloc[:0]], "copy 1 has 0 rows"),
        (lambda f: f[0], r"needs a column or index level 'copy'.*given as \[frame\]"),
        (lambda f: 3, "copies are a int; give what `synthesize` returned"),
    ],
)
def test_frames_that_are_not_alike_are_refused(frames, change, said):
    with pytest.raises(MeasureError, match=said):
        posynth.pool(change(frames), "ols", FORMULA, n=N)


@pytest.mark.parametrize(
    ("n", "said"), [(None, "needs n, the number of rows.*k = 60"), (0, "n = 0"), (1.5, "n = 1.5")]
)
def test_n_is_needed(frames, n, said):
    with pytest.raises(MeasureError, match=said):
        posynth.pool(frames, "ols", FORMULA, n=n)


def test_what_a_manifest_says_is_not_said_again(judged_folder):
    with pytest.raises(MeasureError, match="n is for copies given as data frames"):
        posynth.pool(judged_folder[0], "ols", "age ~ sex", n=299)


def test_numbers_alone_are_pooled(frames):
    q, cov, df = _fits(frames)
    expected = posynth.pool(frames, "ols", FORMULA, n=N, proper=True)
    names = ["Intercept", "g[T.b]", "x"]
    full = posynth.pool_estimates(q, cov, n=N, k=60, names=names, df_com=df)
    pd.testing.assert_frame_equal(full.table.loc[list(expected.names)], expected.table)
    assert full.wald(["x", "g[T.b]"]).value == pytest.approx(expected.wald(["x", "g[T.b]"]).value)
    variances = cov.diagonal(axis1=1, axis2=2)
    only = posynth.pool_estimates(q, variances, n=N, k=60, names=names, df_com=df)
    pd.testing.assert_frame_equal(only.table, full.table)
    one = posynth.pool_estimates(q[:, 2], variances[:, 2], n=N, k=60, names="x", df_com=df)
    pd.testing.assert_frame_equal(one.table, full.table.loc[["x"]])


def test_a_joint_test_needs_covariances(frames):
    q, cov, _ = _fits(frames)
    only = posynth.pool_estimates(q, cov.diagonal(axis1=1, axis2=2), n=N, k=60)
    assert np.isfinite(only.wald(["q1"]).value)
    with pytest.raises(MeasureError, match="needs the covariances of the coefficients"):
        only.wald()


@pytest.mark.parametrize(
    ("q", "v", "given", "said"),
    [
        ([1.0, 2.0], [1.0], {}, r"q is of 2 copies and 1 coefficient\(s\), but v has shape \(1,\)"),
        ([[1.0, 2.0]], [[1.0]], {}, r"give a variance for each, \(1, 2\), or covariance matric"),
        (3.0, 1.0, {}, r"q has shape \(\); give \(m,\)"),
        ([1.0, 2.0], [1.0, -1.0], {}, "variance -1"),
        (["a", "b"], [1.0, 1.0], {}, "must be numbers"),
        ([1.0, 2.0], [1.0, 1.0], {"names": ("a", "b")}, "2 names for 1 coefficient"),
        ([1.0, 2.0], [1.0, 1.0], {"nest": 2}, "unexpected keyword argument 'nest'.*nests"),
        ([1.0, 2.0], [1.0, 1.0], {"rule": "rubins"}, "Did you mean 'rubin'"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(q, v, given, said):
    with pytest.raises(MeasureError, match=said):
        posynth.pool_estimates(q, v, n=10, k=10, **given)


def test_nests_are_imputations_and_are_never_ignored(frames):
    # Four copies, two of each of two imputations: the spread between imputations counts, which a
    # rule for four independent copies would take for the noise of synthesis.
    nested = posynth.pool(frames, "ols", FORMULA, n=N, proper=True, nests=2)
    assert nested.provenance.missing == "impute" and nested.choice.rule == "nested"
    q, cov, _ = _fits(frames)
    numbers = posynth.pool_estimates(q, cov, n=N, k=60, nests=2)
    assert numbers.choice.rule == "nested"
    for missing in ("none", "pattern", "joint"):
        with pytest.raises(MeasureError, match=f"2 nests and missing='{missing}'"):
            posynth.pool(frames, "ols", FORMULA, n=N, proper=True, nests=2, missing=missing)
        with pytest.raises(MeasureError, match=f"2 nests and missing='{missing}'"):
            posynth.pool_estimates(q, cov, n=N, k=60, nests=2, missing=missing)


@pytest.mark.parametrize("proper", ["no", 0, "False"])
def test_what_only_counts_as_true_or_false_is_refused(proper):
    frames = [pd.DataFrame({"x": [1.0, 2.0], "y": [i, 1.0]}) for i in (0.0, 0.5)]
    with pytest.raises(posynth.errors.SpecError, match="it must be True or False"):
        posynth.pool(frames, "ols", "y ~ x", n=9, proper=proper)
    with pytest.raises(posynth.errors.SpecError, match="it must be True or False"):
        posynth.pool_estimates([1.0, 2.0], [1.0, 1.0], n=9, k=9, proper=proper)
