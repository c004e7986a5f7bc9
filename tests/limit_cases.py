"""Charts, limit networks written down a second time, and problems that have a given critical point.

The second writing evaluates in mpmath or in power series; it shares no formula with ``symmetry.infinity.limits``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any

import mpmath
import numpy as np
from hypothesis import strategies as st

from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.network import Exact, Network, exact
from symmetry.problem import Inputs, Problem

SIGMOID = activation("sigmoid")
PAIRS = ("pair", "split+", "split-", "mirrored")

STRUCTURES: dict[str, list[tuple[Any, ...]]] = {
    "pair": [("pair", 2)],
    "pair+pair": [("pair", 2), ("pair", 2)],
    "mirrored+mirrored": [("mirrored", 2), ("mirrored", 2)],
    "mirrored+zero": [("mirrored", 2), ("zero", 1)],
    "pair+mirrored+zero": [("pair", 2), ("mirrored", 2), ("zero", 1)],
    "mirrored+mirrored+zero": [("mirrored", 2), ("mirrored", 2), ("zero", 1)],
    "mirrored+mirrored+mirrored": [("mirrored", 2), ("mirrored", 2), ("mirrored", 2)],
    "triple+": [("triple+", 3)],
    "triple-": [("triple-", 3)],
    "copies2": [("copies", 2)],
    "copies3": [("copies", 3)],
    "copies2+copies2": [("copies", 2), ("copies", 2)],
    "copies2+pair": [("copies", 2), ("pair", 2)],
    "copies3+mirrored+zero": [("copies", 3), ("mirrored", 2), ("zero", 1)],
    "copies2+triple-": [("copies", 2), ("triple-", 3)],
    "copies2-1": [("copies", 2, 1)],
    "copies3-1": [("copies", 3, 1)],
    "copies3-1+copies2-1": [("copies", 3, 1), ("copies", 2, 1)],
    "copies4-2+copies2": [("copies", 4, 2), ("copies", 2)],
    "copies4-2": [("copies", 4, 2)],
    "copies2-1+pair": [("copies", 2, 1), ("pair", 2)],
    "copies3-1+mirrored+zero": [("copies", 3, 1), ("mirrored", 2), ("zero", 1)],
    "split+3": [("split+", 3)],
    "split-4": [("split-", 4)],
    "pair+split-3": [("pair", 2), ("split-", 3)],
    "split+3-1+mirrored": [("split+", 3, 1), ("mirrored", 2)],
    "split-3-2+zero": [("split-", 3, 2), ("zero", 1)],
    "split+3-1+split-3-1": [("split+", 3, 1), ("split-", 3, 1)],
    "mirrored+triple--1": [("mirrored", 2), ("triple-", 3, 1)],
    "triple+-1+zero": [("triple+", 3, 1), ("zero", 1)],
    "split+3-1+triple+-1+zero2": [("split+", 3, 1), ("triple+", 3, 1), ("zero", 2)],
    "mirrored+zero2": [("mirrored", 2), ("zero", 2)],
    "mirrored+zero3-2": [("mirrored", 2), ("zero", 3, 2)],
    "zero2-1": [("zero", 2, 1)],
    "copies2-1+zero3-1": [("copies", 2, 1), ("zero", 3, 1)],
    "mirrored+cubic": [("mirrored", 2), ("cubic", 2)],
    "copies2+pair+mirrored+cubic": [("copies", 2), ("pair", 2), ("mirrored", 2), ("cubic", 2)],
    "quintic": [("quintic", 3)],
    "copies2+pair+quintic": [("copies", 2), ("pair", 2), ("quintic", 3)],
}
"""Groups of each structure: kind, number of neurons, and how many of them are flipped."""


def chart(name: str, *, ordinary: int = 1, dimension: int = 2, order: Sequence[int] | None = None) -> Chart:
    """The chart of a structure with so many ordinary neurons besides; ``order`` says which neuron is which."""
    sizes = STRUCTURES[name]
    width = ordinary + sum(size for _, size, *_ in sizes)
    order = range(width) if order is None else order
    assert sorted(order) == list(range(width))
    neurons, groups = iter(order), []
    for kind, size, *flipped in sizes:
        groups.append(Group(kind, tuple(next(neurons) for _ in range(size)), *flipped))
    found = chart_of(width, dimension, groups)
    assert found.name == name
    return found


@st.composite
def charts(draw: Any, names: Sequence[str] = tuple(STRUCTURES), max_dimension: int = 3) -> Chart:
    """A chart of one of the structures, its neurons in any order."""
    name = draw(st.sampled_from(list(names)))
    ordinary, dimension = draw(st.integers(0, 2)), draw(st.integers(1, max_dimension))
    width = ordinary + sum(size for _, size, *_ in STRUCTURES[name])
    return chart(name, ordinary=ordinary, dimension=dimension, order=draw(st.permutations(range(width))))


def size(chart: Chart) -> int:
    """The number of coordinates ``q``, ``P'``, counted from the definitions of the limit networks."""
    d = chart.dimension
    total = (chart.width - sum(len(group.members) for group in chart.groups)) * (d + 1)
    for group in chart.groups:
        lines = {"copies": 1, "cubic": 1, "zero": 0, "triple+": 3, "triple-": 3}.get(group.kind, 2)
        total += lines * d + (lines > 0 and group.kind not in ("cubic", "quintic"))
    zero = any(group.kind in ("cubic", "quintic", "zero") for group in chart.groups)
    return total + (zero or any(g.flipped or g.kind == "mirrored" for g in chart.groups)) + d * zero


