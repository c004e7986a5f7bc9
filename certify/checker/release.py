"""The part of a path that lies in a chart: copies come together, then ``(q, ε)`` goes from place to place.

The proofs are in docs/paths.md. **Copies**: outputs ``a_i`` stay, incoming weights go straight to their mean, weighted
by the outputs; ``Σ a_i δ_i = 0``, so that no residual changes to first order. **Places** ``(q, ε)``: ``ε`` of the free
groups, all diverging ones but the last of those that share a released constant. From one to the next, ``τ`` from −1 to
1, the free ``ε = ε_m + τδ`` are linear, ``q`` is linear in ``ε²`` of the first of them, and the last shared one is

    ε = 1/(S − Σ 1/ε_g),   S = 2K + Σ c over mirrored groups.

On the piece to infinity ``ε = τ ε_start``, ``q = q_end + τ²(q_start − q_end)``, from ``τ = 1`` to 0. A pair, or a
mirrored one, has the output

    g = c (σ(z + x) + σ(z − x))/2 + (σ(z + x) − σ(z − x))/2ε,   x = εs,   z = w·x_n, s = u·x_n;

a zero neuron the same with ``w = 0, c = 0, u = 4ℓ``. ``g`` is even in ``ε``: to infinity, no residual changes to first
order. All are expanded in ``τ``, as in ``path.py``; the rest of ``g`` is bounded by that of ``c σ(y) + s σ'(y)`` with
the coefficients of ``y`` bounded by those of ``|z| + |ε||s|``, since the second part of ``g`` is the mean of
``s σ'(z + hx)`` over ``|h| ≤ 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from typing import Any

from .charts import Chart
from .folded import Folded
from .loss import Data, Network, Vector
from .reading import need

ORDER = 5

Series = list[Vector]
Numbers = list[Fraction]


@dataclass(frozen=True)
class Place:
    """``q`` and the free ``ε``."""

    q: Numbers
    eps: Numbers


def sizes(chart: Chart) -> list[int]:
    """How many neurons the groups have, in order; those in no group come after them."""
    return [*chart.copies, *(group.size for group in chart.diverging)]


def free_count(chart: Chart) -> int:
    """How many ``ε`` are free."""
    return len(chart.kinds) - (1 if len(chart.shared) > 1 else 0)


def shares(chart: Chart) -> list[list[tuple[int, int]]]:
    """Of each group with copies their numbers and signs, −1 for flipped ones: of splits all members but the first."""
    groups = [(size, size, 0) for size in chart.copies] + [(g.size, g.copies, g.flipped) for g in chart.diverging]
    out, end = [], 0
    for size, copies, flipped in groups:
        end += size
        if copies:
            out.append([(i, -1 if i >= end - flipped else 1) for i in range(end - copies, end)])
    return out


def together(chart: Chart, neurons: Network) -> Network:
    """The copies in each group at their mean, those that are flipped at its mirror image."""
    out = list(neurons)
    for members in shares(chart):
        a = [sign * neurons[i][1] for i, sign in members]
        total = sum(a, Fraction(0))
        need(total != 0, "path: the outputs of copies add up to 0")
        columns = zip(*([sign * v for v in neurons[i][0]] for i, sign in members), strict=True)
        mean = [sum((p * v for p, v in zip(a, column, strict=True)), Fraction(0)) / total for column in columns]
        for i, sign in members:
            out[i] = (tuple(sign * v for v in mean), neurons[i][1])
    return tuple(out)


def first_place(chart: Chart, neurons: Network) -> Place:
    """The coordinates of a network whose copies are together."""
    d, start = len(neurons[0][0]), 0
    w: list[tuple[Fraction, ...]] = []
    a: Numbers = []
    for size in chart.copies:
        w.append(neurons[start][0])
        a.append(sum((output for _, output in neurons[start : start + size]), Fraction(0)))
        start += size
    groups: list[Network] = []
    for size in sizes(chart)[len(chart.copies) :]:
        groups.append(neurons[start : start + size])
        start += size
    w += [v for v, _ in neurons[start:]]
    a += [output for _, output in neurons[start:]]
    q, eps, constant, slope = [v for row in w for v in row] + a, [], Fraction(0), [Fraction(0)] * d
    for kind, group, flipped in zip(chart.kinds, groups, (g.flipped for g in chart.diverging), strict=True):
        if kind == "zero":
            signs = [1] * (len(group) - flipped) + [-1] * flipped
            total = sum((sign * a for sign, (_, a) in zip(signs, group, strict=True)), Fraction(0))
            need(total != 0, "path: a zero group without output")
            constant += total / 2 + sum((a for sign, (_, a) in zip(signs, group, strict=True) if sign < 0), Fraction(0))
            slope = [total * v / 4 for v in group[0][0]]
            eps.append(1 / total)
            continue
        # of a split the copies, which are together, are one neuron, and the first member is the other one
        (w1, a1), (w2, a2) = group[0], group[-1]
        if kind in ("split+", "split-"):
            (w1, a1), (w2, a2) = (w2, sum((a for _, a in group[1:]), Fraction(0))), group[0]
        if kind == "mirrored":
            constant += a2
            w2, a2 = tuple(-v for v in w2), -a2
        need(a1 != a2, "path: a pair with equal outputs")
        q += [(x + y) / 2 for x, y in zip(w1, w2, strict=True)]
        q += [(a1 - a2) * (x - y) / 2 for x, y in zip(w1, w2, strict=True)]
        q.append(a1 + a2)
        eps.append(1 / (a1 - a2))
    if chart.shared:
        q += [constant, *(slope if "zero" in chart.kinds else [])]
        if len(chart.shared) > 1:
            del eps[chart.shared[-1]]
    return Place(q, eps)


def between(start: Place, end: Place) -> tuple[list[Numbers], list[Numbers], bool]:
    """The curve from one place to the next: the coefficients of ``q``, those of the free ``ε``, whether to infinity.

    Raises:
        Rejected: the way leads over infinity.
    """
    last = bool(end.eps) and not any(end.eps)
    change = [b - a for a, b in zip(start.q, end.q, strict=True)]
    if last:
        need(any(start.eps), "path: a place beyond infinity")
        return [end.q, [Fraction(0)] * len(change), [-v for v in change]], [[Fraction(0), e] for e in start.eps], last
    need(all(a * b > 0 for a, b in zip(start.eps, end.eps, strict=True)), "path: ε changes its sign, or is 0")
    lines = [[(a + b) / 2, (b - a) / 2] for a, b in zip(start.eps, end.eps, strict=True)]
    share = lines[0][1] / lines[0][0] / 4 if lines else Fraction(0)
    middle = [(a + b) / 2 - v * share for a, b, v in zip(start.q, end.q, change, strict=True)]
    return [middle, [v / 2 for v in change], [v * share for v in change]], lines, last


def residuals(folded: Folded, chart: Chart, start: Place, end: Place) -> tuple[list[Series], Vector, bool]:
    """From one place to the next: ``r_j``, ``j ≤ K``, on both sides of the inputs, ``E``, and whether to infinity.

    Raises:
        Rejected: the way leads over infinity.
    """
    data = folded.data
    d = len(data.x)
    curve, lines, last = between(start, end)
    total: Series = [data.zero] * (ORDER + 1)
    # of f on the other side: κ times all outputs, those of a pair adding up to c, and twice the constant K
    constants = [folded.reflection * sum(part[chart.neurons * d : chart.neurons * (d + 1)]) for part in curve]
    rest = data.zero
    place = chart.neurons * (d + 1)
    for i in range(chart.neurons):
        z = [data.along([data.number(v) for v in part[i * d : (i + 1) * d]]) for part in curve]
        a = [data.number(part[chart.neurons * d + i]) for part in curve]
        sigma = composed(data.jet(z[0], ORDER), [data.zero, *z[1:]], data)
        total = _sum(total, product(sigma, a, ORDER, data))
        rest = rest + _bound([(0, about(a))], about(z), data)
    groups: list[tuple[Series, Series, Series]] = []
    for kind in chart.kinds:
        if kind != "zero":
            z, s = ([_line(data, part[k : k + d]) for part in curve] for k in (place, place + d))
            groups.append((z, s, [data.number(part[place + 2 * d]) for part in curve]))
            constants = [v + folded.reflection * part[place + 2 * d] for v, part in zip(constants, curve, strict=True)]
            place += 2 * d + 1
    if chart.shared:
        total = _sum(total, [data.zero + data.number(part[place]) for part in curve])
        constants = [v + 2 * part[place] for v, part in zip(constants, curve, strict=True)]
    if "zero" in chart.kinds:
        s = [_line(data, [4 * v for v in part[place + 1 :]]) for part in curve]
        groups.append(([data.zero] * 3, s, [data.number(0)] * 3))
    for (z, s, c), (known, wide) in zip(groups, map(quotient, epsilons(chart, curve, lines, d)), strict=True):
        total = _sum(total, (_even if last else _finite)(z, s, c, known, data))
        reach = times([*about(s)], wide, ORDER + 1, data)
        argument = [reach[m] + v for m, v in enumerate(about(z))] + reach[3:]
        rest = rest + _bound([(0, about(c)), (1, about(s))], argument, data)
    return folded.residuals(total, constants), rest, last


def _line(data: Data, v: Numbers) -> Vector:
    return data.along([data.number(x) for x in v])


def released(chart: Chart, d: int) -> dict[int, int]:
    """By their places in ``q``, the coefficients of ``S = 2K + Σ c`` over mirrored groups; empty without a constant."""
    place, out = chart.neurons * (d + 1), dict[int, int]()
    for kind in chart.kinds:
        place += 0 if kind == "zero" else 2 * d + 1
        if kind == "mirrored":
            out[place - 1] = 1
    return out | {place: 2} if chart.shared else {}


def epsilons(chart: Chart, curve: list[Numbers], lines: list[Numbers], d: int) -> list[tuple[Numbers, Numbers]]:
    """``N`` and ``D`` with ``ε = N/D`` for each diverging group: ``D = 1`` for the free ones."""
    fractions = [(line, [Fraction(1)]) for line in lines]
    if len(chart.shared) > 1:
        total = [sum((k * part[i] for i, k in released(chart, d).items()), Fraction(0)) for part in curve]
        # N = Π ε_g, D = S N − Σ_g Π_{h ≠ g} ε_h over the free ones that share
        others = [lines[k] for k in chart.shared[:-1]]
        n = _multiply(others)
        denominator = _multiply([total, n])
        for k in range(len(others)):
            for i, v in enumerate(_multiply(others[:k] + others[k + 1 :])):
                denominator[i] -= v
        while len(n) > 1 and n[0] == denominator[0] == 0:
            n, denominator = n[1:], denominator[1:]
        fractions.insert(chart.shared[-1], (n, denominator))
    return fractions


def _multiply(factors: Sequence[Numbers]) -> Numbers:
    out = [Fraction(1)]
    for factor in factors:
        product = [Fraction(0)] * (len(out) + len(factor) - 1)
        for i, x in enumerate(out):
            for j, y in enumerate(factor):
                product[i + j] += x * y
        out = product
    return out


def quotient(fraction: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """The series of ``N/D``, and bounds of its coefficients about any ``|τ| ≤ 1``, from those of ``N`` and ``D``."""
    size, (numerator, denominator) = ORDER + 2, fraction
    need(max(len(numerator), len(denominator)) <= size, "path: too many groups share a constant")
    n, d = (v + [Fraction(0)] * (size - len(v)) for v in (numerator, denominator))
    least = abs(d[0]) - sum(map(abs, d[1:]), Fraction(0))
    need(least > 0, "path: the ε of the last shared group may be infinite on the way")
    wide = [[sum((comb(k, i) * abs(v[k]) for k in range(i, size)), Fraction(0)) for i in range(size)] for v in (n, d)]
    series: Numbers = []
    bounds: Numbers = []
    for k in range(size):
        series.append((n[k] - sum((d[i] * series[k - i] for i in range(1, k + 1)), Fraction(0))) / d[0])
        earlier = sum((wide[1][i] * bounds[k - i] for i in range(1, k + 1)), Fraction(0))
        bounds.append((wide[0][k] + earlier) / least)
    return series[:-1], bounds


def _sum(left: Series, right: Series) -> Series:
    return [x + right[m] if m < len(right) else x for m, x in enumerate(left)]


def product(left: Sequence[Any], right: Sequence[Any], degree: int, data: Data) -> Series:
    out = []
    for m in range(degree + 1):
        pairs = [(left[i], right[m - i]) for i in range(min(m + 1, len(left))) if m - i < len(right)]
        # most coefficients are the zero, one object
        terms = [x * y for x, y in pairs if x is not data.zero and y is not data.zero]
        out.append(sum(terms[1:], terms[0]) + data.zero if terms else data.zero)
    return out


def times(series: Series, numbers: Numbers, degree: int, data: Data) -> Series:
    return product(series, [data.number(v) for v in numbers], degree, data)


def divided(series: Series, numbers: Numbers, data: Data) -> Series:
    """The series divided by ``numbers``, whose first member is not 0."""
    out: Series = []
    for m, value in enumerate(series):
        for i in range(1, min(m, len(numbers) - 1) + 1):
            value = value - out[m - i] * data.number(numbers[i])
        out.append(value * data.number(1 / numbers[0]))
    return out


def composed(jet: Series, inner: Series, data: Data, degree: int = ORDER) -> Series:
    """``Σ_j jet[j] y^j/j!`` for a series ``y`` without a constant term, by Horner's rule."""
    inner = [data.zero, *inner[1:]]
    out: Series = [jet[degree] * data.number(Fraction(1, factorial(degree)))]
    for j in range(degree - 1, -1, -1):
        out = product(out, inner, min(degree - j, degree), data)
        out[0] = out[0] + jet[j] * data.number(Fraction(1, factorial(j)))
    return out


