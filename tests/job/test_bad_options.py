"""Wrong options end with code 2 and a sentence: what was found, what is allowed, what to do."""

import re
import shutil

import pytest

from posynth.families import families

BAD_OPTIONS = {
    "no copies": (("-m", 0), "Invalid value for '-m' / '--copies': .*1"),
    "no rows": (("-k", 0), "Invalid value for '-k' / '--rows': .*1"),
    "negative seed": (("--seed", -1), "Invalid value for '--seed': .*0"),
    "no workers": (("--workers", 0), "Invalid value for '--workers' .*1"),
    "unknown engine": (("--engine", "stan"), "'stan' is not one of 'auto', 'exact', 'laplace'"),
    "unknown format": (("--format", "xlsx"), "'xlsx' is not one of 'csv', 'parquet'"),
    "unknown option": (("--copys", 3), "No such option: --copys"),
    "unknown column in the order": (
        ("--order", "age,bmy"),
        "people.csv: order: unknown column 'bmy'; allowed: 'age', 'bmi',",
    ),
    "column twice in the order": (("--order", "age,age"), "column 'age' is named 2 times"),
    "unknown column in a method": (
        ("--method", "bmy=gaussian"),
        "people.csv: method: unknown column 'bmy'; allowed: 'age', 'bmi',",
    ),
    "unknown family": (
        ("--method", "bmi=gausian"),
        "column 'bmi': unknown family 'gausian'; allowed: "
        f"{', '.join(map(repr, sorted(families())))}. Did you mean 'gaussian'?",
    ),
    "method without a family": (("--method", "bmi"), "--method 'bmi': write it as COLUMN=NAME"),
    "family of another kind": (
        ("--method", "bmi=bernoulli"),
        "column 'bmi' is continuous; family 'bernoulli' models binary columns. Families for "
        "continuous columns: .*gaussian",
    ),
    "method of a column that is filled": (
        ("--method", "remark=categorical"),
        r"method for column 'remark': it is filled in, not modelled \(kind 'text'\)",
    ),
    "unknown column in a kind": (("--kind", "bmy=count"), "kinds: unknown column 'bmy'; allowed:"),
    "unknown kind": (("--kind", "bmi=real"), "kinds, column 'bmi': unknown kind 'real'; allowed:"),
    "kind that the values do not have": (
        ("--kind", "edu=count"),
        "column 'edu' cannot be 'count': its values are stored as text",
    ),
    "unknown plan for holes": (
        ("--missing", "impute"),
        "unknown missing-data plan 'impute'; allowed: 'error', 'pattern'",
    ),
    "holes where they are refused": (
        ("--missing", "error"),
        "values and the plan for missing values is 'error'; complete the table first",
    ),
    "engine a family does not have": (
        ("--engine", "exact", "--order", "age"),
        "column 'edu': family 'categorical' has no exact posterior; use engine 'auto', ",
    ),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_a_wrong_option_is_refused(cli, said, people_csv, tmp_path, case):
    options, text = BAD_OPTIONS[case]
    out = tmp_path / "out"
    result = cli("synthesize", people_csv, "-m", 2, "-o", out, *options, code=2)
    assert re.search(text, said(result.stderr)), result.stderr
    assert not out.exists()


@pytest.fixture
def chain(cli, people_csv, tmp_path):
    """Write a chain file with something replaced."""

    def write(old, new):
        path = tmp_path / "chain.toml"
        cli("describe", people_csv, "-o", path)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    return write


BAD_CHAINS = {
    "broken": ('missing = "pattern"', "missing = ", "chain file 'chain.toml': not a TOML document"),
    "key twice": (
        'missing = "pattern"',
        'missing = "pattern"\nmissing = "pattern"',
        "not a TOML document: Key",
    ),
    "unknown key": ('missing = "pattern"', 'mising = "pattern"', "unknown key 'mising'; allowed:"),
    "unknown key of a conditional": (
        'target = "bmi"',
        'target = "bmi"\npredictor = ["age"]',
        "conditional 'bmi': unknown key 'predictor'; allowed: .* Did you mean 'predictors'?",
    ),
    "unknown key of a column": ("kind = ", "kinds = ", "unknown key 'kinds'; allowed: 'decimals'"),
    "unknown kind": ('kind = "continuous"', 'kind = "real"', "unknown kind 'real'; allowed:"),
    "wrong type": (
        'target = "bmi"',
        'target = "bmi"\nengine = 3',
        r"conditional 'bmi': engine = 3 is of the wrong type \(int\)",
    ),
    "unknown target": ('target = "bmi"', 'target = "bmy"', "chain: unknown column 'bmy'"),
    "unknown column": ("[columns]", "[columns]\nbmy = {kind = 'count'}", "unknown column 'bmy'"),
    "unknown predictor": (
        'target = "bmi"',
        'target = "bmi"\npredictors = ["agee"]',
        "column 'bmi': unknown predictor 'agee'; allowed: .* Did you mean 'age'?",
    ),
    "later predictor": (
        'target = "bmi"',
        'target = "bmi"\npredictors = ["visit"]',
        "column 'bmi': predictor 'visit' is not visited before it; visited before: 'age', 'edu'",
    ),
    "formula with a later column": (
        'target = "bmi"',
        'target = "bmi"\nformula = "age + log(income)"',
        r"column 'bmi', formula 'age \+ log\(income\)': 'income' is not visited before it",
    ),
    "formula with an unknown name": (
        'target = "bmi"',
        'target = "bmi"\nformula = "agee"',
        "column 'bmi', family 'gaussian': formula 'agee' cannot be evaluated: .*Names it may "
        "use: 'age', 'edu'",
    ),
    "formula that is none": (
        'target = "bmi"',
        'target = "bmi"\nformula = "age +"',
        r"formula 'age \+' cannot be evaluated",
    ),
    "formula with two sides": (
        'target = "bmi"',
        'target = "bmi"\nformula = "bmi ~ age"',
        "write the right-hand side only",
    ),
    "unknown prior": (
        'prior = "weak"',
        'prior = "weka"',
        "column 'age', family 'gaussian': unknown prior 'weka'; allowed: .* mean 'weak'?",
    ),
    "scale below 0": ("slope = 2.5", "slope = -1", "scale slope = -1.0; it must be a positive"),
    "scale in words": ("slope = 2.5", 'slope = "wide"', "scale slope = 'wide' must be a number"),
    "unknown scale": ("slope = 2.5", "slopes = 1.0", "prior 'weak': unknown scale 'slopes'"),
    "unknown engine": (
        'target = "bmi"',
        'target = "bmi"\nengine = "nut"',
        "conditional 'bmi': unknown engine 'nut'; allowed: .* Did you mean 'nuts'?",
    ),
    "own model in no file": (
        'family = "gaussian"',
        'family = "mine.py:f"',
        "there is no file 'mine.py' beside the chain file or here",
    ),
}


@pytest.mark.parametrize("case", BAD_CHAINS)
def test_a_wrong_chain_file_is_refused(cli, said, chain, people_csv, tmp_path, case):
    old, new, text = BAD_CHAINS[case]
    out = tmp_path / "out"
    path = chain(old, new)
    result = cli("synthesize", people_csv, "-m", 2, "--chain", path, "-o", out, code=2)
    assert re.search(text, said(result.stderr)), result.stderr
    assert not out.exists()


def test_an_improper_posterior_is_refused(cli, said, torture, tmp_path):
    chain = tmp_path / "chain.toml"
    # By default a column that is computed from others is no conditional to be fitted.
    modelled = ("--method", "x=gaussian", "--method", "x2=gaussian")
    cli("describe", torture / "23_perfect_collinear.csv", *modelled, "-o", chain)
    before, weak, after = chain.read_text().rpartition('prior = "weak"')
    after = "".join(x for x in after.splitlines(keepends=True) if not x.startswith("scales"))
    chain.write_text(before + weak.replace("weak", "jeffreys") + after)
    out = tmp_path / "out"
    data = torture / "23_perfect_collinear.csv"
    result = cli("synthesize", data, "-m", 2, "--chain", chain, "-o", out, code=2)
    shown = said(result.stderr)
    assert "column 'x2' is an exact linear function of its predictors" in shown
    assert "use prior 'weak'" in shown
    assert not out.exists()


def test_a_chain_and_an_order_contradict_each_other(cli, said, chain, people_csv):
    path = chain("x", "x")
    result = cli("describe", people_csv, "--chain", path, "--order", "bmi", code=2)
    assert "both a chain and an order were given" in said(result.stderr)


def test_what_is_asked_for_now_counts_more_than_the_file(cli, said, chain, people_csv, tmp_path):
    path, again = chain("x", "x"), tmp_path / "again.toml"
    options = ("--kind", "age=continuous", "--engine", "auto")
    cli("describe", people_csv, "--chain", path, *options, "-o", again)
    assert 'age = {kind = "continuous"' in again.read_text()
    refused = cli("describe", people_csv, "--chain", path, "--missing", "error", code=2)
    assert "the plan for missing values is 'error'" in said(refused.stderr)


def test_data_that_is_not_there_is_named(cli, said, people_csv, tmp_path):
    for command in ("describe", "synthesize", "fit"):
        result = cli(command, people_csv.with_name("peeple.csv"), code=2)
        shown = said(result.stderr)
        assert "no such file" in shown and "Did you mean 'people.csv'?" in shown
    assert "this is a folder" in said(cli("describe", tmp_path, code=2).stderr)
    (tmp_path / "a.xlsx").write_text("x")
    assert "unknown extension '.xlsx'" in said(cli("describe", tmp_path / "a.xlsx", code=2).stderr)


def test_a_chain_that_is_not_there_is_named(cli, said, people_csv, tmp_path):
    for path in (tmp_path / "no.toml", tmp_path):
        shown = said(cli("describe", people_csv, "--chain", path, code=2).stderr)
        assert f"chain file {path.name!r} cannot be read" in shown
        assert "`posynth describe DATA -o chain.toml` writes one" in shown


def test_a_posterior_that_is_not_there_is_named(cli, said, output, tmp_path):
    for command in ("draw", "diagnose"):
        shown = said(cli(command, tmp_path, code=2).stderr)
        assert "no posterior in" in shown and "`posynth fit` writes one" in shown


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"format": 3', '"format": 9', "has format 9, this version reads 3; fit again"),
        ('"family": "gaussian"', '"family": "dirichlet"', "chain does not match its hash"),
        ('"format": 3,', '"format" 3', "cannot be read (JSONDecodeError"),
        ('"schema"', '"shema"', "posterior.json: schema = None; it must be a table"),
    ],
)
def test_a_damaged_posterior_is_refused(cli, said, output, tmp_path, old, new, text):
    shutil.copytree(output[0] / "posterior", tmp_path / "posterior")
    facts = tmp_path / "posterior" / "posterior.json"
    assert old in facts.read_text()
    facts.write_text(facts.read_text().replace(old, new, 1))
    assert text in said(cli("draw", tmp_path, code=2).stderr)


