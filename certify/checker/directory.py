"""The statement of a results directory: that the rows say what the certificates prove, about these candidates.

What is checked beside the certificates: every file has the hash the manifest gives it; the candidates, exact in
``witnesses.jsonl``, are the points the manifest names, bit for bit; every row says what its certificate proves of its
candidate (``rows.py``); the counts are those of the rows.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .certificates import Certificate
from .gaussian import Population
from .loss import Problem
from .reading import Rejected, Unreadable, exact, fields, integer, need, parse, read_bytes
from .rows import check_row

MANIFEST, VERDICTS, WITNESSES, PROBLEM = "manifest.json", "verdicts.jsonl", "witnesses.jsonl", "problem.json"

NAME = re.compile(r"(certificates/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Directory:
    """A results directory, its files compared with the manifest; rows and witnesses as read."""

    path: Path
    manifest: dict[str, Any]
    rows: list[Any]
    witnesses: list[Any]

    @property
    def certificates(self) -> list[str]:
        return sorted(name for name in self.manifest["files"] if name.startswith("certificates/"))


def read_directory(path: Path) -> Directory:
    """Read a results directory and compare every file with its hash in the manifest.

    Raises:
        Unreadable, Rejected: as their names say.
    """
    manifest = parse(read_bytes(path / MANIFEST), MANIFEST)
    required = {"format", "problem", "points", "files", "counts"}
    fields(manifest, MANIFEST, required, {"version", "settings", "libraries"})
    need(manifest["format"] == 1, f"{MANIFEST}: format: this checker knows format 1")
    fields(manifest["problem"], f"{MANIFEST}: problem", {"name", "hash"})
    fields(manifest["points"], f"{MANIFEST}: points", {"hash", "count", "width"})
    if not isinstance(manifest["files"], dict):
        raise Unreadable(f"{MANIFEST}: files: expected an object")
    for name in (VERDICTS, WITNESSES, PROBLEM, "points.parquet"):
        need(name in manifest["files"], f"{MANIFEST}: files: has no {name}")
    for name, digest in manifest["files"].items():
        need(_digest(path, name) == digest, f"{name}: is not the file the manifest lists")
    folder = path / "certificates"
    if folder.is_dir():
        for file in sorted(folder.iterdir()):
            need(
                f"certificates/{file.name}" in manifest["files"],
                f"certificates/{file.name!a}: not in the manifest",
            )
    rows = [parse(line, f"{VERDICTS}:{i}", floats=True) for i, line in enumerate(_lines(path / VERDICTS))]
    return Directory(
        path, manifest, rows, [parse(v, f"{WITNESSES}:{i}") for i, v in enumerate(_lines(path / WITNESSES))]
    )


def _lines(path: Path) -> list[bytes]:
    return read_bytes(path).splitlines()


def _digest(path: Path, name: str) -> str:
    """SHA-256 of a file whose name stays inside the directory."""
    file = path / name
    if not NAME.fullmatch(name) or file.is_symlink() or file.parent.is_symlink() or not file.is_file():
        raise Unreadable(f"{MANIFEST}: files: {ascii(name)[:80]} is not the name of a file in the directory")
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_statement(
    directory: Directory, problem: Problem | Population, certificates: dict[str, Certificate], paths: dict[int, str]
) -> list[str]:
    """Everything but the certificates and the paths themselves; the complaints, empty if all is right.

    Args:
        directory: as read.
        problem: its problem.
        certificates: those that were verified.
        paths: for each candidate with a path, what is wrong with it; empty if it was verified.

    Raises:
        Unreadable, Rejected: what concerns the directory as a whole.
    """
    manifest, rows, witnesses = directory.manifest, directory.rows, directory.witnesses
    need(manifest["problem"]["hash"] == problem.hash, f"{MANIFEST}: problem.hash: is not that of {PROBLEM}")
    count = integer(manifest["points"]["count"], f"{MANIFEST}: points.count", 1, 10**9)
    width = integer(manifest["points"]["width"], f"{MANIFEST}: points.width", 1, 1000)
    need(len(rows) == count, f"{VERDICTS}: has {len(rows)} rows, the manifest says {count} points")
    need(len(witnesses) == count, f"{WITNESSES}: has {len(witnesses)} lines, the manifest says {count} points")
    complaints = []
    listed, unproved = set(directory.certificates), 0
    for number, (row, witness) in enumerate(zip(rows, witnesses, strict=True)):
        name = witness.get("certificate") if isinstance(witness, dict) else None
        if isinstance(name, str) and name in listed and name not in certificates:
            unproved += 1
            continue
        try:
            check_row(number, row, witness, width, problem, certificates)
            if witness["path"] is not None:  # a row with a path relies on it, whatever the relation
                need(paths.get(number) == "", paths.get(number) or "path: there is none")
        except (Rejected, Unreadable) as error:
            complaints.append(f"{VERDICTS}:{number}: {error}")
    if unproved:
        complaints.append(f"{VERDICTS}: {unproved} rows rest on certificates that were not verified")
    if complaints:
        return complaints
    need(
        _points_hash(witnesses, width, problem) == manifest["points"]["hash"],
        f"{MANIFEST}: points.hash: {WITNESSES} holds other points",
    )
    used = {witness["certificate"] for witness in witnesses} - {None}
    need(used == set(certificates), "certificates: some belong to no row")
    kinds = Counter(certificate.claim["kind"] for certificate in certificates.values())
    expected = {"verdicts": counts(rows), "certificates": dict(kinds)}
    need(manifest["counts"] == expected, f"{MANIFEST}: counts: are not those of rows and certificates")
    return []


def counts(rows: list[Any]) -> dict[str, dict[str, int]]:
    """How many candidates by verdict and relation: what a table of the directory counts."""
    verdicts: dict[str, dict[str, int]] = {}
    for row in rows:
        relations = verdicts.setdefault(row["verdict"], {})
        relations[row["relation"] or "none"] = relations.get(row["relation"] or "none", 0) + 1
    return verdicts


def _points_hash(witnesses: list[Any], width: int, problem: Problem | Population) -> str:
    """SHA-256 of ``losscert-points n m d``, ``… n m d k`` of k > 1 outputs, and ``w``, then ``a``, as doubles."""
    outputs = problem.outputs if isinstance(problem, Problem) else 1
    shape = [len(witnesses), width, problem.dimension, *[outputs] * (outputs > 1)]
    digest = hashlib.sha256(f"losscert-points {' '.join(map(str, shape))}\n".encode())
    candidates = [witness["candidate"] for witness in witnesses]
    outer = [row for c in candidates for row in (c["a"] if outputs > 1 else [c["a"]])]
    for numbers in ([v for c in candidates for row in c["w"] for v in row], [v for row in outer for v in row]):
        for value in numbers:
            double = -0.0 if value == "-0" else float(exact(value, "candidate"))
            need(Fraction(double) == exact(value, "candidate"), f"{WITNESSES}: a candidate is not made of doubles")
            digest.update(struct.pack("<d", double))
    return digest.hexdigest()
