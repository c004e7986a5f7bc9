"""Loss, gradient and Hessian of a batch of students in float64: closed form, one pass, compiled.

Three savings, each with its fallback:

* A tensor grid is a product of rows and columns (leading and trailing axes), and ``e^(−w·x)`` one of a row's factor and
  a column's: on the 41 × 41 grid 82 exponentials a neuron, not 1681. A neuron whose exponents could overflow
  (``Σ_k |w_k| max|x_k| > 350``) takes the direct way.
* If the inputs equal their own negatives and ``σ(−z) = c − σ(z)``, write ``σ = c/2 + τ`` with ``τ`` odd. The residual
  splits into an odd part, which half of the inputs determine, and an even one, which only ``Σ_i a_i`` enters:

      L = (2/N) Σ_{half} (Σ_i a_i τ(w_i·x_n) − y_n^odd)²  +  (c/2 Σ_i a_i − ȳ^even)² + var(y^even)

  Otherwise all inputs are kept, ``τ = σ`` and the even part is empty.
* The pass over the inputs is vector code with the order of every sum written down (:mod:`sweep.kernels.fused`), so a
  student's numbers are the same, bit for bit, in every batch and on every CPU with IEEE arithmetic.

Compiled is the sigmoid; everything else goes through :mod:`sweep.kernels.formulas`. To compile another: a function like
:func:`sweep.kernels.fused.sigmoid`, one like :func:`_sigmoid_curvature`, and the choice by name where those two are
called.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sweep.kernels import fused, lanes
from sweep.kernels.formulas import derivatives
from sweep.kernels.fused import BLOCK, neurons_and_moments
from sweep.kernels.lanes import LANES, WIDE, dot, exponentials, lane_total, source_digest
from symmetry.outputs import output_slices
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
        rows: (d, > R) the grid's rows: points with the leading coordinates, the others 0; (d, 0) without a grid.
        columns: (d, ≥ C + LANES) its columns, likewise; after the last one the first ones again.
        schedule: (K/LANES, 3) for each vector of inputs its first one's row and column, and its lanes in that row.
        reach: (d,) ``max_n |x_n|``, by coordinate.
        factor: of the mean square, 1 or ½.
        decay: ``λ`` of ``λ‖θ‖²``.
        bias: whether students have an output bias, their last parameter.
        parts: for k > 1 outputs, the data of each output alone, without decay: the loss is the mean of theirs, and
            decay (:mod:`symmetry.outputs`). ``count`` is then that of the residuals, ``kN``, and what is said of labels
            is that of the first output.
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
    rows: Floats
    columns: Floats
    schedule: NDArray[np.int64]
    reach: Floats
    factor: float = 1.0
    decay: float = 0.0
    bias: bool = False
    parts: tuple[KernelData, ...] = ()

    @property
    def compiled(self) -> bool:
        """Whether there is compiled code; else :mod:`sweep.kernels.formulas` does the work, or that of each output."""
        plain = self.factor == 1.0 and not self.decay and not self.bias and not self.parts
        return self.activation in SUPPORTED and plain

    def size(self, width: int) -> int:
        """The number of parameters of a student."""
        return width * self.dimension + max(1, len(self.parts)) * (width + self.bias)

    def of_outputs(self, width: int) -> list[tuple[KernelData, NDArray[np.intp]]]:
        """For several outputs, the data of each and where its parameters ``(w, a_o, c_o)`` lie in a student's."""
        inner = width * self.dimension
        places = np.arange(self.size(width))
        slices = output_slices(len(self.parts), inner, width + self.bias)
        return [
            (part, np.append(places[:inner], places[outer])) for part, outer in zip(self.parts, slices, strict=True)
        ]

    @property
    def is_folded(self) -> bool:
        """Whether one input stands for itself and its negative."""
        return self.weight == 2.0

    @property
    def is_grid(self) -> bool:
        """Whether exponentials are shared along rows and columns."""
        return bool(self.rows.size)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the compiled functions take, in their order: scalars as one vector, points as tuples of coordinates."""
        scalars = np.array(
            [self.count, self.kept, self.weight, self.shift, self.even_mean, self.even_variance], dtype=np.float64
        )
        return tuple(self.x), self.target, scalars, tuple(self.rows), tuple(self.columns), self.schedule, self.reach


def prepare(problem: Problem) -> KernelData:
    """Fold and factorise the inputs of ``problem`` (see the module), in float64."""
    if problem.outputs > 1:
        parts = tuple(prepare(problem.of_output(o)) for o in range(problem.outputs))
        return replace(parts[0], count=len(parts) * len(problem), decay=float(problem.decay), parts=parts)
    values, labels = problem.inputs.values, problem.labels
    count, dimension = values.shape
    reflection = problem.activation.reflection
    folded = reflection is not None and problem.inputs.is_point_symmetric and not problem.output_bias
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
    padded = -(-max(kept, 1) // BLOCK) * BLOCK
    x, target = np.zeros((dimension, padded)), np.zeros(padded)
    x[:, :kept], target[:kept] = values[:kept].T, labels[:kept]
    rows, columns, schedule = _factorise(problem, kept, padded // LANES)
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
        rows=rows,
        columns=columns,
        schedule=schedule,
        reach=np.abs(values).max(axis=0),
        factor=float(problem.factor),
        decay=float(problem.decay),
        bias=problem.output_bias,
    )


def _factorise(problem: Problem, kept: int, vectors: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """``rows``, ``columns``, ``schedule`` of :class:`KernelData`; empty, empty and unused where there is no grid.

    The axes are cut where rows and columns together are fewest, among the cuts that leave at least LANES columns: then
    a vector touches two rows at most.
    """
    d = problem.dimension
    axes = [np.array([float(x) for x in axis]) for axis in problem.inputs.axes or ()]
    lengths = [len(axis) for axis in axes]
    cuts = [cut for cut in range(1, len(axes)) if math.prod(lengths[cut:]) >= LANES]
    if not cuts:
        return np.empty((d, 0)), np.empty((d, 0)), np.zeros((vectors, 3), np.int64)
    cut = min(cuts, key=lambda cut: math.prod(lengths[:cut]) + math.prod(lengths[cut:]))
    width = math.prod(lengths[cut:])
    # room for the row after the last one, for the first columns again, and for whole vectors
    rows, columns = (np.zeros((d, -(-size // WIDE) * WIDE)) for size in (kept // width + 2, width + LANES))
    mesh = np.stack(np.meshgrid(*axes[:cut], indexing="ij")).reshape(cut, -1)
    used = min(mesh.shape[1], rows.shape[1])
    rows[:cut, :used] = mesh[:, :used]
    mesh = np.stack(np.meshgrid(*axes[cut:], indexing="ij")).reshape(d - cut, -1)
    columns[cut:, : width + LANES] = np.concatenate([mesh, mesh[:, :LANES]], axis=1)
    first = LANES * np.arange(vectors)
    first[first >= kept] = 0  # nothing but padding
    schedule = np.stack([first // width, first % width, np.minimum(width - first % width, LANES)], axis=1)
    return rows, columns, schedule.astype(np.int64)


def loss_gradient(data: KernelData, theta: Floats, width: int) -> tuple[Floats, Floats]:
    """Loss (n,) and gradient (n, P) at ``theta`` (n, P), ``P = m(d + 1)``.

    With ``r = f − y``:  ``L = (1/N) Σ r²``,  ``∂L/∂a_i = (2/N) Σ r σ(z_i)``,  ``∂L/∂w_i = (2/N) a_i Σ r σ'(z_i) x``.
    Of several outputs the mean.

    Raises:
        ValueError: ``theta`` does not have ``P`` columns.
    """
    theta = _checked(data, theta, width)
    loss, gradient = np.empty(len(theta)), np.empty(theta.shape)
    if data.parts:
        return _mean(data, theta, width, 1)[:2]
    if not data.compiled:
        for s, row in enumerate(theta):
            loss[s], gradient[s], _ = derivatives(data, row, width, 1)
        return loss, gradient
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
    if data.parts:
        return _mean(data, theta, width, 2)
    loss, gradient, hessian = np.empty(n), np.empty((n, size)), np.empty((n, size, size))
    if not data.compiled:
        for s, row in enumerate(theta):
            loss[s], gradient[s], hessian[s] = derivatives(data, row, width, 2)
        return loss, gradient, hessian
    _loss_gradient_hessian_batch(theta, width, *data.arguments, loss, gradient, hessian)
    return loss, gradient, hessian


def _mean(data: KernelData, theta: Floats, width: int, order: int) -> tuple[Floats, Floats, Floats]:
    """``(1/k) Σ_o L_o(w, a_o) + λ‖θ‖²`` and derivatives; the Hessian is (n, P, P) for ``order`` 2, else (n, 0, 0)."""
    n, size = theta.shape
    loss, gradient = np.zeros(n), np.zeros((n, size))
    hessian = np.zeros((n, size, size) if order == 2 else (n, 0, 0))
    for part, places in data.of_outputs(width):
        own = np.ascontiguousarray(theta[:, places])
        if order == 2:
            one_loss, one_gradient, one_hessian = loss_gradient_hessian(part, own, width)
            hessian[:, places[:, None], places] += one_hessian / len(data.parts)
        else:
            one_loss, one_gradient = loss_gradient(part, own, width)
        loss += one_loss / len(data.parts)
        gradient[:, places] += one_gradient / len(data.parts)
    if order == 2:
        hessian[:, np.arange(size), np.arange(size)] += 2 * data.decay
    return loss + data.decay * (theta * theta).sum(axis=1), gradient + 2 * data.decay * theta, hessian


def smallest_eigenvalue(hessian: Floats) -> Floats:
    """The smallest eigenvalue (n,) of symmetric matrices (n, P, P); approximate, NaN where an entry is not finite."""
    finite = np.isfinite(hessian).all(axis=(1, 2))
    out = np.full(len(hessian), np.nan)
    out[finite] = np.linalg.eigvalsh(hessian[finite])[:, 0]
    return out


def _checked(data: KernelData, theta: Floats, width: int) -> Floats:
    size = data.size(width)
    if theta.ndim != 2 or theta.shape[1] != size:
        raise ValueError(
            f"theta has shape {theta.shape}, expected (n, {size}) for width {width} in dimension {data.dimension}"
        )
    return np.ascontiguousarray(theta, dtype=np.float64)


@njit(nogil=True, error_model="numpy")
def _sigmoid_curvature(tau, slope, shift, curvature):  # type: ignore[no-untyped-def]
    """``σ'' = σ' (1 − 2σ)``."""
    for n in range(len(tau)):
        curvature[n] = slope[n] * ((1.0 - 2.0 * shift) - 2.0 * tau[n])


