"""Plateaus of copied neurons and channels to infinity: conditions on signs in the limit network of a chart.

The chart and its limit network are those of ``charts.py``. The critical point ``q*`` of the latter is isolated by the
theorems of ``isolated.py``; what follows is checked all over the existence box. The proofs are in docs/infinity.md.
``2/N`` is ``1/N`` where the loss is half the mean of the squares.

**Copies.** Let ``a_j ≠ 0``. ``k`` copies of neuron ``j`` with outputs ``β_i a_j``, ``Σ β_i = 1``, make a set of
critical points of dimension ``k − 1``. With ``n₊``, ``n₋``, ``n₀`` the numbers of positive, negative and zero ``β_i``
and ``B_j = (2/N) Σ_n r_n a_j σ'' x_n x_nᵀ`` non-singular,

    In(H_split) = In(H) + (n₊ − 1) In(B_j) + n₋ In(−B_j) + (0, 0, k − 1 + d n₀),

and splits of several neurons add up. If no ``β_i`` is 0 and no eigenvalue is negative, the points are local minima
(Morse–Bott). If some ``β_i`` is 0, they are no local minima: strict saddles of the same loss are as near as one likes.

**Mirrored copies** have ``−w_j`` and ``−β_i a_j``, which is ``β_i a_j σ(w_j·x)`` plus the constant ``−β_i a_j``: the
limit network gets a free constant ``K``. With ``x_j`` the sum of the mirrored shares of group ``j``, ``−Σ_j a_j x_j =
K``, unless zero or mirrored groups diverge and make up for it. That is one condition: the dimension and the nullity are
one less. It can be met by shares of the given signs if and only if ``−K`` lies in the open interval of all ``Σ a_j
x_j``: ``x_j`` is any number above 0 (below 0) if all mirrored shares are positive (negative), below 1 (above 1) if all
others are, and unrestricted by those of which both signs occur.

**Channels.** Near ``(q*, 0)`` the network is ``f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)`` with

    pair, split±, mirrored    φ = (c/2) s² σ'' + (1/6) s³ σ^(3)
    triple±                   φ = (τ/2) p² σ'' + (α s³/6 + s² p/2) σ^(3) + (τ/24) s⁴ σ^(4),  α = u·v/u·u,  p = y − αs
    cubic                     φ = (1/480) s⁵
    quintic                   φ = −(17/40320) s⁷ + (1/96) s⁴ (t − βs),  β = g·u/u·u
    zero                      φ = −(4/3) s³
    linear                    φ = (σ^(3)(0)/6) s³
    exponential±              φ = ∓ e^(2ω·x)

and for a saturated neuron, whose incoming weights diverge, with ``ε² = e^{−ρδ}`` the ``φ`` of ``saturated.py``.

If every ``κ = (2/N) Σ_n r_n φ(x_n)`` that counts is positive and copies keep together, ``(q*, 0)`` is a local minimum
of the loss, at infinity, where the Hessian (after splits) has no negative eigenvalue, else a saddle at infinity. A
group releases a constant if it is mirrored, cubic, zero, or has flipped members. Every ``κ`` counts, with two
exceptions. Of exactly two groups that release constants the ``κ`` add up, if neither is a triple or has flipped
and unflipped copies. Beside a triple or a cubic group the only other one that does has none.

Copies (members of a split but the first; two or more of a zero group) keep together if a matrix is positive definite:

    split±              ±(2/N) Σ_n r_n σ'' x xᵀ + t uuᵀ,  with some number t, and u ≠ 0
    zero                −(2/N) Σ_n r_n s x xᵀ             (not if it is the only other group beside a triple).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .charts import GROWTH, TAU, Chart, exponential, read_chart
from .isolated import DataAt, Proved, check_box, check_eigenvalue, check_loss, check_not_global, pivots, read_box
from .loss import Problem, Unit, Vector
from .reading import Unreadable, bounds, fields, integer, need, sequence
from .saturated import correction


def check_limit(claim: dict[str, Any], witness: dict[str, Any], problem: Problem, data_at: DataAt) -> None:
    """Check a certificate with a chart: a plateau (``local-minimum``, ``saddle``) or a critical point at infinity.

    Raises:
        Rejected: naming the inequality that fails.
    """
    fields(witness, "witness", {"chart", "krawczyk", "inertia"}, {"splits", "tie", "channel"})
    d = problem.dimension
    chart = read_chart(witness["chart"], claim["width"], problem)
    units = chart.units(d, problem.activation)
    box = read_box(witness, sum(len(unit.places) for unit in units))
    proved = check_box(box, units, data_at)
    splits = _check_splits(witness.get("splits", []), chart, proved)
    need(("tie" in witness) == chart.tied, "witness.tie: given exactly where shares have to make the constant")
    if chart.tied:
        _check_tie(witness["tie"], splits, proved)
    need(("channel" in witness) == bool(chart.diverging), "witness.channel: given exactly where groups diverge")
    if chart.diverging:
        _check_channel(witness["channel"], chart, proved)
    index = proved.index + sum(s.negative_added for s in splits)
    dimension = chart.family
    zeros = sum(s.zero for s in splits)
    finite = ("local-minimum", "saddle")
    kind = (finite if not chart.diverging else ("minimum-at-infinity", "saddle-at-infinity"))[index > 0 or zeros > 0]
    plateau = kind == "local-minimum" and dimension > 0
    need(claim["kind"] == kind, f"claim.kind: the signs say {kind}")
    need(claim["chart"] == chart.name, f"claim.chart: the witness says {chart.name}")
    need(claim["morse_index"] == index, f"claim.morse_index: the signs say {index}")
    need(claim["manifold_dimension"] == dimension, f"claim.manifold_dimension: the copies say {dimension}")
    need(claim["nullity"] == dimension + d * zeros, f"claim.nullity: the copies say {dimension + d * zeros}")
    need(claim["strict"] is (not plateau if kind == "local-minimum" else None), "claim.strict: not what is proved")
    for name in ("stratum", "complete"):
        need(claim[name] is None, f"claim.{name}: given for global minima only")
    level = len(problem.teacher) - chart.neurons
    need(claim["level"] == (level if kind == "saddle" and level > 0 else None), "claim.level: not what the chart says")
    check_not_global(claim, check_loss(claim["loss"], proved), problem)
    eigenvalue = claim["lambda_min"]
    if plateau:
        need(
            eigenvalue is not None and not any(bounds(eigenvalue, "claim.lambda_min")),
            "claim.lambda_min: 0 on a plateau",
        )
    elif chart.copies or any(group.copies for group in chart.diverging):
        need(eigenvalue is None, "claim.lambda_min: not proved of copies")
    elif eigenvalue is not None:
        check_eigenvalue(eigenvalue, proved)


@dataclass(frozen=True)
class Split:
    """What is checked of one group of copies.

    The negative eigenvalues it adds; how many shares are 0; ``a_j`` over the box; and between what ``x_j`` lies,
    ``None`` for infinite ends.
    """

    negative_added: int
    zero: int
    mirrored: int
    output: Vector
    low: int | None
    high: int | None


def _check_splits(steps: Any, chart: Chart, proved: Proved) -> list[Split]:
    """The copies, one after the other."""
    if not isinstance(steps, list):
        raise Unreadable("witness.splits: expected a list")
    need(len(steps) == len(chart.copies), "witness.splits: expected one for each group of copies")
    sizes = zip(steps, chart.copies, chart.flipped, strict=True)
    return [_check_split(j, step, size, flipped, chart, proved) for j, (step, size, flipped) in enumerate(sizes)]


def _check_split(j: int, step: Any, size: int, flipped: int, chart: Chart, proved: Proved) -> Split:
    over, data, where = proved.over_tight, proved.around.data, f"witness.splits[{j}]"
    d = len(data.x)
    names = ("neuron", "positive", "negative", "zero", "curvature_positive", "curvature_negative")
    fields(step, where, {*names, "mirrored"})
    neuron, positive, negative, zero, plus, minus = (integer(step[n], f"{where}.{n}", 0, 1000) for n in names)
    need(neuron == j and positive >= 1 and positive + negative + zero == size, f"{where}: not a split into {size}")
    if not isinstance(step["mirrored"], list) or len(step["mirrored"]) != 3:
        raise Unreadable(f"{where}.mirrored: expected three numbers")
    p, n, z = (integer(count, f"{where}.mirrored", 0, 1000) for count in step["mirrored"])
    need(p + n + z == flipped, f"{where}.mirrored: not {flipped} mirrored copies")
    need(p <= positive and n <= negative and z <= zero, f"{where}.mirrored: more than there are")
    need(zero == 0 or not any(chart.flipped), f"{where}: a share of 0 beside mirrored copies")
    a = over.slots[j][1]
    need(a.lower()[0] > 0 or a.upper()[0] < 0, f"{where}: the output may vanish")
    weight = over.sigma[j][2] * a * over.r[0]
    found = pivots([[data.moment(weight, i, k) for k in range(d)] for i in range(d)], data.arithmetic.stack)
    need(found == [plus, minus], f"{where}: B has the inertia {found} by elimination")
    low = 1 if positive == p else 0 if n == 0 else None
    high = 0 if p == 0 else 1 if negative == n else None
    return Split((positive - 1) * minus + negative * plus, zero, flipped, a, low, high)


def _check_tie(step: Any, splits: list[Split], proved: Proved) -> None:
    """``−K`` lies inside the interval of all ``Σ a_j x_j``, by at least the slack given."""
    fields(step, "witness.tie", {"slack"})
    constant = proved.over_tight.slots[-1][0]
    gaps = []
    for side in (-1, 1):
        ends = [(s.output, s.high if (side > 0) == (s.output.lower()[0] > 0) else s.low) for s in splits if s.mirrored]
        if all(x is not None for _, x in ends):
            gaps.append(sum((a * x for a, x in ends), constant) * side)
    slack = sequence(step["slack"], "witness.tie.slack", len(gaps))
    for gap, claimed in zip(gaps, slack, strict=True):
        need(0 < claimed <= gap.lower()[0], "witness.tie.slack: shares of these signs cannot be proved to make K")


def _check_channel(step: Any, chart: Chart, proved: Proved) -> None:
    """Every ``κ`` is positive, and within the bounds given."""
    over, data, number = proved.over_tight, proved.around.data, proved.around.data.number
    phi: list[Vector] = []
    place = chart.neurons
    for kind in chart.kinds:
        unit, sigma, slots = proved.around.units[place], over.sigma[place], over.slots[place]
        if kind == "zero":
            s = over.slots[-1][0]
            phi.append(s * s * s * number(Fraction(-4, 3)))
            continue
        place += 1
        if kind == "saturated":
            phi.append(correction(sigma, slots))
            continue
        if kind in GROWTH:
            value = exponential(slots[0], number)
            phi.append(value * value * -GROWTH[kind])
            continue
        if kind == "linear":
            s, third = slots[0], data.activation.jet(number(0).midpoints(), 3, number)[3]
            phi.append(s * s * s * third * number(Fraction(1, 6)))
            continue
        if kind == "cubic":
            s = slots[0]
            phi.append(s * s * s * s * s * number(Fraction(1, 480)))
            continue
        if kind == "quintic":
            g, u = _lines(unit, proved)
            t, s = slots
            fourth = s * s * s * s
            across = fourth * (t - s * (g.dot(u) * _square(u).reciprocal())) * number(Fraction(1, 96))
            phi.append(fourth * s * s * s * number(Fraction(-17, 40320)) + across)
            continue
        square = slots[-2] * slots[-2]  # s²; the lines end with u·x, then comes c
        if kind in TAU:
            _, v, u = _lines(unit, proved)
            alpha = u.dot(v) * _square(u).reciprocal()
            _, y, s, _ = slots
            p = y - s * alpha
            cubic = square * s * alpha * number(Fraction(1, 6)) + square * p * number(Fraction(1, 2))
            ends = p * p * sigma[2] * number(Fraction(TAU[kind], 2)) + square * square * sigma[4] * number(
                Fraction(TAU[kind], 24)
            )
            phi.append(ends + cubic * sigma[3])
        else:
            _, s, c = slots
            phi.append(square * sigma[2] * c * number(Fraction(1, 2)) + square * s * sigma[3] * number(Fraction(1, 6)))
    fields(step, "witness.channel", {"kappa_lower", "kappa_upper", "weights"})
    low, high = (
        sequence(step[name], f"witness.channel.{name}", len(chart.conditions))
        for name in ("kappa_lower", "kappa_upper")
    )
    scale = number(2 * data.factor / data.count)
    for condition, lower, upper in zip(chart.conditions, low, high, strict=True):
        kappa = sum((phi[k].dot(over.r[0]) for k in condition), number(0)) * scale
        need(0 < lower <= kappa.lower()[0], "witness.channel.kappa_lower: 0 < κ_lower ≤ κ fails")
        need(kappa.upper()[0] <= upper, "witness.channel.kappa_upper: κ ≤ κ_upper fails")
    weights = sequence(step["weights"], "witness.channel.weights", len(chart.held))
    for k, weight in zip(chart.held, weights, strict=True):
        _check_held(k, weight, chart, proved)


def _lines(unit: Unit, proved: Proved) -> list[Vector]:
    """The vectors of a unit's line slots over the existence box, (d) each."""
    around, number = proved.around, proved.around.data.number
    stack = around.data.arithmetic.stack
    places = [[i for i in line if i is not None] for line in unit.lines]
    return [stack([around.theta[i].widened(number(proved.tight[i])) for i in line]) for line in places]


