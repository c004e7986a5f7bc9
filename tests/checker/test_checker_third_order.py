"""Curves from zeros of third order: the checker verifies those of ``third_order_cases.py``, and none without a reason.

``vanishes`` is compared with the provers', and with the coefficients of the residuals, on random curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import flint
import path_cases
import pytest
from cases import TEXTS, checked, problem
from third_order_cases import BROKEN, CURVES, FLIPPED, PLAIN, Curve, broken, without

from certify.arithmetic.arb import Arb
from certify.checker import third_order
from certify.checker.folded import fold
from certify.checker.loss import Problem
from certify.checker.path import check_path
from certify.checker.reading import Rejected, Unreadable
from certify.checker.run import make_arithmetic
from certify.proofs.path import prove_zero
from certify.proofs.proof import dyadic, from_text
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.third_order import vanishes
from symmetry.problem import parse_problem

Line = dict[str, Any]

UNSEEN = "path.places: the residuals are not seen to vanish to third order"
REFLECTIONS = {"sigmoid": Fraction(1), "tanh": Fraction(0)}


def verdict(line: Line, known: Problem | None = None, arithmetic: str = "points") -> str:
    known = known or checked("d")
    try:
        check_path(line, None, known, lambda bits: fold(known, make_arithmetic(arithmetic, bits)))
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


@pytest.mark.parametrize("arithmetic", ["points", "mpmath", "arb"])
@pytest.mark.parametrize("name", sorted(CURVES))
def test_the_curves_are_verified(name: str, arithmetic: str) -> None:
    assert verdict(CURVES[name].witness(), arithmetic=arithmetic) == "verified"


@pytest.mark.parametrize("name", sorted(CURVES))
def test_row_and_path_are_verified_and_followed(name: str) -> None:
    line = path_cases.traced(name).line
    path_cases.check_line(name, line)
    assert path_cases.rises(name, line) == ""
    # there is a wall on the straight line and on the curve of second order
    for closing, octaves in product((1, 2), range(5)):
        path = line["path"] | {"closing": closing, "places": [], "octaves": octaves}
        assert path_cases.rises(name, line | {"path": path})
        assert "not proved to fall" in verdict(line | {"path": path})


@pytest.mark.parametrize("name", sorted(CURVES))
def test_more_halves_do_no_harm_and_fewer_are_not_enough(name: str) -> None:
    assert verdict(replace(CURVES[name], octaves=3).witness()) == "verified"
    assert verdict(replace(CURVES[name], octaves=20).witness()) == "verified"
    for octaves in (0, 1):
        reason = "path: last piece: the loss is not proved to fall to 0"
        assert verdict(replace(CURVES[name], octaves=octaves).witness()) == reason


# ------------------------------------------------------------------------------------------- one condition each


def moments(curve: Curve) -> dict[str, list[Fraction]]:
    """What is to vanish, with signs for the teacher's neuron (2, 1): for the curves of this page only."""
    m = curve.width
    groups: dict[bool, list[int]] = {False: [], True: []}
    for i in range(m):
        groups[not any(curve.parts[0][2 * i : 2 * i + 2])].append(i)
    sign = [-1 if curve.parts[0][2 * i] < 0 else 1 for i in range(m)]

    def alpha(k: int, i: int) -> Fraction:
        return sign[i] * curve.parts[k][2 * m + i]

    def delta(k: int, i: int, c: int) -> Fraction:
        return sign[i] * curve.parts[k][2 * i + c]

    found: dict[str, list[Fraction]] = {}
    for k in (1, 2):
        found[f"sum, t^{k}"] = [sum((alpha(k, i) for i in groups[False]), Fraction(0))]
        flipped = [-alpha(k, i) for i in groups[False] if sign[i] < 0]
        found[f"constant, t^{k}"] = [sum((*flipped, *(alpha(k, i) / 2 for i in groups[True])), Fraction(0))]
        for null, members in groups.items():
            found[f"first of {'0' if null else 'w'}, t^{k}"] = [
                sum((alpha(k - j, i) * delta(j, i, c) for i in members for j in range(1, k + 1)), Fraction(0))
                for c in (0, 1)
            ]
    found["second"] = [
        sum((alpha(0, i) * delta(1, i, b) * delta(1, i, c) for i in groups[False]), Fraction(0))
        for b, c in product((0, 1), repeat=2)
    ]
    return found