@njit(nogil=True, error_model="numpy")
def scratch(width, x, rows, columns, keep):  # type: ignore[no-untyped-def]
    """The working memory of :func:`gradient_at`; with ``keep``, ``tau`` and ``slope`` hold all inputs, not a group."""
    padded = len(x[0])
    held = padded if keep else BLOCK
    return (
        np.empty((width, max(len(rows[0]), 2))),
        np.empty((width, len(columns[0]))),
        np.empty(width, np.int64),
        np.empty((width, padded)),
        np.empty((width, held)),
        np.empty((width, held)),
        np.empty(padded),
        np.empty((width, (len(x) + 1) * LANES)),
    )


@njit(nogil=True, error_model="numpy")
def gradient_at(  # type: ignore[no-untyped-def]
    theta, width, x, target, scalars, rows, columns, schedule, reach, memory, keep, gradient
):
    """Gradient of one student; returns the even part of the residual, and leaves the odd one and more in ``memory``.

    :func:`_loss` makes the loss of the two, where it is wanted.
    """
    by_row, by_column, on_grid, e, tau, slope, r, partial = memory
    d = len(x)
    count, kept, weight, shift = scalars[0], int(scalars[1]), scalars[2], scalars[3]
    a = theta[width * d :]
    output_sum = 0.0
    for i in range(width):
        w = theta[i * d : (i + 1) * d]
        exponent = 0.0
        for k in range(d):
            exponent += abs(w[k]) * reach[k]
        on_grid[i] = len(rows[0]) > 0 and exponent <= _FACTORS_LIMIT
        if on_grid[i]:
            exponentials(w, rows, by_row[i])
            exponentials(w, columns, by_column[i])
        else:
            by_row[i] = 1.0
            exponentials(w, x, e[i])
        output_sum += a[i]
    partial[:] = 0.0
    neurons_and_moments(
        a, by_row, by_column, on_grid, e, schedule, target, x, shift, kept, tau, slope, int(keep), r, partial
    )
    # even part: ∂/∂a_i (shift Σa − ȳ)² = 2 shift (shift Σa − ȳ)
    even = shift * output_sum - scalars[4]
    scale = 2.0 * weight / count
    for i in range(width):
        gradient[width * d + i] = scale * lane_total(partial[i], 0) + 2.0 * shift * even
        for k in range(d):
            gradient[i * d + k] = (scale * a[i]) * lane_total(partial[i], k + 1)
    return even


