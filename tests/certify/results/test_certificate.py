"""Certificates: complete, canonical, the same bytes every time, of the documented form."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from made_objects import ball, in_chart, isolated, made_points, stratum, tiny_problem, verdict

from certify.checker.certificates import content_hash, statement
from certify.proofs.proof import from_text
from certify.proofs.verdict import Kind, Verdict
from certify.results.certificate import canonical, certificate_of, certificate_of_ball, counts, object_of, witness_line
from symmetry.network import Points

sys.path.append(str(Path(__file__).parents[2] / "checker"))
from cases import NAMES, case
from directories import write

HASH = tiny_problem().hash
THIRD = Fraction(1, 3)
OBJECTS = {
    "minimum": isolated([[THIRD, 2], [3, -(2**-60)]], [1, -THIRD]),
    "saddle": isolated([[1, 2], [5, 6]], [0, 2], index=1, not_global=None),
    "minimum with an output bias": isolated([[1, 2]], [3, 4]),
    "stratum": stratum([[1, 2], [3, 4]], [1, -1], name="C1+ C2+"),
    "plateau": in_chart([("copies", (0, 1))], 2, [THIRD, 2], splits=[(1, 1)]),
    "channel": in_chart([("pair", (0, 1))], 3, [THIRD, 2, 3, 4, 5]),
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(resources.files("certify").joinpath("_data/certificate.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_objects_come_back_bit_for_bit(name: str) -> None:
    found = OBJECTS[name]
    back = object_of(json.loads(canonical(certificate_of(found, HASH))), 2)
    assert back.to_json() == found.to_json()
    assert back.id == found.id


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_describes_every_certificate(name: str, schema: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(case(name).certificate, schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_refuses_what_is_missing_or_unknown(name: str, schema: Any) -> None:
    for part in ("claim", "witness", "provenance"):
        given = json.loads(json.dumps(case(name).certificate))
        given[part]["more"] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(given, schema)
        for key in case(name).certificate[part]:
            if part == "witness":
                continue  # which steps a claim needs is the checker's affair
            given = json.loads(json.dumps(case(name).certificate))
            del given[part][key]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(given, schema)


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_words_and_hash_are_those_the_checker_makes(name: str) -> None:
    certificate = certificate_of(OBJECTS[name], HASH)
    claim = certificate["claim"]
    assert claim["statement"] == statement(claim)
    assert certificate["hash"] == content_hash(claim, HASH, certificate["witness"])


def test_the_hash_covers_claim_problem_and_witness_and_not_the_provenance() -> None:
    first = certificate_of(OBJECTS["minimum"], HASH)
    assert certificate_of(OBJECTS["minimum"], "0" * 64)["hash"] != first["hash"]
    assert (
        certificate_of(isolated([[THIRD, 2], [3, -(2**-60)]], [1, -THIRD], not_global=None), HASH)["hash"]
        != first["hash"]
    )
    assert certificate_of(OBJECTS["saddle"], HASH)["hash"] != first["hash"]
    other = isolated([[THIRD, 2], [3, -(2**-60)]], [1, -THIRD], method="krawczyk/arb", bits=106)
    assert certificate_of(other, HASH)["hash"] == first["hash"]


def test_canonical_text() -> None:
    assert canonical({"b": [1, None, True], "a": "κ"}) == '{"a":"\\u03ba","b":[1,null,true]}\n'
    with pytest.raises(ValueError, match="Out of range"):
        canonical(float("nan"))


def test_no_number_is_a_float() -> None:
    def floats(value: Any) -> list[float]:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return [value] if isinstance(value, float) else [x for child in children for x in floats(child)]

    for name in NAMES:
        assert floats(case(name).certificate) == []


def test_a_ball_without_an_object() -> None:
    certificate = certificate_of_ball(ball(0.25), 2, HASH)
    assert certificate["claim"]["empty_radius"] == "1*2^-2"
    assert certificate["provenance"]["id"] == "w2-not-critical-" + certificate["hash"][:12]
    assert certificate["witness"]["empty_ball"]["center"] == ["0"] * 6


def test_candidates_keep_every_bit() -> None:
    w = np.array([[[0.1, -0.0], [5e-324, 1.7976931348623157e308]]])
    points = Points(w, np.array([[-0.0, 0.0]]), ("f.npz:0",), np.array([0]))
    line = json.loads(canonical(witness_line(verdict(0), points, None)))
    candidate = line["candidate"]
    assert candidate["w"][0] == ["3602879701896397*2^-55", "-0"]
    assert [from_text(v) for v in candidate["w"][1]] == [Fraction(5e-324), Fraction(1.7976931348623157e308)]
    assert candidate["a"] == ["-0", "0"]
    assert (line["certificate"], line["permutation"], line["point"], line["labels"]) == (None, None, None, None)


def test_witnesses_of_global_minima_hold_their_own_point() -> None:
    found = OBJECTS["stratum"]
    given = verdict(0, found, permutation=(1, 0), witness=found.network, labels=("C1+", "C2+"))
    line = witness_line(given, made_points(1), "certificates/x.json")
    assert line["point"] == {"w": [["1*2^0", "1*2^1"], ["3*2^0", "1*2^2"]], "a": ["1*2^0", "-1*2^0"]}
    assert (line["permutation"], line["labels"]) == ([1, 0], ["C1+", "C2+"])


def test_counts() -> None:
    verdicts: list[Verdict] = [verdict(0, OBJECTS["minimum"]), verdict(1), verdict(2, OBJECTS["minimum"])]
    assert counts(verdicts, [Kind.LOCAL_MINIMUM]) == {
        "verdicts": {"local-minimum": {"contained": 2}, "undecided": {"none": 1}},
        "certificates": {"local-minimum": 1},
    }


def test_a_centre_of_another_size_is_refused() -> None:
    certificate = certificate_of(OBJECTS["minimum"], HASH)
    with pytest.raises(ValueError, match="6 parameters, expected 8"):
        object_of(certificate, 3)


def test_an_object_without_a_point_is_refused() -> None:
    certificate = certificate_of(OBJECTS["minimum"], HASH)
    del certificate["witness"]["krawczyk"]
    with pytest.raises(ValueError, match="expected one that names a point"):
        object_of(certificate, 2)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_the_same_points_give_the_same_bytes_on_one_process_and_on_two(tmp_path: Path) -> None:
    first = contents(write(tmp_path / "first"))
    assert contents(write(tmp_path / "again")) == first
    assert contents(write(tmp_path / "two", jobs=2)) == first
    assert any(name.startswith("certificates/") for name in first)


def test_numbers_are_short() -> None:
    # rounded before the proof used them: at width 2 no entry of Y or V needs more than 40 bits
    witness = case("minimum-2").certificate["witness"]
    for matrix in (witness["krawczyk"]["preconditioner"], witness["inertia"]["congruence"]):
        entries = [from_text(v) for row in matrix for v in row]
        assert max(abs(v.numerator).bit_length() for v in entries) <= 40


def test_an_object_needs_either_network_or_chart() -> None:
    with pytest.raises(ValueError, match="either an exact network or a chart"):
        replace(OBJECTS["minimum"], network=None)
