"""Certificates of three neurons near zero: accepted as they are, and not with a changed number or another chart."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
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

KAPPA = 0.01


@cache
def made(seed: int) -> tuple[dict[str, Any], Problem]:
    """A certificate of a planted limit with ``κ`` = :data:`KAPPA`, and its problem as the checker sees it."""
    found = chart("quintic")
    q = rationals(Random(seed), size(found)).astype(float)
    given = planted(found, q, kappas=[KAPPA], seed=seed, count=60)
    return certificate_at(found, q, given)


def number(text: str) -> Fraction:
    mantissa, _, power = text.partition("*2^")
    return int(mantissa) * Fraction(2) ** int(power or 0)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    **planted_limits.CHANGES,
    # q = (w, a, g, u, K, l) of one ordinary neuron
    "another direction u": (lambda witness: double(witness, 5), "krawczyk"),
}


def test_minima_and_saddles_are_accepted() -> None:
    assert [check(*made(seed)) for seed in (0, 7)] == ["accepted", "accepted"]
    kinds = [made(seed)[0]["claim"]["kind"] for seed in (0, 7)]
    assert kinds == ["minimum-at-infinity", "saddle-at-infinity"]
    low, high = (number(made(0)[0]["witness"]["channel"][name][0]) for name in ("kappa_lower", "kappa_upper"))
    assert low <= Fraction(KAPPA) + Fraction(1, 10**9)
    assert Fraction(KAPPA) - Fraction(1, 10**9) <= high


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_witness_is_rejected(change: str) -> None:
    assert names(*made(0), CHANGES[change])


def test_every_claimed_word_and_flag_is_checked() -> None:
    assert unchecked_claims(*made(0), "triple+") == []


def test_a_saddle_is_no_minimum() -> None:
    assert "claim.kind" in called_a_minimum(*made(7))


@pytest.mark.parametrize(
    "others", [[["zero", [3]]], [["mirrored", [3, 4]], ["zero", [5]]], [["quintic", [3, 4, 5]]], [["zero", [3, 4], 1]]]
)
def test_no_other_group_may_release_a_constant(others: list[Any]) -> None:
    problem = made(7)[1]
    numbers = iter(range(7))
    groups = [[kind, *rest] for kind, *rest in [["quintic", [0, 1, 2]], *others]]
    for chosen in (groups, [g for g in groups if g[0] == "mirrored"] + [g for g in groups if g[0] != "mirrored"]):
        numbers = iter(range(7))
        renumbered = [[kind, [next(numbers) for _ in members], *rest] for kind, members, *rest in chosen]
        with pytest.raises((Rejected, Unreadable)):
            read_chart({"width": 7, "dimension": 2, "groups": renumbered}, 7, problem)
    assert read_chart({"width": 7, "dimension": 2, "groups": groups[:1]}, 7, problem).name == "quintic"
