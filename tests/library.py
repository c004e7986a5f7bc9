"""Named problems, known points, objectives with known answers, and an oracle that shares no formula with the packages.

The oracle expands ``L(θ + tu)`` in ``t`` by power series over 400-bit Arb balls: its derivatives come from arithmetic
of series, not from formulas of gradients and Hessians.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
import numpy as np

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.interval import Interval
from certify.arithmetic.midrad import Float64Enclosures
from certify.arithmetic.uniform import UniformEnclosures
from symmetry.activation import activation
from symmetry.network import Exact, Network, exact
from symmetry.objective import Evaluation
from symmetry.problem import Inputs, Problem, parse_problem

# ---------------------------------------------------------------------------------------------------- arithmetics

ARITHMETICS: dict[str, Callable[[], Enclosures]] = {
    "midrad": Float64Enclosures,
    "arb53": lambda: Arb(53),
    "arb106": lambda: Arb(106),
    "arb212": lambda: Arb(212),
    "mpmath53": lambda: Interval(53),
    "mpmath106": lambda: Interval(106),
}
ALONG_PATHS: dict[str, Callable[[], Enclosures]] = {**ARITHMETICS, "uniform": UniformEnclosures}
"""With the one that is made for values at many inputs, too coarse for boxes of parameters."""

# ------------------------------------------------------------------------------------------------------- problems

_GRID = """
name = "{name}"
activation = "sigmoid"
[teacher]
w = {w}
a = {a}
[inputs.grid]
start = {start}
stop = {stop}
step = [1, 1]
"""


@lru_cache
def small() -> Problem:
    """Two teacher neurons on a 4×5 grid that is not its own negative: regular zeros, a minimum, a saddle."""
    return _grid("small", [[2, 1], [-1, 3]], [1, 2], [-1, -2], [2, 2])


@lru_cache
def crowded() -> Problem:
    """Two teacher neurons on a 3×3 grid: antisymmetry leaves 5 conditions for 6 weights, so that the zeros of the loss
    near the teacher form a curve although its stratum is a point."""
    return _grid("crowded", [[2, 1], [-1, 3]], [1, 2], [-1, -1], [1, 1])


def _grid(name: str, w: Any, a: Any, start: Any, stop: Any) -> Problem:
    return parse_problem(_GRID.format(name=name, w=w, a=a, start=start, stop=stop), source=f"{name}.toml", folder=None)


def with_given_labels(problem: Problem, labels: Any = None) -> Problem:
    """The same inputs with labels from a file: by default the teacher's outputs, rounded to float64."""
    values = problem.labels if labels is None else np.asarray(labels, dtype=np.float64)
    return replace(problem, name=f"{problem.name}-given", given_labels=values)


def table(x: Any, y: Any) -> Problem:
    """Inputs (N, d) and given labels (N,), without a teacher."""
    return Problem(
        "table", activation("sigmoid"), Inputs(table=np.array(x, dtype=np.float64)), None, np.array(y, float)
    )


# --------------------------------------------------------------------------------------------------- known points

TEACHER = np.array([2.0, 1, -1, 3, 1, 2])
"""``small``, ``crowded``, width 2: the teacher itself. On ``small`` its Hessian has rank 6 (condition 5e2)."""

NARROW_MINIMUM = np.array([0.130, 1.296, 3.030])
"""``small``, width 1: near the only known minimum, loss 0.0625."""

SADDLE = np.array([-0.034, -1.868, 0.034, 1.868, 0.255, 2.835])
"""``small``, width 2: near a saddle of index 1, loss 0.0604."""

_FLAT = """
0x1.9809d847db7fbp-1 0x1.c3cbe031c6ae4p+0 -0x1.ac38b14f5ae60p-1
-0x1.317b2473a3e3dp-1 0x1.ac06e430ee71fp-2 -0x1.f5058502c885ap-2
0x1.7ced2f54c086ap-2 -0x1.1053e39a3748ap-1 -0x1.3c0c5fd30ec8ep-4
-0x1.200a060d7aa26p-1 0x1.9930382965b22p+1 -0x1.4759ce889c958p+1
"""
FLAT_MINIMUM = np.array([float.fromhex(x) for x in _FLAT.split()])
"""``thesis``, width 4: the flat minimum, loss 5.0176e-5, smallest eigenvalue 2.4e-9, outputs 3.2 and −2.6. Obtained by
``sweep.polishing.polish.polish`` from the Adam run of seed 20 (lr 1e-4, Xavier-uniform start, 1e5 steps; row 20 of
``data/adam/width4``), which stopped as ``converged``."""

# --------------------------------------------------------------------------------------------------------- oracle

BITS = 400


