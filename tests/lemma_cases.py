"""What the lemma tests compare with: outputs, losses and gradients in balls, by another route than the formulas.

Values come from Arb at several precisions; ``vanishes`` asks that an enclosure contains 0 at each and shrinks with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import scipy.linalg
from hypothesis import settings
from library import arb, ball_ends, precision

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.isolated import Certified, certify_in, climb
from certify.proofs.proof import Failure
from symmetry.embeddings import Embedding, Moment
from symmetry.network import Exact, Network, exact
from symmetry.objective import Neurons, SquareLoss
from symmetry.problem import Problem
from symmetry.strategies import Planted

PRECISIONS = (64, 128, 256)
BITS = 212


def examples(count: int) -> settings:
    """So many examples, times the profile's factor: 1 in the repeatable profile, 20 in the thorough one."""
    return settings(max_examples=count * settings.default.max_examples // 100)


def vanishes(value: Callable[[int], flint.arb], precisions: tuple[int, ...] = PRECISIONS) -> bool:
    """Whether ``value(bits)`` contains 0 at every precision, in balls whose radius goes to 0 with it."""
    for bits in precisions:
        low, high = ball_ends(value(bits))
        if not (low <= 0 <= high and high - low < Fraction(1, 2 ** (bits - 40))):
            return False
    return True


def avoids(value: Callable[[int], flint.arb], bits: int = 256) -> bool:
    """Whether it is proved that the number is not 0."""
    low, high = ball_ends(value(bits))
    return low > 0 or high < 0


def output(network: Network, x: Any) -> flint.arb:
    """``Σ a σ(w·x)`` at the working precision, the sigmoid."""
    terms = (arb(a) / (1 + (-arb(w @ x)).exp()) for w, a in zip(network.w, network.a, strict=True))
    return sum(terms, flint.arb(0))


def difference(one: Network, other: Network, x: Any) -> Callable[[int], flint.arb]:
    """The difference of two outputs, as a function of the precision."""

    def value(bits: int) -> flint.arb:
        with precision(bits):
            return output(one, x) - output(other, x)

    return value


def loss(problem: Problem, network: Network) -> Callable[[int], flint.arb]:
    """The loss, neuron by neuron in balls of its own."""

    def value(bits: int) -> flint.arb:
        with precision(bits):
            assert problem.teacher is not None
            residuals = [output(network, x) - output(problem.teacher, x) for x in exact(problem.inputs.exact_values)]
            return sum((r * r for r in residuals), flint.arb(0)) / len(residuals)

    return value


# ------------------------------------------------------------------------------------------ certified critical points


@dataclass(frozen=True)
class Narrow:
    """A certified critical point of a planted problem: exactly one lies within ``radius`` of ``center``.

    Args:
        planted: where it comes from.
        center: (P,) exact, weights and bias.
        radius: (P,) exact, tiny.
        signature: numbers of positive and negative eigenvalues of the Hessian, which is non-singular.
    """

    planted: Planted
    center: Exact
    radius: Exact
    signature: tuple[int, int]

    @property
    def network(self) -> Network:
        """The weights of the centre."""
        return Network.from_theta(self.center[: len(self.center) - self.planted.biased], self.planted.problem.dimension)

    @property
    def bias(self) -> Fraction:
        """``K`` of the centre."""
        return self.center[-1] if self.planted.biased else Fraction(0)


def certified(planted: Planted, theta: Exact | None = None) -> Narrow | None:
    """The critical point near a planted network, to about 200 bits; ``None`` where none is certified."""

    def rung(at: Exact, arithmetic: Enclosures) -> Certified | Failure:
        return certify_in(planted.objective, at, arithmetic) if arithmetic.bits >= BITS else Failure("precision")

    start = planted.theta if theta is None else theta
    found = climb(planted.objective, start, rung, arithmetic="auto", max_bits=BITS)
    if isinstance(found, Failure):
        return None
    box = found.krawczyk
    signs = next(proof for proof in found.proofs if isinstance(proof, Inertia))
    return Narrow(planted, box.center, exact(box.existence_radius), (signs.positive, signs.negative))


def matrix(embedding: Callable[[Exact], Exact], size: int) -> Exact:
    """The matrix of a linear map of parameter vectors."""
    nothing = exact([0] * size)
    columns = [embedding(exact(unit)) - embedding(nothing) for unit in np.eye(size, dtype=int)]
    return np.array(columns, dtype=object).T


def embedded(narrow: Narrow, embedding: Embedding | Callable[[Network, Fraction], Network]) -> tuple[Network, Any]:
    """The image of a critical point: of the centre, and an enclosure of that of the true point, in 212-bit balls.

    ``embedding`` is a map of networks, or one of networks and biases, linear in both.
    """
    d, m = narrow.planted.problem.dimension, narrow.network.width

    def flat(theta: Exact) -> Exact:
        network = Network.from_theta(theta[: m * (d + 1)], d)
        if callable(embedding):
            return embedding(network, theta[-1] if narrow.planted.biased else Fraction(0)).theta()
        return embedding.apply(network).theta()

    center = flat(narrow.center)
    radius = abs(matrix(flat, len(narrow.center))) @ narrow.radius
    wide = Network.from_theta(center, d)
    return wide, Arb(BITS).ball(center, radius)


def gradient(problem: Problem, width: int, box: Any) -> list[tuple[Fraction, Fraction]]:
    """Ends of the gradient over a box, in 212-bit balls."""
    a = Arb(BITS)
    found = SquareLoss.of_network(problem, width).evaluate(box, a, order=1).gradient
    return list(zip(a.lower(found), a.upper(found), strict=True))


def moment_value(moment: Moment, narrow: Narrow) -> list[tuple[Fraction, Fraction]]:
    """Ends of a sum over the residuals at a critical point: what ``moment`` says has to vanish."""
    a, problem, objective = Arb(BITS), narrow.planted.problem, narrow.planted.objective
    _, r = objective.outputs(a.ball(narrow.center, narrow.radius), a, 0)
    sums = r.sum(axis=0).reshape(1)
    if moment.kind != "sum":
        # the Jacobian of a neuron (w, 1): σ'(w·x) x, then σ(w·x)
        neuron = Neurons(1, problem.dimension, problem.activation)
        jacobian = neuron.outputs(a.array(exact([*moment.w, 1])), objective.data(a), a, 1).jacobian
        sums = a.matmul(jacobian.T, r.reshape(-1, 1)).reshape(-1)
        sums = sums[-1:] if moment.kind == "output" else sums[:-1]
    return list(zip(a.lower(sums), a.upper(sums), strict=True))


TINY = Fraction(1, 10**12)
"""Enclosures of numbers that are 0 have at most this width; the boxes about critical points are far smaller."""


def all_vanish(ends: list[tuple[Fraction, Fraction]]) -> bool:
    """Whether all enclosures contain 0 and are tiny."""
    return all(low <= 0 <= high and high - low < TINY for low, high in ends)


def some_avoids(ends: list[tuple[Fraction, Fraction]]) -> bool:
    """Whether one enclosure proves that its number is not 0."""
    return any(low > 0 or high < 0 for low, high in ends)


# ---------------------------------------------------------------------------------------------------------- inertia


def curvature(narrow: Narrow, neuron: int) -> tuple[int, int] | None:
    """``In(B_j)``, positive and negative, over the box of a critical point; ``None`` where it is not proved."""
    a, problem = Arb(BITS), narrow.planted.problem
    outputs, r = narrow.planted.objective.outputs(a.ball(narrow.center, narrow.radius), a, 2)
    rows = slice(neuron * problem.dimension, (neuron + 1) * problem.dimension)
    bent = outputs[0].curvature(r)[rows, rows] * a.number(Fraction(2, len(problem)))
    found = inertia(bent, a)
    return (found.positive, found.negative) if isinstance(found, Inertia) else None


def hessian(problem: Problem, width: int, box: Any) -> Any:
    """The Hessian over a box, in 212-bit balls."""
    return SquareLoss.of_network(problem, width).evaluate(box, Arb(BITS), order=2).hessian


def certified_signature(h: Any, kernel: Exact) -> tuple[int, int, int] | None:
    """The inertia of a symmetric matrix that is known to annihilate the columns of ``kernel`` (P, z).

    By Cauchy's interlacing theorem ``H`` has at least the positive and negative eigenvalues of ``ZᵀHZ``; with ``Z`` a
    complement of the kernel they are all. That ``H kernel`` contains 0 in tiny balls is checked. ``None``: not proved.
    """
    a = Arb(BITS)
    if kernel.shape[1]:
        rest = a.matmul(h, a.array(kernel)).reshape(-1)
        assert all_vanish(list(zip(a.lower(rest), a.upper(rest), strict=True)))
    z = scipy.linalg.null_space(kernel.T.astype(np.float64)) if kernel.shape[1] else np.eye(len(kernel))
    assert z.shape[1] == len(kernel) - kernel.shape[1]
    basis = a.array(np.round(z * 2.0**20) / 2.0**20)
    found = inertia(a.matmul(basis.T, a.matmul(h, basis)), a)
    return (found.positive, found.negative, kernel.shape[1]) if isinstance(found, Inertia) else None
