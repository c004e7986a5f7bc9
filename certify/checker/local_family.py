"""Near an exact zero of the loss its family is all there is: the networks of loss 0 are those of the family.

**Theorem 9** (docs/strata.md, section 10). In coordinates ``b_i = ±a_i``, the signs those of the labels, let every
class of two neurons or more have all ``b_i ≠ 0``, with ``n₊`` positive and ``n₋`` negative ones: ``n₋ = 0`` or ``n₊ =
1`` if their sum is positive, ``n₊ = 0`` or ``n₋ = 1`` if it is negative, ``n₊ = 1`` or ``n₋ = 1`` if it is 0. Let there
be no neuron ``Z``, one of output not 0, or two with outputs not 0 and different up to sign. If the functions 1 (where a
sign − or Z occurs), ``x_α`` (with Z), ``x_α x_β x_γ`` (with two Z),
``σ(u·x)`` of every class ``u``, ``x_α σ'`` of those that are no single ``D``, ``x_α x_β σ''`` of each ``C`` of two
neurons or more and each ``D`` of three or more, are linearly independent on the inputs, then near the point the
networks of loss 0 are those of the family, and the rank of the Jacobian is the number of classes, plus 1 where a class
has both signs or Z occurs, plus d for Z and each class but single ``D``. Independence is shown by elimination: all
pivots of the Gram matrix are positive.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .isolated import DataAt, pivots
from .loss import Network, Problem
from .reading import fields, integer, need

BITS = 256
"""For the elimination of the Gram matrix."""


def check_family(step: Any, labels: list[str], point: Network, problem: Problem, data_at: DataAt) -> int:
    """Check that near the point its family is all there is; the rank of the Jacobian."""
    where = "witness.local_family"
    need(problem.name == "sigmoid", f"{where}: is for the sigmoid")
    fields(step, where, {"columns", "rank"})
    data, d = data_at(BITS), problem.dimension
    classes: dict[str, list[tuple[tuple[Fraction, ...], Fraction]]] = {}
    mixed = len({label.rstrip("+-") for label in labels}) < len(set(labels))
    for label, (w, a) in zip(labels, point, strict=True):
        sign = -1 if label.endswith("-") else 1
        classes.setdefault(label.rstrip("+-"), []).append((tuple(sign * v for v in w), sign * a))
    nulls = classes.pop("Z", [])
    sizes = {abs(a) for _, a in nulls}
    need(len(nulls) <= 2 and 0 not in sizes and len(sizes) == len(nulls), f"{where}: neurons Z of such outputs")
    constant = bool(nulls) or any(label.endswith("-") for label in labels)
    functions = [data.zero + 1] * constant + data.x * bool(nulls)
    if len(nulls) > 1:
        functions += [data.xx[i][j] * data.x[k] for i in range(d) for j in range(i, d) for k in range(j, d)]
    rank = len(classes) + d * bool(nulls) + (bool(nulls) or mixed)
    for name, members in classes.items():
        need(len(members) == 1 or _definite([b for _, b in members]), f"{where}: {name}: the signs decide nothing")
        z = data.along([data.number(v) for v in members[0][0]])
        # over the ball z: the derivatives of σ, σ' and σ'' are below 1
        s, reach = z.midpoints().sigmoid(), z.radii()
        slope, free = s * (1 - s), name.startswith("D")
        functions.append(s.widened(reach))
        if not (free and len(members) == 1):
            functions += [x * slope.widened(reach) for x in data.x]
            rank += d
        if len(members) > 1 + free:
            bend = (slope * (1 - 2 * s)).widened(reach)
            functions += [data.xx[i][j] * bend for i in range(d) for j in range(i, d)]
    need(integer(step["columns"], f"{where}.columns", 1, 10**4) == len(functions), f"{where}: {len(functions)} columns")
    need(integer(step["rank"], f"{where}.rank", 0, 10**4) == rank, f"{where}: the rank is {rank}")
    gram = [[f.dot(g) for g in functions[: i + 1]] for i, f in enumerate(functions)]
    size = range(len(gram))
    found = pivots([[gram[max(i, j)][min(i, j)] for j in size] for i in size], data.arithmetic.stack)
    need(found == [len(functions), 0], f"{where}: the functions are not independent by elimination")
    return rank


def _definite(outputs: list[Fraction]) -> bool:
    """Whether ``Σ b t²`` is definite on ``Σ b t = 0``, modulo constants if ``Σ b = 0``, by the signs of ``b``."""
    plus, minus, total = sum(b > 0 for b in outputs), sum(b < 0 for b in outputs), sum(outputs)
    if plus + minus < len(outputs):
        return False
    if total > 0:
        return minus == 0 or plus == 1
    if total < 0:
        return plus == 0 or minus == 1
    return plus == 1 or minus == 1
