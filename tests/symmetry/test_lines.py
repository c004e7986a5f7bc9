"""Expansions along curves enclose the outputs they expand, and bound the slope of the loss from the right side."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from library import ALONG_PATHS, TEACHER, small

from certify.arithmetic.arb import Arb
from symmetry.arithmetic import Float64
from symmetry.infinity.limits import Affine, Pair, Triple
from symmetry.lines import Expansion, slopes
from symmetry.network import Exact, exact
from symmetry.objective import Neurons, SquareLoss, Term

RNG = np.random.default_rng(11)
SIGMOID = small().activation
TERMS: dict[str, Term] = {
    "neurons": Neurons(3, 2, SIGMOID),
    "pair": Pair(2, SIGMOID),
    "triple+": Triple(2, SIGMOID, 1),
    "triple-": Triple(2, SIGMOID, -1),
    "affine": Affine(2, True),
}


SHAPES = pytest.mark.parametrize("degree", [1, 2, 3], ids=["straight", "bent", "cubic"])


def curve_of(size: int, degree: int, length: float) -> list[Exact]:
    parts = [RNG.normal(size=size)] + [length * RNG.normal(size=size) for _ in range(degree)]
    return [exact(np.round(part * 1024) / 1024) for part in parts]


def at(curve: list[Exact], t: Fraction) -> Exact:
    return np.asarray(sum(part * t**k for k, part in enumerate(curve)))


@pytest.mark.parametrize("arithmetic", ["midrad", "arb106", "mpmath53"])
@SHAPES
@pytest.mark.parametrize("name", TERMS)
def test_the_expansion_holds_the_residuals_all_along(name: str, degree: int, arithmetic: str):
    objective = SquareLoss(small(), (TERMS[name],))
    a, sharp = ALONG_PATHS[arithmetic](), Arb(200)
    curve = curve_of(objective.size, degree, 0.2)
    found = objective.along([a.array(part) for part in curve], a)
    coefficients = [(a.lower(c)[:, 0], a.upper(c)[:, 0]) for c in found.coefficients]
    rest = a.upper(found.rest)[:, 0]
    k = len(coefficients)
    for t in (Fraction(-1), Fraction(-1, 3), Fraction(0), Fraction(1, 2), Fraction(1)):
        r = objective.outputs(sharp.array(at(curve, t)), sharp, 0)[1]
        low = sum(np.minimum(c[0] * t**j, c[1] * t**j) for j, c in enumerate(coefficients)) - rest * abs(t) ** k
        high = sum(np.maximum(c[0] * t**j, c[1] * t**j) for j, c in enumerate(coefficients)) + rest * abs(t) ** k
        assert np.all(low <= sharp.upper(r))
        assert np.all(sharp.lower(r) <= high)


@SHAPES
@pytest.mark.parametrize("name", TERMS)
def test_the_rest_is_needed_and_of_the_right_order(name: str, degree: int):
    """Halving the curve divides what the polynomial misses by ``2^(K+1)``; the bound is above it, not far above."""
    objective, approx = SquareLoss(small(), (TERMS[name],)), Float64()
    whole = [part.astype(float) for part in curve_of(objective.size, degree, 0.3)]
    half = [part / 2**k for k, part in enumerate(whole)]
    missed = []
    for curve in (whole, half):
        found = objective.along(curve, approx)
        r = objective.outputs(sum(curve[1:], curve[0]), approx, 0)[1]
        polynomial = sum(c[:, 0] for c in found.coefficients)
        missed.append(np.abs(r - polynomial).max())
        assert missed[-1] <= found.rest.max() * (1 + 1e-6) + 1e-13
    if name == "affine":
        assert missed[0] < 1e-14
    else:
        assert missed[0] > 1e-7
        assert missed[1] < missed[0] / 2 ** (len(found.coefficients) - 2)


def derivative(objective: SquareLoss, curve: list[Any], t: float) -> float:
    theta = sum(part * t**k for k, part in enumerate(curve))
    velocity = sum(k * part * t ** (k - 1) for k, part in enumerate(curve) if k)
    return float(objective.evaluate(theta, Float64(), order=1).gradient @ velocity)


@pytest.mark.parametrize("arithmetic", ["midrad", "arb106"])
@pytest.mark.parametrize("length", [0.01, 0.1, 0.5])
def test_slopes_lie_above_the_derivative(length: float, arithmetic: str):
    objective, a = SquareLoss.of_network(small(), 2), ALONG_PATHS[arithmetic]()
    for _ in range(5):
        curve = curve_of(objective.size, 1, length)
        bound = max(a.upper(slopes(objective.along([a.array(part) for part in curve], a), a)))
        floats = [part.astype(float) for part in curve]
        true = max(derivative(objective, floats, t) for t in np.linspace(-1, 1, 41))
        # Bernstein coefficients are 252 times the derivative here
        assert true <= float(bound) / 252 + 1e-15


def test_slopes_are_sharp_on_short_pieces():
    objective, a = SquareLoss.of_network(small(), 2), Arb(106)
    curve = curve_of(objective.size, 1, 0.01)
    bound = max(a.upper(slopes(objective.along([a.array(part) for part in curve], a), a)))
    floats = [part.astype(float) for part in curve]
    true = max(derivative(objective, floats, t) for t in (-1, 1))
    assert float(bound) / 252 == pytest.approx(true, rel=1e-4)


@pytest.mark.parametrize("coefficients", [[1, -1], [0, 1], [2, -3, 1], [1, -2, 1]])
def test_slopes_of_known_polynomials(coefficients: list[int]):
    """One residual ``r(t)`` without a rest: ``φ' = 2rr'``; negative all along only where ``r²`` falls all along."""
    a = Arb(106)
    padded = [*coefficients, 0, 0, 0, 0][:4]
    columns = [a.array(exact([[c]])) for c in padded]
    found = slopes(Expansion(columns, a.array(exact([[0]]))), a)
    t = np.linspace(-1, 1, 201)
    r = np.polyval(padded[::-1], t)
    falls = bool(np.all(np.diff(r * r) < 0))
    assert (max(a.upper(found)) < 0) <= falls
    if coefficients == [2, -3, 1]:  # (t − 1)(t − 2), 0 at the end: φ'(1) = 0 is not negative
        assert max(a.upper(found)) >= 0


@pytest.mark.parametrize(("rest", "negative"), [(0, True), (Fraction(1, 100), True), (Fraction(1, 2), False)])
def test_a_large_rest_proves_nothing(rest: Any, negative: bool):
    a = Arb(106)
    columns = [a.array(exact([[c]])) for c in (3, -1, 0)]
    found = a.upper(slopes(Expansion(columns, a.array(exact([[rest]]))), a))
    assert all(bound < 0 for bound in found) is negative


@pytest.mark.parametrize(
    ("coefficients", "vanishing", "rises"),
    [
        ([0, 1, 0, 0], 1, True),
        ([0, 1, -1, 0], 1, False),  # (t − t²)² is 0 again at 1
        ([0, 0, 1, 0], 2, True),
        ([0, 0, 1, -1], 2, False),
        ([5, 1, 0, 0], 1, True),  # the caller knows that the constant is 0: it is not looked at
    ],
)
def test_slopes_from_a_zero(coefficients: list[int], vanishing: int, rises: bool):
    a = Arb(106)
    columns = [a.array(exact([[c]])) for c in coefficients]
    found = a.lower(slopes(Expansion(columns, a.array(exact([[0]]))), a, vanishing=vanishing))
    assert all(bound > 0 for bound in found) is rises


def test_overflow_proves_nothing():
    objective, a = SquareLoss.of_network(small(), 2), ALONG_PATHS["midrad"]()
    with np.errstate(all="ignore"):
        found = a.upper(slopes(objective.along([a.array(TEACHER * 1e200), a.array(TEACHER * 1e200)], a), a))
    assert any(bound is None for bound in found)
