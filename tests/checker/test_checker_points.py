"""Vectors with one error for all entries, and folded inputs: what paths are evaluated with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import pytest
from exponentials import exact
from test_checker_arithmetics import holds, numbers

from certify.checker.activations import ACTIVATIONS
from certify.checker.arb import Arb
from certify.checker.folded import fold
from certify.checker.integers import Integers
from certify.checker.intervals import Intervals
from certify.checker.loss import Data, Problem
from certify.checker.points import Points, exps_minus

SIZES = ["ordinary", "tiny", "huge", "mixed"]


def near(arithmetic: Points, rng: random.Random, size: str, count: int) -> tuple[Any, list[Fraction]]:
    """A vector with an error, small or not, and numbers it stands for."""
    centers = numbers(rng, size, count)
    error = abs(numbers(rng, size, 1)[0]) * Fraction(1, rng.choice([1, 2**20, 2**100]))
    inside = [c + error * Fraction(rng.randint(-(2**20), 2**20), 2**20) for c in centers]
    return arithmetic.vector(centers).widened(arithmetic.vector([error])), inside


@pytest.mark.parametrize("size", SIZES)
def test_operations_hold_the_exact_results(size: str) -> None:
    rng = random.Random(f"points {size}")
    for _ in range(25):
        arithmetic = Points(rng.randint(128, 500))
        x, u = near(arithmetic, rng, size, 16)
        y, v = near(arithmetic, rng, size, 16)
        scalar, w = near(arithmetic, rng, size, 1)
        pairs = list(zip(u, v, strict=True))
        weights = numbers(rng, size, 3)
        results = {
            "itself": (x, u),
            "negative": (-x, [-a for a in u]),
            "absolute": (abs(x), [abs(a) for a in u]),
            "sum": (x + y, [a + b for a, b in pairs]),
            "difference": (x - y, [a - b for a, b in pairs]),
            "product": (x * y, [a * b for a, b in pairs]),
            "scalar": (x * scalar, [a * w[0] for a in u]),
            "shift": (x + scalar, [a + w[0] for a in u]),
            "integer": (x * -7, [-7 * a for a in u]),
            "three less": (3 - x, [3 - a for a in u]),
            "less three": (x - 3, [a - 3 for a in u]),
            "dot": (x.dot(y), [sum((a * b for a, b in pairs), Fraction(0))]),
            "scalar dot": (x.dot(scalar), [sum(u, Fraction(0)) * w[0]]),
            "stack": (arithmetic.stack([x[i] for i in range(5)]), u[:5]),
            "middle": (x.midpoints().widened(x.radii()), u),
            "widened": (x.widened(y), [a + b for a, b in pairs]),
            "combination": (
                arithmetic.combination([x, y, y], weights),
                [weights[0] * a + (weights[1] + weights[2]) * b for a, b in pairs],
            ),
        }
        for name, (found, true) in results.items():
            assert holds(found, true), name
            # a chain of operations relies on the reach
            assert all(abs(m) <= found.reach for m in found.mid), name
        assert all(abs(a) <= t * t for a, t in zip(u, x.root_tops().upper(), strict=True))


def test_bounds_are_tight() -> None:
    arithmetic = Points(144)
    x, y = arithmetic.vector([Fraction(1, 3)] * 9), arithmetic.vector([Fraction(1, 7)] * 9)
    z = arithmetic.combination([x, y], [Fraction(1, 3), Fraction(-2, 5)])
    for vector in (x + y, x * y, x.dot(y), x.midpoints().sigmoid(), x.root_tops(), z):
        assert vector.upper()[0] - vector.lower()[0] < Fraction(1, 2**138)


@pytest.mark.parametrize("bits", [128, 144, 145, 200, 400])
def test_exponentials_from_tables(bits: int) -> None:
    rng = random.Random(bits)
    edges = [0, 1, (1 << bits) - 1, bits << bits, (bits << bits) + 1, 1 << bits + 40]
    edges += [(k << bits - places) + d for places in (5, 17, 29) for k in (1, 2**12 - 1, 2**12) for d in (-1, 0, 1)]
    given = edges + [rng.getrandbits(rng.randint(1, bits + 7)) for _ in range(400)]
    flint.ctx.prec = bits + 200
    unit = flint.arb(2) ** bits
    for n, value in zip(given, exps_minus(given, bits), strict=True):
        assert abs((-flint.arb(n) / unit).exp() * unit - value) <= 16, n


def test_sigmoid_and_its_derivatives_at_points() -> None:
    rng = random.Random("jet")
    points = [Fraction(0), Fraction(-300), Fraction(300), *numbers(rng, "ordinary", 80)]
    z = Points(144).vector(points).midpoints()
    flint.ctx.prec = 3000
    for k, value in enumerate(ACTIVATIONS["sigmoid"].jet(z, 5, lambda v: Points(144).vector([Fraction(v)]))):
        for x, low, high in zip(z.lower(), value.lower(), value.upper(), strict=True):
            jet = (1 / (1 + (-flint.arb_series([exact(x), 1], 7)).exp())).coeffs()
            true = jet[k] * math.factorial(k)
            assert exact(low) <= true <= exact(high), (k, x)
            assert high - low < Fraction(1, 2**125)


def test_the_sigmoid_of_wide_vectors_is_refused() -> None:
    arithmetic = Points(128)
    with pytest.raises(ValueError, match="at points"):
        arithmetic.vector([Fraction(1)]).widened(arithmetic.vector([Fraction(1, 2)])).sigmoid()


def test_vectors_of_different_length_or_scale_do_not_combine() -> None:
    x, y, z = (Points(bits).vector([Fraction(1)] * n) for bits, n in ((128, 3), (128, 2), (192, 3)))
    for other in (y, z):
        with pytest.raises(ValueError, match="different length"):
            x + other
    with pytest.raises(ValueError, match="different length"):
        Points(128).combination([x, y], [Fraction(1)] * 2)


# ------------------------------------------------------------------------------------------------ folded inputs

TEACHER = (((Fraction(3, 5), Fraction(-1, 2)), Fraction(2)), ((Fraction(-1), Fraction(4, 3)), Fraction(-1, 3)))
ROWS = [(1, 2), (0, 0), (-1, -2), (3, 1), (1, 2), (0, 0), (0, 0), (-3, -1), (1, -2)]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("make", [Points, Arb, Intervals])
def test_folded_residuals_are_those_of_the_whole_problem(make: Callable[[int], Any], given: bool) -> None:
    columns = tuple(zip(*((Fraction(x, 4), Fraction(y, 4)) for x, y in ROWS), strict=True))
    labels = tuple(Fraction(n, 7) for n in range(len(ROWS))) if given else None
    problem = Problem("", columns, labels and (labels,), () if given else TEACHER)
    folded = fold(problem, make(160))
    assert len(folded.data.y) == 6  # one of (1, 2), of (0, 0), of (3, 1); and the rest, which have no partner
    assert folded.count == 9
    # along a curve of one neuron w with the output a(t) = 3 + 5t, to first order only
    w, outputs = [Fraction(7, 3), Fraction(-1, 5)], [Fraction(3), Fraction(5)]
    sigma = folded.data.arithmetic.combination(folded.data.x, w).midpoints().sigmoid()
    sides = folded.residuals([sigma * folded.data.number(a) for a in outputs], outputs)
    whole = Data(problem, Integers(256))
    full = whole.along([whole.number(v) for v in w]).midpoints().sigmoid()
    for j, a in enumerate(outputs):
        direct = full * whole.number(a) - (whole.y if j == 0 else whole.zero)
        square = sum((side[j].dot(side[j]) for side in sides[1:]), sides[0][j].dot(sides[0][j]))
        true = direct.dot(direct)
        assert square.lower()[0] <= true.upper()[0]
        assert true.lower()[0] <= square.upper()[0]
        assert square.upper()[0] - square.lower()[0] < Fraction(1, 2**120)
    size = abs(folded.data.x[0])
    assert holds(folded.square(size), [sum((Fraction(x, 4) ** 2 for x, _ in ROWS), Fraction(0))])


def test_inputs_without_partners_are_kept() -> None:
    problem = Problem("", ((Fraction(1), Fraction(2)), (Fraction(3), Fraction(-4))), ((Fraction(0), Fraction(1)),), ())
    folded = fold(problem, Points(128))
    assert len(folded.data.y) == folded.count == 2
    assert len(folded.residuals([folded.data.x[0]], [Fraction(0)])) == 1
