"""One unit of work of a classification, and what all workers have in common."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject
from symmetry.network import Exact

FAR = 1e-3
"""Newton steps of more than this, relative to ``1 + ‖θ‖``, no longer only refine the end of a path."""


@dataclass(frozen=True)
class Task:
    """One unit of work: what to do, its name in the journal, and a JSON-able payload."""

    stage: str
    key: str
    payload: Any

    @property
    def name(self) -> str:
        """Under which the journal keeps the answer: tasks of one key with different payloads are kept apart."""
        payload = json.dumps(self.payload, sort_keys=True).encode()
        return f"{self.key}-{hashlib.sha256(payload).hexdigest()[:16]}"


class TaskWorker:
    """Does tasks: a task of a stage is done by the method of its name, with an underscore before it."""

    def run(self, task: Task) -> Any:
        """The JSON-able answer to a task."""
        return getattr(self, f"_{task.stage}")(task.payload)


def near(found: CriticalObject, shift: Exact, start: Exact) -> dict[str, Any]:
    """The answer that an object was found, if the Newton steps from the proposed point to its centre were short."""
    refined = float(np.linalg.norm(shift.astype(np.float64)))
    if refined > FAR * (1 + float(np.linalg.norm(start.astype(np.float64)))):
        return failed(Failure("newton-left", (("refined", refined),)))
    return {"object": found.to_json(), "refined": refined}


def failed(failure: Failure) -> dict[str, Any]:
    """The answer that none was found; :func:`failure_of` reads it."""
    return {"failure": failure.code, "numbers": [list(pair) for pair in failure.numbers]}


def failure_of(answer: dict[str, Any]) -> Failure | None:
    """The failure in an answer, ``None`` where it holds an object."""
    if "failure" not in answer:
        return None
    return Failure(answer["failure"], tuple((name, value) for name, value in answer["numbers"]))
