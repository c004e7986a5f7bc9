"""Every run of the shipped sweeps that reached zero loss lies on an enumerated stratum.

    python tests/certify/zero_runs.py

"Reached zero loss" is a matter of floats: Newton runs whose saved loss is at most 1e-20; Adam runs, which were stopped,
whose polish ends at such a loss. What is shown of each is exact: a point of a maximal stratum that the enumeration of
its width lists, within ``TOLERANCE·(1 + ‖θ‖)`` of the end of the run, or of the path that leads on from there where
the zero is of higher order; and the identity of the two functions.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from certify.zero import match_global_minimum
from sweep.approach import approach
from sweep.kernels import loss_gradient, prepare
from sweep.points import read_points
from sweep.polish import polish
from symmetry.network import Network, exact
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem

DATA = Path(__file__).parents[2] / "data"
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
        approached: whether the end of the run itself was too far away.
    """

    run: int
    stratum: str | None
    approached: bool


def reached(optimizer: str, width: int, runs: Iterable[int]) -> Iterator[Reached]:
    """Those of the runs that reached zero loss, each with the stratum it is matched to."""
    theta = read_points(DATA / optimizer / f"width{width}", dimension=PROBLEM.dimension).theta()
    for run in runs:
        end = theta[run]
        if optimizer == "adam":
            end = polish(KERNELS, end, width, max_steps=POLISH_STEPS).theta
        if not loss_gradient(KERNELS, end[None], width)[0][0] <= ZERO:
            continue
        point = match_global_minimum(PROBLEM, Network.from_theta(exact(end), PROBLEM.dimension))
        if point is not None:
            yield Reached(run, point.maximal_name, False)
            continue
        further = approach(PROBLEM, KERNELS, end)
        point = None if further is None else match_global_minimum(PROBLEM, further.network)
        yield Reached(run, None if point is None else point.maximal_name, True)


def main() -> int:
    missing = 0
    for optimizer in ("newton", "adam"):
        for width in (4, 5, 6, 7):
            names = {orbit.name for orbit in strata_orbits(PROBLEM, width)}
            began = time.process_time()
            found = list(reached(optimizer, width, range(1000)))
            off = [x.run for x in found if x.stratum not in names]
            kinds = Counter(x.stratum for x in found)
            print(
                f"{optimizer}, width {width}: {len(found)} of 1000 runs at zero loss, {len(found) - len(off)} on "
                f"{len(kinds)} enumerated orbits ({sum(x.approached for x in found)} after an approach), not matched: "
                f"{off}; {time.process_time() - began:.0f} s of CPU time",
                flush=True,
            )
            missing += len(off)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
