"""Runs per second from random starts to a critical point: Newton, SLSQP, L-BFGS, interleaved in one run.

    python benchmarks/bench_newton.py [--width 5] [--runs 60] [--processes 2]

On the shipped problem (1681 inputs), Xavier-uniform starts, float64, one thread a process, each optimiser of
:mod:`sweep.optimisers` with its defaults and with the same compiled gradients. The optimisers take turns, run by run,
from the same starts. Compiling and loading is not counted; what it took is printed.

The physical limit of ``newton`` is its kernel: a step cannot do without one Hessian, so the share of the time that
goes into gradients and Hessians, measured apart, is printed too. The rest is eigendecompositions of P × P matrices
by LAPACK, and Python.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sweep.initialise import starts
from sweep.kernels import loss_gradient, loss_gradient_hessian, prepare
from sweep.optimisers import optimise
from symmetry.problem import load_problem

SIDES = ("newton", "slsqp", "lbfgs")
ZERO = 1e-20


def measure(width: int, seeds: range) -> dict[str, Any]:
    """Seconds, gradient norms, losses and steps of the runs, by optimiser."""
    data = prepare(load_problem("thesis"))
    start = starts("xavier-uniform", width, 2, seeds)
    began = time.perf_counter()
    for name in SIDES:
        optimise(name, data, start[:1], width, {"steps": 5})
    results: dict[str, Any] = {"compiling": time.perf_counter() - began}
    rows: dict[str, list[tuple[float, float, float, int]]] = {name: [] for name in SIDES}
    with threadpool_limits(1):
        for theta in start:
            for name in SIDES:
                began = time.perf_counter()
                end = optimise(name, data, theta[None], width)
                seconds = time.perf_counter() - began
                loss, gradient = loss_gradient(data, end.theta, width)
                rows[name].append((seconds, float(np.linalg.norm(gradient[0])), float(loss[0]), int(end.steps[0])))
        began = time.perf_counter()
        for _ in range(20):
            loss_gradient_hessian(data, start, width)
        results["hessian"] = (time.perf_counter() - began) / (20 * len(start))
    return results | rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Newton against SLSQP and L-BFGS from random starts.")
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    n, runs = given.processes, given.runs
    parts = [range(runs * i // n, runs * (i + 1) // n) for i in range(n)]
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(measure, [given.width] * n, parts))
    compiling, hessian = (max(r[key] for r in results) for key in ("compiling", "hessian"))
    print(f"width {given.width}, {runs} runs, {n} processes; compiling and loading, not counted: {compiling:.1f} s")
    for name in SIDES:
        seconds, norm, loss, steps = np.array([row for result in results for row in result[name]]).T
        quartiles = " ".join(f"{q:.0e}" for q in np.quantile(norm, [0.25, 0.5, 0.75]))
        rate, reached = n * len(seconds) / seconds.sum(), (norm <= 1e-12).mean()
        zero, small = (loss <= ZERO).mean(), (loss <= 1e-7).mean()
        print(
            f"{name:7} {rate:6.1f} runs/s   |g| <= 1e-12: {reached:4.0%}, open {1 - reached:4.0%}   "
            f"loss <= {ZERO:g}: {zero:4.0%}, <= 1e-7: {small:4.0%}   "
            f"|g| quartiles {quartiles}   median steps {np.median(steps):.0f}"
        )
        if name == "newton":
            print(f"        1000 runs: {1000 * seconds.mean() / n:.1f} s; ", end="")
            print(f"Hessians {hessian * 1e6:.0f} µs each: {hessian * steps.sum() / seconds.sum():.0%} of the time")


if __name__ == "__main__":
    main()
