"""Compiled arithmetic whose rounding does not depend on the CPU: sums in fixed lanes and an own exponential.

Without fastmath a compiler keeps the order of a sum, hence leaves it scalar; with fastmath the order is the
compiler's and differs between instruction sets. Here the order is written down: :data:`LANES` partial sums, lane ``l``
holding the terms ``l, l + LANES, …``, added up by halving. The exponential is a polynomial in ``+ − ×`` alone, which
compiles to vector code. So the same numbers come out with SSE2, AVX2 and AVX-512, in a batch of any size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir
from numba import njit, types
from numba.core import cgutils
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


_FLOATS = types.Array(types.float64, 1, "C")
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


@intrinsic  # type: ignore[untyped-decorator]
def _bits(typing_context: Any, value: Any) -> Any:
    """The 64 bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic  # type: ignore[untyped-decorator]
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


def _pointer(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """The address of an array's first entry."""
    return context.make_array(kind)(context, builder, array).data


def _length(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return builder.extract_value(context.make_array(kind)(context, builder, array).shape, 0)


@contextmanager
def _lane_loop(builder: Any, length: Any) -> Iterator[Any]:
    """A loop over ``0, LANES, 2·LANES, … < length``; yields the index."""
    start, step = (ir.Constant(length.type, value) for value in (0, LANES))
    with cgutils.for_range_slice(builder, start, length, step, inc=True) as (index, _):
        yield index


def _load(builder: Any, pointer: Any, index: Any) -> Any:
    """The lanes that start at ``index``."""
    return builder.load(builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer()), align=8)


def _total(builder: Any, vector: Any) -> Any:
    """The sum of the lanes, by halving."""
    lanes = LANES
    while lanes > 1:
        lanes //= 2
        low, high = (
            builder.shuffle_vector(
                vector,
                ir.Constant(vector.type, ir.Undefined),
                ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes))),
            )
            for start in (0, lanes)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic  # type: ignore[untyped-decorator]
def dot(typing_context: Any, u: Any, v: Any) -> Any:
    """``Σ_n u_n v_n`` of two contiguous float64 vectors whose length is a multiple of :data:`LANES`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = [
            _pointer(context, builder, kind, array) for kind, array in zip(signature.args, arguments, strict=True)
        ]
        length = _length(context, builder, signature.args[0], arguments[0])
        partial = cgutils.alloca_once_value(builder, _ZERO)
        with _lane_loop(builder, length) as index:
            product = builder.fmul(*(_load(builder, pointer, index) for pointer in pointers))
            builder.store(builder.fadd(builder.load(partial), product), partial)
        return _total(builder, builder.load(partial))

    return types.float64(_FLOATS, _FLOATS), generate


@intrinsic  # type: ignore[untyped-decorator]
def moments(typing_context: Any, r: Any, tau: Any, slope: Any, x: Any) -> Any:
    """``(Σ r τ, Σ r σ' x_1, …, Σ r σ' x_d)`` in one pass: ``x`` is a tuple of ``d`` vectors, all as in :func:`dot`."""
    dimension = x.count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        r_at, tau_at, slope_at = (
            _pointer(context, builder, kind, array)
            for kind, array in zip(signature.args[:3], arguments[:3], strict=True)
        )
        x_at = [_pointer(context, builder, _FLOATS, builder.extract_value(arguments[3], k)) for k in range(dimension)]
        length = _length(context, builder, signature.args[0], arguments[0])
        partial = [cgutils.alloca_once_value(builder, _ZERO) for _ in range(dimension + 1)]
        with _lane_loop(builder, length) as index:
            residual = _load(builder, r_at, index)
            product = builder.fmul(residual, _load(builder, slope_at, index))
            terms = [builder.fmul(residual, _load(builder, tau_at, index))]
            terms += [builder.fmul(product, _load(builder, pointer, index)) for pointer in x_at]
            for place, term in zip(partial, terms, strict=True):
                builder.store(builder.fadd(builder.load(place), term), place)
        totals = [_total(builder, builder.load(place)) for place in partial]
        return context.make_tuple(builder, signature.return_type, totals)

    return types.UniTuple(types.float64, dimension + 1)(_FLOATS, _FLOATS, _FLOATS, x), generate


@intrinsic  # type: ignore[untyped-decorator]
def scale_into(typing_context: Any, factor: Any, line: Any, length: Any, out: Any) -> Any:
    """``out[n] = factor · line[n]`` for ``n < length`` and on to the next multiple of :data:`LANES`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line_at, out_at = (_pointer(context, builder, _FLOATS, arguments[k]) for k in (1, 3))
        factors = builder.insert_element(
            ir.Constant(_VECTOR, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        factors = builder.shuffle_vector(factors, ir.Constant(_VECTOR, ir.Undefined), zeros)
        with _lane_loop(builder, arguments[2]) as index:
            place = builder.bitcast(builder.gep(out_at, [index]), _VECTOR.as_pointer())
            builder.store(builder.fmul(factors, _load(builder, line_at, index)), place, align=8)
        return context.get_dummy_value()

    return types.void(types.float64, _FLOATS, types.int64, _FLOATS), generate
