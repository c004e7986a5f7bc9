"""Sweeps: many students trained from their seeds, in chunks, each chunk one shard on disk (:mod:`sweep.shards`).

A killed sweep loses no more than the chunks in flight; the numbers depend on the seed and the settings alone.

    python -m sweep.runs --problem thesis --width 5 --seeds 0:1000 --out runs/width5 --jobs 2
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from sweep.adam import adam
from sweep.initialise import starts
from sweep.kernels import loss_gradient_hessian, prepare, smallest_eigenvalue
from sweep.shards import Runs, RunsError, Settings, one_sweep, provenance, write_shard
from symmetry.problem import Problem, load_problem

CHUNK = 250
_BATCH = 64  # Hessians held at a time

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"steps": 100_000, "lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8},
}
"""The optimisers with the defaults of their options."""


def sweep(
    problem: Problem,
    *,
    width: int,
    seeds: range,
    out: Path,
    init: str = "torch-seed",
    optimizer: str = "adam",
    options: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
    jobs: int = 1,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make the runs ``seeds`` in chunks of ``chunk`` and write each as a shard into ``out``; return the new shards.

    The numbers do not depend on ``chunk``, ``jobs`` or interruptions.

    Args:
        options: settings of the optimiser that differ from :data:`OPTIMIZERS`'s.
        jobs: processes, each with one thread.
        resume: continue in a directory that holds shards of this sweep, making only the seeds that are missing.
        progress: called with (runs done, runs to do) after each shard.

    Raises:
        RunsError: ``out`` holds shards and ``resume`` is off, or holds shards of another sweep.
        ValueError: settings that make no sense.
    """
    settings = settings_of(problem, width=width, init=init, optimizer=optimizer, options=options)
    if width < 1 or chunk < 1 or jobs < 1 or seeds.step != 1 or seeds.start < 0:
        raise ValueError(
            f"sweep: width={width}, chunk={chunk}, jobs={jobs}, seeds={seeds}, "
            "expected numbers >= 1 and consecutive seeds >= 0"
        )
    done = one_sweep(out, settings)
    if done and not resume:
        raise RunsError(
            f"{out}: holds {len(done)} shards already, expected an empty directory; resume, or choose another"
        )
    chunks = missing_chunks(seeds, done, chunk)
    total, finished, paths = sum(map(len, chunks)), 0, []
    for part, path in _make(problem, settings, out, chunks, jobs):
        paths.append(path)
        finished += len(part)
        if progress is not None:
            progress(finished, total)
    return paths


def settings_of(
    problem: Problem, *, width: int, init: str, optimizer: str, options: Mapping[str, Any] | None = None
) -> Settings:
    """Complete settings: ``options`` over the optimiser's defaults.

    Raises:
        ValueError: no such optimiser or option.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is {optimizer!r}, expected one of: {', '.join(OPTIMIZERS)}")
    defaults = OPTIMIZERS[optimizer]
    for key in options or {}:
        if key not in defaults:
            raise ValueError(f"{optimizer}: unknown option {key!r}, expected one of: {', '.join(defaults)}")
    merged = {**defaults, **(options or {})}
    return Settings(problem.name, problem.hash, width, problem.dimension, init, optimizer, merged)


def missing_chunks(seeds: range, done: Sequence[range], chunk: int) -> list[range]:
    """The parts of ``seeds`` not in ``done``, cut at the multiples of ``chunk``.

    >>> missing_chunks(range(0, 10), [range(2, 4)], 4)
    [range(0, 2), range(4, 8), range(8, 10)]
    """
    finished = {seed for part in done for seed in part}
    out: list[range] = []
    for seed in seeds:
        if seed in finished:
            continue
        if out and out[-1].stop == seed and seed % chunk:
            out[-1] = range(out[-1].start, seed + 1)
        else:
            out.append(range(seed, seed + 1))
    return out


def run_chunk(problem: Problem, settings: Settings, seeds: range) -> Runs:
    """Make the runs ``seeds``, here and now."""
    data = prepare(problem)
    start = starts(settings.init, settings.width, settings.dimension, seeds)
    options = settings.options
    theta = adam(
        data,
        start,
        settings.width,
        options["steps"],
        lr=options["lr"],
        betas=tuple(options["betas"]),
        eps=options["eps"],
    ).theta
    n = len(start)
    loss, norm, eigenvalue = np.empty(n), np.empty(n), np.empty(n)
    for begin in range(0, n, _BATCH):
        part = slice(begin, begin + _BATCH)
        loss[part], gradient, hessian = loss_gradient_hessian(data, theta[part], settings.width)
        # not linalg.norm: BLAS may sum in an order that depends on the CPU
        norm[part] = np.sqrt((gradient * gradient).sum(axis=1))
        eigenvalue[part] = smallest_eigenvalue(hessian)
    finite = np.asarray(np.isfinite(theta).all(axis=1)).tolist()
    return Runs(
        settings=settings,
        seed=np.array(seeds, dtype=np.int64),
        start=start,
        theta=theta,
        loss=loss,
        gradient_norm=norm,
        smallest_eigenvalue=eigenvalue,
        steps=np.full(n, options["steps"], dtype=np.int64),
        stop_reason=tuple("steps" if all_finite else "not-finite" for all_finite in finite),
    )


def _write_chunk(problem: Problem, settings: Settings, out: Path, seeds: range) -> Path:
    return write_shard(out, run_chunk(problem, settings, seeds), provenance(seeds))


def _make(
    problem: Problem, settings: Settings, out: Path, chunks: Sequence[range], jobs: int
) -> Iterator[tuple[range, Path]]:
    """Make and write the chunks, in ``jobs`` processes; yields them as they are finished."""
    if jobs == 1 or len(chunks) <= 1:
        for seeds in chunks:
            yield seeds, _write_chunk(problem, settings, out, seeds)
        return
    workers = min(jobs, len(chunks))
    with (
        _one_thread_each(),
        ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool,
    ):
        futures = {pool.submit(_write_chunk, problem, settings, out, seeds): seeds for seeds in chunks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
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


def _seed_range(text: str) -> range:
    start, _, stop = text.rpartition(":")
    return range(int(start or 0), int(stop))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command ``python -m sweep.runs``."""
    parser = argparse.ArgumentParser(prog="python -m sweep.runs", description="Train students, write Parquet shards.")
    parser.add_argument("--problem", required=True, help="name or problem.toml")
    parser.add_argument("--width", required=True, type=int)
    parser.add_argument("--seeds", required=True, type=_seed_range, metavar="FIRST:END", help="END is not included")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=OPTIMIZERS["adam"]["steps"])
    parser.add_argument("--lr", type=float, default=OPTIMIZERS["adam"]["lr"])
    parser.add_argument("--init", default="torch-seed")
    parser.add_argument("--chunk", type=int, default=CHUNK, help="runs a shard")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args(arguments)
    began = time.monotonic()

    def report(done: int, total: int) -> None:
        seconds = time.monotonic() - began
        print(f"{done}/{total} runs, {seconds:.0f} s, {seconds / done * (total - done):.0f} s to go", file=sys.stderr)

    try:
        paths = sweep(
            load_problem(given.problem),
            width=given.width,
            seeds=given.seeds,
            out=given.out,
            init=given.init,
            options={"steps": given.steps, "lr": given.lr},
            chunk=given.chunk,
            jobs=given.jobs,
            resume=given.resume,
            progress=report,
        )
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"{given.out}: interrupted; the same command with --resume continues", file=sys.stderr)
        raise SystemExit(130) from None
    print(f"{given.out}: {len(paths)} new shards", file=sys.stderr)


if __name__ == "__main__":
    main()
