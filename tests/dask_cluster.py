"""A real Dask cluster on this machine, a process each for the scheduler and every worker."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client


class Cluster:
    """A scheduler and workers, a process each."""

    def __init__(self, folder: Path) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self._start("distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(file))
        deadline = time.monotonic() + 60
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *arguments, "--host", "127.0.0.1", "--no-dashboard"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def add_worker(self) -> None:
        arguments = (self.address, "--nthreads", "1", "--no-nanny", "--death-timeout", "60")
        self.workers.append(self._start("distributed.cli.dask_worker", *arguments))

    def close(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@contextmanager
def cluster_of(workers: int, folder: Path) -> Iterator[Cluster]:
    """A cluster whose workers are all there."""
    made = Cluster(folder)
    try:
        for _ in range(workers):
            made.add_worker()
        with Client(made.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield made
    finally:
        made.close()
