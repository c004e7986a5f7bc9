"""Users' own fits: time and memory of ``certify.classify(module, X, y)`` for networks with the default biases.

    python benchmarks/bench_fits.py [--inputs N] [--dimension D] [--width M] [--outputs K] [--decay L] [--bits B]

Trains ``nn.Sequential(nn.Linear(D, M), nn.Sigmoid(), nn.Linear(M, K))`` in float32 on noisy labels by L-BFGS and
certifies what comes out. One core; prints the verdict, the seconds and the largest resident memory.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch
from torch import nn

from certify import classify


def fitted(
    inputs: int, dimension: int, width: int, outputs: int, decay: float
) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A float32 network after 200 steps of L-BFGS, and its data."""
    torch.manual_seed(0)
    x = torch.randn(inputs, dimension)
    followed = [(torch.tanh(x[:, o % dimension]), torch.sin(x[:, (o + 1) % dimension])) for o in range(outputs)]
    y = torch.stack([first + 0.5 * second + 0.3 * torch.randn(inputs) for first, second in followed], dim=1)
    module = nn.Sequential(nn.Linear(dimension, width), nn.Sigmoid(), nn.Linear(width, outputs))
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x), y)
        loss = loss + decay * sum((p * p).sum() for p in module.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return module, x, y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=5)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--outputs", type=int, default=1)
    parser.add_argument("--decay", type=float, default=2.0**-10)
    parser.add_argument("--bits", type=int, default=53)
    options = parser.parse_args()
    torch.set_num_threads(1)
    module, x, y = fitted(options.inputs, options.dimension, options.width, options.outputs, options.decay)
    before = time.perf_counter()
    result = classify(module, x, y, weight_decay=options.decay, max_bits=options.bits)
    seconds = time.perf_counter() - before
    (verdict,) = result.verdicts
    size = options.width * (options.dimension + 1 + options.outputs) + options.outputs
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"N = {options.inputs}, d = {options.dimension}, width {options.width}, {options.outputs} outputs,", end="")
    print(f" P = {size}, decay {options.decay:g}:")
    print(f"  {verdict.kind}, {verdict.relation}, moved {verdict.moved:.3g}; {verdict.reason or verdict.object.method}")
    print(f"  {seconds:.1f} s, {memory:.2f} GiB with torch and the training")


if __name__ == "__main__":
    main()
