"""How risky the copies are: singling out, attribution, closeness, membership, influence.

Every measure names what it counts and what it does not guarantee. None of them is a proof of
safety: each rates one kind of intruder, and a low value rules out only that one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from posynth.errors import MeasureError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import (
    attribution,
    cap,
    checks,
    copied,
    distance,
    identity,
    membership,
    uniques,
)
from posynth.evaluation.disclosure.cells import Exclusions, check_target
from posynth.evaluation.disclosure.checks import Limits
from posynth.evaluation.disclosure.keys import Groups, default_keys, modelled_columns
from posynth.results import Result
from posynth.table.names import Names, as_names

__all__ = ["Exclusions", "Limits", "evaluate_disclosure", "keys_and_targets"]

type Progress = Callable[[str, int, int], None]
type Step = tuple[str, Callable[[], list[Result]]]


def evaluate_disclosure(
    comparison: Comparison,
    keys: Names | None = None,
    target: Names | None = None,
    *,
    rng: np.random.Generator,
    groups: Groups | None = None,
    rows: int = 10_000,
    progress: Progress | None = None,
) -> list[Result]:
    """Measure every kind of disclosure that needs the tables alone.

    Attribute risk and influence need posterior draws besides: see
    ``by_posterior.evaluate_by_posterior``.

    Parameters
    ----------
    comparison : Comparison
        The tables; membership and the DCR share need its holdout.
    keys : sequence of str, optional
        What an intruder may know about a person. Without it ``default_keys`` takes the first four
        columns that are categorical or have few values: name the real ones. Where no column is
        such, what an intruder learns by keys is not measured.
    target : str or sequence of str, optional
        What an intruder may want to learn; every other modelled column if not given.
    rng : numpy.random.Generator
        Draws subsets and the reference sample.
    groups : int or mapping of str to int, optional
        Cut numeric keys and targets into this many quantile groups; without it each number is a
        level.
    rows : int
        At most so many rows of a table are looked up among neighbours.
    progress : callable, optional
        Called as ``progress(step, done, total)`` before each step and once at the end.

    Returns
    -------
    list of Result
        In the order identity, uniques, attribution by target, copied rows, distances, membership.

    Raises
    ------
    MeasureError
        If a key or target is no column, or the target is among the keys.

    Examples
    --------
    >>> import pandas as pd
    >>> from posynth.table.schema import Column, Kind, Schema
    >>> columns = tuple(Column(name, Kind.BINARY, "str", ("a", "b")) for name in "xy")
    >>> schema = Schema(columns, rows=4)
    >>> table = pd.DataFrame({"x": list("aabb"), "y": list("abab")})
    >>> tables = Comparison(table, (table,), schema)
    >>> results = evaluate_disclosure(tables, ["x"], "y", rng=np.random.default_rng(1))
    >>> [r.value for r in results if r.measure == "DiSCO"]
    [0.0]
    """
    chosen, aims = keys_and_targets(comparison, keys, target)
    steps = _steps(comparison, chosen, aims, groups)
    steps.append(("distances", partial(distance.measure, comparison, rng=rng, rows=rows)))
    steps.append(("membership", partial(membership.measure, comparison, rng=rng, rows=rows)))
    results = _run(steps, progress)
    return [_by_default(result) for result in results] if keys is None else results


def keys_and_targets(
    comparison: Comparison,
    keys: Names | None = None,
    target: Names | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the intruder knows and wants to learn, with stand-ins for what nobody named.

    Keys are none where nobody named any, nor a target, and no column could stand in for one.

    Raises
    ------
    MeasureError
        If a key or target is no column, or the target is among the keys.
    """
    named = aims = () if target is None else as_names(target)
    chosen = default_keys(comparison, aims) if keys is None else as_names(keys)
    if not aims:
        aims = tuple(name for name in modelled_columns(comparison) if name not in chosen)
    if not chosen and named:
        raise MeasureError("no column qualifies as a key by default; name the keys")
    for aim in (aims or (None,)) if chosen else ():
        check_target(comparison, chosen, aim)
    return chosen, aims


def _by_default(result: Result) -> Result:
    """Mark a result whose keys nobody named."""
    if "default_keys" not in result.details:
        return result
    return replace(result, details={**result.details, "default_keys": True})


def _steps(
    comparison: Comparison, keys: Sequence[str], targets: Sequence[str], groups: Groups | None
) -> list[Step]:
    steps: list[Step] = [("replicated uniques", partial(uniques.measure, comparison))]
    if keys:
        steps.insert(0, ("identity", partial(identity.measure, comparison, keys, groups=groups)))
    for target in targets if keys else ():
        for room in (attribution, cap, checks):
            step = partial(room.measure, comparison, keys, target, groups)
            steps.append((f"attribution of {target}", step))
    steps.append(("copied rows", partial(copied.measure, comparison)))
    return steps


def _run(steps: Sequence[Step], progress: Progress | None) -> list[Result]:
    results = []
    for done, (name, step) in enumerate(steps):
        if progress is not None:
            progress(name, done, len(steps))
        results += step()
    if progress is not None:
        progress("done", len(steps), len(steps))
    return results
