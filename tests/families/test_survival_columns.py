"""A time and the event that ended it: the event first, then the time given it."""

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

import posynth

COLUMNS = ["age", "ejection_fraction", "deceased", "follow_up"]
M, DAYS = 20, (30, 100, 200)


def _analyse(df):
    """Return Kaplan-Meier survival at three times and two Cox coefficients, with their s.e."""
    time, died = df["follow_up"].clip(lower=0.5), (df["deceased"] == "Yes").astype(int)
    curve = SurvfuncRight(time, died)
    places = [np.searchsorted(curve.surv_times, day, side="right") - 1 for day in DAYS]
    cox = PHReg(time, df[COLUMNS[:2]], status=died).fit(disp=0)
    estimates = np.concatenate([curve.surv_prob[places], cox.params])
    return estimates, np.concatenate([curve.surv_prob_se[places], cox.bse])


@pytest.fixture(scope="module")
def distances(heart):
    """Give how far pooled estimates are from the source's, in standard errors of the source.

    The Monte-Carlo error of that distance, of m proper copies of n rows, is sqrt(2 / m) = 0.32.
    """

    def measure(**wishes):
        df = heart[COLUMNS]
        copies = posynth.synthesize(df, m=M, seed=3, **wishes)
        estimate, error = _analyse(df)
        pooled = np.mean([_analyse(copy)[0] for copy in copies], axis=0)
        return (pooled - estimate) / error

    return measure


def test_survival_curve_and_cox_model_of_copies_agree_with_the_source(distances):
    z = distances(methods={"follow_up": "weibull"})
    assert np.abs(z).max() < 2.0, z


def test_without_the_event_among_its_predictors_a_time_bends_the_curve(distances, heart):
    chain = posynth.specify(heart[COLUMNS], methods={"follow_up": "weibull"})
    z = distances(chain=chain.change("follow_up", predictors=("age", "ejection_fraction")))
    assert np.abs(z[:3]).max() > 4.0, z