def test_more_copies_than_draws_are_refused(cli, said, output, tmp_path):
    shown = said(cli("draw", output[0], "-m", 5000, "-o", tmp_path / "o", code=2).stderr)
    assert "5000 copies need 5000 posterior draws and the posterior holds 600; fit again" in shown


@pytest.fixture
def no_fit(monkeypatch):
    """Fail if a fit is begun."""

    def refuse(*_):
        raise AssertionError("fitted before the output folder was looked at")

    monkeypatch.setattr("posynth.synthesizer.fit_chain", refuse)
    monkeypatch.setattr("posynth.posterior.fitting.fit_chain", refuse)


@pytest.mark.parametrize("command", ["synthesize", "fit"])
def test_an_output_folder_is_looked_at_before_the_first_fit(
    cli, said, people_csv, tmp_path, no_fit, command
):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        shown = said(cli(command, people_csv, "-o", place, code=2).stderr)
        assert "cannot be written: " in shown and "choose another with -o" in shown
    foreign = tmp_path / "foreign"
    (foreign / "copies").mkdir(parents=True)
    (foreign / "copies" / "thesis.txt").write_text("years of work")
    shown = said(cli(command, people_csv, "-o", foreign, code=2).stderr)
    assert "already holds copies, not written by posynth; choose another folder" in shown
    assert (foreign / "copies" / "thesis.txt").read_text() == "years of work"


def test_a_users_file_among_the_copies_is_not_deleted(cli, said, people, tmp_path):
    source, out = tmp_path / "two.csv", tmp_path / "out"
    people[["age", "bmi"]].to_csv(source, index=False)
    cli("synthesize", source, "-m", 2, "-o", out)
    (out / "copies" / "analysis.R").write_text("mine")
    for leave in ((), ("--overwrite",)):
        shown = said(cli("synthesize", source, "-m", 2, "-o", out, *leave, code=2).stderr)
        assert "already holds copies/analysis.R, not written by posynth" in shown
    assert (out / "copies" / "analysis.R").exists()
