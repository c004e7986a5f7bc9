"""Running the tasks of a classification: pure functions of their payload, on one process or several, journaled."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from certify.isolated import certify_isolated, isolated_object
from certify.limit import limit_object
from certify.locate import LimitPlace, locate
from certify.proof import Failure, dyadic, from_text
from certify.trace import Box, trace_to_box, trace_to_zero
from certify.verdict import CriticalObject
from certify.zero import match_global_minimum, zero_object
from sweep.kernels import KernelData, prepare
from sweep.processes import end_with_parent
from symmetry.matching import StratumPoint
from symmetry.network import Exact, Network
from symmetry.objective import SquareLoss
from symmetry.problem import Problem

Progress = Callable[[str, int, int], None]

_FAR = 1e-3
"""Newton steps of more than this, relative to ``1 + ‖θ‖``, no longer only refine the end of a path."""


class Journal(Protocol):
    """Finished parts of a classification, kept so that an interruption loses nothing."""

    def get(self, stage: str, key: str) -> Any | None:
        """The payload put under (stage, key), or ``None``."""

    def put(self, stage: str, key: str, payload: Any) -> None:
        """Keep a JSON-able payload, durably, before returning."""


@dataclass(frozen=True)
class Task:
    """One unit of work: what to do, its name in the journal, and a JSON-able payload."""

    stage: str
    key: str
    payload: Any

    @property
    def name(self) -> str:
        """Under which the journal keeps the answer: tasks of one key with different payloads are kept apart."""
        payload = json.dumps(self.payload, sort_keys=True).encode()
        return f"{self.key}-{hashlib.sha256(payload).hexdigest()[:16]}"


@dataclass(frozen=True)
class Worker:
    """What every task needs; made once per process."""

    problem: Problem
    data: KernelData
    width: int
    arithmetic: str
    max_bits: int
    polish: bool

    def run(self, task: Task) -> Any:
        """The JSON-able answer to a task."""
        return getattr(self, f"_{task.stage}")(task.payload)

    def _locate(self, theta: list[float]) -> Any:
        location = locate(self.problem, self.data, np.array(theta), self.width, self.arithmetic, self.polish)
        return location.to_json()

    def _isolated(self, theta: list[str]) -> Any:
        objective = SquareLoss.of_network(self.problem, self.width)
        center = np.array([from_text(text) for text in theta], dtype=object)
        certified = certify_isolated(objective, center, arithmetic=self.arithmetic, max_bits=self.max_bits)
        if isinstance(certified, Failure):
            return {"failure": certified.code, "numbers": [list(pair) for pair in certified.numbers]}
        return self._near(isolated_object(self.problem, certified), certified.krawczyk.center - center, center)

    def _limit(self, place: dict[str, Any]) -> Any:
        where = LimitPlace.from_json(place)
        found = limit_object(
            self.problem, where.chart, where.signs, where.q, arithmetic=self.arithmetic, max_bits=self.max_bits
        )
        if isinstance(found, Failure):
            return {"failure": found.code, "numbers": [list(pair) for pair in found.numbers]}
        assert found.box is not None
        return self._near(found, found.box.center - where.q, where.q)

    def _near(self, found: CriticalObject, shift: Exact, start: Exact) -> Any:
        """The object, if the Newton steps from the proposed point to its centre were short."""
        refined = float(np.linalg.norm(shift.astype(np.float64)))
        if refined > _FAR * (1 + float(np.linalg.norm(start.astype(np.float64)))):
            return {"failure": "newton-left", "numbers": [["refined", refined]]}
        return {"object": found.to_json(), "refined": refined}

    def _zero(self, theta: list[str]) -> Any:
        return zero_object(
            self.problem, self._point(theta), arithmetic=self.arithmetic, max_bits=self.max_bits
        ).to_json()

    def _point(self, theta: list[str]) -> StratumPoint:
        network = Network.from_theta(
            np.array([from_text(text) for text in theta], dtype=object), self.problem.dimension
        )
        point = match_global_minimum(self.problem, network)
        assert point is not None
        return point

    def _path(self, task: dict[str, Any]) -> Any:
        common: Any = {"arithmetic": self.arithmetic, "max_bits": self.max_bits}
        vertices, zero = [np.array(v) for v in task["vertices"]], None
        if task["zero"] is not None:
            stratum = self._point(task["zero"]).stratum
            found = trace_to_zero(self.problem, self.data, vertices, stratum, **common)
            if isinstance(found, Failure):
                return {"failure": found.code}
            proof, zero = found
        else:
            box = Box(np.array(task["center"]), np.array(task["radius"]))
            traced = trace_to_box(self.problem, self.data, vertices, box, **common)
            if isinstance(traced, Failure):
                return {"failure": traced.code}
            proof = traced
        return {"descent": proof.to_json(), "zero": zero and [dyadic(v) for v in zero.theta()]}


def _worker_of(problem: Problem, width: int, arithmetic: str, max_bits: int, polish: bool) -> Worker:
    return Worker(problem, prepare(problem), width, arithmetic, max_bits, polish)


_worker: Worker | None = None


def _start(problem: Problem, width: int, arithmetic: str, max_bits: int, polish: bool) -> None:
    global _worker
    end_with_parent()
    threadpool_limits(1)  # the same rounding whatever the number of cores, and no oversubscription
    _worker = _worker_of(problem, width, arithmetic, max_bits, polish)


def _answer(task: Task) -> Any:
    assert _worker is not None
    return _worker.run(task)


class Pool:
    """Runs tasks on ``jobs`` processes (in this one if ``jobs`` is 1) and keeps their answers in the journal."""

    def __init__(
        self,
        problem: Problem,
        width: int,
        arithmetic: str,
        max_bits: int,
        polish: bool,
        jobs: int,
        journal: Journal | None,
        progress: Progress | None,
    ):
        self._arguments = (problem, width, arithmetic, max_bits, polish)
        self._jobs, self._journal, self._progress = jobs, journal, progress
        self._executor: ProcessPoolExecutor | None = None
        self._limits: Any = None

    def __enter__(self) -> Pool:
        self._strangers = set(multiprocessing.active_children())
        if self._jobs > 1:
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._jobs, spawn, _start, self._arguments)
        else:
            self._limits = threadpool_limits(1)
            self._own = _worker_of(*self._arguments)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=error is None, cancel_futures=True)
            if error is not None:  # an interrupt is not kept waiting for tasks under way: they are not in the journal
                for worker in set(multiprocessing.active_children()) - self._strangers:
                    worker.terminate()
        if self._limits is not None:
            self._limits.restore_original_limits()

    def run(self, tasks: Sequence[Task]) -> list[Any]:
        """The answers, in the order of the tasks; those in the journal are not computed again."""
        answers: list[Any] = [self._journal.get(t.stage, t.name) if self._journal else None for t in tasks]
        missing = [i for i, answer in enumerate(answers) if answer is None]
        done = len(tasks) - len(missing)
        for i, answer in self._compute(tasks, missing):
            answers[i] = answer
            if self._journal is not None:
                self._journal.put(tasks[i].stage, tasks[i].name, answer)
            done += 1
            if self._progress is not None:
                self._progress(tasks[i].stage, done, len(tasks))
        return answers

    def _compute(self, tasks: Sequence[Task], missing: Sequence[int]) -> Any:
        if self._executor is None:
            for i in missing:
                yield i, self._own.run(tasks[i])
            return
        futures: dict[Future[Any], int] = {self._executor.submit(_answer, tasks[i]): i for i in missing}
        for future in as_completed(futures):
            yield futures[future], future.result()
