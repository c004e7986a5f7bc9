"""Running the tasks of a classification: pure functions of their payload, journaled.

They run in this process, on several, or, in chunks, on a Dask cluster whose workers write their answers, a journal a
chunk, into a folder of the results directory; only the names of these files travel.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from certify.pipeline.floor import trace_valley
from certify.pipeline.locate import LimitPlace, locate
from certify.pipeline.population import PopulationWorker
from certify.pipeline.task import Task, TaskWorker, failed, near
from certify.pipeline.trace import Box, trace_to_box, trace_to_limit, trace_to_zero
from certify.proofs.isolated import certify_isolated, isolated_object
from certify.proofs.limit import limit_object
from certify.proofs.proof import Failure, dyadic, fractions
from certify.proofs.zero import match_global_minimum, zero_object
from certify.results.journal import Journal as FileJournal
from sweep.cluster import on_cluster
from sweep.kernels.compiled import KernelData, prepare
from sweep.processes import end_with_parent, worker_processes
from sweep.shards import RunsError
from symmetry.matching import StratumPoint
from symmetry.network import Network
from symmetry.outputs import network_loss
from symmetry.population import GaussianProblem
from symmetry.problem import Problem

Progress = Callable[[str, int, int], None]

Timing = Callable[[str, float], None]
"""Called with the name of a task, which begins with its candidate's number, and the seconds it took."""

_CHUNK = 16
"""Tasks that a cluster gets as one; a candidate takes some hundredths of a second."""


class Journal(Protocol):
    """Finished parts of a classification, kept so that an interruption loses nothing."""

    def get(self, stage: str, key: str) -> Any | None:
        """The payload put under (stage, key), or ``None``."""

    def put(self, stage: str, key: str, payload: Any) -> None:
        """Keep a JSON-able payload, durably, before returning."""

    @property
    def header(self) -> Mapping[str, Any]:
        """Which run it belongs to."""

    @property
    def folder(self) -> Path:
        """Where others may put journals of finished parts."""

    def absorb(self, path: Path) -> None:
        """Take over what another journal of the same run holds."""


@dataclass(frozen=True)
class Worker(TaskWorker):
    """What every task needs; made once per process."""

    problem: Problem
    data: KernelData
    width: int
    arithmetic: str
    max_bits: int
    polish: bool

    def _locate(self, theta: list[float]) -> Any:
        location = locate(self.problem, self.data, np.array(theta), self.width, self.arithmetic, self.polish)
        return location.to_json()

    def _isolated(self, theta: list[str]) -> Any:
        objective = network_loss(self.problem, self.width)
        center = fractions(theta)
        certified = certify_isolated(objective, center, arithmetic=self.arithmetic, max_bits=self.max_bits)
        if isinstance(certified, Failure):
            return failed(certified)
        return near(isolated_object(self.problem, certified), certified.krawczyk.center - center, center)

    def _limit(self, place: dict[str, Any]) -> Any:
        where = LimitPlace.from_json(place)
        found = limit_object(
            self.problem, where.chart, where.signs, where.q, arithmetic=self.arithmetic, max_bits=self.max_bits
        )
        if isinstance(found, Failure):
            return failed(found)
        assert found.box is not None
        return near(found, found.box.center - where.q, where.q)

    def _zero(self, theta: list[str]) -> Any:
        return zero_object(
            self.problem, self._point(theta), arithmetic=self.arithmetic, max_bits=self.max_bits
        ).to_json()

    def _point(self, theta: list[str]) -> StratumPoint:
        network = Network.from_theta(fractions(theta), self.problem.dimension)
        point = match_global_minimum(self.problem, network)
        assert point is not None
        return point

    def _path(self, task: dict[str, Any]) -> Any:
        common: Any = {"arithmetic": self.arithmetic, "max_bits": self.max_bits}
        vertices = [np.array(v) for v in task["vertices"]]
        if task["limit"] is not None:
            where = LimitPlace.from_json(task["limit"])
            radius = np.array(task["radius"])
            place = (where.chart, where.order, where.q, radius)
            traced = trace_valley(self.problem, self.data, *place[:3], vertices[0], arithmetic=self.arithmetic)
            if isinstance(traced, Failure):
                traced = trace_to_limit(self.problem, self.data, vertices, *place, **common)
            return {"failure": traced.code} if isinstance(traced, Failure) else {"descent": traced.to_json()}
        if task["zero"] is not None:
            stratum = self._point(task["zero"]).stratum
            found = trace_to_zero(self.problem, self.data, vertices, stratum, **common)
            if isinstance(found, Failure):
                return {"failure": found.code}
            proof, zero = found
            theta = [dyadic(v) for v in zero.theta()]
            return {"descent": proof.to_json(), "zero": theta, "elsewhere": not stratum.contains(zero)}
        box = Box(fractions(task["center"]), np.array(task["radius"]))
        traced = trace_to_box(self.problem, self.data, vertices, box, **common)
        return {"failure": traced.code} if isinstance(traced, Failure) else {"descent": traced.to_json(), "zero": None}


def _worker_of(
    problem: Problem | GaussianProblem, width: int, arithmetic: str, max_bits: int, polish: bool
) -> Worker | PopulationWorker:
    if isinstance(problem, GaussianProblem):
        return PopulationWorker(problem, width, arithmetic, max_bits, polish)
    return Worker(problem, prepare(problem), width, arithmetic, max_bits, polish)


_worker: Worker | PopulationWorker | None = None


def _start(problem: Problem | GaussianProblem, width: int, arithmetic: str, max_bits: int, polish: bool) -> None:
    global _worker
    end_with_parent()
    threadpool_limits(1)  # the same rounding whatever the number of cores, and no oversubscription
    _worker = _worker_of(problem, width, arithmetic, max_bits, polish)


