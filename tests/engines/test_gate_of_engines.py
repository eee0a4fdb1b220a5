"""Every engine that runs chains refuses them, or says so, if one of them is elsewhere."""

import ast
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import posynth.engines
from posynth.engines.base import CHAINS
from posynth.engines.batched.sample import fit_batched
from posynth.engines.choose import condition, fit
from posynth.engines.gibbs import fit_gibbs
from posynth.engines.integrated import fit_integrated
from posynth.errors import FitError

SHIFT = 0.4  # posterior standard deviations: 95 % are refused, more with several parameters

#: Engine -> where its chains are judged, and limits that end a trial sooner.
ENGINES = {
    "laplace": ("laplace", {}),
    "hmc": ("hmc", {"LONGEST": 2}),
    "nuts": ("nuts", {"ACCEPT": (0.8,), "TUNE": 50}),
    "gibbs": ("gibbs", {"LONGEST": 1, "WARM_UP": 50}),
    "backfitting": ("additive", {"LONGEST": 1, "WARM_UP": 100}),
    "batched, HMC": ("hmc", {"LONGEST": 2}),
    "integrated": ("laplace", {}),
    "integrated, HMC": ("hmc", {"LONGEST": 2}),
}
OWN = {
    "gibbs": fit_gibbs,
    "batched": lambda task, rng: fit_batched(task, condition(task), rng),
    "integrated": fit_integrated,
}
#: Engines whose draws are independent, so that there is no chain that could be elsewhere.
INDEPENDENT = ("exact", "bootstrap")


@pytest.fixture(scope="module")
def tasks(make_task):
    """Give a small task for each engine."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 1))
    two = (rng.random(60) < 0.5).astype(np.int64)
    line = x[:, 0] + rng.standard_normal(60)
    found = {
        "hmc": make_task("negbinomial", "weak", x, rng.poisson(3, 60)),
        "gibbs": make_task("location_scale_ml", "weak", x, line),
        "backfitting": make_task("bart", "trees", x, line, trees=5.0),
        "batched": make_task("bernoulli", "weak", x, two, levels=2),
        "integrated": make_task("bernoulli_ml", "weak", x, two, levels=2),
        "exact": make_task("gaussian", "weak", x, line),
        "bootstrap": make_task("cart", "bootstrap", x, line),
    }
    found["laplace"] = found["nuts"] = found["hmc"]
    return found


@pytest.fixture
def run(tasks, monkeypatch):
    """Fit the task of an engine by that engine."""

    def run(engine):
        name, _, way = engine.partition(", ")
        if way and name == "batched":
            monkeypatch.setattr(_module("batched.sample"), "WORTH_MORE", 2.0)
            monkeypatch.setattr(_module("batched.sample"), "LONGEST", 2)
        if way and name == "integrated":
            monkeypatch.setattr(_module("integrated"), "WORTH_A_TRY", 2.0)
        task, rng = tasks[name], np.random.default_rng(8)
        if name in OWN:  # without the engines that take over where these fail
            return OWN[name](task, rng)
        return fit(task, name if name in ("laplace", "hmc", "nuts") else "auto", rng)

    return run


@pytest.fixture
def shift_first_chain(monkeypatch):
    """Move the first chain of an engine before it is judged; tell the shapes that were judged."""

    def shift(module):
        place = _module(module)
        judge, seen = place.convergence, []

        def shifted(thetas):
            seen.append(thetas.shape)
            away = np.eye(len(thetas))[0][:, None, None] * thetas.std(axis=(0, 1))
            return judge(thetas + SHIFT * away)

        monkeypatch.setattr(place, "convergence", shifted)
        return seen

    return shift


def _module(name):
    return import_module(f"posynth.engines.{name}")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_shifted_chain_is_never_passed(engine, run, tasks, shift_first_chain, monkeypatch):
    module, shorter = ENGINES[engine]
    seen = shift_first_chain(module)
    for name, value in shorter.items():
        monkeypatch.setattr(_module(module), name, value)
    try:
        found = run(engine)
    except FitError as error:
        told = str(error)
    else:  # no draws, draws that come with the reason, or those of what was tried next
        need = tasks[engine.partition(",")[0]].need
        told = "; ".join([*found.mixed.reasons(need), found.why])
    assert "chain shift" in told and ">= 0.4 sd" in told
    assert seen and all(shape[0] == CHAINS for shape in seen)


@pytest.mark.parametrize("engine", ENGINES)
def test_converged_chains_pass(engine, run, tasks):
    name = engine.partition(",")[0]
    found = run(engine)
    assert found.draws and found.mixed.reasons(tasks[name].need) == ()
    assert not found.divergences and not found.independent
    assert found.engine == name or (name == "integrated" and "integrated out" in found.why)


@pytest.mark.parametrize("engine", INDEPENDENT)
def test_draws_without_a_chain_are_independent_and_say_so(engine, run, tasks):
    found = run(engine)
    assert found.independent and found.engine == engine and found.mixed.shift == 0.0
    assert found.mixed.r_hat == 1.0


def test_every_place_that_judges_chains_is_among_these():
    root = Path(posynth.engines.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        calls = (n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))
        if any(isinstance(f, ast.Name) and f.id == "convergence" for f in calls):
            found.add(".".join(path.relative_to(root).with_suffix("").parts))
    assert found == {module for module, _ in ENGINES.values()}
