"""Many levels keep the predictors that matter; a function of another column is computed."""

import numpy as np
import pandas as pd

import posynth
from posynth.chain.budget import MOST_COEFFICIENTS


def _table(rng: np.random.Generator, n: int = 1500) -> pd.DataFrame:
    useful = rng.integers(0, 4, n)
    noise = {f"noise{i}": [f"n{v}" for v in rng.integers(0, 9, n)] for i in range(3)}
    job = (useful * 5 + rng.integers(0, 5, n)).astype(int)
    job[:60] = rng.integers(0, 20, 60)  # or jobs would be nested in the useful column
    return pd.DataFrame(
        {**noise, "useful": [f"u{v}" for v in useful], "job": [f"j{v:02}" for v in job]}
    )


def test_predictors_that_tell_nothing_give_way_first(rng) -> None:
    chain = posynth.specify(_table(rng))
    found = chain.spec["job"]
    assert found.predictors is not None and "useful" in found.predictors
    widths = {"useful": 3, "noise0": 8, "noise1": 8, "noise2": 8}
    assert 19 * sum(widths[name] for name in found.predictors) <= MOST_COEFFICIENTS
    assert "of 4 predictors" in found.note
    assert "300 coefficients at most" in found.note


def test_few_coefficients_keep_every_predictor(rng) -> None:
    chain = posynth.specify(_table(rng).drop(columns=["noise1", "noise2"]))
    assert chain.spec["job"].predictors is None


def test_slopes_have_another_prior_where_a_level_has_few_rows(rng) -> None:
    x, z = rng.standard_normal((2, 600))
    common = np.where(x + rng.standard_normal(600) > 0, "a", "b")
    rare = common.copy()
    rare[:8] = "c"
    for levels, held in ((common, False), (rare, True)):
        chain = posynth.specify(pd.DataFrame({"x": x, "z": z, "w": x * z, "level": levels}))
        found = chain.spec["level"]
        assert (found.prior == "log_f") is held and "slope" not in found.scales
        assert ("a level of 8 rows on 3 predictors: slopes log-F(2, 2)" in found.note) is held


def test_a_function_of_a_predictor_is_not_taken_beside_it(rng) -> None:
    table = _table(rng)
    age = rng.integers(18, 90, len(table))
    table.insert(0, "age", age)
    table.insert(1, "group", pd.cut(age, [0, 30, 60, 99]).astype(str))
    table["job"] = [
        f"{job}{'ab'[int(old)]}" for job, old in zip(table["job"], age > 60, strict=True)
    ]
    found = posynth.specify(table).spec["job"].predictors
    assert found is not None and "age" in found and "group" not in found


def test_groups_of_a_number_are_a_rule_and_stay_one(rng) -> None:
    age = rng.integers(18, 90, 600)
    table = pd.DataFrame({"age": age, "group": pd.cut(age, [0, 30, 60, 99]).astype(str)})
    chain = posynth.specify(table)
    assert chain.spec["group"].family == "passive"
    assert "a function of other columns in all 600 rows" in chain.spec["group"].note
    copy = posynth.synthesize(table, m=1, seed=1, chain=chain).to_pandas()[0]
    told = pd.cut(copy["age"], [0, 30, 60, 99]).astype(str)
    assert (told == copy["group"]).all()


def test_a_family_asked_for_is_kept(rng) -> None:
    age = rng.integers(18, 90, 600)
    table = pd.DataFrame({"age": age, "old": np.where(age > 60, "yes", "no")})
    assert posynth.specify(table, methods={"old": "logreg"}).spec["old"].family == "bernoulli"
    assert posynth.specify(table).spec["old"].passive == "'no' if age < 61 else 'yes'"


def test_rare_levels_have_no_more_coefficients_than_cases(rng) -> None:
    """Forty levels in 60 of 900 rows had 300 coefficients, which took minutes to explore."""
    table = pd.DataFrame({f"x{i}": rng.standard_normal(900) for i in range(5)})
    rare = np.where(np.arange(900) < 60, rng.integers(1, 41, 900), 0)
    table["code"] = [f"c{v:02}" for v in rare]
    chain = posynth.specify(table)
    found = chain.spec["code"]
    assert found.predictors is not None and len(found.predictors) <= 1
    assert "60 coefficients at most" in found.note
    copy = posynth.synthesize(table, chain=chain, seed=1, m=1)
    assert 0.88 < np.mean(copy[0]["code"] == "c00") < 0.97