def _answer(task: Task) -> tuple[Any, float]:
    assert _worker is not None
    return _timed(_worker, task)


def _timed(worker: Worker | PopulationWorker, task: Task) -> tuple[Any, float]:
    """The answer and the seconds it took."""
    began = time.perf_counter()
    answer = worker.run(task)
    return answer, time.perf_counter() - began


class Pool:
    """Runs tasks and keeps their answers in the journal.

    Args:
        jobs: processes; with 1, everything happens in this one.
        journal: where finished parts are kept and looked up.
        progress: called with (stage, done, total).
        cluster: address of a Dask scheduler, instead of ``jobs``; needs a journal, on storage that all workers share.
        timing: told how long each task took, but for those on a cluster.
    """

    def __init__(
        self,
        problem: Problem | GaussianProblem,
        width: int,
        arithmetic: str,
        max_bits: int,
        polish: bool,
        jobs: int,
        journal: Journal | None,
        progress: Progress | None,
        cluster: str | None = None,
        timing: Timing | None = None,
    ):
        if cluster is not None and journal is None:
            raise ValueError("a cluster needs a journal, expected one in a directory that its workers share")
        self._arguments = (problem, width, arithmetic, max_bits, polish)
        self._jobs, self._journal, self._progress, self._cluster = jobs, journal, progress, cluster
        self._timing = timing
        self._executor: ProcessPoolExecutor | None = None
        self._own: Worker | PopulationWorker | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Pool:
        if self._cluster is None and self._jobs > 1:
            self._executor = self._stack.enter_context(worker_processes(self._jobs, _start, self._arguments))
        elif self._cluster is None:
            self._stack.enter_context(threadpool_limits(1))
            self._own = _worker_of(*self._arguments)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, tasks: Sequence[Task]) -> list[Any]:
        """The answers, in the order of the tasks; those in the journal are not computed again.

        Raises:
            RunsError: something is wrong with the cluster.
            ImportError: Dask is not installed.
        """
        answers: list[Any] = [self._journal.get(t.stage, t.name) if self._journal else None for t in tasks]
        missing = [i for i, answer in enumerate(answers) if answer is None]
        done = len(tasks) - len(missing)
        with closing(self._compute(tasks, missing)) as computed:
            for i, answer in computed:
                answers[i] = answer
                done += 1
                if self._progress is not None:
                    self._progress(tasks[i].stage, done, len(tasks))
        return answers

    def _compute(self, tasks: Sequence[Task], missing: Sequence[int]) -> Generator[tuple[int, Any], None, None]:
        """Pairs (number of the task, answer), as they are finished and kept."""
        if self._cluster is not None:
            yield from self._on_cluster(tasks, missing)
            return
        for i, (answer, seconds) in self._here(tasks, missing):
            if self._timing is not None:
                self._timing(tasks[i].key, seconds)
            if self._journal is not None:
                self._journal.put(tasks[i].stage, tasks[i].name, answer)
            yield i, answer

    def _here(self, tasks: Sequence[Task], missing: Sequence[int]) -> Iterator[tuple[int, tuple[Any, float]]]:
        if self._executor is None:
            assert self._own is not None
            for i in missing:
                yield i, _timed(self._own, tasks[i])
            return
        futures: dict[Future[tuple[Any, float]], int] = {self._executor.submit(_answer, tasks[i]): i for i in missing}
        for future in as_completed(futures):
            yield futures[future], future.result()

    def _on_cluster(self, tasks: Sequence[Task], missing: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """In chunks cut at the multiples of :data:`_CHUNK`, so that they are the same for a client that comes back."""
        assert self._cluster is not None
        assert self._journal is not None
        header, folder = self._journal.header, self._journal.folder.resolve()
        chunks = [list(chunk) for _, chunk in groupby(missing, lambda i: i // _CHUNK)]
        work, keys = [], []
        for chunk in chunks:
            asked = [tasks[i] for i in chunk]
            names = json.dumps([dict(header), str(folder), [[t.stage, t.name] for t in asked]], sort_keys=True)
            keys.append(f"points-{hashlib.sha256(names.encode()).hexdigest()}")
            work.append((self._arguments, dict(header), folder / f"{keys[-1]}.jsonl", asked))
        with closing(on_cluster(self._cluster, _answer_chunk, work, keys)) as finished:
            for number, name in finished:
                if not (folder / name).exists():
                    raise RunsError(
                        f"{folder / name}: was written but is not there, expected a directory that all workers share"
                    )
                self._journal.absorb(folder / name)
                for i in chunks[number]:
                    yield i, self._journal.get(tasks[i].stage, tasks[i].name)


_one_at_a_time = Lock()
"""The precision of Arb and of mpmath is a setting of the process: its threads must not certify at the same time."""

_last_worker: dict[tuple[Any, ...], Worker | PopulationWorker] = {}


def _prepared(problem: Problem | GaussianProblem, *settings: Any) -> Worker | PopulationWorker:
    """The worker of these settings, made unless it is the last one's."""
    key = (problem.hash, *settings)
    if key not in _last_worker:
        _last_worker.clear()
        _last_worker[key] = _worker_of(problem, *settings)
    return _last_worker[key]


def _answer_chunk(arguments: tuple[Any, ...], header: Mapping[str, Any], path: Path, tasks: Sequence[Task]) -> str:
    """On a worker: write the answers as a journal at ``path``, unless it is there already; its name."""
    with _one_at_a_time:
        if path.exists():
            return path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")  # two workers may be at it
        try:
            worker = _prepared(*arguments)
            with FileJournal(temporary, header, resume=False) as journal:
                for task in tasks:
                    journal.put(task.stage, task.name, worker.run(task))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path.name
