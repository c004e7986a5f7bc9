"""Global minima induced by symmetry: a student that equals the teacher as a function has loss exactly zero.

The criterion is never the size of the loss: an *exact* point of a stratum is given, equality of the two functions is
decided over the rationals by regrouping their neurons (:func:`symmetry.matching.verify_equal_output`), and the
distance from the candidate to that point is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.proofs.family import LocalFamily, local_family
from certify.proofs.isolated import Certified, certify_isolated
from certify.proofs.proof import Failure, Proof
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.matching import StratumPoint, propose_stratum_point, verify_equal_output
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss
from symmetry.problem import Problem
from symmetry.strata import Stratum

ZERO = Fraction(0)

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
    """The stratum as an object; an isolated one is also put through the Krawczyk test.

    What that does not settle, because the Hessian is singular, the theorem of :mod:`certify.proofs.family` may.
    """
    stratum, dimension = point.stratum, point.stratum.dimension
    w, a = point.network.w, point.network.a
    proofs: tuple[Proof, ...] = (ZeroLoss(stratum.name, dimension, w, a, label_texts(stratum)),)
    isolated = _isolated(problem, point, arithmetic, max_bits)
    nullity: int | None = None
    method, bits, lambda_min = "zero-loss", 0, (ZERO, ZERO) if dimension else None
    if isinstance(isolated, Certified):
        proofs += isolated.proofs
        nullity, lambda_min = 0, isolated.lambda_min
        method, bits = f"zero-loss+krawczyk/{isolated.krawczyk.arithmetic}", isolated.krawczyk.bits
    else:
        family = local_family(problem, stratum, w, a, arithmetic=arithmetic, max_bits=max_bits)
        # where the Hessian is non-singular a box is the proof
        if isinstance(family, LocalFamily) and family.rank < len(point.network.theta()):
            proofs += (family,)
            nullity, method = len(point.network.theta()) - family.rank, "zero-loss+independence"
            lambda_min = (ZERO, ZERO)
    complete = len(proofs) > 1
    return CriticalObject(
        kind=Kind.GLOBAL_MINIMUM,
        network=point.network,
        proofs=proofs,
        loss=(ZERO, ZERO),
        # on a stratum of positive dimension there are other zeros arbitrarily near
        strict=False if dimension else (True if complete else None),
        not_global=False,
        morse_index=0,  # at a zero the Hessian is (2/N) JᵀJ, positive semidefinite
        nullity=nullity,
        manifold_dimension=dimension,
        level=None,
        stratum=stratum.name,
        complete=True if complete else None,
        lambda_min=lambda_min,
        method=method,
        bits=bits,
    )


def _isolated(problem: Problem, point: StratumPoint, arithmetic: str, max_bits: int) -> Certified | Failure:
    """The Krawczyk test at a stratum that is a point."""
    # w* and −w* in one class have parallel Jacobian columns: the Hessian is singular there, no box is to be had
    if point.stratum.dimension or any(block.mixed for block in point.stratum.blocks):
        return Failure("not-isolated")
    theta = point.network.theta()
    objective = SquareLoss.of_network(problem, point.network.width)
    isolated = certify_isolated(objective, theta, arithmetic=arithmetic, max_bits=max_bits)
    # the box says something of the exact zero only if it holds it
    if isinstance(isolated, Certified) and not isolated.krawczyk.uniquely_contains(theta):
        return Failure("outside-box")
    return isolated
