"""Every text of a release says what is on the list of what is public, and nothing else."""

import base64
import html
import json
import re

import pandas as pd
import pytest

import posynth
from posynth.copies.manifest import PUBLIC
from posynth.report.codebook import FIELDS

SEED, FIT_SEED = 918273645, 192837465
#: The fields that are public, once more, so that adding one is a decision.
MANIFEST = {
    *("posynth", "n", "k", "m", "nests", "proper", "improper", "without_noise", "copies_values"),
    *("complete", "unsynthesised", "filled", "missing", "passed", "failed_affects", "versions"),
    *(
        "chain",
        "passive",
        "rules",
        "plug_in",
        "tightened",
        "stated_priors",
        "simplified",
        "kept_groups",
        "grouped",
        "ids",
        "groups",
    ),
}
DESCRIPTION = {"columns", "dialect"}
CODEBOOK = (
    "column",
    "kind",
    "levels",
    "lowest",
    "highest",
    "decimals",
    "grid",
    "missing",
    "modelled",
)
COLUMN = {
    *("name", "kind", "dtype", "levels", "ordered", "decimals", "grid", "padded", "min_decimals"),
    *("missing", "missing_text", "date_format", "categories", "category_dtype", "category_type"),
}
FACTS = [
    *("Rows of the source", "Copies", "Proper", "Computed, not modelled", "Missing values"),
    *("Filled, not modelled", "Versions"),
]
OWN = """import pymc as pm
def counts(design, response, priors):
    with pm.Model(coords={"predictor": design.predictors}) as model:
        X = pm.Data("X", design.X, dims=("row", "predictor"))
        a, b = pm.Normal("a"), pm.Normal("b", dims="predictor")
        s = pm.HalfNormal("s")
        pm.Normal("y", a + X @ b, s, observed=response.y, dims="row")
    return model
"""


@pytest.fixture(scope="module")
def released(cli, people, tmp_path_factory):
    """A release of a file in a folder of a known name, with a model of a known file."""
    place = tmp_path_factory.mktemp("ward_nine")
    source, own = place / "oncology_intake.csv", place / "hidden_models.py"
    people.assign(double=2 * people["age"]).to_csv(source, index=False)
    own.write_text(OWN)
    given = ("--passive", "double=age * 2", "--method", f"bmi={own}:counts")
    cli("fit", source, *given, "-m", 3, "--seed", FIT_SEED, "-o", place / "out")
    cli("draw", place / "out", "-m", 3, "--seed", SEED, "--allow-code")
    cli("release", place / "out", "-o", place / "given", "--data", source, "--allow-code")
    return place, json.loads((place / "out" / "manifest.json").read_text("utf-8"))


def _texts(folder):
    """Return path -> text of every file, pictures inside a page among it."""
    texts = {p.name: p.read_text("utf-8") for p in folder.rglob("*") if p.is_file()}
    assert {"manifest.json", "codebook.csv", "codebook.md", "HOW_TO_POOL.md", "report.html"} < set(
        texts
    )
    page = texts["report.html"]
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(pictures) >= 5
    shown = [base64.b64decode(picture).decode("utf-8", "replace") for picture in pictures]
    plain = re.sub(r'src="data:[^"]+"', "", page)
    return {**texts, "report.html": html.unescape(plain), "pictures": "\n".join(shown)}


def test_no_text_names_the_source_its_folder_a_seed_or_a_file(released):
    place, manifest = released
    forbidden = [
        *("oncology", "intake.csv", "ward_nine", str(place), "hidden_models", ".py:"),
        *(f"{seed:{form}}" for seed in (SEED, FIT_SEED) for form in ("d", ",d", "x")),
        manifest["spec_hash"],
        manifest["streams"][0]["posterior"],
    ]
    private = (place / "out" / "manifest.json").read_text("utf-8")
    assert str(SEED) in private and "oncology_intake.csv" in private
    for name, text in _texts(place / "given").items():
        assert [each for each in forbidden if each in text] == [], name


def test_no_text_holds_a_value_of_a_row(released, secrets, people):
    place, _ = released
    texts = _texts(place / "given")
    for name, text in texts.items():
        assert [each for each in (*secrets, "987,654") if each in text] == [], name
    copies = {p.name for p in (place / "given" / "copies").iterdir()}
    incomes = {f"{value:.2f}" for value in people["income"].dropna()}
    low_and_high = set(pd.read_csv(place / "given" / "codebook.csv", dtype=str).loc[5])
    for name in texts.keys() - copies - {"pictures"}:
        found = set(re.findall(r"\d+\.\d\d\b", texts[name])) & incomes - low_and_high
        assert found == set(), name


