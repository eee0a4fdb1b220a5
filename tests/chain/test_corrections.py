"""The shape of a column is corrected where shift and stretch of its scale do not follow it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.chain.corrections import Corrections, cut_points, misfit
from posynth.chain.quantiles import learn_scale
from posynth.errors import SpecError

CUTS = np.array([-0.5, 0.0, 0.5])


@pytest.fixture(scope="module")
def two_shapes():
    """y is normal in group a and has two humps in group b; means and sds are about the same."""
    rng = np.random.default_rng(3)
    group, x = rng.choice(["a", "b"], 800), rng.standard_normal(800).round(2)
    humps = rng.choice([-1.0, 1.0], 800) + 0.3 * rng.standard_normal(800)
    noise = np.where(group == "b", humps, rng.standard_normal(800))
    return pd.DataFrame({"g": group, "x": x, "y": (0.3 * x + noise).round(3)})


@pytest.fixture
def encoded():
    """Give the encoded rows of a frame, with the learned scales of its numeric columns."""
    from posynth.posterior.task import encode_table, learn_scales
    from posynth.table.inputs import given_table
    from posynth.table.reading import Reading

    def build(frame):
        spec = posynth.specify(frame).spec
        rows = encode_table(given_table(frame, None, Reading()), spec)
        return replace(rows, learned=learn_scales(rows.schema, rows.arrays))

    return build


@pytest.fixture(scope="module")
def chain(two_shapes):
    return posynth.specify(two_shapes)


def test_a_shape_that_differs_between_groups_is_corrected(chain):
    conditional = chain.spec["y"]
    assert (conditional.family, conditional.corrections[0]) == ("tilted", "g")
    assert "shape corrected by g" in conditional.note


def test_copies_have_the_shape_of_each_group(two_shapes, chain):
    """Share of the middle, se .024 for the source in each group; 10 copies average theirs."""
    copies = pd.concat(posynth.synthesize(chain=chain, data=two_shapes, m=10, seed=2))

    def middle(frame):
        return frame["y"].abs().lt(0.5).groupby(frame["g"]).mean()

    assert middle(two_shapes)["b"] < 0.6 * middle(two_shapes)["a"]
    assert (middle(copies) - middle(two_shapes)).abs().max() < 3 * 0.024 * np.sqrt(1.2)


def test_what_was_chosen_is_read_back_from_file_and_posterior(two_shapes, chain, tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(chain.to_toml())
    read = posynth.specify(two_shapes, chain=path)
    assert read.resolved().digest() == chain.resolved().digest()
    posterior = posynth.fit(two_shapes, chain=read, seed=1)
    posynth.save_posterior(posterior, tmp_path / "p")
    again = posynth.load_posterior(tmp_path / "p")
    one, two = (posynth.draw(each, m=1, seed=4)[0] for each in (posterior, again))
    assert one.equals(two)


def test_a_right_shape_is_hardly_ever_refused():
    """40 tables without misfit: at level 1e-4 a refusal has probability .004."""
    refused = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"x": rng.standard_normal(400), "g": rng.choice(list("abc"), 400)})
        frame["y"] = np.exp(0.5 * frame["x"] + 0.5 * rng.standard_normal(400))
        refused += posynth.specify(frame).spec["y"].family == "tilted"
    assert refused == 0


def test_chi_squared_is_that_of_the_table(two_shapes, encoded):
    """Of a table of two groups and four bins with known expected counts."""
    rows = encoded(two_shapes)
    seen = np.searchsorted(CUTS, two_shapes["y"].to_numpy())
    even = np.full((800, 4), 0.25)
    found = misfit(rows, ("g",), seen, even)["g"]
    counts = pd.crosstab(two_shapes["g"], seen).to_numpy()
    expected = counts.sum(axis=1, keepdims=True) * 0.25
    assert found == pytest.approx(np.sum((counts - expected) ** 2 / expected) / 3)


def test_every_common_bin_has_an_indicator_and_rare_ones_none(encoded):
    frame = pd.DataFrame({"g": ["a"] * 120 + ["b"] * 70 + ["c"] * 10, "x": np.arange(200.0)})
    found = Corrections.of(encoded(frame), ("g", "x"))
    assert found.bins["g"] == (0, 1)
    assert len(found.bins["x"]) == 5
    made = found.before(encoded(frame), np.zeros((200, 1)))
    assert made[:, :2].sum(axis=0).tolist() == [120, 70] and made.shape == (200, 8)
    assert Corrections.from_dict({"edges": found.edges, "bins": found.bins}) == found


def test_missing_values_are_a_bin(encoded):
    frame = pd.DataFrame({"x": [np.nan] * 30 + [*np.arange(200.0)]})
    rows = encoded(frame)
    found = Corrections.of(rows, ("x",))
    assert found.before(rows, np.empty((230, 0)))[:30].sum(axis=0).tolist() == [0] * 5 + [30]


def test_cut_points_are_never_inside_a_heap():
    scale = learn_scale(np.repeat([1.0, 2.0, 3.0, 4.0], [300, 250, 350, 100]), 0)
    assert cut_points(scale) == pytest.approx([0.3, 0.55, 0.9])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corrections": ()}, "state scale = 'learned' and corrections"),
        ({"scale": "natural"}, "state scale = 'learned' and corrections"),
        ({"corrections": ("z",)}, "corrections: unknown predictor 'z'"),
        ({"family": "location_scale"}, "corrections are for family 'tilted'"),
    ],
)
def test_corrections_that_cannot_be_are_refused(two_shapes, chain, changes, said):
    changed = replace(chain.spec["y"], **changes)
    with pytest.raises(SpecError, match=said):
        posynth.fit(two_shapes, chain=replace(chain, spec=chain.spec.with_conditional(changed)))


def test_a_corrected_shape_that_is_not_fitted_gives_way(chain):
    from posynth.posterior.simpler import simpler

    small, first, second, third, *_ = simpler(chain.spec["y"], "why")
    assert small.corrections == chain.spec["y"].corrections and small.scales["shift"] < 0.6
    assert (first.family, first.corrections) == ("tilted", ("g",))
    assert (second.family, second.corrections) == ("interval", ())
    assert "its shape is not corrected" in second.note and "shift" not in second.scales
    assert (third.family, third.scale) == ("gaussian", "learned")


def test_the_density_integrates_to_one_in_each_group():
    """By the trapezoidal rule on 4001 points, jumps at the cut points included: within .01."""
    rng = np.random.default_rng(3)
    group = rng.choice(list("ab"), 600)
    humps = rng.choice([-1, 1], 600) + 0.2 * rng.standard_normal(600)
    z = np.exp(np.where(group == "a", humps, rng.standard_normal(600)))
    frame = pd.DataFrame({"g": group, "z": z})
    chain = posynth.specify(frame)
    assert chain.spec["z"].family == "tilted"
    posterior, at = posynth.fit(frame, chain=chain, seed=1), np.exp(np.linspace(-7, 8, 4001))
    for level in "ab":
        rows = pd.DataFrame({"g": level, "z": at})
        tree = posynth.log_likelihood(posterior, "z", rows, draws=20)
        density = np.exp(tree["log_likelihood"]["z"].to_numpy().reshape(-1, len(at)))
        assert np.allclose(np.trapezoid(density, at, axis=1), 1.0, atol=0.01)


def test_curves_in_place_of_a_corrected_shape_leave_no_corrections(two_shapes, chain):
    from posynth.posterior.structure import with_structure
    from posynth.posterior.task import encode_table
    from posynth.table.inputs import given_table
    from posynth.table.reading import Reading

    rows = encode_table(given_table(two_shapes, None, Reading()), chain.spec)
    found = with_structure(rows, chain.spec, chain.spec["y"])
    assert found.family == "structured" and found.corrections == ()


def test_a_chain_from_its_file_gives_way_too(two_shapes, chain, tmp_path):
    """In the file all scales stand; those of the corrected shape must not stay."""
    from posynth.posterior.simpler import simpler

    path = tmp_path / "chain.toml"
    path.write_text(chain.to_toml())
    written = posynth.specify(two_shapes, chain=path)
    assert "correction" in written.spec["y"].scales
    for plain in list(simpler(written.spec["y"], "why"))[1:]:
        changed = replace(written, spec=written.spec.with_conditional(plain))
        posynth.fit(two_shapes, chain=changed, seed=1)


@pytest.mark.parametrize(
    "changes",
    [{"predictors": []}, {"scale": "natural"}, {"corrections": ()}, {"formula": "x"}],
)
def test_a_change_that_leaves_no_correction_gives_a_plain_line(two_shapes, chain, changes):
    changed = chain.change("y", **changes)
    assert changed.spec["y"].family == "gaussian" and changed.spec["y"].corrections == ()
    assert "corrections by g" in changed.spec["y"].note
    posynth.fit(two_shapes, chain=changed, seed=1)
