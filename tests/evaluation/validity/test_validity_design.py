"""A study is complete and right before the first replication, or refused in words."""

import numpy as np
import pandas as pd
import pytest

from posynth import exchangeable, fit, load_heart_failure, specify
from posynth.errors import MeasureError, SpecError
from posynth.evaluation.validity import (
    Finite,
    Hole,
    Predictive,
    Prior,
    Simulator,
    design_study,
    read_study,
    run_study,
)
from posynth.evaluation.validity.holes import with_holes
from posynth.evaluation.validity.replicate import replicate
from posynth.posterior.plan import plan

STUDY = """\
n = 50
replications = 3
[population]
simulator = "line.py:line"
[[analysis]]
formula = "y ~ x"
"""


@pytest.fixture
def study_file(tmp_path):
    (tmp_path / "line.py").write_text(
        "import pandas as pd\n"
        "def line(rows, rng):\n"
        "    x = rng.normal(size=rows)\n"
        "    return pd.DataFrame({'x': x, 'y': 1 + x + rng.normal(size=rows)})\n"
        "def short(rows, rng):\n    return line(rows - 1, rng)\n"
        "def broken(rows, rng):\n    return 1 / 0\n"
    )

    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return tmp_path / "study.toml"

    return write


def test_a_study_file_is_read(study_file):
    study = read_study(
        study_file("seed = 4\nm = [1, 5]\nk = 30\n" + STUDY), replications=7, allow_code=True
    )
    assert (study.n, study.m, study.k, study.seed, study.replications) == (50, (1, 5), (30,), 4, 7)
    assert study.chain.spec.targets == ("x", "y")
    assert study.chain.schema.rows == 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("copies = 3\n" + STUDY, r"study.toml.*unknown key 'copies'; allowed: .*'m'"),
        ("n = 'many'\n" + STUDY.replace("n = 50\n", ""), r"n = 'many' is of type str; .* int"),
        ("seed = true\n" + STUDY, r"seed = True is of type bool"),
        (STUDY.replace("n = 50\n", ""), r"the key 'n' is missing"),
        (STUDY + "[[missing]]\ncolumn = 'x'\nshare = 2.0\n", r"'x': share = 2.0; between 0 and 1"),
        (STUDY + "[[missing]]\ncolumn = 'z'\nshare = 0.2\n", r"unknown column 'z'; allowed"),
        (STUDY + "[missing]\nx = 1\n", r"write each as \[\[missing\]\]"),
        ("rules = ['rubn']\n" + STUDY, r"unknown rule 'rubn'.*Did you mean 'rubin'"),
        ("rules = ['nested']\n" + STUDY, r"rule 'nested' needs imputations"),
        ("draws = ['posterior']\n" + STUDY, r"unknown kind of draws 'posterior'"),
        ("m = [5, 5]\n" + STUDY, r"m = \[5, 5\]"),
        ("level = 95\n" + STUDY, r"level = 95.0; it must be between 0 and 1"),
        (STUDY.replace("line.py:line", "lines.py:line"), r"no file 'lines.py' beside the study"),
        (STUDY.replace(":line", ":lin"), r"unknown function 'lin'.*Did you mean 'line'"),
        (STUDY.replace(":line", ":short"), r"asked for 5000 rows and returned .* of 4999 rows"),
        (STUDY.replace(":line", ":broken"), r"simulator failed with ZeroDivisionError"),
        (STUDY + "[population2]\n", r"unknown key 'population2'"),
        (STUDY.replace("simulator", "prior"), r"give one of simulator"),
        (STUDY + "[[analysis]]\nformula = 'x ~ 1'\n", r"give each a name of its own"),
        (STUDY + "function = 'f.py:f'\n", r"give either a formula .*or function"),
        (STUDY + "[truth]\nvalue = 1\n", r"truth: unknown key 'value'"),
        (STUDY + "[chain]\nfile = 'c.toml'\norder = ['x']\n", r"both a chain and an order"),
        ("n = [", r"not a TOML document"),
    ],
)  # fmt: skip
def test_a_wrong_study_file_is_explained(study_file, text, message):
    with pytest.raises(SpecError, match=message):
        read_study(study_file(text), allow_code=True)


