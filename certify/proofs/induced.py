"""From a certified isolated critical point to what is proved of the critical sets it induces in wider networks.

Over the existence box of the narrow point: no output ``a_j`` vanishes, and the inertia of each
``B_j = (2/N) Σ_n r_n a_j σ''(w_j·x_n) x_n x_nᵀ``. Its neurons are distinct: with two equal ones, or an output 0, the
Hessian would be singular (docs/infinity.md, Proposition 16). Whether a sum over the residuals vanishes can only ever
be refuted.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from certify.arithmetic import Enclosures, ladder, quiet
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.manifold import Split, split
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject
from symmetry.embeddings import Moment
from symmetry.levels import Source
from symmetry.network import exact
from symmetry.objective import Neurons, SquareLoss
from symmetry.problem import Problem
from symmetry.splitting import Signature


def induction_source(problem: Problem, found: CriticalObject, *, max_bits: int = 212) -> Source | Failure:
    """What is proved of ``found``, as far as its splits depend on it.

    Args:
        problem: its problem.
        found: an isolated critical point with a Krawczyk box, without a chart.
        max_bits: the last precision tried.

    Returns:
        The inertias, or the failure of the last precision: ``output-may-vanish`` or ``singular-split``.

    Raises:
        ValueError: the object is not an isolated critical point with a box.
    """
    box, index = _isolated(found)
    size = len(box.center)
    failure = Failure("no-arithmetic")
    for arithmetic in ladder("auto", max_bits):
        curvatures = _curvatures(problem, found.width, box, arithmetic)
        if not isinstance(curvatures, Failure):
            return Source(Signature(size - index, index, 0), tuple(curvatures))
        failure = curvatures
    return failure


def _isolated(found: CriticalObject) -> tuple[Krawczyk, int]:
    if found.chart is not None or found.box is None or found.morse_index is None or found.nullity != 0:
        raise ValueError(f"{found.id} is no isolated critical point with a box, expected one")
    return found.box, found.morse_index


@quiet
def _curvatures(problem: Problem, width: int, box: Krawczyk, a: Enclosures) -> list[Signature] | Failure:
    d = problem.dimension
    outputs, r = SquareLoss.of_network(problem, width).outputs(a.ball(box.center, box.existence_radius), a, 2)
    curvature, scale = outputs[0].curvature(r), Fraction(2, len(problem))
    found = []
    for j in range(width):
        rows = slice(j * d, (j + 1) * d)
        proof = split(j, (1,), outputs[0].a[j : j + 1], curvature[rows, rows], scale, a)
        if not isinstance(proof, Split):
            return proof
        found.append(Signature(proof.curvature_positive, proof.curvature_negative, 0))
    return found


def refuted(problem: Problem, found: CriticalObject, moment: Moment, *, max_bits: int = 212) -> bool:
    """Whether it is proved that a sum over the residuals of ``found`` does not vanish.

    ``False`` does not mean that it vanishes.

    Raises:
        ValueError: the object is not an isolated critical point with a box.
    """
    box, _ = _isolated(found)
    return any(_avoids(_sums(problem, found.width, box, moment, a), a) for a in ladder("auto", max_bits))


@quiet
def _sums(problem: Problem, width: int, box: Krawczyk, moment: Moment, a: Enclosures) -> Any:
    """``Σ r_n``, ``Σ r_n x_n``, ``Σ r_n σ(w·x_n)`` or ``Σ r_n σ'(w·x_n) x_n`` over the existence box."""
    objective = SquareLoss.of_network(problem, width)
    _, r = objective.outputs(a.ball(box.center, box.existence_radius), a, 0)
    if moment.kind == "sum":
        return r.sum(axis=0).reshape(1)
    if moment.kind == "line":
        return a.matmul(objective.data(a).x.T, r.reshape(-1, 1)).reshape(-1)
    # the Jacobian of a neuron of output 1 is (σ'(w·x) x, σ(w·x))
    neuron = Neurons(1, problem.dimension, problem.activation)
    theta = a.array(exact([*moment.w, Fraction(1)]))
    jacobian = neuron.outputs(theta, objective.data(a), a, 1).jacobian
    sums = a.matmul(jacobian.T, r.reshape(-1, 1)).reshape(-1)
    return sums[-1:] if moment.kind == "output" else sums[:-1]


def _avoids(enclosure: Any, a: Enclosures) -> bool:
    """Whether an entry is proved not to be 0."""
    low, high = a.lower(enclosure), a.upper(enclosure)
    return any((b is not None and b > 0) or (t is not None and t < 0) for b, t in zip(low, high, strict=True))
