"""The verbs on data frames, and what they return."""

import arviz as az
import matplotlib
import numpy as np
import pandas as pd
import pymc as pm
import pytest
import statsmodels.formula.api as smf
import xarray as xr

import posynth
from posynth.errors import SpecError, StoreError, TableError
from posynth.progress import Step

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def few(people):
    return people[["age", "edu", "bmi", "smoke", "income"]]


@pytest.fixture(scope="module")
def copies(few):
    return posynth.synthesize(few, m=3, k=70, seed=1)


def test_every_public_name_is_there():
    assert set(posynth.__all__) <= set(dir(posynth))
    assert all(getattr(posynth, name) is not None for name in posynth.__all__)
    with pytest.raises(AttributeError, match="module 'posynth' has no attribute 'sythesize'"):
        posynth.sythesize  # noqa: B018


def test_describe_says_what_each_column_is(people):
    table = posynth.describe(people)
    assert table.loc["income", ["kind", "missing", "decimals"]].tolist() == [
        "continuous",
        people["income"].isna().sum(),
        2,
    ]
    assert table["kind"].to_dict() == {
        "key": "identifier",
        "age": "count",
        "edu": "nominal",
        "bmi": "continuous",
        "smoke": "binary",
        "income": "continuous",
        "visit": "date",
        "remark": "text",
    }
    assert posynth.describe(people, {"edu": "ordinal"}).loc["edu", "kind"] == "ordinal"


def test_copies_are_frames_like_the_source(copies, few):
    assert len(copies) == 3 and list(copies) == copies.to_pandas()
    for frame in copies:
        assert frame.shape == (70, 5)
        pd.testing.assert_series_equal(frame.dtypes, few.dtypes)
        assert set(frame["edu"]) <= set(few["edu"])
    assert copies[0] is copies.frames[0]
    assert not copies[0].equals(copies[1])
    assert copies.manifest()["k"] == 70 and copies.manifest()["n"] == len(few)
    assert copies.diagnostics()["passed"].all()


def test_copies_as_an_array_have_dims_copy_and_row(copies):
    data = copies.to_xarray()
    assert dict(data.sizes) == {"copy": 3, "row": 70}
    assert list(data.data_vars) == list(copies[0].columns)
    for i, frame in enumerate(copies):
        np.testing.assert_array_equal(data["bmi"].sel(copy=i), frame["bmi"])
        assert data["edu"].sel(copy=i).to_numpy().tolist() == frame["edu"].tolist()
        holes = np.isnan(data["income"].sel(copy=i).astype(float))
        assert holes.to_numpy().tolist() == frame["income"].isna().tolist()


def test_a_column_named_like_a_dim_keeps_its_place():
    frame = pd.DataFrame({"row": np.arange(20) % 7 + 0.5, "copy": np.arange(20) % 3 + 0.25})
    data = posynth.synthesize(frame, m=2, seed=1).to_xarray()
    assert set(data.data_vars) == {"row_", "copy_"}


def test_a_conditional_of_the_posterior_is_taken_by_arviz(copies):
    tree = copies.posterior["bmi"]
    assert isinstance(tree, xr.DataTree) and list(tree.children) == ["posterior"]
    table = az.summary(tree)
    assert {"alpha", "sigma"} <= set(table.index)
    assert (pd.to_numeric(table["r_hat"]) < 1.05).all()
    az.plot_trace(tree, var_names=["sigma"])
    assert float(az.ess(tree)["sigma"]) > 300
    whole = copies.tree
    assert set(whole.children) == set(copies.posterior.spec.targets)
    assert whole["bmi/posterior"].equals(tree["posterior"])


def test_a_conditional_is_a_pymc_model(few):
    chain = posynth.specify(few)
    model = chain["bmi"].model(few)
    assert isinstance(model, pm.Model)
    assert [v.name for v in model.observed_RVs] == ["response"]
    assert {"X", "y"} <= {v.name for v in model.data_vars}
    assert model["X"].get_value().shape == (len(few), 3)
    z = (few["bmi"] - few["bmi"].mean()) / few["bmi"].std(ddof=0)
    np.testing.assert_allclose(model["y"].get_value(), z)
    assert np.isfinite(model.point_logps()["response"])
    present = few["income"].notna().sum()
    assert len(chain["income"].model(few)["y"].get_value()) == present


def test_two_models_of_one_family_keep_their_own_data(few):
    chain = posynth.specify(few)
    age, bmi = chain["age"].model(few), chain["bmi"].model(few)
    posynth.fit(few, chain, seed=1)
    assert age["X"].get_value().shape[1] == 0
    assert bmi["X"].get_value().shape[1] == 3


