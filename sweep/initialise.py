"""Where runs start: Xavier-uniform weights (Glorot & Bengio 2010), one seed a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sweep.kernels.compiled import Floats

INITS = ("torch-seed", "xavier-uniform")


def starts(init: str, width: int, dimension: int, seeds: Sequence[int], outputs: int = 1) -> Floats:
    """Starting points ``θ = (w, a)``, (n, P), of the runs with these ``seeds``, by the method called ``init``.

    A run's start depends on its own seed alone, never on the other seeds asked for.

    Raises:
        ValueError: the method is not one of :data:`INITS`, or a seed is negative.
        ImportError: ``torch-seed`` without torch (``pip install "losscert[torch]"``).
    """
    if init not in INITS:
        raise ValueError(f"init is {init!r}, expected one of: {', '.join(INITS)}")
    for seed in seeds:
        if seed < 0:
            raise ValueError(f"seed is {seed}, expected an integer >= 0")
    start = torch_seed if init == "torch-seed" else xavier_uniform
    found = np.array([start(width, dimension, seed, outputs) for seed in seeds])
    return found.reshape(len(seeds), width * (dimension + outputs))


def xavier_uniform(width: int, dimension: int, seed: int, outputs: int = 1) -> Floats:
    """``θ`` (P,) from ``numpy.random.default_rng(seed)``: first ``w``, row-major, then ``a``.

    Uniform on ``±√(6/(fan_in + fan_out))``: the layers have shapes (m, d) and (k, m), ``k`` the number of outputs, so
    the bounds are ``√(6/(d + m))`` and ``√(6/(m + k))``.
    """
    generator = np.random.default_rng(seed)
    w_bound, a_bound = math.sqrt(6 / (dimension + width)), math.sqrt(6 / (width + outputs))
    w = generator.uniform(-w_bound, w_bound, width * dimension)
    return np.concatenate([w, generator.uniform(-a_bound, a_bound, outputs * width)])


def torch_seed(width: int, dimension: int, seed: int, outputs: int = 1) -> Floats:
    """``θ`` (P,): exactly the weights that the following leaves in the two layers.

        torch.manual_seed(seed)
        first = nn.Linear(dimension, width, bias=False).double()
        second = nn.Linear(width, outputs, bias=False).double()
        nn.init.xavier_uniform_(first.weight); nn.init.xavier_uniform_(second.weight)

    Making a layer already draws its default weights, so this is not :func:`xavier_uniform` in another generator.
    The caller's torch generator is left as it was.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [
            torch.nn.Linear(dimension, width, bias=False).double(),
            torch.nn.Linear(width, outputs, bias=False).double(),
        ]
        for layer in layers:
            torch.nn.init.xavier_uniform_(layer.weight)
    return np.concatenate([layer.weight.detach().numpy().ravel() for layer in layers])
