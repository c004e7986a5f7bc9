from fractions import Fraction
from random import Random

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strata_cases import PROBLEMS, cases, fmpq_matrix, labellings, output, random_network, small_problem

from symmetry.matching import verify_equal_output
from symmetry.network import Network, exact
from symmetry.problem import Inputs, Problem, load_problem
from symmetry.strata import NULL, Label, Stratum, Target

fixed = settings(derandomize=True, deadline=None, max_examples=150)
THESIS = load_problem("thesis")
C1, C2, C3, C4, D1, Z = (Label(k, n, 1) for k, n in (("C", 1), ("C", 2), ("C", 3), ("C", 4), ("D", 1), ("Z", 0)))


def flip(label: Label) -> Label:
    return label._replace(sign=-label.sign)


def thesis(*labels: Label) -> Stratum:
    return Stratum(Target.of(THESIS), labels)


def constants_cancel(stratum: Stratum) -> list[list[Fraction]]:
    """The rows [A | b] as section 4 of the theory states them, constants written out."""
    c = stratum.target.reflection
    rows: dict[object, list[Fraction]] = {}
    constant = [Fraction(0)] * (stratum.width + 1)
    for i, label in enumerate(stratum.labels):
        if label.kind == "Z":
            constant[i] = Fraction(1) if c is None else c / 2
            continue
        side = stratum.target.a[label.number - 1] if label.kind == "C" else Fraction(0)
        row = rows.setdefault(label[:2], [Fraction(0)] * stratum.width + [side])
        row[i] = Fraction(label.sign)
        if label.sign < 0:
            assert c is not None
            constant[i] = c
    return [*rows.values(), constant]


# ---------------------------------------------------------------- the points of a stratum


@fixed
@given(cases())
def test_points_of_a_stratum_equal_the_teacher(case):
    problem, stratum, rng = case
    point = stratum.random_point(rng)
    assert stratum.contains(point)
    assert verify_equal_output(problem, point)
    x = (Fraction(rng.randint(-90, 90), 17), Fraction(rng.randint(-90, 90), 17))
    with mpmath.workdps(50):
        student, teacher = (output(problem.activation.name, f, x) for f in (point, problem.teacher))
        assert abs(student - teacher) < mpmath.mpf(10) ** -45


@fixed
@given(cases(), st.data())
def test_breaking_one_constraint_breaks_equality(case, data):
    problem, stratum, rng = case
    point = stratum.random_point(rng)
    rows, _ = stratum.constraints()
    matrix = fmpq_matrix(rows)
    if matrix.rank() < len(rows):  # the total follows from the blocks: section 3 of docs/strata.md
        rows = rows[:-1]
        matrix = fmpq_matrix(rows)
    k = data.draw(st.integers(0, len(rows) - 1))
    unit = fmpq_matrix([[Fraction(j == k)] for j in range(len(rows))])
    step = matrix.transpose() * (matrix * matrix.transpose()).solve(unit)  # A·step = e_k
    amount = Fraction(1, 10**30)
    moved = Network(point.w, point.a + amount * exact([Fraction(int(x.p), int(x.q)) for x in step.entries()]))
    assert sum(x * y for x, y in zip(rows[k], moved.a - point.a, strict=True)) == amount
    assert not stratum.contains(moved)
    assert not verify_equal_output(problem, moved)


@fixed
@given(cases(), st.data())
def test_moving_one_vector_breaks_equality_unless_its_output_is_zero(case, data):
    problem, stratum, rng = case
    point = stratum.random_point(rng)
    i = data.draw(st.integers(0, stratum.width - 1))
    w = point.w.copy()
    w[i, data.draw(st.integers(0, 1))] += Fraction(1, 10**30)
    assert verify_equal_output(problem, Network(w, point.a)) == (point.a[i] == 0)


@fixed
@given(cases(), st.data())
def test_wrong_constant_is_noticed(case, data):
    """A flip that forgets its constant: exact for odd activations, wrong for the others."""
    problem, stratum, rng = case
    assume(stratum.target.reflection is not None)
    point = stratum.random_point(rng)
    i = data.draw(st.integers(0, stratum.width - 1))
    assume(point.a[i] != 0 and any(point.w[i]))
    w, a = point.w.copy(), point.a.copy()
    w[i], a[i] = -w[i], -a[i]
    assert verify_equal_output(problem, Network(w, a)) == (stratum.target.reflection == 0)


