"""Maximal strata by brute force over labelled neurons: linear equations only, no names, orbits, formulas or theorems.

    python tests/symmetry/brute_force.py --check data/counts/brute_force.csv
    python tests/symmetry/brute_force.py --write data/counts/brute_force.csv

makes the whole table, for all teachers of up to 4 neurons with outputs in {±1, ±2}, and widths up to 5, and compares it
with a table made before, or writes it (minutes).
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
from flint import fmpq_mat, fmpz_mat

Labels = tuple[tuple[str, int, int], ...]
Key = tuple[object, ...]
Row = dict[str, str]

IDENTITIES = {"sigmoid": Fraction(1), "odd": Fraction(0), "none": None}
VECTORS = [(3, 5), (-5, 4), (-2, -7), (1, -6)]
"""The teacher's incoming weights, pairwise different up to sign; :func:`vector` has them in any dimension."""


def vector(number: int, d: int) -> tuple[int, ...]:
    """``w*_t``, (d,): for d > 2 the other coordinates are 1, for d = 1 the first is kept."""
    return (*VECTORS[number - 1], *[1] * d)[:d]


def equations(outputs: tuple[int, ...], c: Fraction | None, d: int, labels: Labels) -> list[list[int]]:
    """Rows [coefficients of (w_1, …, w_m, a_1, …, a_m) | right-hand side], as docs/strata.md, section 1, states them.

    The row of the constants is doubled: all are integers.
    """
    m = len(labels)
    zero = [0] * (m * (d + 1) + 1)
    rows: list[list[int]] = []
    sums: dict[tuple[str, int], list[int]] = {}
    first: dict[int, tuple[int, int]] = {}
    constant = zero.copy()
    for i, (kind, number, sign) in enumerate(labels):
        for k in range(d):
            row = zero.copy()
            row[i * d + k] = 1
            if kind == "C":
                row[-1] = sign * vector(number, d)[k]
            elif kind == "D":
                j, other = first.setdefault(number, (i, sign))
                row[j * d + k] -= sign * other
            rows.append(row)
        if kind == "Z":
            constant[m * d + i] = 1 if c is None else int(c)
        else:
            total = sums.setdefault((kind, number), [*zero[:-1], outputs[number - 1] if kind == "C" else 0])
            total[m * d + i] = sign
            if sign < 0:
                assert c is not None
                constant[m * d + i] = int(2 * c)
    return [row for row in [*rows, *sums.values(), constant] if any(row)]


def eliminate(rows: list[list[int]]) -> tuple[fmpq_mat, int]:
    """The reduced row echelon form over the rationals, and the rank."""
    form, rank = fmpq_mat(fmpz_mat(rows)).rref()
    return form, rank


def key(form: fmpq_mat) -> Key:
    """The reduced row echelon form as numbers in lowest terms.

    Two systems have the same if and only if their rows have the same span, so, if they have solutions, the same ones.
    """
    numerators, denominator = form.numer_denom()
    return (*(int(x) for x in numerators.entries() if x), int(denominator)), *(
        k for k, x in enumerate(numerators.entries()) if x
    )


@lru_cache(maxsize=4)
def labellings(r: int, m: int, signed: bool, every: bool) -> list[Labels]:
    """All ways to give each of m neurons a class and a sign, each of C_1..C_r at least one neuron.

    Renumbered classes D are left out; changed signs of one (``v_j`` becomes ``−v_j``) too, unless ``every``.
    """
    signs = (1, -1) if signed else (1,)
    tokens = [("C", t, s) for t in range(1, r + 1) for s in signs] + [("Z", 0, 0)]
    tokens += [("D", j, s) for j in range(1, m - r + 1) for s in signs]
    found = []
    for labels in product(tokens, repeat=m):
        if len({number for kind, number, _ in labels if kind == "C"}) == r:
            first: dict[int, int] = {}
            for kind, number, sign in labels:
                if kind == "D":
                    first.setdefault(number, sign)
            if list(first) == list(range(1, len(first) + 1)) and (every or -1 not in first.values()):
                found.append(labels)
    return found


def shape(labels: Labels) -> tuple[object, ...]:
    """What a permutation of the neurons leaves alone, and all that it does."""
    counts: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for kind, number, sign in labels:
        counts[kind, number].append(sign)
    parts = [
        (kind, number, signs.count(1), signs.count(-1))
        if kind == "C"
        else (kind, *sorted(map(signs.count, (1, -1))), 0)
        if kind == "D"
        else (kind, len(signs), 0, 0)
        for (kind, number), signs in counts.items()
    ]
    return tuple(sorted(parts))


def generic_point(form: fmpq_mat, rank: int, rng: np.random.Generator) -> list[int]:
    """Integers (θ·q, −q): a solution with random values of the free unknowns, homogeneous."""
    numerators, denominator = form.numer_denom()
    rows = np.array([[int(x) for x in row] for row in numerators.tolist()[:rank]], dtype=object)
    pivots = [int(np.flatnonzero(row)[0]) for row in rows]
    theta = rng.integers(-(10**4), 10**4, rows.shape[1]).astype(object)
    theta[-1] = -1
    theta[pivots] = 0
    values = rows @ theta
    theta *= int(denominator)
    theta[pivots] = -values
    return [int(x) for x in theta]


