"""Mutation attack on the checker: random changes of numbers in valid certificates and paths of every kind.

    python tests/checker/mutate.py [NAME …] [--count 2000] [--seed 0] [--json FILE]

Regimes. *As stored*: a number in a certificate is changed and nothing else, so the hash no longer fits. *Signed*: words
and hash are made to fit again, as a wrong prover would write them, and the manifest where a line or its row is
changed; now the mathematics alone can tell. *By field* is the same with every field chosen as often as any other,
instead of every number. A change that the checker verifies is a *survivor*. It is a fault if what was changed states
something false: survivors are compared with a reference of 424 bits, and checked again in Arb; paths are followed at
300 bits. It is also a fault if nobody has argued why a survivor in this field is still true (:data:`ARGUED`), and if
a change ends in anything but a clear refusal.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import mpmath
import path_cases
import standing_cases
from cases import ALL, NAMES, belongs, case, check, checked, problem, signed
from further_cases import further

from certify.arithmetic.arb import Arb as Enclosures
from certify.checker.arb import Arb
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.population import population_of
from certify.checker.reading import Rejected, Unreadable
from certify.checker.run import MALFORMED
from certify.proofs.infinity import Channel, channel
from certify.proofs.isolated import Certified, certify_in
from certify.proofs.proof import Failure, dyadic, from_text
from certify.proofs.refinement import refine
from symmetry.infinity.charts import chart_from_json
from symmetry.network import exact
from symmetry.outputs import network_loss

Place = tuple[str | int, ...]

BITS = 424
"""Of the reference."""

GAUSSIAN = ("newton ball", "teacher split", "gradient ball")
REGIMES = ("as stored", "signed", "signed, by field")

_HINT = "another valid hint: the theorem asks for no particular one, and the claim, centre and boxes are as before"
_LEMMA_1 = "Lemma 1 holds with the new number"
_THEOREM_6 = "the inequalities of Theorem 6 hold with the new number (docs/gaussian-relu.md)"
_PATH = "another path from the same candidate to the same object, on which the loss is proved to fall"
ARGUED = {
    "provenance.bits": "for information, not part of what is claimed or proved",
    "witness.krawczyk.preconditioner": _HINT,
    "witness.inertia.congruence": _HINT,
    "witness.empty_ball.direction": _HINT,
    "witness.krawczyk.center": "the boxes about the new centre pass the Krawczyk test themselves",
    "witness.krawczyk.existence_radius": "the new box passes the Krawczyk test itself",
    "witness.krawczyk.uniqueness_radius": "the new box passes the Krawczyk test itself",
    "witness.empty_ball.center": "the ball about the new centre passes the test itself",
    "claim.empty_radius": "the new ball passes the test itself",
    "claim.loss": "bounds that still hold the value",
    "claim.lambda_min": "bounds that still hold the value",
    "witness.channel.kappa_lower": "a bound that still holds",
    "witness.channel.kappa_upper": "a bound that still holds",
    "witness.channel.weights": "another t for which the matrix is positive definite (Theorem 19)",
    "witness.tie.slack": "a lower bound that still holds",
    **{
        f"witness.lemma_1.{n}": _LEMMA_1
        for n in ("radius", "gradient_norm", "smallest_eigenvalue", "lipschitz", "reach")
    },
    "witness.newton_ball.center": "the ball about the new centre satisfies Theorem 6 itself",
    **{f"witness.newton_ball.{n}": _THEOREM_6 for n in ("radius", "reach", "gradient_norm", "gap", "lipschitz")},
    "witness.gradient_ball.center": "the ball about the new centre satisfies Theorem 7 itself",
    **{f"path.{n}": _PATH for n in ("vertices", "places", "bends", "closing", "octaves")},
    "path.radii": "another region, which passes the test itself and reaches the limit",
    "path.nodes": "a parabola leads through the neurons at these nodes as well (Lemma 11), and the pieces pass",
    "path.apart": "another bound, farther than copies are apart, with which the region passes the test itself",
    "row.seed": "for information, not verified",
    "row.moved": "for information, not verified unless it is 0",
    "row.distance": "an upper bound that still holds, by a relative 2^−40 at most",
}
"""Why what differs from the prover's in this field, and is verified, is still true."""

HINTS = tuple(name for name, why in ARGUED.items() if why == _HINT)


