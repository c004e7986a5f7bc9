"""Plateaus of copied neurons and channels to infinity: a chart, its limit network, and conditions on signs.

A *chart* groups the neurons. Neurons in no group, and each group of *copies* as one, are neurons ``a σ(w·x)`` of the
limit network; with ``z = w·x``, the other groups, whose outgoing weights diverge, leave

    pair, mirrored      c σ(z) + s σ'(z),  s = u·x
    triple± (τ = ±1)    c σ(z) + y σ'(z) + (τ/2) s² σ''(z),  y = v·x,  s = u·x
    zero                K + s,  s = ℓ·x      (mirrored groups alone: K)

Its critical point ``q*`` is isolated by the theorems of ``isolated.py``; what follows is checked all over the
existence box. The proofs are in docs/infinity.md.

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

    pair, mirrored      φ = (c/2) s² σ'' + (1/6) s³ σ^(3)
    triple±             φ = (τ/2) p² σ'' + (α s³/6 + s² p/2) σ^(3) + (τ/24) s⁴ σ^(4),  α = u·v/u·u,  p = y − αs
    zero                φ = −(4/3) s³.

If ``κ = (2/N) Σ_n r_n φ(x_n) > 0`` for every small coordinate, ``(q*, 0)`` is a local minimum of the loss, at
infinity, where the Hessian (after splits) has no negative eigenvalue, else a saddle at infinity. Each diverging
group has its own small coordinate, but where exactly two share the released constants (mirrored, zero) these have
one, and their ``κ`` add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from .isolated import DataAt, Proved, check_box, check_eigenvalue, check_loss, check_not_global, pivots, read_box
from .loss import Derivatives, Jet, Problem, Unit, Vector, neurons
from .reading import Unreadable, bounds, fields, integer, need, sequence

_ORDER = {"copies": 0, "pair": 1, "mirrored": 2, "triple+": 3, "triple-": 3, "zero": 4}
_MEMBERS = {"pair": 2, "mirrored": 2, "triple+": 3, "triple-": 3, "zero": 1}
_TAU = {"triple+": 1, "triple-": -1}


@dataclass(frozen=True)
class Chart:
    """Sizes of the groups of copies and how many of each are mirrored, kinds of the diverging groups, and the number
    of neurons of the limit network.
    """

    copies: list[int]
    flipped: list[int]
    diverging: list[str]
    neurons: int

    @property
    def name(self) -> str:
        copies = [f"copies{k}" + f"-{f}" * (f > 0) for k, f in zip(self.copies, self.flipped, strict=True)]
        return "+".join(copies + self.diverging)

    @property
    def tied(self) -> bool:
        """Whether the shares of mirrored copies have to make ``K``."""
        return any(self.flipped) and not self.shared

    @property
    def shared(self) -> list[int]:
        """Which of the diverging groups release a constant."""
        return [k for k, kind in enumerate(self.diverging) if kind in ("mirrored", "zero")]

    def units(self, d: int) -> list[Unit]:
        """The limit network.

        Its parameters are, in the order of the units: of the neurons all ``w``, then all ``a``; ``(w, u, c)`` of each
        pair, ``(w, v, u, c)`` of each triple; ``(K, ℓ)``.
        """
        units, start = neurons(self.neurons, d), self.neurons * (d + 1)
        for kind in self.diverging:
            if kind != "zero":
                lines = 3 if kind in _TAU else 2
                places = tuple(range(start + i * d, start + (i + 1) * d) for i in range(lines))
                formula = partial(_triple, _TAU[kind]) if kind in _TAU else _pair
                units.append(Unit(places, (start + lines * d,), formula, 4 if kind in _TAU else 3))
                start += lines * d + 1
        if self.shared or self.tied:
            line = (range(start + 1, start + 1 + d),) if "zero" in self.diverging else ()
            units.append(Unit(line, (start,), _affine, -1))
        return units


def read_chart(value: Any, width: int, dimension: int) -> Chart:
    """The chart of a witness, in normal form: neurons are numbered group by group, those in no group last."""
    where = "witness.chart"
    fields(value, where, {"width", "dimension", "groups"})
    need(value["width"] == width and value["dimension"] == dimension, f"{where}: another width or dimension")
    groups = value["groups"]
    if not isinstance(groups, list) or not all(isinstance(g, list) and len(g) in (2, 3) for g in groups):
        raise Unreadable(f"{where}.groups: expected a list of [kind, members] or [kind, members, mirrored]")
    used, kinds, copies, turned = 0, [], [], []
    for kind, members, *flipped in groups:
        need(isinstance(kind, str) and kind in _ORDER, f"{where}: {ascii(kind)[:20]} is no kind of group")
        size = len(members) if isinstance(members, list) else 0
        need(size == _MEMBERS[kind] if kind in _MEMBERS else size >= 2, f"{where}: {kind}: a group of {size}")
        need(members == list(range(used, used + size)), f"{where}: the neurons are not numbered in order")
        used += size
        kinds.append(kind)
        mirrored = integer(flipped[0], f"{where}.groups", 1, 1000) if flipped else 0
        need(2 * mirrored <= size * (kind == "copies"), f"{where}: {kind}: {mirrored} of {size} are mirrored")
        if kind == "copies":
            copies.append(size)
            turned.append(mirrored)
    need(0 < used <= width, f"{where}: groups {used} of {width} neurons")
    need([_ORDER[kind] for kind in kinds] == sorted(_ORDER[kind] for kind in kinds), f"{where}: groups out of order")
    chart = Chart(copies, turned, [kind for kind in kinds if kind != "copies"], len(copies) + width - used)
    balanced = len(chart.shared) != 1 and kinds.count("zero") <= 1
    need(balanced, f"{where}: a released constant that nothing balances, or two linear terms")
    return chart


def _pair(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    _, s, c = slots
    f, f_z, f_zz = (sigma[k] * c + sigma[k + 1] * s for k in range(3))
    return f, [f_z, sigma[1], sigma[0]], {(0, 0): f_zz, (1, 0): sigma[2], (2, 0): sigma[1]}


def _triple(tau: int, sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    _, y, s, c = slots
    half_square = s * s * number(Fraction(tau, 2))
    f, f_z, f_zz = (sigma[k] * c + sigma[k + 1] * y + sigma[k + 2] * half_square for k in range(3))
    second = {(0, 0): f_zz, (1, 0): sigma[2], (2, 0): s * sigma[3] * tau, (2, 2): sigma[2] * tau, (3, 0): sigma[1]}
    return f, [f_z, sigma[1], s * sigma[2] * tau, sigma[0]], second


def _affine(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    return sum(slots[1:], slots[0]), [number(1) for _ in slots], {}


def check_limit(claim: dict[str, Any], witness: dict[str, Any], problem: Problem, data_at: DataAt) -> None:
    """Check a certificate with a chart: a plateau (``local-minimum``, ``saddle``) or a critical point at infinity.

    Raises:
        Rejected: naming the inequality that fails.
    """
    fields(witness, "witness", {"chart", "krawczyk", "inertia"}, {"splits", "tie", "channel"})
    d = problem.dimension
    chart = read_chart(witness["chart"], claim["width"], d)
    units = chart.units(d)
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
    dimension = sum(chart.copies) - len(chart.copies) - chart.tied
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
    elif chart.copies:
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
    weight = over.sigma[j][2] * a * over.r
    found = pivots([[data.moment(weight, i, k) for k in range(d)] for i in range(d)])
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
    for kind in chart.diverging:
        unit, sigma, slots = proved.around.units[place], over.sigma[place], over.slots[place]
        if kind == "zero":
            s = over.slots[-1][0]
            phi.append(s * s * s * number(Fraction(-4, 3)))
            continue
        place += 1
        square = slots[-2] * slots[-2]  # s²; the lines end with u·x, then comes c
        if kind in _TAU:
            box = [value.widened(number(r)) for value, r in zip(proved.around.theta, proved.tight, strict=True)]
            v, u = (data.arithmetic.stack([box[i] for i in line]) for line in unit.lines[1:])
            alpha = u.dot(v) * u.dot(u).reciprocal()
            _, y, s, _ = slots
            p = y - s * alpha
            cubic = square * s * alpha * number(Fraction(1, 6)) + square * p * number(Fraction(1, 2))
            ends = p * p * sigma[2] * number(Fraction(_TAU[kind], 2)) + square * square * sigma[4] * number(
                Fraction(_TAU[kind], 24)
            )
            phi.append(ends + cubic * sigma[3])
        else:
            _, s, c = slots
            phi.append(square * sigma[2] * c * number(Fraction(1, 2)) + square * s * sigma[3] * number(Fraction(1, 6)))
    fields(step, "witness.channel", {"kappa_lower", "kappa_upper"})
    own = [[k] for k in range(len(phi)) if k not in chart.shared]
    conditions = own + ([chart.shared] if len(chart.shared) == 2 else [[k] for k in chart.shared])
    low, high = (
        sequence(step[name], f"witness.channel.{name}", len(conditions)) for name in ("kappa_lower", "kappa_upper")
    )
    scale = number(Fraction(2, data.count))
    for condition, lower, upper in zip(conditions, low, high, strict=True):
        kappa = sum((phi[k].dot(over.r) for k in condition), number(0)) * scale
        need(0 < lower <= kappa.lower()[0], "witness.channel.kappa_lower: 0 < κ_lower ≤ κ fails")
        need(kappa.upper()[0] <= upper, "witness.channel.kappa_upper: κ ≤ κ_upper fails")
