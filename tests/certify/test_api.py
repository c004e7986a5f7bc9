"""``certify.classify`` on a module: a user's own small network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import certify


def trained(width: int, x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, width, bias=False), nn.Sigmoid(), nn.Linear(width, 1, bias=False)).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=400, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x).squeeze(-1), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 2))
    return torch.tensor(x), torch.tensor(1.5 / (1 + np.exp(x[:, 1] - x[:, 0])) + 0.1 * rng.normal(size=40))


def test_a_users_own_fit_gets_a_verdict_and_is_never_called_global(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = data
    result = certify.classify(trained(1, x, y), x, y)
    (verdict,) = result.verdicts
    assert verdict.kind is certify.Kind.LOCAL_MINIMUM
    assert verdict.object is not None
    assert verdict.object.not_global is None
    loss = float(nn.functional.mse_loss(trained(1, x, y)(x).squeeze(-1), y).detach())
    low, high = (float(bound) for bound in verdict.object.loss)
    assert low <= loss * (1 + 1e-9)
    assert high >= loss * (1 - 1e-6)


def test_labels_the_network_fits_exactly_are_still_not_called_zero(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, _ = data
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Sigmoid(), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        y = model(x).squeeze(-1)  # rounded: no network is known to equal these numbers
    (verdict,) = certify.classify(model, x, y).verdicts
    assert verdict.kind is not certify.Kind.GLOBAL_MINIMUM
    assert verdict.object is None or verdict.object.loss[1] > 0


def test_a_module_with_another_activation_is_refused(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Tanh(), nn.Linear(3, 1, bias=False))
    with pytest.raises(ValueError, match="layer Tanh, expected only Linear and sigmoid"):
        certify.classify(model, *data)


def test_shapes_that_do_not_fit_are_refused(data: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = data
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Sigmoid(), nn.Linear(2, 1, bias=False))
    with pytest.raises(ValueError, match=r"X has shape \(40, 2\) and y \(39,\)"):
        certify.classify(model, x, y[:-1])
    with pytest.raises(ValueError, match="y holds NaN"):
        certify.classify(model, x, y * float("nan"))


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Linear(2, 2, bias=False), nn.Sigmoid(), nn.Linear(2, 1, bias=False), nn.Sigmoid()],
        lambda: [nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)],
        lambda: [nn.Sigmoid(), nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)],
    ],
)
def test_a_module_that_computes_something_else_is_refused(
    layers: Callable[[], list[nn.Module]], data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="the module's outputs on X differ"):
        certify.classify(nn.Sequential(*layers()), *data)
