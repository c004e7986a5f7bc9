"""Strata up to neuron permutation: one representative of each orbit of maximal strata, and the members of an orbit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from symmetry.problem import Problem
from symmetry.strata import NULL, Label, Stratum, Target, free_shapes


def members(stratum: Stratum) -> Iterator[Stratum]:
    """The strata of the orbit, each once, lazily: ``stratum.orbit_size`` of them."""
    fixed = Counter(label for label in stratum.labels if label.kind != "D")
    shapes = Counter(free_shapes(stratum.blocks))
    for labels in _arrangements([], stratum.width, fixed, shapes, []):
        yield replace(stratum, labels=tuple(labels))


def _arrangements(
    labels: list[Label],
    width: int,
    fixed: Counter[Label],
    shapes: Counter[tuple[int, int]],
    opened: list[dict[int, int]],
) -> Iterator[list[Label]]:
    """All normal-form labellings that extend ``labels``: what is left are ``fixed`` labels, seats by sign in
    the classes ``D`` already ``opened``, and classes ``D`` of the given ``shapes`` yet to open."""
    if len(labels) == width:
        yield labels
        return
    for label in [label for label, count in fixed.items() if count]:
        fixed[label] -= 1
        yield from _arrangements([*labels, label], width, fixed, shapes, opened)
        fixed[label] += 1
    for j, seats in enumerate(opened, start=1):
        for sign in (1, -1):
            if seats[sign]:
                seats[sign] -= 1
                yield from _arrangements([*labels, Label("D", j, sign)], width, fixed, shapes, opened)
                seats[sign] += 1
    for shape in [shape for shape, count in shapes.items() if count]:
        shapes[shape] -= 1
        # the first member has sign +1, so it belongs to either half, and the other half is the negative one
        for mine, rest in sorted({shape, shape[::-1]}):
            if mine:
                seats = {1: mine - 1, -1: rest}
                opening = [*labels, Label("D", len(opened) + 1, 1)]
                yield from _arrangements(opening, width, fixed, shapes, [*opened, seats])
        shapes[shape] += 1


def strata_orbits(problem: Problem | Target, width: int) -> list[Stratum]:
    """All maximal strata of a width up to neuron permutation, by dimension, then name.

    One representative of each orbit; :attr:`Stratum.orbit_size` says how many strata it stands for and
    :func:`members` lists them.

    Raises:
        ValueError: the labels are given, not a teacher's.
    """
    target = problem if isinstance(problem, Target) else Target.of(problem)
    found = []
    for labels in _representatives(target, width):
        stratum = Stratum(target, labels)
        if stratum.is_maximal:
            found.append(stratum)
    return sorted(found, key=lambda stratum: (stratum.dimension, stratum.name))


def labelled_strata(problem: Problem | Target, width: int) -> Iterator[Stratum]:
    """All maximal strata of a width, each labelling of the neurons apart, lazily: orbit by orbit.

    Raises:
        ValueError: the labels are given, not a teacher's.
    """
    for orbit in strata_orbits(problem, width):
        yield from members(orbit)


def _representatives(target: Target, width: int) -> Iterator[tuple[Label, ...]]:
    """One labelling of each orbit: signs of ``C_1``, of ``C_2``, …, zero neurons, then shapes of the classes ``D``."""
    signed = target.reflection is not None
    r = len(target.a)

    def classes(t: int, left: int) -> Iterator[tuple[Label, ...]]:
        if t > r:
            for zeros in range(left + 1):
                for shapes in _multisets(left - zeros, signed, (left, left)):
                    free = [Label("D", j, s) for j, (p, n) in enumerate(shapes, start=1) for s in [1] * p + [-1] * n]
                    yield (*[NULL] * zeros, *free)
            return
        for size in range(1, left - (r - t) + 1):
            for negative in range(size + 1 if signed else 1):
                mine = [Label("C", t, 1)] * (size - negative) + [Label("C", t, -1)] * negative
                for others in classes(t + 1, left - size):
                    yield (*mine, *others)

    return classes(1, width)


def _multisets(total: int, signed: bool, largest: tuple[int, int]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Multisets of shapes ``(p, n)``, ``p ≥ n``, of ``total`` neurons; (size, p) never above that of ``largest``."""
    if total == 0:
        yield ()
        return
    for size in range(min(total, sum(largest)), 0, -1):
        for p in range(size, (size - 1) // 2, -1) if signed else [size]:
            if (size, p) <= (sum(largest), largest[0]):
                for rest in _multisets(total - size, signed, (p, size - p)):
                    yield ((p, size - p), *rest)
