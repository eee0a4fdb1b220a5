"""Populations for validity studies: functions ``(rows, rng) -> DataFrame`` with known structure.

A study file names them as ``simulator = "populations.py:clinic"``.
"""

import numpy as np
import pandas as pd

DOSES = ["none", "low", "high"]
PAIN = ["none", "mild", "moderate", "severe"]


def clinic(rows, rng):
    """Age normal, treated logit, dose multinomial logit, pain cumulative logit, stay linear.

    Every conditional is one that posynth's families can represent, so that a chain in this order
    is congenial: what it is short of coverage is the method's own.
    """
    age = rng.normal(50.0, 12.0, rows)
    z = (age - 50.0) / 12.0
    treated = rng.random(rows) < _expit(-0.2 + 0.6 * z)
    utility = np.stack([np.zeros(rows), 0.3 + 0.5 * z, -0.4 + 0.9 * treated], axis=1)
    dose = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    latent = 0.7 * z + 0.6 * treated - 0.8 * (dose == 2) + rng.logistic(size=rows)
    pain = np.digitize(latent, [-1.2, 0.2, 1.5])
    noise = rng.normal(0.0, 3.0, rows)
    stay = 8.0 + z + 1.5 * treated - (dose == 1) + 0.5 * (pain >= 2) + noise
    return pd.DataFrame(
        {
            "age": age,
            "treated": pd.Categorical.from_codes(treated.astype(int), ["no", "yes"]),
            "dose": pd.Categorical.from_codes(dose, DOSES),
            "pain": pd.Categorical.from_codes(pain, PAIN, ordered=True),
            "stay": stay,
        }
    )


def interaction(rows, rng):
    """Score = 1 + x + group + 1.5 x group + noise: what a chain of main effects cannot hold."""
    x = rng.normal(size=rows)
    group = rng.random(rows) < 0.4
    score = 1.0 + x + group + 1.5 * x * group + rng.normal(size=rows)
    levels = pd.Categorical.from_codes(group.astype(int), ["a", "b"])
    return pd.DataFrame({"x": x, "group": levels, "score": score})


def _expit(x):
    return 1.0 / (1.0 + np.exp(-x))
