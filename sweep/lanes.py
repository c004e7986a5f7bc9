"""Compiled arithmetic whose rounding does not depend on the CPU: sums in fixed lanes and an own exponential.

Without fastmath a compiler keeps the order of a sum, hence leaves it scalar; with fastmath the order is the
compiler's and differs between instruction sets. Here the order is written down: :data:`LANES` partial sums, lane ``l``
holding the terms ``l, l + LANES, …``, added up by halving. The exponential is a polynomial in ``+ − ×`` alone, which
compiles to vector code. So the same numbers come out with SSE2, AVX2 and AVX-512, in a batch of any size.
"""

from __future__ import annotations

import math
from typing import Any

import llvmlite.ir as ir
from numba import njit, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic

LANES = 16
"""Number of partial sums; arrays that are summed are padded with zeros to a multiple of it."""

EXP_LIMIT = 708.0
"""Arguments of :func:`exponential` are clipped to ``[−708, 708]``, where the result is a normal number."""

# x = k·ln2 + ρ;  adding 3·2^51 rounds to an integer k and leaves it in the low bits of the mantissa
_SHIFT = 6755399441055744.0
_PER_LN2 = 1.4426950408889634
# ln2 in two parts; the first has 21 trailing zeros, so that k·_LN2_HIGH is exact
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1.0 / math.factorial(k) for k in range(2, 14))


@intrinsic
def _bits(typing_context: Any, value: Any) -> Any:
    """The 64 bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def _from_bits(typing_context: Any, value: Any) -> Any:
    """The float64 that has the bits of an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@njit(inline="always")
def exponential(x):  # type: ignore[no-untyped-def]
    """``e^x`` for ``x`` clipped to ±:data:`EXP_LIMIT`, within 2 ulp; NaN for NaN.

    ``e^x = 2^k e^ρ``, ``|ρ| ≤ (ln 2)/2``, ``e^ρ`` by its Taylor polynomial of degree 13 (remainder < 5e-18).
    """
    x = min(max(x, -EXP_LIMIT), EXP_LIMIT)
    shifted = x * _PER_LN2 + _SHIFT
    k = shifted - _SHIFT
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (r2 * (_C2 + _C3 * r)) + r4 * ((_C4 + _C5 * r) + r2 * (_C6 + _C7 * r))
    high = ((_C8 + _C9 * r) + r2 * (_C10 + _C11 * r)) + r4 * (_C12 + _C13 * r)
    series = 1.0 + (r + (low + (r4 * r4) * high))
    return series * _from_bits((_bits(shifted) << 52) + _bits(1.0))


@intrinsic
def dot(typing_context: Any, u: Any, v: Any) -> Any:
    """``Σ_n u_n v_n`` of two contiguous float64 vectors whose length is a multiple of :data:`LANES`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        length = builder.extract_value(arrays[0].shape, 0)
        vector = ir.VectorType(ir.DoubleType(), LANES)
        accumulator = cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * LANES))
        step = ir.Constant(length.type, LANES)
        with cgutils.for_range_slice(builder, ir.Constant(length.type, 0), length, step, inc=True) as (index, _):
            first, second = (
                builder.load(builder.bitcast(builder.gep(array.data, [index]), vector.as_pointer()), align=8)
                for array in arrays
            )
            builder.store(builder.fadd(builder.load(accumulator), builder.fmul(first, second)), accumulator)
        total = builder.load(accumulator)
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            halves = [
                builder.shuffle_vector(
                    total,
                    ir.Constant(total.type, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes))),
                )
                for start in (0, lanes)
            ]
            total = builder.fadd(*halves)
        value = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
        return impl_ret_untracked(context, builder, signature.return_type, value)

    vector_type = types.Array(types.float64, 1, "C")
    return types.float64(vector_type, vector_type), generate
