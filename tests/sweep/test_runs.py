"""Sweeps: the same numbers however they are cut, killed and continued."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.adam import adam
from sweep.initialise import starts
from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.runs import OPTIMIZERS, main, missing_chunks, settings_of, sweep
from sweep.shards import RunsError, read_shards, shard_paths
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
SHORT = {"width": 4, "init": "xavier-uniform", "options": {"steps": 20}}


def columns(directory):
    """Everything a sweep computes, as bytes."""
    runs = read_shards(directory)
    names = ("seed", "start", "theta", "loss", "gradient_norm", "smallest_eigenvalue", "steps")
    return {name: getattr(runs, name).tobytes() for name in names} | {"stop_reason": runs.stop_reason}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Seeds 0–9 in one chunk."""
    out = tmp_path_factory.mktemp("whole")
    assert sweep(THESIS, seeds=range(10), out=out, **SHORT) == shard_paths(out)
    return out


def test_what_is_recorded(whole):
    runs = read_shards(whole)
    assert runs.seed.tolist() == list(range(10))
    assert runs.settings.describe() == {
        "problem": "thesis",
        "problem_hash": THESIS.hash,
        "width": 4,
        "dimension": 2,
        "init": "xavier-uniform",
        "optimizer": "adam",
        "options": {"steps": 20, "lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8},
    }
    data, start = prepare(THESIS), starts("xavier-uniform", 4, 2, range(10))
    assert (runs.start == start).all()
    assert (runs.theta == adam(data, start, 4, 20).theta).all()
    loss, gradient, hessian = loss_gradient_hessian(data, runs.theta, 4)
    assert (runs.loss == loss).all()
    assert np.allclose(runs.gradient_norm, np.linalg.norm(gradient, axis=1), rtol=1e-14)
    assert np.allclose(runs.smallest_eigenvalue, np.linalg.eigvalsh(hessian)[:, 0], rtol=1e-12)
    assert runs.steps.tolist() == [20] * 10
    assert runs.stop_reason == ("steps",) * 10


@pytest.mark.parametrize(("chunk", "jobs"), [(3, 1), (4, 2)])
def test_chunks_and_processes_change_nothing(whole, tmp_path, chunk, jobs):
    sweep(THESIS, seeds=range(10), out=tmp_path, chunk=chunk, jobs=jobs, **SHORT)
    assert len(shard_paths(tmp_path)) == -(-10 // chunk)
    assert columns(tmp_path) == columns(whole)


def test_resuming_makes_what_is_missing(whole, tmp_path):
    sweep(THESIS, seeds=range(2, 5), out=tmp_path, **SHORT)
    kept = {path: path.stat().st_mtime_ns for path in shard_paths(tmp_path)}
    done = []
    sweep(THESIS, seeds=range(10), out=tmp_path, chunk=4, resume=True, progress=lambda *p: done.append(p), **SHORT)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert done == [(2, 7), (5, 7), (7, 7)]
    assert columns(tmp_path) == columns(whole)
    assert sweep(THESIS, seeds=range(10), out=tmp_path, resume=True, **SHORT) == []


def test_a_used_directory_is_refused(whole):
    before = shard_paths(whole)
    with pytest.raises(RunsError, match="holds 1 shards already"):
        sweep(THESIS, seeds=range(10, 12), out=whole, **SHORT)
    with pytest.raises(RunsError, match="was made with steps=20, expected 21"):
        sweep(THESIS, seeds=range(10, 12), out=whole, resume=True, **{**SHORT, "options": {"steps": 21}})
    with pytest.raises(RunsError, match="was made with problem_hash="):
        sweep(load_problem("simsek2021"), seeds=range(10, 12), out=whole, resume=True, **SHORT)
    assert shard_paths(whole) == before


def test_a_killed_sweep_loses_only_the_chunks_in_flight(tmp_path):
    """SIGKILL once a shard is there: the workers end too, what is left is readable, and resuming makes the rest."""
    command = "--problem thesis --width 4 --seeds 0:2000 --init xavier-uniform --steps 3000 --chunk 2 --jobs 2 --out"
    out, again = tmp_path / "killed", tmp_path / "again"
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep.runs", *command.split(), str(out)], stderr=subprocess.PIPE, text=True
    )
    while not shard_paths(out):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # the pipe closes when the last worker has ended
    left = read_shards(out)
    assert 2 <= len(left) < 2000
    seeds, long = range(int(left.seed[-1]) + 2), {**SHORT, "options": {"steps": 3000}}
    sweep(THESIS, seeds=seeds, out=out, resume=True, **long)
    sweep(THESIS, seeds=seeds, out=again, **long)
    assert columns(out) == columns(again)


def test_diverged_runs_say_so(tmp_path):
    options = {"steps": 5, "lr": 1e308}
    sweep(THESIS, width=2, seeds=range(2), out=tmp_path, init="xavier-uniform", options=options)
    runs = read_shards(tmp_path)
    assert runs.stop_reason == ("not-finite", "not-finite")
    assert np.isnan(runs.smallest_eigenvalue).all()


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9))),
    st.integers(1, 9),
)
def test_missing_chunks_are_the_missing_seeds(start, count, done, chunk):
    ranges = [range(first, first + length) for first, length in done]
    chunks = missing_chunks(range(start, start + count), ranges, chunk)
    missing = set(range(start, start + count)).difference(*ranges)
    assert [seed for part in chunks for seed in part] == sorted(missing)
    for part in chunks:
        assert part
        assert part[0] // chunk == part[-1] // chunk


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"optimizer": "sgd"}, "optimizer is 'sgd', expected one of: adam"),
        ({"options": {"momentum": 1}}, "adam: unknown option 'momentum', expected one of: steps, lr, betas, eps"),
        ({"init": "zeros"}, "init is 'zeros'"),
        ({"chunk": 0}, "chunk=0, .* expected numbers >= 1"),
        ({"jobs": 0}, "jobs=0, "),
        ({"width": 0}, "width=0, "),
        ({"seeds": range(-1, 3)}, "expected numbers >= 1 and consecutive seeds >= 0"),
        ({"options": {"steps": 5, "lr": -1.0}}, "expected steps >= 0, lr > 0"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, arguments, says):
    with pytest.raises(ValueError, match=says):
        sweep(THESIS, **{"seeds": range(3), "out": tmp_path, **SHORT, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_are_the_shipped_experiment():
    settings = settings_of(THESIS, width=5, init="torch-seed", optimizer="adam")
    assert settings.options == OPTIMIZERS["adam"] == {"steps": 100_000, "lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8}


def test_the_command(whole, tmp_path, capsys):
    command = f"--problem thesis --width 4 --seeds 0:10 --init xavier-uniform --steps 20 --chunk 5 --out {tmp_path}"
    main(command.split())
    assert columns(tmp_path) == columns(whole)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "10/10 runs" in printed.err
    with pytest.raises(SystemExit) as stopped:
        main(command.split())
    assert stopped.value.code == 2
    assert "holds 2 shards already" in capsys.readouterr().err
    main([*command.split(), "--resume"])
    assert "0 new shards" in capsys.readouterr().err
