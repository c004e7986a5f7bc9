"""What a formula may ask of an arithmetic, and the plain float64 one.

Formulas (activations, losses, strata residuals) are written once, over this interface. The values are
arrays with the operators ``+ − * / abs`` and indexing; what they *mean* is the arithmetic's affair:
numbers here, enclosures in :mod:`certify.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
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