ALONE = {
    "the sum of outputs changes with t": "sum, t^1",
    "the sum of outputs changes with t²": "sum, t^2",
    "the first moment grows with t": "first of w, t^1",
    "the first moment grows with t²": "first of w, t^2",
    "copies that part in a plane": "second",
    "outputs with a second moment": "second",
    "the constant grows with t": "constant, t^1",
    "the constant grows with t²": "constant, t^2",
    "a flipped copy releases a constant with t": "constant, t^1",
    "a flipped copy releases a constant with t²": "constant, t^2",
    "a neuron leaves 0 with t": "first of 0, t^1",
    "a neuron leaves 0 with t²": "first of 0, t^2",
}
"""The one condition that does not hold."""


def test_each_condition_is_broken_alone() -> None:
    for curve in CURVES.values():
        assert not any(any(values) for values in moments(curve).values())
    assert {*moments(CURVES[FLIPPED])} == set(ALONE.values())
    for name, condition in ALONE.items():
        assert [key for key, values in moments(without(name)).items() if any(values)] == [condition]


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_without_one_condition_it_is_refused_for_that(name: str) -> None:
    line = broken(name)
    assert line["candidate"] == CURVES[BROKEN[name][0]].witness()["candidate"]
    assert verdict(line) == UNSEEN
    zero, end = (Network.from_theta(exact(path_cases._theta(line[key])), 2) for key in ("point", "candidate"))
    rows = [exact([from_text(v) for v in row]) for row in line["path"]["places"]]
    objective = SquareLoss.of_network(problem("d"), zero.width)
    assert not prove_zero(objective, zero, end.theta(), 4, rows, 2, arithmetic="auto", max_bits=106)


@pytest.mark.parametrize("name", sorted(CURVES))
def test_no_number_of_first_or_second_order_may_change_alone(name: str) -> None:
    curve, least = CURVES[name], Fraction(1, 2**60)
    for k, i in product((1, 2), range(3 * curve.width)):
        assert verdict(curve.changed([(k, i, least)]).witness()) == UNSEEN
    for k in (3, 4):
        assert verdict(curve.changed([(k, 0, least)]).witness()) == "verified"


def test_an_odd_activation_has_no_constants_and_others_no_identity() -> None:
    flipped = [name for name in BROKEN if "constant" in name]
    assert len(flipped) == 4
    tanh, softplus = (replace(checked("d"), name=name) for name in ("tanh", "softplus"))
    for name in flipped:
        assert verdict(broken(name), tanh) != UNSEEN
    assert verdict(broken("a flipped copy goes the other way"), tanh) == UNSEEN
    assert verdict(CURVES[PLAIN].witness(), softplus) == UNSEEN
    line = CURVES[PLAIN].witness()
    line["path"] |= {"closing": 2, "places": []}
    assert "an activation with an even derivative" in verdict(line, softplus)


# ------------------------------------------------------------------------------------------------- other false lines


def _row(path: Any) -> list[list[str]]:
    rows: list[list[str]] = path["places"]
    return rows


FALSE: dict[str, tuple[Callable[[Line], object], str]] = {
    "no rows": (lambda line: _row(line["path"]).clear(), "or four for 4"),
    "a bend alone": (lambda line: line["path"].update(places=_row(line["path"])[1:2]), "or four for 4"),
    "three rows": (lambda line: _row(line["path"]).pop(), "or four for 4"),
    "five rows": (lambda line: _row(line["path"]).append(_row(line["path"])[3]), "or four for 4"),
    "rows of a straight line": (lambda line: line["path"].update(closing=1), "or four for 4"),
    "rows of a bend": (lambda line: line["path"].update(closing=2), "or one for 2"),
    "rows into a box": (lambda line: line["path"].update(closing=0), "or four for 4"),
    "rows of a chart": (lambda line: line["path"].update(closing=3), "path.order: for closing 3 only"),
    "an unknown end": (lambda line: line["path"].update(closing=5), "expected an integer from 0 to 4"),
    "an order": (lambda line: line["path"].update(order=[0, 1, 2]), "path.order: for closing 3 only"),
    "nodes": (lambda line: line["path"].update(nodes=[["0", "1*2^0"]]), "path.nodes: for closing 3 only"),
    "radii": (lambda line: line["path"].update(radii=[["1*2^0"] * 9] * 4), "path.radii: for closing 3"),
    "halved too often": (lambda line: line["path"].update(octaves=21), "path.octaves"),
    "a short row": (lambda line: _row(line["path"])[3].pop(), "entries, expected 9"),
    "a long number": (lambda line: _row(line["path"])[3].__setitem__(0, "1*2^1100"), "binary digits"),
    "first and second exchanged": (lambda line: _swap(line, 0, 1), UNSEEN),
    "second and third exchanged": (lambda line: _swap(line, 1, 2), UNSEEN),
    "no zero": (lambda line: line["point"]["a"].__setitem__(0, dyadic(Fraction(3, 4) + Fraction(1, 2**60))), "teacher"),
    "outputs exchanged": (lambda line: line["point"]["a"].reverse(), UNSEEN),
    "a zero of others": (
        lambda line: line["point"].update(
            w=[["1*2^1", "1*2^0"], ["1*2^0", "0"], ["1*2^0", "0"]], a=["1*2^0", "1*2^0", "-1*2^0"]
        ),
        UNSEEN,
    ),
    "back to the zero": (lambda line: line.update(candidate=line["point"]), "octave 0: the loss is not proved to fall"),
    "an end off the floor": (
        lambda line: line["candidate"]["a"].__setitem__(0, "-5*2^0"),
        "the loss is not proved to fall",
    ),
    "the third coefficient to the other side": (
        lambda line: _row(line["path"])[2].__setitem__(6, "-1*2^1"),
        "the loss is not proved to fall",
    ),
}