@dataclass(frozen=True)
class Subject:
    """What numbers are changed in.

    Args:
        tree: a certificate, or a line of ``witnesses.jsonl`` with its row; as JSON.
        verify: what the checker says, by an exception.
        untrue: what a verified tree says that is false, as far as the reference can tell; empty if nothing.
        signed: makes words and hashes fit.
        parts: what may change, in the order of :data:`REGIMES`.
    """

    tree: dict[str, Any]
    verify: Callable[[Any], object]
    untrue: Callable[[Any], str]
    signed: Callable[[Any], Any]
    stored: tuple[str, ...] = ("claim", "witness", "format", "provenance")
    parts: tuple[str, ...] = ("claim", "witness")


_NUMBER = re.compile(r"0|-?[0-9]+(\*2\^-?[0-9]+|/[0-9]+)")


def leaves(value: Any, path: Place = ()) -> Iterator[Place]:
    """The places of all numbers: exact ones, integers, and the floats of rows."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from leaves(member, (*path, i))
    elif type(value) in (int, float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        yield path


def get(tree: Any, path: Place) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def put(tree: Any, path: Place, value: Any) -> None:
    get(tree, path[:-1])[path[-1]] = value


def changed(value: Any, others: list[Any], rng: random.Random) -> Any:
    """Another number of the same type."""
    while True:
        new = _changed(value, others, rng)
        if new != value and (not isinstance(new, str) or from_text(new) != from_text(value)):
            return new


def _changed(value: Any, others: list[Any], rng: random.Random) -> Any:
    if isinstance(value, int):
        return rng.choice([value + 1, value - 1, -value, 0, value + rng.randint(-5, 5)])
    if isinstance(value, float):
        near = math.nextafter(value, rng.choice([-math.inf, math.inf]))
        return rng.choice([near, -value, 0.0, 1.0, value * 2.0 ** rng.choice([-40, -1, 1, 40]), value * (1 + 2.0**-45)])
    x = from_text(value)
    kind = rng.randrange(6)
    if kind == 0:
        x = -x
    elif kind == 1:
        x = Fraction(0)
    elif kind == 2:
        x *= Fraction(2) ** rng.choice([-40, -10, -2, -1, 1, 2, 10, 40])
    elif kind == 3:
        x *= 1 + rng.choice([-1, 1]) * Fraction(1, 2 ** rng.randint(1, 60))
    elif kind == 4:
        x = from_text(rng.choice(others))
    else:
        x += rng.choice([-1, 1]) * Fraction(2) ** rng.randint(-60, 4)
    return dyadic(x)


@dataclass
class Report:
    """What became of the changes."""

    changes: Counter[str] = field(default_factory=Counter)
    survivors: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Survivors among all changes."""
        return self.share_of(set(self.changes))

    def share_of(self, names: set[str]) -> float:
        """Survivors among the changes of these fields."""
        changed = sum(self.changes[name] for name in names)
        return sum(self.survivors[name] for name in names) / max(1, changed)


def name_of(path: Place) -> str:
    """The field, without the places in vectors and matrices."""
    return ".".join(key for key in path if isinstance(key, str))


@cache
def subjects() -> dict[str, Subject]:
    """By name: certificates, certificates under Gaussian inputs, lines with paths, lines without; lines with rows."""
    found = {name: subject(name) for name in (*NAMES, *GAUSSIAN)}
    parts = ("path", "point", "permutation", "candidate", "row")
    for name in path_cases.NAMES:
        own = path_cases.traced(name)
        follow = partial(path_cases.check_line, name), partial(path_cases.rises, name)
        found[f"a line: {name}"] = Subject(own.line | {"row": own.row}, *follow, lambda tree: tree, (), parts)
    for name in standing_cases.NAMES:
        own, check = standing_cases.standing(name), partial(standing_cases.check_standing, name)
        found[f"a row: {name}"] = Subject(
            own.line | {"row": own.row}, check, lambda tree: "", lambda tree: tree, (), parts
        )
    return found


def subject(name: str) -> Subject:
    """A certificate of ``cases.py``, or one under Gaussian inputs."""
    verify = partial(verified, name)
    if name in GAUSSIAN:
        return Subject(further(name)[1], verify, partial(_untrue_gaussian, name), signed)
    return Subject(case(name).certificate, verify, partial(untrue, name=name), signed)