def condition_terms(chart: Chart) -> list[list[int]]:
    """For each sum of ``κ`` that has to be positive, the places of the terms that add up."""
    return [[chart.term(group) for group in groups] for groups in chart.conditions]


def rationals(rng: Random, count: int) -> Exact:
    """Numbers of size 1, none of them 0."""
    return exact([Fraction(rng.choice([-1, 1]) * rng.randint(200, 1800), 1001) for _ in range(count)])


def smalls(chart: Chart, rng: Random, scale: Fraction) -> list[Fraction]:
    """Small coordinates of size ``scale``, all different."""
    count = sum(count for _, count in chart.free)
    return [scale * (1 + Fraction(k, 3)) * rng.choice([-1, 1]) for k in range(count)]


def shares(chart: Chart, rng: Random, q: Exact) -> list[list[Fraction]]:
    """Shares of the copies, none of them 0: of both signs for copies that stay finite; mirrored ones make ``K``."""
    out = []
    for group in chart.shared:
        choices = [-3, -2, -1, 1, 2, 3] if group.kind == "copies" else [1, 2]
        beta = [Fraction(rng.choice(choices), 7) for _ in group.copied[1:]]
        rest = 1 - sum(beta, Fraction(0))
        if not rest:
            beta[0], rest = beta[0] / 2, beta[0] / 2
        out.append([*beta, rest])
    mirrored = [k for k, group in enumerate(chart.copies) if group.flipped]
    if mirrored and not chart.balanced:
        # −Σ a_j x_j = K, x_j the mirrored shares' sum
        a = q[len(chart.ordinary) * chart.dimension :]
        missing = q[-1] + sum(a[k] * sum(out[k][-chart.copies[k].flipped :]) for k in mirrored)
        out[mirrored[0]][-1] -= missing / a[mirrored[0]]
        out[mirrored[0]][0] += missing / a[mirrored[0]]
    return out


# ------------------------------------------------------------------------------------------------ limits, once more


def number(x: Any) -> Any:
    """An exact number at mpmath's precision."""
    x = Fraction(x)
    return mpmath.mpf(x.numerator) / x.denominator


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def derivatives(z: Any, count: int) -> list[Any]:
    """``σ, σ', …`` at ``z``: Taylor coefficients by mpmath times factorials."""
    return [c * mpmath.factorial(k) for k, c in enumerate(mpmath.taylor(sigmoid, z, count))]


def output(network: Network, x: Exact) -> Any:
    """``Σ a σ(w·x)`` at mpmath's precision."""
    pairs = zip(network.w, network.a, strict=True)
    return sum((number(a) * sigmoid(number(w @ x)) for w, a in pairs), mpmath.mpf(0))


def blocks(chart: Chart, q: Exact) -> list[tuple[str, Exact]]:
    """Kind and coordinates of each part of ``q``, ``(w, a)`` of a neuron together; from the layout in the docs."""
    d = chart.dimension
    neurons = chart.width - sum(len(g.members) for g in chart.diverging) - sum(len(g.members) - 1 for g in chart.copies)
    w, a, rest = np.split(np.asarray(q, dtype=object), [neurons * d, neurons * (d + 1)])
    parts = [("neuron", np.append(w[i * d : (i + 1) * d], a[i])) for i in range(neurons)]
    lengths = {PAIRS: 2 * d + 1, ("triple+", "triple-"): 3 * d + 1, ("cubic",): d, ("quintic",): 2 * d}
    for wanted, length in lengths.items():
        for group in chart.groups:
            if group.kind in wanted:
                parts.append((group.kind, rest[:length]))
                rest = rest[length:]
    return [*parts, ("affine", rest)] if len(rest) else parts


