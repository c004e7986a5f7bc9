"""The orbits against a brute force over labelled neurons that knows equations only: no names, orbits or theorems."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from brute_force import eliminate, equations, key, maximal, vector
from strata_cases import small_problem

from symmetry.orbits import labelled_strata, members, strata_orbits
from symmetry.problem import load_problem
from symmetry.strata import Label, Stratum, Target


def as_key(stratum: Stratum, outputs: tuple[int, ...]) -> object:
    labels = tuple(tuple(label) for label in stratum.labels)
    return key(eliminate(equations(outputs, stratum.target.reflection, 2, labels))[0])


@pytest.mark.parametrize(
    ("c", "outputs", "width"),
    [
        (1, (3,), 3),
        (1, (3,), 4),  # a class D of three with signs +, +, −: either sign may come first
        (1, (1, -1), 2),
        (1, (1, -1), 3),
        (1, (1, -1), 4),
        (1, (1, 1), 4),
        (1, (2, -1), 3),
        (1, (1, 1, -2), 4),
        (2, (1, -1), 3),
        (0, (1, -1), 3),
        (0, (1, 2), 3),
        (None, (1, -1), 4),
    ],
)
def test_orbits_are_the_maximal_strata(c, outputs, width):
    reflection = None if c is None else Fraction(c)
    vectors = tuple(tuple(Fraction(x) for x in vector(t, 2)) for t in range(1, len(outputs) + 1))
    target = Target(vectors, tuple(Fraction(a) for a in outputs), reflection)
    found = {}
    for orbit in strata_orbits(target, width):
        found_before = len(found)
        for stratum in members(orbit):
            assert stratum.name == orbit.name
            form = as_key(stratum, outputs)
            assert form not in found
            found[form] = stratum.dimension
        assert len(found) - found_before == orbit.orbit_size
    assert found == maximal(outputs, reflection, 2, width)


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


def test_labelled_strata_are_all_members_and_none_contains_another():
    target = Target.of(small_problem("sigmoid", (1, 1, -2)))
    every = list(labelled_strata(target, 4))
    assert len(set(every)) == len(every) == sum(orbit.orbit_size for orbit in strata_orbits(target, 4))
    assert not any(one.is_subset(two) for one in every[::7] for two in every if one != two)
    assert next(labelled_strata(load_problem("thesis"), 9)).width == 9  # millions, lazily


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