def verified(name: str, certificate: Any) -> None:
    """What the checker says of something made from the certificate ``name``.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    if name in ALL:
        check(certificate, belongs(name))
    else:
        _gaussian(name, certificate)


def attack(count: int, seed: int, regime: str, names: Sequence[str] = ("",)) -> Report:
    """Change ``count`` numbers, chosen uniformly among all numbers of all subjects, or all fields and then numbers.

    Of the subjects whose names have one of ``names`` in them.
    """
    rng, report, as_stored = random.Random(seed), Report(), regime == REGIMES[0]
    pool: list[tuple[str, Place]] = []
    for name, subject in subjects().items():
        if not any(part in name for part in names):
            continue
        parts = subject.stored if as_stored else subject.parts
        pool += [
            (name, path) for path in leaves({k: subject.tree[k] for k in parts if subject.tree.get(k) is not None})
        ]
    fields: dict[str, list[tuple[str, Place]]] = {}
    for name, path in pool:
        fields.setdefault(name_of(path), []).append((name, path))
    for _ in range(count if pool else 0):
        name, path = rng.choice(fields[rng.choice(sorted(fields))] if regime == REGIMES[2] else pool)
        subject = subjects()[name]
        others = [get(subject.tree, p) for n, p in pool if n == name and isinstance(get(subject.tree, p), str)]
        made = deepcopy(subject.tree)
        put(made, path, changed(get(subject.tree, path), others, rng))
        made = made if as_stored else subject.signed(made)
        report.changes[name_of(path)] += 1
        try:
            subject.verify(made)
        except (Rejected, Unreadable):
            continue
        except MALFORMED as error:  # the command takes it for no certificate, but cannot say why
            what = f"{type(error).__name__}: {error}"
            report.faults.append(f"{name}: {name_of(path)}: {get(subject.tree, path)} -> {get(made, path)}: {what}")
            continue
        report.survivors[name_of(path)] += 1
        wrong = subject.untrue(made) or ("" if name_of(path) in ARGUED else "nobody has argued that this may change")
        if wrong:
            report.faults.append(f"{name}: {name_of(path)}: {get(subject.tree, path)} -> {get(made, path)}: {wrong}")
    return report


def _gaussian(name: str, certificate: Any, arithmetic: Any = Integers) -> None:
    given = further(name)[0]
    content = {"format": 1, "name": given.name, "hash": given.hash, "content": given.describe()}
    known = population_of(json.loads(json.dumps(content)), "problem.json")
    check_certificate(read_certificate(json.loads(json.dumps(certificate)), name), known, arithmetic)


def _untrue_gaussian(name: str, certificate: Any) -> str:
    """Against the certificate it was made from, whose critical point is the only one near."""
    try:
        _gaussian(name, certificate, Arb)
    except Rejected as error:
        return f"Arb disagrees: {error}"
    original = further(name)[1]
    differ = _claims_differ(certificate["claim"], original["claim"])
    if differ or "newton_ball" not in certificate["witness"]:
        return differ
    new, old = certificate["witness"]["newton_ball"], original["witness"]["newton_ball"]
    centers = zip(new["center"], old["center"], strict=True)
    square = sum(((from_text(p) - from_text(q)) ** 2 for p, q in centers), Fraction(0))
    if square > (from_text(new["radius"]) + from_text(old["radius"])) ** 2:
        return "the critical point is not within the radius"
    return _bounds_miss(certificate["claim"], {key: original["claim"][key] for key in ("loss", "lambda_min")})


def _claims_differ(claim: dict[str, Any], original: dict[str, Any]) -> str:
    changed = [key for key in claim.keys() - {"loss", "lambda_min", "empty_radius"} if claim[key] != original[key]]
    return f"claim.{changed[0]} changed" if changed else ""


def _bounds_miss(claim: dict[str, Any], true: dict[str, Any]) -> str:
    """Which bounds of a claim do not meet those of the true value."""
    for key, bounds in true.items():
        if claim[key] is not None and bounds is not None:
            (low, high), (least, most) = (
                map(from_text, claim[key]),
                (from_text(v) if isinstance(v, str) else v for v in bounds),
            )
            if not (low <= most and least <= high):
                return f"claim.{key} does not hold the true value"
    return ""


@dataclass(frozen=True)
class Reference:
    """A critical point at 424 bits: its centre, a box that holds it, and bounds of loss and smallest eigenvalue."""

    center: Any
    radius: Any
    loss: tuple[Fraction, Fraction]
    lambda_min: tuple[Fraction, Fraction]


@cache
def reference(name: str) -> Reference | None:
    """The critical point of a case at 424 bits; ``None`` for an empty ball, and a family without one."""
    witness, given = case(name).certificate["witness"], problem(case(name).problem)
    if "krawczyk" not in witness:
        return None
    center: Any = exact([from_text(v) for v in witness["krawczyk"]["center"]])
    chart = chart_from_json(witness["chart"]) if "chart" in witness else None
    objective = chart.objective(given) if chart else network_loss(given, case(name).certificate["claim"]["width"])
    for bits in (106, 212, BITS, BITS):
        center = refine(objective, center, Enclosures(bits))
        assert not isinstance(center, Failure), center
    arithmetic = Enclosures(BITS)
    found = certify_in(objective, center, arithmetic)
    assert isinstance(found, Certified), found
    radius = found.krawczyk.existence_radius
    assert max(radius) < 2.0**-120
    at = objective.evaluate(arithmetic.ball(center, radius), arithmetic, 2)
    with mpmath.workprec(BITS):
        # of the exact middles; what their rounding and the box make of it is far below 2^−100
        middle = [[(low + high) / 2 for low, high in zip(*row, strict=True)] for row in _rows(at.hessian, arithmetic)]
        matrix = mpmath.matrix([[mpmath.mpf(v.numerator) / v.denominator for v in row] for row in middle])
        least = min(mpmath.eigsy(matrix, eigvals_only=True))
        value = Fraction(int(mpmath.floor(least * 2**BITS)), 2**BITS)
    loss = max(arithmetic.lower(at.loss)[0], Fraction(0)), arithmetic.upper(at.loss)[0]
    return Reference(center, radius, loss, (value - Fraction(1, 2**100), value + Fraction(1, 2**100)))


def _rows(hessian: Any, arithmetic: Enclosures) -> Iterator[tuple[Any, Any]]:
    return ((arithmetic.lower(row), arithmetic.upper(row)) for row in hessian)


@cache
def true_kappas(name: str) -> tuple[list[Fraction], list[Fraction]]:
    """Bounds of the sums of κ at the reference, by the provers' formulas."""
    found, given, arithmetic = reference(name), problem(case(name).problem), Enclosures(BITS)
    assert found is not None
    chart = chart_from_json(case(name).certificate["witness"]["chart"])
    outputs, r = chart.objective(given).outputs(arithmetic.ball(found.center, found.radius), arithmetic, 2)
    proved = channel(chart, outputs, r, len(given) / given.factor, arithmetic)
    assert isinstance(proved, Channel), proved
    return proved.kappa_lower.tolist(), proved.kappa_upper.tolist()


