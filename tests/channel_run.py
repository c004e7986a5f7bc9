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

COPIES, CROSSED, SPLIT, ZEROS, BESIDE = 10005, 10387, 249, 20061, 20946
"""Two copies of a neuron beside a pair, two neurons near zero, one of them flipped (width 5); a member of a pair split
(width 4); three neurons near zero, two of them flipped, and two beside a mirrored pair (width 6)."""

THREE = 10186
"""Two mirrored pairs and a neuron near zero share a constant (width 5)."""

STEEP, CURVED = 10589, 10568
"""Runs of width 5 in a pair whose floor moves fast with ``ε``, and beside whose floor straight ways are too steep."""


def channel_points(run: int = PAIR) -> Points:
    """The run of width 4, from 10 000 on of width 5, from 20 000 on of width 6."""
    return read_points(f"data/adam/width{4 + run // 10000}", dimension=2).take([run % 10000])


@cache
def channel_run(run: int = PAIR) -> tuple[Problem, Verdict]:
    """The problem and the verdict."""
    problem = load_problem("thesis")
    (verdict,) = classify_points(problem, channel_points(run), max_bits=106).verdicts
    return problem, verdict
