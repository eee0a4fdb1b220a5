"""Bambi formulas as conditionals: the density is Bambi's own, and rows can be replaced."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.engines.compiled import CompiledModel
from posynth.engines.conditioned import Conditioned
from posynth.errors import SpecError
from posynth.families import bambi as bambi_families
from posynth.families.bambi import FAMILIES
from posynth.families.base import Design, Response
from posynth.families.own import as_family

needs_bambi = pytest.mark.skipif(
    importlib.util.find_spec("bambi") is None, reason="Bambi is an optional extra"
)
pytestmark = [
    # Bambi 0.21 on pandas 3 and PyMC 6 deprecates things of its own.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

COUNTED = [name for name in FAMILIES if "poisson" in name or "binomial" in name]
LEVELS = {"g": ("b", "c", "d"), "s": ("m",)}
PREDICTORS = ("x", "z", "g[T.b]", "g[T.c]", "g[T.d]", "s[T.m]")


def design(rows, seed=3):
    """Return a design as a chain makes it - numbers, centred contrasts - and it as a data frame."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    g, s = rng.integers(0, 4, rows), rng.integers(0, 2, rows)
    dummies = [(g == k) * 1.0 for k in (1, 2, 3)] + [s * 1.0]
    X = np.column_stack([x, z, *(d - d.mean() for d in dummies)])
    frame = pd.DataFrame({"x": x, "z": z})
    for name, codes in (("g", g), ("s", s)):
        levels = pd.Index(["reference level", *LEVELS[name]])
        frame[name] = pd.Categorical.from_codes(codes, levels, ordered=True)
    return Design(X, PREDICTORS), frame


def task_of(formula, family, rows=60, **options):
    """Return posynth's model of a Bambi formula, and Bambi's own on the same rows."""
    import bambi

    found, frame = design(rows)
    rng = np.random.default_rng(4)
    y = {
        "bernoulli": rng.integers(0, 2, rows),
        "cumulative": rng.integers(0, 3, rows),
        **{name: rng.poisson(3, rows).astype(float) for name in COUNTED},
        "beta": rng.uniform(0.1, 0.9, rows),
    }.get(family, rng.gamma(2.0, 2.0, rows))
    levels = {"bernoulli": ("no", "yes"), "cumulative": ("low", "mid", "top")}.get(family, ())
    formulas = (formula,) if isinstance(formula, str) else tuple(formula)
    build = posynth.from_bambi(list(formulas), family, **options)
    model = build(found, Response("y", y, levels), {})
    right = f"response ~ {formulas[0].partition('~')[2]}"
    own = bambi.Model(
        bambi.Formula(right, *formulas[1:]),
        frame.assign(response=_as_bambi_takes_it(y, levels)),
        family=family,
        center_predictors=False,
        **options,
    )
    own.build()
    return model, own.backend.model


def _as_bambi_takes_it(y, levels):
    ordered = len(levels) > 2
    return pd.Categorical.from_codes(y, pd.Index(levels), ordered=True) if ordered else y


CASES = [
    ("y ~ 0 + x + s", "cumulative"),
    ("y ~ 0 + x + (1 | g)", "cumulative"),
    ("y ~ x + z", "gaussian"),
    ("y ~ x * g", "gaussian"),
    ("y ~ 0 + g + x:s", "t"),
    ("y ~ x + (1 | g)", "gaussian"),
    ("y ~ s + (x | g)", "bernoulli"),
    ("y ~ x + (1 | s:g) + (0 + z | s)", "poisson"),
    ("y ~ (g | s)", "negativebinomial"),
    (("y ~ x", "sigma ~ z + (1 | g)"), "gaussian"),
    ("y ~ x + g", "beta"),
    ("y ~ 1", "exponential"),
]
OTHERS = [("y ~ x", name) for name in FAMILIES if name not in {family for _, family in CASES}]


