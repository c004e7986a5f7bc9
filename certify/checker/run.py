"""The checker as a command: what to check, on how many processes, at what cost, and what came out."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .archive import unpack
from .certificates import Certificate, check_certificate, read_certificate
from .directory import PROBLEM, check_statement, counts, read_directory
from .empty import BITS
from .folded import Folded, fold
from .gaussian import Population
from .isolated import read_box
from .loss import Data, Problem
from .path import check_path, count_pieces
from .problems import read_problem
from .reading import Rejected, Unreadable, parse, read_bytes

VERIFIED, UNREADABLE, REJECTED = 0, 2, 4
ARITHMETICS = ("integer", "mpmath", "arb", "both")
BUDGET = 3600.0
ARCHIVE = ".zip"

SECONDS = {"integer": 3e-7, "arb": 2e-7, "mpmath": 1.2e-6, "both": 5e-7}
"""What an operation takes, on average over the certificates of ``benchmarks/bench_checker.py`` and the shipped points,
on one core of a server of 2023 with Python 3.11."""

PATH_SECONDS = {"integer": 8e-6, "arb": 2.3e-5, "mpmath": 2.3e-4, "both": 3.1e-5}
"""What a neuron on an input takes on a piece of a path, on average over shipped paths."""

MALFORMED = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
"""What input raises that no check foresaw: it is refused, like any other that does not follow the format."""


@dataclass
class Outcome:
    """What the checker found; ``rejected`` and ``unreadable`` hold sentences."""

    verified: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    estimate: float = 0.0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def code(self) -> int:
        return REJECTED if self.rejected else UNREADABLE if self.unreadable else VERIFIED


def make_arithmetic(name: str, bits: int) -> Any:
    """An arithmetic by name.

    Raises:
        Unreadable: python-flint or mpmath is not installed.
    """
    try:
        if name == "arb":
            from .arb import Arb

            return Arb(bits)
        if name == "mpmath":
            from .intervals import Intervals

            return Intervals(bits)
    except ImportError as error:
        raise Unreadable(f"arithmetic {name}: {error}; install it, or use --arithmetic integer") from None
    if name == "points":
        from .points import Points

        return Points(bits)
    from .integers import Integers

    return Integers(bits)


@lru_cache(maxsize=4)
def _problem(path: Path) -> Problem | Population:
    return read_problem(path)


@lru_cache(maxsize=8)
def _data(path: Path, arithmetic: str, bits: int) -> Any:
    """The data of a problem in an arithmetic; only the arithmetic where there are no data."""
    problem, chosen = _problem(path), make_arithmetic(arithmetic, bits)
    return chosen if isinstance(problem, Population) else Data(problem, chosen)


@lru_cache(maxsize=4)
def _folded(path: Path, arithmetic: str, bits: int) -> Folded:
    problem = _problem(path)
    assert isinstance(problem, Problem)
    return fold(problem, make_arithmetic("points" if arithmetic == "integer" else arithmetic, bits))


@dataclass(frozen=True)
class Traced:
    """A line of ``witnesses.jsonl`` that has a path, and the chart of its certificate, if there is one."""

    witness: dict[str, Any]
    chart: Any


def check_one(item: Certificate | Traced, problem: Path, arithmetic: str) -> tuple[str, str]:
    """Check a certificate, or a path.

    Returns:
        (``verified`` | ``rejected`` | ``unreadable``, what is wrong).
    """
    answers = []
    for name in ("integer", "arb") if arithmetic == "both" else (arithmetic,):
        try:
            if isinstance(item, Certificate):
                check_certificate(item, _problem(problem), partial(_data, problem, name))
            else:
                known = _problem(problem)
                if isinstance(known, Population):
                    raise Rejected("path: there are none under Gaussian inputs")
                check_path(item.witness, item.chart, known, partial(_folded, problem, name))
            answers.append(("verified", ""))
        except Rejected as error:
            answers.append(("rejected", str(error)))
        except Unreadable as error:
            return "unreadable", str(error)
        except MALFORMED as error:
            return "unreadable", f"does not follow the format ({type(error).__name__}: {error})"
    if len({verdict for verdict, _ in answers}) > 1:
        return "rejected", f"the arithmetics disagree: {' / '.join(reason or 'verified' for _, reason in answers)}"
    return answers[0]


def cost(certificate: Certificate, problem: Problem | Population) -> float:
    """Operations on numbers, roughly: ``N (P² + 30 P)`` for each evaluation over a box, and output, and ``8 P³`` for
    the products with ``Y`` and ``V`` and for eliminations; more digits, more. For each saturated neuron ``5 N d``: on
    which side the inputs lie.

    Under Gaussian inputs a factor of the Hessian, or three of them, and its entries.
    """
    if isinstance(problem, Population):
        size = certificate.claim["width"] * problem.dimension
        factors = 3 if certificate.claim.get("morse_index") else 1
        return 0.12 * factors * size**3 + 40.0 * size**2 if "split" not in certificate.witness else 0.0
    size, bits, evaluations = problem.size(certificate.claim["width"]), BITS, 2
    step = certificate.witness.get("krawczyk")
    if step is not None:
        if not isinstance(step, dict) or not isinstance(step.get("center"), list):
            raise Unreadable("witness.krawczyk.center: expected a list")
        size, evaluations = len(step["center"]), 3 + ("lemma_1" in certificate.witness)
        bits = read_box(certificate.witness, size).bits
    elif "empty_ball" not in certificate.witness:
        return 0.0
    own = size - (problem.outputs - 1) * (certificate.claim["width"] + problem.bias)  # of one output
    operations = problem.outputs * (len(problem) + size) * (own**2 + 30.0 * own)
    sides = 5.0 * _steps(certificate.witness.get("chart")) * len(problem) * problem.dimension
    return float((evaluations * operations + 8.0 * size**3) * max(1.0, bits / 256)) + sides


def _steps(chart: Any) -> int:
    """How many saturated neurons a chart names, whether it is one or not."""
    groups = chart.get("groups") if isinstance(chart, dict) else None
    return sum(isinstance(g, list) and g[:1] == ["saturated"] for g in groups) if isinstance(groups, list) else 0


def _chart_of(witness: dict[str, Any], certificates: dict[str, Certificate]) -> Any:
    certificate = certificates.get(str(witness.get("certificate")))
    return None if certificate is None else certificate.witness.get("chart")


def path_cost(witness: Any, problem: Problem | Population) -> float:
    """How often a path needs a neuron on an input.

    A region takes as long as ``(N + P') P'^2/4`` of them at each piece: the sums over inputs, and products of matrices.
    """
    pieces = count_pieces(witness)
    if isinstance(problem, Population) or not pieces:
        return 0.0
    radii = witness["path"].get("radii")
    sizes = [len(row) for row in radii if isinstance(row, list)] if isinstance(radii, list) else []
    matrices = sum((len(problem) + size) * size**2 for size in sizes) / 4
    return 1.0 * pieces * len(problem) * len(witness["candidate"]["a"]) + matrices


def check(
    path: Path,
    *more: Path,
    problem: Path | None,
    arithmetic: str,
    jobs: int,
    budget: float,
    announce: Callable[[str], None] = lambda words: None,
) -> Outcome:
    """Check a results directory (zipped or not), or certificate files of one problem.

    ``announce`` is told the cost first, and from time to time how much is done.
    """
    other = next((file for file in (path, *more) if not file.is_file() or file.suffix == ARCHIVE), None)
    if more and other is not None:
        return Outcome(unreadable=[f"{other}: is no certificate file, expected nothing else where there are several"])
    if path.suffix == ARCHIVE and path.is_file():
        with TemporaryDirectory(prefix="losscert-check-") as folder:
            try:
                path = unpack(path, Path(folder))
            except Unreadable as error:
                return Outcome(unreadable=[str(error)])
            return check(path, problem=problem, arithmetic=arithmetic, jobs=jobs, budget=budget, announce=announce)
    outcome = Outcome()
    try:
        directory = read_directory(path) if path.is_dir() else None
        problem = problem or _problem_of(path)
        for kept in (_problem, _data, _folded):
            kept.cache_clear()  # another file may lie there by now
        known = _problem(problem)
        make_arithmetic("arb" if arithmetic == "both" else arithmetic, 128)  # is it there?
        names = directory.certificates if directory else [str(file) for file in dict.fromkeys((path, *more))]
        read = dict(_read(path if directory else Path(), names, known, outcome))
        witnesses = directory.witnesses if directory else []
        paths = {i: Traced(w, _chart_of(w, read)) for i, w in enumerate(witnesses) if count_pieces(w)}
        outcome.estimate *= SECONDS[arithmetic]
        outcome.estimate += PATH_SECONDS[arithmetic] * sum(path_cost(item.witness, known) for item in paths.values())
        seconds = outcome.estimate / min(jobs, os.cpu_count() or 1)
        what = f"{len(read)} certificates and {len(paths)} paths may take {seconds:.2g} s"
        if seconds > budget:
            raise Unreadable(f"{what}, more than --budget {budget:.0f}")
        announce(f"{what} on {jobs} process{'es' * (jobs > 1)}")
        task = partial(check_one, problem=problem, arithmetic=arithmetic)
        with _mapping(jobs if len(read) + len(paths) > 1 else 1) as mapping:
            answers = list(_told(mapping(task, [*read.values(), *paths.values()]), len(read) + len(paths), announce))
        traced = dict(zip(paths, answers[len(read) :], strict=True))
        for name, (verdict, reason) in zip(read, answers, strict=False):
            getattr(outcome, verdict).append(f"{name}: {reason}" if reason else name)
        if directory is not None:
            proved = {name: read[name] for name in outcome.verified}
            reasons = {index: f"{verdict}: {reason}" if reason else "" for index, (verdict, reason) in traced.items()}
            outcome.rejected += check_statement(directory, known, proved, reasons)
            outcome.counts = counts(directory.rows) if outcome.code == VERIFIED else {}
    except Rejected as error:
        outcome.rejected.append(str(error))
    except Unreadable as error:
        outcome.unreadable.append(str(error))
    except MALFORMED as error:
        outcome.unreadable.append(f"{path}: does not follow the format ({type(error).__name__}: {error})")
    return outcome


def _read(
    folder: Path, names: Sequence[str], problem: Problem | Population, outcome: Outcome
) -> Iterator[tuple[str, Certificate]]:
    """The certificates whose form is right; the cost of their proofs is added up."""
    for name in names:
        try:
            certificate = read_certificate(parse(read_bytes(folder / name), "certificate"), "certificate")
            outcome.estimate += cost(certificate, problem)
            yield name, certificate
        except Rejected as error:
            outcome.rejected.append(f"{name}: {error}")
        except Unreadable as error:
            outcome.unreadable.append(f"{name}: {error}")
        except MALFORMED as error:
            outcome.unreadable.append(f"{name}: does not follow the format ({type(error).__name__}: {error})")


def _problem_of(path: Path) -> Path:
    """Where the problem lies: in the results directory that is given, or that holds the certificate file."""
    folder = path if path.is_dir() else path.resolve().parent
    for candidate in (folder, folder.parent):
        if (candidate / PROBLEM).is_file():
            return candidate / PROBLEM
    raise Unreadable(f"{path}: no {PROBLEM} beside it or in the folder above; name it with --problem")


def _told(answers: Iterator[Any], count: int, announce: Callable[[str], None]) -> Iterator[Any]:
    """The answers as they come; what is done is announced every half minute."""
    last = time.monotonic()
    for done, answer in enumerate(answers, start=1):
        if time.monotonic() - last >= 30:
            last = time.monotonic()
            announce(f"{done} of {count} done")
        yield answer


@contextmanager
def _mapping(jobs: int) -> Iterator[Any]:
    if jobs == 1:
        yield map
    else:
        with ProcessPoolExecutor(jobs) as pool:
            yield pool.map


def report(
    path: Path, *more: Path, problem: Path | None, arithmetic: str, jobs: int, budget: float, as_json: bool
) -> int:
    """Check, print what came out, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # hostile names cannot break the report
            stream.reconfigure(errors="backslashreplace")
    began = time.perf_counter()
    outcome = check(
        path,
        *more,
        problem=problem,
        arithmetic=arithmetic,
        jobs=jobs,
        budget=budget,
        announce=lambda words: print(words, file=sys.stderr, flush=True),
    )
    seconds = time.perf_counter() - began
    if as_json:
        print(json.dumps({**vars(outcome), "arithmetic": arithmetic, "seconds": round(seconds, 3)}))
        return outcome.code
    for word in ("rejected", "unreadable"):
        for reason in getattr(outcome, word):
            print(f"{word}: {reason}")
    print(f"{len(outcome.verified)} certificates verified, {len(outcome.rejected)} rejections, ", end="")
    print(f"{len(outcome.unreadable)} unreadable; {seconds:.1f} s (estimate {outcome.estimate:.1f} s of one core).")
    for verdict, relations in sorted(outcome.counts.items()):
        print(f"  {verdict}: " + ", ".join(f"{count} {relation}" for relation, count in sorted(relations.items())))
    return outcome.code


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of ``checker.py``."""
    parser = argparse.ArgumentParser(prog="checker", description="Check certificates of critical points.")
    what = "a results directory, or certificates of one problem"
    parser.add_argument("paths", type=Path, nargs="+", metavar="DIR|ZIP|FILE", help=what)
    parser.add_argument("--arithmetic", choices=ARITHMETICS, default=ARITHMETICS[0], help="both: integer and arb agree")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--budget", type=float, default=BUDGET, metavar="SECONDS", help="refuse what may take longer")
    parser.add_argument("--problem", type=Path, metavar="FILE", help="the problem.json, where it is not beside FILE")
    parser.add_argument("--json", action="store_true", help="print one line of JSON on stdout, and nothing else there")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs: expected at least 1")
    settings = {name: getattr(options, name) for name in ("problem", "arithmetic", "jobs", "budget")}
    return report(*options.paths, as_json=options.json, **settings)
