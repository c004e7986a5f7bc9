"""The statement of a certificate under Gaussian inputs, in sentences of TeX (docs/gaussian-relu.md).

Centres are rounded; the ball that holds the critical point is then larger, and the one that holds no other smaller, by
as much as the centre moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np

from certify.arithmetic.rounding import root_above
from certify.presentation.tex import above, below, counted, exact, interval, to_places, vector
from certify.proofs.proof import from_text
from certify.proofs.verdict import Kind
from symmetry.population import GaussianProblem

Rows = list[list[Fraction]]


def population_setting(problem: GaussianProblem, width: int) -> Iterator[str]:
    """Teacher, inputs and loss: what the statements about one width have in common."""
    k, d = problem.teacher.shape
    if k == d and (problem.teacher == np.eye(d, dtype=int)).all():
        yield f"Let $v_1, \\dots, v_{{{k}}}$ be the standard basis of $\\mathbb{{R}}^{{{d}}}$"
    else:
        yield f"Let ${_rows('v', problem.teacher.tolist())}$"
    yield f"and let $x$ have the standard normal distribution on $\\mathbb{{R}}^{{{d}}}$. With $[t]_+ = \\max(0, t)$,"
    yield f"for $W = (w_1, \\dots, w_{{{width}}})$, $w_i \\in \\mathbb{{R}}^{{{d}}}$, let $F(W) ="
    yield f"\\tfrac12 \\mathbb{{E}} \\bigl(\\sum_{{i=1}}^{{{width}}} [w_i \\cdot x]_+"
    yield f"- \\sum_{{j=1}}^{{{k}}} [v_j \\cdot x]_+\\bigr)^2$."


def population_statement(certificate: Mapping[str, Any], problem: GaussianProblem) -> Iterator[str]:
    """What one certificate says.

    Raises:
        KeyError, TypeError: it is malformed.
    """
    claim, witness = certificate["claim"], certificate["witness"]
    if claim["kind"] == Kind.NOT_CRITICAL:
        yield from _empty(claim, witness["gradient_ball"]["center"], problem.dimension)
    elif claim["kind"] == Kind.GLOBAL_MINIMUM:
        yield from _split(claim, witness["split"], problem)
    else:
        yield from _ball(witness["newton_ball"], problem.dimension)
        yield from _nature(claim)


def _ball(step: Mapping[str, Any], d: int) -> Iterator[str]:
    center = [from_text(v) for v in step["center"]]
    near, alone = from_text(step["radius"]), from_text(step["reach"])
    for digits in count(2):
        moved, rows = _moved(center, digits, d)
        # rounding more finely gains nothing, or the two balls are plainly different
        if 100 * moved < near or 8 * (near + moved) < alone - moved:
            break
    yield from _center(rows)
    yield f"There is exactly one critical point $W^*$ of $F$ with $\\|W^* - c\\|_2 \\le {below(alone - moved)}$,"
    yield f"and $\\|W^* - c\\|_2 \\le {above(near + moved)}$."


def _moved(center: Sequence[Fraction], digits: int, d: int) -> tuple[Fraction, Rows]:
    """How far the centre moves at most when it is rounded to so many digits, and its rows then."""
    rounded = to_places(center, digits)
    square = sum(((x - y) ** 2 for x, y in zip(center, rounded, strict=True)), Fraction(0))
    return Fraction(root_above(square)), [rounded[i : i + d] for i in range(0, len(rounded), d)]


def _center(rows: Rows) -> Iterator[str]:
    yield f"Let $c = (c_1, \\dots, c_{{{len(rows)}}})$ with ${_rows('c', rows)}$, and let $\\|\\cdot\\|_2$ be the"
    yield "Euclidean norm of all entries."


def _rows(name: str, rows: Sequence[Sequence[Fraction]]) -> str:
    return ", ".join(f"{name}_{{{i}}} = {vector(row)}" for i, row in enumerate(rows, 1))


def _nature(claim: Mapping[str, Any]) -> Iterator[str]:
    index = claim["morse_index"]
    yield "Near it $F$ is real-analytic."
    if index == 0:
        yield "It is a strict local minimum, with a positive definite Hessian."
    else:
        yield f"It is a strict saddle; its Hessian is non-singular and has {counted(index, 'negative eigenvalue')}."
    yield f"The smallest eigenvalue lies in ${interval(claim['lambda_min'])}$,"
    yield f"and $F(W^*) \\in {interval(claim['loss'])}$."
    if claim["not_global"]:
        yield "It is not a global minimum, because $\\min F = 0$."


def _split(claim: Mapping[str, Any], step: Mapping[str, Any], problem: GaussianProblem) -> Iterator[str]:
    rows = [[from_text(v) for v in row] for row in step["w"]]
    parts = []
    for i, (row, owner) in enumerate(zip(rows, step["teacher"], strict=True), 1):
        v = problem.teacher[owner]
        lead = next(m for m, x in enumerate(v) if x)
        share = row[lead] / v[lead]
        parts.append(f"w_{{{i}}} = {'' if share == 1 else exact(share) + ' '}v_{{{owner + 1}}}")
    yield f"Let ${', '.join(parts)}$. Then $F(W) = 0$, because student and teacher are the same function."
    yield "It is a global minimum."
    if claim["manifold_dimension"]:
        yield f"It belongs to a family of dimension {claim['manifold_dimension']} of global minima, the students being"
        yield "positive multiples of the same $v_j$ that add up to them; near $W$ there are no other zeros of $F$."
    else:
        yield "It is a strict minimum: near $W$ there are no other zeros of $F$."


def _empty(claim: Mapping[str, Any], texts: Sequence[str], d: int) -> Iterator[str]:
    center, radius = [from_text(v) for v in texts], from_text(claim["empty_radius"])
    for digits in count(2):
        moved, rows = _moved(center, digits, d)
        if 1000 * moved < radius:
            break
    yield from _center(rows)
    yield f"Then $F$ is real-analytic on the ball $\\|W - c\\|_2 \\le {below(radius - moved)}$"
    yield "and has no critical point there."
