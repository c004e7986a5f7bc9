"""First and second derivatives of a network in a chart along a curve of its coordinates, and in a box about the curve.

On a piece (:mod:`symmetry.release`) all that ``F_qq`` and ``∂F/∂ε²`` consist of is expanded in the one variable ``τ``,
up to ``τ³``. With ``z = w·x``, ``X = u·x``, ``s = ε²`` and

    A_k = (σ^(k)(z + εX) + σ^(k)(z − εX))/2,   D_k = (σ^(k)(z + εX) − σ^(k)(z − εX))/2ε,   E = (X A_1 − D_0)/s,

all of them even in ``ε`` and analytic, a pair has the output ``g = c A_0 + D_0`` and

    g_c = A_0    g_z = c A_1 + D_1    g_X = c s D_1 + A_1    g_s = (c X D_1 + E)/2
    g_zz = c A_2 + D_2    g_zX = c s D_2 + A_2    g_XX = s g_zz    g_cz = A_1    g_cX = s D_1.

With ``X = 0`` that is a neuron. Each is a sum of monomials ``c^α X^β s^γ`` times a mean of ``σ^(j)(z + hεX)`` over
``|h| ≤ 1``, which bounds the rest of its expansion, and how it changes in the box (docs/infinity.md, section 15).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.charts import Chart
from symmetry.lines import Expansion
from symmetry.objective import SquareLoss
from symmetry.release import Piece
from symmetry.series import about, composed, composites, divided, product, scaled

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
    """

    residuals: Expansion
    jacobian: Expansion
    blocks: list[Block]
    weights: Expansion
    slopes: Expansion


def covers(chart: Chart, activation: Activation) -> bool:
    """Whether :func:`derivatives` knows the chart: pairs beside neurons, and an activation bounded by 1."""
    pairs = bool(chart.groups) and not chart.bias and all(group.kind == "pair" for group in chart.groups)
    # sigmoid, tanh, erf
    return pairs and activation.reflection is not None


def derivatives(objective: SquareLoss, chart: Chart, curve: Piece, radii: Any, ar: Arithmetic) -> Derivatives:
    """Expand the derivatives on a piece.

    Args:
        objective: of the chart's limit network.
        chart: with pairs, and nothing but pairs, among its groups.
        curve: the piece.
        radii: (P',) in the arithmetic, how far ``q`` may be from the curve.
        ar: where to compute.
    """
    data, activation, d = objective.data(ar), objective.problem.activation, chart.dimension
    q, m = [ar.array(part) for part in curve.q], len(chart.ordinary)
    size = abs(data.x)
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
        bounds = _rests(NEURON, (z, a, None), [], (reach, radii[m * d : m * (d + 1)], None), activation, ar)
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
    for k, (line, _) in enumerate(curve.eps):
        start = m * (d + 1) + k * (2 * d + 1)
        w, u, c = slice(start, start + d), slice(start + d, start + 2 * d), slice(start + 2 * d, start + 2 * d + 1)
        z, x = ([ar.matmul(data.x, part[place].reshape(-1, 1)) for part in q] for place in (w, u))
        outputs = [part[c] + z[0] * 0 for part in q]
        reaches = (*(ar.matmul(size, radii[place].reshape(-1, 1)) for place in (w, u)), radii[c])
        values = (_pair_at_infinity if curve.last else _pair)(z, outputs, x, line, activation, ar)
        bounds = _rests(PAIR, (z, outputs, x), line, (reaches[0], reaches[2], reaches[1]), activation, ar)
        f = {name: Expansion(values[name], bounds[name]) for name in PAIR}
        total = total + f[""]
        columns += [_times_inputs(f["z"], data.x, size), _times_inputs(f["X"], data.x, size), f["c"]]
        blocks += [Block(w, w, True), Block(w, u, True), Block(u, u, True), Block(w, c, False), Block(u, c, False)]
        weights += [f["zz"], f["zX"], f["XX"], f["cz"], f["cX"]]
        slopes.append(f["s"])
    jacobian, second, first = (_beside(parts, ar) for parts in (columns, weights, slopes))
    return Derivatives(total, jacobian, blocks, second, first)


def _beside(parts: Sequence[Expansion], ar: Arithmetic) -> Expansion:
    coefficients = [ar.concatenate([part.coefficients[k] for part in parts], axis=1) for k in range(ORDER + 1)]
    return Expansion(coefficients, ar.concatenate([part.rest for part in parts], axis=1))


def _column(f: Expansion, i: int) -> Expansion:
    return Expansion([v[:, i : i + 1] for v in f.coefficients], f.rest[:, i : i + 1])


def _times_inputs(f: Expansion, x: Any, size: Any) -> Expansion:
    return Expansion([v * x for v in f.coefficients], f.rest * size)


def _neurons(z: list[Any], a: list[Any], activation: Activation, ar: Arithmetic) -> dict[str, list[Any]]:
    jet = activation.jet(z[0], ORDER + 2, ar)
    sigma = composites(jet, 3, z, ORDER, ar)
    first, second, third = (product(v, a, ORDER) for v in sigma)
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
        sides.append(composites(jet, 3, argument, ORDER, ar))
    even = [[(p + q) * half for p, q in zip(*k, strict=True)] for k in zip(*sides, strict=True)]
    odd = [divided([(p - q) * half for p, q in zip(*k, strict=True)], eps, ar) for k in zip(*sides, strict=True)]
    difference = [p - q for p, q in zip(product(even[1], x, ORDER), odd[0], strict=True)]
    return _functions(even, odd, divided(difference, _square(eps), ar), c, x, _square(eps), ar)


