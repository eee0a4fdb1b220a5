"""Combining rules written out: in words, and as formulas that Python, R and Stata compute alike.

Every formula is written once, in arithmetic that the three languages share, and translated. The
tests compute each of them in Python and compare it with the rule of the catalogue.
"""

import re
from dataclasses import dataclass

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference.rules import THEORY


@dataclass(frozen=True)
class RuleFormula:
    """A combining rule for one coefficient, written out.

    Attributes
    ----------
    words : tuple of str
        Variance T and degrees of freedom in words, one sentence each.
    steps : tuple of (str, str)
        Name and formula of what is computed in turn, the last two ``T`` and ``df``. They read
        ``m``, ``n``, ``k``, the mean ``v`` of the variances, the variance ``b`` between the
        estimates, the degrees of freedom ``dfk`` of the analysis of a copy and ``dfn`` of the
        source; nested rules also ``L``, ``B`` and ``bw``. Powers are written ``**``, a choice
        ``where(condition, one, other)``, and ``inf`` is infinity.
    """

    words: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


_SCALED = "V = v * k / n estimates the variance that the estimate has in the source."
DEGREES = (
    "dfk are the residual degrees of freedom of the analysis of a copy (infinite where it has a "
    "normal reference, as logistic regression), dfn = dfk + n - k (at least 1) those of the same "
    "analysis of the source."
)


def rule_formula(rule: str, made: Provenance) -> RuleFormula:
    """Return a rule written out for copies that were made in a given way.

    Parameters
    ----------
    rule : str
        Name of a rule that ``"auto"`` can choose.
    made : Provenance
        How the copies were made.

    Returns
    -------
    RuleFormula

    Raises
    ------
    MeasureError
        If the rule is not written out.

    Examples
    --------
    >>> rule_formula("ppd", Provenance(n=100, k=50, m=1)).steps[1]
    ('T', 'V + (v + V) / m')
    """
    if rule not in WRITTEN:
        raise MeasureError(unknown("written-out rule", rule, WRITTEN))
    return WRITTEN[rule](made)


def _t_p_star(made: Provenance) -> RuleFormula:
    theory = "v + V" if made.proper else "v"
    exact = made.proper and made.drawn_anew
    doubt = "(1 / dfn + 1 / dfk) / m" if exact else "1 / dfn + 1 / (m * dfk)"
    return RuleFormula(
        (
            _SCALED,
            "The variance is T = V + b / m.",
            "The reference is t. Its degrees of freedom take b for its average with what theory "
            f"expects of it, {theory}, which counts as half a copy: "
            f"s = ((m - 1) * b + {THEORY} * ({theory})) / (m - 1 + {THEORY}) / m.",
            "With w = s / (V + s), the share of T that is due to synthesis, "
            f"1/df = w**2 / (m - 1) + (1 - w)**2 * ({doubt}).",
        ),
        (
            ("V", "v * k / n"),
            ("s", f"((m - 1) * b + {THEORY} * ({theory})) / (m - 1 + {THEORY}) / m"),
            ("w", "s / (V + s)"),
            ("T", "V + b / m"),
            ("df", f"1 / (w**2 / (m - 1) + (1 - w)**2 * ({doubt}))"),
        ),
    )


def _ppd(made: Provenance) -> RuleFormula:
    return RuleFormula(
        (
            _SCALED,
            "A proper copy varies about the source's estimate by v (its rows) plus V (its "
            "parameters), so the variance is T = V + (v + V) / m.",
            "The reference is t: with u = V / T, df = m / (1 / dfk + 2 * u**2 / dfn) degrees of "
            "freedom.",
        ),
        (
            ("V", "v * k / n"),
            ("T", "V + (v + V) / m"),
            ("u", "V / T"),
            ("df", "m / (1 / dfk + 2 * u**2 / dfn)"),
        ),
    )


def _simple(made: Provenance) -> RuleFormula:
    return RuleFormula(
        (
            _SCALED,
            "A plug-in copy varies about the source's estimate by v, so the variance is "
            "T = V + v / m.",
            "The reference is t, its degrees of freedom df by "
            "1/df = u**2 / dfn + 1 / (m * dfk) with u = V / T.",
        ),
        (
            ("V", "v * k / n"),
            ("T", "V + v / m"),
            ("u", "V / T"),
            ("df", "1 / (u**2 / dfn + 1 / (m * dfk))"),
        ),
    )