def _swap(line: Line, i: int, j: int) -> None:
    rows = _row(line["path"])
    rows[i], rows[j] = rows[j], rows[i]


@pytest.mark.parametrize("name", sorted(FALSE))
def test_false_curves(name: str) -> None:
    line = deepcopy(CURVES[PLAIN].witness())
    change, message = FALSE[name]
    change(line)
    assert message in verdict(line)


def test_a_curve_of_third_order_ends_at_zeros_only() -> None:
    own = path_cases.traced("path into a box")
    line = deepcopy(own.line)
    rows = [["0"] * 6] * 4
    line["path"] |= {"closing": 4, "places": rows}
    with pytest.raises((Rejected, Unreadable)):
        path_cases.check_traced(replace(own, line=line))


def test_the_module_is_on_its_own() -> None:
    text = Path(third_order.__file__).read_text("utf-8")
    assert "symmetry" not in text
    assert "numpy" not in text


# -------------------------------------------------------------------------------------------------- random curves


@dataclass(frozen=True)
class Member:
    """A neuron: the ``w`` of its class, its sign, and where on the class's line it stands after a while."""

    w: tuple[int, int]
    sign: int
    away: tuple[Fraction, Fraction]


def solution(rows: Sequence[Sequence[Fraction]], right: Sequence[Fraction], rng: Random) -> list[Fraction] | None:
    """A random one of linear equations."""
    whole = [[flint.fmpq(v.numerator, v.denominator) for v in (*row, b)] for row, b in zip(rows, right, strict=True)]
    reduced, rank = flint.fmpq_mat(whole).rref()
    size = len(rows[0])
    table = [[Fraction(int(v.p), int(v.q)) for v in row] for row in reduced.tolist()[:rank]]
    leading = [next(i for i, v in enumerate(row) if v) for row in table]
    if size in leading:
        return None
    out = [Fraction(rng.randint(-3, 3), 4) for _ in range(size)]
    for lead, row in zip(leading, table, strict=True):
        out[lead] = row[size] - sum((row[i] * out[i] for i in range(size) if i not in leading), Fraction(0))
    return out


def members(rng: Random) -> list[Member]:
    """Three or four copies of the teacher's neuron, others that cancel, and near zero; some of them flipped."""
    out = []
    for w, sizes in (((2, 1), (3, 4)), ((1, -1), (0, 2, 3)), ((0, 0), (0, 1, 2, 3))):
        u = [Fraction(rng.choice([-2, -1, 1, 2]), 8) for _ in range(2)]
        places = [rng.randint(-2, 2) for _ in range(4)] if rng.random() < 0.2 else rng.sample(range(-2, 3), 4)
        for p in places[: rng.choice(sizes)]:
            q = Fraction(rng.randint(-1, 1), 8) if rng.random() < 0.1 else Fraction(0)
            out.append(Member(w, rng.choice([1, 1, -1]) if any(w) else 1, (p * u[0], p * u[1] + q)))
    rng.shuffle(out)
    return out


