"""Few groups: degrees of freedom of V̂ grow with m only where copies draw group effects anew.

G groups of 20 rows, y = u_g + e, both of variance 1; the estimate is the mean of y, its variance by
groups the variance of their means over G, t with G - 1. Copies that keep group effects draw them
about the group means of the source. 20 000 runs: the standard error of a coverage of .95 is .0016.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import posynth
from posynth.analysis import how_made
from posynth.copies.container import Copies
from posynth.copies.given import copies_of_frames
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import Clusters, Estimate, pool
from posynth.evaluation.inference.moments import scalar_moments
from posynth.evaluation.inference.rules import scaled

RUNS, SIZE = 20_000, 20


def kept_means(groups, m, rng):
    """Estimates and variances of copies with the group effects of the source, (m, runs)."""
    n = groups * SIZE
    means = rng.normal(size=(RUNS, groups)) * np.sqrt(1 + 1 / SIZE)
    sigma2 = rng.chisquare(n - groups, RUNS) / (n - groups)
    q, v = np.empty((2, m, RUNS))
    for copy in range(m):
        drawn = (sigma2 * (n - groups) / rng.chisquare(n - groups, RUNS))[:, None]
        noise = np.sqrt(2 * drawn / SIZE)  # of the drawn effect, and of the rows of the copy
        in_copy = means + noise * rng.normal(size=means.shape)
        q[copy], v[copy] = in_copy.mean(axis=1), in_copy.var(axis=1, ddof=1) / groups
    return q, v


def _coverage(groups, m, **made):
    q, v = kept_means(groups, m, np.random.default_rng([groups, m]))
    n = groups * SIZE
    x = scalar_moments(q, v, Provenance(n, n, m, **made), groups - 1, v, groups - 1)
    spread = scaled(x)
    half = stats.t.ppf(0.975, spread.df) * np.sqrt(spread.variance)
    return float((np.abs(x.center) < half).mean())


@pytest.mark.parametrize("m", [2, 5, 30])
@pytest.mark.parametrize("groups", [4, 6, 10])
def test_few_groups_whose_effects_are_kept_are_covered(groups, m):
    """Somewhat more than .95: means of groups in a copy vary more than those of the source."""
    assert 0.945 < _coverage(groups, m, kept_groups=("y",)) < 0.98


def test_df_that_grow_with_m_would_not_cover_kept_groups():
    assert _coverage(6, 30) < 0.93


def _estimates(column, m):
    rng = np.random.default_rng(4)
    return [
        Estimate(("mean",), [q], [[1.0]], 7.0, clusters=Clusters(column, 8, [[0.1]]))
        for q in rng.normal(size=m) / 10
    ]


@pytest.mark.parametrize(
    ("made", "anew"),
    [
        ({}, False),
        ({"grouped": {"y": "school"}}, True),
        ({"grouped": {"y": "class"}}, False),
        ({"grouped": {"y": "school"}, "kept_groups": ("y",)}, False),
    ],
)
def test_group_effects_count_as_kept_unless_they_are_known_to_be_drawn_anew(made, anew):
    pooled = pool(_estimates("school", 10), Provenance(160, 160, 10, **made))
    assert (pooled.table["df"].item() > 8) == anew
    few = pool(_estimates("school", 3), Provenance(160, 160, 3, **made))
    assert few.choice.rule == ("ppd" if anew else "t_p_star")


def test_rows_without_groups_are_as_they_were():
    plain = [Estimate(("mean",), [q], [[1.0]], 7.0) for q in (0.0, 0.1, 0.2)]
    assert pool(plain, Provenance(160, 160, 3)).choice.rule == "ppd"


def _school_copies(**written):
    frames, effects = [], np.repeat(np.random.default_rng(9).normal(size=8), 20)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        school = np.repeat(list("abcdefgh"), 20)
        x, y = rng.normal(size=(2, 160)) + effects
        frames.append(pd.DataFrame({"school": school, "x": x, "y": y}))
    copies = copies_of_frames(frames, n=160, proper=True)
    described = {**copies.written, "groups": {"school": 8}, **written}
    return Copies(copies.frames, copies.origin, (), described)


@pytest.mark.parametrize(
    ("grouped", "formula", "kept"),
    [
        ({}, "y ~ x", ("y",)),
        ({"y": "school"}, "y ~ x", ()),
        ({"x": "school"}, "y ~ x", ("y",)),
        ({"x": "school"}, "I(y - x) ~ 1", ("y",)),
        ({"y": "school", "x": "school"}, "I(y - x) ~ 1", ()),
    ],
)
def test_the_conditional_of_the_response_decides(grouped, formula, kept):
    copies = _school_copies(grouped=grouped)
    made = how_made(copies, formula, cluster="school")
    assert set(made.kept_groups) == set(kept)
    assert how_made(copies, formula).kept_groups == ()
    pooled = posynth.pool(copies, "ols", formula, cluster="school")
    anew = _school_copies(grouped={"y": "school", "x": "school"})
    other = posynth.pool(anew, "ols", formula, cluster="school")
    assert (pooled.table.loc["Intercept", "df"] < other.table.loc["Intercept", "df"]) == bool(kept)


def test_a_response_that_the_chain_does_not_relate_to_the_groups_is_told():
    rng = np.random.default_rng(3)
    school = np.repeat(list("abcdef"), 20)
    table = pd.DataFrame({"school": school, "x": rng.normal(size=120)})
    table["y"] = np.repeat(rng.normal(size=6), 20) + rng.normal(size=120)
    how = {"m": 2, "seed": 1, "methods": {"x": "gaussian", "y": "gaussian"}}
    told = "'y' does not depend on 'school', so that rows of one 'school' are not alike"
    for predictors, apart in ((["school"], False), (["x"], True)):
        copies = posynth.synthesize(table, predictors={"y": predictors}, **how)
        notes = posynth.pool(copies, "ols", "y ~ x", cluster="school").notes
        assert any(told in note for note in notes) == apart
        assert not any(told in note for note in posynth.pool(copies, "ols", "y ~ x").notes)
