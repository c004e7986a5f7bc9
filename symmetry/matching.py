"""Matching a network to a stratum: floats propose the labels, exact rational numbers say how far it is.

The size of the loss plays no part. That a proposed point equals the teacher is decided apart, by
:func:`verify_equal_output`, which looks at the weights only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from symmetry.network import Exact, Network
from symmetry.problem import Problem
from symmetry.reduction import effective
from symmetry.strata import NULL, Label, Stratum, Target

LOOSEST = 1e-2
SMALL_OUTPUT = 1e-9


@dataclass(frozen=True)
class StratumPoint:
    """An exact point of a stratum, proposed for a network.

    Args:
        stratum: which class and sign each neuron was given; a maximal one.
        network: the point of the stratum nearest to the network it was proposed for.
        distance_squared: the exact squared Euclidean distance between the two.
    """

    stratum: Stratum
    network: Network
    distance_squared: Fraction

    @property
    def maximal_name(self) -> str:
        """The name of the maximal stratum that contains the point's."""
        return self.stratum.maximal().name

    def displacement(self, network: Network) -> Exact:
        """``θ − θ_0``, flat and exact: the local coordinates of ``network`` about this point."""
        displacement: Exact = network.theta() - self.network.theta()
        return displacement

    def certainly_within(self, tolerance: Fraction, network: Network) -> bool:
        """Whether ``‖θ − θ_0‖ ≤ tolerance·(1 + ‖θ‖)``, ``θ`` the parameters of ``network``.

        Decided exactly, both ways (``tolerance > 0``): with ``D = ‖θ − θ_0‖²`` and ``N = ‖θ‖²``

            √D ≤ t(1 + √N)  ⟺  q ≤ 2√N,  q = D/t² − 1 − N  ⟺  q ≤ 0  or  q² ≤ 4N.

        Raises:
            ValueError: the tolerance is not positive.
        """
        if tolerance <= 0:
            raise ValueError(f"tolerance is {tolerance}, expected a positive number")
        n = _square(network.theta())
        q = _square(self.displacement(network)) / tolerance**2 - 1 - n
        return q <= 0 or q * q <= 4 * n


def propose_stratum_point(problem: Problem, network: Network, *, loosest: float = LOOSEST) -> StratumPoint | None:
    """The exact point of a stratum that seems nearest to ``network``, or ``None`` where none suggests itself.

    Neurons whose incoming weights agree up to sign, to a relative ``loosest`` at most, are clustered in floats
    with each other, the teacher's and zero. Every level of the clustering is tried, from tight to loose, also with
    neurons of negligible output set free; the nearest of the resulting points is returned, however far it is.

    What is proved: the returned point lies on the returned stratum, at the returned distance. ``None``
    proves nothing. Problems with given labels have no strata: ``None``.
    """
    if problem.teacher is None or not problem.has_strata:
        return None
    return propose_point(Target.of(problem), network, loosest=loosest)


def propose_point(
    target: Target, network: Network, *, loosest: float = LOOSEST, copies_only: bool = False
) -> StratumPoint | None:
    """The same for any target: students that equal a narrower network as functions, say.

    Args:
        target: what the student should equal.
        network: the student.
        loosest: bound on the relative distances in a cluster.
        copies_only: consider the strata whose neurons are all copies of the target's, without flips; only these
            inherit that the target is critical, whatever the residuals (docs/strata.md, section 9).
    """
    nearest: tuple[Fraction, Stratum] | None = None
    for stratum in _approx_candidates(target, network, loosest, copies_only):
        distance = stratum.distance_squared(network)
        if nearest is None or distance < nearest[0]:
            nearest = distance, stratum
    return None if nearest is None else StratumPoint(nearest[1], nearest[1].nearest(network), nearest[0])


def verify_equal_output(problem: Problem, network: Network) -> bool:
    """Whether ``network`` is proved to equal the teacher as a function of ``x``, for every ``x``.

    Student minus teacher is written as ``K + Σ_k b_k σ(u_k·x)`` with ``u_k`` non-zero and pairwise different,
    also up to sign if ``σ(−z) = c − σ(z)``: then ``a σ(−u·x) = c a − a σ(u·x)`` and ``a σ(0) = c a/2``. True if and
    only if ``K`` and all ``b_k`` are exactly 0 (docs/strata.md, Proposition 1). False does not mean that the functions
    differ, nor that they differ on the inputs; it is also the answer for given labels.
    """
    if problem.teacher is None or not problem.has_strata:
        return False
    teacher = problem.teacher
    difference = Network(np.concatenate([network.w, teacher.w]), np.concatenate([network.a, -teacher.a]))
    constant, coefficients = effective(difference, problem.activation.reflection)
    return constant == 0 and not any(coefficients.values())


