"""Whether this machine computes as the proofs assume; every proving command asks before it begins.

A library built with "fast math" can switch subnormal numbers off or change the rounding mode of the whole process when
it is loaded, and a BLAS sums in its own order. The proofs allow for the latter and not for the former. Beside the tests
of the arithmetic there is the shipped *negative corpus*: valid certificates and paths, and false ones made from them,
which the checker must tell apart; at the start of a command those marked so, a few of every kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from importlib import resources
from operator import mul
from pathlib import Path
from typing import Any

import numpy as np

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, content_hash, read_certificate, statement
from certify.checker.folded import fold
from certify.checker.gaussian import Population
from certify.checker.integers import Integers, exp_minus
from certify.checker.loss import Data, Problem
from certify.checker.path import check_path
from certify.checker.points import Points
from certify.checker.problems import either_of
from certify.checker.reading import Rejected, exact

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


def selftest(*, everything: bool = True) -> list[Result]:
    """Run all tests; not ``everything``: of the negative corpus only what is false and marked for the start."""
    results = [Result(name, "; ".join(test())) for name, test in _TESTS.items()]
    return [*results, Result("false certificates", "; ".join(_corpus(everything=everything)))]


def require() -> None:
    """Go on only if all tests are passed, of the negative corpus those marked for the start.

    Raises:
        SelftestError: naming the first that is not.
    """
    for result in selftest(everything=False):
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
            true = Fraction(sum(map(mul, _integers(left[i]), _integers(right[:, j]))), 2 ** (2 * _PLACES))
            if not low[i, j] <= true <= high[i, j]:
                yield f"entry {i}, {j} of a matrix product lies outside its bound; the BLAS library is not usable"
                return


_PLACES = 120


def _integers(values: np.ndarray) -> list[int]:
    """Doubles, multiples of ``2^−120``, in these units."""
    ratios = (value.as_integer_ratio() for value in values.tolist())
    return [numerator << _PLACES - denominator.bit_length() + 1 for numerator, denominator in ratios]


def _exponentials() -> Iterator[str]:
    # the float64 exponential of the provers against the checker's, in 200-bit integers
    arithmetic = Float64Enclosures()
    arguments = np.array([0.0, 2.0**-53, 2.0**-30, 0.1, 0.6931471805599453, 1.0, 4.5, 36.0, 700.0])
    enclosed = arithmetic.exp(arithmetic.array(-arguments))
    for x, low, high in zip(arguments.tolist(), arithmetic.lower(enclosed), arithmetic.upper(enclosed), strict=True):
        scaled = Fraction(x) * 2**200
        value, error = exp_minus(scaled.numerator // scaled.denominator, 200)
        if not (low <= Fraction(value + error, 2**200) and Fraction(value - error, 2**200) <= high):
            yield f"exp({-x!r}) lies outside its bound"


@cache
def corpus() -> dict[str, Any]:
    """The negative corpus: ``problems`` and ``tables``, valid ``certificates`` and ``paths``, and ``false`` changes."""
    text = resources.files("certify").joinpath(f"_data/{CORPUS}").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def changed(entry: dict[str, Any], valid: dict[str, Any]) -> dict[str, Any]:
    """What is false: ``valid`` with the changes of a corpus entry and, of a certificate, words and hash to fit them."""
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
    if "claim" in made:
        if made["claim"]["kind"] in _WORDED:
            made["claim"]["statement"] = statement(made["claim"])
        made["hash"] = content_hash(made["claim"], made["problem"], made["witness"])
    return dict(made)


_WORDED = frozenset(
    {"local-minimum", "saddle", "global-minimum", "minimum-at-infinity", "saddle-at-infinity", "not-critical"}
)


@cache
def _problem(name: str) -> Problem | Population:
    data = corpus()
    if name in data["problems"]:
        return either_of(data["problems"][name], Path("problem.json"))
    # inputs and labels that would lie in an archive beside problem.json
    table = data["tables"][name]
    columns, labels = (tuple(map(tuple, _numbers(table[key]))) for key in ("columns", "labels"))
    factor = exact(table["factor"], "table")
    return Problem(table["hash"], columns, labels, (), table["activation"], factor, bias=table["bias"])


def _numbers(rows: list[list[str]]) -> list[list[Fraction]]:
    return [[exact(value, "table") for value in row] for row in rows]


def _corpus(*, everything: bool = True) -> Iterator[str]:
    data = corpus()
    valid = data["certificates"] | data["paths"]
    for name, known in valid.items() if everything else ():
        reason = _rejection(known)
        if reason:
            yield f"the valid {name} was rejected ({reason})"
    for entry in data["false"]:
        if not (everything or entry["start"]):
            continue
        known = valid[entry["of"]]
        what = "certificate" if "certificate" in known else "line"
        reason = _rejection(known | {what: changed(entry, known[what])})
        if entry["rejected"] not in reason:
            yield f"the false {what} {entry['name']!r} was " + (
                f"rejected for another reason ({reason})" if reason else "verified"
            )


def _rejection(known: dict[str, Any]) -> str:
    """Why the checker rejects a certificate or a path; empty if it verifies it."""
    problem = _problem(known["problem"])
    try:
        if "line" in known:
            assert isinstance(problem, Problem)
            check_path(known["line"], known["chart"], problem, lambda bits: fold(problem, Points(bits)))
        else:
            read = read_certificate(known["certificate"], "certificate")
            check_certificate(read, problem, partial(_data, known["problem"]))
    except Rejected as error:
        return str(error)
    return ""


def _data(name: str, bits: int) -> Any:
    problem, arithmetic = _problem(name), Integers(bits)
    return arithmetic if isinstance(problem, Population) else Data(problem, arithmetic)


_TESTS: dict[str, Callable[[], Iterator[str]]] = {
    "rounding": _rounding,
    "subnormal numbers": _subnormals,
    "matrix products": _products,
    "exponentials": _exponentials,
}
