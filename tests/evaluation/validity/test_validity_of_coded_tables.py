"""A study of tables with codes for missing values, stated bounds, rules of rows and priors."""

import numpy as np
import pandas as pd
import pytest

from posynth.chain.coefficient_priors import NormalPrior
from posynth.errors import SpecError
from posynth.evaluation.validity import design_study, read_study, run_study
from posynth.evaluation.validity.replicate import replicate

SIMULATOR = """\
import numpy as np
import pandas as pd
def stays(rows, rng):
    age = rng.normal(50, 10, rows).round()
    income = (age + rng.normal(0, 5, rows)).round()
    score = rng.integers(1, 6, rows)
    admission = rng.integers(0, 100, rows)
    discharge = admission + rng.poisson(4, rows)
    income[rng.random(rows) < 0.15] = -9
    income[rng.random(rows) < 0.15] = -8
    return pd.DataFrame({"age": age, "score": score, "admission": admission,
                         "discharge": discharge, "income": income})
"""
STUDY = """\
n = 300
m = [2]
replications = 2
seed = 3
[population]
simulator = "stays.py:stays"
[truth]
rows = 20000
values = {"income: Intercept" = 50.0}
[chain]
na = {income = [-9, -8]}
lower = {score = 1}
upper = {score = 5}
rules = ["discharge >= admission"]
priors = {income = {age = {mu = 1.0, sigma = 0.5}}}
[[analysis]]
name = "income"
formula = "income ~ 1"
[[analysis]]
name = "score"
formula = "score ~ 1"
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "stays.py").write_text(SIMULATOR)

    def write(text):
        (tmp_path / "study.toml").write_text(text)
        return tmp_path / "study.toml"

    return write


@pytest.mark.parametrize("plan", ["each", "once"])
def test_codes_bounds_rules_and_priors_of_a_study_are_those_of_synthesize(file, plan):
    study = read_study(file(f"plan = '{plan}'\n" + STUDY), allow_code=True)
    schema, spec = study.chain.schema, study.chain.spec
    assert schema["income"].missing_codes == ("-9", "-8")
    assert (schema["score"].lower, schema["score"].upper) == (1, 5)
    assert "discharge >= admission" in spec["discharge"].rules
    assert spec["income"].priors == {"age": NormalPrior(1.0, 0.5)}
    found = replicate(study, 0)
    assert not found.failure
    # Incomes are 50 on average; with a code counted as an income the mean would be near 33.
    names = dict(zip(found.names, found.original, strict=True))
    assert abs(names["income: Intercept"] - 50) < 5 * 11 / 210**0.5
    copies = np.mean([q[0] for q in found.q["proper/300"]])
    assert abs(copies - 50) < 5 * 11 / 210**0.5 * 2


def test_the_truth_of_a_large_sample_has_no_codes_in_it(file):
    text = STUDY.replace('values = {"income: Intercept" = 50.0}\n', "").replace("priors", "#")
    found = run_study(read_study(file(text), allow_code=True))
    truth = dict(zip(found.truth.names, found.truth.q, strict=True))
    assert abs(truth["income: Intercept"] - 50) < 5 * 11 / 14000**0.5


def test_bounds_of_a_study_hold_in_its_copies(file):
    from posynth.copies.walk import as_frame, walk
    from posynth.evaluation.validity.replicate import fit, planned, sample

    study = read_study(file(STUDY), allow_code=True)
    frame = sample(study.n, study.population, (), np.random.default_rng(1))
    posterior = fit(*planned(study, frame), 1, 400)
    for arrays in walk(posterior, 2, 300, 1):
        copy = as_frame(posterior, arrays)
        assert copy["score"].between(1, 5).all()
        assert (copy["discharge"] >= copy["admission"]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lower = {score = 1}", "lower = {score = 'a'}", r"lower: 'score' = 'a' is of type str"),
        ("lower = {score = 1}", "lower = 1", r"chain: lower = 1 is of type int; it must be dict"),
        (
            "upper = {score = 5}",
            "upper = {score = 4}",
            r"'score': 60 of 300 rows .* beyond its bounds \(1 to 4\)",
        ),
        ("upper = {score = 5}", "upper = {scores = 5}", r"scores"),
        ("[-9, -8]", "[-9, true]", r"study.toml.*'income': the code True is of type bool"),
        ("discharge >= admission", "admission >= discharge", r"admission >= discharge"),
        ("discharge >= admission", "discharge >>", r"discharge >>"),
        ("mu = 1.0, ", "", r"prior of 'age'.*give mean and standard deviation"),
    ],
)
def test_what_is_wrong_in_them_is_named_before_the_first_replication(file, old, new, message):
    with pytest.raises(SpecError, match=message):
        read_study(file(STUDY.replace(old, new)), allow_code=True)


def test_a_rule_of_rows_among_combining_rules_is_sent_to_the_chain(file):
    with pytest.raises(SpecError, match=r"unknown rule 'y >= x'.*rules of rows stand in \[chain\]"):
        read_study(file("rules = ['y >= x']\n" + STUDY), allow_code=True)


def test_what_is_asked_of_the_chain_is_part_of_what_a_folder_is_checked_by():
    def line(rows, rng):
        x = rng.random(rows)
        return pd.DataFrame({"x": x, "y": x + rng.random(rows)})

    plain = {"model": "ols", "formula": "y ~ x", "truth_rows": 1000, "replications": 1}
    one = design_study(line, 60, **plain)
    other = design_study(line, 60, **plain, row_rules="y >= x")
    assert one.digest() != other.digest()
    assert one.digest() == design_study(line, 60, **plain).digest()
