"""Log-likelihood and predictive draws on request: exact where known, and as ArviZ takes them."""

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.errors import SpecError, StoreError, TableError

ROWS = 120


@pytest.fixture(scope="module")
def line() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    x, z = rng.normal(3, 2, ROWS), rng.normal(size=ROWS)
    frame = pd.DataFrame({"x": x, "z": z, "y": 100 + 7 * x + rng.normal(0, 12, ROWS)})
    frame["holed"] = np.where(rng.random(ROWS) < 0.3, np.nan, frame["y"] + rng.normal(size=ROWS))
    frame["group"] = rng.choice(["a", "b", "c"], ROWS, p=[0.2, 0.3, 0.5])
    return frame


def _chain(frame, **changes):
    chain = posynth.specify(frame)
    for target, change in changes.items():
        chain = chain.change(target, **change)
    return chain


@pytest.fixture(scope="module")
def posterior(line):
    chain = _chain(line, y={"predictors": ("x",), "prior": "jeffreys", "scales": {}})
    return posynth.fit(line, chain, seed=1, m=100)


def _leave_one_out(X, y):
    """Exact log predictive density of every row given all others, under Jeffreys' prior."""
    found = np.empty(len(y))
    for i in range(len(y)):
        A, b = np.delete(X, i, axis=0), np.delete(y, i)
        inverse = np.linalg.inv(A.T @ A)
        mean = inverse @ A.T @ b
        df = len(b) - A.shape[1]
        variance = np.sum((b - A @ mean) ** 2) / df * (1 + X[i] @ inverse @ X[i])
        found[i] = stats.t.logpdf(y[i], df, X[i] @ mean, np.sqrt(variance))
    return found


@pytest.fixture(scope="module")
def bounded():
    """A column at or above another in every row, both missing in some, and a question not asked."""
    rng = np.random.default_rng(6)
    x = rng.gamma(9, 5, ROWS).round(1)
    frame = pd.DataFrame({"x": x, "y": (x + rng.gamma(2, 3, ROWS)).round(1)})
    frame.loc[[1, 5, 40], "y"] = np.nan
    frame["asked"] = np.where(rng.random(ROWS) < 0.6, "yes", "no")
    frame["z"] = np.where(frame["asked"] == "yes", rng.normal(size=ROWS), np.nan)
    rules = ["y >= x", "z is missing if and only if asked == 'no'"]
    return frame, posynth.specify(frame, rules=rules), rules


def test_rows_are_those_of_the_table_given(bounded, line, posterior):
    frame, chain, _ = bounded
    fitted = posynth.fit(frame, chain, seed=1)
    for name in ("y", "z"):
        places = np.flatnonzero(frame[name].notna())
        trees = [
            posynth.log_likelihood(fitted, name, frame, draws=20),
            posynth.posterior_predictive(fitted, name, frame, draws=20),
            fitted.inference_data(name, frame, draws=20),
            posynth.prior_predictive(chain.change(name, prior="weak"), name, frame, draws=20),
        ]
        groups = [g for tree in trees for g in tree.children.values() if "row" in g.coords]
        assert len(groups) >= 11
        for group in groups:
            np.testing.assert_array_equal(group["row"], places)
        for tree in trees:
            shown = tree["observed_data"][name].to_series()
            pd.testing.assert_series_equal(
                shown, frame[name].dropna(), check_index_type=False, check_names=False
            )
    part = line[10:].reset_index(drop=True)
    assert posynth.log_likelihood(posterior, "y", part, draws=20)["log_likelihood"]["row"][0] == 0


@pytest.mark.parametrize("by_distance", [False, True])
def test_all_draws_of_a_bounded_column_are_its_values(bounded, by_distance):
    frame, chain, rules = bounded
    if not by_distance:  # far from the bound but for a few
        frame = frame.assign(y=(frame["x"] + 3 * frame["y"].sub(frame["x"]) ** 0.5 + 4).round(1))
        chain = posynth.specify(frame, rules=rules, methods={"y": "bounded"})
    fitted = posynth.fit(frame, chain, seed=1)
    tree = fitted.inference_data("y", frame, draws=100)
    prior = posynth.prior_predictive(chain.change("y", prior="weak"), "y", frame, draws=40)
    x = frame["x"][frame["y"].notna()].to_numpy()
    drawn = [each["posterior_predictive"]["y"] for each in (tree,)]
    drawn += [each["prior_predictive"]["y"] for each in (tree, prior)]
    for values in drawn:
        assert (values.to_numpy() >= x).all()
    gap = float(drawn[0].mean()) - frame["y"].mean()
    assert abs(gap) < 4 * frame["y"].sub(frame["x"]).std() / ROWS**0.5
    said = f"its distance above the lower bound that rules give it ({rules[0]})"
    said = said if by_distance else None  # the values themselves, truncated
    assert tree.attrs.get("response") == said
    assert fitted.coefficients("y").attrs.get("response") == said


