"""Records of a propensity model: raw statistics and their ratios under the null asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posynth.errors import MeasureError, unknown
from posynth.evaluation.base import Comparison
from posynth.evaluation.utility.propensity import (
    ORDERS,
    Model,
    Statistics,
    compare,
    paired,
    permuted,
    ratio,
)
from posynth.evaluation.utility.scale import LIMIT, ratio_result, shares
from posynth.evaluation.utility.values import Floats
from posynth.results import Result

MEANING = {
    "pMSE": "mean squared distance of the scores from the share of synthetic rows",
    "SPECKS": "largest gap between the score distributions of synthetic and original rows",
    "PO50": "per cent of rows told apart beyond the 50 % of guessing",
    "U": "pairs of rows in which the synthetic one has the higher score",
}


@dataclass(frozen=True)
class Discriminator:
    """A propensity model with its label and, where theory gives one, its null.

    Attributes
    ----------
    label : str
        ``"logit"`` or ``"cart"``; names the records, ``"S_pMSE_logit"``.
    model : callable
        See :mod:`~posynth.evaluation.utility.propensity`.
    df : tuple of int
        Coefficients of each copy that can differ under the null; empty where theory gives none.
    """

    label: str
    model: Model
    df: tuple[int, ...] = ()


@dataclass(frozen=True)
class Null:
    """Where the expectation of a perfect copy comes from.

    Attributes
    ----------
    kind : str
        ``"formula"``, ``"permutation"`` or ``"pairs"``.
    nperms : int
        Relabellings in all, for ``"permutation"``.
    rng : numpy.random.Generator, optional
        Their source.
    """

    kind: str
    nperms: int = 0
    rng: np.random.Generator | None = None


def judge(
    discriminator: Discriminator, sides: Sequence[Floats], comparison: Comparison, null: Null
) -> list[Result]:
    """Fit the model to every copy and write its records.

    Parameters
    ----------
    discriminator : Discriminator
        The model.
    sides : sequence of ndarray
        Rows of the original, then of each copy.
    comparison : Comparison
        The tables these rows come from.
    null : Null
        How a perfect copy's value is found.

    Returns
    -------
    list of Result
        One record for each raw statistic, ``pMSE_logit`` and so on, then one for each that
        has a ratio under this null, ``S_pMSE_logit`` and so on.
    """
    model = discriminator.model
    values = [compare(model, copy, sides[0]) for copy in sides[1:]]
    raw = [_raw_result(name, discriminator.label, values) for name in ORDERS]
    return raw + _standardised(discriminator, values, sides, comparison, null)


def _standardised(
    discriminator: Discriminator,
    values: list[Statistics],
    sides: Sequence[Floats],
    comparison: Comparison,
    null: Null,
) -> list[Result]:
    label = discriminator.label
    if null.kind == "formula" and discriminator.df:
        return [_by_formula(discriminator, values, comparison)]
    if null.kind == "permutation":
        reference = permuted(discriminator.model, sides, null.nperms, _source(null))
        return [_by_permutation(name, label, values, reference, comparison) for name in ORDERS]
    if null.kind == "pairs":
        reference = paired(discriminator.model, sides[1:])
        return [_by_pairs(name, label, values, reference) for name in ORDERS]
    allowed = [*(["formula"] if discriminator.df else []), "permutation", "pairs"]
    raise MeasureError(unknown(f"null of {label}", null.kind, allowed))


def _source(null: Null) -> np.random.Generator:
    if null.rng is None:
        raise MeasureError(
            "null 'permutation' draws relabellings: pass rng=numpy.random.default_rng(seed)"
        )
    return null.rng


def _by_formula(
    discriminator: Discriminator, values: list[Statistics], comparison: Comparison
) -> Result:
    c, df = shares(comparison), np.array(discriminator.df)
    rows = np.array([len(comparison.original) + len(copy) for copy in comparison.copies])
    pmse = np.array([value["pMSE"] for value in values])
    expected = df * (1 - c) ** 2 * c / rows
    plugin = np.divide(pmse, expected, out=np.zeros_like(pmse), where=expected > 0)
    details = {"raw": float(pmse.mean()), "df": float(df.mean()), "null": "formula"}
    return ratio_result(f"S_pMSE_{discriminator.label}", plugin, comparison, details=details)


def _by_permutation(
    name: str,
    label: str,
    values: list[Statistics],
    reference: list[Statistics],
    comparison: Comparison,
) -> Result:
    order = ORDERS[name]
    plugin = ratio(name, values, reference) / (1 - shares(comparison)) ** order
    details = _null_details(name, values, reference, "permutation")
    measure = f"S_{name}_{label}"
    return ratio_result(measure, plugin, comparison, order=order, details=details)


def _by_pairs(
    name: str, label: str, values: list[Statistics], reference: list[Statistics]
) -> Result:
    own = 2 ** ORDERS[name] * ratio(name, values, reference)
    value = float(np.mean(own))
    text = (
        f"S_{name}_{label}: {value:.2f} against pairs of copies; 1 is ideal for plug-in and proper "
        f"copies alike, and above {LIMIT:g} the conditionals deserve work."
    )
    details = {"per_copy": own.tolist(), **_null_details(name, values, reference, "pairs")}
    passed = None if np.isnan(value) else value <= LIMIT
    return Result(f"S_{name}_{label}", value, passed=passed, text=text, details=details)


def _null_details(
    name: str, values: list[Statistics], reference: list[Statistics], kind: str
) -> dict[str, Any]:
    null = np.array([value[name] for value in reference])
    return {
        "raw": float(np.mean([value[name] for value in values])),
        "null": kind,
        "null_mean": float(null.mean()),
        "null_sd": float(null.std(ddof=1)) if null.size > 1 else float("nan"),
        "null_size": int(null.size),
    }


def _raw_result(name: str, label: str, values: list[Statistics]) -> Result:
    per_copy = [value[name] for value in values]
    mean = float(np.mean(per_copy))
    return Result(
        f"{name}_{label}",
        mean,
        text=f"{name} of the {label} propensity model: {mean:.5g}, {MEANING[name]}.",
        details={"per_copy": per_copy},
    )
