"""certify points on a real Dask cluster: kills lose nothing, nothing is done twice, the directories are the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from dask_cluster import Cluster, cluster_of
from made_objects import tiny_problem

from certify.cli import main
from certify.pipeline.pool import Pool, Worker, _answer_chunk
from certify.pipeline.task import Task
from certify.results.journal import Journal
from sweep import cluster
from sweep.points import read_points, write_points

ADAM = Path(__file__).parents[3] / "data/adam/width4"
COUNT = 33
MAIN = "from certify.cli import main; main()"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Cluster]:
    with cluster_of(2, tmp_path) as made:
        yield made


@pytest.fixture
def points(tmp_path: Path) -> Path:
    write_points(tmp_path / "points.npz", read_points(ADAM, dimension=2).take(range(COUNT)))
    return tmp_path / "points.npz"


def command(points: Path, out: Path, *more: str) -> list[str]:
    return ["points", str(points), "--problem", "thesis", "--out", str(out), *more]


def chunks(out: Path) -> dict[str, int]:
    """The finished chunks that workers have left, with the time each was made."""
    made = {}
    for path in (out / ".journal/journal.parts").glob("*.jsonl"):
        with suppress(FileNotFoundError):  # removed meanwhile: the run is complete
            made[path.name] = path.stat().st_mtime_ns
    return made


def started(points: Path, out: Path, address: str, count: int) -> subprocess.Popen[str]:
    """The command line on this scheduler, under way; returns when so many chunks are there."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *command(points, out, "--cluster", address, "--resume")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(chunks(out)) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    return process


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_worker_and_the_client_are_killed(two: Cluster, points: Path, tmp_path: Path) -> None:
    here, out = tmp_path / "here", tmp_path / "out"
    client = started(points, out, two.address, 1)
    os.kill(two.workers[0].pid, signal.SIGKILL)
    while len(chunks(out)) < 2:  # it goes on without that worker
        assert client.poll() is None, client.communicate()
        time.sleep(0.005)
    client.kill()
    client.communicate()
    kept = chunks(out)
    assert len(kept) >= 2
    assert not (out / "manifest.json").exists()
    again = started(points, out, two.address, len(kept))
    seen = set(kept.items())
    while again.poll() is None:  # until the working directory is removed, in the end
        seen |= chunks(out).items()
        time.sleep(0.005)
    _, errors = again.communicate()
    assert again.returncode in (0, 3), errors
    assert {pair for pair in seen if pair[0] in kept} == set(kept.items())  # nothing is done twice
    assert CliRunner().invoke(main, command(points, here, "--jobs", "1")).exit_code == again.returncode
    assert contents(out) == contents(here)


def test_what_a_cluster_left_is_continued_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def echo(self: Worker, task: Task) -> list[int]:
        asked.append(task.payload)
        return [*task.payload, 0]

    monkeypatch.setattr(Worker, "run", echo)
    problem, tasks = tiny_problem(), [Task("zero", str(i), [i]) for i in range(3)]
    settings, header = (2, "auto", 53, True), {"points": "these"}
    with Journal(tmp_path / "journal.jsonl", header, resume=False) as journal:
        for name, of_run, part in (("one", header, tasks[:2]), ("other", {"points": "others"}, tasks)):
            path = journal.folder / f"{name}.jsonl"
            for _ in range(2):  # the second time it is there
                assert _answer_chunk((problem, *settings), of_run, path, part) == path.name
    assert asked == [[0], [1], [0], [1], [2]]
    with (
        Journal(tmp_path / "journal.jsonl", header, resume=True) as journal,
        Pool(problem, *settings, 1, journal, None) as pool,
    ):
        assert pool.run(tasks) == [[0, 0], [1, 0], [2, 0]]
    assert asked[5:] == [[2]]
    with Journal(tmp_path / "journal.jsonl", header, resume=False) as journal:  # begun again: nothing is left
        assert len(journal) == 0
        assert not list(journal.folder.iterdir())


def test_what_is_refused(points: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_TIMEOUT", "1s")
    nobody = CliRunner().invoke(main, command(points, tmp_path / "out", "--cluster", "tcp://127.0.0.1:9"))
    assert nobody.exit_code == 2
    assert "tcp://127.0.0.1:9: no scheduler answers" in nobody.stderr
    both = CliRunner().invoke(main, command(points, tmp_path / "out", "--cluster", "tcp://127.0.0.1:9", "--jobs", "2"))
    assert both.exit_code == 2
    assert "--jobs and --cluster exclude each other" in both.stderr
    with pytest.raises(ValueError, match="a cluster needs a journal"):
        Pool(tiny_problem(), 2, "auto", 53, True, 1, None, None, "tcp://127.0.0.1:9")
