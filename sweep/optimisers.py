"""The optimisers of a sweep, by name: from starting points to where the runs stop.

A run's numbers depend on its own start and the options alone, as long as BLAS has one thread: with more it adds up in
another order. (:mod:`sweep.processes` sees to that.) "Converged" is each optimiser's own opinion; what was reached is
told by the gradient norm.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from sweep.adam import AdamState, adam
from sweep.kernels import Floats, KernelData, loss_gradient
from sweep.polish import polish

_ADAM = {"lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"steps": 100_000, **_ADAM},
    "adam-reference": {"rounds": 10, "steps": 10_000, **_ADAM, "goal": 1e-7, "check": 100},
    "newton": {"steps": 1000, "max_weight": 50.0},
    "slsqp": {"steps": 1000, "bound": 10.0, "ftol": 1e-16},
    "lbfgs": {"steps": 10_000, "memory": 20},
}
"""The optimisers with the defaults of their options; ``steps`` bounds the steps of a run (of a round)."""


@dataclass(frozen=True)
class Stopped:
    """Where runs stopped, a row each.

    Args:
        theta: (n, P).
        steps: (n,) steps made.
        stop_reason: n words: ``steps`` (Adam made all of them), ``goal`` (the loss to stop at was reached),
            ``converged``, ``stalled``, ``step-limit``, ``diverging``, ``bound`` (at the box's edge), ``not-finite``.
    """

    theta: Floats
    steps: NDArray[np.int64]
    stop_reason: tuple[str, ...]


def complete_options(optimizer: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``options`` over the optimiser's defaults.

    Raises:
        ValueError: no such optimiser or option.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is {optimizer!r}, expected one of: {', '.join(OPTIMIZERS)}")
    defaults = OPTIMIZERS[optimizer]
    for key in options or {}:
        if key not in defaults:
            raise ValueError(f"{optimizer}: unknown option {key!r}, expected one of: {', '.join(defaults)}")
    merged = {**defaults, **(options or {})}
    for key in ("steps", "rounds", "check", "memory", "bound", "max_weight"):
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
    if optimizer == "adam":
        return _adam(data, start, width, complete)
    if optimizer == "adam-reference":
        return _adam_reference(data, start, width, complete)
    single: dict[str, Callable[..., tuple[Floats, int, str]]] = {"newton": _newton, "slsqp": _slsqp, "lbfgs": _lbfgs}
    loss_gradient(data, start[:0], width)  # the shape check
    ends = [single[optimizer](data, theta, width, complete) for theta in start]
    return Stopped(
        np.array([theta for theta, _, _ in ends]).reshape(start.shape),
        np.array([steps for _, steps, _ in ends], dtype=np.int64),
        tuple(reason for _, _, reason in ends),
    )


def _adam(data: KernelData, start: Floats, width: int, options: Mapping[str, Any]) -> Stopped:
    """All steps at one rate."""
    theta = adam(data, start, width, options["steps"], **_rates(options)).theta
    return Stopped(theta, np.full(len(start), options["steps"], np.int64), _reasons(theta, "steps"))


def _adam_reference(data: KernelData, start: Floats, width: int, options: Mapping[str, Any]) -> Stopped:
    """Rounds ``k = 0, 1, …`` at rate ``lr/(1 + k)``; a run whose loss is at most ``goal`` stops.

    Each round begins with fresh moments, as a ``torch.optim.Adam`` made anew does. The loss is looked at after every
    ``check`` steps, so the steps of a run that stops early are a multiple of it.
    """
    if not options["goal"] >= 0:
        raise ValueError(f"adam-reference: goal is {options['goal']}, expected a loss >= 0")
    theta, steps = np.array(start, dtype=np.float64), np.zeros(len(start), np.int64)
    going = np.flatnonzero(loss_gradient(data, theta, width)[0] > options["goal"])
    for number in range(options["rounds"]):
        rates = _rates(options) | {"lr": options["lr"] / (1 + number)}
        state, made = AdamState.start(theta[going]), 0
        while made < options["steps"] and len(going):
            part = min(options["check"], options["steps"] - made)
            state, made = adam(data, state, width, part, **rates), made + part
            theta[going] = state.theta
            steps[going] += part
            # a loss that is no number any more stays among those that go on
            stays = ~(loss_gradient(data, state.theta, width)[0] <= options["goal"])
            going, state = going[stays], _rows(state, stays)
    reasons = np.array(_reasons(theta, "goal"), dtype=object)
    reasons[going] = _reasons(theta[going], "steps")
    return Stopped(theta, steps, tuple(map(str, reasons)))


def _rates(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"lr": options["lr"], "betas": tuple(options["betas"]), "eps": options["eps"]}


def _rows(state: AdamState, rows: NDArray[np.bool_]) -> AdamState:
    return AdamState(state.theta[rows], state.first[rows], state.second[rows], state.step, state.decay[rows])


def _reasons(theta: Floats, reason: str) -> tuple[str, ...]:
    finite = np.asarray(np.isfinite(theta).all(axis=1)).tolist()
    return tuple(reason if all_finite else "not-finite" for all_finite in finite)


def _newton(data: KernelData, start: Floats, width: int, options: Mapping[str, Any]) -> tuple[Floats, int, str]:
    """Trust-region Newton, Levenberg–Marquardt where the loss vanishes: :func:`sweep.polish.polish`."""
    end = polish(data, start, width, max_steps=options["steps"], max_weight=options["max_weight"])
    return end.theta, end.steps, end.stop_reason


def _slsqp(data: KernelData, start: Floats, width: int, options: Mapping[str, Any]) -> tuple[Floats, int, str]:
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
            bounds=[(-bound, bound)] * len(start),
            options={"maxiter": max(1, options["steps"]), "ftol": options["ftol"]},
        )
    theta = np.clip(found.x, -bound, bound)
    if np.isfinite(theta).all() and np.abs(theta).max() == bound:
        return theta, int(found.nit), "bound"
    return theta, int(found.nit), _scipy_reason(theta, found, {0: "converged", 9: "step-limit"})


def _lbfgs(data: KernelData, start: Floats, width: int, options: Mapping[str, Any]) -> tuple[Floats, int, str]:
    """scipy's L-BFGS-B (Zhu et al. 1997) without bounds, with the kernels' gradients, until no line search helps."""
    found = minimize(
        _fused(data, width),
        start,
        jac=True,
        method="L-BFGS-B",
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
