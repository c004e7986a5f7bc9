"""Steps of Adam per second: the compiled loop against eager PyTorch, both sides interleaved in one run.

    python benchmarks/bench_adam.py [--width 5] [--processes 2] [--repeats 200]

Sides, on the shipped problem (1681 inputs), one student at a time, one thread a process, float64:

* ``torch``: the plain eager loop: ``nn.Sequential``, ``MSELoss``, ``torch.optim.Adam``;
* ``sweep``: :func:`sweep.adam.adam`;
* ``limit``: nothing but the divisions ``1/(1 + e)`` the step cannot do without;
* ``arithmetic``: the exponentials, then the divisions together with every multiplication and addition of the step, in
  the widest vectors the compiler likes, on data that stay in the first-level cache. Nothing waits for anything else.

The physical limit. Point symmetry leaves K = 840 of the 1681 inputs, so a step of width m needs K·m reciprocals, and
the divider is not pipelined: eight of them take about 10 cycles on Zen 4 and 16 on Intel's servers since Skylake-X. The
rest of a reciprocal's share (8 multiplications, 6 additions; no FMA: rounding must not depend on the CPU; per vector
some 9 loads and 5 stores) fits into that time if it overlaps perfectly, and the pass interleaves the sums of one block
with the divisions of the next for that reason (:mod:`sweep.kernels.fused`). Before it come 88 exponentials a neuron,
about 35 operations each, which nothing hides: the weights are not known before the step before is done.

The samples are short, about a millisecond each, and the smallest counts: on a machine that has other things to do as
well, that is the one that ran undisturbed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from numba import njit
from torch import nn

from sweep.adam import adam
from sweep.initialise import torch_seed
from sweep.kernels.compiled import prepare
from symmetry.problem import load_problem

STEPS = {"torch": 3, "sweep": 200, "limit": 200, "arithmetic": 200}


@njit(error_model="numpy")
def divide(e, out, steps):  # type: ignore[no-untyped-def]
    for step in range(steps):
        e[step % len(e)] += 1.0
        for n in range(len(e)):
            out[n] = 1.0 / (1.0 + e[n])


@njit(error_model="numpy")
def arithmetic(e, x, y, out, powers, steps):  # type: ignore[no-untyped-def]
    """Per input and neuron a division, 8 multiplications, 6 additions; per exponential 35 operations."""
    total = 0.0
    for step in range(steps):
        scale = 1.0 + 1e-9 * step
        for n in range(len(powers)):
            p = powers[n] * scale
            q = p
            for _ in range(16):
                q = q * p + 0.5
            powers[n] = q * 1e-9 + 0.1
        for n in range(len(e)):
            v = e[n] * scale
            sigma = 1.0 / (1.0 + v)
            slope = (v * sigma) * sigma
            tau = sigma - 0.5
            residual = tau * scale + y[n]
            product = residual * slope
            out[n] = ((residual * tau + y[n]) + product * x[n]) + product * y[n]
        total += out[step % len(out)]
    return total


def sides(width: int) -> dict[str, Callable[[], object]]:
    """What is timed: each makes its number of :data:`STEPS`."""
    problem = load_problem("thesis")
    data, start = prepare(problem), torch_seed(width, 2, 0)[None]

    x, y = torch.tensor(problem.inputs.values), torch.tensor(problem.labels)[:, None]
    model = nn.Sequential(nn.Linear(2, width, bias=False), nn.Sigmoid(), nn.Linear(width, 1, bias=False)).double()
    loss, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-4)

    def eager() -> None:
        for _ in range(STEPS["torch"]):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    e, out = np.ones(data.kept * width), np.zeros(data.kept * width)
    x1, y1 = np.random.default_rng(0).normal(size=(2, data.kept * width))
    powers = np.full(88 * width, 0.3)
    return {
        "torch": eager,
        "sweep": lambda: adam(data, start, width, STEPS["sweep"]),
        "limit": lambda: divide(e, out, STEPS["limit"]),
        "arithmetic": lambda: arithmetic(e, x1, y1, out, powers, STEPS["arithmetic"]),
    }


def measure(width: int, repeats: int) -> dict[str, list[float]]:
    """Microseconds a step, by side; the sides take turns."""
    torch.set_num_threads(1)
    timed = sides(width)
    for run in timed.values():
        run()  # compiling, caches
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, run in timed.items():
            began = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - began) / STEPS[name] * 1e6)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Adam: compiled loop against eager PyTorch.")
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=200)
    given = parser.parse_args()
    n = given.processes
    with ProcessPoolExecutor(n, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(measure, [given.width] * n, [given.repeats] * n))
    micro = {name: [time for result in results for time in result[name]] for name in STEPS}
    low = {name: min(times) for name, times in micro.items()}
    middle = {name: statistics.median(times) for name, times in micro.items()}
    print(f"width {given.width}, {n} processes, {given.repeats} repeats each: µs a student-step in one process")
    for name in STEPS:
        rate = n / middle[name] * 1e6
        print(f"{name:10} min {low[name]:8.2f}  median {middle[name]:8.2f}  {rate:12.0f} student-steps/s in all")
    print(f"torch / sweep: {low['torch'] / low['sweep']:.1f} (min), {middle['torch'] / middle['sweep']:.1f} (median)")
    for limit in ("limit", "arithmetic"):
        print(f"sweep / {limit}: {low['sweep'] / low[limit]:.2f} (min), {middle['sweep'] / middle[limit]:.2f} (median)")


if __name__ == "__main__":
    main()
