"""Everything that can be said of copies beside their original: each room's measures, in order."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from posynth.arguments import truth, whole
from posynth.copies.container import Copies
from posynth.errors import FitError, SpecError, StoreError
from posynth.evaluation.base import Comparison
from posynth.evaluation.disclosure import evaluate_disclosure, keys_and_targets
from posynth.evaluation.disclosure.by_posterior import evaluate_by_posterior
from posynth.evaluation.utility import (
    evaluate_utility,
    kept_bounds,
    kept_rules,
    log_score,
    missing_shares,
)
from posynth.posterior.seeds import checked_seed
from posynth.results import Result
from posynth.table.names import Names

type Progress = Callable[[str, int, int], None]


def judged(  # noqa: PLR0913 - as evaluate
    comparison: Comparison,
    copies: Copies,
    *,
    keys: Names | None = None,
    target: Names | None = None,
    seed: int = 0,
    groups: int | None = None,
    checks: bool = False,
    public: bool = False,
    progress: Progress | None = None,
) -> list[Result]:
    """Judge tables that were laid side by side; arguments as for `evaluate`.

    With ``public`` what is computed row by row is left out: checks and disclosure.
    """
    # A wrong argument is refused before the long work.
    seed, checks = checked_seed(seed), truth("checks", checks)
    groups = None if groups is None else whole("groups", groups)
    _, aims = keys_and_targets(comparison, keys, target)
    # Streams of their own: what utility draws must not change what disclosure draws.
    for_utility, for_disclosure, for_score, for_risk = np.random.default_rng(seed).spawn(4)
    checked = (
        checked_conditionals(copies, comparison, seed, progress) if checks and not public else []
    )
    disclose = partial(evaluate_disclosure, comparison, keys, target, groups=groups)
    disclosure = [] if public else disclose(rng=for_disclosure, progress=progress)
    order = copies.posterior.spec.columns if copies.has_posterior else None
    utility = evaluate_utility(comparison, for_utility, order=order, progress=progress)
    score = _by_posterior(
        "log score", lambda: log_score.measure(comparison, copies.posterior, rng=for_score)
    )
    kept = kept_rules.measure(comparison, copies.posterior) if copies.has_posterior else []
    utility = [*utility, *kept, *kept_bounds.measure(comparison)]
    utility += missing_shares.measure(comparison)
    if public:
        return [*utility, *score]
    by_posterior = partial(_by_draws, comparison, copies, aims, rng=for_risk, progress=progress)
    risk = _by_posterior("attribute risk", by_posterior)
    return [*checked, *utility, *score, *disclosure, *risk]


def checked_conditionals(
    copies: Copies, comparison: Comparison, seed: int, progress: Progress | None = None
) -> list[Result]:
    """Check every conditional on the original rows."""
    from posynth.posterior.checks import check_conditionals

    if progress is not None:
        progress("conditionals", 0, 1)
    return check_conditionals(copies.posterior, comparison.original, seed=seed)


def _by_draws(
    comparison: Comparison, copies: Copies, aims: Sequence[str], **options: Any
) -> list[Result]:
    used = copies.taken
    return evaluate_by_posterior(comparison, copies.posterior, used, aims, **options)


def _by_posterior(measure: str, compute: Callable[[], list[Result]]) -> list[Result]:
    """Compute what needs the conditionals' models, or say why it cannot be."""
    try:
        return compute()
    # A function passed in Python is not stored; a density may have no curvature; copies may have
    # been passed on without their posterior.
    except (SpecError, FitError, StoreError) as error:
        return [Result(measure, float("nan"), text=f"Not measured: {error}.")]