def test_the_manifest_has_the_public_fields_and_no_other(released):
    place, _ = released
    public = json.loads((place / "given" / "manifest.json").read_text("utf-8"))
    assert set(PUBLIC) == MANIFEST
    assert set(public) <= MANIFEST | DESCRIPTION and MANIFEST - set(public) == {"nests"}
    assert all(set(column) <= COLUMN for column in public["columns"])
    assert CODEBOOK == FIELDS
    assert public["chain"]["bmi"]["family"] == "own model counts"
    assert public["passive"] == {"double": "age * 2"}


def test_the_page_is_written_from_the_public_manifest(released):
    place, _ = released
    page = html.unescape((place / "given" / "report.html").read_text("utf-8"))
    facts = page.partition("How the copies were made")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="row"[^>]*>([^<]+)</th>', facts) == FACTS
    chain = page.partition("The chain of conditionals")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="col"[^>]*>(\w+)<', chain) == ["Conditional", "Given", "Family"]
    fitted = page.partition("How well each conditional was fitted")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="col"[^>]*>([\w ]+)<', fitted) == ["Conditional", "Within limits"]
    for engine in ("laplace", "batched", "Metropolis", "R-hat 1."):
        assert engine not in page
    assert "income: the pattern is" not in page and "the pattern is reproduced" in page


def test_misfit_is_told_in_bands_from_which_no_count_of_the_source_follows(released, people):
    """With two decimals of S and the copies there was one possible count; now there are many."""
    place, _ = released
    page = html.unescape((place / "given" / "report.html").read_text("utf-8"))
    utility = page.partition('<section id="utility"')[2].partition("</section>")[0]
    cells = re.findall(r'<td class="number">([^<]*)</td>', utility)
    assert len(cells) > 20
    assert {c for c in cells if not re.fullmatch(r"\d+", c)} <= {
        "≤ 2",
        "≤ 3",
        "≤ 5",
        "≤ 10",
        "> 10",
        "–",
    }
    pictures = _texts(place / "given")["pictures"]
    found = re.findall(r"<!-- (\d+\.\d+) -->", pictures)
    assert {v for v in found if re.fullmatch(r"\d+\.\d\d", v)} == set()

    copies = [pd.read_csv(path) for path in sorted((place / "given" / "copies").iterdir())]
    shown = re.search(r">smoke</th><td[^>]*>([^<]+)</td>", utility).group(1)
    end = float(shown.split()[1])
    n, drawn = len(people), [int((copy["smoke"] == "yes").sum()) for copy in copies]
    possible = [count for count in range(1, n) if _misfit(count, drawn, n) <= end]
    assert int((people["smoke"] == "yes").sum()) in possible and len(possible) > 10


def _misfit(count, drawn, n):
    """Return S of a column of two levels, k = n, on the scale of proper copies."""
    sums = [(d - count) ** 2 * (2 / (d + count) + 2 / (2 * n - d - count)) for d in drawn]
    return sum(sums) / len(sums) / 2


def test_codebook_manifest_and_page_tell_the_same_chain(released):
    place, _ = released
    given = place / "given"
    public = json.loads((given / "manifest.json").read_text("utf-8"))
    book = pd.read_csv(given / "codebook.csv").set_index("column")["modelled"]
    page = html.unescape((given / "report.html").read_text("utf-8"))
    for target, facts in public["chain"].items():
        assert f">{facts['family']}</td>" in page
        if target in book and target not in public["passive"]:
            assert book[target] == facts["family"]


def test_what_did_not_pass_is_named_without_its_values(people, monkeypatch, tmp_path):
    from dataclasses import replace

    from posynth.engines.diagnostics import Convergence
    from posynth.posterior import schedule

    own = schedule.fit_task

    def fit(task, engine, rng):
        mixed = Convergence(1.0347, 63.0, 500.0, 0.1)
        return replace(own(task, engine, rng), engine="nuts", independent=False, mixed=mixed)

    monkeypatch.setattr(schedule, "fit_task", fit)
    two = people[["age", "bmi"]]
    with pytest.warns(posynth.DiagnosticWarning):
        copies = posynth.synthesize(two, m=2, seed=1)
    with pytest.warns(posynth.DiagnosticWarning):
        given = posynth.release(copies, tmp_path / "given", two)
    for path in given.iterdir():
        text = path.read_text("utf-8") if path.is_file() else ""
        assert "1.034" not in text and "1.035" not in text and "63 <" not in text, path.name
    page = (given / "report.html").read_text("utf-8")
    assert "the fit of age, bmi did not pass" in page
    assert "ask the holder of the data" in page