def test_a_missing_file_and_a_wrong_formula_are_told(study_file, tmp_path):
    with pytest.raises(SpecError, match=r"'none.toml' cannot be read: FileNotFoundError"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(MeasureError, match="z"):
        read_study(study_file(STUDY.replace("y ~ x", "y ~ z")), allow_code=True)
    with pytest.raises(SpecError, match=r"unknown coefficient 'slope'; allowed: 'Intercept', 'x'"):
        text = STUDY + "[truth]\nrows = 100\nvalues = {slope = 1.0}\n"
        run_study(read_study(study_file(text), allow_code=True))
    with pytest.raises(SpecError, match=r"seed -1"):
        read_study(study_file("seed = -1\n" + STUDY), allow_code=True)
    with pytest.raises(SpecError, match=r"unknown settings \['reps'\]"):
        design_study(lambda n, rng: None, 10, reps=3)


def test_a_level_the_pilot_did_not_show_is_named(small_study):
    def growing(rows, rng):
        level = np.where(np.arange(rows) == 0, "new" if rows == 40 and growing.done else "a", "b")
        return pd.DataFrame({"g": level, "x": rng.normal(size=rows)})

    growing.done = False
    study = design_study(growing, 40, "ols", "x ~ 1", replications=1, truth_rows=50)
    growing.done = True
    assert "'new' (1 rows) is not among its levels" in replicate(study, 0).failure


def test_the_chain_sees_samples_of_the_studys_size(small_study):
    """Levels come from the pilot, but numbers of rows and holes from a sample of n."""
    study = small_study(n=30, holes=[Hole("x", 0.5)])
    assert study.chain.schema.rows == 30
    assert 5 < study.chain.schema["x"].missing < 25
    assert study.chain.spec.indicators == {"x": "x_missing"}


def test_holes_have_the_share_asked_for_and_follow_their_column():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=20_000), "y": 1.0, "g": "a"})
    found = with_holes(frame, [Hole("y", 0.3, "x", 2.0), Hole("g", 0.1)], rng)
    gone = found["y"].isna()
    # Binomial standard error .0032; the logit slope by which holes follow x is 2.
    assert gone.mean() == pytest.approx(0.3, abs=0.012)
    assert found["g"].isna().mean() == pytest.approx(0.1, abs=0.01)
    from posynth.evaluation.inference.direct import fit_direct

    slope = fit_direct("gone ~ x", "logit")(frame.assign(gone=gone.astype(float)))
    assert slope.q[1] == pytest.approx(2.0, abs=4 * slope.std_error[1])
    assert not frame.isna().any().any()
    with pytest.raises(SpecError, match=r"depend on 'g', which is not numeric"):
        with_holes(frame, [Hole("x", 0.1, "g")], rng)
    with pytest.raises(SpecError, match=r"cannot depend on the column itself"):
        Hole("x", 0.1, "x")


def test_a_large_table_is_resampled_and_known_without_error():
    table = load_heart_failure()[["age", "platelets"]]
    study = design_study(table, 100, "ols", "platelets ~ age", replications=2, seed=1)
    assert isinstance(study.population, Finite)
    found = run_study(study)
    assert (found.dataset["truth_se"] == 0).all()
    from posynth.evaluation.inference import fit_statsmodels

    known = fit_statsmodels("platelets ~ age")(table)
    np.testing.assert_allclose(found.truth.q, known.q)


