"""Random intercepts: how groups are asked for, coded, refused, and what copies make of them."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.groups import Groups
from posynth.chain.spec import ChainSpec
from posynth.errors import SpecError
from posynth.families import families
from posynth.families.methods import table
from posynth.posterior.coding import Coding
from posynth.posterior.predict import RowSampler

SCHOOLS = 12


@pytest.fixture(scope="module")
def pupils():
    rng = np.random.default_rng(8)
    school = np.arange(240) % SCHOOLS
    y = 3.0 * rng.standard_normal(SCHOOLS)[school] + rng.standard_normal(240)
    names = [f"s{code:02d}" for code in school]
    few = np.array(["a", "b", "c"])[school % 3]
    x = rng.standard_normal(240)
    return pd.DataFrame({"school": names, "few": few, "x": x, "y": y, "late": names})


def _asked(pupils, method):
    kinds = {name: "nominal" for name in ("school", "few", "late")}
    order = ["school", "few", "x", "y", "late"]
    return posynth.specify(pupils, order=order, methods={"y": method}, kinds=kinds)


def test_a_column_of_groups_is_no_fixed_predictor_and_comes_first_in_the_design(pupils):
    chain = _asked(pupils, "2l.lmer(new_groups=school)")
    assert chain.spec["y"].family == "gaussian_ml" and chain.spec["y"].new_groups == "school"
    assert ChainSpec.from_dict(chain.spec.to_dict()) == chain.spec
    model = chain["y"].model(pupils)
    np.testing.assert_array_equal(model["X"].get_value()[:, 0], np.arange(240) % SCHOOLS)
    assert model.coords["predictor"] == ("few[T.b]", "few[T.c]", "x")
    assert len(model.coords["group"]) == SCHOOLS


def test_the_slopes_named_vary_between_groups(pupils):
    chain = _asked(pupils, "gaussian_ml(keep_groups=school, slopes=x)")
    assert ChainSpec.from_dict(chain.spec.to_dict()) == chain.spec
    model = chain["y"].model(pupils)
    np.testing.assert_array_equal(model["slope_at"].get_value(), [2])
    assert model.coords["effect"] == ("intercept", "x")
    assert model["z"].shape.eval().tolist() == [SCHOOLS, 2]


def test_slopes_need_straight_lines(pupils):
    chain = _asked(pupils, "gaussian_ml(keep_groups=school, slopes=x)")
    with pytest.raises(SpecError, match="slopes do not go together with splines"):
        chain.change("y", splines=3)
    with pytest.raises(SpecError, match="slopes do not go together with a formula"):
        chain.change("y", formula="x")


def test_two_slopes_have_no_exact_draws(pupils):
    chain = _asked(pupils.assign(w=pupils["x"] ** 2), "gaussian_ml(keep_groups=school, slopes=x+w)")
    text = "family 'gaussian_ml' has no exact posterior with more than 1 slope; use engine 'auto'"
    with pytest.raises(SpecError, match=text):
        chain.change("y", engine="exact")


def test_a_slope_that_is_constant_cannot_vary(pupils):
    rare = pupils.assign(x=(np.arange(240) == 3).astype(int))
    chain = _asked(rare, "gaussian_ml(keep_groups=school, slopes=x)")
    with pytest.raises(SpecError, match="slope of 'x' cannot vary between groups: it is constant"):
        chain["y"].model(rare)


def test_columns_of_groups_and_slopes_are_visited_first(pupils):
    kinds = {name: "nominal" for name in ("school", "few", "late")}
    methods = {"x": "gaussian_ml(keep_groups=late, slopes=y)"}
    found = posynth.specify(pupils, methods=methods, kinds=kinds).spec.targets
    assert found == ("late", "y", "school", "few", "x")


def test_a_family_without_groups_drops_them(pupils):
    chain = _asked(pupils, "gaussian_ml(keep_groups=school)").change("y", family="gaussian")
    assert chain.spec["y"].groups == ""
    chain = _asked(pupils, "gaussian_ml(keep_groups=school, slopes=x)").change(
        "y", family="gaussian"
    )
    assert chain.spec["y"].slopes == ()


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("gaussian_ml", r"say what copies make of groups, .* here neither stands"),
        ("gaussian_ml(keep_groups=school, new_groups=school)", "here both stand"),
        ("gaussian_ml(new_groups=late)", "'late', is not visited before it; .* --order late"),
        ("gaussian_ml(new_groups=no)", "groups: unknown column 'no'"),
        ("gaussian_ml(group=school)", "say what copies make of groups, keep_groups=school .* or"),
        ("gaussian_ml(new_groups=x)", "'x', is continuous; .* --kind x=nominal"),
        ("gaussian_ml(new_groups=few)", "'few' has 3 groups, too few .*5 are asked for"),
        ("gaussian(new_groups=school)", "no groups, .* bernoulli_ml, gaussian_ml, location_scale"),
        ("gaussian(slopes=x)", r"it has no groups, but slopes = \['x'\] are to vary"),
        ("2l.lmer(new_groups=school, slopes=z)", "slopes: unknown predictor 'z'.*'few', 'x'"),
        ("2l.lmer(new_groups=school, slopes=school)", "slopes: unknown predictor 'school'"),
        ("2l.lmer(new_groups=school, slopes=few)", "slope of 'few' cannot vary .* it is nominal"),
        ("2l.lmer(new_groups=school, slopes=x+x)", "slopes = .* name up to 2 different columns"),
    ],
)
def test_groups_that_cannot_be_are_refused(pupils, method, text):
    with pytest.raises(SpecError, match=text):
        _asked(pupils, method)


def test_methods_of_mice_with_two_levels_have_their_families():
    family = {row["method"]: row["family"] for row in table()}
    assert family["2l.norm"] == "location_scale_ml"
    assert family["2l.lmer"] == family["2l.pan"] == "gaussian_ml"
    assert family["2l.bin"] == "bernoulli_ml"


@pytest.mark.parametrize("new", [False, True])
def test_copies_keep_the_effects_of_groups_or_draw_them_anew(new):
    """Row means of a group are z_j tau, or N(0, tau) from one copy to the next."""
    J, tau, sigma, copies = 200, 2.0, 0.1, 20
    z = np.linspace(-2.0, 2.0, J)
    parameters = {
        "alpha": np.zeros(1), "beta": np.zeros((1, 1)), "tau": np.array([[tau]]),
        "z": z[None, :, None], "sigma": np.array([sigma]), "agreement": np.empty((1, 0)),
    }  # fmt: skip
    coding = _coding(J, new)
    sampler = RowSampler(families()["gaussian_ml"], "y", coding, "weak", parameters)
    X = np.column_stack([np.repeat(np.arange(J), 5), np.zeros(5 * J)])
    seeds = (np.random.default_rng([3, copy]) for copy in range(copies))
    means = np.array([sampler.draw(X, 0, rng).reshape(J, 5).mean(axis=1) for rng in seeds])
    if not new:
        error = sigma / np.sqrt(5 * copies)
        assert np.abs(means.mean(axis=0) - tau * z).max() < 4.5 * error
        return
    # Relative standard error of a standard deviation from J * copies normal values.
    spread, error = means.std(), tau / np.sqrt(2 * J * copies)
    assert abs(spread - np.hypot(tau, sigma / np.sqrt(5))) < 4 * error
    assert abs(np.corrcoef(means.mean(axis=0), z)[0, 1]) < 4 / np.sqrt(J)
    assert abs(np.corrcoef(means)[np.triu_indices(copies, 1)].mean()) < 4 / np.sqrt(J * 190)


def _coding(groups, new):
    from posynth.chain.design import Encoder

    levels = tuple(map(str, range(groups)))
    return Coding(Encoder(("x",)), ("x",), ("x",), groups=Groups("school", levels, new))
