"""Certificates with saturated neurons: accepted as they are, and not with another direction, number or claim."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import jsonschema
import planted_limits
import pytest
from cases import signed
from limit_cases import planted, rationals
from planted_limits import certificate_at, check, double
from saturated_cases import LATTICE, steps

from certify.checker.arb import Arb
from certify.checker.certificates import read_certificate
from certify.checker.charts import read_chart
from certify.checker.integers import Integers
from certify.checker.intervals import Intervals
from certify.checker.loss import Problem
from certify.checker.reading import Rejected
from certify.checker.run import cost
from certify.proofs.verdict import Kind
from symmetry.network import exact

KAPPA = 0.001


@cache
def made(seed: int, pairs: int = 0, noise: float = 0.0) -> tuple[dict[str, Any], Problem]:
    """A certificate of a planted limit, and its problem as the checker sees it."""
    found = steps(*[("pair", 2)] * pairs)
    q = rationals(Random(seed), found.units[-1].place.stop).astype(float)
    given = planted(found, q, kappas=[KAPPA] * (pairs + 1), seed=seed, noise=noise, inputs=LATTICE)
    return certificate_at(found, q, given)


SADDLE = (2, 0.3)
"""Seed and noise with which the limit is a saddle."""


@pytest.mark.parametrize("arithmetic", [Integers, Arb, Intervals])
def test_minima_and_saddles_are_accepted(arithmetic: Any) -> None:
    for seed, pairs, noise, kind in (
        (0, 0, 0.0, Kind.MINIMUM_AT_INFINITY),
        (9, 1, 0.0, Kind.MINIMUM_AT_INFINITY),
        (SADDLE[0], 0, SADDLE[1], Kind.SADDLE_AT_INFINITY),
    ):
        certificate, problem = made(seed, pairs, noise)
        assert certificate["claim"]["kind"] == kind
        assert check(certificate, problem, arithmetic) == "accepted"


def test_the_schema_knows_directions(certificate_schema: Any) -> None:
    certificate, _ = made(0)
    jsonschema.validate(json.loads(json.dumps(certificate)), certificate_schema)
    for third in ([1], ["1", 1], 0, "1:1"):
        copy = json.loads(json.dumps(certificate))
        copy["witness"]["chart"]["groups"][0][2] = third
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(copy, certificate_schema)


@pytest.fixture(scope="module")
def certificate_schema() -> Any:
    from importlib import resources

    return json.loads((resources.files("certify") / "_data" / "certificate.schema.json").read_text("utf-8"))


def groups(value: list[Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda witness: witness["chart"].update(groups=value)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    **planted_limits.CHANGES,
    "a kappa of 0": (lambda witness: witness["channel"].update(kappa_lower=["0"]), "kappa_lower"),
    # q = (w, a, ω, a') of one ordinary neuron and the step
    "another ω": (lambda witness: double(witness, 3), "krawczyk"),
    "another output": (lambda witness: double(witness, 4), "krawczyk"),
    "the other side": (groups([["saturated", [0], [-1, -1]]]), "krawczyk"),
    "another line": (groups([["saturated", [0], [1, -1]]]), "krawczyk"),
    "a line through 0 only": (groups([["saturated", [0], [7, 5]]]), "krawczyk"),
    "a multiple": (groups([["saturated", [0], [2, 2]]]), "coprime"),
    "no direction": (groups([["saturated", [0]]]), "direction"),
    "a direction of 0": (groups([["saturated", [0], [0, 0]]]), "coprime"),
    "three entries": (groups([["saturated", [0], [1, 1, 0]]]), "direction"),
    "a number": (groups([["saturated", [0], 1]]), "direction"),
    "a fraction": (groups([["saturated", [0], ["1/2", "1/2"]]]), "integer"),
    "true": (groups([["saturated", [0], [True, 1]]]), "integer"),
    "too large": (groups([["saturated", [0], [10**17 + 1, 1]]]), "integer"),
    "two neurons": (groups([["saturated", [0, 1], [1, 1]]]), "a group of 2"),
    "flipped as well": (groups([["saturated", [0], 1, [1, 1]]]), "expected a list"),
    "a direction of a zero group": (groups([["zero", [0], [1, 1]]]), "integer"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_witness_is_rejected(change: str) -> None:
    certificate, problem = made(0)
    copy = json.loads(json.dumps(certificate))
    apply, message = CHANGES[change]
    apply(copy["witness"])
    kind = copy["witness"]["chart"]["groups"][0]
    if kind[0] == "saturated" and len(kind) == 3 and isinstance(kind[2], list):
        copy["claim"]["chart"] = f"saturated[{':'.join(map(str, kind[2]))}]"
    assert message in check(signed(copy), problem)


def test_every_claimed_word_and_flag_is_checked() -> None:
    certificate, problem = made(0)
    for name, value in (
        ("kind", "saddle-at-infinity"),
        ("chart", "saturated"),
        ("chart", "saturated[-1:-1]"),
        ("morse_index", 1),
        ("nullity", 1),
        ("manifold_dimension", 1),
        ("strict", True),
        ("not_global", True),
        ("level", 1),
    ):
        copy = json.loads(json.dumps(certificate))
        copy["claim"][name] = value
        assert f"claim.{name}" in check(signed(copy), problem)


def test_a_saddle_is_no_minimum() -> None:
    certificate, problem = made(SADDLE[0], 0, SADDLE[1])
    copy = json.loads(json.dumps(certificate))
    copy["claim"].update(kind="minimum-at-infinity")
    assert "claim.kind" in check(signed(copy), problem)
    copy["claim"].update(morse_index=0)
    assert "claim" in check(signed(copy), problem)


def test_a_negative_kappa_is_rejected() -> None:
    # the same limit with residuals of the other sign: q* stays critical, κ changes its sign
    certificate, problem = made(0)
    found = steps()
    q = rationals(Random(0), found.units[-1].place.stop).astype(float)
    other = planted(found, q, kappas=[-KAPPA], seed=0, inputs=LATTICE)
    assert other.given_labels is not None
    copy = json.loads(json.dumps(certificate))
    changed = replace(problem, labels=(tuple(exact(other.given_labels)),))
    assert "fails" in check(signed(copy), changed)


def test_only_the_sigmoid_and_no_output_bias() -> None:
    certificate, problem = made(0)
    chart = certificate["witness"]["chart"]
    for name in ("tanh", "erf", "softplus", "gelu"):
        with pytest.raises(Rejected, match="asks for the sigmoid"):
            read_chart(json.loads(json.dumps(chart)), 2, replace(problem, name=name))
    with pytest.raises(Rejected, match="output bias"):
        read_chart(json.loads(json.dumps({**chart, "bias": True})), 2, replace(problem, bias=True))


def test_inputs_that_all_lie_on_the_hyperplane() -> None:
    certificate, problem = made(0)
    one, chart = Fraction(1), certificate["witness"]["chart"]
    flat = replace(problem, columns=((one, 2 * one), (-one, -2 * one)), labels=((one, one),))
    with pytest.raises(Rejected, match="off the hyperplane"):
        read_chart(json.loads(json.dumps(chart)), 2, flat)


def test_the_sides_of_the_inputs_are_among_the_costs() -> None:
    certificate, problem = made(0)
    many = json.loads(json.dumps(certificate))
    many["witness"]["chart"]["groups"] *= 500  # no chart, but each of them would be read
    few, more = (cost(read_certificate(signed(given), "certificate"), problem) for given in (certificate, many))
    assert more - few >= 499 * 2 * len(problem)


def test_one_coordinate_has_no_hyperplane_to_go_through() -> None:
    _, problem = made(0)
    line = replace(problem, columns=problem.columns[:1])
    with pytest.raises(Rejected, match="direction"):
        read_chart({"width": 1, "dimension": 1, "groups": [["saturated", [0], [1]]]}, 1, line)
