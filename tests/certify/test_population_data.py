"""The theorem of Safran & Shamir in files: for k = 6…20 a certified local minimum that is not global; the commands."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import gaussian_cases as cases
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from certify.checker.run import check
from certify.cli import main
from symmetry.population import safran_shamir

DATA = Path(__file__).parents[2] / "data" / "safran_shamir"


@pytest.mark.parametrize("k", range(6, 21))
def test_a_spurious_minimum_of_each_size_is_shipped(k: int) -> None:
    with zipfile.ZipFile(DATA / f"k{k}.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        rows = [json.loads(line) for line in archive.read("verdicts.jsonl").splitlines()]
        assert manifest["problem"]["hash"] == safran_shamir(f"safran-shamir:k={k}").hash
        spurious = {row["object_id"] for row in rows if row["verdict"] == "local-minimum" and row["not_global"]}
        assert spurious
        for name in spurious:
            claim = json.loads(archive.read(f"certificates/{name}.json"))["claim"]
            assert (claim["width"], claim["morse_index"], claim["strict"]) == (k, 0, True)
        assert not any(row["verdict"] in ("undecided", "not-critical") for row in rows)


@pytest.mark.parametrize("k", [6, 9])
def test_the_checker_verifies_what_is_shipped(k: int) -> None:
    outcome = check(DATA / f"k{k}.zip", problem=None, arithmetic="integer", jobs=1, budget=600)
    assert (outcome.rejected, outcome.unreadable) == ([], [])
    assert outcome.counts["local-minimum"]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code in (0, 3), result.output
    return result.output


def test_a_mat_file_walks_through_points_check_and_table(tmp_path: Path) -> None:
    minimum = cases.point("minimum")
    savemat(tmp_path / "newExp-6-6.mat", {"WbadNew": minimum.T, "magnitude": np.array([[3]], dtype=np.uint8)})
    run("points", tmp_path / "newExp-6-6.mat", "--problem", "safran-shamir", "--out", tmp_path / "out", "--jobs", 1)
    assert "1 certificates verified, 0 rejections" in run("check", tmp_path / "out", "--jobs", 1)
    table = run("table", tmp_path / "out", "--show", "families")
    assert "spurious local minimum" in table
    assert "| 0.3 % |" in " ".join(table.split())
    found = json.loads(run("table", tmp_path / "out", "--show", "families", "--runs", 6, "--format", "json"))
    assert found["lines"][0]["share"] == 0.5
    assert "not global" in run("explain", tmp_path / "out", 0)


def test_a_sweep_walks_through_points(tmp_path: Path) -> None:
    name = "safran-shamir:k=3,n=3"
    run("sweep", "--problem", name, "--runs", 4, "--out", tmp_path / "runs", "--jobs", 1)
    run("points", tmp_path / "runs", "--problem", name, "--out", tmp_path / "out", "--jobs", 1)
    assert "global-minimum" in run("table", tmp_path / "out", "--show", "families")


@pytest.mark.parametrize("show", ["confusion", "negative"])
def test_tables_about_data_are_refused(tmp_path: Path, show: str) -> None:
    folder = cases.certified(tmp_path / "out", 2, [np.eye(2)])
    result = CliRunner().invoke(main, ["table", str(folder), "--show", show])
    assert result.exit_code == 2
    assert "families" in result.output
