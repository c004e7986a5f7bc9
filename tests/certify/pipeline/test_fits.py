"""Users' own fits: plain modules with default biases, float32, weight decay; inputs worked off in chunks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import certify
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from symmetry import objective
from symmetry.activation import activation
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem

DECAY = 2.0**-8


def fitted(layer: nn.Module) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    x = torch.randn(60, 3)
    y = torch.tanh(x[:, 0]) - 0.5 * x[:, 1] + 0.2 * torch.randn(60)
    module = nn.Sequential(nn.Linear(3, 3), layer, nn.Linear(3, 1))
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x)[:, 0], y) + DECAY * sum((p * p).sum() for p in module.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return module, x, y


@pytest.mark.parametrize(
    ("name", "layer"),
    [("sigmoid", nn.Sigmoid()), ("tanh", nn.Tanh()), ("softplus", nn.Softplus()), ("gelu", nn.GELU())],
)
def test_a_float32_module_with_biases(name: str, layer: nn.Module) -> None:
    module, x, y = fitted(layer)
    (verdict,) = certify.classify(module, x, y, activation=name, weight_decay=DECAY).verdicts
    assert verdict.kind is certify.Kind.LOCAL_MINIMUM
    assert verdict.object is not None
    assert verdict.object.not_global is None
    with torch.no_grad():
        loss = nn.functional.mse_loss(module(x)[:, 0], y) + DECAY * sum((p * p).sum() for p in module.parameters())
    assert [float(bound) for bound in verdict.object.loss] == pytest.approx([float(loss)] * 2, rel=1e-4)


def test_the_gelu_that_is_approximated_by_tanh_is_refused() -> None:
    module, x, y = fitted(nn.GELU(approximate="tanh"))
    with pytest.raises(ValueError, match="outputs on X differ"):
        certify.classify(module, x, y, activation="gelu")


def test_a_fit_without_decay_that_runs_off_is_not_called_global() -> None:
    module, x, y = fitted(nn.Sigmoid())
    (verdict,) = certify.classify(module, x, y).verdicts
    assert verdict.kind is certify.Kind.MINIMUM_AT_INFINITY
    assert verdict.object is None or verdict.object.not_global is None


@pytest.mark.parametrize("bias", [False, True])
def test_chunks_of_inputs_give_the_same_enclosures(monkeypatch: pytest.MonkeyPatch, bias: bool) -> None:
    rng = np.random.default_rng(0)
    problem = Problem(
        "cut",
        activation("tanh"),
        Inputs(table=rng.normal(size=(70, 2))),
        None,
        rng.normal(size=70),
        decay=Fraction(1, 100),
        output_bias=bias,
    )
    loss = SquareLoss.of_network(problem, 2)
    theta = exact(rng.normal(size=loss.size))
    radius = np.full(loss.size, 1e-6)
    for over in (Float64Enclosures(), Arb(106)):
        whole = loss.evaluate(over.ball(theta, radius), over, 3)
        with monkeypatch.context() as patch:
            patch.setattr(objective, "_ENTRIES", 1)
            patch.setattr(objective, "_LEAST_ROWS", 16)
            cut = loss.evaluate(over.ball(theta, radius), over, 3)
        for name in ("loss", "gradient", "hessian", "lipschitz"):
            left, right = getattr(whole, name), getattr(cut, name)
            low, high = (np.maximum, np.minimum)
            assert (low(over.lower(left), over.lower(right)) <= high(over.upper(left), over.upper(right))).all(), name
            assert np.allclose(over.approx(left), over.approx(right), rtol=1e-10, atol=1e-12)
