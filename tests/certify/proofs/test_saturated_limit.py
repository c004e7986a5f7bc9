"""Minima and saddles at infinity with saturated neurons: certified, and what looks like one and is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from limit_cases import planted, rationals
from saturated_cases import LATTICE, steps

from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.pipeline.classification import Classification, classify_points
from certify.presentation.explain import _limit_network
from certify.presentation.theorem import theorem
from certify.proofs.distinct import Comparison, compare
from certify.proofs.infinity import Channel, channel
from certify.proofs.limit import limit_object
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Kind, Relation
from certify.results.certificate import certificate_of
from sweep.kernels.compiled import loss_gradient, prepare
from sweep.polishing.channels import approx_limits
from sweep.shards import read_shards
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart
from symmetry.network import Points, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem, load_problem

ADAM = Path(__file__).parents[3] / "data" / "adam"
CHARTS = {
    "step": steps(),
    "pair": steps(("pair", 2)),
    "copies": steps(("copies", 2)),
    "two": steps(normals=[(1, 1), (0, -1)]),
}


def place(name: str, seed: int) -> Any:
    found = CHARTS[name]
    return rationals(Random(seed), found.units[-1].place.stop).astype(float)


@cache
def made(name: str, kappas: tuple[float, ...], seed: int, noise: float = 0.0) -> Problem:
    found = CHARTS[name]
    bends = {0: 1e-2 * np.eye(2)} if found.copies else None
    return planted(found, place(name, seed), kappas=kappas, curvatures=bends, seed=seed, noise=noise, inputs=LATTICE)


def object_of(problem: Problem, name: str, seed: int, bits: int = 106) -> CriticalObject | Failure:
    found = CHARTS[name]
    signs = tuple((1,) * len(group.members) for group in found.copies)
    return limit_object(problem, found, signs, exact(place(name, seed)), arithmetic="auto", max_bits=bits)


def loss(problem: Problem, found: Chart, q: Any, small: Sequence[Fraction], shares: Any = ()) -> Fraction:
    """The loss of the finite network there, an upper bound at 300 bits."""
    over = Arb(300)
    network = found.network(exact(q), small, shares)
    at = SquareLoss.of_network(problem, found.width).evaluate(over.array(network.theta()), over, 0)
    upper = over.upper(at.loss)[0]
    assert upper is not None
    return Fraction(upper)


MINIMA = [("step", (0.01,), 0), ("pair", (0.001, 0.002), 9), ("copies", (0.01,), 0), ("two", (0.01, 0.01), 3)]


@pytest.mark.parametrize(("name", "kappas", "seed"), MINIMA, ids=[case[0] for case in MINIMA])
def test_a_minimum_at_infinity_is_below_every_network_nearby(name: str, kappas: tuple[float, ...], seed: int) -> None:
    found, problem, q = CHARTS[name], made(name, kappas, seed), place(name, seed)
    limit = object_of(problem, name, seed)
    assert isinstance(limit, CriticalObject)
    assert limit.kind is Kind.MINIMUM_AT_INFINITY
    assert (limit.morse_index, limit.nullity) == (0, len(found.copies))
    proof = limit.proofs[-1]
    assert isinstance(proof, Channel)
    for low, high, kappa in zip(proof.kappa_lower, proof.kappa_upper, kappas, strict=True):
        assert low - Fraction(1, 10**9) < Fraction(kappa) < high + Fraction(1, 10**9)
    rng, beta = np.random.default_rng(0), [[Fraction(1, 3), Fraction(2, 3)]] if found.copies else ()
    for _ in range(10):
        pairs = [Fraction(int(k), 10**6) for k in rng.integers(10, 100, size=len(found.pairs))]
        small = [*pairs, *(Fraction(1, int(rho)) for rho in rng.integers(30, 60, size=len(found.saturated)))]
        assert loss(problem, found, q, small, beta) > limit.loss[1]
        assert loss(problem, found, q + 1e-4 * rng.normal(size=len(q)), small, beta) > limit.loss[1]


def test_the_rate_of_a_step() -> None:
    # L = L_∞ + κ e^{−ρδ}, δ = 1/2
    problem, limit = made("step", (0.01,), 0), object_of(made("step", (0.01,), 0), "step", 0)
    assert isinstance(limit, CriticalObject)
    for rho in (30, 40):
        above = float(loss(problem, CHARTS["step"], place("step", 0), [Fraction(1, rho)]) - sum(limit.loss) / 2)
        assert above == pytest.approx(0.01 * np.exp(-rho / 2), rel=1e-3)


def test_a_negative_kappa_is_in_transit() -> None:
    for name, kappas, seed in (("step", (-0.01,), 0), ("pair", (0.02, -0.01), 1), ("pair", (-0.01, 0.02), 1)):
        problem = made(name, kappas, seed)
        refused = object_of(problem, name, seed)
        assert isinstance(refused, Failure)
        assert refused.code == "in-transit"
    # and the run comes back: nearer the limit the loss is larger
    problem, q = made("step", (-0.01,), 0), place("step", 0)
    near, far = (loss(problem, CHARTS["step"], q, [Fraction(1, rho)]) for rho in (60, 30))
    assert far < near


@dataclass(frozen=True)
class Corrected:
    """A term of which only the correction is known."""

    phi: Any

    def correction(self) -> Any:
        return self.phi


@pytest.mark.parametrize("arithmetic", [Float64Enclosures(), Arb(106)], ids=["midrad", "arb"])
def test_an_enclosure_of_kappa_that_holds_0_does_not_pass(arithmetic: Any) -> None:
    # one input, r = 1/2, φ = κ ± radius, for the pair's κ and the step's
    r, one = arithmetic.array(exact([Fraction(1, 2)])), Fraction(1)
    for kappas, radius, code in (
        ((1, 1), one, "kappa-sign"),
        ((1, 1), 2 * one, "kappa-sign"),
        ((3, 1), one, "kappa-sign"),
        ((1, -1), one / 2, "in-transit"),
        ((1, 0), Fraction(1, 10**9), "kappa-sign"),
    ):
        terms = [Corrected(arithmetic.ball(exact([kappa]), exact([radius]))) for kappa in kappas]
        found = channel(CHARTS["pair"], [None, *terms], r, 1, arithmetic)
        assert isinstance(found, Failure)
        assert found.code == code
    terms = [Corrected(arithmetic.ball(exact([kappa]), exact([one / 2]))) for kappa in (1, 1)]
    assert isinstance(channel(CHARTS["pair"], [None, *terms], r, 1, arithmetic), Channel)


def test_without_an_output_there_is_no_channel() -> None:
    # a = 0: κ = 0 whatever the residuals
    found = CHARTS["step"]
    q = place("step", 0)
    q[-1] = 0.0
    problem = planted(found, q, seed=0, noise=0.01, inputs=LATTICE)
    refused = limit_object(problem, found, (), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(refused, Failure)


def test_an_indefinite_limit_is_a_saddle_never_a_minimum() -> None:
    seen = 0
    for seed in range(12):
        problem = made("step", (0.02,), seed, 0.3)
        limit = object_of(problem, "step", seed)
        values = np.linalg.eigvalsh(_hessian(problem, "step", seed))
        if isinstance(limit, CriticalObject):
            assert limit.morse_index == (values < 0).sum()
            assert (limit.kind is Kind.SADDLE_AT_INFINITY) == (values[0] < 0)
            seen += limit.kind is Kind.SADDLE_AT_INFINITY
    assert seen >= 3


def _hessian(problem: Problem, name: str, seed: int) -> Any:
    return CHARTS[name].objective(problem).evaluate(place(name, seed), Float64(), 2).hessian


def test_two_steps_that_are_one_are_refused() -> None:
    # (ω, a) and (ω, a'): only a + a' counts
    found = steps(normals=[(1, 1), (1, 1)])
    q = rationals(Random(0), found.units[-1].place.stop).astype(float)
    q[-2] = q[-4]
    problem = planted(found, q, seed=0, inputs=LATTICE)
    refused = limit_object(problem, found, (), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(refused, Failure)


def test_a_step_through_no_input_but_0_is_refused() -> None:
    # ω is free there: a cone of directions has one limit
    found = steps(normals=[(7, 5)])
    q = rationals(Random(0), found.units[-1].place.stop).astype(float)
    problem = planted(found, q, kappas=[0.01], seed=0, inputs=LATTICE)
    refused = limit_object(problem, found, (), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(refused, Failure)
    assert refused.code == "singular-hessian"


# --------------------------------------------------------------------------------------------------------- look-alikes


def finite(steepness: float, seed: int = 0) -> tuple[Problem, Any]:
    """A problem of which a network of two neurons, one of them steep, is a minimum to rounding."""
    rng = np.random.default_rng(seed)
    theta = np.array([0.7, -0.4, steepness + 0.6, steepness - 0.5, 1.25, 0.8])
    blank = Problem("steep", load_problem("thesis").activation, Inputs(table=LATTICE), None, np.zeros(len(LATTICE)))
    (out,), value = SquareLoss.of_network(blank, 2).outputs(theta, Float64(), 1)
    residual = 0.01 * rng.normal(size=len(LATTICE))
    residual -= out.jacobian @ np.linalg.lstsq(out.jacobian, residual, rcond=None)[0]
    return Problem("steep", blank.activation, blank.inputs, None, value - residual), theta


@pytest.mark.parametrize("steepness", [2.0, 5.0, 12.0])
def test_a_neuron_that_is_merely_steep(steepness: float) -> None:
    problem, theta = finite(steepness)
    at = float(loss_gradient(prepare(problem), theta[None], 2)[0][0])
    proposed = [limit.chart.name for limit in approx_limits(problem, theta, 2, at)]
    assert not any("saturated" in name for name in proposed)
    points = Points(theta[None, :4].reshape(1, 2, 2), theta[None, 4:], ("steep",), np.zeros(1, dtype=np.int64))
    (verdict,) = classify_points(problem, points).verdicts
    assert verdict.kind not in (Kind.MINIMUM_AT_INFINITY, Kind.SADDLE_AT_INFINITY)


# ----------------------------------------------------------------------------------------------------------- real runs


@pytest.fixture(scope="module")
def real() -> Classification:
    """Three shipped runs of width 5: two of one limit, then one of another; and the first one's image under −1."""
    runs = read_shards(ADAM / "width5")
    theta = runs.theta[[int(np.flatnonzero(runs.seed == seed)[0]) for seed in (484, 891, 249)]]
    theta = np.concatenate([theta, -theta[:1]])
    w, a = np.split(theta, [10], axis=1)
    names = ("484", "891", "249", "-484")
    return classify_points(load_problem("thesis"), Points(w.reshape(4, 5, 2).copy(), a.copy(), names, np.arange(4)))


