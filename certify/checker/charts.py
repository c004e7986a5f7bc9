"""Charts: how neurons are grouped, and the limit network that the groups leave (docs/infinity.md).

A *chart* groups the neurons. Neurons in no group, and each group of *copies* as one, are neurons ``a σ(w·x)`` of the
limit network; with ``z = w·x``, the other groups, whose outgoing weights diverge, leave

    pair, split±, mirrored    c σ(z) + s σ'(z),  s = u·x
    triple± (τ = ±1)          c σ(z) + y σ'(z) + (τ/2) s² σ''(z),  y = v·x,  s = u·x
    cubic                     K + ℓ·x − s³/48,  s = u·x
    quintic                   K + ℓ·x − s² t/16 + s⁵/480,  t = g·x,  s = u·x
    zero                      K + s,  s = ℓ·x      (without a zero group: K, where a constant is free)
    linear                    σ'(0) s,  s = ℓ·x    (odd activations)
    exponential±              ± e^(ω·x)            (sigmoid, inputs with a last coordinate that is 1)
    saturated                 a step, and a neuron on the inputs it goes through (``saturated.py``)

and students with an output bias have a constant ``K`` of their own; then nothing is flipped and nothing released.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from .activations import Activation
from .loss import Derivatives, Jet, Problem, Unit, Vector, neurons
from .reading import Unreadable, fields, integer, need
from .saturated import Saturated, read_saturated

_KINDS = (
    ("copies",),
    ("pair",),
    ("split+", "split-"),
    ("mirrored",),
    ("triple+", "triple-"),
    ("cubic", "quintic"),
    ("zero",),
    ("linear",),
    ("exponential+", "exponential-"),
    ("saturated",),
)
_ORDER = {kind: place for place, kinds in enumerate(_KINDS) for kind in kinds}
_MEMBERS = {
    "pair": (2, 2),
    "mirrored": (2, 2),
    "triple+": (3, 3),
    "triple-": (3, 3),
    "cubic": (2, 2),
    "quintic": (3, 3),
    "linear": (1, 1),
    "exponential+": (1, 1),
    "exponential-": (1, 1),
    "saturated": (1, 1),
}
_LEAST = {"copies": 2, "split+": 3, "split-": 3, "zero": 1}
TAU = {"triple+": 1, "triple-": -1}
NODED = (*TAU, "quintic")
"""Along a path these are read off at nodes."""

GROWTH = {"exponential+": 1, "exponential-": -1}


@dataclass(frozen=True)
class Diverging:
    """A group whose weights diverge: its kind, its number of neurons, and how many are flipped, the last.

    And of a saturated neuron, the step that it becomes.
    """

    kind: str
    size: int
    flipped: int
    step: Saturated | None = None

    @property
    def copies(self) -> int:
        """How many members share one output: all of a split but the first, all of two or more zero neurons; else 0."""
        if self.kind in ("split+", "split-"):
            return self.size - 1
        return self.size if self.kind == "zero" and self.size > 1 else 0

    @property
    def releases(self) -> bool:
        return self.kind in ("mirrored", "cubic", "zero") or self.flipped > 0

    @property
    def mixed(self) -> bool:
        return 0 < self.flipped < self.copies

    @property
    def name(self) -> str:
        if self.step:
            return self.step.name
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
        """Whether paths are defined: pairs, triples, zero groups, and saturated neurons or a quintic group, nothing
        flipped but mirrored pairs, members of triples, a zero group of its own, and copies in splits that a mirrored
        pair or a zero group balances.
        """
        alone = [g for g in self.diverging if g.kind == "zero"] if len(self.shared) == 1 else []
        balanced = {self.kinds[k] for k in self.shared} & {"mirrored", "zero"}
        alone += [g for g in self.diverging if g.kind in ("split+", "split-") and balanced]
        last = "quintic" if "quintic" in self.kinds else "saturated"
        kinds = ("pair", "split+", "split-", "mirrored", "zero", last, *TAU)
        return (
            not self.bias
            and not any(self.flipped)
            and all(g.kind in kinds and (not g.flipped or g.kind in TAU or g in alone) for g in self.diverging)
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
        triples = [k for k in shared if self.diverging[k].kind in (*TAU, "cubic")]
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
        beside = len(shared) == 2 and any(self.diverging[k].kind in TAU for k in shared)
        return [k for k, group in enumerate(self.diverging) if group.copies and not (beside and group.kind == "zero")]

    @property
    def family(self) -> int:
        """The dimension of the shares: one is fixed where they have to make ``K``, or a zero group balances itself."""
        fixed = self.tied or len(self.shared) == 1
        return sum(k - 1 for k in self.copies) + sum(g.copies - 1 for g in self.diverging if g.copies) - fixed

    def units(self, d: int, activation: Activation) -> list[Unit]:
        """The limit network.

        Its parameters are, in the order of the units: of the neurons all ``w``, then all ``a``; ``(w, u, c)`` of each
        pair, ``(w, v, u, c)`` of each triple, ``u`` of a cubic, ``(g, u)`` of a quintic group; ``ℓ`` of a linear group;
        ``ω`` of each exponential; ``(ω, a)`` of each saturated neuron; ``(K, ℓ)``. An output bias is the last.
        """
        units, start = neurons(self.neurons, d), self.neurons * (d + 1)
        for group in self.diverging:
            kind = group.kind
            if group.step:
                units.append(group.step.unit(start))
                start += d
            elif kind == "cubic":
                units.append(Unit((range(start, start + d),), (), _cubic, -1))
                start += d
            elif kind == "quintic":
                units.append(Unit((range(start, start + d), range(start + d, start + 2 * d)), (), _quintic, -1))
                start += 2 * d
            elif kind == "linear":
                units.append(Unit((range(start, start + d),), (), partial(_linear, activation), -1))
                start += d
            elif kind in GROWTH:
                units.append(Unit((range(start, start + d),), (), partial(_exponential, GROWTH[kind]), -1))
                start += d
            elif kind != "zero":
                lines = 3 if kind in TAU else 2
                places = tuple(range(start + i * d, start + (i + 1) * d) for i in range(lines))
                formula = partial(_triple, TAU[kind]) if kind in TAU else _pair
                units.append(Unit(places, (start + lines * d,), formula, 4 if kind in TAU else 3))
                start += lines * d + 1
        if self.shared or self.tied or "quintic" in self.kinds:
            line = (range(start + 1, start + 1 + d),) if {"cubic", "quintic", "zero"} & set(self.kinds) else ()
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
    need(problem.outputs == 1, f"{where}: for students of one output")
    fields(value, where, {"width", "dimension", "groups"}, {"bias"})
    bias = value.get("bias", False)
    need(bias is True or "bias" not in value, f"{where}.bias: expected true, or nothing")
    need(bias == problem.bias, f"{where}.bias: given exactly where students have an output bias")
    same = value["width"] == width and value["dimension"] == problem.dimension
    need(same, f"{where}: another width or dimension")
    groups = value["groups"]
    if not isinstance(groups, list) or not all(isinstance(g, list) and len(g) in (2, 3) for g in groups):
        raise Unreadable(f"{where}.groups: expected a list of [kind, members] or [kind, members, flipped or direction]")
    used, kinds, copies, turned, diverging = 0, [], [], [], []
    for kind, members, *rest in groups:
        need(isinstance(kind, str) and kind in _ORDER, f"{where}: {ascii(kind)[:20]} is no kind of group")
        size = len(members) if isinstance(members, list) else 0
        least, most = _MEMBERS.get(kind, (_LEAST.get(kind, 1), width))
        need(least <= size <= most, f"{where}: {kind}: a group of {size}")
        need(members == list(range(used, used + size)), f"{where}: the neurons are not numbered in order")
        step = read_saturated(rest.pop() if rest else None, where, problem) if kind == "saturated" else None
        flipped = integer(rest[0], f"{where}.groups", 1, 1000) if rest else 0
        # half of copies, one of a triple; of splits not the first, and not all of a zero group
        exactly = {"copies": size // 2, "pair": 0, "mirrored": 0, "triple+": 1, "triple-": 1, "cubic": 0, "quintic": 0}
        bound = exactly.get(kind, size - 1)
        need(flipped <= bound, f"{where}: {kind}: {flipped} of {size} are mirrored")
        used += size
        kinds.append(kind)
        if kind == "copies":
            copies.append(size)
            turned.append(flipped)
        else:
            diverging.append(Diverging(kind, size, flipped, step))
    need(0 < used <= width, f"{where}: groups {used} of {width} neurons")
    need([_ORDER[kind] for kind in kinds] == sorted(_ORDER[kind] for kind in kinds), f"{where}: groups out of order")
    chart = Chart(copies, turned, diverging, len(copies) + width - used, bias)
    shared = [diverging[k] for k in chart.shared]
    alone = len(shared) == 1 and not (shared[0].kind == "zero" and shared[0].mixed)
    linear = kinds.count("zero")
    need(not alone and linear <= 1, f"{where}: a released constant that nothing balances, or two linear terms")
    partners = [group.kind for group in shared]
    beside = any(turned) or any(g.flipped for g in diverging) or "quintic" in kinds or "linear" in kinds
    fits = partners == ["mirrored", "cubic"] and not beside
    need(
        "cubic" not in kinds or fits, f"{where}: a cubic group without exactly one mirrored pair to share its constant"
    )
    beside = bool(shared) or any(turned) or kinds.count("quintic") > 1
    need("quintic" not in kinds or not beside, f"{where}: a quintic group beside another constant")
    beside = bool(shared) or any(turned) or "quintic" in kinds or kinds.count("linear") > 1
    need("linear" not in kinds or not beside, f"{where}: a linear group beside another linear term, or a constant")
    # flipped copies of a split release a constant of one sign, which is that of the split
    signs = {group.kind for group in shared}
    need(signs not in ({"split+"}, {"split-"}), f"{where}: constants of one sign")
    need(sum(group.kind in TAU for group in shared) <= 1, f"{where}: two triples with flipped members")
    constant = shared or chart.tied or "quintic" in kinds
    need(problem.name == "sigmoid" or not constant, f"{where}: constants are released by the sigmoid only")
    need(not (bias and constant), f"{where}: a released constant beside an output bias, which takes it")
    saturates = "saturated" in kinds
    need(problem.name == "sigmoid" or not saturates, f"{where}: a saturated neuron asks for the sigmoid")
    need(not (bias and saturates), f"{where}: a saturated neuron beside an output bias")
    odd = problem.activation.reflection == 0
    need(odd or "linear" not in kinds, f"{where}: a linear group asks for an odd activation")
    grows = any(kind in GROWTH for kind in kinds)
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


def _cubic(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    s = slots[0]
    first = s * s * number(Fraction(-1, 16))
    return first * s * number(Fraction(1, 3)), [first], {(0, 0): s * number(Fraction(-1, 8))}


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
    below = (-z.midpoints()).sigmoid()
    need(min(below.lower()) > 0, "witness.chart: an exponential is not bounded")
    at = below.reciprocal() - 1
    return at.widened(abs(at) * (rho + rho * rho))


def _affine(sigma: Jet, slots: list[Vector], number: Any) -> Derivatives:
    return sum(slots[1:], slots[0]), [number(1) for _ in slots], {}
