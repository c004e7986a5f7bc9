"""Certificates of two neurons near zero: accepted as they are, and not with a changed number or another chart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import planted_limits
import pytest
from limit_cases import chart, planted, rationals, size
from planted_limits import called_a_minimum, certificate_at, check, double, names, unchecked_claims

from certify.checker.charts import read_chart
from certify.checker.loss import Problem
from certify.checker.reading import Rejected, Unreadable

KAPPAS = (-0.005, 0.01)
"""The mirrored pair's own is negative: it counts for nothing."""


@cache
def made(seed: int) -> tuple[dict[str, Any], Problem]:
    """A certificate of a planted limit with :data:`KAPPAS`, and its problem as the checker sees it."""
    found = chart("mirrored+cubic")
    q = rationals(Random(seed), size(found)).astype(float)
    given = planted(found, q, kappas=KAPPAS, seed=seed, count=60)
    return certificate_at(found, q, given)


def in_transit(witness: dict[str, Any]) -> None:
    """Bounds of the mirrored pair's ``κ`` as well, as if it counted."""
    for name in ("kappa_lower", "kappa_upper"):
        witness["channel"][name] *= 2


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    **planted_limits.CHANGES,
    # q = (w, a) of one ordinary neuron, (w, u, c) of the pair, u, (K, l)
    "another direction u": (lambda witness: double(witness, 8), "krawczyk"),
    "one more kappa": (in_transit, "kappa_lower"),
}


def test_minima_and_saddles_are_accepted() -> None:
    assert [check(*made(seed)) for seed in (0, 1)] == ["accepted", "accepted"]
    kinds = [made(seed)[0]["claim"]["kind"] for seed in (0, 1)]
    assert kinds == ["minimum-at-infinity", "saddle-at-infinity"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_witness_is_rejected(change: str) -> None:
    assert names(*made(0), CHANGES[change])


def test_every_claimed_word_and_flag_is_checked() -> None:
    assert unchecked_claims(*made(0), "mirrored+zero") == []


def test_a_saddle_is_no_minimum() -> None:
    assert "claim.kind" in called_a_minimum(*made(1))


REFUSED: list[list[tuple[Any, ...]]] = [
    [("cubic", 2)],
    [("cubic", 2), ("zero", 1)],
    [("mirrored", 2), ("mirrored", 2), ("cubic", 2)],
    [("mirrored", 2), ("cubic", 2), ("zero", 1)],
    [("cubic", 2), ("cubic", 2)],
    [("mirrored", 2), ("cubic", 2), ("cubic", 2)],
    [("cubic", 2), ("quintic", 3)],
    [("mirrored", 2), ("cubic", 2), ("quintic", 3)],
    [("copies", 2, 1), ("mirrored", 2), ("cubic", 2)],
    [("copies", 2, 1), ("cubic", 2)],
    [("split+", 3, 1), ("cubic", 2)],
    [("triple+", 3, 1), ("cubic", 2)],
    [("mirrored", 2), ("triple+", 3, 1), ("cubic", 2)],
    [("mirrored", 2), ("cubic", 3)],
    [("mirrored", 2), ("cubic", 1)],
    [("mirrored", 2), ("cubic", 2, 1)],
    [("cubic", 2), ("mirrored", 2)],
]


@pytest.mark.parametrize("sizes", REFUSED, ids=str)
def test_exactly_one_mirrored_pair_shares_the_constant(sizes: list[tuple[Any, ...]]) -> None:
    problem = made(1)[1]

    def read(wanted: list[tuple[Any, ...]]) -> str:
        numbers = iter(range(9))
        groups = [[kind, [next(numbers) for _ in range(count)], *rest] for kind, count, *rest in wanted]
        return read_chart({"width": 9, "dimension": 2, "groups": groups}, 9, problem).name

    with pytest.raises((Rejected, Unreadable)):
        read(sizes)
    assert read([("copies", 2), ("pair", 2), ("mirrored", 2), ("cubic", 2)]) == "copies2+pair+mirrored+cubic"
