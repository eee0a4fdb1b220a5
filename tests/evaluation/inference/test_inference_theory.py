"""The note that copies differ more than the rule from theory says."""

import numpy as np
import pytest

from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import pool
from posynth.evaluation.inference.estimates import Estimate
from posynth.evaluation.inference.moments import scalar_moments
from posynth.evaluation.inference.theory import more_than_theory

THREE = Provenance(n=100, k=50, m=3)


def share_noted(spread, rng, df=np.inf, runs=4000):
    """Share of studies with a note, two coefficients; variances of copies are known, as V = 1."""
    q = rng.normal(size=(3, runs, 2)) * np.sqrt(spread * (1 + 2))
    v = np.broadcast_to(2 * (1 if np.isinf(df) else rng.chisquare(df, q.shape) / df), q.shape)
    x = scalar_moments(q, v, THREE, df)
    noted = 0
    for run in range(runs):
        one = scalar_moments(q[:, run], v[:, run], THREE, df)
        noted += bool(more_than_theory("ppd", ("a", "b"), one))
    assert x.noise.mean() == pytest.approx(3, rel=0.01)
    return noted / runs


@pytest.mark.parametrize("df", [np.inf, 48.0])
def test_a_right_chain_is_noted_in_one_study_of_a_hundred(df):
    # 4000 studies: standard error .0016.
    assert share_noted(1.0, np.random.default_rng(1), df) == pytest.approx(0.01, abs=0.006)


def test_copies_that_differ_much_more_are_noted():
    assert share_noted(10.0, np.random.default_rng(2)) > 0.7


def test_the_note_names_the_coefficient_and_the_next_step():
    copies = [Estimate(("a", "b"), [q, 1.0 + q / 9], np.eye(2) * 0.04) for q in (0.0, 1.0, 2.0)]
    (note,) = pool(copies, THREE).notes
    assert "factor in brackets: 'a' (16.7); chain and analysis do not agree there" in note
    assert "make 5 or more copies" in note
    assert pool(copies, THREE, rule="t_p_star").notes == ()
    assert pool(copies[:1], Provenance(n=100, k=50, m=1)).notes == ()
