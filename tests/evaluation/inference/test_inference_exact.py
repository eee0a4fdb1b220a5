"""Models that leave no residual: coefficients are known, and nothing is computed from rounding."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import posynth
from posynth.errors import MeasureError, SpecError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import compare_fits, fit_copies, fit_statsmodels, pool
from posynth.evaluation.inference.exact import exact_coefficients
from posynth.report.risk_tables import agreement, pooled

K = 150
MADE = Provenance(n=K, k=K, m=3)


def _frame(seed, noise=0.0):
    rng = np.random.default_rng(seed)
    a, b = (rng.lognormal(mean, 0.5, K).round(2) for mean in (3, 8))
    total = (a + b).round(2) + noise * rng.normal(size=K)
    frame = pd.DataFrame({"a": a, "b": b, "total": total, "g": np.arange(K) % 15})
    return frame.assign(inverse=1 / (2 + 0.5 * a), celsius=(total - 32) / 1.8)


@pytest.fixture(scope="module")
def frames():
    return [_frame(seed) for seed in range(3)]


CASES = {
    "ols": ("total ~ a + b", {}, [0, 1, 1]),
    "ols offset": ("total ~ b + offset(a)", {}, [0, 1]),
    "ols cluster": ("total ~ a + b", {"cluster": "g"}, [0, 1, 1]),
    "ols units": ("celsius ~ total", {}, [-32 / 1.8, 1 / 1.8]),
    "glm": ("total ~ a + b", {}, [0, 1, 1]),
    "glm gamma": ("inverse ~ a", {"family": "gamma"}, [2, 0.5]),
    "mixed": ("total ~ a + b", {"groups": "g"}, [0, 1, 1]),
}


@pytest.mark.parametrize("case", list(CASES))
def test_an_exact_fit_is_said_to_be_one_and_nothing_is_tested(frames, case):
    formula, options, truth = CASES[case]
    found = pool(fit_copies(fit_statsmodels(formula, case.split()[0], **options), frames), MADE)
    assert found.exact and found.table["estimate"].tolist() == pytest.approx(truth, rel=1e-11)
    assert (found.table["std error"] == 0).all()
    assert (found.table["lower"] == found.table["upper"]).all()
    assert found.table[["df", "t", "p", "fmi"]].isna().all().all()
    assert "fits every row of every copy exactly" in found.text
    assert "theory" not in found.text and "fmi" not in found.text and "Rule" not in found.text
    with pytest.raises(MeasureError, match="fits every row of every copy exactly"):
        found.wald()


def test_a_result_of_statsmodels_is_recognised(frames):
    def own(frame):
        return sm.OLS(frame["total"], sm.add_constant(frame[["a", "b"]])).fit()

    assert pool(fit_copies(own, frames), MADE).exact


@pytest.mark.parametrize("noise", [1e-8, 1e-4, 1.0])
def test_a_small_residual_is_a_residual(noise):
    """The sizes of total are up to 1e4, whose rounding is 1e-12."""
    frames = [_frame(seed, noise) for seed in range(3)]
    found = pool(fit_copies(fit_statsmodels("total ~ a + b"), frames), MADE)
    assert not found.exact and found.table["p"].notna().all()
    error = noise / np.sqrt(K)
    assert 0.3 * error < found.table.loc["Intercept", "std error"] < 30 * error


def test_as_many_terms_as_rows_are_no_exact_fit(frames):
    few = frames[0][:3]
    assert exact_coefficients(few["a"], np.column_stack([np.ones(3), few[["b", "total"]]])) is None
    doubled = frames[0].assign(n=np.where(frames[0]["g"] > 7, 8, 2))
    counts = fit_statsmodels("n ~ I(g > 7)", "glm", family="poisson")(doubled)
    assert not counts.exact and counts.std_error.min() > 0.01  # errors from theory, not residuals


def test_the_comparison_says_which_side_is_exact(frames):
    analysis, noisy = fit_statsmodels("total ~ a + b"), [_frame(9 + s, 0.5) for s in range(3)]
    exact, other = fit_copies(analysis, frames), fit_copies(analysis, noisy)
    for copies, source, said in (
        (exact, exact[0], "no test: the model fits the original rows and every copy exactly"),
        (other, exact[0], "no test: the model fits the original rows exactly and not the copies"),
        (exact, other[0], "no test: the model fits every copy exactly and not the original"),
    ):
        found = compare_fits(copies, source, MADE)
        assert found.table[["std diff", "overlap"]].isna().all().all()
        assert all(result.text.startswith(said) for result in found.results()[:3])
        assert np.isnan(found.lack_of_fit.value) and found.lack_of_fit.passed is None
        assert agreement(found).note.startswith(f"N{said[1:]}")
    assert np.isfinite(compare_fits(other, other[0], MADE).lack_of_fit.value)


def test_a_known_coefficient_is_shown_with_its_digits(frames):
    analysis = fit_statsmodels("I(total / 4096) ~ a + b")
    rows = pooled(pool(fit_copies(analysis, frames), MADE)).rows
    assert [row[1] for row in rows] == ["0.000", "0.0002441", "0.0002441"]


def test_a_study_of_an_exact_fit_is_refused(frames):
    with pytest.raises(SpecError, match=r"'total ~ a \+ b' fits every row of a sample exactly"):
        posynth.design_study(pd.concat(frames), 60, "ols", "total ~ a + b", replications=2)
