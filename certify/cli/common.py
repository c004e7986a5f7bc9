"""What the commands share: refusals in one sentence, and progress on stderr."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from symmetry.population import GaussianProblem
    from symmetry.problem import Problem

Progress = Callable[[str, int, int], None]

_SECONDS_BETWEEN_LINES = 10.0

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


class Pace:
    """A progress callback that tells rate and time to go on stderr: one line on a terminal, else one now and then.

    Args:
        things: what is counted.
    """

    def __init__(self, things: str):
        self._things, self._began, self._told = things, time.monotonic(), -math.inf

    def __call__(self, done: int, total: int) -> None:
        now, terminal = time.monotonic(), sys.stderr.isatty()
        if not terminal and done < total and now - self._told < _SECONDS_BETWEEN_LINES:
            return
        self._told, rate = now, done / max(now - self._began, 1e-9)
        line = f"{done}/{total} {self._things}, {rate:.3g} {self._things}/s, {(total - done) / rate:.0f} s to go"
        click.echo(f"\r\033[K{line}" if terminal else line, err=True, nl=not terminal or done == total)


def seed_range(context: click.Context, parameter: click.Parameter, value: str) -> range:
    """``FIRST:END``, END not included; ``END`` alone begins at 0.

    Raises:
        click.BadParameter: not of this form.
    """
    first, _, end = value.rpartition(":")
    if not ((first or "0").isdecimal() and end.isdecimal() and int(first or 0) < int(end)):
        raise click.BadParameter(f"{value!r}, expected FIRST:END with FIRST < END, such as 0:1000")
    return range(int(first or 0), int(end))


def part_of(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    """``i/n``.

    Raises:
        click.BadParameter: not of this form.
    """
    number, _, parts = value.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise click.BadParameter(f"{value!r}, expected i/n with 1 <= i <= n, such as 3/8")
    return int(number), int(parts)


def refuse_other_problem(points: Path, declared: str | None, problem: Problem | GaussianProblem) -> None:
    """Refuse points whose file says that they belong to another problem.

    Raises:
        Refusal: naming both.
    """
    if declared is not None and declared != problem.hash:
        raise Refusal(
            f"{points}: belongs to problem {declared[:12]}, expected {problem.hash[:12]}, the hash of {problem.name}; "
            "name the problem the points were trained on"
        )


def refuse_output_bias(problem: Problem, command: str) -> None:
    """Refuse a problem whose students have an output bias, or several outputs.

    Raises:
        Refusal: they have.
    """
    refuse_several_outputs(problem, command)
    if problem.output_bias:
        raise Refusal(f"{command}: not for students with an output bias, and those of {problem.name} have one")


def refuse_several_outputs(problem: Problem, command: str) -> None:
    """Refuse a problem whose students have several outputs.

    Raises:
        Refusal: they have.
    """
    if problem.outputs > 1:
        raise Refusal(f"{command}: for students of one output, and those of {problem.name} have {problem.outputs}")


def usable_cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
