"""The checker's arithmetics: every operation against exact or 400-bit references, tiny, huge and straddling zero."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from operator import mul
from typing import Any

import flint
import pytest
from exponentials import CHECKER, PROVER, UNSOUND_IN_MPMATH, arguments, exact, fails_in_mpmath, failures

from certify.checker.angles import arc_cosine, arc_tangent, pi, root
from certify.checker.arb import Arb
from certify.checker.integers import Integers, exp_minus
from certify.checker.intervals import Intervals

ARITHMETICS = {"integer": Integers, "mpmath": Intervals, "arb": Arb}
SIZES = {"ordinary": (-10, 4), "tiny": (-300, -100), "huge": (20, 200), "mixed": (-200, 60)}


@pytest.fixture(params=sorted(ARITHMETICS))
def make(request: pytest.FixtureRequest) -> Callable[[int], Any]:
    chosen: Callable[[int], Any] = ARITHMETICS[request.param]
    return chosen


def numbers(rng: random.Random, size: str, count: int) -> list[Fraction]:
    """Random rationals, one in eight zero, one in four not dyadic."""
    low, high = SIZES[size]
    out = []
    for _ in range(count):
        value = Fraction(rng.getrandbits(rng.randint(1, 120)) - 2**60, 2**60) * Fraction(2) ** rng.randint(low, high)
        out.append(rng.choice([value, value, value, value / 3, value / 7, -value, value, Fraction(0)]))
    return out


def boxes(arithmetic: Any, rng: random.Random, size: str, count: int) -> tuple[Any, list[Fraction]]:
    """Balls, some of them wide and straddling 0, and a number in each."""
    centers, radii = numbers(rng, size, count), [abs(r) for r in numbers(rng, size, count)]
    inside = [c + r * Fraction(rng.randint(-(2**20), 2**20), 2**20) for c, r in zip(centers, radii, strict=True)]
    return arithmetic.vector(centers).widened(arithmetic.vector(radii)), inside


def holds(vector: Any, values: list[Fraction]) -> bool:
    ends = zip(vector.lower(), values, vector.upper(), strict=True)
    return all(low <= value <= high for low, value, high in ends)


@pytest.mark.parametrize("size", sorted(SIZES))
def test_operations_hold_the_exact_results(make: Callable[[int], Any], size: str) -> None:
    rng = random.Random(f"operations {size}")
    for _ in range(12):
        arithmetic = make(rng.randint(128, 500))
        x, u = boxes(arithmetic, rng, size, 24)
        y, v = boxes(arithmetic, rng, size, 24)
        scalar, w = boxes(arithmetic, rng, size, 1)
        pairs = list(zip(u, v, strict=True))
        assert holds(x, u)
        assert holds(-x, [-a for a in u])
        assert holds(abs(x), [abs(a) for a in u])
        assert holds(x + y, [a + b for a, b in pairs])
        assert holds(x - y, [a - b for a, b in pairs])
        assert holds(x * y, [a * b for a, b in pairs])
        assert holds(x * scalar, [a * w[0] for a in u])
        assert holds(x + scalar, [a + w[0] for a in u])
        assert holds(x * -7, [-7 * a for a in u])
        assert holds(3 - x, [3 - a for a in u])
        assert holds(x.dot(y), [sum((a * b for a, b in pairs), Fraction(0))])
        assert holds(x.dot(scalar), [sum(u, Fraction(0)) * w[0]])
        assert holds(arithmetic.stack([x[i] for i in range(5)]), u[:5])
        for i, a in enumerate(u):
            try:
                assert holds(x[i].reciprocal(), [1 / a])
            except ZeroDivisionError:
                assert x.lower()[i] <= 0 <= x.upper()[i]


@pytest.mark.parametrize("size", sorted(SIZES))
def test_upper_bounds(make: Callable[[int], Any], size: str) -> None:
    rng = random.Random(f"bounds {size}")
    for _ in range(12):
        arithmetic = make(rng.randint(128, 500))
        x, u = boxes(arithmetic, rng, size, 24)
        y, v = boxes(arithmetic, rng, size, 24)
        assert all(abs(a) <= top for a, top in zip(u, x.tops().upper(), strict=True))
        assert all(max(abs(a), abs(b)) <= t for a, b, t in zip(u, v, x.larger(y).upper(), strict=True))
        assert all(abs(a) <= t * t for a, t in zip(u, x.root_tops().upper(), strict=True))
        assert holds(x.widened(y), [a + b for a, b in zip(u, v, strict=True)])
        assert holds(x.midpoints().widened(x.radii()), u)


def test_bounds_are_tight(make: Callable[[int], Any]) -> None:
    arithmetic = make(192)
    third, seventh = Fraction(1, 3), Fraction(1, 7)
    x, y = arithmetic.vector([third]), arithmetic.vector([seventh])
    for vector in (x + y, x * y, x.dot(y), x.reciprocal(), x.midpoints().sigmoid(), x.root_tops()):
        assert vector.upper()[0] - vector.lower()[0] < Fraction(1, 2**180)


@pytest.mark.parametrize("make", [Intervals, Arb])
@pytest.mark.parametrize("exponent", [-3000, -400, 0, 500])
def test_sums_of_products_keep_their_relative_accuracy(make: Callable[[int], Any], exponent: int) -> None:
    # mpmath's intervals are multiplied in integers, which must not have a fixed number of binary places
    rng, bits = random.Random(exponent), 192
    arithmetic = make(bits)
    u = [Fraction(rng.randint(1, 2**60), 3) * Fraction(2) ** exponent for _ in range(50)]
    v = [Fraction(rng.randint(1, 2**60), 7) * Fraction(2) ** (exponent // 2) for _ in range(50)]
    found, exact_sum = arithmetic.vector(u).dot(arithmetic.vector(v)), sum(map(mul, u, v), Fraction(0))
    assert holds(found, [exact_sum])
    assert found.upper()[0] - found.lower()[0] < exact_sum / 2 ** (bits - 12)


def test_a_reciprocal_of_zero_is_refused(make: Callable[[int], Any]) -> None:
    arithmetic = make(128)
    for low, high in ((-1, 1), (0, 1), (-1, 0), (0, 0)):
        ball = arithmetic.vector([Fraction(low + high, 2)]).widened(arithmetic.vector([Fraction(high - low, 2)]))
        with pytest.raises(ZeroDivisionError):
            ball.reciprocal()


def test_vectors_of_different_length_do_not_combine(make: Callable[[int], Any]) -> None:
    arithmetic = make(128)
    with pytest.raises(ValueError, match="different length"):
        arithmetic.vector([Fraction(1)] * 3) + arithmetic.vector([Fraction(1)] * 2)


# -------------------------------------------------------------------------------------------------- exponential


@pytest.mark.parametrize("name", [*CHECKER, *PROVER])
def test_exponentials(name: str) -> None:
    """All known failures of mpmath's, and 6000 others; ``python tests/checker/exponentials.py`` takes 100 000."""
    wrong, widest = failures(name, arguments(8000))
    assert wrong == []
    assert widest < (2.0**-49 if name == "prover, float64" else 2.0**-100)


