"""Strata: the affine families of zero-loss students that symmetry forces on every width, as exact objects.

A stratum gives each student neuron a class and a sign. Statements and proofs: ``docs/strata.md``; what is
computed here is exact (:class:`fractions.Fraction`), never a float.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product
from random import Random
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symmetry.network import Exact, Network, exact
from symmetry.problem import Problem

ZERO = Fraction(0)


class Label(NamedTuple):
    """What a stratum says of one neuron: ``w_i = s_i u``, ``u`` the vector of its class.

    ``("C", t, s)``: ``u = w*_t``; ``("D", j, s)``: ``u = v_j``, free; ``("Z", 0, 0)``: ``w_i = 0``. Classes are
    numbered from 1.
    """

    kind: Literal["C", "D", "Z"]
    number: int
    sign: int

    def __str__(self) -> str:
        """``C1+``, ``D1-``, ``Z``."""
        return "Z" if self.kind == "Z" else f"{self.kind}{self.number}{'+' if self.sign > 0 else '-'}"


NULL = Label("Z", 0, 0)


@dataclass(frozen=True)
class Target:
    """What a student has to equal: the teacher's neurons, and the activation's identity.

    Args:
        w: (r, d), non-zero and pairwise different up to sign.
        a: (r,), non-zero.
        reflection: ``c`` of ``σ(−z) = c − σ(z)``, or ``None`` without such an identity.

    Raises:
        ValueError: the neurons are not as stated.
    """

    w: tuple[tuple[Fraction, ...], ...]
    a: tuple[Fraction, ...]
    reflection: Fraction | None

    def __post_init__(self) -> None:
        if not self.a or len(self.w) != len(self.a):
            raise ValueError(f"{len(self.w)} neurons and {len(self.a)} outputs, expected as many of each, at least one")
        if not all(self.a):
            raise ValueError(f"output {self.a.index(ZERO) + 1} is 0, expected outputs that are not zero")
        lines = {max(row, tuple(-x for x in row)) for row in self.w}
        if len(lines) < len(self.w) or not all(any(row) for row in self.w):
            raise ValueError(
                "the neurons' incoming weights are expected to be non-zero and pairwise different up to sign"
            )

    @classmethod
    def of(cls, problem: Problem) -> Target:
        """The target of a problem with exact labels.

        Raises:
            ValueError: the labels are given in a file, so no student is known to equal them; or there are several
                outputs.
        """
        if problem.teacher is None or not problem.exact_labels:
            raise ValueError(
                f"{problem.name}: the labels are given, expected a teacher's exact outputs: only those have strata"
            )
        if problem.outputs > 1:
            raise ValueError(f"{problem.name}: has {problem.outputs} outputs, expected one: strata are for one")
        return cls.of_network(problem.teacher, problem.activation.reflection)

    @classmethod
    def of_network(cls, network: Network, reflection: Fraction | None) -> Target:
        """The target of students that equal ``network``.

        Raises:
            ValueError: neurons that act as one, or not at all.
        """
        return cls(tuple(tuple(row) for row in network.w), tuple(network.a), reflection)

    @classmethod
    def with_outputs(cls, outputs: Sequence[Fraction], reflection: Fraction | None, dimension: int = 2) -> Target:
        """A target with the given outputs in ``R^dimension``: names and counts depend on nothing else.

        Raises:
            ValueError: an output is 0, there is none, or the dimension is below 1.
        """
        if dimension < 1:
            raise ValueError(f"dimension is {dimension}, expected at least 1")
        w = [(Fraction(t), *[ZERO] * (dimension - 1)) for t in range(1, len(outputs) + 1)]
        return cls(tuple(w), tuple(Fraction(a) for a in outputs), reflection)

    @cached_property
    def approx_w(self) -> NDArray[np.float64]:
        """The incoming weights rounded to float64, (r, d)."""
        return np.array(self.w, dtype=np.float64)

    @property
    def balanced(self) -> bool:
        """Whether ``Σ_i a_i = Σ_t a*_t`` is asked for: unless ``σ(0) = 0`` is known.

        Without an identity ``σ(0)`` is not known; then the condition is asked for too: it is sufficient
        whatever ``σ(0)`` is, and necessary where ``σ(0) ≠ 0``.
        """
        return self.reflection is None or self.reflection != 0


@dataclass(frozen=True)
class Block:
    """The neurons of one class ``C_t`` or ``D_j``: they obey ``Σ s_i a_i = output``."""

    kind: Literal["C", "D"]
    number: int
    members: tuple[int, ...]
    signs: tuple[int, ...]
    output: Fraction

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of positive and of negative members."""
        positive = self.signs.count(1)
        return positive, len(self.signs) - positive

    @property
    def mixed(self) -> bool:
        """Whether both signs occur."""
        return min(self.shape) > 0

    def project(self, outputs: list[Fraction]) -> None:
        """Move the members' outputs, in place, to the nearest ones with ``Σ s_i a_i = output``."""
        miss = self.output - sum((s * outputs[i] for i, s in zip(self.members, self.signs, strict=True)), ZERO)
        for i, s in zip(self.members, self.signs, strict=True):
            outputs[i] += s * miss / len(self.members)


