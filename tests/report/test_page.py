"""The page: whole, self-contained, accessible, and silent about the original when public."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import posynth
from posynth.errors import MeasureError
from posynth.results import Result

PLANTED = 98765.4321
LABEL = "Planted & <b>Label</b>"


@pytest.fixture(scope="module")
def planted(heart):
    """A table with a value and a label that would be known again, and its copies."""
    table = heart[["sex", "age", "platelets", "smoking"]].copy()
    table.loc[7, "platelets"] = PLANTED
    table.loc[::3, "smoking"] = LABEL
    table.loc[::20, "age"] = np.nan
    return table, posynth.synthesize(table, m=2, seed=3)


@pytest.fixture(scope="module")
def pages(planted, tmp_path_factory):
    table, copies = planted
    place = tmp_path_factory.mktemp("pages")
    checks = [Result("PIT", 0.4, "age", passed=False, text="Checks the row-level fit of age.")]
    options = {"keys": ["sex"], "checks": checks, "holdout": _others(table)}
    written = {
        public: posynth.write_report(
            copies, table, to=place / f"{public}.html", public=public, **options
        )
        for public in (False, True)
    }
    return {public: path.read_text("utf-8") for public, path in written.items()}


def _others(table):
    """Return 40 rows that are none of the table."""
    return table[:40].assign(platelets=table["platelets"][:40] + 1)


class Structure(HTMLParser):
    """Tags with their attributes, and the text of headings."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(params=[False, True], ids=["private", "public"])
def structure(request, pages):
    return Structure(pages[request.param])


def test_the_page_has_landmarks_a_language_and_a_title(structure):
    assert structure.all("html") == [{"lang": "en"}]
    for tag in ("title", "header", "nav", "main", "footer", "h1"):
        assert len(structure.all(tag)) == 1, tag
    anchors = {attrs.get("id") for _, attrs in structure.tags}
    assert {a["href"].lstrip("#") for a in structure.all("a")} <= anchors


def test_every_table_has_a_caption_and_scoped_heads(structure):
    assert len(structure.all("caption")) == len(structure.all("table")) >= 7
    assert {th["scope"] for th in structure.all("th")} == {"col", "row"}


def test_every_table_scrolls_in_a_region_that_can_be_focused(structure):
    regions = [attrs for attrs in structure.all("div") if attrs.get("role") == "region"]
    assert len(regions) >= len(structure.all("table"))
    assert all(r["tabindex"] == "0" and r["aria-label"] for r in regions)


def test_every_picture_has_words_and_is_inlined(structure):
    pictures = structure.all("img")
    assert len(pictures) >= 5
    for attrs in pictures:
        assert attrs["alt"]
        assert attrs["src"].startswith(("data:image/svg+xml;base64,", "data:image/png;base64,"))


@pytest.mark.parametrize("public", [False, True])
def test_nothing_is_loaded(pages, public):
    text = re.sub(r'src="data:[^"]*"', "", pages[public])
    assert not re.search(r"https?://|<script|<link rel=\"style|@import|url\(", text)


def test_the_private_page_tells_everything(pages):
    text = pages[False]
    for word in ("DiSCO", "copied rows", "DCR", "Overlap with the original fit", "correlation"):
        assert word in text
    assert "Checks of the conditionals" in text
    for word in ("Bayesian attribute risk", "Influence of single records", "MIA AUC"):
        assert word in text
    assert "is for the data holder" in text


def test_the_public_page_says_so_and_shows_no_row_level_number(pages, planted):
    text = pages[True]
    assert "This is the public version" in text
    for word in ("DiSCO", "repU", "DCR", "copied rows", "Dorig", "MIA", "UiO", "TCAP"):
        assert word not in text
    for word in ("attribute risk", "influence", "epsilon", "LOO"):
        assert word not in text
    assert "Log score of rows that no conditional was fitted on" in text
    for word in ("Correlation of", "in the original", "Std diff", "PIT", "<dt>KS<", "values of"):
        assert word not in text
    assert "98765" not in text.replace(",", "")
    assert "<b>Label" not in text
    table, _ = planted
    estimates = posynth.compare(planted[1], table, "ols", "platelets ~ sex + age + smoking")
    for value in estimates.table["original"]:
        assert f"{value:,.1f}" not in text


def test_the_public_page_does_not_depend_on_values_outside_the_margins(planted, tmp_path):
    table, copies = planted
    moved = table.assign(platelets=table["platelets"].replace(PLANTED, 2 * PLANTED))
    options = {"public": True, "keys": ["sex"]}
    one, two = (
        posynth.write_report(copies, data, to=tmp_path / f"{i}.html", **options).read_text("utf-8")
        for i, data in enumerate((table, moved))
    )
    assert _gallery(one) == _gallery(two)
    assert _section(one, "inference") == _section(two, "inference")


def _gallery(text):
    return text.partition('<ul class="gallery">')[2].partition("</ul>")[0]


def _section(text, anchor):
    return text.partition(f'<section id="{anchor}"')[2].partition("</section>")[0]


def test_labels_of_the_table_are_escaped(pages):
    assert "<b>Label" not in pages[False]


def test_the_same_results_give_the_same_page(planted, pages, tmp_path):
    table, copies = planted
    options = {"public": True, "keys": ["sex"], "holdout": _others(table)}
    again = posynth.write_report(copies, table, to=tmp_path / "a.html", **options)
    assert again.read_text("utf-8") == pages[True]


def test_every_number_can_be_traced(pages, planted):
    manifest = planted[1].manifest()
    assert manifest["spec_hash"] in pages[False]
    assert f"seed {manifest['seed']}" in pages[False]


def test_a_public_page_holds_nothing_to_test_guesses_with(pages, planted):
    """Who knows all rows but one, and the seed, can run every guess and compare copies."""
    manifest = planted[1].manifest()
    assert not re.search(r"\bseeds?\b", pages[True], flags=re.I)
    assert manifest["spec_hash"] not in pages[True]
    for streams in manifest["streams"]:
        assert streams["call"] not in pages[True] and streams["posterior"] not in pages[True]


def test_a_public_page_gives_no_advice_to_the_data_holder(pages):
    for words in ("What to change", "--model", "--impute", "--public", "Remedy"):
        assert words not in pages[True]


def test_options_of_a_family_are_shown_and_why_where_nobody_said(heart, tmp_path):
    chain = tmp_path / "chain.toml"
    methods = {"age": "truncated(lower=30, upper=100)"}
    chain.write_text(posynth.specify(heart[["age", "sex"]], methods=methods).to_toml())
    copies = posynth.synthesize(heart[["age", "sex"]], m=2, seed=1, chain=chain)
    options = {"to": tmp_path / "p.html", "keys": ["sex"]}
    page = posynth.write_report(copies, heart[["age", "sex"]], **options).read_text("utf-8")
    assert "truncated(lower = 30, upper = 100)" in page
    assert "as the chain file or the call says" in page or "asked for" in page


def test_a_page_needs_a_place(planted):
    with pytest.raises(MeasureError, match=r"say where the page goes with to="):
        posynth.write_report(planted[1], planted[0])


def test_a_table_without_a_model_still_gives_a_page(tmp_path):
    table = pd.DataFrame({"x": [1.5, 2.0, 4.5, 3.0] * 6})
    copies = posynth.synthesize(table, m=2, seed=1)
    path = posynth.write_report(copies, table, to=tmp_path / "p.html", keys=["x"])
    assert "No model of this table could be chosen" in path.read_text("utf-8")
