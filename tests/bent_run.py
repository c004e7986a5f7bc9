"""Shipped runs in curved valleys, which straight lines do not take to a zero of the loss."""

from __future__ import annotations

from functools import cache

import numpy as np

from certify.pipeline.trace import trace_to_zero
from certify.proofs.path import Descent
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from sweep.polishing.polish import polish
from symmetry.matching import propose_stratum_point
from symmetry.network import Network, exact
from symmetry.problem import Problem, load_problem


@cache
def bent_run() -> tuple[Problem, Network, Descent, Network]:
    """One where a curve with a bend does: the problem, the saved network, its proved path and the zero it leads to."""
    return _traced(548)


@cache
def third_order_run() -> tuple[Problem, Network, Descent, Network]:
    """The same where three copies of a teacher's neuron meet, two of them flipped, on a floor of third order."""
    return _traced(720)


def _traced(index: int) -> tuple[Problem, Network, Descent, Network]:
    problem = load_problem("thesis")
    points = read_points("data/adam/width6", dimension=2).take([index])
    polished = polish(prepare(problem), points.theta()[0].copy(), 6, max_steps=400)
    nearest = propose_stratum_point(problem, Network.from_theta(exact(polished.theta), 2))
    assert nearest is not None
    settings = {"arithmetic": "auto", "max_bits": 106}
    found = trace_to_zero(problem, prepare(problem), polished.vertices, nearest.stratum, **settings)
    assert isinstance(found, tuple)
    proof, zero = found
    assert np.all(nearest.stratum.nearest(zero).theta() == zero.theta())
    return problem, Network(exact(points.w[0]), exact(points.a[0])), proof, zero
