"""Methods by the names of mice and synthpop, and what must be asked for in so many words."""

import json

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.drawing import draw_copies
from posynth.errors import MeasureError, SpecError
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.choose import choose

REFUSED = {
    "norm.nob": r"column 'bmi': family 'gaussian_plugin' is not proper \(.*\); use 'gaussian'.*or "
    "say that it is meant: improper = true in the chain file, --improper, improper=True",
    "norm.predict": r"family 'deterministic_mean' is not proper \(.* noise\); use 'gaussian'",
    "mean": r"family 'constant_mean' is not proper .*; use 'gaussian' with predictors = \[\]",
    "pmm": r"column 'bmi': family 'pmm' stores values of the source and copies them \(.*\); use "
    "'cart'.*copies_values = true in the chain file, --copies-values, copies_values=True",
    "midastouch": r"column 'bmi': family 'midastouch' stores values of the source and copies them",
    "2lonly.mean": r"column 'bmi': method '2lonly.mean' is for a column that is constant within",
}


@pytest.mark.parametrize("method", REFUSED)
def test_what_was_not_asked_for_in_so_many_words_is_refused(people, method):
    with pytest.raises(SpecError, match=REFUSED[method]):
        posynth.specify(people, methods={"bmi": method})


@pytest.fixture(scope="module")
def table(people):
    return people[["age", "edu", "bmi", "smoke"]]


@pytest.fixture(scope="module")
def asked(cli, table, tmp_path_factory):
    """Give output folders of two copies by method, made at the command line."""
    place = tmp_path_factory.mktemp("asked")
    table.to_csv(place / "people.csv", index=False)

    def make(method, *flags):
        out = place / method
        if not out.exists():
            options = ("-m", 2, "--seed", 1, "--workers", 1, "--method", f"bmi={method}")
            said = cli("synthesize", place / "people.csv", *options, *flags, "-o", out)
            (place / f"{method}.txt").write_text(said.stdout)
        return out, (place / f"{method}.txt").read_text()

    return make


def _manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_plug_in_copies_are_marked_wherever_they_are_met(asked, tmp_path):
    out, said = asked("norm.nob", "--improper")
    assert "(NOT proper: bmi)" in " ".join(said.split())
    manifest = _manifest(out)
    assert manifest["proper"] is False and manifest["passed"] is True
    assert manifest["improper"] == {"bmi": "gaussian_plugin"}
    rows = pd.read_csv(out / "diagnostics.csv").set_index("target")
    assert rows["proper"].to_dict() == {"age": True, "edu": True, "bmi": False, "smoke": True}
    assert rows.loc["bmi", "why"] == "the same parameters in every copy, by least squares"
    chain = (out / "chain.toml").read_text()
    assert "improper = true" in chain and "norm.nob of mice" in chain
    page = posynth.write_report(out, out.parent / "people.csv", to=tmp_path / "page.html")
    text = page.read_text()
    assert "carry no parameter uncertainty" in text
    assert "Without parameter uncertainty" in text and "bmi (gaussian_plugin)" in text


def test_plug_in_copies_are_pooled_by_the_rule_for_them(asked, table):
    out, _ = asked("norm.nob", "--improper")
    checks = posynth.check_conditionals(posynth.load_posterior(out), table)
    assert [r.measure for r in checks if r.subject == "bmi"] == ["PPC"]  # LOO needs a posterior
    pooled = posynth.pool(out, "ols", "bmi ~ age")
    assert "plug-in draws" in pooled.text
    # Other columns are posterior draws: a single copy takes the wider rule.
    assert choose(Provenance.from_manifest(_manifest(out) | {"m": 1})).rule == "ppd"
    every = {"m": 1, "plug_in": []}
    assert choose(Provenance.from_manifest(_manifest(out) | every)).rule == "simple"


@pytest.mark.parametrize("method", ["mean", "norm.predict"])
def test_copies_without_noise_are_not_pooled(asked, table, method):
    out, _ = asked(method, "--improper")
    with pytest.raises(MeasureError, match=r"no rule can pool these copies: 'bmi' repeat their"):
        posynth.pool(out, "ols", "bmi ~ age")
    copy = posynth.load_copies(out)[0]
    if method == "mean":
        assert copy["bmi"].unique().tolist() == [round(table["bmi"].mean(), 1)]
    else:
        model = np.column_stack([np.ones(len(copy)), copy["age"], pd.get_dummies(copy["edu"])])
        model = model.astype(float)
        fitted = model @ np.linalg.lstsq(model, copy["bmi"], rcond=None)[0]
        assert np.abs(copy["bmi"] - fitted).max() < 0.06  # one decimal is kept


