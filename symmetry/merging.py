"""How groups of neurons that merge are written, exactly, and read off (docs/infinity.md)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from symmetry.network import Exact

Floats = NDArray[np.float64]


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
