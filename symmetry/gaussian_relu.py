"""The population loss of two-layer ReLU networks under Gaussian inputs (Safran & Shamir 2018, arXiv 1712.08968).

Students ``x ↦ Σ_i max(0, w_i·x)``, teacher ``x ↦ Σ_j max(0, v_j·x)``, ``x ~ N(0, I)``, loss
``½ E (student − teacher)²``. With the angle ``t`` of ``w`` and ``v``, ``c = cos t``, ``s = sin t``, ``w̄ = w/‖w‖``:

    F(W) = ½ Σ_ij f(w_i, w_j) − Σ_ij f(w_i, v_j) + ½ Σ_ij f(v_i, v_j)
    f(w, v)  = ‖w‖‖v‖ (s + (π − t) c) / 2π,   f(w, w) = ‖w‖²/2
    g(w, v)  = (‖v‖ s w̄ + (π − t) v) / 2π
    h1(w, v) = ‖v‖/(2π s ‖w‖) (s² (I − w̄w̄ᵀ) + qqᵀ),   q = c w̄ − v̄
    h2(w, v) = ((π − t) I + (w̄v̄ᵀ + v̄w̄ᵀ − c (w̄w̄ᵀ + v̄v̄ᵀ))/s) / 2π
    ∂_i F    = w_i/2 + Σ_{j≠i} g(w_i, w_j) − Σ_j g(w_i, v_j)
    H_ii     = I/2 + Σ_{j≠i} h1(w_i, w_j) − Σ_j h1(w_i, v_j),   H_ij = h2(w_i, w_j)

``F`` is real-analytic where no ``w_i`` is zero and no two of ``w_1..w_n, v_1..v_k`` with a ``w`` among them are
parallel. Hessian enclosures are bounded only over boxes where that is proved: they divide by enclosures of ``s`` and
``‖w‖`` (Theorem 3).
Derivations: docs/gaussian-relu.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symmetry.arithmetic import Arithmetic
from symmetry.network import Exact, Layout
from symmetry.objective import Evaluation


@dataclass(frozen=True)
class GaussianRelu:
    """The loss ``F`` of students of ``width`` neurons.

    Args:
        teacher: (k, d) exact, the rows ``v_j``, none of them zero.
        width: the number ``n`` of student neurons.
    """

    teacher: Exact
    width: int

    @property
    def dimension(self) -> int:
        """The dimension ``d`` of the inputs."""
        return int(self.teacher.shape[1])

    @property
    def layout(self) -> Layout:
        return Layout((("w", (self.width, self.dimension)),))

    @property
    def size(self) -> int:
        """The number of parameters ``P = n·d``."""
        return self.layout.size

    def evaluate(self, theta: Any, arithmetic: Arithmetic, order: int = 2) -> Evaluation:
        """Loss (``order`` 0), gradient (1), Hessian (2) and its Lipschitz bound (3).

        Args:
            theta: (P,) in the arithmetic, the student neurons row by row: a point or a box.
            arithmetic: where to compute.
            order: the highest derivative wanted.
        """
        ar = arithmetic
        w = theta.reshape(self.width, self.dimension)
        v = ar.array(self.teacher)
        students, teachers = _Directions(w, ar), _Directions(v, ar)
        i, j = np.triu_indices(self.width, 1)
        rows, columns = (part.ravel() for part in np.indices((self.width, len(self.teacher))))
        own = _Angles(students, i, students, j, ar)
        cross = _Angles(students, rows, teachers, columns, ar)
        circle = ar.acos(ar.zeros((1,))) * 4  # 2π
        loss = self._loss(students, teachers, own, cross, circle, ar)
        if order == 0:
            return Evaluation(loss)
        shape = (self.width, len(self.teacher))
        bend = _symmetric(own.bend, i, j, self.width, ar), cross.bend.reshape(*shape)
        sine = _symmetric(own.sine, i, j, self.width, ar), cross.sine.reshape(*shape)
        # Σ_j ‖v_j‖ s_ij, (n, 1)
        along = ar.matmul(sine[0], students.norm) - ar.matmul(sine[1], teachers.norm)
        pull = along * students.unit + ar.matmul(bend[0], w) - ar.matmul(bend[1], v)
        gradient = w * ar.number(Fraction(1, 2)) + pull / circle
        if order == 1:
            return Evaluation(loss, gradient.reshape(-1))
        hessian = self._hessian(students, teachers, own, cross, circle, ar)
        if order == 2:
            return Evaluation(loss, gradient.reshape(-1), hessian)
        return Evaluation(loss, gradient.reshape(-1), hessian, self._lipschitz(students, teachers, circle, ar))

    def geometry(self, theta: Any, arithmetic: Arithmetic) -> Geometry:
        """What decides in which balls about ``theta`` (P,) the loss is differentiable, and how much it bends there."""
        ar = arithmetic
        students = _Directions(theta.reshape(self.width, self.dimension), ar)
        teachers = _Directions(ar.array(self.teacher), ar)
        i, j = np.triu_indices(self.width, 1)
        rows, columns = (part.ravel() for part in np.indices((self.width, len(self.teacher))))
        inverse = (1 / students.norm).reshape(-1)
        own = (inverse[i] + inverse[j]) / _sine(students, i, students, j, ar)
        cross = inverse[rows] / _sine(students, rows, teachers, columns, ar)
        return Geometry(
            students.norm.reshape(-1),
            teachers.norm.sum(axis=0),
            ar.maximum(ar.concatenate([own, cross]).reshape(1, -1), axis=1),
        )

    def _lipschitz(self, students: _Directions, teachers: _Directions, circle: Any, ar: Arithmetic) -> Any:
        # M = √27/4π ((n − 1) w_max + Σ‖v_j‖)/w_min² + 3√(n − 1)/(π w_min)      (docs/gaussian-relu.md, Theorem 4)
        largest = ar.maximum(students.norm.reshape(1, -1), axis=1)
        inverse = ar.maximum((1 / students.norm).reshape(1, -1), axis=1)
        seen = largest * (self.width - 1) + teachers.norm.sum(axis=0)
        pure = ar.sqrt(ar.array(np.array([27.0]))) * seen * inverse * inverse * ar.number(Fraction(1, 2))
        mixed = ar.sqrt(ar.array(np.array([self.width - 1.0]))) * inverse * 6
        return (pure + mixed) / circle

    def _loss(
        self, students: _Directions, teachers: _Directions, own: _Angles, cross: _Angles, circle: Any, ar: Arithmetic
    ) -> Any:
        # ½ Σ_ij f = Σ_i ‖w_i‖²/4 + Σ_{i<j} f
        i, j = np.triu_indices(len(self.teacher), 1)
        between = _Angles(teachers, i, teachers, j, ar)
        squares = (students.square.sum(axis=0) + teachers.square.sum(axis=0)).reshape(1) * ar.number(Fraction(1, 4))
        return squares + (own.kernel() + between.kernel() - cross.kernel()) / circle

    def _hessian(
        self, students: _Directions, teachers: _Directions, own: _Angles, cross: _Angles, circle: Any, ar: Arithmetic
    ) -> Any:
        n, k, d = self.width, len(self.teacher), self.dimension
        i, j = np.triu_indices(n, 1)
        hessian = ar.zeros((n * d, n * d))
        eye = ar.array(np.eye(d))
        cosine = _symmetric(own.cosine, i, j, n, ar), cross.cosine.reshape(n, k)
        sine = _symmetric(own.sine, i, j, n, ar), cross.sine.reshape(n, k)
        for a in range(n):
            others = np.delete(np.arange(n), a)
            unit = students.unit[a : a + 1]
            # q = c w̄ − v̄ of all neurons seen from a; weights ±‖v‖/(s ‖w‖)
            c = ar.concatenate([cosine[0][a][others], cosine[1][a]]).reshape(-1, 1)
            s = ar.concatenate([sine[0][a][others], sine[1][a]]).reshape(-1, 1)
            norm = ar.concatenate([students.norm[others], -teachers.norm])
            q = c * unit - ar.concatenate([students.unit[others], teachers.unit])
            weight = norm / (s * students.norm[a : a + 1])
            flat = (weight * s * s).sum(axis=0).reshape(1, 1) * (eye - ar.matmul(unit.T, unit))
            block = slice(a * d, (a + 1) * d)
            hessian[block, block] = eye * ar.number(Fraction(1, 2)) + (flat + ar.matmul(q.T, weight * q)) / circle
        if n > 1:
            unit, other = students.unit[i], students.unit[j]
            mixed = _outer(unit, other, ar)
            twisted = (
                mixed
                + _transposed(mixed)
                - own.cosine.reshape(-1, 1, 1) * (_outer(unit, unit, ar) + _outer(other, other, ar))
            )
            blocks = (own.bend.reshape(-1, 1, 1) * eye + twisted / own.sine.reshape(-1, 1, 1)) / circle
            for p, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
                hessian[a * d : (a + 1) * d, b * d : (b + 1) * d] = blocks[p]
                hessian[b * d : (b + 1) * d, a * d : (a + 1) * d] = blocks[p]
        return hessian


@dataclass(frozen=True)
class Geometry:
    """Lengths and angles of the neurons at a point.

    Args:
        norms: (n,) ``‖w_i‖``.
        teacher: (1,) ``Σ_j ‖v_j‖``.
        narrowest: (1,) an upper bound of ``(1/‖w_i‖ + 1/‖w_j‖)/s`` over pairs of students and of ``1/(‖w_i‖ s)`` over
            pairs of a student and a teacher neuron: within the distance ``R`` the loss is smooth if twice this,
            times ``R``, is below 1 (docs/gaussian-relu.md, Theorem 5).
    """

    norms: Any
    teacher: Any
    narrowest: Any


class _Directions:
    """Lengths and directions of the rows of a matrix: ``square``, ``norm`` (n, 1), ``unit`` (n, d)."""

    def __init__(self, rows: Any, arithmetic: Arithmetic):
        self.square = (rows * rows).sum(axis=1).reshape(-1, 1)
        self.norm = arithmetic.sqrt(self.square)
        self.unit = rows / self.norm


class _Angles:
    """Angles of pairs of vectors: ``cosine``, ``sine``, ``bend = π − t``, (p,) each."""

    def __init__(self, left: _Directions, i: Any, right: _Directions, j: Any, arithmetic: Arithmetic):
        self.norms = (left.norm[i] * right.norm[j]).reshape(-1)
        self.cosine = _cosine(left, i, right, j)
        self.sine = arithmetic.sqrt(1 - self.cosine * self.cosine)
        self.bend = arithmetic.acos(-self.cosine)

    def kernel(self) -> Any:
        """``2π Σ f`` over the pairs, (1,)."""
        return (self.norms * (self.sine + self.bend * self.cosine)).sum(axis=0).reshape(1)


def _cosine(left: _Directions, i: Any, right: _Directions, j: Any) -> Any:
    return (left.unit[i] * right.unit[j]).sum(axis=1)


def _sine(left: _Directions, i: Any, right: _Directions, j: Any, arithmetic: Arithmetic) -> Any:
    cosine = _cosine(left, i, right, j)
    return arithmetic.sqrt(1 - cosine * cosine)


def _symmetric(values: Any, i: Any, j: Any, size: int, arithmetic: Arithmetic) -> Any:
    """The symmetric matrix with the given entries at (i, j) and 0 on its diagonal."""
    out = arithmetic.zeros((size, size))
    out[i, j] = values
    out[j, i] = values
    return out


def _outer(left: Any, right: Any, arithmetic: Arithmetic) -> Any:
    """``l rᵀ`` of each row, (p, d, d)."""
    p, d = left.shape
    return left.reshape(p, d, 1) * right.reshape(p, 1, d)


def _transposed(blocks: Any) -> Any:
    """Each matrix of (p, d, d) transposed."""
    d = blocks.shape[1]
    index = np.arange(d * d).reshape(d, d).T.ravel()
    return blocks.reshape(-1, d * d)[:, index].reshape(-1, d, d)
