"""How groups of neurons that merge are written, exactly, and read off (docs/infinity.md)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import mpmath
import numpy as np
from numpy.typing import NDArray

from symmetry.network import Exact

Floats = NDArray[np.float64]

_PLACES = 200
"""The logarithm in an exact network of an exponential is met to so many binary places."""


def reciprocal(epsilon: Fraction) -> Fraction:
    """``1/ε``, exact.

    Raises:
        ValueError: 0.
    """
    if not epsilon:
        raise ValueError("a small coordinate is 0, expected another number: the limit itself is no finite network")
    return 1 / epsilon


def triple(limit: Exact, p1: Fraction, p2: Fraction, tau: int) -> tuple[Exact, Exact]:
    """Three neurons (3, d), (3,) with the moments of the limit ``(w, v, u, c)``.

    With ``v = αu + v⊥``:  ``Σa = c, Σap = α, Σap² = τ``;  ``w_i = w + p_i u + (γ_2 p_i² + γ_1 p_i) v⊥`` such that
    ``Σa(w_i − w) = v`` and the mixed moments vanish: ``γ_2 τ + γ_1 α = 1``, ``γ_1 τ + γ_2 Σap³ = 0``.

    Raises:
        ValueError: ``p`` with two equal numbers, ``u = 0``, or no such network.
    """
    d = len(limit) // 3
    middle, v, u, c = limit[:d], limit[d : 2 * d], limit[2 * d : 3 * d], limit[3 * d]
    p = [p1, p2, -p1 - p2]
    if len(set(p)) < 3 or not u @ u:
        raise ValueError(f"triple: p is {[str(x) for x in p]}, expected three different numbers, and u not 0")
    alpha = u @ v / (u @ u)
    outputs, places = [], []
    for i in range(3):
        s, t = p[i - 1], p[i - 2]
        outputs.append((tau - alpha * (s + t) + c * s * t) / ((p[i] - s) * (p[i] - t)))
    third = sum((b * x**3 for b, x in zip(outputs, p, strict=True)), Fraction(0))
    if tau == alpha * third / tau:
        raise ValueError("triple: there is no such network, take smaller p")
    gamma = 1 / (tau - alpha * third / tau)
    for x in p:
        places.append(middle + x * u + gamma * (x * x - third / tau * x) * (v - alpha * u))
    return np.array(places, dtype=object), np.array(outputs, dtype=object)


def read_triple(w: Floats, a: Floats, tau: int) -> tuple[Floats, float]:
    """The coordinates ``(w, v, u, c)`` of three merging neurons (3, d), (3,), up to ``O(ε²)``, and ``ε``; floats."""
    middle = w.mean(axis=0)
    delta = w - middle
    values, vectors = np.linalg.eigh((a[:, None] * delta).T @ delta)
    lead = int(np.argmax(tau * values))
    u = vectors[:, lead] * np.sqrt(max(tau * values[lead], 0.0))
    u *= np.sign(u[np.argmax(np.abs(u))])  # u and −u are the same limit
    p = delta @ u / max(float(u @ u), np.finfo(np.float64).tiny)
    return np.concatenate([middle, a @ delta, u, [a.sum()]]), float(np.sqrt((p @ p) / 2))


def on_parabola(w: Exact, a: Exact, nodes: Sequence[Fraction]) -> tuple[Exact, tuple[Fraction, ...]]:
    """Three neurons (3, d), (3,) as ``w_i = w + p_i u + p_i² b``, at two given nodes and the third, ``Σp = 0``; exact.

    Whatever the nodes, there is one such parabola.

    Returns:
        ``(w, v, u, c)`` with ``v = αu + μb``, and ``(μ, α, p_1, p_2)``: ``c = Σa``, ``α = Σap``, ``μ = Σap²``.

    Raises:
        ValueError: nodes of which two are equal.
    """
    p = [*nodes, -sum(nodes, Fraction(0))]
    if len(set(p)) < 3:
        raise ValueError(f"triple: the nodes are {[str(x) for x in p]}, expected three different numbers")
    # divided differences
    first, second = ((w[i + 1] - w[i]) / (p[i + 1] - p[i]) for i in (0, 1))
    bend = (second - first) / (p[2] - p[0])
    u = first - (p[0] + p[1]) * bend
    c, alpha, mu = (sum((x * q**k for x, q in zip(a, p, strict=True)), Fraction(0)) for k in range(3))
    middle = w[0] - p[0] * u - p[0] ** 2 * bend
    return np.concatenate([middle, alpha * u + mu * bend, u, [c]]), (mu, alpha, p[0], p[1])


def at_nodes(w: Exact, a: Exact, nodes: Sequence[Fraction]) -> tuple[Exact, Exact, tuple[Fraction, ...]]:
    """Three neurons (3, d), (3,) near zero at two given nodes and the third, ``Σp = 0``; exact.

    With ``w_i = w_0 + p_i u + p_i² w_2``, ``μ = Σap²``, ``α = Σap``:

    Returns:
        ``(g, u)``, ``g = μ w_0``; ``ℓ``, ``4ℓ = αu + μ w_2``; and ``(ν, α, p_1, p_2)``, ``ν = p_1p_2p_3 μ``.

    Raises:
        ValueError: nodes of which two are equal.
    """
    block, (mu, alpha, p, q) = on_parabola(w, a, nodes)
    d = w.shape[1]
    return (
        np.concatenate([mu * block[:d], block[2 * d : 3 * d]]),
        block[d : 2 * d] / 4,
        (-p * q * (p + q) * mu, alpha, p, q),
    )


def cubic(u: Exact, linear: Exact, p1: Fraction, p2: Fraction) -> tuple[Exact, Exact]:
    """Two neurons (2, d), (2,) near zero with ``Σaw = 4ℓ`` and ``Σap³ = 1``, ``Σap²w = u``.

    With ``4ℓ = αu + ℓ⊥``:  ``a_i = (1 − αp_j²)/(p_i(p_i² − p_j²))``, ``w_i = p_i (u − p_j² ℓ⊥/(1 − αp_j²))``.

    Raises:
        ValueError: ``p`` with equal or opposite numbers or 0, ``u = 0``, or no such network.
    """
    if not p1 * p2 * (p1 * p1 - p2 * p2) or not u @ u:
        raise ValueError(f"cubic: p is {p1}, {p2}, expected different numbers, none 0, of sum not 0, and u not 0")
    slope = 4 * linear
    alpha = u @ slope / (u @ u)
    across = slope - alpha * u
    outputs, places = [], []
    for p, square in ((p1, p2 * p2), (p2, p1 * p1)):
        left = 1 - alpha * square
        if not left:
            raise ValueError("cubic: there is no such network, take smaller p")
        outputs.append(left / (p * (p * p - square)))
        places.append(p * (u - square / left * across))
    return np.array(places, dtype=object), np.array(outputs, dtype=object)


def read_cubic(w: Floats, a: Floats) -> tuple[Floats, float]:
    """``u`` of two neurons (2, d), (2,) near zero, ``Σa(w·u)²w = |u|⁴u``, and ``ε``; floats.

    The direction by powers of ``v ↦ Σa(w·v)²w``: near the limit, ``(u·v)²u``, it is reached at once.
    """
    lead = np.linalg.svd(w)[2][0]
    for _ in range(100):
        found = (a * (w @ lead) ** 2) @ w
        last, lead = lead, found / np.linalg.norm(found)
        if np.linalg.norm(lead - last) < 1e-15:
            break
    u = float(np.cbrt(a @ (w @ lead) ** 3)) * lead
    p = w @ u / (u @ u)
    return u, float(np.sqrt(p @ p))


_PRECISION = 256
_CLOSE = Fraction(1, 2**200)


def quintic(limit: Exact, affine: Exact, p1: Fraction, p2: Fraction) -> tuple[Exact, Exact]:
    """Three neurons (3, d), (3,) near zero whose moments are those of the limit ``(g, u)``, ``(K, ℓ)``.

    With ``g = βu + g⊥``, ``4ℓ = αu + ℓ⊥``:  ``Σa = 2K, Σap = α, Σap² = T, Σap³ = 3β, Σap⁵ = 1`` determine ``a``,
    ``p_3`` and ``T``;  ``w_i = p_i u + γ_0 + γ_2 p_i²`` such that ``Σaw = 4ℓ`` and the part of ``Σap²w`` across ``u``
    is ``g⊥``.
    All exact but ``Σap⁵``, which is 1 up to ``2^-200``.

    Raises:
        ValueError: ``p`` with equal numbers or 0, ``u = 0``, or no such network.
    """
    d = len(limit) // 2
    g, u, total, slope = limit[:d], limit[d:], 2 * affine[0], 4 * affine[1:]
    if p1 == p2 or not p1 * p2 * (p1 + p2) or not u @ u:
        raise ValueError(f"quintic: p is {p1}, {p2}, expected different numbers, none 0, of sum not 0, and u not 0")
    beta, alpha = (u @ v / (u @ u) for v in (g, slope))
    square = -1 / (p1 * p2 * (p1 + p2))
    for _ in range(_PRECISION):
        # Σap³ = T e_1 − α e_2 + Σa e_3 = 3β is linear in p_3
        pivot = square - alpha * (p1 + p2) + total * p1 * p2
        if not pivot:
            break
        p3 = (3 * beta - square * (p1 + p2) + alpha * p1 * p2) / pivot
        e1, e2, e3 = p1 + p2 + p3, p1 * p2 + (p1 + p2) * p3, p1 * p2 * p3
        fourth = 3 * beta * e1 - square * e2 + alpha * e3
        fifth = e1 * fourth - 3 * beta * e2 + square * e3
        if abs(fifth - 1) < _CLOSE and len({p1, p2, p3}) == 3:
            break
        if not e3:
            raise ValueError("quintic: there is no such network, take smaller p")
        square = Fraction(round((square + (1 - fifth) / e3) * 2**_PRECISION), 2**_PRECISION)
    else:
        raise ValueError("quintic: there is no such network, take smaller p")
    across_g, across_l = g - beta * u, slope - alpha * u
    scale = 1 / (square * square - total * fourth)
    bend = scale * (square * across_l - total * across_g)
    shift = scale * (square * across_g - fourth * across_l)
    outputs, places = [], []
    for p, s, t in ((p1, p2, p3), (p2, p1, p3), (p3, p1, p2)):
        outputs.append((square - alpha * (s + t) + total * s * t) / ((p - s) * (p - t)))
        places.append(p * u + shift + p * p * bend)
    return np.array(places, dtype=object), np.array(outputs, dtype=object)


def read_quintic(w: Floats, a: Floats) -> tuple[Floats, float]:
    """The inverse of :func:`quintic`: ``(g, u)`` of three neurons near zero, and ``ε``; floats.

    ``u`` has the direction in which what is across has no linear term in ``p``, and the length that makes ``Σap⁵ = 1``.
    """
    lead = _straight(w)
    fifth = float(a @ (w @ lead) ** 5)
    length = abs(fifth) ** 0.2
    lead *= np.sign(fifth)
    p = w @ lead / length
    across = w - length * np.outer(p, lead)
    g = float(a @ p**3) / 3 * length * lead + (a * p * p) @ across
    return np.concatenate([g, length * lead]), float(np.sqrt((p @ p) / 2))


def quintic_nodes(w: Floats, a: Floats) -> Floats:
    """Nodes (3,) of three neurons near zero: where they are along ``u``, with ``Σp = 0`` and ``p_1p_2p_3 Σap² = 1``."""
    p = w @ _straight(w)
    p -= p.mean()
    moment = float(np.prod(p) * (a @ (p * p)))
    return np.asarray(p / np.sign(moment) / abs(moment) ** 0.2)


def _straight(w: Floats) -> Floats:
    """The direction (d,) near that of three neurons in which what is across has no linear term."""
    lead = np.linalg.svd(w)[2][0]
    for _ in range(100):
        places = w @ lead
        across = w - np.outer(places, lead)
        slope = np.linalg.solve(np.vander(places), across)[1]
        lead = lead + slope
        lead /= np.linalg.norm(lead)
        if np.linalg.norm(slope) < 1e-15:
            break
    return np.asarray(lead)


def read_exponential(w: Floats, a: float) -> tuple[Floats, float]:
    """``ω`` (d,) and ``ε`` of the neuron ``w`` (d,), ``a``, in floating point."""
    out = w.copy()
    out[-1] += np.log(abs(a))
    return out, float(abs(a) ** -0.5)


def exponential(omega: Exact, eps: Fraction, sign: int) -> tuple[Exact, Fraction]:
    """The neuron ``w`` (d,), ``a`` at a point of the chart; ``log ε²`` is met up to ``2^−200``, all else exactly."""
    size = 1 / eps**2
    with mpmath.workprec(2 * _PLACES):
        log = mpmath.log(mpmath.mpf(size.numerator) / size.denominator)
        places = int(mpmath.nint(log * mpmath.mpf(2) ** _PLACES))
    w = omega.copy()
    w[-1] -= Fraction(places, 2**_PLACES)
    return w, sign * size
