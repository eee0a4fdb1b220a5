"""Pool the estimates of m copies into one inference, and say in words what was done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
import pandas as pd
from scipy import stats

from posynth.errors import MeasureError, in_short, unknown
from posynth.evaluation.base import Provenance
from posynth.evaluation.inference import clusters
from posynth.evaluation.inference.catalogue import check_estimand, rule_named
from posynth.evaluation.inference.choose import Choice, check_enough, choose
from posynth.evaluation.inference.estimates import Estimate, aligned, shared_notes
from posynth.evaluation.inference.moments import Floats, Moments, matrix_moments, scalar_moments
from posynth.evaluation.inference.rule import Rule
from posynth.evaluation.inference.theory import more_than_theory
from posynth.results import Result
from posynth.table.names import Names, as_names

#: What is said in place of a rule where all copies are fitted exactly.
_EXACT = (
    "The model fits every row of every copy exactly, with the same coefficients: they are known "
    "without error, and there is no test, interval or share of information to give."
)


@dataclass(frozen=True)
class Pooled:
    """One inference from m copies.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a coefficient: estimate, std error, df, t, p, lower, upper, fmi (share of the
        information about Q lost on the way from the original rows; NaN for the estimand
        "original"), within v̄, between b, and expected error √(v̄·k/n), the standard error the
        original fit would have.
    choice : Choice
        The rule and why.
    estimand : str
        ``"population"`` (Q) or ``"original"`` (q̂_obs).
    level : float
        Level of the intervals.
    provenance : Provenance
        How the copies were made.
    moments : Moments
        Mean estimates and covariance matrices, for multivariate tests.
    notes : tuple of str
        Conditionals that did not pass; warnings of the choice, of the rule and of the fits, each
        with its copy.
    rule : Rule
        The rule itself.
    exact : bool
        Whether the model fits every copy without residual: there is nothing to test.
    """

    table: pd.DataFrame
    choice: Choice
    estimand: str
    level: float
    provenance: Provenance
    moments: Moments
    notes: tuple[str, ...]
    rule: Rule
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(self.table.index)

    @property
    def text(self) -> str:
        """The estimand, the rule and its reason in words, and every note."""
        about = {
            "population": "the population value Q",
            "original": "the estimate the original rows would have given, q̂_obs",
        }[self.estimand]
        p = self.provenance
        sizes = f"{p.m} cop{'y' if p.m == 1 else 'ies'} of {p.k} rows from a source of {p.n} rows"
        shown = f" ({self.rule.formula})" if self.estimand == "population" else ""
        if self.exact:
            notes = (f"Note: {note}." for note in self.notes)
            return "\n".join([f"Inference about {about}, from {sizes}.", _EXACT, *notes])
        lines = [
            f"Inference about {about}, from {sizes}.",
            f"Rule {self.choice.rule!r}{shown}: {self.choice.reason}.",
            _reference(self.table["df"].to_numpy(dtype=float), p),
            *(f"Note: {note}." for note in self.notes),
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{self.table.iloc[:, :7].to_string()}\n{self.text}"

    def results(self) -> list[Result]:
        """Return one Result a coefficient, the interval included."""
        return [
            Result(
                "pooled estimate",
                float(row["estimate"]),
                subject=str(name),
                interval=(float(row["lower"]), float(row["upper"])),
                text=f"rule {self.choice.rule!r}, estimand {self.estimand!r}",
                details={key: float(row[key]) for key in self.table.columns},
            )
            for name, row in self.table.iterrows()
        ]

    def wald(self, names: Names | None = None, null: Sequence[float] | float = 0) -> Result:
        """Test that several coefficients together equal their null values.

        Parameters
        ----------
        names : sequence of str, optional
            The coefficients; all if not given.
        null : float or sequence of float
            Their values under the null hypothesis.

        Returns
        -------
        Result
            The F statistic; df1, df2 (infinite: χ²/df1) and p among the details; NaN if the rule
            has no test with so few copies.

        Raises
        ------
        MeasureError
            If a name is not among the coefficients, or their covariances are not known or
            singular.
        """
        if self.exact:
            raise MeasureError(_EXACT)
        wanted = self.names if names is None else as_names(names)
        for name in wanted:
            if name not in self.names:
                raise MeasureError(unknown("coefficient", name, self.names))
        part = _part(self.moments, [self.names.index(name) for name in wanted])
        if np.isnan(part.within).any():
            raise MeasureError(
                "a joint test needs the covariances of the coefficients, and only variances were "
                "given; pass covariance matrices, (m, p, p)"
            )
        difference = part.center - _null(null, wanted)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                test = self.rule.test(difference, part, self.estimand)
        except np.linalg.LinAlgError:
            raise MeasureError(
                f"the covariance matrix of {', '.join(map(repr, wanted))} is singular; test fewer "
                "coefficients at once"
            ) from None
        details = {"df1": test.df1, "df2": float(test.df2), "p": float(test.p)}
        text = f"F({test.df1}, {details['df2']:.4g}), p = {details['p']:.4g}"
        if np.isnan(details["p"]):
            text = f"rule {self.choice.rule!r} has no joint test here; make more copies"
        return Result(
            "Wald F", float(test.statistic), ", ".join(wanted), text=text, details=details
        )


def pool(
    estimates: Sequence[Estimate],
    provenance: Provenance,
    rule: str | Rule = "auto",
    estimand: str = "population",
    level: float = 0.95,
) -> Pooled:
    """Pool the estimates from every copy.

    Parameters
    ----------
    estimates : sequence of Estimate
        One a copy, see `fit_copies`; in a nested design the copies of an imputation together.
    provenance : Provenance
        How the copies were made; it decides the rule.
    rule : str or Rule
        ``"auto"``; or a name in the catalogue, or a `Rule` of your own, to use against the choice.
    estimand : str
        ``"population"``: Q, with the uncertainty of both sampling and synthesis.
        ``"original"``: q̂_obs, with the uncertainty of synthesis alone.
    level : float
        Level of the intervals.

    Returns
    -------
    Pooled

    Raises
    ------
    MeasureError
        If the copies have different coefficients, the number of copies is not the provenance's,
        or the rule cannot be used for them.

    Examples
    --------
    >>> copies = [Estimate(("slope",), [q], [[0.04]]) for q in (1.0, 1.2, 0.9, 1.1, 0.8)]
    >>> pooled = pool(copies, Provenance(n=100, k=100, m=5))
    >>> pooled.choice.rule, round(float(pooled.table.loc["slope", "std error"]), 4)
    ('t_p_star', 0.2121)
    """
    check_estimand(estimand)
    if not isinstance(level, Real) or not 0 < level < 1:
        raise MeasureError(f"level {in_short(level)} is not between 0 and 1; 0.95 is usual")
    same = aligned(estimates)
    drawn = clusters.as_drawn(same, provenance)
    choice = choose(drawn, rule)
    used = rule_named(rule if isinstance(rule, Rule) else choice.rule)
    check_enough(used, provenance, estimand)
    q, cov = np.array([e.q for e in same]), np.array([e.cov for e in same])
    source, df_source = clusters.of_source(same, provenance)
    df = min(estimate.df_com for estimate in same)
    parts = None if source is None else _diagonals(source)
    x = scalar_moments(q, _diagonals(cov), drawn, df, parts, df_source)
    exact = all(estimate.exact for estimate in same) and _alike(q)
    table = (_exact_table if exact else _table)(same[0].names, x, used, estimand, level)
    fits = shared_notes(same)
    return Pooled(
        table=table,
        choice=choice,
        estimand=estimand,
        level=level,
        provenance=provenance,
        moments=matrix_moments(q, cov, drawn, df, source, df_source),
        notes=(
            *provenance.failed,
            *choice.warnings,
            *clusters.noted(same, provenance),
            *(() if exact else more_than_theory(used.name, same[0].names, x)),
            *(() if exact else (*_refused(table), *_repeated(q, cov))),
            *fits,
        ),
        rule=used,
        exact=exact,
    )


def _null(null: object, names: Sequence[str]) -> Floats:
    """Return a null value for each coefficient."""
    try:
        values = np.asarray(null, dtype=float)
        return np.broadcast_to(values, len(names))
    except (TypeError, ValueError):
        raise MeasureError(
            f"null = {null!r}: give one number for all of {', '.join(map(repr, names))}, or a list "
            f"of {len(names)}"
        ) from None


def _diagonals(cov: Floats) -> Floats:
    return np.diagonal(cov, axis1=1, axis2=2)


def _reference(df: Floats, p: Provenance) -> str:
    """Say in words what the variances are multiplied by and which reference intervals have."""
    known = df[np.isfinite(df)]
    if len(known):
        low, high = (f"{value:.3g}" for value in (known.min(), known.max()))
        span = low if low == high else f"{low} to {high}"
        what = f"t with {span} degrees of freedom"
    else:
        what = "normal"
    return f"k/n = {p.k / p.n:.3g}; the reference of the intervals is {what}."


def _table(
    names: Sequence[str], x: Moments, rule: Rule, estimand: str, level: float
) -> pd.DataFrame:
    spread = rule.spread(x, estimand)
    lost = rule.lost(x, spread) if estimand == "population" else np.full_like(x.center, np.nan)
    error = np.sqrt(np.where(spread.variance >= 0, spread.variance, np.nan))
    half = error * _t_quantile(level, spread.df)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = x.center / error
    return pd.DataFrame(
        {
            "estimate": x.center,
            "std error": error,
            "df": np.where(np.isnan(error), np.nan, spread.df),
            "t": t,
            "p": 2 * stats.t.sf(np.abs(t), spread.df),
            "lower": x.center - half,
            "upper": x.center + half,
            "fmi": lost,
            "within": x.within,
            "between": x.between,
            "expected error": np.sqrt(x.original),
        },
        index=pd.Index(names, name="coefficient"),
    )


def _alike(q: Floats) -> bool:
    """Whether estimates (m, p) are the same in all copies but for rounding."""
    return bool((np.abs(q - q[0]) <= 1e-9 * np.abs(q).max(axis=0)).all())


def _exact_table(names: Sequence[str], x: Moments, *_: object) -> pd.DataFrame:
    """Return the table of coefficients that are known: no error, and nothing to test."""
    missing, zero = np.full_like(x.center, np.nan), np.zeros_like(x.center)
    return pd.DataFrame(
        {
            "estimate": x.center,
            "std error": zero,
            **dict.fromkeys(("df", "t", "p"), missing),
            "lower": x.center,
            "upper": x.center,
            "fmi": missing,
            **dict.fromkeys(("within", "between", "expected error"), zero),
        },
        index=pd.Index(names, name="coefficient"),
    )


def _t_quantile(level: float, df: Floats) -> Floats:
    return np.asarray(stats.t.ppf((1 + level) / 2, df))


def _refused(table: pd.DataFrame) -> list[str]:
    negative = [str(name) for name in table.index[table["std error"].isna()]]
    if not negative:
        return []
    return [
        f"the variance of {', '.join(map(repr, negative))} is negative or undefined under this "
        "rule, so there is no interval; use rule='auto' or make more copies"
    ]


def _repeated(q: Floats, cov: Floats) -> list[str]:
    """Say that all copies give the same estimates: a sign of a mistake in most cases."""
    if len(q) < 2 or not ((q == q[0]).all() and (cov == cov[0]).all()):
        return []
    return [
        "all copies give the same estimates to the last digit: either no column of the analysis "
        "was synthesised, or the analysis does not use the table that it is given"
    ]


def _part(x: Moments, at: list[int]) -> Moments:
    def square(matrix: Floats) -> Floats:
        return matrix[np.ix_(at, at)]

    return replace(
        x,
        center=x.center[at],
        within=square(x.within),
        between=square(x.between),
        nest_between=square(x.nest_between),
        nest_within=square(x.nest_within),
        source=None if x.source is None else square(x.source),
    )
