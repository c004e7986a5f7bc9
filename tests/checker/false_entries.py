"""Entries of the negative corpus; here those of saturated neurons, several outputs, biases, regions at infinity and
zeros of third order.

Each name says what is false: the rest of the certificate, or of the line, is as proved.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from cases import case
from path_cases import cancelled, crossed, traced
from third_order_cases import BROKEN, CURVES, FLIPPED, PLAIN, broken

from certify.proofs.proof import dyadic, from_text

SATURATED, OUTPUTS, BIASED = "saturated", "measured", "pair with a bias"
CASES = (SATURATED, OUTPUTS, BIASED)
"""Of ``cases.py``."""

REGIONS = (
    "region about a path to infinity",
    "region in two pairs",
    "region beside a neuron near zero",
    "region about copies of a diverging neuron",
    "region of two neurons near zero",
    "region about copies near zero",
    "region of three groups with one constant",
)
"""Of ``path_cases.py``."""


CHARTED = {
    "path to a step beside a pair": "saturated beside a pair",
    "path of a flipped triple": "triple beside zero",
    "path of three groups with one constant": "three constants",
    "path of three neurons near zero": "quintic",
}
"""Of ``path_cases.py``, by their names in the corpus."""


def scaled(text: str, factor: Fraction | int) -> str:
    return dyadic(from_text(text) * factor)


def false(name: str, of: str, rejected: str, changes: dict[str, Any], *, remove: bool = False) -> dict[str, Any]:
    """An entry: the changes that make the certificate ``of`` false, and part of the reason it must be rejected for."""
    entry = {"name": name, "of": of, "set": changes, "rejected": rejected}
    return entry | {"remove": True} if remove else entry


def bounded_too_high(witness: Any) -> dict[str, Any]:
    """Bounds of κ above it."""
    high = witness["channel"]["kappa_upper"]
    return {
        "witness.channel.kappa_lower": [scaled(k, 2) for k in high],
        "witness.channel.kappa_upper": [scaled(k, 4) for k in high],
    }


def _step(entries: list[int]) -> dict[str, Any]:
    name = f"saturated[{':'.join(map(str, entries))}]"
    return {"witness.chart.groups": [["saturated", [0], entries]], "claim.chart": name}


def later_entries() -> list[dict[str, Any]]:
    """False certificates of saturated neurons, of several outputs, and beside an output bias."""
    steep, several, biased = (case(name).certificate for name in CASES)
    center = several["witness"]["krawczyk"]["center"]
    low, high = several["claim"]["lambda_min"]
    return [
        false("a step to the other side", SATURATED, "witness.krawczyk", _step([-1, -1])),
        false("a step across another line", SATURATED, "witness.krawczyk", _step([1, -1])),
        false("a direction twice as long, with half of its gap", SATURATED, "coprime", _step([2, 2])),
        false(
            "kappa of a saturated neuron bounded too high", SATURATED, "kappa_lower", bounded_too_high(steep["witness"])
        ),
        false("a saturated neuron called finite", SATURATED, "claim.kind", {"claim.kind": "local-minimum"}),
        false(
            "a saturated neuron without an output",
            SATURATED,
            "witness.krawczyk",
            {f"witness.krawczyk.center.{len(steep['witness']['krawczyk']['center']) - 1}": "0"},
        ),
        false(
            "the sum of the losses of the outputs for their mean",
            OUTPUTS,
            "claim.loss",
            {"claim.loss": [scaled(v, 2) for v in several["claim"]["loss"]]},
        ),
        false(
            "the second output's weights for the first's",
            OUTPUTS,
            "witness.krawczyk",
            {"witness.krawczyk.center": [*center[:4], *center[7:], *center[4:7]]},
        ),
        false("an index too small, of two outputs", OUTPUTS, "claim.morse_index", {"claim.morse_index": 1}),
        false(
            "an eigenvalue of the sum of the losses",
            OUTPUTS,
            "claim.lambda_min",
            {"claim.lambda_min": [scaled(low, 2), scaled(high, 2)]},
        ),
        false("not global, with decay", OUTPUTS, "claim.not_global", {"claim.not_global": True}),
        false(
            "copies of neurons with two outputs and decay",
            OUTPUTS,
            "witness.chart",
            {
                "witness.chart": {"width": 2, "dimension": 2, "bias": True, "groups": [["copies", [0, 1]]]},
                "claim.chart": "copies2",
                "witness.splits": [],
            },
        ),
        false("kappa of the mean for that of half of it", BIASED, "kappa_lower", bounded_too_high(biased["witness"])),
        false(
            "a pair without the output bias", BIASED, "witness.chart.bias", {"witness.chart.bias": None}, remove=True
        ),
        false(
            "a released constant beside an output bias",
            BIASED,
            "beside an output bias",
            {"witness.chart.groups": [["zero", [0, 1], 1]], "claim.chart": "zero2-1"},
        ),
    ]


def region_entries() -> list[dict[str, Any]]:
    """False regions at infinity."""
    one, two, tied, split, crossed, parted, three = REGIONS
    path, other, constant, _, pair, _, many = (traced(name).line["path"] for name in REGIONS)
    k = len(constant["radii"][0]) - 3
    place = constant["places"][0]
    first, last = path["places"]
    half = other["places"][0][-1]
    start, *_ = many["places"]
    moved = [dyadic(from_text(first[0]) + Fraction(1, 4)), *first[1:]]
    return [
        false("a region in which the loss may not be convex", two, "place 0: ", _wider(other, 2**12)),
        false("a region wider than what is proved", one, "place 0: ", _wider(path, 2**8)),
        false("a region about a place off the floor", one, "place 0: ", {"path.places": [moved, last]}),
        false("a region without a width", one, "positive", {"path.radii.0": ["0", *path["radii"][0][1:]]}),
        false("a region for one piece of two", one, "a row for each place", {"path.radii": path["radii"][:1]}),
        false("a region after a vertex", one, "without vertices", {"path.vertices": [["0"] * 6]}),
        false(
            "a region in which the released constant moves too far",
            tied,
            "place 0: ",
            {"path.radii.0": [*constant["radii"][0][:k], "1*2^-3", *constant["radii"][0][k + 1 :]]},
        ),
        false(
            "a region about a place with another constant",
            tied,
            "place 0: ",
            {"path.places.0": [*place[:k], dyadic(from_text(place[k]) + Fraction(1, 4)), *place[k + 1 :]]},
        ),
        false(
            "a region in which the constant of three groups moves too far",
            three,
            "place 0: ",
            {"path.radii.0": [*many["radii"][0][:10], "1*2^-8", *many["radii"][0][11:]]},
        ),
        false(
            "a region in which one of three groups may be infinite",
            three,
            "place 0: shared ε may have one sign, or be infinite",
            {"path.radii.0": [*many["radii"][0][:10], "1*2^14", *many["radii"][0][11:]]},
        ),
        false(
            "a region in which one of three constants is much smaller",
            three,
            "place 0: ",
            {"path.places.0": [*start[:-1], scaled(start[-1], Fraction(1, 64))]},
        ),
        false("copies farther apart than a region allows", split, "are farther", {"path.apart": "1*2^-50"}),
        false("a region of copies that are together", parted, "are farther", {"path.apart": None}, remove=True),
        false("a region in which copies may be far apart", split, "place 0: ", {"path.apart": "1*2^8"}),
        false("a region in which copies near zero may be far apart", parted, "place 0: ", {"path.apart": "1*2^4"}),
        false(
            "a region in which two neurons are not near zero",
            crossed,
            "place 0: ",
            {"path.radii.0": [*pair["radii"][0][:3], "1*2^-1", *pair["radii"][0][4:]]},
        ),
        false(
            "a region in which one of two pairs stays finite",
            two,
            "changes its sign, or is 0",
            {"path.places.1": [*other["places"][1][:-1], half]},
        ),
    ]


def charted_entries() -> list[dict[str, Any]]:
    """False paths in charts with saturated neurons, flipped triples, three groups that share a constant, and a quintic
    group.
    """
    step, triple, three, quintic = CHARTED
    paths = {name: traced(of).line["path"] for name, of in CHARTED.items()}

    def moved(of: str, place: int, k: int, factor: Fraction | int, more: Fraction | int = 0) -> dict[str, Any]:
        row = paths[of]["places"][place]
        value = dyadic(from_text(row[k]) * factor + more)
        return {f"path.places.{place}": [*row[: k % len(row)], value, *row[k % len(row) + 1 :]]}

    (nodes,) = paths[triple]["nodes"]
    finite, apart = Fraction(1, 8), cancelled()
    (three_nodes,), (there, _) = paths[quintic]["nodes"], paths[quintic]["places"]
    first, turned = three_nodes[0], [scaled(v, -1) for v in three_nodes]
    farther = [*there[:-2], *(scaled(v, 3) for v in three_nodes)]
    return [
        false("a saturated neuron that turns round", step, "is not positive", moved(step, 0, -1, -1)),
        false("a saturated neuron that comes back", step, "place 0: the loss", moved(step, 0, -1, 3)),
        false("a step that stays finite", step, "changes its sign, or is 0", moved(step, 1, -1, 0, finite)),
        false("a step of another height", step, "place 1: the loss", moved(step, 1, 9, 1, Fraction(1, 4))),
        false("another neuron as a step", step, "place 0: the loss", {"path.order": [0, 1, 3, 2]}),
        false("a node twice", triple, "two nodes of a triple are equal", {"path.nodes.0": [nodes[0]] * 2}),
        false(
            "a third node like the first",
            triple,
            "two nodes of a triple are equal",
            {"path.nodes.0": [nodes[0], scaled(nodes[0], -2)]},
        ),
        false("nodes in another order", triple, "nodes of a triple meet", {"path.nodes.0": nodes[::-1]}),
        false("the triple of the other sign", triple, "nodes of a triple meet", moved(triple, 1, -4, -1)),
        false("a triple with a second moment of 0", triple, "μ of a triple is 0", moved(triple, 0, -4, 0)),
        false("another flipped member", triple, "path: place 0", {"path.order": [2, 1, 0, 3]}),
        false("a constant that a triple does not release", triple, "may be infinite", moved(triple, 0, 7, 0, -(2**14))),
        false(
            "two constants that cancel",
            three,
            "does not go to 0",
            {"candidate": apart["candidate"], **{f"path.{key}": apart["path"][key] for key in ("vertices", "places")}},
        ),
        false("one constant of the other sign", three, "changes its sign, or is 0", moved(three, 0, -1, -1)),
        false(
            "a node of a quintic group twice", quintic, "two nodes of a quintic group", {"path.nodes.0": [first] * 2}
        ),
        false("a node of a quintic group that is 0", quintic, "a quintic group", {"path.nodes.0": [first, "0"]}),
        false(
            "a third node that is 0",
            quintic,
            "node of a quintic group is 0",
            {"path.places.0": [*there[:-1], scaled(there[-2], -1)]},
        ),
        false(
            "a node of a quintic group that goes through 0",
            quintic,
            "node of a quintic group is 0",
            {"path.places": crossed()["path"]["places"]},
        ),
        false(
            "nodes of a quintic group in another order",
            quintic,
            "nodes of a quintic group meet",
            {"path.places.0": [*there[:-2], there[-1], there[-2]]},
        ),
        false("nodes of the other sign", quintic, "nodes of a quintic group meet", {"path.nodes.0": turned}),
        false("a quintic group with a second moment of 0", quintic, "ν of a quintic", moved(quintic, 0, -4, 0)),
        false("a quintic group of another size", quintic, "of a quintic group meet", moved(quintic, 1, -4, 2)),
        false(
            "a quintic group that stays finite", quintic, "of a quintic group meet", moved(quintic, 1, -1, 0, finite)
        ),
        false("a quintic group on its way back", quintic, "place 0: the loss", {"path.places.0": farther}),
        false(
            "another slope of what three neurons leave", quintic, "place 1: the loss", moved(quintic, 1, 5, 1, finite)
        ),
        false("another fifth power", quintic, "place 1: the loss", moved(quintic, 1, 2, 1, finite)),
        false("another constant of three neurons", quintic, "place 1: the loss", moved(quintic, 1, 4, 1, finite)),
        false("another first moment on the way", quintic, "place 0: the loss", moved(quintic, 0, -3, 1, 16)),
        false("three neurons in another order", quintic, "path: place 0", {"path.order": [2, 1, 0]}),
    ]


def third_order_entries() -> list[dict[str, Any]]:
    """False curves from zeros of third order: one condition does not hold, or they are no such curves."""
    found = []
    for name, (of, changes) in BROKEN.items():
        given = broken(name)
        moved = {"point": given["point"]} if any(k == 0 for k, _, _ in changes) else {}
        found.append(false(name, of, "not seen to vanish", moved | {"path.places": given["path"]["places"]}))
    rows = {name: curve.witness()["path"]["places"] for name, curve in CURVES.items()}
    first, second, *more = rows[PLAIN]
    faster = [scaled(v, 2) for v in rows[FLIPPED][0]]
    return [
        *found,
        false("first and second order exchanged", PLAIN, "not seen to vanish", {"path.places": [second, first, *more]}),
        false("twice as fast, but not of second order", FLIPPED, "not seen to vanish", {"path.places.0": faster}),
        false("a curve of degree 4", PLAIN, "or four for 4", {"path.places": rows[PLAIN][:3]}),
        false("a curve of degree 6", PLAIN, "or four for 4", {"path.places": [*rows[PLAIN], more[-1]]}),
        false("a curve of third order that is not halved", PLAIN, "not proved to fall to 0", {"path.octaves": 0}),
        false("a curve of third order taken for a bend", FLIPPED, "or one for 2", {"path.closing": 2}),
    ]


def _wider(path: Any, factor: int) -> dict[str, Any]:
    return {"path.radii": [[scaled(v, factor) for v in row] for row in path["radii"]]}
