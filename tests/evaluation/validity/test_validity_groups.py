"""Studies whose analysis allows for groups of rows, with copies larger than the samples."""

import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Estimate, fit_copies, fit_statsmodels, pool
from posynth.evaluation.validity import Analysis, design_study, run_study
from posynth.evaluation.validity.replicate import joined
from posynth.evaluation.validity.verdict import verdicts

SCHOOLS = 20
MIXED = Analysis("ols", "y ~ z + x", {"cluster": "school"}, name="school")
PLAIN = Analysis("ols", "x ~ 1", name="plain")


def schools(rows, rng):
    at = np.arange(rows) % SCHOOLS
    z, x = rng.normal(size=SCHOOLS)[at], rng.normal(size=rows)
    y = z + x + rng.normal(size=SCHOOLS)[at] + rng.normal(size=rows)
    return pd.DataFrame({"school": [f"s{j:02d}" for j in at], "z": z, "x": x, "y": y}).round(3)


@pytest.fixture(scope="module")
def study():
    methods = {"z": "gaussian(per_group=school)", "y": "gaussian_ml(new_groups=school)"}
    given = {"order": ["school", "z", "x"], "methods": methods, "m": (2,), "k": (400,)}
    return design_study(
        schools, 100, [MIXED, PLAIN], replications=6, seed=2, truth_rows=2000, plan="once", **given
    )


def test_intervals_are_scaled_by_groups_as_in_pool(study):
    found = run_study(study)
    source, (_, v) = found.of_sample("proper", 400, 2), found.estimates("proper", 400, 2)
    ratio = dict(zip(found.names, (source / v).mean(axis=(0, 1)), strict=True))
    assert ratio["plain: Intercept"] == pytest.approx(4)  # k/n
    assert 1.0 < ratio["school: z"] < 2.0 < ratio["school: x"] <= 4.01
    wide = found.intervals("proper", 400, 2, "ppd", "population")
    assert wide.variance.shape == (6, 4)
    total = source.mean(axis=0) + (v + source).mean(axis=0) / 2
    np.testing.assert_allclose(wide.variance, total)
    texts = {r.text for r in verdicts(found) if r.measure == "between/within"}
    assert any(text.startswith("1 + V̂/v̄ = 5.00") for text in texts)


def test_several_analyses_side_by_side_say_the_same_as_one_by_one():
    rng = np.random.default_rng(3)
    source, copies = schools(100, rng), [schools(400, rng) for _ in range(2)]
    made = Provenance(100, 400, 2, groups={"school": SCHOOLS})
    runs = fit_statsmodels("y ~ z + x", cluster="school"), fit_statsmodels("x ~ 1")

    def both(frame):
        second = runs[1](frame)
        return joined((runs[0](frame), Estimate(("mean",), second.q, second.cov)))

    assert both(source).clusters.count == SCHOOLS
    together = pool(fit_copies(both, copies), made).table["expected error"]
    apart = pool(fit_copies(runs[0], copies), made).table["expected error"]
    np.testing.assert_allclose(together[list(apart.index)], apart)
    alone = pool(fit_copies(runs[1], copies), Provenance(100, 400, 2)).table["expected error"]
    assert together["mean"] == pytest.approx(alone["Intercept"])


def test_analyses_with_different_groups_are_refused():
    frame = schools(100, np.random.default_rng(1)).assign(half=["a", "b"] * 50)
    parts = tuple(fit_statsmodels("y ~ x", cluster=name)(frame) for name in ("school", "half"))
    with pytest.raises(MeasureError, match=r"groups \('school', 'half'\); run one at a time"):
        joined(parts)
