"""The counts by formula, by listing orbits, and by brute force over labelled neurons, against each other."""

import math
import re
from collections import Counter
from fractions import Fraction
from itertools import product
from pathlib import Path

import brute_force
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strata_cases import PROBLEMS, small_problem

from symmetry.counting import G, T, bell, labelled_counts, listed, maximal_counts, zero_sum_subsets
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem
from symmetry.strata import Target

ROOT = Path(__file__).parents[2]
SHIPPED = brute_force.read(ROOT / "data" / "counts" / "brute_force.csv")


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


# ---------------------------------------------------------------- both routes


def test_both_routes_give_the_published_values():
    assert [listed(r, 5)[0] for r in (4, 3, 2)] == [240, 150, 30]
    assert [listed(4, m)[1] for m in (4, 5, 6, 7)] == [24, 360, 3720, 33600]
    for outputs, expected in (((1, -1, 1, -1), 144), ((1, 1, 1, 1), 24)):
        target = Target.with_outputs(outputs, Fraction(1))
        assert maximal_counts(target, 4) == labelled_counts(target, 4) == {0: expected}


@pytest.mark.parametrize("r", range(1, 5))
@pytest.mark.parametrize("m", range(7))
def test_listed_counts_agree_with_the_closed_forms(r, m):
    assert listed(r, m) == (G(r, m), T(r, m))


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    st.lists(st.sampled_from([-3, -2, -1, 1, 2, 3]), min_size=1, max_size=5),
    st.sampled_from([None, Fraction(0), Fraction(1), Fraction(2)]),
    st.integers(1, 4),
    st.integers(-1, 3),
)
def test_the_formula_counts_the_strata_that_are_listed(outputs, reflection, dimension, extra):
    target = Target.with_outputs([Fraction(a, 2) for a in outputs], reflection, dimension)
    width = len(outputs) + min(extra, 6 - len(outputs))
    assert maximal_counts(target, width) == labelled_counts(target, width)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=8))
def test_zero_sum_subsets(outputs):
    choices = product([0, 1], repeat=len(outputs))
    expected = sum(sum(x * y for x, y in zip(outputs, choice, strict=True)) == 0 for choice in choices)
    assert zero_sum_subsets([Fraction(a, 3) for a in outputs]) == expected


def test_sizes_beyond_enumeration():
    """A neuron more: each count is an integer found without listing; with no identity they add up to T."""
    target = Target.with_outputs([Fraction(a) for a in (1, -1, 1, -1)], None)
    assert sum(maximal_counts(target, 60).values()) == T(4, 60)
    signed = maximal_counts(Target.with_outputs(target.a, Fraction(1)), 60)
    assert sorted(signed) == list(range(55, 113))
    assert signed[112] == 6 * 60 * 59 * 58 * 57  # 56 classes D of one neuron each; 6 choices of signs


# ---------------------------------------------------------------- brute force


def shipped(identity: str, outputs: tuple[int, ...], width: int) -> dict[int, int]:
    return {
        int(row["dimension"]): int(row["strata"])
        for row in SHIPPED
        if (row["identity"], row["outputs"], row["width"]) == (identity, " ".join(map(str, outputs)), str(width))
    }


def test_all_of_the_shipped_table_agrees_with_the_formula():
    tables = {(row["identity"], row["outputs"], row["width"]) for row in SHIPPED}
    # outputs up to order and a common sign, widths r to 5; two teachers of each size (r = 1: one) without a constant
    assert len(tables) == (2 * 5 + 6 * 4 + 10 * 3 + 19 * 2) + 2 * (5 + 2 * 4 + 2 * 3 + 2 * 2)
    for identity, outputs, width in tables:
        numbers = tuple(int(a) for a in outputs.split())
        target = Target.with_outputs(numbers, brute_force.IDENTITIES[identity])
        assert maximal_counts(target, int(width)) == shipped(identity, numbers, int(width))


def test_a_part_of_the_shipped_table_is_made_again():
    rows = [*brute_force.table(range(1, 4)), *brute_force.table(range(4, 5), range(3, 5))]
    assert [row for row in rows if row not in SHIPPED] == []
    parts = [row for row in SHIPPED if row["width"] < "4" or (row["width"] == "4" and row["outputs"].count(" ") > 1)]
    assert len(parts) == len(rows)


def test_brute_force_of_width_5():
    for outputs in ((1, -1, 1, -1), (1, 1, 1, 1)):
        expected = maximal_counts(Target.with_outputs(outputs, Fraction(1)), 5)
        assert brute_force.counts(outputs, Fraction(1), 2, 5) == expected


@pytest.mark.parametrize(("c", "d"), [(1, 1), (1, 3), (0, 1), (None, 3)])
def test_brute_force_in_other_dimensions(c, d):
    reflection = None if c is None else Fraction(c)
    expected = maximal_counts(Target.with_outputs((1, -1), reflection, d), 3)
    assert brute_force.counts((1, -1), reflection, d, 3) == expected


def test_asking_one_set_of_each_shape_only_saves_work():
    """Nor is any set of solutions counted twice."""
    for outputs, c in (((1,), 1), ((1, -1), 1), ((1, 2), 0), ((1, 1), None)):
        reflection = None if c is None else Fraction(c)
        found = Counter(brute_force.maximal(outputs, reflection, 2, 3).values())
        assert dict(sorted(found.items())) == brute_force.counts(outputs, reflection, 2, 3)


def test_the_table_of_the_documentation():
    text = (ROOT / "docs" / "counting.md").read_text("utf-8")
    rows = re.findall(r"^\| (thesis|simsek2021) \| (\d) \| (\d|all) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    expected = []
    for name in ("thesis", "simsek2021"):
        target = Target.of(load_problem(name))
        for width in range(4, 8):
            counts = maximal_counts(target, width)
            orbits = Counter(orbit.dimension for orbit in strata_orbits(target, width))
            lines = [(str(n), counts[n], orbits[n]) for n in counts] + [("all", sum(counts.values()), orbits.total())]
            expected += [(name, str(width), n, str(strata), str(classes)) for n, strata, classes in lines]
    assert rows == expected


def test_refusals():
    with pytest.raises(ValueError, match="output 2 is 0"):
        Target.with_outputs((1, 0), Fraction(1))
    with pytest.raises(ValueError, match="dimension is 0"):
        Target.with_outputs((1,), Fraction(1), 0)
    with pytest.raises(ValueError, match="0 neurons and 0 outputs"):
        Target.with_outputs((), None)
    with pytest.raises(ValueError, match="pairwise different up to sign"):
        Target(((Fraction(1),), (Fraction(-1),)), (Fraction(1), Fraction(1)), Fraction(1))
    with pytest.raises(ValueError, match="width is -1"):
        maximal_counts(Target.with_outputs((1,), None), -1)
    for call in (lambda: G(-1, 2), lambda: T(2, -1), lambda: bell(-1)):
        with pytest.raises(ValueError, match="expected a number ≥ 0"):
            call()
