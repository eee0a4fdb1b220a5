"""Numbers as people write them: currency and percent signs, thousands set off by a mark."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from posynth.table.schema import Column

_MONEY = r"(?:(?:US|A|C|NZ|HK|R)?[$\u20ac\u00a3\u00a5\u20b9]|EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK)"
#: A minus sign that is none on keyboards.
MINUS = "\u2212"
#: Units that need no blank before them; others of letters do, or keys such as 12B were numbers.
_UNIT = r"(?:kg|mg|g|cm|mm|km|m|lb|ml|l|h|min|ms|s|\u00b0C|\u00b0F|\u00b0)"
_CELL = re.compile(
    rf"(?P<sign>[+{MINUS}-]?)(?P<prefix>{_MONEY}\s?)?(?P<inner>[+{MINUS}-]?)"
    r"(?P<body>[\d.,](?:[\d.,'\u2019\s]*\d)?\.?)"
    rf"(?P<suffix>[.,][-\u2013]|\s?(?:{_MONEY}|[%\u2030]|{_UNIT})|\s[A-Za-z\u00b5/\u00b2\u00b3]{{1,12}})?"
)
_IN_BRACKETS = re.compile(rf"\((?:{_MONEY})?\s?[\d.,' ]+\)|(?:{_MONEY})?\s?[\d.,' ]+")
#: Marks that set off thousands and are never decimal marks.
SPACES = (" ", "\u00a0", "\u202f", "\u2009")
PLAIN_MARKS = (*SPACES, "'", "\u2019")
_THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")


@dataclass(frozen=True)
class Form:
    """How the numbers of a column are written, beside their decimal mark.

    Attributes
    ----------
    prefix, suffix : str
        What stands before and behind every number, such as ``"$"`` and ``" %"``.
    grouping : str
        Mark between thousands; empty if there is none.
    """

    prefix: str = ""
    suffix: str = ""
    grouping: str = ""

    def bare(self, text: str, decimal: str) -> str:
        """Return a number as Python writes it.

        Examples
        --------
        >>> Form("$", "", ",").bare("-$51,885.95", ".")
        '-51885.95'
        """
        text = text.strip().replace(self.prefix, "", 1) if self.prefix else text.strip()
        text = text.removesuffix(self.suffix).replace(MINUS, "-")
        text = text.replace(self.grouping, "") if self.grouping else text
        return text.replace(decimal, ".")

    def written(self, text: str, decimal: str) -> str:
        """Write a number that Python wrote in this form.

        Examples
        --------
        >>> Form("", " %", " ").written("-1234567.5", ",")
        '-1 234 567,5 %'
        """
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        whole, point, decimals = text.partition(".")
        if self.grouping and whole.isdigit():
            whole = _THOUSANDS.sub(self.grouping, whole)
        return f"{sign}{self.prefix}{whole}{decimal if point else ''}{decimals}{self.suffix}"

    @classmethod
    def of(cls, column: Column) -> "Form":
        """Return the form of a column."""
        return cls(column.prefix, column.suffix, column.grouping)


@dataclass(frozen=True)
class Found:
    """The form in which every text of a column is a number, or why none was taken.

    Attributes
    ----------
    form : Form, optional
        None if no form fits without doubt.
    note : str
        What was decided; without a form the option that reads the column, if one does.
    """

    form: Form | None
    note: str = ""


def find_form(texts: Sequence[str], decimal: str, thousands: str | None) -> Found:
    """Look for the one form in which every text is a number.

    A mark between groups of three digits sets off thousands if it is a blank or an apostrophe, if
    it is declared, or if a number holds two of them, or one before a decimal mark, or if numbers
    below 1000 have none: ``1,234`` alone may be a number with three decimals.

    Parameters
    ----------
    texts : sequence of str
        Distinct texts without those that are missing.
    decimal : str
        Decimal mark of the file.
    thousands : str, optional
        Mark that was declared to set off thousands.

    Returns
    -------
    Found

    Examples
    --------
    >>> find_form(["$51,885.95", "$900.00"], ".", None).form
    Form(prefix='$', suffix='', grouping=',')
    >>> find_form(["12,345", "23,456"], ".", None).form is None
    True
    """
    brackets = any(text.strip().startswith("(") for text in texts)
    if brackets and all(_IN_BRACKETS.fullmatch(text.strip()) for text in texts):
        said = "numbers in brackets, as accountants write those below 0, are read as text"
        return Found(None, f"{said}: write them with a minus to have them modelled")
    cells = [_CELL.fullmatch(text.strip()) for text in texts]
    if not texts or any(cell is None for cell in cells):
        return Found(None)
    parts = [cell.groupdict(default="") for cell in cells if cell is not None]
    forms = {(part["prefix"], part["suffix"]) for part in parts}
    if len(forms) > 1:
        shown = "these look like numbers, with currency or percent signs in some rows only"
        return Found(None, f"{shown}: write them in all rows, or in none, to have them modelled")
    (prefix, suffix), bodies = forms.pop(), [part["body"] for part in parts]
    for mark in _marks(bodies, decimal, thousands):
        if _fit(bodies, decimal, mark):
            return _decided(Form(prefix, suffix, mark), parts, decimal, declared=mark == thousands)
    return Found(None, _unread(bodies, decimal))


def _marks(bodies: Sequence[str], decimal: str, thousands: str | None) -> list[str]:
    """Return the marks that may set off thousands; the empty one first."""
    if thousands is not None:
        return ["", *(SPACES if thousands in SPACES else (thousands,))]
    other = "," if decimal == "." else "."
    return ["", *(mark for mark in (*PLAIN_MARKS, other) if any(mark in body for body in bodies))]


def _fit(bodies: Sequence[str], decimal: str, mark: str) -> bool:
    point = re.escape(decimal)
    grouped = rf"|\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+(?:{point}\d*)?" if mark else ""
    pattern = re.compile(rf"\d+(?:{point}\d*)?|{point}\d+{grouped}")
    return all(pattern.fullmatch(body) for body in bodies)


def _decided(form: Form, parts: Sequence[dict[str, str]], decimal: str, *, declared: bool) -> Found:
    bodies, mark = [part["body"] for part in parts], form.grouping
    if mark and not declared and not _is_evident(bodies, decimal, mark):
        return Found(None, _unread(bodies, decimal, mark))
    what = [f"{sign!r}" for sign in (form.prefix, form.suffix) if sign]
    what += [f"{mark!r} between thousands"] if mark else []
    notes = [f"numbers are written with {' and '.join(what)}, in copies too"] if what else []
    long = rf"\d{{4,}}(?:{re.escape(decimal)}\d*)?"
    if mark and any(re.fullmatch(long, body) for body in bodies):
        notes.append(f"copies write {mark!r} in all numbers above 999, the source in some")
    if any(MINUS in (part["sign"], part["inner"]) for part in parts):
        notes.append(f"copies write '-' for the sign {MINUS!r}")
    if form.prefix and any(part["inner"] for part in parts):
        notes.append("copies write a sign before the currency")
    return Found(form, "; ".join(notes))


def _is_evident(bodies: Sequence[str], decimal: str, mark: str) -> bool:
    """Whether a mark sets off thousands: it may be a decimal mark, or part of phone numbers."""
    if mark in PLAIN_MARKS:
        return len(set(map(len, bodies))) > 1 or bodies[0].count(mark) < 2
    if any(body.startswith(f"0{mark}") for body in bodies):
        return False
    with_mark = [body for body in bodies if mark in body]
    if any(body.count(mark) > 1 or decimal in body for body in with_mark):
        return True
    return len(with_mark) < len(bodies) and all(
        len(body.partition(decimal)[0]) <= 3 for body in bodies if mark not in body
    )


def _unread(bodies: Sequence[str], decimal: str, mark: str = "") -> str:
    """Say which option reads numbers that were left as text; nothing of what are none."""
    other = "," if decimal == "." else "."
    if mark in PLAIN_MARKS:
        return (
            f"these look like numbers with {mark!r} between thousands, or like codes of one "
            f"length: --thousands {shlex.quote(mark)} reads them as numbers"
        )
    as_decimal, as_thousands = _fit(bodies, other, ""), _fit(bodies, decimal, other)
    shown = f"these look like numbers with {other!r}"
    if as_decimal and as_thousands:
        return (
            f"{shown} as decimal mark or between thousands: --decimal {other} or --thousands "
            f"{other} reads them"
        )
    if as_decimal:
        return f"{shown} as decimal mark: --decimal {other} reads them"
    if all(re.fullmatch(r"[^.,]*[.,]?[^.,]*", body) for body in bodies) or not all(
        any(sign in body for body in bodies) for sign in ".,"
    ):
        return ""
    return (
        "these look like numbers with marks of several kinds: write plain numbers to have them "
        "modelled as such, or see --decimal and --thousands"
    )