# ---------------------------------------------------------------- the affine set


@fixed
@given(st.data())
def test_constraints_dimension_and_emptiness_agree_with_the_stated_conditions(data):
    problem = data.draw(st.sampled_from(PROBLEMS))
    stratum = data.draw(labellings(problem))
    matrix, sides = stratum.constraints()
    ours = fmpq_matrix([[*row, side] for row, side in zip(matrix, sides, strict=True)])
    stated = fmpq_matrix(constants_cancel(stratum))
    # the same row space: stacking one on the other raises no rank
    both = fmpq_matrix([[*row, side] for row, side in zip(matrix, sides, strict=True)] + constants_cancel(stratum))
    assert ours.rank() == stated.rank() == both.rank()
    rank = fmpq_matrix(matrix).rank()
    assert stratum.is_empty == (ours.rank() > rank)
    if stratum.is_empty:
        with pytest.raises(ValueError, match="is empty"):
            _ = stratum.dimension
    else:
        free = {label.number for label in stratum.labels if label.kind == "D"}
        assert stratum.dimension == stratum.width - rank + 2 * len(free)


@fixed
@given(cases())
def test_nearest_point_is_the_orthogonal_projection(case):
    _, stratum, rng = case
    network = random_network(rng, stratum.width)
    near = stratum.nearest(network)
    assert stratum.contains(near)
    again = stratum.nearest(near)
    assert np.array_equal(again.theta(), near.theta())
    other = stratum.random_point(rng)
    residual = network.theta() - near.theta()
    assert sum(residual * (other.theta() - near.theta())) == 0
    assert stratum.distance_squared(network) == sum(residual**2)
    assert stratum.distance_squared(other) == 0


@fixed
@given(cases(extra=2))
def test_the_nearest_point_satisfies_the_first_order_conditions(case):
    """``A θ_0 = b``, and ``θ − θ_0`` is a combination of the rows of ``A``: Lagrange multipliers exist."""
    _, stratum, rng = case
    network = random_network(rng, stratum.width)
    near = stratum.nearest(network)
    matrix, sides = stratum.system()
    assert np.array_equal(matrix @ near.theta(), sides)
    rows = [*matrix.tolist(), (network.theta() - near.theta()).tolist()]
    assert fmpq_matrix(rows).rank() == fmpq_matrix(matrix).rank()


@fixed
@given(cases(extra=2), st.data())
def test_the_system_says_what_the_stratum_is(case, data):
    """Its solutions are the points, their dimension is the dimension; a point off it breaks a row."""
    _, stratum, rng = case
    matrix, sides = stratum.system()
    point = stratum.random_point(rng)
    assert np.array_equal(matrix @ point.theta(), sides)
    assert stratum.dimension == matrix.shape[1] - fmpq_matrix(matrix).rank()
    other = data.draw(st.sampled_from(["any", "one"]))
    theta = random_network(rng, stratum.width).theta() if other == "any" else point.theta()
    if other == "one":
        theta[data.draw(st.integers(0, theta.size - 1))] += 1
    holds = np.array_equal(matrix @ theta, sides)
    assert stratum.contains(Network.from_theta(theta, 2)) == holds


@fixed
@given(cases())
def test_free_vectors_are_free(case):
    """Any vectors in the classes D, with the outputs of a point, make a point."""
    _, stratum, rng = case
    point = stratum.random_point(rng)
    w = point.w.copy()
    for block in stratum.free:
        v = exact([Fraction(rng.randint(-9, 9), 4) for _ in range(2)])
        for i, s in zip(block.members, block.signs, strict=True):
            w[i] = s * v
    assert stratum.contains(Network(w, point.a))
    assert len(stratum.free) == len({label.number for label in stratum.labels if label.kind == "D"})


@fixed
@given(cases(), st.data())
def test_permutations_and_signs_of_free_classes_change_nothing(case, data):
    _, stratum, rng = case
    order = data.draw(st.permutations(range(stratum.width)))
    permuted = Stratum(stratum.target, tuple(stratum.labels[i] for i in order))
    assert permuted.name == stratum.name
    assert permuted.orbit_size == stratum.orbit_size
    assert permuted.dimension == stratum.dimension
    assert permuted.contains(stratum.random_point(rng).permuted(order))
    if stratum.target.reflection is not None:
        mirrored = [flip(label) if label.kind == "D" else label for label in stratum.labels]
        assert Stratum(stratum.target, tuple(mirrored)) == stratum
    renumbered = [label._replace(number=9 - label.number) if label.kind == "D" else label for label in stratum.labels]
    assert Stratum(stratum.target, tuple(renumbered)) == stratum


