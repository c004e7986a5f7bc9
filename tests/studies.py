"""A study small enough for tests: two teacher neurons on 25 inputs, made once for all tests that look at it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from certify.study.gather import Study
from certify.study.plan import Plan
from certify.study.run import Settings, run

PROBLEM = """
name = "two-neurons"
activation = "sigmoid"
[teacher]
w = [[0.5, 1], [1, -0.5]]
a = [1, -1]
[inputs.grid]
start = [-2, -2]
stop = [2, 2]
step = [1, 1]
"""

_KEPT: list[TemporaryDirectory[str]] = []
TOLD: list[tuple[str, int, int]] = []


def plan(folder: Path, **changes: object) -> Plan:
    """The plan of a tiny study; its problem file is written into ``folder``."""
    (folder / "tiny.toml").write_text(PROBLEM, "utf-8")
    asked: dict[str, object] = {
        "problem": str(folder / "tiny.toml"),
        "widths": (2, 3),
        "runs": 8,
        "optimizer": "newton",
        "saddle_seeds": 12,
        "protocol_runs": 2,
    }
    return Plan(**(asked | changes))  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def tiny_study() -> Study:
    """The study, with report; what was told of its progress is in :data:`TOLD`."""
    _KEPT.append(TemporaryDirectory(prefix="tiny-study-"))
    folder = Path(_KEPT[0].name)

    def progress(stage: str, done: int, total: int) -> None:
        TOLD.append((stage, done, total))

    return run(folder / "out", plan(folder), Settings(jobs=1), resume=False, progress=progress)
