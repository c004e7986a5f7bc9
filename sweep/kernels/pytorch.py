"""The kernels in PyTorch: loss, gradient and Hessian of a whole batch in float64, in closed form, on any device.

The same folded inputs as :mod:`sweep.kernels.compiled`, and the same interface; no autograd. Exponentials are not
shared along the axes of a grid: a graphics card has the arithmetic, what it lacks is memory bandwidth, and one formula
for all inputs needs no fallback.

Students are worked off in batches of one size, the last one filled up, so that every library call has the same shape:
a student's numbers do not depend on the others, on one device with one version of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from sweep.kernels.compiled import KernelData

_BATCH_NUMBERS = {"cpu": 2**16}
_BATCH_NUMBERS_ELSEWHERE = 2**27
"""About how many numbers a Jacobian of a batch holds: what fits into the cache of a core, and 1 GiB on a card."""

_LARGEST_BATCH = 1024


@dataclass(frozen=True)
class TorchKernels:
    """A problem on a device, for students of one width; tensors in, tensors out.

    Args:
        data: what the compiled kernels know of it, on the host.
        width: neurons ``m``.
        x: (d, K) the inputs that are kept.
        target: (K,) their labels.
    """

    data: KernelData
    width: int
    x: Any
    target: Any

    @classmethod
    def of(cls, data: KernelData, width: int, device: str) -> TorchKernels:
        """``data`` moved to a device.

        Raises:
            ValueError: no such device here, or one without float64.
        """
        try:
            x = torch.tensor(data.x[:, : data.kept], device=device)
            return cls(data, width, x, torch.tensor(data.target[: data.kept], device=device))
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"device is {device!r}, expected one of this machine that has float64 ({reason})"
            ) from None

    @property
    def batch(self) -> int:
        """How many students are worked off at a time; it depends on the problem, the width and the device."""
        numbers = _BATCH_NUMBERS.get(self.x.device.type, _BATCH_NUMBERS_ELSEWHERE)
        return max(1, min(_LARGEST_BATCH, numbers // (self.width * len(self.x) * max(self.data.kept, 1))))

    @property
    def namespace(self) -> Any:
        """What the arrays are of, for code that is written for numpy and torch."""
        return torch

    def host(self, array: Any) -> Any:
        """A numpy array of the same numbers."""
        return array.cpu().numpy()

    def tensor(self, numbers: Any) -> Any:
        """A float64 tensor on the device."""
        return torch.as_tensor(numbers, dtype=torch.float64, device=self.x.device)

    def loss_gradient(self, theta: Any) -> tuple[Any, Any]:
        """Loss (n,) and gradient (n, P) at ``theta`` (n, P), as :func:`sweep.kernels.compiled.loss_gradient`."""
        loss, gradient = self.in_batches(self._loss_gradient, theta)
        return loss, gradient

    def loss_gradient_hessian(self, theta: Any) -> tuple[Any, Any, Any]:
        """Loss (n,), gradient (n, P) and Hessian (n, P, P) at ``theta`` (n, P), the Hessian exactly symmetric."""
        loss, gradient, hessian = self.in_batches(self._loss_gradient_hessian, theta)
        return loss, gradient, hessian

    def eigh(self, hessian: Any) -> tuple[Any, Any]:
        """Eigenvalues (n, P), ascending, and eigenvectors as columns (n, P, P)."""
        values, vectors = self.in_batches(torch.linalg.eigh, hessian)
        return values, vectors

    def in_batches(self, work: Callable[[Any], Any], rows: Any) -> Any:
        """``work`` on ``rows`` (n, …) in batches of one size: the last one is filled up with its own last row."""
        parts = []
        for begin in range(0, max(len(rows), 1), self.batch):
            part = rows[begin : begin + self.batch]
            missing = self.batch - len(part)
            filler = part[-1:] if len(part) else part.new_zeros((1, *part.shape[1:]))
            full = torch.cat([part, filler.expand(missing, *part.shape[1:])]) if missing else part
            parts.append([answer[: len(part)] for answer in work(full)])
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _neurons(self, theta: Any) -> tuple[Any, ...]:
        """``a``, and with ``z_in = w_i·x_n``:  ``τ, σ', 2σ − 1`` (n, m, K), the odd residual (n, K), the even (n,).

        ``e = e^(−|z|)``,  ``2σ − 1 = ± (1 − e)/(1 + e)``,  ``σ' = e/(1 + e)²``:  no exponential overflows and
        nothing cancels.
        """
        n, m, d = len(theta), self.width, len(self.x)
        a = theta[:, m * d :]
        # no matrix product: in MKL's the rounding of a row depends, on some CPUs, on which row it is
        w = theta[:, : m * d].reshape(n, m, d, 1)
        z = w[:, :, 0] * self.x[0]
        for k in range(1, d):
            z = z + w[:, :, k] * self.x[k]
        size = -torch.abs(z)
        e = torch.exp(size)
        q = 1.0 / (1.0 + e)
        centred = torch.copysign(-torch.expm1(size) * q, z)
        tau = 0.5 * centred if self.data.shift == 0.5 else torch.where(z >= 0, q, e * q) - self.data.shift
        r = (a[:, :, None] * tau).sum(dim=1) - self.target
        even = self.data.shift * a.sum(dim=1) - self.data.even_mean
        return a, tau, (e * q) * q, centred, r, even

    def _assemble(self, a: Any, tau: Any, slope: Any, r: Any, even: Any) -> tuple[Any, Any]:
        """Loss and gradient; the formulas of :mod:`sweep.kernels.compiled`."""
        data = self.data
        loss = (data.weight / data.count) * (r * r).sum(dim=1) + (even * even + data.even_variance)
        scale = 2.0 * data.weight / data.count
        outer = scale * (r[:, None] * tau).sum(dim=2) + (2.0 * data.shift) * even[:, None]
        rs = r[:, None] * slope
        inner = torch.stack([(rs * coordinate).sum(dim=2) for coordinate in self.x], dim=2)
        inner = (scale * a)[:, :, None] * inner
        return loss, torch.cat([inner.reshape(len(a), -1), outer], dim=1)

    def _loss_gradient(self, theta: Any) -> tuple[Any, Any]:
        a, tau, slope, _, r, even = self._neurons(theta)
        return self._assemble(a, tau, slope, r, even)

    def _loss_gradient_hessian(self, theta: Any) -> tuple[Any, Any, Any]:
        """``∇²L = (2/N)(JᵀJ + Σ r ∇²f)``, ``∇²f`` with blocks ``a_i σ'' x xᵀ``, ``σ' x``, 0;  ``σ'' = −σ'(2σ − 1)``."""
        a, tau, slope, centred, r, even = self._neurons(theta)
        loss, gradient = self._assemble(a, tau, slope, r, even)
        data, n, m, d = self.data, len(theta), self.width, len(self.x)
        scale, inner = 2.0 * data.weight / data.count, m * d
        sx = slope[:, :, None] * self.x  # (n, m, d, K)
        jacobian = torch.cat([(a[:, :, None, None] * sx).reshape(n, inner, -1), tau], dim=1)
        hessian = scale * (jacobian @ jacobian.transpose(1, 2))
        hessian[:, inner:, inner:] += 2.0 * data.shift**2
        curvature = r[:, None] * (-slope * centred)
        for k in range(d):
            mixed = scale * (r[:, None] * sx[:, :, k]).sum(dim=2)
            for i in range(m):
                hessian[:, i * d + k, inner + i] += mixed[:, i]
                hessian[:, inner + i, i * d + k] += mixed[:, i]
            for j in range(d):
                block = (scale * a) * (curvature * (self.x[k] * self.x[j])).sum(dim=2)
                for i in range(m):
                    hessian[:, i * d + k, i * d + j] += block[:, i]
        lower = torch.tril(hessian)
        return loss, gradient, lower + torch.tril(hessian, -1).transpose(1, 2)
