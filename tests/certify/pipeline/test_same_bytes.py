"""Shipped points certified again on two processes give the same bytes, paths and channels among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from same_bytes import certified, difference, rows

# of each width: runs whose objects differ in kind, and how they belong to them
RUNS = {4: [4, 122, 153, 462, 973], 5: [14, 46, 243, 389, 398], 6: [31, 513, 715, 807], 7: [14, 811, 935]}


@pytest.mark.parametrize("width", sorted(RUNS))
def test_shipped_points_give_the_same_bytes_twice(width: int, tmp_path: Path) -> None:
    first = certified(width, RUNS[width], tmp_path / "first", 1)
    assert difference(first, certified(width, RUNS[width], tmp_path / "again", 2)) == []
    found = [(row["verdict"], row["relation"]) for row in rows(first)]
    assert ("minimum-at-infinity", "contained") in found
    assert len(set(found)) >= 2
    paths = [json.loads(line)["path"] for line in first["witnesses.jsonl"].splitlines()]
    assert {path["closing"] for path in paths if path} >= {3}
    # what differs is noticed
    assert difference(first, first | {"verdicts.jsonl": b""}) == ["verdicts.jsonl"]
