"""Imputation of what is not missing at random: against selection models whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import posynth
from posynth.errors import MeasureError, SpecError
from posynth.evaluation.inference import mean, proportion
from posynth.evaluation.inference.departure import AT_RANDOM, Departure
from posynth.evaluation.inference.imputation import impute
from posynth.evaluation.inference.impute import imputing

DELTA = 0.8


def selected(rows, rng):
    r"""Draw x, y and delete y by a selection model with logit P(R=1 | x, y) = h(x) + DELTA y.

    y is a mixture of N(1 + 2x, 1) and N(1 + 2x + DELTA, 1) with weights 1 - p(x) and p(x), and
    h(x) = logit p(x) - DELTA (1 + 2x) - DELTA^2 / 2: then present values are the first component.
    """
    x = rng.normal(size=rows)
    share = expit(x - 0.5)
    y = 1 + 2 * x + DELTA * (rng.random(rows) < share) + rng.normal(size=rows)
    h = logit(share) - DELTA * (1 + 2 * x) - DELTA**2 / 2
    hole = rng.random(rows) < expit(h + DELTA * y)
    return pd.DataFrame({"x": x, "y": np.where(hole, np.nan, y)})


#: E y = 1 + DELTA E expit(x - .5), x standard normal, by quadrature.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
TRUTH = 1 + DELTA * float(WEIGHTS @ expit(NODES - 0.5) / WEIGHTS.sum())


@pytest.fixture(scope="module")
def known():
    """Give a posterior that knows the columns."""
    return posynth.fit(selected(300, np.random.default_rng(1)), seed=1)


def replicated(known, departure, tables):
    """Estimate the mean of y on tables of 300 rows: distances from the truth, and errors."""
    rng = np.random.default_rng(11)
    analysis = imputing(mean("y"), known, ["x", "y"], 8, departure=departure)
    found = [analysis(selected(300, rng)) for _ in range(tables)]
    return np.array([e.q[0] - TRUTH for e in found]), np.array([e.std_error[0] for e in found])


def test_a_known_selection_model_is_undone(known):
    """Without bias, within 3 Monte-Carlo standard errors over 16 tables; at random is far off."""
    off, _ = replicated(known, Departure({}, {"y": DELTA}), 16)
    error = off.std(ddof=1) / np.sqrt(16)
    assert abs(off.mean()) < 3 * error
    assert replicated(known, AT_RANDOM, 16)[0].mean() < -6 * error


@pytest.mark.slow
def test_intervals_cover_under_a_known_selection_model(known):
    """400 tables: coverage of 95 % intervals within 3 of its standard errors, .0109."""
    off, errors = replicated(known, Departure({}, {"y": DELTA}), 400)
    assert abs(off.mean()) < 3 * off.std(ddof=1) / np.sqrt(400)
    assert abs(np.mean(np.abs(off) < 1.96 * errors) - 0.95) < 3 * 0.0109


def test_the_shift_is_delta_times_the_drawn_variance(known):
    # Given the same stream, imputations differ from those at random by delta sigma^2 exactly:
    # sigma^2 is the draw's own, so that the shift varies from one imputation to the next.
    table = selected(300, np.random.default_rng(2))
    holes = table["y"].isna()

    def imputed(departure):
        return [f["y"][holes] for f in impute(table, known, ["y"], 40, 3, departure)]

    plain, tilted = imputed(AT_RANDOM), imputed(Departure({}, {"y": 0.5}))
    shifts = np.array([np.ptp(b - a) for a, b in zip(plain, tilted, strict=True)])
    means = np.array([(b - a).mean() for a, b in zip(plain, tilted, strict=True)])
    assert shifts.max() < 1e-9
    seen = table.dropna()
    residual = np.polyfit(seen["x"], seen["y"], 1, full=True)[1][0] / (len(seen) - 2)
    # sigma^2 has a posterior sd of residual sqrt(2 / 180) = 11 %; the mean of 40 of them 1.7 %.
    assert means.mean() == pytest.approx(0.5 * residual, rel=0.05)
    assert 0.05 < means.std() / means.mean() < 0.2


def test_a_delta_moves_imputed_numbers_by_just_that(known):
    table = selected(300, np.random.default_rng(2))
    at_random, moved = (
        imputing(mean("y"), known, ["x", "y"], 4, departure=departure)(table)
        for departure in (AT_RANDOM, Departure({"y": -2.0}))
    )
    share = table["y"].isna().mean()
    assert moved.q[0] - at_random.q[0] == pytest.approx(-2.0 * share, abs=1e-9)
    assert moved.notes[1] == (
        "imputed values of 'y' are shifted by -2 of its units (not missing at random: assumed, "
        "not estimated; vary it)"
    )


@pytest.mark.parametrize("stated", ["delta", "selection"])
def test_a_binary_column_deleted_by_its_own_value_is_restored(stated):
    # P(yes | x) = .3 or .6; "yes" has three times the odds of being missing. Of 6000 rows the
    # share of yes has a standard error of .5 / sqrt(6000) = .0065, imputed some .009.
    rng = np.random.default_rng(5)
    x = np.repeat(["u", "v"], 3000)
    yes = rng.random(6000) < np.where(x == "u", 0.3, 0.6)
    hole = rng.random(6000) < expit(np.where(x == "u", -1.0, 0.2) + np.log(3) * yes)
    answer = np.where(yes, "yes", "no").astype(object)
    answer[hole] = None
    table = pd.DataFrame({"x": x, "answer": answer})
    posterior = posynth.fit(table, seed=1)
    departure = Departure(**{stated: {"answer": float(np.log(3))}})
    analysis = proportion("answer", "yes")
    found = imputing(analysis, posterior, ["answer"], 6, departure=departure)(table)
    plain = imputing(analysis, posterior, ["answer"], 6)(table)
    assert found.q[0] == pytest.approx(0.45, abs=0.03)
    assert plain.q[0] < 0.40
    said = found.notes[1]
    assert "'yes'" in said and "1.09861" in said


WRONG = [
    ({"delta": {"zz": 1.0}}, "delta: unknown column 'zz'; allowed: "),
    (
        {"delta": {"x": 1.0}},
        "delta: column 'x' has no missing values, so that none are imputed; columns of which that "
        "can be said here: 'y'",
    ),
    ({"delta": {"y": float("nan")}}, "delta of column 'y' = nan; it must be a finite number"),
    ({"delta": {"y": "low"}}, "delta of column 'y' = 'low'; it must be a finite number"),
    ({"delta": {"y": 1.0}, "selection": {"y": 1.0}}, "column 'y' has a delta and a selection"),
]


@pytest.mark.parametrize(("stated", "text"), WRONG)
def test_a_departure_that_says_nothing_is_refused_at_once(known, stated, text):
    with pytest.raises(MeasureError, match=text):
        imputing(mean("y"), known, ["x", "y"], 2, departure=Departure(**stated))


def test_a_departure_of_many_levels_or_of_no_column_of_the_model_is_refused():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"g": rng.choice(list("abc"), 120), "y": rng.normal(size=120)})
    table.loc[::5, "g"], table.loc[::7, "y"] = None, np.nan
    posterior = posynth.fit(table, seed=1)
    with pytest.raises(
        MeasureError, match=r"column 'g' has more than two levels.*it can be said of no"
    ):
        departing = Departure(delta={"g": 1.0})
        imputing(mean("y"), posterior, ["g"], 2, departure=departing)
    schema = posterior.schema
    with pytest.raises(MeasureError, match="column 'y' is no column of the model"):
        Departure(delta={"y": 1.0}).check(schema, ["g"])


@pytest.mark.parametrize("name", ["delta", "selection"])
def test_a_departure_that_is_no_mapping_is_refused(heart, name):
    copies = posynth.synthesize(heart[["age", "platelets"]], m=2, seed=1)
    with pytest.raises(SpecError, match=f"{name} = .* of type list; it must be a mapping"):
        posynth.pool(copies, "ols", "platelets ~ age", impute=2, **{name: ["platelets"]})
    pooled = posynth.pool(copies, "ols", "platelets ~ age", impute=2)
    assert any("so that nothing was imputed" in note for note in pooled.notes)


def test_a_departure_without_imputation_is_refused(heart):
    copies = posynth.synthesize(heart[["age", "platelets"]], m=2, seed=1)
    with pytest.raises(MeasureError, match="nothing is imputed; ask for it: impute=5 in Python"):
        posynth.pool(copies, "ols", "platelets ~ age", delta={"platelets": 1.0})


def test_work_is_told_column_by_column(known):
    steps, table = [], selected(60, np.random.default_rng(2))
    analysis = imputing(mean("y"), known, ["x", "y"], 3, progress=steps.append, tables=2)
    analysis(table)
    analysis(table.assign(x=-table["x"]))
    assert [s.done for s in steps] == [0, 1, 2, 3, 3, 4, 5, 6] and {s.total for s in steps} == {6}
    names = [s.name for s in steps]
    assert names[::4] == ["y (table 1 of 2)", "y (table 2 of 2)"] and names[3::4] == ["", ""]
    assert {s.stage for s in steps} == {"impute"}


def test_passive_columns_are_imputed_by_their_rule(known):
    rng = np.random.default_rng(6)
    height, weight = rng.normal(170, 9, 300).round(), rng.normal(75, 10, 300).round(1)
    weight[::3] = np.nan
    bmi = np.round(weight / (height / 100) ** 2, 2)
    table = pd.DataFrame({"height": height, "weight": weight, "bmi": bmi})
    table["sbp"] = np.round(100 + 0.4 * np.nan_to_num(bmi, nan=25) + rng.normal(0, 3, 300))
    posterior = posynth.fit(table, posynth.specify(table, passive={"bmi": RULE}), seed=1)
    analysed = []

    def bmi_mean(frame):
        analysed.append(frame)
        return mean("bmi")(frame)

    found = imputing(bmi_mean, posterior, ["bmi"], 3)(table)
    assert (
        "100 missing values of 'weight'" in found.notes[0]
        and "100 missing values of 'bmi'" in found.notes[0]
    )
    for frame in analysed:
        ruled = np.round(frame["weight"] / (frame["height"] / 100) ** 2, 2)
        np.testing.assert_allclose(frame["bmi"], ruled, atol=1e-9)
        assert frame["weight"].notna().all()
    weights = np.array([f["weight"][::3].mean() for f in analysed])
    assert len(set(weights)) == 3 and np.abs(weights - 75).max() < 5


RULE = "weight / (height / 100) ** 2"
