from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_cases import random_network

from sweep.points import read_points
from symmetry.induced import propose_induced_point
from symmetry.network import Network
from symmetry.problem import load_problem
from symmetry.strata import Stratum, Target

DATA = Path(__file__).parents[2] / "data"
SIGMOID = load_problem("thesis").activation.reflection
fixed = settings(derandomize=True, deadline=None, max_examples=60)


def square(x: np.ndarray) -> Fraction:
    return sum((y * y for y in x), Fraction(0))


def sources(rng: Random, widths: tuple[int, ...]) -> list[Network]:
    return [random_network(rng, r) for r in widths]


def split(narrow: Network, copies: list[int], rng: Random) -> Network:
    """Copies with random outputs, in random order."""
    w, a = [], []
    for row, output, k in zip(narrow.w, narrow.a, copies, strict=True):
        others = [Fraction(rng.randint(-3000, 3000), 997) for _ in range(k - 1)]
        w += [row] * k
        a += [*others, output - sum(others, Fraction(0))]
    return Network.of(w, a).permuted(rng.sample(range(len(a)), len(a)))


@fixed
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 1e-13, 1e-7]))
def test_a_perturbed_split_is_recognised_at_its_exact_distance(seed, r, extra, size):
    rng = Random(seed)
    narrow = sources(rng, (r, r, 1, 2, 3))
    copies = [1] * r
    for _ in range(extra):
        copies[rng.randrange(r)] += 1
    wide = split(narrow[1], copies, rng)
    noisy = Network.from_theta(wide.theta() + np.array([Fraction(rng.gauss(0, size)) for _ in wide.theta()]), 2)
    found = propose_induced_point([Target.of_network(n, SIGMOID) for n in narrow], noisy)
    assert found is not None
    assert found.source == 1
    assert list(found.copies) == copies
    assert found.point.distance_squared == square(noisy.theta() - found.point.network.theta())
    assert found.point.distance_squared <= square(noisy.theta() - wide.theta())
    groups = {block.members for block in found.point.stratum.blocks}
    rows = [tuple(w) for w in wide.w]
    assert groups == {tuple(i for i, w in enumerate(rows) if w == row) for row in rows}


@fixed
@given(st.integers(0, 2**32), st.fractions(0, 1, max_denominator=50))
def test_the_bound_holds_for_every_network_within_the_radius(seed, radius):
    rng = Random(seed)
    narrow = sources(rng, (2,))[0]
    wide = split(narrow, [1, 3], rng)
    moved = Network.from_theta(wide.theta() + np.array([Fraction(rng.gauss(0, 1e-4)) for _ in wide.theta()]), 2)
    found = propose_induced_point([Target.of_network(narrow, SIGMOID)], moved)
    assert found is not None
    bound = found.distance_bound(radius)
    # towards and away from the candidate, and anywhere
    step = np.array([Fraction(rng.randint(-100, 100), 100) for _ in narrow.theta()])
    step *= radius / max(sum(abs(x) for x in step), 1)  # a shorter step than the radius: the 1-norm is larger
    other = Target.of_network(Network.from_theta(narrow.theta() + step, 2), SIGMOID)
    assert Stratum(other, found.point.stratum.labels).distance_squared(moved) <= bound**2
    exact_bound = found.distance_bound(Fraction(0))
    assert found.point.distance_squared <= exact_bound**2 <= found.point.distance_squared * (1 + Fraction(1, 2**50))


def test_the_bound_is_attained():
    """All three copies of one neuron move away together: √3 times as far as the narrow network."""
    narrow = Network.of([[1, 0], [0, 1]], [1, 1])
    wide = Network.of([[1 + Fraction(1, 1000), 0]] * 3 + [[0, 1]], [Fraction(1, 3)] * 3 + [1])
    found = propose_induced_point([Target.of_network(narrow, SIGMOID)], wide)
    assert found is not None
    assert found.point.distance_squared == 3 * Fraction(1, 1000) ** 2
    other = Target.of_network(Network.of([[1 - Fraction(1, 1000), 0], [0, 1]], [1, 1]), SIGMOID)
    far = Stratum(other, found.point.stratum.labels).distance_squared(wide)
    bound = found.distance_bound(Fraction(1, 1000))
    assert far <= bound**2 <= far * (1 + Fraction(1, 2**50))
    with pytest.raises(ValueError, match="radius is -1"):
        found.distance_bound(Fraction(-1))


def test_flips_null_neurons_and_narrower_networks_are_no_splits():
    narrow = Network.of([[1, 0], [0, 1]], [1, 2])
    source = [Target.of_network(narrow, SIGMOID)]
    assert propose_induced_point(source, Network.of([[1, 0], [0, 1], [-1, 0]], [1, 2, 0])) is None  # a flipped copy
    assert propose_induced_point(source, Network.of([[1, 0], [0, 1], [3, 3]], [1, 2, 0])) is None  # a null neuron
    assert propose_induced_point(source, Network.of([[1, 0], [0, 1], [0, 0]], [1, 2, 0])) is None  # a zero neuron
    assert propose_induced_point(source, Network.of([[1, 0], [1, 0], [1, 0]], [1, 1, 1])) is None  # no copy of one
    assert propose_induced_point(source, narrow) is None  # as wide as the narrow one
    assert propose_induced_point(source, Network.of([[1, 0], [0, 1e308], [0, -1.7e308]], [1, 1, 1])) is None
    found = propose_induced_point(source, Network.of([[1, 0], [0, 1], [0, 1]], [1, 1, 1]))
    assert found is not None
    assert found.point.distance_squared == 0
    assert found.point.stratum.is_split


def test_of_two_narrow_networks_the_nearer_is_chosen_exactly():
    close = [Network.of([[1, 0], [0, 1]], [1, 2 + Fraction(k, 10**40)]) for k in (-1, 2)]
    wide = Network.of([[1, 0], [0, 1], [0, 1]], [1, 1, 1])
    found = propose_induced_point([Target.of_network(n, SIGMOID) for n in close], wide)
    assert found is not None
    assert found.source == 0
    assert found.point.distance_squared == Fraction(1, 10**80) / 2  # two copies share the difference


def test_networks_whose_neurons_act_as_one_are_refused():
    for w in ([[1, 2], [1, 2]], [[1, 2], [-1, -2]], [[1, 2], [0, 0]]):
        with pytest.raises(ValueError, match="pairwise different up to sign"):
            Target.of_network(Network.of(w, [1, 1]), SIGMOID)


def test_shipped_runs_on_the_plateau_of_a_narrower_minimum():
    """Newton's runs of width 5 number 208 and 955 ended on splits of the minima that runs 18 and 8 of width 4 found."""
    narrow, wide = (read_points(DATA / "newton" / f"width{m}", dimension=2) for m in (4, 5))
    minima = [Target.of_network(Network.of(narrow.w[k], narrow.a[k]), SIGMOID) for k in (8, 18)]
    for run, source, copies in ((208, 1, (1, 1, 2, 1)), (955, 0, (1, 1, 1, 2))):
        found = propose_induced_point(minima, Network.of(wide.w[run], wide.a[run]))
        assert found is not None
        assert (found.source, found.copies) == (source, copies)
        assert found.distance_bound(Fraction(0)) < Fraction(1, 10**9)
    for run in range(20, 40):  # other runs are nowhere near
        assert propose_induced_point(minima, Network.of(wide.w[run], wide.a[run])) is None