def test_name_and_label_array():
    stratum = thesis(C3, flip(C2), flip(D1), C1, C4, C3, D1, flip(D1), Z)
    assert stratum.name == "C1+ C2- C3+,+ C4+ D1+,+,- Z"
    assert stratum.labels[2] == D1  # normal form: the first member's sign is +
    assert stratum.label_array.tolist() == [
        [3, 1], [2, -1], [5, 1], [1, 1], [4, 1], [3, 1], [5, -1], [5, 1], [0, 0]
    ]  # fmt: skip
    two = thesis(C1, C2, C3, C4, Label("D", 7, -1), Label("D", 3, 1), Label("D", 7, 1), Z, Z)
    assert two.name == "C1+ C2+ C3+ C4+ D1+,- D2+ Z,Z"


def test_isolated_points_of_width_5():
    """By hand: a flipped neuron has output −a*_t; mixed C1 = {w*, −w*} has outputs (p, n) with p − n = 1."""

    def only_outputs(stratum: Stratum) -> list[Fraction]:
        assert stratum.dimension == 0
        assert stratum.is_maximal
        return list(stratum.random_point(Random(0)).a)

    # constants: n + (−1) = 0
    assert only_outputs(thesis(C1, flip(C1), C2, flip(C3), C4)) == [2, 1, -1, -1, -1]
    # constants: n + 1 + 1 = 0
    assert only_outputs(thesis(C1, flip(C1), flip(C2), C3, flip(C4))) == [-1, -2, 1, 1, 1]
    # constants: −1 + z/2 = 0 and −2 + z/2 = 0
    assert only_outputs(thesis(flip(C1), C2, C3, C4, Z)) == [-1, -1, 1, -1, 2]
    assert only_outputs(thesis(flip(C1), C2, flip(C3), C4, Z)) == [-1, -1, -1, -1, 4]
    assert thesis(flip(C1), C2, C2, C3, C4).is_empty  # nothing cancels the constant −1


def test_odd_activations_and_those_without_identity():
    odd = Target.of(small_problem("tanh", (2, -1)))
    zero = Stratum(odd, (flip(C1), C2, Z))
    assert zero.dimension == 1  # σ(0) = 0: the output of the zero neuron is free
    assert zero.is_maximal
    plain = Target.of(small_problem("softplus", (1, -1)))
    alone = Stratum(plain, (C1, C2, Z))
    assert list(alone.random_point(Random(1)).a) == [1, -1, 0]  # a σ(0) must vanish
    assert alone.maximal() == Stratum(plain, (C1, C2, D1))
    with pytest.raises(ValueError, match="no identity"):
        Stratum(plain, (flip(C1), C2))


# ---------------------------------------------------------------- containment


@fixed
@given(st.data())
def test_containment_agrees_with_random_points(data):
    problem = data.draw(st.sampled_from(PROBLEMS))
    one = data.draw(labellings(problem))
    two = data.draw(labellings(problem).filter(lambda other: other.width == one.width))
    point = one.random_point(Random(data.draw(st.integers(0, 2**32)))) if not one.is_empty else None
    assert one.is_subset(two) == (point is None or two.contains(point))
    assert one.is_subset(one)


def specialised(data: st.DataObject, stratum: Stratum) -> Stratum:
    """A stratum with fewer free vectors: some classes D joined to others, to a class C or to zero; maybe not inside."""
    r = len(stratum.target.a)
    signs = st.just(1) if stratum.target.reflection is None else st.sampled_from([1, -1])
    fates = {0: NULL}
    for block in stratum.free:
        kind = data.draw(st.sampled_from(["stay", "C", "D", "Z"]))
        if kind != "stay":
            number = {"C": st.integers(1, r), "D": st.integers(1, len(stratum.free)), "Z": st.just(0)}[kind]
            fates[block.number] = Label(kind, data.draw(number), data.draw(signs))
    labels = []
    for label in stratum.labels:
        fate = fates.get(label.number) if label.kind == "D" else None
        labels.append(
            label if fate is None else NULL if fate.kind == "Z" else fate._replace(sign=fate.sign * label.sign)
        )
    return Stratum(stratum.target, tuple(labels))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.data())
