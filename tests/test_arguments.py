"""Arguments of another type than they should be are refused in words, whichever verb takes them."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.replacing import check_target
from posynth.errors import MeasureError, PosynthError, SpecError, StoreError
from posynth.evaluation.inference import Estimate, fit_statsmodels
from posynth.table.declare import in_text_order

SIZES = ["never", "rarely", "often", "always"]


@pytest.fixture(scope="module")
def copies(judged_folder):
    return posynth.load_copies(judged_folder[0])


@pytest.mark.parametrize("levels", [{"No", "Yes"}, frozenset({"No"}), 3, {"No": 1}.keys()])
def test_levels_without_an_order_are_refused(levels):
    with pytest.raises(MeasureError, match="which has no order; give a list"):
        fit_statsmodels("y ~ x", "logit", levels=levels)


@pytest.mark.parametrize(
    "levels", [("n", "y"), ["n", "y"], np.array(["n", "y"]), pd.Index(["n", "y"])]
)
def test_levels_in_any_sequence_are_taken(levels):
    frame = pd.DataFrame({"y": ["n", "y", "n", "y"], "x": [1.0, 2.0, 3.0, 2.5]})
    assert fit_statsmodels("y ~ x", "logit", levels=levels)(frame).notes[0].endswith("against n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": -1}, "seed -1: it must be a whole number"),
        ({"seed": "a"}, "seed 'a': it must be a whole number"),
        ({"groups": 2.5}, "groups = 2.5; it must be a whole number"),
        ({"groups": "3"}, "groups = '3'; it must be a whole number"),
        ({"checks": "yes"}, "checks = 'yes'"),
    ],
)
def test_evaluate_and_report_refuse_what_is_no_number_or_truth(
    copies, judged_folder, given, said, tmp_path
):
    with pytest.raises(PosynthError, match=said):
        posynth.evaluate(copies, judged_folder[1], **given)
    named = {"quantiles" if key == "groups" else key: value for key, value in given.items()}
    with pytest.raises(PosynthError, match=said):
        posynth.write_report(copies, judged_folder[1], to=tmp_path / "r.html", **named)


@pytest.mark.parametrize("name", ["improper", "copies_values", "allow_code"])
def test_permissions_are_true_or_false(heart, name):
    with pytest.raises(SpecError, match=f"{name} = 'yes'; it must be True or False"):
        posynth.specify(heart[["age", "sex"]], **{name: "yes"})


@pytest.mark.parametrize("method", [["cart"], None, 3])
def test_a_method_is_a_name_or_a_function(heart, method):
    with pytest.raises(
        SpecError, match=r"methods: 'age' = .*; give the name of a family or method"
    ):
        posynth.specify(heart[["age", "sex"]], methods={"age": method})


def test_copies_are_combined_as_a_list(copies):
    with pytest.raises(MeasureError, match="combined takes a list of copies"):
        posynth.combined(copies)


def test_a_formula_is_a_text(copies):
    with pytest.raises(MeasureError, match="formula = 3: give a text"):
        posynth.pool(copies, "ols", 3)


@pytest.mark.parametrize("null", [[1, 2, 3], "a"])
def test_null_values_are_one_or_one_a_coefficient(copies, null):
    pooled = posynth.pool(copies, "ols", "platelets ~ age")
    with pytest.raises(
        MeasureError, match="give one number for all of 'Intercept', 'age', or a list of 2"
    ):
        pooled.wald(null=null)


@pytest.mark.parametrize("call", [posynth.load_posterior, posynth.read_table, posynth.load_copies])
def test_paths_are_texts_or_paths(call):
    with pytest.raises(PosynthError, match="= None is of type NoneType; give a path"):
        call(None)


@pytest.mark.parametrize("df", [0, -3, float("nan"), "9", True])
def test_degrees_of_freedom_are_above_0(df):
    with pytest.raises(
        MeasureError, match="residual degrees of freedom of an analysis are above 0"
    ):
        Estimate(("a",), [1.0], [[1.0]], df)
    with pytest.raises(
        MeasureError, match="residual degrees of freedom of an analysis are above 0"
    ):
        posynth.pool_estimates([1, 2], [1, 1], n=100, k=100, df_com=df)


@pytest.mark.parametrize(
    "sizes", [{"n": 10.5, "k": 10}, {"n": "100", "k": 10}, {"n": 10, "k": True}]
)
def test_sizes_are_whole_numbers(sizes):
    with pytest.raises(MeasureError, match="must be a whole number, at least 1"):
        posynth.pool_estimates([1, 2], [1, 1], **sizes)


@pytest.mark.parametrize("inside", ["copies/pooled.csv", "copies/copy-9.csv", "posterior/p.json"])
def test_nothing_new_is_written_into_a_part_of_a_run(judged_folder, inside):
    folder = judged_folder[0]
    with pytest.raises(StoreError, match=r"a part of the run in .* that holds nothing but"):
        check_target(folder / inside, overwrite=True)
    check_target(folder / "pooled.csv")


def test_a_file_or_a_part_of_a_run_is_no_output_folder(judged_folder):
    folder, source = judged_folder
    with pytest.raises(StoreError, match="is a file; name the output folder"):
        posynth.load_copies(source)
    for part in ("copies", "posterior"):
        with pytest.raises(StoreError, match=r"is a part of the output folder .*; name that"):
            posynth.load_copies(folder / part)


@pytest.fixture(scope="module")
def likert():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    at = np.digitize(x + rng.logistic(size=200) / 2, [-1, 0, 1])
    return pd.DataFrame({"x": x.round(3), "how": np.array(SIZES)[at]})


def test_ordinal_levels_stand_in_the_order_given(likert):
    kinds = {"how": "ordinal(never<rarely<often<always)"}
    chain = posynth.specify(likert, kinds=kinds)
    assert chain.schema["how"].levels == tuple(SIZES) and not in_text_order(chain.schema["how"])
    copies = posynth.synthesize(likert, m=2, seed=1, kinds=kinds)
    pooled = posynth.pool(copies, "ordered", "how ~ x")
    assert pooled.table.loc["x", "estimate"] > 1
    assert not any("order of their text" in note for note in pooled.notes)


def test_an_order_that_is_only_that_of_the_text_is_told(likert):
    copies = posynth.synthesize(likert, m=2, seed=1, kinds={"how": "ordinal"})
    assert "levels in the order of their text, check it: how" in repr(copies)
    told = "the levels of 'how' stand in the order of their text, always < never < often < rarely"
    assert any(told in note for note in posynth.pool(copies, "ordered", "how ~ x").notes)
    named = posynth.pool(copies, "ordered", "how ~ x", levels=SIZES)
    assert not any("order of their text" in note for note in named.notes)
    assert named.table.loc["x", "estimate"] > 1


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        (("1", "2", "10"), False),
        (("2 low", "9.5 mid", "10 high"), False),
        (("-5", "0", "5"), False),
        (("10+", "5-9", "<5"), True),
    ],
)
def test_ordinal_text_that_begins_with_numbers_is_ordered_by_them(levels, told):
    table = pd.DataFrame({"x": np.arange(90.0), "s": np.resize(levels, 90)})
    column = posynth.specify(table, kinds={"s": "ordinal"}).schema["s"]
    assert column.levels == levels and in_text_order(column) == told
    plain = posynth.specify(table, kinds={"s": "nominal"}).schema["s"]
    assert plain.levels == tuple(sorted(levels))  # without an order, that of the text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ordinal(never<rarely<often)", "leaves out 'always'"),
        ("ordinal(never<rarely<often<always<ever)", "names 'ever', which is no level"),
        ("ordinal(never<never<rarely<often<always)", "names 'never' twice"),
        ("ordinl(never)", "unknown kind"),
    ],
)
def test_an_order_names_each_level_once(likert, kind, said):
    with pytest.raises(PosynthError, match=said):
        posynth.specify(likert, kinds={"how": kind})
