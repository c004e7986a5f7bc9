"""Checking the paths of shipped runs, on one core.

    python benchmarks/bench_paths.py [--width 5] [--runs 0 95 192 294 397] [--repeats 3] [--mpmath]

Paths of ``data/atlas/verdicts-widthM.zip`` alone, from the lines of ``witnesses.jsonl``; inputs and labels are enclosed
before the clock starts. Sides, taking turns in one run, CPU seconds, the smallest of the repeats: ``integer``, ``arb``,
and ``mpmath`` if asked for (slow).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path

from certify.checker.folded import fold
from certify.checker.loss import Problem
from certify.checker.path import BITS, check_path
from certify.checker.problems import read_problem
from certify.checker.run import make_arithmetic


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--runs", type=int, nargs="+", default=[0, 95, 192, 294, 397])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mpmath", action="store_true")
    options = parser.parse_args()
    with zipfile.ZipFile(f"data/atlas/verdicts-width{options.width}.zip") as archive:
        lines = [json.loads(line) for line in archive.read("witnesses.jsonl").splitlines()]
        chosen = [(lines[run], json.loads(archive.read(lines[run]["certificate"]))["witness"]) for run in options.runs]
        with tempfile.TemporaryDirectory() as folder:
            problem = read_problem(Path(archive.extract("problem.json", folder)))
    assert isinstance(problem, Problem)
    pieces = sum(len(line["path"]["vertices"]) + len(line["path"]["places"]) for line, _ in chosen)
    print(f"width {options.width}, {len(chosen)} runs, {pieces} vertices and places")
    names = {"integer": "points", "arb": "arb", **({"mpmath": "mpmath"} if options.mpmath else {})}
    sides = {side: fold(problem, make_arithmetic(name, BITS)) for side, name in names.items()}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(options.repeats):
        for side, folded in sides.items():
            began = time.process_time()
            for line, witness in chosen:
                check_path(line, witness.get("chart"), problem, lambda bits, folded=folded: folded)
            seconds[side].append(time.process_time() - began)
    for side, values in seconds.items():
        print(f"  {side:8} {min(values):7.2f} s")


if __name__ == "__main__":
    main()
