"""Every isolated global minimum that symmetry forces on a width: enumerated, certified, proved pairwise distinct.

    python -m certify.proofs.minima --problem thesis --width 4

The enumeration is exact (:mod:`symmetry.orbits`); each point is an exact rational network equal to the teacher as a
function, and the only critical point in its uniqueness box (where its Hessian is singular: the only zero near it).
That there are no others, anywhere in parameter space, is a claim about linear independence on the inputs and is not
made here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np

from certify.proofs.verdict import CriticalObject
from certify.proofs.zero import match_global_minimum, zero_object
from symmetry.network import Network, exact
from symmetry.orbits import members, strata_orbits
from symmetry.problem import Problem, load_problem


def isolated_minima(
    problem: Problem, width: int, *, arithmetic: str = "auto", max_bits: int = 212
) -> list[CriticalObject]:
    """The strata of dimension 0, one object for each labelled network: permuted networks are listed apart.

    An object whose Hessian is singular (a class that holds both ``w*`` and ``−w*``) has no box; whether it is strict is
    the matter of :mod:`certify.proofs.family`.

    Raises:
        ValueError: the labels are given, so no zero of the loss is known.
    """
    objects = []
    for orbit in strata_orbits(problem, width):
        if orbit.dimension:
            continue
        for stratum in members(orbit):
            point = stratum.nearest(_zeros(width, problem.dimension))  # the only point there is
            matched = match_global_minimum(problem, point)
            if matched is None:
                raise ArithmeticError(f"{stratum.name}: its point is not matched to itself")
            objects.append(zero_object(problem, matched, arithmetic=arithmetic, max_bits=max_bits))
    return objects


def _zeros(width: int, dimension: int) -> Network:
    zero = np.full((width, dimension + 1), Fraction(0), dtype=object)
    return Network(zero[:, :dimension], zero[:, dimension])


def proved_distinct(objects: Sequence[CriticalObject]) -> bool:
    """Whether all objects are proved to be different points of parameter space: their existence boxes are disjoint.

    ``False`` where one has no box, or two boxes meet; it does not say that two are the same.
    """
    boxes = [found.box for found in objects]
    if any(box is None for box in boxes):
        return False
    ends = [
        (b.center - exact(b.existence_radius), b.center + exact(b.existence_radius)) for b in boxes if b is not None
    ]
    return all(
        bool(np.any((high_a < low_b) | (high_b < low_a))) for (low_a, high_a), (low_b, high_b) in combinations(ends, 2)
    )


def main() -> None:
    """Print the number of isolated global minima of a width, and how many are certified and distinct."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problem", default="thesis")
    parser.add_argument("--width", type=int, default=4)
    arguments = parser.parse_args()
    objects = isolated_minima(load_problem(arguments.problem), arguments.width)
    certified = [found for found in objects if found.strict]
    distinct = "pairwise distinct" if proved_distinct(certified) else "not proved pairwise distinct"
    print(f"{len(objects)} enumerated, {len(certified)} certified as strict and isolated, {distinct}")


if __name__ == "__main__":
    main()
