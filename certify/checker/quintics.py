"""Three neurons near zero, on a piece of a path in a chart, up to infinity.

At three *nodes* ``p_1, p_2, p_3 = −p_1 − p_2``, different ones and none of them 0, with the elementary symmetric
functions ``e_2 = p_1p_2 + p_1p_3 + p_2p_3``, ``e_3 = p_1p_2p_3``, the three neurons are

    w_i = p_i u + e_3 (b + p_i² c),      Σa = 2K,  Σap = α,  Σap² = ν/e_3,
    a_i = (ν + e_3 (αp_i + 2K p_j p_k))/(e_3 (p_i − p_j)(p_i − p_k)).

A place has ``(g, u)`` and ``(K, ℓ)``, ``g = νb``, ``4ℓ = αu + νc``, among ``q``, and the small coordinates
``(ν, α, p_1, p_2)``; at infinity ``p = 0`` and ``ν = 1``. On a piece ``b, u, K, c, ν, α`` go as ``q`` does and ``p`` is
linear in ``τ``.

**To infinity** ``p = τ p_start``. With ``M_k = Σ a_i p_i^k`` for odd ``k`` and ``N_k = e_3 Σ a_i p_i^k`` for even ones,

    M_1 = α,  N_0 = 2K e_3,  N_2 = ν,  M_k = N_(k−3) − e_2 M_(k−2),  N_k = e_3² M_(k−3) − e_2 N_(k−2),

polynomials in ``τ``, the output is up to ``τ⁵``, with ``σ = ½ + Σ c_k z^k``, ``s = u·x``, ``y = b·x``, ``t = c·x``,

    K + Σ_{k = 1, 3, 5, 7, 9} c_k (s^k M_k + k s^(k−1) (y N_(k−1) + t N_(k+1))).

As ``a_i = O(τ^−5)`` and ``w_i = O(τ)``, later powers are ``O(τ⁶)``; so is what is left of these powers.

**The rest.** Let ``φ = σ − ½``, ``φ(πs) = πΓ(π²)``, ``Γ(q) = s κ(q s²)``, ``η = y + π²t``, ``φ(πs + e_3 η) = φ(πs) +
e_3 V(π)``. As ``(πΓ(π²))[p_1,p_2,p_3] = e_3 Γ[p_1²,p_2²,p_3²]``, Newton's form of the output less ``K`` is

    ν Γ[p_1²,p_2²,p_3²] + α (πφ(πs))[p_1,p_2,p_3] + 2K e_3 Γ(π²)[p_1,p_2,p_3]
    + 2K e_3 V[p_1] + e_3 (α − 2K p_1) V[p_1,p_2] + (ν + e_3 p_3 α + 2K e_3 p_1p_2) V[p_1,p_2,p_3],

without a division. Divided differences are means of derivatives (the second ones count half), at means of the nodes:

    Γ'' = s⁵ κ''(q s²),     (πφ(πs))'' = 2s φ'(πs) + πs² φ''(πs),     Γ(π²)'' = s³ · mean of h² φ'''(hπs),
    V = η Φ_1,   V' = η'Φ_1 + ηζ'Φ_2,   V'' = η''Φ_1 + 2η'ζ'Φ_2 + η(ζ'²Φ_3 + ζ''Φ_2),

``ζ = πs + h e_3 η``, ``Φ_k = φ^(k)(ζ)``, each product the mean over ``h`` in [0, 1]; bounds have ``h = 1`` in ``ζ'``,
``ζ''``. For ``q ≥ 0``, ``|κ^(k)(q)| ≤ k! |c_(2k+1)|``, because ``σ'`` is a mean of cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import factorial

from . import triples
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

_TOP = ORDER + 1


def _sigmoid_series(count: int) -> Numbers:
    """``c_1, c_3, c_5, …`` of the sigmoid: ``σ' = ¼ − (σ − ½)²``."""
    found = [Fraction(1, 4)]
    while len(found) < count:
        k = len(found)
        square = sum((found[i] * found[k - 1 - i] for i in range(k)), Fraction(0))
        found.append(-square / (2 * k + 1))
    return found


_SIGMOID = _sigmoid_series(_TOP + 3)


