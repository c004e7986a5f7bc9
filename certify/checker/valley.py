"""A region about a path in a chart: no network in it is critical (docs/infinity.md, section 15).

The diverging groups are pairs, and beside them either none that releases a constant, or two or more: mirrored pairs,
and a neuron near zero perhaps. Along a piece ``(q(τ), ε(τ))`` and in the box ``|δ_i| ≤ d_i`` about each of its points
it is checked that ``F_qq ≻ 0``, all ``ε`` fixed, and ``∂F/∂ε_g² > 0``. Of those that share a constant the last ``ε``
follows from ``Σ 1/ε_g = S(q)``. If they are two, instead ``P³ ∂F/∂ε_1² + ∂F/∂ε_2² > 0``, where ``P = −ε_1/ε_2 = 1 −
Sε_1 > 0``; if more, not all ``ε_g`` have one sign: a network is critical only where all ``ε_g³ ∂F/∂ε_g²`` are equal.
All that these consist of is expanded to ``τ³`` and bounded by ``means.py``; the last ``ε`` changes in the box by
``ε² ΔS/(1 − |ε|ΔS)`` at most.

``F_qq = (2/N)(JᵀJ + Σ r ∇²f)`` is a polynomial of matrices up to an error, its Bernstein coefficients are ``C_j``. Let
``V`` be any matrix, ``η² = (2/N) Σ_k |V|_kᵀ (Σ_n E_n E_nᵀ) |V|_k`` from the error ``E`` of ``J``, ``β²`` the largest
sum of a row of ``|Vᵀ(2/N)JᵀJV|``, and ``Δ`` the error of the rest. All eigenvalues of ``VᵀF_qqV`` exceed the least
``C_ii − Σ|C_ij|`` of the ``VᵀC_jV`` less ``2βη`` and the largest sum of a row of ``|V|ᵀΔ|V|``.

Copies of a neuron are neurons of their own here (``opening.py``), and ``F_qq`` is positive definite on the space of
changes that keep their shares. Copies in diverging groups are held, with any positive shares, at ``w ± εu + ε²y_i`` or
``4ε(ℓ + y_i)``, all ``|y|`` less than ``apart`` (``parting.py``).

On one input of each pair ``x, −x`` (``folded.py``): ``∂f(−x) = α − ∂f(x)``, ``α = κ`` for outputs, 2 for the constant
``K``, else 0; the other derivatives change their signs. So ``Σ r g`` over all inputs is ``Σ (r(x) − r(−x)) g`` over
these.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import NamedTuple

from .charts import Chart
from .congruence import UNIT, Enclosed, guess, root
from .folded import Folded
from .loss import Data, Vector
from .means import NEURON, ORDER, PAIR, ZERO, Function, Small, bounded, neuron, pair, pair_at_infinity
from .opening import Ties
from .parting import copies_apart, zeros_apart
from .reading import need
from .release import Place, between, epsilons, released
from .series import Numbers, Series, about, bernstein_rows, quotient
from .ways import Way

DEGREE = 2 * ORDER


class Block(NamedTuple):
    """``Σ r g x xᵀ`` where ``square``, else a column ``Σ r g x``, at ``(row, column)``, and across the diagonal."""

    row: int
    column: int
    g: Function
    square: bool


@dataclass(frozen=True)
class Expanded:
    """On a piece: ``f``, the columns of ``J``, the blocks of ``∇²f``, the ``∂f/∂ε_g²``."""

    output: Function
    jacobian: list[Function]
    blocks: list[Block]
    slopes: list[Function]


def covers(chart: Chart) -> bool:
    """Whether regions are defined: pairs, splits, mirrored pairs and a zero group; no copies of neurons.

    Nothing is flipped but one member of a mirrored pair.
    """
    kinds = ("pair", "split+", "split-", "mirrored", "zero")
    simple = all(group.kind in kinds and not group.flipped for group in chart.diverging)
    return bool(chart.diverging) and simple and len(chart.shared) != 1 and not chart.copies and not chart.bias


def check_region(
    folded: Folded,
    chart: Chart,
    start: Place,
    end: Place,
    radii: Numbers,
    where: str,
    ties: Ties | None = None,
    apart: Fraction = Fraction(0),
) -> None:
    """Check the region about the piece from one place to the next; with ``ties``, ``F_qq ≻ 0`` on this space.

    ``apart`` bounds the entries of the ``y`` of copies in diverging groups.

    Raises:
        Rejected: naming what is not proved.
    """
    data = folded.data
    need(folded.data.activation.reflection is not None, f"{where}: the region asks for an activation bounded by 1")
    curve, lines, last = between(chart, start, end, len(data.x))
    smalls, ratios = _smalls(chart, curve, lines, radii, len(data.x), where)
    found = _expanded(data, chart, curve, smalls, radii, last, apart)
    sides = folded.residuals(found.output.series, _constants(folded, chart, curve))
    difference = [p - q for p, q in zip(*sides, strict=True)] if len(sides) > 1 else sides[0]
    sizes = reduce(add, (abs(v) for side in sides for v in side))
    twice = found.output.error + found.output.error * folded.paired
    products = _Products(difference, sizes, twice)
    rows = bernstein_rows(DEGREE, last)
    slopes = [found.slopes[k] for k in range(len(found.slopes)) if not ratios or k not in chart.shared]
    for ratio in ratios:
        # in between it is a mean of the two
        first, second = (found.slopes[k] for k in chart.shared)
        factor = data.number(ratio**3)
        series = [p * factor + q for p, q in zip(first.series, second.series, strict=True)]
        slopes.append(Function(series, first.error * factor + second.error))
    for slope in slopes:
        series, error = products.with_function(slope)
        values = data.arithmetic.stack([v.dot(data.zero + 1) for v in series])
        least = min(values.dot(data.arithmetic.vector(row)).lower()[0] for row in rows)
        need(least > error.dot(data.zero + 1).upper()[0], f"{where}: ∂F/∂ε² may vanish")
    turned = _turned(folded, chart, len(radii))
    if ties:
        found, turned = _tied(data, found, turned, ties)
    _check_definite(folded, found, turned, products, rows, where)


def _smalls(
    chart: Chart, curve: list[Numbers], lines: dict[int, Way], radii: Numbers, d: int, where: str
) -> tuple[list[Small], list[Fraction]]:
    """``ε`` of the diverging groups, and bounds of ``P = −ε_1/ε_2`` if two share a constant; ``ε_2 = ε_1/(Sε_1 − 1)``.

    Raises:
        Rejected: the last shared ``ε`` may be infinite, or all may have one sign.
    """
    fractions = epsilons(chart, curve, lines, d)
    known = [quotient(fraction) for fraction in fractions]
    away, ratios = [Fraction(0)] * len(known), list[Fraction]()
    if chart.shared:
        first, *_, last = chart.shared
        change = sum((k * radii[i] for i, k in released(chart, d, {}).items()), Fraction(0))
        largest = known[last][1][0]
        # at τ = 1; none is 0 or infinite on the piece, nor in the boxes
        signs = [sum(fractions[k][0]) * sum(fractions[k][1]) for k in chart.shared]
        need(
            largest * change < 1 and min(signs) < 0 < max(signs), f"{where}: shared ε may have one sign, or be infinite"
        )
        away[last] = largest**2 * change / (1 - largest * change)
        if len(chart.shared) == 2:
            middle = -fractions[last][1][0]
            spread = sum(map(abs, fractions[last][1][1:]), Fraction(0)) + known[first][1][0] * change
            need(middle > spread, f"{where}: the ratio of two shared ε may be 0")
            ratios = [middle - spread, middle + spread]
    return [Small(a[: ORDER + 1], b[: ORDER + 2], c) for (a, b), c in zip(known, away, strict=True)], ratios


def _constants(folded: Folded, chart: Chart, curve: list[Numbers]) -> Numbers:
    """``f(x) + f(−x)``: ``κ`` times the outputs of the neurons and the ``c`` of the pairs, and ``2K``, on the curve."""
    alpha = _turned(folded, chart, len(curve[0]))
    return [sum(map(mul, alpha, part), Fraction(0)) for part in curve]


def _turned(folded: Folded, chart: Chart, size: int) -> Numbers:
    """``α`` of the coordinates ``q``."""
    d = len(folded.data.x)
    first = chart.neurons * (d + 1)
    end = first + (2 * d + 1) * sum(kind != "zero" for kind in chart.kinds)
    outputs = {*range(chart.neurons * d, first), *range(first + 2 * d, end, 2 * d + 1)}
    return [folded.reflection * (i in outputs) + 2 * (i == end) for i in range(size)]


@dataclass(frozen=True)
class _Products:
    """Sums with the residuals: ``r(x) − r(−x)``, bounds of ``|r(x)| + |r(−x)|``, and the error of both."""

    difference: Series
    sizes: Vector
    error: Vector

    def with_function(self, g: Function) -> tuple[Series, Vector]:
        """The coefficients of ``r g`` by input, and a bound of the error."""
        n = ORDER + 1
        series = [
            reduce(add, (self.difference[i] * g.series[m - i] for i in range(n) if 0 <= m - i < n))
            for m in range(DEGREE + 1)
        ]
        return series, self.sizes * g.error + self.error * (g.top + g.error)


def _expanded(
    data: Data,
    chart: Chart,
    curve: list[Numbers],
    smalls: list[Small],
    radii: Numbers,
    last: bool,
    apart: Fraction = Fraction(0),
) -> Expanded:
    d, m = len(data.x), chart.neurons
    jacobian: dict[int, Function] = {}
    outputs: list[Function] = []
    blocks: list[Block] = []
    slopes: list[Function] = []

    def linear(place: int) -> Series:
        return [data.along([data.number(v) for v in part[place : place + d]]) for part in curve]

    def reach(place: int) -> Vector:
        return reduce(add, (size * data.number(radii[place + i]) for i, size in enumerate(data.sizes)))

    def by_inputs(place: int, f: Function) -> None:
        for i, (x, size) in enumerate(zip(data.x, data.sizes, strict=True)):
            jacobian[place + i] = Function([v * x for v in f.series], f.error * size)

    for k in range(m):
        w, a = k * d, m * d + k
        z, c = linear(w), [data.number(part[a]) for part in curve]
        values = neuron(z, c, data)
        f = bounded(NEURON, values, (z, c, None), None, (reach(w), data.number(radii[a]), None), data)
        outputs.append(f["f"])
        by_inputs(w, f["z"])
        jacobian[a] = f["c"]
        blocks += [Block(w, w, f["zz"], True), Block(w, a, f["cz"], False)]
    place = m * (d + 1)
    for group, small in zip(chart.diverging, smalls, strict=True):
        kind, rho = group.kind, reduce(add, data.sizes) * data.number(apart)
        expand = pair_at_infinity if last else pair
        if kind == "zero":
            # K is at this place, then ℓ
            x, nothing = [v * 4 for v in linear(place + 1)], [data.zero] * 3
            values = expand(nothing, x, nothing, small.series, data)
            reaches = (data.zero, data.zero, reach(place + 1) * 4)
            f = bounded(ZERO, values, (nothing, nothing, x), small, reaches, data)
            if group.copies:
                f = _widened(f, zeros_apart(rho * 4, about(x)[0] + reaches[2], small.wide[0] + small.away, data))
            by_inputs(place + 1, f["X"].times(4))
            blocks.append(Block(place + 1, place + 1, f["XX"].times(16), True))
        else:
            w, u, a = place, place + d, place + 2 * d
            z, x, c = linear(w), linear(u), [data.number(part[a]) for part in curve]
            reaches = (reach(w), data.number(radii[a]), reach(u))
            f = bounded(PAIR, expand(z, x, c, small.series, data), (z, c, x), small, reaches, data)
            if group.copies:
                sizes = (about(x)[0] + reaches[2], about(c)[0] + reaches[1], small.wide[0] + small.away)
                f = _widened(f, copies_apart(rho, *sizes, data))
            by_inputs(w, f["z"])
            by_inputs(u, f["X"])
            jacobian[a] = f["c"]
            blocks += [Block(w, w, f["zz"], True), Block(w, u, f["zX"], True), Block(u, u, f["XX"], True)]
            blocks += [Block(w, a, f["cz"], False), Block(u, a, f["cX"], False)]
            place += 2 * d + 1
        outputs.append(f["f"])
        slopes.append(f["s"])
    if chart.shared:
        jacobian[place] = Function([data.zero + 1, *[data.zero] * ORDER], data.zero)
        constant, away = ([data.zero + data.number(part[place]) for part in parts] for parts in (curve, [radii]))
        outputs.append(Function([*constant, data.zero], away[0]))
    series = [reduce(add, (f.series[k] for f in outputs)) for k in range(ORDER + 1)]
    output = Function(series, reduce(add, (f.error for f in outputs)))
    return Expanded(output, [jacobian[i] for i in range(len(radii))], blocks, slopes)


def _tied(data: Data, found: Expanded, turned: Numbers, ties: Ties) -> tuple[Expanded, Numbers]:
    """Derivatives by the parameters of a space: sums of those by the coordinates, times the factors."""
    size = max(ties.columns) + 1
    alpha = [Fraction(0)] * size
    parts: list[list[Function]] = [[] for _ in range(size)]
    for column, factor, one, value in zip(ties.columns, ties.factors, found.jacobian, turned, strict=True):
        parts[column].append(_multiplied(one, factor, data))
        alpha[column] += factor * value
    jacobian = [
        Function([reduce(add, terms) for terms in zip(*(f.series for f in part), strict=True)], _sum_of_errors(part))
        for part in parts
    ]
    blocks = [
        Block(
            ties.columns[block.row],
            ties.columns[block.column],
            _multiplied(block.g, ties.factors[block.row] * ties.factors[block.column], data),
            block.square,
        )
        for block in found.blocks
    ]
    return Expanded(found.output, jacobian, blocks, found.slopes), alpha


def _sum_of_errors(functions: list[Function]) -> Vector:
    return reduce(add, (f.error for f in functions))


def _multiplied(f: Function, factor: Fraction, data: Data) -> Function:
    if factor == 1:
        return f
    return Function([v * data.number(factor) for v in f.series], f.error * data.number(abs(factor)))


def _widened(functions: dict[str, Function], errors: dict[str, Vector]) -> dict[str, Function]:
    return {name: Function(f.series, f.error + errors[name]) if name in errors else f for name, f in functions.items()}


def _check_definite(
    folded: Folded, found: Expanded, turned: Numbers, products: _Products, rows: list[Numbers], where: str
) -> None:
    """That ``F_qq`` is positive definite in the region."""
    scale = Fraction(2, folded.count)
    gram, spread = _gram(folded, found, turned, scale)
    second, error = _bends(folded, found, products, scale)
    total = [Enclosed.sum_of(both) for both in zip(gram, second, strict=True)]
    whole = [Enclosed.combined(total, row) for row in rows]
    v = guess(whole)
    need(v is not None, f"{where}: F_qq is not positive definite")
    assert v is not None
    sizes = [[abs(entry) for entry in row] for row in v]
    beta = root(max(Enclosed.combined(gram, row).congruent(v).norm for row in rows))
    wide = spread.congruent(sizes)
    eta = root(sum(wide.rows[i][i] + wide.error for i in range(len(v))))
    loss = 2 * beta * eta // UNIT + 1 + error.congruent(sizes).norm
    need(all(part.congruent(v).least > loss for part in whole), f"{where}: F_qq is not proved positive definite")


def _gram(folded: Folded, found: Expanded, turned: Numbers, scale: Fraction) -> tuple[list[Enclosed], Enclosed]:
    """The coefficients of ``(2/N) JᵀJ``, and ``(2/N) Σ_n E_n E_nᵀ``, over all inputs.

    ``Σ (α_i − J_i)(α_j − J_j)`` over the inputs that have a partner is added to ``Σ J_i J_j``.
    """
    data, n, paired, weight = folded.data, ORDER + 1, folded.paired, folded.data.zero + 1 + folded.paired
    weighted = [[v * weight for v in f.series] for f in found.jacobian]
    sums = [[v.dot(paired) for v in f.series] for f in found.jacobian]
    constant = paired.dot(data.zero + 1)

    def entry(i: int, j: int, m: int) -> Vector:
        pairs = [(a, m - a) for a in range(n) if 0 <= m - a < n]
        total = reduce(add, (found.jacobian[i].series[a].dot(weighted[j][b]) for a, b in pairs))
        if m < n:
            total = total - sums[j][m] * data.number(turned[i]) - sums[i][m] * data.number(turned[j])
        return total if m else total + constant * data.number(turned[i] * turned[j])

    size = range(len(found.jacobian))
    gram = [Enclosed.of([[entry(i, j, m) for j in range(i + 1)] for i in size], scale) for m in range(DEGREE + 1)]
    errors = [(f.error, f.error * weight) for f in found.jacobian]
    spread = [[errors[i][0].dot(errors[j][1]) for j in range(i + 1)] for i in size]
    return gram, Enclosed.of(spread, scale)


def _bends(folded: Folded, found: Expanded, products: _Products, scale: Fraction) -> tuple[list[Enclosed], Enclosed]:
    """The coefficients of ``(2/N) Σ r ∇²f``, and a bound of what its error is, entry by entry."""
    data, d = folded.data, len(folded.data.x)
    matrices = [[[data.number(0)] * (i + 1) for i in range(len(found.jacobian))] for _ in range(DEGREE + 2)]
    large = [[abs(v) for v in row] for row in data.xx]
    for block in found.blocks:
        series, error = products.with_function(block.g)
        for matrix, weight in zip(matrices, [*series, error], strict=True):
            # the last one is the error
            xx, x = (large, data.sizes) if weight is error else (data.xx, data.x)
            for i in range(d):
                if not block.square:
                    matrix[block.column][block.row + i] = x[i].dot(weight)
                for k in range(d):
                    if block.square and block.row + k <= block.column + i:
                        matrix[block.column + i][block.row + k] = xx[i][k].dot(weight)
    enclosed = [Enclosed.of(matrix, scale) for matrix in matrices]
    return enclosed[:-1], enclosed[-1]
