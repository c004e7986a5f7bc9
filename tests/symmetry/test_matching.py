from fractions import Fraction
from random import Random

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_cases import PROBLEMS, cases, output, random_network, small_problem

from symmetry.matching import StratumPoint, propose_stratum_point, verify_equal_output
from symmetry.network import Network
from symmetry.orbits import members, strata_orbits
from symmetry.problem import Problem, load_problem
from symmetry.strata import Label, Stratum, Target

fixed = settings(derandomize=True, deadline=None, max_examples=200)
THESIS = load_problem("thesis")
GIVEN = Problem("given", THESIS.activation, THESIS.inputs, THESIS.teacher, THESIS.labels)
W = [[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6], [0.1, -0.6]]
A = [1.0, -1.0, 1.0, -1.0]
TIGHT = Fraction(1, 10**10)


def square(x: np.ndarray) -> Fraction:
    return sum((y * y for y in x), Fraction(0))


def thesis_network(w: list[list[float]], a: list[float]) -> Network:
    """The thesis teacher's neurons, as doubles, and some more."""
    return Network.of(W + w, A + a)


# ---------------------------------------------------------------- proposals


@fixed
@given(cases(), st.sampled_from([0.0, 1e-13, 1e-9, 1e-5]))
def test_a_perturbed_point_finds_a_stratum_at_least_as_near(case, size):
    problem, stratum, rng = case
    theta = stratum.random_point(rng).theta()
    noise = [Fraction(rng.gauss(0, size)) for _ in theta]
    network = Network.from_theta(theta + np.array(noise), 2)
    proposed = propose_stratum_point(problem, network)
    assert proposed is not None
    assert proposed.distance_squared == square(network.theta() - proposed.network.theta())
    assert proposed.distance_squared <= square(network.theta() - stratum.nearest(network).theta())
    assert proposed.stratum.contains(proposed.network)
    assert proposed.stratum.is_maximal
    assert proposed.maximal_name == proposed.stratum.name
    assert verify_equal_output(problem, proposed.network)
    assert proposed.certainly_within(TIGHT, network) == (size < 1e-10)
    assert np.array_equal(proposed.network.theta() + proposed.displacement(network), network.theta())


def test_each_of_the_144_points_of_width_4_is_recognised():
    count = 0
    for orbit in strata_orbits(THESIS, 4):
        for stratum in members(orbit):
            exact_point = stratum.random_point(Random(0))
            rounded = Network.of(exact_point.w.astype(float), exact_point.a.astype(float))
            proposed = propose_stratum_point(THESIS, rounded)
            assert proposed is not None
            assert proposed.stratum == stratum
            assert np.array_equal(proposed.network.theta(), exact_point.theta())
            count += 1
    assert count == 144


def test_generic_points_of_every_stratum_of_width_7_are_recognised():
    rng = Random(5)
    for problem in (THESIS, load_problem("simsek2021")):
        for orbit in rng.sample(strata_orbits(problem, 7), 60):
            labels = list(orbit.labels)
            rng.shuffle(labels)
            stratum = Stratum(orbit.target, tuple(labels))
            point = stratum.random_point(rng)
            rounded = Network.of(point.w.astype(float), point.a.astype(float))
            proposed = propose_stratum_point(problem, rounded)
            assert proposed is not None
            assert proposed.stratum == stratum
            assert proposed.certainly_within(TIGHT, rounded)


@pytest.mark.parametrize(
    ("w", "a", "name"),
    [
        # negligible output far from everything
        ([[9.0, 7.0]], [1e-14], "C1+ C2+ C3+ C4+ D1+"),
        # negligible output, nearly a teacher vector
        ([[0.6 + 1e-6, 0.5]], [1e-14], "C1+ C2+ C3+ C4+ D1+"),
        # negligible output, nearly zero vector
        ([[1e-6, 0.0]], [1e-14], "C1+ C2+ C3+ C4+ D1+"),
        # a cancelling pair, nearly a teacher vector and nearer to itself
        ([[0.6 + 1e-6, 0.5], [0.6 + 1e-6, 0.5]], [3.0, -3.0], "C1+ C2+ C3+ C4+ D1+,+"),
        # the same with a tiny vector
        ([[1e-5, 2e-5], [1e-5, 2e-5]], [3.0, -3.0], "C1+ C2+ C3+ C4+ D1+,+"),
        # the pair of a zero class: the vectors are not equal, and much smaller than the teacher's
        ([[1e-14, 2e-14], [1e-14, -3e-14]], [3.0, -3.0], "C1+ C2+ C3+ C4+ D1+,+"),
        # mirrored copies: constants 2.5 and −2.5
        ([[0.3, 0.1], [-0.3, -0.1], [0.0, 0.0]], [2.5, 2.5, -5.0], "C1+ C2+ C3+ C4+ D1+,- Z"),
        # two classes, one mixed: b − a = 0 and the zero neuron balances
        ([[-0.5, -0.3], [0.5, 0.3], [0.7, -0.2]], [0.0, 0.0, 0.0], "C1+ C2+ C3+ C4+ D1+ D2+ D3+"),
    ],
)
def test_ambiguous_neurons(w, a, name):
    network = thesis_network(w, a)
    proposed = propose_stratum_point(THESIS, network)
    assert proposed is not None
    assert proposed.stratum.name == name
    assert proposed.certainly_within(TIGHT, network)


