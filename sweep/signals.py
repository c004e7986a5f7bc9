"""Termination as an interrupt: what a job system or ``kill`` asks for ends like Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """SIGTERM raises ``KeyboardInterrupt`` in the block.

    Outside the main thread, where signals cannot be handled, nothing is changed.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
