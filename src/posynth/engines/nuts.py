"""NUTS by nutpie, in coordinates whitened by the Laplace approximation where there is one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import CHAINS, Fit, Task
from posynth.engines.density import Density
from posynth.engines.diagnostics import convergence
from posynth.engines.length import first_length
from posynth.engines.mode import Mode
from posynth.engines.warp import Warp
from posynth.errors import FitError

type Floats = NDArray[np.float64]

TUNE = 150
#: Name of what is told of a draw -> nutpie's name.
_STATS = {
    "acceptance_rate": "mean_tree_accept",
    "diverging": "diverging",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "tree_depth": "depth",
}
ACCEPT = (0.8, 0.95, 0.99)  # share of moves to accept; draws double each time it is raised
EFFICIENCY = 0.7  # effective draws expected of a draw


def fit_nuts(
    task: Task,
    density: Density,
    map: Warp,
    rng: np.random.Generator,
) -> Fit:
    """Sample with NUTS until all limits are met, with ever smaller steps and more draws.

    Parameters
    ----------
    task : Task
        Data, prior, effective draws needed.
    density : Density
        Log-density on the task's data.
    map : Warp
        Its normal approximation whitens the coordinates.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Fit
        Draws with R-hat, ESS and divergences; whether they suffice is judged by the caller.

    Raises
    ------
    FitError
        If the density cannot be evaluated around the start.
    """
    mode = map.mode
    draws, tune = first_length(task.need, density.size, EFFICIENCY, CHAINS), TUNE
    for accept in ACCEPT:
        settings = {"draws": draws, "tune": tune, "target_accept": accept}
        thetas, stats = _sample(density, mode, settings, rng)
        mixed, divergences = convergence(thetas), int(stats["diverging"].sum())
        if mixed.enough(task.need) and not divergences:
            break
        draws, tune = 2 * draws, 2 * tune
    flat = density.model.constrain(thetas.reshape(-1, density.size))
    named = {name: a.reshape(*thetas.shape[:2], *a.shape[1:]) for name, a in flat.items()}
    dims, coords = density.model.labels(named)
    return Fit(named, dims, coords, "nuts", mixed, divergences=divergences, stats=stats)


def _sample(
    density: Density, mode: Mode, settings: dict[str, float], rng: np.random.Generator
) -> tuple[Floats, dict[str, NDArray[Any]]]:
    """Return draws (chain, draw, d) and what is told of each, (chain, draw)."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_logp() -> Callable[[Floats], tuple[float, Floats]]:
        def logp(z: Floats) -> tuple[float, Floats]:
            value, gradient = density(mode.theta + mode.factor @ z)
            if not (np.isfinite(value) and np.isfinite(gradient).all()):
                return -np.inf, np.zeros_like(z)  # a divergence
            return value, mode.factor.T @ gradient

        return logp

    def make_expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        return lambda z: {"theta": np.asarray(mode.theta + mode.factor @ z)}

    size = density.size
    compiled = from_pyfunc(
        size, make_logp, make_expand, [np.dtype("float64")], [(size,)], ["theta"]
    )
    seed = int(rng.integers(2**31))
    try:
        trace = nutpie.sample(
            compiled, chains=CHAINS, cores=1, seed=seed, progress_bar=False, **settings
        )
    except BaseException as error:
        # A panic of Rust code is no Exception to Python, and its class cannot be imported.
        if type(error).__name__ != "PanicException" and not isinstance(error, RuntimeError):
            raise
        raise FitError(
            "NUTS cannot start: the log-density or its gradient is not finite, or flat, around "
            "its starting point; use a tighter prior or another family"
        ) from None
    told = {name: values.to_numpy() for name, values in trace["sample_stats"].data_vars.items()}
    stats = {name: told[theirs] for name, theirs in _STATS.items()}
    stats |= {n: v.astype(np.int64) for n, v in stats.items() if v.dtype.kind == "u"}
    stats["kinetic"] = told["energy"] + told["logp"]
    return trace["posterior"]["theta"].to_numpy(), stats
