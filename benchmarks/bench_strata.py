"""Strata: listing the orbits of a width, and matching thousands of trained points.

    python benchmarks/bench_strata.py [--width 7] [--repeats 3]

Times are of CPU, one process, the least of the repeats. Each list is made in a process of its own, whose peak memory
is printed. Matched are the shipped Newton runs at zero loss to the strata of zero loss, and all shipped Newton and Adam
runs of widths 5 to 7 to the splits of what Newton found at width 4; exact distances, nothing polished.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.points import read_points
from symmetry.induced import propose_induced_point
from symmetry.matching import propose_stratum_point
from symmetry.network import Network
from symmetry.problem import load_problem
from symmetry.strata import Target

DATA = Path(__file__).parents[1] / "data"
PROBLEM = load_problem("thesis")

_LIST = """
import json, resource, time
from symmetry.orbits import strata_orbits
from symmetry.problem import load_problem
problem = load_problem({name!r})
began = time.process_time()
orbits = strata_orbits(problem, {width})
seconds = time.process_time() - began
strata = sum(orbit.orbit_size for orbit in orbits)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([len(orbits), strata, seconds, memory]))
"""


def runs(optimizer: str, width: int, keep: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> list[Network]:
    """The saved networks of the runs whose columns ``keep`` accepts."""
    folder = DATA / optimizer / f"width{width}"
    points = read_points(folder, dimension=PROBLEM.dimension)
    table = pq.read_table(folder, columns=["loss", "gradient_norm"])
    columns = np.rec.fromarrays([table[name].to_numpy() for name in table.column_names], names=table.column_names)
    return [Network.of(points.w[k], points.a[k]) for k in np.flatnonzero(keep(columns))]


def least(repeats: int, propose: Callable[[Network], object], networks: Sequence[Network]) -> tuple[int, float]:
    """For how many networks something is proposed, and the least CPU time for all."""
    times, count = [], 0
    for _ in range(repeats):
        began = time.process_time()
        count = sum(propose(network) is not None for network in networks)
        times.append(time.process_time() - began)
    return count, min(times)


def main() -> None:
    """Run the benchmark and print its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    for name in ("thesis", "simsek2021"):
        command = [sys.executable, "-c", _LIST.format(name=name, width=arguments.width)]
        lists = []
        for _ in range(arguments.repeats):
            lists.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        (orbits, strata), seconds = lists[0][:2], min(x[2] for x in lists)
        print(f"{name}, width {arguments.width}: {orbits} orbits of {strata} strata in {seconds:.2f} s, ", end="")
        print(f"peak {max(x[3] for x in lists):.0f} MB")
    for width in (4, 5, 6, 7):
        zeros = runs("newton", width, lambda columns: columns["loss"] <= 1e-20)
        count, seconds = least(arguments.repeats, lambda network: propose_stratum_point(PROBLEM, network), zeros)
        print(f"strata, width {width}: {count} of {len(zeros)} runs at zero loss in {seconds:.2f} s")
    narrow = runs("newton", 4, lambda columns: (columns["gradient_norm"] <= 1e-12) & (columns["loss"] > 1e-10))
    different = {tuple(sorted(network.a.astype(float).round(6))): network for network in narrow}
    sources = [Target.of_network(network, PROBLEM.activation.reflection) for network in different.values()]
    for optimizer in ("newton", "adam"):
        for width in (5, 6, 7):
            every = runs(optimizer, width, lambda columns: columns["loss"] >= 0)
            count, seconds = least(arguments.repeats, lambda network: propose_induced_point(sources, network), every)
            print(f"splits of {len(sources)} points, {optimizer}, width {width}: ", end="")
            print(f"{count} of {len(every)} runs in {seconds:.2f} s")


if __name__ == "__main__":
    main()
