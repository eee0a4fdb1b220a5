"""The left side of a Bambi formula: which column, on which scale, and the way back.

``log(y) ~ x`` says that log y follows the family. The way back is written into the model, so
that its density is that of y itself (PyMC adds the Jacobian) and its draws are values of y.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from posynth.chain.blocks import Floats
from posynth.errors import SpecError


class Step(NamedTuple):
    """One invertible function of a response."""

    name: str
    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]
    positive: bool = False


def _exponential(z: Any) -> Any:
    import pytensor.tensor as pt

    return pt.exp(z)


def _logarithm(z: Any) -> Any:
    import pytensor.tensor as pt

    return pt.log(z)


#: Functions of y that a left side may name; those marked positive have y = log(z), so z > 0.
#: The density of y has no limit at 0 where its root has one, so that sqrt takes numbers above 0.
FUNCTIONS = {
    step.name: step
    for step in (
        Step("log", np.log, _exponential),
        Step("log2", np.log2, lambda z: _exponential(z * np.log(2.0))),
        Step("log10", np.log10, lambda z: _exponential(z * np.log(10.0))),
        Step("log1p", np.log1p, lambda z: _exponential(z) - 1.0),
        Step("sqrt", lambda y: np.where(y > 0, np.sqrt(y), np.nan), lambda z: z**2),
        Step("exp", np.exp, _logarithm, positive=True),
        Step("expm1", np.expm1, lambda z: _logarithm(z + 1.0), positive=True),
    )
}
#: Functions that Bambi itself gives a meaning on the left side, and what to do instead.
_INSTEAD = {
    ("p", "prop", "proportion"): "for counts of a known number of trials use the family "
    "binomial, as methods={'y': 'binomial(trials=20)'}",
    ("censored",): "for times with an event indicator visit the event first and use weibull, "
    "lognormal or gamma",
    ("truncated", "constrained"): "for bounded numbers use the family truncated, as "
    "methods={'y': 'truncated(lower=0, upper=20)'}",
    ("weighted",): "weights say nothing of how a row comes about; make the column that they stem "
    "from a predictor",
    ("c",): "a conditional models one column; write one formula a column",
}
_SCALED = ("scale", "standardize", "center")
_NAME = "__column__"


@dataclass(frozen=True)
class LeftSide:
    """A left side, read.

    Attributes
    ----------
    text : str
        The formula, for messages.
    column : str
        The column it names; ``""`` if it has no left side.
    level : str
        The level whose probability is modelled, for ``y[level]``.
    steps : tuple of Step
        What is done to the column, innermost first.
    scaled : str
        ``"scale"`` or ``"center"`` where the column's own mean (and sd) are taken out.
    """

    text: str
    column: str = ""
    level: str = ""
    steps: tuple[Step, ...] = ()
    scaled: str = ""

    @property
    def transformed(self) -> bool:
        """Whether the family speaks of something else than the column itself."""
        return bool(self.steps or self.scaled)

    def settled(self, center: float, scale: float) -> "LeftSide":
        """Return a left side whose scaling is a step with the column's mean and sd."""
        if not self.scaled:
            return self
        factor = 1.0 / scale if self.scaled == "scale" else 1.0
        return replace(self, steps=(_affine(factor, -center * factor), *self.steps), scaled="")

    def forward(self, y: Floats) -> Floats:
        """Take values of the column, (n,), to what the family speaks of.

        Raises
        ------
        SpecError
            If a value has no such function.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            z = np.asarray(y, dtype=np.float64)
            for step in self.steps:
                z = step.forward(z)
        wrong = ~np.isfinite(z)
        if wrong.any():
            raise SpecError(
                f"from_bambi {self.text!r}: {int(wrong.sum())} of {len(z)} values have no finite "
                f"{self.text.partition('~')[0].strip()}, for example {y[wrong][0]:g}; add a "
                "constant inside the function, or use another"
            )
        return z

    def back(self, z: Any) -> Any:
        """Take a tensor of what the family speaks of to values of the column."""
        for step in reversed(self.steps):
            z = step.back(z)
        return z


def _affine(factor: float, shift: float) -> Step:
    return Step("", lambda y: y * factor + shift, lambda z: (z - shift) / factor)


def read_left(text: str) -> LeftSide:
    """Read the left side of a formula; nothing of it is run.

    Parameters
    ----------
    text : str
        The whole formula, ``"log(y) ~ x"``.

    Raises
    ------
    SpecError
        If it is no column, level of a column, or invertible function of a column.

    Examples
    --------
    >>> left = read_left("log(fare + 1) ~ age")
    >>> left.column, [step.name for step in left.steps]
    ('fare', ['', 'log'])
    """
    left, tilde, _ = text.partition("~")
    left = left.strip()
    if not tilde or not left:
        return LeftSide(text)
    named = re.fullmatch(r"(`[^`]+`|[^\W\d]\w*)\s*\[(.+)\]", left)
    if named:
        return LeftSide(text, named[1].strip("`"), named[2].strip().strip("'\""))
    quoted = re.findall(r"`([^`]+)`", left)
    plain = re.sub(r"`[^`]+`", _NAME, left)
    plain = re.sub(r"^\{(.*)\}$", r"\1", plain)
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError):
        raise _refused(text) from None
    columns: list[str] = []
    scaled, steps = _read(tree, columns, text)
    column = quoted[0] if quoted and columns == [_NAME] else "".join(columns)
    return LeftSide(text, column, "", tuple(steps), scaled)


def _read(node: ast.expr, columns: list[str], text: str) -> tuple[str, list[Step]]:
    """Return how a node scales its column, and its steps, innermost first."""
    if isinstance(node, ast.Name) and not columns:
        columns.append(node.id)
        return "", []
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return _read_call(node, columns, text)
    if isinstance(node, ast.Call):
        raise _refused(text, _function(node))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        scaled, steps = _read(node.operand, columns, text)
        return scaled, [*steps, _affine(-1.0, 0.0)]
    if isinstance(node, ast.BinOp):
        for inner, number, swapped in (
            (node.left, node.right, False),
            (node.right, node.left, True),
        ):
            value = _number(number)
            step = None if value is None else _arithmetic(node.op, value, swapped)
            if step is not None:
                scaled, steps = _read(inner, columns, text)
                return scaled, [*steps, step]
    raise _refused(text)


def _read_call(node: ast.Call, columns: list[str], text: str) -> tuple[str, list[Step]]:
    name, inner = _function(node), node.args[0]
    if name in _SCALED and isinstance(inner, ast.Name):
        _read(inner, columns, text)
        return ("center" if name == "center" else "scale"), []
    if name == "I":
        return _read(inner, columns, text)
    if name not in FUNCTIONS:
        raise _refused(text, name)
    scaled, steps = _read(inner, columns, text)
    return scaled, [*steps, FUNCTIONS[name]]


def _function(node: ast.Call) -> str:
    """Return the name of a function, ``log`` for ``np.log`` too."""
    found = node.func
    if isinstance(found, ast.Attribute) and isinstance(found.value, ast.Name):
        return found.attr if found.value.id in ("np", "numpy") else ast.unparse(found)
    return found.id if isinstance(found, ast.Name) else ast.unparse(found)


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None


def _arithmetic(op: ast.operator, value: float, swapped: bool) -> Step | None:
    """Return the step of a column and a number, or None where it is none that can be undone."""
    if isinstance(op, ast.Add):
        return _affine(1.0, value)
    if isinstance(op, ast.Sub):
        return _affine(-1.0, value) if swapped else _affine(1.0, -value)
    if isinstance(op, ast.Mult) and value:
        return _affine(value, 0.0)
    if isinstance(op, ast.Div) and value and not swapped:
        return _affine(1.0 / value, 0.0)
    return None


def _refused(text: str, function: str = "") -> SpecError:
    allowed = f"one column, {', '.join(FUNCTIONS)}, scale, center, or arithmetic with a number"
    for names, instead in _INSTEAD.items():
        if function in names:
            return SpecError(f"from_bambi {text!r}: {function}() on the left side: {instead}")
    named = f"{function}()" if function else "what it computes"
    return SpecError(
        f"from_bambi {text!r}: the left side cannot be taken, since {named} has no known inverse; "
        f"allowed: {allowed}; or compute the column before"
    )
