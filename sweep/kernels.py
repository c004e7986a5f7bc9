"""Loss, gradient and Hessian of a batch of students in float64: closed form, one pass, compiled.

Three savings, each with its fallback:

* On a tensor grid ``e^(−w·x) = Π_k e^(−w_k x_k)``: one exponential per grid *line* instead of one per input. A neuron
  whose exponents could overflow (``Σ_k |w_k| max|x_k| > 350``) takes the direct way.
* If the inputs equal their own negatives and ``σ(−z) = c − σ(z)``, write ``σ = c/2 + τ`` with ``τ`` odd. The residual
  splits into an odd part, which half of the inputs determine, and an even one, which only ``Σ_i a_i`` enters:

      L = (2/N) Σ_{half} (Σ_i a_i τ(w_i·x_n) − y_n^odd)²  +  (c/2 Σ_i a_i − ȳ^even)² + var(y^even)

  Otherwise all inputs are kept, ``τ = σ`` and the even part is empty.
* Sums run over vector lanes in an order that is part of the code (:mod:`sweep.lanes`), so a student's numbers are the
  same, bit for bit, in every batch and on every CPU with IEEE arithmetic.

To add an activation: a pair of functions like :func:`_sigmoid` and :func:`_sigmoid_curvature`, chosen by name where
those two are called.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sweep.lanes import LANES, dot, exponential, moments, scale_into
from symmetry.problem import Problem

Floats = NDArray[np.float64]

SUPPORTED = ("sigmoid",)

_FACTORS_LIMIT = 350.0
"""Largest ``Σ_k |w_k| max|x_k|`` for which products of exponentials stay clear of overflow and of subnormals."""


@dataclass(frozen=True)
class KernelData:
    """What the kernels know of a problem: float64, folded where the inputs and the activation allow it.

    Args:
        activation: its name.
        count: the number of inputs ``N``.
        dimension: ``d``.
        x: (d, K) the inputs that are kept, transposed, padded with zeros to a multiple of the lane count.
        target: (K,) their labels (the odd parts where folded), padded with zeros.
        kept: how many columns are inputs and not padding.
        weight: how many inputs a kept one stands for: 2 where folded, else 1.
        shift: ``σ − τ``: ``c/2`` where folded, else 0.
        even_mean: mean of the labels' even parts; 0 where not folded.
        even_variance: their variance; 0 where not folded.
        axes: the grid's coordinates, axis after axis; empty without a grid.
        axis_start: (d + 1,) where each axis begins in ``axes``.
        runs: (R, d + 1) the grid lines along the last axis: positions in ``axes`` of the first ``d − 1`` coordinates,
            position of the first point, number of points.
        reach: (d,) ``max_n |x_n|``, by coordinate.
    """

    activation: str
    count: int
    dimension: int
    x: Floats
    target: Floats
    kept: int
    weight: float
    shift: float
    even_mean: float
    even_variance: float
    axes: Floats
    axis_start: NDArray[np.int64]
    runs: NDArray[np.int64]
    reach: Floats

    @property
    def is_folded(self) -> bool:
        """Whether one input stands for itself and its negative."""
        return self.weight == 2.0

    @property
    def is_grid(self) -> bool:
        """Whether exponentials are shared along grid lines."""
        return len(self.runs) > 0

    @property
    def arguments(
        self,
    ) -> tuple[tuple[Floats, ...], Floats, Floats, Floats, NDArray[np.int64], NDArray[np.int64], Floats]:
        """What the compiled functions take, in their order; the scalars as one vector."""
        scalars = np.array(
            [self.count, self.kept, self.weight, self.shift, self.even_mean, self.even_variance], dtype=np.float64
        )
        return tuple(self.x), self.target, scalars, self.axes, self.axis_start, self.runs, self.reach


def prepare(problem: Problem) -> KernelData:
    """Fold and factorise the inputs of ``problem`` (see the module), in float64.

    Raises:
        ValueError: there is no kernel for the activation.
    """
    if problem.activation.name not in SUPPORTED:
        raise ValueError(f"no kernel for activation {problem.activation.name!r}, expected one of: {SUPPORTED}")
    values, labels = problem.inputs.values, problem.labels
    count, dimension = values.shape
    reflection = problem.activation.reflection
    folded = reflection is not None and problem.inputs.is_point_symmetric
    kept, weight, shift, even_mean, even_variance = count, 1.0, 0.0, 0.0, 0.0
    if folded and reflection is not None:
        # sorted lexicographically (a grid is), point n is the negative of point N − 1 − n
        if problem.inputs.axes is None:
            order = np.lexsort((values + 0.0).T[::-1])
            values, labels = values[order], labels[order]
        kept, weight, shift = count // 2, 2.0, float(reflection) / 2
        even, labels = (labels + labels[::-1]) / 2, (labels - labels[::-1]) / 2
        if problem.exact_labels and problem.teacher is not None:
            even_mean = float(reflection * sum(problem.teacher.a) / 2)
        else:
            even_mean = float(even.mean())
            even_variance = float(((even - even_mean) ** 2).mean())
    padded = -(-max(kept, 1) // LANES) * LANES
    x, target = np.zeros((dimension, padded)), np.zeros(padded)
    x[:, :kept], target[:kept] = values[:kept].T, labels[:kept]
    axes, axis_start, runs = _lines(problem, kept)
    return KernelData(
        activation=problem.activation.name,
        count=count,
        dimension=dimension,
        x=x,
        target=target,
        kept=kept,
        weight=weight,
        shift=shift,
        even_mean=even_mean,
        even_variance=even_variance,
        axes=axes,
        axis_start=axis_start,
        runs=runs,
        reach=np.abs(values).max(axis=0),
    )


def _lines(problem: Problem, kept: int) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Coordinates, where each axis begins, and the lines along the last axis that hold the first ``kept`` points."""
    if problem.inputs.axes is None:
        return np.empty(0), np.zeros(problem.dimension + 1, np.int64), np.empty((0, problem.dimension + 1), np.int64)
    axes = [np.array([float(x) for x in axis]) for axis in problem.inputs.axes]
    last = len(axes[-1])
    lines = -(-kept // last)
    index = np.unravel_index(np.arange(lines), [len(axis) for axis in axes[:-1]] or [1])
    used = [axes[k][: index[k].max(initial=0) + 1] for k in range(len(axes) - 1)] + axes[-1:]
    padded = [np.pad(axis, (0, -len(axis) % LANES)) for axis in used]
    axis_start = np.cumsum([0, *map(len, padded)])
    runs = np.empty((lines, problem.dimension + 1), np.int64)
    for k in range(problem.dimension - 1):
        runs[:, k] = axis_start[k] + index[k]
    runs[:, -2] = axis_start[-2]
    runs[:, -1] = np.minimum(last, kept - last * np.arange(lines))
    return np.concatenate(padded), axis_start.astype(np.int64), runs


def loss_gradient(data: KernelData, theta: Floats, width: int) -> tuple[Floats, Floats]:
    """Loss (n,) and gradient (n, P) at ``theta`` (n, P), ``P = m(d + 1)``.

    With ``r = f − y``:  ``L = (1/N) Σ r²``,  ``∂L/∂a_i = (2/N) Σ r σ(z_i)``,  ``∂L/∂w_i = (2/N) a_i Σ r σ'(z_i) x``.

    Raises:
        ValueError: ``theta`` does not have ``P`` columns.
    """
    theta = _checked(data, theta, width)
    loss, gradient = np.empty(len(theta)), np.empty(theta.shape)
    _loss_gradient_batch(theta, width, *data.arguments, loss, gradient)
    return loss, gradient


def loss_gradient_hessian(data: KernelData, theta: Floats, width: int) -> tuple[Floats, Floats, Floats]:
    """Loss (n,), gradient (n, P) and Hessian (n, P, P), exactly symmetric, at ``theta`` (n, P).

    ``∇²L = (2/N) (JᵀJ + Σ r ∇²f)``; ``∇²f`` has blocks ``a_i σ''(z_i) x xᵀ``, ``σ'(z_i) x``, ``0`` by neuron.
    Loss and gradient are the same numbers, bit for bit, as :func:`loss_gradient` gives.

    Raises:
        ValueError: ``theta`` does not have ``P`` columns.
    """
    theta = _checked(data, theta, width)
    n, size = theta.shape
    loss, gradient, hessian = np.empty(n), np.empty((n, size)), np.empty((n, size, size))
    _loss_gradient_hessian_batch(theta, width, *data.arguments, loss, gradient, hessian)
    return loss, gradient, hessian


def smallest_eigenvalue(hessian: Floats) -> Floats:
    """The smallest eigenvalue (n,) of symmetric matrices (n, P, P); approximate, NaN where an entry is not finite."""
    finite = np.isfinite(hessian).all(axis=(1, 2))
    out = np.full(len(hessian), np.nan)
    out[finite] = np.linalg.eigvalsh(hessian[finite])[:, 0]
    return out


def _checked(data: KernelData, theta: Floats, width: int) -> Floats:
    size = width * (data.dimension + 1)
    if theta.ndim != 2 or theta.shape[1] != size:
        raise ValueError(
            f"theta has shape {theta.shape}, expected (n, {size}) for width {width} in dimension {data.dimension}"
        )
    return np.ascontiguousarray(theta, dtype=np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def _sigmoid(e, kept, shift, a, tau, slope, r):  # type: ignore[no-untyped-def]
    """From ``e = e^(−z)``:  ``σ = 1/(1 + e)``,  ``τ = σ − shift``,  ``σ' = e σ²``;  ``r += a τ``; all 0 on the padding.

    The sum is done here because it costs nothing while the divider is busy.
    """
    for n in range(len(tau)):
        sigma = 1.0 / (1.0 + e[n])
        tau[n] = sigma - shift
        slope[n] = (e[n] * sigma) * sigma
        r[n] += a * (sigma - shift)
    for n in range(kept, len(tau)):
        tau[n] = 0.0
        slope[n] = 0.0
        r[n] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _sigmoid_curvature(tau, slope, shift, curvature):  # type: ignore[no-untyped-def]
    """``σ'' = σ' (1 − 2σ)``."""
    for n in range(len(tau)):
        curvature[n] = slope[n] * ((1.0 - 2.0 * shift) - 2.0 * tau[n])


@njit(cache=True, nogil=True, error_model="numpy")
def _exponentials(w, x, kept, axes, axis_start, runs, reach, lines, e):  # type: ignore[no-untyped-def]
    """``e_n = e^(−w·x_n)`` for one neuron; ``lines`` is scratch, as long as ``axes``."""
    d = len(w)
    exponent = 0.0
    for k in range(d):
        exponent += abs(w[k]) * reach[k]
    if len(runs) > 0 and exponent <= _FACTORS_LIMIT:
        for k in range(d):
            axis, line = axes[axis_start[k] : axis_start[k + 1]], lines[axis_start[k] : axis_start[k + 1]]
            for j in range(len(axis)):
                line[j] = exponential(-w[k] * axis[j])
        n = 0
        for run in range(len(runs)):
            factor = 1.0
            for k in range(d - 1):
                factor *= lines[runs[run, k]]
            length = runs[run, d]
            # writes past the line's end, into what the next line or the last loop below overwrites
            scale_into(factor, lines[runs[run, d - 1] :], length, e[n:])
            n += length
    else:
        for n in range(kept):
            e[n] = 0.0
        for k in range(d):
            for n in range(kept):
                e[n] -= w[k] * x[k][n]
        for n in range(kept):
            e[n] = exponential(e[n])
    for n in range(kept, len(x[0])):
        e[n] = 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def scratch(width, padded, axes_size):  # type: ignore[no-untyped-def]
    """The working memory ``lines, e, tau, slope, r`` of :func:`gradient_at`."""
    return (
        np.empty(axes_size),
        np.empty(padded + LANES),
        np.empty((width, padded)),
        np.empty((width, padded)),
        np.empty(padded),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def gradient_at(  # type: ignore[no-untyped-def]
    theta, width, x, target, scalars, axes, axis_start, runs, reach, lines, e, tau, slope, r, gradient
):
    """Gradient of one student; fills the scratch ``tau``, ``slope`` (m, K), residual ``r`` (K,); returns the even part.

    :func:`_loss` makes the loss of ``r`` and the even part, where it is wanted.
    """
    d, padded = len(x), len(target)
    count, kept, weight, shift = scalars[0], int(scalars[1]), scalars[2], scalars[3]
    a = theta[width * d :]
    for n in range(padded):
        r[n] = -target[n]
    output_sum = 0.0
    for i in range(width):
        _exponentials(theta[i * d : (i + 1) * d], x, kept, axes, axis_start, runs, reach, lines, e)
        _sigmoid(e, kept, shift, a[i], tau[i], slope[i], r)
        output_sum += a[i]
    # even part: ∂/∂a_i (shift Σa − ȳ)² = 2 shift (shift Σa − ȳ)
    even = shift * output_sum - scalars[4]
    scale = 2.0 * weight / count
    for i in range(width):
        sums = moments(r, tau[i], slope[i], x)
        gradient[width * d + i] = scale * sums[0] + 2.0 * shift * even
        for k in range(d):
            gradient[i * d + k] = (scale * a[i]) * sums[k + 1]
    return even


@njit(cache=True, nogil=True, error_model="numpy")
def _loss(r, even, scalars):  # type: ignore[no-untyped-def]
    """``(1/N) Σ r²`` over all inputs: the kept ones by their weight, and the even part."""
    return (scalars[2] / scalars[0]) * dot(r, r) + (even * even + scalars[5])


@njit(cache=True, nogil=True, error_model="numpy")
def _loss_gradient_batch(  # type: ignore[no-untyped-def]
    theta, width, x, target, scalars, axes, axis_start, runs, reach, loss, gradient
):
    lines, e, tau, slope, r = scratch(width, len(target), len(axes))
    for s in range(len(theta)):
        even = gradient_at(
            theta[s], width, x, target, scalars, axes, axis_start, runs, reach, lines, e, tau, slope, r, gradient[s]
        )
        loss[s] = _loss(r, even, scalars)


@njit(cache=True, nogil=True, error_model="numpy")
def _loss_gradient_hessian_batch(  # type: ignore[no-untyped-def]
    theta, width, x, target, scalars, axes, axis_start, runs, reach, loss, gradient, hessian
):
    d, padded = len(x), len(target)
    size = width * (d + 1)
    count, weight, shift = scalars[0], scalars[2], scalars[3]
    scale = 2.0 * weight / count
    lines, e, tau, slope, r = scratch(width, padded, len(axes))
    product, curvature = np.empty(padded), np.empty(padded)
    jacobian, factor = np.empty((size, padded)), np.empty(size)
    for s in range(len(theta)):
        even = gradient_at(
            theta[s], width, x, target, scalars, axes, axis_start, runs, reach, lines, e, tau, slope, r, gradient[s]
        )
        loss[s] = _loss(r, even, scalars)
        h, a = hessian[s], theta[s, width * d :]
        # J = diag(factor)·jacobian: rows a_i · σ'(z_i) x_k, then 1 · τ_i
        for i in range(width):
            factor[width * d + i] = 1.0
            for k in range(d):
                factor[i * d + k] = a[i]
                for n in range(padded):
                    jacobian[i * d + k, n] = slope[i, n] * x[k][n]
        jacobian[width * d :] = tau
        for p in range(size):
            for q in range(p + 1):
                h[p, q] = scale * (factor[p] * factor[q]) * dot(jacobian[p], jacobian[q])
        for i in range(width):
            row = width * d + i
            for j in range(i + 1):
                h[row, width * d + j] += 2.0 * shift * shift
            _sigmoid_curvature(tau[i], slope[i], shift, curvature)
            for k in range(d):
                h[row, i * d + k] += scale * dot(r, jacobian[i * d + k])
                for n in range(padded):
                    product[n] = (r[n] * curvature[n]) * x[k][n]
                for j in range(k + 1):
                    h[i * d + k, i * d + j] += scale * a[i] * dot(product, x[j])
        for p in range(size):
            for q in range(p):
                h[q, p] = h[p, q]
