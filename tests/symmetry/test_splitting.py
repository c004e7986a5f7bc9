"""Inertia of split points by counting, where second order is silent, levels and the tables of induced sets."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product

import pytest

from symmetry.counting import G
from symmetry.levels import Chambers, Source, by_index, chain, compositions, induced, sets_of
from symmetry.splitting import SecondOrder, Shares, Signature, second_order, split_dimension, split_inertia

DEFINITE, NEGATIVE, SADDLE, SINGULAR, NOTHING = (
    Signature(2, 0, 0), Signature(0, 2, 0), Signature(1, 1, 0), Signature(1, 0, 1), Signature(0, 0, 2)
)  # fmt: skip
MINIMUM = Signature(3, 0, 0)


def test_known_splits() -> None:
    # a minimum of 3 weights, B positive definite: two copies with β > 0 stay a minimum, one negative costs In(B)
    assert split_inertia(MINIMUM, [Shares(2, 0, 0, DEFINITE)]) == (5, 0, 1)
    assert split_inertia(MINIMUM, [Shares(1, 1, 0, DEFINITE)]) == (3, 2, 1)
    assert split_inertia(MINIMUM, [Shares(1, 1, 0, NEGATIVE)]) == (5, 0, 1)
    assert split_inertia(MINIMUM, [Shares(1, 2, 0, SADDLE)]) == (5, 2, 2)
    assert split_inertia(MINIMUM, [Shares(1, 0, 1, DEFINITE)]) == (3, 0, 3)
    assert split_inertia(Signature(6, 1, 0), [Shares(2, 0, 0, SADDLE), Shares(1, 1, 0, DEFINITE)]) == (7, 4, 2)


def test_mirrored_splits_lose_one_dimension() -> None:
    # narrow with bias: 4 weights; the wide network of two neurons has 6
    assert split_inertia(Signature(4, 0, 0), [Shares(2, 0, 0, DEFINITE)], mirrored=True) == (6, 0, 0)
    assert split_dimension([Shares(2, 0, 0, DEFINITE)], mirrored=True) == 0
    assert split_inertia(Signature(4, 0, 0), [Shares(2, 1, 0, SADDLE)], mirrored=True) == (6, 2, 1)
    with pytest.raises(ValueError, match="no neuron has two copies"):
        split_inertia(MINIMUM, [Shares(1, 0, 0, DEFINITE)], mirrored=True)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_sizes_add_up(d: int) -> None:
    for plus, minus, none in product(range(1, 4), range(3), range(3)):
        for p, n in product(range(d + 1), repeat=2):
            if p + n > d:
                continue
            shares = Shares(plus, minus, none, Signature(p, n, d - p - n))
            assert shares.added.size == (shares.copies - 1) * (d + 1)
            assert min(shares.added) >= 0


@pytest.mark.parametrize(
    ("narrow", "shares", "expected"),
    [
        (MINIMUM, Shares(2, 0, 0, DEFINITE), SecondOrder.MINIMA),
        (MINIMUM, Shares(1, 3, 0, NEGATIVE), SecondOrder.MINIMA),
        (MINIMUM, Shares(2, 0, 0, SADDLE), SecondOrder.SADDLE),
        (MINIMUM, Shares(1, 1, 0, SADDLE), SecondOrder.SADDLE),
        (Signature(2, 1, 0), Shares(2, 0, 0, DEFINITE), SecondOrder.SADDLE),
        (MINIMUM, Shares(1, 0, 1, DEFINITE), SecondOrder.NO_MINIMUM),
        (MINIMUM, Shares(1, 0, 1, SINGULAR), SecondOrder.NO_MINIMUM),
        (MINIMUM, Shares(1, 0, 1, NOTHING), SecondOrder.SILENT),
        (MINIMUM, Shares(2, 0, 0, SINGULAR), SecondOrder.SILENT),
        (MINIMUM, Shares(2, 0, 0, NOTHING), SecondOrder.SILENT),
        (Signature(2, 0, 1), Shares(2, 0, 0, DEFINITE), SecondOrder.SILENT),
    ],
)
def test_what_second_order_says(narrow: Signature, shares: Shares, expected: SecondOrder) -> None:
    assert second_order(narrow, [shares]) is expected


def test_a_zero_share_of_a_mirrored_split_is_not_free_to_move() -> None:
    assert second_order(Signature(4, 0, 0), [Shares(1, 0, 1, DEFINITE)], mirrored=True) is SecondOrder.SILENT
    assert second_order(Signature(4, 0, 0), [Shares(2, 0, 0, DEFINITE)], mirrored=True) is SecondOrder.MINIMA


@pytest.mark.parametrize("counts", [(0, 1, 0), (1, -1, 0), (1, 0, -1)])
def test_shares_with_sum_1_have_a_positive_one(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least one positive"):
        Shares(*counts, DEFINITE)


# -------------------------------------------------------------------------------------------------------------- levels

SOURCES = [
    Source(Signature(3, 0, 0), (SADDLE,)),
    Source(Signature(5, 1, 0), (DEFINITE, SADDLE)),
    Source(Signature(9, 0, 0), (DEFINITE, NEGATIVE, SADDLE)),
]


def brute_force(source: Source, width: int) -> tuple[set[tuple[int, ...]], Counter[int]]:
    """Labelled sets as maps of neurons onto classes, labelled chambers as signs of the neurons besides."""
    r, indices = source.width, Counter[int]()
    sets = {row for row in product(range(r), repeat=width) if len(set(row)) == r}
    for row in sets:
        for signs in product((1, -1), repeat=width):
            index = source.hessian.negative
            for j in range(r):
                mine = [s for s, label in zip(signs, row, strict=True) if label == j]
                if 1 not in mine:
                    break
                curvature = source.curvatures[j]
                index += (mine.count(1) - 1) * curvature.negative + mine.count(-1) * curvature.positive
            else:
                indices[index] += 1
    return sets, indices


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("extra", [1, 2, 3])
def test_sets_and_chambers_are_those_of_labelled_neurons(source: Source, extra: int) -> None:
    width = source.width + extra
    if width > 5:
        return
    sets, indices = brute_force(source, width)
    chambers = induced(source, width)
    assert by_index(chambers) == dict(sorted(indices.items()))
    assert sets_of(source, width) == len(sets) == sum({c.copies: c.sets for c in chambers}.values())
    assert {c.dimension for c in chambers} == {extra}
    assert all(c.inertia.zero == extra for c in chambers)


def test_published_multiplicities() -> None:
    nothing = Signature(1, 0, 0)
    assert [sets_of(Source(Signature(3 * r, 0, 0), (nothing,) * r), 5) for r in (2, 3)] == [30, 150]
    assert list(compositions(5, 3)) == [(1, 1, 3), (1, 2, 2), (1, 3, 1), (2, 1, 2), (2, 2, 1), (3, 1, 1)]


def test_levels_are_those_of_the_source() -> None:
    assert [source.level(4) for source in SOURCES] == [3, 2, 1]
    assert SOURCES[2].level(3) is None


@pytest.mark.parametrize("source", SOURCES)
def test_indices_never_fall_along_a_chain(source: Source) -> None:
    links = chain(source, source.width + 3)
    assert [link.width for link in links] == [source.width + k for k in (1, 2, 3)]
    for one, other in pairwise(links):
        assert one.smallest_index <= other.smallest_index
        assert one.largest_index <= other.largest_index
    assert links[0].smallest_index >= source.hessian.negative
    # one step further from any chamber: each copy added keeps or raises the index
    smaller = {(c.copies, c.negative): c for c in induced(source, source.width + 1)}
    for chamber in induced(source, source.width + 2):
        assert all(parent.index <= chamber.index for parent in parents(chamber, smaller))
        assert parents(chamber, smaller)


def parents(chamber: Chambers, smaller: dict[tuple[tuple[int, ...], tuple[int, ...]], Chambers]) -> list[Chambers]:
    found = []
    for j in range(len(chamber.copies)):
        copies = tuple(k - (i == j) for i, k in enumerate(chamber.copies))
        for lost in (0, 1):
            negative = tuple(n - lost * (i == j) for i, n in enumerate(chamber.negative))
            if (copies, negative) in smaller:
                found.append(smaller[copies, negative])
    return found


def test_minima_of_a_chain() -> None:
    # B > 0: only all β > 0; B < 0: only one β > 0, k ways; B indefinite: none
    assert [link.minima for link in chain(Source(MINIMUM, (DEFINITE,)), 4)] == [1, 1, 1]
    assert [link.minima for link in chain(Source(MINIMUM, (NEGATIVE,)), 4)] == [2, 3, 4]
    assert [link.minima for link in chain(Source(MINIMUM, (SADDLE,)), 4)] == [0, 0, 0]


def test_refusals() -> None:
    with pytest.raises(ValueError, match="expected more than the 3"):
        induced(SOURCES[2], 3)
    with pytest.raises(ValueError, match="neurons"):
        induced(Source(Signature(0, 0, 0), ()), 3)


def test_counts_are_exact_for_large_widths() -> None:
    source = Source(Signature(6, 0, 0), (DEFINITE, DEFINITE))
    chambers = induced(source, 30)
    assert sum({c.copies: c.sets for c in chambers}.values()) == G(2, 30)
    assert sum(c.chambers for c in chambers) == sum(
        math.comb(30, k) * (2**k - 1) * (2 ** (30 - k) - 1) for k in range(1, 30)
    )
    assert isinstance(chambers[0].chambers, int)
    assert Fraction(chambers[0].sets) == 30
