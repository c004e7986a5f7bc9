"""Whether this machine computes as the proofs assume; every proving command asks before it begins.

A library built with "fast math" can switch subnormal numbers off or change the rounding mode of the whole process when
it is loaded, and a BLAS sums in its own order. The proofs allow for the latter and not for the former. Beside the tests
of the arithmetic there is the shipped *negative corpus*: valid certificates, and false ones made from them, which the
checker must tell apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers, exp_minus
from certify.checker.loss import Data, Problem
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected

CORPUS = "negative-corpus.json"

_FAST_MATH = (
    "a library in this process, built with fast-math, may have changed the processor's settings: do not load it"
)


class SelftestError(RuntimeError):
    """The machine, or a library in this process, does not compute as the proofs assume; the message is one sentence."""


@dataclass(frozen=True)
class Result:
    """One test: its name, and what failed (empty where nothing did)."""

    name: str
    failure: str


def selftest() -> list[Result]:
    """Run all tests."""
    return [Result(name, "; ".join(test())) for name, test in _TESTS.items()]


def require() -> None:
    """Go on only if all tests are passed.

    Raises:
        SelftestError: naming the first that is not.
    """
    for result in selftest():
        if result.failure:
            raise SelftestError(f"self-test of {result.name}: {result.failure}")


def _rounding() -> Iterator[str]:
    # 1 + 2^−53 and 1 + 3·2^−53 lie halfway between two doubles
    first = np.array([1.0, -1.0, 1.0, -1.0])
    second = np.array([1.0, -1.0, 3.0, -3.0]) * 2.0**-53
    expected = [1.0, -1.0, 1 + 2.0**-51, -1 - 2.0**-51]
    if (first + second).tolist() != expected or [
        a + b for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ] != expected:
        yield f"sums are not rounded to the nearest, ties to even; {_FAST_MATH}"


def _subnormals() -> Iterator[str]:
    smallest = np.array([2.0**-1022, 2.0**-1074, -(2.0**-1074)])
    expected = [2.0**-1023, 2.0**-1073, -(2.0**-1073)]
    factor = np.array([0.5, 2.0, 2.0])
    if (smallest * factor).tolist() != expected or smallest[0] * 0.5 == 0.0:
        yield f"subnormal numbers are taken for 0; {_FAST_MATH}"


def _products() -> Iterator[str]:
    # entries of the exact product of full-size doubles against the enclosure that MidRad derives from BLAS
    rng = np.random.default_rng(20240229)
    left, right = rng.standard_normal((40, 300)), rng.standard_normal((300, 40))
    left[:, ::7] *= 2.0**30  # cancellation
    arithmetic = Float64Enclosures()
    product = arithmetic.matmul(arithmetic.array(left), arithmetic.array(right))
    low, high = arithmetic.lower(product), arithmetic.upper(product)
    for i in range(0, 40, 13):
        for j in range(0, 40, 13):
            exact = sum(
                (Fraction(x) * Fraction(y) for x, y in zip(left[i].tolist(), right[:, j].tolist(), strict=True)),
                Fraction(0),
            )
            if not low[i, j] <= exact <= high[i, j]:
                yield f"entry {i}, {j} of a matrix product lies outside its bound; the BLAS library is not usable"
                return


def _exponentials() -> Iterator[str]:
    # the float64 exponential of the provers against the checker's, in 200-bit integers
    arithmetic = Float64Enclosures()
    arguments = np.array([0.0, 2.0**-53, 2.0**-30, 0.1, 0.6931471805599453, 1.0, 4.5, 36.0, 700.0])
    enclosed = arithmetic.exp(arithmetic.array(-arguments))
    for x, low, high in zip(arguments.tolist(), arithmetic.lower(enclosed), arithmetic.upper(enclosed), strict=True):
        exact = Fraction(x) * 2**200
        value, error = exp_minus(exact.numerator // exact.denominator, 200)
        if not (low <= Fraction(value + error, 2**200) and Fraction(value - error, 2**200) <= high):
            yield f"exp({-x!r}) lies outside its bound"


@cache
def corpus() -> dict[str, Any]:
    """The negative corpus: ``problems``, valid ``certificates``, and ``false`` ones as changes of these."""
    text = resources.files("certify").joinpath(f"_data/{CORPUS}").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def false_certificate(entry: dict[str, Any], valid: dict[str, Any]) -> dict[str, Any]:
    """A false certificate: ``valid`` with the changes of a corpus entry, and words and hash made to fit them."""
    made: Any = deepcopy(valid)
    for path, value in entry["set"].items():
        *parents, last = [int(key) if key.isdecimal() else key for key in path.split(".")]
        place = made
        for key in parents:
            place = place[key]
        if value is None and entry.get("remove"):
            del place[last]
        else:
            place[last] = value
    if made["claim"]["kind"] in _WORDED:
        made["claim"]["statement"] = statement(made["claim"])
    made["hash"] = content_hash(made["claim"], made["problem"], made["witness"])
    return dict(made)


_WORDED = frozenset(
    {"local-minimum", "saddle", "global-minimum", "minimum-at-infinity", "saddle-at-infinity", "not-critical"}
)


def _corpus() -> Iterator[str]:
    data = corpus()
    problems = {name: problem_of(stored, Path("problem.json")) for name, stored in data["problems"].items()}
    for name, valid in data["certificates"].items():
        reason = _rejection(valid["certificate"], problems[valid["problem"]])
        if reason:
            yield f"the valid certificate {name} was rejected ({reason})"
    for entry in data["false"]:
        valid = data["certificates"][entry["of"]]
        reason = _rejection(false_certificate(entry, valid["certificate"]), problems[valid["problem"]])
        if entry["rejected"] not in reason:
            yield f"the false certificate {entry['name']!r} was " + (
                f"rejected for another reason ({reason})" if reason else "verified"
            )


def _rejection(certificate: dict[str, Any], problem: Problem) -> str:
    """Why the checker rejects a certificate; empty if it verifies it."""
    try:
        read = read_certificate(certificate, "certificate")
        check_certificate(read, problem, lambda bits: Data(problem, Integers(bits)))
    except Rejected as error:
        return str(error)
    return ""


_TESTS: dict[str, Callable[[], Iterator[str]]] = {
    "rounding": _rounding,
    "subnormal numbers": _subnormals,
    "matrix products": _products,
    "exponentials": _exponentials,
    "false certificates": _corpus,
}
