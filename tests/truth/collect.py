"""Make the committed results from the folders of finished studies.

Run ``python tests/truth/collect.py FOLDER ...`` after
``posynth validity tests/truth/studies/NAME.toml --allow-code -o FOLDER/NAME`` (a study stopped
half-way can be collected too: give ``-r`` the replications that are done). All rules are kept for
the population value, posynth's own choice for the sample's estimate. What was chosen for each
conditional, where the chain was chosen in each replication, goes to ``NAME_choices.csv``.
"""

import sys
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).resolve().parent / "results"
COLUMNS = [
    "plan", "draws", "k", "m", "rule", "estimand", "coefficient", "replications", "truth", "bias",
    "bias_mcse", "empirical_se", "mean_se", "coverage", "coverage_mcse", "width_ratio", "negative",
]  # fmt: skip


def main(folders):
    for folder in map(Path, folders):
        table = pd.read_csv(folder / "summary.csv")
        kept = (table["estimand"] == "population") | (table["rule"] == "auto")
        path = RESULTS / f"{folder.name}.csv"
        table.loc[kept, COLUMNS].to_csv(path, index=False, float_format="%.4g")
        choices = pd.read_csv(folder / "choices.csv")
        if (table["plan"] == "each").all():
            target = RESULTS / f"{folder.name}_choices.csv"
            choices.to_csv(target, index=False, float_format="%.4g")
        print(f"{path.name}: {kept.sum()} rows, {table['replications'].iloc[0]} replications")


if __name__ == "__main__":
    main(sys.argv[1:])
