"""Three neurons that merge, on a piece of a path in a chart, up to infinity.

Their incoming weights are ``w + p_i u + p_i² b`` at three *nodes* ``p_1, p_2, p_3 = −p_1 − p_2``, different ones:
through three points there is one such parabola. With ``c = Σa``, ``α = Σap``, ``μ = Σap²``

    a_i = (μ + αp_i + c p_j p_k)/((p_i − p_j)(p_i − p_k)),         Σ a_i σ(w_i·x) = Σ a_i G(p_i),
    G(π) = σ(z + πs + π²y),  z = w·x, s = u·x, y = b·x.

A place has ``(w, v, u, c)``, ``v = αu + μb``, among ``q``, and the small coordinates ``(μ, α, p_1, p_2)``; at infinity
``p = 0`` and ``μ = τ``. On a piece ``w, b, u, c, μ, α`` go as ``q`` does and ``p`` is linear in ``τ``.

**To infinity** ``p = τ p_start``. With ``M_k = Σ a_i p_i^k``, ``M_(k+3) = −e_2 M_(k+1) + e_3 M_k``, where
``e_2 = O(τ²)`` and ``e_3 = O(τ³)`` are the elementary symmetric functions of the nodes, the output is ``Σ_k M_k g_k``,

    g_k = Σ_i σ^(k−i)(z) s^(k−2i) y^i/((k−2i)! i!),

and ``M_k = O(τ^(k−2))``. As ``M_3 = O(τ²)``, it has no term of first order.

**The rest.** By Newton and Hermite–Genocchi the output is ``c G[p_1] + (α − p_1 c) G[p_1,p_2] + (μ + p_3 α + p_1 p_2 c)
G[p_1,p_2,p_3]``, and the divided differences are ``G``, the mean of ``G'`` and half the mean of ``G''`` at means of the
nodes, ``G' = (s + 2πy)σ'``, ``G'' = (s + 2πy)²σ'' + 2yσ'``. So its coefficients about any ``τ`` are bounded by those of
the same expression in bounds of the coefficients, with ``p̄`` in place of each node.

The last member may be flipped: it stands for its mirror image, and releases the constant ``−a_3``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial

from .loss import Data, Network, Vector
from .reading import need
from .series import (
    ORDER,
    Numbers,
    Series,
    about,
    add,
    bound,
    composed,
    fraction_series,
    multiply,
    product,
    times,
    total,
)
from .ways import Course, line

SMALL = 4
"""How many small coordinates a triple has, and a quintic group."""


def read_triple(members: Network, nodes: Numbers, whose: str = "triple") -> tuple[Numbers, Numbers]:
    """``(w, v, u, c)`` and ``(μ, α, p_1, p_2)`` of three neurons at two nodes and the third, by Lagrange's formula.

    Raises:
        Rejected: nodes that are equal.
    """
    p = [*nodes, -sum(nodes, Fraction(0))]
    need(len(set(p)) == 3, f"path.nodes: two nodes of a {whose} are equal")
    middle, u, b = ([Fraction(0)] * len(members[0][0]) for _ in range(3))
    for i, (w, _) in enumerate(members):
        s, t = p[i - 1], p[i - 2]
        # (π − s)(π − t)/((p_i − s)(p_i − t))
        below = (p[i] - s) * (p[i] - t)
        for vector, share in ((middle, s * t / below), (u, -(s + t) / below), (b, 1 / below)):
            for k, v in enumerate(w):
                vector[k] += share * v
    c, alpha, mu = (sum((a * x**k for (_, a), x in zip(members, p, strict=True)), Fraction(0)) for k in range(3))
    slope = [alpha * x + mu * y for x, y in zip(u, b, strict=True)]
    return [*middle, *slope, *u, c], [mu, alpha, *p[:2]]


def inner(block: Numbers, small: Numbers) -> Numbers:
    """``(w, b, u, c)`` from ``(w, v, u, c)``.

    Raises:
        Rejected: ``μ = 0``.
    """
    d, (mu, alpha) = len(block) // 3, small[:2]
    need(mu != 0, "path: μ of a triple is 0")
    bend = [(v - alpha * u) / mu for v, u in zip(block[d : 2 * d], block[2 * d : 3 * d], strict=True)]
    return [*block[:d], *bend, *block[2 * d :]]


def share(start: Numbers, end: Numbers) -> Fraction:
    """``(m·δ)/(m·m)`` for nodes ``m + τδ``, all three of them; 0 if ``m`` is."""
    first, second = (nodes(small) for small in (start, end))
    middle = [(p + q) / 2 for p, q in zip(first, second, strict=True)]
    square = sum((m * m for m in middle), Fraction(0))
    along = sum((m * (q - p) / 2 for m, p, q in zip(middle, first, second, strict=True)), Fraction(0))
    return along / square if square else Fraction(0)


def nodes(small: Numbers) -> Numbers:
    """All three."""
    return [small[2], small[3], -small[2] - small[3]]


def node_lines(start: Numbers, end: Numbers, course: Course, whose: str) -> list[Numbers]:
    """The coefficients of the three nodes.

    Raises:
        Rejected: nodes that meet before the end.
    """
    first, second = nodes(start), nodes(end)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        gaps = (first[i] - first[j], second[i] - second[j])
        need(gaps[0] * gaps[1] > 0 or (course.last and gaps[0] != 0), f"path: nodes of a {whose} meet")
    if course.last:
        return [[Fraction(0), p] for p in first]
    return [[(p + q) / 2, (q - p) / 2] for p, q in zip(first, second, strict=True)]


def triple(start: Numbers, end: Numbers, c: tuple[Fraction, Fraction], course: Course) -> Triple:
    """From the small coordinates and ``c`` of one place to those of the next.

    Raises:
        Rejected: nodes that meet before the end.
    """
    lines = node_lines(start, end, course, "triple")
    moments = [course.blend(*ends) for ends in (c, (start[1], end[1]), (start[0], end[0]))]
    return Triple(moments, lines, course.last)


@dataclass(frozen=True)
class Triple:
    """A triple on a piece: the coefficients of ``c, α, μ`` and of the nodes; whether it comes from infinity."""

    moments: list[Numbers]
    nodes: list[Numbers]
    last: bool

    def fraction(self, i: int) -> tuple[Numbers, Numbers]:
        """``a_i`` as ``N``, ``D``."""
        c, alpha, mu = self.moments
        p, q, r = self.nodes[i], self.nodes[i - 1], self.nodes[i - 2]
        away = [total(p, [-v for v in other]) for other in (q, r)]
        return total(mu, multiply(alpha, p), multiply(c, q, r)), multiply(*away)

    def released(self) -> tuple[Numbers, Numbers]:
        """Of a triple whose last member is flipped."""
        n, d = self.fraction(2)
        return [-2 * v for v in n], d

    def output(self, block: list[Numbers], data: Data) -> tuple[Series, Vector]:
        d = len(data.x)
        z, y, s = ([line(data, part[k : k + d]) for part in block] for k in (0, d, 2 * d))
        return (self._even if self.last else self._finite)(z, s, y, data), self._rest(z, s, y, data)

    def _finite(self, z: Series, s: Series, y: Series, data: Data) -> Series:
        """Neuron by neuron."""
        out: Series = [data.zero] * (ORDER + 1)
        for i, p in enumerate(self.nodes):
            argument = add(add(times(y, multiply(p, p), ORDER, data), times(s, p, ORDER, data)), z)
            sigma = composed(data.jet(argument[0], ORDER), argument, data)
            out = add(out, times(sigma, fraction_series(*self.fraction(i), ORDER), ORDER, data))
        return out

    def _even(self, z: Series, s: Series, y: Series, data: Data) -> Series:
        """``Σ_k M_k g_k``; ``z``, ``s``, ``y`` have no linear term."""
        p, q, r = self.nodes
        second, third = total(multiply(p, q), multiply(p, r), multiply(q, r)), multiply(p, q, r)
        moments = [*self.moments]
        for k in range(ORDER):
            moments.append(total(multiply([Fraction(-1)], second, moments[k + 1]), multiply(third, moments[k])))
        jet = data.jet(z[0], ORDER + 2)
        change = [data.zero, data.zero, z[2], *[data.zero] * ORDER]
        out: Series = [data.zero] * (ORDER + 1)
        for k, moment in enumerate(moments):
            degree = ORDER - max(k - 2, 0)
            g: Series = [data.zero] * (degree + 1)
            for i in range(k // 2 + 1):
                # (z − z_0)^j = O(τ^{2j}): to the degree asked for no derivative beyond σ^(7) is met
                known = [jet[k - i + j] if 2 * j <= degree else data.zero for j in range(degree + 1)]
                term = composed(known, change[: degree + 1], data, degree)
                for factor in [s] * (k - 2 * i) + [y] * i:
                    term = product(term, factor, degree, data)
                number = data.number(Fraction(1, factorial(k - 2 * i) * factorial(i)))
                g = add(g, [v * number for v in term])
            out = add(out, times(g, moment, ORDER, data))
        return out

    def _rest(self, z: Series, s: Series, y: Series, data: Data) -> Vector:
        top = ORDER + 1
        reach = [max(abs(p[k]) + (abs(p[1]) if k == 0 else 0) for p in self.nodes) for k in (0, 1)]
        c, alpha, mu = map(about, self.moments)
        z, s, y = about(z), about(s), about(y)
        filled = [data.zero] * (top + 1)
        argument = add(add(add(filled, times(y, multiply(reach, reach), top, data)), times(s, reach, top, data)), z)
        slope = add(add(filled, times(y, [2 * v for v in reach], top, data)), s)
        once = total(alpha, multiply(reach, c))
        both = total(mu, multiply(reach, alpha), multiply(reach, reach, c))
        half = data.number(Fraction(1, 2))
        first = add(times(slope, once, top, data), times(y, both, top, data))
        second = [v * half for v in times(product(slope, slope, top, data), both, top, data)]
        return bound([(0, [data.number(v) for v in c]), (1, first), (2, second)], argument, data)