def maximal(outputs: tuple[int, ...], c: Fraction | None, d: int, m: int) -> dict[Key, int]:
    """The sets of solutions that are non-empty and contained in no other: the key of each and its dimension.

    That a set is not contained in another is proved by a point; that it is, by the ranks of the two systems.
    """
    systems: dict[Key, list[list[int]]] = {}
    points: dict[Key, list[int]] = {}
    dimensions: dict[Key, int] = {}
    rng = np.random.default_rng(1)
    for labels in labellings(len(outputs), m, c is not None, True):
        rows = equations(outputs, c, d, labels)
        form, rank = eliminate(rows)
        if solvable(form, rank) and key(form) not in systems:
            found = key(form)
            systems[found], dimensions[found] = rows, m * (d + 1) - rank
            points[found] = generic_point(form, rank, rng)
    kept = not_contained(list(systems.values()), list(systems.values()), list(points.values()))
    return {found: dimensions[found] for found, good in zip(systems, kept, strict=True) if good}


def counts(outputs: tuple[int, ...], c: Fraction | None, d: int, m: int) -> dict[int, int]:
    """How many :func:`maximal` has of each dimension.

    A permutation of the neurons permutes the sets: one of each shape is asked whether it lies in any other, and counts
    for all of its shape.
    """
    every = labellings(len(outputs), m, c is not None, False)
    systems = [equations(outputs, c, d, labels) for labels in every]
    sizes = Counter(shape(labels) for labels in every)
    asked: dict[object, list[list[int]]] = {}
    points, dimensions = [], []
    rng = np.random.default_rng(1)
    for labels, rows in zip(every, systems, strict=True):
        if shape(labels) in asked:
            continue
        form, rank = eliminate(rows)
        if solvable(form, rank):
            asked[shape(labels)] = rows
            points.append(generic_point(form, rank, rng))
            dimensions.append(m * (d + 1) - rank)
    found: Counter[int] = Counter()
    kept = not_contained(systems, list(asked.values()), points)
    for like, dimension, good in zip(asked, dimensions, kept, strict=True):
        found[dimension] += sizes[like] * good
    return {dimension: count for dimension, count in sorted(found.items()) if count}


def solvable(form: fmpq_mat, rank: int) -> bool:
    """Whether the last row is not ``0 = 1``."""
    return any(form[rank - 1, k] for k in range(form.ncols() - 1))


def not_contained(systems: list[list[list[int]]], asked: list[list[list[int]]], points: list[list[int]]) -> list[bool]:
    """For each system asked, given a generic point: whether its solutions lie in no other system's."""
    columns = np.array(points).T  # far below 2^53: integer products are exact
    kept = [True] * len(asked)
    for rows in systems:
        for k in np.flatnonzero(~(np.array(rows) @ columns).any(axis=0)).tolist():
            if kept[k] and rows is not asked[k]:
                both, mine, theirs = (eliminate(x)[1] for x in (asked[k] + rows, asked[k], rows))
                kept[k] = not both == mine > theirs
    return kept


def table(widths: range = range(1, 6), teachers: range = range(1, 5)) -> Iterator[Row]:
    """One row for each dimension that occurs: students in the plane; teachers up to the order of their neurons.

    Teachers with all signs changed are left out (``a`` becomes ``−a``); without a constant to cancel the outputs are no
    part of any condition but as right-hand sides, and two teachers of each size are enough.
    """
    for identity, c in IDENTITIES.items():
        for r in teachers:
            some = [(1,) * r, (1, -2, 2, -1)[:r]]
            for outputs in multisets(r) if identity == "sigmoid" else some:
                for m in [m for m in widths if m >= r]:
                    for dimension, count in counts(outputs, c, 2, m).items():
                        yield {
                            "identity": identity,
                            "outputs": " ".join(map(str, outputs)),
                            "width": str(m),
                            "dimension": str(dimension),
                            "strata": str(count),
                        }


def multisets(r: int) -> list[tuple[int, ...]]:
    """Outputs of r neurons in {±1, ±2}, one of each two that differ by all signs."""
    every = combinations_with_replacement((2, 1, -1, -2), r)
    return [outputs for outputs in every if outputs >= tuple(sorted((-a for a in outputs), reverse=True))]


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--check", type=Path)
    which.add_argument("--write", type=Path)
    parser.add_argument("--widths", type=int, default=5, help="the largest width")
    arguments = parser.parse_args()
    rows = list(table(range(1, arguments.widths + 1)))
    if arguments.write:
        with arguments.write.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return 0
    shipped = [row for row in read(arguments.check) if int(row["width"]) <= arguments.widths]
    differing = [row for row in [*shipped, *rows] if (row in shipped) != (row in rows)]
    print(f"{len(rows)} rows made, {len(shipped)} rows shipped, {len(differing)} in one of the two only")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