@needs_bambi
@pytest.mark.parametrize(("formula", "family"), CASES + OTHERS)
def test_the_density_is_that_of_bambis_own_model(formula, family):
    ours, theirs = task_of(formula, family)
    assert {rv.name for rv in ours.free_RVs} == {rv.name for rv in theirs.free_RVs}
    mode = {"mode": "FAST_COMPILE"}
    density, own = (m.compile_logp(**mode) for m in (ours, theirs))
    start, rng = theirs.initial_point(), np.random.default_rng(5)
    for _ in range(3):
        point = {k: v + 0.3 * rng.normal(size=np.shape(v)) for k, v in start.items()}
        assert density(point) == pytest.approx(own(point), rel=1e-9)


@needs_bambi
def test_rows_can_be_replaced_and_a_group_keeps_its_effect():
    found, _ = design(60)
    build = posynth.from_bambi("y ~ x + (1 | g)", "gaussian")
    # From no data at all, as a posterior read from disk is drawn from.
    empty = Design(np.zeros((2, len(PREDICTORS))), PREDICTORS)
    model = build(empty, Response("y", np.zeros(2)), {})
    conditioned = Conditioned(CompiledModel(model), model)
    theta = {"sigma": 0.01, "Intercept": 2.0, "x": 3.0, "1|g_sigma": 2.0}
    values = [np.asarray(theta.get(n, np.arange(4.0))) for n in conditioned.names]
    drawn = conditioned.with_data(X=found.X).draw(values, np.random.default_rng(1))
    index = sum((k + 1) * (found.X[:, 2 + k] > 0) for k in range(3))
    np.testing.assert_allclose(drawn, 2 + 3 * found.X[:, 0] + 2 * index, atol=0.06)


@needs_bambi
def test_priors_of_the_user_are_those_of_the_model():
    import bambi

    priors = {"x": bambi.Prior("Normal", mu=7, sigma=0.1)}
    ours, theirs = task_of("y ~ x", "gaussian", priors=priors)
    point = theirs.initial_point()
    assert ours.compile_logp()(point) == pytest.approx(theirs.compile_logp()(point), rel=1e-9)


@needs_bambi
def test_a_chain_with_a_bambi_model_is_fitted_stored_and_drawn(heart, tmp_path):
    import bambi

    table = heart[["sex", "age", "smoking"]]
    codes = table.assign(smoking=(table["smoking"] == "Yes") * 1)
    given = bambi.Model("smoking ~ age * sex", codes, family="bernoulli")
    method = posynth.from_bambi(given)
    copies = posynth.synthesize(table, m=5, seed=2, methods={"smoking": method})
    row = copies.diagnostics().set_index("target").loc["smoking"]
    assert row["family"] == "bambi_bernoulli" and row["passed"] and row["proper"]
    copies.save(tmp_path / "out")
    again = posynth.load_posterior(tmp_path / "out", methods={"smoking": method})
    assert draw_copies(again, *copies.streams)[3].equals(copies[3])
    # Among women 4 of 105 smoke, among men 92 of 194: shares differ by many standard errors.
    shares = pd.concat(copies).groupby("sex")["smoking"].agg(lambda s: (s == "Yes").mean())
    real = table.groupby("sex")["smoking"].agg(lambda s: (s == "Yes").mean())
    np.testing.assert_allclose(shares, real, atol=0.08)


@needs_bambi
def test_a_file_may_hold_it(heart, tmp_path):
    text = "import posynth\nline = posynth.from_bambi('age ~ sex')\n"
    (tmp_path / "mine.py").write_text(text)
    table = heart[["sex", "age"]]
    chain = posynth.specify(table).change("age", family="gaussian", scale="natural", splines=0)
    file = tmp_path / "chain.toml"
    written = chain.to_toml().replace('family = "gaussian"', 'family = "mine.py:line"')
    written = "\n".join(w for w in written.splitlines() if not w.startswith(("prior", "scales")))
    file.write_text(written)
    found = posynth.specify(table, chain=file, allow_code=True)["age"]
    assert [rv.name for rv in found.model(table).free_RVs] == ["sigma", "Intercept", "sex"]
    assert "Bambi model age ~ sex, family gaussian" in found.family.facts.summary