def _rrr_adjusted(made: Provenance) -> RuleFormula:
    return RuleFormula(
        (
            "The variance is Ts = (1 + 1/m) * b - v, with a t reference of "
            "(m - 1) * (1 - v / ((1 + 1/m) * b))**2 degrees of freedom.",
            "Where Ts is not positive, the variance is v * k / n with a normal reference.",
        ),
        (
            ("a", "(1 + 1 / m) * b"),
            ("T", "where(a > v, a - v, v * k / n)"),
            ("df", "where(a > v, (m - 1) * (1 - v / a)**2, inf)"),
        ),
    )


def _rubin(made: Provenance) -> RuleFormula:
    return RuleFormula(
        (
            "The variance is T = v + (1 + 1/m) * b.",
            "The degrees of freedom are Barnard and Rubin's: with lambda = (1 + 1/m) * b / T, "
            "1/df = lambda**2 / (m - 1) + (dfk + 3) / ((1 - lambda) * dfk * (dfk + 1)).",
        ),
        (
            ("a", "(1 + 1 / m) * b"),
            ("T", "v + a"),
            ("rest", "(1 + 3 / dfk) / ((1 - a / T) * (dfk + 1))"),
            ("df", "1 / ((a / T)**2 / (m - 1) + rest)"),
        ),
    )


def _nested(made: Provenance) -> RuleFormula:
    return RuleFormula(
        (
            "There are L imputations of the source and r = m / L copies of each. B is the variance "
            "of the L means of the estimates of an imputation, bw the mean of the L variances of "
            "the estimates within an imputation.",
            "The variance is T = (1 + 1/L) * B - bw / r + v * k / n, with degrees of freedom "
            "df = T**2 / (((1 + 1/L) * B)**2 / (L - 1) + (bw / r)**2 / (L * (r - 1))).",
            "Where T is not positive, it is (1 + 1/L) * B + v * k / n, with degrees of freedom "
            "(L - 1) * (1 + v * k / n / ((1 + 1/L) * B))**2.",
        ),
        (
            ("V", "v * k / n"),
            ("a", "(1 + 1 / L) * B"),
            ("c", "bw / (m / L)"),
            ("raw", "a - c + V"),
            ("T", "where(raw > 0, raw, a + V)"),
            ("spread", "a**2 / (L - 1) + c**2 / (L * (m / L - 1))"),
            ("df", "where(raw > 0, raw**2 / spread, (L - 1) * (1 + V / a)**2)"),
        ),
    )


#: Rule -> function that writes it out; every rule that ``"auto"`` can choose.
WRITTEN = {
    "t_p_star": _t_p_star,
    "ppd": _ppd,
    "simple": _simple,
    "rrr_adjusted": _rrr_adjusted,
    "rubin": _rubin,
    "nested": _nested,
}


def in_python(formula: str) -> str:
    """Translate a formula into Python with NumPy.

    Examples
    --------
    >>> in_python("where(v > 0, inf, v**2)")
    'np.where(v > 0, np.inf, v**2)'
    """
    return re.sub(r"\b(where|inf)\b", r"np.\1", formula)


def in_r(formula: str) -> str:
    """Translate a formula into R.

    Examples
    --------
    >>> in_r("where(v > 0, inf, v**2)")
    'ifelse(v > 0, Inf, v^2)'
    """
    text = re.sub(r"\bwhere\b", "ifelse", formula.replace("**", "^"))
    return re.sub(r"\binf\b", "Inf", text)


def in_mata(formula: str) -> str:
    """Translate a formula into Mata, Stata's matrix language, for one coefficient.

    Examples
    --------
    >>> in_mata("where(v > 0, inf, v**2)")
    '(v > 0 ? 1e10 : v^2)'
    """
    text = re.sub(r"\binf\b", "1e10", formula.replace("**", "^"))
    found = re.fullmatch(r"where\(([^,]+), ([^,]+), ([^,]+)\)", text)
    return f"({found[1]} ? {found[2]} : {found[3]})" if found else text
