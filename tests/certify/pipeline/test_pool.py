"""The pool and its journal: an answer is only ever given to the very task it was computed for."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_objects import tiny_problem

from certify.pipeline.pool import Pool, Worker
from certify.pipeline.task import Task
from certify.results.journal import Journal


def test_tasks_of_one_key_are_told_apart_by_what_they_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # one candidate can be tried with several limits in charts of one name
    asked = []

    def echo(self: Worker, task: Task) -> list[int]:
        asked.append(task.payload)
        return [*task.payload, 0]

    monkeypatch.setattr(Worker, "run", echo)
    tasks = [Task("limit", "3-pair", [1]), Task("limit", "3-pair", [2])]
    for resume in (False, True):
        with (
            Journal(tmp_path / "journal.jsonl", {}, resume=resume) as journal,
            Pool(tiny_problem(), 2, "auto", 53, True, 1, journal, None) as pool,
        ):
            assert pool.run(tasks[:1]) == [[1, 0]]
            assert pool.run(tasks) == [[1, 0], [2, 0]]
    assert asked == [[1], [2]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_timed(jobs: int) -> None:
    told: list[tuple[str, float]] = []
    tasks = [Task("locate", str(i), [0.5, -0.25, 0.125, 0.75, 1.0, -1.0]) for i in range(2)]
    with Pool(
        tiny_problem(), 2, "auto", 53, False, jobs, None, None, timing=lambda key, seconds: told.append((key, seconds))
    ) as pool:
        pool.run(tasks)
    assert sorted(key for key, _ in told) == ["0", "1"]
    assert all(seconds > 0 for _, seconds in told)
