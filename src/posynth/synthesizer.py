"""The verbs, one a room: describe, specify, fit, synthesize."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd

from posynth.copies.container import Copies
from posynth.copies.drawing import draw_first, require_sizes
from posynth.copies.failed import failures, warn
from posynth.posterior.bound import Chain
from posynth.posterior.fitting import fit_chain
from posynth.posterior.plan import plan
from posynth.posterior.record import Posterior
from posynth.posterior.seeds import seed_or_random
from posynth.posterior.wishes import Matrix, Method, Passive, Priors, Wishes
from posynth.progress import Shown, shown
from posynth.table.bounds import Stated, bounds_text
from posynth.table.inputs import Data, given_table
from posynth.table.io import read_table
from posynth.table.missing_codes import Codes
from posynth.table.names import Names


def load_heart_failure() -> pd.DataFrame:
    """Return the embedded table: 299 patients with heart failure, 13 columns (CC BY 4.0).

    Examples
    --------
    >>> load_heart_failure().shape
    (299, 13)
    """
    with as_file(files("posynth") / "data" / "heart_failure.csv") as path:
        return read_table(path).frame


def describe(
    data: Data, kinds: Mapping[str, str] | None = None, na: Codes | None = None
) -> pd.DataFrame:
    """Say what each column is and why.

    Parameters
    ----------
    data : DataFrame, path or Table
        The table.
    kinds : Mapping, optional
        Column -> kind, in place of the guess; ``"ordinal(low<mid<high)"`` gives the order too.
    na : str, number, iterable of these, or Mapping, optional
        Values that are missing, in every column or by column, as for `read_table`.

    Returns
    -------
    pandas.DataFrame
        One row a column: kind, levels, missing, decimals, bounds that copies keep, note.

    Examples
    --------
    >>> describe(load_heart_failure()).loc["sex", "kind"]
    'binary'
    """
    rows = [
        {
            "column": c.name,
            "kind": c.kind.value,
            "levels": len(c.levels),
            "missing": c.missing,
            "decimals": c.decimals,
            "bounds": bounds_text(c),
            "note": c.note,
        }
        for c in given_table(data, kinds, na).schema
    ]
    return pd.DataFrame(rows).set_index("column")


def specify(  # noqa: PLR0913 - everything a chain can be asked for
    data: Data,
    *,
    order: Names = (),
    methods: Mapping[str, Method] | None = None,
    predictors: Matrix | None = None,
    formulas: Mapping[str, str] | None = None,
    strata: str = "",
    improper: bool = False,
    copies_values: bool = False,
    passive: Mapping[str, Passive] | None = None,
    rules: Names = (),
    no_rules: Names = (),
    lower: Stated | None = None,
    upper: Stated | None = None,
    priors: Mapping[str, Priors] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
    chain: str | Path | None = None,
    kinds: Mapping[str, str] | None = None,
    na: Codes | None = None,
    allow_code: bool = False,
) -> Chain:
    """Choose a conditional for every column, or read them from a chain file.

    Parameters
    ----------
    data : DataFrame, path or Table
        The table.
    order : iterable of str, or "auto"
        Columns to visit first; the others follow in table order. ``"auto"``: categorical columns
        of few levels first, columns with few missing values before those with many.
    methods : Mapping, optional
        Column -> family: a name, a method of mice or synthpop, ``"file.py:function"``, or a
        function returning a ``pm.Model``.
    predictors : DataFrame, Mapping or path, optional
        Predictor matrix as in mice: 1 where the row's column may depend on the column's, else 0;
        or column -> its predictors; or a CSV file of such a matrix.
    formulas : Mapping, optional
        Column -> right-hand side; ``.`` stands for all earlier columns: ``". + age:sex"``.
    strata : str
        A categorical column within whose levels everything is fitted; it is visited first, and
        every later coefficient is one a level: straight lines, and spreads where those differ.
    improper : bool
        Allow families whose copies carry no parameter uncertainty.
    copies_values : bool
        Allow families that store and copy values of the source.
    passive : Mapping, optional
        Column -> rule that computes it, as ``{"bmi": "weight / (height / 100) ** 2"}``; or
        ``(rule, share of rows in which it need not hold)``.
    rules : str or iterable of str
        What holds in every row, and so in every row of every copy: ``"discharge >= admission"``,
        ``"weeks == 0 if employed == 'no'"``, ``"brand is missing if smoke == 'never'"``, ``"town
        within region"`` (only combinations that occur). Likelihoods are normalised over what the
        rules leave possible. Rules that hold in every row of the data, and that chance does not
        explain, are kept without being stated.
    no_rules : str or iterable of str
        Rules seen in the data that are not to be kept, as ``describe`` writes them; ``"all"``.
    lower, upper : Mapping, optional
        Column -> bound of its values in every copy, ``{"age": 18}``; None lifts one. By default
        bounds are those that ``describe`` shows: 0 where no value is below, ends of shares and
        percentages, and ends that many rows share. Draws beyond are reflected into them.
    priors : Mapping, optional
        Column -> normal priors of single coefficients, ``{"bmi": {"age": (0.1, 0.05)}}``: mean and
        sd of a slope for one unit of the raw predictor, on the scale of the link; names are those
        of ``posterior.coefficients``; ``"intercept"`` is where all predictors are at their means.
        All other coefficients keep the default prior.
    engine : str
        ``"auto"``, ``"exact"``, ``"laplace"`` or ``"nuts"`` for every conditional.
    missing : str
        ``"pattern"`` reproduces holes; ``"error"`` refuses them.
    chain : path, optional
        A chain file; order and missing then come from it, methods and engine still override.
    kinds : Mapping, optional
        Column -> kind, in place of the guess; ``"ordinal(low<mid<high)"`` gives the order too.
    na : str, number, iterable of these, or Mapping, optional
        Values that are missing: ``[-9, "refused"]`` in every column, or column -> codes, as
        ``{"income": [-9, -8]}``.
    allow_code : bool
        Run the Python files that a chain file names (``"file.py:function"``); those named here in
        ``methods`` are run anyway.

    Returns
    -------
    Chain
        Checked; ``chain["bmi"].model(df)`` is the PyMC model of a column.

    Raises
    ------
    SpecError
        If the chain cannot be fitted on such a table.

    Examples
    --------
    >>> chain = specify(load_heart_failure(), order=["sex", "age"])
    >>> chain.spec.targets[:2]
    ('sex', 'age')
    """
    asked = (order, _given(methods), engine, missing, predictors, _given(formulas), strata)
    wishes = Wishes(*asked, improper, copies_values, _given(passive), allow_code, rules, no_rules)
    wishes = replace(wishes, lower=_given(lower), upper=_given(upper), priors=_given(priors))
    return plan(data, wishes, chain, kinds, na)[1]


def fit(
    data: Data,
    chain: Chain | str | Path | None = None,
    *,
    seed: int | None = None,
    m: int = 5,
    workers: int | None = 1,
    progress: Shown = None,
    allow_code: bool = False,
) -> Posterior:
    """Fit every conditional of a chain.

    Parameters
    ----------
    data : DataFrame, path or Table
        The confidential table.
    chain : Chain or path, optional
        What to fit; the default chain if not given.
    seed : int, optional
        Seed of the fits; drawn at random if not given, and kept as ``posterior.seed``.
    m : int
        Number of copies that will be drawn: max(400, 20 m) effective draws are asked for.
    workers : int, optional
        Processes, or None for as many as are worth it; the draws do not depend on it.
    progress : bool or callable, optional
        Show bars with the names of columns; by default on a terminal and in a notebook. A callable
        is told of each conditional as a ``Step`` instead.
    allow_code : bool
        As for ``specify``.

    Returns
    -------
    Posterior
        ``posterior["age"]`` is a DataTree for ArviZ; ``posterior.diagnostics()`` a table. A
        ``DiagnosticWarning`` names conditionals that did not pass.

    Raises
    ------
    SpecError, FitError
        If the chain does not fit the table, or a conditional has no usable posterior.

    Examples
    --------
    >>> posterior = fit(load_heart_failure()[["age", "platelets"]], seed=1)
    >>> posterior.diagnostics()["engine"].tolist()
    ['batched', 'exact']
    """
    table, bound = plan(data, Wishes(allow_code=allow_code), chain)
    with shown(progress, ("fit",)) as tell:
        posterior = fit_chain(table, bound, seed_or_random(seed), max(400, 20 * m), workers, tell)
    warn(failures(posterior, m), "what is drawn from them")
    return posterior


def synthesize(  # noqa: PLR0913 - the whole job in one call
    data: Data,
    m: int = 5,
    k: int | None = None,
    *,
    seed: int | None = None,
    chain: Chain | str | Path | None = None,
    order: Names = (),
    methods: Mapping[str, Method] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
    kinds: Mapping[str, str] | None = None,
    na: Codes | None = None,
    predictors: Matrix | None = None,
    formulas: Mapping[str, str] | None = None,
    strata: str = "",
    improper: bool = False,
    copies_values: bool = False,
    passive: Mapping[str, Passive] | None = None,
    rules: Names = (),
    no_rules: Names = (),
    lower: Stated | None = None,
    upper: Stated | None = None,
    priors: Mapping[str, Priors] | None = None,
    allow_code: bool = False,
    workers: int | None = 1,
    progress: Shown = None,
) -> Copies:
    """Turn a confidential table into m synthetic copies, properly drawn.

    Parameters
    ----------
    data : DataFrame, path or Table
        The confidential table, n rows.
    m, k : int
        Number of copies, and rows of each (n by default).
    seed : int, optional
        One seed for fits and draws; drawn at random if not given, and kept as ``copies.seed``. Who
        knows it and all rows but one can test guesses at that row: do not publish it, and leave it
        to chance for copies that are to be released.
    chain, order, methods, engine, missing, kinds, na
        What to model, as for ``specify``.
    predictors, formulas, strata, improper, copies_values, passive, rules, no_rules, lower,\
    upper, priors, allow_code
        The same.
    workers : int, optional
        Processes, or None for as many as are worth it; the copies do not depend on it.
    progress : bool or callable, optional
        Show bars with the names of columns; by default on a terminal and in a notebook. A callable
        is told of each conditional as a ``Step`` instead.

    Returns
    -------
    Copies
        Iterates over m data frames; ``to_pandas()``, ``to_xarray()``, ``save(folder)``. A
        ``DiagnosticWarning`` names conditionals that did not pass, as for ``draw``.

    Raises
    ------
    TableError, SpecError, FitError
        Naming the column, what was found, what is allowed and the next step.

    Examples
    --------
    >>> copies = synthesize(load_heart_failure()[["age", "platelets"]], m=2, seed=1)
    >>> len(copies), copies[0].shape
    (2, (299, 2))
    """
    require_sizes(m, k)
    asked = (order, _given(methods), engine, missing, predictors, _given(formulas), strata)
    wishes = Wishes(*asked, improper, copies_values, _given(passive), allow_code, rules, no_rules)
    wishes = replace(wishes, lower=_given(lower), upper=_given(upper), priors=_given(priors))
    table, bound = plan(data, wishes, chain, kinds, na)
    chosen = seed_or_random(seed)
    with shown(progress, ("fit", "draw")) as tell:
        fitted = fit_chain(table, bound, chosen, max(400, 20 * m), workers, tell)
        posterior = replace(fitted, copies_drawn=m)
        return draw_first(posterior, k, given=seed is not None, progress=tell)


def _given[T](choices: Mapping[str, T] | None) -> Mapping[str, T]:
    """Return no choices for None; of what is no mapping the truth is not asked."""
    return {} if choices is None else choices