def fraction(x: flint.arb) -> Fraction:
    """The number an exact ball is."""
    mantissa, exponent = (int(v) for v in x.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def ball_ends(x: flint.arb) -> tuple[Fraction, Fraction]:
    """Exact ends of a ball."""
    middle, radius = fraction(x.mid()), fraction(x.rad())
    return middle - radius, middle + radius


def arb(x: Any) -> flint.arb:
    """A ball about an exact number, at the current precision."""
    value = Fraction(x)
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


class precision:
    """``with precision(bits):`` sets and restores the working precision of Arb."""

    def __init__(self, bits: int):
        self.bits = bits

    def __enter__(self) -> None:
        self.old, flint.ctx.prec = flint.ctx.prec, self.bits

    def __exit__(self, *_: object) -> None:
        flint.ctx.prec = self.old


@dataclass(frozen=True)
class Oracle:
    """Loss and derivatives of students of ``problem`` in ``bits``-bit balls."""

    problem: Problem
    bits: int = BITS

    def along(self, theta: Iterable[Any], direction: Iterable[Any], order: int = 3) -> list[flint.arb]:
        """The Taylor coefficients of ``t ↦ L(θ + tu)`` at 0 up to ``order``, for exact ``θ`` and ``u``."""
        with precision(self.bits):
            student = Network.from_theta(list(theta), self.problem.dimension)
            slope = Network.from_theta(list(direction), self.problem.dimension)
            total = flint.arb_series([0], prec=order + 1)
            for x, y in zip(exact(self.problem.inputs.exact_values), self._labels(), strict=True):
                r = flint.arb_series([-y], prec=order + 1)
                for i in range(student.width):
                    z = flint.arb_series([arb(student.w[i] @ x), arb(slope.w[i] @ x)], prec=order + 1)
                    a = flint.arb_series([arb(student.a[i]), arb(slope.a[i])], prec=order + 1)
                    r = r + a / (1 + (-z).exp())
                total = total + r * r
            return [total[k] / len(self.problem) for k in range(order + 1)]

    def _labels(self) -> list[flint.arb]:
        if self.problem.given_labels is not None:
            return [arb(y) for y in self.problem.given_labels.tolist()]
        assert self.problem.teacher is not None
        w, a = self.problem.teacher.w, self.problem.teacher.a
        return [
            sum((arb(b) / (1 + (-arb(v @ x)).exp()) for v, b in zip(w, a, strict=True)), flint.arb(0))
            for x in exact(self.problem.inputs.exact_values)
        ]

    def loss(self, theta: Any) -> flint.arb:
        """``L``."""
        return self.along(theta, [0] * len(theta), 0)[0]

    def gradient(self, theta: Any) -> list[flint.arb]:
        """``∇L``, (P,)."""
        return [self.along(theta, unit, 1)[1] for unit in np.eye(len(theta), dtype=int).tolist()]

    def hessian(self, theta: Any) -> list[list[flint.arb]]:
        """``∇²L``, (P, P), by polarization."""
        units = np.eye(len(theta), dtype=int)
        with precision(self.bits):
            square = [2 * self.along(theta, unit.tolist(), 2)[2] for unit in units]
            rows = [[square[i]] * len(theta) for i in range(len(theta))]
            for i in range(len(theta)):
                for j in range(i):
                    both = 2 * self.along(theta, (units[i] + units[j]).tolist(), 2)[2]
                    rows[i][j] = rows[j][i] = (both - square[i] - square[j]) / 2
                rows[i][i] = square[i]
            return rows

    def critical_point(self, start: Any) -> tuple[Exact, Fraction]:
        """A critical point near ``start`` to about ``bits`` bits, by Newton's method, and the size of the last step."""
        theta = exact(start)
        step = Fraction(1)
        with precision(self.bits):
            for _ in range(60):
                matrix = flint.arb_mat([[h.mid() for h in row] for row in self.hessian(theta)])
                side = flint.arb_mat([[g.mid()] for g in self.gradient(theta)])
                moves = [fraction(x.mid()) for x in matrix.solve(side).entries()]
                theta = theta - np.array(moves, dtype=object)
                theta = np.array([Fraction(round(x * 2**self.bits), 2**self.bits) for x in theta], dtype=object)
                step = max(map(abs, moves))
                if step < Fraction(1, 2 ** (self.bits * 3 // 4)):
                    break
        return theta, step

    def eigenvalues(self, theta: Any) -> list[flint.arb]:
        """Those of ``∇²L``, ascending: enclosures by Arb (simple eigenvalues only)."""
        with precision(self.bits):
            values = [v.real for v in flint.arb_mat(self.hessian(theta)).eig()]
        return sorted(values, key=lambda v: fraction(v.mid()))


@lru_cache
def true_point(name: str) -> Exact:
    """The critical points above to 300 bits: ``narrow``, ``saddle``."""
    start = {"narrow": NARROW_MINIMUM, "saddle": SADDLE}[name]
    theta, step = Oracle(small()).critical_point(start)
    assert step < Fraction(1, 2**299)
    assert max(abs(theta - exact(start))) < Fraction(1, 100)
    return theta


# --------------------------------------------------------------------------------------------------------- checks


def meets(arithmetic: Enclosures, enclosure: Any, references: Any) -> bool:
    """Whether an array of enclosures contains the numbers that ``references`` (balls or exact numbers) stand for.

    A ball stands for one number known up to its radius; all that can be asked is that the two meet.
    """
    low, high = arithmetic.lower(enclosure).ravel(), arithmetic.upper(enclosure).ravel()
    flat = np.asarray(references, dtype=object).ravel()
    assert len(low) == len(flat)
    for a, b, reference in zip(low, high, flat, strict=True):
        bottom, top = ball_ends(reference) if isinstance(reference, flint.arb) else (Fraction(reference),) * 2
        if (a is not None and a > top) or (b is not None and b < bottom):
            return False
    return True


def bounded(arithmetic: Enclosures, enclosure: Any) -> bool:
    """Whether every entry has finite ends."""
    return all(v is not None for v in (*arithmetic.lower(enclosure).ravel(), *arithmetic.upper(enclosure).ravel()))


# ------------------------------------------------------------------------------------- objectives with known answers


@dataclass(frozen=True)
class Polynomials:
    """A separable objective ``L(θ) = c + Σ_i p_i(θ_i)`` with rational polynomials, known in full.

    It answers what the proof steps ask of an objective: ``evaluate(θ, arithmetic, order)``. A polynomial is the list of
    its coefficients, lowest first.
    """

    terms: tuple[tuple[Fraction, ...], ...]

    @classmethod
    def of(cls, *terms: Iterable[Any]) -> Polynomials:
        return cls(tuple(tuple(Fraction(c) for c in term) for term in terms))

    @property
    def size(self) -> int:
        return len(self.terms)

    def evaluate(self, theta: Any, arithmetic: Any, order: int = 2) -> Evaluation:
        p = self.size
        values = [arithmetic.zeros((p,)) for _ in range(4)]
        for i, term in enumerate(self.terms):
            coefficients = list(term)
            for k in range(4):
                values[k][i : i + 1] = _horner(coefficients, theta[i : i + 1], arithmetic)
                coefficients = [c * j for j, c in enumerate(coefficients)][1:]
        hessian = arithmetic.zeros((p, p))
        for i in range(p):
            hessian[i, i : i + 1] = values[2][i : i + 1]
        lipschitz = arithmetic.maximum(values[3].reshape(1, -1), axis=1)
        return Evaluation(values[0].sum(axis=0).reshape(1), values[1], hessian, lipschitz)


def _horner(coefficients: list[Fraction], x: Any, arithmetic: Any) -> Any:
    total = arithmetic.zeros((1,))
    for c in reversed(coefficients):
        total = total * x + c
    return total


@dataclass(frozen=True)
class Rotated:
    """``L(Qθ)`` for an objective ``L`` and a rational orthogonal matrix ``Q`` (P, P): the same, not separable."""

    inner: Polynomials
    matrix: Exact

    @property
    def size(self) -> int:
        return self.inner.size

    def evaluate(self, theta: Any, arithmetic: Any, order: int = 2) -> Evaluation:
        q = arithmetic.array(self.matrix)
        inner = self.inner.evaluate(arithmetic.matmul(q, theta.reshape(-1, 1)).reshape(-1), arithmetic, order)
        gradient = arithmetic.matmul(q.T, inner.gradient.reshape(-1, 1)).reshape(-1)
        hessian = arithmetic.matmul(q.T, arithmetic.matmul(inner.hessian, q))
        return Evaluation(inner.loss, gradient, hessian, inner.lipschitz)


def rational_rotation(size: int, seed: int = 0) -> Exact:
    """A rational orthogonal matrix without zeros, by Cayley's formula ``(I − S)(I + S)⁻¹``, ``S`` antisymmetric."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.integers(-3, 4, (size, size)), 1)
    s = flint.fmpq_mat((upper - upper.T).tolist())
    one = flint.fmpq_mat(np.eye(size, dtype=int).tolist())
    q = (one - s) * (one + s).inv()
    entries = [Fraction(int(x.p), int(x.q)) for x in q.entries()]
    return np.array(entries, dtype=object).reshape(size, size)
