import math
from itertools import product

import pytest
from strata_cases import PROBLEMS, small_problem

from symmetry.counting import G, T, bell, labelled_counts
from symmetry.problem import load_problem


def partitions(n: int) -> int:
    """Set partitions, enumerated as restricted growth strings."""
    return sum(
        all(s <= max(code[:i], default=-1) + 1 for i, s in enumerate(code)) for code in product(range(n), repeat=n)
    )


@pytest.mark.parametrize("r", range(5))
@pytest.mark.parametrize("m", range(7))
def test_g_counts_surjections(r, m):
    assert G(r, m) == sum(set(code) == set(range(r)) for code in product(range(r), repeat=m))


def test_bell_counts_set_partitions():
    assert [bell(n) for n in range(7)] == [partitions(n) for n in range(7)]


def test_published_values():
    assert [G(4, 5), G(3, 5), G(2, 5)] == [240, 150, 30]
    assert [T(4, m) for m in (4, 5, 6, 7)] == [24, 360, 3720, 33600]
    assert T(4, 3) == 0


@pytest.mark.parametrize(("outputs", "width"), [((1, -1), 2), ((1, -1), 5), ((1, 1, -2), 6), ((1, -1, 1, -1), 7)])
def test_t_counts_the_strata_without_flips(outputs, width):
    """An activation without identity has no flips, and its zero neurons lie in classes D."""
    counts = labelled_counts(small_problem("softplus", outputs), width)
    assert sum(counts.values()) == T(len(outputs), width)


def test_width_of_the_teacher():
    """Subsets of the outputs with sum 0 times 4!: 6 for (1, −1, 1, −1), the empty one alone for (1, 1, 1, 1)."""
    assert labelled_counts(load_problem("thesis"), 4) == {0: 144}
    assert labelled_counts(load_problem("simsek2021"), 4) == {0: 24}
    assert labelled_counts(small_problem("tanh", (1, 2, -1)), 3) == {0: 48}  # odd: any signs


@pytest.mark.parametrize(("outputs", "width"), [((3,), 9), ((1, 2), 7)])
def test_odd_activations_have_every_labelling(outputs, width):
    """σ(0) = 0: nothing is empty, nothing contained in another (docs/strata.md, Theorem 5).

    i neurons in the classes C with any signs, u in classes D (k of them, signs up to a flip of each), the others zero.
    """
    free = [sum(G(k, u) // math.factorial(k) * 2 ** (u - k) for k in range(u + 1)) for u in range(width + 1)]
    expected = sum(
        math.comb(width, i) * math.comb(width - i, u) * G(len(outputs), i) * 2**i * free[u]
        for i in range(width + 1)
        for u in range(width - i + 1)
    )
    assert sum(labelled_counts(small_problem("tanh", outputs), width).values()) == expected


def test_one_neuron_more_than_the_teacher():
    """Derived in docs/strata.md, section 6, from the subset sums: dimension 0, 1 and 2."""
    for problem in PROBLEMS[:4]:
        outputs = [int(x) for x in problem.teacher.a]
        r = len(outputs)
        m = r + 1
        permutations = G(m, m)
        flips = list(product([1, -1], repeat=r))
        offset = {s: sum(a for a, sign in zip(outputs, s, strict=True) if sign < 0) for s in flips}
        balanced = [s for s in flips if offset[s] == 0]
        zero = sum(offset[s] != 0 for s in flips)
        mixed = 0
        for t in range(r):
            for rest in product([1, -1], repeat=r - 1):
                others = sum(a for a, sign in zip(outputs[:t] + outputs[t + 1 :], rest, strict=True) if sign < 0)
                mixed += others not in (0, -outputs[t])
        expected = {
            0: (zero + mixed) * permutations,
            1: len(balanced) * r * permutations // 2,
            2: len(balanced) * permutations,
        }
        assert labelled_counts(problem, m) == {n: count for n, count in expected.items() if count}


def test_refusals():
    for call in (lambda: G(-1, 2), lambda: T(2, -1), lambda: bell(-1)):
        with pytest.raises(ValueError, match="expected a number ≥ 0"):
            call()
