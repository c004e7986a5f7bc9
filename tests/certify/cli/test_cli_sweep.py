"""certify sweep, saddles and perturb: what reaches the search, what is printed where, and the exit codes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from certify.cli import main
from certify.cli.common import Pace, part_of, seed_range
from sweep import runs, shards
from sweep.ladder import search_upward
from sweep.points import read_points
from sweep.saddles import find_saddles
from sweep.shards import read_shards, shard_paths
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
SADDLES = Path(__file__).parents[3] / "data/saddles/width4.npz"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(command: str) -> Result:
    return CliRunner().invoke(main, command.split())


def sweep(more: str) -> Result:
    return run(f"sweep --problem thesis --width 4 --init xavier-uniform --jobs 1 --out out {more}")


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


# ----------------------------------------------------------------------------------------------------------- sweep


def test_a_sweep_is_the_librarys(tmp_path: Path) -> None:
    result = sweep("--runs 7 --seed 5 --steps 20 --lr 1e-3 --chunk 3")
    assert result.exit_code == 0
    runs.sweep(
        THESIS,
        width=4,
        seeds=range(5, 12),
        out=Path("theirs"),
        init="xavier-uniform",
        options={"steps": 20, "lr": 1e-3},
        chunk=3,
    )
    ours, theirs = read_shards(Path("out")), read_shards(Path("theirs"))
    assert [p.name for p in shard_paths(Path("out"))] == [p.name for p in shard_paths(Path("theirs"))]
    assert ours.settings == theirs.settings
    assert (ours.theta == theirs.theta).all()
    assert "certify: 3 new shards in out\n" in result.stderr
    assert "7/7 runs, " in result.stderr
    assert " 0 s to go" in result.stderr
    negative = int((ours.smallest_eigenvalue < 0).sum())
    assert result.stdout.splitlines() == [
        "7 runs of width 4 on thesis",
        "gradient norm at most 1e-12: 0; open: 7",
        f"smallest eigenvalue negative: {negative}, 0 of them within rounding noise",
        "stopped: steps 7",
    ]


@pytest.mark.parametrize(
    ("more", "optimizer", "option"),
    [
        ("--optimizer newton --steps 3", "newton", ("steps", 3)),
        ("--optimizer slsqp --steps 3", "slsqp", ("bound", 10.0)),
        ("--optimizer lbfgs --steps 3", "lbfgs", ("steps", 3)),
        ("--schedule reference --steps 3", "adam-reference", ("rounds", 10)),
        ("--steps 3 --device cpu", "adam", ("device", "cpu")),
        ("--steps 3 --trajectory-every 2", "adam", ("trajectory_every", 2)),
    ],
)
def test_optimisers(more: str, optimizer: str, option: tuple[str, float]) -> None:
    assert sweep(f"--runs 2 {more}").exit_code == 0
    settings = read_shards(Path("out")).settings
    assert settings.optimizer == optimizer
    assert settings.options[option[0]] == option[1]


def test_eigenvalues_without_a_sign_are_told_apart() -> None:
    """Students of width 5 that have become the teacher lie on curves of such: an eigenvalue is 0."""
    assert run("sweep --problem thesis --width 5 --runs 12 --optimizer newton --jobs 1 --out out").exit_code == 0
    ours = read_shards(Path("out"))
    lines = run("sweep --problem thesis --width 5 --runs 12 --optimizer newton --jobs 1 --out out --resume").stdout
    x, noise = THESIS.inputs.values, 0
    for theta in ours.theta[ours.smallest_eigenvalue < 0]:
        w, a = theta[:10].reshape(5, 2), theta[10:]
        s = 1 / (1 + np.exp(-x @ w.T))
        loss = np.mean((s @ a - THESIS.labels) ** 2)
        noise += bool(loss < 1e-20)
    told = re.search(r"negative: (\d+), (\d+) of them within rounding noise", lines)
    assert told is not None
    assert 0 < noise <= int(told[2]) <= int(told[1]) == (ours.smallest_eigenvalue < 0).sum()


def test_mixed_instruction_sets_are_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "mixed" not in sweep("--runs 2 --steps 2 --chunk 1").stdout
    monkeypatch.setattr(shards, "_instruction_set", lambda: "x86_64+sse2")
    last = sweep("--runs 3 --steps 2 --chunk 1 --resume").stdout.splitlines()[-1]
    assert last.startswith("mixed instruction sets")
    assert "x86_64+sse2" in last.split(": ")[1].split(", ")


def test_resuming_and_parts_of_an_array() -> None:
    assert sweep("--runs 6 --steps 5 --chunk 2 --shard 2/2").exit_code == 0
    assert read_shards(Path("out")).seed.tolist() == [2, 3]
    refused(sweep("--runs 6 --steps 5 --chunk 2"), "out: holds 1 shards already", "resume")
    refused(sweep("--runs 6 --steps 6 --chunk 2 --resume"), "was made with steps=5, expected 6")
    result = sweep("--runs 6 --steps 5 --chunk 2 --resume")
    assert result.exit_code == 0
    assert "2 new shards" in result.stderr
    assert result.stdout.startswith("6 runs of width 4")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--runs 2 --optimizer newton --lr 1", ["certify: newton: unknown option 'lr', expected one of: steps"]),
        ("--runs 2 --optimizer newton --schedule reference", ["--schedule is Adam's"]),
        ("--runs 2 --optimizer sgd", ["'sgd'"]),
        ("--runs 2 --device nothing", ["certify: device is 'nothing', expected one of this machine"]),
        ("--runs 2 --optimizer slsqp --device cpu", ["slsqp: unknown option 'device'"]),
        ("--runs 0", ["--runs"]),
        ("--runs 2 --lr -1", ["lr=-1.0", "expected steps >= 0, lr > 0"]),
        ("--runs 2 --shard 3/2", ["'3/2', expected i/n with 1 <= i <= n"]),
    ],
)
def test_bad_usage(more: str, words: list[str]) -> None:
    refused(sweep(more), *words)
    assert not Path("out").exists()


def test_no_such_problem() -> None:
    refused(run("sweep --problem nothing.toml --width 4 --runs 1 --out out"), "nothing.toml: no such problem file")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_finished_shards(sent: signal.Signals) -> None:
    """Ctrl-C in the terminal reaches all processes, ``kill`` the parent alone: both end them all at once."""
    command = (
        "sweep --problem thesis --width 4 --init xavier-uniform --runs 4000 --steps 3000 --chunk 2 --jobs 2 --out out"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "from certify.cli import main; main()", *command.split()],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not shard_paths(Path("out")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)
    else:
        process.send_signal(sent)
    _, errors = process.communicate(timeout=60)  # the pipe closes when the last worker has ended
    assert process.returncode == 130
    assert "certify: interrupted; out keeps the finished shards: --resume continues" in errors
    assert len(read_shards(Path("out"))) >= 2


# --------------------------------------------------------------------------------------------------------- saddles


def test_saddles_are_written_and_counted() -> None:
    result = run("saddles --problem thesis --width 4 --seeds 0:24 --jobs 1 --out s.npz")
    assert result.exit_code == 0
    found = find_saddles(THESIS, 4, range(24))
    points = read_points(Path("s.npz"), dimension=2)
    assert (points.theta() == np.array([saddle.theta for saddle in found])).all()
    lines = result.stdout.splitlines()
    assert lines[0] == f"at least {len(found)} distinct saddles from 24 seeds"
    ones = [saddle for saddle in found if saddle.index == 1]
    early = sum(saddle.seed < 12 for saddle in ones)
    assert lines[1] == f"index 1: at least {len(ones)}; the first half of the seeds found {early}"
    assert "24/24 attempts" in result.stderr


def test_critical_points_of_one_neuron() -> None:
    result = run("saddles --problem thesis --width 1 --seeds 0:5 --min-index 0 --jobs 1 --out s.npz")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("index 0: at least")
    assert read_points(Path("s.npz"), dimension=2).width == 1
    refused(run("saddles --problem thesis --width 1 --seeds 0:5 --jobs 1 --out t.npz"), "nothing found from 5 seeds")


def test_saddles_upward() -> None:
    command = "saddles --problem thesis --width 3 --seeds 0:4 --upward --draws 1 --min-index 0 --jobs 1 --out s.npz"
    result = run(command)
    assert result.exit_code == 0
    levels = search_upward(THESIS, 3, range(4), draws=1)
    kept = [[found for found in level if found.point.index <= 3] for level in levels]
    assert (read_points(Path("s.npz"), dimension=2).theta() == [found.point.theta for found in kept[-1]]).all()
    told = re.findall(r"width (\d), index (\d): at least (\d+), of these (\d+) splits .*; half .* (\d+)", result.stdout)
    for width, level in enumerate(kept, start=1):
        assert sum(int(number) for w, _, number, _, _ in told if int(w) == width) == len(level)
    ones = [found for found in kept[1] if found.point.index == 1]
    plateaus, early = sum(found.point.nullity > 0 for found in ones), sum(found.early for found in ones)
    assert ("2", "1", str(len(ones)), str(plateaus), str(early)) in told


def test_no_saddles() -> None:
    refused(run("saddles --problem thesis --width 4 --seeds 5:5 --out s.npz"), "expected FIRST:END with FIRST < END")
    refused(run("saddles --problem thesis --width 0 --seeds 0:5 --out s.npz"), "--width")
    assert not list(Path().iterdir())


def test_students_with_an_output_bias() -> None:
    refused(run("saddles --problem thesis-bias --width 2 --seeds 0:2 --out s.npz"), "saddles: not for students with")
    refused(run(f"perturb {SADDLES} --problem thesis-bias --out t.parquet"), "perturb: not for students with")
    assert not list(Path().iterdir())


# --------------------------------------------------------------------------------------------------------- perturb


def perturb(more: str, points: Path | str = SADDLES) -> Result:
    return run(f"perturb {points} --problem thesis --jobs 1 --out t.parquet {more}")


def test_perturbing_saddles() -> None:
    result = perturb("--optimizer newton --epsilon 0.1 --epsilon 1 --direction lowest --times 1")
    assert result.exit_code == 0
    count = len(read_points(SADDLES, dimension=2))
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epsilon 0.1, lowest", "epsilon 1, lowest"]
    assert all(f"0 positive already; {count} perturbed, " in line for line in lines)
    assert f"{count}/{count} points" in result.stderr
    assert len(read_points(Path("t.parquet"), dimension=2)) == 2 * count
    refused(perturb("--scan"), "t.parquet: is there already, expected a new file; --overwrite replaces it")


def test_what_perturb_refuses() -> None:
    refused(run(f"perturb {SADDLES} --problem thesis --out t.csv"), "t.csv: expected a name ending in .parquet")
    refused(perturb("", points="nothing.npz"), "nothing.npz: no such file")
    refused(perturb("--epsilon 0"), "epsilons=[0.0]", "expected positive epsilons")
    assert sweep("--runs 2 --steps 2").exit_code == 0
    other = run("perturb out --problem simsek2021 --out t.parquet")
    refused(other, f"out: belongs to problem {THESIS.hash[:12]}")
    assert not Path("t.parquet").exists()


# ---------------------------------------------------------------------------------------------------------- common


def test_ranges_and_parts() -> None:
    context, parameter = click.Context(main), main.params[0]
    assert seed_range(context, parameter, "3:10") == range(3, 10)
    assert seed_range(context, parameter, "10") == range(10)
    assert part_of(context, parameter, "8/8") == (8, 8)
    for text in ("", "a:3", "-1:3", "3:3", "1:2:3"):
        with pytest.raises(click.BadParameter, match="expected FIRST:END"):
            seed_range(context, parameter, text)
    for text in ("", "1", "0/2", "3/2", "1/2/3", "a/b"):
        with pytest.raises(click.BadParameter, match="expected i/n"):
            part_of(context, parameter, text)


def test_lines_of_progress_are_few(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([100.0, 101.0, 102.0, 112.0, 113.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    pace = Pace("runs")
    for done in (1, 2, 6, 8):
        pace(done, 8)
    assert capsys.readouterr().err.splitlines() == [
        "1/8 runs, 1 runs/s, 7 s to go",
        "6/8 runs, 0.5 runs/s, 4 s to go",
        "8/8 runs, 0.615 runs/s, 0 s to go",
    ]
