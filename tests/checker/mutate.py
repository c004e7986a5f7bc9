"""Mutation attack on the checker: random changes of numbers in valid certificates of every kind.

    python tests/checker/mutate.py [--count 2000] [--seed 0] [--json FILE]

Two regimes. *As stored*: a number in the file is changed and nothing else, so the hash no longer fits. *Signed*: words
and hash are made to fit again, as a wrong prover would write them; now the mathematics alone can tell. A change that
the checker verifies is a *survivor*. It is a fault if the changed certificate states something false: survivors are
compared with a reference of 424 bits, and checked again in Arb. It is also a fault if nobody has argued why a survivor
in this field is still true (:data:`ARGUED`).
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from cases import NAMES, case, check, checked, problem, signed

from certify.checker.arb import Arb
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.loss import Data
from certify.checker.reading import Rejected, Unreadable
from certify.isolated import Certified, certify_isolated
from certify.proof import dyadic, from_text
from symmetry.charts import chart_from_json
from symmetry.network import exact
from symmetry.objective import SquareLoss

Place = tuple[str | int, ...]

_HINT = "another valid hint: the theorem asks for no particular one, and the claim, centre and boxes are as before"
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
    "witness.lemma_1.radius": "Lemma 1 holds with the new number",
    "witness.lemma_1.gradient_norm": "Lemma 1 holds with the new number",
    "witness.lemma_1.smallest_eigenvalue": "Lemma 1 holds with the new number",
    "witness.lemma_1.lipschitz": "Lemma 1 holds with the new number",
    "witness.lemma_1.reach": "Lemma 1 holds with the new number",
}
"""Why a certificate that differs from the prover's in this field, and is verified, is still true."""

HINTS = tuple(name for name, why in ARGUED.items() if why == _HINT)

_NUMBER = re.compile(r"0|-?[0-9]+(\*2\^-?[0-9]+|/[0-9]+)")


def leaves(value: Any, path: Place = ()) -> Iterator[Place]:
    """The places of all numbers: exact ones and integers."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from leaves(member, (*path, i))
    elif type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
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
        if new != value and (isinstance(new, int) or from_text(new) != from_text(value)):
            return new


def _changed(value: Any, others: list[Any], rng: random.Random) -> Any:
    if isinstance(value, int):
        return rng.choice([value + 1, value - 1, -value, 0, value + rng.randint(-5, 5)])
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


def attack(count: int, seed: int, *, sign: bool) -> Report:
    """Change ``count`` numbers, chosen uniformly among all numbers of all certificates."""
    rng, report = random.Random(seed), Report()
    parts = ("claim", "witness") if sign else ("claim", "witness", "format", "provenance")
    pool = [(name, path) for name in NAMES for path in leaves({k: case(name).certificate[k] for k in parts})]
    for _ in range(count):
        name, path = rng.choice(pool)
        given = case(name).certificate
        others = [get(given, p) for n, p in pool if n == name and isinstance(get(given, p), str)]
        made = deepcopy(given)
        put(made, path, changed(get(given, path), others, rng))
        made = signed(made) if sign else made
        report.changes[name_of(path)] += 1
        try:
            check(made, case(name).problem)
        except (Rejected, Unreadable):
            continue
        report.survivors[name_of(path)] += 1
        wrong = untrue(made, name) or ("" if name_of(path) in ARGUED else "nobody has argued that this may change")
        if wrong:
            report.faults.append(f"{name}: {name_of(path)}: {get(given, path)} -> {get(made, path)}: {wrong}")
    return report


@cache
def reference(name: str) -> Certified | None:
    """The critical point of a case at 424 bits; ``None`` for an empty ball, and a family without one."""
    witness, given = case(name).certificate["witness"], problem(case(name).problem)
    if "krawczyk" not in witness:
        return None
    center = exact([from_text(v) for v in witness["krawczyk"]["center"]])
    chart = chart_from_json(witness["chart"]) if "chart" in witness else None
    objective = chart.objective(given) if chart else SquareLoss.of_network(given, len(center) // 3)
    found = None
    for bits in (106, 212, 424):
        found = certify_isolated(objective, center, arithmetic="auto", max_bits=bits)
        assert isinstance(found, Certified), found
        center = found.krawczyk.center
    return found


def untrue(certificate: dict[str, Any], name: str) -> str:
    """What a verified certificate says that is false, as far as the reference and Arb can tell; empty if nothing."""
    read, known = read_certificate(certificate, name), checked(case(name).problem)
    try:
        check_certificate(read, known, lambda bits: Data(known, Arb(bits)))
    except Rejected as error:
        return f"Arb disagrees: {error}"
    claim, original, true = read.claim, case(name).certificate["claim"], reference(name)
    for key in claim.keys() - {"loss", "lambda_min", "empty_radius"}:
        if claim[key] != original[key]:
            return f"claim.{key} changed"
    if true is None:
        return ""
    step = read.witness["krawczyk"]
    distances = zip(true.krawczyk.center, step["center"], step["existence_radius"], strict=True)
    if any(abs(x - from_text(c)) > from_text(r) for x, c, r in distances):
        return "the critical point is not in the existence box"
    if original["kind"] == "global-minimum":
        return "" if claim["loss"] == ["0", "0"] else "the loss is 0"
    for field_name, bounds in (("loss", true.loss), ("lambda_min", true.lambda_min)):
        if claim[field_name] is not None and bounds is not None and any(map(from_text, claim[field_name])):
            low, high = map(from_text, claim[field_name])
            if not (low <= bounds[1] and bounds[0] <= high):
                return f"claim.{field_name} does not hold the true value"
    return ""


def main() -> None:
    """Run both regimes and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts")
    options = parser.parse_args()
    counts = {}
    for regime in ("as stored", "signed"):
        report = attack(options.count, options.seed, sign=regime == "signed")
        statements = set(report.changes) - set(HINTS)
        print(f"{regime}: {options.count} changes, {sum(report.survivors.values())} survivors ({report.share:.2%})")
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