def test_a_chain_is_read_changed_and_printed(few):
    chain = posynth.specify(few, order=["edu"])
    assert len(chain) == 6 and next(iter(chain)).conditional.target == "edu"
    changed = chain.change("bmi", predictors=("edu",), prior="flat")
    assert changed.spec["bmi"].predictors == ("edu",)
    assert chain.spec["bmi"].predictors is None, "the chain itself does not change"
    assert "bmi ~ edu   [gaussian]" in str(changed)
    assert "bmi ~ edu + age   [gaussian]" in str(chain)
    assert 'predictors = ["edu"]' in changed.to_toml()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"familiy": "gaussian"}, "unknown field 'familiy'; allowed: .* Did you mean 'family'"),
        ({"indicates": "age"}, "unknown field 'indicates'"),
        ({"family": "poison"}, "column 'bmi': unknown family 'poison'"),
        ({"predictors": ("income",)}, "predictor 'income' is not visited before it"),
        ({"prior": "wide"}, "unknown prior 'wide'"),
    ],
)
def test_a_wrong_change_is_refused(few, change, text):
    with pytest.raises(SpecError, match=text):
        posynth.specify(few).change("bmi", **change)


@pytest.mark.parametrize("prior", ["flat", "jeffreys"])
def test_coefficients_are_those_of_least_squares(few, prior):
    """Under these priors the posterior mean is the least-squares estimate, exactly."""
    chain = posynth.specify(few).change("bmi", prior=prior)
    posterior = posynth.fit(few, chain, seed=1, m=200)
    found = posterior.coefficients("bmi")
    fit = smf.ols("bmi ~ age + C(edu)", few).fit()
    expected = {"age": "age", "edu[T.low]": "C(edu)[T.low]", "edu[T.middle]": "C(edu)[T.middle]"}
    draws = found.sizes["chain"] * found.sizes["draw"]
    assert draws >= 4000
    df = len(few) - 4 - (prior == "flat")
    for name, other in expected.items():
        slope = found["slope"].sel(predictor=name)
        # The posterior is a t: its sd is the standard error times sqrt(df / (df - 2)) s_df / s.
        sd = fit.bse[other] * np.sqrt(fit.df_resid / (df - 2))
        assert abs(float(slope.mean()) - fit.params[other]) < 4 * sd / np.sqrt(draws)
        assert float(slope.std()) == pytest.approx(sd, rel=4 / np.sqrt(2 * draws))
    intercept = found["intercept"]
    error = fit.bse["Intercept"] / np.sqrt(draws)
    assert abs(float(intercept.mean()) - fit.params["Intercept"]) < 4.2 * error
    assert float(found["sigma"].median()) == pytest.approx(np.sqrt(fit.scale), rel=0.02)


def test_coefficients_of_a_logistic_model_are_on_the_scale_of_its_predictors(few):
    chain = posynth.specify(few).change("smoke", predictors=("age",))
    found = posynth.fit(few, chain, seed=1).coefficients("smoke")
    fit = smf.logit("y ~ age", few.assign(y=(few["smoke"] == "yes").astype(int))).fit(disp=0)
    slope = found["slope"].sel(predictor="age")
    # The prior's pull and the skew of the posterior are small beside the standard error.
    assert abs(float(slope.mean()) - fit.params["age"]) < 0.3 * fit.bse["age"]
    assert float(slope.std()) == pytest.approx(fit.bse["age"], rel=0.15)
    assert "sigma" not in found


def test_a_saturated_table_has_no_linear_predictor(copies):
    posterior = posynth.fit(pd.DataFrame({"a": ["x", "y"] * 10}), seed=1)
    with pytest.raises(StoreError, match="conditional 'a' has no linear predictor"):
        posterior.coefficients("a")
    for call in (copies.posterior.coefficients, copies.posterior.__getitem__):
        with pytest.raises(StoreError, match=r"unknown conditional 'bmy'.*Did you mean 'bmi'"):
            call("bmy")


def test_a_chain_fitted_to_another_table_counts_its_rows(few):
    chain = posynth.specify(few.head(60), kinds={"edu": "nominal"})
    posterior = posynth.fit(few, chain, seed=1)
    assert posterior.schema.rows == len(few) == 160
    assert posterior.schema["income"].missing == few["income"].isna().sum()
    copies = posynth.draw(posterior, 2, seed=1)
    assert len(copies[0]) == 160
    assert copies.manifest()["n"] == 160


def test_a_chain_meets_values_and_columns_it_does_not_know(few):
    chain = posynth.specify(few)
    with pytest.raises(TableError, match="unknown column 'bmi'"):
        posynth.fit(few.drop(columns="bmi"), chain)
    with pytest.raises(TableError, match=r"column 'edu'.*'top'"):
        posynth.fit(few.assign(edu=["top", *few["edu"][1:]]), chain)
    holed = few.assign(bmi=few["bmi"].mask(few.index < 30))
    with pytest.raises(SpecError, match="column 'bmi' has 30 missing values but no missingness"):
        posynth.fit(holed, chain)