def test_references_notice_what_is_wrong_with_mpmath() -> None:
    assert all(map(fails_in_mpmath, UNSOUND_IN_MPMATH))
    assert not fails_in_mpmath(Fraction(0))


@pytest.mark.parametrize("bits", [128, 200, 400, 1000])
def test_exponential_at_other_scales(bits: int) -> None:
    rng = random.Random(bits)
    for _ in range(300):
        n = rng.getrandbits(rng.randint(1, bits + 12))
        value, error = exp_minus(n, bits)
        flint.ctx.prec = bits + 200
        true = (-flint.arb(n) / flint.arb(2) ** bits).exp() * flint.arb(2) ** bits
        assert abs(true - value) <= error


def test_sigmoid_at_points(make: Callable[[int], Any]) -> None:
    rng = random.Random("sigmoid")
    arithmetic = make(192)
    points = [*UNSOUND_IN_MPMATH[:50], *(x for s in ("ordinary", "tiny") for x in numbers(rng, s, 60)), Fraction(-900)]
    middles = arithmetic.vector([x for x in points if abs(x) <= 900]).midpoints()
    for x, low, high in zip(middles.lower(), middles.sigmoid().lower(), middles.sigmoid().upper(), strict=True):
        flint.ctx.prec = 3000
        true = 1 / (1 + (-exact(x)).exp())
        assert exact(low) <= true <= exact(high)
        assert high - low < Fraction(1, 2**185)


def test_the_sigmoid_of_a_wide_ball_is_refused_in_integers() -> None:
    arithmetic = Integers(128)
    wide = arithmetic.vector([Fraction(1)]).widened(arithmetic.vector([Fraction(1, 2)]))
    with pytest.raises(ValueError, match="at points"):
        wide.sigmoid()


@pytest.mark.parametrize("size", sorted(SIZES))
def test_roots(make: Callable[[int], Any], size: str) -> None:
    rng = random.Random(f"roots {size}")
    for _ in range(8):
        arithmetic = make(rng.randint(128, 400))
        centers = [abs(value) for value in numbers(rng, size, 12)]
        inside = [c * (1 + Fraction(rng.randint(-99, 99), 1000)) for c in centers]
        x = arithmetic.vector(centers).widened(arithmetic.vector([c / 10 for c in centers]))
        for i, value in enumerate(inside):
            try:
                found = root(x[i])
            except ZeroDivisionError:
                assert x.lower()[i] <= Fraction(1, 2**120)  # too small for the binary places
                continue
            assert max(found.lower()[0], Fraction(0)) ** 2 <= value <= found.upper()[0] ** 2


def test_angles(make: Callable[[int], Any]) -> None:
    rng, bits = random.Random("angles"), 192
    arithmetic = make(bits)
    slopes = [Fraction(0), Fraction(1), Fraction(1, 2**90), *(Fraction(rng.getrandbits(60), 2**60) for _ in range(60))]
    tangents = arc_tangent(arithmetic.vector(slopes), bits)
    # points of the circle, acute and obtuse
    cosines = [(1 - t * t) / (1 + t * t) * rng.choice([-1, 1]) for t in slopes[1:]]
    sines = [2 * t / (1 + t * t) for t in slopes[1:]]
    angles = arc_cosine(arithmetic.vector(cosines), arithmetic.vector(sines), arithmetic)
    flint.ctx.prec = 400
    known = [exact(t).atan() for t in slopes], [exact(c).acos() for c in cosines], [flint.arb.pi()]
    for found, values in zip((tangents, angles, pi(arithmetic)), known, strict=True):
        for value, low, high in zip(values, found.lower(), found.upper(), strict=True):
            assert exact(low) <= value <= exact(high)
            assert high - low < Fraction(1, 2**150)
