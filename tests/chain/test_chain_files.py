"""Chain files that were edited by hand: what no run could use is refused when the file is read."""

import pytest

from posynth.chain.toml import chain_from_toml
from posynth.errors import SpecError
from posynth.evaluation.validity.study_file import read_study
from posynth.posterior.plan import plan


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ("decimals = -1", "decimals = -1; it must be 0 to 30"),
        ("decimals = 31", "decimals = 31; it must be 0 to 30"),
        ("levels = ['a', 'b', 'a']", "levels name 'a' more than once"),
    ],
)
def test_facts_of_a_column_are_within_their_limits(facts, said):
    with pytest.raises(SpecError, match=f"column 'x': {said}"):
        chain_from_toml(f"[columns]\nx = {{{facts}}}\n")


@pytest.mark.parametrize("decimals", [0, 30])
def test_limits_are_allowed_themselves(decimals):
    text = f"[columns]\nx = {{decimals = {decimals}}}\n"
    assert chain_from_toml(text)[1] == {"x": {"decimals": decimals}}


def test_a_chain_without_conditionals_names_the_columns_that_need_one(heart, tmp_path):
    (tmp_path / "chain.toml").write_text("")
    with pytest.raises(SpecError, match="no conditional for 'age', 'sex': each column"):
        plan(heart[["age", "sex"]], chain=tmp_path / "chain.toml")


def test_a_prior_without_scales_says_so(heart, tmp_path):
    text = "[[conditional]]\ntarget = 'age'\nfamily = 'gaussian'\nprior = 'flat'\n"
    (tmp_path / "chain.toml").write_text(text + "scales = {slope = 1.0}\n")
    with pytest.raises(SpecError, match="prior 'flat' has no scales, and slope are given; leave"):
        plan(heart[["age"]], chain=tmp_path / "chain.toml")


def test_a_chain_is_no_study(tmp_path):
    (tmp_path / "chain.toml").write_text("[[conditional]]\ntarget = 'x'\nfamily = 'gaussian'\n")
    with pytest.raises(SpecError, match="this is a chain of conditionals, not a study"):
        read_study(tmp_path / "chain.toml")
