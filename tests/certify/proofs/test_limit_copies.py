"""Copies and mirror images in a channel: what is proved, what is refused, and for which reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from limit_cases import chart, planted, size

from certify.proofs.infinity import Channel
from certify.proofs.limit import limit_object
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Kind
from symmetry.network import exact


def proved(
    name: str, *, kappas: list[float], holds: dict[int, float] | None = None, seed: int = 4, noise: float = 0.0
) -> Any:
    """The object, or the failure, at a planted critical point whose conditions have these values."""
    found = chart(name)
    q = np.random.default_rng(seed).normal(size=size(found))
    problem = planted(found, q, kappas=kappas, holds=holds, count=200, noise=noise)
    return limit_object(problem, found, (), exact(q), arithmetic="auto", max_bits=106)


SETTLED = [
    ("split+3", [0.02], {1: 0.01}),
    ("split-4", [0.02], {1: -0.01}),
    ("pair+split-3", [0.02, 0.02], {2: -0.01}),
    ("split+3-1+mirrored", [0.02, 0.02], {1: 0.01}),
    ("split-3-2+zero", [0.02, 0.02], {1: -0.01}),
    ("split+3-1+split-3-1", [0.02, 0.02], {1: 0.01, 2: -0.01}),
    ("mirrored+triple--1", [0.02, 0.02], {}),
    ("mirrored+triple--1", [-0.02, 0.02], {}),  # what balances a triple is of fourth order
    ("triple+-1+zero", [0.02, -0.02], {}),
]


@pytest.mark.parametrize(("name", "kappas", "holds"), SETTLED, ids=str)
def test_a_channel_with_copies_or_mirror_images(name: str, kappas: list[float], holds: dict[int, float]) -> None:
    found = proved(name, kappas=kappas, holds=holds)
    assert isinstance(found, CriticalObject), found
    assert found.chart is not None
    assert found.kind in (Kind.MINIMUM_AT_INFINITY, Kind.SADDLE_AT_INFINITY)
    assert found.manifold_dimension == found.nullity == found.chart.family
    assert (found.lambda_min is None) == bool(found.chart.shared)
    step = next(p for p in found.proofs if isinstance(p, Channel))
    assert len(step.kappa_lower) == len(found.chart.conditions)
    assert len(step.weights) == len(holds)
    assert all(weight > 0 for weight in step.weights)


@pytest.mark.parametrize(
    ("name", "kappas", "holds", "code"),
    [
        # copies at the member of the wrong sign fall apart across the pair, whatever κ is
        ("split+3", [0.02], {1: -0.01}, "copies-part"),
        ("split-4", [0.02], {1: 0.01}, "copies-part"),
        ("split+3-1+mirrored", [0.02, 0.02], {1: -0.01}, "copies-part"),
        ("split+3-1+split-3-1", [0.02, 0.02], {1: 0.01, 2: 0.01}, "copies-part"),
        ("split+3", [-0.02], {1: 0.01}, "in-transit"),
        ("pair+split-3", [-0.001, 0.02], {2: -0.01}, "in-transit"),
        # Σκ > 0 is not enough where the shares decide how the groups balance, or where there are three
        ("split+3-1+mirrored", [0.02, -0.001], {1: 0.01}, "in-transit"),
        ("split+3-1+mirrored", [-0.001, 0.02], {1: 0.01}, "in-transit"),
        ("split+3-1+triple+-1+zero2", [0.02, 0.02, -0.001], {1: 0.01}, "in-transit"),
        ("mirrored+triple--1", [0.02, -0.001], {}, "in-transit"),
        # 0 as far as can be told
        ("split+3", [0.02], {1: 0.0}, "copies-undecided"),
        ("split+3", [0.0], {1: 0.01}, "kappa-sign"),
    ],
    ids=str,
)
def test_look_alikes_are_refused(name: str, kappas: list[float], holds: dict[int, float], code: str) -> None:
    found = proved(name, kappas=kappas, holds=holds)
    assert isinstance(found, Failure)
    if code in ("copies-undecided", "kappa-sign"):  # rounding of the labels decides, if anything does
        assert found.code in (code, "in-transit", "copies-part")
    else:
        assert found.code == code


@pytest.mark.parametrize("name", ["mirrored+zero2", "zero2-1", "copies2-1+zero3-1"])
def test_copies_of_the_zero_neuron(name: str) -> None:
    """The form is definite for some residuals and indefinite for others; either is found out."""
    codes = set()
    for seed in range(60):
        if len(codes) == 2:
            break
        found = chart(name)
        q = np.random.default_rng(seed).normal(size=size(found))
        kappas = [0.02] * (len(found.diverging))
        curvatures = {0: 1e-2 * np.eye(2)} if found.copies else None
        problem = planted(found, q, kappas=kappas, curvatures=curvatures, count=200)
        signs = tuple((1,) * len(group.members) for group in found.copies)
        result = limit_object(problem, found, signs, exact(q), arithmetic="auto", max_bits=106)
        codes.add(result.code if isinstance(result, Failure) else "proved")
        if isinstance(result, CriticalObject):
            step = next(p for p in result.proofs if isinstance(p, Channel))
            assert list(step.weights) == [0]
    assert codes == {"proved", "copies-part"}


def test_the_zero_neuron_has_no_form_where_it_balances_a_triple() -> None:
    found = chart("triple+-1+zero")
    assert found.stiff == ()
    assert [group.kind for group in chart("split+3-1+triple+-1+zero2").stiff] == ["split+", "zero"]
