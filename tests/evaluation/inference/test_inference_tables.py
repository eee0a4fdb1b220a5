import numpy as np
import pandas as pd
import pytest

from posynth.errors import MeasureError
from posynth.evaluation.inference.tables import correlation, mean, proportion, quantile

FRAME = pd.DataFrame(
    {
        "x": [1.0, 2.0, 3.0, 4.0, 5.0, np.nan],
        "y": [1.0, 3.0, 2.0, 5.0, 4.0, 9.0],
        "s": list("aabbbb"),
    }
)


def test_mean_by_hand():
    found = mean("x")(FRAME)
    assert (found.names, found.df_com) == (("mean(x)",), 4)
    assert (found.q[0], found.cov[0, 0]) == (3.0, pytest.approx(2.5 / 5))


def test_proportion_by_hand():
    found = proportion("s", "b")(FRAME)
    assert found.names == ("proportion(s=b)",)
    assert (found.q[0], found.cov[0, 0]) == (pytest.approx(4 / 6), pytest.approx(2 / 9 / 6))


def test_correlation_by_hand():
    z = correlation("x", "y")(FRAME)
    assert (z.q[0], z.cov[0, 0]) == (pytest.approx(np.arctanh(0.8)), pytest.approx(1 / 2))
    r = correlation("x", "y", scale="r")(FRAME)
    assert (r.q[0], r.cov[0, 0]) == (pytest.approx(0.8), pytest.approx(0.36**2 / 4))
    assert (z.names, r.names) == (("atanh cor(x, y)",), ("cor(x, y)",))


@pytest.mark.parametrize("scale", ["z", "r"])
def test_variance_of_a_correlation_by_simulation(scale):
    rng = np.random.default_rng(1)
    rows = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=(1000, 80))
    found = [correlation("x", "y", scale)(pd.DataFrame(row, columns=["x", "y"])) for row in rows]
    spread = np.var([e.q[0] for e in found])
    assert np.mean([e.cov[0, 0] for e in found]) == pytest.approx(spread, rel=0.12)


def test_bootstrap_variance_of_a_median():
    # Variance of the median of n normal values is near π/(2n); mean of 50 bootstraps, n = 400.
    rng = np.random.default_rng(2)
    analysis = quantile("x", 0.5, np.random.default_rng(3), resamples=100)
    samples = [pd.DataFrame({"x": rng.normal(size=400)}) for _ in range(50)]
    found = [analysis(sample) for sample in samples]
    assert found[0].q[0] == pytest.approx(samples[0]["x"].median())
    assert np.mean([e.cov[0, 0] for e in found]) == pytest.approx(np.pi / 800, rel=0.15)


def test_the_bootstrap_follows_its_generator():
    def run():
        return quantile("y", 0.25, np.random.default_rng(7))(FRAME).cov[0, 0]

    assert run() == run() > 0


@pytest.mark.parametrize(
    ("analysis", "text"),
    [
        (mean("s"), r"column 's' is not numeric; use proportion\(column, level\)"),
        (mean("z"), r"unknown column 'z'"),
        (correlation("x", "c"), r"'x' and 'c': one is constant"),
        (mean("e"), r"column 'e' has 0 value\(s\) here, but 2 are needed"),
        (proportion("e", 1), r"column 'e' has no values"),
    ],
)
def test_columns_that_do_not_serve_are_explained(analysis, text):
    with pytest.raises(MeasureError, match=text):
        analysis(FRAME.assign(c=1.0, e=np.nan))


def test_options_are_checked_at_once():
    with pytest.raises(MeasureError, match="unknown scale of a correlation 'fisher'"):
        correlation("x", "y", scale="fisher")
    with pytest.raises(MeasureError, match="quantile 50 is not between 0 and 1"):
        quantile("x", 50, np.random.default_rng(1))
