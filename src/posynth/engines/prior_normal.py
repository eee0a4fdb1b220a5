r"""Independent normal priors of intercept and slopes, of which single ones may be stated.

With :math:`\theta \sim N(m, D^2)` and a Gaussian :math:`y = A\theta + e`, :math:`\theta - m` has a
prior around zero and is the coefficient of :math:`y - Am`: samplers that know priors around zero
only are given that response, and their draws are moved back by m.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posynth.engines.base import Task

type Floats = NDArray[np.float64]


def prior_sds(task: Task) -> Floats:
    """Return the prior sds of the intercept and the p slopes, (1 + p,)."""
    sds: Floats = np.empty(1 + len(task.design.predictors))
    sds[0], sds[1:] = task.priors["intercept"], task.priors["slope"]
    return sds


def prior_means(task: Task) -> Floats:
    """Return the prior means of the intercept and the p slopes, (1 + p,)."""
    means: Floats = np.zeros(1 + len(task.design.predictors))
    if task.stated:
        means[0], means[1:] = task.priors["intercept_mean"], task.priors["slope_mean"]
    return means


def around_zero(task: Task) -> tuple[Task, Floats]:
    """Return a Gaussian task whose coefficients have prior means of 0, and the means taken out.

    Parameters
    ----------
    task : Task
        With response y, and predictors in the last p columns of the design.

    Returns
    -------
    tuple of Task and ndarray, shape (1 + p,)
        The task of y - A m, and m; the same task where m is 0.
    """
    means = prior_means(task)
    if not means.any():
        return task, means
    X = task.design.X[:, task.design.X.shape[1] - len(task.design.predictors) :]
    y = task.response.y - means[0] - X @ means[1:]
    return replace(task, response=replace(task.response, y=y)), means


def moved_back(draws: Mapping[str, Any], means: Floats) -> dict[str, Any]:
    """Return draws of coefficients that have the prior means added."""
    if not means.any():
        return {**draws}
    return {**draws, "alpha": draws["alpha"] + means[0], "beta": draws["beta"] + means[1:]}
