"""The zero set near a stratum: where it is the stratum, and what must not pass."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import ARITHMETICS

from certify.proofs.family import LocalFamily, _definite, independent, local_family
from certify.proofs.inertia import Inertia
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject
from certify.proofs.zero import match_global_minimum, zero_object
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.network import Network
from symmetry.objective import SquareLoss
from symmetry.orbits import strata_orbits
from symmetry.problem import Inputs, Problem, load_problem, parse_problem
from symmetry.strata import Label, Stratum, Target

THESIS = load_problem("thesis")
TEACHER = THESIS.teacher
assert TEACHER is not None
W, A = [list(row) for row in TEACHER.w], list(TEACHER.a)
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def proved(w: list[Any], a: list[Any], problem: Problem = THESIS) -> tuple[CriticalObject, LocalFamily | Failure]:
    """The object of a zero, and what is proved near it."""
    point = match_global_minimum(problem, Network.of(w, a))
    assert point is not None
    found = zero_object(problem, point, arithmetic="auto", max_bits=212)
    w_exact, a_exact = point.network.w, point.network.a
    return found, local_family(problem, point.stratum, w_exact, a_exact, arithmetic="auto", max_bits=212)


def minus(row: list[Fraction]) -> list[Fraction]:
    return [-x for x in row]


MIRRORED = ([W[0], minus(W[0]), W[1], minus(W[2]), W[3]], [A[0] + A[2], A[2], A[1], -A[2], A[3]])


def jacobian_rank(problem: Problem, w: Any, a: Any) -> int:
    theta = Network.of(w, a).theta().astype(float)
    outputs, _ = SquareLoss.of_network(problem, len(a)).outputs(theta, Float64(), 1)
    values = np.linalg.svd(outputs[0].jacobian, compute_uv=False)
    return int(np.sum(values > 1e-10 * values[0]))


def zeros() -> dict[str, tuple[list[Any], list[Any], int, int]]:
    """Zeros of the thesis problem (outputs 1, −1, 1, −1), with dimension and nullity counted by hand, d = 2."""
    first, a0 = W[0], A[0]
    return {
        # two equal neurons: a line; columns σ, σ and a₁xσ', a₂xσ' are parallel
        "duplicate": ([first, *W], [a0 / 3, 2 * a0 / 3, *A[1:]], 1, 3),
        "duplicate of opposite signs": ([first, *W], [3 * a0, -2 * a0, *A[1:]], 1, 3),
        "triplicate": ([first, first, *W], [a0 / 3, a0 / 3, a0 / 3, *A[1:]], 2, 6),
        "one of the total's sign": ([first, first, *W], [3 * a0, -a0, -a0, *A[1:]], 2, 6),
        "idle": ([[2, HALF], *W], [0, *A], 2, 2),
        "opposite pair": ([[2, HALF], [2, HALF], *W], [3, -3, *A], 3, 3),
        "three that cancel": ([[2, HALF]] * 3 + W, [3, -1, -2, *A], 4, 6),
        # two zero neurons, one class flipped: a line; columns 1, 1 and x, x
        "two zeros": ([[0, 0], [0, 0], minus(first), *W[1:]], [3 * a0, -a0, -a0, *A[1:]], 1, 3),
        # w* and −w* in one class, a straight class flipped, O = 1: outputs a* + O at w*, O at −w*; isolated
        "mirrored class": (*MIRRORED, 0, 2),
    }


@pytest.mark.parametrize("name", zeros())
def test_near_these_zeros_there_are_no_others(name: str) -> None:
    w, a, dimension, nullity = zeros()[name]
    found, family = proved(w, a)
    assert isinstance(family, LocalFamily)
    assert found.complete is True
    assert (found.manifold_dimension, found.nullity) == (dimension, nullity)
    assert found.strict is (dimension == 0)
    assert found.lambda_min == (0, 0)
    assert family.rank == jacobian_rank(THESIS, w, a) == 3 * len(a) - nullity


def test_a_zero_with_a_box_needs_no_more() -> None:
    found, family = proved(W, A)
    assert found.complete is found.strict is True
    assert found.nullity == 0
    assert not any(isinstance(p, LocalFamily) for p in found.proofs)
    assert isinstance(family, LocalFamily)  # it is true as well: rank P, as every class has one neuron
    assert family.rank == 12


def test_sixteen_functions_of_the_plain_teacher_with_one_duplicate() -> None:
    w, a, _, _ = zeros()["duplicate"]
    family = proved(w, a)[1]
    assert isinstance(family, LocalFamily)
    assert family.columns == 4 * 3 + 3  # σ, x_α σ' of four classes, x_α x_β σ'' of one; no sign −, so no constant
    mirrored = proved(*MIRRORED)[1]
    assert isinstance(mirrored, LocalFamily)
    assert mirrored.columns == 4 * 3 + 3 + 1


@pytest.mark.parametrize("width", [5, 6])
def test_ranks_of_strata_of_every_kind(width: int) -> None:
    rng = np.random.default_rng(width)
    orbits = list(strata_orbits(THESIS, width))
    codes = set()
    for k in rng.permutation(len(orbits))[:25]:
        stratum = orbits[k]
        near = Network.of(rng.integers(-30, 31, (width, 2)) / 16, rng.integers(-30, 31, width) / 8)
        point = stratum.nearest(near)
        family = local_family(THESIS, stratum, point.w, point.a, arithmetic="auto", max_bits=106)
        codes.add(getattr(family, "code", "proved"))
        if isinstance(family, LocalFamily):
            assert family.rank == jacobian_rank(THESIS, point.w, point.a)
            assert 3 * width - family.rank >= stratum.dimension  # the stratum's directions are in the kernel
    assert "proved" in codes


# -------------------------------------------------------------------------------------------------- what must not pass


@pytest.mark.parametrize(
    ("w", "a", "code"),
    [
        # an output of 0 in a larger class: the point lies on a stratum of idle neurons as well
        ([W[0], *W], [A[0], 0, *A[1:]], "output-zero"),
        # outputs (1, 1, −1): the form has isotropic vectors
        ([W[0], W[0], *W], [A[0], A[0], -A[0], *A[1:]], "indefinite-outputs"),
        # two positive and two negative outputs that cancel
        ([[2, HALF]] * 4 + W, [3, 1, -2, -2, *A], "indefinite-outputs"),
        # two zero neurons of equal outputs: together with w and −w they are a constant too
        ([[0, 0], [0, 0], minus(W[0]), *W[1:]], [A[0], A[0], -A[0], *A[1:]], "zero-neurons"),
        # three of them
        ([[0, 0]] * 3 + [minus(W[0]), *W[1:]], [3 * A[0], -2 * A[0], A[0], -A[0], *A[1:]], "zero-neurons"),
    ],
)
def test_outputs_that_decide_nothing(w: list[Any], a: list[Any], code: str) -> None:
    network = Network.of(w, a)
    point = match_global_minimum(THESIS, network)
    assert point is not None
    if code == "output-zero":  # matching calls the neuron idle: label it as a copy
        labels = (Label("C", 1, 1), *(Label("C", t, 1) for t in range(1, 5)))
        family = local_family(
            THESIS, Stratum(Target.of(THESIS), labels), network.w, network.a, arithmetic="auto", max_bits=212
        )
    else:
        family = proved(w, a)[1]
    assert isinstance(family, Failure)
    assert family.code == code


def test_an_idle_neuron_on_a_teacher_neuron_lies_on_another_stratum() -> None:
    # there the zero set is no manifold: labelled as idle, its function is that of another class
    w, a = [W[0], *W], [0, *A]
    found, family = proved(w, a)
    assert found.complete is found.nullity is None
    assert isinstance(family, Failure)
    labels = (Label("D", 1, 1), *(Label("C", t, 1) for t in range(1, 5)))
    network = Network.of(w, a)
    family = local_family(
        THESIS, Stratum(Target.of(THESIS), labels), network.w, network.a, arithmetic="auto", max_bits=212
    )
    assert isinstance(family, Failure)
    assert family.code == "dependent"


def small(inputs: str, teacher: str) -> Problem:
    text = f'name = "small"\nactivation = "sigmoid"\n[inputs.grid]\n{inputs}\n[teacher]\n{teacher}\n'
    return parse_problem(text, source="small.toml", folder=None)


def test_too_few_inputs() -> None:
    few = small("start = [-1, -1]\nstop = [1, 1]\nstep = [2, 2]", "w = [[0.5, 1], [1, -0.5]]\na = [1, -1]")
    found, family = proved([[0.5, 1], [0.5, 1], [1, -0.5]], [HALF, HALF, -1], few)
    assert isinstance(family, Failure)  # 4 inputs, 9 functions
    assert found.complete is None
    more = small("start = [-1, -2]\nstop = [3, 2]\nstep = [1, 1]", "w = [[0.5, 1], [1, -0.5]]\na = [1, -1]")
    assert isinstance(proved([[0.5, 1], [0.5, 1], [1, -0.5]], [HALF, HALF, -1], more)[1], LocalFamily)


def test_inputs_on_a_line() -> None:
    # x_1 = x_2 on every input: x_1σ' and x_2σ' are one function
    steps = np.arange(-10, 11) / 4
    for second, wanted in ((steps, False), (steps**2, True)):
        inputs = Inputs(table=np.column_stack([steps, second]))
        line = Problem("line", activation("sigmoid"), inputs, Network.of([[HALF, 1]], [1]), None)
        family = proved([[HALF, 1], [HALF, 1]], [HALF, HALF], line)[1]
        assert isinstance(family, LocalFamily) == wanted


def test_teacher_neurons_that_nearly_agree_are_not_called_independent_in_floats() -> None:
    near = small(
        "start = [-1, -2]\nstop = [3, 2]\nstep = [0.5, 0.5]", "w = [[0.5, 1], [0.5, 1.000000000001]]\na = [1, 1]"
    )
    point = match_global_minimum(near, Network.of(near.teacher.w, near.teacher.a))  # type: ignore[union-attr]
    assert point is not None
    w, a = point.network.w, point.network.a
    assert isinstance(local_family(near, point.stratum, w, a, arithmetic="auto", max_bits=53), Failure)


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_dependent_columns_do_not_pass(kind: str) -> None:
    arithmetic = ARITHMETICS[kind]()
    rng = Random(1)
    free = [[Fraction(rng.randint(-9, 9)) for _ in range(3)] for _ in range(8)]
    good = arithmetic.array(np.array(free, dtype=object))
    assert isinstance(independent(good, arithmetic), Inertia)
    for more in (lambda row: row[0] + row[1], lambda row: Fraction(0), lambda row: row[2] + Fraction(1, 10**30)):
        bad = arithmetic.array(np.array([[*row, more(row)] for row in free], dtype=object))
        if kind not in ("arb212", "mpmath212"):
            assert isinstance(independent(bad, arithmetic), Failure)


@settings(max_examples=60)
@given(st.lists(st.integers(-3, 3).filter(bool), min_size=2, max_size=5))
def test_definite_by_signs_is_definite(outputs: list[int]) -> None:
    b = [Fraction(v) for v in outputs]
    total = sum(b, Fraction(0))
    space = np.linalg.svd(np.array([outputs], dtype=float))[2][1:].T
    values = np.linalg.eigvalsh(space.T @ np.diag(outputs) @ space)
    if total:
        expected = bool((values > 1e-9).all() or (values < -1e-9).all())
    else:  # modulo constants: one eigenvalue is 0
        rest = sorted(values, key=abs)[1:]
        expected = all(v > 1e-9 for v in rest) or all(v < -1e-9 for v in rest)
    assert _definite(total, b) == expected


def test_the_loss_near_a_mirrored_zero_grows_in_every_direction() -> None:
    theta = Network.of(*MIRRORED).theta().astype(float)
    objective, rng = SquareLoss.of_network(THESIS, 5), np.random.default_rng(0)
    hessian = objective.evaluate(theta, Float64(), 2).hessian
    flat = np.linalg.eigh(hessian)[1][:, :2]  # where the Hessian vanishes, and the loss is of fourth order
    for _ in range(50):
        direction = flat @ rng.normal(size=2)
        direction /= np.linalg.norm(direction)
        losses = [objective.evaluate(theta + t * direction, Float64(), 0).loss[0] for t in (0.05, 0.1)]
        assert losses[0] > 0
        assert losses[1] > losses[0]
