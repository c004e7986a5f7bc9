"""Curves from an exact zero of the loss on which the residuals vanish to third order (docs/paths.md, Proposition 5).

At a zero ``θ_0`` neurons with ``w_i = ±w_j ≠ 0`` form a class, those with ``w_i = 0`` another, the null class. With
signs such that the ``s_i w_i`` of a class agree, ``α_i = s_i a_i``, ``δ_i = s_i (w_i − w_i(0))``, the network is

    Σ_classes Σ_j σ^(j)(w·x)/j! Σ_i α_i (δ_i·x)^j  +  κ (Σ_{s_i = −1} a_i + ½ Σ_null a_i),      σ(−z) = κ − σ(z),

where the null class has odd ``j`` alone. Copies that part slowly, like ``t``, with outputs for which the moments
``Σ α δ`` and ``Σ α δδᵀ`` cancel, leave residuals ``O(t³)``: the floors of valleys on which three copies of a teacher's
neuron meet, with outputs of both signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

import flint
import numpy as np
from numpy.typing import NDArray

from symmetry.network import Exact, Network, exact

_UNIT = Fraction(1, 2**56)
"""Places of copies are multiples of it: short numbers, whose cubes do not get too long."""

_DIRECTION = Fraction(1, 2**20)

ZERO, ONE = Fraction(0), Fraction(1)


class Class(NamedTuple):
    """Neurons whose incoming weights at a zero agree up to sign, and the signs; ``null``: they are 0."""

    members: list[int]
    signs: list[int]
    null: bool

    @property
    def mixed(self) -> bool:
        """Whether members of both signs release a constant."""
        return len(set(self.signs)) > 1


def classes(zero: Network) -> list[Class]:
    """The classes of a network's neurons; ``s = −1`` where the first entry of ``w`` that is not 0 is negative."""
    found: dict[tuple[Fraction, ...], Class] = {}
    for i, w in enumerate(zero.w):
        leading = next((x for x in w if x), ZERO)
        sign = -1 if leading < 0 else 1
        one = found.setdefault(tuple(sign * w), Class([], [], not leading))
        one.members.append(i)
        one.signs.append(sign)
    return list(found.values())


def vanishes(zero: Network, curve: Sequence[Exact], reflection: Fraction | None) -> bool:
    """Whether moments show that the residuals on ``θ_0 + t v_1 + t² v_2 + …`` vanish to third order; exact.

    ``False`` does not say that they do not.

    Args:
        zero: ``θ_0``, at which all residuals are 0.
        curve: ``v_1, v_2``, …, (P,) each; the first two count.
        reflection: ``κ``; without such an identity nothing is shown.
    """
    if reflection is None:
        return False
    d = zero.dimension
    moving = [Network.from_theta(v, d) for v in curve[:2]]
    constant = [ZERO, ZERO]
    for group in classes(zero):
        signs = np.array(group.signs)
        a0, a1, a2 = (signs * n.a[group.members] for n in (zero, *moving))
        d1, d2 = (signs[:, None] * n.w[group.members] for n in moving)
        for k, a in enumerate((a1, a2)):
            # signs of the null class are 1
            constant[k] += (a.sum() if group.null else 2 * -a[signs < 0].sum()) * reflection
            if not group.null and a.sum():
                return False
        if np.any(a0 @ d1) or np.any(a1 @ d1 + a0 @ d2) or (not group.null and np.any((a0[:, None] * d1).T @ d1)):
            return False
    return not any(constant)


@dataclass(frozen=True)
class Parting:
    """How a curve leaves a zero such that its residuals vanish to third order.

    Args:
        zero: where it starts: on the stratum of the zero it was made from, with other outputs.
        first: (P,) exact, ``v_1``.
        second: (P,) exact, ``v_2``.
        free: (P, P) float64: columns, in which later coefficients may be chosen freely; the others are 0.
    """

    zero: Network
    first: Exact
    second: Exact
    free: NDArray[np.float64]


