"""What a neuron leaves whose bias falls to ``−∞`` while its output grows: an exponential (sigmoid).

Where the last coordinate of every input is 1, the neuron ``a = s/ε², w = ω + 2 log ε · e_d`` has ``z = ω·x + log ε²``:

    a σ(z) = s e^(ω·x)/(1 + ε² e^(ω·x)) = s e^(ω·x) − ε² s e^(2ω·x) + O(ε⁴)

(docs/infinity.md, section 13).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symmetry.arithmetic import Arithmetic
from symmetry.network import Layout
from symmetry.objective import Data


@dataclass(frozen=True)
class Exponential:
    """The term ``s e^(ω·x)``, ``s = ±1``; parameters ``(w (1, d))``."""

    dimension: int
    sign: int

    @property
    def layout(self) -> Layout:
        return Layout((("w", (1, self.dimension)),))

    def outputs(self, theta: Any, data: Data, arithmetic: Arithmetic, order: int) -> ExponentialOutputs:
        return ExponentialOutputs(self, self.layout.unpack(theta)["w"], data, arithmetic)

    def along(self, curve: Any, data: Data, arithmetic: Arithmetic) -> Any:
        raise NotImplementedError("no paths lead through a chart with an exponential")


class ExponentialOutputs:
    """:class:`Exponential` on all inputs: ``e`` encloses ``e^(ω·x_n)``, (N, 1)."""

    def __init__(self, term: Exponential, w: Any, data: Data, arithmetic: Arithmetic):
        self.term, self.data, self.arithmetic = term, data, arithmetic
        self.e = arithmetic.exp(arithmetic.matmul(data.x, w.T))
        self.value = (self.e * term.sign).reshape(-1)

    @property
    def jacobian(self) -> Any:
        # ∂f/∂ω = s e^(ω·x) x
        return self.e * self.term.sign * self.data.x

    def curvature(self, r: Any) -> Any:
        # s e^(ω·x) xxᵀ
        d = self.term.dimension
        weight = r.reshape(-1, 1) * self.e * self.term.sign
        return self.arithmetic.matmul(self.data.xx.T, weight).reshape(d, d)

    def variation(self) -> tuple[Any, Any]:
        # |∇²f[u,u]| ≤ e^(ω·x) ‖x‖²,   |∇³f[u,u,u]| ≤ e^(ω·x) ‖x‖³
        x = self.data.norm.reshape(-1, 1)
        second = self.e * x * x
        return second.reshape(-1), (second * x).reshape(-1)

    def correction(self) -> Any:
        """``φ = −s e^(2ω·x)``, (N,): the neuron is the limit ``+ ε² φ + O(ε⁴)``."""
        return (self.e * self.e * -self.term.sign).reshape(-1)


def has_constant(values: Any) -> bool:
    """Whether the last coordinate of all inputs (N, d) is 1, which makes its weight a bias."""
    return bool((values[:, -1] == 1).all())