def test_duplicates_at_different_distances_are_one_proposal():
    """Copies converge at different speeds: those of C1 are 5e-3 apart, an idle neuron is nearer than that to C3."""
    w = [
        [0.6 + 4e-3, 0.5],
        [0.6, 0.5 - 2e-3],
        [-0.5, 0.5 + 1e-9],
        [-0.5, 0.5],
        [-0.2, -0.6],
        [0.1, -0.6],
        [-0.2, -0.599],
    ]
    network = Network.of(w, [0.4, 0.6, -0.75, -0.25, 1.0, -1.0, 1e-11])
    proposed = propose_stratum_point(THESIS, network)
    assert proposed is not None
    assert proposed.stratum.name == "C1+,+ C2+,+ C3+ C4+ D1+"
    assert not proposed.certainly_within(TIGHT, network)
    assert propose_stratum_point(THESIS, network, loosest=1e-4) is None


def test_teacher_neurons_that_are_close_stay_apart():
    vectors = [[Fraction(3, 5), Fraction(1, 2)], [Fraction(3, 5), Fraction(502, 1000)]]
    problem = Problem("close", THESIS.activation, THESIS.inputs, Network.of(vectors, [1, 1]))
    proposed = propose_stratum_point(problem, Network.of([[0.6, 0.497], [-0.6, -0.505], [0, 0]], [1, -1, 2]))
    assert proposed is not None
    assert proposed.stratum.name == "C1+ C2- Z"


def test_a_network_that_misses_a_teacher_neuron_has_no_proposal():
    assert propose_stratum_point(THESIS, Network.of([*W[:3], [2.0, 2.0]], A)) is None
    assert propose_stratum_point(THESIS, random_network(Random(3), 6)) is None
    assert (
        propose_stratum_point(THESIS, Network.of([*W[:3], [1e200, -1e200], [1.7e308, -1.7e308]], [*A, 1e308])) is None
    )
    assert propose_stratum_point(THESIS, Network.of(W[:3], A[:3])) is None


def test_no_flip_without_an_identity():
    problem = small_problem("softplus", (1, -1))
    assert propose_stratum_point(problem, Network.of([[-0.6, -0.5], [-0.5, 0.5]], [1.0, -1.0])) is None


def test_given_labels_have_no_strata():
    assert propose_stratum_point(GIVEN, Network.of(W, A)) is None
    assert not verify_equal_output(GIVEN, GIVEN.teacher)


def test_width_is_no_obstacle():
    """Nothing loops over permutations: 16 neurons."""
    classes = [Label("C", t, 1) for t in (1, 2, 3, 4)] + [Label("C", 2, -1), Label("Z", 0, 0)]
    free = [Label("D", j, s) for j in range(1, 6) for s in (1, -1)]
    stratum = Stratum(Target.of(THESIS), (*free, *classes))
    point = stratum.random_point(Random(2))
    proposed = propose_stratum_point(THESIS, point)
    assert proposed is not None
    assert proposed.stratum == stratum
    assert proposed.distance_squared == 0


# ---------------------------------------------------------------- the distance


def test_the_distance_is_decided_exactly_on_the_boundary():
    network = Network.of([[3, 4]], [12])  # norm 13
    far = Network.of([[3, 4]], [12 - 14 * TIGHT])  # exactly tolerance·(1 + 13) away
    stratum = Stratum(Target.of(THESIS), tuple(Label("C", t, 1) for t in (1, 2, 3, 4)))
    point = StratumPoint(stratum, far, Fraction(0))
    assert point.certainly_within(TIGHT, network)
    assert not point.certainly_within(TIGHT - Fraction(1, 10**60), network)
    farther = Network.of([[3, 4]], [12 - 14 * TIGHT - Fraction(1, 10**60)])
    assert not StratumPoint(stratum, farther, Fraction(0)).certainly_within(TIGHT, network)
    with pytest.raises(ValueError, match="tolerance is 0, expected a positive number"):
        point.certainly_within(Fraction(0), network)