@njit(nogil=True, error_model="numpy")
def _loss(r, even, scalars):  # type: ignore[no-untyped-def]
    """``(1/N) Σ r²`` over all inputs: the kept ones by their weight, and the even part."""
    return (scalars[2] / scalars[0]) * dot(r, r) + (even * even + scalars[5])


SOURCES = source_digest(lanes, fused, sys.modules[__name__])
"""What compiled code here is made of: see :func:`sweep.kernels.lanes.source_digest`."""


def _compile_batches(sources: str) -> tuple[Any, Any]:
    """The cached entry points of :func:`loss_gradient` and :func:`loss_gradient_hessian`."""

    @njit(cache=True, nogil=True, error_model="numpy")
    def loss_gradient_batch(  # type: ignore[no-untyped-def]
        theta, width, x, target, scalars, rows, columns, schedule, reach, loss, gradient
    ):
        sources  # noqa: B018
        memory = scratch(width, x, rows, columns, False)
        for s in range(len(theta)):
            even = gradient_at(
                theta[s], width, x, target, scalars, rows, columns, schedule, reach, memory, False, gradient[s]
            )
            loss[s] = _loss(memory[6], even, scalars)

    @njit(cache=True, nogil=True, error_model="numpy")
    def loss_gradient_hessian_batch(  # type: ignore[no-untyped-def]
        theta, width, x, target, scalars, rows, columns, schedule, reach, loss, gradient, hessian
    ):
        sources  # noqa: B018
        d, padded = len(x), len(target)
        size = width * (d + 1)
        count, kept, weight, shift = scalars[0], int(scalars[1]), scalars[2], scalars[3]
        scale = 2.0 * weight / count
        memory = scratch(width, x, rows, columns, True)
        _, _, _, _, tau, slope, r, _ = memory
        product, curvature = np.empty(padded), np.empty(padded)
        jacobian, factor = np.empty((size, padded)), np.empty(size)
        for s in range(len(theta)):
            even = gradient_at(
                theta[s], width, x, target, scalars, rows, columns, schedule, reach, memory, True, gradient[s]
            )
            loss[s] = _loss(r, even, scalars)
            tau[:, kept:] = 0.0
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

    return loss_gradient_batch, loss_gradient_hessian_batch


_loss_gradient_batch, _loss_gradient_hessian_batch = _compile_batches(SOURCES)
