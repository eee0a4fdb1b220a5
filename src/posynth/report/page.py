"""One page of HTML that holds everything it shows."""

from importlib.resources import files
from pathlib import Path

import posynth
from posynth.copies.output import write_text
from posynth.errors import printable
from posynth.report import words
from posynth.report.findings import Findings
from posynth.report.sections import glance, sections
from posynth.report.verdict import verdict


def render(found: Findings) -> str:
    """Return the page as text.

    Parameters
    ----------
    found : Findings
        What to tell.

    Returns
    -------
    str
        HTML without anything to load: styles and pictures are inside.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    room = files("posynth") / "report"
    # Names and levels come from the user's table: everything but the style is escaped.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_without_controls
    )
    template = environment.from_string((room / "page.html.jinja").read_text(encoding="utf-8"))
    manifest = found.copies.manifest()
    source = manifest.get("source") or ("a data frame" if "source" in manifest else "")
    proper = "proper synthetic" if found.proper else "synthetic"
    return template.render(
        version=posynth.__version__,
        title=f"Synthetic copies of {source}" if source else "Synthetic copies",
        lead=f"{manifest['m']} {proper} copies of {manifest['k']:,} rows, made from "
        f"{manifest['n']:,} confidential rows: what was modelled, how well, and what the copies "
        "are good for.",
        notice=words.PUBLIC if found.public else words.PRIVATE,
        public=found.public,
        manifest=manifest,
        seed=found.seed,
        style=Markup((room / "style.css").read_text(encoding="utf-8")),
        verdict=verdict(found),
        glance=glance(found),
        sections=sections(found),
    )


def _without_controls(value: object) -> object:
    """Write out control characters of plain texts, before they are escaped."""
    return printable(value) if type(value) is str else value


def write_page(found: Findings, path: Path) -> Path:
    """Write the page under a temporary name, then rename it.

    Parameters
    ----------
    found : Findings
        What to tell.
    path : Path
        The file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    write_text(path, render(found))
    return path
