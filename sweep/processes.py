"""Worker processes: one thread each, gone when the process that started them is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import Any

from threadpoolctl import threadpool_limits


def as_finished(
    work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], jobs: int
) -> Generator[tuple[int, Any], None, None]:
    """Pairs (number of the task, ``work(*task)``), as the tasks are finished, on ``jobs`` processes.

    ``work`` must be a function of a module. With one job everything happens here, in order. BLAS gets one thread
    everywhere, so that the answers do not depend on the number of cores.
    """
    if jobs == 1 or len(tasks) <= 1:
        for number, task in enumerate(tasks):
            with threadpool_limits(1):
                answer = work(*task)
            yield number, answer
        return
    with _one_thread_each(), worker_processes(min(jobs, len(tasks))) as pool:
        futures = {pool.submit(work, *task): number for number, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()


@contextmanager
def worker_processes(
    count: int, initializer: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes begin with ``initializer`` (:func:`end_with_parent`, which any other has to call).

    Left by an exception, an interrupt above all, it does not wait for tasks under way: its processes are ended.
    """
    strangers = set(active_children())
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=initializer or end_with_parent, initargs=arguments
    )
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(active_children()) - strangers:
            process.terminate()
        raise
    pool.shutdown()


def end_with_parent() -> None:
    """In a worker: end when the process that started it is gone, killed even (a pool's workers would wait forever),
    and at an interrupt from the terminal at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside use one BLAS thread each."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
