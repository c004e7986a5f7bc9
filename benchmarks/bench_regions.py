"""Regions about the floors of channels: at how many shipped runs on a path to infinity they are found, and proved.

    python benchmarks/bench_regions.py [--width 4] [--chart pair] [--every 32] [--check]

Runs of ``data/atlas/verdicts-widthM.zip`` that belong to the chart with a path (or a region), every so many of them.
For each: the number of pieces, or that no region was found, and the smallest eigenvalue of ``F_qq`` where the run
stopped (float64); CPU seconds of the search and the proofs together, and with ``--check`` of the checker in integers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from certify.checker.folded import fold
from certify.checker.loss import Problem as Checked
from certify.checker.path import BITS, check_path
from certify.checker.problems import read_problem
from certify.checker.run import make_arithmetic
from certify.pipeline.floor import trace_valley
from certify.proofs.path import first_place
from certify.proofs.proof import Failure
from certify.proofs.valley import second_derivatives
from certify.results.certificate import object_of
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from symmetry.arithmetic import Float64
from symmetry.network import Network, exact
from symmetry.paths.release import piece
from symmetry.problem import Problem, load_problem
from symmetry.regions.opening import Opening
from symmetry.regions.valley import derivatives


def bend(problem: Problem, found: Any, order: list[int], theta: Any) -> float:
    """The smallest eigenvalue of ``F_qq`` at a run, in floating point; where there are copies, for their shares."""
    opening = Opening(found.chart)
    network = Network.from_theta(exact(theta), problem.dimension).permuted(order)
    _, start = first_place(opening.outer, network)
    shares = opening.shares(start.q)
    limit, here = opening.outer.objective(problem), piece(opening.outer, start, start)
    assert here is not None
    assert shares is not None
    at = derivatives(limit, opening.outer, here, np.zeros(limit.size), Float64())
    assert at is not None
    matrices = second_derivatives(limit, opening.outer, at, Float64(), opening.ties(shares))
    return float(np.linalg.eigvalsh(matrices.whole[0] * 2 / len(problem))[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--chart", default="pair")
    parser.add_argument("--every", type=int, default=32)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    problem = load_problem("thesis")
    points = read_points(f"data/adam/width{given.width}", dimension=problem.dimension).theta()
    with zipfile.ZipFile(f"data/atlas/verdicts-width{given.width}.zip") as archive:
        rows = [json.loads(line) for line in archive.read("verdicts.jsonl").splitlines()]
        lines = [json.loads(line) for line in archive.read("witnesses.jsonl").splitlines()]
        names = {line["certificate"] for line in lines} - {None}
        certificates = {name: json.loads(archive.read(name)) for name in names}
        with tempfile.TemporaryDirectory() as folder:
            stored = read_problem(Path(archive.extract("problem.json", folder)))
    assert isinstance(stored, Checked)
    there = [row["index"] for row in rows if row["chart"] == given.chart and lines[row["index"]]["path"]]
    chosen = there[:: given.every]
    folded, data = fold(stored, make_arithmetic("points", BITS)), prepare(problem)
    held, pieces, worked, checked = 0, [], 0.0, 0.0
    for run in chosen:
        found = object_of(certificates[lines[run]["certificate"]], problem.dimension)
        order = lines[run]["path"]["order"]
        began = time.process_time()
        traced = trace_valley(problem, data, found.chart, order, found.box.center, points[run], arithmetic="auto")
        worked += time.process_time() - began
        told = "no region"
        if not isinstance(traced, Failure):
            held += 1
            pieces.append(len(traced.places))
            told = f"{len(traced.places)} pieces"
            if given.check:
                began = time.process_time()
                path = {key: value for key, value in traced.to_json().items() if key != "theorem"}
                check_path(lines[run] | {"path": path}, found.chart.to_json(), stored, lambda bits: folded)
                checked += time.process_time() - began
        print(f"  run {run}: {told}, smallest eigenvalue of F_qq {bend(problem, found, order, points[run]):.1e}")
    spread = f", {min(pieces)} to {max(pieces)} pieces" if pieces else ""
    print(f"width {given.width}, {given.chart}: {held} of {len(chosen)}{spread}, {worked:.1f} s of CPU", end="")
    print(f", checked in {checked:.1f} s, {checked / sum(pieces):.2f} s a piece" if checked else "")


if __name__ == "__main__":
    main()
