"""Write the negative corpus that ``certify selftest`` reads: ``python tests/checker/make_corpus.py``.

Of every kind of claim, the first false certificate (or path) is tried at the start of each proving command as well.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from cases import LABELS, SHIPPED, case, problem, stored, table
from false_entries import (
    CASES,
    CHARTED,
    REGIONS,
    bounded_too_high,
    charted_entries,
    false,
    later_entries,
    region_entries,
    scaled,
    third_order_entries,
)
from further_cases import COPIES, FURTHER, LINES, further, line, texts, written
from path_cases import traced

import certify
from certify.proofs.proof import dyadic, from_text
from certify.selftest import CORPUS

LATER = ("cubic", "quintic", "linear", "exponential", *CASES)
"""Of ``cases.py``."""


def entries() -> list[dict[str, Any]]:
    """The false certificates."""

    def witness(of: str) -> Any:
        return case(of).certificate["witness"]

    def claim(of: str) -> Any:
        return case(of).certificate["claim"]

    wide = witness("minimum-2")["krawczyk"]["uniqueness_radius"]
    tight = witness("saddle")["krawczyk"]["existence_radius"]
    center = witness("minimum-2")["krawczyk"]["center"]
    moved = dyadic(from_text(center[0]) + 2 * from_text(witness("minimum-2")["krawczyk"]["existence_radius"][0]))
    low, high = claim("minimum-2")["loss"]
    below, above = claim("minimum-2")["lambda_min"]
    lemma = witness("minimum-2")["lemma_1"]
    congruence = witness("saddle")["inertia"]["congruence"]
    outputs = witness("zero")["zero_loss"]["a"]
    return [
        false(
            "a saddle called a minimum", "saddle", "claim.kind", {"claim.kind": "local-minimum", "claim.strict": True}
        ),
        false("an index too small", "saddle-2", "claim.morse_index", {"claim.morse_index": 1}),
        false(
            "a sign turned",
            "saddle",
            "witness.inertia.signs",
            {"witness.inertia.signs.0": -witness("saddle")["inertia"]["signs"][0]},
        ),
        false(
            "a singular congruence",
            "saddle",
            "witness.inertia",
            {"witness.inertia.congruence": [[*row[:-1], row[0]] for row in congruence]},
        ),
        false(
            "uniqueness in too large a box",
            "minimum-2",
            "uniqueness_radius",
            {"witness.krawczyk.uniqueness_radius": [scaled(r, 4) for r in wide]},
        ),
        false(
            "existence in too small a box",
            "saddle",
            "existence_radius",
            {"witness.krawczyk.existence_radius": [scaled(r, Fraction(1, 2**40)) for r in tight]},
        ),
        false("a moved centre", "minimum-2", "existence_radius", {"witness.krawczyk.center.0": moved}),
        false("a loss bounded too high", "minimum-2", "claim.loss: the lower", {"claim.loss.0": high}),
        false("a loss bounded too low", "minimum-2", "claim.loss: the upper", {"claim.loss.1": low}),
        false(
            "an eigenvalue bounded too high", "minimum-2", "claim.lambda_min: the lower", {"claim.lambda_min.0": above}
        ),
        false(
            "an eigenvalue bounded too low", "minimum-2", "claim.lambda_min: the upper", {"claim.lambda_min.1": below}
        ),
        false(
            "a Lipschitz constant too small",
            "minimum-2",
            "lipschitz",
            {"witness.lemma_1.lipschitz": scaled(lemma["lipschitz"], Fraction(1, 2))},
        ),
        false(
            "a gradient norm too small",
            "minimum-2",
            "gradient_norm",
            {"witness.lemma_1.gradient_norm": scaled(lemma["gradient_norm"], Fraction(1, 2**60))},
        ),
        false(
            "Lemma 1 in too large a ball",
            "minimum-2",
            "witness.lemma_1",
            {"witness.lemma_1.radius": scaled(lemma["reach"], 2)},
        ),
        false("not global without a reason", "minimum-2", "claim.not_global", {"claim.not_global": True}),
        false(
            "almost the teacher",
            "zero",
            "does not equal the teacher",
            {"witness.zero_loss.a.0": dyadic(from_text(outputs[0]) + Fraction(1, 2**60))},
        ),
        false("a small loss called zero", "zero", "claim.loss", {"claim.loss": ["0", "1*2^-60"]}),
        false("a family too large", "family", "claim.manifold_dimension", {"claim.manifold_dimension": 2}),
        false("a family called all there is", "family", "claim.complete", {"claim.complete": True}),
        false("one function less", "whole", "columns", {"witness.local_family.columns": 5}),
        false("too high a rank", "whole", "the rank is", {"witness.local_family.rank": 4, "claim.nullity": 2}),
        false(
            "an output of 0 in a family called all there is",
            "whole",
            "the signs decide nothing",
            {"witness.zero_loss.a": ["0", "1*2^0"]},
        ),
        false("a family called strict", "whole", "claim.strict", {"claim.strict": True}),
        false(
            "too large an empty ball",
            "ball",
            "witness.empty_ball",
            {"claim.empty_radius": scaled(claim("ball")["empty_radius"], 4)},
        ),
        false(
            "shares of other signs",
            "plateau",
            "claim.morse_index",
            {"witness.splits.0.positive": 2, "witness.splits.0.negative": 0, "claim.morse_index": 0},
        ),
        false(
            "a share of 0 called positive",
            "idle",
            "claim.nullity",
            {
                "witness.splits.0.positive": 2,
                "witness.splits.0.zero": 0,
                "claim.morse_index": witness("idle")["splits"][0]["curvature_negative"],
            },
        ),
        false("a degenerate saddle called a minimum", "idle", "claim.kind", {"claim.kind": "local-minimum"}),
        false("a kernel too small", "idle", "claim.nullity", {"claim.nullity": 1}),
        false(
            "shares that cannot make the constant",
            "mirrored",
            "witness.tie.slack",
            {"witness.splits.0.mirrored": [0, 1, 0], "witness.splits.0.positive": 2, "witness.splits.0.negative": 1},
        ),
        false(
            "a free constant where it is tied",
            "mirrored-2",
            "claim.manifold_dimension",
            {"claim.manifold_dimension": 2, "claim.nullity": 2},
        ),
        false("nothing ties the shares", "mirrored", "witness.tie", {"witness.tie": None}, remove=True),
        false("another level", "plateau", "claim.level", {"claim.level": 2}),
        false(
            "a saddle at infinity called a minimum",
            "channel-saddle",
            "claim.kind",
            {"claim.kind": "minimum-at-infinity", "claim.morse_index": 0},
        ),
        false(
            "copies that nothing holds together across the pair",
            "split",
            "witness.channel.weights",
            {"witness.channel.weights": ["0"]},
        ),
        false(
            "copies of the other member",
            "split",
            "witness.channel.weights",
            {"witness.chart.groups": [["split+", [0, 1, 2]]], "claim.chart": "split+3"},
        ),
        false(
            "mirrored copies whose constant nothing balances",
            "split",
            "released constant",
            {"witness.chart.groups": [["split-", [0, 1, 2], 1]], "claim.chart": "split-3-1"},
        ),
        false("a family of minima called a point", "split", "claim.nullity", {"claim.nullity": 0}),
        false(
            "kappa bounded too high",
            "channel",
            "kappa_lower",
            {
                "witness.channel.kappa_lower": [scaled(k, 2) for k in witness("channel")["channel"]["kappa_upper"]],
                "witness.channel.kappa_upper": [scaled(k, 4) for k in witness("channel")["channel"]["kappa_upper"]],
            },
        ),
        false(
            "the other triple",
            "triple",
            "witness.krawczyk",
            {"witness.chart.groups.0.0": "triple+", "claim.chart": "triple+"},
        ),
        false("another problem", "minimum", "problem", {"problem": problem("b").hash}),
        false("an unknown claim", "minimum", "claim.kind", {"claim.kind": "maximum"}),
        false("a claim of nothing asked", "minimum", "claim: unknown", {"claim.prize": True}),
        false("a missing step", "saddle", "witness: has no inertia", {"witness.inertia": None}, remove=True),
    ]


def further_entries() -> list[dict[str, Any]]:
    """False certificates of neurons near zero, and under Gaussian inputs."""

    def witness(of: str) -> Any:
        return (further(of)[1] if of in FURTHER else case(of).certificate)["witness"]

    ball = witness("newton ball")["newton_ball"]
    students = witness("teacher split")["split"]
    return [
        false(
            "kappa of three neurons near zero bounded too high",
            "quintic",
            "kappa",
            bounded_too_high(witness("quintic")),
        ),
        false(
            "three neurons near zero beside mirrored pairs",
            "quintic",
            "a quintic group beside another constant",
            {
                "claim.width": 7,
                "witness.chart.width": 7,
                "claim.chart": "mirrored+mirrored+quintic",
                "witness.chart.groups": [["mirrored", [0, 1]], ["mirrored", [2, 3]], ["quintic", [4, 5, 6]]],
            },
        ),
        false(
            "kappa of two neurons near zero bounded too high",
            "cubic",
            "kappa",
            bounded_too_high(witness("cubic")),
        ),
        false(
            "two neurons near zero beside two mirrored pairs",
            "cubic",
            "exactly one mirrored pair",
            {
                "claim.width": 6,
                "witness.chart.width": 6,
                "claim.chart": "mirrored+mirrored+cubic",
                "witness.chart.groups": [["mirrored", [0, 1]], ["mirrored", [2, 3]], ["cubic", [4, 5]]],
            },
        ),
        false(
            "two neurons near zero with nothing to share their constant",
            "cubic",
            "a released constant that nothing balances",
            {"claim.chart": "pair+cubic", "witness.chart.groups": [["pair", [0, 1]], ["cubic", [2, 3]]]},
        ),
        false("a family called isolated", "quintic", "claim.manifold_dimension", {"claim.manifold_dimension": 1}),
        false(
            "kappa of a bias at infinity bounded too high",
            "exponential",
            "kappa",
            bounded_too_high(witness("exponential")),
        ),
        false(
            "an output that goes to the other infinity",
            "exponential",
            "witness.krawczyk",
            {"witness.chart.groups.0.0": "exponential-", "claim.chart": "exponential-"},
        ),
        false("no output bias", "exponential", "witness.chart.bias", {"witness.chart.bias": None}, remove=True),
        false("kappa of a neuron near zero bounded too high", "linear", "kappa", bounded_too_high(witness("linear"))),
        false(
            "a constant that no odd activation releases",
            "linear",
            "released constant",
            {"witness.chart.groups": [["zero", [0]]], "claim.chart": "zero"},
        ),
        false(
            "a saddle under Gaussian inputs called a minimum",
            "newton ball",
            "claim.morse_index",
            {"claim.kind": "local-minimum", "claim.morse_index": 0, "claim.strict": True},
        ),
        false(
            "too small a gradient",
            "newton ball",
            "gradient_norm",
            {
                "witness.newton_ball.gradient_norm": scaled(ball["gradient_norm"], Fraction(1, 2**20)),
                "witness.newton_ball.radius": scaled(ball["radius"], Fraction(1, 2**19)),
            },
        ),
        false(
            "too small a bound of the third derivative",
            "newton ball",
            "lipschitz",
            {
                "witness.newton_ball.lipschitz": scaled(ball["lipschitz"], Fraction(1, 2)),
            },
        ),
        false("too large a gap", "newton ball", "eigenvalues", {"witness.newton_ball.gap": scaled(ball["gap"], 2)}),
        false("too large a reach", "newton ball", "fails", {"witness.newton_ball.reach": scaled(ball["reach"], 2)}),
        false("about another loss", "newton ball", "claim", {"claim.objective": None}, remove=True),
        false(
            "a part too much",
            "teacher split",
            "do not add up",
            {
                "witness.split.w": [[scaled(v, 2) for v in students["w"][0]], *students["w"][1:]],
            },
        ),
        false(
            "another owner",
            "teacher split",
            "no positive multiple",
            {
                "witness.split.teacher": [(j + 1) % 3 for j in students["teacher"]],
            },
        ),
        false("a larger family", "teacher split", "claim.manifold_dimension", {"claim.manifold_dimension": 2}),
        false(
            "too large an empty ball under Gaussian inputs",
            "gradient ball",
            "gradient_ball",
            {
                "claim.empty_radius": scaled(further("gradient ball")[1]["claim"]["empty_radius"], 4),
            },
        ),
    ]


def path_entries() -> list[dict[str, Any]]:
    """False paths."""
    into, arc, _, bend, far = (line(name).witness for name in LINES[:5])
    turned = [scaled(v, -1) for v in bend["path"]["places"][0]]
    first, last = far["path"]["places"]
    return [
        false(
            "a path uphill",
            LINES[0],
            "piece 1: the loss is not proved to fall",
            {
                "path.vertices": [into["path"]["vertices"][0], _flat(into["candidate"])],
            },
        ),
        false(
            "a vertex beyond the box and the wall",
            LINES[0],
            "piece 0: the loss",
            {
                "path.vertices": [[scaled(v, 3) for v in into["path"]["vertices"][0]]],
            },
        ),
        false(
            "an arc that goes another way",
            LINES[1],
            "piece 0: the loss",
            {
                "path.bends": [[scaled(v, 100) for v in arc["path"]["bends"][0]]],
            },
        ),
        false("the bend of no piece", LINES[1], "no such piece", {"path.bent": [1]}),
        false(
            "a zero that is none",
            LINES[2],
            "does not equal the teacher",
            {
                "point": written([*COPIES[:4], 0.25, 0.75 + 2.0**-20]),
            },
        ),
        false("a curve that is not halved", LINES[2], "not proved to fall to 0", {"path.octaves": 0}),
        false("a bend to the other side", LINES[3], "not proved to fall", {"path.places": [turned]}),
        false("two bends", LINES[3], "path.places", {"path.places": [bend["path"]["places"][0]] * 2}),
        false(
            "over infinity",
            LINES[4],
            "changes its sign",
            {
                "path.places": [[*first[:-1], scaled(first[-1], -1)], last],
            },
        ),
        false("beyond infinity", LINES[4], "changes its sign", {"path.places": [first, last, first]}),
        false(
            "to another limit",
            LINES[4],
            "not proved to fall",
            {
                "path.places": [first, [*texts([3.0]), *last[1:]]],
            },
        ),
        false("a neuron twice", LINES[4], "each neuron once", {"path.order": [0, 0]}),
    ]


def _flat(network: Any) -> list[str]:
    return [v for row in network["w"] for v in row] + network["a"]


def started(false: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Marked are the first of each kind of claim, of each objective, and of paths."""
    seen, out = set(), []
    for entry in false:
        of = entry["of"]
        claim = (
            {}
            if of in (*LINES, *REGIONS, *CHARTED)
            else (further(of)[1] if of in FURTHER else case(of).certificate)["claim"]
        )
        kind = claim.get("kind"), claim.get("objective")
        out.append(entry | {"start": kind not in seen})
        seen.add(kind)
    return out