def untrue(certificate: dict[str, Any], name: str) -> str:
    """What a verified certificate says that is false, as far as the reference and Arb can tell; empty if nothing."""
    read, known = read_certificate(certificate, name), checked(case(name).problem)
    try:
        check_certificate(read, known, lambda bits: Data(known, Arb(bits)))
    except Rejected as error:
        return f"Arb disagrees: {error}"
    claim, original, true = read.claim, case(name).certificate["claim"], reference(name)
    differ = _claims_differ(claim, original)
    if differ or true is None:
        return differ
    step = read.witness["krawczyk"]
    distances = zip(true.center, true.radius, step["center"], step["existence_radius"], strict=True)
    if any(abs(x - from_text(c)) > from_text(r) + Fraction(e) for x, e, c, r in distances):
        return "the critical point is not in the existence box"
    if original["kind"] == "global-minimum":
        return "" if claim["loss"] == ["0", "0"] else "the loss is 0"
    plateau = claim["lambda_min"] is not None and not any(map(from_text, claim["lambda_min"]))
    if "channel" in read.witness:
        given = read.witness["channel"]
        for low, high, least, most in zip(given["kappa_lower"], given["kappa_upper"], *true_kappas(name), strict=True):
            if not (from_text(low) <= most and least <= from_text(high)):
                return "witness.channel does not hold the true κ"
    return _bounds_miss(claim, {"loss": true.loss, "lambda_min": None if plateau else true.lambda_min})


def main() -> None:
    """Run all regimes and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[""], help="parts of names of subjects; all by default")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts")
    options = parser.parse_args()
    counts = {}
    for regime in REGIMES:
        report = attack(options.count, options.seed, regime, options.names)
        statements = set(report.changes) - set(HINTS)
        print(
            f"{regime}: {sum(report.changes.values())} changes, {sum(report.survivors.values())} survivors "
            f"({report.share:.2%})"
        )
        print(f"  without the free hints: {report.share_of(statements):.2%}; false or not argued: {len(report.faults)}")
        for name, count in sorted(report.survivors.items()):
            print(f"  | `{name}` | {report.changes[name]} | {count} | {ARGUED.get(name, '')} |")
        for fault in report.faults:
            print(f"  FAULT {fault}")
        counts[regime] = {
            "changes": dict(sorted(report.changes.items())),
            "survivors": dict(sorted(report.survivors.items())),
            "faults": report.faults,
        }
    if options.json:
        counts = {"count": options.count, "seed": options.seed, **counts}
        options.json.write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