def _square(u: Vector) -> Vector:
    """``u·u``, which must not vanish."""
    square = u.dot(u)
    need(square.lower()[0] > 0, "witness.channel: u may vanish")
    return square


def _check_held(k: int, weight: Fraction, chart: Chart, proved: Proved) -> None:
    """The copies of a diverging group keep together."""
    over, data, number = proved.over_tight, proved.around.data, proved.around.data.number
    kind, d, where = chart.diverging[k].kind, len(data.x), "witness.channel.weights"
    if kind == "zero":
        need(weight == 0, f"{where}: expected 0 for a zero group")
        form, along = over.slots[-1][0] * over.r[0] * number(-1), None
    else:
        place = chart.neurons + k
        form = over.sigma[place][2] * over.r[0] * number(-1 if kind == "split-" else 1)
        u = _lines(proved.around.units[place], proved)[1]
        along = [u[i] for i in range(d)]
        need(sum((v * v for v in along), number(0)).lower()[0] > 0, f"{where}: u may vanish")
    matrix = [[data.moment(form, i, j) for j in range(d)] for i in range(d)]
    if along is not None:
        # moments lack the factor 2φ/N
        scale = number(weight * data.count / (2 * data.factor))
        matrix = [[matrix[i][j] + along[i] * along[j] * scale for j in range(d)] for i in range(d)]
    found = pivots(matrix, data.arithmetic.stack)
    need(found == [d, 0], f"{where}: the matrix that holds copies together has the inertia {found} by elimination")
