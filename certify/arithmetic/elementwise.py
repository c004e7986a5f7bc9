"""What the arithmetics whose numbers are Python objects (Arb balls, mpmath intervals) have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from certify.arithmetic import special
from symmetry.arithmetic import TermByTerm

Objects = NDArray[np.object_]


_REACH = 2**15
"""Exact ends of enclosures lie between ``2^−_REACH`` and ``2^_REACH``: ``e^(−10^9)`` as a fraction fills the memory."""


def rounded_dyadic(mantissa: int, exponent: int, side: int) -> Fraction | None:
    """``mantissa·2^exponent``, rounded down (``side`` −1) or up (1) where it is tinier than ``2^−32768``.

    ``None`` where it is larger than ``2^32768``.

    >>> rounded_dyadic(3, -2, 1), rounded_dyadic(1, -10**12, -1), rounded_dyadic(1, 10**12, -1)
    (Fraction(3, 4), Fraction(0, 1), None)
    """
    size = exponent + mantissa.bit_length()
    if size > _REACH:
        return None
    if size < -_REACH:
        return side * Fraction(1, 2**_REACH) if mantissa * side > 0 else Fraction(0)
    return Fraction(mantissa * 2**exponent) if exponent >= 0 else Fraction(mantissa, 2**-exponent)


def _boxed(element: Any) -> Objects:
    """An element as a 0-d array, so that operators meet arrays on both sides."""
    out = np.empty((), dtype=object)
    out[()] = element
    return out


class ElementArray:
    """A numpy object array of enclosures, computing at its arithmetic's precision."""

    __array_ufunc__ = None  # numpy must not take over `array * ElementArray`
    __slots__ = ("arithmetic", "values")

    def __init__(self, values: Objects, arithmetic: ElementArithmetic[Any]):
        self.values = values
        self.arithmetic = arithmetic

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def T(self) -> ElementArray:
        return ElementArray(self.values.T, self.arithmetic)

    def __getitem__(self, key: Any) -> ElementArray:
        return self._make(self.values[key])

    def __setitem__(self, key: Any, value: ElementArray) -> None:
        self.values[key] = value.values

    def __len__(self) -> int:
        return len(self.values)

    def reshape(self, *shape: Any) -> ElementArray:
        return ElementArray(self.values.reshape(*shape), self.arithmetic)

    def _other(self, value: Any) -> Any:
        if isinstance(value, ElementArray):
            return value.values
        if isinstance(value, int | Fraction):
            return _boxed(self.arithmetic.scalar(Fraction(value)))
        raise TypeError(f"cannot combine enclosures with {type(value).__name__}; exact numbers and enclosures only")

    def _make(self, values: Any) -> ElementArray:
        # numpy unwraps 0-d object results
        return ElementArray(values if isinstance(values, np.ndarray) else _boxed(values), self.arithmetic)

    def __neg__(self) -> ElementArray:
        self.arithmetic.enter()
        return self._make(-self.values)

    def __abs__(self) -> ElementArray:
        self.arithmetic.enter()
        return self._make(abs(self.values))

    def __add__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self.values + self._other(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self.values - self._other(other))

    def __rsub__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self._other(other) - self.values)

    def __mul__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self.values * self._other(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self.values / self._other(other))

    def __rtruediv__(self, other: Any) -> ElementArray:
        self.arithmetic.enter()
        return self._make(self._other(other) / self.values)

    def sum(self, axis: int) -> ElementArray:
        """Sum along an axis."""
        self.arithmetic.enter()
        return self._make(self.values.sum(axis=axis))


Element = TypeVar("Element")


