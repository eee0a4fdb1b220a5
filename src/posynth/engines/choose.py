"""Choose an engine for a conditional, run it, and say why; fits are judged before they are used."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posynth.engines.additive import fit_additive
from posynth.engines.base import Fit, Task
from posynth.engines.batched.sample import fit_batched
from posynth.engines.compiled import CompiledModel
from posynth.engines.conditioned import Conditioned
from posynth.engines.density import Density
from posynth.engines.derived import with_derived
from posynth.engines.exact import fit_exact
from posynth.engines.function import COMPILING
from posynth.engines.gibbs import fit_gibbs
from posynth.engines.integrated import fit_integrated
from posynth.engines.mode import Mode, find_mode, refine
from posynth.engines.own import fit_own
from posynth.engines.own_rows import observed_data
from posynth.engines.reuse import same_form
from posynth.engines.structured.sample import fit_structured
from posynth.engines.warp import plain, warp
from posynth.errors import FitError
from posynth.families.base import Contents

if TYPE_CHECKING:
    import pymc as pm

#: Share of effective proposals below which HMC gives more effective draws for the same work.
WORTH_A_TRY = 0.85
#: Numbers in a design up to which NUTS is tried though a simpler conditional could take its place.
MOST_FOR_NUTS = 200_000
#: Families for which NUTS is not tried then: where HMC fails it fails too, after minutes.
_NEVER_NUTS = ("location_scale", "bounded", "tilted")
#: Numbers in a design of blocks up to which engines without use of its form are tried too.
MOST_CELLS = 1000
_FAILS = {"laplace": "the Laplace proposal fails", "hmc": "HMC fails"}
#: Markov chains that serve families which are not PyMC models, by name.
_CHAINS = {"backfitting": fit_additive}
#: Samplers that use the form of a family, by name; the others are batched densities.
_SAMPLERS: dict[str, Callable[[Task, np.random.Generator], Fit]] = {
    "gibbs": fit_gibbs,
    "integrated": fit_integrated,
}
_shared: dict[tuple[str, str, str], CompiledModel] = {}
_own: dict[tuple[str, str, str, str], CompiledModel] = {}


def condition(task: Task, held: "pm.Model | Contents | None" = None) -> Conditioned:
    """Return a task's model on its data; what is compiled is shared by all columns of the family.

    A user-defined model is shared with later fits of the same column, if its graph is the same.

    Parameters
    ----------
    task : Task
        The conditional.
    held : pymc.Model or Contents, optional
        What its model holds, where that is known already.
    """
    held = task.held() if held is None else held
    with COMPILING:
        compiled = _compiled_for(task, held)
    return Conditioned(compiled, held)


def _compiled_for(task: Task, held: "pm.Model | Contents") -> CompiledModel:
    if not task.family.shared:
        model = task.model() if isinstance(held, Contents) else held
        place = (*task.key, task.response.name)
        if place not in _own or not same_form(_own[place].model, model):
            _own[place] = CompiledModel(model, own=True)
        return _own[place]
    if task.key not in _shared:
        # Not the caller's model, which the caller may change.
        _shared[task.key] = CompiledModel(task.model())
    return _shared[task.key]


def fit(task: Task, engine: str, rng: np.random.Generator) -> Fit:
    """Fit one conditional.

    Parameters
    ----------
    task : Task
        Data and prior.
    engine : str
        ``"auto"``: exact where the posterior is known, the family's own sampler where it has one,
        else Laplace with independence Metropolis steps, else (a poor proposal or too few effective
        draws) whitened HMC, else NUTS. Or one of exact, laplace, hmc and nuts by name.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        With the reason for its engine.

    Raises
    ------
    FitError
        If the engine asked for cannot give draws to rely on.
    """
    if task.family.facts.chain:
        return _CHAINS[task.family.facts.chain](task, rng)
    if task.family.fitter is not None:
        return fit_own(task, rng)
    inexact = task.family.facts.inexact(task.prior, len(task.design.slopes))
    if not inexact and engine in ("auto", "exact"):
        return fit_exact(task, rng).because("posterior known in closed form")
    if engine == "exact":
        raise FitError(
            f"column {task.response.name!r}: family {task.family.facts.name!r} {inexact}; use "
            "engine 'auto', 'laplace' or 'nuts'"
        )
    tried = ""
    try:
        if engine == "auto" and task.family.facts.samples(task.prior, len(task.design.slopes)):
            found = _SAMPLERS.get(task.family.facts.sampler, _fit_batched)(task, rng)
            if found.draws:
                return found
            tried = f"the sampler of this family fails: {found.why}; "
            if task.replaceable and task.design.corrections:
                raise FitError(f"{tried}a simpler conditional takes its place")
            if task.design.blocks and task.design.X.size > MOST_CELLS:
                raise FitError(f"{tried}its design is too large for the other engines in 'auto'")
        found = _approximate(task, engine, rng)
        return found.because(tried + found.why) if tried else found
    except FitError as error:
        where = f"column {task.response.name!r}"
        text = str(error)
        raise FitError(text if text.startswith(where) else f"{where}: {text}") from None


def _fit_batched(task: Task, rng: np.random.Generator) -> Fit:
    return fit_batched(task, condition(task), rng)


def _fit_structured(task: Task, rng: np.random.Generator) -> Fit:
    return fit_structured(task, condition(task), rng)


_SAMPLERS["structured"] = _fit_structured


def _approximate(task: Task, engine: str, rng: np.random.Generator) -> Fit:
    """Try the engines in turn, each only if the one before could not be relied on."""
    from posynth.engines.hmc import fit_hmc
    from posynth.engines.laplace import fit_laplace
    from posynth.engines.nuts import fit_nuts

    mode_rng, *streams = rng.spawn(4)
    model = condition(task)
    density = Density(model)
    worth = partial(fit_laplace, least=WORTH_A_TRY)
    ladder = {
        "laplace": worth if engine == "auto" else fit_laplace,
        "hmc": fit_hmc,
        "nuts": fit_nuts,
    }
    if not task.family.shared and engine == "auto":
        del ladder["hmc"]  # a model of one's own may have any geometry: NUTS adapts to more of them
    if engine == "auto" and task.replaceable and _slow_for_nuts(task):
        del ladder["nuts"]
    failures: list[str] = []
    try:
        map = warp(density, refine(density, find_mode(density), mode_rng))
    except FitError as error:
        # Without a mode a posterior can still be proper, if its prior is (a group sd at zero).
        if density.model.compiled.flat or engine not in ("auto", "nuts") or "nuts" not in ladder:
            raise
        map, engine = plain(Mode(density.start(), np.eye(density.size))), "nuts"
        failures.append(f"{_FAILS['laplace']}: {error}")
    for (name, run), stream in zip(ladder.items(), streams, strict=False):
        if engine not in ("auto", name):
            continue
        found = run(task, density, map, stream)
        if found.draws:
            tried = "; ".join(failures) or ("asked for" if engine == name else "")
            found, left_out = with_derived(found, model.compiled.model)
            reasons = (tried, found.why, left_out, _said_of_rows(task, model))
            found = found.because("; ".join(filter(None, reasons)))
            return _checked(found, task) if name == "nuts" else found
        failures.append(f"{_FAILS[name]}: {found.why}")
    raise FitError(f"{failures[-1]}; use engine 'nuts' or 'auto'")


def _slow_for_nuts(task: Task) -> bool:
    size = task.design.X.size * max(len(task.response.levels) - 1, 1)
    return task.family.facts.name in _NEVER_NUTS or size > MOST_FOR_NUTS


def _said_of_rows(task: Task, model: Conditioned) -> str:
    """Say that a user's own model leaves its predictors aside, which may be an oversight."""
    if task.family.shared or not task.design.X.shape[1]:
        return ""
    response, rows = observed_data(model.compiled.model), len(task.design.X)
    held = (value for name, value in model.data.items() if name not in response)
    return "" if any(v.shape[:1] == (rows,) for v in held) else "it reads none of its predictors"


def _checked(found: Fit, task: Task) -> Fit:
    """Refuse draws that did not explore the posterior: a wrong interval is worse than an error."""
    mixed = found.mixed
    if not (mixed.r_hat <= 1.05 and mixed.ess >= task.need / 4):
        reasons = "; ".join([*mixed.reasons(task.need), f"{found.divergences} divergences"])
        raise FitError(
            f"NUTS did not explore the posterior ({reasons}); use a tighter prior, fewer "
            "predictors, or another family"
        )
    return found
