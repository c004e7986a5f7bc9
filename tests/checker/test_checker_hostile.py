"""Hostile input: a clear error, in bounded time and memory; never a traceback, never a file outside the directory."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cases import NAMES, case, check, checked, signed
from directories import change_json, refresh, verdict, write
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checker_certificates import SCRIPT

from certify.checker.certificates import read_certificate
from certify.checker.folded import fold
from certify.checker.path import check_path, count_pieces, read_path
from certify.checker.points import Points
from certify.checker.reading import MAX_BYTES, Rejected, Unreadable, exact, parse
from certify.proofs.proof import dyadic

VALID = json.dumps(case("minimum").certificate).encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("made") / "out")


@pytest.fixture
def directory(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


def refused(data: bytes) -> str:
    """Why a certificate is not even read, or rejected by its form."""
    with pytest.raises((Unreadable, Rejected)) as caught:
        read_certificate(parse(data, "hostile"), "hostile")
    return str(caught.value)


BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "binary": (bytes(range(256)), "not JSON"),
    "truncated": (VALID[: len(VALID) // 2], "not JSON"),
    "not UTF-8": (b'{"claim": "\xff"}', "not JSON"),
    "UTF-16": (VALID.decode().encode("utf-16"), "not JSON"),
    "two values": (VALID + VALID, "not JSON"),
    "nested lists": (b"[" * 200_000, "nested too deeply"),
    "nested objects": (b'{"a":' * 100_000, "nested too deeply"),
    "a list": (b"[]", "expected an object"),
    "null": (b"null", "expected an object"),
    "a duplicate key": (b'{"format": 1, "format": 1}', "a key occurs twice"),
    "a duplicate key inside": (VALID.replace(b'"width"', b'"kind": "saddle", "width"'), "a key occurs twice"),
    "NaN": (b'{"format": NaN}', "holds NaN"),
    "infinity": (b'{"format": -Infinity}', "holds -Infinity"),
    "a float": (b'{"format": 1.0}', "holds a float"),
    "an overflowing float": (b'{"format": 1e999999}', "holds a float"),
    "a gigantic integer": (b'{"format": ' + b"9" * 5_000_000 + b"}", "more than 18 digits"),
    "a surrogate": (b'{"\\ud800": 1}', "has no claim"),
}


@pytest.mark.parametrize("name", sorted(BYTES))
def test_bytes_that_are_no_certificate(name: str) -> None:
    data, message = BYTES[name]
    assert message in refused(data)


NUMBERS = [
    "1e400", "0x10", "1.5", "", " 1*2^0", "1*2^0\n", "1*2^", "*2^3", "1*2^1000000", "1*2^-99999", "9" * 2000 + "*2^0",
    "1/0", "1/-2", "1/2/3", "1_000*2^0", "١*2^0", "1**2^0", "nan", "inf", "1*3^2", "9" * 999 + "/" + "7" * 99,
]  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(Unreadable, match="expected 0, mantissa"):
        exact(text, "here")


@pytest.mark.parametrize("value", [None, True, 1, 1.5, [], {}, ["1*2^0"]])
def test_values_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(Unreadable):
        exact(value, "here")


def test_every_place_refuses_every_wrong_type() -> None:
    def places(value: Any, path: tuple[Any, ...] = ()) -> Any:
        yield path
        children = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
        for key, child in children:
            yield from places(child, (*path, key))

    for name in ("minimum", "family", "ball", "composed"):
        for path in places(case(name).certificate):
            if not path or path[0] in ("provenance", "hash"):
                continue
            for wrong in (None, 7, "x", [], {}, [[]], True, [None], {"a": {}}):
                certificate = json.loads(json.dumps(case(name).certificate))
                place = certificate
                for key in path[:-1]:
                    place = place[key]
                unknown = wrong is None and path == ("claim", "lambda_min")  # then it is not claimed
                if place[path[-1]] == wrong or unknown or path == ("claim", "statement"):
                    continue  # (the words are made anew by signing)
                place[path[-1]] = wrong
                try:
                    prepared = signed(certificate)
                except (TypeError, KeyError, AttributeError):
                    prepared = certificate
                with pytest.raises((Unreadable, Rejected)):
                    check(prepared, case(name).problem)


def test_a_number_that_asks_for_too_many_bits_is_refused_at_once() -> None:
    certificate = json.loads(json.dumps(case("minimum").certificate))
    certificate["witness"]["krawczyk"]["existence_radius"] = ["1*2^-9999"] * 3
    began = time.monotonic()
    with pytest.raises(Rejected, match="more than 4096"):
        check(signed(certificate), "a")
    assert time.monotonic() - began < 5  # bounded: nothing is computed


def test_huge_weights_take_no_longer() -> None:
    for center in ("1*2^9000", "-1*2^40", "1*2^-9999"):
        certificate = json.loads(json.dumps(case("minimum").certificate))
        certificate["witness"]["krawczyk"]["center"] = [center] * 3
        with pytest.raises(Rejected):
            check(signed(certificate), "a")


def line_to_the_teacher(**path: Any) -> dict[str, Any]:
    """A line of ``witnesses.jsonl``: straight down to the teacher of problem ``a``."""
    teacher = {"w": [["1*2^-1", "1*2^0"], ["1*2^0", "-1*2^-1"]], "a": ["1*2^0", "-1*2^0"]}
    candidate = teacher | {"a": ["5*2^-2", "-1*2^0"]}
    given = {"vertices": [], "closing": 1, "order": [], "places": []} | path
    return {"candidate": candidate, "point": teacher, "path": given}


def along(line: dict[str, Any]) -> None:
    check_path(line, None, checked("a"), lambda bits: fold(checked("a"), Points(bits)))


@pytest.mark.parametrize("number", ["1*2^1100", "-1*2^9999", "1*2^-1101", "1*2^-9999", f"{2**1101}/3", f"1/{3**700}"])
@pytest.mark.parametrize("place", ["candidate", "point", "vertices", "bends", "places", "rows"])
def test_a_path_has_no_numbers_that_take_long(place: str, number: str) -> None:
    # one entry of 2^9999 took 12 s: it is raised to the power of 6, at every input
    row = ["0", "0", "0", "0", number, "0"]
    paths: dict[str, dict[str, Any]] = {
        "vertices": {"vertices": [row]},
        "bends": {"vertices": [["0"] * 6], "bent": [0], "bends": [row]},
        "places": {"closing": 2, "places": [row]},
        "rows": {"closing": 4, "places": [["0"] * 6, ["0"] * 6, ["0"] * 6, row]},
    }
    along(line_to_the_teacher())
    line = line_to_the_teacher(**paths.get(place, {}))
    if place in line:
        line[place] = line[place] | {"a": [number, "0"]}
    with pytest.raises(Unreadable, match="more than 1100 binary digits"):
        along(line)


def test_doubles_are_not_too_long_for_a_path() -> None:
    line = line_to_the_teacher(octaves=1)
    line["candidate"]["a"] = ["5*2^-2", "-1*2^0"]
    line["candidate"]["w"] = [["1*2^-1", dyadic(1 + Fraction(1, 2**1074))], ["1*2^0", "-1*2^-1"]]
    along(line)
    assert read_path({"order": [], "places": [], "vertices": [["1*2^1023", "1*2^-1074"]], "closing": 0}, 2)


def test_the_cost_of_a_path_counts_everything_that_is_evaluated() -> None:
    row = ["0"] * 6
    assert count_pieces(line_to_the_teacher()) == 1
    assert count_pieces(line_to_the_teacher(octaves=7)) == 8
    assert count_pieces(line_to_the_teacher(vertices=[row, row], octaves=3)) == 6
    assert count_pieces(line_to_the_teacher(closing=3, places=[row, row])) == 7
    assert count_pieces({"path": None}) == count_pieces(None) == 0
    for octaves in (-5, "7", None, True):
        assert count_pieces(line_to_the_teacher(octaves=octaves)) <= 2


# --------------------------------------------------------------------------------------------------- directories


NAMES_OUTSIDE = [
    "../outside.json",
    "/etc/passwd",
    "certificates/../../outside.json",
    "certificates/deep/er.json",
    "certificates\\x.json",
    "..",
    ".",
    "",
    "certificates",
    "certificates/",
    "a" * 5000,
    "nul\0byte",
    "certificates/\ud800.json",
    "C:\\x",
    "~/x",
    ".hidden",
]


@pytest.mark.parametrize("name", NAMES_OUTSIDE, ids=range(len(NAMES_OUTSIDE)))
def test_names_that_lead_elsewhere(directory: Path, name: str) -> None:
    (directory.parent / "outside.json").write_text("{}")
    change_json(directory, "manifest.json", lambda m: m["files"].update({name: "0" * 64}))
    outcome = verdict(directory)
    assert outcome.code == 2
    assert "is not the name of a file in the directory" in outcome.unreadable[0]


def test_links_are_not_followed(directory: Path) -> None:
    target = directory.parent / "target.json"
    file = next(directory.glob("certificates/*.json"))
    file.rename(target)
    file.symlink_to(target)
    assert "is not the name of a file" in verdict(directory).unreadable[0]
    file.unlink()
    target.rename(file)
    (directory / "certificates").rename(directory.parent / "moved")
    (directory / "certificates").symlink_to(directory.parent / "moved")
    assert "is not the name of a file" in verdict(directory).unreadable[0]


def test_a_file_that_never_ends_is_refused(directory: Path) -> None:
    fifo = directory / "verdicts.jsonl"
    fifo.unlink()
    os.mkfifo(fifo)
    assert verdict(directory).code == 2


def test_a_file_that_is_too_large_is_refused(directory: Path) -> None:
    with (directory / "witnesses.jsonl").open("r+b") as handle:
        handle.truncate(MAX_BYTES + 1)  # sparse
    refresh(directory)
    assert f"more than {MAX_BYTES} bytes" in verdict(directory).unreadable[0]


MANIFESTS: dict[str, Callable[[Any], Any]] = {
    "a list": lambda m: [m],
    "no files": lambda m: {k: v for k, v in m.items() if k != "files"},
    "files as a list": lambda m: m | {"files": list(m["files"])},
    "numbers as hashes": lambda m: m | {"files": dict.fromkeys(m["files"], 1)},
    "another format": lambda m: m | {"format": 2},
    "an unknown field": lambda m: m | {"trust": True},
    "points as text": lambda m: m | {"points": "many"},
    "a negative count": lambda m: m | {"points": m["points"] | {"count": -1}},
    "a gigantic count": lambda m: m | {"points": m["points"] | {"count": 10**17}},
    "no problem": lambda m: m | {"problem": None},
}


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_manifests_that_are_none(directory: Path, name: str) -> None:
    path = directory / "manifest.json"
    path.write_text(json.dumps(MANIFESTS[name](json.loads(path.read_text()))))
    assert verdict(directory).code in (2, 4)


PROBLEMS: dict[str, Callable[[Any], Any]] = {
    "a list": lambda p: [],
    "a grid of too many points": lambda p: p | {"content": p["content"] | {"inputs": {"grid": [["0"] * 2000] * 3}}},
    "an empty axis": lambda p: p | {"content": p["content"] | {"inputs": {"grid": [[], ["0"]]}}},
    "an axis of floats": lambda p: p | {"content": p["content"] | {"inputs": {"grid": [["0.5"], ["0"]]}}},
    "a table that is not there": lambda p: p | {
        "content": p["content"] | {"inputs": {"table": "sha256:" + "0" * 64, "shape": [9, 2]}}
    },
    "a gigantic table": lambda p: p | {
        "content": p["content"] | {"inputs": {"table": "sha256:" + "0" * 64, "shape": [10**12, 2]}}
    },
    "another activation": lambda p: p | {"content": p["content"] | {"activation": "relu"}},
    "no teacher": lambda p: p | {"content": p["content"] | {"teacher": None}},
    "a ragged teacher": lambda p: p | {
        "content": p["content"] | {"teacher": {"w": [["1"], ["1", "2"]], "a": ["1", "2"]}}
    },
    "a gigantic rational": lambda p: p | {
        "content": p["content"] | {"teacher": {"w": [["9" * 10**6, "1"]], "a": ["1"]}}
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_problems_that_are_none(directory: Path, name: str) -> None:
    import hashlib

    path = directory / "problem.json"
    made = PROBLEMS[name](json.loads(path.read_text()))
    if isinstance(made, dict):
        text = json.dumps(made["content"], sort_keys=True, separators=(",", ":"))
        made["hash"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(made))
    refresh(directory)
    assert verdict(directory).code in (2, 4)


@pytest.mark.parametrize("name", ["verdicts.jsonl", "witnesses.jsonl"])
def test_lines_that_are_none(directory: Path, name: str) -> None:
    path = directory / name
    lines = path.read_bytes().splitlines()
    hostile = [b"", b"[]", b"null", b"{}", b"[" * 100_000, lines[0][:50], lines[0].replace(b"0", b"1e999"), b"\xff"]
    for made in hostile:
        path.write_bytes(b"\n".join([made, *lines[1:]]) + b"\n")
        refresh(directory)
        assert verdict(directory).code in (2, 4), made[:40]


@pytest.mark.parametrize("name", ["verdicts.jsonl", "witnesses.jsonl"])
def test_every_field_of_a_line_refuses_every_wrong_type(directory: Path, name: str) -> None:
    path = directory / name
    lines = path.read_text().splitlines()
    free = {"source", "seed", "reason", "moved"}  # not proved: not looked at
    for number in (0, 4):
        row = json.loads(lines[number])
        for key in row.keys() - free:
            for wrong in (None, 7, "x", [], True):
                if row[key] == wrong and type(row[key]) is type(wrong):
                    continue
                made = [*lines]
                made[number] = json.dumps(row | {key: wrong})
                path.write_text("\n".join(made) + "\n")
                refresh(directory)
                outcome = verdict(directory)
                assert outcome.code in (2, 4), (key, wrong)


def test_the_script_prints_no_traceback(tmp_path: Path) -> None:
    for number, (data, _) in enumerate(BYTES.values()):
        if len(data) > 10**6:
            continue
        file = tmp_path / f"{number}.json"
        file.write_bytes(data)
    (tmp_path / "problem.json").write_bytes(b"[]")
    for path in [tmp_path, tmp_path / "nowhere", *sorted(tmp_path.glob("*.json"))[:3]]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(SCRIPT), str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------- random


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    with pytest.raises((Unreadable, Rejected)):
        read_certificate(parse(data, "random"), "random")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_random_damage(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(json.dumps(case(rng.choice(NAMES)).certificate).encode())
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[place] = rng.randrange(256)
        elif kind == 1:
            del data[place : place + rng.randint(1, 40)]
        elif kind == 2:
            data[place:place] = rng.choice([b'"', b"{", b"}", b"[", b"]", b",", b"9" * 50, b"\\u0000", b"-"])
        else:
            other = rng.randrange(len(data))
            data[place : place + 20] = data[other : other + 20]
    untouched = json.dumps(case("minimum").certificate).encode()
    if bytes(data) == untouched:
        return
    try:
        read_certificate(parse(bytes(data), "damaged"), "damaged")
    except (Unreadable, Rejected):
        return
    # what is still read has all of claim, problem and witness as they were: only provenance or blanks changed
    decoded = json.loads(bytes(data))
    assert decoded["hash"] in {case(name).certificate["hash"] for name in NAMES}