def main() -> None:
    """Write the file into the package."""
    problems = {name: stored(problem(name)) for name in ("a", "b", "c", "d")}
    tables: dict[str, Any] = {}
    certificates = {
        name: {"problem": case(name).problem, "certificate": case(name).certificate} for name in (*SHIPPED, *LATER)
    }
    paths = {
        name: {"problem": line(name).problem, "line": line(name).witness, "chart": line(name).chart} for name in LINES
    }
    for name, key in ({name: name for name in REGIONS} | CHARTED).items():
        own = traced(key)
        chart, given = case(own.object).certificate["witness"]["chart"], {k: own.line[k] for k in ("candidate", "path")}
        paths[name] = {"problem": case(own.object).problem, "line": given, "chart": chart}
    for known in (*certificates.values(), *paths.values()):
        belongs = known["problem"]
        if belongs in LABELS:
            tables[belongs] = table(problem(belongs))
        else:
            problems[belongs] = stored(problem(belongs))
    for name in FURTHER:
        given, certificate = further(name)
        problems[given.name] = stored(given)
        certificates[name] = {"problem": given.name, "certificate": certificate}
    data = {
        "problems": problems,
        "tables": tables,
        "certificates": certificates,
        "paths": paths,
        "false": started(
            [
                *entries(),
                *further_entries(),
                *path_entries(),
                *later_entries(),
                *region_entries(),
                *charted_entries(),
                *third_order_entries(),
            ]
        ),
    }
    path = Path(certify.__file__).parent / "_data" / CORPUS
    path.write_text(json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n", "utf-8")
    print(
        f"{path.name}: {len(certificates) + len(paths)} valid, {len(data['false'])} false, {path.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
