"""One isolated width-5 point: the proof against the usual unproved test, both sides interleaved in one run.

    python benchmarks/bench_proof.py [--repeats 15]

Sides, all on the same certified local minimum of the shipped problem, one BLAS and one torch thread:

* ``torch``: ``torch.func.hessian`` of the loss and ``eigvalsh`` (float64): what people do today; proves nothing;
* ``midrad``: Krawczyk test with grown uniqueness box, inertia, eigenvalue bounds, Lemma 1, loss bounds, in float64;
* ``arb``: the same proof at 106 bits in Arb.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.proofs.isolated import Certified, certify_in
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import load_problem

# a width-5 local minimum of loss 8.368e-5 (seed 8 of the shipped Adam runs, polished)
THETA = """
-0x1.a8c3d278a1bbcp-1
-0x1.2345a4d80371ap+0
-0x1.a8fdff8c64950p-1
-0x1.63234be2f41cfp-1
0x1.b2e9c61e7d72fp-6
-0x1.efa6a7fa9a3a9p-5
0x1.81eaa9fecd4e6p-2
-0x1.355c87ba574c0p-3
0x1.144af1b99775ap+0
-0x1.d5f1fb81fce5ap-1
0x1.73ce9ccead623p-3
-0x1.3aee4e00316a3p-1
-0x1.ea8cdfc88d15fp-2
0x1.5f2b96c735038p-1
0x1.d057d328214a1p-3
"""


def usual_test(theta: np.ndarray) -> Callable[[], float]:
    """Hessian by automatic differentiation and its smallest eigenvalue."""
    problem = load_problem("thesis")
    x, y = torch.tensor(problem.inputs.values), torch.tensor(problem.labels)
    width = len(theta) // 3

    def loss(parameters: torch.Tensor) -> torch.Tensor:
        w, a = parameters[: 2 * width].reshape(width, 2), parameters[2 * width :]
        return torch.mean((torch.sigmoid(x @ w.T) @ a - y) ** 2)

    point = torch.tensor(theta)
    hessian = torch.func.hessian(loss)
    return lambda: float(torch.linalg.eigvalsh(hessian(point))[0])


def proof(theta: np.ndarray, arithmetic: Enclosures) -> Callable[[], object]:
    """The whole proof in one arithmetic, starting from the polished point."""
    objective = SquareLoss.of_network(load_problem("thesis"), len(theta) // 3)

    def run() -> object:
        result = certify_in(objective, exact(theta), arithmetic)
        if not isinstance(result, Certified):
            raise RuntimeError(f"the proof failed: {result}")
        return result

    return run


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    theta = np.array([float.fromhex(h) for h in THETA.split()])
    sides: dict[str, Callable[[], object]] = {
        "torch": usual_test(theta),
        "midrad": proof(theta, Float64Enclosures()),
        "arb": proof(theta, Arb(106)),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    with threadpool_limits(1):
        for run in sides.values():
            run()  # warm up
        for _ in range(repeats):
            for name, run in sides.items():
                start = time.perf_counter()
                run()
                times[name].append(1000 * (time.perf_counter() - start))
    base_min, base_median = min(times["torch"]), statistics.median(times["torch"])
    print(f"{'side':8} {'min ms':>9} {'median ms':>10} {'ratio (min)':>12} {'ratio (median)':>15}")
    for name, values in times.items():
        low, middle = min(values), statistics.median(values)
        print(f"{name:8} {low:9.2f} {middle:10.2f} {low / base_min:12.2f} {middle / base_median:15.2f}")


if __name__ == "__main__":
    main()