def _pair_at_infinity(
    z: list[Any], c: list[Any], x: list[Any], eps: list[Fraction], activation: Activation, ar: Arithmetic
) -> dict[str, list[Any]]:
    """The same about ``ε(0) = 0``, where ``z``, ``X`` and ``c`` have no linear term.

    ``A_k = Σ s^i X^{2i} σ^(k+2i)/(2i)!``, ``D_k = Σ s^i X^{2i+1} σ^(k+2i+1)/(2i+1)!`` and ``E = X³ σ^(3)/3 + s X⁵
    σ^(5)/30 + …``.
    """
    jet, square = activation.jet(z[0], ORDER + 2, ar), _square(eps)
    inner = [z[0] * 0, z[0] * 0, z[2]]
    s = square[2]
    # σ^(k)(z) to first order in τ²; where the derivative of σ^(5) would be asked for, it is multiplied by s
    known = [composed([jet[k], *jet[k + 1 : k + 2], *[z[0] * 0] * 3], inner, ORDER, ar) for k in range(ORDER + 3)]

    def even(k: int, first: int, factors: tuple[Fraction, Fraction]) -> list[Any]:
        """``f_0 X^first σ^(k) + f_1 s X^(first + 2) σ^(k+2)``."""
        power = [z[0] * 0 + 1]
        for _ in range(first):
            power = product(power, x, ORDER)
        low = [v * ar.number(factors[0]) for v in product(known[k], power, ORDER)]
        high = known[k + 2][0] * power[0] * x[0] * x[0] * ar.number(factors[1] * s)
        low[2] = low[2] + high
        return low

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
    zz = add(product(a[2], c, ORDER), b[2])
    turn = add(product(product(b[1], x, ORDER), c, ORDER), e)
    half = ar.number(Fraction(1, 2))
    return {
        "": add(product(a[0], c, ORDER), b[0]),
        "c": a[0],
        "z": add(product(a[1], c, ORDER), b[1]),
        "X": add(product(stretched[1], c, ORDER), a[1]),
        "zz": zz,
        "zX": add(product(stretched[2], c, ORDER), a[2]),
        "XX": scaled(zz, s, ORDER, ar),
        "cz": a[1],
        "cX": stretched[1],
        "s": [v * half for v in turn],
    }


def _square(eps: list[Fraction]) -> list[Fraction]:
    return [eps[0] ** 2, 2 * eps[0] * eps[1], eps[1] ** 2]


def _rests(
    functions: Mapping[str, Sequence[Monomial]],
    curve: tuple[list[Any], list[Any], list[Any] | None],
    eps: list[Fraction],
    reaches: tuple[Any, Any, Any],
    activation: Activation,
    ar: Arithmetic,
) -> dict[str, Any]:
    """How far each function may be from its expansion, in the box about the curve.

    On the curve: the coefficient of ``τ^{K+1}`` about any point of it, from those of ``c``, ``X``, ``ε`` and ``z``, in
    ``c^α X^β s^γ σ^(j)(z + hεX)``. In the box: ``c^α X^β`` and ``σ^(j)`` change by what ``|δc|``, ``|δX|`` and
    ``|δz| + |ε||δX|`` allow.

    Args:
        functions: by name.
        curve: ``z``, ``c``, and ``X`` (``None``: no monomial has it).
        eps: of the group; empty without one.
        reaches: bounds of ``|δz|``, ``|δc|``, ``|δX|``.
        activation: bounded by 1.
        ar: where to compute.
    """
    top = ORDER + 1
    z, c, x = (None if part is None else about(part) for part in curve)
    assert z is not None
    assert c is not None
    wide = [abs(eps[0]) + abs(eps[1]), abs(eps[1])] if eps else [Fraction(0)] * 2
    argument = [*z, *[z[0] * 0] * (top - 2)]
    away = reaches[0]
    if x is not None:
        argument = [p + q for p, q in zip(argument, scaled(x, wide, top, ar), strict=True)]
        away = away + reaches[2] * ar.number(wide[0])
    one = z[0] * 0 + 1

    def sup(j: int) -> Fraction:
        return activation.sup(j) if j else Fraction(1)

    # bounds of the coefficients of σ^(j) of the argument, about any point
    highest = max(term.j for terms in functions.values() for term in terms)
    sups = [one * ar.number(sup(j)) for j in range(highest + top + 1)]
    known = composites(sups, highest + 1, argument, top, ar)
    square = _square(wide)
    amplitudes: dict[tuple[int, int, int], tuple[list[Any], Any, Any]] = {}

    def amplitude(alpha: int, beta: int, gamma: int) -> tuple[list[Any], Any, Any]:
        """Bounds of the coefficients of ``c^α X^β s^γ``; of it in the box; and of how much it changes there."""
        key = (alpha, beta, gamma)
        if key not in amplitudes:
            series, there = [one], one
            for factor, reach in [(c, reaches[1])] * alpha + [(x, reaches[2])] * beta:
                assert factor is not None
                series, there = product(series, factor, top), there * (factor[0] + reach)
            here = series[0]
            if gamma:
                series, size = scaled(series, square, top, ar), ar.number(square[0])
                here, there = here * size, there * size
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
