"""Finished runs on disk: immutable Parquet shards that say how they were made.

A directory holds the shards of one sweep: one problem, width, start and optimiser with its settings. A shard appears
under its final name only when it is complete. Its schema metadata, under :data:`METADATA_KEY`, is a JSON object with
the settings, the problem's hash, the seed range, versions, the instruction set and the git revision.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from llvmlite import binding
from numpy.typing import NDArray

from sweep.points.parquet import METADATA_KEY

Floats = NDArray[np.float64]

CRITICAL = 1e-12
"""A run whose gradient norm is larger where it stopped is called open."""


class RunsError(ValueError):
    """Shards that cannot be used or must not be mixed; one sentence naming file, what came, what was expected."""


@dataclass(frozen=True)
class Settings:
    """What makes runs the same experiment: a run is a function of these and of its seed.

    Args:
        problem: the problem's name, for people.
        problem_hash: its content hash.
        width: neurons of the student, ``m``.
        dimension: inputs of a neuron, ``d``.
        init: how runs start, see :mod:`sweep.initialise`.
        optimizer: a name in :data:`sweep.optimisers.OPTIMIZERS`, or what the maker of the runs calls it.
        options: its settings, JSON-able; for Adam ``steps, lr, betas, eps``.
    """

    problem: str
    problem_hash: str
    width: int
    dimension: int
    init: str
    optimizer: str
    options: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for two shards to lie in one directory: everything but the problem's name."""
        described = self.describe()
        options: dict[str, Any] = described.pop("options")
        del described["problem"]
        return described | options

    def describe(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {
            "problem": self.problem,
            "problem_hash": self.problem_hash,
            "width": self.width,
            "dimension": self.dimension,
            "init": self.init,
            "optimizer": self.optimizer,
            "options": json.loads(json.dumps(dict(self.options))),
        }


@dataclass(frozen=True)
class Runs:
    """Finished runs, a row each.

    Args:
        settings: what they have in common.
        seed: (n,) int64.
        start: (n, P) parameters ``(w, a)`` at the start.
        theta: (n, P) where the run stopped.
        loss, gradient_norm, smallest_eigenvalue: (n,) there; float64, approximate.
        steps: (n,) int64 steps made.
        stop_reason: n words, :class:`sweep.optimisers.Stopped` says which.
        provenance: per shard what is recorded beside the settings: seed range, versions, instruction set, revision.
        trajectory: n arrays (T, P), the points after every ``trajectory_every`` steps, which is one of the options;
            ``None`` where they were not kept.
    """

    settings: Settings
    seed: NDArray[np.int64]
    start: Floats
    theta: Floats
    loss: Floats
    gradient_norm: Floats
    smallest_eigenvalue: Floats
    steps: NDArray[np.int64]
    stop_reason: tuple[str, ...]
    provenance: tuple[Mapping[str, Any], ...] = field(default=())
    trajectory: tuple[Floats, ...] | None = None

    def __len__(self) -> int:
        return len(self.seed)

    @property
    def w(self) -> Floats:
        """Incoming weights where the runs stopped, (n, m, d)."""
        m, d = self.settings.width, self.settings.dimension
        return self.theta[:, : m * d].reshape(len(self), m, d)

    @property
    def a(self) -> Floats:
        """Outgoing weights where the runs stopped, (n, m); with output biases and several outputs more, as in ``θ``."""
        return self.theta[:, self.settings.width * self.settings.dimension :]

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Whether a run has not come to a critical point as far as its gradient tells: its norm exceeds 1e-12; (n,)."""
        return ~(self.gradient_norm <= CRITICAL)

    @property
    def instruction_sets(self) -> frozenset[str]:
        """The CPUs that made the shards; what LAPACK computed may differ between them in the last bits."""
        return frozenset(str(entry["instruction_set"]) for entry in self.provenance)


def provenance(seeds: range) -> dict[str, Any]:
    """What a shard records about its making, beside the settings."""
    return {
        "seeds": [seeds.start, seeds.stop],
        "versions": {
            "losscert": metadata.version("losscert"),
            "numpy": np.__version__,
            "numba": numba.__version__,
            "python": platform.python_version(),
        },
        "instruction_set": _instruction_set(),
        "revision": _revision(),
    }


def write_shard(directory: Path, runs: Runs, record: Mapping[str, Any]) -> Path:
    """Write ``runs`` with ``record`` (:func:`provenance`) as a shard named after its seed range; return its path.

    Raises:
        FileExistsError: the shard is there already; shards are never rewritten.
    """
    start, stop = record["seeds"]
    path = shard_path(directory, range(start, stop))
    if path.exists():
        raise FileExistsError(f"{path}: is there already, expected a new shard; remove it to make it again")
    split = runs.settings.width * runs.settings.dimension
    columns = {
        "seed": pa.array(runs.seed, pa.int64()),
        "width": pa.array(np.full(len(runs), runs.settings.width), pa.int32()),
        "w": _lists(runs.theta[:, :split]),
        "a": _lists(runs.theta[:, split:]),
        "w_init": _lists(runs.start[:, :split]),
        "a_init": _lists(runs.start[:, split:]),
        "loss": pa.array(runs.loss),
        "gradient_norm": pa.array(runs.gradient_norm),
        "smallest_eigenvalue": pa.array(runs.smallest_eigenvalue),
        "steps": pa.array(runs.steps, pa.int64()),
        "stop_reason": pa.array(runs.stop_reason, pa.string()),
    }
    if runs.trajectory is not None:
        columns["trajectory"] = pa.array([points.reshape(-1) for points in runs.trajectory], pa.list_(pa.float64()))
    note = {"format": 1, "problem_hash": runs.settings.problem_hash, "settings": runs.settings.describe(), **record}
    table = pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(note, sort_keys=True)})
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f".{path.name}.{uuid.uuid4().hex}.tmp"  # two machines may be at it
    try:
        with temporary.open("wb") as handle:
            # dictionaries compare values, and 0.0 == -0.0: plain encoding keeps the bits
            pq.write_table(
                table, handle, compression="zstd", compression_level=19, use_dictionary=False, write_page_checksum=True
            )
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_shard(path: Path) -> Runs:
    """Read one shard, bit for bit what was written.

    Raises:
        RunsError: not a Parquet file, or not one that :func:`write_shard` wrote.
    """
    settings, record = _describe(path)
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        n, m, d = table.num_rows, settings.width, settings.dimension

        def matrix(name: str, length: int) -> Any:
            column: Any = columns[name]
            return column.flatten().to_numpy(zero_copy_only=False).reshape(n, length)

        outer = max(len(columns["a"].flatten()) // max(n, 1), m)  # m, or more with output biases and several outputs

        def vector(name: str) -> Any:
            return columns[name].to_numpy(zero_copy_only=False)

        return Runs(
            settings,
            vector("seed"),
            np.concatenate([matrix("w_init", m * d), matrix("a_init", outer)], axis=1),
            np.concatenate([matrix("w", m * d), matrix("a", outer)], axis=1),
            vector("loss"),
            vector("gradient_norm"),
            vector("smallest_eigenvalue"),
            vector("steps"),
            tuple(map(str, columns["stop_reason"].to_pylist())),
            (record,),
            _trajectories(columns.get("trajectory"), m * d + outer),
        )
    except (pa.ArrowException, KeyError, ValueError, AttributeError, OSError) as error:
        raise RunsError(f"{path}: not the columns a shard of runs has ({error})") from None


def read_shards(directory: Path) -> Runs:
    """All runs of a directory, by seed.

    Raises:
        RunsError: no shards, shards of different sweeps, or a seed that occurs twice.
    """
    shards = [read_shard(path) for path in shard_paths(directory)]
    if not shards:
        raise RunsError(f"{directory}: holds no shards (*.parquet), expected at least one")
    one_sweep(directory, shards[0].settings)
    seed = np.concatenate([shard.seed for shard in shards])
    order = np.argsort(seed, kind="stable")
    if len(np.unique(seed)) != len(seed):
        twice = seed[order][:-1][np.diff(seed[order]) == 0][0]
        raise RunsError(f"{directory}: seed {twice} occurs twice, expected each once; remove one of the shards")
    reasons = [reason for shard in shards for reason in shard.stop_reason]
    points = [path for shard in shards for path in shard.trajectory or ()]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(shard, name) for shard in shards])[order]

    return Runs(
        settings=shards[0].settings,
        seed=seed[order],
        start=joined("start"),
        theta=joined("theta"),
        loss=joined("loss"),
        gradient_norm=joined("gradient_norm"),
        smallest_eigenvalue=joined("smallest_eigenvalue"),
        steps=joined("steps"),
        stop_reason=tuple(reasons[i] for i in order),
        provenance=tuple(entry for shard in shards for entry in shard.provenance),
        trajectory=tuple(points[i] for i in order) if points else None,
    )


def shard_path(directory: Path, seeds: range) -> Path:
    """Where the shard of these seeds is or will be."""
    return directory / f"seeds-{seeds.start:06d}-{seeds.stop:06d}.parquet"


def shard_paths(directory: Path) -> list[Path]:
    """The finished shards of a directory, by name; what is still being written has a name with a leading dot."""
    return sorted(path for path in directory.glob("*.parquet") if not path.name.startswith("."))


def one_sweep(directory: Path, settings: Settings) -> list[range]:
    """Check that every shard of ``directory`` belongs to the sweep ``settings``; return their seed ranges.

    Raises:
        RunsError: a shard of another sweep.
    """
    done = []
    for path in shard_paths(directory):
        found, record = _describe(path)
        theirs, ours = found.identity, settings.identity
        for key in theirs | ours:
            if theirs.get(key) != ours.get(key):
                raise RunsError(
                    f"{path}: was made with {key}={theirs.get(key)}, "
                    f"expected {ours.get(key)} as in the sweep asked for; give each sweep its own directory"
                )
        done.append(range(*record["seeds"]))
    return done


def _lists(rows: Floats) -> Any:
    offsets = pa.array(np.arange(len(rows) + 1) * rows.shape[1], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(rows.reshape(-1), pa.float64()))


def _trajectories(column: Any, size: int) -> tuple[Floats, ...] | None:
    """The rows of the column ``trajectory`` as (T, P) each."""
    if column is None:
        return None
    ends, flat = column.offsets.to_numpy(), column.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return tuple(flat[i // size : j // size] for i, j in pairwise((ends - ends[0]).tolist()))


def _describe(path: Path) -> tuple[Settings, dict[str, Any]]:
    """Settings and provenance from a shard's schema metadata."""
    try:
        note = json.loads((pq.read_schema(path).metadata or {})[METADATA_KEY])
        record = {key: note[key] for key in ("seeds", "versions", "instruction_set", "revision")}
        return Settings(**note["settings"]), record
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        raise RunsError(f"{path}: not a finished shard of a sweep ({error})") from None


def _instruction_set() -> str:
    """The CPU family and the vector extensions that compiled code here may use."""
    override = numba.config.CPU_FEATURES
    if override is None:
        features = {name for name, present in binding.get_host_cpu_features().items() if present}
    else:
        features = {name[1:] for name in override.split(",") if name.startswith("+")}
    kept = [name for name in ("sse2", "avx", "fma", "avx2", "avx512f", "neon", "sve") if name in features]
    return "+".join([platform.machine(), *kept])


@functools.cache  # what was loaded, not what the checkout has become since
def _revision() -> str | None:
    """The git revision of the source, ``-dirty`` appended if it was changed; ``None`` where it is not under git."""
    here = Path(__file__).parent
    try:
        for command in (["ls-files", "--error-unmatch", "runs.py"], ["describe", "--always", "--dirty", "--abbrev=40"]):
            result = subprocess.run(["git", "-C", here, *command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
