"""The orbits against a brute force over labelled neurons that knows equations only: no names, orbits or theorems."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import fmpq_mat
from strata_cases import fmpq_matrix, small_problem

from symmetry.orbits import members, strata_orbits
from symmetry.problem import Problem, load_problem
from symmetry.strata import Label, Stratum, Target


def key(matrix: fmpq_mat) -> tuple[object, ...]:
    """The reduced row echelon form: the same for two systems of equations if and only if the solutions are."""
    form, rank = matrix.rref()
    return tuple((int(x.p), int(x.q)) for row in form.tolist()[:rank] for x in row)


def equations(problem: Problem, labels: tuple[tuple[str, int, int], ...]) -> list[list[Fraction]]:
    """Rows [coefficients of (w_1, …, w_m, a_1, …, a_m) | right-hand side], as section 4 of the theory states them."""
    m, d = len(labels), problem.dimension
    c = problem.activation.reflection
    zero = [Fraction(0)] * (m * (d + 1) + 1)
    rows, sums, first = [], {}, {}
    constant = zero.copy()
    for i, (kind, number, sign) in enumerate(labels):
        for k in range(d):
            row = zero.copy()
            row[i * d + k] = Fraction(1)
            if kind == "C":
                row[-1] = sign * problem.teacher.w[number - 1, k]
            elif kind == "D":
                j, other = first.setdefault(number, (i, sign))
                row[j * d + k] -= sign * other
            rows.append(row)
        if kind == "Z":
            constant[m * d + i] = Fraction(1) if c is None else c / 2
        else:
            side = problem.teacher.a[number - 1] if kind == "C" else Fraction(0)
            total = sums.setdefault((kind, number), [*zero[:-1], side])
            total[m * d + i] = Fraction(sign)
            if sign < 0:
                constant[m * d + i] = c
    return [*rows, *sums.values(), constant]


def generic_point(matrix: fmpq_mat, rank: int, rng: np.random.Generator) -> list[int]:
    """Integers (θ·q, q): a solution with random values of the free unknowns, homogeneous."""
    form = [[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.rref()[0].tolist()[:rank]]
    pivots = [next(k for k, x in enumerate(row) if x) for row in form]
    theta = [Fraction(int(x)) for x in rng.integers(-(10**4), 10**4, matrix.ncols() - 1)]
    for row, pivot in zip(form, pivots, strict=True):
        theta[pivot] = row[-1] - sum(
            x * y for k, (x, y) in enumerate(zip(row[:-1], theta, strict=True)) if k not in pivots
        )
    q = math.lcm(*[x.denominator for x in theta])
    return [int(x * q) for x in theta] + [q]


def brute_force(problem: Problem, m: int) -> dict[tuple[object, ...], int]:
    """Maximal strata of labelled neurons: the key of each and its dimension."""
    r = len(problem.teacher.a)
    signs = (1,) if problem.activation.reflection is None else (1, -1)
    tokens = [("C", t, s) for t in range(1, r + 1) for s in signs] + [("Z", 0, 0)]
    tokens += [("D", j, s) for j in range(1, m - r + 1) for s in signs]
    systems = {}
    for labels in product(tokens, repeat=m):
        if {number for kind, number, _ in labels if kind == "C"} == set(range(1, r + 1)):
            rows = equations(problem, labels)
            systems.setdefault(key(fmpq_matrix(rows)), rows)
    rng = np.random.default_rng(1)
    kept, points, dimensions = [], [], []
    for form, rows in systems.items():
        matrix = fmpq_matrix(rows)
        rank = matrix.rank()
        if fmpq_matrix([row[:-1] for row in rows]).rank() == rank:  # otherwise there is no solution
            kept.append(form)
            points.append(generic_point(matrix, rank, rng))
            dimensions.append(len(rows[0]) - 1 - rank)
    columns = np.array(points).T
    columns[-1] *= -1
    contained = np.zeros(len(kept), dtype=np.int64)
    for form in kept:
        whole = [[int(10 * x) for x in row] for row in systems[form]]  # the teacher has one decimal, c/2 as well
        contained += ~(np.array(whole) @ columns).any(axis=0)
    return {form: n for form, n, count in zip(kept, dimensions, contained, strict=True) if count == 1}


def as_system(stratum: Stratum, problem: Problem) -> tuple[object, ...]:
    return key(fmpq_matrix(equations(problem, tuple(tuple(label) for label in stratum.labels))))


@pytest.mark.parametrize(
    ("activation", "outputs", "width"),
    [
        ("sigmoid", (3,), 3),
        ("sigmoid", (1, -1), 2),
        ("sigmoid", (1, -1), 3),
        ("sigmoid", (1, -1), 4),
        ("sigmoid", (1, 1), 4),
        ("sigmoid", (2, -1), 3),
        ("sigmoid", (1, 1, -2), 4),
        ("one-plus-tanh", (1, -1), 3),
        ("tanh", (1, -1), 3),
        ("tanh", (1, 2), 3),
        ("softplus", (1, -1), 4),
    ],
)
def test_orbits_are_the_maximal_strata(activation, outputs, width):
    problem = small_problem(activation, outputs)
    expected = brute_force(problem, width)
    found = {}
    for orbit in strata_orbits(problem, width):
        for stratum in members(orbit):
            assert stratum.name == orbit.name
            form = as_system(stratum, problem)
            assert form not in found
            found[form] = stratum.dimension
    assert found == expected


@pytest.mark.parametrize("name", ["thesis", "simsek2021"])
@pytest.mark.parametrize("width", [4, 5, 6])
def test_orbits_have_different_names_and_their_members_differ(name, width):
    orbits = strata_orbits(load_problem(name), width)
    assert len({orbit.name for orbit in orbits}) == len(orbits)
    for orbit in orbits[:: 1 if width < 6 else 20]:
        labels = [stratum.labels for stratum in members(orbit)]
        assert len(set(labels)) == len(labels) == orbit.orbit_size


def test_members_are_lazy():
    target = Target.of(small_problem("tanh", (1, 2)))
    classes = [Label("C", 1, 1), Label("C", 2, -1), Label("Z", 0, 0)]
    orbit = Stratum(target, (*classes, *[Label("D", j, s) for j in range(1, 7) for s in (1, -1)]))
    # 15! arrangements; 6 equal classes D, and each may swap its two halves
    assert orbit.orbit_size == math.factorial(15) // (math.factorial(6) * 2**6)
    assert next(members(orbit)).name == orbit.name


def test_a_student_narrower_than_the_teacher_has_none():
    assert strata_orbits(load_problem("thesis"), 3) == []


def test_width_7_has_few_orbits():
    """What is kept is orbits, not millions of labelled strata; the bound: docs/strata.md, section 6."""
    for name in ("thesis", "simsek2021"):
        orbits = strata_orbits(load_problem(name), 7)
        assert len(orbits) < 2280
        assert sum(orbit.orbit_size for orbit in orbits) > 10**6
    # an odd activation keeps them all: none is empty or contained in another
    assert len(strata_orbits(small_problem("tanh", (1, -1, 1, -1)), 7)) == 2280
