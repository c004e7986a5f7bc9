"""The square loss as formulas, written once over every arithmetic.

    f(x; θ) = Σ over terms              r_n = f(x_n; θ) − y_n         L = (φ/N) Σ_n r_n² + λ‖θ‖²
    ∇L  = (2φ/N) Jᵀ r + 2λθ             ∇²L = (2φ/N) (JᵀJ + Σ_n r_n ∇²f_n) + 2λI

with ``φ = 1`` and ``λ = 0`` unless the problem says otherwise. Losses of several outputs are made of these
(:mod:`symmetry.outputs`).

A network output is a sum of *terms*, each with its own block of parameters; ``∇²f_n`` is block-diagonal by
term. Over enclosures, every result encloses the values at all parameter vectors in the box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Any, Protocol

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.lines import Curve, Expansion, Polynomial, expand
from symmetry.network import Layout
from symmetry.problem import Problem

_ENTRIES = 2**28
"""Inputs are worked off at once while their number times ``P²`` is below this, or they are few."""

_LEAST_ROWS = 512


@dataclass(frozen=True)
class Data:
    """Inputs and labels in one arithmetic.

    Args:
        x: (N, d).
        xx: (N, d²), the products ``x_k x_l``.
        y: (N,).
        norm: (N,), upper bounds of ``‖x_n‖₂``.
        rows: which of the problem's inputs they are.
    """

    x: Any
    xx: Any
    y: Any
    norm: Any
    rows: slice = field(default_factory=lambda: slice(None))


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
class Bias:
    """The term ``c``; parameters ``(c (1,))``."""

    @property
    def layout(self) -> Layout:
        return Layout((("c", (1,)),))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> BiasOutputs:
        return BiasOutputs(theta, data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        return Polynomial([BiasOutputs(v, data, arithmetic).value.reshape(-1, 1) for v in curve])


class BiasOutputs:
    """:class:`Bias` on all inputs."""

    def __init__(self, theta: Any, data: Data, arithmetic: Arithmetic):
        self.nothing, self.arithmetic = data.norm * 0, arithmetic
        self.value = self.nothing + theta

    @property
    def jacobian(self) -> Any:
        return self.nothing.reshape(-1, 1) + 1

    def curvature(self, r: Any) -> Any:
        return self.arithmetic.zeros((1, 1))

    def variation(self) -> tuple[Any, Any]:
        return self.nothing, self.nothing


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

    def __post_init__(self) -> None:
        if self.problem.outputs != 1:
            raise ValueError(f"the problem has {self.problem.outputs} outputs, expected one; use network_loss")

    @classmethod
    def of_network(cls, problem: Problem, width: int) -> SquareLoss:
        """The loss of students of ``width`` neurons."""
        neurons = Neurons(width, problem.dimension, problem.activation)
        return cls(problem, (neurons, Bias()) if problem.output_bias else (neurons,))

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
        return self._outputs(theta, self.data(arithmetic), arithmetic, order)

    def _outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> tuple[list[Any], Any]:
        outputs, start = [], 0
        for term in self.terms:
            outputs.append(term.outputs(theta[start : start + term.layout.size], data, arithmetic, order))
            start += term.layout.size
        r = outputs[0].value
        for more in outputs[1:]:
            r = r + more.value
        return outputs, r - data.y

    def _chunks(self, arithmetic: Arithmetic) -> Iterator[Data]:
        """The data in parts that keep the Jacobian and what is summed with it in bounded memory; mostly one."""
        rows = max(_LEAST_ROWS, _ENTRIES // self.size**2)
        if len(self.problem) <= rows:
            yield self.data(arithmetic)
            return
        for start in range(0, len(self.problem), rows):
            yield _enclose_data(self.problem, arithmetic, slice(start, start + rows))

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
        mean, number = self.problem.factor / len(self.problem), arithmetic.number
        parts = (self._sums(theta, data, arithmetic, order) for data in self._chunks(arithmetic))
        sums = reduce(_Sums.__add__, parts)
        plain = self._derivatives(sums, number(mean), number(2 * mean), arithmetic, order)
        return with_decay(plain, theta, self.problem.decay, arithmetic)

    def _derivatives(self, sums: _Sums, mean: Any, scale: Any, arithmetic: Arithmetic, order: int) -> Evaluation:
        loss = sums.square * mean
        if order == 0:
            return Evaluation(loss)
        gradient = sums.slope * scale
        if order == 1:
            return Evaluation(loss, gradient)
        hessian, start = sums.gram + 0, 0
        for bend, term in zip(sums.bends, self.terms, strict=True):
            block = slice(start, start + term.layout.size)
            hessian[block, block] = sums.gram[block, block] + bend
            start += term.layout.size
        hessian = hessian * scale
        if order == 2:
            return Evaluation(loss, gradient, hessian)
        # D³L[u,u,u] = (2φ/N) Σ_n (3 (J_n u) ∇²f_n[u,u] + r_n ∇³f_n[u,u,u]); for unit u, by Cauchy–Schwarz,
        #   |D³L| ≤ (2φ/N) (3 ‖J‖₂ ‖h‖₂ + Σ_n |r_n| t_n),  h_n ≥ |∇²f_n|, t_n ≥ |∇³f_n|,  ‖J‖₂² ≤ ‖JᵀJ‖_∞
        h_norm = arithmetic.sqrt(sums.bending)
        j_norm = arithmetic.sqrt(arithmetic.maximum(abs(sums.gram).sum(axis=1).reshape(1, -1), axis=1))
        return Evaluation(loss, gradient, hessian, (j_norm * h_norm * 3 + sums.twist) * scale)

    def _sums(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> _Sums:
        outputs, r = self._outputs(theta, data, arithmetic, order)
        column = r.reshape(-1, 1)
        square = arithmetic.matmul(column.T, column).reshape(1)
        if order == 0:
            return _Sums(square)
        jacobian = arithmetic.concatenate([out.jacobian for out in outputs], axis=1)
        slope = arithmetic.matmul(jacobian.T, column).reshape(-1)
        if order == 1:
            return _Sums(square, slope)
        gram = arithmetic.matmul(jacobian.T, jacobian)
        bends = tuple(out.curvature(r) for out in outputs)
        if order == 2:
            return _Sums(square, slope, gram, bends)
        bounds = [out.variation() for out in outputs]
        h = arithmetic.maximum(_stack([b[0] for b in bounds], arithmetic), axis=1).reshape(-1, 1)
        t = arithmetic.maximum(_stack([b[1] for b in bounds], arithmetic), axis=1)
        bending = arithmetic.matmul(h.T, h).reshape(1)
        twist = arithmetic.matmul(abs(r).reshape(1, -1), t.reshape(-1, 1)).reshape(1)
        return _Sums(square, slope, gram, bends, bending, twist)


def with_decay(plain: Evaluation, theta: Any, decay: Fraction, arithmetic: Arithmetic) -> Evaluation:
    """The evaluation of ``L + λ‖θ‖²`` from that of ``L`` at ``theta`` (P,); a new one, but the Hessian is changed."""
    if not decay:
        return plain
    number, gradient, hessian = arithmetic.number, plain.gradient, plain.hessian
    loss = plain.loss + (theta * theta).sum(axis=0) * number(decay)
    if gradient is not None:
        gradient = gradient + theta * number(2 * decay)
    if hessian is not None:
        for i in range(len(gradient)):
            hessian[i : i + 1, i] = hessian[i : i + 1, i] + number(2 * decay)
    return Evaluation(loss, gradient, hessian, plain.lipschitz)


@dataclass(frozen=True)
class _Sums:
    """Over inputs: ``Σ r²`` (1,), ``Jᵀr`` (P,), ``JᵀJ`` (P, P), ``Σ r ∇²f`` by term, ``Σ h²``, ``Σ |r| t`` (1,)."""

    square: Any
    slope: Any = None
    gram: Any = None
    bends: tuple[Any, ...] = ()
    bending: Any = None
    twist: Any = None

    def __add__(self, other: _Sums) -> _Sums:
        def both(x: Any, y: Any) -> Any:
            return None if x is None else x + y

        bends = tuple(x + y for x, y in zip(self.bends, other.bends, strict=True))
        return _Sums(
            self.square + other.square,
            both(self.slope, other.slope),
            both(self.gram, other.gram),
            bends,
            both(self.bending, other.bending),
            both(self.twist, other.twist),
        )


def _stack(columns: list[Any], arithmetic: Arithmetic) -> Any:
    return arithmetic.concatenate([c.reshape(-1, 1) for c in columns], axis=1)


def _enclose_data(problem: Problem, arithmetic: Arithmetic, rows: slice = slice(None)) -> Data:
    x = arithmetic.array(problem.inputs.exact_values[rows])
    n, d = x.shape
    xx = (x.reshape(n, d, 1) * x.reshape(n, 1, d)).reshape(n, d * d)
    norm = arithmetic.sqrt((x * x).sum(axis=1))
    if problem.given_labels is not None:
        y = arithmetic.array(problem.given_labels[rows])
    else:
        assert problem.teacher is not None
        teacher = Neurons(problem.teacher.width, d, problem.activation)
        theta = arithmetic.array(problem.teacher.theta())
        y = teacher.outputs(theta, Data(x, xx, None, norm), arithmetic, 0).value
    return Data(x, xx, y, norm, rows)
