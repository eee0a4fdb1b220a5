"""What did not pass is named with its reason: warning, exit code, manifest, screen, pool."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.copies.failed import failed_conditionals
from posynth.copies.manifest import public_manifest
from posynth.engines.diagnostics import Convergence
from posynth.posterior import schedule

REASONS = ["R-hat 1.034 > 1.01", "ESS 63 < 400", "12 divergences of 600 draws > 0"]
DEPENDING = {"b": ("a",), "c": ("b",), "d": ("a",)}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    a = rng.normal(size=80)
    b = a + rng.normal(size=80)
    columns = {"a": a, "b": b, "c": b + rng.normal(size=80), "d": a + rng.normal(size=80)}
    return pd.DataFrame(columns).round(3)


@pytest.fixture
def bad_b(monkeypatch):
    """Let the draws of column b be those of an engine that did not converge."""
    own = schedule.fit_task

    def fit(task, engine, rng):
        found = own(task, engine, rng)
        if task.response.name != "b":
            return found
        bad = Convergence(1.034, 63.0, 500.0, 0.1)
        return replace(found, engine="nuts", independent=False, mixed=bad, divergences=12, why="")

    monkeypatch.setattr(schedule, "fit_task", fit)


@pytest.fixture
def copies(table, bad_b):
    with pytest.warns(posynth.DiagnosticWarning):
        return posynth.synthesize(table, m=3, seed=1, predictors=DEPENDING)


def test_a_release_says_it_where_other_programs_are_told_how_to_pool(copies, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", posynth.DiagnosticWarning)
        place = posynth.release(copies, tmp_path / "given")
    text = (place / "HOW_TO_POOL.md").read_text("utf-8")
    before, rule = text.split("## The rule")
    assert "Before you rely on a result" in before and "no rule makes up" in before
    assert "- The conditional of 'b', on which 'b', 'c' depend, did not pass its diag" in before
    assert "did not pass" not in rule
    rows = pd.read_csv(place / "codebook.csv").set_index("column")["modelled"]
    said = rows.str.contains("depends on 'b', which did not pass its diagnostics")
    assert said.to_dict() == {"a": False, "b": True, "c": True, "d": False}
    assert (place / "codebook.md").read_text("utf-8").count("which did not pass") == 2


@pytest.fixture
def source(table, tmp_path):
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    matrix = pd.DataFrame(0, index=list(table), columns=list(table))
    for name, given in DEPENDING.items():
        matrix.loc[name, list(given)] = 1
    matrix.to_csv(tmp_path / "matrix.csv")
    return path, ("--predictors", tmp_path / "matrix.csv", "-m", 3, "--workers", 1)


def test_diagnostics_name_values_beside_their_limits(copies):
    row = copies.diagnostics().set_index("target").loc["b"]
    assert not row["passed"] and row["reasons"] == "; ".join(REASONS)
    assert (row["r_hat"], row["r_hat_limit"]) == (1.034, 1.01)
    assert (row["ess"], row["ess_needed"], row["divergences"]) == (63, 400, 12)
    others = copies.diagnostics().query("target != 'b'")
    assert others["passed"].all() and (others["reasons"] == "").all()
    assert others["independent"].all() and others["r_hat_limit"].isna().all()


def test_the_manifest_names_what_failed_why_and_what_depends_on_it(copies):
    manifest = copies.manifest()
    assert not manifest["passed"] and manifest["failed"] == {"b": REASONS}
    assert manifest["failed_affects"] == {"b": ["b", "c"]}
    (failed,) = failed_conditionals(json.loads(json.dumps(manifest)))
    assert (failed.target, failed.reasons, failed.affects) == ("b", tuple(REASONS), ("b", "c"))


def test_a_public_manifest_names_the_conditional_without_values_of_its_diagnostics(copies):
    public = public_manifest(copies.manifest())
    assert "failed" not in public and public["failed_affects"] == {"b": ["b", "c"]}
    (failed,) = failed_conditionals(public)
    assert failed.target == "b" and "ask the holder of the data" in str(failed)


def test_python_warns_of_fits_and_draws_and_names_reasons_and_remedy(table, bad_b):
    text = (
        r"1 conditional did not pass the diagnostics; what is drawn from them may be wrong:\n"
        r"  b: R-hat 1.034 > 1.01; ESS 63 < 400; 12 divergences of 600 draws > 0 \(fit 'b' with "
        r"fewer predictors, a tighter prior or another family"
    )
    with pytest.warns(posynth.DiagnosticWarning, match=text) as caught:
        posterior = posynth.fit(table, seed=1)
    assert [w.filename for w in caught] == [__file__]
    with pytest.warns(posynth.DiagnosticWarning, match="copies drawn from them may be wrong"):
        posynth.draw(posterior, 2, seed=1)


def test_nothing_is_said_where_all_passed(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error", posynth.DiagnosticWarning)
        copies = posynth.synthesize(table, m=2, seed=1)
        pooled = posynth.pool(copies, "ols", "c ~ b")
    manifest = copies.manifest()
    assert manifest["passed"] and manifest["failed"] == manifest["failed_affects"] == {}
    assert failed_conditionals(manifest) == [] and "did not pass" not in pooled.text


def test_an_inference_says_so_only_where_its_columns_depend_on_what_failed(copies):
    with pytest.warns(posynth.DiagnosticWarning, match="the conditional of 'b'"):
        pooled = posynth.pool(copies, "ols", "b ~ a")
    assert "the conditional of 'b' did not pass its diagnostics (R-hat 1.034 > 1.01;" in pooled.text
    with pytest.warns(posynth.DiagnosticWarning):
        pooled = posynth.pool(copies, "ols", "c ~ a")
    assert "the conditional of 'b', on which 'c' depends, did not pass" in pooled.text
    with warnings.catch_warnings():
        warnings.simplefilter("error", posynth.DiagnosticWarning)
        assert "did not pass" not in posynth.pool(copies, "ols", "d ~ a").text


def test_a_comparison_with_the_original_warns_too(copies, table):
    with pytest.warns(posynth.DiagnosticWarning, match="on which 'c' depends"):
        agreement = posynth.compare(copies, table, "ols", "c ~ a")
    assert "the conditional of 'b'" in agreement.pooled.text


def test_the_command_ends_with_3_writes_everything_and_names_the_column(source, cli, said, bad_b):
    path, options = source
    out = path.parent / "out"
    ended = cli("synthesize", path, *options, "-o", out, code=3)
    shown = said(ended.stdout + ended.stderr)
    assert "1 conditional did not pass the diagnostics (exit code 3; --allow-failed" in shown
    assert f"b: {'; '.join(REASONS)}" in shown and "next: fit 'b' with fewer" in shown
    assert "R-hat shift ESS tail ESS div." in shown and "<= 1.01 < 0.4 >= 400 >= 400 = 0" in shown
    assert json.loads((out / "manifest.json").read_text())["failed"] == {"b": REASONS}
    assert len(list((out / "copies").iterdir())) == 3
    written = pd.read_csv(out / "diagnostics.csv").set_index("target")
    assert written.loc["b", "reasons"] == "; ".join(REASONS)
    assert "R-hat 1.034 > 1.01" in said(cli("diagnose", out, code=3).stdout)
    cli("diagnose", out, "--allow-failed")


def test_allow_failed_ends_with_0_and_still_says_so(source, cli, said, bad_b):
    path, options = source
    ended = cli("synthesize", path, *options, "-o", path.parent / "out", "--allow-failed")
    assert "(accepted by --allow-failed)" in said(ended.stdout + ended.stderr)
    assert "b: R-hat 1.034" in said(ended.stdout + ended.stderr)


def test_fit_draw_and_pool_end_with_3_too(source, cli, said, bad_b):
    path, options = source
    out = path.parent / "out"
    cli("fit", path, *options, "-o", out, code=3)
    cli("fit", path, *options, "-o", out, "--overwrite", "--allow-failed")
    cli("draw", out, "-m", 3, code=3)
    cli("draw", out, "-m", 3, "--overwrite", "--allow-failed")
    ended = cli("pool", out, "--formula", "c ~ a", code=3)
    assert "on which 'c' depends, did not pass" in said(ended.stdout)
    cli("pool", out, "--formula", "c ~ a", "--allow-failed")
    cli("pool", out, "--formula", "d ~ a")


def test_help_names_the_exit_codes(cli, said):
    text = said(cli("--help").stdout)
    assert "3 done and written, but a conditional that was used did not pass" in text
    for command in ("synthesize", "fit", "draw", "diagnose", "pool", "demo", "release"):
        shown = said(cli(command, "--help").stdout)
        assert "--allow-failed" in shown and "3 done and written, but a conditional" in shown


def test_every_command_names_its_exit_codes(cli, said):
    from posynth.cli import app

    names = [each.name or each.callback.__name__ for each in app.registered_commands]
    assert len(names) == 15
    for name in names:
        shown = said(cli(name, "-h").stdout)
        assert "Exit codes: 0 done; " in shown and "2 an error" in shown, name
        assert ("3 done" in shown) == ("--allow-failed" in shown), name
    assert "1 done, but a calibration is outside its limits" in said(cli("sbc", "-h").stdout)


def test_evaluate_and_report_end_with_0_and_name_what_did_not_pass(source, cli, said, bad_b):
    path, options = source
    out = path.parent / "out"
    cli("synthesize", path, *options, "-o", out, "--allow-failed")
    for verb in ("evaluate", "report"):
        ended = cli(verb, out, "--data", path)
        shown = said(ended.stderr)
        assert "note: did not pass the diagnostics: b; `posynth diagnose` gives" in shown, verb
        assert "is named on screen" in said(cli(verb, "-h").stdout)


def test_too_few_effective_draws_for_many_copies_are_a_reason_of_their_own(table, monkeypatch):
    own = schedule.fit_task

    def fit(task, engine, rng):
        mixed = Convergence(1.0, 450.0, 450.0, 0.1)
        return replace(own(task, engine, rng), independent=False, mixed=mixed)

    monkeypatch.setattr(schedule, "fit_task", fit)
    posterior = posynth.fit(table[["a", "d"]], seed=1, m=2)
    assert posynth.draw(posterior, 22, k=5).manifest()["passed"]
    with pytest.warns(posynth.DiagnosticWarning, match=r"ESS 450 < 480 \(20 a copy of 24\)"):
        copies = posynth.draw(posterior, 24, k=5)
    assert copies.manifest()["failed"]["a"] == ["ESS 450 < 480 (20 a copy of 24)"]
    with pytest.warns(posynth.DiagnosticWarning, match="again with the number of copies"):
        posynth.draw(posterior, 24, k=5)


def test_independent_draws_serve_a_copy_each(table):
    posterior = posynth.fit(table[["a", "d"]], seed=1, m=2)
    assert posynth.draw(posterior, 200, k=5).manifest()["passed"]


def test_what_depends_on_it_through_formulas_is_what_they_read(table, bad_b):
    """Of c and d only the one whose formula reads b, or reads what was drawn from b, depends."""
    cases = {
        ("I(a ** 2)", "I(a ** 2)"): ["b"],
        ("log1p(abs(b))", "a"): ["b", "c"],
        ("a", "b:a"): ["b", "d"],
        ("a + poly(b, 2)", "c"): ["b", "c", "d"],
        (".", "a"): ["b", "c"],
        (". - b", "I(a > 0)"): ["b"],  # a term that is left out is not read
    }
    for (c, d), affected in cases.items():
        with pytest.warns(posynth.DiagnosticWarning):
            copies = posynth.synthesize(table, m=2, seed=1, formulas={"c": c, "d": d})
        assert copies.manifest()["failed_affects"] == {"b": affected}, (c, d)


def test_what_depends_on_it_through_strata_and_missingness_is_told():
    from posynth.chain.spec import ChainSpec, Conditional
    from posynth.copies.failed import _affects

    links = (
        Conditional("b.missing", "bernoulli", (), indicates="b"),
        Conditional("b", "gaussian", ()),
        Conditional("a", "gaussian", ()),
        Conditional("c", "gaussian", ("a",), strata="b"),
        Conditional("d", "gaussian", None, formula="a:`b.missing`"),
        Conditional("e", "passive", passive="d * 2"),
    )
    spec = ChainSpec(links)
    assert _affects(spec, "b.missing") == ("b", "c", "d", "e")
    assert _affects(spec, "a") == ("a", "c", "d", "e")
    assert _affects(spec, "d") == ("d", "e") and _affects(spec, "e") == ("e",)
