"""Three neurons near zero on a piece of a path, up to infinity (docs/paths.md, section 4).

With the *nodes* ``p_1, p_2, p_3``, ``Σ p_i = 0``, none of them 0, ``e_2, e_3`` their elementary symmetric functions,

    w_i = p_i u + e_3 (b + p_i² c),      Σa = 2K,  Σap = α,  Σap² = ν/e_3;       g = νb,  4ℓ = αu + νc.

Their output is ``K + Σ a_i φ(w_i·x)``, ``φ = σ − ½`` odd. With ``s = u·x``, ``η(π) = b·x + π² c·x`` and

    φ(πs) = πΓ(π²),      φ(πs + e_3 η) = φ(πs) + e_3 V(π),      V = η ∫_0^1 φ'(πs + h e_3 η) dh,

the divided difference of an odd function at the nodes has the factor ``e_3``, ``(πΓ(π²))[p_1,p_2,p_3] =
e_3 Γ[p_1²,p_2²,p_3²]``, and so

    Σ a_i φ(w_i·x) = ν Γ[p_1²,p_2²,p_3²] + α (πφ(πs))[p_1,p_2,p_3] + 2K e_3 Γ(π²)[p_1,p_2,p_3]
                   + 2K e_3 V[p_1] + e_3 (α − 2K p_1) V[p_1,p_2] + (ν + e_3 p_3 α + 2K e_3 p_1p_2) V[p_1,p_2,p_3],

where nothing is divided by ``p``. At ``p = 0, ν = 1`` this is ``ℓ·x + (σ^(3)/2) s² (g·x) + (σ^(5)/120) s⁵``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic, Float64
from symmetry.infinity.groups import Group
from symmetry.lines import TOP, Expansion
from symmetry.network import Exact
from symmetry.objective import Data, SquareLoss
from symmetry.paths.triple_way import Nodes, TripleWay, nodes_between
from symmetry.paths.ways import Course, Small, Stand
from symmetry.series import Rationals, about, composed, over, plus, scaled, times

Floats = NDArray[np.float64]

_DEGREES = range(1, TOP + 5, 2)
"""Powers of ``w·x`` that have terms up to ``τ^K``, as ``a`` is of order ``τ^−5``."""


def _odd(count: int) -> Rationals:
    """``|c_0|, |c_1|, …`` of ``σ − ½ = Σ c_k z^(2k+1)``; signs alternate: from ``φ' = ¼ − φ²``."""
    out = [Fraction(1, 4)]
    for k in range(1, count):
        out.append(sum((out[i] * out[k - 1 - i] for i in range(k)), Fraction(0)) / (2 * k + 1))
    return out


_COEFFICIENTS = _odd(TOP + 4)
"""``Γ(q) = s κ(q s²)``, and ``|κ^(k)| ≤ k! |c_k|`` at all positive numbers."""


