"""The lemmas about symmetry, on drawn examples: what embeddings preserve, strata, split points, canonical forms.

Equalities are tested in balls: an enclosure of the difference contains 0 at every precision and shrinks. That
something is *not* preserved is proved by a counterexample, which Hypothesis has to find.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from lemma_cases import (
    Narrow,
    all_vanish,
    avoids,
    certified,
    certified_signature,
    curvature,
    difference,
    embedded,
    examples,
    gradient,
    hessian,
    loss,
    moment_value,
    some_avoids,
    vanishes,
)

from symmetry.embeddings import (
    Composition,
    Flip,
    MirroredSplit,
    Moment,
    Null,
    Split,
    critical_pieces,
    expansion,
    preserved,
)
from symmetry.network import Exact, Network, exact
from symmetry.problem import Problem, load_problem
from symmetry.reduction import canonical, reduce
from symmetry.splitting import Shares, Signature, split_dimension, split_inertia
from symmetry.strategies import (
    Planted,
    embeddings,
    flips,
    mirrored_splits,
    networks,
    nulls,
    numbers,
    permutations,
    planted,
    preserving_flips,
    problems,
    shares,
    splits,
    strata_points,
)

ONE = Fraction(1)
SEARCH = settings(max_examples=200, deadline=None, derandomize=True, phases=[Phase.generate])
"""For :func:`hypothesis.find`: a counterexample, not the smallest one."""
POINT = exact([Fraction(3, 7), Fraction(-5, 3)])


# --------------------------------------------------------------------------------------------------- invariant outputs


@examples(15)
@given(st.data())
def test_group_elements_leave_the_output_alone(data: st.DataObject) -> None:
    network, flip = data.draw(preserving_flips())
    for element in (data.draw(permutations(network)), data.draw(splits(network, zero=True)), flip):
        image = element.apply(network)
        assert preserved(network, image, ONE).output()
        assert vanishes(difference(image, network, POINT))


@examples(20)
@given(st.data())
def test_embeddings_change_the_output_by_the_stated_constant(data: st.DataObject) -> None:
    network = data.draw(networks(distinct=False))
    wide = data.draw(embeddings(network)).apply(network)
    shift = preserved(network, wide, ONE).shift
    assert shift is not None
    constant = Network.of([[0, 0]], [2 * shift])  # σ(0) = 1/2
    both = Network(np.concatenate([network.w, constant.w]), np.concatenate([network.a, constant.a]))
    assert vanishes(difference(wide, both, POINT))


@examples(15)
@given(st.data())
def test_each_embedding_declares_its_constant(data: st.DataObject) -> None:
    network = data.draw(networks())
    flip, mirrored = data.draw(flips(network)), data.draw(mirrored_splits(network))
    cases = {
        data.draw(permutations(network)): Fraction(0),
        data.draw(splits(network)): Fraction(0),
        data.draw(nulls(network)): Fraction(0),
        flip: -network.a[list(flip.neurons)].sum(),
        mirrored: mirrored.output,
    }
    for embedding, shift in cases.items():
        for c in (ONE, Fraction(0), Fraction(2)):
            assert preserved(network, embedding.apply(network), c).shift == c * shift


@examples(15)
@given(st.data())
def test_a_changed_weight_is_noticed(data: st.DataObject) -> None:
    network = data.draw(networks())
    wide = data.draw(embeddings(network)).apply(network)
    i, step = data.draw(st.integers(0, wide.width - 1)), data.draw(numbers().filter(bool))
    a = wide.a.copy()
    a[i] += step
    assert preserved(network, Network(wide.w, a), ONE).shift is None or not any(wide.w[i])


# ----------------------------------------------------------------------------------------------------------- zero loss


@examples(15)
@given(st.data())
def test_the_loss_is_0_on_every_point_of_a_stratum(data: st.DataObject) -> None:
    problem = data.draw(problems())
    _, network = data.draw(strata_points(problem))
    assert vanishes(loss(problem, network))


@examples(20)
@given(st.data())
def test_the_loss_is_not_0_next_to_a_stratum(data: st.DataObject) -> None:
    problem = data.draw(problems())
    _, network = data.draw(strata_points(problem))
    i = data.draw(st.integers(0, network.width - 1))
    a = network.a.copy()
    a[i] += Fraction(1, 1000)  # the outputs now differ by σ/1000
    assert avoids(loss(problem, Network(network.w, a)))


@pytest.mark.parametrize("name", ["thesis", "simsek2021"])
@settings(max_examples=2)
@given(data=st.data())
def test_the_loss_is_0_on_strata_of_the_shipped_problems(name: str, data: st.DataObject) -> None:
    problem = load_problem(name)
    _, network = data.draw(strata_points(problem))
    assert vanishes(loss(problem, network), (64, 256))


# --------------------------------------------------------------------------------------------------- what is critical

PLANTED = planted()
BIASED = planted(biased=True)


def critical(case: Planted) -> Narrow:
    """The certified critical point that an example stands for."""
    narrow = certified(case)
    assume(narrow is not None)
    assert narrow is not None
    return narrow


@examples(8)
@given(PLANTED, st.data())
def test_splitting_preserves_criticality(case: Planted, data: st.DataObject) -> None:
    narrow = critical(case)
    split = data.draw(splits(narrow.network, zero=True))
    wide, box = embedded(narrow, split)
    assert preserved(narrow.network, wide, ONE).criticality() == ()
    assert all_vanish(gradient(case.problem, wide.width, box))


@examples(15)
@given(PLANTED, st.data())
def test_permutations_and_repeated_splits_preserve_criticality(case: Planted, data: st.DataObject) -> None:
    narrow = critical(case)
    first = data.draw(splits(narrow.network))
    second = data.draw(splits(first.apply(narrow.network)))
    order = data.draw(permutations(second.apply(first.apply(narrow.network))))
    wide, box = embedded(narrow, Composition((first, second, order)))
    assert preserved(narrow.network, wide, ONE).criticality() == ()
    assert all_vanish(gradient(case.problem, wide.width, box))


@examples(10)
@given(st.one_of(PLANTED, BIASED), st.data())
def test_criticality_is_preserved_if_and_only_if_the_moments_vanish(case: Planted, data: st.DataObject) -> None:
    narrow = critical(case)
    network = narrow.network
    if case.biased:
        neuron = data.draw(st.integers(0, network.width - 1))
        wide, box = embedded(narrow, lambda at, bias: MirroredSplit(neuron, (ONE,), (ONE,), bias).apply(at))
    else:
        wide, box = embedded(narrow, data.draw(st.one_of(nulls(network), splits(network, zero=True))))
    conditions = preserved(network, wide, ONE).criticality(narrow.bias)
    assert conditions is not None
    values = [moment_value(moment, narrow) for moment in conditions]
    ends = gradient(case.problem, wide.width, box)
    if all(all_vanish(value) for value in values):
        assert all_vanish(ends)
    if any(some_avoids(value) for value in values):
        assert some_avoids(ends)


def flipped_copies(network: Network, bias: Fraction) -> Network:
    """Neurons 0 and 1 give off copies of outputs 1 and −1 − K, which are flipped: the output grows by ``K``."""
    some = exact([1, -1 - bias])
    w, a = network.w, network.a.copy()
    a[:2] -= some
    copied = Network(np.concatenate([w, w[:2]]), np.concatenate([a, some]))
    return Flip((network.width, network.width + 1)).apply(copied)


def flip_case(case: Planted) -> tuple[Narrow, list[tuple[Fraction, Fraction]]] | None:
    """The critical point, and the gradient at its output-preserving flip."""
    narrow = certified(case)
    if narrow is None:
        return None
    wide, box = embedded(narrow, flipped_copies)
    assert preserved(narrow.network, wide, ONE).criticality(narrow.bias) == (Moment("sum"),)
    return narrow, gradient(case.problem, wide.width, box)


def is_proved_lost(case: Planted) -> bool:
    found = flip_case(case)
    return found is not None and some_avoids(found[1])


def test_flips_that_preserve_the_output_do_not_preserve_criticality() -> None:
    # the counterexample must be found
    example = find(planted(2), is_proved_lost, settings=SEARCH)
    found = flip_case(example)
    assert found is not None
    assert some_avoids(moment_value(Moment("sum"), found[0]))


@examples(15)
@given(planted(2, biased=True))
def test_flips_preserve_criticality_where_the_residuals_have_sum_0(case: Planted) -> None:
    found = flip_case(case)
    assume(found is not None)
    assert found is not None
    assert all_vanish(moment_value(Moment("sum"), found[0]))
    assert all_vanish(found[1])


@examples(15)
@given(planted(2))
def test_a_flip_moves_the_gradient_by_the_sum_of_the_residuals(case: Planted) -> None:
    # ∂L/∂a of a flipped copy is (2/N) c Σr, and nothing else changes: the two parts of length 1 give √2 (2/N) |Σr|
    found = flip_case(case)
    assume(found is not None)
    assert found is not None
    narrow, ends = found
    ((low, high),) = moment_value(Moment("sum"), narrow)
    scale = Fraction(2, len(case.problem))
    assert all_vanish(ends[:-2])
    for bottom, top in ends[-2:]:
        assert bottom <= scale * high
        assert top >= scale * low
        assert top - bottom < Fraction(1, 10**12)


def null_is_proved_lost(case: tuple[Planted, Null]) -> bool:
    narrow = certified(case[0])
    if narrow is None:
        return False
    wide, box = embedded(narrow, case[1])
    return some_avoids(gradient(case[0].problem, wide.width, box))


@pytest.mark.parametrize("outputs", [(Fraction(0),), (ONE, -ONE)])
def test_null_neurons_do_not_preserve_criticality(outputs: tuple[Fraction, ...]) -> None:
    cases = st.tuples(planted(1, 2), st.tuples(numbers(), numbers()).map(lambda w: Null(w, outputs)))
    case, null = find(cases, null_is_proved_lost, settings=SEARCH)
    narrow = certified(case)
    assert narrow is not None
    conditions = preserved(narrow.network, null.apply(narrow.network), ONE).criticality()
    assert conditions
    assert any(some_avoids(moment_value(moment, narrow)) for moment in conditions)


def test_no_counterexample_is_found_to_splitting() -> None:
    # the search that must succeed above must fail here
    def lost(case: tuple[Planted, Split]) -> bool:
        narrow = certified(case[0])
        if narrow is None:
            return False
        wide, box = embedded(narrow, case[1])
        return some_avoids(gradient(case[0].problem, wide.width, box))

    cases = planted(1, 2).flatmap(lambda case: st.tuples(st.just(case), splits(case.network)))
    with pytest.raises(NoSuchExample):
        find(cases, lost, settings=settings(SEARCH, max_examples=15))


# ------------------------------------------------------------------------------------------------------------- inertia


def shares_of(narrow: Narrow, neuron: int, beta: tuple[Fraction, ...]) -> Shares:
    """Counts of signs, and ``In(B)`` by certified inertia."""
    found = curvature(narrow, neuron)
    assume(found is not None)
    assert found is not None
    signs = [(b > 0) - (b < 0) for b in beta]
    return Shares(signs.count(1), signs.count(-1), signs.count(0), Signature(*found, 0))


def group_kernel(groups: list[list[tuple[int, Fraction, int]]], width: int, d: int, *, mirrored: bool) -> Exact:
    """Columns that the Hessian of a split point annihilates. A member of a group is (neuron, ``β``, sign).

    ``δa_i = s_i α_i``, ``Σα = 0`` in each group and, if mirrored, over all flipped copies; and all ``δw_i`` of copies
    with ``β_i = 0``.
    """
    rows, columns = [], []
    for group in groups:
        rows.append([sign * int(any(i == j for j, _, _ in group)) for i, sign in all_signs(groups, width)])
        for i, beta, _ in group:
            if not beta:
                columns += list(np.eye(width * (d + 1), dtype=int)[i * d : (i + 1) * d])
    grouped = {i for group in groups for i, _, _ in group}
    rows += [[int(i == j) for j in range(width)] for i in range(width) if i not in grouped]
    if mirrored:
        rows.append([int(sign < 0) for _, sign in all_signs(groups, width)])
    null = sympy.Matrix(rows).nullspace()
    for vector in null:
        columns.append(np.array([0] * (width * d) + [Fraction(int(v.p), int(v.q)) for v in vector], dtype=object))
    size = width * (d + 1)
    return exact(np.array(columns, dtype=object)).T if columns else exact(np.zeros((size, 0)))


def all_signs(groups: list[list[tuple[int, Fraction, int]]], width: int) -> list[tuple[int, int]]:
    signs = {i: sign for group in groups for i, _, sign in group}
    return [(i, signs.get(i, 1)) for i in range(width)]


@examples(10)
@given(PLANTED, st.data())
def test_inertia_of_a_split_point(case: Planted, data: st.DataObject) -> None:
    narrow = critical(case)
    r, d = narrow.network.width, case.problem.dimension
    chosen = data.draw(st.sets(st.integers(0, r - 1), min_size=1).map(sorted))
    steps, splittings, groups, width = [], [], [], r
    for j in chosen:
        beta = data.draw(shares((2, 3), zero=True))
        steps.append(Split(j, beta))
        splittings.append(shares_of(narrow, j, beta))
        groups.append([(i, b, 1) for i, b in zip([j, *range(width, width + len(beta) - 1)], beta, strict=True)])
        width += len(beta) - 1
    wide, box = embedded(narrow, Composition(tuple(steps)))
    expected = split_inertia(Signature(*narrow.signature, 0), splittings)
    kernel = group_kernel(groups, width, d, mirrored=False)
    found = certified_signature(hessian(case.problem, wide.width, box), kernel)
    assume(found is not None)
    assert found == tuple(expected)
    # neither count falls
    assert found[0] >= narrow.signature[0]
    assert found[1] >= narrow.signature[1]
    if all(all(beta for _, beta, _ in group) for group in groups):
        assert split_dimension(splittings) == kernel.shape[1] == found[2]


@examples(10)
@given(BIASED, st.data())
def test_inertia_of_a_mirrored_split_point(case: Planted, data: st.DataObject) -> None:
    narrow = critical(case)
    r, d = narrow.network.width, case.problem.dimension
    j = data.draw(st.integers(0, r - 1))
    kept, flipped = data.draw(shares((1, 2))), data.draw(shares((1, 2)))
    wide, box = embedded(narrow, lambda at, bias: MirroredSplit(j, kept, flipped, bias).apply(at))
    # β = s a_i / a_j, at the centre: no share is near 0 unless it is drawn so
    members = [j, *range(r, wide.width)]
    signs = [1] * len(kept) + [-1] * len(flipped)
    beta = tuple(s * wide.a[i] / narrow.network.a[j] for i, s in zip(members, signs, strict=True))
    assume(all(abs(b) > Fraction(1, 1000) for b in beta))
    splitting = [shares_of(narrow, j, beta)]
    expected = split_inertia(Signature(*narrow.signature, 0), splitting, mirrored=True)
    kernel = group_kernel([list(zip(members, beta, signs, strict=True))], wide.width, d, mirrored=True)
    found = certified_signature(hessian(case.problem, wide.width, box), kernel)
    assume(found is not None)
    assert found == tuple(expected)
    assert split_dimension(splitting, mirrored=True) == kernel.shape[1]


# ----------------------------------------------------------------------------------------------- symmetry of the data


@settings(max_examples=2)
@given(networks(distinct=False))
def test_the_shipped_problem_is_even(network: Network) -> None:
    # the grid is its own negative and the teacher's outputs have sum 0
    problem = load_problem("thesis")
    assert problem.inputs.is_point_symmetric
    opposite = Network(-network.w, -network.a)
    one, other = loss(problem, network), loss(problem, opposite)
    assert vanishes(lambda bits: one(bits) - other(bits), (64, 128))


@examples(10)
@given(problems(symmetric=True), st.data())
def test_the_loss_of_opposite_networks_differs_by_the_totals(problem: Problem, data: st.DataObject) -> None:
    # f(−x; θ) = c Σa − f(x; θ): L(θ) − L(−θ) = 0 if the teacher's outputs have sum 0
    network = data.draw(networks(distinct=False))
    assert problem.teacher is not None
    total = problem.teacher.a.sum()
    opposite = Network(-network.w, -network.a)
    one, other = loss(problem, network), loss(problem, opposite)
    if total == 0 or network.a.sum() == 0:
        assert vanishes(lambda bits: one(bits) - other(bits))
    else:
        assert avoids(lambda bits: one(bits) - other(bits))


# ------------------------------------------------------------------------------------------------------ canonical forms


@examples(10)
@given(st.data())
def test_the_reduced_form_is_idempotent_and_constant_on_orbits(data: st.DataObject) -> None:
    network = data.draw(networks(distinct=False))
    for c in (None, Fraction(0), ONE):
        reduced = reduce(network, c)
        again = reduce(reduced.network, c)
        assert again.constant == 0
        assert same(again.network, reduced.network)
        maps = [data.draw(permutations(network)), data.draw(splits(network)), data.draw(nulls(network))]
        if c is not None:
            maps += [data.draw(flips(network)), data.draw(mirrored_splits(network))]
        for embedding in maps:
            wide = embedding.apply(network)
            image = reduce(wide, c)
            assert same(image.network, reduced.network)
            shift = preserved(network, wide, c).shift
            assert image.constant == reduced.constant + (shift or 0)


@examples(15)
@given(st.data())
def test_a_reduction_says_where_each_neuron_went(data: st.DataObject) -> None:
    some, at_zero = data.draw(networks(distinct=False)), data.draw(numbers())
    network = Network(np.concatenate([some.w, exact([[0, 0]])]), np.concatenate([some.a, exact([at_zero])]))
    reduced = reduce(network, ONE)
    members = [i for group in reduced.members for i in group]
    assert sorted([*members, *reduced.idle]) == list(range(network.width))
    for u, group in zip(reduced.network.w, reduced.members, strict=True):
        assert all(np.all(network.w[i] == u) or np.all(network.w[i] == -u) for i in group)
    constant = Network.of([[0, 0]], [2 * reduced.constant])
    whole = Network(np.concatenate([reduced.network.w, constant.w]), np.concatenate([reduced.network.a, constant.a]))
    assert vanishes(difference(network, whole, POINT))


@examples(15)
@given(st.data())
def test_the_canonical_order_is_idempotent_and_constant_on_orbits(data: st.DataObject) -> None:
    network = data.draw(networks(distinct=False))
    ordered = canonical(network)
    rows = [(*w, a) for w, a in zip(ordered.w, ordered.a, strict=True)]
    assert all(one <= other for one, other in pairwise(rows))
    assert same(canonical(ordered), ordered)
    assert same(canonical(data.draw(permutations(network)).apply(network)), ordered)
    assert preserved(network, ordered, None).shift == 0


def same(one: Network, other: Network) -> bool:
    return one.w.shape == other.w.shape and bool(np.all(one.w == other.w) and np.all(one.a == other.a))


# ---------------------------------------------------------------------------------------------------------- expansion


@examples(15)
@given(networks((1, 2)), st.integers(1, 2), st.sampled_from([None, Fraction(0), ONE]), st.data())
def test_the_expansion_manifold_has_the_networks_output(
    network: Network, extra: int, c: Fraction | None, data: st.DataObject
) -> None:
    pieces = expansion(network, network.width + extra, c)
    piece = data.draw(st.sampled_from(pieces))
    point = piece.nearest(data.draw(networks(piece.width, distinct=False)))
    assert preserved(network, point, c).shift == 0
    kept = critical_pieces(pieces)
    assert {piece.dimension for piece in kept} == {extra}
    assert all(preserved(network, piece.nearest(point), c).moments == () for piece in kept)
    others = [piece for piece in pieces if piece not in kept]
    generic = [piece.nearest(general(piece.width)) for piece in others]
    # every other piece has a point with a condition; for c = 0 flips have none
    assert all(preserved(network, point, c).moments or c == 0 for point in generic)


def general(width: int) -> Network:
    """Weights in general position."""
    numbers = [Fraction(7 * k * k + 3 * k + 1, 1009) for k in range(1, 3 * width + 1)]
    return Network.from_theta(numbers, 2)
