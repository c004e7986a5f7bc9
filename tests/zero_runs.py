"""Every run of the shipped sweeps that reached zero loss lies on an enumerated stratum, or near one.

    python tests/zero_runs.py

"Reached zero loss" is a matter of floats: Newton runs whose saved loss is at most 1e-20; Adam runs, which were stopped,
whose polish ends at such a loss. What is shown of each is exact: the distance to a point of a maximal stratum that the
enumeration of its width lists. *On* the stratum are those within ``TOLERANCE·(1 + ‖θ‖)`` of it, or from where a path,
along which the loss falls, leads there; at the point the two functions are proved to be equal. *Near* it are those that
path does not bring so close: zeros of high order, where the loss is rounding at a distance of 1e-3.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from certify.proofs.zero import match_global_minimum
from sweep.kernels.compiled import loss_gradient, prepare
from sweep.points import read_points
from sweep.polishing.approach import approach
from sweep.polishing.polish import polish
from symmetry.matching import propose_stratum_point
from symmetry.network import Network, exact
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem

DATA = Path(__file__).parents[1] / "data"
PROBLEM = load_problem("thesis")
KERNELS = prepare(PROBLEM)
ZERO = 1e-20
POLISH_STEPS = 400


@dataclass(frozen=True)
class Reached:
    """A run that reached zero loss.

    Args:
        run: its number.
        stratum: the name of the maximal stratum it was matched to, ``None`` if to none.
        on: whether the run, or where the path led, is within tolerance.
        approached: whether it took a path.
        distance_squared: from the end of the run to the stratum nearest to it, exact; ``None`` if there is none.
    """

    run: int
    stratum: str | None
    on: bool
    approached: bool
    distance_squared: Fraction | None


def reached(optimizer: str, width: int, runs: Iterable[int]) -> Iterator[Reached]:
    """Those of the runs that reached zero loss, each with the stratum it is matched to."""
    theta = read_points(DATA / optimizer / f"width{width}", dimension=PROBLEM.dimension).theta()
    for run in runs:
        end = theta[run]
        if optimizer == "adam":
            end = polish(KERNELS, end, width, max_steps=POLISH_STEPS).theta
        if not loss_gradient(KERNELS, end[None], width)[0][0] <= ZERO:
            continue
        network = Network.from_theta(exact(end), PROBLEM.dimension)
        near = propose_stratum_point(PROBLEM, network)
        point, approached = match_global_minimum(PROBLEM, network), False
        if point is None:
            further, approached = approach(PROBLEM, KERNELS, end), True
            point = None if further is None else match_global_minimum(PROBLEM, further.network)
        name = point.maximal_name if point is not None else near.maximal_name if near is not None else None
        yield Reached(run, name, point is not None, approached, None if near is None else near.distance_squared)


def main() -> int:
    missing = 0
    for optimizer in ("newton", "adam"):
        for width in (4, 5, 6, 7):
            names = {orbit.name for orbit in strata_orbits(PROBLEM, width)}
            began = time.process_time()
            found = list(reached(optimizer, width, range(1000)))
            on = [x for x in found if x.on and x.stratum in names]
            near = {x.run: math.sqrt(x.distance_squared or 0) for x in found if not x.on and x.stratum in names}
            missing += len(found) - len(on) - len(near)
            print(
                f"{optimizer}, width {width}: {len(found)} of 1000 runs at zero loss; on an enumerated stratum "
                f"{len(on)} ({len({x.stratum for x in on})} orbits, {sum(x.approached for x in on)} by a path); "
                f"near one {len(near)}, at most {max(near.values(), default=0):.1e} away: {list(near)}; "
                f"{time.process_time() - began:.0f} s of CPU time",
                flush=True,
            )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
