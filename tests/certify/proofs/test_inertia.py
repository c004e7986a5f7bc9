"""Signs and bounds of eigenvalues, on matrices whose eigenvalues are known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library import ARITHMETICS, rational_rotation

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures, MidRad
from certify.proofs.inertia import Inertia, inertia, smallest_eigenvalue
from certify.proofs.proof import Failure
from symmetry.network import Exact, exact

ALL = pytest.mark.parametrize("name", ARITHMETICS)
TINY = Fraction(1, 10**30)


def with_eigenvalues(values: Sequence[Any], seed: int = 0) -> Exact:
    """A full rational symmetric matrix with exactly these eigenvalues."""
    q = rational_rotation(len(values), seed)
    matrix: Exact = q.T @ np.diag(exact(values)) @ q
    return matrix


def enclosed(a: Enclosures, matrix: Exact, radius: Any = 0) -> Any:
    return a.ball(matrix, exact(np.full(matrix.shape, radius)))


eigenvalues = st.lists(st.fractions(-5, 5, max_denominator=100).filter(bool), min_size=2, max_size=5)


@ALL
@given(values=eigenvalues, seed=st.integers(0, 5))
@settings(max_examples=15)
def test_signs_are_those_of_the_eigenvalues(name: str, values: list[Fraction], seed: int):
    a = ARITHMETICS[name]()
    found = inertia(enclosed(a, with_eigenvalues(values, seed)), a)
    assert isinstance(found, Inertia)
    assert (found.positive, found.negative) == (sum(v > 0 for v in values), sum(v < 0 for v in values))
    assert sorted(found.signs) == sorted(1 if v > 0 else -1 for v in values)
    assert found.congruence.shape == (len(values), len(values))


@ALL
@given(values=eigenvalues, seed=st.integers(0, 5), radius=st.sampled_from([0.0, 1e-12, 1e-3]))
@settings(max_examples=15)
def test_bounds_hold_the_smallest_eigenvalue(name: str, values: list[Fraction], seed: int, radius: float):
    a = ARITHMETICS[name]()
    bounds = smallest_eigenvalue(enclosed(a, with_eigenvalues(values, seed), radius), a)
    assert not isinstance(bounds, Failure)
    low, high = bounds
    assert low <= min(values) - Fraction(radius)  # the matrix minus radius·1 is a member
    assert min(values) + Fraction(radius) <= high
    assert high - low <= Fraction(1, 10**12) * 10**2 + 100 * Fraction(radius)


@ALL
def test_clusters_and_multiple_eigenvalues_do_no_harm(name: str):
    a = ARITHMETICS[name]()
    values = [2, 2, 2 + Fraction(1, 10**20), -1, -1]
    found = inertia(enclosed(a, with_eigenvalues(values)), a)
    assert isinstance(found, Inertia)
    assert (found.positive, found.negative) == (3, 2)


@ALL
@pytest.mark.parametrize("last", [TINY, -TINY, Fraction(0)])
def test_an_eigenvalue_within_1e_30_of_zero_is_never_given_the_wrong_sign(name: str, last: Fraction):
    a = ARITHMETICS[name]()
    found = inertia(enclosed(a, with_eigenvalues([3, 1, last])), a)
    # 53 bits cannot tell; more may, and must then be right
    if a.bits == 53 or last == 0:
        assert isinstance(found, Failure)
        assert found.code == "inertia"
    else:
        assert isinstance(found, Failure) or (found.positive, found.negative) == ((3, 0) if last > 0 else (2, 1))


@ALL
@pytest.mark.parametrize("last", [TINY, -TINY, Fraction(0)])
def test_bounds_of_an_eigenvalue_within_1e_30_of_zero(name: str, last: Fraction):
    a = ARITHMETICS[name]()
    bounds = smallest_eigenvalue(enclosed(a, with_eigenvalues([3, 1, last])), a)
    assert not isinstance(bounds, Failure)
    assert bounds[0] <= last <= bounds[1]


def test_the_signs_of_a_tiny_eigenvalue_are_found_with_enough_digits():
    # a diagonal matrix: there the float64 eigenvectors are exact
    a = Arb(212)
    for last in (TINY, -TINY):
        found = inertia(a.array(np.diag(exact([3, 1, last]))), a)
        assert isinstance(found, Inertia)
        assert found.negative == (last < 0)


@ALL
@given(values=eigenvalues, seed=st.integers(0, 5), share=st.sampled_from([Fraction(99, 100), 1, 2]))
@settings(max_examples=15)
def test_an_interval_matrix_with_a_singular_member_has_no_inertia(
    name: str, values: list[Fraction], seed: int, share: Fraction
):
    """Subtracting ``λ·1`` makes the matrix singular: once the radius reaches ``|λ|``, nothing may be said."""
    a = ARITHMETICS[name]()
    matrix = with_eigenvalues(values, seed)
    nearest = min(abs(v) for v in values)
    found = inertia(enclosed(a, matrix, share * nearest), a)
    if share >= 1:
        assert isinstance(found, Failure)
    elif isinstance(found, Inertia):
        assert found.negative == sum(v < 0 for v in values)


@ALL
def test_members_count_not_midpoints(name: str):
    """[[1, ±0.9], [±0.9, 1]] is positive definite, [[1, ±1.1], …] need not be, though the midpoint is the identity."""
    a = ARITHMETICS[name]()
    for size, expected in ((Fraction(9, 10), True), (Fraction(11, 10), False), (Fraction(1), False)):
        radius = exact([[0, size], [size, 0]])
        assert isinstance(inertia(a.ball(exact(np.eye(2)), radius), a), Inertia) is expected


def test_the_congruence_need_not_be_made_of_eigenvectors(monkeypatch: pytest.MonkeyPatch):
    """Whatever ``V`` is, what is returned is true: long, short, skew and singular ones."""
    rng = np.random.default_rng(0)
    true_eigh = np.linalg.eigh
    outcomes = set()
    for trial in range(200):
        values = [Fraction(int(v), 7) for v in rng.integers(-20, 20, 3) + (21 if trial >= 100 else 0)]
        size = [1.0, 0.6, 1.3, 1e-3][trial % 4]
        skew = [0.0, 1e-3, 0.05, 0.3][trial // 4 % 4]
        v = rng.normal(size=(3, 3)) * skew

        def spoilt(matrix: Any, size: float = size, v: Any = v, order: int = 1 - 2 * (trial // 16 % 2)) -> Any:
            found = true_eigh(matrix)
            return found[0], size * (found[1] + v)[:, ::order]

        monkeypatch.setattr(np.linalg, "eigh", spoilt)
        for a in (Float64Enclosures(), Arb(106)):
            matrix = enclosed(a, with_eigenvalues(values, trial % 5))
            signs = inertia(matrix, a)
            if isinstance(signs, Inertia):
                assert 0 not in values
                assert (signs.positive, signs.negative) == (sum(v > 0 for v in values), sum(v < 0 for v in values))
            bounds = smallest_eigenvalue(matrix, a)
            if not isinstance(bounds, Failure):
                assert bounds[0] <= min(values)
                assert min(values) <= bounds[1]
            outcomes.add((isinstance(signs, Inertia), size if not isinstance(bounds, Failure) else 0, min(values) > 0))
    for size in (0, 0.6, 1.0, 1.3):  # bounds were found with V longer and shorter than eigenvectors, of either sign
        assert {(True, size, True), (True, size, False)} <= outcomes


def test_a_singular_congruence_proves_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(np.linalg, "eigh", lambda m: (np.ones(2), np.array([[1.0, 1.0], [1.0, 1.0]])))
    for a in (Float64Enclosures(), Arb(106)):
        matrix = a.array(np.diag([1.0, 2.0]))
        assert isinstance(inertia(matrix, a), Failure)
        assert isinstance(smallest_eigenvalue(matrix, a), Failure)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_entries_that_are_not_numbers_prove_nothing(value: float):
    a = Float64Enclosures()
    for matrix in (
        MidRad(np.diag([1.0, value]), np.zeros((2, 2))),
        MidRad(np.diag([1.0, 2.0]), np.array([[0.0, value], [0.0, 0.0]])),
        MidRad(np.diag([1.0, 2.0]), np.diag([0.0, value])),
    ):
        assert isinstance(inertia(matrix, a), Failure)
        assert isinstance(smallest_eigenvalue(matrix, a), Failure)


@pytest.mark.parametrize("name", ["arb106", "mpmath53"])
def test_unbounded_entries_prove_nothing(name: str):
    a = ARITHMETICS[name]()
    line = a.array(np.array([1.0])) / a.ball(exact([0]), exact([1]))
    for place in ((0, 0), (0, 1)):
        matrix = a.array(np.diag([1.0, 2.0]))
        matrix.values[place] = line.values[0]  # type: ignore[attr-defined]
        assert isinstance(inertia(matrix, a), Failure)
        assert isinstance(smallest_eigenvalue(matrix, a), Failure)


@ALL
@pytest.mark.parametrize("scale", [2.0**-500, 2.0**-60, 2.0**60, 2.0**400])
def test_scales_do_not_matter(name: str, scale: float):
    a = ARITHMETICS[name]()
    values = [Fraction(3), Fraction(-1), Fraction(1, 2)]
    matrix = enclosed(a, with_eigenvalues(values) * Fraction(scale))
    found = inertia(matrix, a)
    assert isinstance(found, Inertia)
    assert found.negative == 1
    bounds = smallest_eigenvalue(matrix, a)
    assert not isinstance(bounds, Failure)
    assert bounds[0] <= -Fraction(scale) <= bounds[1] < 0