def _finite(z: Series, s: Series, c: Series, eps: Numbers, data: Data) -> Series:
    x = times(s, eps, ORDER, data)
    sides = []
    for sign in (1, -1):
        y = [x[m] * sign + z[m] if m < 3 else x[m] * sign for m in range(ORDER + 1)]
        sides.append(composed(data.jet(y[0], ORDER), y, data))
    half = data.number(Fraction(1, 2))
    even, odd = ([(p + m * sign) * half for p, m in zip(*sides, strict=True)] for sign in (1, -1))
    return _sum(product(even, c, ORDER, data), divided(odd, eps, data))


def _even(z: Series, s: Series, c: Series, eps: Numbers, data: Data) -> Series:
    """``g = Σ_{j even} x^j (c σ^(j)(z)/j! + s σ^(j+1)(z)/(j+1)!)``; ``x^j = O(τ^j)``, and ``z``, ``s`` are even."""
    jet = [*data.jet(z[0], ORDER), data.zero, data.zero]
    x = times(s, eps, ORDER, data)
    square = product(x, x, ORDER, data)
    power: Series = [data.zero + 1]
    total: Series = [data.zero] * (ORDER + 1)
    for j in (0, 2, 4):
        # (z − z_0)^i = O(τ^{2i}): to degree 5 − j no derivative beyond σ^(5) is met
        degree = ORDER - j
        inner = [data.zero, data.zero, z[2], *[data.zero] * ORDER]
        parts = []
        for k, factor in ((j, c), (j + 1, s)):
            known = [jet[k + i] if i <= degree // 2 else data.zero for i in range(degree + 1)]
            sigma = composed(known, inner[: degree + 1], data, degree)
            parts.append([v * data.number(Fraction(1, factorial(k))) for v in product(sigma, factor, degree, data)])
        total = _sum(total, product(power, _sum(*parts), ORDER, data))
        power = product(power, square, ORDER, data)
    return total


def about(polynomial: Sequence[Vector]) -> Series:
    """Bounds of the coefficients of a polynomial of degree 2 about any ``|τ| ≤ 1``."""
    a, b, q = map(abs, polynomial)
    return [a + b + q, b + q * 2, q]


def _bound(factors: Sequence[tuple[int, Series]], argument: Series, data: Data) -> Vector:
    """The coefficient of ``τ^(K+1)`` of ``Σ factor · σ^(k)(argument)``, bounded."""
    top, total = ORDER + 1, data.zero
    for k, factor in factors:
        known = [data.zero + data.number(data.activation.bounds[k + j - 1] if j else 0) for j in range(top + 1)]
        sigma = composed(known, [*argument, *[data.zero] * top][: top + 1], data, top)
        for i, value in enumerate(factor):
            total = total + sigma[top - i] * value
    return total


def bernstein_rows(n: int, divided: int) -> list[Numbers]:
    """Row ``j`` takes coefficients of a polynomial to its ``j``-th Bernstein coefficient on [−1, 1], or on [0, 1]."""
    powers = []
    for p in range(n + 1):
        # t^p as a polynomial of x in [0, 1]: x^p, or (2x − 1)^p
        inner = [Fraction(i == p) if divided else Fraction(comb(p, i) * 2**i * (-1) ** (p + i)) for i in range(n + 1)]
        shares = [[Fraction(comb(j, i), comb(n, i)) * inner[i] for i in range(j + 1)] for j in range(n + 1)]
        powers.append([sum(row, Fraction(0)) for row in shares])
    return [[powers[p][j] for p in range(n + 1)] for j in range(n + 1)]
