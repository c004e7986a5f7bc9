"""Hypothesis strategies for users: networks, problems, points of strata, splits, group elements, critical points.

Everything drawn is exact, and shrinks towards few neurons and small whole numbers. Needs Hypothesis
(``pip install 'losscert[strategies]'``); nothing else in the package does. Examples: docs/symmetry.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from symmetry.activation import Activation, Sigmoid
from symmetry.arithmetic import Float64
from symmetry.embeddings import Composition, Embedding, Flip, MirroredSplit, Null, Permutation, Split
from symmetry.infinity.limits import Affine
from symmetry.network import Network, exact
from symmetry.objective import Neurons, SquareLoss
from symmetry.problem import Inputs, Problem
from symmetry.reduction import ZERO, reduce
from symmetry.strata import Label, Stratum, Target

Sizes = int | tuple[int, int]
"""A number, or the smallest and the largest."""


def numbers(bound: int = 3, denominator: int = 4) -> SearchStrategy[Fraction]:
    """Rationals in [−bound, bound] with denominators up to ``denominator``."""
    return st.integers(1, denominator).flatmap(
        lambda q: st.integers(-bound * q, bound * q).map(lambda p: Fraction(p, q))
    )


def _size(draw: DrawFn, sizes: Sizes) -> int:
    return sizes if isinstance(sizes, int) else draw(st.integers(*sizes))


@st.composite
def networks(
    draw: DrawFn, width: Sizes = (1, 3), dimension: Sizes = 2, *, distinct: bool = True, bound: int = 3
) -> Network:
    """Exact networks.

    Args:
        draw: given by Hypothesis.
        width: neurons.
        dimension: of the inputs.
        distinct: neurons that are non-zero, pairwise different up to sign, and have outputs that are not 0; else any.
        bound: of the size of all weights.
    """
    m, d = _size(draw, width), _size(draw, dimension)
    rational = numbers(bound)
    w = draw(st.lists(st.tuples(*[rational] * d), min_size=m, max_size=m))
    a = draw(st.lists(rational.filter(bool) if distinct else rational, min_size=m, max_size=m))
    network = Network(exact(w).reshape(m, d), exact(a))
    assume(not distinct or reduce(network, Fraction(1)).width == m)
    return network


@st.composite
def inputs(draw: DrawFn, dimension: int, count: Sizes = (4, 8), *, symmetric: bool = False) -> Inputs:
    """A table of different inputs, multiples of ½ in [−3, 3]; with their negatives if ``symmetric``."""
    size = _size(draw, count)
    row = st.tuples(*[st.integers(-6, 6)] * dimension)
    rows = draw(st.lists(row, min_size=size, max_size=size, unique=True))
    table = np.array(rows, dtype=np.float64).reshape(size, dimension) / 2
    return Inputs(table=np.concatenate([table, -table]) if symmetric else table)


@st.composite
def problems(
    draw: DrawFn,
    teacher_width: Sizes = (1, 3),
    dimension: Sizes = 2,
    *,
    count: Sizes = (4, 8),
    symmetric: bool = False,
    activation: Activation | None = None,
) -> Problem:
    """Problems with the exact labels of a teacher whose neurons are distinct up to sign.

    Args:
        draw: given by Hypothesis.
        teacher_width: neurons of the teacher.
        dimension: of the inputs.
        count: of inputs; twice as many if ``symmetric``.
        symmetric: whether the inputs equal their own negatives.
        activation: the sigmoid by default.
    """
    teacher = draw(networks(teacher_width, dimension))
    table = draw(inputs(teacher.dimension, count, symmetric=symmetric))
    return Problem("drawn", activation or Sigmoid(), table, teacher)


@st.composite
def strata(draw: DrawFn, problem: Problem, extra: Sizes = (0, 3)) -> Stratum:
    """Non-empty strata of up to ``extra`` neurons more than the teacher; not only maximal ones."""
    target = Target.of(problem)
    r = len(target.a)
    signs = st.just(1) if target.reflection is None else st.sampled_from([1, -1])
    labels = [Label("C", t, draw(signs)) for t in range(1, r + 1)]
    for _ in range(_size(draw, extra)):
        kind = draw(st.sampled_from(["C", "D", "Z"]))
        number = {"C": st.integers(1, r), "D": st.integers(1, 2), "Z": st.just(0)}[kind]
        labels.append(Label(kind, draw(number), draw(signs)))  # type: ignore[arg-type]
    stratum = Stratum(target, tuple(draw(st.permutations(labels))))
    if stratum.is_empty:  # all signs + is never empty
        stratum = Stratum(target, tuple(Label(k, n, abs(s)) for k, n, s in stratum.labels))
    return stratum


@st.composite
def strata_points(draw: DrawFn, problem: Problem, extra: Sizes = (0, 3)) -> tuple[Stratum, Network]:
    """A non-empty stratum and an exact point of it: a student that equals the teacher."""
    stratum = draw(strata(problem, extra))
    free = draw(networks(stratum.width, problem.dimension, distinct=False))
    return stratum, stratum.nearest(free)


@st.composite
def shares(draw: DrawFn, count: Sizes = (2, 3), *, zero: bool = False) -> tuple[Fraction, ...]:
    """Coefficients with sum 1, of both signs; none of them 0 unless ``zero``."""
    k = _size(draw, count)
    some = draw(st.lists(numbers(2), min_size=k - 1, max_size=k - 1))
    found = (*some, 1 - sum(some, ZERO))
    assume(zero or all(found))
    return found


def permutations(network: Network) -> SearchStrategy[Permutation]:
    """Orders of the neurons."""
    return st.permutations(range(network.width)).map(lambda order: Permutation(tuple(order)))


def splits(network: Network, copies: Sizes = (2, 3), *, zero: bool = False) -> SearchStrategy[Split]:
    """One neuron into copies, with coefficients of both signs; 0 among them only if ``zero``."""
    return st.builds(Split, st.integers(0, network.width - 1), shares(copies, zero=zero))


def mirrored_splits(network: Network) -> SearchStrategy[MirroredSplit]:
    """One neuron into one or two copies and one or two flipped ones."""
    side = shares((1, 2))
    return st.builds(MirroredSplit, st.integers(0, network.width - 1), side, side, numbers().filter(bool))


@st.composite
def nulls(draw: DrawFn, network: Network) -> Null:
    """One to three new neurons whose outputs add up to 0."""
    some = draw(st.lists(numbers(2), max_size=2))
    vector = draw(st.tuples(*[numbers()] * network.dimension))
    return Null(vector, (*some, -sum(some, ZERO)))


def flips(network: Network) -> SearchStrategy[Flip]:
    """Flips of one or more neurons; the output changes by a constant."""
    neurons = st.sets(st.integers(0, network.width - 1), min_size=1)
    return neurons.map(lambda chosen: Flip(tuple(sorted(chosen))))


@st.composite
def preserving_flips(draw: DrawFn, dimension: Sizes = 2) -> tuple[Network, Flip]:
    """A network, and a flip of some of its neurons, whose outputs add up to 0: the output is preserved."""
    network = draw(networks((2, 3), dimension))
    flipped = draw(st.sets(st.integers(0, network.width - 1), min_size=2).map(sorted))
    a = network.a.copy()
    a[flipped[-1]] -= a[flipped].sum()
    assume(all(a))
    return Network(network.w, a), Flip(tuple(flipped))


def embeddings(network: Network) -> SearchStrategy[Embedding]:
    """Any of the maps: permutations, splits, mirrored splits, null neurons, flips, and compositions of two."""
    one = st.one_of(
        permutations(network), splits(network, zero=True), mirrored_splits(network), nulls(network), flips(network)
    )
    # no map removes a neuron
    second = st.one_of(splits(network, zero=True), mirrored_splits(network), nulls(network), flips(network))
    two = st.tuples(one, second).map(lambda steps: Composition(steps))
    return st.one_of(one, two)


@dataclass(frozen=True)
class Planted:
    """A problem for which a network is critical, to rounding: labels are its outputs less residuals with ``Jᵀr = 0``.

    Args:
        problem: with given labels.
        network: nearly critical; certify it to have a critical point nearby.
        biased: whether it is critical in an output bias as well, that is ``Σ_n r_n = 0``.
        bias: the output bias ``K``; 0 unless ``biased``.
    """

    problem: Problem
    network: Network
    biased: bool
    bias: Fraction

    @property
    def objective(self) -> SquareLoss:
        """The loss of the narrow network, with its bias if it has one."""
        d, sigma = self.problem.dimension, self.problem.activation
        neurons = Neurons(self.network.width, d, sigma)
        return SquareLoss(self.problem, (neurons, Affine(d, False)) if self.biased else (neurons,))

    @property
    def theta(self) -> Any:
        """The parameters of :attr:`objective`, exact: the weights, then the bias."""
        return np.concatenate([self.network.theta(), exact([self.bias] * self.biased)])


@st.composite
def planted(draw: DrawFn, width: Sizes = (1, 2), dimension: Sizes = (1, 2), *, biased: bool = False) -> Planted:
    """Nearly critical networks, and the problems they are nearly critical for; the residuals are of size 1.

    Whether a critical point is near, and which, is for a proof to say (``certify.proofs.isolated.certify_isolated``).
    """
    network = draw(networks(width, dimension, bound=2))
    bias = draw(numbers(2).filter(bool)) if biased else ZERO
    count = 2 * network.width * (network.dimension + 1) + 4
    table = draw(inputs(network.dimension, count if network.dimension > 1 else min(count, 12)))
    noise = np.array(draw(st.lists(st.integers(-4, 4), min_size=len(table), max_size=len(table))), dtype=np.float64)
    blank = Planted(Problem("planted", Sigmoid(), table, None, 0 * noise), network, biased, bias)
    outputs, value = blank.objective.outputs(blank.theta.astype(np.float64), Float64(), 1)
    jacobian = np.concatenate([out.jacobian for out in outputs], axis=1)
    residual = noise - jacobian @ np.linalg.lstsq(jacobian, noise, rcond=None)[0]
    assume(np.abs(residual).max() > 0.1)
    return Planted(Problem("planted", Sigmoid(), table, None, value - residual), network, biased, bias)
