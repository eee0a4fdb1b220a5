"""Columns that are constant within groups: fitted on one row a group, drawn once a group."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.group_level import one_row_a_group
from posynth.chain.spec import ChainSpec
from posynth.errors import SpecError
from posynth.families.methods import table

SCHOOLS, ROWS = 30, 300


@pytest.fixture(scope="module")
def pupils():
    rng = np.random.default_rng(8)
    school = rng.permutation(np.arange(ROWS) % SCHOOLS)
    ses = rng.standard_normal(ROWS) + rng.standard_normal(SCHOOLS)[school]
    means = np.bincount(school, ses) / np.bincount(school)
    size = (2.0 + means + 0.5 * rng.standard_normal(SCHOOLS))[school]
    private = np.where(rng.random(SCHOOLS) < 0.5, "yes", "no")[school]
    names = np.array([f"s{code:02d}" for code in range(SCHOOLS)])[school]
    return pd.DataFrame({"school": names, "ses": ses, "size": size, "private": private})


def _asked(pupils, **methods):
    return posynth.specify(pupils, methods=methods, kinds={"school": "nominal"})


@pytest.fixture(scope="module")
def asked(pupils):
    return _asked(
        pupils, size="2lonly.norm(per_group=school)", private="bernoulli(per_group=school)"
    )


def test_rows_are_gathered_in_the_order_in_which_groups_appear():
    X = np.array([[1.0], [2.0], [4.0], [6.0]])
    found = one_row_a_group(np.array([7, 2, 7, 2]), X)
    assert found.X.tolist() == [[2.5], [4.0]]
    assert found.first.tolist() == [0, 1] and found.member.tolist() == [0, 1, 0, 1]


def test_the_model_has_one_row_a_group_and_means_of_predictors(pupils, asked):
    assert asked.spec["size"].family == "gaussian" and asked.spec["size"].per_group == "school"
    assert ChainSpec.from_dict(asked.spec.to_dict()) == asked.spec
    model = asked["size"].model(pupils)
    each = pupils.groupby("school", sort=False)[["ses", "size"]].mean()
    z = (each - [pupils["ses"].mean(), each["size"].mean()]) / [
        pupils["ses"].std(ddof=0),
        each["size"].std(ddof=0),
    ]
    np.testing.assert_allclose(model["X"].get_value()[:, 0], z["ses"])
    np.testing.assert_allclose(model["y"].get_value(), z["size"])
    assert model.coords["predictor"] == ("ses",)


def test_the_posterior_is_that_of_a_table_of_groups(pupils):
    """The same rows under the same seed give the same draws, to rounding."""
    pupils = pupils[["school", "size"]]
    long = posynth.fit(pupils, chain=_asked(pupils, size="gaussian(per_group=school)"), seed=3)
    groups = pupils.drop_duplicates("school")
    short = posynth.specify(groups, kinds={"school": "nominal"}).change("size", family="gaussian")
    short = short.change("size", predictors=(), scale="natural", splines=0)
    wide = posynth.fit(groups, chain=short, seed=3)
    for name in ("alpha", "sigma"):
        one, other = (p["size"]["posterior"][name].to_numpy() for p in (long, wide))
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_copies_are_constant_within_groups_and_follow_the_group_means(pupils, asked, tmp_path):
    """Slope of size on the means of ses: 1 in truth; 20 copies of 30 schools."""
    posynth.save_posterior(posynth.fit(pupils, chain=asked, seed=1), tmp_path / "p")
    copies = posynth.draw(posynth.load_posterior(tmp_path / "p"), m=20, k=600, seed=2)
    slopes, sizes = [], []
    for copy in copies:
        each = copy.groupby("school", observed=True)
        assert each["size"].nunique().max() == each["private"].nunique().max() == 1
        means = each[["ses", "size"]].mean()
        slopes.append(np.polyfit(means["ses"], means["size"], 1)[0])
        sizes.append(copy["size"].nunique())
    source = pupils.groupby("school")[["ses", "size"]].mean()
    spread = np.std(slopes) / np.sqrt(20)
    assert abs(np.mean(slopes) - np.polyfit(source["ses"], source["size"], 1)[0]) < 4 * spread
    assert min(sizes) > 20 and len({tuple(c["size"][:3]) for c in copies}) == 20


def test_the_likelihood_counts_a_group_once(pupils, asked):
    from posynth.posterior.predictive import log_likelihood, posterior_predictive

    posterior = posynth.fit(pupils, chain=asked, seed=1)
    tree = log_likelihood(posterior, "size", pupils, draws=100)
    assert tree["log_likelihood"].sizes["row"] == SCHOOLS
    drawn = posterior_predictive(posterior, "size", pupils, draws=100)["posterior_predictive"]
    observed = pupils.drop_duplicates("school")["size"]
    residual = drawn["size"].to_numpy().mean(axis=(0, 1)) - observed.to_numpy()
    assert residual.std() < observed.std()


@pytest.mark.parametrize(
    ("methods", "text"),
    [
        ({"ses": "gaussian(per_group=school)"}, "'ses' differs within 30 of 30 groups of 'school'"),
        ({"size": "2lonly.norm"}, r"say which: 2lonly.norm\(per_group=COLUMN\)"),
        ({"size": "gaussian_ml(keep_groups=school, per_group=school)"}, "use gaussian, bernoulli,"),
        ({"size": "gaussian(per_group=private)"}, "'private' has 2 groups, too few"),
        ({"size": "gaussian(per_group=ses)"}, "the column of groups, 'ses', is continuous"),
        ({"size": "normrank(per_group=school)"}, "scale does not go together with one row a group"),
    ],
)
def test_what_is_no_column_of_groups_is_refused(pupils, methods, text):
    with pytest.raises(SpecError, match=text):
        posynth.fit(pupils, chain=_asked(pupils, **methods), seed=1)


def test_a_column_of_groups_with_holes_is_refused(pupils):
    holes = pupils.assign(size=pupils["size"].where(np.arange(ROWS) > 5))
    with pytest.raises(SpecError, match="holes of rows and not of groups; complete the column"):
        _asked(holes, size="2lonly.norm(per_group=school)")


@pytest.mark.parametrize(("column", "family"), [("size", "gaussian"), ("private", "bernoulli")])
def test_a_group_mean_of_mice_is_a_conditional_on_one_row_a_group(pupils, column, family):
    chain = _asked(pupils, **{column: "2lonly.mean(per_group=school)"})
    found = chain.spec[column]
    assert (found.family, found.per_group) == (family, "school")
    family = {row["method"]: row["family"] for row in table()}
    assert family["2lonly.norm"] == "gaussian" and family["2lonly.pmm"] == "pmm"
