"""Effective neurons: a network written with distinct neurons only, and the canonical forms this gives.

Two neurons with the same incoming weights act as one, whose output is the sum of theirs. With an identity
``σ(−z) = c − σ(z)`` so do neurons with opposite ones: ``a σ(−u·x) = c a − a σ(u·x)``, and ``a σ(0) = c a/2``. Exact
(docs/symmetry.md, section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from symmetry.network import Network, exact

ZERO = Fraction(0)
Vector = tuple[Fraction, ...]


class Place(NamedTuple):
    """Where a neuron went: ``w_i = sign · u``, ``u`` the vector of its class; sign 0 for ``w_i = 0``."""

    vector: Vector
    sign: int


def place(w: Vector, reflection: Fraction | None) -> Place:
    """The class of an incoming weight: itself, or with an identity the ``±w`` that leads with a positive entry."""
    leading = next((x for x in w if x), ZERO)
    if reflection is None or leading > 0:
        return Place(w, 1)
    return Place(tuple(-x for x in w), -1) if leading < 0 else Place(w, 0)


def effective(network: Network, reflection: Fraction | None) -> tuple[Fraction, dict[Vector, Fraction]]:
    """``K`` and the ``b_u`` of ``f(x) = K + Σ_u b_u σ(u·x)``, ``u`` pairwise different, with an identity up to sign.

    Vectors whose ``b_u`` is 0 are kept. Without an identity ``K`` is 0 and ``u = 0`` is a vector like any other.
    """
    constant, outputs = ZERO, dict[Vector, Fraction]()
    for w, a in zip(network.w, network.a, strict=True):
        vector, sign = place(tuple(w), reflection)
        if sign:
            outputs[vector] = outputs.get(vector, ZERO) + sign * a
        if reflection is not None and sign < 1:
            constant += reflection * a if sign else reflection * a / 2
    return constant, outputs


@dataclass(frozen=True)
class Reduction:
    """A network and the distinct neurons it amounts to: ``f(x) = constant + network(x)`` for every ``x``.

    Args:
        network: distinct neurons, with an identity also up to sign and non-zero; outputs that are not 0; sorted.
        constant: ``K``.
        members: for each neuron of ``network``, which neurons of the given one act as it.
        idle: the neurons that do not act: their class has output 0, or their ``w`` is 0.
    """

    network: Network
    constant: Fraction
    members: tuple[tuple[int, ...], ...]
    idle: tuple[int, ...]

    @property
    def width(self) -> int:
        """The number ``r`` of distinct effective neurons."""
        return len(self.members)


def reduce(network: Network, reflection: Fraction | None) -> Reduction:
    """The distinct effective neurons of ``network``.

    Idempotent; the same for all orders of the neurons and all ways to split one, and, but for the constant, for all
    flips of neurons (docs/symmetry.md, Proposition 1).

    Args:
        network: (m, d) and (m,), exact.
        reflection: ``c`` of the activation's identity, or ``None``.
    """
    constant, outputs = effective(network, reflection)
    kept = sorted(vector for vector, b in outputs.items() if b)
    classes = [place(tuple(w), reflection) for w in network.w]
    members = tuple(tuple(i for i, p in enumerate(classes) if p.sign and p.vector == u) for u in kept)
    acting = {i for group in members for i in group}
    w = exact(kept) if kept else exact(np.zeros((0, network.dimension)))
    return Reduction(
        Network(w, exact([outputs[u] for u in kept])),
        constant,
        members,
        tuple(i for i in range(network.width) if i not in acting),
    )


def canonical(network: Network) -> Network:
    """The same network with its neurons in increasing order: equal for networks that differ by a permutation."""
    rows = sorted((tuple(w), a) for w, a in zip(network.w, network.a, strict=True))
    return Network(exact([w for w, _ in rows]).reshape(network.w.shape), exact([a for _, a in rows]))