def curve_of(rng: Random, kappa: Fraction) -> Curve | None:
    """A curve for which all conditions hold, from linear equations; ``None`` where these have no solution."""
    neurons = members(rng)
    m = len(neurons)
    flipped = [kappa * (Fraction(n.sign < 0) if any(n.w) else Fraction(1, 2)) for n in neurons]
    classes = sorted({n.w for n in neurons})
    inside = {w: [Fraction(n.w == w) for n in neurons] for w in classes}
    # Σα, Σαδ, Σαδδᵀ at t = 0; α = s a
    rows, right = [flipped], [Fraction(0)]
    for w in classes:
        for powers in product(range(3), repeat=2):
            if sum(powers) <= (2 if any(w) else 1) and (any(w) or sum(powers)):
                weight = [n.away[0] ** powers[0] * n.away[1] ** powers[1] * n.sign for n in neurons]
                rows.append([x * v for x, v in zip(inside[w], weight, strict=True)])
                right.append(Fraction(w == (2, 1) and not sum(powers)))
    a = solution(rows, right, rng)
    if a is None:
        return None
    # in a_1, a_2, and w_2: Σα_1 = Σα_2 = 0, Σ α_1 δ_1 + α_0 δ_2 = 0
    none = [Fraction(0)] * m
    rows = [[*flipped, *none, *none, *none], [*none, *flipped, *none, *none]]
    for w in classes:
        if any(w):
            signs = [x * n.sign for x, n in zip(inside[w], neurons, strict=True)]
            rows += [[*signs, *none, *none, *none], [*none, *signs, *none, *none]]
        for c in (0, 1):
            first = [x * n.sign * n.away[c] for x, n in zip(inside[w], neurons, strict=True)]
            second = [x * v for x, v in zip(inside[w], a, strict=True)]
            rows.append([*first, *none, *(second if c == 0 else none), *(second if c == 1 else none)])
    found = solution(rows, [Fraction(0)] * len(rows), rng)
    assert found is not None  # 0 is one
    a1, a2, *w2 = (found[k * m : (k + 1) * m] for k in range(4))
    start = [Fraction(n.sign * v) for n in neurons for v in n.w]
    first_w = [n.sign * v for n in neurons for v in n.away]
    parts = [[*start, *a], [*first_w, *a1], [v for row in zip(*w2, strict=True) for v in row] + a2]
    parts += [[Fraction(rng.randint(-3, 3), 16) for _ in range(3 * m)] for _ in range(3)]
    return Curve(m, tuple(map(tuple, parts)))


def spoilt(curve: Curve, rng: Random) -> Curve:
    """The same but for one number, or two of ``t``."""
    changes = [(rng.choice([1, 2]), rng.randrange(3 * curve.width), Fraction(1, 4)) for _ in range(rng.choice([1, 2]))]
    return curve.changed(changes)


def by_checker(curve: Curve, kappa: Fraction | None) -> bool:
    zero = tuple(
        (tuple(curve.parts[0][2 * i : 2 * i + 2]), curve.parts[0][2 * curve.width + i]) for i in range(curve.width)
    )
    return third_order.vanishes(zero, [list(part) for part in curve.parts[1:]], 2, kappa)


@pytest.mark.parametrize("name", sorted(REFLECTIONS))
def test_checker_and_provers_agree_and_residuals_vanish_where_they_say_so(name: str) -> None:
    rng, kappa, arithmetic = Random(f"third order {name}"), REFLECTIONS[name], Arb(200)
    belongs = parse_problem(TEXTS["d"].replace("sigmoid", name), source="d.toml", folder=None)
    said, seen, larger = {True: 0, False: 0}, set(), 0
    for _ in range(600):
        curve = curve_of(rng, kappa)
        if curve is None:
            continue
        if rng.random() < 0.5:
            curve = spoilt(curve, rng)
        zero, rows = Network.from_theta(exact(curve.parts[0]), 2), [exact(part) for part in curve.parts]
        answer = by_checker(curve, kappa)
        assert vanishes(zero, rows[1:], kappa) == answer
        assert not by_checker(curve, None)
        assert not vanishes(zero, rows[1:], None)
        said[answer] += 1
        if said[answer] > 60:
            continue
        # at 200 bits: 0 to the last places, or not
        objective = SquareLoss.of_network(belongs, curve.width)
        known = objective.along([arithmetic.array(v) for v in rows], arithmetic).coefficients
        bounds = [_bounds(value, arithmetic) for value in known[:4]]
        assert max(bounds[0]) < 2.0**-150
        if answer:
            assert max(bounds[1] + bounds[2]) < 2.0**-150
            seen.add((any(part[2 * curve.width - 1] for part in curve.parts), max(bounds[3]) > 2.0**-20))
        else:
            larger += max(bounds[1] + bounds[2]) > 2.0**-30
    assert min(said.values()) >= 100
    assert larger == 60
    assert (True, True) in seen


def _bounds(values: Any, arithmetic: Arb) -> list[float]:
    """Of ``|v|``, upwards."""
    low, high = arithmetic.lower(values).ravel(), arithmetic.upper(values).ravel()
    return [float(max(abs(a), abs(b))) for a, b in zip(low, high, strict=True)]
