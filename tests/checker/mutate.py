"""Mutation attack on the checker: random changes of numbers in valid certificates of every kind.

    python tests/checker/mutate.py [--count 2000] [--seed 0]

Two regimes. *As stored*: a number in the file is changed and nothing else, so the hash no longer fits. *Signed*: words
and hash are made to fit again, as a wrong prover would write them; now the mathematics alone can tell. A change that
the checker verifies is a *survivor*. It is a fault if the changed certificate states something false: survivors are
compared with a reference of 424 bits, and checked again in Arb.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
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

Path = tuple[str | int, ...]

_NUMBER = re.compile(r"0|-?[0-9]+(\*2\^-?[0-9]+|/[0-9]+)")


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all numbers: exact ones and integers."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from leaves(member, (*path, i))
    elif type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        yield path


def get(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def put(tree: Any, path: Path, value: Any) -> None:
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
        return sum(self.survivors.values()) / max(1, sum(self.changes.values()))


def name_of(path: Path) -> str:
    """The field, without the places in vectors and matrices."""
    return ".".join(key for key in path if isinstance(key, str))


def attack(count: int, seed: int, *, sign: bool) -> Report:
    """Change ``count`` numbers, chosen uniformly among all numbers of all certificates."""
    rng, report = random.Random(seed), Report()
    parts = ("claim", "witness") if sign else ("claim", "witness", "format")
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
        wrong = untrue(made, name)
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
    options = parser.parse_args()
    for sign in (False, True):
        report = attack(options.count, options.seed, sign=sign)
        survived, regime = sum(report.survivors.values()), "signed" if sign else "as stored"
        print(f"{regime}: {options.count} changes, {survived} survivors ({100 * report.share:.1f} %)")
        print(f"  false statements among them: {len(report.faults)}")
        for name, count in sorted(report.survivors.items()):
            print(f"  | `{name}` | {report.changes[name]} | {count} |")
        for fault in report.faults:
            print(f"  FAULT {fault}")


if __name__ == "__main__":
    main()
