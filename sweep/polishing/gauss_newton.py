"""Levenberg–Marquardt for residuals that vanish, at regular and at degenerate zeros."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.kernels.compiled import KernelData
from sweep.newton import EPS
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.network import Layout

Floats = NDArray[np.float64]

PROMISING = 0.1
_MAX_DAMPINGS = 20
_CORRECTIONS = 3
_SCOUTING = 8

_LONGEST = 4
"""Steps up to this multiple are tried: at a zero of order ``k`` the ``k``-fold step is the one that lands."""


class Residuals:
    """The residuals of the students of one width, in float64, scaled so that ``L = ‖r‖² + constant``.

    The constant is 0 for exact labels. A kept input counts ``weight`` times, and one more row carries the even part
    (see :mod:`sweep.kernels.compiled`).
    """

    def __init__(self, data: KernelData, width: int):
        self.layout = Layout.neurons(width, data.dimension, bias=data.bias)
        self.activation = activation(data.activation)
        self.x, self.y = data.x[:, : data.kept], data.target[: data.kept]
        self.shift, self.even_mean = data.shift, data.even_mean
        self.scale, self.root = float(np.sqrt(data.factor * data.weight / data.count)), float(np.sqrt(data.factor))

    def residual(self, theta: Floats) -> Floats:
        """``r`` (K + 1,) at ``theta`` (P,)."""
        blocks = self.layout.unpack(theta)
        tau = self.activation.jet(blocks["w"] @ self.x, 0, Float64())[0] - self.shift
        return self._residual(blocks, tau)

    def linearise(self, theta: Floats) -> tuple[Floats, Floats]:
        """``r`` (K + 1,) and its Jacobian (K + 1, P) at ``theta`` (P,)."""
        blocks = self.layout.unpack(theta)
        sigma, slope = self.activation.jet(blocks["w"] @ self.x, 1, Float64())
        tau, a, inner = sigma - self.shift, blocks["a"], blocks["w"].size
        jacobian = np.zeros((len(self.y) + 1, theta.size))
        jacobian[:-1, :inner] = self.scale * ((a[:, None] * slope)[:, None, :] * self.x).reshape(inner, -1).T
        outer = inner + a.size
        jacobian[:-1, inner:outer] = self.scale * tau.T
        jacobian[-1, inner:outer] = self.root * self.shift
        jacobian[:-1, outer:] = self.scale
        return self._residual(blocks, tau), jacobian

    def absolute_terms(self, theta: Floats) -> Floats:
        """``Σ_i |a_i τ(z_i)| + |y|``, (K + 1,): ``eps`` times it is what rounding may do to ``r``."""
        blocks = self.layout.unpack(theta)
        tau = self.activation.jet(blocks["w"] @ self.x, 0, Float64())[0] - self.shift
        a, constant = np.abs(blocks["a"]), np.abs(blocks["c"]).sum() if "c" in blocks else 0.0
        terms = self.scale * (a @ np.abs(tau) + np.abs(self.y) + constant)
        return np.append(terms, self.root * (self.shift * a.sum() + abs(self.even_mean)))

    def _residual(self, blocks: dict[str, Floats], tau: Floats) -> Floats:
        a, constant = blocks["a"], blocks["c"].sum() if "c" in blocks else 0.0
        odd = self.scale * (a @ tau - self.y + constant)
        return np.append(odd, self.root * (self.shift * a.sum() - self.even_mean))


class OutputResiduals:
    """The same of students of several outputs, one output after the other: ``L = (1/k) Σ_o ‖r_o‖² + constant``."""

    def __init__(self, data: KernelData, width: int):
        self.parts = [(Residuals(part, width), places) for part, places in data.of_outputs(width)]
        self.root = float(np.sqrt(len(self.parts)))

    def residual(self, theta: Floats) -> Floats:
        """As :meth:`Residuals.residual`, (k(K + 1),)."""
        return np.concatenate([part.residual(theta[places]) for part, places in self.parts]) / self.root

    def linearise(self, theta: Floats) -> tuple[Floats, Floats]:
        """As :meth:`Residuals.linearise`."""
        residuals, jacobians = [], []
        for part, places in self.parts:
            r, own = part.linearise(theta[places])
            jacobian = np.zeros((len(r), theta.size))
            jacobian[:, places] = own
            residuals.append(r)
            jacobians.append(jacobian)
        return np.concatenate(residuals) / self.root, np.concatenate(jacobians) / self.root

    def absolute_terms(self, theta: Floats) -> Floats:
        """As :meth:`Residuals.absolute_terms`."""
        return np.concatenate([part.absolute_terms(theta[places]) for part, places in self.parts]) / self.root


def residuals_of(data: KernelData, width: int) -> Residuals | OutputResiduals:
    """The residuals of students with as many outputs as the data have."""
    return OutputResiduals(data, width) if data.parts else Residuals(data, width)


class System(Protocol):
    """Nonlinear equations ``r(x) = 0`` in ``x`` (P,)."""

    def residual(self, x: Floats) -> Floats:
        """``r(x)``, (K,)."""

    def linearise(self, x: Floats) -> tuple[Floats, Floats]:
        """``r(x)`` and its Jacobian (K, P)."""


def levenberg_marquardt(system: System, x: Floats) -> Iterator[tuple[Floats, float]]:
    """Points ``x`` with strictly decreasing ``‖r(x)‖``, and these norms; approximate.

    Ends where no step decreases the norm, and where the linear model removes less than :data:`PROMISING` of the squared
    norm: at a local minimum of ``‖r‖`` that is not a zero it removes nothing.

    The damping ``μ`` starts at ``‖r‖``: small against the singular values ``~ t`` met at distance ``t`` from a
    double zero, where ``‖r‖ ~ t²``.
    """
    r, jacobian = system.linearise(x)
    norm = float(np.linalg.norm(r))
    damping = norm
    while norm > 0:
        model = _Linear(r, jacobian)
        for attempt in range(_MAX_DAMPINGS):
            trial, trial_norm, promised = _trial(system, x, model, damping)
            if trial_norm < norm:
                break
            if attempt == 0:
                trial, trial_norm = _scout(system, trial, norm)
                if trial_norm < norm:
                    break
            damping *= 4.0
        else:
            return
        x = trial
        r, jacobian = system.linearise(x)
        norm = float(np.linalg.norm(r))
        damping = min(damping / 2.0, norm)
        yield x, norm
        if promised < PROMISING:
            return


def to_rounding_level(
    residuals: Residuals | OutputResiduals, x: Floats, max_steps: int
) -> Iterator[tuple[Floats, bool]]:
    """The points of :func:`levenberg_marquardt`, and whether ``‖r‖`` is nothing but rounding there."""
    floor = EPS * float(np.linalg.norm(residuals.absolute_terms(x)))
    for step, (x, norm) in enumerate(levenberg_marquardt(residuals, x), start=1):  # noqa: B020
        yield x, norm <= 4.0 * floor
        if norm <= floor or step >= max_steps:
            return


def _scout(system: System, x: Floats, norm: float) -> tuple[Floats, float]:
    """A few more full steps from ``x``, where the first one has raised ``‖r‖`` above ``norm``: to where it is lower.

    On the floor of a valley of high order most of the residual's terms cancel. A full step ends beside the floor, which
    costs more than it gains, and it takes some more to be back on it, nearer to the zero.
    """
    for _ in range(_SCOUTING):
        r, jacobian = system.linearise(x)
        found = float(np.linalg.norm(r))
        if found < norm:
            return x, found
        model = _Linear(r, jacobian)
        x = x - model.inverse(norm) @ model.projected / model.norms
    return x, np.inf


class _Linear:
    """The linear model ``r + J s``, factorised once for all dampings.

    ``J = Q B diag(‖column‖)``. Scaled to columns of norm 1, ``B`` keeps the relative precision of columns that vanish
    at a degenerate zero, which ``JᵀJ`` loses at ``‖column‖ ~ 1e-8`` already.
    """

    def __init__(self, r: Floats, jacobian: Floats):
        self.q, triangle = np.linalg.qr(jacobian)
        norms = np.linalg.norm(triangle, axis=0)
        self.norms = np.where(norms > 0, norms, 1.0)
        self.b = triangle / self.norms
        self.square = float(r @ r)
        self.projected = self.q.T @ r

    def inverse(self, damping: float) -> Floats:
        """The matrix ``M`` for which ``s = −diag(1/‖column‖) M Qᵀ r`` minimises ``‖r + J s‖² + damping² ‖s‖²``."""
        stacked = np.concatenate([self.b, np.diag(damping / self.norms)])
        return np.asarray(np.linalg.pinv(stacked)[:, : len(self.b)])


def _trial(system: System, x: Floats, model: _Linear, damping: float) -> tuple[Floats, float, float]:
    """The best of a few points along the damped step ``s``, its ``‖r‖``, and what share of ``‖r‖²`` the model removes.

    Near a zero of order ``k`` the full step goes ``1/k`` of the way and its ``k``-fold lands: multiples are tried while
    they help. The floor of the valley that leads there is curved: regular residuals, which vanish on it, are of
    second order after the step, and may be larger than all of ``r``. Chord corrections
    ``J c = −(r(x + ks + …) − (r + Js))`` go back to it.
    """
    inverse = model.inverse(damping)
    step = -(inverse @ model.projected) / model.norms
    expected = model.projected + model.b @ (step * model.norms)
    promised = float(model.projected @ model.projected - expected @ expected) / model.square
    best, best_norm = x, np.inf
    for factor in range(1, _LONGEST + 1):
        trial, last, so_far = x + factor * step, np.inf, best_norm
        for _ in range(1 + _CORRECTIONS):
            residual = system.residual(trial)
            norm = float(np.linalg.norm(residual))
            if norm < best_norm:
                best, best_norm = trial, norm
            if norm > 0.5 * last:
                break
            last = norm
            trial = trial - inverse @ (model.q.T @ residual - expected) / model.norms
        if not best_norm < so_far:
            break
    return best, best_norm, promised


class Path:
    """The vertices of a path, its length and its largest distance from its start, both approximate."""

    def __init__(self, start: Floats):
        self.start = self.end = start
        self.vertices = [start]
        self.moved = self.radius = 0.0

    def advance(self, to: Floats) -> None:
        """Go straight to ``to``."""
        self.moved += float(np.linalg.norm(to - self.end))
        self.radius = max(self.radius, float(np.linalg.norm(to - self.start)))
        self.vertices.append(to)
        self.end = to
