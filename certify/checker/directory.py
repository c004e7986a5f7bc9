"""The statement of a results directory: that the rows say what the certificates prove, about these candidates.

What is checked beside the certificates: every file has the hash the manifest gives it; the candidates, exact in
``witnesses.jsonl``, are the points the manifest names, bit for bit; a row repeats the claim of its certificate, bounds
rounded outward; a ``contained`` candidate lies where the word says; every global minimum has its own exact witness; the
counts are those of the rows. ``polished``, ``moved`` and ``reason`` are not proved and not checked.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .certificates import Certificate
from .loss import Problem
from .reading import Rejected, Unreadable, exact, fields, integer, need, parse, read_bytes, sequence, text
from .zero import Network, equals_teacher, family, network

MANIFEST, VERDICTS, WITNESSES, PROBLEM = "manifest.json", "verdicts.jsonl", "witnesses.jsonl", "problem.json"
NEAR = Fraction(1, 10**10)

_NAME = re.compile(r"(certificates/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_CLAIMED = (
    "loss_lower",
    "loss_upper",
    "not_global",
    "strict",
    "morse_index",
    "nullity",
    "manifold_dimension",
    "level",
    "stratum",
    "chart",
    "lambda_min_lower",
    "lambda_min_upper",
    "existence_radius",
    "uniqueness_radius",
    "empty_radius",
)
_ROW = {"index", "source", "seed", "width", "verdict", "relation", "moved", "distance", *_CLAIMED}
_ROW |= {"method", "bits", "object_id", "reason"}
_WITHOUT_OBJECT = ("not-critical", "undecided")


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
    if not _NAME.fullmatch(name) or file.is_symlink() or file.parent.is_symlink() or not file.is_file():
        raise Unreadable(f"{MANIFEST}: files: {ascii(name)[:80]} is not the name of a file in the directory")
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_statement(directory: Directory, problem: Problem, certificates: dict[str, Certificate]) -> list[str]:
    """Everything but the certificates themselves; the complaints, empty if all is right.

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
            _check_row(number, row, witness, width, problem, certificates)
        except (Rejected, Unreadable) as error:
            complaints.append(f"{VERDICTS}:{number}: {error}")
    if unproved:
        complaints.append(f"{VERDICTS}: {unproved} rows rest on certificates that were not verified")
    if complaints:
        return complaints
    need(
        _points_hash(witnesses, width, problem.dimension) == manifest["points"]["hash"],
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


def _points_hash(witnesses: list[Any], width: int, dimension: int) -> str:
    """SHA-256 of ``losscert-points n m d``, all ``w``, all ``a`` as little-endian doubles."""
    digest = hashlib.sha256(b"losscert-points %d %d %d\n" % (len(witnesses), width, dimension))
    candidates = [witness["candidate"] for witness in witnesses]
    for numbers in ([v for c in candidates for row in c["w"] for v in row], [v for c in candidates for v in c["a"]]):
        for value in numbers:
            double = -0.0 if value == "-0" else float(exact(value, "candidate"))
            need(Fraction(double) == exact(value, "candidate"), f"{WITNESSES}: a candidate is not made of doubles")
            digest.update(struct.pack("<d", double))
    return digest.hexdigest()


def _check_row(
    number: int, row: Any, witness: Any, width: int, problem: Problem, certificates: dict[str, Certificate]
) -> None:
    fields(row, "row", _ROW)
    fields(witness, WITNESSES, {"index", "candidate", "certificate", "permutation", "point", "labels"})
    need(row["index"] == witness["index"] == number, "index: the rows are not in order")
    need(row["width"] == width, "width: is not that of the points")
    candidate = network(witness["candidate"], "candidate", width, problem.dimension)
    verdict, relation = row["verdict"], row["relation"]
    if verdict == "undecided":
        expected = dict.fromkeys((*_CLAIMED, "relation", "distance", "object_id"))
        need(witness["certificate"] is None, "certificate: undecided claims nothing")
    else:
        name = text(witness["certificate"], "certificate")
        need(name in certificates, "certificate: the manifest lists none of this name")
        certificate = certificates[name]
        need(certificate.claim["kind"] == verdict, "verdict: is not what the certificate claims")
        need(certificate.claim["width"] == width, "width: is not that of the certificate")
        expected = _columns(certificate)
        named = f"certificates/{row['object_id']}.json" if row["object_id"] is not None else None
        need(verdict in _WITHOUT_OBJECT or named == name, "object_id: names another certificate")
    for column, value in expected.items():
        need(type(row[column]) is type(value) and row[column] == value, f"{column}: is not what the certificate says")
    if verdict in _WITHOUT_OBJECT:
        need(witness["permutation"] is witness["point"] is witness["labels"] is None, "a witness without an object")
        if verdict == "not-critical":
            center = certificate.witness["empty_ball"]["center"]
            need(_theta(candidate) == sequence(center, "center", len(center)), "the ball is not about the candidate")
        return
    if certificate.claim["chart"] is not None:
        need(relation == "polished", "relation: of a chart, polished is all that is proved")
        need(row["distance"] is None, "distance: not given of a chart")
        need(witness["permutation"] is witness["point"] is witness["labels"] is None, "a witness beside a chart")
        return
    permutation = witness["permutation"]
    if not isinstance(permutation, list) or not all(type(i) is int for i in permutation):
        raise Unreadable("permutation: expected a list of integers")
    need(sorted(permutation) == list(range(width)), "permutation: is none")
    moved = tuple(candidate[i] for i in permutation)
    if verdict == "global-minimum":
        point = network(witness["point"], "point", width, problem.dimension)
        need(equals_teacher(point, problem), "point: does not equal the teacher as a function")
        name, _ = family(witness["labels"], point, problem, "labels")
        need(name == certificate.claim["stratum"], "labels: belong to another family")
        target, origin = _theta(point), _theta(candidate)
    else:
        need(witness["point"] is witness["labels"] is None, "point: given for global minima only")
        center = certificate.witness["krawczyk"]["center"]
        target, origin = sequence(center, "center", len(center)), _theta(moved)
    square = _square([a - b for a, b in zip(origin, target, strict=True)])
    _check_distance(row["distance"], square)
    if relation == "contained":
        near = verdict == "global-minimum" and _within(square, _square(origin))
        need(near or _in_box(moved, certificate), "relation: the candidate does not lie in the certified region")
        need(row["moved"] == 0, "moved: a contained candidate was not moved")
    else:
        need(relation == "polished", "relation: expected contained or polished")


def _columns(certificate: Certificate) -> dict[str, Any]:
    """The columns of a row that repeat the claim of its certificate."""
    claim, provenance = certificate.claim, certificate.provenance
    columns: dict[str, Any] = dict.fromkeys(_CLAIMED)
    if claim["kind"] == "not-critical":
        columns |= dict.fromkeys(("relation", "distance", "object_id"))
        columns["empty_radius"] = _down(exact(claim["empty_radius"], "claim.empty_radius"))
    else:
        for name in _CLAIMED[2:10]:
            columns[name] = claim[name]
        for name in ("loss", "lambda_min"):
            if claim[name] is not None:
                low, high = (exact(v, name) for v in claim[name])
                columns[f"{name}_lower"], columns[f"{name}_upper"] = _down(low), -_down(-high) + 0.0
        if "krawczyk" in certificate.witness:
            step = certificate.witness["krawczyk"]
            tight, wide = ([exact(v, key) for v in step[key]] for key in ("existence_radius", "uniqueness_radius"))
            columns["existence_radius"], columns["uniqueness_radius"] = -_down(-max(tight)), _down(min(wide))
    return columns | {"method": provenance["method"], "bits": provenance["bits"]}


def _down(value: Fraction) -> float:
    """The largest double not above ``value``."""
    try:
        nearest = value.numerator / value.denominator
    except OverflowError:
        return -math.inf if value < 0 else math.nextafter(math.inf, 0)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def _theta(neurons: Network) -> list[Fraction]:
    return [v for w, _ in neurons for v in w] + [a for _, a in neurons]


def _square(values: list[Fraction]) -> Fraction:
    return sum((v * v for v in values), Fraction(0))


def _check_distance(distance: Any, square: Fraction) -> None:
    """``distance`` is an upper bound of the square root, above it by at most a relative ``2^−40``."""
    if not isinstance(distance, float) or not 0 <= distance < math.inf:
        raise Unreadable("distance: expected a finite float")
    d = Fraction(distance) ** 2
    tiny = Fraction(1, 2**2000)
    need(square <= d <= square * (1 + Fraction(1, 2**40)) + tiny, "distance: is not that of candidate and object")


def _within(square: Fraction, norm_squared: Fraction) -> bool:
    """``√D ≤ t(1 + √N)``, decided exactly: ``q ≤ 2√N`` with ``q = D/t² − 1 − N``."""
    q = square / NEAR**2 - 1 - norm_squared
    return q <= 0 or q * q <= 4 * norm_squared


def _in_box(neurons: Network, certificate: Certificate) -> bool:
    step = certificate.witness.get("krawczyk")
    if step is None:
        return False
    center, radius = ([exact(v, key) for v in step[key]] for key in ("center", "uniqueness_radius"))
    return all(abs(v - c) <= r for v, c, r in zip(_theta(neurons), center, radius, strict=True))
