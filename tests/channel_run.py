"""A shipped run in a channel, inside a region that reaches its minimum at infinity."""

from __future__ import annotations

from functools import cache

from certify.pipeline.classification import classify_points
from certify.proofs.verdict import Verdict
from sweep.points import read_points
from symmetry.network import Points
from symmetry.problem import Problem, load_problem


def channel_points() -> Points:
    """The run; two pieces are enough for it."""
    return read_points("data/adam/width4", dimension=2).take([689])


@cache
def channel_run() -> tuple[Problem, Verdict]:
    """The problem and the verdict."""
    problem = load_problem("thesis")
    (verdict,) = classify_points(problem, channel_points(), max_bits=106).verdicts
    return problem, verdict
