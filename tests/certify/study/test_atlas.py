"""The shipped atlas: it belongs to the shipped runs, and a sample of its certificates is verified.

All of it, on demand: ``for file in data/atlas/*.zip; do certify check $file --budget 20000; done``.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from certify.checker.archive import unpack
from certify.checker.run import check
from sweep.points import content_hash, read_points

DATA = Path(__file__).parents[3] / "data"
ARCHIVES = sorted((DATA / "atlas").glob("*.zip"))
RUNS = [path for path in ARCHIVES if path.name.startswith("verdicts-")]


def test_there_is_an_archive_for_every_width_of_the_tables() -> None:
    with (DATA / "atlas" / "classification.csv").open(encoding="utf-8") as handle:
        widths = sorted({int(line["width"]) for line in csv.DictReader(handle)})
    assert {4, 5} <= set(widths)
    assert [path.name for path in RUNS] == [f"verdicts-width{width}.zip" for width in widths]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_one_certificate_of_each_kind_is_verified(archive: Path, tmp_path: Path) -> None:
    folder = unpack(archive, tmp_path)
    first: dict[str, Path] = {}
    for path in sorted((folder / "certificates").iterdir()):
        first.setdefault(json.loads(path.read_text("utf-8"))["claim"]["kind"], path)
    assert first
    for path in first.values():
        outcome = check(path, problem=None, arithmetic="integer", jobs=1, budget=600)
        assert outcome.verified == [str(path)], outcome


@pytest.mark.parametrize("archive", RUNS, ids=lambda path: path.stem)
def test_the_verdicts_are_those_of_the_shipped_runs(archive: Path, tmp_path: Path) -> None:
    folder = unpack(archive, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    width = manifest["points"]["width"]
    points = read_points(DATA / "adam" / f"width{width}", dimension=2)
    assert manifest["points"]["hash"] == content_hash(points)
    rows = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len(points) == 1000
    with (DATA / "atlas" / "classification.csv").open(encoding="utf-8") as handle:
        told = {line["verdict"]: int(line["runs"]) for line in csv.DictReader(handle) if int(line["width"]) == width}
    assert told == {**Counter(row["verdict"] for row in rows), "all": 1000}
