"""Small problems, activations and Hypothesis strategies shared by the tests of strata, orbits and matching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

import mpmath
import numpy as np
from flint import fmpq, fmpq_mat
from hypothesis import strategies as st

from symmetry.network import Network
from symmetry.problem import Inputs, Problem, load_problem
from symmetry.strata import Label, Stratum, Target

INPUTS = Inputs(table=np.array([[1.0, 2.0], [0.5, -1.0]]))


@dataclass(frozen=True)
class Named:
    """An activation by its identity alone: all that strata may look at."""

    name: str
    reflection: Fraction | None

    def jet(self, z: Any, order: int, arithmetic: Any) -> list[Any]:
        raise AssertionError("strata need no values of the activation")

    def sup(self, order: int) -> Fraction:
        raise AssertionError("strata need no bounds of the activation")


# σ and c of σ(−z) = c − σ(z)
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Fraction | None]] = {
    "sigmoid": (lambda z: 1 / (1 + mpmath.exp(-z)), Fraction(1)),
    "tanh": (mpmath.tanh, Fraction(0)),
    "one-plus-tanh": (lambda z: 1 + mpmath.tanh(z), Fraction(2)),
    "softplus": (lambda z: mpmath.log(1 + mpmath.exp(z)), None),
}


def small_problem(name: str, outputs: tuple[int, ...]) -> Problem:
    """A teacher in general position with the given outputs."""
    vectors = [["0.6", "0.5"], ["-0.5", "0.5"], ["-0.2", "-0.6"], ["0.1", "-0.6"]][: len(outputs)]
    teacher = Network.of([[Fraction(x) for x in row] for row in vectors], list(outputs))
    return Problem(f"{name}{outputs}", Named(name, FUNCTIONS[name][1]), INPUTS, teacher)


PROBLEMS = [
    load_problem("thesis"),
    load_problem("simsek2021"),
    small_problem("sigmoid", (1, -1)),
    small_problem("sigmoid", (1, 1, -2)),
    small_problem("one-plus-tanh", (1, 2, -1)),
    small_problem("tanh", (2, -1)),
    small_problem("softplus", (1, -1)),
]


def output(name: str, network: Network, x: tuple[Fraction, ...]) -> Any:
    """``Σ_i a_i σ(w_i·x)`` at the current mpmath precision."""
    sigma = FUNCTIONS[name][0]
    total = mpmath.mpf(0)
    for w, a in zip(network.w, network.a, strict=True):
        z = sum((u * v for u, v in zip(w, x, strict=True)), Fraction(0))
        total += mpmath.mpf(a.numerator) / a.denominator * sigma(mpmath.mpf(z.numerator) / z.denominator)
    return total


def fmpq_matrix(rows: Any) -> fmpq_mat:
    """An exact matrix of a linear algebra that is not ours."""
    return fmpq_mat([[fmpq(Fraction(x).numerator, Fraction(x).denominator) for x in row] for row in rows])


@st.composite
def labellings(draw: Any, problem: Problem, extra: int = 3) -> Stratum:
    """A stratum, possibly empty, of up to ``extra`` neurons more than the teacher."""
    target = Target.of(problem)
    r = len(target.a)
    signs = st.just(1) if target.reflection is None else st.sampled_from([1, -1])
    labels = [Label("C", t, draw(signs)) for t in range(1, r + 1)]
    for _ in range(draw(st.integers(0, extra))):
        kind = draw(st.sampled_from(["C", "D", "D", "Z"]))
        number = {"C": st.integers(1, r), "D": st.integers(1, 2), "Z": st.just(0)}[kind]
        labels.append(Label(kind, draw(number), draw(signs)))
    return Stratum(target, tuple(draw(st.permutations(labels))))


@st.composite
def cases(draw: Any, extra: int = 3) -> tuple[Problem, Stratum, Random]:
    """A problem, a non-empty stratum and a source of random numbers."""
    problem = draw(st.sampled_from(PROBLEMS))
    stratum = draw(labellings(problem, extra).filter(lambda stratum: not stratum.is_empty))
    return problem, stratum, Random(draw(st.integers(0, 2**32)))


def random_network(rng: Random, width: int) -> Network:
    """Rational weights in [−3, 3], d = 2."""
    numbers = [Fraction(rng.randint(-3003, 3003), 1001) for _ in range(3 * width)]
    return Network.from_theta(numbers, 2)
