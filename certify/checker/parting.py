"""Copies in a diverging group that are near each other, and not together: bounds of what that changes.

Copies of a member of a pair are at ``w ± εu + s y_i``, ``s = ε²``, those of a neuron near zero at ``4ε(ℓ + y_i)``.
Their shares ``β`` are any positive numbers with sum 1, and ``Σ β_i y_i = 0``, so that nothing is of first order in
``y``. Of second order, with ``M`` half a mean of ``σ''``, and ``D_2`` a mean of ``X σ'''``,

    G = ½(c s² ± ε s) Σ β_i (y_i·x)² M            G = Σ β_i (4y_i·x)² s D_2/2.

Bounds of ``G`` and its derivatives, ``β`` and ``y`` held, are added to the errors of the functions in ``valley.py``
(docs/infinity.md, Lemma 37).
"""

from __future__ import annotations

from fractions import Fraction

from .loss import Data, Vector


def copies_apart(rho: Vector, x: Vector, c: Vector, e: Fraction, data: Data) -> dict[str, Vector]:
    """By the names of the functions of a pair; bounds of ``|y_i·x|``, ``|X|``, ``|c|``, ``|ε|``; the first by input."""
    s, bounds, number = e * e, data.activation.bounds, data.number
    two, three, four = (rho * rho * number(bounds[k - 1] / 2) for k in (2, 3, 4))
    amplitude = data.zero + (c * number(s * s / 2) + number(e * s / 2))
    # a quarter of c ε³ + ε²: the amplitude over 2ε
    quarter = data.zero + (c * number(e * s / 4) + number(s / 4))
    # ½(c ε⁴ + ε³) differentiated, over 2ε
    grown = data.zero + (c * number(s) + number(e * 3 / 4))
    return {
        "f": amplitude * two,
        "c": two * number(s * s / 2),
        "z": amplitude * three,
        "X": amplitude * three * number(e),
        "zz": amplitude * four,
        "zX": amplitude * four * number(e),
        "XX": amplitude * four * number(s),
        "cz": three * number(s * s / 2),
        "cX": three * number(s * s * e / 2),
        "s": grown * two + quarter * three * (x + rho * number(e * 2 / 3)),
    }


def zeros_apart(rho: Vector, x: Vector, e: Fraction, data: Data) -> dict[str, Vector]:
    """The same of a neuron near zero; bounds of ``|4y_i·x|``, ``|X|`` and ``|ε|``."""
    s, bounds, number, far = e * e, data.activation.bounds, data.number, x + rho
    three, four, five = (rho * rho * number(bounds[k - 1] / 2) for k in (3, 4, 5))
    return {
        "f": far * three * number(s),
        "X": three * number(s),
        "XX": far * five * number(s * s),
        "s": far * three + far * far * four * number(e / 4),
    }
