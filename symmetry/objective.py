"""The square loss as formulas, written once over every arithmetic.

    f(x; θ) = Σ over terms              r_n = f(x_n; θ) − y_n         L = (1/N) Σ_n r_n²
    ∇L  = (2/N) Jᵀ r                    ∇²L = (2/N) (JᵀJ + Σ_n r_n ∇²f_n)

A network output is a sum of *terms*, each with its own block of parameters; ``∇²f_n`` is block-diagonal by
term. Over enclosures, every result encloses the values at all parameter vectors in the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.lines import Curve, Expansion, Polynomial, expand
from symmetry.network import Layout
from symmetry.problem import Problem


@dataclass(frozen=True)
class Data:
    """Inputs and labels in one arithmetic.

    Args:
        x: (N, d).
        xx: (N, d²), the products ``x_k x_l``.
        y: (N,).
        norm: (N,), upper bounds of ``‖x_n‖₂``.
    """

    x: Any
    xx: Any
    y: Any
    norm: Any


class Term(Protocol):
    """One summand of a network output, over its own block of parameters."""

    @property
    def layout(self) -> Layout: ...

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> TermOutputs:
        """Value (``order`` 0), Jacobian (1), second derivatives (2), bounds of the third (3)."""

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Curve | Polynomial:
        """The term on a curve, ``curve[k]`` (p,) the coefficient of ``t^k``."""


class TermOutputs(Protocol):
    """A term evaluated on all inputs."""

    value: Any  # (N,)

    @property
    def jacobian(self) -> Any:
        """``∂f_n/∂θ``, (N, p); ``order ≥ 1``."""

    def curvature(self, r: Any) -> Any:
        """``Σ_n r_n ∇²f_n``, (p, p); ``order ≥ 2``."""

    def variation(self) -> tuple[Any, Any]:
        """Upper bounds, (N,) each, of ``|∇²f_n[u,u]|`` and ``|∇³f_n[u,u,u]|`` over unit ``u``; ``order ≥ 3``."""


@dataclass(frozen=True)
class Neurons:
    """The term ``Σ_i a_i σ(w_i·x)`` of ``width`` neurons; parameters ``(w (width, d), a (width,))``."""

    width: int
    dimension: int
    activation: Activation

    @property
    def layout(self) -> Layout:
        return Layout.neurons(self.width, self.dimension)

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> NeuronOutputs:
        blocks = self.layout.unpack(theta)
        z = arithmetic.matmul(data.x, blocks["w"].T)
        jet = self.activation.jet(z, order, arithmetic)
        return NeuronOutputs(self, blocks["a"], jet, data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Curve:
        blocks = [self.layout.unpack(v) for v in curve]
        return Curve([arithmetic.matmul(data.x, b["w"].T) for b in blocks], [[b["a"] for b in blocks]])


class NeuronOutputs:
    """:class:`Neurons` on all inputs: ``jet[k]`` encloses ``σ^(k)(w_i·x_n)``, (N, m)."""

    def __init__(self, term: Neurons, a: Any, jet: list[Any], data: Data, arithmetic: Arithmetic):
        self.term, self.a, self.jet, self.data, self.arithmetic = term, a, jet, data, arithmetic
        self.value = arithmetic.matmul(jet[0], a.reshape(-1, 1)).reshape(-1)

    @property
    def jacobian(self) -> Any:
        # ∂f/∂w_i = a_i σ'(z_i) x,  ∂f/∂a_i = σ(z_i)
        m, d, n = self.term.width, self.term.dimension, len(self.jet[0])
        by_w = (self.jet[1] * self.a).reshape(n, m, 1) * self.data.x.reshape(n, 1, d)
        return self.arithmetic.concatenate([by_w.reshape(n, m * d), self.jet[0]], axis=1)

    def curvature(self, r: Any) -> Any:
        # ww: Σ_n r a_i σ'' x xᵀ     wa: Σ_n r σ' x     aa: 0
        m, d, ar = self.term.width, self.term.dimension, self.arithmetic
        column = r.reshape(-1, 1)
        ww = ar.matmul(self.data.xx.T, column * self.jet[2] * self.a)
        wa = ar.matmul(self.data.x.T, column * self.jet[1])
        out = ar.zeros((m * (d + 1), m * (d + 1)))
        for i in range(m):
            rows = slice(i * d, (i + 1) * d)
            out[rows, rows] = ww[:, i].reshape(d, d)
            out[rows, m * d + i] = wa[:, i]
            out[m * d + i, rows] = wa[:, i]
        return out

    def variation(self) -> tuple[Any, Any]:
        # With X = ‖x‖, s = |u_w|, t = |u_a| of one neuron:
        #   |∇²f[u,u]|   ≤ |aσ''| X² s² + 2|σ'| X st            ≤ (|aσ''| X² + |σ'| X)(s² + t²)
        #   |∇³f[u,u,u]| ≤ |aσ'''| X³ s³ + 3|σ''| X² s²t        ≤ |aσ'''| X³ + 3·(2/√27)|σ''| X²,  2/√27 < 0.385
        # and neurons share one unit of s² + t², so the largest neuron bounds the sum.
        ar, norm, a = self.arithmetic, self.data.norm.reshape(-1, 1), abs(self.a)
        square = norm * norm
        second = abs(self.jet[2]) * a * square + abs(self.jet[1]) * norm
        third = abs(self.jet[3]) * a * (square * norm) + abs(self.jet[2]) * square * ar.number(Fraction(1155, 1000))
        return ar.maximum(second, axis=1), ar.maximum(third, axis=1)


@dataclass(frozen=True)
class Evaluation:
    """A loss and its derivatives at a point or over a box, in one arithmetic.

    ``loss`` has shape (1,); ``gradient`` (P,), ``hessian`` (P, P); ``lipschitz`` (1,) bounds the operator
    norm of the third derivative (so the Lipschitz constant of the Hessian over a convex set).
    """

    loss: Any
    gradient: Any = None
    hessian: Any = None
    lipschitz: Any = None


class Objective(Protocol):
    """A function of a parameter vector whose critical points are asked for."""

    @property
    def size(self) -> int:
        """The number of parameters ``P``."""

    def evaluate(self, theta: Any, arithmetic: Arithmetic, order: int = 2) -> Evaluation:
        """Value (``order`` 0), gradient (1), Hessian (2) and its Lipschitz bound (3) at a point or over a box (P,).

        Over enclosures the Hessian is bounded only if the function is proved to be twice continuously differentiable
        on the box.
        """


@dataclass(frozen=True)
class SquareLoss:
    """The mean squared error of a sum of terms on a problem's data.

    A finite network is one :class:`Neurons` term; limit networks (charts at infinity) are other terms
    over the same problem.
    """

    problem: Problem
    terms: Sequence[Term]
    _data: dict[tuple[str, int], Data] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of_network(cls, problem: Problem, width: int) -> SquareLoss:
        """The loss of students of ``width`` neurons."""
        return cls(problem, (Neurons(width, problem.dimension, problem.activation),))

    @property
    def size(self) -> int:
        """The number of parameters ``P``."""
        return sum(term.layout.size for term in self.terms)

    def data(self, arithmetic: Arithmetic) -> Data:
        """Inputs and labels, enclosed once per arithmetic and precision."""
        key = (arithmetic.name, arithmetic.bits)
        if key not in self._data:
            self._data[key] = _enclose_data(self.problem, arithmetic)
        return self._data[key]

    def outputs(self, theta: Any, arithmetic: Arithmetic, order: int) -> tuple[list[Any], Any]:
        """The terms on all inputs, and the residuals ``r`` (N,)."""
        data, outputs, start = self.data(arithmetic), [], 0
        for term in self.terms:
            outputs.append(term.outputs(theta[start : start + term.layout.size], data, arithmetic, order))
            start += term.layout.size
        r = outputs[0].value
        for more in outputs[1:]:
            r = r + more.value
        return outputs, r - data.y

    def along(self, curve: Sequence[Any], arithmetic: Arithmetic) -> Expansion:
        """The residuals on a curve, ``|t| ≤ 1``.

        Args:
            curve: (P,) each, points in the arithmetic: the coefficients of 1, ``t`` and, for a bent curve, ``t²``, ….
            arithmetic: where to compute.
        """
        data, terms, start = self.data(arithmetic), [], 0
        for term in self.terms:
            block = slice(start, start + term.layout.size)
            terms.append(term.along([v[block] for v in curve], data, arithmetic))
            start += term.layout.size
        order = min(term.order for term in terms)
        parts = [expand(term, order, self.problem.activation, arithmetic) for term in terms]
        total = sum(parts[1:], parts[0])
        first = total.coefficients[0] - data.y.reshape(-1, 1)
        return Expansion([first, *total.coefficients[1:]], total.rest)

    def evaluate(self, theta: Any, arithmetic: Arithmetic, order: int = 2) -> Evaluation:
        """Loss (``order`` 0), gradient (1), Hessian (2) and its Lipschitz bound (3).

        Args:
            theta: (P,) in the arithmetic: a point or a box.
            arithmetic: where to compute.
            order: the highest derivative wanted.
        """
        scale = arithmetic.number(Fraction(2, len(self.problem)))
        outputs, r = self.outputs(theta, arithmetic, order)
        column = r.reshape(-1, 1)
        loss = arithmetic.matmul(column.T, column).reshape(1) * arithmetic.number(Fraction(1, len(self.problem)))
        if order == 0:
            return Evaluation(loss)
        jacobian = arithmetic.concatenate([out.jacobian for out in outputs], axis=1)
        gradient = arithmetic.matmul(jacobian.T, column).reshape(-1) * scale
        if order == 1:
            return Evaluation(loss, gradient)
        gram = arithmetic.matmul(jacobian.T, jacobian)
        hessian, start = gram + 0, 0
        for out, term in zip(outputs, self.terms, strict=True):
            block = slice(start, start + term.layout.size)
            hessian[block, block] = gram[block, block] + out.curvature(r)
            start += term.layout.size
        hessian = hessian * scale
        if order == 2:
            return Evaluation(loss, gradient, hessian)
        return Evaluation(loss, gradient, hessian, self._lipschitz(outputs, r, gram, arithmetic))

    def _lipschitz(self, outputs: list[TermOutputs], r: Any, gram: Any, arithmetic: Arithmetic) -> Any:
        # D³L[u,u,u] = (2/N) Σ_n (3 (J_n u) ∇²f_n[u,u] + r_n ∇³f_n[u,u,u]); for unit u, by Cauchy–Schwarz,
        #   |D³L| ≤ (2/N) (3 ‖J‖₂ ‖h‖₂ + Σ_n |r_n| t_n),  h_n ≥ |∇²f_n|, t_n ≥ |∇³f_n|,  ‖J‖₂² ≤ ‖JᵀJ‖_∞
        bounds = [out.variation() for out in outputs]
        h = arithmetic.maximum(_stack([b[0] for b in bounds], arithmetic), axis=1)
        t = arithmetic.maximum(_stack([b[1] for b in bounds], arithmetic), axis=1)
        h_column = h.reshape(-1, 1)
        h_norm = arithmetic.sqrt(arithmetic.matmul(h_column.T, h_column).reshape(1))
        j_norm = arithmetic.sqrt(arithmetic.maximum(abs(gram).sum(axis=1).reshape(1, -1), axis=1))
        rt = arithmetic.matmul(abs(r).reshape(1, -1), t.reshape(-1, 1)).reshape(1)
        return (j_norm * h_norm * 3 + rt) * arithmetic.number(Fraction(2, len(self.problem)))


def _stack(columns: list[Any], arithmetic: Arithmetic) -> Any:
    return arithmetic.concatenate([c.reshape(-1, 1) for c in columns], axis=1)


def _enclose_data(problem: Problem, arithmetic: Arithmetic) -> Data:
    x = arithmetic.array(problem.inputs.exact_values)
    n, d = x.shape
    xx = (x.reshape(n, d, 1) * x.reshape(n, 1, d)).reshape(n, d * d)
    norm = arithmetic.sqrt((x * x).sum(axis=1))
    if problem.given_labels is not None:
        y = arithmetic.array(problem.given_labels)
    else:
        assert problem.teacher is not None
        teacher = Neurons(problem.teacher.width, d, problem.activation)
        theta = arithmetic.array(problem.teacher.theta())
        y = teacher.outputs(theta, Data(x, xx, None, norm), arithmetic, 0).value
    return Data(x, xx, y, norm)