def test_containment_is_a_partial_order_and_agrees_with_elimination(data):
    problem = data.draw(st.sampled_from(PROBLEMS))
    chain = [data.draw(labellings(problem).filter(lambda stratum: not stratum.is_empty))]
    chain += [chain[0].maximal(), specialised(data, chain[0])]
    chain.append(specialised(data, chain[-1]))
    chain = [stratum for stratum in chain if not stratum.is_empty]
    inside = {(i, j): one.is_subset(two) for i, one in enumerate(chain) for j, two in enumerate(chain)}
    systems = [[[*row, side] for row, side in zip(*map(list, s.system()), strict=True)] for s in chain]
    ranks = [fmpq_matrix(system).rank() for system in systems]
    for (i, j), answer in inside.items():
        assert answer == (fmpq_matrix([*systems[i], *systems[j]]).rank() == ranks[i])
        if answer and inside[j, i]:
            assert chain[i] == chain[j]
        if answer:
            assert chain[i].dimension <= chain[j].dimension - (chain[i] != chain[j])
        assert all(inside[i, k] for k in range(len(chain)) if answer and inside[j, k])


@fixed
@given(cases())
def test_maximal_contains_and_is_maximal(case):
    _, stratum, rng = case
    maximal = stratum.maximal()
    assert stratum.is_subset(maximal)
    assert maximal.contains(stratum.random_point(rng))
    assert maximal.is_maximal
    assert stratum.is_maximal == (stratum == maximal) == (not maximal.dimension > stratum.dimension)
    assert stratum == maximal or not maximal.is_subset(stratum)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        # no class is flipped, so the zero neuron's output is 0 and its vector is free
        ((C1, C2, C3, C4, Z), (C1, C2, C3, C4, D1)),
        # the constant says that the negative member has output 0
        ((C1, flip(C1), C2, C3, C4), (C1, D1, C2, C3, C4)),
        # C2 is flipped, a*_1 + a*_2 = 0: the positive member has output 0
        ((C1, flip(C1), flip(C2), C3, C4), (D1, flip(C1), flip(C2), C3, C4)),
        # C3 is flipped: outputs 2 and 1, neither half may leave
        ((C1, flip(C1), C2, flip(C3), C4), None),
        # both halves of a class D
        ((C1, C2, C3, C4, D1, flip(D1)), (C1, C2, C3, C4, D1, Label("D", 2, 1))),
        # two irregular classes leave the constant free
        ((C1, flip(C1), C2, C3, C4, Z), None),
    ],
)
def test_known_extensions(inner, outer):
    stratum = thesis(*inner)
    assert stratum.maximal() == (stratum if outer is None else thesis(*outer))


def test_equal_vectors_are_not_opposite_ones():
    """On both strata the outputs of D1 have sum 0, and on the first they are 0; its vectors are opposite."""
    inner, outer = thesis(C1, C2, C3, C4, D1, flip(D1)), thesis(C1, C2, C3, C4, D1, D1)
    assert not inner.is_subset(outer)
    assert inner.is_subset(inner.maximal())


# ---------------------------------------------------------------- what is refused


def test_refusals():
    with pytest.raises(ValueError, match="class C4 has no neuron"):
        thesis(C1, C2, C3, D1)
    with pytest.raises(ValueError, match="label 0 is"):
        thesis(Label("C", 5, 1), C1, C2, C3, C4)
    with pytest.raises(ValueError, match="label 1 is"):
        thesis(C1, Label("C", 2, 0), C3, C4)
    with pytest.raises(ValueError, match=r"shape \(3, 2\), expected \(4, 2\)"):
        thesis(C1, C2, C3, C4).nearest(random_network(Random(0), 3))
    with pytest.raises(ValueError, match="different targets or widths"):
        thesis(C1, C2, C3, C4).is_subset(thesis(C1, C2, C3, C4, D1))
    empty = thesis(flip(C1), C2, C3, C4)
    assert empty.is_empty
    assert not empty.is_maximal
    assert not empty.contains(THESIS.teacher)
    for call in (lambda: empty.nearest(THESIS.teacher), empty.maximal, lambda: empty.random_point(Random(0))):
        with pytest.raises(ValueError, match="is empty"):
            call()
    given_labels = Problem("g", THESIS.activation, Inputs(table=np.zeros((3, 2))), THESIS.teacher, np.zeros(3))
    with pytest.raises(ValueError, match="g: the labels are given"):
        Target.of(given_labels)