@fixed
@given(st.integers(0, 2**32), st.fractions("1/1000", 3, max_denominator=1000))
def test_the_distance_criterion_agrees_with_100_digits(seed, tolerance):
    rng = Random(seed)
    one, two = random_network(rng, 2), random_network(rng, 2)
    stratum = Stratum(Target.of(THESIS), tuple(Label("C", t, 1) for t in (1, 2, 3, 4)))
    with mpmath.workdps(100):
        distance, norm = (
            mpmath.sqrt(mpmath.mpf(x.numerator) / x.denominator)
            for x in (square(one.theta() - two.theta()), square(two.theta()))
        )
        expected = distance <= mpmath.mpf(tolerance.numerator) / tolerance.denominator * (1 + norm)
    assert StratumPoint(stratum, one, Fraction(0)).certainly_within(tolerance, two) == expected


# ---------------------------------------------------------------- the identity


def test_equality_is_not_a_matter_of_size():
    """The doubles nearest to the teacher have a loss of about 1e-33 and are not the teacher."""
    assert verify_equal_output(THESIS, THESIS.teacher)
    assert not verify_equal_output(THESIS, Network.of(W, A))
    for shift in (Fraction(1, 10**100), Fraction(-1, 2**1000)):
        a = THESIS.teacher.a.copy()
        a[2] += shift
        assert not verify_equal_output(THESIS, Network(THESIS.teacher.w, a))


def test_constants_are_counted():
    w = THESIS.teacher.w
    assert not verify_equal_output(THESIS, Network(-w, THESIS.teacher.a))
    assert verify_equal_output(THESIS, Network(-w, -THESIS.teacher.a))  # Σ a* = 0
    simsek = load_problem("simsek2021")
    assert not verify_equal_output(simsek, Network(-w, -simsek.teacher.a))  # off by the constant 4
    balanced = Network.of(np.concatenate([-w, 0 * w[:1]]), [-1, -1, -1, -1, 8])
    assert verify_equal_output(simsek, balanced)
    assert not verify_equal_output(simsek, Network.of(balanced.w, [-1, -1, -1, -1, 4]))


@fixed
@given(st.sampled_from(PROBLEMS), st.integers(0, 2**32), st.integers(1, 3))
def test_equality_does_not_depend_on_order_splitting_or_flips(problem, seed, extra):
    """A scrambled teacher, and the same with one output changed, against 50 digits."""
    rng = Random(seed)
    w, a = [list(x) for x in problem.teacher.w], list(problem.teacher.a)
    c = problem.activation.reflection
    for _ in range(extra):  # split: (w, a) = (w, b) + (w, a − b)
        i, b = rng.randrange(len(a)), Fraction(rng.randint(-9, 9), 7)
        w, a = [*w, w[i]], [*a[:i], b, *a[i + 1 :], a[i] - b]
    if c is not None:
        for i in rng.sample(range(len(a)), rng.randint(0, len(a))):  # flip: (w, a) = c·a + (−w, −a)
            w, a[i] = [*w[:i], [-x for x in w[i]], *w[i + 1 :]], -a[i]
        # whatever constant the flips left: c·Σ a of the flipped, cancelled by a zero neuron, worth c/2 times its output
        w, a = [*w, [Fraction(0)] * 2], [*a, sum(problem.teacher.a) - sum(a)]
    order = rng.sample(range(len(a)), len(a))
    scrambled = Network.of(w, a).permuted(order)
    assert verify_equal_output(problem, scrambled)
    x = (Fraction(7, 5), Fraction(-3, 11))
    with mpmath.workdps(50):
        name = problem.activation.name
        assert abs(output(name, scrambled, x) - output(name, problem.teacher, x)) < mpmath.mpf(10) ** -45
    i = rng.randrange(len(a))
    changed = scrambled.a.copy()
    changed[i] += Fraction(1, 10**20)
    harmless = c == 0 and not any(scrambled.w[i])  # tanh(0) = 0
    assert verify_equal_output(problem, Network(scrambled.w, changed)) == harmless
