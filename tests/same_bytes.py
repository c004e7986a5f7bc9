"""The same shipped points certified again, and on several processes: ``python tests/same_bytes.py``.

By default 50 random runs of each width, certified twice on one process and once on two; says whether all three results
directories are the same, byte for byte, and what they hold. The tests take a few chosen runs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from certify.cli.points import certify_points
from sweep.points import read_points
from symmetry.problem import load_problem

DATA = Path(__file__).parents[1] / "data"
SETTINGS = {"arithmetic": "auto", "max_bits": 212, "polish": True}


def certified(width: int, runs: list[int], folder: Path, jobs: int) -> dict[str, bytes]:
    """The files of the results directory of some shipped Adam runs."""
    points = read_points(DATA / "adam" / f"width{width}", dimension=2).take(runs)
    certify_points(load_problem("thesis"), points, folder, dict(SETTINGS), jobs)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The rows of a results directory."""
    return [json.loads(line) for line in files["verdicts.jsonl"].splitlines()]


def difference(left: dict[str, bytes], right: dict[str, bytes]) -> list[str]:
    """Names of the files that differ, or that only one side has."""
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def main() -> int:
    """Run it and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="of each width")
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 5, 6, 7])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    for width in options.widths:
        runs = sorted(random.Random(options.seed).sample(range(1000), options.runs))
        with tempfile.TemporaryDirectory() as folder:
            first, again, twofold = (
                certified(width, runs, Path(folder) / name, jobs) for name, jobs in (("1", 1), ("again", 1), ("2", 2))
            )
        differing = [*difference(first, again), *difference(first, twofold)]
        failed += len(differing)
        held = Counter(f"{row['verdict']} {row['relation']}" for row in rows(first))
        paths = sum(json.loads(line)["path"] is not None for line in first["witnesses.jsonl"].splitlines())
        print(f"width {width}: {len(runs)} runs, {len(first)} files, {paths} paths, ", end="")
        print("the same bytes" if not differing else f"different: {', '.join(differing)}")
        print("   ", ", ".join(f"{count} {kind}" for kind, count in sorted(held.items())), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
