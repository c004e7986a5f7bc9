"""Small results directories, and changes to them that keep every hash right: what a wrong prover might leave behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cases import problem

from certify.checker.directory import check_statement, read_directory
from certify.checker.run import Outcome, check
from certify.cli.points import certify_points
from symmetry.network import Points

TEACHER = [0.5, 1, 1, -0.5, 1, -1]
SADDLE = [
    -0.14064705439629602,
    0.37410552566567146,
    0.14064705439629643,
    -0.37410552566567024,
    1.4028986131533958,
    -1.3708005845251365,
]


def points() -> Points:
    """Width 2, problem ``a``: two on the teacher's orbit, a saddle, its neurons reordered, two of no special kind."""
    near = np.array(TEACHER) + 2.0**-40
    swapped = np.array([1, -0.5, 0.5, 1, -1, 1]) - 2.0**-45
    w, a = SADDLE[:4], SADDLE[4:]
    reordered = [*w[2:], *w[:2], *reversed(a)]
    theta = np.array([near, swapped, SADDLE, reordered, [2, -1, 0.5, 1.5, -2, 1.25], [0.25, 0.5, -1, 2, 1, -0.0]])
    source = tuple(f"tiny.npz:{i}" for i in range(len(theta)))
    return Points(theta[:, :4].reshape(-1, 2, 2), theta[:, 4:], source, np.arange(len(theta)))


def write(directory: Path, *, polish: bool = False, jobs: int = 1) -> Path:
    """The results for :func:`points`."""
    settings = {"arithmetic": "auto", "max_bits": 106, "polish": polish}
    certify_points(problem("a"), points(), directory, settings, jobs)
    return directory


def verdict(path: Path, *more: Path, **options: Any) -> Outcome:
    """What the checker says."""
    chosen = {"problem": None, "arithmetic": "integer", "jobs": 1, "budget": 100.0} | options
    return check(path, *more, **chosen)


def change_lines(directory: Path, name: str, change: Callable[[list[Any]], None]) -> None:
    """Change the parsed lines of ``name`` in place, and the manifest to fit."""
    path = directory / name
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    refresh(directory)


def change_json(directory: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place, and the manifest to fit."""
    path = directory / name
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data, sort_keys=True, separators=(",", ":")) + "\n")
    refresh(directory)


def refresh(directory: Path) -> None:
    """Give the manifest the hashes of the files as they are."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    if isinstance(manifest.get("files"), dict):
        for name in manifest["files"]:
            file = directory / name
            if len(name) < 200 and file.is_file():
                manifest["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest))


def statement_complaints(directory: Path, proved: dict[str, Any], known: Any) -> list[str]:
    """The statement alone, with certificates that were verified before."""
    return check_statement(read_directory(directory), known, proved)
