"""``erf`` and ``log(1 + v)`` in integers, with bounds of the error (docs/mathematics.md, Theorems 6c and 6d)."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=16)
def pi(w: int) -> int:
    """``P`` with ``|π − P/2^w| < 2^(16−w)``.

    ``π = 16 atan(1/5) − 4 atan(1/239)``, ``atan(1/m) = Σ (−1)^j/((2j+1) m^(2j+1))``. Every term is rounded down twice,
    so that J of them are off by at most 2J; what is left out adds up to less than 2.
    """
    out = 0
    for factor, m in ((16, 5), (-4, 239)):
        total, power, j = 0, (1 << w) // m, 0
        while power:
            total += (-power if j % 2 else power) // (2 * j + 1)
            power, j = power // m**2, j + 1
        if j > 1000:
            raise ValueError("the series of π is too long")  # not below 4600 bits
        out += factor * total
    return out


def erf(n: int, scale: int) -> tuple[int, int]:
    """A ball, in units ``2^−scale``, that holds ``erf x`` for ``x = n/2^scale``; ``scale ≥ 128``.

    ``erf x = (2/√π) Σ (−1)^j t_j/(2j+1)``, ``t_j = x^(2j+1)/j!``, ``x ≥ 0``. In units ``2^−w``, ``w = scale + g``,
    ``g = 2⌈3x²/2⌉ + 96``:

    * ``T_0 = t_0``, ``T_j = ⌊T_{j−1}⌊x²⌋/j⌋``: an error made at one j is multiplied by ``x²/i`` at each later i, in all
      by less than ``e^(x²)``; at each j it is at most ``t_{j−1}/j + 1 ≤ 2(1 + x) e^(x²)``. So ``|T_j − t_j| ≤
      2(j + 1)(1 + x) e^(2x²)``, and the sum of J terms is off by ``2J²(1 + x) e^(2x²) + J``;
    * from ``j ≥ x²`` on the terms decrease: what follows the first ``T_J = 0`` is at most ``t_J``, its error;
    * ``e^(2x²) < 2^(2⌈3x²/2⌉)``, ``J < 2^14``, ``x < 2^7``: all of it is below ``2^(g − 96 + 38)`` units, that is
      ``2^(−50)`` of ``2^−scale``;
    * ``2/√π`` is off by less than ``2^16`` units, the product and the shift by one each: ``2·2^−scale`` is enough.

    For ``x² ≥ 0.7·scale``: ``0 ≤ 1 − erf x ≤ e^(−x²) < 2^−scale``.
    """
    sign, n = (-1, -n) if n < 0 else (1, n)
    if 10 * n * n >= 7 * scale << 2 * scale:
        return sign << scale, 1
    g = 2 * (3 * n * n >> 2 * scale + 1) + 98
    w = scale + g
    x = n << g
    square, term, total, j = x * x >> w, x, x, 0
    while term or j << w < square:
        j += 1
        term = (term * square >> w) // j
        total += -(term // (2 * j + 1)) if j % 2 else term // (2 * j + 1)
    if j >= 1 << 14:
        raise ValueError("the series of erf is too long")  # not below a scale of 4000
    factor = math.isqrt((4 << 3 * w) // pi(w))
    return sign * (total * factor >> w + g), 2


def log1p(n: int, scale: int) -> tuple[int, int]:
    """A ball, in units ``2^−scale``, that holds ``log(1 + v)`` for ``v = n/2^scale``, ``0 ≤ v ≤ 1``.

    ``log(1 + v) = Σ 2 t^(2j+1)/(2j+1)``, ``t = v/(2 + v) ≤ 1/3``. In units ``2^−w``, ``w = scale + 16``, each term is
    off by less than 4, and those after the first that is 0 add up to less than 4.
    """
    w = scale + 16
    t = (n << 16 + w) // ((2 << w) + (n << 16))
    square, power, total, j = t * t >> w, t, 0, 0
    while power:
        total += 2 * power // (2 * j + 1)
        power, j = power * square >> w, j + 1
    if j > 4000:
        raise ValueError("the series of the logarithm is too long")  # not below a scale of 12 000
    return total >> 16, 2
