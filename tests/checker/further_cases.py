"""Valid certificates under Gaussian inputs, and lines with paths, all of them small: for the negative corpus.

The lines go straight to a minimum, to a zero, or to infinity on the 3×3 grids of ``cases.py``; they are made by hand,
since their proofs need nothing but the points.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
import gaussian_cases
from cases import case
from third_order_cases import CURVES, FLIPPED, PLAIN

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.path import _separated, _theta
from certify.checker.reading import exact as read_exact
from certify.checker.zero import network
from certify.pipeline.population import critical_object, split_object
from certify.proofs.newton_ball import CertifiedBall, GradientBall, certify_ball, empty_gradient_ball
from certify.proofs.proof import dyadic
from certify.proofs.teacher_split import nearest_split
from certify.results.certificate import certificate_of, certificate_of_ball
from symmetry.network import exact
from symmetry.population import GaussianProblem

Made = tuple[GaussianProblem, dict[str, Any]]


def _newton_ball() -> Made:
    problem = gaussian_cases.problem(4)
    found = certify_ball(problem.objective(4), exact(gaussian_cases.point("saddle").ravel()))
    assert isinstance(found, CertifiedBall)
    return problem, certificate_of(critical_object(problem, found, 4), problem.hash)


def _split() -> Made:
    problem = gaussian_cases.problem(3)
    split = nearest_split(problem.teacher, exact(np.array([[0, 1, 0], [0.25, 0, 0], [0, 0, 1], [0.75, 0, 0]])))
    assert split is not None
    return problem, certificate_of(split_object(problem, split), problem.hash)


def _thirds() -> Made:
    problem = gaussian_cases.problem(3)
    split = nearest_split(problem.teacher, exact(np.array([[0, 1, 0], [1 / 3, 0, 0], [0, 0, 1], [2 / 3 - 1e-6, 0, 0]])))
    assert split is not None
    return problem, certificate_of(split_object(problem, split), problem.hash)


def _gradient_ball() -> Made:
    problem = gaussian_cases.problem(3)
    found = empty_gradient_ball(
        problem.objective(3), exact(np.random.default_rng(1).normal(size=9)), Float64Enclosures()
    )
    assert isinstance(found, GradientBall)
    return problem, certificate_of_ball(found, 3, problem.hash)


_MAKERS: dict[str, Callable[[], Made]] = {
    "newton ball": _newton_ball,
    "teacher split": _split,
    "gradient ball": _gradient_ball,
}
FURTHER = tuple(_MAKERS)
_MAKERS["sum of thirds"] = _thirds


@cache
def further(name: str) -> Made:
    """The problem and the certificate of one of :data:`FURTHER`; treat them as read-only."""
    problem, certificate = _MAKERS[name]()
    return problem, json.loads(json.dumps(certificate))


# ------------------------------------------------------------------------------------------------------------ paths


@dataclass(frozen=True)
class Line:
    """A line of witnesses.jsonl as far as paths need it; the problem of ``cases.py``, and the certificate's chart."""

    problem: str
    witness: dict[str, Any]
    chart: Any = None


def texts(values: Sequence[float], places: int = 30) -> list[str]:
    """Numbers of so many binary places."""
    return [dyadic(Fraction(round(v * 2**places), 2**places)) for v in values]


def written(theta: Sequence[float]) -> dict[str, Any]:
    """Networks with inputs of dimension 2."""
    m = len(theta) // 3
    return {"w": [texts(theta[2 * i : 2 * i + 2]) for i in range(m)], "a": texts(theta[2 * m :])}


def _path(theta: Sequence[float], zero: Sequence[float] | None, closing: int, **more: Any) -> dict[str, Any]:
    path = {"vertices": [], "closing": closing, "order": [], "places": []} | more
    return {"candidate": written(theta), "path": path} | ({} if zero is None else {"point": written(zero)})


def _along(start: Sequence[float], step: Sequence[float], t: float) -> list[float]:
    return [x + t * s for x, s in zip(start, step, strict=True)]


STEP = [1, -0.5, 0.3, 0.7, -1, 0.4]
TEACHER = [0.5, 1, 1, -0.5, 1, -1]
COPIES = [2, 1, 2, 1, 0.25, 0.75]
APART = [1, 0.5, -1, 0.7, 0.1, 0.1]


def _into_a_box() -> Line:
    witness = case("minimum-2").certificate["witness"]
    center = [float(read_exact(v, "center")) for v in witness["krawczyk"]["center"]]
    # to the edge of the box, not to the critical point, where the loss no longer falls
    return Line("c", _path(_along(center, STEP, 0.02), None, 0, vertices=[texts(_along(center, STEP, 1e-5))]))


def _arc() -> Line:
    vertex, bend = _along(TEACHER, STEP, 0.2), [0.03, 0.02, -0.01, 0, 0.01, 0.02]
    more = {"vertices": [texts(vertex)], "bent": [0], "bends": [texts(bend)]}
    return Line("a", _path(_along(TEACHER, STEP, 0.4), TEACHER, 1, **more))


def _copies() -> Line:
    return Line("d", _path(_along(COPIES, APART, 0.3), COPIES, 2, octaves=1))


def _bend() -> Line:
    line = _path(_along(COPIES, APART, 0.2), COPIES, 2, octaves=1)
    zero, start = (network(line[key], key, 2, 2) for key in ("point", "candidate"))
    difference = [q - p for p, q in zip(_theta(zero), _theta(start), strict=True)]
    line["path"]["places"] = [texts([0.75 * float(v) for v in _separated(zero, difference, 2)[1]])]
    return Line("d", line)


def _to_infinity() -> Line:
    witness = case("channel").certificate["witness"]
    w0, w1, u0, u1, c = q = [float(read_exact(v, "center")) for v in witness["krawczyk"]["center"]]
    e = 0.03125
    theta = [w0 + e * u0, w1 + e * u1, w0 - e * u0, w1 - e * u1, c / 2 + 0.5 / e, c / 2 - 0.5 / e]
    places = [[*texts(q), *texts([end])] for end in (e / 2, 0)]
    return Line("b", _path(theta, None, 3, order=[0, 1], places=places), witness["chart"])


_LINES: dict[str, Callable[[], Line]] = {
    "path into a box": _into_a_box,
    "path along an arc": _arc,
    "path to a zero of copies": _copies,
    "path along a bend": _bend,
    "path to infinity": _to_infinity,
    PLAIN: lambda: Line("d", CURVES[PLAIN].witness()),
    FLIPPED: lambda: Line("d", CURVES[FLIPPED].witness()),
}
LINES = tuple(_LINES)


@cache
def line(name: str) -> Line:
    """One of :data:`LINES`; treat it as read-only."""
    return _LINES[name]()
