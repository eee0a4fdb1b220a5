"""Print the README's table: whole-process times, memory, and nutpie on the same conditionals.

``python -m tests.benchmarks [--cold]``; tables that are not at hand are left out and named.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.nutpie_columns import compare

ROOT = Path(__file__).resolve().parents[2]
HEART = ROOT / "src" / "posynth" / "data" / "heart_failure.csv"
SURVEY = ROOT.parent / "shared" / "data" / "sd2011_12.csv"
WIDE = SURVEY.with_name("SD2011.csv")
#: Every number by plain linear regression: the chain of linear and logistic models mice fits below.
PLAIN = tuple(f"{name}=gaussian" for name in ("age", "income", "nociga", "bmi", "depress"))
PEER = """
library(mice)
d <- read.csv("{path}", stringsAsFactors = TRUE, na.strings = c("", "NA"))
n <- nrow(d); d[n + seq_len(n), ] <- NA
p <- lower.tri(diag(ncol(d))) * 1
f <- function(x) if (!is.factor(x)) "norm" else if (nlevels(x) == 2) "logreg" else "polyreg"
m <- sapply(d, f); m[1] <- "sample"
invisible(mice(d, m = 5, maxit = 1, method = m, predictorMatrix = p, printFlag = FALSE, seed = 1))
"""


def whole(
    data: Path, m: int, repeats: int, cache: Path | None = None, methods: tuple[str, ...] = ()
) -> tuple[float, float]:
    """Return the median wall seconds of the command, and the peak memory of a process in GiB."""
    environment = dict(os.environ)
    if cache is not None:
        environment["PYTENSOR_FLAGS"] = f"base_compiledir={cache}"
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "posynth.cli", "synthesize", str(data)]
        command += ["-m", str(m), "--seed", "1", "-o", str(Path(folder) / "out")]
        command += [word for method in methods for word in ("--method", method)]
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return sorted(seconds)[len(seconds) // 2], peak


def peer(data: Path) -> str:
    """Return the seconds mice takes for a true chain (appended rows), or why it was not run."""
    if shutil.which("Rscript") is None:
        return "R is not installed"
    script = PEER.format(path=data)
    start = time.perf_counter()
    done = subprocess.run(["Rscript", "-e", script], check=False, capture_output=True, text=True)
    if done.returncode:
        return " ".join(done.stderr.split())[-80:]
    return f"{time.perf_counter() - start:.1f} s (with R's start)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cold", action="store_true", help="also time a cold compile cache")
    arguments = parser.parse_args()
    whole(HEART, 1, 1)  # fill the compile cache
    print("| job | wall | peak memory of a process |\n|---|---|---|")
    jobs = [(HEART, 5, 5, ()), (SURVEY, 5, 3, ()), (SURVEY, 50, 1, ()), (WIDE, 5, 1, ())]
    jobs += [(SURVEY, 5, 3, PLAIN), (SURVEY, 50, 1, PLAIN)]
    for data, m, repeats, methods in jobs:
        name = f"{data.stem}, m = {m}{', numbers linear' if methods else ''}"
        if not data.exists():
            print(f"| {name} | not at hand | |")
            continue
        whole(data, 1, 1, methods=methods)
        seconds, peak = whole(data, m, repeats, methods=methods)
        print(f"| {name} | {seconds:.1f} s | {peak:.2f} GiB |", flush=True)
    if arguments.cold and SURVEY.exists():
        with tempfile.TemporaryDirectory() as cache:
            seconds, _ = whole(SURVEY, 5, 1, Path(cache))
        print(f"| {SURVEY.stem}, m = 5, cold compile cache | {seconds:.1f} s | |", flush=True)
    for data in (HEART, SURVEY):
        if data.exists():
            print(f"| mice (R), {data.stem}, m = 5, true chain | {peer(data)} | |", flush=True)
    compare(HEART, ["smoking", "deceased"])
    if SURVEY.exists():
        compare(SURVEY, ["edu", "income_missing", "smoke", "trust"])


if __name__ == "__main__":
    main()
