"""Parameter vectors and networks: how ``θ = (w_1..w_m, a_1..a_m)`` is laid out, exact and in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[np.object_]
"""An array of :class:`fractions.Fraction`: exact numbers."""


def exact(values: Any) -> Exact:
    """An array of fractions equal to ``values`` (float64 entries are the dyadic rationals they are)."""
    array = np.asarray(values)
    out = np.empty(array.shape, dtype=object)
    flat = array.ravel().tolist()
    out.ravel()[:] = [v if isinstance(v, Fraction) else Fraction(v) for v in flat]
    return out


@dataclass(frozen=True)
class Layout:
    """Named blocks of a parameter vector, in order.

    >>> layout = Layout.neurons(width=2, dimension=3)
    >>> layout.size, layout.slices()["a"]
    (8, slice(6, 8, None))
    """

    blocks: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def neurons(cls, width: int, dimension: int, *, bias: bool = False, outputs: int = 1) -> Layout:
        """The layout ``(w (width, dimension), a (width,))`` of a network, then ``c (1,)`` with an output bias.

        With several outputs ``(w (width, dimension), a (outputs, width))``, or ``a (outputs, width + 1)``, the output
        biases last.
        """
        if outputs > 1:
            return cls((("w", (width, dimension)), ("a", (outputs, width + bias))))
        return cls((("w", (width, dimension)), ("a", (width,)), *([("c", (1,))] if bias else [])))

    @property
    def size(self) -> int:
        """The number of parameters ``P``."""
        return sum(math.prod(shape) for _, shape in self.blocks)

    def slices(self) -> dict[str, slice]:
        """Where each block lies in the flat vector."""
        out, start = {}, 0
        for name, shape in self.blocks:
            out[name] = slice(start, start + math.prod(shape))
            start += math.prod(shape)
        return out

    def pack(self, **blocks: Any) -> Any:
        """The flat vector of the given blocks (numpy arrays of one dtype)."""
        return np.concatenate([np.asarray(blocks[name]).reshape(-1) for name, _ in self.blocks])

    def unpack(self, theta: Any) -> dict[str, Any]:
        """The blocks of a flat vector, reshaped; works for every array type with slicing and ``reshape``."""
        slices = self.slices()
        return {name: theta[slices[name]].reshape(shape) for name, shape in self.blocks}


@dataclass(frozen=True)
class Network:
    """A two-layer network ``f(x) = Σ_i a_i σ(w_i·x)``, with an output bias ``+ a_{m+1}``, with exact weights.

    Args:
        w: (m, d) fractions.
        a: (m,) fractions, or (m + 1,) with an output bias, which comes last. With k > 1 outputs one row for each:
            (k, m) or (k, m + 1).
    """

    w: Exact
    a: Exact

    @classmethod
    def of(cls, w: Any, a: Any) -> Network:
        """From anything array-like; floats are taken as the dyadic rationals they are."""
        return cls(exact(w), exact(a))

    @classmethod
    def from_theta(cls, theta: Any, dimension: int, outputs: int = 1) -> Network:
        """From a flat vector of ``m·(d+k)`` entries for ``k`` outputs, ``k`` more with output biases."""
        theta = exact(theta)
        width = theta.size // (dimension + outputs)
        a = theta[width * dimension :]
        a = a if outputs == 1 else a.reshape(outputs, -1)
        return cls(theta[: width * dimension].reshape(width, dimension), a)

    @property
    def width(self) -> int:
        return len(self.w)

    @property
    def dimension(self) -> int:
        return int(self.w.shape[1])

    @property
    def outputs(self) -> int:
        """The number of outputs ``k``."""
        return len(self.a) if self.a.ndim == 2 else 1

    def theta(self) -> Exact:
        """The flat vector ``(w_1..w_m, a_1..a_m)``, and the output bias; the same again for each further output."""
        return np.concatenate([self.w.ravel(), self.a.ravel()])

    def permuted(self, permutation: Sequence[int]) -> Network:
        """Neuron ``i`` of the result is neuron ``permutation[i]`` of this one."""
        index = list(permutation)
        return Network(self.w[index], self.a[..., [*index, *range(self.width, self.a.shape[-1])]])


@dataclass(frozen=True)
class Points:
    """Saved parameter vectors of students of one width: what training left behind, bit for bit.

    Args:
        w: (n, m, d) float64, incoming weights.
        a: (n, m) float64, outgoing weights; (n, m + 1) with output biases, which come last. With k > 1 outputs
            (n, k, m) or (n, k, m + 1).
        source: where each point came from (``file`` or ``file:row``), n strings.
        seed: (n,) int64, the seed of the run, −1 where unknown.
    """

    w: NDArray[np.float64]
    a: NDArray[np.float64]
    source: tuple[str, ...]
    seed: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.a)

    @property
    def width(self) -> int:
        return int(self.w.shape[1])

    @property
    def dimension(self) -> int:
        return int(self.w.shape[2])

    @property
    def layout(self) -> Layout:
        return Layout.neurons(self.width, self.dimension, bias=self.has_bias, outputs=self.outputs)

    @property
    def has_bias(self) -> bool:
        """Whether the last outgoing weights are biases."""
        return bool(self.a.shape[-1] > self.width)

    @property
    def outputs(self) -> int:
        """The number of outputs ``k``."""
        return int(self.a.shape[1]) if self.a.ndim == 3 else 1

    def theta(self) -> NDArray[np.float64]:
        """The points as flat vectors, (n, P)."""
        return np.concatenate([self.w.reshape(len(self), -1), self.a.reshape(len(self), -1)], axis=1)

    def network(self, index: int) -> Network:
        """One of the points, exact."""
        return Network(exact(self.w[index]), exact(self.a[index]))

    def take(self, index: Sequence[int] | NDArray[Any]) -> Points:
        """The points at ``index``, in that order."""
        rows = np.asarray(index, dtype=np.intp)
        return Points(self.w[rows], self.a[rows], tuple(self.source[i] for i in rows), self.seed[rows])
