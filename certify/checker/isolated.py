"""Isolated critical points: exactly one in a box, the inertia of its Hessian, bounds of loss and smallest eigenvalue.

The numbers are those of docs/mathematics.md, where the proofs are.

**Theorem 9 (Krawczyk 1969; Rump 2010, §13).** Let ``X = c ± ρ``, ``ρ > 0``, ``Y`` any matrix and ``[H] ⊇ {∇²L(θ) : θ
∈ X}``. If, component by component,

    |Y ∇L(c)| + |I − Y[H]| ρ < ρ,

``X`` holds exactly one critical point, and every matrix in ``[H]`` is non-singular. It is used twice with the same
``c`` and ``Y``: for the *uniqueness* box ``ρ = ρ_u`` and for the *existence* box ``ρ = ρ_e ≤ ρ_u``. So the one
critical point ``θ*`` of the larger box lies in the smaller, and the Hessian is non-singular all over the larger.

**Theorem 12 (Sylvester, Gershgorin).** If no Gershgorin disc of ``VᵀHV`` (``H`` symmetric, ``V`` any square matrix)
holds 0, ``V`` is non-singular, and the discs right and left of 0 are as many as the positive and negative
eigenvalues of ``H``. It is used for ``H = ∇²L(c)``; by Theorem 9 no eigenvalue changes its sign on the way from
``c`` to ``θ*``.

**Elimination** (docs/certificate-format.md, section 6). Let Gaussian elimination of a symmetric ``S`` without
exchanges meet no zero pivot. Then ``S = LDLᵀ`` with the pivots in ``D``, and by Sylvester ``S`` has as many positive
and negative eigenvalues as there are such pivots. It is used for ``∇²L(c) − (λ_low + δ) I``, which must have no
negative eigenvalue, and ``∇²L(c) − (λ_high − δ) I``, which must have one. Let ``|∇²L(θ*) − ∇²L(c)| ≤ R`` entry by
entry, ``R`` from the existence box, and ``δ = max_i Σ_j R_ij``: by Weyl ``λ_low < λ_min(∇²L(θ*)) < λ_high``.

**Theorem 14.** Over the existence box ``|L(θ*) − L(c)| ≤ Σ_i ρ_i sup|∂_i L|``, ``sup|∂_i L| ≤ |∂_i L(c)| + Σ_j ρ_j
sup|H_ij|``. Besides ``L ≥ 0``.

**Theorem 16 (Lemma 2 of Safran & Shamir).** Where the labels are a teacher's exact outputs, nothing is added to the
mean of squares, and the student is at least as wide, the infimum of the loss is 0; so a critical point with positive
loss is not a global minimum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .loss import Around, Data, Evaluation, Problem, Unit, Vector
from .reading import bounds, fields, integer, matrix, need, sequence

DataAt = Callable[[int], Data]
"""Inputs and labels at a number of bits."""

MAX_BITS = 4096


@dataclass(frozen=True)
class Box:
    """The witness of Theorems 9 and 12, parsed."""

    center: list[Fraction]
    tight: list[Fraction]
    wide: list[Fraction]
    y: list[list[Fraction]]
    v: list[list[Fraction]]
    signs: list[int]

    @property
    def bits(self) -> int:
        """Digits that resolve the existence box after a product with ``Y``, and 96 more."""
        largest = max(max(map(abs, row)) for row in self.y)
        bits = (1 / min(self.tight)).__ceil__().bit_length() + largest.__ceil__().bit_length() + 96
        need(bits <= MAX_BITS, f"witness.krawczyk: asks for {bits} bits, more than {MAX_BITS}")
        return max(192, -(-bits // 64) * 64)


def read_box(witness: dict[str, Any], size: int) -> Box:
    """The steps ``krawczyk`` and ``inertia`` of a witness, for ``size`` parameters."""
    krawczyk, inertia = witness["krawczyk"], witness["inertia"]
    names = ("center", "existence_radius", "uniqueness_radius")
    fields(krawczyk, "witness.krawczyk", {*names, "preconditioner"})
    fields(inertia, "witness.inertia", {"congruence", "signs"})
    center, tight, wide = (sequence(krawczyk[name], f"witness.krawczyk.{name}", size) for name in names)
    need(min(tight) > 0, "witness.krawczyk.existence_radius: expected positive radii")
    inside = all(e <= u for e, u in zip(tight, wide, strict=True))
    need(inside, "witness.krawczyk: the existence box does not lie in the uniqueness box")
    y = matrix(krawczyk["preconditioner"], "witness.krawczyk.preconditioner", size, size)
    v = matrix(inertia["congruence"], "witness.inertia.congruence", size, size)
    signs = inertia["signs"]
    need(isinstance(signs, list) and len(signs) == size, f"witness.inertia.signs: expected {size}")
    return Box(center, tight, wide, y, v, [integer(sign, "witness.inertia.signs", -1, 1) for sign in signs])


@dataclass(frozen=True)
class Proved:
    """What Theorems 9 and 12 gave: the Morse index, the existence box, the evaluations at its centre and over it."""

    index: int
    tight: list[Fraction]
    around: Around
    at_center: Evaluation
    over_tight: Evaluation


def check_box(box: Box, units: Sequence[Unit], data_at: DataAt) -> Proved:
    """Theorems 9 and 12 for a network of ``units``.

    Raises:
        Rejected: naming the inequality that fails.
    """
    around = Around(data_at(box.bits), units, box.center)
    at_center, over_tight = around.over(), around.over(box.tight)
    _contracts(box, around, at_center, around.over(box.wide), box.wide, "uniqueness")
    _contracts(box, around, at_center, over_tight, box.tight, "existence")
    return Proved(_index(box, around, at_center), box.tight, around, at_center, over_tight)


def _contracts(
    box: Box, around: Around, at_center: Evaluation, over: Evaluation, radius: list[Fraction], name: str
) -> None:
    # |(Y∇L)_i| + Σ_k |δ_ik − (Y[H])_ik| ρ_k < ρ_i; the rows of [H] are its columns
    arithmetic = around.data.arithmetic
    rho = arithmetic.vector(radius)
    for i, row in enumerate(box.y):
        y = arithmetic.vector(row)
        defect = arithmetic.stack([y.dot(column) - int(i == k) for k, column in enumerate(over.hessian)])
        image = (abs(y.dot(at_center.gradient)) + abs(defect).dot(rho)).upper()[0]
        need(
            image < radius[i],
            f"witness.krawczyk.{name}_radius: |Y∇L| + |I - Y[H]|ρ < ρ fails in coordinate {i}: "
            f"{_short(image)} is not below {_short(radius[i])}",
        )


def _index(box: Box, around: Around, at_center: Evaluation) -> int:
    arithmetic = around.data.arithmetic
    columns = [arithmetic.vector(column) for column in zip(*box.v, strict=True)]
    for i, v in enumerate(columns):
        hv = arithmetic.stack([row.dot(v) for row in at_center.hessian])
        entries = [column.dot(hv) for column in columns]  # column i of VᵀHV
        spread = sum((abs(entry) for j, entry in enumerate(entries) if j != i), around.data.number(0))
        low, high = (entries[i] - spread).lower()[0], (entries[i] + spread).upper()[0]
        sign = (low > 0) - (high < 0)
        need(sign != 0, f"witness.inertia: Gershgorin disc {i} of VᵀHV holds 0")
        need(sign == box.signs[i], f"witness.inertia.signs: disc {i} has the sign {sign}")
    return box.signs.count(-1)


def pivots(matrix: Sequence[Any], stack: Callable[[list[Vector]], Vector]) -> list[int] | None:
    """Elimination: the numbers of positive and negative pivots of a symmetric matrix; ``None`` if one may be 0."""
    signs, lower, inverse = [0, 0], list[Vector](), list[Vector]()
    for i, row in enumerate(matrix):
        scaled: list[Vector] = []  # L_ij d_j = S_ij − Σ_{k<j} (L_ik d_k) L_jk
        for j, other in enumerate(lower):
            scaled.append(row[j] - stack(scaled).dot(other))
        lower.append(stack([value * d for value, d in zip(scaled, inverse, strict=True)]))
        pivot = row[i] - stack(scaled).dot(lower[i])
        negative = pivot.upper()[0] < 0
        if not (negative or pivot.lower()[0] > 0):
            return None
        signs[negative] += 1
        inverse.append(pivot.reciprocal())
    return signs


def negative_eigenvalues(hessian: Sequence[Vector], shift: Vector, stack: Any) -> int | None:
    """The number of eigenvalues of ``H`` below ``shift``; ``None`` if elimination does not decide."""
    found = pivots([[h[j] - shift if i == j else h[j] for j in range(len(h))] for i, h in enumerate(hessian)], stack)
    return None if found is None else found[1]


def check_eigenvalue(claimed: Any, proved: Proved) -> None:
    """Elimination: the bounds claimed for the smallest eigenvalue of the Hessian at ``θ*``."""
    low, high = bounds(claimed, "claim.lambda_min")
    number, delta, stack = proved.around.data.number, proved.around.data.number(0), proved.around.data.arithmetic.stack
    for row, centre in zip(proved.over_tight.hessian, proved.at_center.hessian, strict=True):
        change = (row - centre).tops()
        delta = delta.larger(sum((change[j] for j in range(len(change))), number(0)))
    below = negative_eigenvalues(proved.at_center.hessian, number(low) + delta, stack)
    need(below == 0, "claim.lambda_min: the lower bound is not below the smallest eigenvalue by elimination")
    above = negative_eigenvalues(proved.at_center.hessian, number(high) - delta, stack)
    need(bool(above), "claim.lambda_min: the upper bound is not above the smallest eigenvalue by elimination")


def check_loss(claimed: Any, proved: Proved) -> Fraction:
    """The bounds claimed for the loss at ``θ*``; the lower one."""
    low, high = bounds(claimed, "claim.loss")
    arithmetic = proved.around.data.arithmetic
    rho = arithmetic.vector(proved.tight)
    slopes = arithmetic.stack([abs(row).dot(rho) for row in proved.over_tight.hessian]) + abs(proved.at_center.gradient)
    shift = slopes.dot(rho)
    need(low <= max((proved.at_center.loss - shift).lower()[0], Fraction(0)), "claim.loss: the lower bound fails")
    need((proved.at_center.loss + shift).upper()[0] <= high, "claim.loss: the upper bound fails")
    return low


def check_not_global(claim: dict[str, Any], lowest: Fraction, problem: Problem) -> None:
    """Theorem 16: ``not_global`` is claimed exactly where it applies."""
    realizable = problem.labels is None and not problem.decay and claim["width"] >= len(problem.teacher)
    need(
        claim["not_global"] is (True if realizable and lowest > 0 else None),
        "claim.not_global: true exactly where the labels are exact, the student is as wide as the teacher and the "
        "loss is positive",
    )


def check_isolated(claim: dict[str, Any], witness: dict[str, Any], problem: Problem, data_at: DataAt) -> None:
    """Check a certificate that claims an isolated ``local-minimum`` or ``saddle``.

    Raises:
        Rejected: naming the inequality that fails.
    """
    fields(witness, "witness", {"krawczyk", "inertia"}, {"lemma_1"})
    box = read_box(witness, problem.size(claim["width"]))
    proved = check_box(box, problem.student(claim["width"]), data_at)
    index, minimum = proved.index, proved.index == 0
    need(claim["morse_index"] == index, f"claim.morse_index: the inertia says {index}")
    need(claim["kind"] == ("local-minimum" if minimum else "saddle"), "claim.kind: not what the Morse index says")
    need(claim["strict"] is (True if minimum else None), "claim.strict: not what the Morse index says")
    need(claim["nullity"] == claim["manifold_dimension"] == 0, "claim.nullity, claim.manifold_dimension: expected 0")
    for name in ("stratum", "complete", "chart", "level"):
        need(claim[name] is None, f"claim.{name}: not given for isolated points")
    check_not_global(claim, check_loss(claim["loss"], proved), problem)
    if claim["lambda_min"] is not None:
        check_eigenvalue(claim["lambda_min"], proved)
    if "lemma_1" in witness:
        from .lemma1 import check_lemma1

        check_lemma1(witness["lemma_1"], proved)


def _short(value: Fraction) -> str:
    """Three digits for a message."""
    try:
        return f"{value.numerator / value.denominator:.3g}"
    except OverflowError:
        return "more than 1e308"