def test_loo_is_the_exact_log_score_in_a_conjugate_case(posterior, line):
    tree = posynth.log_likelihood(posterior, "y", line, draws=2000)
    found = az.loo(tree, pointwise=True)
    exact = _leave_one_out(np.column_stack([np.ones(ROWS), line["x"]]), line["y"].to_numpy())
    assert (found.pareto_k < 0.7).all()
    # The log mean density of a row has a Monte-Carlo error near sd(l) / sqrt(2000), 0.01 or so.
    assert abs(found.elpd - exact.sum()) < 0.15
    assert np.abs(found.elpd_i.to_numpy() - exact).max() < 0.1


def test_the_log_likelihood_is_the_density_on_the_columns_own_scale(posterior, line):
    tree = posynth.log_likelihood(posterior, "y", line, draws=100)
    natural = posterior.coefficients("y").isel(draw=tree["posterior"]["draw"].to_numpy())
    mean = natural["intercept"] + natural["slope"].sel(predictor="x").drop_vars("predictor") * (
        tree["observed_data"]["y"] * 0 + line["x"].to_numpy()
    )
    expected = stats.norm.logpdf(line["y"].to_numpy(), mean, natural["sigma"].to_numpy()[..., None])
    got = tree["log_likelihood"]["y"].transpose(*mean.dims).to_numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-8)


@pytest.mark.parametrize("prior", ["weak", "conjugate", "flat"])
def test_every_prior_has_the_same_likelihood(line, prior):
    frame = line[["x", "y"]]
    posterior = posynth.fit(frame, _chain(frame, y={"prior": prior, "scales": {}}), seed=1)
    tree = posynth.log_likelihood(posterior, "y", frame, draws=8)
    draws = tree["posterior"]
    sd = draws["variance"] ** 0.5 if prior == "conjugate" else draws["sigma"]
    z, x = ((frame[c] - frame[c].mean()) / frame[c].std(ddof=0) for c in ("y", "x"))
    mean = draws["alpha"].to_numpy()[..., None] + draws["beta"].to_numpy() * x.to_numpy()
    expected = stats.norm.logpdf(z.to_numpy(), mean, sd.to_numpy()[..., None])
    expected -= np.log(frame["y"].std(ddof=0))
    np.testing.assert_allclose(tree["log_likelihood"]["y"], expected, rtol=1e-8)


def test_comparison_ranks_the_true_model_first(line):
    trees = {}
    for name, predictors in (("true", ("x",)), ("without", ()), ("other", ("z",))):
        chain = _chain(line, y={"predictors": predictors})
        trees[name] = posynth.log_likelihood(posynth.fit(line, chain, seed=1), "y", line)
    table = az.compare(trees)
    assert table.index[0] == "true"
    assert table.loc["true", "weight"] > 0.9


def test_a_model_of_another_coding_is_compared_on_the_same_scale(line):
    """The same regression written on the natural scale has the same expected log density."""
    import pymc as pm

    def natural(design, response, priors):
        with pm.Model(coords={"predictor": design.predictors}) as model:
            X = pm.Data("X", design.X, dims=("row", "predictor"))
            y = pm.Data("y", response.y, dims="row")
            alpha = pm.Normal("alpha", 100.0, 300.0)
            beta = pm.Normal("beta", 0.0, 100.0, dims="predictor")
            sigma = pm.HalfNormal("sigma", 100.0)
            pm.Normal("response", alpha + X @ beta, sigma, observed=y, dims="row")
        return model

    frame, elpd = line[["x", "y"]], []
    for family in ("gaussian", natural):
        chain = posynth.specify(frame).change("y", family=family)
        posterior = posynth.fit(frame, chain, seed=1, m=50)
        elpd.append(az.loo(posynth.log_likelihood(posterior, "y", frame, draws=1000)).elpd)
    assert abs(elpd[0] - elpd[1]) < 0.5


def test_rows_with_holes_are_left_out(posterior, line):
    tree = posynth.log_likelihood(posterior, "holed", line, draws=100)
    present = line["holed"].dropna().to_numpy()
    assert tree["log_likelihood"].sizes == {"chain": 4, "draw": 25, "row": len(present)}
    np.testing.assert_allclose(tree["observed_data"]["holed"], present)
    holes = posynth.log_likelihood(posterior, "holed_missing", line, draws=100)
    assert holes["observed_data"]["holed_missing"].sum() == line["holed"].isna().sum()


def test_the_likelihood_of_levels_is_their_probability(posterior, line):
    tree = posynth.log_likelihood(posterior, "group", line, draws=200)
    draws = posterior["group"]["posterior"]
    assert np.exp(tree["log_likelihood"]["group"]).to_numpy().mean() > 1 / 3
    assert (tree["log_likelihood"]["group"] < 0).all()
    assert "contrast" in draws.dims
    levels = [str(level) for level in posterior.schema["group"].levels]
    codes = tree["observed_data"]["group"].to_numpy().astype(int)
    assert [levels[code] for code in codes] == line["group"].tolist()


