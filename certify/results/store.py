"""A results directory: what ``certify points`` leaves behind, whole or not at all, and how it is read again.

``docs/verdicts.md`` describes the files. They are the same bytes from run to run on one machine: nothing in them knows
the time or the number of jobs. While a run is under way its working directory ``.journal`` holds the finished parts;
``manifest.json`` appears last, so a directory that has one is complete.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from certify.arithmetic.rounding import down, up
from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict
from certify.results.certificate import canonical, certificate_of, certificate_of_ball, counts, object_of, witness_line
from certify.results.html import html
from certify.results.journal import Journal, JournalError, first_difference
from certify.results.stored_problem import StoredProblemError, load_stored_problem, write_problem
from sweep.points import content_hash, read_points, write_points
from symmetry.network import Points
from symmetry.population import GaussianProblem
from symmetry.problem import Problem

FORMAT = 1
MANIFEST = "manifest.json"
WORK = ".journal"
_FILES = ("problem.json", "points.parquet", "verdicts.jsonl", "witnesses.jsonl", "verdicts.parquet", "objects.parquet")
_LIBRARIES = ("losscert", "mpmath", "numpy", "pyarrow", "python-flint")

Row = Mapping[str, Any]
"""A verdict as the columns of ``verdicts.jsonl``."""


class ResultsError(ValueError):
    """A directory that cannot be used; the message is one sentence saying what came and what was expected."""


def describe_run(problem: Problem | GaussianProblem, points: Points, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the verdicts depend on, JSON-able: the header of journal and manifest."""
    return {
        "version": metadata.version("losscert"),
        "problem": {"name": problem.name, "hash": problem.hash},
        "points": {"hash": content_hash(points), "count": len(points), "width": points.width},
        "settings": dict(settings),
    }


