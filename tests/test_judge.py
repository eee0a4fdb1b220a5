"""The Python verbs on copies: pool, compare, evaluate; what they refuse and why."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import posynth
from posynth import judge
from posynth.errors import MeasureError, StoreError, TableError
from posynth.evaluation.holdout import check_holdout
from posynth.evaluation.inference import mean
from posynth.report import risk_tables
from posynth.report.example_model import example_model
from posynth.table.frame import table_from_frame

FORMULA = "platelets ~ age + sex"


@pytest.fixture(scope="module")
def copies(judged_folder):
    return posynth.load_copies(judged_folder[0])


@pytest.fixture(scope="module")
def source(judged_folder):
    return judged_folder[1]


@pytest.fixture(scope="module")
def results(copies, source):
    return posynth.evaluate(copies, source, keys=["sex", "age"], target="deceased", seed=2)


def test_pooling_by_hand_gives_the_same(copies):
    pooled = posynth.pool(copies, "ols", FORMULA)
    fits = [smf.ols(FORMULA, frame).fit() for frame in copies]
    q = np.array([fit.params["age"] for fit in fits])
    v = np.array([fit.bse["age"] ** 2 for fit in fits])
    row = pooled.table.loc["age"]
    assert row["estimate"] == pytest.approx(q.mean())
    assert row["std error"] == pytest.approx(np.sqrt(v.mean() * (1 + 2 / 3)))
    assert row["df"] == pytest.approx(3 / (1 / 296 + 2 * 0.6**2 / 296))
    assert pooled.choice.rule == "ppd"
    spread = posynth.pool(copies, "ols", FORMULA, rule="t_p_star").table.loc["age"]
    assert spread["std error"] == pytest.approx(np.sqrt(v.mean() + q.var(ddof=1) / 3))


def test_a_folder_and_its_copies_give_the_same(copies, judged_folder):
    from_folder = posynth.pool(judged_folder[0], "ols", FORMULA, estimand="original", level=0.9)
    from_memory = posynth.pool(copies, "ols", FORMULA, estimand="original", level=0.9)
    pd.testing.assert_frame_equal(from_folder.table, from_memory.table)


def test_an_analysis_of_ones_own_is_pooled(copies):
    pooled = posynth.pool(copies, mean("age"))
    assert pooled.table["estimate"].iloc[0] == pytest.approx(
        np.mean([frame["age"].mean() for frame in copies])
    )
    with pytest.raises(MeasureError, match="takes no formula and no model options"):
        posynth.pool(copies, mean("age"), "age ~ sex")


def test_the_event_is_the_second_declared_level(copies, source):
    agreement = posynth.compare(copies, source, "logit", "deceased ~ age")
    frame = pd.read_csv(source)
    own = smf.logit("dead ~ age", frame.assign(dead=frame["deceased"].eq("Yes") * 1.0)).fit(disp=0)
    assert agreement.table.loc["age", "original"] == pytest.approx(own.params["age"], rel=1e-4)


def test_the_agreement_is_about_the_original(copies, source):
    agreement = posynth.compare(copies, source, "ols", FORMULA, level=0.9)
    own = smf.ols(FORMULA, pd.read_csv(source)).fit()
    assert agreement.table["original"].to_dict() == pytest.approx(own.params.to_dict())
    assert agreement.pooled.level == 0.9


def test_labels_without_an_order_are_not_ordered_in_silence(copies):
    with pytest.raises(MeasureError, match="has levels without an order; pass levels="):
        posynth.pool(copies, "ordered", "smoking ~ age")
    assert "No|Yes" in posynth.pool(copies, "ordered", "smoking ~ age", levels=("No", "Yes")).names


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: posynth.pool(c, "olss", FORMULA), "Did you mean 'ols'"),
        (lambda c: posynth.pool(c, "ols"), "formula '': model 'ols' needs one such as"),
        (lambda c: posynth.pool(c, "ols", FORMULA, rule="rubins"), "Did you mean 'rubin'"),
        (lambda c: posynth.pool(c, "ols", FORMULA, data="x.csv"), "compare\\(copies, data, model"),
        (lambda c: posynth.pool(list(c), "ols", FORMULA), "needs n, the number of rows of the so"),
        (lambda c: posynth.compare(list(c), "x.csv"), "copies are a list; give what `synthes"),
    ],
)
def test_what_cannot_be_pooled_is_refused(copies, call, said):
    with pytest.raises(MeasureError, match=said):
        call(copies)


def test_a_failure_on_the_original_is_named_so(copies, source):
    total = posynth.load_heart_failure()["age"].sum()  # no copy has it to the last digit

    def analysis(frame):
        return mean("age")(frame[frame["age"] > 1e9 * (frame["age"].sum() == total)])

    with pytest.raises(MeasureError, match=r"^the original table: column 'age' has 0 value"):
        posynth.compare(copies, source, analysis)


def test_every_room_is_heard(results):
    measures = {r.measure for r in results}
    assert {"S_pMSE", "pMSE_cart", "advice", "repU", "DiSCO", "DCR", "influence"} <= measures
    assert {r.subject for r in results if r.measure == "attribute risk"} == {"deceased"}
    assert not {"LOO", "PPC"} & measures
    assert {r.subject for r in results if r.measure == "DiSCO"} == {"sex:age -> deceased"}


def test_the_seed_decides_every_number(copies, source, results):
    again = posynth.evaluate(copies, source, keys=["sex", "age"], target="deceased", seed=2)
    assert [(r.measure, r.subject, str(r.value)) for r in again] == [
        (r.measure, r.subject, str(r.value)) for r in results
    ]


def test_advice_follows_the_chain_and_not_the_table():
    rng = np.random.default_rng(4)
    x = rng.normal(size=400)
    table = pd.DataFrame({"first": x + rng.normal(size=400) * 0.1, "second": x**2})
    # A straight line, named: the default corrects the two humps that first has given second.
    line = {"first": "gaussian"}
    copies = posynth.synthesize(table, m=2, seed=1, order=["second"], methods=line)
    found = posynth.evaluate(copies, table, keys=["first"])
    charged = {r.subject for r in found if r.measure == "advice" and r.details["pairs"]}
    assert charged == {"first"}


def _others(source, count):
    """Return rows that are none of the source."""
    rows = pd.read_csv(source)[:count]
    return rows.assign(platelets=rows["platelets"] + 1)


def test_rows_of_the_source_are_no_holdout(copies, source):
    table = pd.read_csv(source)
    for held, found in ((table, "299 of its 299"), (table[:100], "100 of its 100")):
        with pytest.raises(MeasureError, match=f"the holdout: {found} rows are rows of the table"):
            posynth.lay_beside(copies, source, holdout=held)
    # 6 rows of the source have twins, so that about 2 of 100 would be alike, and 10 with
    # probability .004: that share is an estimate.
    mixed = pd.concat([_others(source, 80), table[80:100].astype({"age": "float64"})])
    with pytest.raises(MeasureError, match=r"20 of its 100 rows .*about [0-2] would.*Do not leave"):
        posynth.lay_beside(copies, source, holdout=mixed)


def test_rows_that_are_alike_by_chance_may_be_held_out():
    rng = np.random.default_rng(3)
    names = list("abc")
    source, held = (pd.DataFrame(rng.integers(0, 3, (n, 3)), columns=names) for n in (300, 100))
    schema = table_from_frame(source).schema
    assert len(held.merge(source.drop_duplicates())) == 100
    check_holdout(held, source, schema)


def test_a_holdout_measures_membership(copies, source):
    held = _others(source, 40)
    found = posynth.evaluate(copies, source, keys=["sex"], target="deceased", holdout=held)
    assert all(np.isfinite(r.value) for r in found if r.measure in ("MIA AUC", "DCR share"))


def test_checks_come_first_and_change_nothing_else(copies, source, results):
    options = {"keys": ["sex", "age"], "target": "deceased", "seed": 2}
    checked = posynth.evaluate(copies, source, checks=True, **options)
    assert [r.measure for r in checked[:2]] == ["LOO", "PPC"]
    rest = [r for r in checked if r.measure not in ("LOO", "PPC")]
    assert [(r.measure, str(r.value)) for r in rest] == [(r.measure, str(r.value)) for r in results]


def test_no_result_shows_a_row(copies, source):
    found = posynth.evaluate(copies, source, keys=["sex"], target="age", checks=True)
    by_rows = [r for r in found if r.details.get("row_level")]
    assert {"attribute risk", "influence", "LOO"} <= {r.measure for r in by_rows}
    lengths = [np.size(value) for r in by_rows for value in r.details.values()]
    assert max(lengths) <= len(copies)


def test_a_function_that_was_not_stored_is_named_and_stops_nothing(tmp_path, heart):
    import pymc as pm

    def line(design, response, priors):
        with pm.Model(coords={"predictor": design.predictors}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            slope = pm.Normal("slope", 0.0, 1.0, dims="predictor")
            pm.Normal("z", X @ slope, pm.HalfNormal("sd", 1.0), observed=y, dims="row")
        return model

    table = heart[["sex", "age"]]
    posynth.synthesize(table, m=2, seed=1, methods={"age": line}).save(tmp_path / "out")
    found = posynth.evaluate(tmp_path / "out", table, keys=["sex"])
    (risk,) = [r for r in found if r.measure == "attribute risk"]
    assert np.isnan(risk.value)
    assert "a function that was passed in Python and is not stored" in risk.text
    assert risk.text in risk_tables.closeness(found).note


def test_an_analysis_of_ones_own_is_told_of_holes_it_may_not_read(heart):
    frames = [heart[["age", "platelets"]].sample(frac=1, random_state=s) for s in range(3)]
    for frame in frames:
        frame.iloc[::7, 1] = np.nan
    given = {"n": len(heart), "proper": True}
    spread = [0.5, 1.0, 1.5]  # so that no two copies are alike
    frames = [f.assign(age=f["age"] + s) for f, s in zip(frames, spread, strict=True)]
    own = posynth.pool(frames, lambda f: (f["age"].mean(), f["age"].var() / len(f)), **given)
    assert "rows with holes are left out" not in own.text
    assert "missing values in 'platelets': if your analysis reads such a column" in own.text
    fitted = posynth.pool(frames, "ols", "age ~ platelets", **given)
    assert "rows with holes are left out of each fit" in fitted.text
    for pooled in (own, fitted):
        assert "must already be the total" not in pooled.text
        assert "that of its complete rows, or must be the total" in pooled.choice.reason


def test_tables_are_laid_side_by_side_in_one_call(copies, source, judged_folder):
    tables = posynth.lay_beside(judged_folder[0], source, holdout=_others(source, 30))
    assert tables.provenance.m == len(tables.copies) == len(copies)
    assert len(tables.original) == 299
    assert len(tables.holdout) == 30


def test_what_is_shown_is_short(copies, source):
    shown = " ".join(repr(copies.posterior).split())
    assert shown.startswith("Posterior of 5 conditionals (batched 3, exact 2), ")
    assert "proper, 5 within diagnostic limits, fitted on 299 rows, seed 5" in shown
    tables = posynth.lay_beside(copies, source)
    assert repr(tables) == "Comparison of 299 rows of 5 columns with 3 copies, no holdout"
    shown = repr(posynth.pool(copies, "ols", FORMULA))
    assert "Rule 'ppd'" in shown
    assert len(shown) < 1500


def test_another_table_is_refused(copies, source, heart):
    with pytest.raises(TableError, match="it has 298 rows, but the copies were made from 299"):
        posynth.evaluate(copies, heart.iloc[1:])
    with pytest.raises(TableError, match="there is no column 'age', which the copies have"):
        posynth.evaluate(copies, heart.drop(columns="age"))
    with pytest.raises(MeasureError, match="Did you mean 'sex'"):
        posynth.evaluate(copies, source, keys=["sexx"])
    with pytest.raises(StoreError, match="output folder 'nowhere' is not there"):
        posynth.evaluate("nowhere", source)


def test_holes_that_are_reproduced_are_judged_and_pooled(heart):
    table = heart[["sex", "age", "platelets"]].copy()
    table.loc[::4, "platelets"] = np.nan
    copies = posynth.synthesize(table, m=2, seed=1)
    pooled = posynth.pool(copies, "ols", FORMULA)
    assert any("rows with missing values were left out" in note for note in pooled.notes)
    assert any("combine_imputations" in note for note in pooled.notes)
    imputed = posynth.pool(copies, "ols", FORMULA, impute=3)
    assert "total over multiple imputations inside that copy" in imputed.choice.reason
    assert any(
        "missing values of 'platelets' were imputed 3 times" in note for note in imputed.notes
    )
    assert not any("left out" in note for note in imputed.notes)
    # Holes in y tell nothing of y | x, so the estimates stay near those without their rows.
    shift = (imputed.table["estimate"] - pooled.table["estimate"]).abs()
    assert (shift < imputed.table["std error"]).all()
    agreement = posynth.compare(copies, table, "ols", FORMULA, impute=3)
    pd.testing.assert_frame_equal(agreement.pooled.table, imputed.table)
    whole = posynth.pool(copies, "ols", "age ~ sex")
    assert "holes" not in whole.text
    assert posynth.evaluate(copies, table, keys=["sex"])


def test_the_example_model_comes_from_the_chain(copies):
    assert example_model(copies) == ("ols", "platelets ~ sex + age + smoking")


@pytest.mark.parametrize("name", ["judge", "material", "reporting", "table.copy_file"])
def test_examples_run(name):
    module = importlib.import_module(f"posynth.{name}")
    assert doctest.testmod(module).failed == 0


def test_every_public_name_has_a_home():
    for name in ("pool", "compare", "evaluate", "write_report", "load_copies", "lay_beside"):
        assert name in posynth.__all__
        assert callable(getattr(posynth, name))
    assert posynth.pool is judge.pool
