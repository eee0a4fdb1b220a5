"""Priors of single coefficients: in raw units, exact, kept in files, refused if meaningless."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import posynth
from posynth.chain.coefficient_priors import NormalPrior, read_priors
from posynth.copies.manifest import public_manifest
from posynth.errors import SpecError
from posynth.families import families
from posynth.posterior.prior import from_prior
from posynth.posterior.task import encode_table, make_task
from posynth.table.inputs import given_table

N = 240
ABLE = sorted(n for n, f in families().items() if f.facts.stated_priors)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    age, sex = rng.normal(50, 10, N).round(1), rng.choice(["f", "m"], N)
    school = rng.choice([f"s{i}" for i in range(8)], N)
    income = (20 + 0.3 * age + 2 * (sex == "m") + rng.normal(0, 5, N)).round(2)
    sick = (rng.random(N) < expit(-1 + 0.04 * (income - 35))).astype(int)
    visits, share = rng.poisson(np.exp(0.02 * age)), rng.beta(4, 3, N).round(4)
    grade = rng.choice(["low", "mid", "top"], N, p=[0.5, 0.3, 0.2])
    columns = {"age": age, "sex": sex, "school": school, "income": income, "sick": sick}
    return pd.DataFrame({**columns, "visits": visits, "share": share, "grade": grade})


def _close(draws, mean, sd):
    """Mean and sd of independent draws, within 4.5 Monte-Carlo standard errors of exact ones."""
    count = draws.size
    assert abs(float(draws.mean()) - mean) < 4.5 * sd / count**0.5
    assert (
        abs(float(draws.std()) / sd - 1) < 4.5 / (2 * count) ** 0.5 * 1.3
    )  # tails heavier than normal


def _normal_posterior(df, intercept, slope):
    """Exact means and sds of the slopes of income on age and sex, by quadrature over sigma.

    In raw units and written anew: intercept of centred predictors and the slope of age as stated,
    the slope of sex N(0, 2.5 s_y), sigma Exp(1 / s_y).
    """
    y = df["income"].to_numpy()
    A = np.column_stack([np.ones(N), df["age"], df["sex"] == "m"]).astype(float)
    A[:, 1:] -= A[:, 1:].mean(axis=0)
    scale = y.std()
    m = np.array([intercept[0], slope[0], 0.0])
    precision = np.diag([intercept[1], slope[1], 2.5 * scale]).astype(float)
    precision[np.diag_indices(3)] **= -2
    grid = np.exp(np.linspace(np.log(0.2 * scale), np.log(5 * scale), 2001))
    logs, means, variances = [], [], []
    for sigma in grid:
        V = np.linalg.inv(A.T @ A / sigma**2 + precision)
        center = V @ (A.T @ y / sigma**2 + precision @ m)
        rest, off = y - A @ center, center - m
        log = -N * np.log(sigma) - 0.5 * rest @ rest / sigma**2 - 0.5 * off @ precision @ off
        logs.append(log + 0.5 * np.linalg.slogdet(V)[1] - sigma / scale + np.log(sigma))
        means.append(center)
        variances.append(np.diag(V))
    w = np.exp(np.array(logs) - max(logs))
    w, means = w / w.sum(), np.array(means)
    mean = w @ means
    return mean, np.sqrt(w @ np.array(variances) + w @ (means - mean) ** 2)


def test_a_normal_regression_has_the_exact_posterior_under_a_prior_off_zero(table):
    df = table[["age", "sex", "income"]]
    stated = {"age": (0.55, 0.03), "intercept": (30.0, 0.4)}
    posterior = posynth.fit(df, posynth.specify(df, priors={"income": stated}), seed=1, m=200)
    assert posterior.links["income"].diagnosis.engine == "exact"
    found = posterior.coefficients("income")
    mean, sd = _normal_posterior(df, stated["intercept"], stated["age"])
    assert abs(mean[1] - 0.3) > 3 * 0.03  # the prior is felt
    for place, name in ((1, "age"), (2, "sex[T.m]")):
        _close(found["slope"].sel(predictor=name).to_numpy(), mean[place], sd[place])
    centre = found["slope"].sel(predictor="age") * df["age"].mean()
    centre = centre + found["slope"].sel(predictor="sex[T.m]") * (df["sex"] == "m").mean()
    _close((found["intercept"] + centre).to_numpy(), mean[0], sd[0])


def test_a_logistic_regression_has_the_posterior_of_quadrature(table):
    df = table[["income", "sick"]]
    stated = {"income": (0.3, 0.03), "Intercept": (1.0, 0.2)}
    posterior = posynth.fit(df, posynth.specify(df, priors={"sick": stated}), seed=1, m=200)
    x, y = (df["income"] - df["income"].mean()).to_numpy(), df["sick"].to_numpy()
    a, b = np.linspace(-1, 2.5, 351)[:, None], np.linspace(0, 0.45, 451)
    log = -0.5 * ((a - 1) / 0.2) ** 2 - 0.5 * ((b - 0.3) / 0.03) ** 2
    for xi, yi in zip(x, y, strict=True):
        eta = a + b * xi
        log = log + yi * eta - np.logaddexp(0, eta)
    w = np.exp(log - log.max())
    w /= w.sum()
    slope = posterior.coefficients("sick")["slope"].to_numpy()
    mean = float((w.sum(axis=0) * b).sum())
    sd = float(np.sqrt((w.sum(axis=0) * (b - mean) ** 2).sum()))
    assert 0.1 < mean < 0.27
    _close(slope, mean, sd)


def _target(name):
    """Return the column that a family can model, and what else its conditional states."""
    facts = families()[name].facts
    targets = {
        **dict.fromkeys(["bernoulli", "bernoulli_ml"], "sick"),
        **dict.fromkeys(["ordinal", "ordinal_probit", "categorical", "restricted"], "grade"),
        **dict.fromkeys(
            ["poisson", "negbinomial", "hurdle", "zero_inflated", "binomial"], "visits"
        ),
        "beta": "share",
    }
    more = {"new_groups": "school"} if facts.design == "grouped" else {}
    options = {"binomial": {"trials": 40.0}, "truncated": {"lower": 0.0, "upper": 100.0}}
    more |= {"options": options[name]} if name in options else {}
    rules = {"restricted": "grade != 'top' if age < 20", "bounded": "income <= age * 20"}
    return targets.get(name, "income"), more | ({"rules": rules[name]} if name in rules else {})


PAIRS = [(n, p) for n in ABLE for p in families()[n].facts.stated_priors]


def _stated_chain(table, name, prior, stated):
    """Return the table, its kinds and a chain in which a family has these priors."""
    target, more = _target(name)
    df = table[["age", "school", "sex", target]]
    kinds = {"grade": "ordinal(low<mid<top)"} if "ordinal" in name else {}
    kinds |= {"visits": "count"} if target == "visits" else {}
    chain = posynth.specify(df, kinds=kinds, rules=more.pop("rules", ()))
    predictors = ("school", "age", "sex") if "new_groups" in more else ("age", "sex")
    changes = {"prior": prior, "predictors": predictors, "scale": "natural", "scales": {}, **more}
    plain = {"splines": 0, "interactions": ()}
    return df, kinds, chain.change(target, family=name, priors=stated, **plain, **changes)


def _stated_for(name, prior):
    has_intercept = "intercept" in families()[name].facts.priors[prior]
    return {"age": (0.7, 0.02), **({"intercept": (3.0, 0.1)} if has_intercept else {})}


@pytest.mark.parametrize(("name", "prior"), PAIRS)
def test_the_pymc_model_of_a_family_holds_the_prior_in_raw_units(table, name, prior):
    """log p of the standardised coefficient, and the log of its unit, is that of the raw one."""
    import pymc as pm
    from pytensor.compile.mode import Mode

    stated = _stated_for(name, prior)
    df, kinds, chain = _stated_chain(table, name, prior, stated)
    target = _target(name)[0]
    own = given_table(df, kinds)
    rows = encode_table(own, chain.spec)
    task, coding = make_task(rows, chain.spec, chain.spec[target], families()[name])
    model, place = task.model(), coding.predictors.index("age")
    mode = Mode(linker="py", optimizer=None)

    def log_p(parameter, standardised):
        value = np.full(
            task.priors[{"beta": "slope", "alpha": "intercept"}[parameter]].shape, standardised
        )
        return pm.logp(model[parameter], value).eval(mode=mode)

    factor = coding.encoder.scale[place] / coding.unit
    found = log_p("beta", 0.73 * factor)[place] + np.log(factor)
    np.testing.assert_allclose(found, stats.norm.logpdf(0.73, 0.7, 0.02), rtol=1e-9)
    usual = log_p("beta", 0.4)[coding.predictors.index("sex[T.m]")]
    shape = stats.logistic if prior == "log_f" else stats.norm
    scale = families()[name].facts.priors[prior]["slope"]
    np.testing.assert_allclose(usual, shape.logpdf(0.4, 0, scale), rtol=1e-9)
    if "intercept" in stated:
        found = log_p("alpha", (3.05 - coding.origin) / coding.unit) - np.log(coding.unit)
        np.testing.assert_allclose(found, stats.norm.logpdf(3.05, 3.0, 0.1), rtol=1e-9)


@pytest.mark.parametrize(("name", "prior"), [("bounded", "weak"), ("categorical", "log_f")])
def test_draws_from_the_prior_have_the_moments_that_were_stated(table, name, prior):
    df, kinds, chain = _stated_chain(table, name, prior, _stated_for(name, prior))
    drawn = from_prior(chain, given_table(df, kinds), np.random.default_rng(3), draws=300)
    target = _target(name)[0]
    found = drawn.coefficients(target)
    _close(found["slope"].sel(predictor="age").to_numpy(), 0.7, 0.02)
    shown = [str(each) for each in found["slope"]["predictor"].to_numpy()]
    centre = dict(zip(shown, drawn.links[target].coding.encoder.center, strict=True))
    at = found["intercept"] + sum(found["slope"].sel(predictor=n) * c for n, c in centre.items())
    _close(at.to_numpy(), 3.0, 0.1)


@pytest.mark.parametrize("name", ["gaussian_ml", "bernoulli_ml", "location_scale_ml"])
def test_a_sharp_prior_decides_the_slope_of_grouped_rows(table, name):
    df, _, chain = _stated_chain(table, name, "weak", {"age": (0.7, 1e-4)})
    target = _target(name)[0]
    posterior = posynth.fit(df, chain, seed=3)
    assert posterior.links[target].diagnosis.engine != "nuts"
    slope = posterior.coefficients(target)["slope"].sel(predictor="age")
    assert abs(float(slope.mean()) - 0.7) < 1e-4
    assert 0.5e-4 < float(slope.std()) < 1.5e-4


@pytest.mark.parametrize(
    ("name", "prior", "engine"),
    [
        ("bernoulli", "log_f", "hmc"),
        ("categorical", "log_f", "hmc"),
        ("ordinal", "log_f", "hmc"),
        ("location_scale", "weak", "hmc"),
        pytest.param("gaussian_ml", "weak", "nuts", marks=pytest.mark.slow),
        pytest.param("bernoulli_ml", "weak", "nuts", marks=pytest.mark.slow),
        ("lognormal", "weak", "hmc"),
    ],
)
def test_the_sampler_of_a_family_agrees_with_the_pymc_model(table, name, prior, engine):
    """Means and sds of two independent fits, within 5 of their Monte-Carlo standard errors."""
    target, more = _target(name)
    kinds = {"grade": "ordinal(low<mid<top)"} if name == "ordinal" else {}
    df = table[["age", "school", target]] if "new_groups" in more else table[["age", target]]
    chain = posynth.specify(df, kinds=kinds)
    predictors = ("school", "age") if "new_groups" in more else ("age",)
    changes = {"prior": prior, "predictors": predictors, "scale": "natural", "scales": {}, **more}
    sigma = {"income": 0.03, "sick": 0.01, "grade": 0.01}[target]
    if name == "lognormal":
        sigma = 0.002
    stated = {"age": (4 * sigma, sigma)}
    chain = chain.change(target, family=name, splines=0, interactions=(), priors=stated, **changes)
    fits = [posynth.fit(df, chain.change(target, engine=e), seed=4, m=50) for e in ("auto", engine)]
    assert fits[0].links[target].diagnosis.engine not in ("hmc", "nuts")
    each = [f.coefficients(target)["slope"].sel(predictor="age") for f in fits]
    first, second = ((float(e.mean()), float(e.std())) for e in each)
    sizes = [max(f.links[target].diagnosis.ess, 400) for f in fits]
    error = first[1] * sum(1 / size for size in sizes) ** 0.5
    assert abs(first[0] - second[0]) < 5 * error
    assert abs(np.log(first[1] / second[1])) < 5 * sum(0.5 / size for size in sizes) ** 0.5 * 1.3


@pytest.mark.parametrize(
    ("name", "prior"),
    [
        ("gaussian", "weak"),
        ("gaussian_ml", "weak"),
        ("lognormal", "weak"),
        ("bernoulli", "log_f"),
        ("categorical", "log_f"),
        ("ordinal", "weak"),
        ("location_scale", "weak"),
        ("restricted", "log_f"),
    ],
)
def test_ranks_are_uniform_under_priors_off_zero(table, name, prior):
    """Simulation-based calibration, 100 replications, limit .001 over all quantities; seed fixed.

    The standard error of a mean rank is .029 of its range.
    """
    target = _target(name)[0]
    stated = {"age": (0.05, 0.03)}
    if "intercept" in families()[name].facts.priors[prior]:
        stated["intercept"] = (30.0, 3.0) if target == "income" else (1.0, 0.5)
    if name == "lognormal":
        stated = {"age": (0.02, 0.005), "intercept": (3.0, 0.2)}
    df, _, chain = _stated_chain(table, name, prior, stated)
    scales = {"slope": 0.7} | ({"intercept": 1.0} if name in ("categorical", "restricted") else {})
    chain = chain.change(target, scales=scales)
    found = posynth.sbc(chain, df, [target], 100, rows=60, seed=2)[target]
    assert found.failed == 0
    assert [result.subject for result in found.results() if not result.passed] == []


def test_stated_priors_survive_chain_file_and_saved_posterior(table, tmp_path):
    df = table[["age", "sex", "income", "grade"]]
    priors = {"income": {"age": {"mu": 0.5, "sigma": 0.1}}, "grade": {"age": {"top": (0.1, 0.02)}}}
    chain = posynth.specify(df, priors=priors)
    text = chain.to_toml()
    assert "priors = {age = {mu = 0.5" in text
    file = tmp_path / "chain.toml"
    file.write_text(text)
    again = posynth.specify(df, chain=file)
    assert again.spec["income"].priors == {"age": NormalPrior(0.5, 0.1)}
    assert again.spec["grade"].priors == {"age": {"top": NormalPrior(0.1, 0.02)}}
    assert again.resolved().digest() == chain.resolved().digest()
    posterior = posynth.fit(df, again, seed=2)
    posynth.save_posterior(posterior, tmp_path / "posterior")
    loaded = posynth.load_posterior(tmp_path / "posterior")
    assert loaded.spec["income"].priors == {"age": NormalPrior(0.5, 0.1)}
    assert loaded.fingerprint == posterior.fingerprint
    scores = [
        p.inference_data("income", df, draws=5)["prior"].to_dataset() for p in (posterior, loaded)
    ]
    assert scores[0].equals(scores[1])


def test_a_table_of_priors_is_read_as_a_hand_would_write_it(table, tmp_path):
    df = table[["age", "income"]]
    text = posynth.specify(df, methods={"income": "gaussian"}).to_toml()
    file = tmp_path / "chain.toml"
    file.write_text(text + "\n[conditional.priors]\nage = {mu = 0.2, sigma = 0.1}\n")
    assert posynth.specify(df, chain=file).spec["income"].priors == {"age": NormalPrior(0.2, 0.1)}


def test_screen_manifest_and_pooling_say_what_was_stated(table, tmp_path):
    df = table[["age", "income"]]
    chain = posynth.specify(df, priors={"income": {"age": (0.5, 0.1)}})
    assert "priors age ~ N(0.5, 0.1)" in str(chain)
    copies = posynth.synthesize(df, m=3, priors={"income": {"age": (0.5, 0.1)}}, seed=1)
    stated = copies.manifest()["priors"]["income"]["stated"]
    assert stated == {"age": {"mu": 0.5, "sigma": 0.1}}
    assert copies.manifest()["stated_priors"] == ["income"]
    public = public_manifest(copies.manifest())
    assert public["stated_priors"] == ["income"]
    assert "0.5" not in json.dumps(public["chain"])
    notes = " ".join(posynth.pool(copies, "ols", "income ~ age").notes)
    assert "priors of single coefficients of 'income' were stated" in notes


def test_a_stated_prior_makes_the_default_a_straight_line(table):
    two_peaks = table["income"] + 60 * (np.arange(N) % 3 == 0)
    df = table[["age", "income"]].assign(income=two_peaks)
    chain = posynth.specify(df)
    assert chain.spec["income"].scale == "learned"  # what it would be
    for made in (
        chain.change("income", priors={"age": (0.1, 0.1)}),
        posynth.specify(df, priors={"income": {"age": (0.1, 0.1)}}),
    ):
        own = made.spec["income"]
        assert (own.family, own.scale, own.splines) == ("gaussian", "natural", 0)


def test_priors_stated_beside_a_chain_file_replace_its_default(table, tmp_path):
    two_peaks = table["income"] + 60 * (np.arange(N) % 3 == 0)
    df = table[["age", "income"]].assign(income=two_peaks)
    file = tmp_path / "chain.toml"
    file.write_text(posynth.specify(df).to_toml())
    own = posynth.specify(df, chain=file, priors={"income": {"age": (0.1, 0.1)}}).spec["income"]
    assert (own.family, own.scale, own.splines) == ("gaussian", "natural", 0)
    assert own.priors == {"age": NormalPrior(0.1, 0.1)}
    with pytest.raises(SpecError, match="unknown conditional 'wage'"):
        posynth.specify(df, chain=file, priors={"wage": {"age": (0.1, 0.1)}})


def test_an_indicator_of_missing_values_takes_priors(table):
    df = table[["age", "income"]].copy()
    df.loc[::4, "income"] = np.nan
    chain = posynth.specify(df, priors={"income_missing": {"age": (0.2, 1e-4)}})
    slope = posynth.fit(df, chain, seed=1).coefficients("income_missing")["slope"]
    assert abs(float(slope.mean()) - 0.2) < 1e-4


def test_rows_that_a_rule_bounds_take_priors_of_the_truncated_normal(table):
    df = table[["age", "income"]].assign(income=np.minimum(table["income"], table["age"]))
    priors = {"income": {"age": (0.5, 1e-4)}}
    chain = posynth.specify(df, rules="income <= age", priors=priors)
    assert chain.spec["income"].family == "bounded"
    copies = posynth.synthesize(df, m=2, rules="income <= age", priors=priors, seed=1)
    slope = copies.posterior.coefficients("income")["slope"]
    assert abs(float(slope.mean()) - 0.5) < 1e-4
    assert all((copy["income"] <= copy["age"]).all() for copy in copies)


def test_copies_with_missing_values_are_imputed_without_the_stated_priors(table):
    df = table[["age", "sex", "income"]].copy()
    df.loc[::4, "income"] = np.nan
    copies = posynth.synthesize(df, m=2, priors={"income": {"age": (0.3, 0.1)}}, seed=1)
    notes = " ".join(posynth.pool(copies, "ols", "income ~ age", impute=2).notes)
    assert "'income' was imputed without the priors stated of its coefficients" in notes


def test_other_slopes_keep_the_prior_for_few_cases(table):
    few = table.assign(rare=(np.arange(N) % 20 == 0).astype(int))[["age", "sex", "income", "rare"]]
    usual = posynth.specify(few).spec["rare"].prior
    stated = posynth.specify(few, priors={"rare": {"age": (0.1, 0.1)}})
    assert stated.spec["rare"].prior == usual == "log_f"
    found = posynth.fit(few, stated, seed=1).coefficients("rare")["slope"]
    assert float(found.sel(predictor="age").std()) < 0.1  # the prior's sd is 0.1


ERRORS = {
    "no coefficient": (
        {"income": {"wage": (0, 1)}},
        "unknown coefficient 'wage'; allowed: 'age', 'intercept', 'sex\\[T.m\\]'",
    ),
    "no column": ({"wage": {"age": (0, 1)}}, "priors: unknown conditional 'wage'"),
    "sd": ({"income": {"age": (0, -1)}}, "'age': sigma = -1; it must be a positive, finite"),
    "mean": ({"income": {"age": (float("nan"), 1)}}, "'age': mu = nan; it must be finite"),
    "shape": ({"income": {"age": 3}}, "prior of 'age' = 3; give mean and standard deviation"),
    "text": ({"income": {"age": ("a", 1)}}, "prior of 'age': mu = 'a'; it must be a number"),
    "levels": (
        {"income": {"age": {"a": (0, 1)}}},
        "'age' names levels \\('a'\\), and family 'gaussian'",
    ),
    "twice": ({"income": {"intercept": (0, 1), "Intercept": (0, 1)}}, "intercept stands twice"),
    "level": ({"grade": {"age": {"lo": (0, 1)}}}, "unknown level 'lo'; allowed: 'mid', 'top'"),
    "no mapping": ({"income": 3}, "priors = 3; it must be a mapping from coefficients"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_a_prior_is_refused_with_what_is_allowed(table, what):
    priors, match = ERRORS[what]
    with pytest.raises(SpecError, match=match):
        posynth.specify(table[["age", "sex", "income", "grade"]], priors=priors)


CHANGES = {
    "family": (
        {"family": "cart"},
        "family 'cart' takes no prior of a single coefficient; families",
    ),
    "structured": ({"family": "structured"}, "for continuous columns that do: .*gaussian"),
    "prior": ({"prior": "flat"}, "under prior 'flat' family 'gaussian' takes no prior .* 'weak'"),
    "strata": ({"strata": "sex"}, "within strata \\('sex'\\)"),
    "learned": ({"scale": "learned"}, "on scale 'learned' coefficients are about normal scores"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_families_priors_and_scales_without_a_meaning_for_it_refuse(table, what):
    changes, match = CHANGES[what]
    chain = posynth.specify(table[["age", "sex", "income"]], methods={"income": "gaussian"})
    with pytest.raises(SpecError, match=match):
        chain.change("income", priors={"age": (0, 1)}, copies_values=True, **changes)


def test_cutpoints_have_no_intercept(table):
    df = table[["age", "grade"]]
    chain = posynth.specify(
        df, kinds={"grade": "ordinal(low<mid<top)"}, methods={"grade": "ordinal"}
    )
    with pytest.raises(SpecError, match="cutpoints and no intercept"):
        chain.change("grade", priors={"intercept": (0, 1)})


def test_priors_of_bambi_are_taken_if_they_are_normal():
    """A Bambi prior has a name and args, whose values are arrays of NumPy."""
    normal = SimpleNamespace(name="Normal", args={"mu": np.array(0.2), "sigma": np.array(0.1)})
    assert read_priors("y", {"x": normal}) == {"x": NormalPrior(0.2, 0.1)}
    laplace = SimpleNamespace(name="Laplace", args={"mu": 0.0, "b": 1.0})
    with pytest.raises(SpecError, match="distribution 'Laplace'; only 'Normal'"):
        read_priors("y", {"x": laplace})
