"""Reading input that nobody vouches for: strict JSON, exact numbers, bounded sizes.

Two things can go wrong. *Unreadable*: the bytes are not what certificate-format.md describes. *Rejected*: they are,
but do not support what they claim. Every message names the place.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 64 * 2**20
MAX_DIGITS = 1000
MAX_EXPONENT = 10_000

_DYADIC = re.compile(r"(-?[0-9]+)\*2\^(-?[0-9]{1,5})", re.ASCII)
_RATIONAL = re.compile(r"(-?[0-9]+)/([0-9]+)", re.ASCII)


class Unreadable(Exception):
    """Input that does not follow the format."""


class Rejected(Exception):
    """A statement that its witness does not support."""


def need(condition: bool, otherwise: str) -> None:
    """Go on only if ``condition`` holds.

    Raises:
        Rejected: with the message ``otherwise``.
    """
    if not condition:
        raise Rejected(otherwise)


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most :data:`MAX_BYTES`."""
    try:
        if not path.is_file():
            raise Unreadable(f"{path}: no such file")
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise Unreadable(f"{path}: cannot be read ({error})") from None
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{path}: has more than {MAX_BYTES} bytes")
    return data


def parse(data: bytes, where: str, *, floats: bool = False) -> Any:
    """Strict JSON: UTF-8, no duplicate keys, integers of at most 18 digits, floats only where allowed.

    Raises:
        Unreadable: anything else.
    """

    def refuse(what: str) -> NoReturn:
        raise Unreadable(f"{where}: {what}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) < len(pairs):
            refuse("a key occurs twice in one object")
        return out

    def whole(text: str) -> int:
        return int(text) if len(text) <= 18 else refuse("an integer has more than 18 digits")

    def real(text: str) -> float:
        value = float(text) if floats else refuse("holds a float, expected exact numbers as strings")
        return value if abs(value) < float("inf") else refuse("a float overflows")

    def constant(text: str) -> NoReturn:
        refuse(f"holds {text}")

    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=unique, parse_int=whole, parse_float=real, parse_constant=constant
        )
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(f"{where}: not JSON ({reason})") from None


def canonical(value: Any) -> bytes:
    """The canonical serialisation: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def fields(value: Any, where: str, required: set[str], optional: frozenset[str] | set[str] = frozenset()) -> None:
    """``value`` is an object with the required keys and no others than these and the optional ones.

    Raises:
        Unreadable: it is no object.
        Rejected: a key is missing or unknown. Nothing that may be a claim is skipped.
    """
    if not isinstance(value, dict):
        raise Unreadable(f"{where}: expected an object")
    missing, unknown = required - value.keys(), value.keys() - required - optional
    need(not missing, f"{where}: has no {', '.join(sorted(missing))}")
    need(not unknown, f"{where}: unknown {', '.join(sorted(map(ascii, unknown)))[:80]}")


def integer(value: Any, where: str, low: int, high: int) -> int:
    """An integer in a range."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Unreadable(f"{where}: expected an integer from {low} to {high}")
    return value


def text(value: Any, where: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise Unreadable(f"{where}: expected a string")
    return value


def exact(value: Any, where: str) -> Fraction:
    """The number spelled ``0``, ``-0``, ``mantissa*2^exponent`` or ``p/q``."""
    if value in ("0", "-0"):
        return Fraction(0)
    if isinstance(value, str) and len(value) <= MAX_DIGITS:
        if match := _DYADIC.fullmatch(value):
            mantissa, exponent = int(match[1]), int(match[2])
            if abs(exponent) <= MAX_EXPONENT:
                return Fraction(mantissa << max(exponent, 0), 1 << max(-exponent, 0))
        elif (match := _RATIONAL.fullmatch(value)) and int(match[2]):
            return Fraction(int(match[1]), int(match[2]))
    raise Unreadable(
        f"{where}: is {ascii(value)[:40]}, expected 0, mantissa*2^exponent or p/q of at most {MAX_DIGITS} characters"
    )


def sequence(value: Any, where: str, length: int) -> list[Fraction]:
    """``length`` exact numbers."""
    if not isinstance(value, list):
        raise Unreadable(f"{where}: expected a list")
    need(len(value) == length, f"{where}: has {len(value)} entries, expected {length}")
    return [exact(v, where) for v in value]


def matrix(value: Any, where: str, rows: int, columns: int) -> list[list[Fraction]]:
    """A matrix of exact numbers, row by row."""
    if not isinstance(value, list):
        raise Unreadable(f"{where}: expected a list of rows")
    need(len(value) == rows, f"{where}: has {len(value)} rows, expected {rows}")
    return [sequence(row, where, columns) for row in value]


def bounds(value: Any, where: str) -> tuple[Fraction, Fraction]:
    """Two exact numbers in order."""
    low, high = sequence(value, where, 2)
    need(low <= high, f"{where}: the lower bound is above the upper bound")
    return low, high
