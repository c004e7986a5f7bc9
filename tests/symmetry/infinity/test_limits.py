"""Limit terms: their Taylor coefficients by sympy, their derivatives by power series, their bounds by sampling."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import flint
import numpy as np
import pytest
import sympy
from library import ARITHMETICS, arb, meets, precision
from limit_cases import SIGMOID, rationals

from certify.arithmetic import quiet
from symmetry.arithmetic import Float64
from symmetry.infinity.limits import Affine, Cubic, Pair, Quintic, Triple
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem

J = sympy.symbols("s0:9")  # σ, σ', σ'', … at z, as unknowns
C, S, T, E = sympy.symbols("c s t e")


def sigma(shift: Any, order: int) -> Any:
    """``σ(z + shift)`` up to ``shift^order``."""
    return sum(J[k] * shift**k / sympy.factorial(k) for k in range(order + 1))


def coefficients(expression: Any, symbol: Any) -> Any:
    return sympy.Poly(sympy.expand(expression), symbol).coeff_monomial


# ------------------------------------------------------------------------------------------------ Taylor coefficients


def test_pair_by_sympy() -> None:
    # a_i σ(z + εs) + a_j σ(z − εs), multiplied by 2ε so that it is a polynomial
    doubled = (C * E + 1) * sigma(E * S, 6) + (C * E - 1) * sigma(-E * S, 6)
    at = coefficients(doubled, E)
    assert at(1) == 0  # no pole
    assert sympy.expand(at(E) / 2 - (C * J[0] + S * J[1])) == 0
    assert at(E**2) == at(E**4) == 0  # even in ε
    assert sympy.expand(at(E**3) / 2 - (C * J[2] * S**2 / 2 + J[3] * S**3 / 6)) == 0


def test_zero_neuron_by_sympy() -> None:
    z = sympy.Symbol("z")
    series = sympy.series(1 / (1 + sympy.exp(-z)), z, 0, 6).removeO().subs(z, 4 * E * T)
    at = coefficients(sympy.expand(series), E)
    assert [at(1), at(E), at(E**2), at(E**3), at(E**4)] == [sympy.Rational(1, 2), T, 0, -sympy.Rational(4, 3) * T**3, 0]


@pytest.mark.parametrize("tau", [1, -1])
def test_triple_by_sympy(tau: int) -> None:
    # neurons z + p_i s + η_i s⊥ with the moments c, α, τ and Σaη = 1, Σapη = 0; along p = e(π_1, π_2, −π_1−π_2)
    alpha, across = sympy.symbols("alpha across")
    for ray in ((1, 2), (-3, 1), (5, -2)):
        p = [E * k for k in (*ray, -sum(ray))]
        outputs = []
        for i in range(3):
            q, r = p[i - 1], p[i - 2]
            outputs.append((tau - alpha * (q + r) + C * q * r) / ((p[i] - q) * (p[i] - r)))
        third = sympy.cancel(sum(b * x**3 for b, x in zip(outputs, p, strict=True)))
        gamma = sympy.series(1 / (tau - alpha * third / tau), E, 0, 3).removeO()
        total = 0
        for b, x in zip(outputs, p, strict=True):
            shift = sympy.expand(x * S + gamma * (x**2 - third / tau * x) * across)
            value = sigma(shift, 4)
            value = sum(sympy.expand(value).coeff(E, k) * E**k for k in range(5))
            total += sympy.expand(sympy.cancel(b * E**2)) * value  # a_i has a pole of order 2
        at = coefficients(sympy.expand(total), E)
        assert sympy.expand(at(1)) == 0
        assert sympy.expand(at(E)) == 0
        assert (
            sympy.expand(at(E**2) - (C * J[0] + (alpha * S + across) * J[1] + sympy.Rational(tau, 2) * S**2 * J[2]))
            == 0
        )
        assert sympy.expand(at(E**3)) == 0
        h = sympy.Rational(sum(k * k for k in (*ray, -sum(ray))), 2)
        phi = across**2 * J[2] / (2 * tau) + (alpha * S**3 / 6 + S**2 * across / 2) * J[3] + tau * S**4 * J[4] / 24
        assert sympy.expand(at(E**4) - h * phi) == 0


@pytest.mark.parametrize("ray", [(1, 2), (-3, 1), (5, -2)])
def test_cubic_by_sympy(ray: tuple[int, int]) -> None:
    # neurons p_i s + γ_i y, found from Σap = α, Σap³ = 1, Σaγ = 1, Σap²γ = 0; (p_1, p_2) = e·ray
    alpha, across, one, two = sympy.symbols("alpha across one two")
    p = [k * E for k in ray]
    moments = [one * p[0] ** k + two * p[1] ** k for k in (1, 3)]
    a = sympy.solve([moments[0] - alpha, moments[1] - 1], [one, two])
    moments = [one * p[0] ** k + two * p[1] ** k for k in (0, 2)]
    gamma = sympy.solve([moments[0] - 1, moments[1]], [one, two])
    total, z = 0, sympy.Symbol("z")
    odd = sympy.series(1 / (1 + sympy.exp(-z)), z, 0, 9).removeO() - sympy.Rational(1, 2)
    for output, x, moment in zip((a[one], a[two]), p, (gamma[one], gamma[two]), strict=True):
        shift = sympy.series(sympy.cancel(x * S + moment / output * across), E, 0, 9).removeO()
        value = sympy.Poly(sympy.expand(odd.subs(z, shift)), E)
        cut = sum(value.coeff_monomial(E**k) * E**k for k in range(9))
        total += sympy.expand(sympy.cancel(output * E**3) * cut)
    at = coefficients(sympy.expand(total), E)
    assert [sympy.expand(at(E**k)) for k in (0, 1, 2, 4, 6)] == [0] * 5  # nothing diverges, and e is even
    assert sympy.expand(at(E**3) - ((alpha * S + across) / 4 - S**3 / 48)) == 0
    assert sympy.expand(at(E**5) - sum(k * k for k in ray) * S**5 / 480) == 0
    constant = sympy.cancel((a[one] + a[two]) * E**3)
    assert constant.subs(E, 0) == -sympy.Rational(1, ray[0] * ray[1] * sum(ray))


@pytest.mark.parametrize("ray", [(1, 2), (-3, 1), (5, -2)])
def test_quintic_by_sympy(ray: tuple[int, int]) -> None:
    # three neurons p_i s + (γ_0 + γ_2 p_i²) y with Σa = m, Σap = α, Σap² = T, Σap³ = 3β, Σap⁵ = 1; (p_1, p_2) = e·ray;
    # polynomials in all letters, cut behind e⁹, and everything that is large times θ = 1/T
    ring, e, s, y, alpha, beta, m, la, ga = sympy.ring("e s y alpha beta m la ga", sympy.QQ)

    def cut(value: Any) -> Any:
        return ring.from_dict({powers: factor for powers, factor in value.terms() if powers[0] <= 9})

    def of_degree(value: Any, degree: int) -> Any:
        return ring.from_dict({(0, *p[1:]): factor for p, factor in value.terms() if p[0] == degree})

    p1, p2 = ray[0] * e, ray[1] * e
    e1 = theta = ring.zero
    for _ in range(6):  # a fixed point: each round gives two more orders
        p3 = e1 - p1 - p2
        e2, e3 = cut(p1 * p2 + (p1 + p2) * p3), cut(p1 * p2 * p3)
        slope = 3 * beta + e2 * alpha - e3 * m  # e_1 T, from Σap³ = 3β
        # e_3 T from Σap⁵ = 1, with Σap⁴ = 3βe_1 − e_2T + αe_3
        third = cut(1 - e1 * (3 * beta * e1 + alpha * e3) + e2 * slope + 3 * beta * e2)
        inverse, power = ring.one, ring.one
        for _ in range(5):
            power = cut(power * (1 - third))
            inverse += power
        theta = cut(e3 * inverse)
        e1 = cut(theta * slope)
    moments = [theta * m, theta * alpha, ring.one]  # θΣap^n
    for n in range(8):
        moments.append(cut(e1 * moments[n + 2] - e2 * moments[n + 1] + e3 * moments[n]))
    assert all(not of_degree(cut(moments[3] - 3 * beta * theta), n) for n in range(8))
    assert all(not of_degree(cut(moments[5] - theta), n) for n in range(8))
    b, c = ga, la  # γ_0 = θb, γ_2 = θc:  Σaη = la, Σap²η = ga
    for _ in range(5):
        b, c = cut(ga - moments[4] * c), cut(la - moments[0] * b)
    z = sympy.Symbol("z")
    odd = sympy.Poly(sympy.series(1 / (1 + sympy.exp(-z)), z, 0, 10).removeO(), z).all_coeffs()[::-1]
    odd = [sympy.QQ(v.p, v.q) for v in odd]
    total = ring.zero
    for n in (1, 3, 5, 7):
        for j in range(min(n, 2) + 1):
            # θΣap^(n−j)η^j, η = θ(b + cp²)
            mixed = ring.zero
            for i in range(j + 1):
                if n - j + 2 * i < len(moments):
                    mixed += int(sympy.binomial(j, i)) * b ** (j - i) * c**i * moments[n - j + 2 * i]
            total += cut(odd[n] * int(sympy.binomial(n, j)) * s ** (n - j) * y**j * cut(theta**j * cut(mixed)))
    limit = odd[1] * (alpha * s + la * y) + 3 * odd[3] * s**2 * (beta * s + ga * y) + odd[5] * s**5
    h = sympy.QQ(ray[0] ** 2 + ray[1] ** 2 + (ray[0] + ray[1]) ** 2, 2)
    phi = 2 * odd[7] * s**7 + 5 * odd[5] * s**4 * ga * y
    # the output is limit + hΦ + O(e³), θ of third order
    known = cut(theta * (limit + h * phi * e**2))
    assert of_degree(theta, 3)
    assert all(of_degree(total, n) == of_degree(known, n) for n in range(6))
    assert of_degree(total, 5) != of_degree(cut(theta * limit), 5)


# -------------------------------------------------------------------------------------------- values and derivatives

RNG = np.random.default_rng(0)
TABLE = np.round(64 * RNG.normal(size=(7, 2))) / 32
PROBLEM = Problem("few", SIGMOID, Inputs(table=TABLE), None, np.round(64 * RNG.normal(size=7)) / 64)
TERMS = {
    "pair": Pair(2, SIGMOID),
    "triple+": Triple(2, SIGMOID, 1),
    "triple-": Triple(2, SIGMOID, -1),
    "cubic": Cubic(2),
    "quintic": Quintic(2),
    "affine": Affine(2, True),
    "constant": Affine(2, False),
}


def series(values: list[Any]) -> flint.arb_series:
    return flint.arb_series(values, prec=4)


def line(point: Any, slope: Any, x: Any) -> flint.arb_series:
    return series([arb(point @ x), arb(slope @ x)])


def along(name: str, theta: Any, direction: Any, x: Any) -> flint.arb_series:
    """``t ↦ f(θ + t·direction; x)`` to the third order: arithmetic of power series, σ' from ``σ' = σ(1 − σ)``."""
    if name in ("affine", "constant"):
        total = series([arb(theta[0]), arb(direction[0])])
        return total if name == "constant" else total + line(theta[1:], direction[1:], x)
    if name == "cubic":
        return -(line(theta, direction, x) ** 3) * arb(Fraction(1, 48))
    if name == "quintic":
        t, s = (line(theta[k : k + 2], direction[k : k + 2], x) for k in (0, 2))
        return s**5 * arb(Fraction(1, 480)) - s * s * t * arb(Fraction(1, 16))
    count = 2 if name == "pair" else 3
    point, slope = theta.tolist(), direction.tolist()
    rows = [(exact(point[2 * k : 2 * k + 2]), exact(slope[2 * k : 2 * k + 2])) for k in range(count)]
    s0 = 1 / (1 + (-line(*rows[0], x)).exp())
    s1 = s0 * (1 - s0)
    c = series([arb(point[-1]), arb(slope[-1])])
    value = c * s0 + line(*rows[1], x) * s1
    if count == 3:
        square = line(*rows[2], x) * line(*rows[2], x)
        value = value + square * (s1 * (1 - 2 * s0)) * arb(Fraction(1 if name == "triple+" else -1, 2))
    return value


@pytest.mark.parametrize("kind", ARITHMETICS)
@pytest.mark.parametrize("name", TERMS)
def test_derivatives_contain_those_of_power_series(name: str, kind: str) -> None:
    term, arithmetic = TERMS[name], ARITHMETICS[kind]()
    rng = Random(name)
    theta, r = rationals(rng, term.layout.size), rationals(rng, len(TABLE))
    data = SquareLoss(PROBLEM, (term,)).data(arithmetic)
    out = term.outputs(arithmetic.array(theta), data, arithmetic, 2)
    jacobian, curvature = out.jacobian, out.curvature(arithmetic.array(r))
    with precision(400):
        for _ in range(3):
            direction = rationals(rng, len(theta))
            parts = [along(name, theta, direction, x) for x in exact(TABLE)]
            d = arithmetic.array(direction).reshape(-1, 1)
            assert meets(arithmetic, out.value, [p[0] for p in parts])
            assert meets(arithmetic, arithmetic.matmul(jacobian, d).reshape(-1), [p[1] for p in parts])
            bent = arithmetic.matmul(d.T, arithmetic.matmul(curvature, d)).reshape(-1)
            wanted = sum((2 * p[2] * arb(v) for p, v in zip(parts, r, strict=True)), flint.arb(0))
            assert meets(arithmetic, bent, [wanted])
            width = [hi - lo for lo, hi in zip(arithmetic.lower(bent), arithmetic.upper(bent), strict=True)]
            assert max(width) < Fraction(1, 10**9)


@pytest.mark.parametrize("kind", ["midrad", "arb106", "mpmath53"])
@pytest.mark.parametrize("name", TERMS)
def test_variation_bounds_derivatives_along_unit_vectors(name: str, kind: str) -> None:
    term, arithmetic = TERMS[name], ARITHMETICS[kind]()
    rng, npr = Random(name), np.random.default_rng(1)
    theta = rationals(rng, term.layout.size)
    radius = np.full(len(theta), 2.0**-6)
    data = SquareLoss(PROBLEM, (term,)).data(arithmetic)
    second, third = term.outputs(arithmetic.ball(theta, radius), data, arithmetic, 3).variation()
    bounds = arithmetic.upper(second), arithmetic.upper(third)
    seen = np.zeros((2, len(TABLE)))
    with precision(120):
        for _ in range(40):
            direction = npr.normal(size=len(theta)) * (npr.random(len(theta)) < 0.5)
            if not direction.any():
                continue
            direction = exact(direction / np.linalg.norm(direction))
            length = float(sum(v * v for v in direction)) ** 0.5
            point = theta + exact(radius) * exact(npr.integers(-1, 2, len(theta)))
            for n, x in enumerate(exact(TABLE)):
                f = along(name, point, direction, x)
                for k, (order, factor) in enumerate(((2, 2), (3, 6))):
                    size = abs(float(f[order].mid())) * factor / length**order
                    seen[k, n] = max(seen[k, n], size)
                    assert size <= float(bounds[k][n]) * (1 + 1e-12)
    if name not in ("affine", "constant"):  # and the bounds are no wild guesses
        assert (seen > 0.05 * np.array(bounds, dtype=float)).any(axis=1).all()


@pytest.mark.parametrize("kind", ARITHMETICS)
def test_corrections_in_every_arithmetic(kind: str) -> None:
    # reference values from the sympy-checked formulas, with derivatives of σ as power series of 400 bits
    arithmetic, rng = ARITHMETICS[kind](), Random(4)
    for name in ("pair", "triple+", "triple-", "cubic", "quintic", "affine"):
        term = TERMS[name]
        theta = rationals(rng, term.layout.size)
        out = term.outputs(arithmetic.array(theta), SquareLoss(PROBLEM, (term,)).data(arithmetic), arithmetic, 2)
        with precision(400):
            wanted = []
            for x in exact(TABLE):
                if name == "affine":
                    wanted.append(arb(Fraction(-4, 3) * (theta[1:] @ x) ** 3))
                    continue
                if name == "cubic":
                    wanted.append(arb((theta @ x) ** 5 / 480))
                    continue
                if name == "quintic":
                    g, u = theta[:2], theta[2:]
                    s, across = u @ x, (g - (g @ u) / (u @ u) * u) @ x
                    wanted.append(arb(s**4 * across / 96 - 17 * s**7 / 40320))
                    continue
                f = 1 / (1 + (-flint.arb_series([arb(theta[:2] @ x), 1], prec=6)).exp())
                jet = [f[k] * arb(Fraction(int(sympy.factorial(k)))) for k in range(5)]
                if name == "pair":
                    s, c = arb(theta[2:4] @ x), arb(theta[4])
                    wanted.append(c * jet[2] * s * s / 2 + jet[3] * s**3 / 6)
                    continue
                v, u, tau = theta[2:4], theta[4:6], 1 if name == "triple+" else -1
                a = (v @ u) / (u @ u)
                s, y = arb(u @ x), arb((v - a * u) @ x)
                phi = y * y * jet[2] * arb(Fraction(tau, 2))
                phi = phi + (arb(a) * s**3 / 6 + s * s * y / 2) * jet[3] + s**4 * jet[4] * arb(Fraction(tau, 24))
                wanted.append(phi)
        assert meets(arithmetic, out.correction(), wanted)


def test_a_constant_has_no_correction() -> None:
    term = TERMS["constant"]
    out = term.outputs(np.array([1.0]), SquareLoss(PROBLEM, (term,)).data(Float64()), Float64(), 2)
    with pytest.raises(ValueError, match="constant"):
        out.correction()


def test_a_triple_whose_direction_may_vanish_has_an_unbounded_correction() -> None:
    # Φ divides by u·u: an enclosure that holds u = 0 may say nothing
    for kind in ("midrad", "arb106", "mpmath53"):
        arithmetic = ARITHMETICS[kind]()
        term = TERMS["triple+"]
        center = exact([1, 1, 1, 0, 0, 0, 1])
        box = arithmetic.ball(center, np.full(7, 2.0**-20))
        out = term.outputs(box, SquareLoss(PROBLEM, (term,)).data(arithmetic), arithmetic, 2)
        assert any(low is None for low in arithmetic.lower(quiet(out.correction)()))


def test_a_quintic_group_whose_direction_may_vanish_has_an_unbounded_correction() -> None:
    for kind in ARITHMETICS:
        arithmetic = ARITHMETICS[kind]()
        term = TERMS["quintic"]
        box = arithmetic.ball(exact([1, 2, Fraction(1, 8), 0]), exact([0, 0, Fraction(1, 4), Fraction(1, 4)]))
        with np.errstate(all="ignore"):
            out = term.outputs(box, SquareLoss(PROBLEM, (term,)).data(arithmetic), arithmetic, 2)
            found = arithmetic.upper(out.correction())
        assert all(bound is None for bound in found)
