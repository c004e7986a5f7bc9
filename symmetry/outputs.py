"""Several outputs: the loss is the mean of the losses of the outputs, which share the incoming weights.

    f_o(x; θ) = Σ_i a_oi σ(w_i·x) + c_o          L_o = (φ/N) Σ_n (f_o(x_n; w, a_o, c_o) − y_no)²
    L(θ) = (1/k) Σ_o L_o(w, a_o, c_o) + λ‖θ‖²     θ = (w, a_1, c_1, …, a_k, c_k)

the mean over inputs and outputs, as ``torch.nn.MSELoss()`` takes it. Gradients and Hessians of the ``L_o``, in their
own coordinates, are added up where these lie in ``θ``; so are bounds of third derivatives, because a unit vector has
parts of length at most 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symmetry.arithmetic import Arithmetic
from symmetry.objective import Evaluation, Objective, SquareLoss, with_decay
from symmetry.problem import Problem


def network_loss(problem: Problem, width: int) -> Objective:
    """The loss of students of ``width`` neurons, with as many outputs as the problem has."""
    if problem.outputs == 1:
        return SquareLoss.of_network(problem, width)
    parts = tuple(SquareLoss.of_network(problem.of_output(o), width) for o in range(problem.outputs))
    return MeanLoss(parts, width * problem.dimension, problem.decay)


def output_slices(outputs: int, inner: int, outer: int) -> list[slice]:
    """Where the ``outer`` weights ``(a_o, c_o)`` of each output lie in ``θ``, after the ``inner`` incoming ones."""
    return [slice(inner + o * outer, inner + (o + 1) * outer) for o in range(outputs)]


@dataclass(frozen=True)
class MeanLoss:
    """The mean of the losses of the outputs, and decay.

    Args:
        parts: the loss of each output, of ``(w, a_o, c_o)``, without decay.
        inner: the number of incoming weights.
        decay: ``λ``.
    """

    parts: tuple[SquareLoss, ...]
    inner: int
    decay: Fraction

    @property
    def size(self) -> int:
        """The number of parameters ``P``."""
        return self.inner + sum(part.size - self.inner for part in self.parts)

    def evaluate(self, theta: Any, arithmetic: Arithmetic, order: int = 2) -> Evaluation:
        """As :meth:`symmetry.objective.Objective.evaluate`."""
        share, size, inner = arithmetic.number(Fraction(1, len(self.parts))), self.size, slice(0, self.inner)
        loss, lipschitz = arithmetic.zeros((1,)), arithmetic.zeros((1,))
        gradient, hessian = arithmetic.zeros((size,)), arithmetic.zeros((size, size))
        for part, outer in self._places():
            one = part.evaluate(arithmetic.concatenate([theta[inner], theta[outer]]), arithmetic, order)
            loss = loss + one.loss
            halves = ((inner, slice(0, self.inner)), (outer, slice(self.inner, part.size)))
            for rows, own in halves if order >= 1 else ():
                gradient[rows] = gradient[rows] + one.gradient[own]
                for columns, other in halves if order >= 2 else ():
                    hessian[rows, columns] = hessian[rows, columns] + one.hessian[own, other]
            lipschitz = lipschitz + one.lipschitz if order >= 3 else lipschitz
        mean = Evaluation(
            loss * share,
            gradient * share if order >= 1 else None,
            hessian * share if order >= 2 else None,
            lipschitz * share if order >= 3 else None,
        )
        return with_decay(mean, theta, self.decay, arithmetic)

    def _places(self) -> Iterator[tuple[SquareLoss, slice]]:
        outer = self.parts[0].size - self.inner
        return zip(self.parts, output_slices(len(self.parts), self.inner, outer), strict=True)
