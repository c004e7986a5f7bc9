"""A whole study, time and memory, beside an estimate of the slides' own protocol, measured in the same run.

    python benchmarks/bench_study.py [--quick] [--jobs 2] [--out DIR]

With ``--out`` the study is kept.

The study: ``certify study --points data/adam --saddles data/saddles`` (or ``--quick``), from nothing to the report. The
slides' protocol, as people run it with PyTorch and SciPy: for every run 1e5 steps of
``torch.optim.Adam``; at the end the Hessian by ``torch.func.hessian``; where its smallest eigenvalue is negative,
perturbation and SLSQP with autograd gradients, up to 20 times. Of each part a sample is timed on one thread and scaled
to the number of runs and to ``--jobs``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from bench_points import memory
from scipy.optimize import minimize

from sweep.shards import Runs, read_shards
from symmetry.problem import load_problem

ADAM_STEPS, ADAM_SAMPLE, POINTS_SAMPLE, PROTOCOL_SAMPLE, TIMES = 100_000, 300, 10, 3, 20


def study(jobs: int, quick: bool, kept: Path | None) -> tuple[float, float, float, dict[str, float]]:
    """Seconds, CPU seconds of all its processes, peak MB, and seconds by stage of ``certify study``."""
    with tempfile.TemporaryDirectory() as folder:
        out = kept or Path(folder) / "study"
        command = [str(Path(sys.executable).with_name("certify")), "study", "--out", str(out), "--jobs", str(jobs)]
        command += ["--quick"] if quick else ["--points", "data/adam", "--saddles", "data/saddles"]
        began, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.5):
                peak = max(peak, memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        process.wait()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        done.set()
        watcher.join()
        seconds, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
        return seconds, cpu, peak, json.loads((out / "timings.json").read_text())


class Torch:
    """The loss of students of one width, as people write it."""

    def __init__(self, width: int):
        problem = load_problem("thesis")
        self.width = width
        self.x, self.y = torch.tensor(problem.inputs.values), torch.tensor(problem.labels)

    def loss(self, theta: torch.Tensor) -> torch.Tensor:
        w, a = theta[: 2 * self.width].reshape(self.width, 2), theta[2 * self.width :]
        return torch.mean((torch.sigmoid(self.x @ w.T) @ a - self.y) ** 2)

    def adam(self, start: np.ndarray, steps: int) -> float:
        """Seconds of so many steps."""
        theta = torch.tensor(start, requires_grad=True)
        optimizer = torch.optim.Adam([theta], lr=1e-4)
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            self.loss(theta).backward()
            optimizer.step()
        return time.perf_counter() - began

    def smallest_eigenvalue(self, theta: np.ndarray) -> float:
        return float(torch.linalg.eigvalsh(torch.func.hessian(self.loss)(torch.tensor(theta)))[0])

    def slsqp(self, start: np.ndarray) -> np.ndarray:
        def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
            at = torch.tensor(theta, requires_grad=True)
            loss = self.loss(at)
            loss.backward()
            assert at.grad is not None
            return loss.item(), at.grad.numpy()

        return minimize(value, start, jac=True, method="SLSQP", options={"maxiter": 1000, "ftol": 1e-16}).x

    def protocol(self, theta: np.ndarray, rng: np.random.Generator) -> None:
        """Perturb and optimise until the smallest eigenvalue is positive."""
        for _ in range(TIMES):
            theta = self.slsqp(theta + 0.1 * rng.normal(size=theta.size))
            if self.smallest_eigenvalue(theta) > 0:
                break


def protocol_seconds(width: int, runs: Runs, count: int) -> dict[str, float]:
    """Seconds of one thread for ``count`` runs of the slides' protocol, scaled from samples."""
    ways, rng = Torch(width), np.random.default_rng(0)
    negative = np.flatnonzero(runs.smallest_eigenvalue < 0)
    adam = ways.adam(runs.start[0], ADAM_SAMPLE) / ADAM_SAMPLE * ADAM_STEPS * count
    began = time.perf_counter()
    for theta in runs.theta[:POINTS_SAMPLE]:
        ways.smallest_eigenvalue(theta)
    hessians = (time.perf_counter() - began) / POINTS_SAMPLE * count
    began = time.perf_counter()
    for i in negative[:PROTOCOL_SAMPLE]:
        ways.protocol(runs.theta[i], rng)
    perturbed = (time.perf_counter() - began) / PROTOCOL_SAMPLE * len(negative) * count / len(runs)
    return {"adam": adam, "hessians": hessians, "perturbation": perturbed}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seconds, cpu, peak, stages = study(arguments.jobs, arguments.quick, arguments.out)
    print(f"certify study, {arguments.jobs} jobs: {seconds:.0f} s, {cpu:.0f} s of CPU, peak {peak:.0f} MB")
    for stage, taken in stages.items():
        print(f"  {stage}: {taken:.1f} s")
    total = 0.0
    for width in (4, 5) if arguments.quick else (4, 5, 6, 7):
        parts = protocol_seconds(width, read_shards(Path(f"data/adam/width{width}")), 50 if arguments.quick else 1000)
        total += sum(parts.values())
        told = ", ".join(f"{name} {value / arguments.jobs:.0f} s" for name, value in parts.items())
        print(f"slides' protocol, width {width}, on {arguments.jobs} processes, estimated: {told}")
    print(f"slides' protocol in all, estimated: {total / arguments.jobs:.0f} s; nothing of it is proved")


if __name__ == "__main__":
    main()
