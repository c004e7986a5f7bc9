"""Paths: lines and arcs from the candidate from vertex to vertex, along which the loss falls, and on to the object.

The proofs are in docs/paths.md. On a piece the weights are ``θ + t h_1 + t² h_2 + t³ h_3``, so that a neuron's argument
is ``z + y(t)``, ``y = Σ t^i y_i``, and its output weight ``Σ t^i a_i``. With the derivatives of ``σ`` at ``z``
the residuals are

    r_n(t) = Σ_{j ≤ K} r_nj t^j + e_n(t),   K = 5,   |e_n(t)| ≤ E_n |t|^(K+1),   |e_n'(t)| ≤ (K+1) E_n |t|^K.

``E_n`` is the Leibniz sum of ``Σ_l binom(l, i)|a_l|`` and the bounds ``s_{K+1−i}`` of the coefficients of ``t^{K+1−i}``
in the Taylor series of ``σ`` about any point of the piece,

    s_l = Σ_j sup|σ^(j)|/j! · [ȳ^j]_l,   ȳ_i = Σ_l binom(l, i) |y_l|,   [·]_l the coefficient of t^l.

Networks are evaluated on one input of each pair ``x, −x`` (``folded.py``); all sums are over all inputs.

With ``G_ij = Σ_n r_ni r_nj`` and ``ε² = Σ_n E_n²``, ``N d/dt L`` differs from ``Σ (i+j) G_ij t^(i+j−1)`` by at most
``2ε (Σ (K+1+j) √G_jj + (K+1) ε)`` for ``|t| ≤ 1``, and a polynomial lies between the least and the largest of its
Bernstein coefficients.

**Pieces** run from ``t = −1`` to ``t = 1`` about their middle: all bounds must be negative. An arc from ``p`` to ``q``
with the bend ``b`` is ``p + x (q − p − b) + x² b``, ``x = (1 + t)/2``.

**Into a box** (``closing`` 0): the last vertex lies in the uniqueness box of a local minimum. No Hessian there is
singular, so all are positive definite; the loss is strictly convex and falls on along the straight line to the minimum.

**To a zero** (``closing`` v = 1, 2): from the exact zero ``θ_0`` (``t = 0``) to the last vertex (``t = 1``) the loss
rises. All residuals vanish at ``θ_0``. For v = 2 the curve has ``h_1`` of incoming weights alone and ``Σ_i a_i h_1i =
0`` over neurons whose incoming weights at ``θ_0`` agree up to sign: the residuals vanish to second order, because
``σ'`` is even. ``h_2`` is what is left, or it is given (``places``), and what is left is ``h_3``. So ``r_n0`` (and
``r_n1``) are 0, everything is divided by ``t^(2v−1)``, and all bounds on [0, 1] must be positive. The curve may be
halved first: from ``t = 1`` to 1/2, 1/4, … the loss falls as on other pieces. With ``closing`` 4 the curve has ``h_1``
to ``h_4`` as given, and ``h_5`` is what is left: v = 3, by ``third_order.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import comb, factorial
from operator import add
from typing import Any

from .charts import NODED, Chart, read_chart
from .folded import Folded
from .loss import Data, Network, Problem, Vector
from .opening import opened
from .reading import Unreadable, exact, fields, integer, need, sequence
from .release import Place, check_apart, first_place, free_count, residuals, together
from .series import bernstein_rows
from .third_order import vanishes
from .valley import check_region, covers
from .zero import equals_teacher, network

BITS = 192
"""A unit ``2^−192`` under the root of ``ε²`` is ``2^−96``; the slopes of paths shipped are down to 1e-23."""

MAX_VERTICES = 1000
MAX_OCTAVES = 20
MAX_SIZE = 1100
"""Binary digits of a number's numerator and denominator; doubles have at most 1075. Powers of longer ones take long."""

ORDER = 5


@dataclass(frozen=True)
class Path:
    """The vertices after the candidate, and how the path ends; for ``closing`` 3 also the part in the chart.

    Neuron ``i`` of the chart is neuron ``order[i]`` of the candidate; ``places`` are ``q``, then the free ``ε``. For
    ``closing`` 2 there may be one row of ``places``, the ``h_2`` of the curve, for 4 there are ``h_1`` to ``h_4``. The
    last curve is halved ``octaves`` times. The pieces that are arcs have ``bends``. For ``closing`` 3 there may be
    ``radii`` of a region, a row for each place, and then ``apart``, how far copies in diverging groups may be from each
    other (0 without); ``nodes`` are two of each triple and quintic group in the chart, at the last vertex.
    """

    vertices: list[list[Fraction]]
    closing: int
    order: list[int]
    places: list[Any]
    octaves: int
    bends: dict[int, list[Fraction]]
    radii: list[Any]
    nodes: list[list[Fraction]]
    apart: Fraction