def parting(zero: Network, end: Network) -> Parting | None:
    """A curve's first coefficients such that ``θ_0 + v_1 + v_2`` is nearly ``end`` where its moments nearly cancel.

    In classes of three and more, and two and more in the null class, copies stand on a line ``p_i u``, ``v_1`` moves
    them there from ``w``, and outputs are those of ``end`` nearly, for which ``Σ α`` is as before and ``Σ αp = Σ αp² =
    0``. What is left of the outputs, with sum 0, is in ``v_1`` as well, and what is left of the incoming weights in
    ``v_2``, such that ``Σ α δ`` vanishes to second order. A constant that flipped copies release is taken by the output
    of a single neuron of the null class, or by those of a class of two of both signs, if there is one.

    Args:
        zero: exact.
        end: near it.

    Returns:
        ``None`` if no class parts so.
    """
    groups, d, m = classes(zero), zero.dimension, zero.width
    valve = _valve(groups)
    a, first_w, second_w = zero.a.copy(), zero.w * 0, zero.w * 0
    first_a, lines = zero.a * 0, {}
    for number, group in enumerate(groups):
        made = _parted(group, zero, end, valve)
        if made is None:
            continue
        lines[number], outputs = made
        signs = np.array(group.signs)
        change = signs * outputs - zero.a[group.members]
        a[group.members] += change
        _release(a, valve, change[signs < 0].sum())
        first_w[group.members] = signs[:, None] * lines[number]
    if not lines:
        return None
    free = np.eye(m * (d + 1))
    for number, group in enumerate(groups):
        signs, n = np.array(group.signs), len(group.members)
        apart, alpha = lines.get(number), signs * a[group.members]
        left = signs * end.a[group.members] - alpha
        if apart is None or group.null:
            left = left * 0
        else:
            same = [signs < 0, signs > 0] if group.mixed and not valve else [signs != 0]
            for members in same:
                left[members] -= left[members].sum() / int(members.sum())
            left = np.array([_rounded(v, _UNIT) for v in left], dtype=object)
            for members in same:
                left[np.flatnonzero(members)[0]] -= left[members].sum()
            if valve:
                columns = [m * d + i for i in group.members]
                free[:, columns] = 0
                free[columns, columns[0]] = signs
        first_a[group.members] += signs * left
        _release(first_a, valve, (signs * left)[signs < 0].sum())
        if n > 1:
            there = exact(np.zeros((n, d))) if apart is None else apart
            rest = signs[:, None] * (end.w - zero.w)[group.members] - there
            second_w[group.members] = signs[:, None] * _balanced(alpha, rest, -(left @ there))
    second = np.concatenate([second_w.ravel(), zero.a * 0])
    return Parting(Network(zero.w, a), np.concatenate([first_w.ravel(), first_a]), second, free)


Valve = list[tuple[int, int]]
"""Neurons, and the changes of their outputs that take up a constant of 1."""


def _valve(groups: Sequence[Class]) -> Valve:
    for group in groups:
        if group.null and len(group.members) == 1:
            return [(group.members[0], -2)]  # κa/2
        if not group.null and group.mixed and len(group.members) == 2:
            # both change alike, and with them the constant, while Σα stays as it is
            return [(i, -1) for i in group.members]
    return []


def _release(a: Exact, valve: Valve, constant: Fraction) -> None:
    for i, change in valve:
        a[i] += change * constant


