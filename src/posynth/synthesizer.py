"""The verbs, one a room: describe, specify, fit, synthesize."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd

from posynth.chain.default import default_chain
from posynth.chain.toml import declare, read_chain
from posynth.copies.container import Copies
from posynth.copies.walk import as_frame, walk
from posynth.errors import SpecError, unknown
from posynth.families.base import Build, Family
from posynth.posterior.bound import Chain, conform, own_families
from posynth.posterior.fitting import Progress, fit_chain, silent
from posynth.posterior.record import Posterior
from posynth.table.frame import Table, table_from_frame
from posynth.table.io import read_table

type Data = pd.DataFrame | Table | str | Path


def load_heart_failure() -> pd.DataFrame:
    """Return the embedded table: 299 patients with heart failure, 13 columns (CC BY 4.0).

    Examples
    --------
    >>> load_heart_failure().shape
    (299, 13)
    """
    with as_file(files("posynth") / "data" / "heart_failure.csv") as path:
        return read_table(path).frame


def as_table(data: Data, kinds: Mapping[str, str] | None = None) -> Table:
    """Take a data frame, a file or a table as a Table; ``kinds`` overrides guessed kinds."""
    if isinstance(data, Table):
        return data
    if isinstance(data, pd.DataFrame):
        return table_from_frame(data, kinds=kinds)
    return read_table(data, kinds=kinds)


def describe(data: Data, kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Say what each column is and why.

    Parameters
    ----------
    data : DataFrame, path or Table
        The table.
    kinds : Mapping, optional
        Column -> kind, in place of the guess.

    Returns
    -------
    pandas.DataFrame
        One row a column: kind, levels, missing, decimals, note.

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
            "note": c.note,
        }
        for c in as_table(data, kinds).schema
    ]
    return pd.DataFrame(rows).set_index("column")


def specify(
    data: Data,
    *,
    order: Iterable[str] = (),
    methods: Mapping[str, str | Build] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
    chain: str | Path | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Chain:
    """Choose a conditional for every column, or read them from a chain file.

    Parameters
    ----------
    data : DataFrame, path or Table
        The table.
    order : iterable of str
        Columns to visit first; the others follow in table order.
    methods : Mapping, optional
        Column -> family: a name, ``"file.py:function"``, or a function returning a ``pm.Model``.
    engine : str
        ``"auto"``, ``"exact"``, ``"laplace"`` or ``"nuts"`` for every conditional.
    missing : str
        ``"pattern"`` reproduces holes; ``"error"`` refuses them.
    chain : path, optional
        A chain file; order and missing then come from it, methods and engine still override.
    kinds : Mapping, optional
        Column -> kind, in place of the guess.

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
    return plan(
        data,
        order=order,
        methods=methods,
        engine=engine,
        missing=missing,
        chain=chain,
        kinds=kinds,
    )[1]


def plan(
    data: Data,
    *,
    order: Iterable[str] = (),
    methods: Mapping[str, str | Build] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
    chain: str | Path | Chain | None = None,
    kinds: Mapping[str, str] | None = None,
) -> tuple[Table, Chain]:
    """Return the table and the chain bound to it; arguments as for ``specify``."""
    own: dict[str, Build | Family] = {
        _name(m): m for m in (methods or {}).values() if not isinstance(m, str)
    }
    named = {c: m if isinstance(m, str) else _name(m) for c, m in (methods or {}).items()}
    if isinstance(chain, Chain):
        table = _conformed(data, chain)
        return table, _overridden(chain, named, engine)
    if chain is None:
        table = as_table(data, kinds)
        spec = default_chain(table.schema, order, named, engine, missing)
        return table, Chain(spec, table.schema, table.source, own_families(own), notes=table.notes)
    return _from_file(data, Path(chain), order, named, engine, dict(kinds or {}), own)


def fit(
    data: Data,
    chain: Chain | str | Path | None = None,
    *,
    seed: int = 0,
    m: int = 5,
    workers: int | None = 1,
    progress: Progress = silent,
) -> Posterior:
    """Fit every conditional of a chain.

    Parameters
    ----------
    data : DataFrame, path or Table
        The confidential table.
    chain : Chain or path, optional
        What to fit; the default chain if not given.
    seed : int
        Seed of the fits.
    m : int
        Number of copies that will be drawn: max(400, 20 m) effective draws are asked for.
    workers : int, optional
        Processes, or None for as many as are worth it; the draws do not depend on it.
    progress : callable
        Told of each conditional.

    Returns
    -------
    Posterior
        ``posterior["age"]`` is a DataTree for ArviZ; ``posterior.diagnostics()`` a table.

    Raises
    ------
    SpecError, FitError
        If the chain does not fit the table, or a conditional has no usable posterior.

    Examples
    --------
    >>> posterior = fit(load_heart_failure()[["age", "platelets"]], seed=1)
    >>> posterior.diagnostics()["engine"].tolist()
    ['exact', 'exact']
    """
    table, bound = plan(data, chain=chain)
    return fit_chain(table, bound, seed, max(400, 20 * m), workers, progress)


