"""What copies must reproduce, each within its stated Monte-Carlo error."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth


def _normal(rows, rho, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pd.DataFrame({"x": x, "y": rho * x + np.sqrt(1 - rho**2) * rng.normal(size=rows)})


@pytest.mark.parametrize("rho", [0.5, -0.8])
def test_a_chain_keeps_the_correlation(rho):
    """Predictors are the synthetic ones: drawing given observed ones would leave rho^3."""
    frame = _normal(2000, rho, 1)
    copies = posynth.synthesize(frame, m=4, k=5000, seed=1)
    found = np.mean([np.corrcoef(c["x"], c["y"])[0, 1] for c in copies])
    target = frame.corr().loc["x", "y"]
    error = (1 - target**2) * np.sqrt(1 / (4 * 2000) + 1 / (4 * 5000))
    assert abs(found - target) < 4 * error
    assert abs(found - target**3) > 20 * error


def test_three_columns_keep_all_their_correlations():
    frame = _normal(2000, 0.6, 2)
    frame["z"] = 0.5 * frame["x"] - 0.5 * frame["y"] + np.random.default_rng(3).normal(size=2000)
    copies = posynth.synthesize(frame, m=4, k=5000, seed=1, order=["z"])
    found = np.mean([c.corr().to_numpy() for c in copies], axis=0)
    assert np.abs(found - frame.corr().to_numpy()).max() < 4 * np.sqrt(1 / 8000 + 1 / 20000)


def _share_error(p, rows, drawn):
    """Sd of a mean share over copies: parameter draws of n rows, and rows drawn."""
    return np.sqrt(p * (1 - p) * (1 / rows + 1 / drawn))


def test_frequencies_of_levels_match_in_a_marginal():
    """With one uniform for every threshold, (.2, .3, .5) would come out as (.10, .50, .40)."""
    rows, m, k = 1500, 8, 4000
    frame = pd.DataFrame({"g": np.repeat(["a", "b", "c"], [300, 450, 750])})
    drawn = pd.concat(posynth.synthesize(frame, m=m, k=k, seed=1))
    found = drawn["g"].value_counts(normalize=True)
    for level, p in (("a", 0.2), ("b", 0.3), ("c", 0.5)):
        assert abs(found[level] - p) < 4 * _share_error(p, rows * m, k * m)


def test_frequencies_of_levels_match_given_a_predictor():
    rows, m = 2000, 8
    rng = np.random.default_rng(4)
    x = rng.normal(size=rows)
    eta = np.column_stack([np.zeros(rows), 0.5 + x, -0.5 - x, 0.3 * x - 1])
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    codes = (rng.random(rows)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    frame = pd.DataFrame({"x": x, "g": np.array(["a", "b", "c", "d"])[codes]})
    copies = posynth.synthesize(frame, m=m, k=rows, seed=1)
    drawn = pd.concat(copies)
    for side in (frame["x"] < 0, frame["x"] >= 0):
        source = frame.loc[side, "g"].value_counts(normalize=True)
        part = drawn[(drawn["x"] < 0) == (frame.loc[side, "x"].iloc[0] < 0)]
        found = part["g"].value_counts(normalize=True)
        for level, share in source.items():
            # The model is the true one, so its share of a half differs from the raw one by less.
            assert abs(found[level] - share) < 4 * _share_error(share, side.sum(), len(part))


def _slopes(copies):
    found = []
    for frame in copies:
        x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
        found.append(np.cov(x, y)[0, 1] / x.var(ddof=1))
    return np.array(found)


def _plug_in(posterior):
    """The same posterior with every draw at its mean: rows vary, parameters do not."""

    def level(values):
        return values.mean(("chain", "draw")).broadcast_like(values).transpose(*values.dims)

    return replace(posterior, draws={t: ds.map(level) for t, ds in posterior.draws.items()})


def test_copies_of_one_posterior_differ_by_their_parameter_draws():
    """Given the data, Var(q_l) = V n/k + V if proper and V n/k if plugged in: twice as much at k=n.

    With 1200 copies a variance has relative error sqrt(2 / 1200) = 4 %, a ratio of two 6 %.
    """
    frame, m = _normal(100, 0.5, 5), 1200
    chain = posynth.specify(frame)
    for target in ("x", "y"):
        chain = chain.change(target, prior="jeffreys")
    posterior = posynth.fit(frame, chain, seed=1, m=m)
    assert posterior.diagnostics()["engine"].tolist() == ["exact", "exact"]
    proper = _slopes(posynth.draw(posterior, m, seed=1)).var(ddof=1)
    plug_in = _slopes(posynth.draw(_plug_in(posterior), m, seed=1)).var(ddof=1)
    # E[1 / chi2] factors of n = 100 rows: (n - 3) / (n - 4) and like ones, 2 to 4 % in all.
    assert proper / plug_in == pytest.approx(2.0, rel=0.18)
    x, y = frame["x"], frame["y"]
    residual = y - np.polyval(np.polyfit(x, y, 1), x)
    V = residual.var(ddof=2) / (x.var(ddof=1) * 99)
    assert plug_in / V == pytest.approx(1.0, rel=0.18)
    # A copy of 400 rows adds a quarter of V for its rows, and the same V for its parameters.
    long = _slopes(posynth.draw(posterior, m, k=400, seed=1)).var(ddof=1)
    assert long / V == pytest.approx(1.25, rel=0.18)


def test_over_many_small_tables_between_and_within_copies_are_as_two_to_one():
    """E b / E v = 2 at k = n over tables, as STATISTICS has it; 60 tables of 8 copies each.

    b has 7 degrees of freedom a table, 420 in all: relative error sqrt(2 / 420) = 7 %.
    """
    b, v = [], []
    for table in range(60):
        frame = _normal(100, 0.5, 100 + table)
        copies = posynth.synthesize(frame, m=8, seed=table)
        b.append(_slopes(copies).var(ddof=1))
        for c in copies:
            residual = c["y"] - np.polyval(np.polyfit(c["x"], c["y"], 1), c["x"])
            v.append(residual.var(ddof=2) / (c["x"].var(ddof=1) * 99))
    assert np.mean(b) / np.mean(v) == pytest.approx(2.0, rel=0.25)
    assert np.mean(b) / np.mean(v) > 1.4


@pytest.fixture(scope="module")
def holed() -> pd.DataFrame:
    """Holes of a and b fall together, those of c depend on x; values of b differ where a holes."""
    rng = np.random.default_rng(6)
    rows = 1200
    x = rng.normal(size=rows)
    frame = pd.DataFrame({"x": x, "a": x + rng.normal(size=rows)})
    gone = rng.random(rows) < 0.25
    frame["b"] = 5 + 2 * gone + 0.5 * x + rng.normal(size=rows)
    frame["c"] = -x + rng.normal(size=rows)
    frame.loc[gone, "a"] = np.nan
    frame.loc[np.where(gone, rng.random(rows) < 0.8, rng.random(rows) < 0.05), "b"] = np.nan
    frame.loc[rng.random(rows) < 1 / (1 + np.exp(-1.5 * x)), "c"] = np.nan
    return frame


@pytest.fixture(scope="module")
def drawn(holed) -> pd.DataFrame:
    return pd.concat(posynth.synthesize(holed, m=5, k=2000, seed=2), ignore_index=True)


def _near(found, source, rows, copies=5, k=2000):
    return abs(found - source) < 4 * _share_error(source, rows * copies, copies * k)


def test_shares_of_holes_are_reproduced(holed, drawn):
    for column in "xabc":
        source = holed[column].isna().mean()
        assert _near(drawn[column].isna().mean(), source, 1200) or (source == 0)
    assert not drawn["x"].isna().any()


def test_holes_that_fall_together_do_so_in_copies(holed, drawn):
    for first, second in (("a", "b"), ("a", "c"), ("b", "c")):
        source = (holed[first].isna() & holed[second].isna()).mean()
        found = (drawn[first].isna() & drawn[second].isna()).mean()
        assert _near(found, source, 1200)
    together = (holed["a"].isna() & holed["b"].isna()).mean()
    apart = holed["a"].isna().mean() * holed["b"].isna().mean()
    assert not _near(apart, together, 1200), "independent holes would be seen"


def test_holes_that_depend_on_a_value_do_so_in_copies(holed, drawn):
    for high in (False, True):
        source = holed.loc[(holed["x"] > 0) == high, "c"].isna().mean()
        found = drawn.loc[(drawn["x"] > 0) == high, "c"].isna().mean()
        assert _near(found, source, 600, k=1000)


def test_values_follow_the_holes_of_others(holed, drawn):
    for gone in (False, True):
        source = holed.loc[holed["a"].isna() == gone, "b"].dropna()
        found = drawn.loc[drawn["a"].isna() == gone, "b"].dropna()
        spread = source.std()
        error = spread * np.sqrt(1 / (5 * len(source)) + 1 / len(found))
        assert abs(found.mean() - source.mean()) < 4.5 * error
        assert found.std() == pytest.approx(spread, rel=0.15)


def test_released_values_are_those_that_later_columns_saw():
    """Rounding happens before the next column is drawn, so analysts condition on the same value."""
    rng = np.random.default_rng(7)
    x = rng.normal(0, 0.3, 3000).round(0)
    frame = pd.DataFrame({"x": x + 0.0, "y": 10 * x + rng.normal(0, 0.01, 3000)})
    frame.loc[0, "x"] = 0.0
    copy = posynth.synthesize(frame, m=1, seed=1, kinds={"x": "continuous"})[0]
    assert set(np.unique(copy["x"] % 1)) == {0.0}
    assert (copy["y"] - 10 * copy["x"]).abs().max() < 0.1
