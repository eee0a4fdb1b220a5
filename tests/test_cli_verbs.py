"""The verbs on an output folder at the command line: what they print, write and refuse."""

import csv
import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import posynth
from posynth.cli import app

FORMULA = "platelets ~ age + sex"


@pytest.fixture(scope="module")
def run(judged_folder):
    folder, source = judged_folder

    def call(verb, *options, data=True):
        given = ["--data", str(source)] if data else []
        return CliRunner().invoke(app, [verb, str(folder), *given, *map(str, options)])

    return call


def words(text):
    """Text with line breaks undone."""
    return " ".join(text.split())


def strict(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_pool_prints_the_table_the_rule_and_the_reason(run):
    result = run("pool", "--formula", FORMULA, data=False)
    assert result.exit_code == 0, result.output
    said = words(result.output)
    assert "Pooled estimates from the copies" in said
    assert "sex[T.Male]" in said
    assert "Rule 'ppd' (T = v̄·(k/n + (1 + k/n)/m)): 3 copies are too few" in said
    assert "original rows" not in said.partition("Rule")[2]


def test_pool_states_what_is_not_missing_at_random(tmp_path, heart):
    holed = heart[["age", "sex", "platelets"]].copy()
    holed.loc[::4, "platelets"] = float("nan")
    posynth.synthesize(holed, m=2, seed=1).save(tmp_path / "out")
    given = ["pool", str(tmp_path / "out"), "--formula", "platelets ~ age", "--impute", "2"]

    def call(*options):
        return CliRunner().invoke(app, [*given, *map(str, options)])

    result = call("--delta", "platelets=-20000", "--json", tmp_path / "p.json")
    assert result.exit_code == 0, result.output
    assert "'platelets' are shifted by -20000 of its units (not missing" in words(result.output)
    assert "imputing" not in result.output  # no bar where there is no terminal
    content = strict(tmp_path / "p.json")
    assert content["delta"] == {"platelets": -20000.0} and content["selection"] == {}
    plain = call("--json", tmp_path / "q.json")
    assert plain.exit_code == 0
    first, second = (
        strict(tmp_path / name)["pooled"][0]["estimate"] for name in ("p.json", "q.json")
    )
    assert first != second
    for options, text in (
        (("--delta", "platelets=low"), "--delta platelets=low: 'low' must be a number"),
        (("--delta", "age=3"), "delta: column 'age' has no missing values"),
        (("--selection", "platelets"), "--selection 'platelets': write it as COLUMN=NUMBER"),
    ):
        failed = call(*options)
        assert failed.exit_code == 2 and text in words(failed.output), failed.output


def test_pool_with_data_compares_and_writes(run, tmp_path):
    files = ("--json", tmp_path / "p.json", "--csv", tmp_path / "p.csv")
    result = run("pool", "--formula", FORMULA, "--level", 0.9, "--rule", "t_p_star", *files)
    assert result.exit_code == 0, result.output
    said = words(result.output)
    assert "Lower 90%" in said
    assert "asked for by the user" in said
    assert "The same model on the original rows" in said
    assert "Lack of fit: χ²(3)" in said
    content = strict(tmp_path / "p.json")
    assert content["rule"] == "t_p_star"
    assert [row["coefficient"] for row in content["compared"]] == [
        "Intercept",
        "age",
        "sex[T.Male]",
    ]  # in the order of the formula, as in R
    assert {"spec_hash", "posynth", "source"} <= set(content)
    assert next(iter(content)) == "confidential" and not {"seed", "fit_seed"} & set(content)
    rows = list(csv.DictReader((tmp_path / "p.csv").read_text("utf-8").splitlines()))
    assert float(rows[2]["estimate"]) == pytest.approx(content["pooled"][2]["estimate"])


def test_pool_takes_the_options_of_its_models(run):
    glm = run("pool", "--model", "glm", "--family", "binomial", "--formula", "deceased ~ age")
    assert glm.exit_code == 0, glm.output
    ordered = run(
        *("pool", "--model", "ordered", "--levels", "No,Yes", "--formula", "smoking ~ age"),
        data=False,
    )
    assert "No|Yes" in ordered.output
    original = run("pool", "--estimand", "original", "--formula", FORMULA, data=False)
    assert "the estimate the original rows would have given" in words(original.output)


def test_pool_allows_for_groups_of_rows(run):
    groups = ("--formula", "platelets ~ age", "--cluster")
    result = run("pool", *groups, "smoking", data=False)
    assert result.exit_code == 0, result.output
    assert "the reference of the intervals is t with" in words(result.output)
    failed = run("pool", *groups, "smokin", data=False)
    assert failed.exit_code == 2
    assert "cluster: unknown column 'smokin'" in words(failed.output)
    mixed = run("pool", "--model", "phreg", *groups, "smoking", data=False)
    assert "cluster: unknown model 'phreg'" in words(mixed.output)


def test_pool_imputes_on_request(heart, tmp_path):
    table = heart[["sex", "age", "platelets"]].copy()
    table.loc[::4, "platelets"] = float("nan")
    posynth.synthesize(table, m=2, seed=1).save(tmp_path / "out")
    call = ["pool", str(tmp_path / "out"), "--formula", FORMULA]
    left_out = CliRunner().invoke(app, call)
    assert "rows with missing values were left out" in words(left_out.output)
    shown = words(left_out.output)
    assert "whoever has the posterior by impute=5 in Python or --impute 5 at the command" in shown
    assert "whoever has only the copies in a program of their own, such as mice" in shown
    imputed = CliRunner().invoke(app, [*call, "--impute", "2", "--json", str(tmp_path / "p.json")])
    assert imputed.exit_code == 0, imputed.output
    assert "missing values of 'platelets' were imputed 2 times" in words(imputed.output)
    assert strict(tmp_path / "p.json")["impute"] == 2
    refused = CliRunner().invoke(app, [*call, "--impute", "1"])
    assert refused.exit_code == 2
    assert "impute at least 2 times" in words(refused.output)


def test_evaluate_prints_compact_tables_and_writes_everything(run, tmp_path):
    files = ("--json", tmp_path / "e.json", "--csv", tmp_path / "e.csv")
    result = run("evaluate", "--keys", "sex,age", "--target", "deceased", *files)
    assert result.exit_code == 0, result.output
    said = words(result.output)
    for title in (
        "The table as a whole",
        "Distributions of single columns, the worst first",
        "Two-way tables, the worst first",
        "advice",
        "Singling out",
        "Attribution by target",
        "Closeness and membership",
        "Bayesian attribute risk",
        "Influence of single records",
    ):
        assert title in said
    assert "Keys: sex, age." in said
    assert "stand-in" not in said
    assert "Not measured: the DCR share and membership inference (MIA); they need a holdout" in said
    assert "Log score of rows" not in said
    assert "Checks of the conditionals" not in said
    content = strict(tmp_path / "e.json")
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text("utf-8").splitlines()))
    assert len(rows) == len(content["results"])
    # Both files say that they are the data holder's, the CSV on every line.
    assert content["confidential"].startswith("for the data holder")
    assert {row["confidential"] for row in rows} == {content["confidential"]}
    missing = [r for r in content["results"] if r["measure"] == "DCR share"]
    assert missing[0]["value"] is None


