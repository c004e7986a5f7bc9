"""Sweeps on a real scheduler with several worker processes: kills lose nothing, and the numbers are the same."""

import os
import signal
import subprocess
import sys
import time

import pytest
from dask_cluster import cluster_of

from sweep import cluster
from sweep.cluster import on_cluster
from sweep.runs import sweep
from sweep.shards import RunsError, read_shards, shard_paths
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
SWEEP = {"width": 4, "init": "xavier-uniform", "chunk": 2, "options": {"steps": 6000}}
SEEDS = range(40)


@pytest.fixture
def three(tmp_path):
    with cluster_of(3, tmp_path) as made:
        yield made


@pytest.fixture
def whole(tmp_path):
    """The same sweep, here and at once."""
    sweep(THESIS, seeds=SEEDS, out=tmp_path / "whole", **SWEEP)
    return read_shards(tmp_path / "whole")


def started(address, out):
    """The command line with this scheduler, under way; returns once there is a shard."""
    command = (
        f"sweep --problem thesis --width 4 --init xavier-uniform --chunk 2 --steps 6000 --runs {len(SEEDS)} "
        f"--resume --cluster {address} --out {out}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", "from certify.cli import main; main()", *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not shard_paths(out):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


def test_a_worker_and_the_client_are_killed(three, tmp_path, whole):
    out = tmp_path / "out"
    client = started(three.address, out)
    os.kill(three.workers[0].pid, signal.SIGKILL)
    have = len(shard_paths(out))
    while len(shard_paths(out)) < have + 2:  # it goes on without that worker
        assert client.poll() is None, client.communicate()
        time.sleep(0.01)
    client.kill()
    client.communicate()
    kept = {path: path.stat().st_mtime_ns for path in shard_paths(out)}
    assert 0 < len(kept) < 20
    again = started(three.address, out)
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # nothing is done twice
    runs = read_shards(out)  # nothing is lost, no seed occurs twice
    assert runs.seed.tolist() == whole.seed.tolist()
    assert (runs.theta == whole.theta).all()
    assert (runs.smallest_eigenvalue == whole.smallest_eigenvalue).all()
    assert runs.steps.tolist() == whole.steps.tolist()


def test_a_worker_with_other_versions_is_refused(three, tmp_path, monkeypatch):
    ours = cluster._versions()
    monkeypatch.setattr(cluster, "_versions", lambda: ours | {"numpy": "1.0"})
    with pytest.raises(RunsError, match=f"has numpy {ours['numpy']}, expected 1.0 as the client has"):
        sweep(THESIS, seeds=range(2), out=tmp_path / "out", cluster=three.address, **SWEEP)
    assert not shard_paths(tmp_path / "out")


def test_an_address_where_nothing_is(monkeypatch):
    monkeypatch.setattr(cluster, "_TIMEOUT", "1s")
    with pytest.raises(RunsError, match=r"tcp://127\.0\.0\.1:9: no scheduler answers"):
        list(on_cluster("tcp://127.0.0.1:9", len, [([],)], ["nothing"]))


def test_without_dask_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "losscert\[cluster\]"'):
        list(on_cluster("tcp://127.0.0.1:9", len, [([],)], ["nothing"]))
