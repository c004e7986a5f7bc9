"""Embeddings of a network into wider ones, exact, and what they preserve: output, loss, criticality.

Splitting, mirrored splitting, null neurons, flips, permutations and their compositions map exact networks to exact
networks. What such a map preserves is not declared but decided from the two networks (:func:`preserved`): the output
by their effective neurons, criticality by the sums over the residuals that have to vanish (docs/symmetry.md,
Theorem 2). Also the affine expansion manifold ``Θ_{r→m}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol

import numpy as np

from symmetry.network import Exact, Network, exact
from symmetry.orbits import strata_orbits
from symmetry.reduction import ZERO, Vector, effective, place, reduce
from symmetry.strata import Stratum, Target


class Embedding(Protocol):
    """An exact map of networks."""

    def apply(self, network: Network) -> Network:
        """The image of ``network``.

        Raises:
            ValueError: the network has not the neurons that the map speaks of.
        """


@dataclass(frozen=True)
class Permutation:
    """Neuron ``i`` of the result is neuron ``order[i]``. Preserves output, loss and criticality."""

    order: tuple[int, ...]

    def apply(self, network: Network) -> Network:
        if sorted(self.order) != list(range(network.width)):
            raise ValueError(f"order is {self.order}, expected each of the neurons 0 to {network.width - 1} once")
        return network.permuted(self.order)


@dataclass(frozen=True)
class Split:
    """Neuron ``(w, a)`` becomes copies ``(w, β_i a)``, ``Σβ_i = 1``: the first in its place, the others at the end.

    Preserves output, loss and criticality, whatever the ``β_i`` (docs/infinity.md, Theorem 1).

    Raises:
        ValueError: shares whose sum is not 1.
    """

    neuron: int
    shares: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        _sum_to_one("shares", self.shares)

    def apply(self, network: Network) -> Network:
        w, a = _neuron(network, self.neuron)
        return _replaced(network, self.neuron, [(w, share * a) for share in self.shares])


@dataclass(frozen=True)
class MirroredSplit:
    """Neuron ``(w, a)`` becomes copies ``(w, δ_i (a + b))`` and flipped ones ``(−w, γ_i b)``; ``Σδ_i = Σγ_i = 1``.

    With ``σ(−z) = c − σ(z)`` the output grows by the constant ``c b``: it is that of the narrow network with an output
    bias ``K = c b``. Preserves criticality if ``Σ_n r_n = 0`` or ``c = 0``; at a critical point in the weights *and*
    ``K`` the sum is 0.

    Raises:
        ValueError: shares whose sum is not 1.
    """

    neuron: int
    kept: tuple[Fraction, ...]
    flipped: tuple[Fraction, ...]
    output: Fraction

    def __post_init__(self) -> None:
        _sum_to_one("kept", self.kept)
        _sum_to_one("flipped", self.flipped)

    def apply(self, network: Network) -> Network:
        w, a = _neuron(network, self.neuron)
        copies = [(w, share * (a + self.output)) for share in self.kept]
        return _replaced(network, self.neuron, copies + [(-w, share * self.output) for share in self.flipped])


@dataclass(frozen=True)
class Null:
    """Neurons ``(w, a_i)`` with ``Σa_i = 0`` are added at the end; by default one, of output 0.

    Preserves output and loss; criticality if ``Σ_n r_n σ(w·x_n) = 0`` and, unless all ``a_i`` are 0,
    ``Σ_n r_n σ'(w·x_n) x_n = 0``.

    Raises:
        ValueError: no outputs, or outputs whose sum is not 0.
    """

    w: Vector
    outputs: tuple[Fraction, ...] = (ZERO,)

    def __post_init__(self) -> None:
        if not self.outputs or sum(self.outputs, ZERO):
            raise ValueError(f"outputs are {_text(self.outputs)}, expected some with sum 0")

    def apply(self, network: Network) -> Network:
        if len(self.w) != network.dimension:
            raise ValueError(f"w is {_text(self.w)}, expected {network.dimension} numbers to match the network")
        new = exact([self.w] * len(self.outputs))
        return Network(np.concatenate([network.w, new]), np.concatenate([network.a, exact(self.outputs)]))


@dataclass(frozen=True)
class Flip:
    """Neurons ``(w, a)`` become ``(−w, −a)``.

    With ``σ(−z) = c − σ(z)`` the output changes by the constant ``−c Σ a`` over the flipped neurons: it is preserved if
    that sum, or ``c``, is 0. Then criticality is preserved if ``Σ_n r_n = 0`` or ``c = 0``.
    """

    neurons: tuple[int, ...]

    def apply(self, network: Network) -> Network:
        w, a = network.w.copy(), network.a.copy()
        for i in sorted(set(self.neurons)):
            _neuron(network, i)
            w[i], a[i] = -w[i], -a[i]
        return Network(w, a)


@dataclass(frozen=True)
class Turn:
    """Neurons ``(w, a)`` become ``(−w, a)``: for activations with ``σ(z) − σ(−z) = s z``.

    The output changes by the linear function ``−s Σ a w·x`` over them.
    """

    neurons: tuple[int, ...]

    def apply(self, network: Network) -> Network:
        w = network.w.copy()
        for i in self.neurons:
            w[i] = -_neuron(network, i)[0]
        return Network(w, network.a)


@dataclass(frozen=True)
class Composition:
    """One map after the other, the first first."""

    steps: tuple[Embedding, ...]

    def apply(self, network: Network) -> Network:
        for step in self.steps:
            network = step.apply(network)
        return network


def _neuron(network: Network, i: int) -> tuple[Exact, Fraction]:
    if not 0 <= i < network.width:
        raise ValueError(f"neuron is {i}, expected 0 to {network.width - 1}")
    return network.w[i], network.a[i]


def _replaced(network: Network, i: int, copies: Sequence[tuple[Exact, Fraction]]) -> Network:
    w, a = network.w.copy(), network.a.copy()
    w[i], a[i] = copies[0]
    more = exact(np.zeros((len(copies) - 1, network.dimension)))
    for row, (vector, _) in zip(more, copies[1:], strict=True):
        row[:] = vector
    return Network(np.concatenate([w, more]), np.concatenate([a, exact([output for _, output in copies[1:]])]))


def _sum_to_one(name: str, shares: tuple[Fraction, ...]) -> None:
    if sum(shares, ZERO) != 1:
        raise ValueError(f"{name} are {_text(shares)}, expected numbers with sum 1")


def _text(numbers: Sequence[Fraction]) -> str:
    return "(" + ", ".join(map(str, numbers)) + ")"


# --------------------------------------------------------------------------------------------------- what is preserved


class Moment(NamedTuple):
    """A sum over the inputs that has to vanish.

    ``Σ r_n``, ``Σ r_n x_n`` (``line``), ``Σ r_n σ(w·x_n)`` or ``Σ r_n σ'(w·x_n) x_n``.
    """

    kind: Literal["sum", "line", "output", "weight"]
    w: Vector = ()

    def __str__(self) -> str:
        if self.kind == "sum":
            return "Σ r = 0"
        if self.kind == "line":
            return "Σ r x = 0"
        return f"Σ r {'σ(w·x)' if self.kind == 'output' else 'σ′(w·x) x'} = 0 at w = {_text(self.w)}"


@dataclass(frozen=True)
class Preserved:
    """What a wide network has in common with a narrow one.

    Args:
        shift: the constant by which the wide one's output is larger, for every ``x``; ``None`` where the two do not
            differ by a constant as combinations of their effective neurons.
        moments: if the narrow network is critical and the outputs are equal on the inputs, the wide one is critical *if
            and only if* these sums vanish, ``r_n`` the residuals.
        line: beside the constant, the wide one's output is larger by ``line·x``; empty where it is not.
    """

    shift: Fraction | None
    moments: tuple[Moment, ...]
    line: Vector = ()

    def output(self, bias: Fraction = ZERO) -> bool:
        """Whether the wide network's output is that of the narrow one with an output bias, for every ``x``.

        Then the losses are equal as well. ``False`` does not mean that they differ on the inputs.
        """
        return self.shift == bias and not self.line

    def criticality(self, bias: Fraction = ZERO, *, free: bool = False) -> tuple[Moment, ...] | None:
        """The conditions under which criticality is preserved: none if ``()``. ``None``: nothing is claimed.

        Args:
            bias: of the narrow network.
            free: whether the narrow network is critical in its bias as well, that is ``Σ r_n = 0``.
        """
        if not self.output(bias):
            return None
        return tuple(moment for moment in self.moments if not (free and moment.kind == "sum"))


def preserved(narrow: Network, wide: Network, reflection: Fraction | None, slope: Fraction | None = None) -> Preserved:
    """What ``wide`` preserves of ``narrow`` (docs/symmetry.md, Theorem 2): decided exactly, from the networks alone.

    Args:
        narrow: (r, d), (r,).
        wide: (m, d), (m,).
        reflection: ``c`` of the activation's identity ``σ(−z) = c − σ(z)``, or ``None``.
        slope: ``s`` of ``σ(z) − σ(−z) = s z``, or ``None``; not beside the other.
    """
    if slope is not None:
        return _turned(narrow, wide, slope)
    return Preserved(_shift(narrow, wide, reflection), _moments(narrow, wide, reflection))


def _turned(narrow: Network, wide: Network, slope: Fraction) -> Preserved:
    """The same by ``a σ(−u·x) = a σ(u·x) − s a u·x`` (docs/symmetry.md, Theorem 2a).

    With ``L = Σ r x``: ``S'(−u) = s L − S'(u)`` and ``S(−u) = S(u) − s u·L``.
    """
    outputs, line = dict[Vector, Fraction](), [ZERO] * narrow.dimension
    for network, side in ((wide, 1), (narrow, -1)):
        for w, a in zip(network.w, network.a, strict=True):
            u, sign = place(tuple(w), ZERO)
            outputs[u] = outputs.get(u, ZERO) + side * a
            if sign < 0:
                line = [x + side * slope * a * v for x, v in zip(line, w, strict=True)]
    known = {tuple(w) for w in narrow.w}
    flat = {tuple(w) for w, a in zip(narrow.w, narrow.a, strict=True) if a}
    found: dict[Moment, None] = {}
    for row, a in zip(wide.w, wide.a, strict=True):
        w = tuple(row)
        if w not in known and a and tuple(-x for x in w) in flat:
            found[Moment("line")] = None
            known.add(w)
            flat.add(w)
        if w not in known:
            known.add(w)
            found[Moment("output", w)] = None
        if a and w not in flat:
            flat.add(w)
            found[Moment("weight", w)] = None
    order = ("line", "output", "weight")
    moments = tuple(sorted(found, key=lambda moment: order.index(moment.kind)))
    return Preserved(None if any(outputs.values()) else ZERO, moments, tuple(line) if any(line) else ())


def _shift(narrow: Network, wide: Network, reflection: Fraction | None) -> Fraction | None:
    difference = Network(np.concatenate([wide.w, narrow.w]), np.concatenate([wide.a, -narrow.a]))
    constant, outputs = effective(difference, reflection)
    return None if any(outputs.values()) else constant


def _moments(narrow: Network, wide: Network, reflection: Fraction | None) -> tuple[Moment, ...]:
    """The gradient of the wide loss is made of ``S(w_i) = Σ r σ(w_i·x)`` and ``a_i S'(w_i)``, ``S' = Σ r σ' x``.

    At the narrow critical point ``S(w_j) = 0``, and ``S'(w_j) = 0`` if ``a_j ≠ 0``. The identity gives
    ``S(−u) = c Σr − S(u)``, ``S(0) = (c/2) Σr`` and ``S'(−u) = S'(u)``.
    """
    signs: dict[Vector, set[int]] = {}  # the signs s with S(s u) = 0
    flat = set()  # the u with S'(u) = 0
    for w, a in zip(narrow.w, narrow.a, strict=True):
        u, sign = place(tuple(w), reflection)
        signs.setdefault(u, set()).add(sign)
        if a:
            flat.add(u)
    # Σr = 0 is known, or does not occur
    balanced = not reflection or any(0 in known or len(known) == 2 for known in signs.values())
    found: dict[Moment, None] = {}
    for w, a in zip(wide.w, wide.a, strict=True):
        u, sign = place(tuple(w), reflection)
        if sign and u not in signs:
            signs[u] = {sign}
            found[Moment("output", tuple(w))] = None
        elif not (balanced or sign in signs.get(u, ())):
            found[Moment("sum")] = None
        if a and u not in flat:
            flat.add(u)
            found[Moment("weight", u)] = None
    order = ("sum", "output", "weight")
    return tuple(sorted(found, key=lambda moment: order.index(moment.kind)))


# ------------------------------------------------------------------------------------------------- expansion manifold


def expansion(network: Network, width: int, reflection: Fraction | None) -> list[Stratum]:
    """The affine expansion manifold ``Θ_{r→m}``: the networks of ``width`` neurons that equal ``network``, in pieces.

    One affine piece of each orbit under permutations, by dimension; :attr:`Stratum.orbit_size` counts its orbit. The
    pieces are strata whose teacher is the narrow network. All have its loss; those of :func:`critical_pieces` are
    critical if it is.

    Args:
        network: (r, d), (r,): distinct neurons, with an identity also up to sign; no output 0, no ``w = 0``.
        width: ``m ≥ r``.
        reflection: ``c`` of the activation's identity, or ``None``.

    Raises:
        ValueError: the network is not reduced, or the width is too small.

    Source: Şimşek et al. 2021 (arXiv 2105.12221); docs/symmetry.md, section 3.
    """
    if width < network.width or not network.width:
        raise ValueError(f"width is {width}, expected at least the network's, and that at least 1: {network.width}")
    if reduce(network, reflection).width < network.width or not all(any(w) for w in network.w):
        raise ValueError("the network has neurons that act as one, or not at all, expected distinct ones; use reduce")
    return strata_orbits(Target(tuple(map(tuple, network.w)), tuple(network.a), reflection), width)


def critical_pieces(pieces: Sequence[Stratum]) -> list[Stratum]:
    """Those whose points are all critical if the narrow network is, whatever the residuals.

    Copies only, no flips, no null neurons: by Theorem 2 every other piece has a point with a condition on ``r``. Their
    dimension is ``m − r``, and ``G(r, m)`` labelled ones exist.
    """
    return [piece for piece in pieces if all(label.kind == "C" and label.sign == 1 for label in piece.labels)]