def test_evaluate_checks_conditionals_and_scores_a_holdout_on_request(run, tmp_path, heart):
    held = tmp_path / "held.csv"
    rows = heart[["sex", "age", "platelets", "smoking", "deceased"]].head(60)
    rows.assign(platelets=rows["platelets"] + 1).to_csv(held, index=False)
    files = ("--json", tmp_path / "e.json", "--csv", tmp_path / "e.csv")
    result = run("evaluate", "--keys", "sex", "--checks", "--holdout", held, *files)
    assert result.exit_code == 0, result.output
    said = words(result.output)
    for title in ("Checks of the conditionals", "Log score of rows that no conditional was fitted"):
        assert title in said
    assert "MIA: can an intruder tell people of the original from the holdout" in said
    found = {(r["measure"], r["subject"]) for r in strict(tmp_path / "e.json")["results"]}
    rows = csv.DictReader((tmp_path / "e.csv").read_text("utf-8").splitlines())
    assert found == {(row["measure"], row["subject"]) for row in rows}
    for measure in ("LOO", "PPC", "log score", "log score gain"):
        assert (measure, "platelets") in found
    assert {("log score", ""), ("influence", ""), ("attribute risk", "smoking")} <= found


def test_keys_nobody_named_are_called_a_stand_in(run):
    assert "The keys are a stand-in" in words(run("evaluate").output)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("pool", "--formula", "platelets"), "out: formula 'platelets': model 'ols' needs one"),
        (
            ("pool", "--formula", "platelets ~ agee"),
            "unknown column 'agee'; did you mean 'age'",
        ),
        (("pool", "--formula", FORMULA, "--estimand", "q"), "out: unknown estimand 'q'"),
        (
            ("pool", "--formula", FORMULA, "--model", "lm"),
            "out: unknown model 'lm'; allowed: 'glm'",
        ),
        (("evaluate", "--keys", "sexx"), "Did you mean 'sex'?"),
        (("evaluate", "--keys", "sex", "--target", "sex"), "sex"),
        (("evaluate", "--holdout", "none.csv"), "none.csv: no such file"),
        (
            ("report", "--formula", "platelets ~ agee"),
            "unknown column 'agee'; did you mean 'age'",
        ),
        (("report", "-o", "/nowhere/page.html"), "'/nowhere/page.html' cannot be written"),
    ],
)
def test_what_cannot_be_done_ends_with_code_2_and_one_sentence(run, options, said):
    result = run(*options)
    assert result.exit_code == 2
    assert said in words(result.output)
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_a_wrong_folder_or_table_is_named(run, tmp_path, judged_folder):
    empty = CliRunner().invoke(app, ["pool", str(tmp_path), "--formula", FORMULA])
    assert empty.exit_code == 2
    assert "holds no manifest.json, so no copies were finished there" in words(empty.output)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n" + "1.5,2.5\n" * 12)
    folder = str(judged_folder[0])
    wrong = CliRunner().invoke(app, ["evaluate", folder, "--data", str(other)])
    assert wrong.exit_code == 2
    assert "Error: other.csv: there is no column 'sex'" in words(wrong.output)


def test_help_does_not_wait_for_pandas():
    code = (
        "import sys, posynth.cli; from typer.main import get_command; get_command(posynth.cli.app);"
        "print(sorted({'pandas', 'pymc', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
