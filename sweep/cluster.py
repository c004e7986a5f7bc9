"""Chunks of work on a Dask cluster (extra ``cluster``): a scheduler, and workers that share the storage.

Tasks return no results, only where they have put them. A worker that dies loses the task it is at, which is given to
another; a client that dies loses nothing, as the files tell what is done.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Generator, Sequence
from importlib import metadata
from typing import Any

from threadpoolctl import threadpool_limits

from sweep.shards import RunsError

_PACKAGES = ("losscert", "numpy", "numba", "scipy", "python-flint", "mpmath", "dask", "distributed")
_TIMEOUT = "30s"


def on_cluster(
    address: str, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], keys: Sequence[str]
) -> Generator[tuple[int, Any], None, None]:
    """Pairs (number of the task, ``work(*task)``), as the tasks are finished, from the workers at ``address``.

    Like :func:`sweep.processes.as_finished`. ``work`` may be called again for a task whose worker died, or whose client
    did: it has to look first whether the task is done.

    Args:
        address: of the scheduler, ``tcp://HOST:PORT``.
        keys: a name for each task; where a task of this name is under way already, it is waited for.

    Raises:
        RunsError: no scheduler there, a worker with other versions, or a task that several workers died of.
        ImportError: Dask is not installed (``pip install "losscert[cluster]"``).
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise ImportError(
            'a cluster needs Dask distributed, which is not installed: pip install "losscert[cluster]"'
        ) from None
    try:
        client = Client(address, timeout=_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunsError(f"{address}: no scheduler answers ({error}), expected one such as tcp://host:8786") from None
    with client, client.as_current():
        versions = _versions()
        numbers = {
            client.submit(_on_worker, versions, work, task, key=key): number
            for number, (task, key) in enumerate(zip(tasks, keys, strict=True))
        }
        try:
            # batches: one message to the scheduler for many results
            for batch in as_completed(list(numbers), with_results=True).batches():
                for future, answer in batch:
                    yield numbers[future], answer
        except KilledWorker as error:
            raise RunsError(
                f"{address}: several workers died of one chunk ({error}), expected them to live; "
                "give them more memory, or make the chunks smaller"
            ) from None


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def _on_worker(versions: dict[str, str], work: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """On a worker: the answer, if this worker would compute what the client would."""
    for name, theirs in _versions().items():
        if theirs != versions[name]:
            raise RunsError(
                f"worker on {platform.node()}: has {name} {theirs}, expected {versions[name]} as the client has; "
                "install the same versions everywhere"
            )
    threadpool_limits(1)  # for good: other threads of this worker are at other chunks
    return work(*task)
