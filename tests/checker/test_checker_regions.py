"""Expansions and their errors in regions at infinity, against networks written down once more in mpmath.

``f``, its first and second derivatives in ``q`` with all ``ε`` fixed, and those by ``ε²``, at places of the boxes about
a piece: each must lie within the error of its expansion. Whatever ``q`` a function depends on counts, a constant ``K``
as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

import mpmath
import pytest

from certify.checker.charts import Chart, Diverging
from certify.checker.loss import Data, Problem
from certify.checker.points import Points
from certify.checker.release import Place, between, epsilons
from certify.checker.valley import _expanded, _smalls, covers
from certify.checker.ways import Pair

BITS = 400
CHARTS = {
    "pair": ("sigmoid", "tanh", "erf"),
    "pair+pair": ("sigmoid",),
    "mirrored+zero": ("sigmoid",),
    "mirrored+mirrored": ("sigmoid",),
    "pair+mirrored+zero": ("sigmoid",),
    "split+": ("sigmoid", "tanh", "erf"),
    "pair+split-": ("sigmoid",),
    "mirrored+zero2": ("sigmoid",),
    "split++mirrored+zero2": ("sigmoid",),
    "mirrored+mirrored+zero": ("sigmoid",),
    "pair+mirrored+mirrored+zero2": ("sigmoid",),
    "mirrored+mirrored+mirrored+mirrored": ("sigmoid",),
}
"""Structures, with activations."""


def chart_of(structure: str) -> Chart:
    """Beside one neuron."""
    names = structure.replace("split+", "split_").split("+")
    known = {"split_": ("split+", 3), "split-": ("split-", 3), "zero": ("zero", 1), "zero2": ("zero", 2)}
    return Chart([], [], [Diverging(*known.get(name, (name, 2)), 0) for name in names], 1)


def sigma(name: str, k: int, z: Any) -> Any:
    """The ``k``-th derivative."""
    if name == "erf":
        e = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-z * z)
        return [mpmath.erf(z), e, -2 * z * e][k]
    s = 1 / (1 + mpmath.exp(-z * (2 if name == "tanh" else 1)))
    d = s * (1 - s)
    return [2 * s - 1, 4 * d, 8 * d * (1 - 2 * s)][k] if name == "tanh" else [s, d, d * (1 - 2 * s)][k]


def number(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


Copies = list[tuple[Any, Any]]
"""Of each copy in a diverging group its share, and ``y·x``."""


def group(name: str, z: Any, big: Any, c: Any, eps: Any, copies: Copies) -> tuple[Any, list[Any], list[Any], Any]:
    """A pair: ``g``, ``(g_z, g_X, g_c)``, ``(g_zz, g_zX, g_XX, g_cz, g_cX)``, ``g_s`` by ``∂g/∂ε = 2ε g_s``.

    One neuron after the other: the argument, its derivative by ``ε``, on which side it is, and its share of the output.
    """
    half = mpmath.mpf(1) / 2
    high = [(z + eps * big + eps**2 * y, big + 2 * eps * y, 1, share) for share, y in copies]
    neurons = [*high, (z - eps * big, -big, -1, mpmath.mpf(1))]
    value, by_eps, first, second = mpmath.mpf(0), mpmath.mpf(0), [mpmath.mpf(0)] * 3, [mpmath.mpf(0)] * 5
    for at, change, side, share in neurons:
        a, s = share * (c / 2 + side * half / eps), [sigma(name, k, at) for k in range(3)]
        value += a * s[0]
        by_eps += a * s[1] * change - share * side * half / eps**2 * s[0]
        parts = (a * s[1], side * eps * a * s[1], share * s[0] / 2)
        first = [v + part for v, part in zip(first, parts, strict=True)]
        others = (a * s[2], side * eps * a * s[2], eps**2 * a * s[2], share * s[1] / 2, side * eps * share * s[1] / 2)
        second = [v + part for v, part in zip(second, others, strict=True)]
    return value, first, second, by_eps / (2 * eps)


def near_zero(name: str, big: Any, eps: Any, copies: Copies) -> tuple[Any, Any, Any, Any]:
    """Neurons near zero less the constant: ``Σ β (σ(ε(X + Y)) − ½)/ε``, its derivatives by ``X``, twice, and ``ε²``."""
    parts = []
    for share, y in copies:
        at = eps * (big + 4 * y)
        s = [sigma(name, k, at) for k in range(3)]
        value = (s[0] - mpmath.mpf(1) / 2) / eps
        by_eps = (s[1] * (big + 4 * y) - value) / eps
        parts.append([share * v for v in (value, s[1], eps * s[2], by_eps / (2 * eps))])
    return tuple(mpmath.fsum(v) for v in zip(*parts, strict=True))


TOGETHER: Copies = [(mpmath.mpf(1), mpmath.mpf(0))]


def truth(
    name: str, chart: Chart, q: list[Fraction], eps: list[Any], x: list[Fraction], copies: Copies = TOGETHER
) -> dict[str, list[Any]]:
    """``f``, the columns of ``J``, the functions of the blocks, the slopes at an input, in the checker's order.

    Where a diverging group has copies they are ``copies``.
    """
    d, m = len(x), chart.neurons
    xx = [number(v) for v in x]

    def along(place: int) -> Any:
        return number(sum((v * w for v, w in zip(q[place : place + d], x, strict=True)), Fraction(0)))

    total, slopes, blocks, by_weights, by_outputs, rest = mpmath.mpf(0), [], [], [], [], []
    for k in range(m):
        z, a = along(k * d), number(q[m * d + k])
        total += a * sigma(name, 0, z)
        by_weights += [a * sigma(name, 1, z) * v for v in xx]
        by_outputs.append(sigma(name, 0, z))
        blocks += [a * sigma(name, 2, z), sigma(name, 1, z)]
    place = m * (d + 1)
    for own, e in zip(chart.diverging, eps, strict=True):
        parted = copies if own.copies else TOGETHER
        if own.kind == "zero":
            value, by_x, by_xx, slope = near_zero(name, 4 * along(place + 1), e, parted)
            linear = [4 * by_x * v for v in xx]
            blocks.append(16 * by_xx)
        else:
            middle = number(q[place + 2 * d])
            value, first, second, slope = group(name, along(place), along(place + d), middle, e, parted)
            rest += [first[0] * v for v in xx] + [first[1] * v for v in xx] + [first[2]]
            blocks += second
            place += 2 * d + 1
        total += value
        slopes.append(slope)
    if chart.shared:
        total += number(q[place])
        rest += [mpmath.mpf(1), *(linear if "zero" in chart.kinds else [])]
    return {"f": [total], "J": by_weights + by_outputs + rest, "blocks": blocks, "slopes": slopes}


Drawn = tuple[Problem, Chart, Place, Place, list[Fraction], Random]


def pieces(structure: str, name: str, seed: int, count: int) -> Iterator[Drawn]:
    """Random pieces with their radii, from place to place or to infinity."""
    rng = Random(seed)

    def random(size: int = 1) -> Fraction:
        return Fraction(rng.randint(-1000, 1000), 1000) * size

    chart, d = chart_of(structure), 2
    kinds = chart.kinds
    size = d + 1 + sum(2 * d + 1 for kind in kinds if kind != "zero") + (1 + d * ("zero" in kinds)) * bool(chart.shared)
    for _ in range(count):
        columns = tuple(tuple(random(3) for _ in range(3)) for _ in range(d))
        problem = Problem("random", columns, ((Fraction(0),) * 3,), (), name)
        start = [random(2) for _ in range(size)]
        far = Fraction(1, 2 ** rng.randint(0, 8))
        end = [v + random() * far for v in start]
        free = len(kinds) - bool(chart.shared)
        eps = [Fraction(rng.choice([-1, 1]), 2 ** rng.randint(3 if chart.shared else 0, 7)) for _ in range(free)]
        share = Fraction(0) if rng.random() < 0.5 else Fraction(rng.randint(4, 12), 8)
        radii = [Fraction(1, 2 ** rng.randint(2, 14)) for _ in range(size)]
        ends = [share * e for e in eps]
        if len(chart.shared) > 2:
            # constants that do not cancel, and not always in one proportion
            first = chart.shared[0]
            for k in range(first + 1, free):
                eps[k] = eps[first] * rng.choice([Fraction(3, 4), Fraction(-1, 6)])
                ends[k] = share * eps[k] * rng.choice([1, Fraction(15, 16)])
        yield problem, chart, Place(start, eps), Place(end, ends), radii, rng


def shared_sum(chart: Chart, q: list[Fraction], d: int) -> Fraction:
    """``S = 2K + Σ c`` over mirrored pairs."""
    place, total = chart.neurons * (d + 1), Fraction(0)
    for kind in chart.kinds:
        place += 0 if kind == "zero" else 2 * d + 1
        total += q[place - 1] if kind == "mirrored" else 0
    return total + 2 * q[place]


class Parted(NamedTuple):
    """Two copies with shares ``β`` and ``1 − β``, and ``y_1``, ``y_2`` with ``βy_1 + (1 − β)y_2 = 0``."""

    share: Fraction
    first: list[Fraction]
    second: list[Fraction]

    @classmethod
    def drawn(cls, rng: Random, far: Fraction) -> Parted:
        """The entries of one of them are ``±far``."""
        share = Fraction(rng.randint(1, 15), 16)
        unit = [far * rng.choice([-1, 1]) / max(share, 1 - share) for _ in range(2)]
        return cls(share, [v * (1 - share) for v in unit], [-v * share for v in unit])

    def at(self, x: Sequence[Fraction]) -> Copies:
        pairs = ((self.share, self.first), (1 - self.share, self.second))
        return [(number(b), number(sum((v * w for v, w in zip(y, x, strict=True)), Fraction(0)))) for b, y in pairs]


COVERED = [(chart, name) for chart, names in CHARTS.items() if covers(chart_of(chart)) for name in names]


@pytest.mark.parametrize(("structure", "name"), COVERED)
def test_what_is_expanded_lies_within_its_error(structure: str, name: str) -> None:
    closest = 0.0
    for problem, chart, start, end, radii, rng in pieces(structure, name, 1, 12):
        q, lines, last = between(chart, start, end, len(problem.columns))
        data = Data(problem, Points(256))
        smalls, _ = _smalls(chart, q, lines, radii, len(problem.columns), "piece")
        far = Fraction(1, 2 ** rng.randint(1, 16))
        found = _expanded(data, chart, q, smalls, radii, last, far)
        functions = {"f": [found.output], "J": found.jacobian, "slopes": found.slopes}
        functions["blocks"] = [block.g for block in found.blocks]
        for _ in range(3):
            t = Fraction(rng.randint(1 if last else -64, 64), 64)
            at = [a + t * b + t * t * c for a, b, c in zip(*q, strict=True)]
            at = [v + r * rng.choice([-1, 0, 1]) for v, r in zip(at, radii, strict=True)]
            eps = [way.eps[0][0] + way.eps[0][1] * t for way in lines.values() if isinstance(way, Pair)]
            if chart.shared:
                others = sum((1 / eps[k] for k in chart.shared[:-1]), Fraction(0))
                eps.insert(chart.shared[-1], 1 / (shared_sum(chart, at, 2) - others))
            parted = Parted.drawn(rng, far)
            for n, x in enumerate(zip(*problem.columns, strict=True)):
                with mpmath.workprec(BITS):
                    known = truth(name, chart, at, [number(e) for e in eps], list(x), parted.at(x))
                    for key, values in known.items():
                        for place, (function, value) in enumerate(zip(functions[key], values, strict=True)):
                            share = apart(function, n, t, value)
                            assert share <= 1, f"{key} {place}: {share} times the error"
                            closest = max(closest, share)
    assert closest > 0.5  # the errors are not far from the least that would do


def test_several_shared_small_numbers_in_one_proportion_leave_a_short_quotient() -> None:
    """Else common factors would be left in it, which bounds of coefficients do not see cancel."""
    lengths = set()
    for problem, chart, start, end, _, _ in pieces("mirrored+mirrored+mirrored+mirrored", "sigmoid", 3, 24):
        q, lines, _ = between(chart, start, end, len(problem.columns))
        ratios = {(a / start.eps[0], b / end.eps[0]) for a, b in zip(start.eps, end.eps, strict=True) if end.eps[0]}
        alike = all(a == b for a, b in ratios)
        above, below = epsilons(chart, q, lines, len(problem.columns))[-1]
        lengths.add((alike, len(above), len(below)))
    # of two proportions there are two factors
    assert lengths == {(True, 2, 4), (False, 3, 5)}


@pytest.mark.parametrize("structure", ["split+", "mirrored+zero2"])
def test_copies_that_part_are_counted_and_not_much_too_high(structure: str) -> None:
    """About one place, so that all of an error is what copies do that are not together."""
    largest = [0.0] * 40
    for problem, chart, start, _, radii, rng in pieces(structure, "sigmoid", 5, 60):
        q, lines, last = between(chart, start, start, 2)
        data, far = Data(problem, Points(256)), Fraction(1, 2 ** rng.randint(0, 3))
        smalls, _ = _smalls(chart, q, lines, [v * 0 for v in radii], 2, "piece")
        found, together = (
            _expanded(data, chart, q, smalls, [v * 0 for v in radii], last, v) for v in (far, Fraction(0))
        )
        eps = [way.eps[0][0] for way in lines.values() if isinstance(way, Pair)]
        if chart.shared:
            eps.append(1 / (shared_sum(chart, start.q, 2) - 1 / eps[0]))
        copies = Parted.drawn(rng, far)
        for n, x in enumerate(zip(*problem.columns, strict=True)):
            with mpmath.workprec(BITS):
                known = truth("sigmoid", chart, start.q, [number(e) for e in eps], list(x), copies.at(x))
                values = [*known["f"], *known["J"], *known["blocks"], *known["slopes"]]
                sides = [
                    [f.output, *f.jacobian, *(block.g for block in f.blocks), *f.slopes] for f in (found, together)
                ]
                for place, (f, g, value) in enumerate(zip(*sides, values, strict=True)):
                    assert apart(f, n, Fraction(0), value) <= 1
                    if apart(g, n, Fraction(0), value) > 2:  # without the count it would be wrong
                        largest[place] = max(largest[place], apart(f, n, Fraction(0), value))
    counted = [v for v in largest if v]
    assert len(counted) == {"split+": 12, "mirrored+zero2": 5}[structure]
    assert min(counted) > 0.2


def apart(function: Any, n: int, t: Fraction, value: Any) -> float:
    """The distance of ``value`` from the expansion at ``t``, relative to the error."""

    def entry(vector: Any) -> Any:
        return mpmath.mpf(vector.mid[n if len(vector.mid) > 1 else 0]) / (1 << vector.scale)

    power, sum_ = mpmath.mpf(1), mpmath.mpf(0)
    for part in function.series:
        sum_, power = sum_ + entry(part) * power, power * number(t)
    return float(abs(value - sum_) / (entry(function.error) + mpmath.mpf(2) ** -200))
