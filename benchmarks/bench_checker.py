"""Checking a certificate against making its proof, on one core.

    python benchmarks/bench_checker.py [--repeats 5] [--mpmath] [--archive ZIP --jobs 1 2]

Two isolated local minima on the 41×41 grid: one of width 5 on the shipped problem, one of width 7 with a teacher of
eight neurons (with the shipped teacher none is known). Sides, interleaved in one run:

* ``prover``: Krawczyk test, inertia, bounds, Lemma 1, in float64 midpoint–radius arithmetic, and the certificate;
* ``integer``, ``arb``: the checker, from the text of the certificate, the problem's inputs and labels enclosed anew;
* ``mpmath``: the same in mpmath intervals, if asked for (slow).

Seconds by the clock, and of CPU where other work is running. With ``--archive`` a results directory is checked as a
whole on each number of processes, once a repeat, interleaved as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_proof import THETA
from threadpoolctl import threadpool_limits

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.loss import Data
from certify.checker.problems import problem_of
from certify.checker.run import VERIFIED, make_arithmetic
from certify.checker.run import check as check_all
from certify.proofs.isolated import Certified, certify_in, isolated_object
from certify.results.certificate import canonical, certificate_of
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem, load_problem, parse_problem

EIGHT = """
name = "eight"
activation = "sigmoid"
[teacher]
w = [[2, 0.5], [-1.5, 1.5], [-0.5, -2], [1, -1.5], [0.5, 2.5], [3, -0.5], [-2.5, -1], [-0.5, 0.75]]
a = [1, -1, 2, -2, 1, 1, -1, 1]
[inputs.grid]
start = [-5, -5]
stop = [5, 5]
step = [0.25, 0.25]
"""
# a local minimum of loss 2.34e-5, polished
THETA_7 = """
-0x1.82824f136355fp+0 0x1.824fe5f958566p+0 -0x1.f8aeeb2412e60p-2 -0x1.059da1a6121d0p+1 0x1.fef0114a32b69p-1
-0x1.7f9bfc3b43b0ep+0 0x1.f4ef1b7704f80p-2 0x1.2a3156b443948p+1 0x1.6955b5a51ccbep+1 -0x1.bcae44467a6afp-2
-0x1.1b3ae531ea041p+1 -0x1.873887ca5fdbfp-1 -0x1.f8e5eae84e047p-2 0x1.7a2f619d07afep-1 -0x1.f9dee940c6dc5p-1
0x1.737fdee031623p+1 -0x1.017f068055f1fp+1 0x1.e622447c55e4ep+0 0x1.1c4413da24e00p+0 -0x1.e549f19ea1ecdp+0
0x1.f7a2b965fbdd8p-1
"""


def prove(problem: Problem, theta: str) -> Callable[[], str]:
    """The proof and its certificate, starting from the polished point."""
    center = exact(np.array([float.fromhex(h) for h in theta.split()]))
    objective = SquareLoss.of_network(problem, len(center) // 3)

    def run() -> str:
        certified = certify_in(objective, center, Float64Enclosures())
        if not isinstance(certified, Certified):
            raise RuntimeError(f"the proof failed: {certified}")
        return canonical(certificate_of(isolated_object(problem, certified), problem.hash))

    return run


def check(problem: Problem, text: str, arithmetic: str) -> Callable[[], object]:
    """The whole check, as for a single file."""
    stored = {"format": 1, "name": problem.name, "hash": problem.hash, "content": problem.describe()}

    def run() -> object:
        known = problem_of(json.loads(json.dumps(stored)), Path("problem.json"))
        certificate = read_certificate(json.loads(text), "certificate")
        check_certificate(certificate, known, lambda bits: Data(known, make_arithmetic(arithmetic, bits)))
        return certificate

    return run


def measure(sides: dict[str, Callable[[], object]], repeats: int) -> None:
    """Run the sides in turn and print the least and the median time of each."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, run in sides.items():
            start, worked = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - start, time.process_time() - worked))
    for name, values in times.items():
        clock, cpu = zip(*values, strict=True)
        print(f"  {name:8} min {min(clock):8.3f} s   median {statistics.median(clock):8.3f} s   CPU {min(cpu):8.3f} s")


def whole(archive: Path, jobs: int) -> Callable[[], object]:
    """The check of a results directory on so many processes."""

    def run() -> object:
        outcome = check_all(archive, problem=None, arithmetic="integer", jobs=jobs, budget=1e9)
        if outcome.code != VERIFIED:
            raise RuntimeError(f"{archive}: {outcome.rejected or outcome.unreadable}")
        return outcome

    return run


def main() -> None:
    """Measure and print a table for each width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mpmath", action="store_true")
    parser.add_argument("--archive", type=Path, help="a results directory to check on several processes")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    cases = {5: (load_problem("thesis"), THETA), 7: (parse_problem(EIGHT, source="eight", folder=None), THETA_7)}
    with threadpool_limits(1):
        for width, (problem, theta) in cases.items():
            prover = prove(problem, theta)
            text = prover()
            sides: dict[str, Callable[[], object]] = {"prover": prover}
            for name in ("integer", "arb", *(["mpmath"] if options.mpmath else [])):
                sides[name] = check(problem, text, name)
            print(f"width {width}: certificate of {len(text)} bytes")
            measure(sides, options.repeats)
        if options.archive:
            print(f"{options.archive.name}, processes (CPU: of the first one only)")
            measure({str(jobs): whole(options.archive, jobs) for jobs in options.jobs}, options.repeats)


if __name__ == "__main__":
    main()
