r"""Cumulative logit regression (proportional odds).

.. math:: P(y \le k) = logit^{-1}(c_k - X\beta), \qquad c_1 < \ldots < c_{K-1}

with predictors standardised, :math:`\beta_j \sim N(0, 2.5)` (prior ``log_f``: Logistic(0, s), see
``bernoulli``) and no intercept. The probabilities
p of the K levels at X = 0 are Dirichlet(1, ..., 1). They are held as ``stick``, the share of each
level in what the lower levels leave over, :math:`v_k = p_k / (p_k + \ldots + p_K)`, which is
Beta(1, K - k); then :math:`c_k = logit(1 - \prod_{j \le k} (1 - v_j))`.

References
----------
McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society
B 42(2), 109-142. Sethuraman, J. (1994). A constructive definition of Dirichlet priors. Statistica
Sinica 4(2), 639-650.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from posynth.chain.facts import FamilyFacts
from posynth.families.base import (
    Contents,
    Design,
    Family,
    Priors,
    Response,
    regression_contents,
    slopes,
)
from posynth.table.schema import Kind

if TYPE_CHECKING:
    import pymc as pm

#: Stands for the infinite cutpoints below the first and above the last level.
END = 200.0


def contents(design: Design, response: Response, priors: Priors) -> Contents:
    """Return what a regression holds, and what depends on the number of levels."""
    held = regression_contents(design, response, priors)
    levels = len(response.levels)
    cuts = np.eye(levels)[: levels - 1]
    ends = END * np.eye(levels)
    about: dict[str, tuple[Any, tuple[str, ...]]] = {
        "above": (np.arange(levels - 1.0, 0.0, -1.0), ("cut",)),  # levels above each cut
        "so_far": (np.triu(np.ones((levels - 1, levels - 1))), ("cut", "cut_")),
        "to_upper": (cuts, ("cut", "level")),
        "to_lower": (np.roll(cuts, 1, axis=1), ("cut", "level")),
        "last": (ends[-1], ("level",)),
        "first": (-ends[0], ("level",)),
    }
    coords = {"level": response.levels, "cut": response.levels[:-1], "cut_": response.levels[:-1]}
    return Contents({**held.data, **about}, {**held.coords, **coords})


def cumulative(
    data: Mapping[str, Any],
    quantile: Callable[[Any], Any],
    log_mass: Callable[[Any, Any], Any],
    logistic: bool = False,
) -> None:
    """Write the ordinal model of a link into the model that is open.

    Parameters
    ----------
    data : Mapping
        What ``contents`` declares.
    quantile : callable
        Log of an upper tail probability -> the point that has it.
    log_mass : callable
        (lower, upper) -> log probability between two points.
    logistic : bool
        Whether slopes are logistic, not normal.
    """
    import pymc as pm

    beta = slopes(data, logistic=logistic)
    level = data["prior_level"]
    stick = pm.Beta("stick", level, level * data["above"], dims="cut")
    cuts = quantile(pm.math.log1p(-stick) @ data["so_far"])
    eta = (data["X"] @ beta)[:, None]
    upper = cuts @ data["to_upper"] + data["last"] - eta  # (row, level)
    lower = cuts @ data["to_lower"] + data["first"] - eta
    log_p = log_mass(lower, upper)
    pm.Categorical("response", logit_p=log_p, observed=data["y"], dims="row")


def build(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under normal priors of slopes."""
    return _write(design, response, priors)


def log_f(design: Design, response: Response, priors: Priors) -> "pm.Model":
    """Write the model under log-F(2, 2), the logistic distribution, for slopes."""
    return _write(design, response, priors, logistic=True)


def _write(
    design: Design, response: Response, priors: Priors, logistic: bool = False
) -> "pm.Model":
    import pymc as pm
    import pytensor.tensor as pt

    def quantile(log_tail: Any) -> Any:
        return pt.log(pt.expm1(-log_tail))

    def log_mass(lower: Any, upper: Any) -> Any:
        # sigmoid(u) - sigmoid(l) without cancellation in either tail
        return pt.log1mexp(lower - upper) - pt.softplus(-upper) - pt.softplus(lower)

    held = contents(design, response, priors)
    with pm.Model(coords=held.coords) as model:
        cumulative(held.declare(), quantile, log_mass, logistic)
    return model


FAMILY = Family(
    FamilyFacts(
        name="ordinal",
        kinds=frozenset({Kind.ORDINAL}),
        summary="cumulative logit regression (proportional odds), logit P(y <= k) = c_k - X beta",
        priors={"weak": {"slope": 2.5, "level": 1.0}, "log_f": {"slope": 1.0, "level": 1.0}},
        sampler="cumulative",
        sampler_priors=("weak", "log_f"),
        stated_priors=("weak", "log_f"),
    ),
    build,
    variants={"log_f": log_f},
    contents=contents,
)
