"""A released folder suffices to pool, in three programs, and holds nothing private."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import StoreError
from posynth.evaluation.base import Provenance
from posynth.report.how_to_pool import how_to_pool
from posynth.report.pool_example import PLACEHOLDER, Example, example_of, fallbacks

SEED = 918273645
RARE = "Knottingley-under-Wold"


def _forms(number):
    return {str(number).encode(), f"{number:,}".encode(), f"{number:x}".encode()}


@pytest.fixture(scope="module")
def table(people):
    """The invented people, with an ordered category, codes as text and a level of one person."""
    rng = np.random.default_rng(5)
    table = people.copy()
    table["edu"] = pd.Categorical(table["edu"], ["low", "middle", "high"], ordered=True)
    table["ward"] = rng.choice(["01", "02", "None"], len(table))
    table["town"] = pd.Categorical(
        rng.choice(["York", "Leeds"], len(table)), ["York", "Leeds", RARE]
    )
    table.loc[9, "town"] = RARE
    return table


@pytest.fixture(scope="module")
def posterior(table):
    return posynth.fit(table, seed=SEED, m=5)


@pytest.fixture(scope="module")
def released(posterior, tmp_path_factory):
    """An output folder of three shorter copies, none with the rare town, and its release."""
    place = tmp_path_factory.mktemp("release")
    copies = posynth.draw(posterior, 3, 100, seed=SEED + 1)
    frames = tuple(f.assign(town=f["town"].where(f["town"] != RARE, "York")) for f in copies)
    copies = replace(copies, frames=frames)
    assert all(list(frame["town"].cat.categories)[-1] == RARE for frame in copies)
    copies.save(place / "out")
    return copies, place / "out", posynth.release(place / "out", place / "given")


def _code(folder, language):
    text = (folder / "HOW_TO_POOL.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)[-1]


def _by_python(folder, monkeypatch, **changes):
    code = _code(folder, "python")
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    names = {}
    with monkeypatch.context() as patched, np.errstate():
        patched.chdir(folder)
        exec(compile(code, "HOW_TO_POOL.md", "exec"), names)
    return names["result"]


def _by_r(folder, tmp_path, **changes):
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    code = _code(folder, "r")
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    code += ('\nwrite.csv(format(result, digits = 17), "RESULT", row.names = FALSE)\n').replace(
        "RESULT", str(tmp_path / "result.csv")
    )
    (tmp_path / "pool.R").write_text(code, encoding="utf-8")
    subprocess.run(
        ["Rscript", "--vanilla", tmp_path / "pool.R"], cwd=folder, check=True,
        capture_output=True, timeout=120, env=os.environ | {"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return pd.read_csv(tmp_path / "result.csv")


def _formula(folder):
    text = (folder / "HOW_TO_POOL.md").read_text(encoding="utf-8")
    return re.search(r'posynth.pool\("\.", "(\w+)", "([^"]+)"\)', text).groups()


def _agree(found, pooled, rtol):
    """Compare two tables whose coefficients have other names, and perhaps another order."""
    columns = ["estimate", "std error", "df", "p", "lower", "upper"]
    found = found.set_axis([str(c).replace(".", " ") for c in found.columns], axis=1)
    mine = pooled.table[columns].sort_values("estimate").to_numpy()
    theirs = found[columns].sort_values("estimate").to_numpy(dtype=float)
    np.testing.assert_allclose(theirs, mine, rtol=rtol)


def test_the_folder_holds_what_is_needed_and_no_more(released):
    names = sorted(str(p.relative_to(released[2])) for p in released[2].rglob("*"))
    copies = ["copies", *(f"copies/copy-0{i}.csv" for i in (1, 2, 3))]
    assert names == sorted(
        ["HOW_TO_POOL.md", "codebook.csv", "codebook.md", "manifest.json", *copies]
    )


def test_copies_are_those_of_the_output(released):
    _, out, given = released
    for path in (out / "copies").iterdir():
        assert (given / "copies" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def private(released, secrets, table):
    """What nobody but the data holder may see: seeds, streams, hashes, values of single persons."""
    manifest = json.loads((released[1] / "manifest.json").read_text("utf-8"))
    (streams,) = manifest["streams"]
    texts = {RARE, manifest["spec_hash"], *secrets, *table["remark"], *table["key"]}
    texts |= {streams["call"], streams["posterior"]}
    assert min(map(len, texts)) >= 7
    numbers = {SEED, SEED + 1}
    return {text.encode() for text in texts} | {f for number in numbers for f in _forms(number)}


def test_nothing_private_is_in_the_folder(released, private):
    _, out, given = released
    assert any(str(SEED).encode() in path.read_bytes() for path in out.rglob("*.json"))
    for path in given.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert [secret for secret in private if secret in content] == [], path.name
    public = json.loads((given / "manifest.json").read_text("utf-8"))
    assert not set(public) & {"seed", "fit_seed", "streams", "source", "priors", "engines"}
    assert {c["name"]: c for c in public["columns"]}["town"]["levels"] == ["York", "Leeds"]


def test_parquet_files_hold_no_level_that_no_copy_has(released, tmp_path):
    copies, *_ = released
    copies.save(tmp_path / "out", "parquet")
    given = posynth.release(tmp_path / "out", tmp_path / "given")
    paths = sorted((given / "copies").iterdir())
    assert [path.suffix for path in paths] == [".parquet"] * 3
    assert not any(RARE.encode() in path.read_bytes() for path in paths)
    frame = pd.read_parquet(paths[0])
    assert list(frame["town"].cat.categories) == ["York", "Leeds"]
    assert frame["town"].astype(str).equals(copies[0]["town"].astype(str))


@pytest.mark.parametrize(
    ("model", "formula"),
    [
        ("ols", "bmi ~ age + edu + ward + smoke"),
        ("ols", "income ~ age + edu"),
        ("logit", "smoke ~ age + bmi"),
        ("ordered", "edu ~ age"),
    ],
)
def test_the_release_gives_the_inference_of_the_output(released, model, formula):
    _, out, given = released
    here, there = (posynth.pool(place, model, formula) for place in (given, out))
    pd.testing.assert_frame_equal(here.table, there.table, rtol=1e-12)
    assert here.choice == there.choice
    assert here.text == there.text


def test_the_public_manifest_says_as_much_of_how_copies_were_made(released):
    _, out, given = released
    made = [
        Provenance.from_manifest(json.loads((place / "manifest.json").read_text("utf-8")))
        for place in (out, given)
    ]
    assert made[0] == made[1]


def test_plain_python_gives_the_numbers_of_pool(released, monkeypatch):
    given = released[2]
    pooled = posynth.pool(given, *_formula(given))
    _agree(_by_python(given, monkeypatch), pooled, 1e-10)


@pytest.mark.parametrize(
    ("fit", "model", "formula"),
    [
        ('smf.ols("income ~ age + edu + ward", table).fit()', "ols", "income ~ age + edu + ward"),
        (
            'smf.logit("s ~ age + edu", table.assign(s=table["smoke"].eq("yes") * 1.0)).fit()',
            "logit",
            "smoke ~ age + edu",
        ),
    ],
)
def test_plain_python_reads_labels_orders_and_missing_values_alike(
    released, monkeypatch, fit, model, formula
):
    given = released[2]
    shown = f'smf.ols("{_formula(given)[1]}", table).fit()'
    found = _by_python(given, monkeypatch, **{shown: fit})
    _agree(found, posynth.pool(given, model, formula), 1e-10)


def test_plain_r_gives_the_numbers_of_pool(released, tmp_path):
    given = released[2]
    _agree(_by_r(given, tmp_path), posynth.pool(given, *_formula(given)), 1e-8)


@pytest.mark.parametrize(
    ("m", "k", "format"), [(1, 160, "csv"), (2, 160, "parquet"), (5, 400, "csv")]
)
def test_every_number_of_copies_and_rows_has_its_code(
    posterior, tmp_path, monkeypatch, m, k, format
):
    posynth.draw(posterior, m, k, seed=4).save(tmp_path / "out", format)
    given = posynth.release(tmp_path / "out", tmp_path / "given")
    pooled = posynth.pool(given, *_formula(given))
    _agree(_by_python(given, monkeypatch), pooled, 1e-10)
    if format == "csv":
        _agree(_by_r(given, tmp_path), pooled, 1e-8)
    text = (given / "HOW_TO_POOL.md").read_text("utf-8")
    assert ("mice::pool.syn" in text) == (pooled.choice.rule == "t_p_star" and k == 160)
    assert f"posynth calls it `{pooled.choice.rule}`" in text


def test_plug_in_copies_and_labels_with_two_levels_have_their_code(table, tmp_path, monkeypatch):
    methods = {"age": "gaussian_plugin"}
    two = table[["age", "smoke"]]
    copies = posynth.synthesize(two, m=1, seed=3, methods=methods, improper=True, order=["age"])
    given = posynth.release(copies, tmp_path / "given")
    pooled = posynth.pool(given, *_formula(given))
    _agree(_by_python(given, monkeypatch), pooled, 1e-10)
    _agree(_by_r(given, tmp_path), pooled, 1e-8)
    labels = posynth.synthesize(table[["smoke", "edu"]], m=3, seed=3)
    given = posynth.release(labels, tmp_path / "labels")
    model, formula = _formula(given)
    if model == "logit":
        pooled = posynth.pool(given, model, formula)
        _agree(_by_python(given, monkeypatch), pooled, 1e-10)
        # statsmodels ends Newton's method at a step of 1e-8; b makes more of it.
        _agree(_by_r(given, tmp_path), pooled, 1e-5)
        assert 'generate byte smoke_1 = smoke == "yes" if !missing(smoke)' in _code(given, "stata")


def test_codes_are_levels_where_they_are_declared_so(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    ward, flag = rng.integers(1, 4, 150), rng.integers(1, 3, 150)
    table = pd.DataFrame({"ward": ward, "flag": flag, "y": rng.normal(size=150) + (ward == 2)})
    copies = posynth.synthesize(table, m=2, seed=3, kinds={"ward": "nominal", "flag": "binary"})
    given = posynth.release(copies, tmp_path / "given")
    shown, formula = _formula(given)[1], "y ~ ward + flag"
    pooled = posynth.pool(given, "ols", formula)
    assert len(pooled.names) == 4
    _agree(_by_python(given, monkeypatch, **{shown: formula}), pooled, 1e-10)
    _agree(_by_r(given, tmp_path, **{shown: formula}), pooled, 1e-8)


def test_the_codebook_tells_of_the_copies_and_not_of_the_source(released):
    copies, _, given = released
    book = pd.read_csv(given / "codebook.csv", dtype=str, keep_default_na=False)
    book = book.set_index("column")
    assert list(book.index) == list(copies[0].columns)
    ends = [f(frame["income"].agg(f.__name__) for frame in copies) for f in (min, max)]
    assert [float(book.loc["income", end]) for end in ("lowest", "highest")] == ends
    assert book.loc["town", "levels"] == "York; Leeds"
    share = np.mean([frame["income"].isna().mean() for frame in copies])
    assert float(book.loc["income", "missing"]) == pytest.approx(share, abs=5e-4)
    assert book.loc["key", "modelled"].startswith("placeholders")
    assert book.loc["smoke", "modelled"] == "bernoulli"
    assert book.loc["visit", "lowest"] == min(frame["visit"].min() for frame in copies)
    shown = (given / "codebook.md").read_text("utf-8")
    assert "| town | nominal |" in shown or "| town | binary |" in shown


def test_passive_columns_and_own_models_are_named_without_their_folder(heart, tmp_path):
    own = tmp_path / "hidden" / "counts.py"
    own.parent.mkdir()
    own.write_text(
        "import pymc as pm\n"
        "def line(design, response, priors):\n"
        "    with pm.Model(coords={'predictor': design.predictors}) as model:\n"
        "        X = pm.Data('X', design.X, dims=('row', 'predictor'))\n"
        "        a, b = pm.Normal('a'), pm.Normal('b', dims='predictor')\n"
        "        s = pm.HalfNormal('s')\n"
        "        pm.Normal('y', a + X @ b, s, observed=response.y, dims='row')\n"
        "    return model\n"
    )
    two = heart[["sex", "age"]].assign(double=2 * heart["age"])
    copies = posynth.synthesize(
        two, m=2, seed=1, methods={"age": f"{own}:line"}, passive={"double": "age * 2"}
    )
    given = posynth.release(copies, tmp_path / "given")
    book = pd.read_csv(given / "codebook.csv").set_index("column")
    assert book.loc["age", "modelled"] == "own model line"
    assert book.loc["double", "modelled"] == "computed: age * 2"
    assert not any(b"hidden" in p.read_bytes() for p in given.rglob("*") if p.is_file())


def test_nothing_else_is_ever_replaced(released, tmp_path):
    copies, out, given = released
    with pytest.raises(StoreError, match=r"already holds a release.*--overwrite"):
        posynth.release(copies, given)
    before = (given / "manifest.json").read_bytes()
    posynth.release(copies, given, overwrite=True)
    assert (given / "manifest.json").read_bytes() == before
    assert len(list(given.parent.iterdir())) == 2  # the output and the release, no draft
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(
            StoreError, match=r"holds notes.txt, which is no release and is not rep"
        ):
            posynth.release(copies, tmp_path, overwrite=overwrite)
        for place in (out, out / "given", out.parent):
            with pytest.raises(StoreError, match="lie in each other"):
                posynth.release(out, place, overwrite=overwrite)
        with pytest.raises(StoreError, match=r"holds chain.toml, diagnostics.csv, posterior"):
            posynth.release(copies, out, overwrite=overwrite)
    with pytest.raises(StoreError, match=r"notes.txt' is a file; name a folder"):
        posynth.release(copies, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert (posynth.release(copies, tmp_path / "empty") / "HOW_TO_POOL.md").is_file()


def test_a_release_is_not_released_again(released, tmp_path):
    with pytest.raises(StoreError, match="passed on without their posterior"):
        posynth.release(released[2], tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_failed_report_leaves_no_folder(released, tmp_path, heart):
    with pytest.raises(posynth.errors.TableError, match="there is no column"):
        posynth.release(released[0], tmp_path / "given", heart)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_was_written_and_what_was_left_out(
    released, cli, said, tmp_path, table, private
):
    folder, given = released[1], tmp_path / "given"
    shown = said(cli("release", folder, "-o", given).stdout)
    assert "copies, manifest, codebook, HOW_TO_POOL.md are in" in shown
    assert "no report, which needs the source; add it with --data FILE" in shown
    assert "make copies to pass on without --seed" in shown
    assert "--overwrite" in said(cli("release", folder, "-o", given, code=2).stderr)
    table.to_csv(tmp_path / "people.csv", index=False)
    with_page = ("release", folder, "-o", given, "--data", tmp_path / "people.csv", "--overwrite")
    assert "and the public report are in" in said(cli(*with_page).stdout)
    page = (given / "report.html").read_bytes()
    assert b"public version" in page
    assert [secret for secret in private if secret in page] == []


def test_commands_work_on_a_release_or_say_what_it_lacks(released, cli, said):
    _, folder, given = released
    shown = cli("pool", given, "--formula", "bmi ~ age").stdout
    assert shown == cli("pool", folder, "--formula", "bmi ~ age").stdout
    for verb in ("draw", "diagnose"):
        assert "passed on without it" in said(cli(verb, given, code=2).stderr)
    shown = said(cli("pool", given, "--formula", "income ~ age", "--impute", 2, code=2).stderr)
    assert "passed on without their posterior" in shown


def test_an_example_has_names_that_no_program_runs_as_code(released):
    schema = released[0].schema
    assert example_of("ols", "bmi ~ age + smoke", schema) == Example("ols", "bmi", ("age", "smoke"))
    for model, formula in (
        ("ols", "visit ~ age"), ("ols", "bmi ~ nobody"), ("logit", "edu ~ age"),
        ("ols", 'bmi ~ Q("age")'), ("mnlogit", "edu ~ age"), ("ols", "bmi ~ key"),
    ):  # fmt: skip
        assert example_of(model, formula, schema) is None
    formulas = [example.formula for example in fallbacks(schema)]
    # Regressions of a number first; columns of levels follow for tables without one.
    assert formulas[:2] == ["income ~ age + edu", "income ~ 1"]
    assert fallbacks(schema)[2] == Example("logit", "smoke", ("age", "edu"))
    from posynth.table.schema import Column, Kind, Schema

    awkward = Schema((Column("a b", Kind.COUNT, "int64"), Column("if", Kind.COUNT, "int64")), 9)
    # Such columns are renamed in the programs, so that the code runs.
    assert fallbacks(awkward)[0] == Example(
        "ols", "column_if", ("a_b",), renamed={"column_if": "if", "a_b": "a b"}
    )
    unfit = Schema((Column("a\nb", Kind.COUNT, "int64"), Column("key", Kind.TEXT, "str")), 9)
    assert fallbacks(unfit) == [PLACEHOLDER]


def test_names_of_one_letter_are_plain_and_serve_as_an_example(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=150).round(2), "g": rng.choice(list("abc"), 150)})
    table["C"] = (table["x"] + rng.normal(size=150)).round(2)
    table["y"] = (table["C"] + rng.normal(size=150)).round(2)
    copies = posynth.synthesize(table, m=3, seed=3)
    given = posynth.release(copies, tmp_path / "given", table)
    assert _formula(given) == ("ols", "y ~ x + g + C")
    text, page = (given / "HOW_TO_POOL.md").read_text(), (given / "report.html").read_text()
    assert "y ~ x + g + C" in page and "No column could serve" not in text
    for shown in (text, page):
        assert "Q(&#34;" not in shown and 'Q("' not in shown and "`y` ~" not in shown
    pooled = posynth.pool(given, *_formula(given))
    _agree(_by_python(given, monkeypatch), pooled, 1e-10)
    head = capsys.readouterr().out.splitlines()[0]
    columns = ("estimate", "std error", "df", "t", "p", "lower", "upper")
    assert head.split() == " ".join(columns).split()
    _agree(_by_r(given, tmp_path), pooled, 1e-8)


def _table_of(kind, rng):
    if kind == "odd names":
        table = pd.DataFrame({
            "blood pressure": rng.normal(120, 10, 150).round(1),
            "sex/gender": rng.choice(["m", "f"], 150),
            "it's \\ \"5\"": rng.normal(25, 2, 150).round(1),
        })  # fmt: skip
    elif kind == "levels":
        table = pd.DataFrame({c: rng.choice(["No", "Maybe", "Yes"], 150) for c in "abc"})
        table.loc[::6, "c"] = None
    else:
        table = pd.DataFrame({"one column": rng.choice(["p", "q", "s"], 150)})
    return table


@pytest.mark.parametrize("kind", ["odd names", "levels", "one column"])
def test_tables_of_odd_names_or_of_levels_have_an_example_that_runs(kind, tmp_path, monkeypatch):
    table = _table_of(kind, np.random.default_rng(1))
    copies = posynth.synthesize(table, m=3, seed=3)
    given = posynth.release(copies, tmp_path / "given")
    code = _code(given, "python")
    text = (given / "HOW_TO_POOL.md").read_text("utf-8")
    assert "No column could serve" not in text and "y ~ x" not in code
    call = next(line for line in text.splitlines() if line.startswith("pooled = "))
    with monkeypatch.context() as patched:
        patched.chdir(given)
        names = {"posynth": posynth}
        exec(call, names)
    _agree(_by_python(given, monkeypatch), names["pooled"], 1e-10)
    # The weights of R's glm are those of the iteration before the last.
    _agree(_by_r(given, tmp_path), names["pooled"], 1e-8 if kind == "odd names" else 1e-5)


def test_no_name_and_no_label_is_run_as_code(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(20, 80, 120),
            "a|b": rng.normal(size=120).round(2),
            'we "q"); quit("no")': rng.choice(
                ['x"); stop("run', "it's\nnew", "``` {{ 7*7 }} \\"], 120
            ),
            "back`tick": rng.choice(["α", "ß"], 120),
            "said": rng.choice(['no "1"', "yes\\ ' 2"], 120),
            "codes": pd.Categorical(rng.choice([9, 10, 1], 120), [9, 10, 1]),
        }
    )
    table.loc[::9, "said"] = None
    copies = posynth.synthesize(table, m=2, seed=3, order=["age"])
    given = posynth.release(copies, tmp_path / "given")
    pooled = posynth.pool(given, *_formula(given))
    assert _formula(given) == ("ols", "age ~ said + codes")
    _agree(_by_python(given, monkeypatch), pooled, 1e-10)
    _agree(_by_r(given, tmp_path), pooled, 1e-8)
    lines = (given / "codebook.md").read_text("utf-8").splitlines()
    assert [line.replace("\\|", "").count("|") for line in lines[4:]] == [7] * 8


def test_copies_that_no_rule_can_pool_say_so(released):
    from posynth.copies.codebook import private_codebook

    posterior = released[0].posterior
    book = private_codebook(posterior.schema, posterior.source)
    made = Provenance(100, 100, 5, without_noise=("bmi",))
    text = how_to_pool(made, book, PLACEHOLDER, "csv")
    assert "No rule can pool these copies: 'bmi' repeat their mean" in text
    assert "```" not in text


def test_labels_that_mark_missing_values_elsewhere_are_named(released):
    from posynth.copies.codebook import private_codebook

    posterior = released[0].posterior
    book = private_codebook(posterior.schema, posterior.source)
    columns = tuple(
        replace(c, missing_text="None") if c.name == "income" else c for c in book.schema
    )
    book = replace(book, schema=replace(book.schema, columns=columns))
    text = how_to_pool(Provenance(160, 100, 3), book, Example("ols", "bmi"), "csv")
    assert "'None' is a level of ward and marks missing values of income" in text
