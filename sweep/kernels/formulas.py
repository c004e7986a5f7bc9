"""Loss, gradient and Hessian by the formulas, with numpy: what is used where nothing is compiled.

For every activation, weight decay, an output bias, a loss of ½; the inputs are worked off in chunks, so that memory
stays bounded whatever their number.

    L = (f/N) Σ_n r_n² + λ‖θ‖²,      r = Σ_i a_i σ(w_i·x) + c − y,      f = 1 or ½
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import activation
from symmetry.arithmetic import Float64

if TYPE_CHECKING:
    from sweep.kernels.compiled import KernelData

Floats = NDArray[np.float64]

_CHUNK = 2**22
"""So many entries of the Jacobian are held at a time."""


def derivatives(data: KernelData, theta: Floats, width: int, order: int) -> tuple[float, Floats, Floats]:
    """Loss, gradient (P,) and, for ``order`` 2, Hessian (P, P) (else empty) at ``theta`` (P,)."""
    d, size = data.dimension, theta.size
    inner, outer = width * d, width * (d + 1)
    w, a, sigma = theta[:inner].reshape(width, d), theta[inner:outer], activation(data.activation)
    square, gradient = 0.0, np.zeros(size)
    hessian = np.zeros((size, size) if order == 2 else (0, 0))
    step = max(1, _CHUNK // size)
    for start in range(0, data.kept, step):
        x = data.x[:, start : min(start + step, data.kept)]
        jet = sigma.jet(w @ x, order, Float64())
        tau = jet[0] - data.shift
        r = a @ tau - data.target[start : start + x.shape[1]] + (theta[outer] if data.bias else 0.0)
        jacobian = np.ones((size, x.shape[1]))
        jacobian[:inner] = ((a[:, None] * jet[1])[:, None, :] * x).reshape(inner, -1)
        jacobian[inner:outer] = tau
        square += float(r @ r)
        gradient += jacobian @ r
        if order == 2:
            hessian += jacobian @ jacobian.T
            bend, slope = (a[:, None] * jet[2]) * r, (jet[1] * r) @ x.T
            for i in range(width):
                block = slice(i * d, (i + 1) * d)
                hessian[block, block] += (x * bend[i]) @ x.T
                hessian[block, inner + i] += slope[i]
                hessian[inner + i, block] += slope[i]
    scale, outputs = data.factor * data.weight / data.count, slice(inner, outer)
    # the even part of folded data; nothing where all inputs are kept
    even = data.shift * float(a.sum()) - data.even_mean
    loss = scale * square + data.factor * (even * even + data.even_variance) + data.decay * float(theta @ theta)
    gradient = 2 * scale * gradient + 2 * data.decay * theta
    gradient[outputs] += 2 * data.factor * data.shift * even
    if order == 2:
        hessian *= 2 * scale
        hessian[outputs, outputs] += 2 * data.factor * data.shift**2
        hessian[np.diag_indices(size)] += 2 * data.decay
        hessian = (hessian + hessian.T) / 2
    return loss, gradient, hessian
