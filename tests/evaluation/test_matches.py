"""Fresh rows that equal a row of the source: the reference counts its own error."""

import numpy as np
import pytest

from posynth.evaluation.matches import Matches

N, RUNS = 300, 1500
SHARES = np.array([0.4 ** (b := bin(cell).count("1")) * 0.6 ** (10 - b) for cell in range(1024)])


@pytest.fixture(scope="module")
def sources():
    """Rows of ten coins: how often each of the 1024 different rows occurs, and the true pi."""
    rng = np.random.default_rng(8)
    counts = rng.multinomial(N, SHARES, size=RUNS)
    return counts, ((counts > 0) * SHARES).sum(axis=1)


def test_mean_and_variance_are_those_of_the_share_about_its_estimate(sources):
    counts, pi = sources
    known = [Matches.of_source(each) for each in counts]
    error = np.array([each.share for each in known]) - pi
    # Leaving one out costs E sum p^2 (1 - p)^(n-1); (c + 1)/(n + 2) adds (1 - 2 pi)/(n + 2).
    shift = (1 - 2 * pi.mean()) / (N + 2) - np.sum(SHARES**2 * (1 - SHARES) ** (N - 1))
    assert abs(error.mean() - shift) < 4 * error.std() / RUNS**0.5
    ratio = error.var() / np.mean([each.variance for each in known])
    assert abs(ratio - 1) < 4 * (2 / RUNS) ** 0.5  # standard error of a variance: .037


@pytest.mark.parametrize("rows", [300, 3000])
def test_fresh_rows_exceed_the_level_as_often_as_it_says(sources, rows):
    counts, pi = sources
    rng = np.random.default_rng(rows)
    found = rng.binomial(rows, pi)
    over = [
        Matches.of_source(c).exceeds(f, rows) < 0.01 for c, f in zip(counts, found, strict=True)
    ]
    assert abs(np.mean(over) - 0.01) < 4 * (0.01 * 0.99 / RUNS) ** 0.5  # standard error .0026


def test_a_holdout_as_reference_keeps_the_level(sources):
    pi = sources[1]
    rng = np.random.default_rng(5)
    held, found = rng.binomial(N, pi), rng.binomial(5 * N, pi)
    over = [
        f > Matches.of_holdout(h, N).most(5 * N, 0.01) for h, f in zip(held, found, strict=True)
    ]
    assert abs(np.mean(over) - 0.01) < 4 * (0.01 * 0.99 / RUNS) ** 0.5


def test_rows_of_the_source_among_fresh_ones_exceed_it(sources):
    counts, pi = sources
    rng = np.random.default_rng(6)
    half = 150 + rng.binomial(150, pi[:100])
    known = [Matches.of_source(each) for each in counts[:100]]
    assert all(m.exceeds(f, 300) < 1e-3 for m, f in zip(known, half, strict=True))


@pytest.mark.parametrize("counts", [[1, 1], [2], [1, 1, 1, 1], [3, 3], [1], [40]])
def test_few_rows_have_a_distribution_too(counts):
    known = Matches.of_source(np.array(counts))
    assert 0 < known.exceeds(2, 2) < known.exceeds(1, 2) < known.exceeds(0, 2) == pytest.approx(1)
