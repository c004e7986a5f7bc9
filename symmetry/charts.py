"""Charts: how a network with coinciding or diverging neurons is taken apart into a smaller limit network.

Coordinates ``q`` of the limit network ``f_0``, in this order: the ordinary neurons, one block ``(w, u, c)`` for each
pair, and ``(K, ℓ)`` where a constant is released. Groups of neurons and what they become:

* ``copies`` (i, j, …): one incoming weight ``w``, outputs ``β_i a`` with ``Σβ_i = 1``: an ordinary neuron ``(w, a)``;
* ``pair`` (i, j): ``w_i = w + εu, w_j = w − εu, a_i = c/2 + 1/(2ε), a_j = c/2 − 1/(2ε)``;
* ``mirrored`` (i, j): the same for neuron i and for ``(−w_j, −a_j)``, which stands for neuron j less the constant
  ``a_j`` (activations with ``σ(−z) = 1 − σ(z)``);
* ``triple+``, ``triple-`` (i, j, k): ``w_i = w + p_i u + …`` along a line, ``Σp = 0``, with finite moments ``c = Σa``,
  ``v = Σaδ``, ``Σaδδᵀ → τuuᵀ``, ``τ = ±1``, ``δ_i = w_i − w``; here ``ε² = (p_i² + p_j² + p_k²)/2``;
* ``zero`` (i,): ``a_i = 1/ε, w_i = 4εℓ``, which leaves ``a_i/2 + ℓ·x`` (sigmoid).

In a pair, a triple or a zero neuron the outgoing weights diverge as ``ε → 0``; the output is an analytic ``f(q, ε)``,
``f = f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)`` (docs/infinity.md). The constants that mirrored pairs and zero neurons
release diverge one by one and must cancel: groups that share it are *balanced* against each other, and there are none
or at least two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.limits import Affine, Pair, Triple
from symmetry.merging import read_triple, reciprocal, triple
from symmetry.network import Exact, Network, exact
from symmetry.objective import Neurons, SquareLoss, Term
from symmetry.problem import Problem

Floats = NDArray[np.float64]
Kind = Literal["copies", "pair", "mirrored", "triple+", "triple-", "zero"]

_ORDER: dict[str, int] = {"copies": 0, "pair": 1, "mirrored": 2, "triple+": 3, "triple-": 3, "zero": 4}
_SIZE: dict[str, int] = {"pair": 2, "mirrored": 2, "triple+": 3, "triple-": 3, "zero": 1}
_TAU: dict[str, int] = {"triple+": 1, "triple-": -1}


class Group(NamedTuple):
    """Neurons that belong together."""

    kind: Kind
    members: tuple[int, ...]


class Unit(NamedTuple):
    """A part of the limit network that permutations move as a whole: its type and its place in ``q``."""

    kind: str
    place: slice


@dataclass(frozen=True)
class Chart:
    """How a network of ``width`` neurons is taken apart.

    Args:
        width: number of neurons.
        dimension: of the inputs.
        groups: disjoint, in the order copies, pairs, mirrored pairs, triples, zero neuron; neurons in none are
            ordinary.

    Raises:
        ValueError: groups that overlap, of the wrong size or out of order, or a released constant that nothing
            balances.
    """

    width: int
    dimension: int
    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        for kind, members in self.groups:
            if kind not in _ORDER or (len(members) < 2 if kind == "copies" else len(members) != _SIZE[kind]):
                raise ValueError(f"group {kind!r} of {len(members)} neurons, expected one of: copies (2 or more), "
                                 "pair (2), mirrored (2), triple+ (3), triple- (3), zero (1)")  # fmt: skip
        places = [_ORDER[group.kind] for group in self.groups]
        if places != sorted(places):
            raise ValueError(f"groups {self.groups} are out of order, expected {', '.join(_ORDER)}; use chart_of")
        used = [i for group in self.groups for i in group.members]
        if len(set(used)) != len(used) or not set(used) <= set(range(self.width)):
            raise ValueError(f"groups {self.groups} overlap or leave the {self.width} neurons")
        if len(self.balanced) == 1 or sum(group.kind == "zero" for group in self.groups) > 1:
            raise ValueError(f"groups {self.groups} release a constant that nothing balances, or two linear terms")

    @property
    def name(self) -> str:
        """The structure up to permutation: ``pair``, ``copies3+mirrored+zero``, say."""
        return "+".join(g.kind + (str(len(g.members)) if g.kind == "copies" else "") for g in self.groups)

    @property
    def copies(self) -> tuple[Group, ...]:
        """The groups of equal neurons."""
        return tuple(group for group in self.groups if group.kind == "copies")

    @property
    def ordinary(self) -> tuple[tuple[int, ...], ...]:
        """The neurons of the limit network that are neurons: one tuple of members each, copies first."""
        used = {i for group in self.groups for i in group.members}
        return (*(group.members for group in self.copies), *((i,) for i in range(self.width) if i not in used))

    @property
    def diverging(self) -> tuple[Group, ...]:
        """The groups whose outgoing weights diverge."""
        return tuple(group for group in self.groups if group.kind != "copies")

    @property
    def pairs(self) -> tuple[Group, ...]:
        """The groups that leave a pair limit."""
        return tuple(group for group in self.groups if group.kind in ("pair", "mirrored"))

    @property
    def triples(self) -> tuple[Group, ...]:
        """The groups that leave a triple limit."""
        return tuple(group for group in self.groups if group.kind in _TAU)

    @property
    def balanced(self) -> tuple[Group, ...]:
        """The groups that release a constant."""
        return tuple(group for group in self.groups if group.kind in ("mirrored", "zero"))

    @property
    def has_linear(self) -> bool:
        return any(group.kind == "zero" for group in self.groups)

    def to_json(self) -> dict[str, Any]:
        """Width, dimension and groups."""
        groups = [[group.kind, list(group.members)] for group in self.groups]
        return {"width": self.width, "dimension": self.dimension, "groups": groups}

    def normal(self) -> Chart:
        """The same structure with the neurons renumbered in the order of ``q``: equal for permuted networks."""
        numbers = iter(range(self.width))
        groups = tuple(Group(g.kind, tuple(next(numbers) for _ in g.members)) for g in self.groups)
        return Chart(self.width, self.dimension, groups)

    def terms(self, activation: Activation) -> tuple[Term, ...]:
        """The limit network ``f_0`` as terms, in the order of ``q``.

        Raises:
            ValueError: a released constant, and an activation other than the sigmoid.
        """
        if self.balanced and activation.name != "sigmoid":
            # σ(−z) = 1 − σ(z), σ'(0) = 1/4 and σ^(3)(0) = −1/8 are used
            raise ValueError(f"activation is {activation.name!r}, mirrored pairs and zero neurons need the sigmoid")
        terms: list[Term] = []
        if self.ordinary:
            terms.append(Neurons(len(self.ordinary), self.dimension, activation))
        terms += [Pair(self.dimension, activation) for _ in self.pairs]
        terms += [Triple(self.dimension, activation, _TAU[g.kind]) for g in self.triples]
        if self.balanced:
            terms.append(Affine(self.dimension, self.has_linear))
        return tuple(terms)

    def objective(self, problem: Problem) -> SquareLoss:
        """The square loss of the limit network."""
        return SquareLoss(problem, self.terms(problem.activation))

    def small_coordinates(self) -> list[list[int]]:
        """For each condition ``Σ κ > 0``, the indices of the terms whose ``κ`` add up.

        An ordinary pair and a triple have their own ``ε``. Two balanced groups share one (``ε_2 = −ε_1 + O(ε_1²)``,
        with one sign convention); three or more span a cone on which every ``κ`` must be positive.
        """
        first = 1 if self.ordinary else 0
        limits = (*self.pairs, *self.triples)
        place = {group: first + k for k, group in enumerate(limits)}
        place |= {group: first + len(limits) for group in self.groups if group.kind == "zero"}
        own = [[place[group]] for group in limits if group.kind != "mirrored"]
        shared = [place[group] for group in self.balanced]
        return own + ([shared] if len(shared) == 2 else [[index] for index in shared])

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The parts of ``q`` in terms of neurons and pairs; ordinary neurons first, in coordinates of their own."""
        d, m = self.dimension, len(self.ordinary)
        copies = [group.kind + str(len(group.members)) for group in self.copies]
        kinds = copies + ["neuron"] * (m - len(copies))
        size = [Unit(kind, slice(i * (d + 1), (i + 1) * (d + 1))) for i, kind in enumerate(kinds)]
        start = m * (d + 1)
        for group in self.pairs:
            size.append(Unit(group.kind, slice(start, start + 2 * d + 1)))
            start += 2 * d + 1
        for group in self.triples:
            size.append(Unit(group.kind, slice(start, start + 3 * d + 1)))
            start += 3 * d + 1
        if self.balanced:
            size.append(Unit("affine", slice(start, start + 1 + (d if self.has_linear else 0))))
        return tuple(size)

    def by_unit(self, q: Any) -> Any:
        """``q`` reordered so that each unit is one run of entries (``w_i, a_i`` together)."""
        d, m = self.dimension, len(self.ordinary)
        order = [k for i in range(m) for k in (*range(i * d, (i + 1) * d), m * d + i)]
        return q[[*order, *range(m * (d + 1), len(q))]]

    def read(self, w: Floats, a: Floats) -> tuple[Floats, Floats]:
        """The coordinates of a network (m, d), (m,): ``q``, and ``ε`` of each diverging group.

        In floating point, or in fractions if there is no triple. The inverse of :meth:`network` where copies are equal;
        of triples ``w`` and ``v`` are read off up to ``O(ε²)``.
        """
        outputs = [a[list(members)] for members in self.ordinary]
        # copies: the mean weighted by the outputs keeps the linear term
        middles = [b @ w[list(members)] / b.sum() for b, members in zip(outputs, self.ordinary, strict=True)]
        parts: list[Floats] = [*middles, np.array([b.sum() for b in outputs])]
        eps, constant, slope = [], a[0] * 0, w[0] * 0
        for group in self.diverging:
            i = group.members[0]
            if group.kind == "zero":
                constant += a[i] / 2
                slope = a[i] * w[i] / 4
                eps.append(1 / a[i])
                continue
            if group.kind in _TAU:
                coordinates, size = read_triple(w[list(group.members)], a[list(group.members)], _TAU[group.kind])
                parts.append(coordinates)
                eps.append(size)
                continue
            j = group.members[1]
            sign = 1 if group.kind == "pair" else -1
            wj, aj = sign * w[j], sign * a[j]
            if group.kind == "mirrored":
                constant += a[j]
            parts += [(w[i] + wj) / 2, (a[i] - aj) * (w[i] - wj) / 2, np.array([a[i] + aj])]
            eps.append(1 / (a[i] - aj))
        if self.balanced:
            parts.append(np.array([constant]))
        if self.has_linear:
            parts.append(slope)
        return np.concatenate(parts), np.array(eps)

    @property
    def free(self) -> tuple[tuple[Group, int], ...]:
        """The diverging groups with the number of small coordinates that :meth:`network` asks for.

        One for each ``ε``, two for a triple; the last of the balanced groups has none, as ``K`` determines its ``ε``.
        """
        last = self.balanced[-1] if self.balanced else None
        return tuple((g, 0 if g == last else 2 if g in self.triples else 1) for g in self.diverging)

    def network(self, q: Exact, small: Sequence[Fraction], shares: Sequence[Sequence[Fraction]] = ()) -> Network:
        """The finite network at a point of the chart, exact: where the channel is entered.

        Its output is ``f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)``.

        Args:
            q: (P',) exact, the limit network.
            small: not 0; in the order of :attr:`free`, ``ε`` of each group, ``p_i, p_j`` of each triple (``p_k`` is
                ``−p_i − p_j``).
            shares: for each group of copies, the coefficients ``β`` (sum 1); equal ones by default.

        Raises:
            ValueError: numbers that do not fit the chart, or for which there is no such network.
        """
        wanted = sum(count for _, count in self.free)
        size = self.units[-1].place.stop
        if len(q) != size or len(small) != wanted or len(shares) not in (0, len(self.copies)):
            raise ValueError(
                f"{len(q)} coordinates, {len(small)} small ones, shares of {len(shares)} groups; chart {self.name} has "
                f"{size}, {wanted}, {len(self.copies)}"
            )
        w, a = np.empty((self.width, self.dimension), dtype=object), np.empty(self.width, dtype=object)
        d, q = self.dimension, self.by_unit(exact(q))
        blocks = [q[unit.place] for unit in self.units]
        for k, members in enumerate(self.ordinary):
            beta = exact(shares[k] if k < len(shares) else [Fraction(1, len(members))] * len(members))
            if len(beta) != len(members) or beta.sum() != 1:
                raise ValueError(f"shares are {[str(b) for b in beta]}, expected {len(members)} with sum 1")
            w[list(members)], a[list(members)] = blocks[k][:d], beta * blocks[k][d]
        limits = dict(zip((*self.pairs, *self.triples), blocks[len(self.ordinary) :], strict=False))
        # Σ 1/ε over the balanced groups is 2K + Σ c over the mirrored pairs
        rest = 2 * blocks[-1][0] if self.balanced else Fraction(0)
        rest += sum((limits[g][2 * d] for g in self.balanced if g.kind == "mirrored"), Fraction(0))
        values = iter(exact(small))
        for group, count in self.free:
            index = list(group.members)
            if count == 2:
                w[index], a[index] = triple(limits[group], next(values), next(values), _TAU[group.kind])
                continue
            inverse = reciprocal(next(values)) if count else rest
            if inverse == 0:
                raise ValueError(f"the ε of {group} that K leaves is infinite; take other small coordinates")
            if group in self.balanced:
                rest -= inverse
            if group.kind == "zero":
                w[index], a[index] = 4 * blocks[-1][1:] / inverse, inverse
                continue
            (i, j), (middle, u, c) = index, np.split(limits[group], [d, 2 * d])
            sign = 1 if group.kind == "pair" else -1
            w[i], a[i] = middle + u / inverse, (c[0] + inverse) / 2
            w[j], a[j] = sign * (middle - u / inverse), sign * (c[0] - inverse) / 2
        return Network(w, a)

    def flips(self) -> list[NDArray[np.int64]]:
        """The matrices ``T`` (P', P'), entries 0 and ±1, for which ``q`` and ``Tq`` are one limit: ``I`` is the first.

        Compositions of ``(w, u, c, K) → (−w, u, −c, K + c)`` for a mirrored pair and ``u → −u`` for a triple.
        """
        d, n = self.dimension, len(self.ordinary)
        size = self.units[-1].place.stop
        found = [np.eye(size, dtype=np.int64)]
        for unit in self.units[n:]:
            start, flip = unit.place.start, np.eye(size, dtype=np.int64)
            if unit.kind == "mirrored":
                released = self.units[-1].place.start
                flip[start : start + d] *= -1
                flip[start + 2 * d] *= -1
                flip[released, start + 2 * d] = 1
            elif unit.kind in _TAU:
                flip[start + 2 * d : start + 3 * d] *= -1
            else:
                continue
            found += [flip @ known for known in found]
        return found


