"""Proofs about the loss of Safran & Shamir: enclosures, differentiability, certified minima and what must fail."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from library import ARITHMETICS, meets
from scipy.optimize import minimize

from certify.arithmetic import Enclosures, quiet
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.isolated import Certified, certify_isolated
from certify.proofs.proof import Failure
from symmetry.arithmetic import Float64
from symmetry.gaussian_relu import GaussianRelu
from symmetry.network import exact


def orthonormal(k: int, width: int) -> GaussianRelu:
    return GaussianRelu(exact(np.eye(k)), width)


def trained(objective: GaussianRelu, seed: int) -> Any:
    """Where L-BFGS ends from a random start."""
    start = np.random.default_rng(seed).normal(size=objective.size) / np.sqrt(objective.dimension)

    def value_and_gradient(theta: Any) -> tuple[float, Any]:
        at = objective.evaluate(theta, Float64(), 1)
        return float(at.loss[0]), at.gradient

    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 0, "gtol": 1e-10}
    return minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options).x


@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.parametrize("radius", [0, Fraction(1, 2**20)])
def test_enclosures_hold_the_values_in_the_box(name: str, radius: Any) -> None:
    a = ARITHMETICS[name]()
    rng = np.random.default_rng(0)
    objective, theta = GaussianRelu(exact(rng.integers(-3, 4, size=(2, 3))), 2), rng.normal(size=6)
    inside = exact(theta) + radius * exact(rng.choice([-1, 0.5, 1], size=6))
    box = objective.evaluate(a.ball(exact(theta), exact([radius] * 6)), a, 3)
    oracle = Arb(300)
    at = objective.evaluate(oracle.array(inside), oracle, 3)
    for part in ("loss", "gradient", "hessian"):
        assert meets(a, getattr(box, part), getattr(at, part).values), part
    assert a.upper(box.lipschitz)[0] >= oracle.lower(at.lipschitz)[0]


def test_a_spurious_minimum_is_certified_and_lemma_1_agrees() -> None:
    # k = n = 6: 0.3 % of the runs of the paper end in a minimum of value 0.0251; its structure is known
    objective = orthonormal(6, 6)
    ends = [trained(objective, seed) for seed in range(8)]
    found = [certify_isolated(objective, exact(theta)) for theta in ends]
    certified = [proof for proof in found if isinstance(proof, Certified)]
    # global minima have student neurons parallel to the teacher's: no proof of this kind
    losses = [float(objective.evaluate(theta, Float64(), 0).loss[0]) for theta in ends]
    assert [isinstance(proof, Certified) for proof in found] == [loss > 1e-6 for loss in losses]
    for proof in certified:
        assert proof.morse_index == 0
        assert proof.loss[0] > 0
        assert [p.theorem for p in proof.proofs] == ["krawczyk", "sylvester-gershgorin", "lemma-1"]


@pytest.mark.parametrize(
    "rows",
    [
        [[0.0, 0.0], [1.0, 2.0]],  # a zero neuron
        [[1.0, 2.0], [2.0, 4.0]],  # parallel neurons
        [[1.0, 2.0], [-1.0, -2.0]],  # opposite neurons
        [[3.0, 0.0], [1.0, 2.0]],  # parallel to a teacher neuron
    ],
)
@pytest.mark.parametrize("name", ARITHMETICS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_hessian_where_the_loss_is_not_proved_to_be_differentiable(rows: Any, name: str) -> None:
    a: Enclosures = ARITHMETICS[name]()
    objective = orthonormal(2, 2)
    hessian = objective.evaluate(a.array(np.array(rows).ravel()), a, 2).hessian
    assert any(end is None for end in a.lower(hessian).ravel())
    assert isinstance(certify_isolated(objective, exact(np.array(rows).ravel()), max_bits=106), Failure)


def test_a_box_that_reaches_a_parallel_pair_has_no_hessian() -> None:
    a = Float64Enclosures()
    theta = np.array([1.0, 2.0, 2.0, 4.0 + 1e-3])
    objective = orthonormal(2, 2)
    with quiet:
        near = objective.evaluate(a.ball(exact(theta), exact([Fraction(1, 10**10)] * 4)), a, 2).hessian
        far = objective.evaluate(a.ball(exact(theta), exact([Fraction(1, 10**3)] * 4)), a, 2).hessian
    assert np.isfinite(a.magnitude(near)).all()
    assert not np.isfinite(a.magnitude(far)).all()


def test_a_point_that_is_almost_critical_is_not_certified_as_a_minimum_elsewhere() -> None:
    objective = orthonormal(3, 2)
    theta = trained(objective, 0)
    proof = certify_isolated(objective, exact(theta))
    assert isinstance(proof, Certified)
    moved = proof.krawczyk.center.copy()
    moved[0] += Fraction(1)
    assert not proof.krawczyk.uniquely_contains(moved)
