"""The same conditionals by posynth and by nutpie alone: time, and whether they agree."""

import time
from pathlib import Path

import numpy as np
import nutpie

from posynth.engines.choose import fit
from posynth.families import families
from posynth.posterior.seeds import Purpose, stream
from posynth.posterior.task import encode_table, make_task
from posynth.synthesizer import plan


def compare(data: Path, targets: list[str]) -> None:
    """Print one row a conditional: seconds of both, their ratio, agreement of means and sds."""
    table, chain = plan(data)
    rows = encode_table(table, chain.spec)
    print(
        "\n| conditional | engine | posynth s | nutpie s | ratio | means, in sds | sds, ratio - 1 |"
    )
    print("|---|---|---|---|---|---|---|")
    for target in targets:
        conditional = chain.spec[target]
        task, _ = make_task(rows, chain.spec, conditional, families()[conditional.family])
        fit(task, "auto", stream(1, Purpose.FIT, target))  # the family is compiled by now
        start = time.perf_counter()
        ours = fit(task, "auto", stream(1, Purpose.FIT, target))
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        compiled = nutpie.compile_pymc_model(task.model())
        trace = nutpie.sample(compiled, draws=1000, chains=4, seed=1, progress_bar=False)
        theirs = time.perf_counter() - start
        shift, spread = agreement(ours.draws, trace["posterior"])
        print(
            f"| {data.stem} {target} | {ours.engine} | {seconds:.2f} | {theirs:.1f} | "
            f"{theirs / seconds:.0f} | {shift:.3f} | {spread:.3f} |",
            flush=True,
        )


def agreement(ours, theirs) -> tuple[float, float]:
    """Return the root mean square difference of means in sds, and of log sds, over parameters."""
    shifts, spreads = [], []
    for name, draws in ours.items():
        a, b = draws.reshape(-1, *draws.shape[2:]), theirs[name].to_numpy()
        b = b.reshape(-1, *b.shape[2:])
        shifts.append(np.ravel((a.mean(axis=0) - b.mean(axis=0)) / b.std(axis=0)))
        spreads.append(np.ravel(np.log(a.std(axis=0) / b.std(axis=0))))
    return tuple(float(np.sqrt(np.mean(np.concatenate(x) ** 2))) for x in (shifts, spreads))
