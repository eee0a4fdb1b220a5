"""exp, log, logistic and their like that a compiler can run on several rows at a time.

Numba from the package index has no vector library: its exp is a call for every number and takes
two thirds of the time of a multinomial density. These are polynomials without branches, within
two units in the last place of NumPy's; where exp(x) has no normal number (x < -708) it is 0.

References
----------
Cody, W. J. and Waite, W. (1980). Software Manual for the Elementary Functions, ch. 6: reduction
by two parts of log 2.
"""

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from pytensor.compile.mode import Mode, get_mode
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter
from pytensor.link.numba.dispatch.scalar import register_scalar_funcify, scalar_op_cache_key
from pytensor.scalar.basic import Exp, Expm1, Log, UnaryScalarOp, upgrade_to_float
from pytensor.scalar.math import Log1mexp, Sigmoid, Softplus
from pytensor.tensor.elemwise import Elemwise

VERSION = 3  # of the code below: part of the key under which compiled functions are cached
JUST_BEFORE_FUSION = 47.9
LARGEST, SMALLEST = 709.0, -708.0
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to whole numbers, kept in the low bits
LOG2_HIGH, LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
NORMAL, TWO_TO_54 = 2.2250738585072014e-308, 18014398509481984.0


@intrinsic
def _bits(context: Any, x: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), code


@intrinsic
def _from_bits(context: Any, x: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), code


#: No check for division by zero: a branch in a loop would keep it to one row at a time.
_inline = njit(
    fastmath={"contract"}, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)


@_inline
def _reduce(x: float) -> tuple[float, float, float]:
    """Return 2**n, r and exp(r) - 1 - r, where x = n log(2) + r and |r| <= log(2) / 2."""
    shifted = x * 1.4426950408889634 + ROUND
    n = shifted - ROUND
    r = (x - n * LOG2_HIGH) - n * LOG2_LOW
    r2 = r * r
    r4 = r2 * r2
    middle = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    high = (1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800))
    rest = r2 * (0.5 + r * (1 / 6)) + r4 * middle + (r4 * r4) * (high + r4 * (1 / 479001600))
    return _from_bits((_bits(shifted) - _bits(ROUND) + 1023) << 52), r, rest


@_inline
def exp(x: float) -> float:
    """Return e to the x: 2**n times a polynomial of degree 12."""
    power, r, rest = _reduce(min(max(x, SMALLEST), LARGEST))
    value = power * (1.0 + r + rest)
    value = 0.0 if x < SMALLEST else value
    return value * np.inf if x > LARGEST else value


@_inline
def expm1(x: float) -> float:
    """Return e to the x, less 1."""
    power, r, rest = _reduce(min(max(x, -40.0), LARGEST))
    value = power * (r + rest) + (power - 1.0)
    return value * np.inf if x > LARGEST else value


@_inline
def log(x: float) -> float:
    """Return the natural logarithm: exponent, and a series in f / (2 + f) for the mantissa."""
    tiny = x < NORMAL
    bits = _bits(x * TWO_TO_54 if tiny else x)
    # Shifts of negative numbers have no vector form before AVX-512: the exponent is kept positive.
    lifted = np.int64(np.uint64(bits - ROOT_HALF_BITS + (1024 << 52)) >> np.uint64(52))
    exponent = lifted - 1024
    f = _from_bits(bits - (exponent << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332))
    even = 0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)
    rest = odd + z * (0.6666666666666735130 + w * even)
    half = 0.5 * f * f
    n = (_from_bits(_bits(ROUND) + exponent) - ROUND) - (54.0 if tiny else 0.0)
    value = n * LOG2_HIGH - ((half - (s * (half + rest) + n * LOG2_LOW)) - f)
    value = value if x < np.inf else x  # inf and nan are their own logarithm
    value = -np.inf if x == 0.0 else value
    return np.nan if x < 0.0 else value


@_inline
def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


@_inline
def _log1p(u: float) -> float:
    """Return log(1 + u) = 2 atanh(u / (2 + u)) for -1/2 <= u <= 1."""
    s = u / (2.0 + u)
    z = s * s  # at most 1/9
    series = 1 / 23 + z * (1 / 25 + z * (1 / 27 + z * (1 / 29 + z * (1 / 31))))
    series = 1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21 + z * series)))
    series = 1 / 7 + z * (1 / 9 + z * (1 / 11 + z * (1 / 13 + z * series)))
    return 2.0 * s * (1.0 + z * (1 / 3 + z * (1 / 5 + z * series)))


@_inline
def softplus(x: float) -> float:
    """Return log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return max(x, 0.0) + _log1p(exp(-abs(x)))


@_inline
def log1mexp(x: float) -> float:
    """Return log(1 - exp(x)): log1p for x < log(1/2), else the log of -expm1(x)."""
    near, far = log(-expm1(x)), _log1p(-exp(min(x, -0.6931471805599453)))
    return near if x > -0.6931471805599453 else far


class Vectorised(UnaryScalarOp):  # type: ignore[misc]
    """A scalar operation that stands for another one just before loops are fused.

    Parameters
    ----------
    of : ScalarOp
        The operation.
    """

    nfunc_spec = None

    def __init__(self, of: Any) -> None:
        super().__init__(upgrade_to_float, name=f"vectorised_{of}")
        self.of = of

    def impl(self, x: Any) -> Any:
        """Evaluate in Python, for PyTensor's constant folding."""
        return self.of.impl(x)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.of == other.of

    def __hash__(self) -> int:
        return hash((type(self), self.of))


#: Rewrites that would compute a softmax twice, or turn levels-first arrays back to rows first.
_EXCLUDED = ("local_log_sum_exp", "local_dimshuffle_lift", "local_lift_transpose_through_dot")
_CODE = {
    Exp: exp,
    Expm1: expm1,
    Log: log,
    Sigmoid: sigmoid,
    Softplus: softplus,
    Log1mexp: log1mexp,
}


@register_scalar_funcify(Vectorised)
def _compile(op: Vectorised, node: Any, **kwargs: Any) -> tuple[Any, str]:
    key = scalar_op_cache_key(op, of=type(op.of).__name__, version=VERSION)
    return _CODE[type(op.of)], key


@node_rewriter([Elemwise])
def _vectorise(fgraph: Any, node: Any) -> Any:
    op = node.op.scalar_op
    if type(op) not in _CODE or {v.dtype for v in (*node.inputs, *node.outputs)} != {"float64"}:
        return None
    return [Elemwise(Vectorised(op))(*node.inputs)]


@cache
def vector_mode() -> Mode:
    """Return PyTensor's Numba mode with these functions in place of the scalar ones."""
    mode = get_mode("NUMBA").excluding(*_EXCLUDED)
    return mode.register((dfs_rewriter(_vectorise), JUST_BEFORE_FUSION))
