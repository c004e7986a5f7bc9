"""Problems of students with several outputs, and where training them ends."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from sweep.kernels.compiled import Floats, prepare
from sweep.lockstep import HostKernels, newton
from symmetry.activation import activation
from symmetry.network import Points
from symmetry.problem import Inputs, Problem, parse_problem

TEACHER = """
activation = "sigmoid"
[inputs.grid]
start = [-2, -1]
stop = [2, 2]
step = [1, 1]
[teacher]
w = [[1.5, 0.5], [-0.5, 1]]
a = [[1, -2], [0.5, 1]]
"""
DECAY = Fraction(1, 512)


@cache
def taught() -> Problem:
    """Two teacher neurons with two outputs on a 5×4 grid."""
    return parse_problem(TEACHER, source="taught.toml", folder=None)


@cache
def measured(name: str = "tanh", outputs: int = 3) -> Problem:
    """Given labels of several outputs on 18 inputs, with biases, output biases and decay."""
    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=(18, 2)), 3)
    y = np.column_stack([np.sin(x[:, 0]), x[:, 1] ** 2, x[:, 0] - x[:, 1], 1 - x[:, 0]])[:, :outputs]
    inputs = Inputs(table=x).with_constant()
    return Problem("measured", activation(name), inputs, None, y, decay=DECAY, output_bias=True)


_ENDS: dict[tuple[str, int], Floats] = {}


def ends(problem: Problem, width: int) -> Floats:
    """Where Newton's method leads from six random starts, (6, P)."""
    key = (problem.hash, width)
    if key not in _ENDS:
        data = prepare(problem)
        start = np.random.default_rng(2).normal(size=(6, data.size(width)))
        _ENDS[key] = newton(HostKernels(data, width), data, start, width).theta
    return _ENDS[key].copy()


def points_of(problem: Problem, theta: Any, width: int) -> Points:
    """Parameter vectors (n, P) as points."""
    theta = np.asarray(theta, dtype=np.float64)
    split, n = width * problem.dimension, len(theta)
    w = theta[:, :split].reshape(n, width, -1)
    a = theta[:, split:].reshape(n, problem.outputs, -1)
    return Points(w, a, tuple(f"made:{i}" for i in range(n)), np.arange(n))
