"""Compiled arithmetic whose rounding does not depend on the CPU: sums in fixed lanes and an own exponential.

Without fastmath a compiler keeps the order of a sum, hence leaves it scalar; with fastmath the order is the
compiler's and differs between instruction sets. Here the order is written down: :data:`LANES` partial sums, lane ``l``
holding the terms ``l, l + LANES, …``, added up by halving. The exponential is a polynomial in ``+ − ×`` alone, which
compiles to vector code. So the same numbers come out with SSE2, AVX2 and AVX-512, in a batch of any size.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import llvmlite.ir as ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Number of partial sums; arrays that are summed are padded with zeros to a multiple of it."""

WIDE = 2 * LANES
"""Length of the vectors of exponentials."""

EXP_LIMIT = 708.0
"""Arguments of :meth:`Lanes.exponential` are clipped to ``[−708, 708]``, where the result is a normal number."""

# x = k·ln2 + ρ;  adding 3·2^51 rounds to an integer k and leaves it in the low bits of the mantissa
_SHIFT = 6755399441055744.0
_PER_LN2 = 1.4426950408889634
# ln2 in two parts; the first has 21 trailing zeros, so that k·_LN2_HIGH is exact
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1.0 / math.factorial(k) for k in range(2, 14))


FLOATS = types.Array(types.float64, 1, "C")
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


def source_digest(*modules: ModuleType) -> str:
    """A digest of the modules' source, for the key of a compiled function's cache.

    numba notices a change in the file of a cached function only, not in what that compiles in from other files; but it
    notices the values a closure refers to. So cached functions are closures that name the digest of the rest.
    """
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


class Lanes:
    """A vector of numbers in code being generated: the operators emit one rounded vector operation each."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @classmethod
    def zero(cls, builder: Any) -> Lanes:
        """All 0."""
        return cls(builder, ir.Constant(_VECTOR, [0.0] * LANES))

    @classmethod
    def all(cls, builder: Any, number: Any, lanes: int = LANES) -> Lanes:
        """All equal to a float64 of the generated code."""
        return cls(builder, _splat(builder, number, lanes))

    @classmethod
    def load(cls, builder: Any, pointer: Any, index: Any, lanes: int = LANES) -> Lanes:
        """What lies at ``index, index + 1, …``."""
        vector = ir.VectorType(ir.DoubleType(), lanes)
        place = builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())
        return cls(builder, builder.load(place, align=8))

    def store(self, pointer: Any, index: Any) -> None:
        """Put them at ``index, index + 1, …``."""
        place = self.builder.bitcast(self.builder.gep(pointer, [index]), self.value.type.as_pointer())
        self.builder.store(self.value, place, align=8)

    def where(self, mask: Any, other: Lanes) -> Lanes:
        """These where ``mask`` holds, else the other's."""
        return Lanes(self.builder, self.builder.select(mask, self.value, other.value))

    def clipped(self, limit: float) -> Lanes:
        """Those beyond ±``limit`` replaced by it; NaN stays."""
        value = self.value
        for order, bound in (("<", -limit), (">", limit)):
            edge = self._other(bound)
            value = self.builder.select(self.builder.fcmp_ordered(order, value, edge), edge, value)
        return Lanes(self.builder, value)

    def exponential(self) -> Lanes:
        """``e^x`` for ``x`` clipped to ±:data:`EXP_LIMIT`, within an ulp; NaN for NaN.

        ``e^x = 2^k e^ρ``, ``|ρ| ≤ (ln 2)/2``, ``e^ρ`` by its Taylor polynomial of degree 13 (remainder < 5e-18).
        """
        lanes = self.value.type.count
        integers = ir.VectorType(ir.IntType(64), lanes)
        x = self.clipped(EXP_LIMIT)
        shifted = x * _PER_LN2 + _SHIFT
        k = shifted - _SHIFT
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        r2 = r * r
        r4 = r2 * r2
        low = (r2 * (r * _C3 + _C2)) + r4 * ((r * _C5 + _C4) + r2 * (r * _C7 + _C6))
        high = ((r * _C9 + _C8) + r2 * (r * _C11 + _C10)) + r4 * (r * _C13 + _C12)
        series = (r + (low + (r4 * r4) * high)) + 1.0
        exponent = self.builder.shl(self.builder.bitcast(shifted.value, integers), ir.Constant(integers, [52] * lanes))
        power = self.builder.add(exponent, self.builder.bitcast(self._other(1.0), integers))
        return series * Lanes(self.builder, self.builder.bitcast(power, self.value.type))

    def total(self) -> Any:
        """Their sum: the upper half of the lanes is added to the lower until one is left."""
        value, lanes = self.value, self.value.type.count
        while lanes > 1:
            lanes //= 2
            low, high = (
                self.builder.shuffle_vector(
                    value,
                    ir.Constant(value.type, ir.Undefined),
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(start, start + lanes))),
                )
                for start in (0, lanes)
            )
            value = self.builder.fadd(low, high)
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    def _other(self, other: Lanes | float) -> Any:
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(self.value.type, [float(other)] * self.value.type.count)

    def __neg__(self) -> Lanes:
        return Lanes(self.builder, self.builder.fneg(self.value))

    def __add__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, self._other(other)))

    def __sub__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, self._other(other)))

    def __mul__(self, other: Lanes | float) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, self._other(other)))

    def __rtruediv__(self, other: float) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self._other(other), self.value))


