"""Objects made by hand, for the tests of what handles objects: nothing about them is proved."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from certify.inertia import Inertia
from certify.krawczyk import Krawczyk
from certify.proof import Proof
from certify.verdict import CriticalObject, Kind
from certify.zero import ZeroLoss
from symmetry.network import Network


def isolated(
    w: Sequence[Sequence[Any]],
    a: Sequence[Any],
    *,
    existence: float | Sequence[float] = 2.0**-40,
    uniqueness: float | Sequence[float] = 2.0**-10,
    loss: tuple[Any, Any] = (Fraction(1, 1000), Fraction(2, 1000)),
    index: int = 0,
    not_global: bool | None = True,
    **changes: Any,
) -> CriticalObject:
    """An isolated object about ``(w, a)`` with the given radii (one for all, or one a coordinate)."""
    network = Network.of(w, a)
    theta = network.theta()
    size = len(theta)
    krawczyk = Krawczyk(
        theta,
        np.broadcast_to(np.asarray(existence, dtype=np.float64), size).copy(),
        np.broadcast_to(np.asarray(uniqueness, dtype=np.float64), size).copy(),
        np.eye(size),
        "float64",
        53,
    )
    signs = (-1,) * index + (1,) * (size - index)
    fields: dict[str, Any] = {
        "kind": Kind.SADDLE if index else Kind.LOCAL_MINIMUM,
        "network": network,
        "proofs": (krawczyk, Inertia(size - index, index, np.eye(size), signs)),
        "loss": (Fraction(loss[0]), Fraction(loss[1])),
        "strict": None if index else True,
        "not_global": not_global,
        "morse_index": index,
        "nullity": 0,
        "manifold_dimension": 0,
        "level": None,
        "stratum": "",
        "lambda_min": (Fraction(-3, 8), Fraction(-1, 4)) if index else (Fraction(1, 3), Fraction(1, 2)),
        "method": "krawczyk/float64",
        "bits": 53,
    }
    return CriticalObject(**(fields | changes))


def stratum(
    w: Sequence[Sequence[Any]], a: Sequence[Any], *, name: str, dimension: int = 1, proofs: tuple[Proof, ...] = ()
) -> CriticalObject:
    """A stratum of global minima through ``(w, a)``."""
    network = Network.of(w, a)
    zero = Fraction(0)
    return CriticalObject(
        kind=Kind.GLOBAL_MINIMUM,
        network=network,
        proofs=(ZeroLoss(name, dimension, network.w, network.a), *proofs),
        loss=(zero, zero),
        strict=not dimension,
        not_global=False,
        morse_index=0,
        nullity=None,
        manifold_dimension=dimension,
        level=None,
        stratum=name,
        lambda_min=(zero, zero),
        method="zero-loss",
        bits=0,
    )