def read_quintic(members: Network, nodes: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """``(g, u)``, ``(K, ℓ)`` and ``(ν, α, p_1, p_2)`` of three neurons at two nodes and the third.

    Raises:
        Rejected: nodes that are equal.
    """
    block, (mu, alpha, p, q) = triples.read_triple(members, nodes, "quintic group")
    d = (len(block) - 1) // 3
    # w_i = w + p_i u + p_i² b: w = e_3 b, b = e_3 c here, and v = αu + μb is 4ℓ
    start, slope, u, c = block[:d], block[d : 2 * d], block[2 * d : 3 * d], block[3 * d]
    return [*(mu * v for v in start), *u], [c / 2, *(v / 4 for v in slope)], [-p * q * (p + q) * mu, alpha, p, q]


def inner(block: Numbers, small: Numbers) -> Numbers:
    """``(b, u, K, c)`` from ``(g, u, K, ℓ)``.

    Raises:
        Rejected: ``ν = 0``.
    """
    d, (nu, alpha) = len(block) // 3, small[:2]
    need(nu != 0, "path: ν of a quintic group is 0")
    u = block[d : 2 * d]
    bend = [(4 * v - alpha * x) / nu for v, x in zip(block[2 * d + 1 :], u, strict=True)]
    return [*(v / nu for v in block[:d]), *block[d : 2 * d + 1], *bend]


def quintic(start: Numbers, end: Numbers, constant: tuple[Fraction, Fraction], course: Course) -> Quintic:
    """From the small coordinates and ``K`` of one place to those of the next.

    Raises:
        Rejected: nodes that meet, or are 0, before the end.
    """
    lines = triples.node_lines(start, end, course, "quintic group")
    for p, q in zip(triples.nodes(start), triples.nodes(end), strict=True):
        need(p * q > 0 or (course.last and p != 0), "path: a node of a quintic group is 0")
    doubled = (2 * constant[0], 2 * constant[1])
    moments = [course.blend(*ends) for ends in (doubled, (start[1], end[1]), (start[0], end[0]))]
    return Quintic(moments, lines, course.last)


@dataclass(frozen=True)
class Quintic:
    """The group on a piece: the coefficients of ``2K, α, ν`` and of the nodes; whether it comes from infinity."""

    moments: list[Numbers]
    nodes: list[Numbers]
    last: bool

    @property
    def symmetric(self) -> tuple[Numbers, Numbers]:
        """``e_2``, ``e_3``."""
        p, q, r = self.nodes
        return total(multiply(p, q), multiply(p, r), multiply(q, r)), multiply(p, q, r)

    def released(self) -> tuple[Numbers, Numbers]:
        return [Fraction(0)], [Fraction(1)]

    def output(self, block: list[Numbers], data: Data) -> tuple[Series, Vector]:
        d = len(data.x)
        y, s, t = ([line(data, part[k : k + d]) for part in block] for k in (0, d, 2 * d + 1))
        return (self._infinite if self.last else self._finite)(y, s, t, data), self._rest(y, s, t, data)

    def _finite(self, y: Series, s: Series, t: Series, data: Data) -> Series:
        """Neuron by neuron."""
        (twice, alpha, nu), third = self.moments, self.symmetric[1]
        out: Series = [data.zero] * _TOP
        for i, p in enumerate(self.nodes):
            q, r = self.nodes[i - 1], self.nodes[i - 2]
            parts = (times(v, n, ORDER, data) for v, n in ((s, p), (y, third), (t, multiply(third, p, p))))
            argument = reduce(add, parts)
            above = total(nu, multiply(third, total(multiply(alpha, p), multiply(twice, q, r))))
            below = multiply(third, *(total(p, [-v for v in other]) for other in (q, r)))
            sigma = composed(data.jet(argument[0], ORDER), argument, data)
            out = add(out, times(sigma, fraction_series(above, below, ORDER), ORDER, data))
        return out

    def _infinite(self, y: Series, s: Series, t: Series, data: Data) -> Series:
        (twice, alpha, nu), (second, third) = self.moments, self.symmetric
        # M_k where k is odd, N_k where it is even
        moments: dict[int, Numbers] = {0: multiply(third, twice), 1: alpha, 2: nu}
        for k in range(3, 11):
            earlier = moments[k - 3] if k % 2 else multiply(third, third, moments[k - 3])
            moments[k] = total(earlier, multiply([Fraction(-1)], second, moments[k - 2]))
        out: Series = [data.zero + data.number(v / 2) for v in twice] + [data.zero] * (ORDER - 2)
        power: Series = [data.zero + 1]
        for k in range(1, 10, 2):
            c = _SIGMOID[k // 2]
            for factor, m, share in ((s, k, c), (y, k - 1, k * c), (t, k + 1, k * c)):
                numbers = [share * v for v in moments[m]]
                out = add(out, times(product(power, factor, ORDER, data), numbers, ORDER, data))
            power = product(product(power, s, ORDER, data), s, ORDER, data)
        return out

    def _rest(self, y: Series, s: Series, t: Series, data: Data) -> Vector:
        """A bound of the coefficient of ``τ⁶`` about any ``τ``: coefficients are replaced by bounds of theirs."""

        def filled(series: Sequence[Vector]) -> Series:
            return add([data.zero] * (_TOP + 1), list(series))

        def by(numbers: Numbers, *factors: Series) -> Series:
            return times(reduce(lambda v, w: product(v, w, _TOP, data), factors), numbers, _TOP, data)

        (twice, alpha, nu), third = map(about, self.moments), about(self.symmetric[1])
        reach = [max(abs(p[k]) + (abs(p[1]) if k == 0 else 0) for p in self.nodes) for k in (0, 1)]
        y, s, t = (filled(about(v)) for v in (y, s, t))
        one, two, half = [Fraction(1)], [Fraction(2)], [Fraction(1, 2)]
        square = by(one, s, s)
        # κ^(2+j)/j!, and Γ'' counts half
        known = [data.zero + data.number(factorial(j + 2) * abs(_SIGMOID[j + 2])) for j in range(_TOP + 1)]
        kappa = composed(known, by(multiply(reach, reach), square), data, _TOP)
        out = by(multiply(half, nu), kappa, square, square, s)[_TOP]
        eta = add(y, by(multiply(reach, reach), t))
        first, second = by(multiply(two, reach), t), by(two, t)
        slope, bend = add(s, by(third, first)), by(third, second)
        argument = add(by(reach, s), by(third, eta))
        # the factors of V, of V' and of V''
        shares = (
            multiply(twice, third),
            multiply(third, total(alpha, multiply(reach, twice))),
            multiply(half, total(nu, multiply(third, reach, total(alpha, multiply(reach, twice))))),
        )
        of_first = [by(alpha, s), by(shares[0], eta), by(shares[1], first), by(shares[2], second)]
        of_second = [
            by(multiply(half, alpha, reach), square),
            by(shares[1], eta, slope),
            by(multiply(two, shares[2]), first, slope),
            by(shares[2], eta, bend),
        ]
        of_third = [
            by(multiply([Fraction(1, 6)], twice, third), square, s),
            by(shares[2], eta, slope, slope),
        ]
        factors = [(k, reduce(add, parts)) for k, parts in ((1, of_first), (2, of_second), (3, of_third))]
        return out + bound(factors, argument, data)
