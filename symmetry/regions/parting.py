"""What copies that are near each other, and not together, add to a pair or to a neuron near zero; bounds of it.

Copies of a member of a pair are at ``w ± εu + s y_i``, ``s = ε²``, with outputs ``β_i (c ± 1/ε)/2``, ``β > 0``, ``Σ β_i
= 1``, ``Σ β_i y_i = 0``. Terms of first order in ``y`` cancel, and with ``z, X`` as in :mod:`symmetry.regions.valley`
the output is that of the pair plus

    G = ½(c s² ± ε s) Σ β_i (y_i·x)² ∫_0^1 (1 − t) σ''(z ± εX + t s y_i·x) dt.

Neurons near zero at ``4ε(ℓ + y_i)`` with outputs ``β_i/ε`` add ``Σ β_i Y_i² ∫_0^1 (1 − t) s D_2(X + tY_i) dt``, ``Y_i =
4y_i·x``, with the ``D_2`` of ``z = 0``. Derivatives are taken with ``β`` and ``y`` held (docs/infinity.md, Lemma 37).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic

_HALF = Fraction(1, 2)


def copies_apart(rho: Any, x: Any, c: Any, e: Fraction, activation: Activation, ar: Arithmetic) -> dict[str, Any]:
    """Bounds of ``G`` of a pair and of its derivatives, by the names of the functions of a pair.

    Args:
        rho: (N, 1), of ``|y_i·x|``.
        x: (N, 1), of ``|X|``.
        c: (1,), of ``|c|``.
        e: of ``|ε|``, exact.
        activation: with bounds of its derivatives.
        ar: where to compute.
    """
    s, half = e * e, rho * rho * ar.number(_HALF)
    second, third, fourth = (half * ar.number(activation.sup(k)) for k in (2, 3, 4))
    share = c * ar.number(s * s * _HALF) + ar.number(e * s * _HALF)
    # 1/2ε times the derivative by ε of c s² + ε s, halved; then that of the argument, (X + 2tε y·x)
    grows = (c * ar.number(s) + ar.number(e * Fraction(3, 4))) * second
    turns = (x * ar.number(_HALF) + rho * ar.number(e / 3)) * third
    return {
        "": second * share,
        "c": second * ar.number(s * s * _HALF),
        "z": third * share,
        "X": third * share * ar.number(e),
        "zz": fourth * share,
        "zX": fourth * share * ar.number(e),
        "XX": fourth * share * ar.number(s),
        "cz": third * ar.number(s * s * _HALF),
        "cX": third * ar.number(s * s * e * _HALF),
        "s": grows + turns * (c * ar.number(e * s * _HALF) + ar.number(s * _HALF)),
    }


def zeros_apart(rho: Any, x: Any, e: Fraction, activation: Activation, ar: Arithmetic) -> dict[str, Any]:
    """The same of neurons near zero, ``ρ`` a bound of ``|4y_i·x|``."""
    far, s, half = x + rho, e * e, rho * rho * ar.number(_HALF)
    third, fourth, fifth = (half * ar.number(activation.sup(k)) for k in (3, 4, 5))
    return {
        "": far * third * ar.number(s),
        "X": third * ar.number(s),
        "XX": far * fifth * ar.number(s * s),
        "s": far * third + far * far * fourth * ar.number(e / 4),
    }
