"""Runs per second from random starts to a critical point: Newton, SLSQP, L-BFGS, interleaved in one run.

    python benchmarks/bench_newton.py [--width 5] [--runs 800] [--processes 2]

On the shipped problem (1681 inputs), Xavier-uniform starts, float64, one thread a process, each optimiser of
:mod:`sweep.optimisers` with its defaults and with the same compiled gradients. The sides take turns, a part of the
starts each:

* ``newton``: all runs of a part in lockstep (:mod:`sweep.lockstep`), as a sweep does a chunk;
* ``polish``: the same iteration for one point at a time (:mod:`sweep.polishing.polish`);
* ``slsqp``, ``lbfgs``: scipy's, on every fifth start.

CPU seconds of the processes stand beside wall seconds: on a machine that has other things to do as well, they tell what
an idle one would need. Compiling and loading is not counted; what it took is printed.

The physical limit of ``newton`` is its kernels and LAPACK. What gradients, Hessians and eigendecompositions cost by
themselves, in batches, is printed with the share of the time they make up at 2.6, 0.75 and 0.75 a step (counted in a
profile); the rest is numpy on arrays of all runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from sweep.initialise import starts
from sweep.kernels.compiled import Floats, KernelData, loss_gradient, loss_gradient_hessian, prepare
from sweep.optimisers import Stopped, optimise
from sweep.polishing.polish import polish
from symmetry.problem import load_problem

SIDES = ("newton", "polish", "slsqp", "lbfgs")
PARTS = 2
SCIPYS_SHARE = 5
ZERO = 1e-20
PER_STEP = {"gradient": 2.6, "Hessian": 0.75, "eigh": 0.75}


def side(name: str, data: KernelData, start: Floats, width: int) -> Stopped:
    """Where one side's runs stop."""
    if name != "polish":
        return optimise(name, data, start, width)
    ends = [polish(data, theta, width) for theta in start]
    theta, steps = np.array([end.theta for end in ends]), np.array([end.steps for end in ends])
    return Stopped(theta, steps, tuple(end.stop_reason for end in ends))


def measure(width: int, seeds: range) -> dict[str, Any]:
    """By side: wall and CPU seconds, gradient norms, losses and steps; and what one of a step's parts costs."""
    data = prepare(load_problem("thesis"))
    start = starts("xavier-uniform", width, 2, seeds)
    began = time.perf_counter()
    for name in SIDES:
        side(name, data, start[:1], width)
    results: dict[str, Any] = {"compiling": time.perf_counter() - began}
    rows: dict[str, list[Any]] = {name: [] for name in SIDES}
    with threadpool_limits(1):
        for part in np.array_split(start, PARTS):
            for name in SIDES:
                these = part if name in ("newton", "polish") else part[::SCIPYS_SHARE]
                wall, cpu = time.perf_counter(), time.process_time()
                end = side(name, data, these, width)
                spent = time.perf_counter() - wall, time.process_time() - cpu
                loss, gradient = loss_gradient(data, end.theta, width)
                rows[name].append((*spent, np.linalg.norm(gradient, axis=1), loss, end.steps))
        _, _, hessian = loss_gradient_hessian(data, start, width)
        for name, work in (
            ("gradient", lambda: loss_gradient(data, start, width)),
            ("Hessian", lambda: loss_gradient_hessian(data, start, width)),
            ("eigh", lambda: np.linalg.eigh(hessian)),
        ):
            results[name] = min(cpu_seconds(work) for _ in range(20)) / len(start)
    return results | rows


def cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Newton against SLSQP and L-BFGS from random starts.")
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--runs", type=int, default=800)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    n, runs = given.processes, given.runs
    shares = [range(runs * i // n, runs * (i + 1) // n) for i in range(n)]
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(measure, [given.width] * n, shares))
    compiling = max(result["compiling"] for result in results)
    print(f"width {given.width}, {runs} starts, {n} processes; compiling and loading, not counted: {compiling:.1f} s")
    for name in SIDES:
        parts = [part for result in results for part in result[name]]
        wall, cpu = (sum(part[i] for part in parts) for i in (0, 1))
        norm, loss, steps = (np.concatenate([part[i] for part in parts]) for i in (2, 3, 4))
        quartiles = " ".join(f"{q:.0e}" for q in np.quantile(norm, [0.25, 0.5, 0.75]))
        reached, zero, small = (norm <= 1e-12).mean(), (loss <= ZERO).mean(), (loss <= 1e-7).mean()
        print(
            f"{name:7} {len(norm):4} runs  {n * len(norm) / wall:7.2f} runs/s by the clock, "
            f"{len(norm) / cpu:7.2f} a CPU second; 1000 runs: {1000 * cpu / len(norm):.1f} CPU s\n"
            f"        |g| <= 1e-12: {reached:4.0%}, open {1 - reached:4.0%}; |g| quartiles {quartiles}; "
            f"loss <= {ZERO:g}: {zero:4.0%}, <= 1e-7: {small:4.0%}; median steps {np.median(steps):.0f}"
        )
        if name == "newton":
            cost = {key: min(result[key] for result in results) for key in PER_STEP}
            bound = sum(PER_STEP[key] * cost[key] for key in PER_STEP) * steps.sum()
            print(
                "        "
                + ", ".join(f"{key} {1e6 * value:.1f} µs" for key, value in cost.items())
                + f": {bound / cpu:.0%} of the time"
            )


if __name__ == "__main__":
    main()
