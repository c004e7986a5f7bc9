"""The loss, its gradient and its Hessian, enclosed over boxes of parameters (docs/mathematics.md, sections 3 and 4).

    f(x; θ) = a sum of units      r_n = f(x_n; θ) − y_n               L = (φ/N) Σ_n r_n² + λ‖θ‖²
    J_n = ∂f(x_n)/∂θ              ∇L = (2φ/N) Σ_n r_n J_n + 2λθ       ∇²L = (2φ/N) Σ_n (J_n J_nᵀ + r_n ∇²f(x_n)) + 2λI

with ``φ = 1`` and ``λ = 0`` unless the problem says otherwise. With ``k`` outputs each ``f_o`` is a sum of units of
its own, at slots that outputs may share, and sums over inputs and outputs take the place of ``Σ_n``, ``kN`` that of N.

A *unit* is a function ``F`` of *slots*; a slot is a line ``v·x_n`` for d numbers ``v`` of ``θ``, or one number of
``θ``. With ``e_k = x_n`` for a line and ``e_k = 1`` for a number, its part of ``J_n`` is ``F_k e_k`` and its part of
``∇²f(x_n)`` is ``F_kl e_k e_lᵀ``. The network ``Σ_i a_i σ(w_i·x)`` consists of neurons ``F(z, a) = a σ(z)``: ``F_z =
a σ'``, ``F_a = σ``, ``F_zz = a σ''``, ``F_za = σ'``, ``F_aa = 0``.

The derivatives of ``σ`` at points are those of ``activations.py``. For ``|z − c| ≤ ρ``, by Taylor (Theorem 5),
``|σ^(k)(z) − σ^(k)(c)| ≤ ρ |σ^(k+1)(c)| + (ρ²/2) sup|σ^(k+2)|``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

from .activations import ACTIVATIONS, Activation

Vector = Any
"""A vector of one of the arithmetics; ``integers.py`` shows the operations."""

Network = tuple[tuple[tuple[Fraction, ...], Any], ...]
"""Neurons ``(w_i, a_i)``, exact: ``a_i`` is a number, of several outputs a tuple of numbers."""

Derivatives = tuple[Vector, list[Vector], dict[tuple[int, int], Vector]]
"""``F``, all ``F_k``, and those ``F_kl`` with ``k ≥ l`` that do not vanish."""


@dataclass(frozen=True)
class Problem:
    """A problem as read from disk, exact.

    Args:
        hash: SHA-256 of its content.
        columns: the inputs, coordinate by coordinate: d sequences of N numbers.
        labels: for each output the N labels; ``None`` where they are the teacher's outputs.
        teacher: the neurons ``(w, a)`` of the teacher; empty where labels are given.
        name: of the activation.
        factor, decay: ``φ`` and ``λ`` of ``L = (φ/kN) Σ r² + λ‖θ‖²``.
        bias: whether students have an output bias, the last number of ``θ``; of several outputs each has one.
    """

    hash: str
    columns: tuple[tuple[Fraction, ...], ...]
    labels: tuple[tuple[Fraction, ...], ...] | None
    teacher: Network
    name: str = "sigmoid"
    factor: Fraction = Fraction(1)
    decay: Fraction = Fraction(0)
    bias: bool = False

    @property
    def plain(self) -> bool:
        """Whether the loss is the mean of squares or half of it, of students of one output without a bias."""
        return self.decay == 0 and not self.bias and self.outputs == 1

    @property
    def outputs(self) -> int:
        """The number ``k`` of outputs."""
        return len(outgoing(self.teacher) if self.labels is None else self.labels)

    def size(self, width: int) -> int:
        """The number of parameters of a student."""
        return width * self.dimension + self.outputs * (width + self.bias)

    def student(self, width: int) -> list[Unit]:
        """The units of a student, output by output: ``θ = (w_1, …, w_m, a_11, …, a_1m, c_1, a_21, …)``."""
        return neurons(width, self.dimension, self.outputs, self.bias)

    @property
    def activation(self) -> Activation:
        return ACTIVATIONS[self.name]

    @property
    def dimension(self) -> int:
        return len(self.columns)

    def __len__(self) -> int:
        return len(self.columns[0])


@dataclass(frozen=True)
class Unit:
    """One summand of a network.

    Args:
        lines: for each line slot, where its d numbers lie in ``θ``, ``None`` for one that is 0. ``σ`` is taken at the
            first.
        numbers: for each number slot, where it lies in ``θ``.
        formula: ``F, F_k, F_kl`` from ``σ, σ', …``, the values of the slots (lines, numbers, known) and a maker of
            constants.
        order: the highest derivative of ``σ`` that is computed, −1 where there is no ``σ``.
        output: of which output it is a summand.
        known: further slots: integers given for each input.
    """

    lines: tuple[Sequence[int | None], ...]
    numbers: tuple[int, ...]
    formula: Callable[[Jet, list[Vector], Callable[[Fraction | int], Vector]], Derivatives]
    order: int = 3
    output: int = 0
    known: tuple[tuple[int, ...], ...] = ()

    @property
    def places(self) -> list[tuple[int, int, int | None]]:
        """Of each of its numbers: where it lies in ``θ``, its slot, its coordinate (``None`` in a number slot)."""
        lines = [(j, k, i) for k, line in enumerate(self.lines) for i, j in enumerate(line) if j is not None]
        return [*lines, *((j, k, None) for k, j in enumerate(self.numbers, len(self.lines)))]


def outgoing(network: Network) -> list[tuple[Fraction, ...]]:
    """The outgoing weights ``a_1, …, a_m`` of each output."""
    return list(zip(*(a if isinstance(a, tuple) else (a,) for _, a in network), strict=True))


def neurons(width: int, dimension: int, outputs: int = 1, bias: bool = False) -> list[Unit]:
    """The units of ``Σ_i a_i σ(w_i·x)``, ``θ = (w_1, …, w_m, a_1, …, a_m)``; see :meth:`Problem.student` for more."""

    def formula(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
        a = slots[1]
        return sigma[0] * a, [sigma[1] * a, sigma[0]], {(0, 0): sigma[2] * a, (1, 0): sigma[1]}

    lines, units = [(range(i * dimension, (i + 1) * dimension),) for i in range(width)], []
    for o in range(outputs):
        first = width * dimension + o * (width + bias)
        units += [Unit(line, (first + i,), formula, output=o) for i, line in enumerate(lines)]
        units += [Unit((), (first + width,), _bias, -1, o)] * bias
    return units


def _bias(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    return slots[0], [number(1)], {}


class Jet:
    """``σ, …, σ^(k)`` within ``reach`` of points where ``at`` holds ``σ, …, σ^(k+1)``; each computed when asked for.

    ``reach`` counts from these very points: the midpoint of a wider interval may be another, by its rounding.
    """

    def __init__(self, at: list[Vector], reach: Vector, half_sup: list[Vector]):
        self._at, self.reach, self._half_sup = at, reach, half_sup
        self._known: dict[int, Vector] = {}

    def __getitem__(self, k: int) -> Vector:
        if k not in self._known:
            change = self.reach * (abs(self._at[k + 1]) + self.reach * self._half_sup[k])
            self._known[k] = self._at[k].widened(change)
        return self._known[k]


class Data:
    """Inputs and labels of a problem in one arithmetic: ``labels`` of each output, ``y`` of the first.

    ``columns`` are the inputs, exact.
    """

    def __init__(self, problem: Problem, arithmetic: Any):
        self.arithmetic, self.count = arithmetic, len(problem)
        self.activation, self.factor, self.decay = problem.activation, problem.factor, problem.decay
        self.columns, self.x = problem.columns, [arithmetic.vector(column) for column in problem.columns]
        self.sizes = [abs(x) for x in self.x]
        self.xx = [[x * y for y in self.x] for x in self.x]
        self.zero = self.x[0] * 0
        sigma = [self.jet(self.along([self.number(v) for v in w]), 0)[0] for w, _ in problem.teacher]
        taught = ([v * self.number(a) for v, a in zip(sigma, row, strict=True)] for row in outgoing(problem.teacher))
        self.labels = [*map(arithmetic.vector, problem.labels or ()), *(sum(terms, self.zero) for terms in taught)]
        self.y = self.labels[0]

    def number(self, value: Fraction | int) -> Vector:
        """A scalar that holds an exact number."""
        return self.arithmetic.vector([Fraction(value)])

    def jet(self, z: Vector, order: int) -> list[Vector]:
        """``σ, …, σ^(order)`` over the balls ``z``: the k-th moves by at most the radius times ``sup|σ^(k+1)|``."""
        at, bounds = self.activation.jet(z.midpoints(), order, self.number), self.activation.bounds
        return [value.widened(z.radii() * self.number(bounds[k])) for k, value in enumerate(at)]

    def along(self, v: Sequence[Vector]) -> Vector:
        """``v·x_n`` on all inputs."""
        return reduce(add, (x * value for x, value in zip(self.x, v, strict=True)))

    def moment(self, weight: Vector, i: int | None, k: int | None) -> Vector:
        """``Σ_n weight_n x_ni x_nk``; an index that is ``None`` means the factor 1."""
        if i is not None and k is not None:
            return self.xx[i][k].dot(weight)
        known = [index for index in (i, k) if index is not None]
        return (self.x[known[0]] if known else self.zero + 1).dot(weight)


@dataclass(frozen=True)
class Evaluation:
    """Enclosures over a box.

    ``loss`` (1), ``gradient`` (P), ``hessian`` P rows (P); of each output the residuals ``r`` (N) and the columns (N)
    of its ``jacobian`` that do not vanish, by their places in ``θ``; of each unit ``sigma`` (``σ, σ', …`` at its first
    line, where it has one) and ``slots``.
    """

    loss: Vector
    gradient: Vector
    hessian: list[Vector]
    r: list[Vector]
    jacobian: list[dict[int, Vector]]
    sigma: list[Jet]
    slots: list[list[Vector]]


class Around:
    """The loss of a network over boxes about one ``θ`` (P exact numbers)."""

    def __init__(self, data: Data, units: Sequence[Unit], theta: Sequence[Fraction]):
        self.data, self.units = data, units
        self.theta = [data.number(value) for value in theta]
        at: dict[int | None, Vector] = {None: data.number(0), **dict(enumerate(self.theta))}
        self.lines = [[data.along([at[j] for j in line]) for line in unit.lines] for unit in units]
        self.known = [[data.arithmetic.vector(list(map(Fraction, v))) for v in unit.known] for unit in units]
        # points c_n next to v·x_n, and σ, σ', … there; neither is used of units without σ
        self.points = [
            lines[0].midpoints() if unit.order >= 0 else data.number(0)
            for unit, lines in zip(units, self.lines, strict=True)
        ]
        self.sigma = [
            data.activation.jet(points, unit.order + 1, data.number) if unit.order >= 0 else []
            for unit, points in zip(units, self.points, strict=True)
        ]
        self.half_sup = [data.number(bound / 2) for bound in data.activation.bounds[1:6]]

    def over(self, radius: Sequence[Fraction] | None = None) -> Evaluation:
        """Everything over the box ``θ ± radius``, or at ``θ``."""
        data, size, stack = self.data, len(self.theta), self.data.arithmetic.stack
        rho = [data.number(value) for value in radius or ()]
        slots = [self._slots(number, rho if radius else None) for number in range(len(self.units))]
        reaches = [(v[0] - points).tops() for v, points in zip(slots, self.points, strict=True)]
        sigma = [Jet(at, reach, self.half_sup) for at, reach in zip(self.sigma, reaches, strict=True)]
        parts = [unit.formula(s, v, data.number) for unit, s, v in zip(self.units, sigma, slots, strict=True)]
        r, jacobian = [-y for y in data.labels], [dict[int, Vector]() for _ in data.labels]
        for unit, (value, first, _) in zip(self.units, parts, strict=True):
            r[unit.output] = r[unit.output] + value
            for j, k, i in unit.places:
                jacobian[unit.output][j] = data.zero + first[k] if i is None else data.x[i] * first[k]
        zero, both = data.number(0), list(zip(jacobian, r, strict=True))
        triangle = [
            [sum((c[j].dot(c[h]) for c in jacobian if j in c and h in c), zero) for h in range(j + 1)]
            for j in range(size)
        ]
        for unit, (_, _, second) in zip(self.units, parts, strict=True):
            weight = {pair: value * r[unit.output] for pair, value in second.items()}
            for j, k, i in unit.places:
                for h, m, g in unit.places:
                    pair = (max(k, m), min(k, m))
                    if h <= j and pair in weight:
                        triangle[j][h] = triangle[j][h] + data.moment(weight[pair], i, g)
        rows = [[triangle[max(j, h)][min(j, h)] for h in range(size)] for j in range(size)]
        mean = data.number(data.factor / (data.count * len(r)))
        scale, loss = mean * 2, sum((own.dot(own) for own in r), zero) * mean
        gradient = stack([sum((c[j].dot(own) for c, own in both if j in c), zero) for j in range(size)]) * scale
        hessian = [stack(row) * scale for row in rows]
        if data.decay:
            place = [theta.widened(reach) for theta, reach in zip(self.theta, rho, strict=True)] if rho else self.theta
            values, decay, twice = stack(place), data.number(data.decay), data.number(2 * data.decay)
            loss, gradient = loss + values.dot(values) * decay, gradient + values * twice
            for j, row in enumerate(hessian):
                hessian[j] = row + stack([twice if k == j else data.number(0) for k in range(size)])
        return Evaluation(loss, gradient, hessian, r, jacobian, sigma, slots)

    def _slots(self, number: int, rho: Sequence[Vector] | None) -> list[Vector]:
        """The slots of a unit over the box: ``v·x_n`` moves by at most ``Σ_i |x_ni| ρ_i``."""
        unit, lines, known = self.units[number], self.lines[number], self.known[number]
        if rho is None:
            return [*lines, *(self.theta[j] for j in unit.numbers), *known]
        values = []
        for line, z in zip(unit.lines, lines, strict=True):
            moves = (x * rho[j] for x, j in zip(self.data.sizes, line, strict=True) if j is not None)
            values.append(z.widened(reduce(add, moves)))
        return [*values, *(self.theta[j].widened(rho[j]) for j in unit.numbers), *known]
