"""Certificates of three neurons near zero: accepted as they are, and not with a changed number or another chart."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import pytest
from cases import signed
from limit_cases import chart, planted, rationals, size

from certify.certificate import certificate_of
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.charts import read_chart
from certify.checker.integers import Integers
from certify.checker.loss import Data, Problem
from certify.checker.reading import Rejected, Unreadable
from certify.limit import limit_object
from certify.verdict import CriticalObject
from symmetry.network import exact

KAPPA = 0.01


@cache
def made(seed: int) -> tuple[dict[str, Any], Problem]:
    """A certificate of a planted limit with ``κ`` = :data:`KAPPA`, and its problem as the checker sees it."""
    found = chart("quintic")
    q = rationals(Random(seed), size(found)).astype(float)
    given = planted(found, q, kappas=[KAPPA], seed=seed, count=60)
    limit = limit_object(given, found, (), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(limit, CriticalObject)
    assert given.given_labels is not None
    columns = tuple(tuple(column) for column in exact(given.inputs.exact_values).T)
    return certificate_of(limit, given.hash), Problem(given.hash, columns, (tuple(exact(given.given_labels)),), ())


def check(certificate: dict[str, Any], problem: Problem) -> str:
    """What the checker says."""
    try:
        read = read_certificate(json.loads(json.dumps(certificate)), "certificate")
        check_certificate(read, problem, lambda bits: Data(problem, Integers(bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "accepted"


def doubled(text: str) -> str:
    mantissa, _, power = text.partition("*2^")
    return f"{mantissa}*2^{int(power or 0) + 1}"


def number(text: str) -> Fraction:
    mantissa, _, power = text.partition("*2^")
    return int(mantissa) * Fraction(2) ** int(power or 0)


def raise_kappa(witness: dict[str, Any]) -> None:
    channel = witness["channel"]
    channel["kappa_lower"] = [doubled(v) for v in channel["kappa_upper"]]
    channel["kappa_upper"] = [doubled(v) for v in channel["kappa_lower"]]


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a kappa that is too large": (raise_kappa, "kappa_lower"),
    "too small a bound": (
        lambda witness: witness["channel"].update(kappa_upper=witness["channel"]["kappa_lower"]),
        "kappa_upper",
    ),
    # q = (w, a, g, u, K, l) of one ordinary neuron
    "another direction u": (
        lambda witness: witness["krawczyk"]["center"].__setitem__(5, doubled(witness["krawczyk"]["center"][5])),
        "krawczyk",
    ),
    "no conditions": (lambda witness: witness.pop("channel"), "channel"),
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
    certificate, problem = made(0)
    broken = json.loads(json.dumps(certificate))
    edit, where = CHANGES[change]
    edit(broken["witness"])
    assert where in check(signed(broken), problem)


def test_every_claimed_word_and_flag_is_checked() -> None:
    certificate, problem = made(0)
    for key, value in certificate["claim"].items():
        if key in ("statement", "loss", "lambda_min"):
            continue
        for other in (None, True, False, 0, 1, 2, 7, "", "saddle", "pair", "triple+", "local-minimum"):
            if type(other) is type(value) and other == value:
                continue
            broken = json.loads(json.dumps(certificate))
            broken["claim"][key] = other
            assert check(signed(broken), problem) != "accepted", (key, other)


def test_a_saddle_is_no_minimum() -> None:
    certificate, problem = made(7)
    broken = json.loads(json.dumps(certificate))
    broken["claim"].update(kind="minimum-at-infinity", morse_index=0)
    assert "claim.kind" in check(signed(broken), problem)


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