def chart_of(width: int, dimension: int, groups: Sequence[Group]) -> Chart:
    """The chart with its groups in canonical order: copies (the largest first), pairs, mirrored, triples, zero."""

    def place(group: Group) -> tuple[int, int, tuple[int, ...]]:
        return _ORDER.get(group.kind, len(_ORDER)), -len(group.members), group.members

    return Chart(width, dimension, tuple(sorted(groups, key=place)))


def canonical_mirrored(chart: Chart, network: Network) -> Chart:
    """The same chart, with each mirrored pair's first member the one whose ``w`` leads with a positive entry.

    ``(w, u, c, K)`` and ``(−w, u, −c, K + c)`` are the same limit: this picks one of them.
    """
    groups = []
    for group in chart.groups:
        if group.kind == "mirrored":
            i, j = group.members
            middle = network.w[i] - network.w[j]
            leading = next((x for x in middle if x), 1)
            group = Group("mirrored", (i, j) if leading > 0 else (j, i))
        groups.append(group)
    return chart_of(chart.width, chart.dimension, groups)


def chart_from_json(data: Any) -> Chart:
    """The inverse of :meth:`Chart.to_json`.

    Raises:
        ValueError: as :class:`Chart`.
    """
    groups = tuple(Group(kind, tuple(int(i) for i in members)) for kind, members in data["groups"])
    return Chart(int(data["width"]), int(data["dimension"]), groups)