def count_pieces(witness: Any) -> int:
    """How many pieces a check of the path of a line of witnesses.jsonl has to evaluate."""
    path = witness.get("path") if isinstance(witness, dict) else None
    vertices = path.get("vertices") if isinstance(path, dict) else None
    places = path.get("places") if isinstance(path, dict) else None
    octaves = path.get("octaves") if isinstance(path, dict) else None
    # in a chart a piece costs about three times as much, with a region about it eight times; run.py adds the matrices
    in_chart = 8 if isinstance(path, dict) and path.get("radii") else 3
    pieces = sum(len(v) * times for v, times in ((vertices, 1), (places, in_chart)) if isinstance(v, list))
    return pieces + (max(octaves, 0) if isinstance(octaves, int) else 0) + 1 if path else 0


def read_path(value: Any, size: int) -> Path:
    """The field ``path`` of a line of witnesses.jsonl, for ``size`` parameters."""
    optional = {"octaves", "bent", "bends", "radii", "nodes", "apart"}
    fields(value, "path", {"vertices", "closing", "order", "places"}, optional)
    value = {"bent": [], "bends": [], "radii": [], "nodes": []} | value
    for name in ("vertices", "order", "places", "bent", "bends", "radii", "nodes"):
        if not isinstance(value[name], list) or len(value[name]) > MAX_VERTICES:
            raise Unreadable(f"path.{name}: expected a list of at most {MAX_VERTICES}")
    vertices = [_short(sequence(v, "path.vertices", size)) for v in value["vertices"]]
    order = [integer(i, "path.order", 0, MAX_VERTICES) for i in value["order"]]
    octaves = integer(value.get("octaves", 0), "path.octaves", 0, MAX_OCTAVES)
    bent = [integer(i, "path.bent", 0, MAX_VERTICES) for i in value["bent"]]
    need(len(bent) == len(set(bent)) == len(value["bends"]), "path.bent: expected a bend for each, and each once")
    need(all(i < len(vertices) for i in bent), "path.bent: no such piece")
    bends = dict(zip(bent, (_short(sequence(v, "path.bends", size)) for v in value["bends"]), strict=True))
    closing = integer(value["closing"], "path.closing", 0, 4)
    nodes = [_short(sequence(v, "path.nodes", 2)) for v in value["nodes"]]
    apart = _short([exact(value.get("apart", "0"), "path.apart")])[0]
    need(apart >= 0 and (not apart or bool(value["radii"])), "path.apart: not negative, and 0 without radii")
    path = Path(vertices, closing, order, value["places"], octaves, bends, value["radii"], nodes, apart)
    need((path.closing == 3) == bool(path.order), "path.order: for closing 3 only")
    least, most = {2: (0, 1), 3: (1, MAX_VERTICES), 4: (ORDER - 1, ORDER - 1)}.get(path.closing, (0, 0))
    need(least <= len(path.places) <= most, "path.places: for closing 3 only, or one for 2, or four for 4")
    regional = path.closing == 3 and not vertices and len(path.radii) == len(path.places)
    need(regional or not path.radii, "path.radii: for closing 3 without vertices only, and a row for each place")
    need(path.closing == 3 or not nodes, "path.nodes: for closing 3 only")
    need(path.closing in (1, 2, 4) or not path.octaves, "path.octaves: for closing 1, 2 and 4 only")
    return path


def read_places(path: Path, chart: Chart, size: int) -> list[Place]:
    """The places of a path in a chart whose limit network has ``size`` parameters."""
    free = free_count(chart)
    rows = [_short(sequence(v, "path.places", size + free)) for v in path.places]
    return [Place(row[:size], row[size:]) for row in rows]


def read_radii(path: Path, size: int) -> list[list[Fraction]]:
    """The radii of the region about the pieces of a path in a chart whose limit network has ``size`` parameters."""
    rows = [_short(sequence(row, "path.radii", size)) for row in path.radii]
    need(all(v > 0 for row in rows for v in row), "path.radii: expected positive numbers")
    return rows


