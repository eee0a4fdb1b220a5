"""``posynth pool`` on events, levels and formulas as people write them at the command line."""

import json

import numpy as np
import pandas as pd
import pytest

ROWS = 200


@pytest.fixture(scope="module")
def pooled(cli, tmp_path_factory):
    """Give a function that pools a model of copies of a small survival table."""
    place = tmp_path_factory.mktemp("pooled")
    rng = np.random.default_rng(9)
    treated = rng.random(ROWS) < 0.5
    table = pd.DataFrame(
        {
            "treated": np.where(treated, "yes", "no"),
            "body mass": rng.normal(25, 3, ROWS).round(1),
            "grade": rng.integers(1, 4, ROWS),
            "time": rng.exponential(10 * np.exp(1.5 * treated)).round(2) + 0.01,
            "status": np.where(rng.random(ROWS) < 0.7, "died", "survived"),
        }
    )
    table.to_csv(place / "table.csv", index=False)
    kinds = ("--kind", "grade=ordinal")
    options = ("-m", 2, "--seed", 1, "--workers", 1, *kinds, "-o", place / "out")
    cli("synthesize", place / "table.csv", *options)

    def call(*arguments, code=0):
        file = place / "pooled.json"
        result = cli("pool", place / "out", *arguments, "--json", file, code=code)
        return json.loads(file.read_text()) if not code else result.stderr

    return call


HAZARD = ("--model", "phreg", "--formula", "time ~ treated", "--status", "status")


def test_the_event_is_asked_for_and_taken(pooled, said):
    shown = said(pooled(*HAZARD, code=2))
    assert (
        "status 'status' has the level(s) 'died', 'survived': say which one is the event" in shown
    )
    assert "--event died (in Python event='died')" in shown
    found = pooled(*HAZARD, "--event", "died")
    (row,) = found["pooled"]
    # The hazard of the treated is exp(-1.5) of the others'.
    assert row["coefficient"] == "treated[T.yes]" and -2.5 < row["estimate"] < -0.7
    assert "the event of 'status' is died, against survived" in found["notes"]
    assert found["event"] == "died"
    turned = pooled("--model", "logit", "--formula", "status ~ treated", "--event", "died")
    plain = pooled("--model", "logit", "--formula", "status ~ treated")
    estimates = [[row["estimate"] for row in each["pooled"]] for each in (turned, plain)]
    assert estimates[0] == pytest.approx([-value for value in estimates[1]], rel=1e-4)
    assert "the event of 'status' is survived, against died" in plain["notes"]


def test_levels_that_are_numbers_are_read(pooled):
    found = pooled("--model", "mnlogit", "--formula", "grade ~ time", "--levels", "3,1,2")
    names = [row["coefficient"] for row in found["pooled"]]
    assert names == ["1: Intercept", "1: time", "2: Intercept", "2: time"]


def test_kinds_odd_names_and_the_dot_are_those_of_the_chain(pooled):
    found = pooled("--formula", "`body mass` ~ . + log(time)")
    names = [row["coefficient"] for row in found["pooled"]]
    assert names == [
        *("Intercept", "treated[T.yes]", "grade[T.2]", "grade[T.3]", "time"),
        *("status[T.survived]", "log(time)"),
    ]
    note = "'grade' is ordinal: its levels enter as contrasts with 1; I(grade) makes it a slope"
    assert found["notes"].count(note) == 1


REFUSED = [
    ("`body mass` ~ I(time^2)", "is no power"),
    ("`body mass` ~ time^2", "the power of a column is I(time ** 2)"),
    ("`body mass` ~ factor(grade)", "use C(x)"),
    ("body mass ~ time", "did you mean 'body mass', written `body mass`?"),
    ("`body mas` ~ time", "did you mean 'body mass'"),
]


@pytest.mark.parametrize(("formula", "text"), REFUSED)
def test_what_is_refused_says_what_to_write(pooled, said, formula, text):
    assert text in said(pooled("--formula", formula, code=2))
