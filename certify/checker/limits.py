"""Plateaus of copied neurons and channels to infinity: a chart, its limit network, and conditions on signs.

A *chart* groups the neurons. Neurons in no group, and each group of *copies* as one, are neurons ``a σ(w·x)`` of the
limit network; with ``z = w·x``, the other groups, whose outgoing weights diverge, leave

    pair, split±, mirrored    c σ(z) + s σ'(z),  s = u·x
    triple± (τ = ±1)          c σ(z) + y σ'(z) + (τ/2) s² σ''(z),  y = v·x,  s = u·x
    quintic                   K + ℓ·x − s² t/16 + s⁵/480,  t = g·x,  s = u·x
    zero                      K + s,  s = ℓ·x      (without a zero group: K, where a constant is free)
    linear                    σ'(0) s,  s = ℓ·x    (odd activations)
    exponential±              ± e^(ω·x)            (sigmoid, inputs with a last coordinate that is 1)

and students with an output bias have a constant ``K`` of their own; then nothing is flipped and nothing released.
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

    pair, split±, mirrored    φ = (c/2) s² σ'' + (1/6) s³ σ^(3)
    triple±                   φ = (τ/2) p² σ'' + (α s³/6 + s² p/2) σ^(3) + (τ/24) s⁴ σ^(4),  α = u·v/u·u,  p = y − αs
    quintic                   φ = −(17/40320) s⁷ + (1/96) s⁴ (t − βs),  β = g·u/u·u
    zero                      φ = −(4/3) s³
    linear                    φ = (σ^(3)(0)/6) s³
    exponential±              φ = ∓ e^(2ω·x).

If every ``κ = (2/N) Σ_n r_n φ(x_n)`` that counts is positive and copies keep together, ``(q*, 0)`` is a local minimum
of the loss, at infinity, where the Hessian (after splits) has no negative eigenvalue, else a saddle at infinity. A
group releases a constant if it is mirrored, zero, or has flipped members. Every ``κ`` counts, with two exceptions. Of
exactly two groups that release constants the ``κ`` add up, if neither is a triple or has flipped and unflipped copies.
Beside a triple the only other one that does has none.

Copies (members of a split but the first; two or more of a zero group) keep together if a matrix is positive definite:

    split±              ±(2/N) Σ_n r_n σ'' x xᵀ + t uuᵀ,  with some number t, and u ≠ 0
    zero                −(2/N) Σ_n r_n s x xᵀ             (not if it is the only other group beside a triple).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from .activations import Activation
from .isolated import DataAt, Proved, check_box, check_eigenvalue, check_loss, check_not_global, pivots, read_box
from .loss import Derivatives, Jet, Problem, Unit, Vector, neurons
from .reading import Unreadable, bounds, fields, integer, need, sequence

_KINDS = (
    ("copies",),
    ("pair",),
    ("split+", "split-"),
    ("mirrored",),
    ("triple+", "triple-"),
    ("quintic",),
    ("zero",),
    ("linear",),
    ("exponential+", "exponential-"),
)
_ORDER = {kind: place for place, kinds in enumerate(_KINDS) for kind in kinds}
_MEMBERS = {
    "pair": (2, 2),
    "mirrored": (2, 2),
    "triple+": (3, 3),
    "triple-": (3, 3),
    "quintic": (3, 3),
    "linear": (1, 1),
    "exponential+": (1, 1),
    "exponential-": (1, 1),
}
_LEAST = {"copies": 2, "split+": 3, "split-": 3, "zero": 1}
_TAU = {"triple+": 1, "triple-": -1}
_GROWTH = {"exponential+": 1, "exponential-": -1}


@dataclass(frozen=True)
class Diverging:
    """A group whose outgoing weights diverge: its kind, its number of neurons, and how many are flipped, the last."""

    kind: str
    size: int
    flipped: int

    @property
    def copies(self) -> int:
        """How many members share one output: all of a split but the first, all of two or more zero neurons; else 0."""
        if self.kind in ("split+", "split-"):
            return self.size - 1
        return self.size if self.kind == "zero" and self.size > 1 else 0

    @property
    def releases(self) -> bool:
        return self.kind in ("mirrored", "zero") or self.flipped > 0

    @property
    def mixed(self) -> bool:
        return 0 < self.flipped < self.copies

    @property
    def name(self) -> str:
        return self.kind + (str(self.size) if self.copies else "") + f"-{self.flipped}" * (self.flipped > 0)


@dataclass(frozen=True)
class Chart:
    """Sizes of the groups of copies and how many of each are mirrored, the diverging groups, and the number of neurons
    of the limit network; whether students have an output bias.
    """

    copies: list[int]
    flipped: list[int]
    diverging: list[Diverging]
    neurons: int
    bias: bool = False

    @property
    def name(self) -> str:
        copies = [f"copies{k}" + f"-{f}" * (f > 0) for k, f in zip(self.copies, self.flipped, strict=True)]
        return "+".join(copies + [group.name for group in self.diverging])

    @property
    def kinds(self) -> list[str]:
        """Of the diverging groups."""
        return [group.kind for group in self.diverging]

    @property
    def plain(self) -> bool:
        """Whether paths are defined: no triples, and nothing flipped but mirrored pairs and a zero group of its own."""
        alone = [g for g in self.diverging if g.kind == "zero"] if len(self.shared) == 1 else []
        kinds = ("pair", "split+", "split-", "mirrored", "zero")
        return (
            not self.bias
            and not any(self.flipped)
            and all(g.kind in kinds and (not g.flipped or g in alone) for g in self.diverging)
        )

    @property
    def tied(self) -> bool:
        """Whether the shares of mirrored copies have to make ``K``."""
        return any(self.flipped) and not self.shared

    @property
    def shared(self) -> list[int]:
        """Which of the diverging groups release a constant."""
        return [k for k, group in enumerate(self.diverging) if group.releases]

    @property
    def conditions(self) -> list[list[int]]:
        """Which ``κ`` are added up and have to be positive."""
        shared = self.shared
        triples = [k for k in shared if self.diverging[k].kind in _TAU]
        if len(shared) == 2 and triples:
            counted = [triples]
        elif len(shared) == 2 and not any(self.diverging[k].mixed for k in shared):
            counted = [shared]
        else:
            counted = [[k] for k in shared]
        return [[k] for k in range(len(self.diverging)) if k not in shared] + counted

    @property
    def held(self) -> list[int]:
        """The groups with copies that have to keep together."""
        shared = self.shared
        beside = len(shared) == 2 and any(self.diverging[k].kind in _TAU for k in shared)
        return [k for k, group in enumerate(self.diverging) if group.copies and not (beside and group.kind == "zero")]

    @property
    def family(self) -> int:
        """The dimension of the shares: one is fixed where they have to make ``K``, or a zero group balances itself."""
        fixed = self.tied or len(self.shared) == 1
        return sum(k - 1 for k in self.copies) + sum(g.copies - 1 for g in self.diverging if g.copies) - fixed

    def units(self, d: int, activation: Activation) -> list[Unit]:
        """The limit network.

        Its parameters are, in the order of the units: of the neurons all ``w``, then all ``a``; ``(w, u, c)`` of each
        pair, ``(w, v, u, c)`` of each triple, ``(g, u)`` of a quintic group; ``(K, ℓ)``; ``ℓ``
        of a linear group; ``ω`` of each exponential. An output bias is the last.
        """
        units, start = neurons(self.neurons, d), self.neurons * (d + 1)
        for kind in self.kinds:
            if kind == "quintic":
                units.append(Unit((range(start, start + d), range(start + d, start + 2 * d)), (), _quintic, -1))
                start += 2 * d
            elif kind == "linear":
                units.append(Unit((range(start, start + d),), (), partial(_linear, activation), -1))
                start += d
            elif kind in _GROWTH:
                units.append(Unit((range(start, start + d),), (), partial(_exponential, _GROWTH[kind]), -1))
                start += d
            elif kind != "zero":
                lines = 3 if kind in _TAU else 2
                places = tuple(range(start + i * d, start + (i + 1) * d) for i in range(lines))
                formula = partial(_triple, _TAU[kind]) if kind in _TAU else _pair
                units.append(Unit(places, (start + lines * d,), formula, 4 if kind in _TAU else 3))
                start += lines * d + 1
        if self.shared or self.tied or "quintic" in self.kinds:
            line = (range(start + 1, start + 1 + d),) if {"quintic", "zero"} & set(self.kinds) else ()
            units.append(Unit(line, (start,), _affine, -1))
        if self.bias:
            units.append(Unit((), (start,), _affine, -1))
        return units


def read_chart(value: Any, width: int, problem: Problem) -> Chart:
    """The chart of a witness, in normal form: neurons are numbered group by group, those in no group last.

    Raises:
        Rejected: there is no such chart, or not for this problem's loss and activation.
    """
    where = "witness.chart"
    need(problem.decay == 0, f"{where}: with weight decay nothing diverges, and copies are isolated points")
    fields(value, where, {"width", "dimension", "groups"}, {"bias"})
    bias = value.get("bias", False)
    need(bias is True or "bias" not in value, f"{where}.bias: expected true, or nothing")
    need(bias == problem.bias, f"{where}.bias: given exactly where students have an output bias")
    same = value["width"] == width and value["dimension"] == problem.dimension
    need(same, f"{where}: another width or dimension")
    groups = value["groups"]
    if not isinstance(groups, list) or not all(isinstance(g, list) and len(g) in (2, 3) for g in groups):
        raise Unreadable(f"{where}.groups: expected a list of [kind, members] or [kind, members, flipped]")
    used, kinds, copies, turned, diverging = 0, [], [], [], []
    for kind, members, *rest in groups:
        need(isinstance(kind, str) and kind in _ORDER, f"{where}: {ascii(kind)[:20]} is no kind of group")
        size = len(members) if isinstance(members, list) else 0
        least, most = _MEMBERS.get(kind, (_LEAST.get(kind, 1), width))
        need(least <= size <= most, f"{where}: {kind}: a group of {size}")
        need(members == list(range(used, used + size)), f"{where}: the neurons are not numbered in order")
        flipped = integer(rest[0], f"{where}.groups", 1, 1000) if rest else 0
        # half of copies, one of a triple; of splits not the first, and not all of a zero group
        exactly = {"copies": size // 2, "pair": 0, "mirrored": 0, "triple+": 1, "triple-": 1, "quintic": 0}
        bound = exactly.get(kind, size - 1)
        need(flipped <= bound, f"{where}: {kind}: {flipped} of {size} are mirrored")
        used += size
        kinds.append(kind)
        if kind == "copies":
            copies.append(size)
            turned.append(flipped)
        else:
            diverging.append(Diverging(kind, size, flipped))
    need(0 < used <= width, f"{where}: groups {used} of {width} neurons")
    need([_ORDER[kind] for kind in kinds] == sorted(_ORDER[kind] for kind in kinds), f"{where}: groups out of order")
    chart = Chart(copies, turned, diverging, len(copies) + width - used, bias)
    shared = [diverging[k] for k in chart.shared]
    alone = len(shared) == 1 and not (shared[0].kind == "zero" and shared[0].mixed)
    linear = kinds.count("zero")
    need(not alone and linear <= 1, f"{where}: a released constant that nothing balances, or two linear terms")
    beside = bool(shared) or any(turned) or kinds.count("quintic") > 1
    need("quintic" not in kinds or not beside, f"{where}: a quintic group beside another constant")
    beside = bool(shared) or any(turned) or "quintic" in kinds or kinds.count("linear") > 1
    need("linear" not in kinds or not beside, f"{where}: a linear group beside another linear term, or a constant")
    # flipped copies of a split release a constant of one sign, which is that of the split
    signs = {group.kind for group in shared}
    need(signs not in ({"split+"}, {"split-"}), f"{where}: constants of one sign")
    need(sum(group.kind in _TAU for group in shared) <= 1, f"{where}: two triples with flipped members")
    constant = shared or chart.tied or "quintic" in kinds
    need(problem.name == "sigmoid" or not constant, f"{where}: constants are released by the sigmoid only")
    need(not (bias and constant), f"{where}: a released constant beside an output bias, which takes it")
    odd = problem.activation.reflection == 0
    need(odd or "linear" not in kinds, f"{where}: a linear group asks for an odd activation")
    grows = any(kind in _GROWTH for kind in kinds)
    need(problem.name == "sigmoid" or not grows, f"{where}: an exponential asks for the sigmoid")
    need(not grows or set(problem.columns[-1]) == {1}, f"{where}: an exponential asks for biases of the neurons")
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


def _quintic(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    t, s = slots
    square, eighth = s * s, number(Fraction(-1, 8))
    f = square * t * number(Fraction(-1, 16)) + square * square * s * number(Fraction(1, 480))
    first = [square * number(Fraction(-1, 16)), s * t * eighth + square * square * number(Fraction(1, 96))]
    return f, first, {(1, 0): s * eighth, (1, 1): t * eighth + square * s * number(Fraction(1, 24))}


def _linear(activation: Activation, sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    slope = activation.jet(number(0).midpoints(), 3, number)[1]
    return slots[0] * slope, [slope], {}


def _exponential(sign: int, sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    value = exponential(slots[0], number) * sign
    return value, [value], {(0, 0): value}


def exponential(z: Vector, number: Any) -> Vector:
    """``e^z``: ``1/σ(−c) − 1`` at the midpoints ``c``; within ``ρ ≤ 1`` it moves by ``e^c (ρ + ρ²)`` at most."""
    rho = z.radii()
    need(max(rho.upper()) <= 1, "witness.chart: the box is too wide for an exponential")
    at = (-z.midpoints()).sigmoid().reciprocal() - 1
    return at.widened(abs(at) * (rho + rho * rho))


def _affine(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    return sum(slots[1:], slots[0]), [number(1) for _ in slots], {}


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
    for kind in chart.kinds:
        unit, sigma, slots = proved.around.units[place], over.sigma[place], over.slots[place]
        if kind == "zero":
            s = over.slots[-1][0]
            phi.append(s * s * s * number(Fraction(-4, 3)))
            continue
        place += 1
        if kind in _GROWTH:
            value = exponential(slots[0], number)
            phi.append(value * value * -_GROWTH[kind])
            continue
        if kind == "linear":
            s, third = slots[0], data.activation.jet(number(0).midpoints(), 3, number)[3]
            phi.append(s * s * s * third * number(Fraction(1, 6)))
            continue
        if kind == "quintic":
            g, u = _lines(unit, proved)
            t, s = slots
            fourth = s * s * s * s
            across = fourth * (t - s * (g.dot(u) * u.dot(u).reciprocal())) * number(Fraction(1, 96))
            phi.append(fourth * s * s * s * number(Fraction(-17, 40320)) + across)
            continue
        square = slots[-2] * slots[-2]  # s²; the lines end with u·x, then comes c
        if kind in _TAU:
            _, v, u = _lines(unit, proved)
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
    fields(step, "witness.channel", {"kappa_lower", "kappa_upper", "weights"})
    low, high = (
        sequence(step[name], f"witness.channel.{name}", len(chart.conditions))
        for name in ("kappa_lower", "kappa_upper")
    )
    scale = number(2 * data.factor / data.count)
    for condition, lower, upper in zip(chart.conditions, low, high, strict=True):
        kappa = sum((phi[k].dot(over.r) for k in condition), number(0)) * scale
        need(0 < lower <= kappa.lower()[0], "witness.channel.kappa_lower: 0 < κ_lower ≤ κ fails")
        need(kappa.upper()[0] <= upper, "witness.channel.kappa_upper: κ ≤ κ_upper fails")
    weights = sequence(step["weights"], "witness.channel.weights", len(chart.held))
    for k, weight in zip(chart.held, weights, strict=True):
        _check_held(k, weight, chart, proved)


def _lines(unit: Unit, proved: Proved) -> list[Vector]:
    """The vectors of a unit's line slots over the existence box, (d) each."""
    around, number = proved.around, proved.around.data.number
    stack = around.data.arithmetic.stack
    return [stack([around.theta[i].widened(number(proved.tight[i])) for i in line]) for line in unit.lines]


def _check_held(k: int, weight: Fraction, chart: Chart, proved: Proved) -> None:
    """The copies of a diverging group keep together."""
    over, data, number = proved.over_tight, proved.around.data, proved.around.data.number
    kind, d, where = chart.diverging[k].kind, len(data.x), "witness.channel.weights"
    if kind == "zero":
        need(weight == 0, f"{where}: expected 0 for a zero group")
        form, along = over.slots[-1][0] * over.r * number(-1), None
    else:
        place = chart.neurons + k
        form = over.sigma[place][2] * over.r * number(-1 if kind == "split-" else 1)
        along = [proved.around.theta[i].widened(number(proved.tight[i])) for i in proved.around.units[place].lines[1]]
        need(sum((v * v for v in along), number(0)).lower()[0] > 0, f"{where}: u may vanish")
    matrix = [[data.moment(form, i, j) for j in range(d)] for i in range(d)]
    if along is not None:
        # moments lack the factor 2φ/N
        scale = number(weight * data.count / (2 * data.factor))
        matrix = [[matrix[i][j] + along[i] * along[j] * scale for j in range(d)] for i in range(d)]
    found = pivots(matrix)
    need(found == [d, 0], f"{where}: the matrix that holds copies together has the inertia {found} by elimination")