WRONG = [
    (("y ~ log(x)", "gaussian"), "is a call; name columns, their interactions and groups only"),
    (("y ~ x", "vonmises"), "unknown family 'vonmises'; allowed: 'asymmetriclaplace', 'bernoulli'"),
    (
        ("y ~ x + offset(z)", "gaussian"),
        r"'offset\(z\)' has no unit in a chain, whose pred",
    ),
    (
        ("z ~ x", "gaussian"),
        "'z ~ x' is used for column 'y'; write its name on the left side",
    ),
    (("p(y, n) ~ x", "gaussian"), r"p\(\) on the left side: .* use the family binomial, as metho"),
    (("censored(y, z) ~ x", "gaussian"), "visit the event first and use weibull, lognormal or g"),
    (("truncated(y, lb=0) ~ x", "gaussian"), r"use the family truncated, as .*truncated\(lower=0"),
    (("weighted(y, z) ~ x", "gaussian"), "make the column that they stem from a predictor"),
    (("c(y, z) ~ x", "gaussian"), "a conditional models one column; write one formula a column"),
    (("log(y) ~ x", "gaussian"), r"of 40 values have no finite log\(y\), for example -\d"),
    (
        ("exp(y) ~ x", "gaussian"),
        "'gaussian' gives numbers below 0, of which there is no logarithm",
    ),
    (
        ("log(exp(y)) ~ x", "gamma"),
        r"log\(exp\(y\)\) must be above 0 under family 'gamma', and",
    ),
    (("log(y) ~ x", "poisson"), "family 'poisson' models the column itself; name the column alone"),
    (("y[a] ~ x", "gaussian"), "'a' is no level of a two-level column under family 'bernoulli'"),
    (("y ~ w + x", "gaussian"), "unknown predictor 'w'; allowed: 'g', 's', 'x', 'z'"),
    (("y ~ x + (1 | z)", "gaussian"), "groups 'z' must be a column of levels"),
]


@needs_bambi
@pytest.mark.parametrize(("asked", "text"), WRONG)
def test_what_cannot_be_written_on_a_design_is_refused(asked, text):
    with pytest.raises(SpecError, match=text):
        found, _ = design(40)
        y = np.random.default_rng(1).normal(size=40)
        posynth.from_bambi(*asked)(found, Response("y", y), {})


@needs_bambi
def test_a_column_of_a_name_the_model_needs_is_refused():
    X, y = np.random.default_rng(1).normal(size=(2, 30))
    with pytest.raises(SpecError, match="'X' is a name of the model's own; rename it"):
        posynth.from_bambi("y ~ X")(Design(X[:, None], ("X",)), Response("y", y), {})


def test_without_bambi_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(bambi_families, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"Bambi, which is not installed: pip install 'posynth\[ba"):
        posynth.from_bambi("y ~ x")


@needs_bambi
def test_facts_follow_the_family():
    facts = as_family(posynth.from_bambi("y ~ x", "gamma")).facts
    assert facts.support == "positive" and facts.name == "bambi_gamma"
    assert as_family(posynth.from_bambi("y ~ x", "beta")).facts.options == {
        "lower": None,
        "upper": None,
    }


def _line_of(formula, family, y, center=0.0, scale=1.0):
    x = np.random.default_rng(3).normal(size=(len(y), 1))
    build = posynth.from_bambi(formula, family)
    return build(Design(x, ("x",)), Response("y", y, (), center, scale), {})


LEFT = [
    # Left side, the function of y it stands for, log of its slope in y.
    ("log(y)", np.log, lambda y: -np.log(y)),
    ("np.log10(y + 3)", lambda y: np.log10(y + 3), lambda y: -np.log((y + 3) * np.log(10))),
    ("log1p(`y`)", np.log1p, lambda y: -np.log1p(y)),
    ("I(y / 1000)", lambda y: y / 1000, lambda y: np.full(len(y), -np.log(1000))),
    ("{10 - 2 * y}", lambda y: 10 - 2 * y, lambda y: np.full(len(y), np.log(2))),
    ("scale(y)", lambda y: (y - 4.0) / 2.5, lambda y: np.full(len(y), -np.log(2.5))),
    ("center(y)", lambda y: y - 4.0, lambda y: np.zeros(len(y))),
]


