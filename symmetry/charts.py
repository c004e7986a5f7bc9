"""Charts: how a network with coinciding or diverging neurons is taken apart into a smaller limit network.

Coordinates ``q`` of the limit network ``f_0``, in this order: the ordinary neurons, one block ``(w, u, c)`` for each
pair, and ``(K, ℓ)`` where a constant is released. Groups of neurons and what they become:

* ``copies`` (i, j, …): one incoming weight ``w``, outputs ``β_i a`` with ``Σβ_i = 1``: an ordinary neuron ``(w, a)``.
  The last ``flipped`` members are *mirrored*: they have ``−w`` and ``−β_i a``, which is the same neuron plus the
  constant ``−β_i a`` (activations with ``σ(−z) = 1 − σ(z)``);
* ``pair`` (i, j): ``w_i = w + εu, w_j = w − εu, a_i = c/2 + 1/(2ε), a_j = c/2 − 1/(2ε)``;
* ``mirrored`` (i, j): the same for neuron i and for ``(−w_j, −a_j)``, which stands for neuron j less the constant
  ``a_j`` (activations with ``σ(−z) = 1 − σ(z)``);
* ``triple+``, ``triple-`` (i, j, k): ``w_i = w + p_i u + …`` along a line, ``Σp = 0``, with finite moments ``c = Σa``,
  ``v = Σaδ``, ``Σaδδᵀ → τuuᵀ``, ``τ = ±1``, ``δ_i = w_i − w``; here ``ε² = (p_i² + p_j² + p_k²)/2``;
* ``zero`` (i,): ``a_i = 1/ε, w_i = 4εℓ``, which leaves ``a_i/2 + ℓ·x`` (sigmoid).

In a pair, a triple or a zero neuron the outgoing weights diverge as ``ε → 0``; the output is an analytic ``f(q, ε)``,
``f = f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)`` (docs/infinity.md). The constants that mirrored pairs and zero neurons
release diverge one by one and must cancel: groups that share it are *balanced* against each other, and there are none
or at least two of them. Mirrored copies release a finite constant; where no groups are balanced, the shares ``β`` have
to make ``K`` between them: the chart is *tied*.
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
    """Neurons that belong together; of copies, the last ``flipped`` members are mirrored."""

    kind: Kind
    members: tuple[int, ...]
    flipped: int = 0


class Unit(NamedTuple):
    """A part of the limit network that permutations move as a whole: its type and its place in ``q``."""

    kind: str
    place: slice


class Flip(NamedTuple):
    """A linear map of the coordinates, and the groups of copies whose two halves it exchanges."""

    matrix: NDArray[np.int64]
    turned: frozenset[int]


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
        for kind, members, flipped in self.groups:
            if kind not in _ORDER or (len(members) < 2 if kind == "copies" else len(members) != _SIZE[kind]):
                raise ValueError(f"group {kind!r} of {len(members)} neurons, expected one of: copies (2 or more), "
                                 "pair (2), mirrored (2), triple+ (3), triple- (3), zero (1)")  # fmt: skip
            if not 0 <= 2 * flipped <= (len(members) if kind == "copies" else 0):
                raise ValueError(f"group {kind!r} of {len(members)} neurons has {flipped} mirrored members, expected "
                                 "at most half of them, and only of copies")  # fmt: skip
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
        """The structure up to permutation: ``pair``, ``copies3+mirrored+zero``, ``copies3-1`` (one mirrored), say."""
        return "+".join(map(_kind, self.groups))

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
    def mirrored_copies(self) -> tuple[Group, ...]:
        """The groups of copies with members of both signs."""
        return tuple(group for group in self.copies if group.flipped)

    @property
    def has_constant(self) -> bool:
        """Whether the limit network has a free constant ``K``."""
        return bool(self.balanced or self.mirrored_copies)

    @property
    def tied(self) -> bool:
        """Whether the shares of mirrored copies have to make ``K``: one condition on them."""
        return bool(self.mirrored_copies) and not self.balanced

    @property
    def has_linear(self) -> bool:
        return any(group.kind == "zero" for group in self.groups)

    @cached_property
    def orientation(self) -> NDArray[np.int64]:
        """(m,) ``−1`` for mirrored copies, else 1."""
        signs = np.ones(self.width, dtype=np.int64)
        for group in self.mirrored_copies:
            signs[list(group.members[-group.flipped :])] = -1
        return signs

    def to_json(self) -> dict[str, Any]:
        """Width, dimension and groups."""
        groups = [[g.kind, list(g.members), *([g.flipped] if g.flipped else [])] for g in self.groups]
        return {"width": self.width, "dimension": self.dimension, "groups": groups}

    def normal(self) -> Chart:
        """The same structure with the neurons renumbered in the order of ``q``: equal for permuted networks."""
        numbers = iter(range(self.width))
        groups = tuple(Group(g.kind, tuple(next(numbers) for _ in g.members), g.flipped) for g in self.groups)
        return Chart(self.width, self.dimension, groups)

    @property
    def order(self) -> tuple[int, ...]:
        """Neuron ``i`` of :meth:`normal` is neuron ``order[i]``: group by group, those in no group last."""
        grouped = [i for group in self.groups for i in group.members]
        return (*grouped, *(i for i in range(self.width) if i not in grouped))

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The neurons of each unit; none for a released constant without a neuron near zero."""
        limits = [group.members for group in (*self.pairs, *self.triples)]
        zero = [group.members for group in self.groups if group.kind == "zero"]
        return (*self.ordinary, *limits, *(zero if not self.balanced or zero else [()]))

    def terms(self, activation: Activation) -> tuple[Term, ...]:
        """The limit network ``f_0`` as terms, in the order of ``q``.

        Raises:
            ValueError: a released constant, and an activation other than the sigmoid.
        """
        if self.has_constant and activation.name != "sigmoid":
            # σ(−z) = 1 − σ(z), σ'(0) = 1/4 and σ^(3)(0) = −1/8 are used
            raise ValueError(f"activation is {activation.name!r}, mirrored and zero neurons need the sigmoid")
        terms: list[Term] = []
        if self.ordinary:
            terms.append(Neurons(len(self.ordinary), self.dimension, activation))
        terms += [Pair(self.dimension, activation) for _ in self.pairs]
        terms += [Triple(self.dimension, activation, _TAU[g.kind]) for g in self.triples]
        if self.has_constant:
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
        copies = list(map(_kind, self.copies))
        kinds = copies + ["neuron"] * (m - len(copies))
        size = [Unit(kind, slice(i * (d + 1), (i + 1) * (d + 1))) for i, kind in enumerate(kinds)]
        start = m * (d + 1)
        for group in self.pairs:
            size.append(Unit(group.kind, slice(start, start + 2 * d + 1)))
            start += 2 * d + 1
        for group in self.triples:
            size.append(Unit(group.kind, slice(start, start + 3 * d + 1)))
            start += 3 * d + 1
        if self.has_constant:
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
        # mirrored copies: (w, a) is (−w, −a) and the constant a
        constant = a[self.orientation < 0].sum() + a[0] * 0
        w, a = self.orientation[:, None] * w, self.orientation * a
        outputs = [a[list(members)] for members in self.ordinary]
        # copies: the mean weighted by the outputs keeps the linear term
        middles = [b @ w[list(members)] / b.sum() for b, members in zip(outputs, self.ordinary, strict=True)]
        parts: list[Floats] = [*middles, np.array([b.sum() for b in outputs])]
        eps, slope = [], w[0] * 0
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
        if self.has_constant:
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
            shares: for each group of copies, the coefficients ``β`` (sum 1), in a tied chart such that mirrored members
                have outputs with sum ``K``; equal ones by default, but for the first mirrored group of a tied chart.

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
        given = [exact(beta) for beta in shares] or self._default_shares(blocks)
        for k, members in enumerate(self.ordinary):
            beta = given[k] if k < len(given) else exact([1])
            if len(beta) != len(members) or beta.sum() != 1:
                raise ValueError(f"shares are {[str(b) for b in beta]}, expected {len(members)} with sum 1")
            turn = self.orientation[list(members)]
            w[list(members)], a[list(members)] = turn[:, None] * blocks[k][:d], turn * beta * blocks[k][d]
        released = sum(a[self.orientation < 0], Fraction(0))
        if self.tied and released != blocks[-1][0]:
            raise ValueError(f"mirrored copies have outputs with sum {released}, expected K = {blocks[-1][0]}")
        limits = dict(zip((*self.pairs, *self.triples), blocks[len(self.ordinary) :], strict=False))
        # Σ 1/ε over the balanced groups is 2K + Σ c over the mirrored pairs; mirrored copies have made a part of K
        rest = 2 * (blocks[-1][0] - released) if self.balanced else Fraction(0)
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

    def _default_shares(self, blocks: Sequence[Exact]) -> list[Exact]:
        """Equal shares; in a tied chart the first mirrored group makes what is missing from ``K``."""
        shares = [exact([Fraction(1, len(g.members))] * len(g.members)) for g in self.copies]
        if self.tied:
            d, rest = self.dimension, blocks[-1][0]
            for k, group in enumerate(self.copies):
                rest += Fraction(group.flipped, len(group.members)) * blocks[k][d]
            first = next(k for k, group in enumerate(self.copies) if group.flipped)
            size, flipped = len(self.copies[first].members), self.copies[first].flipped
            if not blocks[first][d]:
                raise ValueError("the first mirrored neuron has output 0; give the shares")
            # its mirrored members together have the share x more: −x a = rest
            x = -rest / blocks[first][d]
            shares[first][size - flipped :] += x / flipped
            shares[first][: size - flipped] -= x / (size - flipped)
        return shares

    def flips(self) -> list[Flip]:
        """Maps ``T`` of coordinates such that ``q`` and ``Tq`` are one limit: the identity is the first.

        Compositions of ``(w, u, c, K) → (−w, u, −c, K + c)`` for a mirrored pair, ``u → −u`` for a triple, and
        ``(w, a, K) → (−w, −a, K + a)`` for copies of which half are mirrored.
        """
        d, n, m = self.dimension, len(self.copies), len(self.ordinary)
        size = self.units[-1].place.stop
        found = [Flip(np.eye(size, dtype=np.int64), frozenset())]
        for k, unit in enumerate(self.units):
            start, flip, turned = unit.place.start, np.eye(size, dtype=np.int64), frozenset[int]()
            if k < n and 2 * self.copies[k].flipped == len(self.copies[k].members):
                # in q the outputs of ordinary neurons follow all their w
                output, released = m * d + k, self.units[-1].place.start
                flip[k * d : (k + 1) * d] *= -1
                flip[output] *= -1
                flip[released, output] = 1
                turned = frozenset([k])
            elif unit.kind == "mirrored":
                released = self.units[-1].place.start
                flip[start : start + d] *= -1
                flip[start + 2 * d] *= -1
                flip[released, start + 2 * d] = 1
            elif unit.kind in _TAU:
                flip[start + 2 * d : start + 3 * d] *= -1
            else:
                continue
            found += [Flip(flip @ known.matrix, known.turned | turned) for known in found]
        return found


def _kind(group: Group) -> str:
    """The kind of a group, with its size where that varies: ``copies3``, ``copies3-1`` with one mirrored member."""
    size = str(len(group.members)) if group.kind == "copies" else ""
    return group.kind + size + (f"-{group.flipped}" if group.flipped else "")


def chart_of(width: int, dimension: int, groups: Sequence[Group]) -> Chart:
    """The chart with its groups in canonical order: copies (the largest first), pairs, mirrored, triples, zero."""

    def place(group: Group) -> tuple[int, int, int, tuple[int, ...]]:
        return _ORDER.get(group.kind, len(_ORDER)), -len(group.members), group.flipped, group.members

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
    groups = tuple(
        Group(kind, tuple(int(i) for i in members), *map(int, flipped)) for kind, members, *flipped in data["groups"]
    )
    return Chart(int(data["width"]), int(data["dimension"]), groups)