def test_a_posterior_is_a_population():
    table = load_heart_failure()[["age", "platelets"]]
    lines = dict.fromkeys(table.columns, "gaussian")
    posterior = fit(table, specify(table, methods=lines), seed=1)
    study = design_study(
        posterior, 100, "ols", "platelets ~ age", replications=2, truth_rows=20_000
    )
    assert isinstance(study.population, Predictive)
    drawn = study.population.draw(20_000, np.random.default_rng(1))
    one = posterior.draws["platelets"].isel(chain=0, draw=0)
    coding = posterior.links["platelets"].coding
    slope = float(one["beta"][0]) * coding.scale / coding.encoder.scale[0]
    found = np.polyfit(drawn["age"], drawn["platelets"], 1)[0]
    error = float(one["sigma"]) * coding.scale / drawn["age"].std() / np.sqrt(20_000)
    assert found == pytest.approx(slope, abs=4 * error)


def test_a_prior_gives_every_replication_its_own_population():
    table, chain = plan(load_heart_failure()[["age", "smoking"]])
    study = design_study(
        Prior(chain, table), 60, "ols", "age ~ 1", chain=chain, replications=3, truth_rows=2000
    )
    assert study.population.varies
    found = run_study(study)
    assert len({r.truth for r in found.replications}) == 3
    assert found.dataset["bias"].notnull().any()
    flat = specify(load_heart_failure()[["age"]]).change("age", family="gaussian", prior="jeffreys")
    with pytest.raises(SpecError, match=r"'age': prior 'jeffreys' is improper"):
        Prior(flat, table).at(np.random.default_rng(1))


def test_a_simulator_must_be_one():
    with pytest.raises(SpecError, match=r"returned a int; return a pandas.DataFrame"):
        Simulator(lambda rows, rng: 3).draw(5, np.random.default_rng(1))


def test_a_chain_on_a_learned_scale_has_no_prior_to_check_against():
    table = pd.DataFrame({"x": np.exp(np.random.default_rng(3).normal(size=400)) - 1})
    chain = specify(table)
    assert chain.spec["x"].scale == "learned"
    with pytest.raises(SpecError, match=r"column 'x': scale 'learned' has no prior"):
        exchangeable(chain, plan(table)[0], 20)


def test_a_study_reads_declared_codes_as_pooling_does():
    rng = np.random.default_rng(4)

    def sample(rows, rng):
        ward = rng.integers(1, 4, rows)
        return pd.DataFrame({"ward": ward, "y": 3.0 * (ward == 2) + rng.normal(size=rows)})

    options = {"replications": 2, "truth_rows": 2000}
    study = design_study(sample, 120, "ols", "y ~ ward", kinds={"ward": "nominal"}, **options)
    (found,) = study.analyse(sample(400, rng))
    assert found.names == ("Intercept", "ward[T.2]", "ward[T.3]")
    # The contrast is 3 with a standard error of sqrt(2 / 133).
    assert abs(found.q[1] - 3) < 4 * np.sqrt(2 / 133)
    (slope,) = design_study(sample, 120, "ols", "y ~ ward", **options).analyse(sample(400, rng))
    assert slope.names == ("Intercept", "ward")


def test_a_study_refuses_terms_that_each_table_would_code_otherwise():
    table = load_heart_failure()[["age", "platelets"]]
    for call in ("poly(age, 2)", "scale(age)", "center(age)", "bs(age, df=4)", "scale(age, 60)"):
        for formula in (f"platelets ~ {call}", f"{call} ~ platelets"):
            with pytest.raises(SpecError, match="learns from the rows of each table"):
                design_study(table, 100, "ols", formula, replications=1, seed=1)
    fixed = "bs(age, knots=[60], lower_bound=30, upper_bound=100, extrapolation='extend')"
    for call in ("poly(age, 2, raw=True)", "scale(age, 60, 10)", fixed):
        study = design_study(table, 100, "ols", f"platelets ~ {call}", replications=1, seed=1)
        (whole,), (half,) = study.analyse(table), study.analyse(table[:150])
        assert whole.names == half.names
