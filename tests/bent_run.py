"""A shipped run in a curved valley: only a curve with a bend takes it to a zero of the loss."""

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
    """The problem, the saved network, its proved path and the zero that the path leads to."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width6", dimension=2).take([548])
    polished = polish(prepare(problem), points.theta()[0].copy(), 6, max_steps=400)
    nearest = propose_stratum_point(problem, Network.from_theta(exact(polished.theta), 2))
    assert nearest is not None
    settings = {"arithmetic": "auto", "max_bits": 106}
    found = trace_to_zero(problem, prepare(problem), polished.vertices, nearest.stratum, **settings)
    assert isinstance(found, tuple)
    proof, zero = found
    assert np.all(nearest.stratum.nearest(zero).theta() == zero.theta())
    return problem, Network(exact(points.w[0]), exact(points.a[0])), proof, zero
