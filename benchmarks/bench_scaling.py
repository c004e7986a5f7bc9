"""What a sweep costs as a function of width, inputs and runs; all cases take turns in one run.

    python benchmarks/bench_scaling.py [--repeats 60]

* a step of Adam and a Hessian of one student, for widths 4 to 64 on the shipped problem (1681 inputs, a grid that is
  its own negative), and for 1e3 to 1e5 inputs at width 5: on a grid about the origin, where exponentials are shared and
  half of the inputs will do, and on as many scattered inputs, which offer nothing;
* the peak memory of ``certify sweep`` in one process, for more and more runs, in chunks of 50.

The smallest time of the repeats counts: what else the machine does can only add to it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from sweep.adam import adam
from sweep.initialise import xavier_uniform
from sweep.kernels.compiled import loss_gradient_hessian, prepare
from symmetry.activation import activation
from symmetry.problem import Inputs, Problem, load_problem

WIDTHS = (4, 5, 6, 7, 8, 16, 32, 64)
INPUTS = (1_000, 10_000, 100_000)
SECONDS = 0.002
RUNS = (50, 200, 800)


def on_a_grid(count: int) -> Problem:
    """About ``count`` inputs, k × k, about the origin."""
    half = round(count**0.5) // 2
    axis = tuple(Fraction(5 * i, half) for i in range(-half, half + 1))
    teacher = load_problem("thesis").teacher
    return Problem("grid", activation("sigmoid"), Inputs(axes=(axis, axis)), teacher)


def scattered(count: int) -> Problem:
    """As many inputs as such a grid has, without structure."""
    size = len(on_a_grid(count))
    table = np.random.default_rng(0).uniform(-5, 5, size=(size, 2))
    return Problem("table", activation("sigmoid"), Inputs(table=table), load_problem("thesis").teacher)


def cases() -> dict[tuple[str, int, int], dict[str, Callable[[int], object]]]:
    """What is timed: for each problem and width, functions that do it so many times."""
    problems = [("thesis", load_problem("thesis"), width) for width in WIDTHS]
    problems += [(kind.__name__, kind(count), 5) for count in INPUTS for kind in (on_a_grid, scattered)]
    made = {}
    for name, problem, width in problems:
        data, theta = prepare(problem), xavier_uniform(width, 2, 0)[None]

        def step(count: int, data=data, theta=theta, width=width) -> object:  # type: ignore[no-untyped-def]
            return adam(data, theta, width, count)

        def hessian(count: int, data=data, theta=theta, width=width) -> object:  # type: ignore[no-untyped-def]
            return loss_gradient_hessian(data, np.repeat(theta, count, axis=0), width)

        made[name, len(problem), width] = {"Adam step": step, "Hessian": hessian}
    return made


def microseconds(repeats: int) -> dict[tuple[str, int, int], dict[str, float]]:
    """The smallest time of one, for every case; the cases take turns."""
    timed, counts, best = cases(), {}, {}
    for case, sides in timed.items():
        for side, work in sides.items():
            work(1)
            counts[case, side] = max(1, int(SECONDS / min(seconds(work, 1) for _ in range(20))))
            best[case, side] = np.inf
    for _ in range(repeats):
        for case, sides in timed.items():
            for side, work in sides.items():
                spent = 1e6 * seconds(work, counts[case, side]) / counts[case, side]
                best[case, side] = min(best[case, side], spent)
    return {case: {side: best[case, side] for side in sides} for case, sides in timed.items()}


def seconds(work: Callable[[int], object], count: int) -> float:
    """How long it takes to do something so many times."""
    began = time.perf_counter()
    work(count)
    return time.perf_counter() - began


def peak_memory(optimizer: str, steps: int, runs: int) -> float:
    """MiB of a process that makes so many runs."""
    with tempfile.TemporaryDirectory() as out:
        command = ["-c", "from certify.cli import main; main()", "sweep", "--problem", "thesis", "--width", "5"]
        command += ["--runs", str(runs), "--optimizer", optimizer, "--steps", str(steps), "--init", "xavier-uniform"]
        command += ["--jobs", "1", "--chunk", "50", "--out", str(Path(out) / "runs")]
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        child = os.posix_spawn(sys.executable, [sys.executable, *command], os.environ, file_actions=quiet)
        _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"certify sweep ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a sweep by width, inputs and runs.")
    parser.add_argument("--repeats", type=int, default=60)
    given = parser.parse_args()
    with threadpool_limits(1):
        table = microseconds(given.repeats)
    print(f"µs, one thread, smallest of {given.repeats}")
    for (name, count, width), times in table.items():
        per = times["Adam step"] / (count * width) * 1e3
        print(
            f"{name:10} {count:7} inputs  width {width:2}   Adam step {times['Adam step']:10.1f}   "
            f"Hessian {times['Hessian']:10.1f}   ns per step, input and neuron {per:.2f}"
        )
    for optimizer, steps in (("adam", 200), ("newton", 100)):
        peaks = [peak_memory(optimizer, steps, runs) for runs in RUNS]
        print(
            f"peak memory, {optimizer}: " + ", ".join(f"{r} runs {p:.0f} MiB" for r, p in zip(RUNS, peaks, strict=True))
        )


if __name__ == "__main__":
    main()