def check_path(witness: Any, chart: Any, problem: Problem, folded_at: Callable[[int], Folded]) -> None:
    """Check that the loss falls along the path of a line of witnesses.jsonl, and along its last pieces.

    That it starts at the right candidate and ends at the right object is for the statement to check.

    Args:
        witness: the line.
        chart: the step ``chart`` of its certificate, if there is one.
        problem: the problem.
        folded_at: inputs and labels, folded, at a number of bits.

    Raises:
        Rejected: naming the piece.
    """
    width = len(witness["candidate"]["a"])
    candidate = network(witness["candidate"], "candidate", width, problem.dimension)
    need(problem.plain, "path: without weight decay, and for students of one output without a bias")
    path = read_path(witness["path"], width * (problem.dimension + 1))
    folded = folded_at(BITS)
    points = [_short(_theta(candidate)), *path.vertices]
    for number, (start, end) in enumerate(pairwise(points)):
        values = _slopes(folded, _piece(start, end, path.bends.get(number)), 0)
        need(all(v < 0 for v in values.upper()), f"path: piece {number}: the loss is not proved to fall")
    if path.closing == 3:
        need(chart is not None, "path.closing: 3 without a chart")
        _check_chart(path, read_chart(chart, width, problem), points[-1], problem, folded)
    elif path.closing:
        zero = network(witness["point"], "point", width, problem.dimension)
        _short(_theta(zero))
        need(equals_teacher(zero, problem), "point: does not equal the teacher as a function")
        difference = [q - p for p, q in zip(_theta(zero), points[-1], strict=True)]
        rows = [_short(sequence(row, "path.places", len(difference))) for row in path.places]
        order, curve = _to_zero(path.closing, zero, difference, rows, problem)
        curve = [_theta(zero), *curve]
        for octave in range(path.octaves):
            values = _slopes(folded, _lower_half(curve, Fraction(1, 2**octave)), 0)
            need(all(v < 0 for v in values.upper()), f"path: octave {octave}: the loss is not proved to fall")
        shrunk = [[v / 2 ** (k * path.octaves) for v in part] for k, part in enumerate(curve)]
        values = _slopes(folded, shrunk, order)
        need(all(v > 0 for v in values.lower()), "path: last piece: the loss is not proved to fall to 0")


def _to_zero(
    closing: int, zero: Network, difference: list[Fraction], rows: list[list[Fraction]], problem: Problem
) -> tuple[int, list[list[Fraction]]]:
    """The order to which residuals vanish at a zero, and ``h_1, h_2, …`` of the curve from there to the last vertex."""
    kappa = problem.activation.reflection
    if closing == 1:
        return 1, [difference]
    if closing == 4:
        curve = [*rows, [v - sum(row) for v, *row in zip(difference, *rows, strict=True)]]
        vanishing = vanishes(zero, curve, problem.dimension, kappa)
        need(vanishing, "path.places: the residuals are not seen to vanish to third order")
        return 3, curve
    need(kappa is not None, "path.closing: 2 asks for an activation with an even derivative")
    first, second = _separated(zero, difference, problem.dimension)
    if not rows:
        return 2, [first, second]
    return 2, [first, rows[0], [q - p for p, q in zip(rows[0], second, strict=True)]]