def draw(
    posterior: Posterior,
    m: int = 5,
    k: int | None = None,
    *,
    seed: int | None = None,
    progress: Progress = silent,
) -> Copies:
    """Draw copies from a posterior; the data are not needed.

    Parameters
    ----------
    posterior : Posterior
        A fitted chain.
    m, k : int
        Number of copies, and rows of each (those of the source by default).
    seed : int, optional
        Seed of the draws; that of the fit by default.
    progress : callable
        Told of each conditional.

    Returns
    -------
    Copies
        m data frames with their provenance.
    """
    k = posterior.schema.rows if k is None else k
    seed = posterior.seed if seed is None else seed
    arrays = walk(posterior, m, k, seed, progress)
    return Copies(tuple(as_frame(posterior, copy) for copy in arrays), posterior, seed)


def synthesize(  # noqa: PLR0913 - the whole job in one call
    data: Data,
    m: int = 5,
    k: int | None = None,
    *,
    seed: int = 0,
    chain: Chain | str | Path | None = None,
    order: Iterable[str] = (),
    methods: Mapping[str, str | Build] | None = None,
    engine: str = "auto",
    missing: str = "pattern",
    kinds: Mapping[str, str] | None = None,
    workers: int | None = 1,
    progress: Progress = silent,
) -> Copies:
    """Turn a confidential table into m synthetic copies, properly drawn.

    Parameters
    ----------
    data : DataFrame, path or Table
        The confidential table, n rows.
    m, k : int
        Number of copies, and rows of each (n by default).
    seed : int
        One seed for fits and draws.
    chain, order, methods, engine, missing, kinds
        What to model, as for ``specify``.
    workers : int, optional
        Processes, or None for as many as are worth it; the copies do not depend on it.
    progress : callable
        Told of each conditional.

    Returns
    -------
    Copies
        Iterates over m data frames; ``to_pandas()``, ``to_xarray()``, ``save(folder)``.

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
    if m < 1 or (k is not None and k < 1):
        raise SpecError(f"copies m = {m}, rows k = {k}; both must be 1 or more")
    table, bound = plan(
        data,
        order=order,
        methods=methods,
        engine=engine,
        missing=missing,
        chain=chain,
        kinds=kinds,
    )
    posterior = fit_chain(table, bound, seed, max(400, 20 * m), workers, progress)
    return draw(posterior, m, k, seed=seed, progress=progress)


def _name(build: Build | str) -> str:
    return build if isinstance(build, str) else str(getattr(build, "__name__", "own"))


def _conformed(data: Data, chain: Chain) -> Table:
    kinds = {c.name: c.kind.value for c in chain.schema}
    frame = as_table(data, kinds if not isinstance(data, Table) else None).frame
    return conform(frame, chain.schema, chain.source)


def _from_file(
    data: Data,
    path: Path,
    order: Iterable[str],
    named: Mapping[str, str],
    engine: str,
    kinds: dict[str, str],
    own: Mapping[str, Build | Family],
) -> tuple[Table, Chain]:
    """Read a chain file: what it declares of the columns counts before what is guessed."""
    if list(order):
        raise SpecError(
            "both a chain file and an order were given; the chain file's order of conditionals is "
            "the visit order: reorder them there"
        )
    spec, declared = read_chain(path)
    wanted = {c: facts["kind"] for c, facts in declared.items() if "kind" in facts} | kinds
    table = as_table(data, wanted)
    for name in declared:
        if name not in table.schema:
            raise SpecError(
                f"chain file {path.name!r}: {unknown('column', name, table.schema.names)}"
            )
    schema = declare(table.schema, declared)
    table = conform(table.frame, schema, table.source)
    chain = Chain(spec, schema, table.source, own_families(own), (path.resolve().parent,))
    return table, _overridden(chain, named, engine)


def _overridden(chain: Chain, named: Mapping[str, str], engine: str) -> Chain:
    for column, family in named.items():
        chain = chain.change(column, family=family, prior="", scales={})
    if engine != "auto":
        spec = chain.spec
        for conditional in spec:
            spec = spec.with_conditional(replace(conditional, engine=engine))
        chain = replace(chain, spec=spec)
    return chain
