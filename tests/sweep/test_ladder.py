"""Critical points width by width: splits are critical, what is counted is distinct, half the effort finds less."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.ladder import SHARES, _families, _is_even, _oriented, search_upward, split
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
DATA = prepare(THESIS)
SEEDS = range(6)


@pytest.fixture(scope="module")
def levels():
    return search_upward(THESIS, 3, SEEDS)


def test_points_are_critical_with_the_inertia_they_claim(levels):
    assert [len(level) > 0 for level in levels] == [True, True, True]
    for width, level in enumerate(levels, start=1):
        for found in level:
            loss, gradient, hessian = loss_gradient_hessian(DATA, found.point.theta[None], width)
            eigenvalues = np.linalg.eigvalsh(hessian[0])
            noise = 1e-11 * np.abs(eigenvalues).max()
            assert np.linalg.norm(gradient) < 1e-13
            assert found.point.loss == loss[0]
            assert found.point.index == (eigenvalues < -noise).sum()
            assert found.point.nullity == (np.abs(eigenvalues) <= noise).sum()


def test_all_splits_are_there(levels):
    """Each neuron of each point of the width below, with copies of equal and of opposite signs; θ and −θ are one."""
    for width, (below, level) in enumerate(pairwise(levels), start=1):
        known = {key(found.point.theta, width + 1) for found in level}
        for found in below:
            for neuron in range(width):
                for share in SHARES:
                    assert key(split(found.point.theta, width, neuron, share), width + 1) in known


def key(theta, width):
    """What does not change under permutations, shares of the same signs, and θ → −θ."""
    units = _families(_oriented(theta, width), width)
    return tuple(sorted((kind, *np.round(v, 4).tolist()) for kind, v in units))


def test_nothing_is_counted_twice(levels):
    for width, level in enumerate(levels, start=1):
        assert len({key(found.point.theta, width) for found in level}) == len(level)


def test_half_the_effort_finds_a_part(levels):
    half = search_upward(THESIS, 3, SEEDS[:3], draws=1)
    for width, (some, level) in enumerate(zip(half, levels, strict=True), start=1):
        early = {key(found.point.theta, width) for found in level if found.early}
        assert {key(found.point.theta, width) for found in some} <= early
    assert not all(found.early for found in levels[-1])


def test_the_same_on_two_processes(levels):
    again = search_upward(THESIS, 2, SEEDS, jobs=2)
    for one, other in zip(again, levels, strict=False):
        assert [found.point.theta.tobytes() for found in one] == [found.point.theta.tobytes() for found in other]


def test_a_split_is_the_same_function():
    theta = np.array([1.0, 2.0, 3.0, 4.0, 0.5, -0.25])
    assert split(theta, 2, 1, -0.5).tolist() == [1, 2, 3, 4, 3, 4, 0.5, 0.125, -0.375]
    assert [kind for kind, _ in _families(split(theta, 2, 1, -0.5), 3)] == ["1+0-", "1+1-"]


def test_the_mirror_is_used_where_the_loss_does_not_see_it():
    assert _is_even(THESIS)
    assert not _is_even(load_problem("simsek2021"))
    theta = np.random.default_rng(0).normal(size=9)
    assert (_oriented(theta, 3) == _oriented(-theta, 3)).all()

    class Plain(type(THESIS.activation)):
        reflection = None

    assert not _is_even(dataclasses.replace(THESIS, activation=Plain()))


def test_numbers_that_make_no_sense():
    for width, draws in ((0, 1), (2, 0)):
        with pytest.raises(ValueError, match="expected numbers >= 1"):
            search_upward(THESIS, width, SEEDS, draws=draws)
