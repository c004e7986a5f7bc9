"""Where runs start."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sweep.initialise import INITS, starts


@pytest.mark.parametrize(("width", "dimension"), [(4, 2), (7, 2), (3, 1), (2, 5)])
def test_torch_seed_is_what_pytorch_makes(width, dimension):
    seeds = [0, 1, 249, 2**31]
    found = starts("torch-seed", width, dimension, seeds)
    for seed, theta in zip(seeds, found, strict=True):
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Linear(dimension, width, bias=False).double(), nn.Sigmoid(), nn.Linear(width, 1, bias=False).double()
        )
        nn.init.xavier_uniform_(model[0].weight)
        nn.init.xavier_uniform_(model[2].weight)
        expected = torch.cat([model[0].weight.detach().flatten(), model[2].weight.detach().flatten()])
        assert theta.tobytes() == expected.numpy().tobytes()


def test_torch_seed_leaves_the_callers_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    starts("torch-seed", 4, 2, [1, 2])
    assert torch.equal(torch.rand(3), expected)


def test_xavier_uniform_is_the_documented_draw():
    generator = np.random.default_rng(17)
    w = generator.uniform(-1, 1, 8) * math.sqrt(6 / (2 + 4))
    a = generator.uniform(-1, 1, 4) * math.sqrt(6 / (4 + 1))
    assert np.allclose(starts("xavier-uniform", 4, 2, [17])[0], [*w, *a], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("init", INITS)
def test_bounds_are_those_of_the_layers(init):
    """Layers (m, d) and (1, m): ±√(6/(d + m)) and ±√(6/(m + 1)), reached up to a percent by 600 draws or more."""
    theta = abs(starts(init, 6, 2, range(100)))
    assert 0.99 * math.sqrt(6 / 8) < theta[:, :12].max() <= math.sqrt(6 / 8)
    assert 0.99 * math.sqrt(6 / 7) < theta[:, 12:].max() <= math.sqrt(6 / 7)


@pytest.mark.parametrize("init", INITS)
def test_a_start_depends_on_its_own_seed_alone(init):
    together = starts(init, 5, 2, [3, 4, 5])
    assert together[1].tobytes() == starts(init, 5, 2, [4]).tobytes()
    assert len({row.tobytes() for row in together}) == 3
    assert starts(init, 5, 2, []).shape == (0, 15)


def test_what_is_refused():
    with pytest.raises(ValueError, match="init is 'zeros', expected one of: torch-seed, xavier-uniform"):
        starts("zeros", 5, 2, [0])
    with pytest.raises(ValueError, match="seed is -1, expected an integer >= 0"):
        starts("torch-seed", 5, 2, [0, -1])
