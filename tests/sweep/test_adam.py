"""Adam against PyTorch's, in pieces, in other batches, and on other instruction sets."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from kernel_cases import CASES

from sweep.adam import AdamState, adam
from sweep.initialise import starts
from sweep.kernels.compiled import loss_gradient, prepare


def torch_adam(case, theta, width, steps, **settings):
    x, y = torch.tensor(case.inputs.values), torch.tensor(case.labels)
    split = width * case.dimension
    w = torch.tensor(theta[:split].reshape(width, -1), requires_grad=True)
    a = torch.tensor(theta[split:], requires_grad=True)
    optimizer = torch.optim.Adam([w, a], **settings)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(torch.sigmoid(x @ w.T) @ a, y).backward()
        optimizer.step()
    return torch.cat([w.flatten(), a]).detach().numpy()


@pytest.mark.parametrize("settings", [{}, {"lr": 0.01}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}])
@pytest.mark.parametrize("name", ["thesis", "grid-shifted", "table-3d"])
def test_is_pytorchs_adam(name, settings):
    case, width = CASES[name], 4
    theta = starts("xavier-uniform", width, case.dimension, [0, 1])
    found = adam(prepare(case), theta, width, 50, **settings).theta
    for s in range(2):
        expected = torch_adam(case, theta[s], width, 50, **{"lr": 1e-4, **settings})
        assert abs(found[s] - expected).max() < 1e-10
        assert abs(found[s] - theta[s]).max() > 1e-3


def same(one: AdamState, other: AdamState) -> bool:
    return one.step == other.step and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("theta", "first", "second", "decay")
    )


def test_pieces_make_the_same_run():
    data, theta = prepare(CASES["thesis"]), starts("xavier-uniform", 5, 2, range(3))
    whole = adam(data, theta, 5, 300)
    state = AdamState.start(theta)
    for steps in (1, 0, 99, 200):
        state = adam(data, state, 5, steps)
    assert same(state, whole)


def test_a_run_does_not_depend_on_its_batch():
    data, theta = prepare(CASES["thesis"]), starts("xavier-uniform", 5, 2, range(4))
    whole = adam(data, theta, 5, 200)
    assert adam(data, theta[2:3], 5, 200).theta.tobytes() == whole.theta[2:3].tobytes()


def test_the_start_is_left_alone_and_the_loss_falls():
    data, theta = prepare(CASES["thesis"]), starts("xavier-uniform", 5, 2, range(3))
    before, done = theta.copy(), []
    stopped = adam(data, theta, 5, 2000, lr=1e-3, progress=done.append)
    assert (theta == before).all()
    assert (loss_gradient(data, stopped.theta, 5)[0] < loss_gradient(data, theta, 5)[0]).all()
    assert done == [1, 2, 3]


@pytest.mark.parametrize("bad", [{"steps": -1}, {"lr": 0.0}, {"lr": np.nan}, {"eps": 0.0}, {"betas": (0.9, 1.0)}])
def test_settings_adam_is_not_defined_for(bad):
    with pytest.raises(ValueError, match=r"adam: steps=.*, expected steps >= 0, lr > 0, eps > 0 and betas in \[0, 1\)"):
        adam(prepare(CASES["thesis"]), np.zeros((1, 15)), 5, **{"steps": 1, **bad})


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"expected \(n, 15\)"):
        adam(prepare(CASES["thesis"]), np.zeros((1, 14)), 5, 1)


RUN = """
import sys
from sweep.adam import adam
from sweep.initialise import starts
from sweep.kernels.compiled import prepare
from symmetry.problem import load_problem

state = adam(prepare(load_problem("thesis")), starts("xavier-uniform", 5, 2, [0]), 5, 1000, lr=1e-3)
sys.stdout.write(state.theta.tobytes().hex())
"""


def test_the_bits_do_not_depend_on_the_instruction_set():
    """Compiled for the plainest CPU of this architecture (on x86: SSE2, two numbers at a time, no FMA)."""
    here = adam(prepare(CASES["thesis"]), starts("xavier-uniform", 5, 2, [0]), 5, 1000, lr=1e-3).theta
    plain = subprocess.run(
        [sys.executable, "-c", RUN], env={**os.environ, "NUMBA_CPU_NAME": "generic"}, capture_output=True, check=True
    )
    assert bytes.fromhex(plain.stdout.decode()) == here.tobytes()
