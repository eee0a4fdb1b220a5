"""Every family asked for by --method on a CSV file, with options, and refused in words."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import posynth
from posynth.copies.drawing import draw_copies

ROWS, M = 250, 2
METHODS = {
    "wage": "lognormal",
    "cost": "gamma",
    "stay": "weibull",
    "visits": "poisson",
    "claims": "negbinomial",
    "drinks": "hurdle",
    "absent": "zero_inflated",
    "correct": "binomial(trials=10)",
    "share": "beta",
    "score": "truncated(lower=0, upper=20)",
    "spend": "semicontinuous",
    "balance": "semicontinuous_gaussian(spikes=0 -50)",
    "height": "student",
    "weight": "location_scale",
    "grade": "ordinal",
    "mood": "ordinal_probit",
    "smokes": "bernoulli",
}


def _invent() -> pd.DataFrame:
    """Return columns that each suit one family, all depending on a first number."""
    rng = np.random.default_rng(8)
    z = rng.standard_normal(ROWS)
    kind, off = rng.choice(3, ROWS, p=[0.2, 0.1, 0.7]), rng.random(ROWS) < 0.4
    rate = np.exp(0.7 + 0.4 * z)
    return pd.DataFrame(
        {
            "age": np.round(50 + 12 * z, 1),
            "wage": np.round(np.exp(3 + 0.5 * z + 0.4 * rng.standard_normal(ROWS)), 2) + 0.01,
            "cost": np.round(rng.gamma(2.0, 40 * rate), 2) + 0.01,
            "stay": np.round(10 * rate * rng.weibull(1.5, ROWS), 3) + 0.001,
            "visits": rng.poisson(rate),
            "claims": rng.negative_binomial(2, 2 / (2 + 2 * rate)),
            "drinks": np.where(off, 0, 1 + rng.poisson(rate)),
            "absent": np.where(off, 0, rng.poisson(2 * rate)),
            "correct": rng.binomial(10, expit(0.5 + 0.8 * z)),
            "share": np.clip(np.round(100 * rng.beta(3 * expit(z), 3 * expit(-z)), 2), 0.01, 99.99),
            "score": np.clip(np.round(15 + 2 * z + 3 * rng.standard_normal(ROWS), 1), 0, 20),
            "spend": np.where(off, 0.0, np.round(np.exp(2 + z), 2) + 0.01),
            "balance": np.choose(kind, [0.0, -50.0, np.round(30 * z + 7.13, 2)]),
            "height": np.round(170 + 5 * z + 3 * rng.standard_t(4, ROWS), 1),
            "weight": np.round(70 + 5 * z + 4 * np.exp(0.3 * z) * rng.standard_normal(ROWS), 1),
            "grade": np.digitize(z + rng.logistic(size=ROWS), [-1.0, 1.0]) + 1,
            "mood": np.digitize(z + rng.standard_normal(ROWS), [-1.0, 0.0, 1.0]) + 1,
            "smokes": np.where(rng.random(ROWS) < expit(z), "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def table():
    return _invent()


@pytest.fixture(scope="module")
def csv(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("families") / "made_up.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def synthesized(cli, csv):
    """Give the folder of a run in which every family models a column given the first."""
    chain, out = csv.parent / "chain.toml", csv.parent / "out"
    methods = [part for pair in METHODS.items() for part in ("--method", "=".join(pair))]
    kinds = ("--kind", "grade=ordinal", "--kind", "mood=ordinal")
    cli("describe", csv, *methods, *kinds, "-o", chain)
    text = re.sub(r'(target = "(?!age).*\n)', r'\1predictors = ["age"]\n', chain.read_text())
    chain.write_text(text)
    cli("synthesize", csv, "--chain", chain, "-m", M, "--seed", 4, "-o", out)
    return out, [pd.read_csv(path) for path in sorted((out / "copies").glob("*.csv"))]


def test_every_column_is_modelled_by_the_family_asked_for(synthesized):
    folder, copies = synthesized
    found = pd.read_csv(next(folder.rglob("diagnostics.csv")), index_col="target")
    assert len(copies) == M
    assert found["passed"].all(), found
    for column, method in METHODS.items():
        assert found.loc[column, "family"] == method.partition("(")[0]


def test_copies_lie_in_the_support_of_each_family(synthesized):
    for copy in synthesized[1]:
        assert (copy[["wage", "cost", "stay"]] >= 0).all(axis=None)  # 0 by rounding
        counts = copy[["visits", "claims", "drinks", "absent", "correct"]]
        assert (counts.dtypes == "int64").all() and (counts >= 0).all(axis=None)
        assert copy["correct"].le(10).all()
        assert copy["share"].between(0, 100).all() and copy["share"].max() > 1
        assert copy["score"].between(0, 20).all()
        assert copy["spend"].ge(0).all() and copy["spend"].eq(0).any()
        assert copy["balance"].lt(-51).any()
        assert set(copy["grade"]) <= {1, 2, 3} and set(copy["mood"]) <= {1, 2, 3, 4}


def test_spikes_and_means_are_those_of_the_source(table, synthesized):
    """Difference of two shares or means of n rows each: s.e. sqrt(2) that of one."""
    shares = {"drinks": 0, "absent": 0, "spend": 0.0, "balance": -50.0}
    for copy in synthesized[1]:
        for column, spike in shares.items():
            p = table[column].eq(spike).mean()
            error = np.sqrt(2 * p * (1 - p) / ROWS)
            assert abs(copy[column].eq(spike).mean() - p) < 4 * error, column
        for column in ("visits", "correct", "share", "score", "height", "grade", "balance"):
            error = np.sqrt(2 / ROWS) * table[column].std()
            assert abs(copy[column].mean() - table[column].mean()) < 4 * error, column


def test_the_stored_posterior_draws_the_same_copies(cli, synthesized, tmp_path):
    folder, copies = synthesized
    read = posynth.load_copies(folder)
    draw_copies(posynth.load_posterior(folder), *read.streams).save(tmp_path / "again")
    again = [pd.read_csv(path) for path in sorted((tmp_path / "again" / "copies").glob("*.csv"))]
    for before, after in zip(copies, again, strict=True):
        pd.testing.assert_frame_equal(before, after)


REFUSED = {
    "correct=binomial": r"column 'correct', family 'binomial' needs option 'trials', .*--method",
    "correct=binomial(trials=3)": r"not among those it allows \(whole numbers from 0 to 3\), for",
    "correct=binomial(trial=10)": r"unknown option 'trial'; allowed: 'trials'",
    "score=beta(lower=0, upper=20)": r"numbers above 0 and below 20\), for example 20; state other",
    "balance=beta": r"family 'beta' needs option 'upper'|numbers above 0 and below 100",
    "score=truncated(lower=5, upper=5)": r"lower = 5 must be below upper = 5",
    "score=truncated(upper=15)": r"numbers from -inf to 15\), for example",
    "balance=semicontinuous": r"column 'balance'.* \(0 and numbers above 0\), for example -",
    "balance=weibull": r"numbers above 0\), for example .*use another family",
    "visits=binomial(trials=ten)": r"'trials=ten' is no option; write NAME=NUMBER",
}


@pytest.mark.parametrize("method", REFUSED)
def test_a_family_that_does_not_suit_the_column_is_refused(cli, csv, tmp_path, method):
    result = cli("synthesize", csv, "-o", tmp_path / "out", "--method", method, code=2)
    assert re.search(REFUSED[method], " ".join(result.stderr.split())), result.stderr
    assert not (tmp_path / "out").exists()
