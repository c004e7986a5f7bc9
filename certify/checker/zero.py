"""Global minima: an exact network that equals the teacher as a function has loss exactly 0.

**Theorem 18** (docs/mathematics.md). With ``σ(−z) = 1 − σ(z)`` a neuron ``(w, a)`` is the constant ``a`` plus the
neuron ``(−w, −a)``, and one with ``w = 0`` is the constant ``a/2``. Write student minus teacher as ``K + Σ_k b_k
σ(u_k·x)``, the ``u_k`` non-zero and pairwise different also up to sign. If ``K = 0`` and all ``b_k = 0`` the
functions are equal; with exact labels the loss is 0, its minimum, where the Hessian is ``(2/N) JᵀJ``. Decided over
the rationals. In general ``σ(−z) = κ − σ(z)``, with ``κa`` and ``κa/2`` for these constants (odd functions: κ = 0, and
no condition on ``Σ_i a_i``, nor the bracket below); without such an identity only equal incoming weights are put
together.

**The family** (docs/strata.md, section 2 and Proposition 3). Label each neuron ``C_t±`` (``w_i = ±w*_t``), ``D_j±``
(``w_i = ±v_j``, ``v_j`` free) or ``Z`` (``w_i = 0``), every ``C_t`` occurring. All networks with such incoming
weights and ``Σ_{C_t} ±a_i = a*_t``, ``Σ_{D_j} ±a_i = 0``, ``Σ_i a_i = Σ_t a*_t`` have loss 0. They form an affine
space of dimension

    m − b − [a class has both signs, or Z occurs] + dδ,      b classes C and D, δ classes D.

Its *name* forgets the order of the neurons: ``C1+ C2- C3+,+ C4+ D1+,- Z``.

**Near the point** there may be no others: ``local_family.py``.

**Isolated ones.** Where the dimension is 0 the theorems of ``isolated.py`` may apply. If the exact point lies in the
uniqueness box, it is the only critical point there and its Hessian is positive definite: the minimum is strict.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .isolated import DataAt, check_box, check_eigenvalue, read_box
from .lemma1 import check_lemma1
from .local_family import check_family
from .loss import Network, Problem, neurons
from .reading import Unreadable, bounds, fields, matrix, need

_LABEL = re.compile(r"([CD])([1-9][0-9]{0,3})([+-])", re.ASCII)


def network(value: Any, where: str, width: int, dimension: int, bias: bool = False, outputs: int = 1) -> Network:
    """A network given as ``{"w": [[…]], "a": […]}``, of several outputs ``"a": [[…]]``, a row for each; output biases
    come last, as a neuron without ``w``."""
    fields(value, where, {"w", "a"})
    w, rows = matrix(value["w"], f"{where}.w", width, dimension), value["a"] if outputs > 1 else [value["a"]]
    a = zip(*matrix(rows, f"{where}.a", outputs, width + bias), strict=True)
    return tuple(zip([*map(tuple, w), *[()] * bias], a if outputs > 1 else (v for (v,) in a), strict=True))


def equals_teacher(student: Network, problem: Problem) -> bool:
    """Theorem 18. ``False`` does not say that the functions differ."""
    constant, kappa = Fraction(0), problem.activation.reflection
    weight: dict[tuple[Fraction, ...], Fraction] = {}
    for side_neurons, side in ((student, 1), (problem.teacher, -1)):
        for w, a in side_neurons:
            leading = next((v for v in w if v), None)
            if kappa is not None and leading is None:
                constant += kappa * side * a / 2
                continue
            if kappa is not None and leading is not None and leading < 0:
                constant += kappa * side * a
                w, a = tuple(-v for v in w), -a
            weight[w] = weight.get(w, Fraction(0)) + side * a
    return problem.labels is None and constant == 0 and not any(weight.values())


def family(labels: Any, student: Network, problem: Problem, where: str) -> tuple[str, int]:
    """Name and dimension of the family that ``labels`` describe, to which ``student`` must belong."""
    need(isinstance(labels, list) and len(labels) == len(student), f"{where}: expected one label a neuron")
    classes: dict[tuple[str, int], list[tuple[int, tuple[Fraction, ...], Fraction]]] = {}
    nulls = 0
    for label, (w, a) in zip(labels, student, strict=True):
        if label == "Z":
            need(not any(w), f"{where}: a neuron labelled Z has w ≠ 0")
            nulls += 1
        elif isinstance(label, str) and (match := _LABEL.fullmatch(label)):
            sign = 1 if match[3] == "+" else -1
            classes.setdefault((match[1], int(match[2])), []).append((sign, tuple(sign * v for v in w), sign * a))
        else:
            raise Unreadable(f"{where}: expected Z or a class with its sign, like C1+ or D2-")
    r, kappa = len(problem.teacher), problem.activation.reflection
    if kappa is None:
        need(
            not any(label == "Z" or label.endswith("-") for label in labels),
            f"{where}: Z or a sign without an identity",
        )
    need(problem.labels is None, f"{where}: the problem has no exact teacher")
    need(
        {number for kind, number in classes if kind == "C"} == set(range(1, r + 1)),
        f"{where}: expected each of C1 to C{r}, and no other C",
    )
    shapes: dict[str, list[tuple[int, int]]] = {"C": [], "D": []}
    for (kind, number), members in sorted(classes.items()):
        w, a = problem.teacher[number - 1] if kind == "C" else (members[0][1], Fraction(0))
        need(all(signed == w for _, signed, _ in members), f"{where}: {kind}{number}: the incoming weights differ")
        need(sum(signed for _, _, signed in members) == a, f"{where}: {kind}{number}: the outputs have the wrong sum")
        signs = [sign for sign, _, _ in members]
        shapes[kind].append((signs.count(1), signs.count(-1)))
    total = sum(a for _, a in student) == sum(a for _, a in problem.teacher)
    need(total or not kappa, f"{where}: the outputs do not add up to the teacher's")
    irregular = bool(kappa) and (nulls > 0 or any(p and n for p, n in shapes["C"] + shapes["D"]))
    dimension = len(student) - len(classes) - irregular + problem.dimension * len(shapes["D"])
    return _name(shapes["C"], shapes["D"], nulls), dimension


def _name(teachers: Sequence[tuple[int, int]], free: Sequence[tuple[int, int]], nulls: int) -> str:
    # a class D has no sign of its own: the more frequent one comes first; large classes first
    turned = sorted(((max(s), min(s)) for s in free), key=lambda s: (sum(s), s), reverse=True)
    parts = []
    for letter, shapes in (("C", list(teachers)), ("D", turned)):
        parts += [f"{letter}{k}{','.join('+' * p + '-' * n)}" for k, (p, n) in enumerate(shapes, 1)]
    return " ".join(parts + [",".join("Z" * nulls)] * (nulls > 0))


def check_zero(claim: dict[str, Any], witness: dict[str, Any], problem: Problem, data_at: DataAt) -> None:
    """Check a certificate that claims a ``global-minimum``.

    Raises:
        Rejected: naming what fails.
    """
    need(problem.plain, "witness.zero_loss: without weight decay, and for students of one output without a bias")
    fields(witness, "witness", {"zero_loss"}, {"krawczyk", "inertia", "lemma_1", "local_family"})
    step = witness["zero_loss"]
    fields(step, "witness.zero_loss", {"w", "a", "labels"})
    point = network({"w": step["w"], "a": step["a"]}, "witness.zero_loss", claim["width"], problem.dimension)
    need(equals_teacher(point, problem), "witness.zero_loss: the point does not equal the teacher as a function")
    name, dimension = family(step["labels"], point, problem, "witness.zero_loss.labels")
    need(claim["stratum"] == name, f"claim.stratum: the labels say {name}")
    need(claim["chart"] is claim["level"] is None, "claim.chart, claim.level: not given for global minima")
    need(claim["manifold_dimension"] == dimension, f"claim.manifold_dimension: the labels say {dimension}")
    need(not any(bounds(claim["loss"], "claim.loss")), "claim.loss: a global minimum has loss 0")
    need(claim["not_global"] is False, "claim.not_global: a global minimum is global")
    need(claim["morse_index"] == 0, "claim.morse_index: at a zero of the loss the Hessian is (2/N) JᵀJ")
    if "local_family" in witness:
        fields(witness, "witness", {"zero_loss", "local_family"})
        rank = check_family(witness["local_family"], step["labels"], point, problem, data_at)
        nullity = claim["width"] * (problem.dimension + 1) - rank
        need(nullity > 0 and claim["nullity"] == nullity, f"claim.nullity: the rank leaves {nullity}")
        need(claim["complete"] is True, "claim.complete: it is proved")
        need(claim["strict"] is (dimension == 0), "claim.strict: not what the dimension says")
        _semidefinite(claim)
    elif len(witness) > 1:
        fields(witness, "witness", {"zero_loss", "krawczyk", "inertia"}, {"lemma_1"})
        need(dimension == 0, "witness.krawczyk: a family of positive dimension is not isolated")
        box = read_box(witness, claim["width"] * (problem.dimension + 1))
        theta = [v for w, _ in point for v in w] + [a for _, a in point]
        inside = all(abs(v - c) <= r for v, c, r in zip(theta, box.center, box.wide, strict=True))
        need(inside, "witness.zero_loss: the point does not lie in the uniqueness box")
        proved = check_box(box, neurons(claim["width"], problem.dimension), data_at)
        need(proved.index == claim["nullity"] == 0, "claim.nullity: at an isolated zero the Hessian is definite")
        need(claim["strict"] is claim["complete"] is True, "claim.strict, claim.complete: the Hessian is definite")
        if claim["lambda_min"] is not None:
            check_eigenvalue(claim["lambda_min"], proved)
        if "lemma_1" in witness:
            check_lemma1(witness["lemma_1"], proved)
    else:
        need(claim["strict"] is (False if dimension else None), "claim.strict: not what the dimension says")
        need(claim["nullity"] is None, "claim.nullity: not proved without the Krawczyk test")
        need(claim["complete"] is None, "claim.complete: not proved")
        # the Hessian is semidefinite, and singular along a family of positive dimension
        if dimension:
            _semidefinite(claim)
        else:
            need(claim["lambda_min"] is None, "claim.lambda_min: not proved")


def _semidefinite(claim: dict[str, Any]) -> None:
    """At a zero the Hessian is positive semidefinite: where it is singular, its smallest eigenvalue is 0."""
    zero = claim["lambda_min"] is not None and not any(bounds(claim["lambda_min"], "claim.lambda_min"))
    need(zero, "claim.lambda_min: 0 where the Hessian is singular")
