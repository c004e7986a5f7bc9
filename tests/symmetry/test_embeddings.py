"""Embeddings: where the copies go, what is preserved in plain cases, refusals; expansion manifolds; strategies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.counting import G, T
from symmetry.embeddings import (
    Composition,
    Embedding,
    Flip,
    MirroredSplit,
    Moment,
    Null,
    Permutation,
    Preserved,
    Split,
    Turn,
    critical_pieces,
    expansion,
    preserved,
)
from symmetry.network import Network
from symmetry.reduction import reduce
from symmetry.strategies import networks, preserving_flips, problems, shares, splits, strata_points

ONE, HALF, ZERO = Fraction(1), Fraction(1, 2), Fraction(0)
U, V = (ONE, Fraction(2)), (ZERO, ONE)
TWO = Network.of([U, V], [1, -1])


def rows(network: Network) -> list[tuple[list[Fraction], Fraction]]:
    return [(list(w), a) for w, a in zip(network.w, network.a, strict=True)]


def test_where_the_copies_go() -> None:
    split = Split(0, (Fraction(3), Fraction(-2)))
    assert rows(split.apply(TWO)) == [([1, 2], 3), ([0, 1], -1), ([1, 2], -2)]
    mirrored = MirroredSplit(1, (ONE,), (HALF, HALF), Fraction(4))
    assert rows(mirrored.apply(TWO)) == [([1, 2], 1), ([0, 1], 3), ([0, -1], 2), ([0, -1], 2)]
    assert rows(Null(U, (ONE, -ONE)).apply(TWO))[2:] == [([1, 2], 1), ([1, 2], -1)]
    assert rows(Flip((1,)).apply(TWO)) == [([1, 2], 1), ([0, -1], 1)]
    assert rows(Permutation((1, 0)).apply(TWO)) == [([0, 1], -1), ([1, 2], 1)]
    # the given network is left alone
    assert rows(TWO) == [([1, 2], 1), ([0, 1], -1)]


SUM = Moment("sum")
CASES: list[tuple[Embedding, Fraction | None, Any, tuple[Moment, ...]]] = [
    (Permutation((1, 0)), ONE, 0, ()),
    (Permutation((1, 0)), None, 0, ()),
    (Split(0, (HALF, HALF)), ONE, 0, ()),
    (Split(0, (HALF, HALF)), None, 0, ()),
    (MirroredSplit(0, (ONE,), (ONE,), Fraction(2)), ONE, 2, (SUM,)),
    (MirroredSplit(0, (ONE,), (ONE,), Fraction(2)), ZERO, 0, ()),
    (Flip((0, 1)), ONE, 0, (SUM,)),
    (Flip((0, 1)), ZERO, 0, ()),
    (Flip((0,)), ONE, -1, (SUM,)),
    (Null((ONE, ONE)), ONE, 0, (Moment("output", (ONE, ONE)),)),
    (Null((ONE, ONE), (ONE, -ONE)), ONE, 0, (Moment("output", (ONE, ONE)), Moment("weight", (ONE, ONE)))),
    # neurons where there is one already, or its mirror image, or at 0
    (Null(U), ONE, 0, ()),
    (Null(U, (ONE, -ONE)), None, 0, ()),
    (Null((-ONE, Fraction(-2))), ONE, 0, (SUM,)),
    (Null((-ONE, Fraction(-2))), ZERO, 0, ()),
    (Null((ZERO, ZERO)), ONE, 0, (SUM,)),
    (Null((ZERO, ZERO)), ZERO, 0, ()),
    (Null((ZERO, ZERO)), None, 0, (Moment("output", (ZERO, ZERO)),)),
    (Null((ZERO, ZERO), (ONE, -ONE)), ONE, 0, (SUM, Moment("weight", (ZERO, ZERO)))),
    # twice flipped is not flipped
    (Composition((Flip((0,)), Flip((0,)))), ONE, 0, ()),
    (Composition((Split(0, (Fraction(2), -ONE)), Flip((1, 2)))), ONE, 2, (SUM,)),
]


@pytest.mark.parametrize(("embedding", "reflection", "shift", "moments"), CASES)
def test_what_is_preserved(
    embedding: Embedding, reflection: Fraction | None, shift: Any, moments: tuple[Moment, ...]
) -> None:
    assert preserved(TWO, embedding.apply(TWO), reflection) == Preserved(Fraction(shift), moments)


def test_without_an_identity_flips_preserve_nothing() -> None:
    found = preserved(TWO, Flip((0, 1)).apply(TWO), None)
    assert found.shift is None
    assert not found.output()
    assert found.criticality() is None


def test_a_bias_is_taken_over() -> None:
    found = preserved(TWO, MirroredSplit(0, (ONE,), (ONE,), Fraction(2)).apply(TWO), ONE)
    assert not found.output()
    assert found.criticality() is None
    assert found.output(Fraction(2))
    assert found.criticality(Fraction(2)) == (SUM,)
    assert found.criticality(Fraction(2), free=True) == ()


def test_a_neuron_without_output_need_not_stay_flat() -> None:
    # Σ r σ' x = 0 is known where a ≠ 0 only
    idle = Network.of([U, V], [1, 0])
    assert preserved(idle, Split(1, (HALF, HALF)).apply(idle), ONE).moments == ()
    assert preserved(idle, Null(V, (ONE, -ONE)).apply(idle), ONE).moments == (Moment("weight", V),)


def test_a_mirrored_pair_knows_that_the_residuals_have_sum_0() -> None:
    pair = Network.of([U, (-ONE, Fraction(-2))], [1, 2])
    assert preserved(pair, Flip((0,)).apply(pair), ONE).moments == ()


def test_moments_in_words() -> None:
    assert str(SUM) == "Σ r = 0"
    assert str(Moment("output", (HALF, ONE))) == "Σ r σ(w·x) = 0 at w = (1/2, 1)"
    assert str(Moment("weight", (HALF, ONE))) == "Σ r σ′(w·x) x = 0 at w = (1/2, 1)"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Split(0, (HALF,)), "shares are .1/2., expected numbers with sum 1"),
        (lambda: Split(0, ()), "sum 1"),
        (lambda: MirroredSplit(0, (ONE,), (HALF,), ONE), "flipped are"),
        (lambda: MirroredSplit(0, (HALF,), (ONE,), ONE), "kept are"),
        (lambda: Null(U, (ONE,)), "sum 0"),
        (lambda: Null(U, ()), "sum 0"),
        (lambda: Null((ONE,)).apply(TWO), "expected 2 numbers"),
        (lambda: Split(2, (ONE,)).apply(TWO), "neuron is 2, expected 0 to 1"),
        (lambda: Flip((-1,)).apply(TWO), "neuron is -1"),
        (lambda: Permutation((0, 0)).apply(TWO), "each of the neurons 0 to 1 once"),
        (lambda: expansion(TWO, 1, ONE), "width is 1"),
        (lambda: expansion(Network.of([U, U], [1, 1]), 3, ONE), "act as one"),
        (lambda: expansion(Network.of([U], [0]), 3, ONE), "act as one, or not at all"),
        (lambda: expansion(Network.of([[0, 0]], [1]), 3, None), "not at all"),
    ],
)
def test_refusals(made: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made()


@pytest.mark.parametrize(("width", "reflection"), [(2, None), (3, None), (4, None), (3, ZERO), (3, ONE), (4, ONE)])
def test_pieces_of_the_expansion_manifold(width: int, reflection: Fraction | None) -> None:
    pieces = expansion(TWO, width, reflection)
    kept = critical_pieces(pieces)
    assert sum(piece.orbit_size for piece in kept) == G(2, width)
    assert {piece.dimension for piece in kept} == {width - 2}
    if reflection is None:
        assert sum(piece.orbit_size for piece in pieces) == T(2, width)
    # the largest: each neuron more is a null neuron with free w
    assert max(piece.dimension for piece in pieces) == 2 * (width - 2)


def test_a_reduction_in_full() -> None:
    wide = Network.of([[1, 2], [-1, -2], [0, 0], [0, 1], [0, -1]], [3, 1, 4, 1, 1])
    found = reduce(wide, ONE)
    assert rows(found.network) == [([1, 2], 2)]
    assert found.constant == 1 + 1 + 2
    assert found.members == ((0, 1),)
    assert found.idle == (2, 3, 4)
    assert found.width == 1
    without = reduce(wide, None)
    assert without.width == 5
    assert without.constant == 0
    nothing = reduce(Network.of([[0, 0]], [2]), ONE)
    assert nothing.width == 0
    assert nothing.network.w.shape == (0, 2)
    assert nothing.constant == 1


# ---------------------------------------------------------------------------------------------------------- strategies

FIRST = settings(derandomize=True, deadline=None, max_examples=500, database=None)


def test_examples_shrink_to_simple_ones() -> None:
    smallest = find(networks(dimension=1), lambda network: True, settings=FIRST)
    assert rows(smallest) == [([1], 1)]
    wide = find(networks(dimension=1), lambda network: network.width > 1, settings=FIRST)
    assert wide.width == 2
    assert find(shares(), lambda beta: min(beta) < 0, settings=FIRST) in {(-ONE, Fraction(2)), (Fraction(2), -ONE)}


@settings(max_examples=20)
@given(st.data())
def test_what_is_drawn_is_what_is_said(data: st.DataObject) -> None:
    network, flip = data.draw(preserving_flips())
    assert network.a[list(flip.neurons)].sum() == 0
    assert all(network.a)
    assert data.draw(splits(network)).apply(network).width in {network.width + 1, network.width + 2}
    problem = data.draw(problems(2, 2, symmetric=True))
    assert problem.inputs.is_point_symmetric
    assert problem.exact_labels
    stratum, point = data.draw(strata_points(problem, extra=2))
    assert stratum.width == 4
    assert stratum.contains(point)


def test_hypothesis_stays_optional() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import certify, symmetry.embeddings, symmetry.levels, symmetry.reduction, symmetry.splitting\n"
        "try: import symmetry.strategies\n"
        "except ImportError: print('optional')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "optional\n"


def test_turned_neurons_leave_a_linear_function() -> None:
    found = preserved(TWO, Turn((0,)).apply(TWO), None, ONE)
    # a σ(−w·x) = a σ(w·x) − a w·x
    assert found.shift == 0
    assert found.line == tuple(-TWO.a[0] * x for x in TWO.w[0])
    assert not found.output()
    assert found.criticality() is None
    assert found.moments == (Moment("line"),)


def test_turns_that_cancel_preserve_the_output_and_ask_for_one_moment() -> None:
    split = Split(0, (Fraction(2), -ONE)).apply(TWO)
    double = Network.of([U, tuple(2 * x for x in U)], [2, -1])
    for network in (double, Composition((Permutation((1, 0)),)).apply(double)):
        found = preserved(network, Turn((0, 1)).apply(network), None, ONE)
        assert found.output()
        assert found.criticality() == (Moment("line"),)
    assert preserved(TWO, split, None, ONE).criticality() == ()
    assert preserved(TWO, split, None, None).criticality() == ()
    assert str(Moment("line")) == "Σ r x = 0"


@pytest.mark.parametrize("name", ["softplus", "gelu"])
def test_the_moments_of_turned_neurons_decide(name: str) -> None:
    """At a critical point of a network on data with Σ r x = 0 the turned network is critical; with another r it is not.

    Float64: the gradients themselves against what is claimed.
    """
    sigma, rng = activation(name), np.random.default_rng(3)
    assert sigma.slope == 1
    over, x = Float64(), rng.normal(size=(40, 2))
    narrow = Network.of([[1, 2], [2, 4], [Fraction(1, 2), -1]], [2, -1, 1])
    wide = Turn((0, 1)).apply(narrow)
    assert preserved(narrow, wide, None, sigma.slope).criticality() == (Moment("line"),)

    def sums(network: Network) -> Any:
        z = x @ network.w.astype(np.float64).T
        value, slope = sigma.jet(z, 1, over)
        columns = [slope[:, i : i + 1] * x for i in range(network.width)]
        return value @ network.a.astype(np.float64), np.concatenate([value, *columns], axis=1)

    (f, moments), (g, turned) = sums(narrow), sums(wide)
    assert np.allclose(f, g, rtol=0, atol=1e-12)
    for more, critical in ((x, True), (x[:, :0], False)):
        given = np.concatenate([moments, more], axis=1)
        r = rng.normal(size=40)
        r -= given @ np.linalg.lstsq(given, r, rcond=None)[0]
        assert np.abs(moments.T @ r).max() < 1e-11
        assert bool(np.abs(turned.T @ r).max() < 1e-11) is critical
