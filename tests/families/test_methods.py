"""Method names of mice and synthpop: all listed, and translated into families by kind."""

import pytest

import posynth
from posynth.errors import SpecError
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


def test_built_is_read_from_the_registry():
    for row in table():
        named = row["family"].split(" or ")
        assert (row["built"] == "yes") == all(name in families() for name in named)
        assert (row["built"] == "yes") == (row["nearest"] == "") or row["method"] == "passive"
        if row["nearest"]:
            assert row["nearest"] in families()
        assert row["proper"] in ("yes", "no", "approximately") and row["why"]


def test_a_family_that_appears_is_found(monkeypatch):
    member = families()["gaussian"]
    rf = next(row for row in table() if row["method"] == "rf")
    assert (rf["built"], rf["nearest"]) == ("not yet", "cart")
    monkeypatch.setattr(
        "posynth.families.methods.families", lambda: {**families(), "forest": member}
    )
    rf = next(row for row in table() if row["method"] == "rf")
    assert (rf["built"], rf["family"], rf["nearest"]) == ("yes", "forest", "")


def test_improper_methods_say_so_and_what_they_need():
    found = posynth.methods()
    assert set(found.index[found["proper"] == "no"]) == {"mean", "norm.predict", "norm.nob"}
    assert (found.loc[["mean", "norm.nob"], "needs"] == "improper = true").all()
    assert found.loc["pmm", "needs"] == "copies_values = true"


@pytest.mark.parametrize(
    ("name", "kind", "family", "marginal"),
    [
        ("norm", Kind.CONTINUOUS, "gaussian", False),
        ("norm.nob", Kind.COUNT, "gaussian_plugin", False),
        ("mean", Kind.COUNT, "constant_mean", False),
        ("polr", Kind.ORDINAL, "ordinal", False),
        ("polyreg", Kind.NOMINAL, "categorical", False),
        ("logreg.boot", Kind.BINARY, "bernoulli", False),
        ("ctree", Kind.NOMINAL, "cart", False),
        ("catall", Kind.NOMINAL, "dirichlet", False),
        ("sample", Kind.NOMINAL, "dirichlet", True),
        ("sample", Kind.CONTINUOUS, "cart", True),
        ("gaussian", Kind.BINARY, "gaussian", False),
        ("no_such", Kind.BINARY, "no_such", False),
        ("mine.py:f", Kind.BINARY, "mine.py:f", False),
    ],
)
def test_a_name_becomes_the_family_of_its_kind(name, kind, family, marginal):
    found = translate(name, kind, "x")
    assert (found.family, found.marginal) == (family, marginal)
    assert bool(found.note) == (name not in (family, "no_such"))


@pytest.mark.parametrize(
    ("name", "kind", "nearest"),
    [
        ("2l.norm", Kind.CONTINUOUS, "'location_scale'"),
        ("2l.bin", Kind.BINARY, "'bernoulli'"),
        ("rf", Kind.NOMINAL, "'cart'"),
        ("midastouch", Kind.COUNT, "'pmm'"),
    ],
)
def test_a_method_that_is_not_built_names_the_nearest(name, kind, nearest):
    package = next(m.package for m in METHODS if m.name == name)
    text = rf"column 'x': method '{name}' of {package} is not built yet \(.*\); nearest that is: "
    with pytest.raises(SpecError, match=text + nearest):
        translate(name, kind, "x")