def test_copied_values_are_disclosed(asked, table, tmp_path):
    out, said = asked("pmm", "--copies-values")
    assert "bmi repeats values of the source, and the posterior holds" in " ".join(said.split())
    manifest = _manifest(out)
    assert manifest["copies_values"] == {"bmi": "pmm"} and manifest["proper"] is True
    assert "copies_values = true" in (out / "chain.toml").read_text()
    assert set(posynth.load_copies(out)[0]["bmi"]) <= set(table["bmi"])
    page = posynth.write_report(out, out.parent / "people.csv", to=tmp_path / "page.html")
    assert "Copied from the source: confidential" in page.read_text()


def test_a_tree_copies_no_value_and_its_posterior_is_read_back(asked, table):
    out, _ = asked("cart")
    manifest = _manifest(out)
    assert manifest["proper"] and manifest["copies_values"] == {} and manifest["passed"]
    posterior = posynth.load_posterior(out)
    copies = posynth.load_copies(out)
    again = draw_copies(posterior, *copies.streams)
    for one, other in zip(copies, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
    with pytest.raises(
        SpecError, match="21 copies need 21 posterior draws and the posterior holds 20"
    ):
        posynth.draw(posterior, m=21)
    checks = posynth.check_conditionals(posterior, table, draws=100)
    assert [r.measure for r in checks if r.subject == "bmi"] == ["PPC"]
    with pytest.raises(SpecError, match=r"conditional 'bmi': family 'cart' is an algorithm"):
        posynth.log_likelihood(posterior, "bmi", table)


def test_every_kind_of_column_can_be_a_tree(people):
    chosen = people.drop(columns=["key", "remark"])
    copies = posynth.synthesize(chosen, m=2, seed=1, methods=dict.fromkeys(chosen.columns, "cart"))
    assert set(copies.diagnostics().query("target in @chosen.columns")["engine"]) == {"bootstrap"}
    assert list(copies[0].columns) == list(chosen.columns)
    assert set(copies[0]["edu"]) <= {"low", "middle", "high"}
    assert 0.05 < copies[0]["income"].isna().mean() < 0.5


def test_trees_are_the_same_whatever_the_workers(people):
    chosen = people[["age", "edu", "bmi", "smoke"]]
    methods = {"bmi": "cart", "smoke": "ctree"}
    one, two = (posynth.synthesize(chosen, m=2, seed=4, methods=methods, workers=w) for w in (1, 2))
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_sample_draws_from_the_margin(people):
    chain = posynth.specify(people, methods={"bmi": "sample", "smoke": "sample"})
    assert (chain.spec["bmi"].family, chain.spec["bmi"].predictors) == ("cart", ())
    assert (chain.spec["smoke"].family, chain.spec["smoke"].predictors) == ("dirichlet", ())
    changed = posynth.specify(people).change("smoke", family="sample")
    assert changed.spec["smoke"].predictors == ()


def test_method_names_are_read_from_a_chain_file(cli, said, people_csv, tmp_path):
    path = tmp_path / "chain.toml"
    cli("describe", people_csv, "-o", path)
    text = path.read_text()
    before, after = text.split('target = "bmi"')
    path.write_text(before + 'target = "bmi"' + after.replace('"gaussian"', '"norm.nob"', 1))
    refused = cli("describe", people_csv, "--chain", path, code=2)
    assert "use 'gaussian'" in said(refused.stderr) and "improper = true" in said(refused.stderr)
    allowed = after.replace('family = "gaussian"', 'family = "norm.nob"\nimproper = true', 1)
    allowed = allowed.replace('prior = "weak"\n', "", 1)
    allowed = "\n".join(
        line for i, line in enumerate(allowed.splitlines()) if not (i < 6 and "scales" in line)
    )
    path.write_text(before + 'target = "bmi"' + allowed)
    assert "gaussian_plugin" in cli("describe", people_csv, "--chain", path).stdout


def test_the_methods_are_listed_at_the_command_line(cli, tmp_path):
    shown = cli("methods", "--json", tmp_path / "methods.json").stdout
    assert "lasso.select.logreg" in shown and "survctree" in shown
    rows = json.loads((tmp_path / "methods.json").read_text())["methods"]
    assert [r["family"] for r in rows if r["method"] == "norm.predict"] == ["deterministic_mean"]
    assert list(posynth.methods().index) == [r["method"] for r in rows]
