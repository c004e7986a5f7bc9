"""Tests on a copy of the checkout in which one formula of ``symmetry`` is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Patch(NamedTuple):
    """In ``symmetry/FILE``, ``old`` (which occurs once) becomes ``new``."""

    file: str
    old: str
    new: str


def run_tests(patch: Patch | None, tests: Sequence[str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``tests``, named within ``tests/symmetry``, in a process of their own, up to the first that fails.

    What is not patched is there by links. Options of the run that this one is part of do not reach it.

    Raises:
        ValueError: the formula is no longer there.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "symmetry", copy / "symmetry", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("certify", "sweep", "tests", "data", "docs", "pyproject.toml"):
            (copy / name).symlink_to(ROOT / name)
        if patch is not None:
            source = copy / "symmetry" / patch.file
            text = source.read_text("utf-8")
            if text.count(patch.old) != 1:
                raise ValueError(f"{patch.file}: {patch.old!r} occurs {text.count(patch.old)} times, expected once")
            source.write_text(text.replace(patch.old, patch.new), "utf-8")
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options]
            + [f"tests/symmetry/{name}" for name in tests],
            cwd=copy,
            env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