def _parted(group: Class, zero: Network, end: Network, valve: Valve) -> tuple[Exact, Exact] | None:
    """``p_i u``, (n, d), and the outputs ``α`` of a class that parts; ``None`` if it does not."""
    n, signs = len(group.members), np.array(group.signs)
    if n < (2 if group.null else 3):
        return None
    delta = (signs[:, None] * (end.w - zero.w)[group.members]).astype(np.float64)
    here, there = (list(signs * net.a[group.members]) for net in (zero, end))
    total, ones = sum(here, ZERO), [ONE] * n
    if group.null and n > zero.dimension:
        apart = exact([[_rounded(x, _UNIT) for x in row] for row in delta])
        outputs = _outputs([ones, *apart.T.tolist()], [total] + [ZERO] * zero.dimension, there)
        return None if outputs is None else (apart, outputs)
    direction = np.linalg.svd(delta)[2][0]
    u = exact([_rounded(x, _DIRECTION) for x in direction])
    p = [_rounded(x, _UNIT) for x in delta @ direction / float(u @ u)]
    rows, sums = [ones, p], [total, ZERO]
    if not group.null:
        rows, sums = [*rows, [x * x for x in p]], [*sums, ZERO]
    if group.mixed and not valve:
        flipped = sum((x for x, s in zip(here, group.signs, strict=True) if s < 0), ZERO)
        if n == 3:
            return _three(group, p, u, total, flipped)
        rows, sums = [*rows, [ONE if s < 0 else ZERO for s in group.signs]], [*sums, flipped]
    outputs = _outputs(rows, sums, there)
    return None if outputs is None else (np.outer(exact(p), u), outputs)


def _three(group: Class, p: list[Fraction], u: Exact, total: Fraction, flipped: Fraction) -> tuple[Exact, Exact] | None:
    """Two copies of one sign, ``i`` and ``j``, with sum 0, beside one of the other, and nothing takes a constant.

    ``Sp_k + α(p_i − p_j) = Sp_k² + α(p_i² − p_j²) = 0``, where ``p_k = p_i + p_j``.
    """
    k = next(i for i in range(3) if group.signs.count(group.signs[i]) == 1)
    i, j = (n for n in range(3) if n != k)
    if (flipped if group.signs[k] > 0 else total - flipped) != 0:
        return None
    away = _rounded((p[k] - p[i] - p[j]) / 3, _UNIT)
    p[i], p[j] = p[i] + away, p[j] + away
    p[k] = p[i] + p[j]
    if p[i] == p[j]:
        return None
    outputs = exact([total] * 3)
    outputs[j] = total * p[k] / (p[i] - p[j])
    outputs[i] = -outputs[j]
    return np.outer(exact(p), u), outputs


def _outputs(rows: list[list[Fraction]], sums: list[Fraction], near: list[Fraction]) -> Exact | None:
    """``α`` with the given sums ``rows·α``, as many of them as there are sums changed from ``near``; or ``None``."""
    found = _solutions(rows, sums, near)
    return min(found, key=lambda alpha: sum((x - y) ** 2 for x, y in zip(alpha, near, strict=True)), default=None)


def _solutions(rows: list[list[Fraction]], sums: list[Fraction], near: list[Fraction]) -> Iterator[Exact]:
    alpha = [_rounded(v, _UNIT) for v in near]
    for changed in combinations(range(len(near)), len(rows)):
        kept = [k for k in range(len(near)) if k not in changed]
        right = [total - sum((row[k] * alpha[k] for k in kept), ZERO) for row, total in zip(rows, sums, strict=True)]
        matrix = [[_rational(row[k]) for k in changed] for row in rows]
        try:
            solved = flint.fmpq_mat(matrix).solve(flint.fmpq_mat([[_rational(v)] for v in right]))
        except ZeroDivisionError:
            continue
        out = exact(alpha)
        for k, x in zip(changed, solved.entries(), strict=True):
            out[k] = Fraction(int(x.p), int(x.q))
        yield out


def _rational(value: Fraction) -> flint.fmpq:
    return flint.fmpq(value.numerator, value.denominator)


def _balanced(alpha: Exact, near: Exact, total: Exact) -> Exact:
    """``δ`` (n, d) near the given ones with ``Σ α_i δ_i = total``: changed like ``α``, last digits at one of them."""
    square = alpha @ alpha
    if not square:
        return near * 0 if np.any(total) else near
    out = near + np.outer(alpha, total - alpha @ near) / square
    out = exact([[_rounded(x, _UNIT) for x in row] for row in out])
    largest = int(np.argmax(np.abs(alpha.astype(np.float64))))
    out[largest] += (total - alpha @ out) / alpha[largest]
    return out


def _rounded(value: Any, unit: Fraction) -> Fraction:
    return round(Fraction(value) / unit) * unit
