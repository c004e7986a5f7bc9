"""The activations as series of Arb, which differentiate themselves: the tests' reference."""

from __future__ import annotations

from typing import Any

import flint

SERIES: dict[str, Any] = {
    "sigmoid": lambda t: 1 / (1 + (-t).exp()),
    "tanh": lambda t: 1 - 2 / (1 + (2 * t).exp()),
    "erf": lambda t: t.erf(),
    "softplus": lambda t: (1 + t.exp()).log(),
    "gelu": lambda t: t * (1 + (t / flint.arb(2).sqrt()).erf()) / 2,
}
