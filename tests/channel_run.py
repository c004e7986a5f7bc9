"""Shipped runs in channels, inside regions that reach their minima at infinity."""

from __future__ import annotations

from functools import cache

from certify.pipeline.classification import classify_points
from certify.proofs.verdict import Verdict
from sweep.points import read_points
from symmetry.network import Points
from symmetry.problem import Problem, load_problem

PAIR, TWO_MIRRORED, NEAR_ZERO = 689, 100, 22
"""Runs in a pair (two pieces are enough), two mirrored pairs, and a mirrored pair with a neuron near zero."""


def channel_points(run: int = PAIR) -> Points:
    """The run of width 4."""
    return read_points("data/adam/width4", dimension=2).take([run])


@cache
def channel_run(run: int = PAIR) -> tuple[Problem, Verdict]:
    """The problem and the verdict."""
    problem = load_problem("thesis")
    (verdict,) = classify_points(problem, channel_points(run), max_bits=106).verdicts
    return problem, verdict
