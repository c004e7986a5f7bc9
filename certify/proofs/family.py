"""Near a point of a stratum, the stratum is all there is (docs/strata.md, section 10).

A stratum is a family of networks that equal the teacher. Let the functions

    1 (where signs −1 or zero neurons occur),  x_α (where there are zero neurons),  x_α x_β x_γ (where there are two),
    σ(u·x) of every class,  x_α σ'(u·x) of those that are no single neuron of output 0,
    x_α x_β σ''(u·x) of every C with two members or more, every D with three or more

be linearly independent on the inputs, no output of the classes named last two be 0, and the quadratic form
``Σ b_i t_i²`` be definite on ``Σ b_i t_i = 0`` (modulo constants in a class D), which is a condition on the signs of
the outputs. Then near the point every network of loss 0 belongs to the stratum. The Jacobian's rank follows as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic import Enclosures, ladder, quiet
from certify.proofs.inertia import Inertia, inertia
from certify.proofs.proof import Failure, Proof
from symmetry.activation import Activation
from symmetry.network import Exact
from symmetry.objective import Data, SquareLoss
from symmetry.problem import Problem
from symmetry.strata import Block, Stratum


@dataclass(frozen=True, eq=False)
class LocalFamily(Proof):
    """Near an exact point of a stratum, the networks of loss 0 are those of the stratum.

    Args:
        columns: the number of functions that are linearly independent on the inputs.
        rank: of the Jacobian of the outputs at the point, so the Hessian's nullity is ``P − rank``.
    """

    theorem = "local-family"

    columns: int
    rank: int


def local_family(
    problem: Problem, stratum: Stratum, w: Exact, a: Exact, *, arithmetic: str, max_bits: int
) -> LocalFamily | Failure:
    """Prove that near the point ``(w, a)`` of ``stratum`` there are no other networks of loss 0.

    Args:
        problem: with exact labels.
        stratum: the labels of the neurons.
        w: (m, d) exact.
        a: (m,) exact.
        arithmetic: as in :func:`certify.arithmetic.ladder`.
        max_bits: the last precision tried.

    Returns:
        The proof, or why there is none; that does not say that there are other networks.
    """
    if problem.activation.name != "sigmoid":
        return Failure("not-sigmoid")
    refused = _refused(stratum, a)
    if refused is not None:
        return refused
    objective, result = SquareLoss.of_network(problem, len(a)), Failure("no-arithmetic")
    for enclosures in ladder(arithmetic, max_bits):
        columns = _columns(stratum, w, problem.activation, objective.data(enclosures), enclosures)
        found = independent(columns, enclosures)
        if isinstance(found, Inertia):
            return LocalFamily(columns.shape[1], _rank(stratum, problem.dimension))
        result = found
    return result


@quiet
def independent(columns: Any, arithmetic: Enclosures) -> Inertia | Failure:
    """Prove that the columns of a matrix (N, q) are linearly independent: ``AᵀA`` is positive definite.

    They are scaled to length 1 first, by float64 numbers that are taken as exact.
    """
    gram = arithmetic.matmul(columns.T, columns)
    diagonal = np.diag(arithmetic.approx(gram))
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
        return Failure("dependent")
    scale = arithmetic.array(1 / np.sqrt(diagonal))
    signs = inertia(gram * scale * scale.reshape(-1, 1), arithmetic)
    if isinstance(signs, Failure):
        return Failure("dependent", signs.numbers)
    return Failure("dependent") if signs.negative else signs


def _refused(stratum: Stratum, a: Exact) -> Failure | None:
    """Outputs for which the theorem says nothing."""
    nulls = [a[i] for i in stratum.zeros]
    # σ''(0) = 0: of two neurons Z the terms of third order decide, which cancel if the outputs are equal up to sign
    if len(nulls) > 2 or 0 in nulls or len({abs(b) for b in nulls}) < len(nulls):
        return Failure("zero-neurons")
    for block in stratum.blocks:
        outputs = _signed(block, a)
        if len(outputs) == 1:
            continue
        if 0 in outputs:
            return Failure("output-zero")
        if not _definite(block.output, outputs):
            return Failure("indefinite-outputs")
    return None


def _signed(block: Block, a: Exact) -> list[Fraction]:
    return [sign * a[i] for i, sign in zip(block.members, block.signs, strict=True)]


def _definite(total: Fraction, outputs: Sequence[Fraction]) -> bool:
    """Whether ``Σ b_i t_i²`` is definite on ``Σ b_i t_i = 0``; where ``Σ b_i = 0``, modulo equal ``t_i``.

    By Sylvester its inertia is ``(n₊ − 1, n₋)`` if ``Σ b_i > 0``, ``(n₊, n₋ − 1)`` if it is negative, and
    ``(n₊ − 1, n₋ − 1)`` modulo constants if it is 0.
    """
    plus, minus = sum(b > 0 for b in outputs), sum(b < 0 for b in outputs)
    if total > 0:
        return minus == 0 or plus == 1
    if total < 0:
        return plus == 0 or minus == 1
    return plus == 1 or minus == 1


def _bends(block: Block) -> bool:
    """Whether the class needs its second derivatives: in pairs of outputs ``b, −b`` the first ones decide."""
    return len(block.members) >= (2 if block.kind == "C" else 3)


def _idle(block: Block) -> bool:
    """Whether the class is a single neuron of output 0, whose incoming weight is free."""
    return block.kind == "D" and len(block.members) == 1


def _rank(stratum: Stratum, d: int) -> int:
    """Of the Jacobian: ``Σδb_B`` and, but for idle neurons, ``Σ b_i δw_i`` of each class; constant, ``δw`` of zeros."""
    irregular = bool(stratum.zeros) or any(block.mixed for block in stratum.blocks)
    moving = sum(not _idle(block) for block in stratum.blocks) + bool(stratum.zeros)
    return len(stratum.blocks) + irregular + d * moving


@quiet
def _columns(stratum: Stratum, w: Exact, sigma: Activation, data: Data, arithmetic: Enclosures) -> Any:
    """The functions on the inputs, (N, q)."""
    d = w.shape[1]
    parts = []
    one = data.norm.reshape(-1, 1) * 0 + 1
    if stratum.zeros or any(label.sign < 0 for label in stratum.labels):
        parts.append(one)
    if stratum.zeros:
        parts.append(data.x)
    pairs = [k * d + j for k in range(d) for j in range(k, d)]
    if len(stratum.zeros) > 1:
        cubes = [(k * d + j, i) for k in range(d) for j in range(k, d) for i in range(j, d)]
        parts += [(data.xx[:, pair] * data.x[:, i]).reshape(-1, 1) for pair, i in cubes]
    for block in stratum.blocks:
        u = arithmetic.array(block.signs[0] * w[block.members[0]]).reshape(d, 1)
        jet = sigma.jet(arithmetic.matmul(data.x, u), 2, arithmetic)
        parts.append(jet[0])
        if not _idle(block):
            parts.append(jet[1] * data.x)
        if _bends(block):
            parts.append(jet[2] * data.xx[:, pairs])
    return arithmetic.concatenate(parts, axis=1)
