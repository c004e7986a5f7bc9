"""Certificates of planted limits at infinity, and what the checker says of them and of changed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cases import signed

from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.loss import Problem as Checked
from certify.checker.reading import Rejected, Unreadable
from certify.proofs.limit import limit_object
from certify.proofs.verdict import CriticalObject
from certify.results.certificate import certificate_of
from symmetry.infinity.charts import Chart
from symmetry.network import Exact, exact
from symmetry.problem import Problem


def certificate_at(chart: Chart, q: Exact, given: Problem) -> tuple[dict[str, Any], Checked]:
    """The certificate of the limit at ``q``, and its problem, whose labels are given, as the checker sees it."""
    limit = limit_object(given, chart, (), exact(q), arithmetic="auto", max_bits=106)
    assert isinstance(limit, CriticalObject)
    assert given.given_labels is not None
    columns = tuple(tuple(column) for column in exact(given.inputs.exact_values).T)
    return certificate_of(limit, given.hash), Checked(given.hash, columns, (tuple(exact(given.given_labels)),), ())


def check(certificate: dict[str, Any], problem: Checked, arithmetic: Any = Integers) -> str:
    """What the checker says."""
    try:
        read = read_certificate(json.loads(json.dumps(certificate)), "certificate")
        check_certificate(read, problem, lambda bits: Data(problem, arithmetic(bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "accepted"


def doubled(text: str) -> str:
    """Twice the number of a text."""
    mantissa, _, power = text.partition("*2^")
    return f"{mantissa}*2^{int(power or 0) + 1}"


def double(witness: dict[str, Any], place: int) -> None:
    """Put the centre elsewhere."""
    center = witness["krawczyk"]["center"]
    center[place] = doubled(center[place])


def raise_kappa(witness: dict[str, Any]) -> None:
    """Claim a ``κ`` that is too large."""
    channel = witness["channel"]
    channel["kappa_lower"] = [doubled(v) for v in channel["kappa_upper"]]
    channel["kappa_upper"] = [doubled(v) for v in channel["kappa_lower"]]


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a kappa that is too large": (raise_kappa, "kappa_lower"),
    "too small a bound": (
        lambda witness: witness["channel"].update(kappa_upper=witness["channel"]["kappa_lower"]),
        "kappa_upper",
    ),
    "no conditions": (lambda witness: witness.pop("channel"), "channel"),
}
"""Of any witness at infinity; and what the checker names."""


def names(certificate: dict[str, Any], problem: Checked, change: tuple[Callable[[dict[str, Any]], Any], str]) -> bool:
    """Whether the checker refuses the certificate with a changed witness, and names what was changed."""
    edit, where = change
    broken = json.loads(json.dumps(certificate))
    edit(broken["witness"])
    return where in check(signed(broken), problem)


def unchecked_claims(certificate: dict[str, Any], problem: Checked, chart: str) -> list[tuple[str, Any]]:
    """Words and flags of the claim, and other values with which the checker accepts it as well.

    Args:
        certificate: that it accepts.
        problem: of the certificate.
        chart: the name of another chart.
    """
    accepted = []
    for key, value in certificate["claim"].items():
        if key in ("statement", "loss", "lambda_min"):
            continue
        for other in (None, True, False, 0, 1, 2, 7, "", "saddle", "pair", chart, "local-minimum"):
            if type(other) is type(value) and other == value:
                continue
            broken = json.loads(json.dumps(certificate))
            broken["claim"][key] = other
            if check(signed(broken), problem) == "accepted":
                accepted.append((key, other))
    return accepted


def called_a_minimum(certificate: dict[str, Any], problem: Checked) -> str:
    """What the checker says of a saddle's certificate that claims a minimum."""
    broken = json.loads(json.dumps(certificate))
    broken["claim"].update(kind="minimum-at-infinity", morse_index=0)
    return check(signed(broken), problem)