def test_real_runs(real: Classification) -> None:
    objects = []
    for verdict, loss_ in zip(real.verdicts, (1.04686882e-4, 1.04686882e-4, 1.04662138e-4, 1.04686882e-4), strict=True):
        found = verdict.object
        assert found is not None
        assert found.chart is not None
        assert found.kind is Kind.MINIMUM_AT_INFINITY
        assert verdict.relation is Relation.PATH
        assert found.not_global is True
        assert float(found.loss[0]) == pytest.approx(loss_, rel=1e-8)
        objects.append(found)
    names = [found.chart.name for found in objects]
    assert names == ["pair+saturated[1:1]"] * 3 + ["pair+saturated[-1:-1]"]
    assert objects[0].id == objects[1].id
    assert compare(objects[0], objects[1]) is Comparison.SAME
    assert compare(objects[0], objects[2]) is Comparison.DIFFERENT
    # of one loss, as −θ has the loss of θ here, but on the other side
    assert objects[0].loss[0] < objects[3].loss[1]
    assert objects[3].loss[0] < objects[0].loss[1]
    assert compare(objects[0], objects[3]) is Comparison.DIFFERENT


def test_the_limit_in_formulas(real: Classification) -> None:
    found = real.verdicts[0].object
    assert found is not None
    assert found.chart is not None
    assert found.box is not None
    text = _limit_network(found.chart, found.box.center)
    assert text.endswith("0.00238847·([(1, 1)·x > 0] + [(1, 1)·x = 0]·σ((0, -1.25385)·x))")
    problem = load_problem("thesis")
    words = theorem(certificate_of(found, problem.hash), problem, "latex")
    assert "\\hat a_1 ([(1, 1) \\cdot x > 0] + [(1, 1) \\cdot x = 0] \\, \\sigma(\\hat\\eta_1 \\cdot x))" in words
    assert "w_{3} = \\rho (1, 1) + \\hat\\eta_1" in words
