"""Claims about ReLU students of a ReLU teacher under Gaussian inputs: critical points, global minima, balls without
any.

Let ``F`` be smooth on the ball of radius ``R`` about ``c`` and ``‖D³F‖ ≤ M`` there (Theorem 5 in ``gaussian.py``),
``ε ≥ ‖∇F(c)‖``, ``h ≥ ‖∇²F(c)‖``, and let the eigenvalues of ``∇²F(c)`` have magnitudes of at least ``μ > 0``, ``p``
of them negative.

**Theorem 6** (docs/gaussian-relu.md). If ``MR < μ`` and ``ε ≤ μR − MR²/2``, the ball holds exactly one critical point
``θ*``; it is non-degenerate, of index ``p``, and within ``ρ ≤ R`` of ``c`` if ``ε ≤ μρ − Mρ²/2``. (``T(x) = x −
∇²F(c)⁻¹∇F(x)`` is a contraction of the ball.) Then ``|F(θ*) − F(c)| ≤ (h + Mρ)ρ²/2``, and eigenvalues move by at most
``Mρ``.

**Theorem 7.** If ``γ ≤ ‖∇F(c)‖`` and ``γ > hR + MR²/2``, the ball holds no critical point.

**Theorem 8.** If each ``w_i = α_i v_t(i)``, ``α_i > 0``, and ``Σ_{t(i) = j} α_i = 1`` for every ``j``, then student
and teacher are the same function and ``F(W) = 0``, its minimum. If the ``v_j`` are linearly independent, near ``W``
there are no other zeros than those of this form with the same ``t``, a family of dimension ``n − k``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .definite import Symmetric, count_below, quotient_above
from .gaussian import Place, Population
from .reading import Unreadable, bounds, canonical, exact, fields, integer, matrix, need, sequence

MAX_BITS = 1024
BITS = 192
_OFFSET = Fraction(1, 2**34)
"""Eigenvalues are counted so far, times ``‖∇²F‖``, from the numbers claimed: more than rounding the factors takes."""

Arithmetic = Callable[[int], Any]

Rows = list[list[Fraction]]


def population_of(data: Any, name: str) -> Population:
    """The problem in the content of a ``problem.json``.

    Raises:
        Unreadable: it is damaged.
        Rejected: it is not the problem its hash names, or the theorems exclude its teacher.
    """
    content = data["content"]
    fields(content, "content", {"format", "loss", "teacher"})
    digest = hashlib.sha256(canonical(content)).hexdigest()
    need(data["hash"] == digest, f"{name}: hash: is not that of the content")
    need(content["format"] == 1, f"{name}: content.format: this checker knows format 1")
    fields(content["teacher"], "content.teacher", {"w"})
    w = content["teacher"]["w"]
    if not isinstance(w, list) or not w or not isinstance(w[0], list) or not 1 <= len(w[0]) <= 1000:
        raise Unreadable("content.teacher.w: expected a list of rows")
    rows = [[_rational(v) for v in row] for row in w]
    need(len({len(row) for row in rows}) == 1, "content.teacher.w: expected rows of one length")
    need(_independent(rows), "content.teacher.w: expected linearly independent neurons")
    return Population(digest, tuple(map(tuple, rows)))


def _rational(value: Any) -> Fraction:
    try:
        if isinstance(value, str) and len(value) <= 400:
            return Fraction(value)
    except (ValueError, ZeroDivisionError):
        pass
    raise Unreadable("content.teacher.w: expected p or p/q")


def _independent(rows: Rows) -> bool:
    """Elimination, exact; zeros cost nothing."""
    left = [{k: v for k, v in enumerate(row) if v} for row in rows]
    while left:
        pivot = left.pop()
        if not pivot:
            return False
        column = next(iter(pivot))
        for row in left:
            if column in row:
                factor = row[column] / pivot[column]
                for k, v in pivot.items():
                    row[k] = row.get(k, Fraction(0)) - factor * v
                    if not row[k]:
                        del row[k]
    return True


def check_critical(claim: dict[str, Any], witness: dict[str, Any], problem: Population, at: Arithmetic) -> None:
    """Check a certificate that claims a ``local-minimum`` or a ``saddle``: Theorem 6.

    Raises:
        Rejected: naming the inequality that fails.
    """
    where = "witness.newton_ball"
    fields(witness, "witness", {"newton_ball"})
    step = witness["newton_ball"]
    names = ("radius", "reach", "gradient_norm", "gap", "lipschitz")
    fields(step, where, {"center", *names})
    rho, reach, epsilon, mu, m = (exact(step[name], f"{where}.{name}") for name in names)
    need(0 < rho <= reach, f"{where}: 0 < ρ ≤ R fails")
    need(epsilon > 0, f"{where}.gradient_norm: expected a positive number")
    need(m * reach < mu, f"{where}: MR < μ fails")
    need(epsilon <= mu * reach - m * reach**2 / 2, f"{where}: ε ≤ μR - MR²/2 fails")
    need(epsilon <= mu * rho - m * rho**2 / 2, f"{where}: ε ≤ μρ - Mρ²/2 fails")
    place = _place(step["center"], claim, problem, at, f"{where}.center", epsilon)
    need(place.smooth_within(reach), f"{where}.reach: a neuron may be 0, or parallel to another, in the ball")
    need(place.lipschitz(reach) <= m, f"{where}.lipschitz: M is smaller than the bound on the ball")
    square = place.gradient.dot(place.gradient).upper()[0]
    need(square <= epsilon**2, f"{where}.gradient_norm: ‖∇F(c)‖ ≤ ε fails")
    hessian = symmetric(place)
    index, minimum = claim["morse_index"], claim["morse_index"] == 0
    need(index is not None, "claim.morse_index: expected a number")
    _check_eigenvalues(claim, hessian, mu, m * rho)
    need(claim["kind"] == ("local-minimum" if minimum else "saddle"), "claim.kind: not what the Morse index says")
    need(claim["strict"] is (True if minimum else None), "claim.strict: not what the Morse index says")
    need(claim["nullity"] == claim["manifold_dimension"] == 0, "claim.nullity, claim.manifold_dimension: expected 0")
    for name in ("stratum", "complete", "chart", "level"):
        need(claim[name] is None, f"claim.{name}: not given for isolated points")
    low, high = bounds(claim["loss"], "claim.loss")
    shift = (hessian.norm + m * rho) * rho**2 / 2
    need(low <= max(place.loss.lower()[0] - shift, Fraction(0)), "claim.loss: the lower bound fails")
    need(place.loss.upper()[0] + shift <= high, "claim.loss: the upper bound fails")
    wide = claim["width"] >= len(problem.teacher)
    need(
        claim["not_global"] is (True if wide and low > 0 else None),
        "claim.not_global: true exactly where the student is as wide as the teacher and the loss is positive",
    )


def _check_eigenvalues(claim: dict[str, Any], hessian: Symmetric, mu: Fraction, turn: Fraction) -> None:
    """Magnitudes of at least ``μ``, ``morse_index`` negative ones; ``lambda_min`` at ``θ*``, ``turn = Mρ`` away."""
    offset, index = hessian.norm * _OFFSET, claim["morse_index"]
    for shift in (mu + offset, -mu - offset) if index else (mu + offset,):
        count = count_below(hessian, shift)
        counted = count is not None and count.slack <= offset and count.below == index
        need(counted, f"claim.morse_index, witness.newton_ball.gap: not {index} eigenvalues below {'-' * (shift < 0)}μ")
    low, high = bounds(claim["lambda_min"], "claim.lambda_min")
    count = count_below(hessian, (mu if not index else low + turn) + offset)
    if index:
        counted = count is not None and count.slack <= offset and count.below == 0
        need(counted, "claim.lambda_min: an eigenvalue is below the lower bound")
    else:
        need(low <= mu - turn, "claim.lambda_min: the lower bound is not μ - Mρ or less")
    assert count is not None
    need(quotient_above(hessian, count) + turn <= high, "claim.lambda_min: the upper bound fails")


def check_empty(claim: dict[str, Any], witness: dict[str, Any], problem: Population, at: Arithmetic) -> None:
    """Check a certificate that claims ``not-critical``: Theorem 7.

    Raises:
        Rejected: naming the inequality that fails.
    """
    where = "witness.gradient_ball"
    fields(witness, "witness", {"gradient_ball"})
    fields(witness["gradient_ball"], where, {"center"})
    radius = exact(claim["empty_radius"], "claim.empty_radius")
    need(radius > 0, "claim.empty_radius: expected a positive number")
    place = _place(witness["gradient_ball"]["center"], claim, problem, at, f"{where}.center", Fraction(1))
    need(place.smooth_within(radius), f"{where}: a neuron may be 0, or parallel to another, in the ball")
    reach = symmetric(place).norm * radius + place.lipschitz(radius) * radius**2 / 2
    need(place.gradient.dot(place.gradient).lower()[0] > reach**2, f"{where}: ‖∇F(c)‖ > hR + MR²/2 fails")


def _place(
    center: Any, claim: dict[str, Any], problem: Population, at: Arithmetic, where: str, size: Fraction
) -> Place:
    n, d = claim["width"], problem.dimension
    theta = sequence(center, where, n * d)
    bits = max(BITS, (size.denominator.bit_length() - abs(size.numerator).bit_length() + 160) // 64 * 64)
    need(bits <= MAX_BITS, f"{where}: asks for {bits} bits, more than {MAX_BITS}")
    try:
        return Place(problem, [theta[i * d : (i + 1) * d] for i in range(n)], at(bits))
    except ZeroDivisionError:
        need(False, f"{where}: a neuron may be 0, or parallel to another")
        raise


def symmetric(place: Place) -> Symmetric:
    """``∇²F`` in integers."""
    ends = []
    for blocks in place.hessian:
        for k in range(place.dimension):
            low = [v for block in blocks for v in block[k].lower()]
            ends.append((low, [v for block in blocks for v in block[k].upper()]))
    return Symmetric.of(ends)


def split_name(rows: Rows, owners: Any, problem: Population, where: str) -> str:
    """The name of the family of Theorem 8 that a point belongs to: how many students each teacher neuron has.

    Raises:
        Rejected: the theorem does not apply.
    """
    k = len(problem.teacher)
    if not isinstance(owners, list):
        raise Unreadable(f"{where}: expected a list")
    need(len(owners) == len(rows), f"{where}: expected a teacher neuron for each student")
    sizes, shares = [0] * k, [Fraction(0)] * k
    for row, owner in zip(rows, owners, strict=True):
        j = integer(owner, where, 0, k - 1)
        v = problem.teacher[j]
        lead = next(m for m, x in enumerate(v) if x)
        share = row[lead] / v[lead]
        parallel = share > 0 and all(x == share * y for x, y in zip(row, v, strict=True))
        need(parallel, f"{where}: a student is no positive multiple of its teacher neuron")
        sizes[j] += 1
        shares[j] += share
    need(all(share == 1 for share in shares), f"{where}: the students of a teacher neuron do not add up to it")
    return "split " + ",".join(map(str, sorted(sizes, reverse=True)))


def check_split(claim: dict[str, Any], witness: dict[str, Any], problem: Population, at: Arithmetic) -> None:
    """Check a certificate that claims a ``global-minimum``: Theorem 8.

    Raises:
        Rejected: naming what fails.
    """
    where = "witness.split"
    fields(witness, "witness", {"split"})
    step = witness["split"]
    fields(step, where, {"w", "teacher"})
    rows = matrix(step["w"], f"{where}.w", claim["width"], problem.dimension)
    name = split_name(rows, step["teacher"], problem, f"{where}.teacher")
    dimension = claim["width"] - len(problem.teacher)
    need(claim["stratum"] == name, f"claim.stratum: the students say {name}")
    need(claim["manifold_dimension"] == dimension, f"claim.manifold_dimension: expected n - k = {dimension}")
    need(not any(bounds(claim["loss"], "claim.loss")), "claim.loss: a global minimum has loss 0")
    need(claim["strict"] is (dimension == 0), "claim.strict: not what the dimension says")
    need(claim["not_global"] is False and claim["complete"] is True, "claim.not_global, claim.complete: Theorem 8")
    for name in ("lambda_min", "morse_index", "nullity", "chart", "level"):
        need(claim[name] is None, f"claim.{name}: not given where neurons are parallel")
