"""Activation functions: their derivatives, their sup bounds and the identity that makes symmetry."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

from symmetry.activations.erf import Erf
from symmetry.activations.gelu import GELU
from symmetry.activations.sigmoid import Sigmoid
from symmetry.activations.softplus import Softplus
from symmetry.activations.tanh import Tanh
from symmetry.arithmetic import Arithmetic

__all__ = ["ACTIVATIONS", "Activation", "Sigmoid", "activation"]


class Activation(Protocol):
    """A scalar function with enclosed derivatives.

    ``reflection`` is the constant ``c`` of the identity ``σ(−z) = c − σ(z)`` (sigmoid: 1, odd
    functions: 0), or ``None`` where no such identity holds. ``slope`` is the ``s`` of ``σ(z) − σ(−z) = s z`` (softplus,
    GELU: 1), or ``None``.
    """

    @property
    def name(self) -> str: ...

    @property
    def reflection(self) -> Fraction | None: ...

    @property
    def slope(self) -> Fraction | None: ...

    def jet(self, z: Any, order: int, arithmetic: Arithmetic) -> list[Any]:
        """Enclose ``σ(z), σ'(z), …`` up to ``order`` for every member of the enclosures ``z``."""

    def sup(self, order: int) -> Fraction:
        """An upper bound of ``|σ^(order)|`` over the real line, ``order ≥ 1``."""


ACTIVATIONS: dict[str, Activation] = {known.name: known for known in (Sigmoid(), Tanh(), Erf(), Softplus(), GELU())}


def activation(name: str) -> Activation:
    """The activation called ``name``.

    Raises:
        ValueError: the name is not one of :data:`ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation is {name!r}, expected one of: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
