"""What a formula may ask of an arithmetic, and the plain float64 one.

Formulas (activations, losses, strata residuals) are written once, over this interface. The values are
arrays with the operators ``+ − * / abs`` and indexing; what they *mean* is the arithmetic's affair:
numbers here, enclosures in :mod:`certify.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import factorial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special


class Arithmetic(Protocol):
    """Array-level operations that need more than an operator. ``V`` below is the array type."""

    name: str
    bits: int

    def array(self, exact: Any) -> Any:
        """``V`` enclosing an array of exact numbers: float64 (dyadic rationals) or ``Fraction`` objects."""

    def number(self, value: Fraction) -> Any:
        """A constant, to be combined with arrays by the operators (integers need no conversion)."""

    def split(self, v: Any) -> tuple[Any, Any]:
        """Exact midpoints (thin ``V``) and upper bounds of the radii (``V``, or ``None`` if all are 0)."""

    def inflate(self, v: Any, radius: Any) -> Any:
        """``v + [−radius, radius]``; ``radius`` is a ``V`` of which the upper ends count."""

    def spread(self, v: Any, rho: Any, slope: Any, sup: Fraction) -> Any:
        """``v ± (ρ |slope| + (ρ²/2) sup)``, upper ends counting: Taylor's theorem to second order."""

    def nonnegative_midpoint(self, v: Any) -> NDArray[np.bool_]:
        """Which midpoints are ≥ 0."""

    def where(self, mask: NDArray[np.bool_], v: Any, w: Any) -> Any:
        """``v`` where ``mask`` holds, else ``w``."""

    def exp(self, v: Any) -> Any:
        """Componentwise exponential."""

    def sqrt(self, v: Any) -> Any:
        """Componentwise square root of the non-negative members."""

    def acos(self, v: Any) -> Any:
        """Componentwise arc cosine; unbounded where a member lies outside of ``[−1, 1]``."""

    def erf(self, v: Any) -> Any:
        """Componentwise error function."""

    def log1p(self, v: Any) -> Any:
        """Componentwise ``log(1 + v)`` of members in [0, 1]."""

    def matmul(self, v: Any, w: Any) -> Any:
        """Matrix product of a ``V`` of shape (k, l) and one of shape (l, n)."""

    def maximum(self, v: Any, axis: int) -> Any:
        """An upper bound of the largest magnitude along an axis."""

    def zeros(self, shape: tuple[int, ...]) -> Any:
        """Exact zeros."""

    def concatenate(self, parts: Sequence[Any], axis: int = 0) -> Any:
        """Join along an axis, as numpy does."""

    def convolve(self, left: Sequence[Any], right: Sequence[Any], degree: int) -> list[Any]:
        """The product of two power series, up to ``degree``; those of polynomials may be shorter."""

    def composites(self, jet: Sequence[Any], number: int, inner: Sequence[Any], degree: int) -> list[list[Any]]:
        """``Σ_j jet[k + j] y^j/j!``, ``k < number``, up to ``degree``, for a series ``y``, ``y_0`` taken for 0."""


class TermByTerm:
    """Series by the operators of their coefficients: for arithmetics that have nothing faster."""

    number: Callable[[Fraction], Any]

    def convolve(self, left: Sequence[Any], right: Sequence[Any], degree: int) -> list[Any]:
        """As in :class:`Arithmetic`."""
        return _product(left, right, degree, 0)

    def composites(self, jet: Sequence[Any], number: int, inner: Sequence[Any], degree: int) -> list[list[Any]]:
        """As in :class:`Arithmetic`."""
        powers = [list(inner)] if degree else []
        for j in range(2, degree + 1):
            powers.append(_product(powers[-1], [inner[-1] * 0, *inner[1:]], degree, j - 1))
        out = []
        for k in range(number):
            factors = [jet[k + j] * self.number(Fraction(1, factorial(j))) for j in range(1, degree + 1)]
            series = [jet[k], *[inner[-1] * 0] * degree]
            for j, (power, factor) in enumerate(zip(powers, factors, strict=True), start=1):
                for m in range(j, min(degree + 1, len(power))):
                    series[m] = series[m] + power[m] * factor
            out.append(series)
        return out


def _product(left: Sequence[Any], right: Sequence[Any], degree: int, first: int) -> list[Any]:
    """Those coefficients of ``left`` that are below ``first`` are 0 and are not looked at."""
    nothing = left[-1] * right[-1] * 0
    out = []
    for m in range(degree + 1):
        parts = [left[i] * right[m - i] for i in range(first, min(m + 1, len(left))) if m - i < len(right)]
        out.append(sum(parts[1:], parts[0]) if parts else nothing)
    return out


class Float64:
    """Plain float64: no enclosure, no proof. For the search, and as the reference in tests."""

    name = "float64"
    bits = 53

    def array(self, exact: Any) -> NDArray[np.float64]:
        return np.asarray(exact, dtype=np.float64)

    def number(self, value: Fraction) -> float:
        return float(value)

    def split(self, v: NDArray[np.float64]) -> tuple[NDArray[np.float64], None]:
        return v, None

    def inflate(self, v: Any, radius: Any) -> Any:
        return v

    def spread(self, v: Any, rho: Any, slope: Any, sup: Fraction) -> Any:
        return v

    def nonnegative_midpoint(self, v: NDArray[np.float64]) -> NDArray[np.bool_]:
        return v >= 0

    def where(self, mask: NDArray[np.bool_], v: Any, w: Any) -> Any:
        return np.where(mask, v, w)

    def exp(self, v: Any) -> Any:
        return np.exp(v)

    def sqrt(self, v: Any) -> Any:
        return np.sqrt(np.maximum(v, 0.0))

    def acos(self, v: Any) -> Any:
        return np.arccos(np.clip(v, -1.0, 1.0))

    def erf(self, v: Any) -> Any:
        return special.erf(v)

    def log1p(self, v: Any) -> Any:
        return np.log1p(v)

    def matmul(self, v: Any, w: Any) -> Any:
        return v @ w

    def maximum(self, v: Any, axis: int) -> Any:
        return np.abs(v).max(axis=axis)

    def zeros(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.zeros(shape)

    def concatenate(self, parts: Sequence[Any], axis: int = 0) -> Any:
        return np.concatenate(parts, axis=axis)

    def convolve(self, left: Sequence[Any], right: Sequence[Any], degree: int) -> list[Any]:
        from symmetry import compiled  # numba takes its time

        sides, shape, _ = compiled.factors(left, right)
        return list(compiled.multiply(*sides, degree).reshape(degree + 1, *shape))

    def composites(self, jet: Sequence[Any], number: int, inner: Sequence[Any], degree: int) -> list[list[Any]]:
        from symmetry import compiled

        y, derivatives, shape = compiled.composition(jet, number + degree, inner)
        out, _ = compiled.compose(derivatives, number, y, degree)
        return [list(series) for series in out.reshape(number, degree + 1, *shape)]