@dataclass(frozen=True)
class Stratum:
    """A closed affine family of students that equal the teacher as functions of ``x``.

    Labels are put in normal form (classes ``D`` numbered by first member, whose sign is +1), so two
    strata are equal if and only if they are the same set.

    Args:
        target: what the students equal.
        labels: one per neuron; every class ``C_1..C_r`` must occur.

    Raises:
        ValueError: a label that means nothing for this target, or an empty class.
    """

    target: Target
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        r = len(self.target.a)
        numbers: dict[int, int] = {}
        first_signs: dict[int, int] = {}
        normal = []
        for i, (kind, number, sign) in enumerate(self.labels):
            if kind == "Z":
                normal.append(NULL)
                continue
            if sign not in (1, -1) or (kind == "C" and not 1 <= number <= r) or kind not in ("C", "D"):
                raise ValueError(f"label {i} is {(kind, number, sign)}, expected a class of C1..C{r}, D or Z, sign ±1")
            if kind == "D":
                sign *= first_signs.setdefault(number, sign)
                normal.append(Label("D", numbers.setdefault(number, len(numbers) + 1), sign))
            else:
                normal.append(Label("C", number, sign))
        if self.target.reflection is None and any(label.sign < 0 for label in normal):
            raise ValueError("a label has sign -1, expected +1: the activation has no identity σ(−z) = c − σ(z)")
        missing = set(range(1, r + 1)) - {label.number for label in normal if label.kind == "C"}
        if missing:
            raise ValueError(f"class C{min(missing)} has no neuron, expected at least one in each of C1..C{r}")
        object.__setattr__(self, "labels", tuple(normal))

    @property
    def width(self) -> int:
        """The number of neurons ``m``."""
        return len(self.labels)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The classes ``C_1..C_r``, then ``D_1, D_2, …``."""
        members: dict[tuple[Literal["C", "D"], int], list[tuple[int, int]]] = {}
        for i, (kind, number, sign) in enumerate(self.labels):
            if kind != "Z":
                members.setdefault((kind, number), []).append((i, sign))
        return tuple(
            Block(
                kind,
                number,
                tuple(i for i, _ in members[kind, number]),
                tuple(s for _, s in members[kind, number]),
                self.target.a[number - 1] if kind == "C" else ZERO,
            )
            for kind, number in sorted(members)
        )

    @cached_property
    def zeros(self) -> tuple[int, ...]:
        """The neurons of the zero class."""
        return tuple(i for i, label in enumerate(self.labels) if label.kind == "Z")

    @property
    def free(self) -> tuple[Block, ...]:
        """The classes ``D``: each has a vector of its own, free in ``R^d``."""
        return tuple(block for block in self.blocks if block.kind == "D")

    @cached_property
    def name(self) -> str:
        """The same for all members of an orbit under neuron permutation, different for different orbits.

        ``C1+ C2- C3+,+ C4+ D1+,- Z``: the signs of each class; a class ``D`` with its majority sign first.
        """
        shapes = [block.shape for block in self.blocks if block.kind == "C"]
        shapes += free_shapes(self.blocks)
        r = len(self.target.a)
        names = [f"C{t}" for t in range(1, r + 1)] + [f"D{j}" for j in range(1, len(shapes) - r + 1)]
        parts = [name + ",".join("+" * p + "-" * n) for name, (p, n) in zip(names, shapes, strict=True)]
        if self.zeros:
            parts.append(",".join("Z" * len(self.zeros)))
        return " ".join(parts)

    @property
    def label_array(self) -> NDArray[np.int64]:
        """The labels as numbers, (m, 2): class (0 for Z, t for C_t, r + j for D_j) and sign (0 for Z)."""
        r = len(self.target.a)
        rows = [(number + (r if kind == "D" else 0), sign) for kind, number, sign in self.labels]
        return np.array(rows, dtype=np.int64)

    # ------------------------------------------------------------------ the affine set

    def constraints(self) -> tuple[Exact, Exact]:
        """The conditions ``A a = b`` on the outputs: ``A`` (k, m) and ``b`` (k,), exact.

        One row for each block, ``Σ_{C_t} s_i a_i = a*_t`` or ``Σ_{D_j} s_i a_i = 0``; then, unless
        ``σ(0) = 0``, ``Σ_i a_i = Σ_t a*_t``, which given the others says that the constants cancel:
        ``Σ_{s_i=−1} a_i + ½ Σ_Z a_i = 0`` (docs/strata.md, Proposition 2).
        """
        matrix = exact(np.zeros((len(self.blocks) + self.target.balanced, self.width)))
        for row, block in zip(matrix, self.blocks, strict=False):
            row[list(block.members)] = [Fraction(s) for s in block.signs]
        sides = [block.output for block in self.blocks]
        if self.target.balanced:
            matrix[-1] = Fraction(1)
            sides.append(sum(self.target.a, ZERO))
        return matrix, exact(sides)

    def system(self) -> tuple[Exact, Exact]:
        """All conditions ``A θ = b`` on ``θ = (w_1..w_m, a_1..a_m)``: ``A`` (k, P) and ``b`` (k,), exact.

        First those on the incoming weights: ``w_i = s_i w*_t``, ``w_i = 0``, or ``w_i = s_i w_k`` with ``k`` the first
        member of the class ``D``; then :meth:`constraints`.
        """
        m, d = self.width, len(self.target.w[0])
        on_outputs, output_sides = self.constraints()
        rows, sides = [], []
        for i, k in product(range(m), range(d)):
            kind, number, sign = self.labels[i]
            row = [ZERO] * (m * (d + 1))
            row[i * d + k] = Fraction(1)
            if kind == "D":
                row[self._first(number) * d + k] -= sign  # the first member's sign is +1; its own rows are 0 = 0
            if any(row):
                rows.append(row)
                sides.append(sign * self.target.w[number - 1][k] if kind == "C" else ZERO)
        rows += [[*[ZERO] * (m * d), *row] for row in on_outputs.tolist()]
        return exact(rows), exact([*sides, *output_sides])

    def _first(self, number: int) -> int:
        """The first neuron of the class ``D`` of this number."""
        return self.labels.index(Label("D", number, 1))

    @cached_property
    def _total(self) -> tuple[tuple[Fraction, ...], Fraction]:
        """The part ``g`` of ``(1, …, 1)`` orthogonal to the rows of all blocks, and ``|g|²``.

        ``g_i = 1 − s_i σ_B/|B|`` for a member of block ``B``, ``σ_B = Σ_B s_i``; 1 for a zero neuron.
        ``|g|² = m − Σ_B σ_B²/|B|``: zero if and only if no block is mixed and there is no zero neuron.
        """
        g = [Fraction(1)] * self.width
        for block in self.blocks:
            slope = Fraction(sum(block.signs), len(block.signs))
            for i, s in zip(block.members, block.signs, strict=True):
                g[i] -= s * slope
        return tuple(g), sum((x * x for x in g), ZERO)

    @cached_property
    def _irregular(self) -> int:
        """The number of mixed blocks, and one for the zero class if it has neurons."""
        return sum(block.mixed for block in self.blocks) + bool(self.zeros)

    @cached_property
    def _offset(self) -> Fraction:
        """The sum of ``a*_t`` over the classes ``C_t`` all of whose signs are −1."""
        return sum((block.output for block in self.blocks if block.kind == "C" and block.shape[0] == 0), ZERO)

    @property
    def is_empty(self) -> bool:
        """Whether no outputs satisfy the constraints (decided exactly)."""
        return self.target.balanced and self._irregular == 0 and self._offset != 0

    def _require_points(self) -> None:
        if self.is_empty:
            raise ValueError(
                f"stratum {self.name} is empty: the outputs of its negative classes have sum {self._offset}, expected 0"
            )

    def _require_shape(self, network: Network) -> None:
        self._require_points()
        shape = (self.width, len(self.target.w[0]))
        if network.w.shape != shape:
            raise ValueError(f"the network's w has shape {network.w.shape}, expected {shape} to match the stratum")

    @property
    def is_split(self) -> bool:
        """Whether every neuron is a copy of one of the target's, none of them flipped: all labels are ``C_t+``."""
        return all(label.kind == "C" and label.sign > 0 for label in self.labels)

    @property
    def dimension(self) -> int:
        """The dimension of the stratum: of its affine set of outputs, plus ``d`` for each class ``D``.

        Raises:
            ValueError: the stratum is empty.
        """
        self._require_points()
        d = len(self.target.w[0])
        return self.width - len(self.blocks) - (self.target.balanced and self._irregular > 0) + d * len(self.free)

    def _project(self, outputs: Sequence[Fraction]) -> list[Fraction]:
        """The nearest outputs that satisfy the constraints: first each block's, then the total along ``g``."""
        a = list(outputs)
        for block in self.blocks:
            block.project(a)
        g, square = self._total
        if self.target.balanced and square:
            step = (sum(self.target.a, ZERO) - sum(a, ZERO)) / square
            a = [x + step * y for x, y in zip(a, g, strict=True)]
        return a

    def nearest(self, network: Network) -> Network:
        """The point of the stratum nearest to ``network`` in Euclidean distance, exact.

        ``C``: ``w_i = s_i w*_t``; ``Z``: 0; ``D``: ``v_j = mean of s_i w_i``; outputs: orthogonal projection.

        Raises:
            ValueError: the stratum is empty, or the network has another shape.
        """
        self._require_shape(network)
        w = exact(np.zeros(network.w.shape))
        for block in self.blocks:
            if block.kind == "C":
                vector = exact(self.target.w[block.number - 1])
            else:
                signed = [s * network.w[i] for i, s in zip(block.members, block.signs, strict=True)]
                vector = sum(signed[1:], signed[0]) / len(signed)
            for i, s in zip(block.members, block.signs, strict=True):
                w[i] = s * vector
        return Network(w, exact(self._project(list(network.a))))

    def distance_squared(self, network: Network) -> Fraction:
        """The exact squared distance from ``network`` to :meth:`nearest`, from the moves of the projection.

        With ``v_j`` the mean of the ``s_i w_i``, and the moves along the rows of the blocks and along ``g`` orthogonal:

            Σ_C |w_i − s_i w*_t|² + Σ_D (Σ_i |w_i|² − |Σ_i s_i w_i|²/|D|) + Σ_Z |w_i|²
              + Σ_B (o_B − ℓ_B·a)²/|B| + (Σ a* − Σ a − Σ_B σ_B (o_B − ℓ_B·a)/|B|)²/|g|²

        Raises:
            ValueError: the stratum is empty, or the network has another shape.
        """
        self._require_shape(network)
        # integers over q (weights) and over n (divisions by |B|): no common divisors to look for
        q = math.lcm(*(x.denominator for x in (*network.theta(), *self.target.a, *sum(self.target.w, ()))))
        n = math.lcm(*(len(block.members) for block in self.blocks))

        def whole(x: Fraction) -> int:
            return x.numerator * (q // x.denominator)

        w = [[whole(x) for x in row] for row in network.w]
        a = [whole(x) for x in network.a]
        square = n * sum(x * x for i in self.zeros for x in w[i])
        total, length = n * (sum(map(whole, self.target.a)) - sum(a)), n * self.width
        for block in self.blocks:
            share = n // len(block.members)
            signed = [[s * x for x in w[i]] for i, s in zip(block.members, block.signs, strict=True)]
            if block.kind == "C":
                vector = [whole(x) for x in self.target.w[block.number - 1]]
                square += n * sum((x - y) ** 2 for row in signed for x, y in zip(row, vector, strict=True))
            else:
                square += n * sum(x * x for row in signed for x in row)
                square -= share * sum(sum(column) ** 2 for column in zip(*signed, strict=True))
            miss = whole(block.output) - sum(s * a[i] for i, s in zip(block.members, block.signs, strict=True))
            slope = sum(block.signs)
            square += share * miss * miss
            total -= share * slope * miss
            length -= share * slope * slope
        distance = Fraction(square, n * q * q)
        if self.target.balanced and length:
            distance += Fraction(total * total, n * length * q * q)
        return distance

    def contains(self, network: Network) -> bool:
        """Whether ``network`` lies on the (closed) stratum: decided exactly, for this labelling of the neurons."""
        if network.w.shape != (self.width, len(self.target.w[0])) or self.is_empty:
            return False
        point = self.nearest(network)
        return bool(np.all(point.w == network.w) and np.all(point.a == network.a))

    def random_point(self, rng: Random) -> Network:
        """An exact rational point: the nearest one to a network with random weights in [−3, 3]."""

        def number() -> Fraction:
            return Fraction(rng.randint(-3 * 997, 3 * 997), 997)

        d = len(self.target.w[0])
        w = exact([[number() for _ in range(d)] for _ in self.labels])
        return self.nearest(Network(w, exact([number() for _ in self.labels])))

    # ------------------------------------------------------------------ containment

    def is_subset(self, other: Stratum) -> bool:
        """Whether this stratum is contained in ``other``: decided exactly (docs/strata.md, Proposition 4).

        Raises:
            ValueError: the strata belong to different targets or widths.
        """
        if self.target != other.target or self.width != other.width:
            raise ValueError("the strata belong to different targets or widths, expected one teacher and one width")
        if self.is_empty:
            return True
        if other.is_empty or not self._vectors_subset(other):
            return False
        # a row q is constant on {A a = b}, with value β, iff q·p = β at a point p and the part of q along the set is 0
        p = self._project([ZERO] * self.width)
        rows, sides = other.constraints()
        return all(
            sum((x * y for x, y in zip(q, p, strict=True)), ZERO) == beta
            and self._project([x + y for x, y in zip(p, q, strict=True)]) == p
            for q, beta in zip(rows, sides, strict=True)
        )

    def _vectors_subset(self, other: Stratum) -> bool:
        """Whether the incoming weights of this stratum's generic point satisfy the conditions of ``other``."""
        for mine, theirs in zip(self.labels, other.labels, strict=True):
            if theirs.kind != "D" and mine != theirs:
                return False
        for block in other.blocks:
            if block.kind == "D":
                labels = [self.labels[i] for i in block.members]
                vectors = {(x.kind, x.number, x.sign * s) for x, s in zip(labels, block.signs, strict=True)}
                if len(vectors) > 1:
                    return False
        return True

    def maximal(self) -> Stratum:
        """The maximal stratum that contains this one; it is unique (docs/strata.md, Theorem 5).

        Only a stratum with exactly one irregular class (mixed, or zero) can be extended: its constant then
        fixes the sum of the zero class, or of each half, and one whose sum is 0 may become a class ``D``.

        Raises:
            ValueError: the stratum is empty.
        """
        self._require_points()
        if not self.target.balanced or self._irregular != 1:
            return self
        fresh = 1 + len(self.free)
        if self.zeros:
            return self._freed(self.zeros, fresh) if self._offset == 0 else self
        block = next(block for block in self.blocks if block.mixed)
        halves = {s: tuple(i for i, x in zip(block.members, block.signs, strict=True) if x == s) for s in (1, -1)}
        if self._offset == 0:
            return self._freed(halves[-1], fresh)
        if self._offset == -block.output:  # never for a class D: its output is 0
            return self._freed(halves[1], fresh)
        return self

    def _freed(self, neurons: tuple[int, ...], number: int) -> Stratum:
        free = Label("D", number, 1)
        return replace(self, labels=tuple(free if i in neurons else label for i, label in enumerate(self.labels)))

    @property
    def is_maximal(self) -> bool:
        """Whether the stratum is non-empty and contained in no other."""
        return not self.is_empty and self.maximal() == self

    # ------------------------------------------------------------------ orbits

    @cached_property
    def orbit_size(self) -> int:
        """The number of different strata among the neuron permutations of this one.

        ``m! / |Stab|``, where the stabiliser permutes neurons of one class and sign, swaps equal classes
        ``D``, and swaps the halves of a class ``D`` with as many signs + as −.
        """
        stabiliser = math.factorial(len(self.zeros))
        for block in self.blocks:
            positive, negative = block.shape
            stabiliser *= math.factorial(positive) * math.factorial(negative)
            if block.kind == "D" and positive == negative:
                stabiliser *= 2
        for count in Counter(free_shapes(self.blocks)).values():
            stabiliser *= math.factorial(count)
        return math.factorial(self.width) // stabiliser


def free_shapes(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """The shapes of the classes ``D``, majority sign first, large ones first."""
    shapes = [(max(block.shape), min(block.shape)) for block in blocks if block.kind == "D"]
    return sorted(shapes, key=lambda shape: (sum(shape), shape), reverse=True)
