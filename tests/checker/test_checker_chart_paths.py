"""False paths in charts with saturated neurons, flipped triples and three groups that share a constant.

Each is a valid line of ``path_cases.py`` with one thing changed that makes it false, and is refused for that.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from typing import Any

import path_cases
import pytest
from cases import case, problem

from certify.checker.reading import Rejected, Unreadable
from certify.proofs.path import prove_channel
from certify.proofs.proof import dyadic, from_text
from symmetry.infinity.charts import chart_from_json
from symmetry.network import Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.release import Place, piece, place_of

Line = dict[str, Any]

STEP, BESIDE = "saturated", "saturated beside a pair"
ZERO, MIRRORED = "triple beside zero", "triple beside a mirrored pair"
THREE = "three constants"
NAMES = (STEP, BESIDE, ZERO, MIRRORED, THREE)


def verdict(name: str, given: Line, *, moved: bool = False) -> str:
    """What the checker says of the path and its row; ``moved``: of another candidate."""
    own = path_cases.traced(name)
    try:
        if moved:
            path_cases.check_traced(path_cases.Traced(own.object, own.row, given))
        else:
            path_cases.check_line(name, given)
    except (Rejected, Unreadable) as error:
        return str(error)
    return "verified"


def number(text: str, factor: Any = 1, more: Any = 0) -> str:
    return dyadic(from_text(text) * Fraction(factor) + Fraction(more))


def entry(place: int, k: int, factor: Any = 1, more: Any = 0) -> Callable[[Line], None]:
    """One number of a place times ``factor``, and ``more``."""

    def change(line: Line) -> None:
        row = line["path"]["places"][place]
        row[k] = number(row[k], factor, more)

    return change


def node(first: Any, second: Any) -> Callable[[Line], None]:
    """Nodes that are ``first`` and ``second`` times the first of those given."""

    def change(line: Line) -> None:
        p = line["path"]["nodes"][0][0]
        line["path"]["nodes"][0] = [number(p, first), number(p, second)]

    return change


def swapped(line: Line) -> None:
    line["path"]["nodes"][0].reverse()


def swapped_everywhere(line: Line) -> None:
    swapped(line)
    for row in line["path"]["places"]:
        row[-2:] = row[-2:][::-1]


def exchanged(i: int, j: int) -> Callable[[Line], None]:
    def change(line: Line) -> None:
        order = line["path"]["order"]
        order[i], order[j] = order[j], order[i]

    return change


def weights(neuron: int, *factors: int) -> Callable[[Line], None]:
    """Incoming weights and the output of a neuron of the candidate times these."""

    def change(line: Line) -> None:
        w, a = line["candidate"]["w"], line["candidate"]["a"]
        w[neuron] = [number(v, factor) for v, factor in zip(w[neuron], factors, strict=False)]
        a[neuron] = number(a[neuron], factors[-1])

    return change


def no_end(line: Line) -> None:
    del line["path"]["places"][-1]


FALSE: dict[str, tuple[str, Callable[[Line], None], str]] = {
    "ρ is infinite before the end": (STEP, entry(0, -1, 0), "ρ of a saturated neuron is not positive"),
    "ρ is negative on the way": (BESIDE, entry(0, -1, -1), "ρ of a saturated neuron is not positive"),
    "ρ is negative at the start": (STEP, weights(0, -1, -1, 1), "ρ of a saturated neuron is not positive"),
    "ρ is 0 at the start": (STEP, weights(0, 0, 1, 1), "ρ of a saturated neuron is 0"),
    "ρ becomes smaller": (STEP, entry(0, -1, 3), "place 0: the loss is not proved to fall"),
    "ρ becomes smaller, to infinity": (STEP, entry(0, -1, 2), "the loss is not proved to fall"),
    "ρ is finite in the end": (BESIDE, no_end, "the last place is not at infinity"),
    "ρ stays finite, a pair does not": (BESIDE, entry(1, -1, 0, Fraction(1, 8)), "ε changes its sign, or is 0"),
    "a pair stays finite, ρ does not": (
        BESIDE,
        entry(1, -2, 0, Fraction(1, 2**6)),
        "ρ of a saturated neuron is not positive",
    ),
    "saturated along another line": (STEP, weights(0, 1, -1, 1), "place 0: the loss is not proved to fall"),
    "another neuron is saturated": (BESIDE, exchanged(2, 3), "path: place 0"),
    "another output of the step": (BESIDE, entry(1, 9, 1, Fraction(1, 4)), "place 1: the loss is not proved to fall"),
    "another ω in the end": (STEP, entry(1, 3, 1, Fraction(1, 2)), "place 1: the loss is not proved to fall"),
    "two equal nodes": (ZERO, node(1, 1), "two nodes of a triple are equal"),
    "the third node is the first": (ZERO, node(1, -2), "two nodes of a triple are equal"),
    "the third node is the second": (MIRRORED, node(1, Fraction(-1, 2)), "two nodes of a triple are equal"),
    "nodes swapped": (ZERO, swapped, "nodes of a triple meet"),
    "nodes swapped everywhere": (ZERO, swapped_everywhere, "place 0: the loss is not proved to fall"),
    "nodes that meet on the way": (MIRRORED, entry(0, -1, 64), "nodes of a triple meet"),
    "nodes of the other sign": (MIRRORED, entry(0, -2, -1), "nodes of a triple meet"),
    "μ of the wrong sign on the way": (ZERO, entry(0, -4, -1), "may be infinite on the way"),
    "μ of the wrong sign in the end": (ZERO, entry(1, -4, -1), "nodes of a triple meet"),
    "μ is 0": (MIRRORED, entry(0, -4, 0), "μ of a triple is 0"),
    "μ all but τ in the end": (MIRRORED, entry(1, -4, 1, Fraction(1, 2**60)), "nodes of a triple meet"),
    "p is not 0 in the end": (ZERO, no_end, "the last place is not at infinity"),
    "p is not 0 in the end, beside a pair": (MIRRORED, no_end, "the last place is not at infinity"),
    "the flipped member is no longer flipped": (ZERO, weights(2, -1, -1, -1), "path: place 0"),
    "another member is flipped": (ZERO, exchanged(0, 2), "path: place 0"),
    "a constant of the other sign": (ZERO, entry(0, 7, -1), "place 0: "),
    "a constant that is not the one released": (MIRRORED, entry(0, 12, 1, Fraction(1, 8)), "place 0: the loss"),
    "outputs that do not add up": (MIRRORED, weights(0, 1, 1, 2), "place 0: "),
    "a constant beyond what the triple releases": (ZERO, entry(0, 7, 0, -(2**14)), "may be infinite on the way"),
    "one of three constants goes over infinity": (THREE, entry(0, 10, 0, 2**8), "may be infinite on the way"),
    "one of three of another sign": (THREE, entry(0, -1, -1), "ε changes its sign, or is 0"),
    "one of three stays finite": (THREE, entry(1, -1, 0, Fraction(1, 2**8)), "ε changes its sign, or is 0"),
    "to another limit": (THREE, entry(1, 0, 1, Fraction(1, 2)), "place 1: the loss is not proved to fall"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_paths_are_verified_as_they_are(name: str) -> None:
    assert verdict(name, path_cases.traced(name).line) == "verified"


@pytest.mark.parametrize("change", FALSE)
def test_a_false_path_is_refused_for_what_is_false(change: str) -> None:
    name, apply, message = FALSE[change]
    given = deepcopy(path_cases.traced(name).line)
    apply(given)
    assert message in verdict(name, given)


@pytest.mark.parametrize("name", NAMES)
def test_a_piece_uphill_hidden_among_good_ones(name: str) -> None:
    """From the first place back to where the path begins, and the good pieces once more."""
    given = deepcopy(path_cases.traced(name).line)
    places, here = given["path"]["places"], start(name)
    places[1:1] = [[dyadic(v) for v in (*here.q, *here.eps)], list(places[0])]
    assert "place 1: the loss is not proved to fall" in verdict(name, given)
    assert "the loss rises" in path_cases.rises(name, given)


def start(name: str) -> Place:
    """Where a path begins in its chart."""
    path = path_cases.traced(name).line["path"]
    candidate = path_cases.traced(name).line["candidate"]
    theta = [from_text(v) for row in (*candidate["w"], candidate["a"]) for v in row]
    nodes = [[from_text(v) for v in row] for row in path.get("nodes", [])]
    network = Network.from_theta(exact(theta), 2).permuted(tuple(path["order"]))
    return place_of(chart_from_json(case(name).certificate["witness"]["chart"]), network, nodes)


def test_three_constants_must_not_cancel() -> None:
    """``1/ε_1 + 1/ε_2 = 0``: the third group stays where ``K`` puts it, and nothing leads to the limit."""
    given, chart = path_cases.cancelled(), chart_from_json(case(THREE).certificate["witness"]["chart"])
    assert "the ε of the last shared group does not go to 0" in verdict(THREE, given, moved=True)
    vertex, end = (exact([from_text(v) for v in given["path"][key][0]]) for key in ("vertices", "places"))
    network, places = Network.from_theta(vertex, 2), [Place(end[:-2], tuple(end[-2:]))]
    here = place_of(chart, network)
    assert here.eps[0] == -here.eps[1]
    assert piece(chart, here, places[0]) is None
    objective = SquareLoss.of_network(problem(case(THREE).problem), chart.width)
    assert not prove_channel(objective, chart, network, places, arithmetic="auto", max_bits=106)
    # the same path from where they do not cancel ends at infinity, and may be tried
    other = place_of(chart, chart.network(here.q, [here.eps[0], here.eps[0]]))
    assert piece(chart, other, places[0]) is not None
