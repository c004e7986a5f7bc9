"""Same, different, undecided: against a search through all permutations, and the cases that could fool it."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_objects import in_chart, isolated, stratum

from certify.proofs.distinct import Comparison, compare, holds, match, perfect_matching
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.verdict import CriticalObject
from symmetry.network import Network, exact

SAME, DIFFERENT, UNDECIDED = Comparison.SAME, Comparison.DIFFERENT, Comparison.UNDECIDED

W = [[1, 2], [3, 4], [-5, 6]]
A = [1, -1, Fraction(1, 3)]


def graphs(size: int = 5) -> st.SearchStrategy[np.ndarray]:
    square = st.integers(1, size).flatmap(
        lambda m: st.lists(st.lists(st.booleans(), min_size=m, max_size=m), min_size=m, max_size=m)
    )
    return square.map(lambda rows: np.array(rows, dtype=bool))


@given(graphs())
def test_perfect_matching_against_all_permutations(graph: np.ndarray) -> None:
    m = len(graph)
    exists = any(all(graph[i, p[i]] for i in range(m)) for p in permutations(range(m)))
    found = perfect_matching(graph)
    assert (found is not None) == exists
    if found is not None:
        assert sorted(found) == list(range(m))
        assert all(graph[i, found[i]] for i in range(m))


def brute_force(a: CriticalObject, b: CriticalObject) -> Comparison:
    """Section 7's definition on whole boxes, with every permutation of the neurons of ``b``."""
    m, d = a.width, a.network.dimension
    first, second = a.proofs[0], b.proofs[0]
    assert isinstance(first, Krawczyk)
    assert isinstance(second, Krawczyk)
    same, meet = False, False
    for p in permutations(range(m)):
        order = [i * d + k for i in p for k in range(d)] + [m * d + i for i in p]

        def box(proof: Krawczyk, radius: np.ndarray, order: list[int]) -> list[tuple[Fraction, Fraction]]:
            return [(proof.center[i] - Fraction(radius[i]), proof.center[i] + Fraction(radius[i])) for i in order]

        straight = list(range(len(order)))
        tight_a, wide_a = (box(first, r, straight) for r in (first.existence_radius, first.uniqueness_radius))
        tight_b, wide_b = (box(second, r, order) for r in (second.existence_radius, second.uniqueness_radius))
        for inner, outer in ((tight_a, wide_b), (tight_b, wide_a)):
            same |= all(o[0] <= i[0] and i[1] <= o[1] for i, o in zip(inner, outer, strict=True))
        meet |= all(x[0] <= y[1] and y[0] <= x[1] for x, y in zip(tight_a, tight_b, strict=True))
    return SAME if same else UNDECIDED if meet else DIFFERENT


@given(st.data())
def test_compare_against_all_permutations(data: st.DataObject) -> None:
    m = data.draw(st.integers(1, 3))
    objects = []
    for _ in range(2):
        numbers = st.integers(0, 2)
        w = data.draw(st.lists(st.lists(numbers, min_size=1, max_size=1), min_size=m, max_size=m))
        a = data.draw(st.lists(numbers, min_size=m, max_size=m))
        existence = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.75]), min_size=2 * m, max_size=2 * m))
        wider = data.draw(st.sampled_from([0.25, 0.5, 1.0]))
        objects.append(isolated(w, a, existence=existence, uniqueness=[r + wider for r in existence]))
    found = compare(*objects)
    assert found == brute_force(*objects)
    assert found == compare(objects[1], objects[0])


def test_a_permuted_copy_is_the_same() -> None:
    order = [2, 0, 1]
    shuffled = isolated([W[i] for i in order], [A[i] for i in order])
    assert compare(isolated(W, A), shuffled) is SAME


def test_negated_parameters_are_another_object() -> None:
    # ± pairs have equal losses: only the boxes tell them apart
    negated = isolated([[-x for x in row] for row in W], [-x for x in A])
    assert compare(isolated(W, A), negated) is DIFFERENT


def test_disjoint_losses_decide_without_boxes() -> None:
    here = isolated(W, A, existence=8, uniqueness=16, loss=(Fraction(1, 3), Fraction(1, 2)))
    higher = isolated(W, A, existence=8, uniqueness=8.5, loss=(Fraction(1, 2) + Fraction(1, 10**40), 1))
    assert compare(here, higher) is DIFFERENT


def test_touching_losses_do_not_decide() -> None:
    low = isolated(W, A, existence=8, uniqueness=8.5, loss=(Fraction(1, 3), Fraction(1, 2)))
    w = [[x + 1 for x in row] for row in W]
    assert compare(low, isolated(w, A, existence=8, uniqueness=8.5, loss=(Fraction(1, 2), 1))) is UNDECIDED


def test_one_bit_outside_is_not_inside() -> None:
    box = isolated(W, A, existence=0.25, uniqueness=0.5)
    shift = Fraction(1, 4)
    touching = isolated([[x + shift for x in row] for row in W], A, existence=0.25, uniqueness=0.25)
    assert compare(box, touching) is SAME  # [0, 1/2] lies in [−1/2, 1/2]: closed
    beyond = isolated([[x + shift + Fraction(1, 2**200) for x in row] for row in W], A, existence=0.25, uniqueness=0.25)
    assert compare(box, beyond) is UNDECIDED