def test_a_saturated_table_gives_log_shares(line):
    frame = line[["group"]]
    posterior = posynth.fit(frame, seed=1)
    tree = posynth.log_likelihood(posterior, "group", frame, draws=100)
    p = posterior["group"]["posterior"]["p"].isel(
        predictor=0, draw=tree["posterior"]["draw"].to_numpy()
    )
    codes = tree["observed_data"]["group"].to_numpy().astype(int)
    np.testing.assert_allclose(
        tree["log_likelihood"]["group"], np.log(p.to_numpy()[..., codes]), rtol=1e-6
    )


@pytest.mark.parametrize(("draws", "kept"), [(10**6, 150), (600, 150), (599, 75), (4, 1), (1, 1)])
def test_draws_are_thinned_to_a_limit(line, draws, kept):
    frame = line[["x", "y"]]
    posterior = posynth.fit(frame, seed=1)
    tree = posynth.log_likelihood(posterior, "y", frame, draws=draws)
    assert tree["log_likelihood"].sizes["draw"] == tree["posterior"].sizes["draw"] == kept


def test_posterior_predictive_rows_look_like_the_data(posterior, line):
    tree = posynth.posterior_predictive(posterior, "y", line, draws=400, seed=3)
    drawn = tree["posterior_predictive"]["y"]
    assert drawn.dims == ("chain", "draw", "row")
    residual = (drawn - tree["observed_data"]["y"]).to_numpy()
    fit = np.polyfit(line["x"], line["y"], 1)
    noise = np.std(line["y"] - np.polyval(fit, line["x"]), ddof=2)
    # A residual of a new draw holds two noises: its own and that of the row.
    assert residual.std() == pytest.approx(np.sqrt(2) * noise, rel=0.05)
    means = drawn.mean(("chain", "draw")).to_numpy()
    assert np.abs(means - np.polyval(fit, line["x"])).max() < 5 * noise / np.sqrt(400)
    again = posynth.posterior_predictive(posterior, "y", line, draws=400, seed=3)
    assert again["posterior_predictive"].equals(tree["posterior_predictive"])
    other = posynth.posterior_predictive(posterior, "y", line, draws=400, seed=4)
    assert not other["posterior_predictive"].equals(tree["posterior_predictive"])


def test_prior_predictive_rows_have_the_priors_spread(line):
    chain = posynth.specify(line)
    tree = posynth.prior_predictive(chain, "x", line, draws=2000, seed=1)
    drawn = tree["prior_predictive"]["x"].to_numpy()
    mean, sd = line["x"].mean(), line["x"].std(ddof=0)
    # Var = 2.5^2 + E sigma^2 = 6.25 + 2 in units of the column's sd, sigma ~ Exp(1).
    assert drawn.std() / sd == pytest.approx(np.sqrt(8.25), rel=0.1)
    assert abs(drawn.mean() - mean) < 4 * sd * np.sqrt(8.25 / 2000)
    assert set(tree.children) == {"prior", "prior_predictive", "observed_data"}
    np.testing.assert_allclose(tree["observed_data"]["x"], line["x"])
    again = posynth.prior_predictive(chain, "x", line, draws=2000, seed=1)
    assert again["prior_predictive"].equals(tree["prior_predictive"])


def test_what_cannot_be_asked_for_is_refused(posterior, line):
    flat = posynth.specify(line).change("x", prior="flat")
    cases = [
        (SpecError, r"prior 'flat' is improper, so nothing can be .* choose another with change",
         lambda: posynth.prior_predictive(flat, "x", line)),
        (StoreError, r"unknown conditional 'yy'; .* Did you mean 'y'",
         lambda: posynth.log_likelihood(posterior, "yy", line)),
        (TableError, "unknown column 'x'",
         lambda: posynth.log_likelihood(posterior, "y", line.drop(columns="x"))),
        (SpecError, "draws = 0; it must be a whole number, 1 or more",
         lambda: posynth.log_likelihood(posterior, "y", line, draws=0)),
    ]  # fmt: skip
    for error, text, call in cases:
        with pytest.raises(error, match=text):
            call()


def test_nothing_of_it_is_saved(posterior, line, tmp_path):
    posynth.log_likelihood(posterior, "y", line)
    posynth.save_posterior(posterior, tmp_path / "posterior")
    again = posynth.load_posterior(tmp_path / "posterior")
    assert {g.rsplit("/", 1)[-1] for g in again.tree.groups} == {
        "", *posterior.spec.targets, "posterior"
    }  # fmt: skip
    tree = posynth.log_likelihood(again, "y", line, draws=50)
    assert tree.equals(posynth.log_likelihood(posterior, "y", line, draws=50))