class Sum:
    """A variable of the generated code to which lanes are added."""

    def __init__(self, start: Lanes) -> None:
        self._builder = start.builder
        self._place = cgutils.alloca_once(start.builder, _VECTOR)
        self._builder.store(start.value, self._place)

    @property
    def value(self) -> Lanes:
        """What it holds."""
        return Lanes(self._builder, self._builder.load(self._place))

    def add(self, term: Lanes) -> None:
        """Add, with one rounding a lane."""
        self._builder.store((self.value + term).value, self._place)


class Memory:
    """A C-contiguous array of the generated code with one or two axes."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        struct = context.make_array(kind)(context, builder, array)
        self._builder, self.data = builder, struct.data
        self.shape = cgutils.unpack_tuple(builder, struct.shape)

    def row(self, i: Any) -> Any:
        """The address of row ``i``."""
        return self._builder.gep(self.data, [self._builder.mul(i, self.shape[1])])

    def at(self, *index: Any) -> Any:
        """The entry at ``index``."""
        start = self.data if len(index) == 1 else self.row(index[0])
        return self._builder.load(self._builder.gep(start, [index[-1]]))


def first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the lanes whose number is below the int64 ``count``."""
    numbers = ir.Constant(ir.VectorType(ir.IntType(64), LANES), list(range(LANES)))
    return builder.icmp_signed("<", numbers, _splat(builder, count))


@contextmanager
def loop(builder: Any, begin: Any, end: Any, step: int = 1) -> Iterator[Any]:
    """Generate a loop over ``begin, begin + step, … < end`` (int64); yields the index."""
    with cgutils.for_range_slice(builder, begin, end, ir.Constant(end.type, step), inc=True) as (index, _):
        yield index


def _splat(builder: Any, number: Any, lanes: int = LANES) -> Any:
    """A vector of copies of a number of the generated code."""
    empty = ir.Constant(ir.VectorType(number.type, lanes), ir.Undefined)
    one = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, empty, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


@intrinsic  # type: ignore[untyped-decorator]
def exponentials(typing_context: Any, w: Any, points: Any, out: Any) -> Any:
    """``out_n = e^(−w·p_n)`` for a tuple of ``d`` vectors of coordinates, whose length is a multiple of :data:`WIDE`.

    An exponential is a long chain of operations: wide vectors give the CPU several chains to work on at a time.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out = Memory(context, builder, FLOATS, arguments[2])
        weights = Memory(context, builder, FLOATS, arguments[0])
        places = [ir.Constant(ir.IntType(64), k) for k in range(points.count)]
        w = [Lanes.all(builder, weights.at(place), WIDE) for place in places]
        p = [Memory(context, builder, FLOATS, builder.extract_value(arguments[1], k)).data for k in range(points.count)]
        with loop(builder, ir.Constant(ir.IntType(64), 0), out.shape[0], WIDE) as n:
            exponent = Lanes(builder, ir.Constant(ir.VectorType(ir.DoubleType(), WIDE), [0.0] * WIDE))
            for weight, coordinate in zip(w, p, strict=True):
                exponent -= weight * Lanes.load(builder, coordinate, n, WIDE)
            exponent.exponential().store(out.data, n)
        return context.get_dummy_value()

    return types.void(FLOATS, points, FLOATS), generate


@intrinsic  # type: ignore[untyped-decorator]
def dot(typing_context: Any, u: Any, v: Any) -> Any:
    """``Σ_n u_n v_n`` of two contiguous float64 vectors whose length is a multiple of :data:`LANES`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = (Memory(context, builder, FLOATS, array) for array in arguments)
        total = Sum(Lanes.zero(builder))
        with loop(builder, ir.Constant(ir.IntType(64), 0), first.shape[0], LANES) as n:
            total.add(Lanes.load(builder, first.data, n) * Lanes.load(builder, second.data, n))
        return total.value.total()

    return types.float64(FLOATS, FLOATS), generate


@intrinsic  # type: ignore[untyped-decorator]
def lane_total(typing_context: Any, partial: Any, number: Any) -> Any:
    """The sum of the :data:`LANES` numbers of ``partial`` that begin at ``number · LANES``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.mul(arguments[1], ir.Constant(arguments[1].type, LANES))
        return Lanes.load(builder, Memory(context, builder, FLOATS, arguments[0]).data, place).total()

    return types.float64(FLOATS, types.int64), generate
