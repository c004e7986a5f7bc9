"""Runs of a training loop of one's own, written as shards like those of :func:`sweep.runs.sweep`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sweep.kernels.compiled import Floats, prepare
from sweep.optimisers import EVERY
from sweep.points import points_from_module
from sweep.runs import CHUNK, measured
from sweep.shards import Runs, RunsError, Settings, one_sweep, provenance, write_shard
from symmetry.problem import Problem, load_problem


class Recorder:
    """Keeps where runs start and stop, and writes a shard for every ``chunk`` consecutive seeds.

        with Recorder("thesis", width=5, out="runs/mine", optimizer="sgd", options={"lr": 0.1}) as recorder:
            for seed in range(10):
                model = ...
                recorder.start(seed, model)
                ...
                recorder.stop(steps=100)

    The modules are two bias-free linear layers (:func:`sweep.points.points_from_module`). Loss, gradient norm and
    smallest eigenvalue are computed here, whatever the loop computes itself. Leaving the ``with`` block writes
    what is finished, also when an exception leaves it; a run that was not stopped is not written.

    Args:
        problem: a problem, or the name or file of one.
        width: neurons of the modules.
        out: the directory; shards of the same settings may be there already.
        optimizer: what the loop does, in a word.
        options: its settings, JSON-able; runs with other settings belong into another directory.
        init: how runs start, in a word.
        chunk: runs a shard.
        trajectory_every: keep the weights after every so many calls of :meth:`step`.

    Raises:
        RunsError: ``out`` holds shards of other settings; a seed that is there already; starts and stops that do not
            alternate; a module of another width or dimension.
        PointsError: a module of another kind, or weights that are no numbers any more.
        ProblemError: no such problem.
    """

    def __init__(
        self,
        problem: Problem | str | Path,
        *,
        width: int,
        out: Path | str,
        optimizer: str,
        options: Mapping[str, Any],
        init: str = "own",
        chunk: int = CHUNK,
        trajectory_every: int | None = None,
    ):
        if chunk < 1 or (trajectory_every is not None and trajectory_every < 1):
            raise ValueError(f"chunk={chunk}, trajectory_every={trajectory_every}, expected numbers >= 1")
        self._problem = problem if isinstance(problem, Problem) else load_problem(problem)
        self._data = prepare(self._problem)
        self._out, self._chunk = Path(out), chunk
        d = self._problem.dimension
        self._every = trajectory_every
        options = dict(options) | ({} if trajectory_every is None else {EVERY: trajectory_every})
        self._settings = Settings(self._problem.name, self._problem.hash, width, d, init, optimizer, options)
        self._started: tuple[int, Floats, Any] | None = None
        self._rows: list[tuple[int, Floats, Floats, int, str, Floats]] = []
        self._made, self._path = 0, list[Floats]()
        self._done = {seed for part in one_sweep(self._out, self._settings) for seed in part}

    @property
    def done(self) -> frozenset[int]:
        """The seeds that are recorded: a loop that is started again leaves them out."""
        return frozenset(self._done)

    def start(self, seed: int, module: Any) -> None:
        """A run begins: keeps the weights the module has now."""
        theta = self._weights(module)
        if self._started is not None:
            raise RunsError(f"seed {seed} was started while {self._started[0]} is under way, expected stop() before")
        if seed < 0 or seed in self._done:
            raise RunsError(f"{self._out}: seed {seed} was started, expected one >= 0 that is not recorded yet")
        self._started = (seed, theta, module)
        self._made, self._path = 0, []

    def step(self) -> None:
        """The run has made a step: needed, after each, only where a trajectory is to be kept."""
        if self._started is None:
            raise RunsError("step() without a run under way, expected start(seed, module) before")
        self._made += 1
        if self._every is not None and self._made % self._every == 0:
            self._path.append(self._weights(self._started[2]))

    def stop(self, *, steps: int, reason: str = "steps") -> None:
        """The run ends: keeps the weights its module has now."""
        if self._started is None:
            raise RunsError("stop() without a run under way, expected start(seed, module) before")
        seed, start, module = self._started
        theta, self._started = self._weights(module), None
        if self._rows and seed != self._rows[-1][0] + 1:
            self.flush()
        self._rows.append((seed, start, theta, steps, reason, np.array(self._path).reshape(-1, len(theta))))
        self._done.add(seed)
        if len(self._rows) == self._chunk:
            self.flush()

    def flush(self) -> None:
        """Write the runs that are finished as a shard."""
        if not self._rows:
            return
        seeds, starts, ends, steps, reasons, paths = zip(*self._rows, strict=True)
        theta = np.array(ends)
        loss, norm, eigenvalue = measured(self._data, theta, self._settings.width)
        runs = Runs(
            settings=self._settings,
            seed=np.array(seeds, dtype=np.int64),
            start=np.array(starts),
            theta=theta,
            loss=loss,
            gradient_norm=norm,
            smallest_eigenvalue=eigenvalue,
            steps=np.array(steps, dtype=np.int64),
            stop_reason=reasons,
            trajectory=None if self._every is None else paths,
        )
        write_shard(self._out, runs, provenance(range(seeds[0], seeds[-1] + 1)))
        self._rows = []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def _weights(self, module: Any) -> Floats:
        """``θ`` (P,) of the module."""
        points = points_from_module(module, self._problem.outputs)
        m, d = self._settings.width, self._settings.dimension
        if points.w.shape != (1, m, d):
            raise RunsError(
                f"module: has weights of shape {points.w.shape[1:]}, expected one network of {m} neurons with {d} "
                f"inputs, as this recorder and the problem {self._settings.problem} have"
            )
        return np.array(points.theta()[0])
