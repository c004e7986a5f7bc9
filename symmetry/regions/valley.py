"""First and second derivatives of a network in a chart along a curve of its coordinates, and in a box about the curve.

On a piece (:mod:`symmetry.paths.release`) all that ``F_qq`` and ``∂F/∂ε²`` consist of is expanded in the one variable
``τ``, up to ``τ³``. With ``z = w·x``, ``X = u·x``, ``s = ε²`` and

    A_k = (σ^(k)(z + εX) + σ^(k)(z − εX))/2,   D_k = (σ^(k)(z + εX) − σ^(k)(z − εX))/2ε,   E = (X A_1 − D_0)/s,

all of them even in ``ε`` and analytic, a pair has the output ``g = c A_0 + D_0`` and

    g_c = A_0    g_z = c A_1 + D_1    g_X = c s D_1 + A_1    g_s = (c X D_1 + E)/2
    g_zz = c A_2 + D_2    g_zX = c s D_2 + A_2    g_XX = s g_zz    g_cz = A_1    g_cX = s D_1.

With ``X = 0`` that is a neuron; with ``z = 0``, ``c = 0``, ``u = 4ℓ`` a neuron near zero, less the constant that it
releases; a mirrored pair is a pair. Each is a sum of monomials ``c^α X^β s^γ`` times a mean of ``σ^(j)(z + hεX)`` over
``|h| ≤ 1``, which bounds the rest of its expansion, and how it changes in the box (docs/infinity.md, section 15).

Copies of a member of a pair, or of a neuron near zero, are not together but near each other: at ``w + εu + ε²y_i`` and
``4ε(ℓ + y_i)``, ``Σ β_i y_i = 0``, with any shares ``β > 0`` and ``|y|`` of at most a given number. That is counted
among the errors (:mod:`symmetry.regions.parting`).

All ``ε`` are taken as independent of ``q``, also where groups share a constant. There the last ``ε`` at a place
``q(τ) + δ`` is what ``δ`` makes of it, so that the box has a length in its direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.infinity.charts import Chart
from symmetry.lines import Expansion
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Piece, released
from symmetry.regions.parting import copies_apart, zeros_apart
from symmetry.series import about, composed, divided, quotient, scaled

ORDER = 3
"""``K``: of ``σ`` the derivatives up to 5 are enclosed and those up to 7 bounded; here 2 and 3 are differentiated."""


class Monomial(NamedTuple):
    """``factor · c^α X^β s^γ`` times a mean of ``σ^(j)``."""

    factor: Fraction
    alpha: int
    beta: int
    gamma: int
    j: int


def _sum_of(*monomials: tuple[Fraction | int, int, int, int, int]) -> tuple[Monomial, ...]:
    return tuple(Monomial(Fraction(factor), *powers) for factor, *powers in monomials)


NEURON = {
    "": _sum_of((1, 1, 0, 0, 0)),
    "c": _sum_of((1, 0, 0, 0, 0)),
    "z": _sum_of((1, 1, 0, 0, 1)),
    "zz": _sum_of((1, 1, 0, 0, 2)),
    "cz": _sum_of((1, 0, 0, 0, 1)),
}

# a mean of σ^(j) each: D_k = X ∫ σ^(k+1), E = (X³/3) times a mean of σ'''
PAIR = {
    "": _sum_of((1, 1, 0, 0, 0), (1, 0, 1, 0, 1)),
    "c": _sum_of((1, 0, 0, 0, 0)),
    "z": _sum_of((1, 1, 0, 0, 1), (1, 0, 1, 0, 2)),
    "X": _sum_of((1, 1, 1, 1, 2), (1, 0, 0, 0, 1)),
    "zz": _sum_of((1, 1, 0, 0, 2), (1, 0, 1, 0, 3)),
    "zX": _sum_of((1, 1, 1, 1, 3), (1, 0, 0, 0, 2)),
    "XX": _sum_of((1, 1, 0, 1, 2), (1, 0, 1, 1, 3)),
    "cz": _sum_of((1, 0, 0, 0, 1)),
    "cX": _sum_of((1, 0, 1, 1, 2)),
    "s": _sum_of((Fraction(1, 2), 1, 2, 0, 2), (Fraction(1, 6), 0, 3, 0, 3)),
}

# z = 0 and c = 0
ZERO = {
    "": _sum_of((1, 0, 1, 0, 1)),
    "X": _sum_of((1, 0, 0, 0, 1)),
    "XX": _sum_of((1, 0, 1, 1, 3)),
    "s": _sum_of((Fraction(1, 6), 0, 3, 0, 3)),
}


class Block(NamedTuple):
    """A block of ``Σ_n r_n ∇²f_n``, which stands across the diagonal as well.

    ``Σ_n r_n g_n x xᵀ`` if ``square``, else one column ``Σ_n r_n g_n x``.
    """

    rows: slice
    columns: slice
    square: bool


@dataclass(frozen=True)
class Derivatives:
    """What the derivatives of the loss are made of, at every ``(q(τ) + δ, ε(τ))``, ``|δ|`` at most the radii.

    Every expansion ``Σ_k coefficients[k] τ^k``, ``k ≤ 3``, is off by at most its ``rest`` there.

    Args:
        residuals: (N, 1).
        jacobian: (N, P').
        blocks: of ``Σ_n r_n ∇²f_n``, B of them.
        weights: (N, B), their ``g``.
        slopes: ``∂f/∂ε_g²`` of the G diverging groups, (N, G).
        ratios: bounds of ``−ε_1/ε_2`` if exactly two groups share a constant, exact, both positive; else ``None``.
    """

    residuals: Expansion
    jacobian: Expansion
    blocks: list[Block]
    weights: Expansion
    slopes: Expansion
    ratios: tuple[Fraction, Fraction] | None


class Small(NamedTuple):
    """``ε`` of a group on a piece: its series to ``τ³``, bounds of its coefficients to ``τ⁴`` about any point.

    And how much it may change in the box.
    """

    series: list[Fraction]
    wide: list[Fraction]
    reach: Fraction


def covers(chart: Chart, activation: Activation) -> bool:
    """Whether :func:`derivatives` knows the chart, and the activation is bounded by 1.

    Beside neurons there are pairs and splits, mirrored pairs and a zero group; copies in diverging groups only.
    """
    known = all(group.kind in ("pair", "split+", "split-", "mirrored", "zero") for group in chart.groups)
    groups = bool(chart.groups) and chart.plain and known and len(chart.balanced) != 1 and not chart.turned
    # sigmoid, tanh, erf
    return groups and activation.reflection is not None


def derivatives(
    objective: SquareLoss, chart: Chart, curve: Piece, radii: Any, ar: Arithmetic, apart: Fraction = Fraction(0)
) -> Derivatives | None:
    """Expand the derivatives on a piece.

    Args:
        objective: of the chart's limit network.
        chart: covered.
        curve: the piece.
        radii: (P',) exact, how far ``q`` may be from the curve.
        ar: where to compute.
        apart: exact, bounds the entries of the ``y`` of copies in diverging groups.

    Returns:
        the expansions; ``None`` where the last of several shared ``ε`` may be infinite, or all may have one sign.
    """
    data, activation, d = objective.data(ar), objective.problem.activation, chart.dimension
    q, m = [ar.array(part) for part in curve.q], len(chart.ordinary)
    box = exact(radii)
    smalls, ratios = _smalls(chart, curve, box)
    if smalls is None:
        return None
    radii, size = ar.array(box), abs(data.x)
    columns: list[Expansion] = []
    blocks: list[Block] = []
    weights: list[Expansion] = []
    slopes: list[Expansion] = []
    total = Expansion([-data.y.reshape(-1, 1), *[data.y.reshape(-1, 1) * 0] * ORDER], data.y.reshape(-1, 1) * 0)
    if m:
        z = [ar.matmul(data.x, part[: m * d].reshape(m, d).T) for part in q]
        a = [part[m * d : m * (d + 1)] + z[0] * 0 for part in q]
        reach = ar.matmul(size, radii[: m * d].reshape(m, d).T)
        values = _neurons(z, a, activation, ar)
        bounds = _rests(NEURON, (z, a, None), None, (reach, radii[m * d : m * (d + 1)], None), activation, ar)
        f = {name: Expansion(values[name], bounds[name]) for name in NEURON}
        one = ar.array([[1.0]] * m)
        total = total + Expansion([ar.matmul(v, one) for v in f[""].coefficients], ar.matmul(f[""].rest, one))
        for i in range(m):
            own = {name: _column(f[name], i) for name in NEURON}
            columns.append(_times_inputs(own["z"], data.x, size))
            w, output = slice(i * d, (i + 1) * d), slice(m * d + i, m * d + i + 1)
            blocks += [Block(w, w, True), Block(w, output, False)]
            weights += [own["zz"], own["cz"]]
        columns.append(f["c"])
    if chart.balanced:
        nothing, place = data.y.reshape(-1, 1) * 0, chart.units[-1].place.start
        # K is one of the q: in the box the output changes by its radius
        constant = [part[place : place + 1] + nothing for part in [*q, radii]]
        total = total + Expansion([*constant[:3], nothing], constant[3])
    for k, (group, eps) in enumerate(zip(chart.diverging, smalls, strict=True)):
        zero = group.kind == "zero"
        start = chart.units[m + k].place.start
        # of a neuron near zero ℓ comes after the constant K
        w, u = slice(start, start + d), slice(start + 1, start + 1 + d) if zero else slice(start + d, start + 2 * d)
        c, stretch = slice(u.stop, u.stop + 1), 4 if zero else 1
        x = [ar.matmul(data.x, part[u].reshape(-1, 1)) * stretch for part in q]
        reach = ar.matmul(size, radii[u].reshape(-1, 1)) * stretch
        nothing = [x[0] * 0] * 3
        z = nothing if zero else [ar.matmul(data.x, part[w].reshape(-1, 1)) for part in q]
        outputs = nothing if zero else [part[c] + z[0] * 0 for part in q]
        away = nothing[0] if zero else ar.matmul(size, radii[w].reshape(-1, 1))
        reaches = (away, nothing[0] if zero else radii[c], reach)
        values = (_pair_at_infinity if curve.last else _pair)(z, outputs, x, eps.series, activation, ar)
        functions = ZERO if zero else PAIR
        bounds = _rests(functions, (z, outputs, x), eps, reaches, activation, ar)
        if group.copied:
            rho = size.sum(axis=1).reshape(-1, 1) * ar.number(apart * stretch)
            largest, e = about(x)[0] + reaches[2], eps.wide[0] + eps.reach
            if zero:
                parted = zeros_apart(rho, largest, e, activation, ar)
            else:
                parted = copies_apart(rho, largest, about(outputs)[0] + reaches[1], e, activation, ar)
            bounds = {name: bounds[name] + parted[name] if name in parted else bounds[name] for name in functions}
        f = {name: Expansion(values[name], bounds[name]) for name in functions}
        total = total + f[""]
        slopes.append(f["s"])
        if zero:
            columns += [_constant(data.y), _times_inputs(f["X"], data.x * 4, size * 4)]
            blocks.append(Block(u, u, True))
            weights.append(Expansion([v * 16 for v in f["XX"].coefficients], f["XX"].rest * 16))
        else:
            columns += [_times_inputs(f["z"], data.x, size), _times_inputs(f["X"], data.x, size), f["c"]]
            blocks += [Block(w, w, True), Block(w, u, True), Block(u, u, True), Block(w, c, False), Block(u, c, False)]
            weights += [f["zz"], f["zX"], f["XX"], f["cz"], f["cX"]]
    if chart.balanced and not chart.has_linear:
        columns.append(_constant(data.y))
    jacobian, second, first = (_beside(parts, ar) for parts in (columns, weights, slopes))
    return Derivatives(total, jacobian, blocks, second, first, ratios)


def _smalls(chart: Chart, curve: Piece, radii: Any) -> tuple[list[Small] | None, tuple[Fraction, Fraction] | None]:
    """``ε`` of the diverging groups, and bounds of ``−ε_1/ε_2 = 1 − S ε_1`` if two share a constant.

    In the box ``S`` changes by ``ΔS``, the last shared ``ε = 1/(S − Σ 1/ε_g)`` by at most ``ε² ΔS/(1 − |ε|ΔS)``.
    """
    smalls, ratios = list[Small](), None
    for group, eps in zip(chart.diverging, curve.eps, strict=True):
        known = quotient(*eps, ORDER)
        if known is None:
            return None, None
        series, wide = known
        reach = Fraction(0)
        if group == chart.dependent:
            change = sum((abs(k) * r for k, r in zip(released(chart), radii, strict=True)), Fraction(0))
            if wide[0] * change >= 1:
                return None, None
            reach = wide[0] ** 2 * change / (1 - wide[0] * change)
            if len(chart.balanced) == 2:
                # ε_2 = ε_1/(S ε_1 − 1)
                first = smalls[chart.diverging.index(chart.balanced[0])].wide[0]
                away = sum(map(abs, eps[1][1:]), Fraction(0)) + first * change
                ratios = (-eps[1][0] - away, -eps[1][0] + away)
                if ratios[0] <= 0:
                    return None, None
        smalls.append(Small(series, wide, reach))
    # none of them is 0 or infinite in the boxes, so that the signs are those at the end
    shared = zip(chart.diverging, curve.eps, strict=True)
    signs = {sum(n) * sum(d) > 0 for group, (n, d) in shared if group in chart.balanced}
    return (None, None) if len(signs) == 1 else (smalls, ratios)


def _constant(y: Any) -> Expansion:
    """``∂f/∂K = 1``."""
    nothing = y.reshape(-1, 1) * 0
    return Expansion([nothing + 1, *[nothing] * ORDER], nothing)


def _beside(parts: Sequence[Expansion], ar: Arithmetic) -> Expansion:
    coefficients = [ar.concatenate([part.coefficients[k] for part in parts], axis=1) for k in range(ORDER + 1)]
    return Expansion(coefficients, ar.concatenate([part.rest for part in parts], axis=1))


def _column(f: Expansion, i: int) -> Expansion:
    return Expansion([v[:, i : i + 1] for v in f.coefficients], f.rest[:, i : i + 1])


def _times_inputs(f: Expansion, x: Any, size: Any) -> Expansion:
    return Expansion([v * x for v in f.coefficients], f.rest * size)


def _neurons(z: list[Any], a: list[Any], activation: Activation, ar: Arithmetic) -> dict[str, list[Any]]:
    jet = activation.jet(z[0], ORDER + 2, ar)
    sigma = ar.composites(jet, 3, z, ORDER)
    first, second, third = (ar.convolve(v, a, ORDER) for v in sigma)
    return {"": first, "c": sigma[0], "z": second, "zz": third, "cz": sigma[1]}


def _pair(
    z: list[Any], c: list[Any], x: list[Any], eps: list[Fraction], activation: Activation, ar: Arithmetic
) -> dict[str, list[Any]]:
    """The functions of a pair about a finite network, ``ε(0) ≠ 0``."""
    y, half = scaled(x, eps, ORDER, ar), ar.number(Fraction(1, 2))
    sides = []
    for sign in (1, -1):
        argument = [y[m] * sign + z[m] if m < len(z) else y[m] * sign for m in range(ORDER + 1)]
        jet = activation.jet(argument[0], ORDER + 2, ar)
        sides.append(ar.composites(jet, 3, argument, ORDER))
    even = [[(p + q) * half for p, q in zip(*k, strict=True)] for k in zip(*sides, strict=True)]
    odd = [divided([(p - q) * half for p, q in zip(*k, strict=True)], eps, ar) for k in zip(*sides, strict=True)]
    difference = [p - q for p, q in zip(ar.convolve(even[1], x, ORDER), odd[0], strict=True)]
    return _functions(even, odd, divided(difference, _square(eps), ar), c, x, _square(eps), ar)


def _pair_at_infinity(
    z: list[Any], c: list[Any], x: list[Any], eps: list[Fraction], activation: Activation, ar: Arithmetic
) -> dict[str, list[Any]]:
    """The same about ``ε(0) = 0``, where ``z``, ``X`` and ``c`` have no linear term, and ``s = O(τ²)``.

    ``A_k = Σ s^i X^{2i} σ^(k+2i)/(2i)!``, ``D_k = Σ s^i X^{2i+1} σ^(k+2i+1)/(2i+1)!`` and ``E = X³ σ^(3)/3 + s X⁵
    σ^(5)/30 + …``.
    """
    jet, square = activation.jet(z[0], ORDER + 2, ar), _square(eps)
    inner = [z[0] * 0, z[0] * 0, z[2]]
    # σ^(k)(z) to first order in τ²; where the derivative of σ^(5) would be asked for, it is multiplied by s
    known = [composed([jet[k], *jet[k + 1 : k + 2], *[z[0] * 0] * 3], inner, ORDER, ar) for k in range(ORDER + 3)]

    def even(k: int, first: int, factors: tuple[Fraction, Fraction]) -> list[Any]:
        """``f_0 X^first σ^(k) + f_1 s X^(first + 2) σ^(k+2)``."""
        power = [z[0] * 0 + 1]
        for _ in range(first):
            power = ar.convolve(power, x, ORDER)
        low = [v * ar.number(factors[0]) for v in ar.convolve(known[k], power, ORDER)]
        high = known[k + 2][0] * power[0] * x[0] * x[0]
        return [*low[:2], *(low[i] + high * ar.number(factors[1] * square[i]) for i in (2, 3))]

    a = [even(k, 0, (Fraction(1), Fraction(1, 2))) for k in range(3)]
    b = [even(k + 1, 1, (Fraction(1), Fraction(1, 6))) for k in range(3)]
    e = even(3, 3, (Fraction(1, 3), Fraction(1, 30)))
    return _functions(a, b, e, c, x, square, ar)


def _functions(
    a: list[list[Any]],
    b: list[list[Any]],
    e: list[Any],
    c: list[Any],
    x: list[Any],
    s: list[Fraction],
    ar: Arithmetic,
) -> dict[str, list[Any]]:
    """All functions of a pair from ``A_k``, ``D_k`` and ``E``."""

    def add(left: list[Any], right: list[Any]) -> list[Any]:
        return [p + q for p, q in zip(left, right, strict=True)]

    stretched = [scaled(b[k], s, ORDER, ar) for k in range(3)]
    zz = add(ar.convolve(a[2], c, ORDER), b[2])
    turn = add(ar.convolve(ar.convolve(b[1], x, ORDER), c, ORDER), e)
    half = ar.number(Fraction(1, 2))
    return {
        "": add(ar.convolve(a[0], c, ORDER), b[0]),
        "c": a[0],
        "z": add(ar.convolve(a[1], c, ORDER), b[1]),
        "X": add(ar.convolve(stretched[1], c, ORDER), a[1]),
        "zz": zz,
        "zX": add(ar.convolve(stretched[2], c, ORDER), a[2]),
        "XX": scaled(zz, s, ORDER, ar),
        "cz": a[1],
        "cX": stretched[1],
        "s": [v * half for v in turn],
    }


def _square(eps: list[Fraction]) -> list[Fraction]:
    """``ε²``, a series as long as that of ``ε``."""
    return [sum((eps[i] * eps[m - i] for i in range(m + 1)), Fraction(0)) for m in range(len(eps))]


def _rests(
    functions: Mapping[str, Sequence[Monomial]],
    curve: tuple[list[Any], list[Any], list[Any] | None],
    eps: Small | None,
    reaches: tuple[Any, Any, Any],
    activation: Activation,
    ar: Arithmetic,
) -> dict[str, Any]:
    """How far each function may be from its expansion, in the box about the curve.

    On the curve: the coefficient of ``τ^{K+1}`` about any point of it, from those of ``c``, ``X``, ``ε`` and ``z``, in
    ``c^α X^β s^γ σ^(j)(z + hεX)``. In the box: ``c^α X^β s^γ`` and ``σ^(j)`` change by what ``|δc|``, ``|δX|``,
    ``|δε|`` and ``|δz| + |ε||δX| + |δε|(|X| + |δX|)`` allow.

    Args:
        functions: by name.
        curve: ``z``, ``c``, and ``X`` (``None``: no monomial has it).
        eps: of the group; ``None`` without one.
        reaches: bounds of ``|δz|``, ``|δc|``, ``|δX|``.
        activation: bounded by 1.
        ar: where to compute.
    """
    top = ORDER + 1
    z, c, x = (None if part is None else about(part) for part in curve)
    assert z is not None
    assert c is not None
    argument = [*z, *[z[0] * 0] * (top - 2)]
    away = reaches[0]
    if x is not None and eps is not None:
        argument = [p + q for p, q in zip(argument, scaled(x, eps.wide, top, ar), strict=True)]
        away = away + reaches[2] * ar.number(eps.wide[0]) + (x[0] + reaches[2]) * ar.number(eps.reach)
    one = z[0] * 0 + 1

    def sup(j: int) -> Fraction:
        return activation.sup(j) if j else Fraction(1)

    # bounds of the coefficients of σ^(j) of the argument, about any point
    highest = max(term.j for terms in functions.values() for term in terms)
    sups = [one * ar.number(sup(j)) for j in range(highest + top + 1)]
    known = ar.composites(sups, highest + 1, argument, top)
    amplitudes: dict[tuple[int, int, int], tuple[list[Any], Any, Any]] = {}

    def amplitude(alpha: int, beta: int, gamma: int) -> tuple[list[Any], Any, Any]:
        """Bounds of the coefficients of ``c^α X^β s^γ``; of it in the box; and of how much it changes there."""
        key = (alpha, beta, gamma)
        if key not in amplitudes:
            series, there = [one], one
            for factor, reach in [(c, reaches[1])] * alpha + [(x, reaches[2])] * beta:
                assert factor is not None
                series, there = ar.convolve(series, factor, top), there * (factor[0] + reach)
            here = series[0]
            if gamma:
                assert eps is not None
                square, size = _square(eps.wide), ar.number((eps.wide[0] + eps.reach) ** 2)
                series, here, there = scaled(series, square, top, ar), here * ar.number(square[0]), there * size
            amplitudes[key] = (series, there, there - here)
        return amplitudes[key]

    bounds = {}
    for name, terms in functions.items():
        parts = []
        for term in terms:
            series, there, change = amplitude(term.alpha, term.beta, term.gamma)
            rests = [v * known[term.j][top - m] for m, v in enumerate(series)]
            moved = there * away * ar.number(sup(term.j + 1)) + change * ar.number(sup(term.j))
            parts.append((sum(rests, moved)) * ar.number(term.factor))
        bounds[name] = sum(parts[1:], parts[0])
    return bounds
