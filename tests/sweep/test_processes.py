"""Worker processes end with what started them, and at once where it is interrupted."""

import os
import signal
import time
from multiprocessing import active_children

import pytest

from sweep.processes import as_finished, worker_processes
from sweep.signals import termination_interrupts


def test_an_interrupt_does_not_wait_for_tasks_under_way():
    before = set(active_children())
    with pytest.raises(KeyboardInterrupt), worker_processes(1) as pool:  # noqa: PT012
        pool.submit(os.getpid).result()
        sleeping = pool.submit(time.sleep, 3600)
        while not sleeping.running():
            time.sleep(0.01)
        (worker,) = set(active_children()) - before
        raise KeyboardInterrupt
    worker.join(60)
    assert worker.exitcode == -signal.SIGTERM


def test_a_failed_task_ends_the_others():
    with pytest.raises(ValueError, match="sleep length must be non-negative"):
        list(as_finished(time.sleep, [(-1.0,), (3600.0,)], jobs=2))


def test_termination_is_an_interrupt_inside_only():
    outside = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), termination_interrupts():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    assert signal.getsignal(signal.SIGTERM) == outside
