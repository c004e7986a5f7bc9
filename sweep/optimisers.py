"""The optimisers of a sweep, by name: from starting points to where the runs stop.

A run's numbers depend on its own start and the options alone, as long as BLAS has one thread: with more it adds up in
another order. (:mod:`sweep.processes` sees to that.) "Converged" is each optimiser's own opinion; what was reached is
told by the gradient norm.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from sweep.adam import AdamState, adam, check_settings
from sweep.kernels.compiled import Floats, KernelData, loss_gradient
from sweep.lockstep import HostKernels, newton

_ADAM = {"lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"steps": 100_000, **_ADAM},
    "adam-reference": {"rounds": 10, "steps": 10_000, **_ADAM, "goal": 1e-7, "check": 100},
    "newton": {"steps": 1000, "max_weight": 50.0},
    "slsqp": {"steps": 1000, "bound": 10.0, "ftol": 1e-16},
    "lbfgs": {"steps": 10_000, "memory": 20},
}
"""The optimisers with the defaults of their options; ``steps`` bounds the steps of a run (of a round)."""

_ON_A_DEVICE = ("adam", "adam-reference", "newton")

EVERY, DEVICE = "trajectory_every", "device"
"""Options without a default: keep the point after every so many steps (all optimisers); work with torch on a device."""


@dataclass(frozen=True)
class Stopped:
    """Where runs stopped, a row each.

    Args:
        theta: (n, P).
        steps: (n,) steps made.
        stop_reason: n words: ``steps`` (Adam made all of them), ``goal`` (the loss to stop at was reached),
            ``converged``, ``stalled``, ``step-limit``, ``diverging``, ``bound`` (at the box's edge), ``not-finite``.
        trajectory: n arrays (T, P): the points after every ``trajectory_every`` steps; ``None`` where not asked for.
    """

    theta: Floats
    steps: NDArray[np.int64]
    stop_reason: tuple[str, ...]
    trajectory: tuple[Floats, ...] | None = None


class _Trajectories:
    """The points after every so many steps, run by run; none are kept where ``every`` is ``None``."""

    def __init__(self, start: Floats, every: int | None):
        self.every, self._size = every, start.shape[1]
        self._kept: list[list[Floats]] = [[] for _ in start]

    def visit(self, run: int, step: int, theta: Floats) -> None:
        """The run is at ``theta`` (P,) after so many steps."""
        if self.every is not None and step % self.every == 0:
            self._kept[run].append(np.array(theta))

    def rows(self) -> tuple[Floats, ...] | None:
        """As :attr:`Stopped.trajectory`."""
        if self.every is None:
            return None
        return tuple(np.array(points).reshape(-1, self._size) for points in self._kept)


def complete_options(optimizer: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``options`` over the optimiser's defaults.

    Raises:
        ValueError: no such optimiser or option.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is {optimizer!r}, expected one of: {', '.join(OPTIMIZERS)}")
    defaults = OPTIMIZERS[optimizer]
    allowed = {*defaults, EVERY, *([DEVICE] if optimizer in _ON_A_DEVICE else [])}
    for key in options or {}:
        if key not in allowed:
            raise ValueError(f"{optimizer}: unknown option {key!r}, expected one of: {', '.join(defaults)}")
    merged = {**defaults, **(options or {})}
    for key in ("steps", "rounds", "check", "memory", "bound", "max_weight", EVERY):
        if key in merged and not merged[key] >= (0 if key == "steps" else 1):
            raise ValueError(f"{optimizer}: {key} is {merged[key]}, expected a number >= {0 if key == 'steps' else 1}")
    return merged


def optimise(
    optimizer: str, data: KernelData, start: Floats, width: int, options: Mapping[str, Any] | None = None
) -> Stopped:
    """Run the optimiser from each row of ``start`` (n, P).

    Raises:
        ValueError: no such optimiser, unknown options, or settings that make no sense.
    """
    complete = complete_options(optimizer, options)
    loss_gradient(data, start[:0], width)  # the shape check
    kept = _Trajectories(start, complete.get(EVERY))
    work: dict[str, Callable[..., Stopped]] = {
        "adam": _adam,
        "adam-reference": _adam_reference,
        "newton": _newton,
        "slsqp": partial(_one_by_one, _slsqp),
        "lbfgs": partial(_one_by_one, _lbfgs),
    }
    return replace(work[optimizer](data, start, width, complete, kept), trajectory=kept.rows())


def _one_by_one(
    work: Callable[..., tuple[Floats, int, str]],
    data: KernelData,
    start: Floats,
    width: int,
    options: Mapping[str, Any],
    kept: _Trajectories,
) -> Stopped:
    """An optimiser of scipy's, run by run."""
    ends = []
    for run, theta in enumerate(start):
        steps = itertools.count(1)
        ends.append(work(data, theta, width, options, lambda x, run=run, steps=steps: kept.visit(run, next(steps), x)))
    return Stopped(
        np.array([theta for theta, _, _ in ends]).reshape(start.shape),
        np.array([steps for _, steps, _ in ends], dtype=np.int64),
        tuple(reason for _, _, reason in ends),
    )


def _device_kernels(data: KernelData, width: int, device: str) -> Any:
    """The torch kernels, loaded only where they are asked for."""
    if not data.compiled:
        raise ValueError(
            "--device: for sigmoid networks of one output, without a bias of it or weight decay; leave it out"
        )
    from sweep.kernels.pytorch import TorchKernels

    return TorchKernels.of(data, width, device)


def _stepper(data: KernelData, width: int, options: Mapping[str, Any]) -> Callable[..., AdamState]:
    """``(state, steps, lr) → state``, on the host or on the device."""
    if not data.compiled:
        raise ValueError(
            "adam: for sigmoid networks of one output, without a bias of it or weight decay; use newton or lbfgs"
        )
    settings = {"betas": tuple(options["betas"]), "eps": options["eps"]}
    if DEVICE not in options:
        return lambda state, steps, lr: adam(data, state, width, steps, lr=lr, **settings)
    from sweep.torch_adam import adam as torch_adam

    on = _device_kernels(data, width, options[DEVICE])

    def steps_of(state: AdamState, steps: int, lr: float) -> AdamState:
        check_settings(steps, lr, **settings)
        return torch_adam(on, state, steps, lr=lr, **settings)

    return steps_of


def _adam(data: KernelData, start: Floats, width: int, options: Mapping[str, Any], kept: _Trajectories) -> Stopped:
    """All steps at one rate."""
    step, steps = _stepper(data, width, options), options["steps"]
    state = AdamState.start(start)
    for _ in range(0, max(steps, 1), kept.every or max(steps, 1)):
        state = step(state, min(kept.every or steps, steps - state.step), options["lr"])
        for run, theta in enumerate(state.theta):
            kept.visit(run, state.step, theta)
    return Stopped(state.theta, np.full(len(start), steps, np.int64), _reasons(state.theta, "steps"))


def _adam_reference(
    data: KernelData, start: Floats, width: int, options: Mapping[str, Any], kept: _Trajectories
) -> Stopped:
    """Rounds ``k = 0, 1, …`` at rate ``lr/(1 + k)``; a run whose loss is at most ``goal`` stops.

    Each round begins with fresh moments, as a ``torch.optim.Adam`` made anew does. The loss is looked at after every
    ``check`` steps, so the steps of a run that stops early are a multiple of it.
    """
    if not options["goal"] >= 0:
        raise ValueError(f"adam-reference: goal is {options['goal']}, expected a loss >= 0")
    step, check = _stepper(data, width, options), options["check"]
    theta, steps = np.array(start, dtype=np.float64), np.zeros(len(start), np.int64)
    going = np.flatnonzero(loss_gradient(data, theta, width)[0] > options["goal"])
    for number in range(options["rounds"]):
        state, lr = AdamState.start(theta[going]), options["lr"] / (1 + number)
        before = number * options["steps"]
        while state.step < options["steps"] and len(going):
            part = min(check - state.step % check, options["steps"] - state.step)
            if kept.every is not None:
                part = min(part, kept.every - (before + state.step) % kept.every)
            state = step(state, part, lr)
            theta[going] = state.theta
            steps[going] += part
            for run in going:
                kept.visit(int(run), before + state.step, theta[run])
            if state.step % check == 0 or state.step == options["steps"]:
                # a loss that is no number any more stays among those that go on
                stays = ~(loss_gradient(data, state.theta, width)[0] <= options["goal"])
                going, state = going[stays], _rows(state, stays)
    reasons = np.array(_reasons(theta, "goal"), dtype=object)
    reasons[going] = _reasons(theta[going], "steps")
    return Stopped(theta, steps, tuple(map(str, reasons)))


def _rows(state: AdamState, rows: NDArray[np.bool_]) -> AdamState:
    return AdamState(state.theta[rows], state.first[rows], state.second[rows], state.step, state.decay[rows])


def _reasons(theta: Floats, reason: str) -> tuple[str, ...]:
    finite = np.asarray(np.isfinite(theta).all(axis=1)).tolist()
    return tuple(reason if all_finite else "not-finite" for all_finite in finite)


def _newton(data: KernelData, start: Floats, width: int, options: Mapping[str, Any], kept: _Trajectories) -> Stopped:
    """Trust-region Newton, Levenberg–Marquardt where the loss vanishes: :func:`sweep.lockstep.newton`."""
    on = _device_kernels(data, width, options[DEVICE]) if DEVICE in options else HostKernels(data, width)
    ends = newton(
        on,
        data,
        start,
        width,
        max_steps=options["steps"],
        max_weight=options["max_weight"],
        visit=None if kept.every is None else kept.visit,
    )
    return Stopped(ends.theta, ends.steps, ends.stop_reason)


def _slsqp(
    data: KernelData, start: Floats, width: int, options: Mapping[str, Any], visit: Callable[[Floats], None]
) -> tuple[Floats, int, str]:
    """scipy's SLSQP (Kraft 1988) in the box ``|θ_p| ≤ bound``, with the kernels' gradients.

    Its tests compare losses with ``ftol``: where they pass, the gradient may still be far from 0.
    """
    bound = float(options["bound"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # values clipped to the bounds
        found = minimize(
            _fused(data, width),
            np.clip(start, -bound, bound),
            jac=True,
            method="SLSQP",
            callback=visit,
            bounds=[(-bound, bound)] * len(start),
            options={"maxiter": max(1, options["steps"]), "ftol": options["ftol"]},
        )
    theta = np.clip(found.x, -bound, bound)
    if np.isfinite(theta).all() and np.abs(theta).max() == bound:
        return theta, int(found.nit), "bound"
    return theta, int(found.nit), _scipy_reason(theta, found, {0: "converged", 9: "step-limit"})


def _lbfgs(
    data: KernelData, start: Floats, width: int, options: Mapping[str, Any], visit: Callable[[Floats], None]
) -> tuple[Floats, int, str]:
    """scipy's L-BFGS-B (Zhu et al. 1997) without bounds, with the kernels' gradients, until no line search helps."""
    found = minimize(
        _fused(data, width),
        start,
        jac=True,
        method="L-BFGS-B",
        callback=visit,
        options={
            "maxiter": options["steps"],
            "maxfun": 100 + 20 * options["steps"],
            "maxcor": options["memory"],
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    return found.x, int(found.nit), _scipy_reason(found.x, found, {0: "converged", 1: "step-limit"})


def _scipy_reason(theta: Floats, found: OptimizeResult, words: Mapping[int, str]) -> str:
    """scipy's status in our words; every status not in ``words`` is a step that did not help."""
    if not (np.isfinite(theta).all() and np.isfinite(found.fun)):
        return "not-finite"
    return words.get(int(found.status), "stalled")


def _fused(data: KernelData, width: int) -> Callable[[Floats], tuple[float, Floats]]:
    def loss_and_gradient(theta: Floats) -> tuple[float, Floats]:
        loss, gradient = loss_gradient(data, theta[None], width)
        return float(loss[0]), gradient[0]

    return loss_and_gradient
