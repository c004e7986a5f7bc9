"""A saturated neuron: its incoming weights diverge, and on finitely many inputs it becomes a step.

``w = ρn + ω``, ``ρ → ∞``, with a direction ``n`` of coprime integers; ``ω`` is 0 in the first coordinate in which ``n``
is not, as multiples of ``n`` belong to ``ρ``. With ``δ`` the least positive ``|n·x_n|`` (docs/infinity.md, Theorem 26)

    a σ(w·x)  →  a (1{n·x > 0} + 1{n·x = 0} σ(ω·x)) + e^{−ρδ} φ + …,
    φ = −a e^{−ω·x} where n·x = δ,   a e^{ω·x} where n·x = −δ,   0 elsewhere.

Where ``n·x ≠ 0`` that is ``a (σ(0) ± ½)``: a neuron on the projected inputs ``1{n·x = 0} x``, and ``a`` times a given
number for each input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.arithmetic import Arithmetic
from symmetry.lines import Polynomial
from symmetry.network import Exact, Layout, exact
from symmetry.objective import Data, Neurons
from symmetry.problem import Inputs


@dataclass(frozen=True, eq=False)
class Sides:
    """Where the inputs lie, seen from the hyperplane ``n·x = 0``; exact.

    Args:
        side: (N,) the sign of ``n·x``.
        near: (N,) the same where ``|n·x| = δ``, else 0.
        gap: ``δ``, the least positive ``|n·x|``.
        along: (N,) ``n·x``.
        normal: ``n``.
    """

    side: NDArray[np.int64]
    near: NDArray[np.int64]
    gap: Fraction
    along: Exact
    normal: tuple[int, ...]


def sides(inputs: Inputs, normal: Sequence[int]) -> Sides:
    """On which side of ``n·x = 0`` each input lies, decided exactly.

    Raises:
        ValueError: all inputs lie on it.
    """
    products = exact(inputs.exact_values) @ exact(normal)
    along = products.tolist()
    gap = min((abs(v) for v in along if v), default=None)
    if gap is None:
        raise ValueError(f"all inputs lie on the hyperplane across {list(normal)}: nothing is saturated")
    side = np.array([(v > 0) - (v < 0) for v in along], dtype=np.int64)
    return Sides(side, np.where([abs(v) == gap for v in along], side, 0), gap, products, tuple(normal))


def lifted(omega: Exact, axis: int) -> Exact:
    """``ω`` (d,) from its coordinates but that which is 0, (d − 1,)."""
    return np.concatenate([omega[:axis], exact([0]), omega[axis:]])


@dataclass(frozen=True, eq=False)
class Step:
    """The term ``a (1{n·x > 0} + 1{n·x = 0} σ(ω·x))``; parameters ``(w (1, d − 1), a (1,))``.

    Args:
        dimension: ``d``.
        activation: the sigmoid.
        axis: the coordinate in which ``ω`` is 0.
        sides: of the inputs.
    """

    dimension: int
    activation: Activation
    axis: int
    sides: Sides

    @property
    def layout(self) -> Layout:
        return Layout.neurons(1, self.dimension - 1)

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> StepOutputs:
        return StepOutputs(self, theta, data, arithmetic, order)

    def along(self, curve: Sequence[Any], data: Data, arithmetic: Arithmetic) -> Polynomial:
        raise NotImplementedError("where a saturated neuron goes on a piece is told by symmetry.paths.saturated_way")


class StepOutputs:
    """:class:`Step` on all inputs."""

    def __init__(self, term: Step, theta: Any, data: Data, arithmetic: Arithmetic, order: int):
        rest = [k for k in range(term.dimension) if k != term.axis]
        side, self.near = term.sides.side[data.rows], term.sides.near[data.rows]
        self.arithmetic, self.x = arithmetic, data.x[:, rest]
        on, (count, d) = side == 0, (len(side), len(rest))
        x = arithmetic.where(np.repeat(on[:, None], d, axis=1), self.x, self.x * 0)
        xx = (x.reshape(count, d, 1) * x.reshape(count, 1, d)).reshape(count, d * d)
        projected = replace(data, x=x, xx=xx, norm=arithmetic.where(on, data.norm, data.norm * 0))
        self.neuron = Neurons(1, d, term.activation).outputs(theta, projected, arithmetic, order)
        self.offset = arithmetic.array(side / 2)
        self.w, self.a = term.layout.unpack(theta).values()
        self.value = self.neuron.value + self.offset * self.a

    @property
    def jacobian(self) -> Any:
        # ∂f/∂ω = a 1{n·x = 0} σ' x,  ∂f/∂a = σ ± ½
        inner, d = self.neuron.jacobian, self.x.shape[1]
        output = inner[:, d:] + self.offset.reshape(-1, 1)
        return self.arithmetic.concatenate([inner[:, :d], output], axis=1)

    def curvature(self, r: Any) -> Any:
        return self.neuron.curvature(r)

    def variation(self) -> tuple[Any, Any]:
        return self.neuron.variation()

    def correction(self) -> Any:
        """``φ``, (N,): the network is the limit ``+ e^{−ρδ} φ`` up to higher order."""
        sign = self.arithmetic.array(self.near.astype(np.float64))
        # the exponent is 0 where φ is
        power = self.arithmetic.exp(self.arithmetic.matmul(self.x, self.w.T).reshape(-1) * sign * -1)
        return power * sign * (self.a * -1)
