"""Formulas as analysts write them: one language, R's spellings told apart, codes as declared."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.evaluation.inference import fit_statsmodels
from posynth.evaluation.inference.estimates import fit_copies
from posynth.table.schema import Column, Kind, Schema

N = 400


@pytest.fixture(scope="module")
def frame():
    """Give rows of every kind: codes, marks of survival, odd names, dates, an exposure."""
    rng = np.random.default_rng(12)
    age = rng.integers(20, 80, N)
    ward = rng.integers(1, 4, N)
    treated = rng.random(N) < 0.5
    time = rng.exponential(10 * np.exp(0.8 * treated), N).round(2) + 0.01
    died = rng.random(N) < 0.7
    years = rng.uniform(1, 5, N)
    return pd.DataFrame(
        {
            "age": age,
            "ward": ward,
            "grade": rng.choice(["low", "mid", "high"], N),
            "treated": np.where(treated, "yes", "no"),
            "time": time,
            "died": died.astype(int),
            "blood pressure": rng.normal(120, 10, N).round(1),
            "visits": rng.poisson(years * np.exp(0.02 * (age - 50))),
            "years": years,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 500, N), "D"),
            "y": 46 - 1.865 * age + 0.0207 * age**2 + 3 * (ward == 2) - ward + rng.normal(size=N),
        }
    )


def least_squares(columns, y):
    X = np.column_stack([np.ones(len(y)), *columns])
    return np.linalg.lstsq(X, y, rcond=None)[0]


def test_a_square_is_a_square_and_r_s_power_is_refused(frame):
    found = fit_statsmodels("y ~ age + I(age ** 2)")(frame)
    assert found.names == ("Intercept", "age", "I(age ** 2)")
    assert found.q == pytest.approx(least_squares([frame["age"], frame["age"] ** 2], frame["y"]))
    # The truth is 0.0207; the standard error of 400 rows is near 0.0004.
    assert abs(found.q[2] - 0.0207) < 4 * found.std_error[2] and found.std_error[2] < 0.0006
    with pytest.raises(MeasureError, match=r"'age \^ 2' is no power: .* write age \*\* 2"):
        fit_statsmodels("y ~ age + I(age^2)")(frame)
    with pytest.raises(MeasureError, match=r"the power of a column is I\(age \*\* 2\)"):
        fit_statsmodels("y ~ age^2")(frame)


def test_an_orthogonal_polynomial_spans_the_same_line(frame):
    raw = fit_statsmodels("y ~ poly(age, 2, raw=True)")(frame)
    orthogonal = fit_statsmodels("y ~ poly(age, 2)")(frame)
    own = least_squares([frame["age"], frame["age"] ** 2], frame["y"])
    assert raw.q == pytest.approx(own)
    # With columns orthogonal to each other and the intercept, the intercept is the mean.
    assert orthogonal.q[0] == pytest.approx(frame["y"].mean())
    assert orthogonal.std_error[1] == pytest.approx(orthogonal.std_error[2])


def test_copies_share_the_basis_that_a_polynomial_learned(frame):
    halves = [frame.iloc[:200], frame.iloc[200:]]
    analysis = fit_statsmodels("y ~ poly(age, 2)", basis=frame)
    raw = [least_squares([h["age"], h["age"] ** 2], h["y"]) for h in halves]
    P = np.column_stack([np.ones(N), frame["age"], frame["age"] ** 2])
    whole = fit_statsmodels("y ~ poly(age, 2)")(frame)
    for half, own in zip(halves, raw, strict=True):
        found = analysis(half)
        # The fitted line is that of the half, written in the basis of the whole.
        basis = P @ own
        Q = _orthonormal(frame["age"].to_numpy(dtype=float))
        assert Q @ found.q == pytest.approx(basis, rel=1e-6)
    assert whole.q == pytest.approx(analysis(frame).q)


def _orthonormal(x):
    Q, R = np.linalg.qr(np.column_stack([np.ones(len(x)), x, x**2]))
    Q = Q * np.sign(np.diag(R))
    return np.column_stack([np.ones(len(x)), Q[:, 1:]])


SURVIVAL = "time ~ treated + age"


@pytest.fixture(scope="module")
def hazard(frame):
    """Give the fit with events marked as 0 and 1."""
    return fit_statsmodels(SURVIVAL, "phreg", status="died")(frame)


def _marked(frame, no, yes):
    return frame.assign(died=np.where(frame["died"] == 1, yes, no))


@pytest.mark.parametrize(
    ("no", "yes", "event"),
    [
        (1, 2, None),
        (False, True, None),
        ("no", "yes", None),
        ("No", "Yes", None),
        ("0", "1", None),
        ("alive", "dead", "dead"),
        ("survived", "died", "died"),
        (0, 9, 9),
        (0, 9, "9"),
        (2, 1, 1),
    ],
)
def test_events_are_those_that_are_meant(frame, hazard, no, yes, event):
    found = fit_statsmodels(SURVIVAL, "phreg", status="died", event=event)(_marked(frame, no, yes))
    assert found.q == pytest.approx(hazard.q) and found.cov == pytest.approx(hazard.cov)
    if not isinstance(no, bool):
        assert f"the event of 'died' is {yes}, against {no}" in found.notes
    assert hazard.notes == ()


@pytest.mark.parametrize(
    ("no", "yes", "text"),
    [
        ("survived", "died", r"'died' has the level\(s\) 'died', 'survived': say which one .* "),
        ("alive", "dead", r"--event alive \(in Python event='alive'\); all others are censored"),
        (0, 2, r"say which one is the event"),
    ],
)
def test_the_alphabet_does_not_say_who_died(frame, no, yes, text):
    with pytest.raises(MeasureError, match=text):
        fit_statsmodels(SURVIVAL, "phreg", status="died")(_marked(frame, no, yes))


def test_competing_events_are_censored_against_the_one_that_is_meant(frame):
    two = frame.assign(died=frame["died"] * np.where(frame["age"] > 50, 2, 1))
    with pytest.raises(MeasureError, match=r"'0', '1', '2': say which one is the event"):
        fit_statsmodels(SURVIVAL, "phreg", status="died")(two)
    found = fit_statsmodels(SURVIVAL, "phreg", status="died", event=2)(two)
    own = frame.assign(died=(two["died"] == 2).astype(int))
    assert found.q == pytest.approx(fit_statsmodels(SURVIVAL, "phreg", status="died")(own).q)
    with pytest.raises(MeasureError, match=r"status 'died': unknown event 'gone'"):
        fit_statsmodels(SURVIVAL, "phreg", status="died", event="gone")(two)


LOGIT = [("logit", {}), ("glm", {"family": "binomial"})]


@pytest.mark.parametrize(("model", "options"), LOGIT)
def test_a_yes_no_response_takes_its_second_level_and_says_so(frame, model, options):
    plain = fit_statsmodels("died ~ age", model, **options)(frame)
    assert plain.notes == ()
    for no, yes in ((1, 2), ("alive", "dead"), (3, 7)):
        found = fit_statsmodels("died ~ age", model, **options)(_marked(frame, no, yes))
        assert found.q == pytest.approx(plain.q)
        assert found.notes == (f"the event of 'died' is {yes}, against {no}",)
    turned = fit_statsmodels("died ~ age", model, event="alive", **options)
    assert turned(_marked(frame, "alive", "dead")).q == pytest.approx(-plain.q, rel=1e-6)
    with pytest.raises(MeasureError, match=r"has 3 level\(s\) \[1, 2, 3\].*--event LEVEL"):
        fit_statsmodels("ward ~ age", model, **options)(frame)
    one = fit_statsmodels("ward ~ age", model, event="2", **options)(frame)
    assert one.notes == ("the event of 'ward' is 2, against 1, 3",)
    own = frame.assign(ward=(frame["ward"] == 2).astype(int))
    assert one.q == pytest.approx(fit_statsmodels("ward ~ age", model, **options)(own).q)


def test_proportions_stay_proportions(frame):
    shares = frame.assign(died=np.linspace(0.1, 0.9, N))
    found = fit_statsmodels("died ~ age", "glm", family="binomial")(shares)
    assert np.isfinite(found.q).all()
    # They are of one trial each for the model, which the notes say.
    assert [note.split(",")[0] for note in found.notes] == [
        "the response 'died' is taken for proportions"
    ]


def test_an_event_is_refused_where_there_is_none(frame):
    with pytest.raises(MeasureError, match="event = 2 is for models of two levels"):
        fit_statsmodels("y ~ age", "ols", event=2)(frame)


def test_levels_that_are_numbers_may_be_given_as_text(frame):
    numbers = fit_statsmodels("ward ~ age", "mnlogit", levels=(2, 1, 3))(frame)
    texts = fit_statsmodels("ward ~ age", "mnlogit", levels=["2", "1", "3.0"])(frame)
    assert (
        texts.names
        == numbers.names
        == tuple(f"{level}: {term}" for level in (1, 3) for term in ("Intercept", "age"))
    )
    assert texts.q == pytest.approx(numbers.q)
    ordered = fit_statsmodels("ward ~ age", "ordered", levels=["3", "2", "1"])(frame)
    assert ordered.names == ("age", "3|2", "2|1")
    with pytest.raises(MeasureError, match="unknown level 3"):
        fit_statsmodels("ward ~ age", "mnlogit", levels=["1", "2", "4"])(frame)


def test_names_with_blanks_stand_in_backquotes_on_both_sides(frame):
    plain = frame.rename(columns={"blood pressure": "bp"})
    known = fit_statsmodels("bp ~ age")(plain)
    for text in ("`blood pressure` ~ age", "Q('blood pressure') ~ age"):
        assert fit_statsmodels(text)(frame).q == pytest.approx(known.q)
    right = fit_statsmodels("y ~ `blood pressure` * age + log(`blood pressure`)")(frame)
    assert right.names == (
        *("Intercept", "blood pressure", "age", "log(`blood pressure`)", "blood pressure:age"),
    )


def test_the_dot_is_every_other_column(frame):
    few = frame[["age", "grade", "y", "time"]]
    found = fit_statsmodels("y ~ .")(few)
    assert found.names == ("Intercept", "age", "grade[T.low]", "grade[T.mid]", "time")
    less = fit_statsmodels("y ~ . - time")(few)
    assert less.names == ("Intercept", "age", "grade[T.low]", "grade[T.mid]")


def test_the_intercept_is_left_out_by_either_spelling(frame):
    found = [fit_statsmodels(f"y ~ {right}")(frame) for right in ("0 + grade", "grade - 1")]
    means = frame.groupby("grade")["y"].mean()
    for each in found:
        assert each.names == tuple(f"grade[{level}]" for level in means.index)
        assert each.q == pytest.approx(means.to_numpy())


def test_offsets_are_terms_or_options(frame):
    text = "visits ~ age + offset(log(years))"
    found = fit_statsmodels(text, "glm", family="poisson")(frame)
    exposed = fit_statsmodels("visits ~ age", "glm", family="poisson", exposure="years")(frame)
    assert found.q == pytest.approx(exposed.q, rel=1e-6)
    # The rate grows by 2 % a year of age.
    assert abs(found.q[1] - 0.02) < 4 * found.std_error[1]
    straight = fit_statsmodels("y ~ age + offset(time)")(frame)
    own = fit_statsmodels("d ~ age")(frame.assign(d=frame["y"] - frame["time"]))
    assert straight.q == pytest.approx(own.q) and straight.cov == pytest.approx(own.cov)
    for wrong in ("y ~ age:offset(time)", "y ~ offset(time):age", "y ~ offset()"):
        with pytest.raises(MeasureError, match="is a term of its own"):
            fit_statsmodels(wrong)(frame)


def test_dates_enter_as_days(frame):
    found = fit_statsmodels("y ~ day")(frame)
    days = (frame["day"] - pd.Timestamp("1970-01-01")).dt.days
    assert found.names == ("Intercept", "day")
    assert found.q == pytest.approx(least_squares([days], frame["y"]), rel=1e-5)


SCHEMA = Schema(
    (
        Column("ward", Kind.NOMINAL, "int64", (2, 1, 3)),
        Column("grade", Kind.ORDINAL, "str", ("low", "mid", "high"), ordered=True),
        Column("died", Kind.BINARY, "int64", (0, 1)),
        Column("age", Kind.COUNT, "int64"),
        Column("y", Kind.CONTINUOUS, "float64"),
        Column("time", Kind.IDENTIFIER, "float64"),
    ),
    N,
)


def test_codes_that_are_declared_levels_are_no_slopes(frame):
    found = fit_statsmodels("y ~ ward + grade + died", schema=SCHEMA)(frame)
    assert found.names == (
        *("Intercept", "ward[T.1]", "ward[T.3]", "grade[T.mid]", "grade[T.high]", "died"),
    )
    assert found.notes == (
        "'ward' is nominal: its levels enter as contrasts with 2; I(ward) makes it a slope",
        "'grade' is ordinal: its levels enter as contrasts with low",
    )
    own = [frame["ward"] == 1, frame["ward"] == 3, frame["grade"] == "mid"]
    own += [frame["grade"] == "high", frame["died"]]
    assert found.q == pytest.approx(least_squares(own, frame["y"]))
    slope = fit_statsmodels("y ~ I(ward)", schema=SCHEMA)(frame)
    assert slope.q == pytest.approx(least_squares([frame["ward"]], frame["y"]))
    assert slope.names == ("Intercept", "I(ward)") and slope.notes == ()
    square = fit_statsmodels("y ~ I(ward ** 2) + I(ward == 2)", schema=SCHEMA)(frame)
    own = [frame["ward"] ** 2, frame["ward"] == 2]
    assert square.q == pytest.approx(least_squares(own, frame["y"]))
    chosen = fit_statsmodels("y ~ C(ward, Treatment(1))", schema=SCHEMA)(frame)
    own = [frame["ward"] == 2, frame["ward"] == 3]
    assert chosen.q == pytest.approx(least_squares(own, frame["y"]))


def test_without_a_schema_the_dtype_decides_and_c_makes_levels(frame):
    assert fit_statsmodels("y ~ ward")(frame).names == ("Intercept", "ward")
    assert fit_statsmodels("y ~ C(ward)")(frame).names == (
        *("Intercept", "C(ward)[T.2]", "C(ward)[T.3]"),
    )


def test_the_dot_leaves_out_identifiers(frame):
    found = fit_statsmodels("y ~ .", schema=SCHEMA)(frame[[c.name for c in SCHEMA]])
    assert "time" not in found.names and "ward[T.3]" in found.names


def test_a_declared_order_is_that_of_an_ordered_response(frame):
    found = fit_statsmodels("grade ~ age", "ordered", schema=SCHEMA)(frame)
    assert found.names == ("age", "low|mid", "mid|high")
    base = fit_statsmodels("ward ~ age", "mnlogit", schema=SCHEMA)(frame)
    assert base.names[0] == "1: Intercept"  # 2 is declared first


def test_a_level_that_is_not_declared_is_named(frame):
    odd = frame.assign(ward=frame["ward"].replace(3, 4))
    with pytest.raises(MeasureError, match=r"column 'ward': unknown level 4; allowed: '1', '2'"):
        fit_statsmodels("y ~ ward", schema=SCHEMA)(odd)


WRONG = [
    ("y ~ factor(ward)", "ols", {}, r"factor\(\) is not known here; use C\(x\)"),
    ("y ~ as.factor(ward)", "ols", {}, r"as.factor\(\) is not known here; use C\(x\)"),
    ("y ~ relevel(grade, ref='low')", "ols", {}, r'use C\(x, Treatment\("b"\)\)'),
    ("Surv(time, died) ~ age", "phreg", {}, r"Surv\(\) is not known .* --status COLUMN"),
    ("cbind(died, ward) ~ age", "glm", {}, r"cbind\(\) is not known here; use one column"),
    ("y ~ age %in% ward", "ols", {}, "write b %in% a as a:b"),
    ("y ~ log(died)", "ols", {}, r"log\(died\) is not finite in \d+ rows; .* log1p\(x\)"),
    ("y ~ agee", "ols", {}, "unknown column 'agee'; did you mean 'age'"),
    ("y ~ age", "ols", {"status": "died"}, "model 'ols': unknown option 'status'; allowed:"),
    ("y ~ age", "mixed", {"groups": "wardd"}, "unknown column 'wardd'"),
    ("y", "ols", {}, "needs two sides, as in 'income ~ sex"),
    ("y ~ age ~ ward", "ols", {}, "more than one ~"),
    ("time ~ 0 + grade", "phreg", {"status": "died"}, "no intercept of its own, so 0 and -1"),
    ("y + age ~ ward", "ols", {}, r"'\+' joins terms there"),
]


@pytest.mark.parametrize(("formula", "model", "options", "text"), WRONG)
def test_what_cannot_be_read_is_answered_with_what_to_write(frame, formula, model, options, text):
    with pytest.raises(MeasureError, match=text):
        fit_statsmodels(formula, model, **options)(frame)


def test_numeric_terms_without_intercept_are_fine_for_hazards(frame, hazard):
    found = fit_statsmodels("time ~ 0 + age", "phreg", status="died")(frame)
    assert found.q == pytest.approx(fit_statsmodels("time ~ age", "phreg", status="died")(frame).q)


def test_pooling_follows_the_kinds_of_the_chain(frame):
    table = frame[["age", "ward", "y"]].iloc[:150]
    copies = posynth.synthesize(table, m=2, seed=1, kinds={"ward": "nominal"})
    pooled = posynth.pool(copies, "ols", "y ~ poly(age, 2) + ward")
    assert pooled.names == (
        *("Intercept", "poly(age, 2)[1]", "poly(age, 2)[2]", "ward[T.2]", "ward[T.3]"),
    )
    note = "'ward' is nominal: its levels enter as contrasts with 1; I(ward) makes it a slope"
    assert pooled.notes.count(note) == 1  # said once, not once a copy
    agreement = posynth.compare(copies, table, "ols", "y ~ poly(age, 2) + ward")
    assert list(agreement.table.index) == list(pooled.names)


def test_notes_of_single_copies_keep_their_number(frame):
    holes = frame.copy()
    holes.loc[:9, "age"] = np.nan
    from posynth.evaluation.base import Provenance
    from posynth.evaluation.inference import pool

    estimates = fit_copies(fit_statsmodels("y ~ age"), [frame, holes])
    pooled = pool(estimates, Provenance(n=N, k=N, m=2))
    assert "copy 2: 10 rows with missing values were left out" in pooled.notes


def test_the_case_of_a_square(cases):
    table = pd.read_csv(cases / "quad.csv")
    found = fit_statsmodels("y ~ age + I(age ** 2)")(table)
    # The truth within four standard errors of 600 rows.
    assert np.abs(found.q[1:] - [-1.865, 0.0207]) == pytest.approx(0, abs=4 * found.std_error[1])
    assert abs(found.q[2] - 0.0207) < 4 * found.std_error[2]
    with pytest.raises(MeasureError, match=r"write age \*\* 2"):
        fit_statsmodels("y ~ age + I(age^2)")(table)


def test_the_cases_of_survival_agree_or_ask(cases):
    marks = {name: pd.read_csv(cases / f"survival{name}.csv") for name in ("", "_12", "_died")}
    text = "time ~ trt + age"
    plain = fit_statsmodels(text, "phreg", status="status")(marks[""])
    twos = fit_statsmodels(text, "phreg", status="status")(marks["_12"])
    assert twos.q == pytest.approx(plain.q)
    with pytest.raises(MeasureError, match="--event died"):
        fit_statsmodels(text, "phreg", status="status")(marks["_died"])
    asked = fit_statsmodels(text, "phreg", status="status", event="died")(marks["_died"])
    assert asked.q == pytest.approx(plain.q)
