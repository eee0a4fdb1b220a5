"""What the manifest says of conditionals decides the rule: plug-in, tight priors, kept groups."""

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.manifest import public_manifest
from posynth.evaluation.base import Provenance


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    frame = pd.DataFrame({"x": x, "z": rng.normal(size=60), "y": x + rng.normal(size=60)})
    return frame.round(3).assign(g=[f"g{i % 6}" for i in range(60)])


def test_a_narrow_prior_of_slopes_is_recorded_and_told(table):
    chain = posynth.specify(table, methods={"y": "gaussian"}).change("y", scales={"slope": 0.1})
    copies = posynth.draw(posynth.fit(table, chain, seed=1), m=2, seed=1)
    assert "y" in copies.manifest()["tightened"]
    concerned = posynth.pool(copies, "ols", "y ~ x")
    assert any("a prior draws the slopes of 'y' towards 0" in note for note in concerned.notes)
    others = posynth.pool(copies, "ols", "z ~ x")
    assert not any("'y'" in note for note in others.notes)


def test_one_plug_in_column_among_proper_ones_is_recorded(table):
    copies = posynth.synthesize(
        table[["x", "z", "y"]], m=2, seed=1, methods={"y": "gaussian_plugin"}, improper=True
    )
    assert copies.manifest()["plug_in"] == ["y"]
    assert posynth.pool(copies, "ols", "y ~ x").choice.rule == "t_p_star"
    all_plug_in = copies.manifest() | {"plug_in": []}
    assert Provenance.from_manifest(all_plug_in).plug_in == ()


def test_kept_groups_and_their_number_are_recorded_and_published(table):
    methods = {"y": "gaussian_ml(keep_groups=g)"}
    copies = posynth.synthesize(table[["g", "x", "y"]], m=2, k=120, seed=1, methods=methods)
    manifest = copies.manifest()
    assert (manifest["kept_groups"], manifest["groups"]) == (["y"], {"g": 6})
    made = Provenance.from_manifest(public_manifest(manifest))
    assert (made.kept_groups, made.groups, made.grouped) == (("y",), {"g": 6}, {"y": "g"})
    pooled = posynth.pool(copies, "ols", "y ~ x", cluster="g")
    assert pooled.choice.rule == "t_p_star"
    assert "keep the group effects of the source" in pooled.text
    assert posynth.pool(copies, "ols", "x ~ 1").choice.rule == "ppd"
