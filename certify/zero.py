"""Global minima induced by symmetry: a student that equals the teacher as a function has loss exactly zero.

The criterion is never the size of the loss: an *exact* point of a stratum is given, equality of the two functions is
decided over the rationals by regrouping their neurons (:func:`symmetry.matching.verify_equal_output`), and the
distance from the candidate to that point is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.isolated import Certified, certify_isolated
from certify.proof import Failure, Proof
from certify.verdict import CriticalObject, Kind
from symmetry.matching import StratumPoint, propose_stratum_point, verify_equal_output
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss
from symmetry.problem import Problem
from symmetry.strata import Stratum

TOLERANCE = Fraction(1, 10**10)
"""A polished point belongs to a stratum within ``TOLERANCE·(1 + ‖θ‖)`` of an exact point of it."""


@dataclass(frozen=True, eq=False)
class ZeroLoss(Proof):
    """The exact network ``(w, a)`` equals the teacher as a function, so its loss is exactly 0.

    Args:
        stratum: canonical name of the family of global minima.
        dimension: of that family.
        w: (m, d) exact.
        a: (m,) exact.
        labels: the class and sign of each neuron, as in the name: ``C1+``, ``D1-``, ``Z``.
    """

    theorem = "zero-loss"

    stratum: str
    dimension: int
    w: Exact
    a: Exact
    labels: tuple[str, ...]


def label_texts(stratum: Stratum) -> tuple[str, ...]:
    """Class and sign of each neuron: ``C1+``, ``D1-``, ``Z``."""
    return tuple(str(label) for label in stratum.labels)


def match_global_minimum(problem: Problem, network: Network) -> StratumPoint | None:
    """The exact global minimum within tolerance of ``network``; ``None`` if none was found (which proves nothing)."""
    point = propose_stratum_point(problem, network)
    if point is None or not point.certainly_within(TOLERANCE, network):
        return None
    return point if verify_equal_output(problem, point.network) else None


def zero_object(problem: Problem, point: StratumPoint, *, arithmetic: str, max_bits: int) -> CriticalObject:
    """The stratum as an object; an isolated one is also put through the Krawczyk test."""
    dimension = point.stratum.dimension
    w, a = point.network.w, point.network.a
    proofs: tuple[Proof, ...] = (ZeroLoss(point.stratum.name, dimension, w, a, label_texts(point.stratum)),)
    zero = Fraction(0)
    isolated: Certified | Failure = Failure("not-isolated")
    # w* and −w* in one class have parallel Jacobian columns: the Hessian is singular there, no box is to be had
    if dimension == 0 and not any(block.mixed for block in point.stratum.blocks):
        objective = SquareLoss.of_network(problem, point.network.width)
        isolated = certify_isolated(objective, point.network.theta(), arithmetic=arithmetic, max_bits=max_bits)
        # the box says something of the exact zero only if it holds it
        if isinstance(isolated, Certified) and not isolated.krawczyk.uniquely_contains(point.network.theta()):
            isolated = Failure("outside-box")
    if isinstance(isolated, Certified):
        proofs += isolated.proofs
    return CriticalObject(
        kind=Kind.GLOBAL_MINIMUM,
        network=point.network,
        proofs=proofs,
        loss=(zero, zero),
        # on a stratum of positive dimension there are other zeros arbitrarily near
        strict=False if dimension else (True if isinstance(isolated, Certified) else None),
        not_global=False,
        morse_index=0,  # at a zero the Hessian is (2/N) JᵀJ, positive semidefinite
        nullity=0 if isinstance(isolated, Certified) else None,
        manifold_dimension=dimension,
        level=None,
        stratum=point.stratum.name,
        lambda_min=isolated.lambda_min if isinstance(isolated, Certified) else ((zero, zero) if dimension else None),
        method="zero-loss" + (f"+krawczyk/{isolated.krawczyk.arithmetic}" if isinstance(isolated, Certified) else ""),
        bits=isolated.krawczyk.bits if isinstance(isolated, Certified) else 0,
    )
