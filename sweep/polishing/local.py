"""Residuals in local coordinates about an exact point of a stratum, to a relative precision.

Where ``k`` neurons coincide, the residual may vanish to any order in their distances: linear terms cancel if
``Σ a_i ω_i = 0``, quadratic ones if ``Σ a_i ω_i ω_iᵀ = 0`` as well (outputs of both signs), and so on. In float64
parameters such a cancellation leaves ``eps`` times the uncancelled terms. Here the sums that have to cancel *are*
coordinates.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.network import Exact, Layout, Network

Floats = NDArray[np.float64]

_TAYLOR = 2.0**-8
"""Up to this ``|h|`` increments ``σ(z + h) − σ(z) − …`` are Taylor polynomials: their remainder is below 1e-16."""


@dataclass(frozen=True)
class Group:
    """Neurons that coincide, up to sign, seen from the one with the largest output.

    Args:
        pivot: that neuron.
        others: the others.
        signs: ``ς_i``: ``w_i = ς_i w_pivot``, for each of ``others``; 1 for vanishing neurons.
        ratios: ``ρ_i = a_i/a_pivot``, exact (0 where all outputs are 0).
    """

    pivot: int
    others: tuple[int, ...]
    signs: tuple[int, ...]
    ratios: Exact


def groups_of(network: Network, *, mirrored: bool) -> list[Group]:
    """The groups of equal incoming weights, decided exactly; of opposite ones, too, if ``mirrored``."""
    classes: defaultdict[tuple[Fraction, ...], list[tuple[int, int]]] = defaultdict(list)
    for i, w in enumerate(network.w):
        sign = -1 if mirrored and next((x for x in w if x), 0) < 0 else 1
        classes[tuple(sign * w)].append((i, sign))
    groups = []
    for members in classes.values():
        pivot, frame = max(members, key=lambda member: abs(network.a[member[0]]))
        others = [(i, sign * frame) for i, sign in members if i != pivot]
        outputs = network.a[[i for i, _ in others]]
        ratios = outputs / network.a[pivot] if network.a[pivot] else outputs
        groups.append(Group(pivot, tuple(i for i, _ in others), tuple(sign for _, sign in others), ratios))
    return groups


class LocalSystem:
    """The residuals of ``θ_0 + δ``, ``δ = (ω, α)``, where ``θ_0 = (w, a)`` has residual 0, as functions of ``ξ``.

    ``ξ`` is laid out like ``δ``. It has the same entries, except that a group's pivot ``p`` holds its first moments,

        ω̄ = Σ_i ρ_i ω_i,   c̄ = Σ_i ς_i α_i      (sums over the group, ρ_p = ς_p = 1)

    With ``z = w_p·x``, ``h_i = ω_i·x``, ``τ = σ − c/2`` (odd, if ``σ(−z) = c − σ(z)``; else all ``ς = 1``, ``τ = σ``)
    and ``R(z; h) = σ(z + h) − σ(z) − σ'(z) h`` a group adds to the residual at ``x``

        c̄ τ(z) + (a_p ω̄·x + Σ α_i h_i) σ'(z) + Σ (a_i + α_i) ς_i R(z; ς_i h_i)  +  (c/2) Σ α_i .

    Scaled and folded like :func:`sweep.polishing.gauss_newton.residual_jacobian`, so that ``‖r‖²`` is the loss.
    """

    def __init__(self, data: KernelData, base: Network):
        self.activation = activation(data.activation)
        self.groups = groups_of(base, mirrored=self.activation.reflection is not None)
        self.layout = Layout.neurons(base.width, base.dimension)
        self.scale = float(np.sqrt(data.weight / data.count))
        self.x = data.x[:, : data.kept]
        self.folded_shift = data.shift
        self.shift = float(self.activation.reflection or 0) / 2
        self.a = base.a.astype(np.float64)
        self.z = np.empty((base.width, data.kept))
        self.sign = np.ones((base.width, 1))
        for group in self.groups:
            self.z[[group.pivot, *group.others]] = base.w[group.pivot].astype(np.float64) @ self.x
            self.sign[list(group.others), 0] = group.signs
        self.jet = self.activation.jet(self.z, 5, Float64())

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Which ``ξ`` residuals are not linear in, (P,): all but the moments; also ``ω̄`` where ``a_p = 0``."""
        pivots = np.isin(np.arange(len(self.a)), [group.pivot for group in self.groups])
        w, a = np.ones((len(self.a), len(self.x)), dtype=bool), ~pivots
        w[pivots & (self.a != 0)] = False
        return np.asarray(self.layout.pack(w=w, a=a))

    # ------------------------------------------------------------------ coordinates

    def coordinates(self, delta: Exact) -> Floats:
        """``ξ`` (P,) of an exact displacement ``δ`` (P,), rounded."""
        blocks = self.layout.unpack(delta)
        omega, alpha = blocks["w"].copy(), blocks["a"].copy()
        for group in self.groups:
            for i, sign, ratio in zip(group.others, group.signs, group.ratios, strict=True):
                omega[group.pivot] = omega[group.pivot] + ratio * omega[i]
                alpha[group.pivot] = alpha[group.pivot] + sign * alpha[i]
        return np.asarray(self.layout.pack(w=omega, a=alpha), dtype=np.float64)

    def displacement(self, xi: Any) -> Any:
        """``δ`` (P,) of ``ξ`` (P,): exact for fractions, rounded for float64."""
        blocks = self.layout.unpack(xi)
        omega, alpha = blocks["w"].copy(), blocks["a"].copy()
        for group in self.groups:
            ratios = group.ratios if xi.dtype == object else group.ratios.astype(np.float64)
            for i, sign, ratio in zip(group.others, group.signs, ratios, strict=True):
                omega[group.pivot] = omega[group.pivot] - ratio * omega[i]
                alpha[group.pivot] = alpha[group.pivot] - sign * alpha[i]
        return self.layout.pack(w=omega, a=alpha)

    # ------------------------------------------------------------------ residual and Jacobian

    def _remainder(self, h: Floats, order: int) -> Floats:
        """``R(z; h)`` for order 0, ``∂R/∂h = σ'(z + h) − σ'(z)`` for order 1."""
        out = np.zeros_like(h)
        for k in range(5, 1, -1):
            out = h * out + self.jet[k] / factorial(k - order)
        out *= h ** (2 - order)
        large = np.abs(h) > _TAYLOR
        if large.any():
            z, step = self.z[large], h[large]
            exact = self.activation.jet(z + step, order, Float64())[order] - self.jet[order][large]
            out[large] = exact if order == 1 else exact - self.jet[1][large] * step
        return out

    def residual(self, xi: Floats) -> Floats:
        """The residuals (K + 1,)."""
        delta = self.layout.unpack(self.displacement(xi))
        alpha, h = delta["a"], delta["w"] @ self.x
        r = ((self.a + alpha)[:, None] * self.sign * self._remainder(self.sign * h, 0)).sum(axis=0)
        r += (alpha[:, None] * h * self.jet[1]).sum(axis=0)
        moments = self.layout.unpack(xi)
        for group in self.groups:
            p = group.pivot
            r += moments["a"][p] * (self.jet[0][p] - self.shift)
            r += self.a[p] * (moments["w"][p] @ self.x) * self.jet[1][p]
        total = alpha.sum()
        return np.append(self.scale * (r + (self.shift - self.folded_shift) * total), self.folded_shift * total)

    def linearise(self, xi: Floats) -> tuple[Floats, Floats]:
        """The residuals and their Jacobian (K + 1, P).

        Columns, with ``g_i = α_i σ' + (a_i + α_i) ∂R/∂h(z; ς_i h_i)`` and ``e_i = σ' h_i + ς_i R(z; ς_i h_i)``:
        ``ω_i``: ``(g_i − ρ_i g_p) x``; ``ω̄``: ``(a_p σ' + g_p) x``; ``α_i``: ``e_i − ς_i e_p``; ``c̄``: ``τ + e_p``.
        """
        delta = self.layout.unpack(self.displacement(xi))
        alpha, h = delta["a"][:, None], delta["w"] @ self.x
        slope = self.jet[1]
        g = alpha * slope + (self.a[:, None] + alpha) * self._remainder(self.sign * h, 1)
        e = slope * h + self.sign * self._remainder(self.sign * h, 0)
        total = np.ones(len(self.a))  # ∂(Σ α_i)
        for group in self.groups:
            p = group.pivot
            for i, sign, ratio in zip(group.others, group.signs, group.ratios, strict=True):
                g[i] -= float(ratio) * g[p]
                e[i] -= sign * e[p]
                total[i] -= sign
            g[p] += self.a[p] * slope[p]
            e[p] += self.jet[0][p] - self.shift
        inner = self.layout.slices()["a"].start
        jacobian = np.zeros((self.x.shape[1] + 1, len(xi)))
        jacobian[:-1, :inner] = self.scale * (g[:, None, :] * self.x).reshape(inner, -1).T
        jacobian[:-1, inner:] = self.scale * (e + ((self.shift - self.folded_shift) * total)[:, None]).T
        jacobian[-1, inner:] = self.folded_shift * total
        return self.residual(xi), jacobian