def _check_chart(path: Path, chart: Chart, last: list[Fraction], problem: Problem, folded: Folded) -> None:
    """That the loss falls from the network ``last`` on, in the chart, from place to place."""
    d = problem.dimension
    width = len(last) // (d + 1)
    need(sorted(path.order) == list(range(width)), "path.order: expected each neuron once")
    need(chart.plain, "path: not defined in charts with such groups, mirrored copies and other flipped members")
    neurons = tuple((tuple(last[i * d : (i + 1) * d]), last[width * d + i]) for i in path.order)
    opening = opened(chart)
    if path.radii:
        chart, neurons = opening.outer, opening.reordered(neurons)
        need(covers(chart), "path.radii: not defined in this chart")
    merged = together(chart, neurons)
    if path.radii:
        check_apart(chart, neurons, merged, path.apart)
    if merged != neurons:
        difference = [q - p for p, q in zip(_theta(merged), _theta(neurons), strict=True)]
        values = _bounds(folded, *_expanded(folded, [_theta(merged), difference]), [1], 1)
        need(all(v > 0 for v in values.lower()), "path: the loss is not proved to fall as copies come together")
    noded = sum(kind in NODED for kind in chart.kinds)
    need(len(path.nodes) == noded, "path.nodes: expected two for each triple and quintic group")
    here = first_place(chart, merged, path.nodes)
    regions, places = read_radii(path, len(here.q)), read_places(path, chart, len(here.q))
    ties = opening.ties(places[-1].q, d) if regions else None
    for number, place in enumerate(places):
        if regions:
            check_region(folded, chart, here, place, regions[number], f"path: place {number}", ties, path.apart)
        sides, rest, to_infinity = residuals(folded, chart, here, place)
        values = _bounds(folded, sides, rest, [1] if to_infinity else [], 1 if to_infinity else 0)
        falls = all(v > 0 for v in values.lower()) if to_infinity else all(v < 0 for v in values.upper())
        need(falls, f"path: place {number}: the loss is not proved to fall on the way there")
        here = replace(place, flipped=here.flipped)


def _short(numbers: list[Fraction]) -> list[Fraction]:
    """The same numbers, none of which is longer than :data:`MAX_SIZE`."""
    if any(max(abs(v.numerator), v.denominator).bit_length() > MAX_SIZE for v in numbers):
        raise Unreadable(f"path: a number has more than {MAX_SIZE} binary digits")
    return numbers


def _piece(start: list[Fraction], end: list[Fraction], bend: list[Fraction] | None) -> list[list[Fraction]]:
    """The coefficients of a line or an arc about its middle."""
    middle = [(p + q) / 2 for p, q in zip(start, end, strict=True)]
    half = [(q - p) / 2 for p, q in zip(start, end, strict=True)]
    if bend is None:
        return [middle, half]
    # x² = (1 + 2t + t²)/4: the terms of b without t² add up to −b/4 + 0·t
    return [[m - b / 4 for m, b in zip(middle, bend, strict=True)], half, [b / 4 for b in bend]]


def _lower_half(curve: list[list[Fraction]], top: Fraction) -> list[list[Fraction]]:
    """The coefficients in ``s`` of a curve from ``t = top`` (``s = −1``) to ``top/2`` (``s = 1``)."""
    out = [[Fraction(0)] * len(curve[0]) for _ in curve]
    for k, part in enumerate(curve):
        for i in range(k + 1):
            # t = top (3 − s)/4,  (3 − s)^k = Σ_i binom(k, i) 3^(k−i) (−s)^i
            share = (top / 4) ** k * comb(k, i) * 3 ** (k - i) * (-1) ** i
            out[i] = [v + share * w for v, w in zip(out[i], part, strict=True)]
    return out


def _theta(neurons: Network) -> list[Fraction]:
    return [v for w, _ in neurons for v in w] + [a for _, a in neurons]


def _separated(zero: Network, difference: list[Fraction], d: int) -> list[list[Fraction]]:
    """``h, k`` with ``h + k`` the difference: ``h_i = δ_i − a_i μ``, ``μ = Σ a_i δ_i/Σ a_i²`` over those that agree."""
    classes: dict[tuple[Fraction, ...], list[int]] = {}
    for i, (w, _) in enumerate(zero):
        classes.setdefault(max(w, tuple(-v for v in w)), []).append(i)
    k = list(difference)
    for members in classes.values():
        square = sum((zero[i][1] ** 2 for i in members), Fraction(0))
        for c in range(d):
            along = sum((zero[i][1] * difference[i * d + c] for i in members), Fraction(0))
            for i in members:
                k[i * d + c] = zero[i][1] * along / square if square else Fraction(0)
    return [[q - p for p, q in zip(k, difference, strict=True)], k]


def _slopes(folded: Folded, curve: list[list[Fraction]], vanishing: int) -> Vector:
    """:func:`_bounds` on a curve; ``vanishing`` coefficients of the residuals are known to be 0."""
    return _bounds(folded, *_expanded(folded, curve), range(vanishing), max(2 * vanishing - 1, 0))


