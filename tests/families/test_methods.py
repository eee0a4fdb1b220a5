"""Method names of mice and synthpop: all listed, and translated into families by kind."""

import pytest

import posynth
from posynth.families import families
from posynth.families.method_names import METHODS
from posynth.families.methods import table, translate
from posynth.table.schema import Kind

MICE = [
    "pmm", "midastouch", "sample", "cart", "rf", "mean", "norm", "norm.nob", "norm.boot",
    "norm.predict", "lasso.norm", "lasso.select.norm", "quadratic", "ri", "logreg", "logreg.boot",
    "lasso.logreg", "lasso.select.logreg", "polr", "polyreg", "lda", "2l.norm", "2l.lmer",
    "2l.pan", "2l.bin", "2lonly.norm", "2lonly.mean", "2lonly.pmm",
]  # fmt: skip
SYNTHPOP = [
    "norm", "normrank", "lognorm", "sqrtnorm", "cubertnorm", "logreg", "polyreg", "polr", "cart",
    "ctree", "rf", "bag", "ranger", "sample", "nested", "catall", "ipf", "survctree", "passive",
]  # fmt: skip


def test_every_method_of_both_packages_has_one_row():
    assert len(MICE) == 28
    for package, names in (("mice", MICE), ("synthpop", SYNTHPOP)):
        listed = [row["method"] for row in table() if package in row["package"]]
        assert sorted(listed) == sorted(names)
    assert len({m.name for m in METHODS}) == len(METHODS)


def test_every_method_has_families_that_exist_and_says_why():
    for row in table():
        assert set(row["family"].split(" or ")) <= set(families())
        assert row["proper"] in ("yes", "no", "approximately") and row["why"]


def test_improper_methods_say_so_and_what_they_need():
    found = posynth.methods()
    assert set(found.index[found["proper"] == "no"]) == {"mean", "norm.predict", "norm.nob"}
    assert (found.loc[["mean", "norm.nob"], "needs"] == "improper = true").all()
    assert (found.loc[["pmm", "midastouch"], "needs"] == "copies_values = true").all()


@pytest.mark.parametrize(
    ("name", "kind", "family", "settings"),
    [
        ("norm", Kind.CONTINUOUS, "gaussian", {}),
        ("norm.nob", Kind.COUNT, "gaussian_plugin", {}),
        ("mean", Kind.COUNT, "constant_mean", {}),
        ("midastouch", Kind.COUNT, "midastouch", {}),
        ("polr", Kind.ORDINAL, "ordinal", {}),
        ("polyreg", Kind.NOMINAL, "categorical", {}),
        ("logreg.boot", Kind.BINARY, "bernoulli", {}),
        ("lasso.norm", Kind.CONTINUOUS, "gaussian_horseshoe", {}),
        ("lasso.select.logreg", Kind.BINARY, "bernoulli_horseshoe", {}),
        ("lda", Kind.NOMINAL, "da", {}),
        ("ctree", Kind.NOMINAL, "cart", {}),
        ("ranger", Kind.CONTINUOUS, "forest", {}),
        ("catall", Kind.NOMINAL, "dirichlet", {}),
        ("ipf", Kind.NOMINAL, "categorical", {}),
        ("ipf", Kind.BINARY, "bernoulli", {}),
        ("survctree", Kind.COUNT, "weibull", {}),
        ("cubertnorm", Kind.CONTINUOUS, "gaussian", {"scale": "learned"}),
        ("sample", Kind.NOMINAL, "dirichlet", {"predictors": ()}),
        ("sample", Kind.CONTINUOUS, "cart", {"predictors": ()}),
        ("gaussian", Kind.BINARY, "gaussian", {}),
        ("no_such", Kind.BINARY, "no_such", {}),
        ("mine.py:f", Kind.BINARY, "mine.py:f", {}),
    ],
)
def test_a_name_becomes_the_family_of_its_kind(name, kind, family, settings):
    found = translate(name, kind, "x")
    assert (found.family, found.settings) == (family, settings)
    assert bool(found.note) == (name not in (family, "no_such"))
