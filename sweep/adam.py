"""Adam (Kingma & Ba 2015), as ``torch.optim.Adam`` steps it: all steps of a student in one compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from sweep.kernels.compiled import SOURCES, Floats, KernelData, gradient_at, loss_gradient, scratch


@dataclass(frozen=True)
class AdamState:
    """Where a run stands; feeding it back to :func:`adam` continues it, bit for bit.

    Args:
        theta: (n, P) parameters.
        first: (n, P) running mean of the gradients.
        second: (n, P) running mean of their squares.
        step: how many steps were made.
        decay: (n, 2) ``β1^step, β2^step``, as multiplied up.
    """

    theta: Floats
    first: Floats
    second: Floats
    step: int
    decay: Floats

    @classmethod
    def start(cls, theta: Floats) -> AdamState:
        """Before the first step, at ``theta`` (n, P)."""
        theta = np.array(theta, dtype=np.float64)
        return cls(theta, np.zeros_like(theta), np.zeros_like(theta), 0, np.ones((len(theta), 2)))


def adam(
    data: KernelData,
    start: Floats | AdamState,
    width: int,
    steps: int,
    *,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    progress: Callable[[int], None] | None = None,
) -> AdamState:
    """Make ``steps`` steps of full-batch Adam with every student.

        m ← m + (1 − β1)(g − m)      v ← β2 v + (1 − β2) g²
        θ ← θ − lr/(1 − β1^t) · m / (√v/√(1 − β2^t) + ε)

    A student's numbers depend neither on the others in the batch nor on how the steps are divided among calls.

    Args:
        start: parameters (n, P) to start from, or the state an earlier call returned.
        progress: called with the number of students done, after each.

    Raises:
        ValueError: shapes that do not fit, or settings Adam is not defined for.
    """
    check_settings(steps, lr, betas, eps)
    state = start if isinstance(start, AdamState) else AdamState.start(start)
    loss_gradient(data, state.theta[:0], width)  # the shape check
    theta, first, second, decay = (part.copy() for part in (state.theta, state.first, state.second, state.decay))
    settings = np.array([lr, *betas, eps])
    # one student a call: an interrupt is heard in between
    for s in range(len(theta)):
        _steps(theta[s], first[s], second[s], decay[s], width, steps, settings, *data.arguments)
        if progress is not None:
            progress(s + 1)
    return AdamState(theta, first, second, state.step + steps, decay)


def check_settings(steps: int, lr: float, betas: tuple[float, float], eps: float) -> None:
    """Refuse settings Adam is not defined for.

    Raises:
        ValueError: naming them.
    """
    if steps < 0 or not (lr > 0 and eps > 0 and all(0 <= beta < 1 for beta in betas)):
        raise ValueError(
            f"adam: steps={steps}, lr={lr}, betas={betas}, eps={eps}, "
            "expected steps >= 0, lr > 0, eps > 0 and betas in [0, 1)"
        )


def _compile_steps(sources: str) -> Any:
    """The cached entry point of :func:`adam`: all steps of one student."""

    @njit(cache=True, nogil=True, error_model="numpy")
    def steps_of(  # type: ignore[no-untyped-def]
        theta, first, second, decay, width, steps, settings, x, target, scalars, rows, columns, schedule, reach
    ):
        sources  # noqa: B018
        memory = scratch(width, x, rows, columns, False)
        gradient = np.empty_like(theta)
        lr, beta1, beta2, eps = settings
        for _ in range(steps):
            gradient_at(theta, width, x, target, scalars, rows, columns, schedule, reach, memory, False, gradient)
            decay[0] *= beta1
            decay[1] *= beta2
            rate = lr / (1.0 - decay[0])
            root = np.sqrt(1.0 - decay[1])
            for p in range(len(theta)):
                g = gradient[p]
                first[p] += (1.0 - beta1) * (g - first[p])
                second[p] = beta2 * second[p] + (1.0 - beta2) * (g * g)
                theta[p] -= rate * (first[p] / (np.sqrt(second[p]) / root + eps))

    return steps_of


_steps = _compile_steps(SOURCES)