def test_a_chain_takes_wishes_that_do_not_contradict_it(few):
    chain = posynth.specify(few)
    copies = posynth.synthesize(few, 2, seed=0, chain=chain, methods={"smoke": "categorical"})
    assert copies.posterior.spec["smoke"].family == "categorical"
    with pytest.raises(SpecError, match="both a chain and an order were given"):
        posynth.synthesize(few, chain=chain, order=["bmi"])
    with pytest.raises(SpecError, match="both a chain and kinds were given"):
        posynth.synthesize(few, chain=chain, kinds={"age": "continuous"})


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"m": 0}, "copies m = 0; it must be a whole number, 1 or more"),
        ({"m": "5"}, "copies m = '5'; it must be a whole number"),
        ({"m": 2.5}, "copies m = 2.5; it must be a whole number"),
        ({"m": True}, "copies m = True; it must be a whole number"),
        ({"k": 0}, "rows k = 0; it must be a whole number, 1 or more"),
        ({"seed": -1}, "seed -1: it must be a whole number, 0 or more"),
        ({"seed": 1.5}, "seed 1.5: it must be a whole number"),
        ({"seed": True}, "seed True: it must be a whole number"),
        ({"workers": 0}, "workers = 0; it must be a whole number, 1 or more"),
        ({"workers": "two"}, "workers = 'two'; it must be a whole number"),
        ({"workers": 2.0}, "workers = 2.0; it must be a whole number"),
        ({"order": 3}, "3 is neither a column nor a list of columns"),
        ({"methods": "cart"}, "methods = 'cart' is of type str; .* as methods={'age': 'cart'}"),
        ({"formulas": ["age"]}, "formulas = .* is of type list; it must be a mapping"),
        ({"predictors": ["age"]}, "predictors = .* of type list; it must be a mapping from"),
        ({"passive": "bmi"}, "passive = 'bmi' is of type str; it must be a mapping"),
        ({"kinds": "nominal"}, "kinds = 'nominal' is of type str; it must be a mapping"),
        ({"chain": 3}, "the chain is of type int; give what `specify` returned"),
        ({"engine": "stan"}, "unknown engine 'stan'"),
        ({"missing": "drop"}, "unknown missing-data plan 'drop'"),
        ({"missing": "error"}, "plan for missing values is 'error'; complete the table first"),
    ],
)
def test_arguments_of_the_wrong_type_or_size_are_refused(few, call, text):
    with pytest.raises(SpecError, match=text):
        posynth.synthesize(few, **call)
    if "m" in call or "k" in call:
        with pytest.raises(SpecError, match="must be a whole number, 1 or more"):
            posynth.draw(posynth.fit(few[["age"]], seed=1), **call)


def test_progress_is_told_of_every_conditional(few):
    steps: list[Step] = []
    posynth.synthesize(few, m=2, seed=1, progress=steps.append)
    fitted = [s for s in steps if s.stage == "fit" and s.engine]
    assert [s.name for s in fitted] == list(posynth.specify(few).spec.targets)
    assert [s.done for s in fitted] == list(range(1, 7)) and {s.total for s in fitted} == {6}
    assert [s for s in steps if s.stage == "draw"][-1].done == 6


def test_few_effective_draws_for_many_copies_are_owned_up_to(few):
    two = few[["age", "smoke"]]
    posterior = posynth.fit(two, posynth.specify(two).change("smoke", engine="hmc"), seed=1, m=2)
    assert posynth.draw(posterior, 2, seed=1).manifest()["passed"]
    with pytest.warns(posynth.DiagnosticWarning, match=r"smoke: ESS \d+ < 4000"):
        many = posynth.draw(posterior, 200, k=5, seed=1).manifest()
    assert list(many["failed"]) == ["smoke"] and not many["passed"]


def test_a_table_with_no_column_to_model_is_refused():
    frame = pd.DataFrame({"who": [f"person {i} of all" for i in range(30)], "one": ["x"] * 30})
    with pytest.raises(SpecError, match="the chain has no conditional: every column is constant"):
        posynth.synthesize(frame)


def test_holes_in_a_constant_are_reproduced():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": rng.normal(size=400), "one": ["x"] * 400})
    frame.loc[rng.random(400) < 0.4, "one"] = None
    copy = posynth.synthesize(frame, m=1, k=4000, seed=1)[0]
    share = frame["one"].isna().mean()
    assert abs(copy["one"].isna().mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)
    assert set(copy["one"].dropna()) == {"x"}


def test_what_is_no_posterior_is_not_drawn_from(few):
    copies = posynth.synthesize(few[["age"]], m=1, seed=1)
    with pytest.raises(SpecError, match=r"not an object of type Copies; .*, or its \.posterior"):
        posynth.draw(copies, 1)
    with pytest.raises(SpecError, match=r"of type str; .*, or load_posterior\(folder\)"):
        posynth.draw("folder", 1)
