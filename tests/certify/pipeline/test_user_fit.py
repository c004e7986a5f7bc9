"""The whole way of a user's own fit, as docs/how-to.md tells it; half the mean square on shipped runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from certify import Kind, Relation
from certify.cli import main
from sweep.points import read_points, write_points

ROOT = Path(__file__).parents[3]


def blocks() -> Iterator[tuple[str, str]]:
    """The fenced blocks of the page's section, in order: language and text."""
    page = (ROOT / "docs" / "how-to.md").read_text("utf-8")
    section = page.split("## … certify a PyTorch fit on data of one's own", 1)[1].split("\n## ", 1)[0]
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def follow(folder: Path, monkeypatch: pytest.MonkeyPatch, *, decay: bool = True) -> tuple[list[Result], Any]:
    """Do what the section says, in a folder: the results of its commands, and its verdict in Python."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    results = []
    for language, block in blocks():
        text = block if decay else re.sub(r"(?m)^weight_decay = .*$|, weight_decay=[0-9.e-]+", "", block)
        assert decay or "decay" not in text
        if language == "python":
            exec(compile(text, "how-to.md", "exec"), names)
        elif language == "toml":
            Path("fit.toml").write_text(text, "utf-8")
        else:
            results += [CliRunner().invoke(main, line.split()[1:]) for line in text.splitlines()]
    return results, names["verdict"]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_fit_with_decay_is_a_local_minimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    results, verdict = follow(tmp_path, monkeypatch)
    assert [result.exit_code for result in results] == [0, 0, 0], [result.output for result in results]
    row = json.loads((tmp_path / "verdicts" / "verdicts.jsonl").read_text("utf-8").splitlines()[0])
    assert (verdict.kind, verdict.relation) == (Kind.LOCAL_MINIMUM, Relation.POLISHED)
    assert (row["verdict"], row["relation"]) == ("local-minimum", "polished")
    assert verdict.object is not None
    assert verdict.object.not_global is None
    assert "whether it is global is not known" in results[1].output
    assert "1 certificates verified, 0 rejections" in results[2].output
    # training had nearly converged
    assert 0 < verdict.moved < 0.5
    assert float(verdict.object.lambda_min[0]) > 0


def test_a_fit_without_decay_runs_off_and_its_limit_is_certified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    results, verdict = follow(tmp_path, monkeypatch, decay=False)
    assert [result.exit_code for result in results] == [0, 0, 0], [result.output for result in results]
    assert verdict.kind is Kind.MINIMUM_AT_INFINITY
    assert verdict.object is not None
    assert verdict.object.not_global is None
    assert verdict.object.chart is not None
    assert verdict.object.chart.bias
    assert "exponential" in verdict.object.chart.name
    assert "exp((" in results[1].output
    assert "1 certificates verified, 0 rejections" in results[2].output


def test_a_state_dict_with_biases_for_a_problem_without_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Sigmoid(), torch.nn.Linear(3, 1))
    torch.save(module.state_dict(), "model.pt")
    np.savez("data.npz", X=np.zeros((4, 2)), y=np.zeros(4))
    table = '[inputs]\nfile = "data.npz"\n[labels]\nfile = "data.npz"\n'
    Path("fit.toml").write_text(f'activation = "sigmoid"\n{table}', "utf-8")
    result = CliRunner().invoke(main, ["points", "model.pt", "--problem", "fit.toml", "--out", "verdicts"])
    assert result.exit_code == 2
    assert "`bias = true`" in result.stderr
    Path("fit.toml").write_text(f'activation = "sigmoid"\nbias = true\n{table}', "utf-8")
    result = CliRunner().invoke(main, ["points", "model.pt", "--problem", "fit.toml", "--out", "verdicts"])
    assert result.exit_code == 2
    assert "`output_bias = true`" in result.stderr


HALF = """
activation = "sigmoid"
loss = "half-mean-squared-error"
[teacher]
w = [[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6], [0.1, -0.6]]
a = [1, -1, 1, -1]
[inputs.grid]
start = [-5, -5]
stop = [5, 5]
step = [0.25, 0.25]
"""


def test_half_the_mean_square_has_the_same_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = read_points(ROOT / "data" / "adam" / "width4", dimension=2).take([2, 4, 7])
    monkeypatch.chdir(tmp_path)
    write_points(Path("points.npz"), points)
    Path("half.toml").write_text(HALF, "utf-8")
    loss = {}
    for problem in ("thesis", "half.toml"):
        result = CliRunner().invoke(
            main, ["points", "points.npz", "--problem", problem, "--out", problem + "-verdicts"]
        )
        assert result.exit_code == 0, result.output
        lines = (Path(problem + "-verdicts") / "verdicts.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["verdict"] for row in rows] == ["minimum-at-infinity", "local-minimum", "global-minimum"]
        assert [row["relation"] for row in rows] == ["contained", "contained", "path"]
        loss[problem] = [row["loss_upper"] for row in rows]
    assert loss["half.toml"] == pytest.approx([value / 2 for value in loss["thesis"]], rel=1e-6)
    result = CliRunner().invoke(main, ["check", "half.toml-verdicts"])
    assert result.exit_code == 0, result.output
    assert "3 certificates verified, 0 rejections" in result.output
