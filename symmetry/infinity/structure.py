"""What a chart takes apart: which neurons belong to which group, and where the coordinates of each part lie in ``q``.

The kinds of groups are explained in :mod:`symmetry.infinity.charts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from symmetry.infinity.groups import GROWTH, TAU, Group, check, conditions, stiff

_PAIRS = ("pair", "split+", "split-", "mirrored")


class Unit(NamedTuple):
    """A part of the limit network that permutations move as a whole: its type and its place in ``q``."""

    kind: str
    place: slice


@dataclass(frozen=True)
class Structure:
    """How a network of ``width`` neurons is taken apart.

    Args:
        width: number of neurons.
        dimension: of the inputs.
        groups: disjoint, in the order copies, pairs, mirrored pairs, triples, cubic or quintic group, zero neuron,
            linear group, exponentials, saturated neurons; neurons in none are ordinary.
        bias: whether the students have an output bias.

    Raises:
        ValueError: groups that overlap, of the wrong size or out of order, or a released constant that nothing
            balances.
    """

    width: int
    dimension: int
    groups: tuple[Group, ...]
    bias: bool = False

    def __post_init__(self) -> None:
        check(self.groups)
        if self.bias and self.saturated:
            raise ValueError(f"groups {self.groups}: saturated neurons beside an output bias are not covered")
        if any(len(group.normal) != self.dimension for group in self.saturated):
            raise ValueError(f"groups {self.groups}: expected directions of {self.dimension} entries")
        if self.bias and any(group.releases or group.flipped or group.kind == "quintic" for group in self.groups):
            raise ValueError(f"groups {self.groups} release a constant beside an output bias, which takes it")
        used = [i for group in self.groups for i in group.members]
        if len(set(used)) != len(used) or not set(used) <= set(range(self.width)):
            raise ValueError(f"groups {self.groups} overlap or leave the {self.width} neurons")

    @property
    def name(self) -> str:
        """The structure up to permutation: ``pair``, ``copies3+mirrored+zero``, ``copies3-1`` (one mirrored), say."""
        return "+".join(group.label for group in self.groups)

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
        """The groups whose weights diverge."""
        return tuple(group for group in self.groups if group.diverges)

    @property
    def pairs(self) -> tuple[Group, ...]:
        """The groups that leave a pair limit."""
        return tuple(group for group in self.groups if group.kind in _PAIRS)

    @property
    def triples(self) -> tuple[Group, ...]:
        """The groups that leave a triple limit."""
        return tuple(group for group in self.groups if group.kind in TAU)

    @property
    def cubics(self) -> tuple[Group, ...]:
        """The group that leaves a polynomial of degree 3, if there is one."""
        return tuple(group for group in self.groups if group.kind == "cubic")

    @property
    def quintics(self) -> tuple[Group, ...]:
        """The group that leaves a polynomial of degree 5, if there is one."""
        return tuple(group for group in self.groups if group.kind == "quintic")

    @property
    def linears(self) -> tuple[Group, ...]:
        """The neuron near zero of an odd activation, if there is one."""
        return tuple(group for group in self.groups if group.kind == "linear")

    @property
    def exponentials(self) -> tuple[Group, ...]:
        """The neurons that leave an exponential."""
        return tuple(group for group in self.groups if group.kind in GROWTH)

    @property
    def saturated(self) -> tuple[Group, ...]:
        """The neurons whose incoming weights diverge, and not their outputs."""
        return tuple(group for group in self.groups if group.kind == "saturated")

    @property
    def limits(self) -> tuple[Group, ...]:
        """The diverging groups with a block of coordinates of their own: all but the zero group."""
        return tuple(group for group in self.diverging if group.kind != "zero")

    @property
    def balanced(self) -> tuple[Group, ...]:
        """The groups that release a constant."""
        return tuple(group for group in self.groups if group.releases)

    @property
    def mirrored_copies(self) -> tuple[Group, ...]:
        """The groups of copies with members of both signs."""
        return tuple(group for group in self.copies if group.flipped)

    @property
    def has_constant(self) -> bool:
        """Whether the limit network has a free constant ``K``."""
        return bool(self.balanced or self.mirrored_copies or self.quintics)

    @property
    def plain(self) -> bool:
        """Whether paths are defined in the chart.

        Diverging groups are pairs, triples, zero groups, and saturated neurons or a quintic group, and only mirrored
        pairs and triples have flipped members, or a zero group that alone releases a constant, or splits, if a mirrored
        pair or a zero group balances them; no copies are mirrored.
        """
        kinds = {"copies", "zero", "quintic" if self.quintics else "saturated", *_PAIRS, *TAU}
        balancing = self.dependent is not None and self.dependent.kind in ("mirrored", "zero")
        flippable = [*self.triples, self._alone, *(self.turned if balancing else ())]
        return not self.bias and all(g.kind in kinds and (not g.flipped or g in flippable) for g in self.groups)

    @property
    def turned(self) -> tuple[Group, ...]:
        """The splits with flipped copies."""
        return tuple(group for group in self.pairs if group.flipped)

    @property
    def tied(self) -> bool:
        """Whether the shares of mirrored copies have to make ``K``: one condition on them."""
        return bool(self.mirrored_copies) and not self.balanced

    @property
    def has_linear(self) -> bool:
        return any(group.kind in ("cubic", "quintic", "zero") for group in self.groups)

    @cached_property
    def orientation(self) -> NDArray[np.int64]:
        """(m,) ``−1`` for mirrored copies, else 1."""
        signs = np.ones(self.width, dtype=np.int64)
        for group in self.mirrored_copies:
            signs[list(group.members[-group.flipped :])] = -1
        return signs

    def to_json(self) -> dict[str, Any]:
        """Width, dimension and groups."""
        groups = [
            [g.kind, list(g.members), *([g.flipped] if g.flipped else []), *([list(g.normal)] if g.normal else [])]
            for g in self.groups
        ]
        bias = {"bias": True} if self.bias else {}
        return {"width": self.width, "dimension": self.dimension, "groups": groups, **bias}

    def normal(self) -> Self:
        """The same structure with the neurons renumbered in the order of ``q``: equal for permuted networks."""
        numbers = iter(range(self.width))
        groups = tuple(g._replace(members=tuple(next(numbers) for _ in g.members)) for g in self.groups)
        return replace(self, groups=groups)

    @property
    def order(self) -> tuple[int, ...]:
        """Neuron ``i`` of :meth:`normal` is neuron ``order[i]``: group by group, those in no group last."""
        grouped = [i for group in self.groups for i in group.members]
        return (*grouped, *(i for i in range(self.width) if i not in grouped))

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The neurons of each unit; none for a released constant without a neuron near zero."""
        limits = [group.members for group in self.limits]
        zero = [group.members for group in self.groups if group.kind == "zero"]
        return (*self.ordinary, *limits, *(zero if zero or not (self.balanced or self.quintics) else [()]))

    @cached_property
    def conditions(self) -> tuple[tuple[Group, ...], ...]:
        """For each condition ``Σ κ > 0``, the groups whose ``κ`` add up."""
        return tuple(conditions(self.groups))

    @cached_property
    def stiff(self) -> tuple[Group, ...]:
        """The diverging groups whose copies a definite form must hold together."""
        return tuple(stiff(self.groups))

    def term(self, group: Group) -> int:
        """The index of a diverging group's term among :meth:`terms`."""
        limits = self.limits
        return (1 if self.ordinary else 0) + (len(limits) if group.kind == "zero" else limits.index(group))

    def place(self, group: Group) -> slice:
        """Where a diverging group has its coordinates in ``q``; a zero group has the constant as well."""
        limits = self.limits
        return self.units[-1 if group.kind == "zero" else len(self.ordinary) + limits.index(group)].place

    @property
    def noded(self) -> tuple[Group, ...]:
        """The groups that are read off at nodes along a path: triples and a quintic group."""
        return (*self.triples, *self.quintics)

    def span(self, group: Group) -> slice:
        """As :meth:`place`, in a chart that is plain; of a quintic group with ``(K, ℓ)``, which come next."""
        place = self.place(group)
        return slice(place.start, self.units[-1].place.stop) if group.kind == "quintic" else place

    @property
    def shared(self) -> tuple[Group, ...]:
        """The groups with shares ``β``: copies and copied members of diverging groups."""
        return tuple(group for group in self.groups if group.copied)

    @property
    def family(self) -> int:
        """The dimension of the set of shares: their sums are 1, and where they have to make ``K`` it is one less."""
        return sum(len(group.copied) - 1 for group in self.shared) - (self.tied or len(self.balanced) == 1)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The parts of ``q`` in terms of neurons and pairs; ordinary neurons first, in coordinates of their own."""
        d, m = self.dimension, len(self.ordinary)
        copies = [group.label for group in self.copies]
        kinds = copies + ["neuron"] * (m - len(copies))
        size = [Unit(kind, slice(i * (d + 1), (i + 1) * (d + 1))) for i, kind in enumerate(kinds)]
        start = m * (d + 1)
        for group in self.pairs:
            size.append(Unit(group.label, slice(start, start + 2 * d + 1)))
            start += 2 * d + 1
        for group in self.triples:
            size.append(Unit(group.label, slice(start, start + 3 * d + 1)))
            start += 3 * d + 1
        for group in self.cubics:
            size.append(Unit(group.label, slice(start, start + d)))
            start += d
        for group in self.quintics:
            size.append(Unit(group.label, slice(start, start + 2 * d)))
            start += 2 * d
        for group in (*self.linears, *self.exponentials, *self.saturated):
            size.append(Unit(group.label, slice(start, start + d)))
            start += d
        if self.has_constant:
            size.append(Unit("affine", slice(start, start + 1 + (d if self.has_linear else 0))))
        if self.bias:
            size.append(Unit("bias", slice(start, start + 1)))
        return tuple(size)

    def by_unit(self, q: Any) -> Any:
        """``q`` reordered so that each unit is one run of entries (``w_i, a_i`` together)."""
        d, m = self.dimension, len(self.ordinary)
        order = [k for i in range(m) for k in (*range(i * d, (i + 1) * d), m * d + i)]
        return q[[*order, *range(m * (d + 1), len(q))]]

    @property
    def dependent(self) -> Group | None:
        """The balanced group whose ``ε`` the others and ``K`` determine: the last one that is no triple nor cubic."""
        if len(self.balanced) < 2:
            return None
        return [group for group in self.balanced if group not in (*self.triples, *self.cubics)][-1]

    @property
    def free(self) -> tuple[tuple[Group, int], ...]:
        """The diverging groups with the number of small coordinates that :meth:`network` asks for.

        One for each ``ε``, two for a triple, a cubic and a quintic group; the dependent group has none, as ``K``
        determines its ``ε``.
        """
        last = self.dependent
        return tuple((g, 0 if g == last else g.size) for g in self.diverging)

    @property
    def _alone(self) -> Group | None:
        """The zero group that balances itself."""
        return self.balanced[0] if len(self.balanced) == 1 else None
