"""The population of the comparison with other packages: 3676 rows of SD2011 (R synthpop).

SD2011.csv is not shipped: write it from R with
``write.csv(synthpop::SD2011, "SD2011.csv", row.names = FALSE, na = "")`` and put its path into
the environment variable SD2011_CSV. Rows are complete in the five columns, with income > 0 and
bmi < 60.
"""

import os
from functools import cache

import numpy as np
import pandas as pd

COLUMNS = ["sex", "age", "edu", "bmi", "income"]


@cache
def population():
    """Give every row, income as its logarithm."""
    table = pd.read_csv(os.environ["SD2011_CSV"])[COLUMNS].dropna()
    table = table[(table["income"] > 0) & (table["bmi"] < 60)].reset_index(drop=True)
    return table.assign(income=np.log(table["income"])).rename(columns={"income": "log_income"})


def sample(rows, rng):
    """Draw rows with replacement."""
    table = population()
    return table.iloc[rng.integers(0, len(table), rows)].reset_index(drop=True)