def limit_output(chart: Chart, q: Exact, x: Exact) -> Any:
    """``f_0(q; x)``."""
    d, total = chart.dimension, mpmath.mpf(0)
    for kind, b in blocks(chart, q):
        if kind == "affine":
            total += number(b[0]) + (number(b[1:] @ x) if len(b) > 1 else 0)
            continue
        if kind == "cubic":
            total += derivatives(mpmath.mpf(0), 3)[3] / 6 * number(b @ x) ** 3
            continue
        if kind == "quintic":
            s = derivatives(mpmath.mpf(0), 5)
            total += s[3] / 2 * number((b[d:] @ x) ** 2 * (b[:d] @ x)) + s[5] / 120 * number(b[d:] @ x) ** 5
            continue
        s = derivatives(number(b[:d] @ x), 2)
        if kind == "neuron":
            total += number(b[d]) * s[0]
        elif kind in PAIRS:
            total += number(b[2 * d]) * s[0] + number(b[d : 2 * d] @ x) * s[1]
        else:
            tau = 1 if kind == "triple+" else -1
            total += number(b[3 * d]) * s[0] + number(b[d : 2 * d] @ x) * s[1]
            total += tau * number(b[2 * d : 3 * d] @ x) ** 2 * s[2] / 2
    return total


# --------------------------------------------------------------------------------------------- planted critical points


def planted(
    chart: Chart,
    q: np.ndarray,
    *,
    kappas: Sequence[float] = (),
    curvatures: Mapping[int, Any] | None = None,
    holds: Mapping[int, float] | None = None,
    count: int = 120,
    seed: int = 0,
    noise: float = 0.0,
    inputs: np.ndarray | None = None,
) -> Problem:
    """A problem with given labels for whose loss ``q`` (P',) is, to rounding, a critical point of the limit network.

    The residuals are the shortest with ``Jᵀr = 0`` (critical), ``(2/N) r·φ_k = κ_k`` for each diverging group in order,
    and ``(2/N) Σ r a_j σ'' x xᵀ = B_j`` for the neurons j in ``curvatures``; and labels are ``f_0(q) − r``.

    Args:
        chart: the structure.
        q: the limit network.
        kappas: one for each term with a correction (pairs, triples, zero neuron), or none.
        curvatures: ``B_j`` (d, d), by neuron.
        holds: ``(2/N) Σ r σ'' (v·x)²`` of a term that is a pair, ``v`` of its length across ``u`` (d = 2), by term.
        count: number of inputs, random.
        seed: of the inputs.
        noise: size of a further random residual, orthogonal to the columns of ``J``.
        inputs: (N, d) to take in place of random ones.
    """
    rng = np.random.default_rng(seed)
    x = np.round(64 * rng.normal(size=(count, chart.dimension))) / 32
    if inputs is not None:
        x, count = inputs, len(inputs)
    blank = Problem("planted", SIGMOID, Inputs(table=x), None, np.zeros(count))
    outputs, value = chart.objective(blank).outputs(np.asarray(q, dtype=np.float64), Float64(), 2)
    rows = list(np.concatenate([out.jacobian for out in outputs], axis=1).T)
    sides = [0.0] * len(rows)
    if len(kappas):
        corrected = [outputs[chart.term(group)] for group in chart.diverging]
        assert len(corrected) == len(kappas)
        rows += [2 / count * out.correction() for out in corrected]
        sides += list(kappas)
    for j, wanted in (curvatures or {}).items():
        bend = 2 / count * outputs[0].a[j] * outputs[0].jet[2][:, j]
        for row, column in zip(*np.triu_indices(chart.dimension), strict=True):
            rows.append(bend * x[:, row] * x[:, column])
            sides.append(np.asarray(wanted, dtype=np.float64)[row, column])
    for k, wanted in (holds or {}).items():
        u = outputs[k].u[0]
        rows.append(2 / count * outputs[k].jet[2][:, 0] * (x @ np.array([-u[1], u[0]])) ** 2)
        sides.append(wanted)
    matrix = np.array(rows)
    r, *_ = np.linalg.lstsq(matrix, np.array(sides), rcond=None)
    more = noise * rng.normal(size=count)
    r = r + more - np.linalg.pinv(matrix) @ (matrix @ more)
    assert np.allclose(matrix @ r, sides, atol=1e-10)
    return Problem("planted", SIGMOID, Inputs(table=x), None, value - r)
