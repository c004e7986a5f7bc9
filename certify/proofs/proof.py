"""What a proof step returns: a frozen statement with exact numbers, or a failure with the numbers that failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np

from symmetry.network import Exact


def dyadic(value: Fraction) -> str:
    """An exact number as text: ``mantissa·2^exponent`` for dyadic rationals, ``p/q`` for others.

    >>> dyadic(Fraction(3, 8)), dyadic(Fraction(-12)), dyadic(Fraction(1, 3))
    ('3*2^-3', '-3*2^2', '1/3')
    """
    p, q = value.numerator, value.denominator
    if q & (q - 1):
        return f"{p}/{q}"
    if p == 0:
        return "0"
    exponent = (p & -p).bit_length() - q.bit_length()
    return f"{p >> max(0, (p & -p).bit_length() - 1)}*2^{exponent}"


def from_text(text: str) -> Fraction:
    """The inverse of :func:`dyadic`.

    >>> from_text("3*2^-3"), from_text("1/3")
    (Fraction(3, 8), Fraction(1, 3))
    """
    if "*2^" in text:
        mantissa, exponent = map(int, text.split("*2^"))
        return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)
    return Fraction(text)


def fractions(texts: Sequence[str]) -> Exact:
    """A vector of exact numbers from their texts."""
    return np.array([from_text(text) for text in texts], dtype=object)


def _json(value: Any) -> Any:
    if isinstance(value, Fraction):
        return dyadic(value)
    if isinstance(value, np.ndarray):
        return [_json(v) for v in value]
    if isinstance(value, np.floating | float):
        return dyadic(Fraction(value.item() if isinstance(value, np.generic) else value))
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, tuple | list):
        return [_json(v) for v in value]
    if isinstance(value, Proof):
        return value.to_json()
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "Exact": lambda v: _array(v, from_text, object),
    "Array": lambda v: _array(v, lambda text: float(from_text(text)), np.float64),
    "Fraction": from_text,
    "float": lambda text: float(from_text(text)),
    "int": int,
    "str": str,
    "tuple[int, ...]": tuple,
    "tuple[str, ...]": tuple,
}


def _array(nested: Any, read: Callable[[str], Any], dtype: Any) -> Any:
    if nested and isinstance(nested[0], list):
        return np.array([_array(row, read, dtype) for row in nested], dtype=dtype)
    return np.array([read(text) for text in nested], dtype=dtype)


@dataclass(frozen=True, eq=False)
class Proof:
    """A proved statement; one subclass a theorem. Its fields are the exact witness."""

    theorem = "none"

    @staticmethod
    def from_json(data: dict[str, Any]) -> Proof:
        """The inverse of :meth:`to_json`, bit for bit. Reading a proof does not check it.

        Raises:
            ValueError: an unknown theorem, or fields that do not fit it.
        """
        kinds = {kind.theorem: kind for kind in Proof.__subclasses__()}
        if data.get("theorem") not in kinds:
            raise ValueError(f"theorem is {data.get('theorem')!r}, expected one of: {', '.join(sorted(kinds))}")
        kind = kinds[data["theorem"]]
        try:
            return kind(**{f.name: _READERS[str(f.type)](data[f.name]) for f in fields(kind)})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{kind.theorem}: field missing or malformed ({error})") from None

    def to_json(self) -> dict[str, Any]:
        """The witness: every number exact, as ``mantissa*2^exponent`` or a rational."""
        return {"theorem": self.theorem} | {f.name: _json(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Failure:
    """A step that proved nothing, with the numbers that failed.

    ``False``-like on purpose: it does not say that the claim is wrong.
    """

    code: str
    numbers: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        shown = ", ".join(f"{name} = {value:.3g}" for name, value in self.numbers)
        return f"{self.code}: {shown}" if shown else self.code


def finite(*arrays: Exact) -> bool:
    """Whether every end in the arrays is bounded."""
    return all(v is not None for array in arrays for v in array.ravel())
