"""Utility of the default on public tables that it was not tuned to.

``python -m tests.benchmarks.utility FOLDER [NAME ...]`` reads the tables of unseen_tables.toml from
a folder laid out as csv/<package>/<name>.csv, draws five copies of each, prints a line a table and
writes results/utility.csv:

- ``pair mean``, ``pair max``: two-way tables (numbers cut at their quintiles), mean over copies of
  the plug-in S_pMSE ratio times 2, so that a perfect proper copy scores 2;
- ``overlap``: of the confidence intervals of linear regressions of every number on all other
  columns, pooled against source, the median; a perfect proper synthesizer (a Bayesian bootstrap of
  the source) has about .86;
- ``z``: pooled minus source in standard errors of the source, the mean of absolute values (about
  .55 at best) and the median;
- ``cpu``: seconds of the whole, in one process, without imports;
- ``copied``: share of rows of copies that are a row of the source.
"""

import argparse
import time
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import posynth

HERE = Path(__file__).resolve().parent
TABLES, RESULTS = HERE / "unseen_tables.toml", HERE / "results" / "utility.csv"
COPIES, FEW, MANY_LEVELS = 5, 10, 12


def read(folder, entry):
    """Return a table without its row names and what is left out of it."""
    frame = pd.read_csv(folder / "csv" / f"{entry['file']}.csv")
    return frame.drop(columns=["rownames", *entry.get("drop", [])], errors="ignore")


def codes(values, source):
    """Return the cell of each value: levels as they are, numbers by quintiles of the source."""
    if pd.api.types.is_numeric_dtype(source) and source.nunique() > FEW:
        breaks = np.unique(np.nanquantile(source, [0.2, 0.4, 0.6, 0.8]))
        place = np.searchsorted(breaks, values.astype(float), side="left")
        return np.where(values.isna(), len(breaks) + 1, place)
    levels = {level: i for i, level in enumerate(sorted(source.dropna().unique(), key=str))}
    return np.array([len(levels) if pd.isna(v) else levels.get(v, -1) for v in values])


def pairs(source, copies):
    """Return 2 S_pMSE of every pair of columns, averaged over copies."""
    columns = [name for name in source if is_number(source[name]) or source[name].nunique() < 60]
    original = {name: codes(source[name], source[name]) for name in columns}
    drawn = [{name: codes(copy[name], source[name]) for name in columns} for copy in copies]
    found = {}
    for a, b in combinations(columns, 2):
        here = original[a] * 1000 + original[b]
        found[a, b] = 2 * np.mean([misfit(here, each[a] * 1000 + each[b]) for each in drawn])
    return found


def misfit(original, copy):
    """Return the Voas-Williamson statistic of two columns of cells over its degrees of freedom."""
    cells = np.unique(np.r_[original, copy])
    p, q = (np.array([np.mean(side == c) for c in cells]) for side in (original, copy))
    return ((p - q) ** 2 / ((p + q) / 2)).sum() * len(original) / 2 / max(len(cells) - 1, 1)


def is_number(values):
    """Tell whether a column holds numbers."""
    return pd.api.types.is_numeric_dtype(values)


def design(frame, source, target):
    """Return intercept and all other columns, numbers standardised, levels as 0 and 1."""
    parts = [pd.Series(1.0, frame.index, name="intercept")]
    for name in source:
        if name == target:
            continue
        if is_number(source[name]):
            parts.append((frame[name] - source[name].mean()) / source[name].std())
        elif source[name].nunique() <= MANY_LEVELS:
            for level in sorted(source[name].dropna().unique(), key=str)[1:]:
                parts.append((frame[name] == level).astype(float).where(frame[name].notna()))
    return pd.concat(parts, axis=1)


def regression(frame, source, target):
    """Return slopes and standard errors of a linear regression on complete rows."""
    X = design(frame, source, target)
    whole = X.notna().all(axis=1) & frame[target].notna()
    A, y = X[whole].to_numpy(float), frame.loc[whole, target].to_numpy(float)
    inverse = np.linalg.pinv(A.T @ A)
    beta = inverse @ A.T @ y
    variance = ((y - A @ beta) ** 2).sum() / max(len(y) - A.shape[1], 1)
    return beta[1:], np.sqrt(np.diag(inverse) * variance)[1:]


def regressions(source, copies):
    """Return overlap of intervals and |z| of every slope of every regression."""
    overlap, z = [], []
    for target in [n for n in source if is_number(source[n]) and source[n].nunique() > FEW]:
        beta, se = regression(source, source, target)
        fits = [regression(copy, source, target) for copy in copies]
        pooled = np.mean([b for b, _ in fits], axis=0)
        between = np.var([b for b, _ in fits], axis=0, ddof=1)
        error = np.sqrt(np.mean([s**2 for _, s in fits], axis=0) + between / len(fits))
        both = np.minimum(beta + 1.96 * se, pooled + 1.96 * error)
        both -= np.maximum(beta - 1.96 * se, pooled - 1.96 * error)
        known = (se > 1e-9 * np.abs(beta).max()) & (error > 0)
        overlap += list((both / 3.92 * (1 / se + 1 / error) / 2)[known])
        z += list((np.abs(pooled - beta) / se)[known])
    return np.array(overlap), np.array(z)


def measure(source, seed=1):
    """Return the figures of one table."""
    start = time.process_time()
    copies = list(posynth.synthesize(source, m=COPIES, seed=seed, workers=1))
    seconds = time.process_time() - start
    found = pairs(source, copies)
    overlap, z = regressions(source, copies)
    rows = set(map(tuple, source.astype(str).to_numpy()))
    copied = np.mean(
        [np.mean([r in rows for r in map(tuple, c.astype(str).to_numpy())]) for c in copies]
    )
    return {
        "rows": len(source),
        "columns": source.shape[1],
        "pair mean": np.mean(list(found.values())),
        "pair max": max(found.values()),
        "worst pair": ":".join(max(found, key=found.get)),
        "overlap": np.median(overlap) if len(overlap) else np.nan,
        "z mean": z.mean() if len(z) else np.nan,
        "z median": np.median(z) if len(z) else np.nan,
        "cpu": seconds,
        "copied": copied,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="tables as package/name; all by default")
    given = parser.parse_args()
    entries = tomllib.loads(TABLES.read_text("utf-8"))["table"]
    found = []
    for entry in entries:
        if not given.names or entry["file"] in given.names:
            found.append({"table": entry["file"], **measure(read(given.folder, entry))})
            print(pd.DataFrame(found[-1:]).round(2).to_string(index=False), flush=True)
    if not given.names:
        RESULTS.parent.mkdir(exist_ok=True)
        pd.DataFrame(found).round(3).to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
