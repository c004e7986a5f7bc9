"""The part of a path that lies in a chart: copies come together, then ``(q, ε)`` goes from place to place.

The proofs are in docs/paths.md. **Copies**: outputs ``a_i`` stay, incoming weights go straight to their mean, weighted
by the outputs; ``Σ a_i δ_i = 0``, so that no residual changes to first order. **Places** ``(q, ε)``: the small
coordinates of the free groups, all diverging ones but the last of those that share a released constant and are no
triples. From one to the next, ``τ`` from −1 to 1, the free ``ε = ε_m + τδ`` are linear, ``q`` is linear in ``ε²`` of
the first of them, and the last shared one is

    ε = 1/(S − Σ R_g),   S = 2K + Σ c over mirrored groups + Σ φ c over splits,   R_g = 1/ε_g, of a triple −2a_3,

of a split ``−φ/ε_g``, ``φ`` the share of its flipped copies, which is the same all along.

On the piece to infinity ``ε = τ ε_start``, ``q = q_end + τ²(q_start − q_end)``, from ``τ = 1`` to 0. What each group
does on a piece is told in ``ways.py``, ``triples.py``, ``quintics.py`` and ``steps.py``; all are expanded in ``τ``, as
in ``path.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from . import quintics, triples
from .charts import NODED, TAU, Chart
from .folded import Folded
from .loss import Network, Vector
from .quintics import read_quintic
from .reading import need
from .series import ORDER, Numbers, Series, about, add, bound, composed, multiply, product, total
from .steps import Step, read_step
from .triples import read_triple
from .ways import Course, Pair, Way


@dataclass(frozen=True)
class Place:
    """``q``, the small coordinates of the free groups, and ``φ`` of splits with flipped copies, by number."""

    q: Numbers
    eps: Numbers
    flipped: dict[int, Fraction] = field(default_factory=dict)


def sizes(chart: Chart) -> list[int]:
    """How many neurons the groups have, in order; those in no group come after them."""
    return [*chart.copies, *(group.size for group in chart.diverging)]


def dependent(chart: Chart) -> int | None:
    """Which of the diverging groups is determined by the others: the last that shares a constant and is no triple."""
    shared = [k for k in chart.shared if chart.kinds[k] not in TAU]
    return shared[-1] if len(chart.shared) > 1 else None


def free_groups(chart: Chart) -> list[int]:
    """The other diverging groups."""
    return [k for k in range(len(chart.kinds)) if k != dependent(chart)]


def free_count(chart: Chart) -> int:
    """How many small coordinates are free."""
    return sum(triples.SMALL if chart.kinds[k] in NODED else 1 for k in free_groups(chart))


def smalls(chart: Chart, place: Place) -> dict[int, Numbers]:
    """The small coordinates of each of the free groups."""
    out, start = dict[int, Numbers](), 0
    for k in free_groups(chart):
        end = start + (triples.SMALL if chart.kinds[k] in NODED else 1)
        out[k] = place.eps[start:end]
        start = end
    return out


def _vanished(kind: str, small: Numbers) -> bool:
    return small[0] == TAU.get(kind, 1) and not any(small[2:]) if kind in NODED else not any(small)


def at_infinity(chart: Chart, place: Place) -> bool:
    """Whether all diverging groups are; ``False`` if there are none."""
    free = smalls(chart, place)
    return bool(free) and all(_vanished(chart.kinds[k], small) for k, small in free.items())


def place_in(chart: Chart, k: int, d: int) -> slice:
    """Where the diverging group ``k`` has its coordinates in ``q``; a zero and a quintic group with the constant.

    A quintic group is the last, so that ``(g, u)`` and ``(K, ℓ)`` are next to each other.
    """
    sizes = [(3 if kind in NODED else 2) * d + 1 for kind in chart.kinds]
    for i, kind in enumerate(chart.kinds):
        # ω has d − 1 coordinates; (K, ℓ) is the last of all
        sizes[i] = d if kind == "saturated" else d + 1 if kind == "zero" else sizes[i]
    others = [size for i, size in enumerate(sizes) if chart.kinds[i] != "zero" and (i < k or chart.kinds[k] == "zero")]
    start = chart.neurons * (d + 1) + sum(others)
    return slice(start, start + sizes[k])


def shares(chart: Chart) -> list[list[tuple[int, int]]]:
    """Of each group with copies their numbers and signs, −1 for flipped ones: of splits all members but the first."""
    groups = [(size, size, 0) for size in chart.copies] + [(g.size, g.copies, g.flipped) for g in chart.diverging]
    out, end = [], 0
    for size, copies, flipped in groups:
        end += size
        if copies:
            out.append([(i, -1 if i >= end - flipped else 1) for i in range(end - copies, end)])
    return out


def together(chart: Chart, neurons: Network) -> Network:
    """The copies in each group at their mean, those that are flipped at its mirror image."""
    out = list(neurons)
    for members in shares(chart):
        a = [sign * neurons[i][1] for i, sign in members]
        total = sum(a, Fraction(0))
        need(total != 0, "path: the outputs of copies add up to 0")
        columns = zip(*([sign * v for v in neurons[i][0]] for i, sign in members), strict=True)
        mean = [sum((p * v for p, v in zip(a, column, strict=True)), Fraction(0)) / total for column in columns]
        for i, sign in members:
            out[i] = (tuple(sign * v for v in mean), neurons[i][1])
    return tuple(out)


def check_apart(chart: Chart, neurons: Network, merged: Network, apart: Fraction) -> None:
    """That copies in diverging groups, ``merged`` at their means, are near enough: all ``|y|`` are less than ``apart``.

    ``w_i = w ± εu + ε²y_i`` of a split, ``4ε(ℓ + y_i)`` of a zero group.
    """
    end = 0
    for group in chart.diverging:
        first, end = end, end + group.size
        if group.copies:
            total = sum((a for _, a in neurons[end - group.copies : end]), Fraction(0))
            inverse = total - (neurons[first][1] if group.kind != "zero" else 0)
            need(inverse != 0, "path: a group without output")
            unit = 4 / abs(inverse) if group.kind == "zero" else 1 / inverse**2
            pairs = zip(neurons[end - group.copies : end], merged[end - group.copies : end], strict=True)
            away = max(abs(p - q) for (v, _), (w, _) in pairs for p, q in zip(v, w, strict=True))
            need(away < apart * unit, "path.apart: copies are farther from each other")


def first_place(chart: Chart, neurons: Network, nodes: list[Numbers]) -> Place:
    """The coordinates of a network whose copies are together, its triples and quintic group at the given nodes."""
    d, start = len(neurons[0][0]), 0
    w: list[tuple[Fraction, ...]] = []
    a: Numbers = []
    for size in chart.copies:
        w.append(neurons[start][0])
        a.append(sum((output for _, output in neurons[start : start + size]), Fraction(0)))
        start += size
    groups: list[Network] = []
    for size in sizes(chart)[len(chart.copies) :]:
        groups.append(neurons[start : start + size])
        start += size
    w += [v for v, _ in neurons[start:]]
    a += [output for _, output in neurons[start:]]
    q, smalls, constant, slope = [v for row in w for v in row] + a, list[Numbers](), Fraction(0), [Fraction(0)] * d
    given, affine, turned = iter(nodes), Numbers(), dict[int, Fraction]()
    for number, (known, group) in enumerate(zip(chart.diverging, groups, strict=True)):
        kind, flipped = known.kind, known.flipped
        if kind in TAU:
            constant += group[2][1] if flipped else 0
            last = (tuple(-v for v in group[2][0]), -group[2][1]) if flipped else group[2]
            block, small = read_triple((*group[:2], last), next(given))
            q += block
            smalls.append(small)
            continue
        if kind == "quintic":
            block, affine, small = read_quintic(group, next(given))
            q += block
            smalls.append(small)
            continue
        if known.step:
            block, small = read_step(known.step.normal, group[0])
            q += block
            smalls.append(small)
            continue
        if kind == "zero":
            signs = [1] * (len(group) - flipped) + [-1] * flipped
            total = sum((sign * a for sign, (_, a) in zip(signs, group, strict=True)), Fraction(0))
            need(total != 0, "path: a zero group without output")
            constant += total / 2 + sum((a for sign, (_, a) in zip(signs, group, strict=True) if sign < 0), Fraction(0))
            slope = [total * v / 4 for v in group[0][0]]
            smalls.append([1 / total])
            continue
        # of a split the copies, which are together, are one neuron, and the first member is the other one
        (w1, a1), (w2, a2) = group[0], group[-1]
        if kind in ("split+", "split-"):
            away = sum((a for _, a in group[len(group) - flipped :]), Fraction(0))
            constant += away
            # flipped ones stand for their mirror images
            w1 = tuple(-v for v in w2) if flipped else w2
            a1, (w2, a2) = sum((a for _, a in group[1:]), Fraction(0)) - 2 * away, group[0]
            if flipped:
                turned[number] = -away / a1
        if kind == "mirrored":
            constant += a2
            w2, a2 = tuple(-v for v in w2), -a2
        need(a1 != a2, "path: a pair with equal outputs")
        q += [(x + y) / 2 for x, y in zip(w1, w2, strict=True)]
        q += [(a1 - a2) * (x - y) / 2 for x, y in zip(w1, w2, strict=True)]
        q.append(a1 + a2)
        smalls.append([1 / (a1 - a2)])
    if chart.shared:
        q += [constant, *(slope if "zero" in chart.kinds else [])]
    q += affine
    return Place(q, [v for k, small in enumerate(smalls) if k != dependent(chart) for v in small], turned)


def between(chart: Chart, start: Place, end: Place, d: int) -> tuple[list[Numbers], dict[int, Way], bool]:
    """The curve from one place to the next: coefficients of ``q``, the ways of the free groups, whether to infinity.

    In the place of ``v`` of a triple ``q`` has its ``b``; of a quintic group ``(b, u, K, c)`` for ``(g, u, K, ℓ)``.

    Raises:
        Rejected: the way leads over infinity.
    """
    ends, last = (smalls(chart, start), smalls(chart, end)), at_infinity(chart, end)
    share = Fraction(0)
    for k in free_groups(chart):
        a, b = (small[k] for small in ends)
        if chart.kinds[k] in NODED:
            need(not _vanished(chart.kinds[k], a), "path: a place beyond infinity")
        elif chart.kinds[k] == "saturated":
            need(a[0] > 0 and (last or b[0] > 0), "path: ρ of a saturated neuron is not positive")
        elif last:
            need(a[0] != 0, "path: a place beyond infinity")
        else:
            need(a[0] * b[0] > 0, "path: ε changes its sign, or is 0")
    if ends[0] and not last:
        first = min(ends[0])
        a, b = (small[first] for small in ends)
        if chart.kinds[first] != "saturated":
            share = triples.share(a, b) if chart.kinds[first] in NODED else (b[0] - a[0]) / (b[0] + a[0])
    course, ways, q = Course(share, last), dict[int, Way](), [list(start.q), list(end.q)]
    for k in free_groups(chart):
        kind, place, (a, b) = chart.kinds[k], place_in(chart, k, d), (small[k] for small in ends)
        step = chart.diverging[k].step
        if kind in TAU:
            ways[k] = triples.triple(a, b, (start.q[place][-1], end.q[place][-1]), course)
            for v, small in zip(q, (a, b), strict=True):
                v[place] = triples.inner(v[place], small)
        elif kind == "quintic":
            constant = (start.q[place][2 * d], end.q[place][2 * d])
            ways[k] = quintics.quintic(a, b, constant, course)
            for v, small in zip(q, (a, b), strict=True):
                v[place] = quintics.inner(v[place], small)
        elif step:
            rho = (1 / a[0], Fraction(0)) if last else ((1 / a[0] + 1 / b[0]) / 2, (1 / b[0] - 1 / a[0]) / 2)
            ways[k] = Step(step.normal, rho, last)
        else:
            line = [Fraction(0), a[0]] if last else [(a[0] + b[0]) / 2, (b[0] - a[0]) / 2]
            ways[k] = Pair((line, [Fraction(1)]), last, kind == "zero")
    blended = [course.blend(x, y) for x, y in zip(*q, strict=True)]
    return [list(part) for part in zip(*blended, strict=True)], ways, last


def residuals(folded: Folded, chart: Chart, start: Place, end: Place) -> tuple[list[Series], Vector, bool]:
    """From one place to the next: ``r_j``, ``j ≤ K``, on both sides of the inputs, ``E``, and whether to infinity.

    Raises:
        Rejected: the way leads over infinity.
    """
    data = folded.data
    d = len(data.x)
    curve, free, last = between(chart, start, end, d)
    outputs: Series = [data.zero] * (ORDER + 1)
    # of f on the other side: κ times all outputs, those of a group adding up to c, and twice the constant K
    constants = [folded.reflection * sum(part[chart.neurons * d : chart.neurons * (d + 1)]) for part in curve]
    rest = data.zero
    for i in range(chart.neurons):
        z = [data.along([data.number(v) for v in part[i * d : (i + 1) * d]]) for part in curve]
        a = [data.number(part[chart.neurons * d + i]) for part in curve]
        sigma = composed(data.jet(z[0], ORDER), [data.zero, *z[1:]], data)
        outputs = add(outputs, product(sigma, a, ORDER, data))
        rest = rest + bound([(0, about(a))], about(z), data)
    if chart.shared:
        place = len(curve[0]) - (1 + d if "zero" in chart.kinds else 1)
        outputs = add(outputs, [data.zero + data.number(part[place]) for part in curve])
        constants = [v + 2 * part[place] for v, part in zip(constants, curve, strict=True)]
    for k, way in enumerate(all_ways(chart, curve, free, d, start.flipped)):
        block = [part[place_in(chart, k, d)] for part in curve]
        if chart.kinds[k] == "quintic":
            constants = [v + 2 * part[2 * d] for v, part in zip(constants, block, strict=True)]
        elif chart.kinds[k] != "zero":
            constants = [v + folded.reflection * part[-1] for v, part in zip(constants, block, strict=True)]
        series, wide = way.output(block, data)
        outputs, rest = add(outputs, series), rest + wide
    return folded.residuals(outputs, constants), rest, last


def released(chart: Chart, d: int, flipped: dict[int, Fraction]) -> dict[int, Fraction]:
    """By their places in ``q``, the coefficients of ``S = 2K + Σ c + Σ φ c``; empty without a constant."""
    if not chart.shared:
        return {}
    places = [place_in(chart, k, d) for k in range(len(chart.kinds))]
    out = {place.stop - 1: Fraction(1) for kind, place in zip(chart.kinds, places, strict=True) if kind == "mirrored"}
    out |= {places[k].stop - 1: share for k, share in flipped.items()}
    # (K, ℓ) is the last of all
    ends = [place.start if kind == "zero" else place.stop for kind, place in zip(chart.kinds, places, strict=True)]
    return out | {max(ends): Fraction(2)}


def all_ways(
    chart: Chart, curve: list[Numbers], free: dict[int, Way], d: int, flipped: dict[int, Fraction]
) -> list[Way]:
    """The ways of all diverging groups: the one that is not free has ``ε = N/D``, ``N = Π d_g``,
    ``D = S N − Σ_g n_g Π_{h ≠ g} d_h`` over the others that share, ``R_g = n_g/d_g``.

    Those with denominators that are multiples of each other are added first, over one of these.
    """
    last = dependent(chart)
    if last is None:
        return [free[k] for k in sorted(free)]
    linear = [sum((k * part[i] for i, k in released(chart, d, flipped).items()), Fraction(0)) for part in curve]
    others: list[tuple[Numbers, Numbers]] = []
    for group in (k for k in chart.shared if k != last):
        above, below = free[group].released()
        above = [-flipped[group] * v for v in above] if group in flipped else above
        for i, (known, under) in enumerate(others):
            # n/d + m/(k d) = (n + m/k)/d
            place = next(j for j, v in enumerate(under) if v)
            if place < len(below) and multiply(under, below[place : place + 1]) == multiply(below, [under[place]]):
                others[i] = total(known, [v * under[place] / below[place] for v in above]), under
                break
        else:
            others.append((above, below))
    n = multiply(*(below for _, below in others))
    parts = [multiply(linear, n)]
    for k, (above, _) in enumerate(others):
        rest = [below for i, (_, below) in enumerate(others) if i != k]
        parts.append(multiply([Fraction(-1)], above, *rest))
    denominator = total(*parts)
    while len(n) > 1 and n[0] == denominator[0] == 0:
        n, denominator = n[1:], denominator[1:]
    to_infinity = all(way.last for way in free.values())
    # constants that cancel to leading order would leave this group where it is
    need(not to_infinity or n[0] == 0, "path: the ε of the last shared group does not go to 0")
    found: dict[int, Way] = free | {last: Pair((n, denominator), to_infinity, chart.kinds[last] == "zero")}
    return [found[k] for k in sorted(found)]


def epsilons(chart: Chart, curve: list[Numbers], free: dict[int, Way], d: int) -> list[tuple[Numbers, Numbers]]:
    """``N`` and ``D`` with ``ε = N/D`` for each diverging group, in a chart without triples."""
    return [way.eps for way in all_ways(chart, curve, free, d, {}) if isinstance(way, Pair)]