@needs_bambi
@pytest.mark.parametrize(("left", "function", "slope"), LEFT)
def test_the_density_of_a_function_of_the_column_is_that_of_the_column(left, function, slope):
    """Change of variables: log p(y) = log p(f(y)) + log |f'(y)|, row by row."""
    y = np.random.default_rng(2).gamma(4.0, 1.0, 30)
    model = _line_of(f"{left} ~ x", "gaussian", y, 4.0, 2.5)
    plain = _line_of("~ x", "gaussian", function(y))
    point = {name: value + 0.2 for name, value in plain.initial_point().items()}
    found, known = (
        m.compile_logp(vars=m.observed_RVs, sum=False, mode="FAST_COMPILE")(point)[0]
        for m in (model, plain)
    )
    np.testing.assert_allclose(found, known + slope(y), rtol=1e-9)
    # Automatic priors are those Bambi gives the function of the column.
    prior, same = (
        m.compile_logp(vars=m.free_RVs, mode="FAST_COMPILE")(point) for m in (model, plain)
    )
    assert prior == pytest.approx(same, rel=1e-9)


@needs_bambi
def test_the_square_of_a_normal_has_a_density_that_integrates_to_one():
    """y = z^2 with z ~ N(1, 1): both roots count, as in a non-central chi-squared."""
    from scipy import stats

    y = np.linspace(0.05, 30, 40)
    model = _line_of("sqrt(y) ~ x", "gaussian", y)
    start = {"sigma_log__": 0.0, "Intercept": 1.0, "x": 0.0}
    point = {name: np.asarray(start[name]) for name in model.initial_point()}
    rows = model.compile_logp(vars=model.observed_RVs, sum=False, mode="FAST_COMPILE")(point)[0]
    np.testing.assert_allclose(rows, stats.ncx2.logpdf(y, 1, 1.0), rtol=1e-8)


@needs_bambi
def test_draws_of_a_function_of_the_column_are_values_of_the_column():
    line = _line_of("log(y) ~ x", "gaussian", np.exp([0.1, 0.2, 0.7]))
    theta = {"sigma": 0.5, "Intercept": 2.0, "x": 0.3}
    x = np.repeat([[-1.0], [1.0]], 20_000, axis=0)
    model = Conditioned(CompiledModel(line), line).with_data(X=x)
    drawn = model.draw([np.asarray(theta[n]) for n in model.names], np.random.default_rng(6))
    assert (drawn > 0).all()
    # The standard error of a mean of 20 000 logs of sd .5 is .0035, that of their sd .0025.
    for logs, mean in zip(np.split(np.log(drawn), 2), (1.7, 2.3), strict=True):
        assert abs(logs.mean() - mean) < 4 * 0.0035 and abs(logs.std() - 0.5) < 4 * 0.0025


@needs_bambi
def test_a_chain_with_a_logarithm_on_the_left_gives_copies_of_the_column():
    rng = np.random.default_rng(7)
    x = rng.normal(size=300)
    frame = pd.DataFrame({"x": x, "fee": np.exp(3 + 0.5 * x + 0.4 * rng.normal(size=300)).round(2)})
    methods = {"fee": posynth.from_bambi("log(fee) ~ x")}
    copies = posynth.synthesize(frame, m=4, seed=3, methods=methods)
    logs = np.log(pd.concat(copies)["fee"])
    # sd of log fee is .64; that of a copy's mean about the source's is sqrt(2 / 300) of it.
    assert abs(logs.mean() - np.log(frame["fee"]).mean()) < 4 * 0.64 * np.sqrt(2 / 300 / 4)
    assert logs.std() == pytest.approx(np.log(frame["fee"]).std(), rel=0.1)


@needs_bambi
def test_a_level_on_the_left_is_the_second_or_is_refused():
    found, _ = design(40)
    y = np.random.default_rng(1).integers(0, 2, 40)
    response = Response("died", y, ("no", "yes"))
    model = posynth.from_bambi("died['yes'] ~ x", "bernoulli")(found, response, {})
    plain = posynth.from_bambi("~ x", "bernoulli")(found, response, {})
    point = plain.initial_point()
    assert model.compile_logp()(point) == pytest.approx(plain.compile_logp()(point))
    with pytest.raises(SpecError, match=r"is the second, 'yes'; write 'died\[yes\]', which only"):
        posynth.from_bambi("died[no] ~ x", "bernoulli")(found, response, {})
