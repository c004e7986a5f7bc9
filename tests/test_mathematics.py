"""The computations that docs/mathematics.md refers to: exact, by sympy."""

from __future__ import annotations

import pytest
from sympy import Matrix, Poly, Rational, diff, expand, factor, simplify, sqrt, symbols
from sympy.abc import X

from symmetry.activation import Sigmoid

T = symbols("T", real=True)

# section 3: σ⁽ᵏ⁾ = T^(k even) · (1 − X)·q_k(X), X = T², T = tanh(z/2)
COFACTORS = {
    1: Rational(1, 4) + 0 * X,
    2: -Rational(1, 4) + 0 * X,
    3: (3 * X - 1) / 8,
    4: (2 - 3 * X) / 4,
    5: (15 * X**2 - 15 * X + 2) / 8,
    6: -(45 * X**2 - 60 * X + 17) / 8,
    7: (315 * X**3 - 525 * X**2 + 231 * X - 17) / 16,
    8: -(315 * X**3 - 630 * X**2 + 378 * X - 62) / 4,
    9: (2835 * X**4 - 6615 * X**3 + 5040 * X**2 - 1320 * X + 62) / 8,
}


def derivative(k: int):
    """``σ⁽ᵏ⁾`` as a polynomial in ``T``, from ``σ = (1 + T)/2`` and ``dT/dz = (1 − T²)/2``."""
    f = (1 + T) / 2
    for _ in range(k):
        f = expand(diff(f, T) * (1 - T**2) / 2)
    return f


@pytest.mark.parametrize("k", range(1, 10))
def test_derivatives_in_tanh(k: int):
    stated = (T if k % 2 == 0 else 1) * (1 - T**2) * COFACTORS[k].subs(X, T**2)
    assert expand(derivative(k) - stated) == 0


def test_derivatives_by_the_first_two():
    d, second = derivative(1), derivative(2)
    assert expand(derivative(3) - d * (1 - 6 * d)) == 0
    assert expand(derivative(4) - second * (1 - 12 * d)) == 0
    assert expand(derivative(5) - d * (1 - 30 * d + 120 * d**2)) == 0
    assert expand(derivative(6) - second * (1 - 60 * d + 360 * d**2)) == 0
    assert expand(derivative(7) - d * (1 - 126 * d + 1680 * d**2 - 5040 * d**3)) == 0
    assert expand(derivative(8) - second * (1 - 252 * d + 5040 * d**2 - 20160 * d**3)) == 0


@pytest.mark.parametrize("k", range(1, 10))
def test_sup_bounds_hold_on_the_whole_line(k: int):
    # B² − (σ⁽ᵏ⁾)² as a polynomial in X on [0, 1], divided by X where the bound is attained at X = 0
    bound = Rational(Sigmoid().sup(k))
    square = (X if k % 2 == 0 else 1) * ((1 - X) * COFACTORS[k]) ** 2
    room = Poly(bound**2 - square, X)
    if room.eval(0) == 0:
        room = Poly(room.as_expr() / X, X)
    assert room.count_roots(0, 1) == 0  # Sturm
    assert room.eval(1) > 0


@pytest.mark.parametrize("k", range(1, 10))
def test_sup_bounds_are_not_loose(k: int):
    # the largest value at a zero of the next derivative is within one percent (k = 4: two) of the bound
    critical = [r for r in Poly(derivative(k + 1), T).real_roots() if -1 < r < 1]
    largest = max(abs(derivative(k).subs(T, r).evalf(30)) for r in critical)
    assert largest <= Rational(Sigmoid().sup(k)) <= Rational(102, 100) * largest


def test_stated_suprema():
    assert derivative(2).subs(T, -1 / sqrt(3)) == sqrt(3) / 18
    place = (15 - sqrt(105)) / 30
    assert simplify(COFACTORS[5].subs(X, place)) == 0
    assert abs(derivative(4).subs(T, sqrt(place)).evalf(20) - Rational(12768, 100000)) < Rational(1, 100000)
    smallest = Poly(315 * X**3 - 525 * X**2 + 231 * X - 17, X).real_roots()[0]
    assert abs(abs(derivative(6).subs(T, sqrt(smallest.evalf(30)))) - Rational(40832, 100000)) < Rational(1, 100000)


def test_discriminants_of_the_proof_of_theorem_6():
    assert factor(1 + (1 - X) * (3 * X - 1) - X * (4 - 3 * X)) == 0
    assert Poly(1 - (1 - X) * (3 * X - 1), X).discriminant() == -8
    assert Poly(315 * X**2 - 525 * X + 231, X).discriminant() == -15435
    top = Poly(315 * X**3 - 525 * X**2 + 231 * X - 17 - 17, X)
    assert top.count_roots(0, 1) == 0
    assert top.eval(0) < 0


def test_the_hessian_of_one_neuron():
    # ww: aσ''(z)xxᵀ   wa: σ'(z)x   aa: 0, and the third derivative along u: aσ'''(x·u_w)³ + 3σ''(x·u_w)²u_a
    w1, w2, a, x1, x2, u1, u2, ua, t = symbols("w1 w2 a x1 x2 u1 u2 ua t")
    s = [symbols(f"s{k}") for k in range(4)]  # σ and its derivatives at z
    increment = t * (x1 * u1 + x2 * u2)
    sigma = s[0] + s[1] * increment + s[2] * increment**2 / 2 + s[3] * increment**3 / 6
    f = expand((a + t * ua) * sigma)
    second, third = 2 * f.coeff(t, 2), 6 * f.coeff(t, 3)
    x, u = Matrix([x1, x2]), Matrix([u1, u2])
    stated = (u.T * (a * s[2] * x * x.T) * u)[0] + 2 * s[1] * (x.T * u)[0] * ua
    assert expand(second - stated) == 0
    assert expand(third - (a * s[3] * (x.T * u)[0] ** 3 + 3 * s[2] * (x.T * u)[0] ** 2 * ua)) == 0
    assert not {w1, w2} & f.free_symbols
