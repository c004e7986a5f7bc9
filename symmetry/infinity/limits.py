"""Terms of limit networks: what groups of neurons become when their outgoing weights diverge.

``Pair``: two neurons whose incoming weights merge. ``Triple``: three that merge along a line. ``Affine``: the constant
and the linear function that mirrored pairs and vanishing neurons leave behind. ``Cubic``, ``Quintic``: what two
and three vanishing neurons leave besides. ``Linear``: what one leaves of an odd activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.lines import Curve, Polynomial
from symmetry.network import Layout
from symmetry.objective import Data


def _lines(
    layout: Layout, curve: Sequence[Any], data: Data, arithmetic: Arithmetic, names: Sequence[str]
) -> list[list[Any]]:
    """On a curve: of each named vector ``v`` the coefficients of ``v·x``, (N, 1); last those of ``c``, (1,)."""
    blocks = [layout.unpack(v) for v in curve]
    return [*([arithmetic.matmul(data.x, b[v].T) for b in blocks] for v in names), [b["c"] for b in blocks]]


@dataclass(frozen=True)
class Pair:
    """The term ``c σ(w·x) + (u·x) σ'(w·x)``; parameters ``(w (1, d), u (1, d), c (1,))``."""

    dimension: int
    activation: Activation

    @property
    def layout(self) -> Layout:
        return Layout((("w", (1, self.dimension)), ("u", (1, self.dimension)), ("c", (1,))))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> PairOutputs:
        blocks = self.layout.unpack(theta)
        z = arithmetic.matmul(data.x, blocks["w"].T)
        s = arithmetic.matmul(data.x, blocks["u"].T)
        jet = self.activation.jet(z, order + 1, arithmetic)
        return PairOutputs(self, blocks, s, jet, data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Curve:
        z, s, c = _lines(self.layout, curve, data, arithmetic, ("w", "u"))
        return Curve(z, [c, s])


class PairOutputs:
    """:class:`Pair` on all inputs: ``jet[k]`` encloses ``σ^(k)(w·x_n)`` and ``s`` encloses ``u·x_n``, (N, 1)."""

    def __init__(self, term: Pair, blocks: dict[str, Any], s: Any, jet: list[Any], data: Data, arithmetic: Arithmetic):
        self.term, self.c, self.u, self.s, self.jet = term, blocks["c"], blocks["u"], s, jet
        self.data, self.arithmetic = data, arithmetic
        self.value = self._mixed(0).reshape(-1)

    def _mixed(self, k: int) -> Any:
        """``c σ^(k) + s σ^(k+1)``, the k-th derivative along ``z``, (N, 1)."""
        return self.jet[k] * self.c + self.jet[k + 1] * self.s

    @property
    def jacobian(self) -> Any:
        # ∂f/∂w = (cσ' + sσ'') x,  ∂f/∂u = σ' x,  ∂f/∂c = σ
        x = self.data.x
        return self.arithmetic.concatenate([self._mixed(1) * x, self.jet[1] * x, self.jet[0]], axis=1)

    def curvature(self, r: Any) -> Any:
        # ww: (cσ'' + sσ''') xxᵀ    wu: σ'' xxᵀ    wc: σ' x    the rest 0
        d, ar, column = self.term.dimension, self.arithmetic, r.reshape(-1, 1)
        ww = ar.matmul(self.data.xx.T, column * self._mixed(2)).reshape(d, d)
        wu = self._bend(r)
        wc = ar.matmul(self.data.x.T, column * self.jet[1]).reshape(d)
        out = ar.zeros((2 * d + 1, 2 * d + 1))
        w, u, c = slice(0, d), slice(d, 2 * d), 2 * d
        out[w, w], out[w, u], out[u, w] = ww, wu, wu
        out[w, c], out[c, w] = wc, wc
        return out

    def _bend(self, r: Any) -> Any:
        """``Σ r σ'' x xᵀ``, (d, d)."""
        d = self.term.dimension
        return self.arithmetic.matmul(self.data.xx.T, r.reshape(-1, 1) * self.jet[2]).reshape(d, d)

    def hold(self, r: Any, scale: Fraction, sign: int, weight: Fraction) -> Any:
        """``±(2/N) Σ r σ'' x xᵀ + t uuᵀ``, (d, d): if it is positive definite, copies of the member keep together.

        Args:
            r: the residuals, (N,).
            scale: ``2/N``.
            sign: of the output of the member that is split.
            weight: ``t``, any number: only vectors across ``u`` count.
        """
        number = self.arithmetic.number
        return self._bend(r) * number(sign * scale) + self.u.T * self.u * number(weight)

    def variation(self) -> tuple[Any, Any]:
        # With X = ‖x‖ and p, q, t the lengths of the w-, u- and c-parts of a unit vector:
        #   |∇²f|   ≤ |cσ''+sσ'''| X² p² + 2|σ''| X² pq + 2|σ'| X pt        ≤ |cσ''+sσ'''| X² + |σ''| X² + |σ'| X
        #   |∇³f|   ≤ |cσ'''+sσ''''| X³ p³ + 3|σ'''| X³ p²q + 3|σ''| X² p²t,     p²q ≤ 2/√27 < 0.385
        x, number = self.data.norm.reshape(-1, 1), self.arithmetic.number
        square = x * x
        second = abs(self._mixed(2)) * square + abs(self.jet[2]) * square + abs(self.jet[1]) * x
        third = abs(self._mixed(3)) * (square * x) + (
            abs(self.jet[3]) * (square * x) + abs(self.jet[2]) * square
        ) * number(Fraction(1155, 1000))
        return second.reshape(-1), third.reshape(-1)

    def correction(self) -> Any:
        """``φ = (c/2) σ'' s² + (1/6) σ''' s³``, (N,): the network is the limit ``+ ε² φ + O(ε³)``; ``order ≥ 2``."""
        square = self.s * self.s
        half, sixth = self.arithmetic.number(Fraction(1, 2)), self.arithmetic.number(Fraction(1, 6))
        return (self.jet[2] * square * self.c * half + self.jet[3] * (square * self.s) * sixth).reshape(-1)


@dataclass(frozen=True)
class Triple:
    """The term ``c σ(z) + (v·x) σ'(z) + (τ/2)(u·x)² σ''(z)``, ``z = w·x``, ``τ = ±1``.

    What three neurons become that merge along a line, outputs like ``(1, −2, 1)/ε²``; parameters
    ``(w (1, d), v (1, d), u (1, d), c (1,))``.
    """

    dimension: int
    activation: Activation
    tau: int

    @property
    def layout(self) -> Layout:
        shape = (1, self.dimension)
        return Layout((("w", shape), ("v", shape), ("u", shape), ("c", (1,))))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> TripleOutputs:
        blocks = self.layout.unpack(theta)
        jet = self.activation.jet(arithmetic.matmul(data.x, blocks["w"].T), order + 2, arithmetic)
        return TripleOutputs(self, blocks, jet, data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Curve:
        z, y, s, c = _lines(self.layout, curve, data, arithmetic, ("w", "v", "u"))
        half = arithmetic.number(Fraction(self.tau, 2))
        square = [s[0] * 0] * (2 * len(s) - 1)
        for i, left in enumerate(s):
            for j, right in enumerate(s):
                square[i + j] = square[i + j] + left * right * half
        return Curve(z, [c, y, square])


class TripleOutputs:
    """:class:`Triple` on all inputs: ``jet[k]`` encloses ``σ^(k)(w·x_n)``, ``y`` ``v·x_n``, ``s`` ``u·x_n``, (N, 1)."""

    def __init__(self, term: Triple, blocks: dict[str, Any], jet: list[Any], data: Data, arithmetic: Arithmetic):
        self.term, self.blocks, self.jet, self.data, self.arithmetic = term, blocks, jet, data, arithmetic
        self.y = arithmetic.matmul(data.x, blocks["v"].T)
        self.s = arithmetic.matmul(data.x, blocks["u"].T)
        self.half_square = self.s * self.s * arithmetic.number(Fraction(term.tau, 2))
        self.value = self._mixed(0).reshape(-1)

    def _mixed(self, k: int) -> Any:
        """The k-th derivative along ``z``, (N, 1)."""
        return self.jet[k] * self.blocks["c"] + self.jet[k + 1] * self.y + self.jet[k + 2] * self.half_square

    @property
    def jacobian(self) -> Any:
        # ∂f/∂w = f' x,  ∂f/∂v = σ' x,  ∂f/∂u = τ s σ'' x,  ∂f/∂c = σ
        x, stretched = self.data.x, self.s * self.jet[2] * self.term.tau
        return self.arithmetic.concatenate([self._mixed(1) * x, self.jet[1] * x, stretched * x, self.jet[0]], axis=1)

    def curvature(self, r: Any) -> Any:
        # ww: f'' xxᵀ   wv: σ'' xxᵀ   wu: τ s σ''' xxᵀ   wc: σ' x   uu: τ σ'' xxᵀ   the rest 0
        d, ar, column = self.term.dimension, self.arithmetic, r.reshape(-1, 1)

        def moment(weight: Any) -> Any:
            return ar.matmul(self.data.xx.T, column * weight).reshape(d, d)

        w, v, u, c = slice(0, d), slice(d, 2 * d), slice(2 * d, 3 * d), 3 * d
        out = ar.zeros((3 * d + 1, 3 * d + 1))
        out[w, w] = moment(self._mixed(2))
        out[w, v] = out[v, w] = moment(self.jet[2])
        out[w, u] = out[u, w] = moment(self.s * self.jet[3] * self.term.tau)
        out[u, u] = moment(self.jet[2] * self.term.tau)
        out[w, c] = out[c, w] = ar.matmul(self.data.x.T, column * self.jet[1]).reshape(d)
        return out

    def variation(self) -> tuple[Any, Any]:
        # With X = ‖x‖ and p, b, q, t the lengths of the w-, v-, u- and c-parts of a unit vector:
        #   |∇²f| ≤ |f''| X² p² + 2|σ''| X² pb + 2|sσ'''| X² pq + 2|σ'| X pt + |σ''| X² q²
        #   |∇³f| ≤ |f'''| X³ p³ + 3|σ'''| X³ p²b + 3|sσ''''| X³ p²q + 3|σ''| X² p²t + 3|σ'''| X³ pq²,
        # 2pb ≤ 1 and p²b ≤ 2/√27 < 0.385, likewise for the other products.
        x, number = self.data.norm.reshape(-1, 1), self.arithmetic.number
        square = x * x
        slope, bend, twist = abs(self.jet[1]), abs(self.jet[2]), abs(self.jet[3])
        second = (abs(self._mixed(2)) + bend * 2 + abs(self.s) * twist) * square + slope * x
        rest = (twist * 2 + abs(self.s * self.jet[4])) * (square * x) + bend * square
        third = abs(self._mixed(3)) * (square * x) + rest * number(Fraction(1155, 1000))
        return second.reshape(-1), third.reshape(-1)

    def correction(self) -> Any:
        """``Φ``, (N,): the network is the limit ``+ h(p) Φ + O(|p|³)``, ``h = (p_1² + p_2² + p_3²)/2``; ``order ≥ 2``.

        With ``v = αu + v⊥``, ``y⊥ = v⊥·x``:  ``Φ = y⊥² σ''/(2τ) + (α s³/6 + s² y⊥/2) σ''' + τ s⁴ σ''''/24``.
        """
        number, s = self.arithmetic.number, self.s
        u, v = self.blocks["u"], self.blocks["v"]
        alpha = (u * v).sum(axis=1) / (u * u).sum(axis=1)
        across = self.y - s * alpha
        square = s * s
        second = across * across * self.jet[2] * number(Fraction(self.term.tau, 2))
        third = (square * s * alpha * number(Fraction(1, 6)) + square * across * number(Fraction(1, 2))) * self.jet[3]
        fourth = square * square * self.jet[4] * number(Fraction(self.term.tau, 24))
        return (second + third + fourth).reshape(-1)


@dataclass(frozen=True)
class Cubic:
    """The term ``(σ^(3)/6) (u·x)³`` of the sigmoid at 0.

    What two neurons near zero leave besides a constant and a linear term; parameters ``(u (1, d))``.
    """

    dimension: int

    @property
    def layout(self) -> Layout:
        return Layout((("u", (1, self.dimension)),))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> CubicOutputs:
        return CubicOutputs(self, self.layout.unpack(theta)["u"], data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        raise NotImplementedError("no paths lead through a chart with a cubic group")


class CubicOutputs:
    """:class:`Cubic` on all inputs: ``s`` encloses ``u·x_n``, (N, 1). ``σ^(3) = −1/8``, ``σ^(5) = 1/4`` at 0."""

    def __init__(self, term: Cubic, u: Any, data: Data, arithmetic: Arithmetic):
        self.term, self.data, self.arithmetic = term, data, arithmetic
        self.s = arithmetic.matmul(data.x, u.T)
        self.square = self.s * self.s
        self.value = (self.square * self.s * self._number(-1, 48)).reshape(-1)

    def _number(self, numerator: int, denominator: int) -> Any:
        return self.arithmetic.number(Fraction(numerator, denominator))

    @property
    def jacobian(self) -> Any:
        # ∂f/∂u = −(s²/16) x
        return self.square * self._number(-1, 16) * self.data.x

    def curvature(self, r: Any) -> Any:
        # uu: −(s/8) xxᵀ
        d, weight = self.term.dimension, r.reshape(-1, 1) * self.s * self._number(-1, 8)
        return self.arithmetic.matmul(self.data.xx.T, weight).reshape(d, d)

    def variation(self) -> tuple[Any, Any]:
        # with X = ‖x‖:  |∇²f| ≤ |s| X²/8,  |∇³f| ≤ X³/8
        x = self.data.norm.reshape(-1, 1)
        square = x * x * self._number(1, 8)
        return (abs(self.s) * square).reshape(-1), (square * x).reshape(-1)

    def correction(self) -> Any:
        """``Φ = (σ^(5)/120) s⁵``, (N,): the network is the limit ``+ (p_1² + p_2²) Φ + O(|p|³)``."""
        return (self.square * self.square * self.s * self._number(1, 480)).reshape(-1)


@dataclass(frozen=True)
class Quintic:
    """The term ``(σ^(3)/2) (u·x)² (g·x) + (σ^(5)/120) (u·x)⁵`` of the sigmoid at 0.

    What three neurons near zero leave besides a constant and a linear term; parameters ``(g (1, d), u (1, d))``.
    """

    dimension: int

    @property
    def layout(self) -> Layout:
        return Layout((("g", (1, self.dimension)), ("u", (1, self.dimension))))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> QuinticOutputs:
        return QuinticOutputs(self, self.layout.unpack(theta), data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        raise NotImplementedError("no paths lead through a chart with a quintic group")


class QuinticOutputs:
    """:class:`Quintic` on all inputs: ``t`` encloses ``g·x_n``, ``s`` encloses ``u·x_n``, (N, 1).

    ``σ^(3) = −1/8`` and ``σ^(5) = 1/4`` at 0.
    """

    def __init__(self, term: Quintic, blocks: dict[str, Any], data: Data, arithmetic: Arithmetic):
        self.term, self.blocks, self.data, self.arithmetic = term, blocks, data, arithmetic
        self.t = arithmetic.matmul(data.x, blocks["g"].T)
        self.s = arithmetic.matmul(data.x, blocks["u"].T)
        self.square = self.s * self.s
        cubic, fifth = self.square * self._number(-1, 16), self.square * self.square * self.s * self._number(1, 480)
        self.value = (cubic * self.t + fifth).reshape(-1)

    def _number(self, numerator: int, denominator: int) -> Any:
        return self.arithmetic.number(Fraction(numerator, denominator))

    @property
    def jacobian(self) -> Any:
        # ∂f/∂g = −(s²/16) x,  ∂f/∂u = (−st/8 + s⁴/96) x
        x = self.data.x
        by_u = self.square * self.square * self._number(1, 96) - self.s * self.t * self._number(1, 8)
        return self.arithmetic.concatenate([self.square * self._number(-1, 16) * x, by_u * x], axis=1)

    def curvature(self, r: Any) -> Any:
        # gg: 0   gu: −(s/8) xxᵀ   uu: (−t/8 + s³/24) xxᵀ
        d, ar, column = self.term.dimension, self.arithmetic, r.reshape(-1, 1)
        bend = self.square * self.s * self._number(1, 24) - self.t * self._number(1, 8)
        mixed, own = (
            ar.matmul(self.data.xx.T, column * weight).reshape(d, d) for weight in (self.s * self._number(-1, 8), bend)
        )
        out = ar.zeros((2 * d, 2 * d))
        out[:d, d:], out[d:, :d], out[d:, d:] = mixed, mixed, own
        return out

    def variation(self) -> tuple[Any, Any]:
        # With X = ‖x‖ and p, q the lengths of the g- and u-parts of a unit vector:
        #   |∇²f| ≤ (|s|/4) X² pq + |−t/8 + s³/24| X² q²,   2pq ≤ 1
        #   |∇³f| ≤ (3/8) X³ pq² + (s²/8) X³ q³,   pq² ≤ 2/√27 < 0.385
        x = self.data.norm.reshape(-1, 1)
        square, s = x * x, abs(self.s)
        second = (s + abs(self.t)) * self._number(1, 8) + s * s * s * self._number(1, 24)
        third = s * s * self._number(1, 8) + self._number(1155, 8000)
        return (second * square).reshape(-1), (third * square * x).reshape(-1)

    def correction(self) -> Any:
        """``Φ = (σ^(7)/2520) s⁷ + (σ^(5)/24) s⁴ (t − βs)``, ``β = g·u/u·u``, (N,); ``σ^(7) = −17/16``."""
        u, g = self.blocks["u"], self.blocks["g"]
        beta = (u * g).sum(axis=1) / (u * u).sum(axis=1)
        fourth = self.square * self.square
        across = fourth * (self.t - self.s * beta) * self._number(1, 96)
        return (fourth * self.square * self.s * self._number(-17, 40320) + across).reshape(-1)


@dataclass(frozen=True)
class Linear:
    """The term ``σ'(0) ℓ·x`` of an odd activation; parameters ``(l (1, d))``."""

    dimension: int
    activation: Activation

    @property
    def layout(self) -> Layout:
        return Layout((("l", (1, self.dimension)),))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> LinearOutputs:
        return LinearOutputs(self, self.layout.unpack(theta)["l"], data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        return Polynomial([self.outputs(v, data, arithmetic, 0).value.reshape(-1, 1) for v in curve])


class LinearOutputs:
    """:class:`Linear` on all inputs: ``s`` encloses ``ℓ·x_n``, (N, 1)."""

    def __init__(self, term: Linear, slope: Any, data: Data, arithmetic: Arithmetic):
        self.term, self.data, self.arithmetic = term, data, arithmetic
        self.at_zero = term.activation.jet(arithmetic.zeros((1, 1)), 3, arithmetic)
        self.s = arithmetic.matmul(data.x, slope.T)
        self.value = (self.s * self.at_zero[1]).reshape(-1)

    @property
    def jacobian(self) -> Any:
        return self.data.x * self.at_zero[1]

    def curvature(self, r: Any) -> Any:
        return self.arithmetic.zeros((self.term.dimension, self.term.dimension))

    def variation(self) -> tuple[Any, Any]:
        nothing = self.data.norm * 0
        return nothing, nothing

    def correction(self) -> Any:
        """``φ = (σ^(3)(0)/6) (ℓ·x)³``, (N,): what a neuron ``a = 1/ε, w = εℓ`` adds at ``ε²``."""
        sixth = self.at_zero[3] * self.arithmetic.number(Fraction(1, 6))
        return (self.s * self.s * self.s * sixth).reshape(-1)


@dataclass(frozen=True)
class Affine:
    """The term ``K + ℓ·x`` (without ``ℓ·x`` if ``linear`` is false); parameters ``(K (1,), l (1, d))``."""

    dimension: int
    linear: bool

    @property
    def layout(self) -> Layout:
        return Layout((("K", (1,)), *([("l", (1, self.dimension))] if self.linear else [])))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> AffineOutputs:
        return AffineOutputs(self, self.layout.unpack(theta), data, arithmetic)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        return Polynomial([self.outputs(v, data, arithmetic, 0).value.reshape(-1, 1) for v in curve])


class AffineOutputs:
    """:class:`Affine` on all inputs."""

    def __init__(self, term: Affine, blocks: dict[str, Any], data: Data, arithmetic: Arithmetic):
        self.term, self.data, self.arithmetic = term, data, arithmetic
        self.one = data.norm.reshape(-1, 1) * 0 + 1
        self.constant = blocks["K"]
        self.value = (self.one * self.constant).reshape(-1)
        self.s = arithmetic.matmul(data.x, blocks["l"].T) if term.linear else None
        if self.s is not None:
            self.value = self.value + self.s.reshape(-1)

    @property
    def jacobian(self) -> Any:
        return self.arithmetic.concatenate([self.one, self.data.x], axis=1) if self.term.linear else self.one

    def curvature(self, r: Any) -> Any:
        size = self.term.layout.size
        return self.arithmetic.zeros((size, size))

    def variation(self) -> tuple[Any, Any]:
        nothing = self.data.norm * 0
        return nothing, nothing

    def correction(self) -> Any:
        """``φ = −(4/3) (ℓ·x)³`` of the sigmoid, (N,): what a neuron ``a_0 = 1/ε, w_0 = 4εℓ`` adds at ``ε²``."""
        if self.s is None:
            raise ValueError("a constant has no correction")
        return (self.s * self.s * self.s * self.arithmetic.number(Fraction(-4, 3))).reshape(-1)

    def hold(self, r: Any, scale: Fraction, sign: int, weight: Fraction) -> Any:
        """``−(2/N) Σ r (ℓ·x) x xᵀ``, (d, d): positive definite if copies of the zero neuron keep together."""
        if self.s is None:
            raise ValueError("a constant has no copies")
        d = self.term.dimension
        return self.arithmetic.matmul(self.data.xx.T, r.reshape(-1, 1) * self.s).reshape(d, d) * self.arithmetic.number(
            -scale
        )
