"""Sweeps: many students trained from their seeds, in chunks, each chunk one shard on disk (:mod:`sweep.shards`).

A killed sweep loses no more than the chunks in flight; the numbers depend on the seed and the settings alone.

    python -m sweep.runs --problem thesis --width 5 --seeds 0:1000 --out runs/width5 --jobs 2
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from sweep.cluster import on_cluster
from sweep.gaussian_runs import gaussian_settings, run_gaussian_chunk
from sweep.initialise import starts
from sweep.kernels.compiled import Floats, KernelData, loss_gradient_hessian, prepare, smallest_eigenvalue
from sweep.newton import EPS
from sweep.optimisers import OPTIMIZERS, complete_options, optimise
from sweep.processes import as_finished
from sweep.shards import Runs, RunsError, Settings, one_sweep, provenance, shard_path, write_shard
from sweep.signals import termination_interrupts
from symmetry.population import GaussianProblem
from symmetry.problem import Problem, load_problem

CHUNK = 250
_BATCH = 64  # Hessians held at a time


def sweep(
    problem: Problem | GaussianProblem,
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
    shard: tuple[int, int] = (1, 1),
    cluster: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make the runs ``seeds`` in chunks of ``chunk`` and write each as a shard into ``out``; return the new shards.

    The numbers do not depend on ``chunk``, ``jobs`` or interruptions.

    Args:
        optimizer, options: a name in :data:`sweep.optimisers.OPTIMIZERS`, and what differs from its defaults.
        jobs: processes, each with one thread.
        resume: continue in a directory that holds shards of this sweep, making only the seeds that are missing.
        shard: ``(i, n)``, ``1 ≤ i ≤ n``: make every n-th chunk, from the i-th on. The n parts can be made at the same
            time, on machines that share the directory.
        cluster: address of a Dask scheduler whose workers share the directory; instead of ``jobs``.
        progress: called with (runs done, runs to do) after each shard.

    Raises:
        RunsError: ``out`` holds shards and ``resume`` is off, or holds shards of another sweep; or something is wrong
            with the cluster.
        ValueError: settings that make no sense.
    """
    settings = settings_of(problem, width=width, init=init, optimizer=optimizer, options=options)
    if width < 1 or chunk < 1 or jobs < 1 or seeds.step != 1 or seeds.start < 0:
        raise ValueError(
            f"sweep: width={width}, chunk={chunk}, jobs={jobs}, seeds={seeds}, "
            "expected numbers >= 1 and consecutive seeds >= 0"
        )
    number, parts = shard
    if not 1 <= number <= parts:
        raise ValueError(f"shard is {number}/{parts}, expected i/n with 1 <= i <= n")
    done = one_sweep(out, settings)
    mine = missing_chunks(seeds, [], chunk)[number - 1 :: parts]
    # the other parts may be under way in the same directory
    in_the_way = done if parts == 1 else [r for r in done for m in mine if r.start < m.stop and m.start < r.stop]
    if in_the_way and not resume:
        raise RunsError(
            f"{out}: holds {len(in_the_way)} shards already, expected an empty directory; resume, or choose another"
        )
    chunks = [missing for part in mine for missing in missing_chunks(part, done, chunk)]
    total, finished, paths = sum(map(len, chunks)), 0, []
    tasks = [(problem, settings, out.resolve(), part) for part in chunks]
    if cluster is None:
        answers = as_finished(_write_chunk, tasks, jobs)
    else:
        answers = on_cluster(cluster, _write_chunk, tasks, [_key(settings, out, part) for part in chunks])
    with closing(answers):
        for made, name in answers:
            path = out / name
            paths.append(path)
            finished += len(chunks[made])
            if progress is not None:
                progress(finished, total)
    for path in paths:
        if not path.exists():
            raise RunsError(f"{path}: was written but is not there, expected a directory that all workers share")
    return paths


def settings_of(
    problem: Problem | GaussianProblem,
    *,
    width: int,
    init: str,
    optimizer: str,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """Complete settings: ``options`` over the optimiser's defaults.

    Raises:
        ValueError: no such optimiser or option.
    """
    if isinstance(problem, GaussianProblem):
        return gaussian_settings(problem, width=width, init=init, optimizer=optimizer, options=options)
    merged = complete_options(optimizer, options)
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


def run_chunk(problem: Problem | GaussianProblem, settings: Settings, seeds: range) -> Runs:
    """Make the runs ``seeds``, here and now."""
    if isinstance(problem, GaussianProblem):
        return run_gaussian_chunk(problem, settings, seeds)
    data = prepare(problem)
    start = starts(settings.init, settings.width, settings.dimension, seeds, problem.outputs)
    if data.bias:  # output biases start at 0
        w, a = np.split(start, [settings.width * settings.dimension], axis=1)
        rows = a.reshape(len(start), problem.outputs, settings.width)
        start = np.column_stack([w, np.pad(rows, ((0, 0), (0, 0), (0, 1))).reshape(len(start), -1)])
    stopped = optimise(settings.optimizer, data, start, settings.width, settings.options)
    loss, norm, eigenvalue = measured(data, stopped.theta, settings.width)
    return Runs(
        settings=settings,
        seed=np.array(seeds, dtype=np.int64),
        start=start,
        theta=stopped.theta,
        loss=loss,
        gradient_norm=norm,
        smallest_eigenvalue=eigenvalue,
        steps=stopped.steps,
        stop_reason=stopped.stop_reason,
        trajectory=stopped.trajectory,
    )


def measured(data: KernelData, theta: Floats, width: int) -> tuple[Floats, Floats, Floats]:
    """Loss, gradient norm and smallest eigenvalue of the Hessian, (n,) each, at ``theta`` (n, P); approximate."""
    n = len(theta)
    loss, norm, eigenvalue = np.empty(n), np.empty(n), np.empty(n)
    for begin in range(0, n, _BATCH):
        part = slice(begin, begin + _BATCH)
        loss[part], gradient, hessian = loss_gradient_hessian(data, theta[part], width)
        # not linalg.norm: BLAS may sum in an order that depends on the CPU
        norm[part] = np.sqrt((gradient * gradient).sum(axis=1))
        eigenvalue[part] = smallest_eigenvalue(hessian)
    return loss, norm, eigenvalue


def resolution(data: KernelData, theta: Floats, width: int) -> Floats:
    """``P · eps · max |λ|``, (n,), at ``theta`` (n, P): eigenvalues of the Hessian below it are rounding noise."""
    out = np.empty(len(theta))
    for begin in range(0, len(theta), _BATCH):
        part = slice(begin, begin + _BATCH)
        _, _, hessian = loss_gradient_hessian(data, theta[part], width)
        out[part] = theta.shape[1] * EPS * np.abs(np.linalg.eigvalsh(hessian)).max(axis=1)
    return out


def _write_chunk(problem: Problem | GaussianProblem, settings: Settings, out: Path, seeds: range) -> str:
    """Make a chunk and write it, unless that was done by one who died before he could say so; the shard's name."""
    path = shard_path(out, seeds)
    if not path.exists():
        runs = run_chunk(problem, settings, seeds)
        with suppress(FileExistsError):  # two workers may be at it, where a client died and came back
            write_shard(out, runs, provenance(seeds))
    return path.name


def _key(settings: Settings, out: Path, seeds: range) -> str:
    """The same for the same chunk of the same sweep, whoever asks for it."""
    text = json.dumps([settings.identity, str(out.resolve()), seeds.start, seeds.stop], sort_keys=True)
    return f"chunk-{hashlib.sha256(text.encode()).hexdigest()}"


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
        with termination_interrupts():
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
