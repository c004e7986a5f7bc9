"""Valid certificates of every kind on tiny problems (9 inputs), made by the provers: what the attacks start from.

The points were found by Newton's method; six digits are enough for the provers to find them again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from certify.arithmetic.midrad import Float64Enclosures
from certify.certificate import certificate_of, certificate_of_ball
from certify.checker.certificates import Certificate, check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.loss import Problem as Checked
from certify.checker.problems import problem_of
from certify.exclusion import EmptyBall, largest_empty_ball
from certify.isolated import Certified, certify_isolated, isolated_object
from certify.limit import limit_object
from certify.verdict import CriticalObject
from certify.zero import match_global_minimum, zero_object
from symmetry.charts import Group, chart_of
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.population import GaussianProblem
from symmetry.problem import Problem, parse_problem

GRID = """
activation = "sigmoid"
[inputs.grid]
start = [-1, -2]
stop = [3, 2]
step = [2, 2]
[teacher]
"""
TEACHERS = {
    "a": "w = [[0.5, 1], [1, -0.5]]\na = [1, -1]",
    "b": "w = [[2, 1], [1, -3]]\na = [1, -2]",
    "c": "w = [[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6]]\na = [1, -1, 2]",
    "d": "w = [[2, 1]]\na = [1]",
}


@cache
def problem(name: str) -> Problem:
    """Two or three teacher neurons on a 3×3 grid."""
    return parse_problem(GRID + TEACHERS[name], source=f"{name}.toml", folder=None)


def stored(given: Problem | GaussianProblem) -> dict[str, Any]:
    """The content of its ``problem.json``."""
    return {"format": 1, "name": given.name, "hash": given.hash, "content": given.describe()}


@cache
def checked(name: str) -> Checked:
    """The same problem as the checker reads it."""
    return problem_of(json.loads(json.dumps(stored(problem(name)))), Path("problem.json"))


def _point(name: str, theta: Sequence[float]) -> CriticalObject:
    given = problem(name)
    objective = SquareLoss.of_network(given, len(theta) // 3)
    found = certify_isolated(objective, exact(theta))
    assert isinstance(found, Certified), found
    return isolated_object(given, found)


def _zero(name: str, w: Sequence[Sequence[Any]], a: Sequence[Any]) -> CriticalObject:
    given = problem(name)
    point = match_global_minimum(given, Network.of(w, a))
    assert point is not None
    return zero_object(given, point, arithmetic="auto", max_bits=212)


def _chart(name: str, groups: Sequence[tuple[Any, ...]], q: Sequence[float], *signs: tuple[int, ...]) -> CriticalObject:
    numbers = iter(range(9))
    chosen = [Group(kind, tuple(next(numbers) for _ in range(size)), *flipped) for kind, size, *flipped in groups]
    chart = chart_of(sum(size for _, size, *_ in groups), 2, chosen)
    found = limit_object(problem(name), chart, signs, exact(q), arithmetic="auto", max_bits=212)
    assert isinstance(found, CriticalObject), found
    return found


def _ball(name: str, theta: Sequence[float]) -> EmptyBall:
    objective = SquareLoss.of_network(problem(name), len(theta) // 3)
    found = largest_empty_ball(objective, exact(theta), Float64Enclosures())
    assert isinstance(found, EmptyBall), found
    return found


_MAKERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "minimum": ("a", lambda n: _point(n, [-2.86699, 3.78503, 0.41885])),
    "minimum-2": ("c", lambda n: _point(n, [0.063753, -0.414923, -0.690173, 0.039229, 2.682535, -0.682529])),
    "saddle": ("a", lambda n: _point(n, [-0.14065, 0.37411, 0.14065, -0.37411, 1.4029, -1.3708])),
    "saddle-2": ("b", lambda n: _point(n, [0, -0.92335, 0, 0.92335, -2.01749, 1.12404])),
    "zero": ("a", lambda n: _zero(n, [[0.5, 1], [1, -0.5]], [1, -1])),
    "family": ("a", lambda n: _zero(n, [[0.5, 1], [0.5, 1], [1, -0.5]], [Fraction(1, 3), Fraction(2, 3), -1])),
    "whole": ("d", lambda n: _zero(n, [[2, 1], [2, 1]], [Fraction(1, 3), Fraction(2, 3)])),
    "ball": ("c", lambda n: _ball(n, [0.25, -1.5, 0.75, 0.5, 1.25, -2.0])),
    "plateau": ("a", lambda n: _chart(n, [("copies", 2)], [-2.86699, 3.78503, 0.41885], (1, -1))),
    "idle": ("a", lambda n: _chart(n, [("copies", 2)], [-2.86699, 3.78503, 0.41885], (1, 0))),
    "mirrored": (
        "c",
        lambda n: _chart(n, [("copies", 3, 1)], [-0.11963, 0.237538, -4.642613, 3.315279], (1, 1, 1)),
    ),
    "mirrored-2": (
        "b",
        lambda n: _chart(
            n,
            [("copies", 2, 1), ("copies", 2, 1)],
            [-0.652513, 1.240427, 0.585361, -0.245567, 3.872673, 3.253742, -4.067855],
            (1, 1),
            (1, 1),
        ),
    ),
    "channel": ("b", lambda n: _chart(n, [("pair", 2)], [-0.379631, 0.641794, -1.071187, 4.583013, -1.03166])),
    "channel-saddle": ("a", lambda n: _chart(n, [("pair", 2)], [-3.646956, 3.169689, 2.171641, 1.20883, 0.347763])),
    "triple": (
        "b",
        lambda n: _chart(
            n, [("triple-", 3)], [0.348615, 0.016061, -0.191569, 2.494283, -0.002022, 2.113232, -1.017483]
        ),
    ),
    "split": (
        "c",
        lambda n: _chart(n, [("split-", 3)], [0.537969, -1.00575, -0.592593, 1.012163, 2.004784]),
    ),
    "composed": (
        "c",
        lambda n: _chart(
            n,
            [("copies", 2), ("pair", 2)],
            [0.23782, -0.169171, 3.02255, 0.465668, 1.009248, 0.40283, 0.523783, -1.032937],
            (1, -1),
        ),
    ),
}
NAMES = tuple(_MAKERS)


@dataclass(frozen=True)
class Case:
    """A valid certificate and the problem it belongs to."""

    name: str
    problem: str
    certificate: dict[str, Any]


@cache
def case(name: str) -> Case:
    """One of :data:`NAMES`; treat it as read-only."""
    belongs, make = _MAKERS[name]
    made = make(belongs)
    hashed = problem(belongs).hash
    if isinstance(made, EmptyBall):
        return Case(name, belongs, certificate_of_ball(made, len(made.center) // 3, hashed))
    return Case(name, belongs, certificate_of(made, hashed))


@cache
def _data(name: str, bits: int) -> Data:
    return Data(checked(name), Integers(bits))


def check(certificate: Any, name: str) -> Certificate:
    """Form and proof of a certificate of the problem called ``name``, in integers.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    read = read_certificate(json.loads(json.dumps(certificate)), "certificate")
    check_certificate(read, checked(name), lambda bits: _data(name, bits))
    return read


def signed(certificate: dict[str, Any]) -> dict[str, Any]:
    """The same with words and hash made to fit: what a wrong prover would write."""
    claim = {key: value for key, value in certificate["claim"].items() if key != "statement"}
    try:
        claim["statement"] = statement(claim)
    except (KeyError, TypeError, AttributeError):
        claim["statement"] = certificate["claim"].get("statement")
    hashed = content_hash(claim, certificate["problem"], certificate["witness"])
    return certificate | {"claim": claim, "hash": hashed}