class ElementArithmetic(TermByTerm, Generic[Element]):
    """The array operations, from a handful of operations on one element."""

    name: str
    bits: int

    @abstractmethod
    def enter(self) -> None:
        """Make the working precision current."""

    @abstractmethod
    def scalar(self, value: Fraction) -> Element:
        """An enclosure of one exact number."""

    @abstractmethod
    def ends(self, x: Element) -> tuple[Fraction | None, Fraction | None]:
        """The exact ends of an enclosure, rounded outward as in :func:`rounded_dyadic`; ``None`` where unbounded."""

    @abstractmethod
    def middle(self, x: Element) -> tuple[Element, Element]:
        """A point inside (thin) and an upper bound of the distance to both ends (thin)."""

    @abstractmethod
    def top(self, x: Element) -> Element:
        """A thin upper bound of ``|x|``."""

    @abstractmethod
    def unit(self) -> Element:
        """The interval [−1, 1]: its multiples are symmetric intervals, of which the upper end of the factor counts."""

    @abstractmethod
    def exp_one(self, x: Element) -> Element: ...

    @abstractmethod
    def sqrt_one(self, x: Element) -> Element: ...

    @abstractmethod
    def acos_one(self, x: Element) -> Element:
        """Unbounded where ``x`` has members outside of ``[−1, 1]``."""

    @abstractmethod
    def product(self, v: Objects, w: Objects) -> Objects:
        """Matrix product."""

    def _map(self, function: Any, *arrays: Objects) -> ElementArray:
        self.enter()
        out = np.empty(arrays[0].shape, dtype=object)
        out.ravel()[:] = [function(*xs) for xs in zip(*(a.ravel().tolist() for a in arrays), strict=True)]
        return ElementArray(out, self)

    def array(self, exact: Any) -> ElementArray:
        values = np.asarray(exact)
        if values.dtype != object:
            values = values.astype(object)
        cache: dict[Any, Element] = {}

        def enclose(x: Any) -> Element:
            if x not in cache:
                cache[x] = self.scalar(Fraction(x))
            return cache[x]

        return self._map(enclose, values)

    def number(self, value: Fraction) -> ElementArray:
        return ElementArray(_boxed(self.scalar(value)), self)

    def ball(self, center: Any, radius: Any) -> ElementArray:
        """The box ``center ± radius`` of exact numbers."""
        return self.inflate(self.array(center), self.array(radius))

    def zeros(self, shape: tuple[int, ...]) -> ElementArray:
        self.enter()
        return ElementArray(np.full(shape, self.scalar(Fraction(0)), dtype=object), self)

    def split(self, v: ElementArray) -> tuple[ElementArray, ElementArray | None]:
        self.enter()
        pairs = [self.middle(x) for x in v.values.ravel().tolist()]
        mid, rad = (np.empty(v.shape, dtype=object) for _ in range(2))
        mid.ravel()[:] = [p[0] for p in pairs]
        rad.ravel()[:] = [p[1] for p in pairs]
        return ElementArray(mid, self), ElementArray(rad, self)

    def inflate(self, v: ElementArray, radius: ElementArray) -> ElementArray:
        return v + radius * self._unit

    def spread(self, v: ElementArray, rho: ElementArray, slope: ElementArray, sup: Fraction) -> ElementArray:
        return v + (abs(slope) + rho * self.number(sup / 2)) * rho * self._unit

    @property
    def _unit(self) -> ElementArray:
        return ElementArray(_boxed(self.unit()), self)

    def nonnegative_midpoint(self, v: ElementArray) -> NDArray[np.bool_]:
        out = np.empty(v.shape, dtype=bool)
        zero = self.scalar(Fraction(0))
        out.ravel()[:] = [bool(x >= zero) for x in v.values.ravel().tolist()]  # v is thin: decided
        return out

    def where(self, mask: NDArray[np.bool_], v: ElementArray, w: ElementArray) -> ElementArray:
        return ElementArray(np.where(mask, v.values, w.values), self)

    def maximum(self, v: ElementArray, axis: int) -> ElementArray:
        """An upper bound of the largest magnitude along an axis, as a thin enclosure."""
        self.enter()
        tops = np.empty(v.shape, dtype=object)
        tops.ravel()[:] = [self.top(x) for x in v.values.ravel().tolist()]
        # thin enclosures compare like numbers
        return ElementArray(np.maximum.reduce(tops, axis=axis), self)

    def sqrt(self, v: ElementArray) -> ElementArray:
        return self._map(self.sqrt_one, v.values)

    def exp(self, v: ElementArray) -> ElementArray:
        return self._map(self.exp_one, v.values)

    def acos(self, v: ElementArray) -> ElementArray:
        return self._map(self.acos_one, v.values)

    def erf(self, v: ElementArray) -> ElementArray:
        return special.erf(v, self)  # type: ignore[no-any-return]

    def log1p(self, v: ElementArray) -> ElementArray:
        return special.log1p(v, self)  # type: ignore[no-any-return]

    def matmul(self, v: ElementArray, w: ElementArray) -> ElementArray:
        self.enter()
        return ElementArray(self.product(v.values, w.values), self)

    def concatenate(self, parts: Sequence[ElementArray], axis: int = 0) -> ElementArray:
        return ElementArray(np.concatenate([p.values for p in parts], axis=axis), self)

    def approx(self, v: ElementArray) -> NDArray[np.float64]:
        """The midpoints rounded to float64: plain numbers of no standing."""
        out = np.empty(v.shape)
        out.ravel()[:] = [self.approx_one(x) for x in v.values.ravel().tolist()]
        return out

    def approx_inverse(self, v: ElementArray) -> NDArray[np.float64] | None:
        """An approximate inverse of the midpoints, computed at the working precision; ``None`` if there is none."""
        self.enter()
        try:
            inverse = np.array(self.inverse_one([[self.middle(x)[0] for x in row] for row in v.values.tolist()]))
        except (ZeroDivisionError, ValueError, OverflowError):
            return None
        return inverse if np.isfinite(inverse).all() else None

    @abstractmethod
    def inverse_one(self, rows: list[list[Element]]) -> list[list[float]]:
        """The inverse of one matrix of points, rounded to float64; raises ``ZeroDivisionError`` if there is none."""

    def magnitude(self, v: ElementArray) -> NDArray[np.float64]:
        """Float64 upper bounds of ``|v|``, rounded outward (infinite where unbounded)."""
        out = np.empty(v.shape)
        out.ravel()[:] = [self._magnitude(x) for x in v.values.ravel().tolist()]
        return out

    def _magnitude(self, x: Element) -> float:
        low, high = self.ends(x)
        if low is None or high is None:
            return math.inf
        size = max(abs(low), abs(high))
        try:
            return math.nextafter(float(size), math.inf)
        except OverflowError:
            return math.inf

    @abstractmethod
    def approx_one(self, x: Element) -> float: ...

    def lower(self, v: ElementArray) -> Objects:
        """Exact lower ends (fractions; ``None`` where the enclosure is unbounded)."""
        return self._ends(v, 0)

    def upper(self, v: ElementArray) -> Objects:
        """Exact upper ends (fractions; ``None`` where the enclosure is unbounded)."""
        return self._ends(v, 1)

    def _ends(self, v: ElementArray, side: int) -> Objects:
        out = np.empty(v.shape, dtype=object)
        out.ravel()[:] = [self.ends(x)[side] for x in v.values.ravel().tolist()]
        return out