@dataclass(frozen=True)
class QuinticWay:
    """The small coordinates ``(ν, α, p_1, p_2)`` of the group on a piece, exact.

    Args:
        moments: the coefficients of ``2K``, ``α``, ``ν``, of degree 2.
        nodes: of ``p_1, p_2, p_3``, of degree 1; they differ, and none is 0, but at the end at infinity.
        last: whether it comes from infinity, where ``p = 0``.
    """

    moments: tuple[Rationals, Rationals, Rationals]
    nodes: Nodes
    last: bool

    numbers = 4

    @staticmethod
    def share(start: Small, end: Small) -> Fraction:
        return TripleWay.share(start, end)

    @staticmethod
    def shrunk(group: Group, small: Small, share: Any) -> Small:
        nu, alpha, p, q = small
        return 1 + (nu - 1) * share**2, alpha, p * share, q * share

    @classmethod
    def between(cls, group: Group, start: Stand, end: Stand, course: Course) -> Self | None:
        nodes = nodes_between(start.small, end.small, course)
        places = [(*stand.small[2:], -sum(stand.small[2:], Fraction(0))) for stand in (start, end)]
        away = all(places[0]) and (course.last or all(p * q > 0 for p, q in zip(*places, strict=True)))
        if nodes is None or not away or not start.small[0] or not end.small[0]:
            return None
        constant = 2 * len(start.block) // 3  # (g, u, K, ℓ) are 3d + 1 numbers
        ends = [(2 * stand.block[constant], stand.small[1], stand.small[0]) for stand in (start, end)]
        total, alpha, nu = (list(course.blend(a, b)) for a, b in zip(*ends, strict=True))
        return cls((total, alpha, nu), nodes, course.last)

    @staticmethod
    def inner(group: Group, stand: Stand) -> Exact:
        """``(b, u, K, c)`` in the place of ``(g, u, K, ℓ)``."""
        d, (nu, alpha, *_) = len(stand.block) // 3, stand.small
        out = stand.block.copy()
        out[:d] = out[:d] / nu
        out[2 * d + 1 :] = (4 * out[2 * d + 1 :] - alpha * out[d : 2 * d]) / nu
        return out

    def released(self) -> tuple[Rationals, Rationals]:
        return [Fraction(0)], [Fraction(1)]

    @property
    def _symmetric(self) -> tuple[Rationals, Rationals]:
        """``e_2``, ``e_3``."""
        p, q, r = self.nodes
        return plus(times(p, q), times(p, r), times(q, r)), times(p, q, r)

    def _output(self, i: int) -> tuple[Rationals, Rationals]:
        """``a_i = (ν + e_3 (αp_i + 2K p_j p_k))/(e_3 (p_i − p_j)(p_i − p_k))``, as ``N``, ``D``."""
        total, alpha, nu = self.moments
        p, q, r = self.nodes[i], self.nodes[i - 1], self.nodes[i - 2]
        apart = [plus(p, times([Fraction(-1)], v)) for v in (q, r)]
        third = self._symmetric[1]
        return plus(nu, times(third, plus(times(alpha, p), times(total, q, r)))), times(third, *apart)

    def expand(self, block: Sequence[Any], data: Data, objective: SquareLoss, ar: Arithmetic) -> Expansion | None:
        d, activation = data.x.shape[1], objective.problem.activation
        b, s, c = ([ar.matmul(data.x, v[i : i + d].reshape(-1, 1)) for v in block] for i in (0, d, 2 * d + 1))
        coefficients = self._at_infinity(b, s, c, ar) if self.last else self._at_finite(b, s, c, activation, ar)
        return Expansion(coefficients, self._rest(b, s, c, activation, ar))

    def _at_finite(self, b: list[Any], s: list[Any], c: list[Any], activation: Activation, ar: Arithmetic) -> list[Any]:
        """``Σ a_i σ(p_i s + e_3 (b·x + p_i² c·x))``, neuron by neuron."""
        total, third = [b[0] * 0] * (TOP + 1), self._symmetric[1]
        for i, p in enumerate(self.nodes):
            parts = [scaled(v, n, TOP, ar) for v, n in ((s, p), (b, third), (c, times(third, p, p)))]
            argument = [x + y + z for x, y, z in zip(*parts, strict=True)]
            sigma = composed(activation.jet(argument[0], TOP, ar), argument, TOP, ar)
            own = scaled(sigma, over(*self._output(i), TOP), TOP, ar)
            total = [x + y for x, y in zip(total, own, strict=True)]
        return total

    def _at_infinity(self, b: list[Any], s: list[Any], c: list[Any], ar: Arithmetic) -> list[Any]:
        """``K + Σ_k c_k (s^k M_k + k s^(k−1) (b·x N_(k−1) + c·x N_(k+1)))``, ``k`` odd.

        ``M_k = Σ a_i p_i^k`` and ``N_k = e_3 M_k`` are polynomials in ``τ``: ``N_2 = ν``, ``M_(k+3) = −e_2 M_(k+1) +
        N_k``. Of ``(w·x)^k`` the other products are of the sixth order at least.
        """
        nothing, half = b[0] * 0, Fraction(1, 2)
        constant = [nothing + ar.number(v * half) for v in self.moments[0]]
        total = [*constant, *[nothing] * (TOP - 2)]
        odd, even = self._moments()
        power = [nothing + 1, *[nothing] * TOP]  # s^(k−1)
        for k in _DEGREES:
            size = _COEFFICIENTS[k // 2] * (-1) ** (k // 2)
            parts = [(s, [size * v for v in odd[k]])]
            parts += [(v, [size * k * n for n in even[m]]) for v, m in ((b, k - 1), (c, k + 1))]
            for factor, numbers in parts:
                own = scaled(ar.convolve(power, factor, TOP), numbers, TOP, ar)
                total = [x + y for x, y in zip(total, own, strict=True)]
            power = ar.convolve(ar.convolve(power, s, TOP), s, TOP)
        return total

    def _moments(self) -> tuple[dict[int, Rationals], dict[int, Rationals]]:
        """``M_k`` for odd and ``N_k`` for even ``k``, up to those that :meth:`_at_infinity` asks for."""
        (second, third), (total, alpha, nu) = self._symmetric, self.moments
        back, odd, even = times([Fraction(-1)], second), {1: alpha}, {0: times(third, total), 2: nu}
        for k in range(3, _DEGREES[-1] + 2):
            if k % 2:
                odd[k] = plus(times(back, odd[k - 2]), even[k - 3])
            else:
                even[k] = plus(times(back, even[k - 2]), times(third, third, odd[k - 3]))
        return odd, even

    def _rest(self, b: list[Any], s: list[Any], c: list[Any], activation: Activation, ar: Arithmetic) -> Any:
        """A bound of the coefficient of ``τ^(K+1)`` about any ``τ``.

        Divided differences are means of derivatives, ``Γ'' = s⁵ κ''(q s²)``, at means of the nodes, or of their
        squares, whose coefficients are at most ``p̄``, or ``p̄²``.
        """
        top = TOP + 1
        reach = [max(abs(p[0]) + abs(p[1]) for p in self.nodes), max(abs(p[1]) for p in self.nodes)]
        third, (total, alpha, nu) = about(self._symmetric[1]), map(about, self.moments)
        nothing, half = b[0] * 0, Fraction(1, 2)
        b, s, c = ([*about(v), *[nothing] * (top - 2)] for v in (b, s, c))

        def sum_of(*parts: list[Any]) -> list[Any]:
            return [sum(values[1:], values[0]) for values in zip(*parts, strict=True)]

        def product(*factors: list[Any]) -> list[Any]:
            out = factors[0]
            for factor in factors[1:]:
                out = ar.convolve(out, factor, top)
            return out

        def of(numbers: Rationals, series: list[Any]) -> list[Any]:
            return scaled(series, numbers, top, ar)

        # ν Γ[p_1²,p_2²,p_3²]
        square = product(s, s)
        bounds = [factorial(2 + j) * _COEFFICIENTS[2 + j] for j in range(top + 1)]
        outer = composed([nothing + ar.number(v) for v in bounds], of(times(reach, reach), square), top, ar)
        parts = [of(times([half], nu), product(outer, square, square, s))]
        # all else has a derivative of σ at a mean of p s + h e_3 η
        bend = of(times(reach, reach), c)
        eta, slope, twice = sum_of(b, bend), of([2 * v for v in reach], c), of([Fraction(2)], c)
        argument = sum_of(of(reach, s), of(third, eta))
        sigma = [[nothing]]
        for k in range(1, 4):
            jet = [nothing + ar.number(activation.sup(k + j)) for j in range(top + 1)]
            sigma.append(composed(jet, argument, top, ar))
        # α (πφ(πs))[p_1,p_2,p_3],  2K e_3 Γ(π²)[p_1,p_2,p_3]
        parts.append(of(alpha, product(s, sigma[1])))
        parts.append(of(times([half], alpha, reach), product(square, sigma[2])))
        parts.append(of(times([Fraction(1, 6)], total, third), product(square, s, sigma[3])))
        # V, V', V''
        inner, bent = sum_of(s, of(third, slope)), of(third, twice)
        once = sum_of(product(slope, sigma[1]), product(eta, inner, sigma[2]))
        again = sum_of(
            product(twice, sigma[1]),
            of([Fraction(2)], product(slope, inner, sigma[2])),
            product(eta, sum_of(product(inner, inner, sigma[3]), product(bent, sigma[2]))),
        )
        parts.append(of(times(total, third), product(eta, sigma[1])))
        parts.append(of(times(third, plus(alpha, times(reach, total))), once))
        last = plus(nu, times(third, reach, plus(alpha, times(reach, total))))
        parts.append(of(times([half], last), again))
        return sum_of(*parts)[top]

    def approx_outputs(self, block: Floats, x: Floats, times: Floats, activation: Activation) -> tuple[Floats, Floats]:
        """The output at some ``τ`` (T,), (N, T), and the size of the largest ``a``, (T,); ``block`` (k, T)."""
        d, ar = x.shape[1], Float64()
        total, alpha, nu = (np.polyval([float(v) for v in reversed(part)], times) for part in self.moments)
        p = [np.polyval([float(v) for v in reversed(part)], times) for part in self.nodes]
        third = p[0] * p[1] * p[2]
        b, s, c = (x @ block[i : i + d] for i in (0, d, 2 * d + 1))
        out, largest = np.zeros((len(x), len(times))), np.zeros(len(times))
        for i in range(3):
            q, r = p[i - 1], p[i - 2]
            a = (nu / third + alpha * p[i] + total * q * r) / ((p[i] - q) * (p[i] - r))
            out += a * activation.jet(p[i] * s + third * (b + p[i] * p[i] * c), 0, ar)[0]
            largest = np.maximum(largest, np.abs(a))
        return out, largest
