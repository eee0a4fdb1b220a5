"""One tree a conditional: ArviZ takes it as it is, and what it says of the rows is right."""

import arviz as az
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import posynth
from posynth.errors import SpecError, StoreError

mpl.use("Agg")
ROWS = 150
pytestmark = [
    # ArviZ 1.3 on xarray 2026 and Matplotlib 3.11 deprecates things of its own.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def skew(design, response, priors):
    """A gamma regression with a Deterministic, sampled by NUTS."""
    import pymc as pm

    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        alpha = pm.Normal("alpha", 0.0, 3.0)
        beta = pm.Normal("beta", 0.0, 1.0, dims="predictor")
        shape = pm.LogNormal("shape", 0.0, 1.0)
        pm.Deterministic("cv", 1 / pm.math.sqrt(shape))
        mean = pm.math.exp(alpha + X @ beta)
        pm.Gamma("y", alpha=shape, beta=shape / mean, observed=response.y)
    return model


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    x = rng.normal(size=ROWS)
    visits = rng.poisson(np.exp(1 + 0.4 * x))
    frame = pd.DataFrame(
        {
            "x": x,
            "visits": visits,
            "days": (20 + 5 * x + 4 * rng.normal(size=ROWS)).round().astype(int),
            "cost": rng.gamma(3.0, np.exp(1 + 0.3 * x) / 3),
            "sex": rng.choice(["f", "m"], ROWS),
            "score": np.exp(x + rng.normal(size=ROWS)),
        }
    )
    frame["late"] = np.where(rng.random(ROWS) < 0.3, np.nan, x + rng.normal(size=ROWS))
    return frame


@pytest.fixture(scope="module")
def chain(table):
    methods = {"visits": "poisson", "days": "gaussian", "cost": skew, "late": "gaussian"}
    chain = posynth.specify(table, methods=methods)
    given = {"days": ("x",), "visits": ("x",), "cost": ("x",)}
    for target, predictors in given.items():
        chain = chain.change(target, predictors=predictors)
    chain = chain.change("cost", engine="nuts").change("sex", family="cart")
    return chain.change("score", family="gaussian", scale="learned", predictors=("x",), splines=0)


@pytest.fixture(scope="module")
def posterior(table, chain):
    return posynth.fit(table, chain, seed=3)


@pytest.fixture(scope="module")
def trees(table, posterior):
    return {
        target: posterior.inference_data(target, table, seed=1)
        for target in ("visits", "days", "cost", "sex", "score", "late", "late_missing")
    }


PLAIN = {
    "constant_data",
    "log_likelihood",
    "observed_data",
    "posterior",
    "posterior_predictive",
    "prior",
    "prior_predictive",
    "sample_stats",
}


@pytest.mark.parametrize("target", ["visits", "days", "cost", "score", "late", "late_missing"])
def test_every_group_is_there_and_speaks_of_the_same_rows_and_draws(trees, target, posterior):
    tree = trees[target]
    assert set(tree.children) == PLAIN and "absent" not in tree.attrs
    rows = 105 if target == "late" else ROWS
    rows = tree["observed_data"].sizes["row"] if target == "late" else rows
    draws = dict(tree["posterior"].sizes)
    for group in ("log_likelihood", "posterior_predictive"):
        values = tree[group][target]
        assert values.dims == ("chain", "draw", "row")
        assert values.shape == (draws["chain"], draws["draw"], rows)
        assert values["draw"].equals(tree["posterior"]["draw"])
    assert tree["prior_predictive"][target].shape == (1, 500, rows)
    assert tree["constant_data"].sizes["row"] == rows
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    for name, values in tree["prior"].data_vars.items():
        assert values.dims == tree["posterior"][name].dims


@pytest.mark.parametrize("target", ["visits", "days", "cost", "score", "late", "sex"])
def test_observed_values_are_those_of_the_table(trees, table, chain, target):
    present = table[target].dropna()
    prior = posynth.prior_predictive(chain, target, table, draws=5) if target != "sex" else None
    for tree in filter(None, (trees[target], prior)):
        found = tree["observed_data"][target]
        if target == "sex":
            assert found.dtype == np.int64
            assert [found.attrs["levels"][code] for code in found.to_numpy()] == list(present)
            continue
        np.testing.assert_array_equal(found, present)
        kind = np.int64 if target in ("visits", "days") else np.float64
        assert found.dtype == kind
        for group in ("posterior_predictive", "prior_predictive"):
            assert group not in tree.children or tree[group][target].dtype == kind


def test_an_indicator_is_a_level_of_its_own(trees, table):
    found = trees["late_missing"]["observed_data"]["late_missing"]
    assert found.attrs["levels"] == ["present", "missing"]
    np.testing.assert_array_equal(found, table["late"].isna().astype(int))
    assert set(np.unique(trees["late_missing"]["posterior_predictive"]["late_missing"])) == {0, 1}


def test_an_algorithm_has_rows_and_no_likelihood_and_says_so(trees):
    tree = trees["sex"]
    assert set(tree.children) == {
        "constant_data",
        "observed_data",
        "posterior",
        "posterior_predictive",
    }
    assert "family 'cart' is an algorithm, not a PyMC model" in tree.attrs["absent"]
    assert set(np.unique(tree["posterior_predictive"]["sex"])) == {0, 1}


def test_an_improper_prior_is_left_out_and_named(table, chain):
    frame = table[["x"]]
    flat = posynth.specify(frame, methods={"x": "gaussian"}).change("x", prior="flat", scales={})
    tree = posynth.fit(frame, flat, seed=1).inference_data("x", frame, draws=40)
    assert set(tree.children) == PLAIN - {"prior", "prior_predictive"}
    assert "prior 'flat' is improper" in tree.attrs["absent"]
    assert tree["posterior"].sizes["draw"] == 10


def test_attributes_say_how_it_was_fitted(trees, posterior):
    row = posterior.diagnostics().set_index("target").loc["cost"]
    attrs = trees["cost"].attrs
    assert attrs["family"] == "skew" and attrs["engine"] == "nuts" == row["engine"]
    assert attrs["formula"] == "cost ~ x" and attrs["column"] == "cost"
    assert attrs["r_hat"] == row["r_hat"] and attrs["r_hat_limit"] == row["r_hat_limit"]
    assert attrs["inference_library_version"] == posynth.__version__
    assert "k_hat" not in attrs and "created_at" not in attrs
    assert trees["visits"].attrs["k_hat"] < 0.7 or trees["visits"].attrs["engine"] == "hmc"
    said = trees["score"]["log_likelihood"]["score"].attrs["scale"]
    assert "given the column's learned scale" in said
    assert trees["visits"]["log_likelihood"]["visits"].attrs["scale"].startswith("log probability")
    assert "units of the column" in trees["cost"]["log_likelihood"]["cost"].attrs["scale"]


def test_deterministics_are_in_prior_and_posterior(trees):
    for group in ("prior", "posterior"):
        draws = trees["cost"][group]
        np.testing.assert_allclose(draws["cv"], draws["shape"] ** -0.5)


def test_lp_is_the_log_density_of_parameters_and_rows(trees, table, chain):
    """PyMC's own log-density of the same model on the same rows, and what energy adds to it."""
    tree = trees["cost"]
    model = chain["cost"].model(table)
    first = tree["posterior"].isel(chain=0, draw=0)
    point = {"alpha": first["alpha"], "beta": first["beta"], "shape_log__": np.log(first["shape"])}
    values = {name: np.asarray(value) for name, value in point.items()}
    own = model.compile_logp(mode="FAST_COMPILE")(values)
    told = tree["sample_stats"]
    assert told["lp"][0, 0].item() == pytest.approx(float(own), rel=1e-9)
    assert set(told.data_vars) == {
        *("lp", "energy", "diverging", "acceptance_rate", "n_steps", "step_size", "tree_depth"),
    }
    kinetic = (told["energy"] + told["lp"]).to_numpy()
    # Half a chi-squared with 3 degrees of freedom, up to the constant of nutpie's mass matrix.
    assert (kinetic > -0.1).all() and kinetic.mean() == pytest.approx(1.5, abs=0.4)
    assert not told["diverging"].any() and told["acceptance_rate"].mean() > 0.7


def test_what_is_told_of_draws_is_stored_without_any_density_of_the_rows(
    posterior, trees, table, tmp_path
):
    posynth.save_posterior(posterior, tmp_path / "posterior")
    again = posynth.load_posterior(tmp_path / "posterior", methods={"cost": skew})
    stored = xr.open_datatree(tmp_path / "posterior" / "draws.nc", engine="h5netcdf")
    groups = {group.rsplit("/", 1)[-1] for group in stored.groups}
    assert groups - set(posterior.spec.targets) == {"", "posterior", "sample_stats"}
    assert not {"lp", "energy", "logp"} & set(stored["cost"]["sample_stats"].data_vars)
    stored.close()
    assert set(again["cost"].children) == {"posterior", "sample_stats"}
    tree = again.inference_data("cost", table, seed=1)
    assert tree["sample_stats"].to_dataset().equals(trees["cost"]["sample_stats"].to_dataset())


def test_it_can_be_written_by_the_user(trees, tmp_path):
    for target in ("cost", "sex", "visits"):
        trees[target].to_netcdf(tmp_path / f"{target}.nc", engine="h5netcdf")
        with xr.open_datatree(tmp_path / f"{target}.nc", engine="h5netcdf") as again:
            assert set(again.children) == set(trees[target].children)


def test_the_same_seed_gives_the_same_tree(posterior, trees, table):
    again = posterior.inference_data("visits", table, seed=1)
    assert again.identical(trees["visits"])
    other = posterior.inference_data("visits", table, seed=2)
    assert not other["posterior_predictive"].equals(again["posterior_predictive"])
    assert other["log_likelihood"].equals(again["log_likelihood"])


def test_what_has_no_posterior_is_refused(table):
    frame = table[["x"]].assign(double=lambda d: 2 * d["x"])
    chain = posynth.specify(frame, passive={"double": "2 * x"})
    posterior = posynth.fit(frame, chain, seed=1)
    with pytest.raises(SpecError, match="'double' is computed by a rule: it has no parameters and"):
        posterior.inference_data("double", frame)
    with pytest.raises(StoreError, match="unknown conditional 'doubl'"):
        posterior.inference_data("doubl", frame)


# What ArviZ makes of it


def _exact_loo(X, y):
    """Log predictive density of every row given the others, conjugate with a flat prior."""
    found = np.empty(len(y))
    for i in range(len(y)):
        A, b = np.delete(X, i, axis=0), np.delete(y, i)
        inverse = np.linalg.inv(A.T @ A)
        mean, df = inverse @ A.T @ b, len(b) - A.shape[1]
        variance = np.sum((b - A @ mean) ** 2) / df * (1 + X[i] @ inverse @ X[i])
        found[i] = stats.t.logpdf(y[i], df, X[i] @ mean, np.sqrt(variance))
    return found


def test_loo_is_near_its_closed_form(table):
    frame = table[["x", "days"]]
    chain = posynth.specify(frame, methods={"days": "gaussian"})
    chain = chain.change("days", prior="jeffreys", scales={})
    posterior = posynth.fit(frame, chain, seed=1, m=50)
    found = az.loo(posterior.inference_data("days", frame), pointwise=True)
    X, y = np.column_stack([np.ones(ROWS), frame["x"]]), frame["days"].to_numpy(float)
    exact = _exact_loo(X, y)
    assert (found.pareto_k < 0.7).all()
    # p_loo is 3: the sd of log p over draws is about (3 / 150)^.5 a row, its log mean over 1500
    # draws is off by .004, and the sum over 150 rows that share the draws by less than .15.
    assert abs(found.elpd - exact.sum()) < 0.15
    assert np.abs(found.elpd_i.to_numpy() - exact).max() < 0.1


@pytest.mark.parametrize("target", ["visits", "days", "cost", "late", "score"])
def test_loo_pit_values_are_uniform(trees, target):
    """The models are those the columns were drawn from; ties of counts are broken at random."""
    found = az.loo_pit(trees[target])[target].to_numpy()
    assert ((found >= 0) & (found <= 1)).all()
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_conditionals_are_compared(trees, posterior, table):
    chain = posynth.specify(table, methods={"visits": "poisson"})
    alone = posynth.fit(table, chain.change("visits", predictors=()), seed=3)
    other = alone.inference_data("visits", table, draws=200)
    found = az.compare({"x": trees["visits"], "alone": other})
    assert list(found.index) == ["x", "alone"]


PLOTS = {
    # Of ties in counts ArviZ's smoothed tails (not its loo_pit) warn of 0 / 0.
    "plot_loo_pit": ("cost", "late"),
    "plot_prior_posterior": ("visits", "cost", "days"),
    "plot_ppc_dist": ("cost", "late", "score"),
    "plot_ppc_rootogram": ("visits", "days"),
    "plot_energy": ("cost",),
    "plot_trace": ("cost", "visits"),
    "plot_forest": ("cost",),
    "plot_ppc_pit": ("cost",),
    "plot_ppc_pava": ("late_missing",),
}


@pytest.mark.parametrize(("plot", "target"), [(p, t) for p, ts in PLOTS.items() for t in ts])
def test_arviz_draws_it(trees, plot, target):
    import matplotlib.pyplot as plt

    drawn = getattr(az, plot)(trees[target], backend="matplotlib")
    assert drawn is not None
    plt.close("all")


def test_prior_predictive_is_drawn_too(trees):
    import matplotlib.pyplot as plt

    az.plot_ppc_dist(trees["cost"], group="prior_predictive", backend="matplotlib")
    # Whole numbers are seen as such: ArviZ would have them in a rootogram.
    with pytest.warns(UserWarning, match="days in '.*' look discrete"):
        az.plot_ppc_dist(trees["days"], backend="matplotlib")
    plt.close("all")


def test_summaries_have_the_names_of_predictors(trees):
    found = az.summary(trees["cost"])
    assert {"alpha", "beta[x]", "shape", "cv"} == set(found.index)
    assert az.bfmi(trees["cost"])["energy"].min() > 0.3
