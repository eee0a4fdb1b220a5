"""What was chosen for each conditional, and in which share of replications."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from posynth.chain.spec import ChainSpec, Conditional

COLUMNS = ("conditional", "choice", "share", "share_mcse", "replications")


def chosen(spec: ChainSpec, conditional: Conditional) -> list[str]:
    """Say in a few words, one a choice, how a conditional is modelled.

    Examples
    --------
    >>> line = Conditional("y", "gaussian", scale="learned", splines=3, interactions=(("x", "g"),))
    >>> spec = ChainSpec((Conditional("x", "gaussian"), Conditional("g", "bernoulli"), line))
    >>> chosen(spec, line)
    ['gaussian, learned scale', 'splines of 3 columns', 'interaction x:g']
    """
    target = conditional.target
    said = [conditional.label]
    if conditional.splines > 1:
        said.append(f"splines of {conditional.splines} columns")
    said += [f"interaction {':'.join(pair)}" for pair in conditional.interactions]
    kept, possible = spec.predictors(target), spec.earlier(target)
    if not conditional.computed and not conditional.formula and set(kept) != set(possible):
        said.append(f"predictors {' + '.join(kept)}" if kept else "no predictors")
    if "slope" in conditional.scales:
        said.append("slopes shrunk")
    return said


def shares(choices: Sequence[Mapping[str, Sequence[str]]]) -> pd.DataFrame:
    """Count how often each choice was made.

    Parameters
    ----------
    choices : sequence of Mapping
        One a replication: conditional -> its choices, as `chosen` gives them.

    Returns
    -------
    pandas.DataFrame
        One row a conditional and choice, most frequent first within a conditional: its share of the
        R replications and the binomial standard error of that share.

    Examples
    --------
    >>> shares([{"y": ["gaussian"]}, {"y": ["gaussian", "interaction x:g"]}])["share"].tolist()
    [1.0, 0.5]
    """
    runs, order = len(choices), list(dict.fromkeys(t for each in choices for t in each))
    rows = []
    for target in order:
        counts = Counter(choice for each in choices for choice in each.get(target, ()))
        for choice, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            share = count / runs
            error = float(np.sqrt(share * (1 - share) / runs))
            rows.append((target, choice, share, error, runs))
    return pd.DataFrame(rows, columns=list(COLUMNS))
