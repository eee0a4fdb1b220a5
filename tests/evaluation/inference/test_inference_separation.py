"""Separation: which coefficients grow without end, against closed forms on small tables.

With one number as predictor and an intercept two levels are separated unless their values overlap;
with one factor a coefficient is finite if and only if its level has more than one outcome.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import posynth
from posynth.evaluation.inference import fit_copies, fit_statsmodels, separation

GROWS = "the likelihood has no maximum"


def _said(estimate):
    return [note for note in estimate.notes if note.startswith(GROWS)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("link", ["Logit", "Probit", "CLogLog"])
@pytest.mark.parametrize("proof", [True, False])
def test_two_levels_are_separated_unless_their_ranges_overlap(link, proof, monkeypatch):
    rng = np.random.default_rng(1)
    if not proof:  # the linear program alone decides
        monkeypatch.setattr(separation, "_has_maximum", lambda *_: False)
    family, found = sm.families.Binomial(getattr(sm.families.links, link)()), []
    for _ in range(60):
        x, y = rng.integers(0, 5, 7).astype(float), rng.integers(0, 2, 7)
        if len(set(y)) < 2 or len(set(x)) < 2:
            continue
        zero, one = x[y == 0], x[y == 1]
        separated = zero.max() <= one.min() or one.max() <= zero.min()
        result = sm.GLM(y, sm.add_constant(x), family=family).fit()
        found.append(separated)
        assert bool(separation.separation_notes(result, ["a", "b"])) == separated
    assert 5 < sum(found) < len(found) - 5


def test_fits_that_have_a_maximum_need_no_linear_program(monkeypatch):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(400, 6)), columns=list("abcdef"))
    mean = frame.sum(axis=1)
    frame["yes"] = (mean + rng.logistic(size=400) > 0).astype(int)
    frame["count"] = rng.poisson(np.exp(mean.clip(-9, 2)))
    frame["grade"] = np.digitize(mean + rng.logistic(size=400), [-2, 0, 3])

    def never(*_):
        raise AssertionError("the score did not prove that there is a maximum")

    monkeypatch.setattr(separation, "_direction", never)
    models = {"logit": "yes", "mnlogit": "grade", "ordered": "grade", "glm": "count"}
    for model, left in models.items():
        options = {"family": "poisson"} if model == "glm" else {}
        estimate = fit_statsmodels(f"{left} ~ a + b + c + d + e + f", model, **options)(frame)
        assert not _said(estimate)


def _ward(outcome_of_c):
    """Levels a and b have every outcome; level c only the one given."""
    ward = np.repeat(["a", "b", "c"], [60, 60, 6])
    y = np.tile([0, 1, 2], 42)
    y[ward == "c"] = outcome_of_c
    return pd.DataFrame({"ward": ward, "y": y, "yes": (y > 0).astype(int)})


@pytest.mark.parametrize(
    ("model", "left", "options", "outcome", "growing"),
    [
        ("logit", "yes", {}, 0, "'ward[T.c]'"),
        ("logit", "yes", {"fit": {"method": "bfgs"}}, 1, "'ward[T.c]'"),
        ("glm", "yes", {"family": "binomial"}, 1, "'ward[T.c]'"),
        ("glm", "y", {"family": "poisson"}, 0, "'ward[T.c]'"),
        ("glm", "y", {"family": "poisson"}, 2, ""),
        ("glm", "y", {"family": "negative_binomial"}, 0, "'ward[T.c]'"),
        ("ordered", "y", {}, 0, "'ward[T.c]'"),
        ("ordered", "y", {}, 2, "'ward[T.c]'"),
        ("ordered", "y", {"distr": "probit"}, 0, "'ward[T.c]'"),
        ("ordered", "y", {}, 1, ""),  # between two cutpoints there is a best place
        ("mnlogit", "y", {}, 0, "'1: ward[T.c]', '2: ward[T.c]'"),
        ("mnlogit", "y", {"fit": {"method": "bfgs"}}, 0, "'1: ward[T.c]', '2: ward[T.c]'"),
    ],
)
def test_a_level_of_one_outcome_is_said_by_every_model(model, left, options, outcome, growing):
    notes = _said(fit_statsmodels(f"{left} ~ ward", model, **options)(_ward(outcome)))
    assert bool(notes) == bool(growing)
    assert not notes or growing in notes[0]


def test_shares_between_0_and_1_hold_their_level():
    frame = _ward(0).assign(yes=lambda f: f["yes"].astype(float))
    family = {"family": "binomial"}
    assert _said(fit_statsmodels("yes ~ ward", "glm", **family)(frame))
    frame.loc[frame["ward"] == "c", "yes"] = 0.25
    assert not _said(fit_statsmodels("yes ~ ward", "glm", **family)(frame))


def test_rows_of_no_weight_do_not_hold_a_level():
    frame = _ward(0).assign(times=1.0)
    frame.loc[frame.index[-1], ["yes", "times"]] = [1, 0]
    options = {"family": "binomial", "freq_weights": "times"}
    assert _said(fit_statsmodels("yes ~ ward", "glm", **options)(frame))
    frame["times"] = 1.0
    assert not _said(fit_statsmodels("yes ~ ward", "glm", **options)(frame))


def test_separation_is_among_the_notes_of_what_is_pooled():
    copies = [_ward(0).sample(frac=1, random_state=seed) for seed in range(2)]
    pooled = posynth.pool(copies, "glm", "yes ~ ward", n=126, proper=True, family="binomial")
    assert any(GROWS in note for note in pooled.notes)


@pytest.mark.filterwarnings("ignore")
def test_separation_is_told_of_fitted_results_too():
    import statsmodels.formula.api as smf

    frame, binomial = _ward(0), sm.families.Binomial()
    (glm,) = fit_copies(lambda f: smf.glm("yes ~ ward", f, family=binomial).fit(), [frame])
    (logit,) = fit_copies(lambda f: smf.mnlogit("y ~ ward", f).fit(disp=0), [frame])
    assert "'ward[T.c]'" in _said(glm)[0] and "'1: ward[T.c]'" in _said(logit)[0]
    (fine,) = fit_copies(lambda f: smf.logit("yes ~ 1", f).fit(disp=0), [frame])
    penal = lambda f: smf.logit("yes ~ ward", f).fit_regularized(alpha=1.0, disp=0)  # noqa: E731
    (penalised,) = fit_copies(penal, [frame])
    assert not _said(fine) and not _said(penalised)


@pytest.mark.filterwarnings("ignore")
def test_errors_that_grow_without_end_are_no_fault_of_the_covariance_matrix():
    """Its inverse is off by rounding of 1e9; that was told as a matrix somebody had returned."""
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=240), rng.choice(list("abc"), 240)
    o = np.array(["low", "mid", "high"])[
        np.clip((x + rng.normal(size=240) + 1.5).astype(int), 0, 2)
    ]
    table = pd.DataFrame({"z": z, "o": np.where(z == "a", "low", o)})
    frames = [table.sample(240, replace=True, random_state=i) for i in range(5)]
    pooled = posynth.pool(frames, "mnlogit", "o ~ z", n=240)
    assert GROWS in pooled.text


def test_a_number_that_is_fitted_exactly_has_no_levels_told_apart():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [3.0, 5.0, 7.0, 9.0]})
    (note,) = fit_statsmodels("y ~ x", "glm")(frame).notes
    assert "the terms give the response of every row exactly" in note
    assert "levels of the response" not in note
