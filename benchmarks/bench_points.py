"""The main job on 1000 stopped width-5 runs: points to verdicts to table, wall time and memory.

    python benchmarks/bench_points.py [--points data/adam/width5] [--count 1000] [--jobs 2] [--repeats 3]

Beside it, in the same run, what people do today: ``torch.func.hessian`` and ``eigvalsh`` at every saved point, one
process, no polish, nothing proved. Memory is the sum of the proportional set sizes of all processes of ``certify``,
sampled once a second, which costs little beside what is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from sweep.points import read_points, write_points
from symmetry.problem import load_problem


def family(pid: int) -> list[int]:
    """A process and its descendants, as /proc shows them now."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [p for child in children.read_text().split() for p in family(int(child))]
        except OSError:
            continue
    return found


def memory(pid: int) -> float:
    """MB in use by a process and its descendants, shared pages divided among their users."""
    total = 0
    for member in family(pid):
        try:
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1024


def certify(points: Path, jobs: int) -> tuple[float, float, str]:
    """Seconds, peak MB and the counts of one run of ``certify points``."""
    with tempfile.TemporaryDirectory() as out:
        command = [str(Path(sys.executable).with_name("certify")), "points", str(points), "--problem", "thesis"]
        command += ["--out", out + "/run", "--jobs", str(jobs), "--json"]
        start, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(1):
                peak = max(peak, memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        answer, _ = process.communicate()
        done.set()
        watcher.join()
        return time.perf_counter() - start, peak, answer.strip()


def usual(points: Path) -> float:
    """Seconds for the unproved test at every point."""
    problem, saved = load_problem("thesis"), read_points(points, dimension=2)
    x, y, width = torch.tensor(problem.inputs.values), torch.tensor(problem.labels), saved.width

    def loss(theta: torch.Tensor) -> torch.Tensor:
        return torch.mean((torch.sigmoid(x @ theta[: 2 * width].reshape(width, 2).T) @ theta[2 * width :] - y) ** 2)

    hessian = torch.func.hessian(loss)
    start = time.perf_counter()
    for theta in torch.tensor(saved.theta()):
        torch.linalg.eigvalsh(hessian(theta))
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=Path, default=Path("data/adam/width5"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        points = Path(folder) / "points.npz"
        saved = read_points(arguments.points, dimension=2)
        if len(saved) < arguments.count:
            parser.error(f"{arguments.points} holds {len(saved)} points, --count asks for {arguments.count}")
        write_points(points, saved.take(range(arguments.count)))
        runs, tests = [], []
        for _ in range(arguments.repeats):
            runs.append(certify(points, arguments.jobs))
            tests.append(usual(points))
        print(runs[0][2])
        seconds = [run[0] for run in runs]
        print(f"certify, {arguments.jobs} jobs: min {min(seconds):.1f} s, median {statistics.median(seconds):.1f} s")
        print(f"peak memory: {max(run[1] for run in runs):.0f} MB; counts equal: {_equal([run[2] for run in runs])}")
        print(f"torch, 1 thread: min {min(tests):.1f} s, median {statistics.median(tests):.1f} s")


def _equal(answers: list[str]) -> bool:
    return len({json.dumps({k: v for k, v in json.loads(a).items() if k != "seconds"}) for a in answers}) == 1


if __name__ == "__main__":
    main()