def test_every_neuron_needs_a_partner_of_its_own() -> None:
    # both neurons of b lie in the box of a's first neuron, none in that of its second
    a = isolated([[0], [9]], [0, 0], existence=0.5, uniqueness=2)
    b = isolated([[0], [1]], [0, 0], existence=0.5, uniqueness=0.75)
    assert compare(a, b) is DIFFERENT


def test_different_widths_are_different() -> None:
    assert compare(isolated(W, A), isolated(W[:2], A[:2])) is DIFFERENT


def test_strata_go_by_name() -> None:
    one, other = stratum(W, A, name="C1+ C2+ Z"), stratum(W, A, name="C1+ C2-,+")
    assert compare(one, stratum([[0, 0], *W[:2]], A, name="C1+ C2+ Z")) is SAME
    assert compare(one, other) is DIFFERENT


def test_a_stratum_and_an_isolated_point() -> None:
    family = stratum(W, A, name="C1+ C2+ Z")
    assert compare(family, isolated(W, A, loss=(Fraction(1, 10**30), 1))) is DIFFERENT
    assert compare(family, isolated(W, A, loss=(0, 1))) is UNDECIDED


def test_an_isolated_global_minimum_has_boxes() -> None:
    proof = isolated(W, A).proofs[0]
    minimum = stratum(W, A, name="C1+ C2+ C3+", dimension=0, proofs=(proof,))
    assert compare(minimum, isolated(W, A, loss=(0, 1))) is SAME
    assert match(Network.of(W, A), minimum) == (0, 1, 2)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_match_returns_the_permutation_that_fits(order: tuple[int, ...]) -> None:
    found = isolated(W, A, uniqueness=0.5)
    shuffled = Network.of(W, A).permuted(order)
    permutation = match(shuffled, found)
    assert permutation is not None
    assert (shuffled.permuted(permutation).theta() == found.network.theta()).all()


def test_match_is_exact_at_the_edge() -> None:
    found = isolated([[0]], [0], uniqueness=2.0**-10)
    edge = Fraction(2.0**-10)
    assert match(Network.of([[edge]], [-edge]), found) == (0,)
    assert match(Network.of([[edge]], [-edge - Fraction(1, 2**300)]), found) is None


def test_no_match_without_a_box_or_with_another_width() -> None:
    network = Network.of(W, A)
    assert match(network, stratum(W, A, name="C1+ C2+ Z")) is None
    assert match(Network(network.w[:2], network.a[:2]), isolated(W, A)) is None


def test_wide_boxes_take_no_search_through_permutations() -> None:
    # 12! permutations would never finish
    n = 12
    w, a = exact([[i] for i in range(n)]), exact([0] * n)
    assert compare(isolated(w, a), isolated(w[::-1], a)) is SAME
    assert compare(isolated(w, a), isolated(w[::-1] + exact([[1]] * n), a)) is DIFFERENT


# ------------------------------------------------------------------------------------------------ plateaus, channels

TWINS = [("copies", (0, 1)), ("copies", (2, 3))]
P, Q = (1, 5), (3, -7)  # two neurons (w, a) with one input


def plateau(first: tuple[int, int], second: tuple[int, int], splits: list[tuple[int, int]]) -> CriticalObject:
    return in_chart(TWINS, 4, [first[0], second[0], first[1], second[1]], splits)


def test_the_order_of_the_copied_neurons_does_not_matter() -> None:
    assert compare(plateau(P, Q, [(1, 1), (2, 0)]), plateau(Q, P, [(2, 0), (1, 1)])) is SAME


def test_which_neuron_has_a_negative_copy_matters() -> None:
    # one eigenvalue is negative in both: only the split tells them apart
    one, other = plateau(P, Q, [(1, 1), (2, 0)]), plateau(Q, P, [(1, 1), (2, 0)])
    assert one.morse_index == other.morse_index == 1
    assert compare(one, other) is DIFFERENT


def test_a_plateau_is_no_point() -> None:
    point = isolated([[1], [1], [3], [3]], [2, 3, -3, -4], loss=(Fraction(1, 512), Fraction(1, 256)))
    assert compare(plateau(P, Q, [(2, 0), (2, 0)]), point) is DIFFERENT
    assert match(point.network or Network.of([], []), plateau(P, Q, [(2, 0), (2, 0)])) is None


def test_channels_are_compared_in_their_chart() -> None:
    # q = (w_1, a_1, w, u, c): an ordinary neuron and a pair
    pair = [("pair", (0, 1))]
    here, there = in_chart(pair, 3, [1, 2, 3, 4, 5]), in_chart(pair, 3, [1, 2, 3, 4, 6])
    assert compare(here, in_chart(pair, 3, [1, 2, 3, 4 + Fraction(1, 2**30), 5])) is SAME
    assert compare(here, there) is DIFFERENT
    chart = here.chart
    assert chart is not None
    assert holds(here, chart, [], exact([1, 2, 3, 4, 5 + Fraction(1, 2**10)]))
    assert not holds(here, chart, [], exact([1, 2, 3, 4, 5 + Fraction(1, 2**9)]))
    assert compare(here, in_chart([("mirrored", (0, 1)), ("zero", (2,))], 3, [3, 4, 5, 1, 2])) is UNDECIDED
