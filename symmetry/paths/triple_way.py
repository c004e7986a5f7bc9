"""Three neurons that merge along a curve, on a piece of a path, up to infinity (docs/paths.md, section 4).

Their incoming weights lie on a parabola, ``w_i = w + p_i u + p_i² b``, at the *nodes* ``p_i``, ``Σ p_i = 0``; with
``c = Σa``, ``α = Σap``, ``μ = Σap²`` their output is the functional ``G ↦ Σ a_i G(p_i)`` of ``G(π) = σ(z + πs + π²y)``,
``s = u·x``, ``y = b·x``. In Newton's form

    g = c G[p_1] + (α − p_1 c) G[p_1,p_2] + (μ − (p_1 + p_2)α + p_1p_2 c) G[p_1,p_2,p_3],

and divided differences are means of derivatives of ``G``: nothing is divided by ``p``. At ``p = 0`` this is
``c σ + (v·x) σ' + (μ/2) s² σ''``, ``v = αu + μb``: the limit's, once ``μ = τ``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any, Self

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.infinity.groups import TAU, Group
from symmetry.lines import TOP, Expansion
from symmetry.network import Exact
from symmetry.objective import Data, SquareLoss
from symmetry.paths.ways import Course, Small, Stand
from symmetry.series import Rationals, about, composed, over, plus, scaled, times

Nodes = tuple[Rationals, Rationals, Rationals]


@dataclass(frozen=True)
class TripleWay:
    """The small coordinates ``(μ, α, p_1, p_2)`` of a triple on a piece, exact; ``p_3 = −p_1 − p_2``.

    Args:
        moments: the coefficients of ``c``, ``α``, ``μ``, of degree 2.
        nodes: of ``p_1, p_2, p_3``, of degree 1; these differ on the whole piece, but for its end at infinity.
        flipped: whether the last member is; then it releases the constant ``−a_3``.
        last: whether it comes from infinity, where ``p = 0``.
    """

    moments: tuple[Rationals, Rationals, Rationals]
    nodes: Nodes
    flipped: bool
    last: bool

    numbers = 4

    @staticmethod
    def share(start: Small, end: Small) -> Fraction:
        # h = (p_1² + p_2² + p_3²)/2 takes the place of ε²: of p = m + τδ with δ = ρm the share is ρ
        middle, change = ([(y + sign * x) / 2 for x, y in zip(start[2:], end[2:], strict=True)] for sign in (1, -1))
        size = _inner(middle, middle)
        return _inner(middle, change) / size if size else Fraction(0)

    @staticmethod
    def shrunk(group: Group, small: Small, share: Any) -> Small:
        (mu, alpha, p, q), tau = small, TAU[group.kind]
        return tau + (mu - tau) * share**2, alpha, p * share, q * share

    @classmethod
    def between(cls, group: Group, start: Stand, end: Stand, course: Course) -> Self | None:
        nodes = nodes_between(start.small, end.small, course)
        if nodes is None or not start.small[0] or not end.small[0]:
            return None
        ends = [(stand.block[-1], stand.small[1], stand.small[0]) for stand in (start, end)]
        c, alpha, mu = (list(course.blend(a, b)) for a, b in zip(*ends, strict=True))
        return cls((c, alpha, mu), nodes, group.flipped > 0, course.last)

    @staticmethod
    def inner(group: Group, stand: Stand) -> Exact:
        """``(w, b, u, c)``, ``b = (v − αu)/μ``, in the place of ``(w, v, u, c)``."""
        d, (mu, alpha, *_) = len(stand.block) // 3, stand.small
        out = stand.block.copy()
        out[d : 2 * d] = (out[d : 2 * d] - alpha * out[2 * d : 3 * d]) / mu
        return out

    def released(self) -> tuple[Rationals, Rationals]:
        numerator, denominator = self._output(2)
        return times([Fraction(-2)], numerator), denominator

    def _output(self, i: int) -> tuple[Rationals, Rationals]:
        """``a_i = (μ + αp_i + c p_j p_k)/((p_i − p_j)(p_i − p_k))``, as ``N``, ``D``."""
        c, alpha, mu = self.moments
        p, q, r = self.nodes[i], self.nodes[i - 1], self.nodes[i - 2]
        apart = [plus(p, times([Fraction(-1)], v)) for v in (q, r)]
        return plus(mu, times(alpha, p), times(c, q, r)), times(*apart)

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        activation = objective.problem.activation
        d = data.x.shape[1]
        z, y, s = ([ar.matmul(data.x, v[i : i + d].reshape(-1, 1)) for v in block] for i in (0, d, 2 * d))
        coefficients = self._at_infinity if self.last else self._at_finite
        return Expansion(coefficients(z, s, y, activation, ar), self._rest(z, s, y, activation, ar))

    def _at_finite(self, z: list[Any], s: list[Any], y: list[Any], activation: Activation, ar: Arithmetic) -> list[Any]:
        """``Σ a_i σ(z + p_i s + p_i² y)``, neuron by neuron."""
        total = [z[0] * 0] * (TOP + 1)
        for i, p in enumerate(self.nodes):
            parts = [[*z, *[z[0] * 0] * (TOP - 2)], scaled(s, p, TOP, ar), scaled(y, times(p, p), TOP, ar)]
            argument = [a + b + c for a, b, c in zip(*parts, strict=True)]
            sigma = composed(activation.jet(argument[0], TOP, ar), argument, TOP, ar)
            own = scaled(sigma, over(*self._output(i), TOP), TOP, ar)
            total = [a + b for a, b in zip(total, own, strict=True)]
        return total

    def _at_infinity(
        self, z: list[Any], s: list[Any], y: list[Any], activation: Activation, ar: Arithmetic
    ) -> list[Any]:
        """``Σ_k M_k g_k``, ``g_k = Σ_l σ^(k−l)(z) s^(k−2l) y^l/((k−2l)! l!)`` the coefficient of ``π^k`` in ``G``.

        ``M_k = Σ a_i p_i^k`` is of order ``τ^(k−2)``, and ``z``, ``s``, ``y`` have no linear term.
        """
        jet, nothing = activation.jet(z[0], TOP + 2, ar), z[0] * 0
        inner = [nothing, nothing, z[2]]
        total = [nothing] * (TOP + 1)
        for k, moment in enumerate(self._moments()):
            degree = TOP - max(k - 2, 0)
            for i in range(k // 2 + 1):
                order = k - i
                # σ^(order)(z) in τ: no more than degree/2 terms are needed
                known = [jet[order + m] if 2 * m <= degree else nothing for m in range(degree + 1)]
                part = composed(known, inner, degree, ar)
                for factor in [s] * (k - 2 * i) + [y] * i:
                    part = ar.convolve(part, factor, degree)
                share = Fraction(1, factorial(k - 2 * i) * factorial(i))
                own = scaled([*part, *[nothing] * (TOP - degree)], [share * v for v in moment], TOP, ar)
                total = [a + b for a, b in zip(total, own, strict=True)]
        return total

    def _moments(self) -> list[Rationals]:
        """``M_k`` in ``τ``, ``k ≤ K + 2``: ``M_(k+3) = −e_2 M_(k+1) + e_3 M_k``, ``M_0 = c, M_1 = α, M_2 = μ``."""
        p, q, r = self.nodes
        second, third = plus(times(p, q), times(p, r), times(q, r)), times(p, q, r)
        out = list(self.moments)
        for k in range(TOP):
            out.append(plus(times([Fraction(-1)], second, out[k + 1]), times(third, out[k])))
        return out

    def _rest(self, z: list[Any], s: list[Any], y: list[Any], activation: Activation, ar: Arithmetic) -> Any:
        """A bound of the coefficient of ``τ^(K+1)`` about any ``τ``.

        ``G[p_1,…]`` is a mean of derivatives at means of the nodes, whose coefficients are at most ``p̄``:
        ``G' = (s + 2πy) σ'``, ``G'' = (s + 2πy)² σ'' + 2y σ'``, and the mean of ``G''`` counts half.
        """
        top = TOP + 1
        reach = [max(abs(p[0]) + abs(p[1]) for p in self.nodes), max(abs(p[1]) for p in self.nodes)]
        c, alpha, mu = map(about, self.moments)
        z, s, y = about(z), about(s), about(y)
        nothing = z[0] * 0
        bend = scaled(y, times(reach, reach), top, ar)
        argument = [a + b for a, b in zip(scaled(s, reach, top, ar), bend, strict=True)]
        argument = [v + z[m] if m < 3 else v for m, v in enumerate(argument)]
        slope = [v + s[m] if m < 3 else v for m, v in enumerate(scaled(y, [2 * v for v in reach], top, ar))]
        sigma = []
        for k in range(3):
            bounds = [activation.sup(k + j) if k + j else Fraction(0) for j in range(top + 1)]
            sigma.append(composed([nothing + ar.number(v) for v in bounds], argument, top, ar))
        first = ar.convolve(slope, sigma[1], top)
        second = ar.convolve(ar.convolve(slope, slope, top), sigma[2], top)
        twice = ar.convolve([v * 2 for v in y], sigma[1], top)
        second = [(a + b) * ar.number(Fraction(1, 2)) for a, b in zip(second, twice, strict=True)]
        once = plus(alpha, times(reach, c))
        both = plus(mu, times(reach, alpha), times(reach, reach, c))
        parts = [scaled(v, w, top, ar)[top] for v, w in ((sigma[0], c), (first, once), (second, both))]
        return parts[0] + parts[1] + parts[2]


def nodes_between(start: Small, end: Small, course: Course) -> Nodes | None:
    """The coefficients of all three nodes, from those of two places; ``None`` where they meet before the end."""
    places = [(*small[2:], -sum(small[2:], Fraction(0))) for small in (start, end)]
    gaps = [[p[i] - p[j] for i, j in ((0, 1), (0, 2), (1, 2))] for p in places]
    if not (all(gaps[0]) and (course.last or all(a * b > 0 for a, b in zip(*gaps, strict=True)))):
        return None
    if course.last:
        first, second, third = ([Fraction(0), p] for p in places[0])
    else:
        first, second, third = ([(p + q) / 2, (q - p) / 2] for p, q in zip(*places, strict=True))
    return first, second, third


def _inner(p: Sequence[Fraction], q: Sequence[Fraction]) -> Fraction:
    """``Σ p_i q_i`` over three, of nodes given by two."""
    return p[0] * q[0] + p[1] * q[1] + (p[0] + p[1]) * (q[0] + q[1])
