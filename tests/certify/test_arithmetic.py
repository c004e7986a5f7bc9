"""Each operation of each arithmetic against exact rational numbers, and against 400-bit balls where there are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from library import ALONG_PATHS, BITS, arb, ball_ends, bounded, meets, precision

from certify.arithmetic import Enclosures, ladder, upper_product
from certify.arithmetic.arb import Arb
from certify.arithmetic.elementwise import ElementArray, rounded_dyadic
from certify.arithmetic.interval import Interval
from certify.arithmetic.midrad import Float64Enclosures, MidRad, exp_point, gamma
from certify.arithmetic.rounding import down, up
from certify.arithmetic.uniform import UniformEnclosures
from symmetry.network import exact

U = 2.0**-53
ALL = pytest.mark.parametrize("name", ALONG_PATHS)
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}

moderate = st.floats(-1e6, 1e6)
wide = st.floats(-1e150, 1e150)
radii = st.one_of(st.just(0.0), st.floats(0, 1e-3), st.floats(0, 1e4))
shares = st.sampled_from([Fraction(-1), Fraction(-1, 3), Fraction(0), Fraction(2, 7), Fraction(1)])


@st.composite
def boxes(draw: Any, numbers: Any = moderate) -> tuple[Fraction, Fraction, Fraction]:
    """Centre and radius of an interval, and a point in it."""
    center, radius = Fraction(draw(numbers)), Fraction(draw(radii))
    return center, radius, center + draw(shares) * radius


def ball(arithmetic: Enclosures, *sets: tuple[Fraction, Fraction, Fraction]) -> Any:
    return arithmetic.ball(exact([s[0] for s in sets]), exact([s[1] for s in sets]))


def entries(values: list[Any], arithmetic: Any) -> ElementArray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return ElementArray(array, arithmetic)


# ------------------------------------------------------------------------------------------------ single operations


@ALL
@pytest.mark.parametrize("symbol", BINARY)
@given(x=boxes(), y=boxes())
@settings(max_examples=60)
def test_binary_operations_enclose(name: str, symbol: str, x: Any, y: Any):
    assume(symbol != "/" or y[2] != 0)
    a, operation = ALONG_PATHS[name](), BINARY[symbol]
    assert meets(a, operation(ball(a, x), ball(a, y)), [operation(x[2], y[2])])


@given(x=boxes(wide), y=boxes(wide), symbol=st.sampled_from(sorted(BINARY)))
@settings(max_examples=300)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_float64_operations_enclose_over_the_whole_range(x: Any, y: Any, symbol: str):
    assume(symbol != "/" or y[2] != 0)
    a, operation = Float64Enclosures(), BINARY[symbol]
    assert meets(a, operation(ball(a, x), ball(a, y)), [operation(x[2], y[2])])


@ALL
@given(x=boxes(), constant=st.one_of(st.integers(-(2**70), 2**70), st.fractions(max_denominator=10**9)))
@settings(max_examples=40)
def test_exact_constants_enter_exactly(name: str, x: Any, constant: Any):
    a = ALONG_PATHS[name]()
    v, value = ball(a, x), Fraction(constant)
    assert meets(a, v + constant, [x[2] + value])
    assert meets(a, constant - v, [value - x[2]])
    assert meets(a, constant * v, [value * x[2]])
    assert meets(a, v * a.number(value), [x[2] * value])
    if value:
        assert meets(a, v / constant, [x[2] / value])
    if x[2]:
        assert meets(a, constant / v, [value / x[2]])


@ALL
def test_floats_are_not_combined_with_enclosures(name: str):
    v = ball(ALONG_PATHS[name](), (Fraction(1), Fraction(0), Fraction(1)))
    for operation in BINARY.values():
        with pytest.raises(TypeError):
            operation(v, 0.1)
        with pytest.raises(TypeError):
            operation(0.1, v)


@ALL
@given(x=boxes(), y=boxes())
@settings(max_examples=60)
def test_unary_operations_and_reductions_enclose(name: str, x: Any, y: Any):
    a = ALONG_PATHS[name]()
    v = ball(a, x, y)
    assert meets(a, -v, [-x[2], -y[2]])
    assert meets(a, abs(v), [abs(x[2]), abs(y[2])])
    assert meets(a, v.reshape(1, 2).sum(axis=1), [x[2] + y[2]])
    assert a.upper(a.maximum(v.reshape(1, 2), axis=1))[0] >= max(abs(x[2]), abs(y[2]))
    assert all(Fraction(m) >= abs(p) for m, p in zip(a.magnitude(v).tolist(), (x[2], y[2]), strict=True))


@ALL
@given(x=boxes(), y=boxes())
@settings(max_examples=60)
def test_split_inflate_and_spread_enclose(name: str, x: Any, y: Any):
    a = ALONG_PATHS[name]()
    v = ball(a, x)
    c, rho = a.split(v)
    middle = a.lower(c)[0]
    assert middle == a.upper(c)[0]
    reach = Fraction(0) if rho is None else a.upper(rho)[0]
    assert abs(x[2] - middle) <= reach
    inflated = a.inflate(v, ball(a, y))
    assert meets(a, inflated, [x[2] + abs(y[2])])
    assert meets(a, inflated, [x[2] - abs(y[2])])
    sup = Fraction(1, 3)
    rho, slope = abs(y[2]), y[0]
    farthest = rho * abs(slope) + rho**2 / 2 * sup
    spread = a.spread(v, a.array(exact([rho])), a.array(exact([slope])), sup)
    assert meets(a, spread, [x[2] + farthest])
    assert meets(a, spread, [x[2] - farthest])


@ALL
@given(x=boxes(st.floats(0, 1e6)))
@settings(max_examples=60)
def test_sqrt_encloses_the_roots_of_the_non_negative_members(name: str, x: Any):
    assume(x[2] >= 0)
    a = ALONG_PATHS[name]()
    root = a.sqrt(ball(a, x))
    low, high = a.lower(root)[0], a.upper(root)[0]
    assert high >= 0
    assert high**2 >= x[2]
    assert low <= 0 or low**2 <= x[2]


@ALL
@given(x=boxes(st.floats(-750, 750)), scale=st.sampled_from([0, -10, -60]))
@example(x=(Fraction(-1, 2**53), Fraction(0), Fraction(-1, 2**53)), scale=0)
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_exp_encloses(name: str, x: Any, scale: int):
    a = ALONG_PATHS[name]()
    factor = Fraction(2) ** scale
    x = tuple(v * factor for v in x)
    with precision(BITS):
        assert meets(a, a.exp(ball(a, x)), [arb(x[2]).exp()])


@ALL
@given(x=boxes(st.one_of(st.floats(-1, 1), st.sampled_from([1 - 2.0**-53, 2.0**-40 - 1, 1e-300, -0.0, 1.0]))))
@settings(max_examples=80)
def test_acos_encloses(name: str, x: Any):
    a = ALONG_PATHS[name]()
    assume(abs(x[2]) <= 1)
    angle = a.acos(ball(a, x))
    with precision(BITS):
        assert a.lower(angle)[0] is None or meets(a, angle, [arb(x[2]).acos()])


@ALL
def test_acos_is_sharp_inside_and_unbounded_outside(name: str):
    a = ALONG_PATHS[name]()
    sharp = a.acos(a.array(np.array([-0.999, -0.5, 0.0, 0.3, 0.999999])))
    assert np.all(a.magnitude(sharp - a.array(np.array([float(a.approx(v.reshape(1))[0]) for v in sharp]))) < 2.0**-48)
    out = a.acos(a.ball(exact([1, -1, 0, 2]), exact([Fraction(1, 1000), Fraction(1, 1000), 2, 0])))
    assert list(a.lower(out)) == [None] * 4


@ALL
def test_where_zeros_and_concatenate(name: str):
    a = ALONG_PATHS[name]()
    v, w = a.array(np.array([1.0, 2.0])), a.array(np.array([-3.0, -4.0]))
    assert meets(a, a.where(np.array([True, False]), v, w), [1, -4])
    assert meets(a, a.concatenate([v, w, a.zeros((1,))]), [1, 2, -3, -4, 0])
    assert a.nonnegative_midpoint(a.concatenate([v, w, a.zeros((1,))])).tolist() == [True, True, False, False, True]
    matrix = a.zeros((2, 2))
    matrix[0, :] = v
    assert meets(a, matrix.T, [1, 0, 2, 0])


@ALL
@pytest.mark.parametrize("dtype", ["int64", "uint64", "float32", "float64", object])
def test_arrays_take_every_exact_number_as_it_is(name: str, dtype: Any):
    a = ALONG_PATHS[name]()
    values = np.array([2**62 + 1, 3], dtype=dtype)
    assert meets(a, a.array(values), [Fraction(v) for v in values.tolist()])


# ---------------------------------------------------------------------------------------------------------- products


@ALL
@given(seed=st.integers(0, 2**32), inner=st.sampled_from([1, 2, 7, 64, 65]), thin=st.booleans())
@settings(max_examples=12)
def test_matrix_products_enclose(name: str, seed: int, inner: int, thin: bool):
    a, rng = ALONG_PATHS[name](), np.random.default_rng(seed)
    if name.startswith("mpmath"):
        inner = min(inner, 7)
    scale = 10.0 ** rng.integers(-8, 8, (2, inner))
    left, right = exact(rng.normal(size=(2, inner)) * scale), exact(rng.normal(size=(inner, 3)))
    r = [exact(np.zeros(m.shape) if thin else np.abs(rng.normal(size=m.shape)) * 1e-6) for m in (left, right)]
    inside = [m + exact(rng.choice([-1, 0.5, 1], m.shape)) * s for m, s in zip((left, right), r, strict=True)]
    assert meets(a, a.matmul(a.ball(left, r[0]), a.ball(right, r[1])), inside[0] @ inside[1])


@pytest.mark.parametrize("inner", [100, 127, 128, 129, 1000, 12800])
@pytest.mark.parametrize("order", ["up", "down", "blocks", "random"])
def test_long_float64_products_enclose_where_every_rounding_goes_the_same_way(inner: int, order: str):
    # 1 and many numbers just below half an ulp of it: each addition to 1 loses one of them
    row = np.full(inner, U * (1 - 2.0**-20))
    if order == "blocks":
        row[:] = 0
        row[::64] = U * (1 - 2.0**-20)
    row[-1 if order == "down" else 0] = 1
    if order == "random":
        row = np.random.default_rng(inner).normal(size=inner)
    a = Float64Enclosures()
    total = sum(exact(row), Fraction(0))
    assert meets(a, a.matmul(a.array(row[None]), a.array(np.ones((inner, 1)))), [total])
    assert meets(a, a.matmul(a.array(np.ones((1, inner))), a.array(row[:, None])), [total])
    assert meets(a, a.array(row).sum(axis=0), [total])
    # several rows and columns: numpy then adds the blocks one after the other
    both = a.matmul(a.array(np.stack([row, row])), a.array(np.ones((inner, 3))))
    assert meets(a, both, [total] * 6)


def test_float64_products_are_as_sharp_as_their_bound():
    # γ for 1681 inputs, summed by blocks: 64 + 26 + 1 roundings instead of 1681
    a = Float64Enclosures()
    product = a.matmul(a.array(np.ones((1, 1681))), a.array(np.ones((1681, 1))))
    assert product.rad[0, 0] <= 2 * 91 * U * 1681


def test_gamma_is_an_upper_bound():
    for k in [*range(1, 3000), 10**5, 10**9, 10**12]:
        assert Fraction(gamma(k)) >= Fraction(k, 2**53) / (1 - Fraction(k, 2**53))
    assert gamma(2**53) == math.inf


@pytest.mark.parametrize("size", [1, 3, 12, 5000, 20000])
def test_upper_product_is_an_upper_bound(size: int):
    row = np.full(size, U * (1 - 2.0**-20))
    row[0] = 1
    assert Fraction(upper_product(row[None], np.ones(size))[0].item()) >= sum(exact(row))
    tiny = np.full(size, 2.0**-600)
    assert Fraction(upper_product(tiny[None], tiny)[0].item()) >= size * Fraction(1, 2**1200)


@given(st.fractions(), st.integers(-1100, 1100))
@settings(max_examples=200)
def test_rounding_of_exact_numbers_is_outward_and_by_less_than_an_ulp(value: Fraction, shift: int):
    x = value * Fraction(2) ** shift
    low, high = down(x), up(x)
    assert low <= high
    assert low == -math.inf or Fraction(low) <= x
    assert high == math.inf or Fraction(high) >= x
    assert high in (low, math.nextafter(low, math.inf))


# --------------------------------------------------------------------------------------------------------------- exp

# found by search: mpmath's own iv.exp excludes the true value at these
KNOWN_FAILURES = [Fraction(-1, 2**53)] + [Fraction(k, 2**53) for k in (-7, -6, -5, -3, -2, 2, 3, 5, 6, 7)]


def mpmath_exp_is_right(x: Fraction, bits: int) -> bool:
    context = mpmath.ctx_iv.MPIntervalContext()
    context.prec = bits
    enclosure = context.exp(context.mpf(x.numerator) / context.mpf(x.denominator))
    with precision(BITS):
        return meets(Interval(bits), entries([enclosure], Interval(bits)), [arb(x).exp()])


def test_the_exp_of_mpmath_is_not_sound_and_ours_is():
    assert not mpmath_exp_is_right(Fraction(-1, 2**53), 53)
    arguments = KNOWN_FAILURES + [Fraction(k, 2**53) for k in range(8, 400)]
    wrong = [x for x in arguments if not mpmath_exp_is_right(x, 53)]
    assert len(wrong) > len(arguments) // 4
    a = Interval(53)
    ours = a.exp(a.array(exact(arguments)))
    with precision(BITS):
        assert meets(a, ours, [arb(x).exp() for x in arguments])


@pytest.mark.parametrize("bits", [53, 106])
def test_exp_over_mpmath_is_sound_and_sharp(bits: int):
    rng = np.random.default_rng(bits)
    arguments = np.concatenate([rng.uniform(-40, 40, 200), -(10.0 ** rng.uniform(-320, 3, 100)), [0.0]])
    a = Interval(bits)
    enclosure = a.exp(a.array(arguments))
    with precision(BITS):
        assert meets(a, enclosure, [arb(x).exp() for x in arguments.tolist()])
    low, high = a.lower(enclosure), a.upper(enclosure)
    assert all(h - b <= h * Fraction(1, 2 ** (bits - 3)) for b, h in zip(low, high, strict=True))


@pytest.mark.parametrize("x", [2.0**41, -(2.0**41), 2.0**1000, -(2.0**1000)])
def test_exp_over_mpmath_of_enormous_arguments_is_trivial(x: float):
    a = Interval(53)
    low, high = a.lower(a.exp(a.array(np.array([x])))), a.upper(a.exp(a.array(np.array([x]))))
    if x > 0:
        assert low[0] is None
        assert high[0] is None
    else:
        assert low[0] <= 0 <= high[0]


def exp_errors(x: np.ndarray) -> list[Fraction]:
    """Relative errors of ``exp_point``, rounded up."""
    values, bound = exp_point(x)
    assert (bound == 2.0**-51).all()
    with precision(200):
        truth = [flint.arb(v).exp() for v in x.tolist()]
        return [ball_ends(abs((flint.arb(v) - t) / t))[1] for v, t in zip(values.tolist(), truth, strict=True)]


def test_exp_in_float64_stays_within_its_proved_error():
    rng = np.random.default_rng(0)
    k = np.arange(-32300, 32301, 7)
    seams = (k + 0.5) * (math.log(2) / 32)  # where the reduced argument changes sign: it is largest there
    arguments = np.concatenate(
        [
            rng.uniform(-700, 700, 10000),
            rng.uniform(-1, 0, 5000),
            -(10.0 ** rng.uniform(-320, 0, 2000)),
            seams,
            np.nextafter(seams, np.inf),
            np.nextafter(seams, -np.inf),
            np.arange(-500, 500) * U,
            [700.0, -700.0, 0.0, -0.0],
        ]
    )
    worst = max(exp_errors(arguments))
    assert worst < Fraction(32, 10) * Fraction(U)  # what the proof says; 4u is what is used
    assert worst > Fraction(15, 10) * Fraction(U)  # the search is not blind


def test_exp_in_float64_outside_its_range_claims_nothing():
    values, relative = exp_point(np.array([700.1, np.inf, np.nan, -np.inf]))
    assert not np.isfinite(relative).any()
    values, relative = exp_point(np.array([-700.1, -1e308]))
    assert (values == 0).all()
    with precision(100):
        assert flint.arb("-700").exp() < flint.arb(2) ** -1009  # less than the 2^-1000 that every radius contains


# ------------------------------------------------------------------------------------ entries that are not numbers


@pytest.mark.parametrize("bits", [53, 106])
def test_unbounded_mpmath_intervals_stay_unbounded(bits: int):
    a = Interval(bits)
    lib = mpmath.libmp
    line, nothing = a._iv.make_mpf((lib.fninf, lib.finf)), a._iv.make_mpf((lib.fnan, lib.fnan))
    one = a.scalar(Fraction(1))
    for values in ([line, one], [one, line], [nothing, one], [one, nothing]):
        v = entries(values, a)
        assert a.upper(a.maximum(v.reshape(1, 2), axis=1))[0] is None
        assert a.lower(v.sum(axis=0).reshape(1))[0] is None
    c, rho = a.split(entries([line], a))
    assert rho is not None
    assert bounded(a, c)
    assert a.upper(rho)[0] is None
    assert a.magnitude(entries([line], a)).tolist() == [math.inf]


@ALL
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_division_by_an_interval_around_zero_is_unbounded(name: str):
    a = ALONG_PATHS[name]()
    for radius in (0, 1, 2):
        quotient = a.array(np.array([1.0])) / a.ball(exact([1.0 if radius else 0.0]), exact([radius]))
        assert a.lower(quotient)[0] is None or a.upper(quotient)[0] is None


def test_a_radius_as_large_as_the_divisor_is_unbounded():
    below = math.nextafter(1.0, 0)
    a = Float64Enclosures()
    assert not bounded(a, a.array(np.array([1.0])) / MidRad(np.array([1.0]), np.array([1.0])))
    quotient = a.array(np.array([1.0])) / MidRad(np.array([1.0]), np.array([below]))
    assert not bounded(a, quotient) or meets(a, quotient, [1 / (1 - Fraction(below))])


@pytest.mark.parametrize("mantissa", [1, -1, 3, -(2**60) - 1])
@pytest.mark.parametrize("exponent", [-(10**9), -40000, -100, 0, 30000])
def test_tiny_ends_are_rounded_outward(mantissa: int, exponent: int):
    low, high = (rounded_dyadic(mantissa, exponent, side) for side in (-1, 1))
    assert low is not None
    assert high is not None
    if exponent >= -100:
        assert low == high == mantissa * Fraction(2) ** exponent
    else:
        smallest = Fraction(1, 2**32768)
        assert (low, high) == ((0, smallest) if mantissa > 0 else (-smallest, 0))


def test_enormous_ends_are_unbounded():
    assert [rounded_dyadic(m, 40000, side) for m in (1, -1) for side in (1, -1)] == [None] * 4
    for a in (Arb(53), Interval(53)):
        huge = a.exp(a.array(np.array([1e9])))
        assert (a.lower(huge)[0], a.upper(huge)[0]) == (None, None)
        tiny = a.exp(a.array(np.array([-1e9])))
        assert abs(a.lower(tiny)[0]) <= a.upper(tiny)[0] <= Fraction(2, 2**32768)
        assert a.magnitude(huge)[0] == math.inf
        assert 0 < a.magnitude(tiny)[0] < 1e-300


# ------------------------------------------------------------------------------------------------------------ ladder


def test_the_ladder_climbs_by_doubling_and_stops_at_the_limit():
    assert [(a.name, a.bits) for a in ladder("auto", 424)] == [("midrad", 53), ("arb", 106), ("arb", 212), ("arb", 424)]
    assert [(a.name, a.bits) for a in ladder("auto", 105)] == [("midrad", 53)]
    assert [(a.name, a.bits) for a in ladder("mpmath", 106)] == [("mpmath", 53), ("mpmath", 106)]
    assert list(ladder("mpmath", 52)) == []
    with pytest.raises(ValueError, match="'float32'"):
        list(ladder("float32", 53))


def test_arb_computes_at_its_own_precision_whatever_the_context():
    fine, coarse = Arb(212), Arb(53)
    third = fine.number(Fraction(1, 3))
    coarse.number(Fraction(1, 3))  # leaves 53 bits behind
    square = third * third
    assert fine.upper(square)[()] - fine.lower(square)[()] < Fraction(1, 2**200)


# -------------------------------------------------------------------------------------------------- one radius


@given(x=st.lists(boxes(wide), min_size=2, max_size=2), y=st.lists(boxes(wide), min_size=2, max_size=2))
@settings(max_examples=200)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_one_radius_holds_for_all_entries_over_the_whole_range(x: Any, y: Any):
    a = UniformEnclosures()
    v, w = ball(a, *x), ball(a, *y)
    assert meets(a, v + w, [p[2] + q[2] for p, q in zip(x, y, strict=True)])
    assert meets(a, v - w, [p[2] - q[2] for p, q in zip(x, y, strict=True)])
    assert meets(a, v * w, [p[2] * q[2] for p, q in zip(x, y, strict=True)])
    if y[0][2] and y[1][2]:
        assert meets(a, v / w, [p[2] / q[2] for p, q in zip(x, y, strict=True)])
    # few of what is multiplied: radii entry by entry; many: one radius
    inner = x[0][2] * y[0][2] + x[1][2] * y[1][2]
    assert meets(a, a.matmul(v.reshape(1, 2), w.reshape(2, 1)).reshape(1), [inner])
    outer = [p[2] * q[2] for p in x for q in y]
    assert meets(a, a.matmul(v.reshape(2, 1), w.reshape(1, 2)).reshape(4), outer)


@given(x=boxes(), y=boxes(), z=boxes())
@settings(max_examples=100)
def test_one_radius_meets_radii_of_each_entry(x: Any, y: Any, z: Any):
    one, each = UniformEnclosures(), Float64Enclosures()
    v, w = ball(one, x, y), ball(each, z, x)
    for value, expected in (
        (v + w, [x[2] + z[2], y[2] + x[2]]),
        (w + v, [x[2] + z[2], y[2] + x[2]]),
        (v - w, [x[2] - z[2], y[2] - x[2]]),
        (w - v, [z[2] - x[2], x[2] - y[2]]),
        (w * v, [x[2] * z[2], y[2] * x[2]]),
        (one.concatenate([v, w]), [x[2], y[2], z[2], x[2]]),
    ):
        assert meets(one, value, expected)
    if x[2] and y[2]:
        assert meets(one, w / v, [z[2] / x[2], x[2] / y[2]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_entry_that_is_no_number_makes_the_whole_array_the_whole_line():
    a = UniformEnclosures()
    for bad in (math.inf, math.nan):
        v, w = a.array(np.array([1.0, bad])), a.array(np.array([2.0, 3.0]))
        for value in (v + w, w - v, v * w, w / v, v / w, 1 / v, 0 * v, a.exp(v), a.sqrt(v), v + 1 - v):
            assert list(a.lower(value)) == [None, None]
        assert a.lower(a.matmul(v.reshape(1, 2), w.reshape(2, 1)))[0, 0] is None
    huge = a.array(np.array([1.0, 1e200]))
    assert list(a.upper(huge * huge - huge * huge)) == [None, None]
    with pytest.raises(TypeError, match="assigned"):
        huge[0] = huge[1]
