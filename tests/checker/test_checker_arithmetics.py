"""The checker's arithmetics: every operation against exact or 400-bit references, tiny, huge and straddling zero."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from operator import mul
from typing import Any

import flint
import mpmath
import pytest

from certify.checker.arb import Arb
from certify.checker.integers import Integers, exp_minus
from certify.checker.intervals import Intervals, _exp_minus

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
        arithmetic = make(rng.choice([128, 160, 192, 256, 333]))
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
        arithmetic = make(rng.choice([128, 192, 256]))
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

# mpmath's iv.exp at 53 bits excludes the true value for these among others (three in four of k·2^-53)
UNSOUND_IN_MPMATH = [-Fraction(k, 2**53) for k in range(1, 2001)]


def arguments(count: int) -> list[Fraction]:
    """Non-positive numbers at scale 2^-128: near 0, ordinary, large, and around powers of two."""
    rng = random.Random("exponential")
    out = [*UNSOUND_IN_MPMATH, Fraction(0), Fraction(-1, 2**128), Fraction(-(2**40)), Fraction(-(2**70))]
    while len(out) < count:
        kind = rng.randrange(4)
        if kind == 0:
            value = Fraction(rng.getrandbits(60), 2**60) * Fraction(2) ** rng.randint(-68, 10)
        elif kind == 1:
            value = Fraction(rng.getrandbits(133), 2**128)
        elif kind == 2:
            value = Fraction(2) ** rng.randint(-100, 9) + Fraction(rng.randint(-3, 3), 2**128)
        else:
            value = Fraction(rng.randint(1, 2**20), 2**53)
        out.append(-abs(value))
    return out


def reference(x: Fraction) -> flint.arb:
    flint.ctx.prec = 400
    return flint.arb(flint.fmpq(x.numerator, x.denominator)).exp()


def exact(x: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(x.numerator, x.denominator))


def test_integer_exponential_on_a_hundred_thousand_arguments() -> None:
    scale = 128
    for x in arguments(100_000):
        value, error = exp_minus(int(-x * 2**scale), scale)
        true = reference(x) * flint.arb(2) ** scale
        assert abs(true - value) <= error, x
        assert error <= 2


def test_interval_exponential() -> None:
    for x in [*arguments(20_000), *(-(Fraction(2) ** k) + d for k in range(-60, 22) for d in (0, Fraction(1, 2**90)))]:
        raw = mpmath.libmp.from_rational(-x.numerator, x.denominator, 200, "n")
        low, high = (Fraction(*map(int, mpmath.libmp.to_rational(end))) for end in _exp_minus(raw, 160))
        assert exact(low) <= reference(x) <= exact(high), x


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