def _square(theta: Exact) -> Fraction:
    return sum((x * x for x in theta), Fraction(0))


def _approx_candidates(target: Target, network: Network, loosest: float, copies_only: bool) -> Iterator[Stratum]:
    """Maximal strata worth an exact look, each once: one or two for every level of the clustering."""
    a = np.abs(network.a.astype(np.float64))
    negligible = SMALL_OUTPUT * a.max()
    seen: set[tuple[Label, ...]] = set()
    for height, labels in _approx_levels(target, network, loosest):
        idle = a <= max(negligible, height * a.max())
        freed = [Label("D", -1 - i, 1) if idle[i] else label for i, label in enumerate(labels)]
        for proposal in (labels, freed):
            if {label.number for label in proposal if label.kind == "C"} != set(range(1, len(target.a) + 1)):
                continue
            stratum = Stratum(target, tuple(proposal))
            if stratum.is_empty or (copies_only and not stratum.is_split):
                continue
            stratum = stratum.maximal()
            if stratum.labels not in seen:
                seen.add(stratum.labels)
                yield stratum


def _approx_levels(target: Target, network: Network, loosest: float) -> Iterator[tuple[float, list[Label]]]:
    """Single-linkage clustering of the incoming weights up to sign: each level's height and labels.

    Nodes are the m neurons, the r teacher neurons and zero; no cluster holds two of the latter. Two vectors are
    ``|u ∓ v| / max(|u|, |v|)`` apart, and ``u`` is ``|u| / min_t |w*_t|`` away from zero (maximum norm).
    """
    m, r = network.width, len(target.a)
    heights, signs = _approx_links(target, network)
    pairs = np.argwhere((heights <= loosest) & np.tri(m + r + 1, k=-1, dtype=bool).T)
    cluster = list(range(m + r + 1))
    sign = [1] * (m + r + 1)  # each vector is about sign × a vector common to its cluster
    fixed = set(range(m, m + r + 1))  # clusters that hold a teacher neuron or zero
    for i, j in sorted(pairs.tolist(), key=lambda pair: float(heights[pair[0], pair[1]])):
        mine, theirs = cluster[i], cluster[j]
        if mine == theirs or {mine, theirs} <= fixed:
            continue
        if theirs not in fixed:
            mine, theirs = theirs, mine
        relative = sign[i] * int(signs[i, j]) * sign[j]
        for k in range(m + r + 1):
            if cluster[k] == mine:
                cluster[k] = theirs
                sign[k] *= relative
        labels = []
        for k in range(m):
            if cluster[k] == m + r:
                labels.append(NULL)
            elif cluster[k] >= m:
                labels.append(Label("C", cluster[k] - m + 1, sign[k]))
            else:
                labels.append(Label("D", cluster[k], sign[k]))
        yield float(heights[i, j]), labels


def _approx_links(target: Target, network: Network) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances up to sign between all nodes of the clustering, and the sign that attains them, (m+r+1, m+r+1)."""
    v = np.concatenate([network.w.astype(np.float64), target.approx_w])
    n = len(v)
    norms = np.abs(v).max(axis=1)  # the maximum norm: squares could overflow
    larger = np.maximum(np.maximum.outer(norms, norms), np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):  # what overflows is far from everything
        plus = np.abs(v[:, None] - v[None]).max(axis=2) / larger
        minus = np.abs(v[:, None] + v[None]).max(axis=2) / larger
        from_zero = norms / norms[network.width :].min()
    if target.reflection is None:
        minus[:] = np.inf
    heights = np.full((n + 1, n + 1), np.inf)
    signs = np.ones((n + 1, n + 1), dtype=np.int64)
    heights[:n, :n] = np.minimum(plus, minus)
    signs[:n, :n] = np.where(minus < plus, -1, 1)
    heights[:n, n] = from_zero
    return heights, signs
