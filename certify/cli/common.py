"""What the commands share: refusals in one sentence, and progress on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[str, int, int], None]

_STAGES = {"locate": "following the loss downhill", "zero": "global minima", "isolated": "isolated critical points"}


class Refusal(click.ClickException):
    """Input that cannot be used: one sentence on stderr, exit code 2."""

    def show(self, file: object = None) -> None:
        click.echo(f"certify: {self.message}", err=True)


@contextmanager
def refusing(*errors: type[Exception]) -> Iterator[None]:
    """Turn the named errors, whose messages are one sentence for the user, into refusals."""
    try:
        yield
    except errors as error:
        raise Refusal(str(error)) from None


@contextmanager
def progress_bars() -> Iterator[Progress | None]:
    """A callback that draws one bar per stage on stderr; ``None`` where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_STAGES.get(stage, stage))
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def usable_cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
