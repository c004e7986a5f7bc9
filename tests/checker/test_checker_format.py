"""The format: what the page describes, what the schemas allow, what provers write and what the checker reads agree."""

from __future__ import annotations

import json
import re
import zipfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cases import NAMES, case, checked, stored
from directories import write
from further_cases import FURTHER, further

from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.gaussian import Population
from certify.checker.integers import Integers
from certify.checker.loss import Data, Problem
from certify.checker.problems import either_of
from certify.checker.reading import canonical

ROOT = Path(__file__).parents[2]
ARCHIVES = sorted((ROOT / "data").glob("*/*.zip"))


@cache
def schema(name: str) -> Any:
    return json.loads(resources.files("certify").joinpath(f"_data/{name}.schema.json").read_text("utf-8"))


def part(name: str) -> Any:
    """A part of the schema of results directories."""
    known = schema("results")
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": known["$defs"]})


def names(value: Any) -> set[str]:
    """All names of fields in a schema."""
    if isinstance(value, list):
        return {name for v in value for name in names(v)}
    if not isinstance(value, dict):
        return set()
    own = value.get("properties", {})
    return set(own if isinstance(own, dict) else ()) | {name for v in value.values() for name in names(v)}


def test_every_field_is_described() -> None:
    text = (ROOT / "docs" / "certificate-format.md").read_text("utf-8")
    described = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[A-Za-z_0-9]+", code)}
    columns = (ROOT / "docs" / "verdicts.md").read_text("utf-8")
    rows = set(schema("results")["$defs"]["row"]["properties"])
    assert names(schema("certificate")) | names(schema("results")) - rows <= described
    assert rows <= set(re.findall(r"`([a-z_]+)`", columns))


def test_the_schema_of_results_describes_a_directory(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(schema("results"))
    folder = write(tmp_path, polish=True)
    part("manifest").validate(json.loads((folder / "manifest.json").read_bytes()))
    part("problem").validate(json.loads((folder / "problem.json").read_bytes()))
    for name, line in (("row", "verdicts.jsonl"), ("line", "witnesses.jsonl")):
        for text in (folder / line).read_bytes().splitlines():
            part(name).validate(json.loads(text))
            with pytest.raises(jsonschema.ValidationError, match="more"):
                part(name).validate(json.loads(text) | {"more": 1})


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_shipped_files_have_the_form(archive: Path) -> None:
    form = jsonschema.Draft202012Validator(schema("certificate"))
    with zipfile.ZipFile(archive) as opened:
        for name in ("manifest", "problem"):
            part(name).validate(json.loads(opened.read(f"{name}.json")))
        for name, lines in (("row", "verdicts.jsonl"), ("line", "witnesses.jsonl")):
            for text in opened.read(lines).splitlines()[::101]:
                part(name).validate(json.loads(text))
        certificates = [name for name in opened.namelist() if name.startswith("certificates/")]
        assert certificates
        for name in certificates[::11]:
            data = opened.read(name)
            form.validate(json.loads(data))
            assert data == canonical(json.loads(data)) + b"\n"
            assert len(data) < 2**16


class Read(dict[str, Any]):
    """An object that remembers which of its fields were read."""

    def __init__(self, value: dict[str, Any], seen: set[str], where: str):
        super().__init__({key: watched(v, seen, f"{where}.{key}") for key, v in value.items()})
        self.seen, self.where = seen, where

    def __getitem__(self, key: str) -> Any:
        self.seen.add(f"{self.where}.{key}")
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(f"{self.where}.{key}")
        return super().get(key, default)


def watched(value: Any, seen: set[str], where: str) -> Any:
    if isinstance(value, dict):
        return Read(value, seen, where)
    return [watched(v, seen, where) for v in value] if isinstance(value, list) else value


def paths(value: Any, where: str) -> set[str]:
    if isinstance(value, list):
        return {path for v in value for path in paths(v, where)}
    if not isinstance(value, dict):
        return set()
    return {f"{where}.{key}" for key in value} | {p for key, v in value.items() for p in paths(v, f"{where}.{key}")}


def known(name: str) -> tuple[Any, Problem | Population]:
    """A certificate and its problem as the checker knows it."""
    if name in NAMES:
        return case(name).certificate, checked(case(name).problem)
    given, certificate = further(name)
    return certificate, either_of(json.loads(json.dumps(stored(given))), Path("problem.json"))


@pytest.mark.parametrize("name", [*NAMES, *FURTHER])
def test_the_proof_reads_every_field_of_claim_and_witness(name: str) -> None:
    certificate, problem = known(name)
    seen: set[str] = set()
    read = read_certificate(watched(json.loads(json.dumps(certificate)), seen, ""), "certificate")
    seen.clear()  # that a field has the right form says nothing of its truth

    def data_at(bits: int) -> Any:
        return Integers(bits) if isinstance(problem, Population) else Data(problem, Integers(bits))

    check_certificate(read, problem, data_at)
    every = paths(certificate["claim"], ".claim") | paths(certificate["witness"], ".witness")
    # the words follow from the other fields, and are compared when the form is
    assert every - seen <= {".claim.statement", ".claim.objective"}
