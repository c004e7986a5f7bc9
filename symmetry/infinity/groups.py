"""Groups of neurons that belong together in a chart, and the rules for a released constant (docs/infinity.md)."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Literal, NamedTuple

Kind = Literal[
    "copies",
    "pair",
    "split+",
    "split-",
    "mirrored",
    "triple+",
    "triple-",
    "cubic",
    "quintic",
    "zero",
    "linear",
    "exponential+",
    "exponential-",
    "saturated",
]

ORDER: dict[str, int] = {
    "copies": 0,
    "pair": 1,
    "split+": 2,
    "split-": 2,
    "mirrored": 3,
    "triple+": 4,
    "triple-": 4,
    "cubic": 5,
    "quintic": 5,
    "zero": 6,
    "linear": 7,
    "exponential+": 8,
    "exponential-": 8,
    "saturated": 9,
}
TAU: dict[str, int] = {"triple+": 1, "triple-": -1}
GROWTH: dict[str, int] = {"exponential+": 1, "exponential-": -1}
"""The sign of the output that an exponential has."""

_EXACTLY: dict[str, int] = {
    "pair": 2,
    "mirrored": 2,
    "triple+": 3,
    "triple-": 3,
    "cubic": 2,
    "quintic": 3,
    "linear": 1,
    "exponential+": 1,
    "exponential-": 1,
    "saturated": 1,
}
_AT_LEAST: dict[str, int] = {"copies": 2, "split+": 3, "split-": 3, "zero": 1}

LARGEST = 10**17
"""The largest entry of the direction of a saturated neuron; certificates hold integers of at most 18 digits."""


class Group(NamedTuple):
    """Neurons that belong together.

    Args:
        kind: what they do.
        members: the neurons; of a ``split`` first the one that stands alone.
        flipped: how many of them, the last ones, stand for their mirror image ``(−w, −a)`` and the constant ``a``; of
            ``mirrored`` the second one always does, and is not counted.
        normal: (d) of a saturated neuron, coprime integers: the direction of its incoming weights in the limit.
    """

    kind: Kind
    members: tuple[int, ...]
    flipped: int = 0
    normal: tuple[int, ...] = ()

    @property
    def signs(self) -> tuple[int, ...]:
        """For each member 1, or −1 if it stands for its mirror image."""
        count = 1 if self.kind == "mirrored" else self.flipped
        return (1,) * (len(self.members) - count) + (-1,) * count

    @property
    def copied(self) -> tuple[int, ...]:
        """The places among the members of those that share one output, with shares ``β``; none if fewer than 2."""
        if self.kind in ("split+", "split-"):
            return tuple(range(1, len(self.members)))
        return tuple(range(len(self.members))) if self.kind in ("copies", "zero") and len(self.members) > 1 else ()

    @property
    def diverges(self) -> bool:
        return self.kind != "copies"

    @property
    def size(self) -> int:
        """The number of small coordinates, if no other group determines them."""
        return 2 if self.kind in (*TAU, "cubic", "quintic") else int(self.diverges)

    @property
    def releases(self) -> bool:
        """Whether the group releases a constant that diverges."""
        return self.kind in ("mirrored", "cubic", "zero") or (self.diverges and self.flipped > 0)

    @property
    def mixed(self) -> bool:
        """Whether the constant released depends on the shares: some copies are flipped, others not."""
        return len({self.signs[k] for k in self.copied}) == 2

    @property
    def label(self) -> str:
        """The kind, the number of members where it varies, and that of flipped ones: ``copies3-1``, ``split+3``.

        Of a saturated neuron the kind and its direction: ``saturated[1:-1]``.
        """
        if self.normal:
            return f"{self.kind}[{':'.join(map(str, self.normal))}]"
        return (
            self.kind + (str(len(self.members)) if self.copied else "") + (f"-{self.flipped}" if self.flipped else "")
        )

    @property
    def axis(self) -> int:
        """The first coordinate in which the direction of a saturated neuron is not 0: its ``ω`` is 0 there."""
        return next(k for k, entry in enumerate(self.normal) if entry)


def _most_flipped(kind: str, size: int) -> int:
    """How many members may be flipped. All the others are flipped instead where that is the same."""
    if kind in ("split+", "split-", "zero"):
        return size - 1
    return size // 2 if kind in ("copies", "triple+", "triple-") else 0


def check(groups: Sequence[Group]) -> None:
    """Refuse groups that make no chart.

    Raises:
        ValueError: a group of the wrong size, groups out of order, a released constant that nothing balances, two
            linear terms, constants of one sign, two triples with flipped members, a quintic group beside another
            constant, a cubic group beside others than one mirrored pair, or a saturated neuron without a direction.
    """
    for kind, members, flipped, normal in groups:
        size = len(members)
        fits = size == _EXACTLY[kind] if kind in _EXACTLY else size >= _AT_LEAST.get(kind, size + 1)
        if not fits:
            raise ValueError(
                f"group {kind!r} of {size} neurons, expected one of: copies (2 or more), pair (2), split+, "
                "split- (3 or more), mirrored (2), triple+, triple- (3), cubic (2), quintic (3), zero (1 or more), "
                "linear, exponential+, exponential-, saturated (1)"
            )
        if not 0 <= flipped <= _most_flipped(kind, size):
            raise ValueError(
                f"group {kind!r} of {size} neurons has {flipped} flipped members, expected at most half of copies, one "
                "of a triple, not all of a zero group, and of a split not the first"
            )
        directed = len(normal) > 1 and gcd(*normal) == 1 and max(map(abs, normal)) <= LARGEST
        if not (directed if kind == "saturated" else normal == ()):
            raise ValueError(
                f"group {kind!r} has the direction {list(normal)}, expected two or more coprime integers of at most "
                "17 digits for a saturated neuron, and none for others"
            )
    places = [ORDER[group.kind] for group in groups]
    if places != sorted(places):
        raise ValueError(f"groups {list(groups)} are out of order, expected {', '.join(ORDER)}; use chart_of")
    balanced = [group for group in groups if group.releases]
    alone = len(balanced) == 1 and not (balanced[0].kind == "zero" and balanced[0].mixed)
    if alone or sum(group.kind == "zero" for group in groups) > 1:
        raise ValueError(f"groups {list(groups)} release a constant that nothing balances, or two linear terms")
    # its two neurons make the constant with the pair, and the linear term
    cubics = [group for group in groups if group.kind == "cubic"]
    kinds = [group.kind for group in groups if group.releases or group.flipped or group.kind in ("quintic", "linear")]
    if cubics and kinds != ["mirrored", "cubic"]:
        raise ValueError(f"groups {list(groups)}: a cubic group asks for exactly one mirrored pair to share a constant")
    # its three neurons make the constant between them, and the linear term
    quintics = [group for group in groups if group.kind == "quintic"]
    if len(quintics) > 1 or (quintics and (balanced or any(group.flipped for group in groups))):
        raise ValueError(f"groups {list(groups)}: a quintic group beside another constant is not covered")
    # of an odd activation, where nothing is released
    linear = [group for group in groups if group.kind == "linear"]
    if len(linear) > 1 or (linear and (balanced or quintics or any(group.flipped for group in groups))):
        raise ValueError(f"groups {list(groups)}: two linear terms, or one beside a released constant")
    # flipped copies release a constant of one sign
    if {group.kind for group in balanced} in ({"split+"}, {"split-"}):
        raise ValueError(f"groups {list(groups)} release constants of one sign")
    if sum(group.kind in TAU and group.flipped > 0 for group in groups) > 1:
        raise ValueError(f"groups {list(groups)}: two triples with flipped members are not covered")


def conditions(groups: Sequence[Group]) -> list[tuple[Group, ...]]:
    """The sums of ``κ`` that have to be positive, each as the groups whose ``κ`` add up.

    A group that releases nothing has its own. Two balanced groups, no triple and none of them mixed, share one small
    coordinate. Beside a triple or a cubic group the only other balanced group is of higher order and has none; of more
    each has its own.
    """
    own = [(group,) for group in groups if group.diverges and not group.releases]
    balanced = [group for group in groups if group.releases]
    triples = [group for group in balanced if group.kind in (*TAU, "cubic")]
    if len(balanced) == 2 and not triples and not any(group.mixed for group in balanced):
        return [*own, tuple(balanced)]
    if len(balanced) == 2 and triples:
        return [*own, (triples[0],)]
    return [*own, *((group,) for group in balanced)]


def stiff(groups: Sequence[Group]) -> list[Group]:
    """The diverging groups whose copies must be held together by a definite form.

    All that have copies, but for copies of the zero neuron that balances a triple: they are of fourth order.
    """
    balanced = [group for group in groups if group.releases]
    negligible = len(balanced) == 2 and any(group.kind in TAU for group in balanced)
    return [g for g in groups if g.diverges and g.copied and not (negligible and g.kind == "zero")]