def _bounds(folded: Folded, sides: list[list[Vector]], rest: Vector, known: Sequence[int], divided: int) -> Vector:
    """Bounds of ``dL/dτ`` up to a factor: upper ones on [−1, 1], or lower ones of ``τ^−divided dL/dτ`` on [0, 1].

    The coefficients ``known`` of the residuals are exactly 0, whatever encloses them.
    """
    data = folded.data
    powers = [j for j in range(ORDER + 1) if j not in known]
    gram = {(i, j): reduce(add, (r[i].dot(r[j]) for r in sides)) for i in powers for j in powers if j <= i}
    epsilon = folded.square(rest).root_tops()
    error = epsilon * (ORDER + 1)
    for j in powers:
        error = error + gram[j, j].root_tops() * (ORDER + 1 + j)
    error = error * epsilon * 2
    derivative = [data.number(0)] * (2 * ORDER - divided)
    for (i, j), value in gram.items():
        if i + j:
            twice = (i + j) * (1 if i == j else 2)
            derivative[i + j - 1 - divided] = derivative[i + j - 1 - divided] + value * twice
    stack = data.arithmetic.stack
    bernstein = [
        stack(derivative).dot(data.arithmetic.vector(row)) for row in bernstein_rows(len(derivative) - 1, divided)
    ]
    return stack([value - error if divided else value + error for value in bernstein])


def _expanded(folded: Folded, curve: list[list[Fraction]]) -> tuple[list[list[Vector]], Vector]:
    """``r_j``, ``j ≤ K``, on both sides of the inputs, and ``E``, on the curve ``θ + t h_1 + t² h_2 + …``."""
    data = folded.data
    d, combination = len(data.x), data.arithmetic.combination
    m = len(curve[0]) // (d + 1)
    columns: list[list[tuple[Vector, Fraction]]] = [[] for _ in range(ORDER + 1)]
    rest: list[tuple[Vector, Fraction]] = []
    for neuron in range(m):
        z, *lines = (combination(data.x, part[neuron * d : (neuron + 1) * d]) for part in curve)
        outputs = [part[m * d + neuron] for part in curve]
        jet = data.jet(z, ORDER)
        powers = _powers(lines)
        for j, power in enumerate([{0: data.zero}, *powers[:ORDER]]):
            for degree, value in power.items():
                term = jet[j] * value if j else jet[0]
                for i, output in enumerate(outputs[: max(ORDER + 1 - degree, 0)]):
                    columns[degree + i].append((term, output / factorial(j)))
        wide = _powers(_about(lines, 1)) if len(lines) > 1 else powers
        for i, output in enumerate(_about(outputs, 0)):
            for j, power in enumerate(wide, 1):
                if ORDER + 1 - i in power:
                    bound = data.activation.bounds[j - 1] / factorial(j)
                    rest.append((abs(power[ORDER + 1 - i]), output * bound))
    constants = [folded.reflection * sum(part[m * d :], Fraction(0)) for part in curve]
    return folded.residuals([_combined(data, column) for column in columns], constants), _combined(data, rest)


def _combined(data: Data, terms: list[tuple[Vector, Fraction]]) -> Vector:
    return data.arithmetic.combination([v for v, _ in terms], [c for _, c in terms])


def _powers(lines: list[Vector]) -> list[dict[int, Vector]]:
    """``y, y², …, y^(K+1)`` of ``y = t lines[0] + t² lines[1] + …``, each up to ``t^(K+1)``, by degree."""
    inner = dict(enumerate(lines, 1))
    out = [inner]
    for _ in range(ORDER):
        out.append(_times(out[-1], inner, ORDER + 1))
    return out


def _times(power: dict[int, Vector], inner: dict[int, Vector], most: int) -> dict[int, Vector]:
    """The product of two polynomials of ``t``, up to ``t^most``."""
    out: dict[int, Vector] = {}
    for degree, value in power.items():
        for more, factor in inner.items():
            if degree + more <= most:
                term = value * factor
                out[degree + more] = out[degree + more] + term if degree + more in out else term
    return out


def _about(coefficients: Sequence[Any], first: int) -> list[Any]:
    """Bounds ``Σ_k binom(k, i) |p_k|`` of the coefficients about any ``|t| ≤ 1``, of ``t^first`` and on."""
    sizes = [abs(v) for v in coefficients]
    return [
        sum((size * comb(k, i) for k, size in enumerate(sizes[i - first + 1 :], i + 1)), sizes[i - first])
        for i in range(first, first + len(sizes))
    ]