def begin(directory: Path, run: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Journal | None:
    """Make ``directory`` ready for the results of ``run``.

    Args:
        directory: need not exist.
        run: as :func:`describe_run` returns it.
        resume: continue an interrupted run, if there is one.
        overwrite: replace what is there; old results stay until the new ones are complete.

    Returns:
        The journal of the run; ``None`` where ``resume`` found it finished.

    Raises:
        ResultsError: the directory holds something else.
    """
    work, manifest = directory / WORK, directory / MANIFEST
    try:
        entries = list(directory.iterdir()) if directory.exists() else []
        if entries and not (work.is_dir() or manifest.is_file()):
            raise ResultsError(f"{directory}: holds files that are not results, expected a new or an empty directory")
        if entries and not (resume or overwrite):
            found = "the parts of an interrupted run" if work.is_dir() else "results"
            remedy = "continue it with --resume, or start again with" if work.is_dir() else "replace them with"
            raise ResultsError(f"{directory}: already holds {found}; {remedy} --overwrite, or choose another directory")
        if resume and manifest.is_file() and not work.is_dir():
            finished = _read_manifest(directory)
            difference = first_difference({key: finished.get(key) for key in run}, run)
            if difference is None:
                return None
            raise ResultsError(f"{directory}: holds results with {difference}; choose another directory")
        work.mkdir(parents=True, exist_ok=True)
        return Journal(work / "journal.jsonl", run, resume=resume)
    except JournalError as error:
        raise ResultsError(str(error)) from None
    except OSError as error:
        raise ResultsError(f"{directory}: cannot be used as a directory for results ({error})") from None


def write_results(
    directory: Path,
    run: Mapping[str, Any],
    problem: Problem | GaussianProblem,
    points: Points,
    verdicts: Sequence[Verdict],
    objects: Sequence[CriticalObject],
) -> None:
    """Write everything beside its place, then rename it into ``directory``; the manifest last."""
    from certify.results.columns import write_objects, write_verdicts

    stage = directory / WORK / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    (stage / "certificates").mkdir(parents=True)

    write_problem(stage, problem)
    write_points(stage / "points.parquet", points)
    rows = [verdict.row() for verdict in verdicts]
    (stage / "verdicts.jsonl").write_text("".join(map(_line, rows)), "utf-8")
    write_verdicts(stage / "verdicts.parquet", rows, problem.hash)
    write_objects(stage / "objects.parquet", _object_rows(objects, rows), problem.hash)
    kinds = _write_certificates(stage, problem, points, verdicts, objects)

    names = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        **run,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "counts": counts(verdicts, kinds),
        "files": {name: _digest(stage / name) for name in names},
    }
    (stage / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")

    _remove_results(directory)
    (directory / "certificates").mkdir(exist_ok=True)
    for name in [*names, MANIFEST]:
        (stage / name).replace(directory / name)
    shutil.rmtree(directory / WORK)


def _write_certificates(
    stage: Path,
    problem: Problem | GaussianProblem,
    points: Points,
    verdicts: Sequence[Verdict],
    objects: Sequence[CriticalObject],
) -> list[Kind]:
    """Write the certificates and ``witnesses.jsonl``; the kinds of the certificates."""
    kinds = [found.kind for found in objects]
    certificates = {found.id: certificate_of(found, problem.hash) for found in objects}
    lines = []
    for verdict in verdicts:
        name = verdict.object.id if verdict.object else None
        if verdict.empty is not None:
            ball = certificate_of_ball(verdict.empty, verdict.width, problem.hash)
            name = ball["provenance"]["id"]
            if name not in certificates:
                certificates[name] = ball
                kinds.append(verdict.kind)
        file = name and _certificate(name)
        lines.append(canonical(witness_line(verdict, points, file, population=isinstance(problem, GaussianProblem))))
    for name, certificate in certificates.items():
        (stage / _certificate(name)).write_text(canonical(certificate), "utf-8")
    (stage / "witnesses.jsonl").write_text("".join(lines), "utf-8")
    return kinds


@dataclass(frozen=True)
class Results:
    """A finished results directory. Reading does not check the proofs.

    Args:
        directory: where.
        manifest: what the run depended on, and the hashes of the files.
        rows: the verdicts, in order.
    """

    directory: Path
    manifest: Mapping[str, Any]
    rows: tuple[Row, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html(self.rows, len(self.objects))

    @property
    def problem_hash(self) -> str:
        return str(self.manifest["problem"]["hash"])

    @cached_property
    def problem(self) -> Problem | GaussianProblem:
        """The problem, rebuilt from the directory alone.

        Raises:
            ResultsError: the stored problem is damaged.
        """
        try:
            return load_stored_problem(self.directory)
        except StoredProblemError as error:
            raise ResultsError(str(error)) from None

    @cached_property
    def points(self) -> Points:
        """The candidates, bit for bit; ``source`` is that of the file they came from."""
        stored = read_points(
            self.directory / "points.parquet",
            dimension=self.problem.dimension,
            bias=self.problem.output_bias,
            outputs=self.problem.outputs,
        )
        return Points(stored.w, stored.a, tuple(row["source"] for row in self.rows), stored.seed)

    @cached_property
    def objects(self) -> Mapping[str, CriticalObject]:
        """The distinct objects by id, exact, in the order in which the verdicts name them.

        Raises:
            ResultsError: a certificate is missing or damaged.
        """
        ids = dict.fromkeys(row["object_id"] for row in self.rows if row["object_id"] is not None)
        return {name: read_certificate(self.directory, name, self.problem) for name in ids}


def read_results(directory: Path) -> Results:
    """Read a finished results directory; every file must have the hash the manifest gives it.

    Raises:
        ResultsError: the directory is not a finished one, or a file in it was changed.
    """
    manifest = _read_manifest(directory)
    try:
        files, rows = dict(manifest["files"]), []
        for name, expected in files.items():
            if not (directory / name).resolve().is_relative_to(directory.resolve()):
                raise ResultsError(f"{directory / MANIFEST}: names {name}, expected only files in the directory")
            if _digest(directory / name) != expected:
                raise ResultsError(f"{directory / name}: is not the file {MANIFEST} lists; run certify points again")
        with (directory / "verdicts.jsonl").open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"{directory}: results are incomplete ({error}); run certify points again") from None
    return Results(directory, manifest, tuple(rows))


def read_certificate(directory: Path, object_id: str, problem: Problem | GaussianProblem) -> CriticalObject:
    """The object of one certificate, exact. Reading it does not check its proofs.

    Raises:
        ResultsError: the file is missing or damaged, or belongs to another problem or object.
    """
    path = directory / _certificate(object_id)
    try:
        data = json.loads(path.read_text("utf-8"))
        found = object_of(data, problem.dimension, problem.outputs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}: cannot be read as a certificate ({error})") from None
    if data["problem"] != problem.hash or found.id != object_id:
        raise ResultsError(
            f"{path}: holds object {found.id} of problem {data['problem']}, "
            f"expected {object_id} of problem {problem.hash}"
        )
    return found


def _read_manifest(directory: Path) -> Mapping[str, Any]:
    path = directory / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if (directory / WORK).is_dir():
            raise ResultsError(f"{directory}: holds an unfinished run; finish it with --resume") from None
        raise ResultsError(f"{directory}: has no {MANIFEST}, expected a directory that certify points wrote") from None
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ResultsError(f"{path}: is not a manifest of format {FORMAT}; run certify points again")
    return manifest


def _remove_results(directory: Path) -> None:
    """Remove old results, and nothing that ``certify points`` did not write; the manifest first."""
    old = [directory / name for name in (MANIFEST, *_FILES)]
    old += [*directory.glob("problem-*.npz"), *directory.glob("certificates/*.json")]
    for path in old:
        path.unlink(missing_ok=True)


def _object_rows(objects: Sequence[CriticalObject], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A row an object: ``objects.parquet``."""
    candidates = Counter(row["object_id"] for row in rows)
    contained = Counter(row["object_id"] for row in rows if row["relation"] == Relation.CONTAINED)
    out = []
    for found in objects:
        box, ball, eigenvalue, network = found.box, found.ball, found.lambda_min, found.network
        out.append(
            {
                "id": found.id,
                "kind": str(found.kind),
                "width": found.width,
                "candidates": candidates[found.id],
                "contained": contained[found.id],
                "loss_lower": down(found.loss[0]),
                "loss_upper": up(found.loss[1]),
                "lambda_min_lower": down(eigenvalue[0]) if eigenvalue else None,
                "lambda_min_upper": up(eigenvalue[1]) if eigenvalue else None,
                "strict": found.strict,
                "not_global": found.not_global,
                "morse_index": found.morse_index,
                "nullity": found.nullity,
                "manifold_dimension": found.manifold_dimension,
                "level": found.level,
                "stratum": found.stratum or None,
                "complete": found.complete,
                "chart": found.chart.name if found.chart else None,
                "w_approx": [float(x) for x in network.w.ravel()] if network else None,
                "a_approx": [float(x) for x in network.a.ravel()] if network else None,
                "existence_radius": box.existence_radius.tolist() if box else [up(ball.radius)] if ball else None,
                "uniqueness_radius": box.uniqueness_radius.tolist() if box else [down(ball.reach)] if ball else None,
                "method": found.method,
                "bits": found.bits,
                "certificate": _certificate(found.id),
            }
        )
    return out


def _certificate(object_id: str) -> str:
    return f"certificates/{object_id}.json"


def _line(row: Row) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
