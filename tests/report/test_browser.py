"""The page in a real browser: it renders, stays quiet, and fits a phone."""

import re
import shutil
import subprocess

import pytest

import posynth

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PHONE = 375
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--enable-logging=stderr",
    "--virtual-time-budget=4000",
)
MEASURE = """<script>addEventListener("load", () => parent.postMessage({
  page: document.documentElement.scrollWidth, window: innerWidth,
  tables: document.querySelectorAll("table").length,
  captions: document.querySelectorAll("table > caption").length,
  broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).length,
  regions: [...document.querySelectorAll(".scroll")].filter(r => r.scrollWidth > r.clientWidth
    && r.tabIndex !== 0).length}, "*"))</script>"""
FRAME = """<!doctype html><body><pre id="said"></pre><script>
addEventListener("message", e => { said.textContent = Object.entries(e.data).join(" ") })
</script><iframe style="width:{width}px;height:900px;border:0" src="{page}"></iframe>"""


@pytest.fixture(scope="module", params=[False, True], ids=["private", "public"])
def page(request, judged_folder, tmp_path_factory):
    folder, source = judged_folder
    to = tmp_path_factory.mktemp("browser") / "report.html"
    return posynth.write_report(folder, source, to=to, public=request.param, keys=["sex", "age"])


def browse(address, tmp_path):
    """Return the DOM and what the browser logged of the page itself."""
    command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


def measured(page, width, tmp_path):
    """Measure a copy of the page in a frame: a window cannot be made as narrow as a phone."""
    copy = tmp_path / "measured.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", MEASURE + "</body>"), "utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)).replace("{page}", copy.name), "utf-8")
    dom, console = browse(frame.as_uri(), tmp_path)
    said = re.search(r'<pre id="said">([^<]+)</pre>', dom)
    assert said, "the page did not report its size"
    return {k: int(v) for k, v in (pair.split(",") for pair in said[1].split())}, console


def test_it_renders_without_a_word_on_the_console(page, tmp_path):
    dom, console = browse(page.as_uri(), tmp_path)
    assert "What these numbers do not guarantee" in dom
    assert console == []


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_only_tables_scroll_sideways_and_all_have_captions(page, width, tmp_path):
    found, console = measured(page, width, tmp_path)
    assert found["window"] == width
    assert found["page"] <= width
    assert found["captions"] == found["tables"] >= 7
    assert found["broken"] == found["regions"] == 0
    assert console == []
