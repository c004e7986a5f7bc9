"""Runs of a loop of one's own: what is recorded is what the modules held, in shards like the sweep's."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.points import PointsError, read_points
from sweep.record import Recorder
from sweep.shards import RunsError, read_shards, shard_paths
from symmetry.problem import load_problem

THESIS = load_problem("thesis")


def module(seed, width=4, inputs=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, width, bias=False), nn.Sigmoid(), nn.Linear(width, 1, bias=False)).double()


def weights(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()]).copy()


def recorder(out, **settings):
    return Recorder("thesis", **{"width": 4, "out": out, "optimizer": "shake", "options": {"lr": 0.5}, **settings})


def run(record, seed, steps=3):
    """One run of the loop; returns its weights before and after."""
    model = module(seed)
    before = weights(model)
    record.start(seed, model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5
    record.stop(steps=steps)
    return before, weights(model)


def test_what_is_recorded(tmp_path):
    with recorder(tmp_path, chunk=2) as record:
        pairs = [run(record, seed) for seed in (3, 4, 5, 9)]
    assert [path.name for path in shard_paths(tmp_path)] == [
        "seeds-000003-000005.parquet",
        "seeds-000005-000006.parquet",
        "seeds-000009-000010.parquet",
    ]
    runs = read_shards(tmp_path)
    assert runs.seed.tolist() == [3, 4, 5, 9]
    assert (runs.start == np.array([before for before, _ in pairs])).all()
    assert (runs.theta == np.array([after for _, after in pairs])).all()
    loss, gradient, hessian = loss_gradient_hessian(prepare(THESIS), runs.theta, 4)
    assert (runs.loss == loss).all()
    assert runs.gradient_norm == pytest.approx(np.linalg.norm(gradient, axis=1))
    assert runs.smallest_eigenvalue == pytest.approx(np.linalg.eigvalsh(hessian)[:, 0], rel=1e-10)
    assert runs.steps.tolist() == [3] * 4
    assert runs.stop_reason == ("steps",) * 4
    assert runs.settings.problem_hash == THESIS.hash
    assert (runs.settings.init, runs.settings.optimizer, runs.settings.options) == ("own", "shake", {"lr": 0.5})
    assert (read_points(tmp_path, dimension=2).theta() == runs.theta).all()


def test_an_exception_keeps_what_is_finished(tmp_path):
    def interrupted():
        with recorder(tmp_path) as record:
            run(record, 0)
            record.start(1, module(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_shards(tmp_path).seed.tolist() == [0]
    with recorder(tmp_path) as record:
        assert record.done == {0}
        with pytest.raises(RunsError, match="seed 0 was started, expected one >= 0 that is not recorded yet"):
            record.start(0, module(0))
        run(record, 1)
    assert read_shards(tmp_path).seed.tolist() == [0, 1]


def test_other_settings_need_another_directory(tmp_path):
    with recorder(tmp_path) as record:
        run(record, 0)
    with pytest.raises(RunsError, match=r"was made with lr=0.5, expected 0.25"):
        recorder(tmp_path, options={"lr": 0.25})


def test_starts_and_stops_alternate(tmp_path):
    record = recorder(tmp_path)
    with pytest.raises(RunsError, match="without a run under way"):
        record.stop(steps=1)
    record.start(0, module(0))
    with pytest.raises(RunsError, match="seed 1 was started while 0 is under way"):
        record.start(1, module(1))


@pytest.mark.parametrize("shape", [{"width": 5}, {"inputs": 3}])
def test_modules_of_another_shape_are_refused(tmp_path, shape):
    with pytest.raises(RunsError, match="expected one network of 4 neurons with 2 inputs"):
        recorder(tmp_path).start(0, module(0, **shape))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    record, model = recorder(tmp_path), module(0)
    record.start(0, model)
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.raises(PointsError):
        record.stop(steps=1)


def test_the_example_of_the_docs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs/sweeps.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/sweeps.md", "exec"), {})
    runs = read_shards(Path("runs/sgd"))
    assert runs.seed.tolist() == [0, 1, 2]
    assert runs.steps.tolist() == [20] * 3
    starts, _, _ = loss_gradient_hessian(prepare(THESIS), runs.start, 5)
    assert (runs.loss < starts).all()


def test_a_chunk_holds_a_run(tmp_path):
    with pytest.raises(ValueError, match=r"chunk=0, .* expected numbers >= 1"):
        recorder(tmp_path, chunk=0)


def test_a_trajectory(tmp_path):
    with recorder(tmp_path, chunk=2, trajectory_every=2) as record:
        for seed in (4, 3):
            model, path = module(seed), []
            record.start(seed, model)
            for step in range(1, 6):
                with torch.no_grad():
                    model[0].weight *= 0.5
                record.step()
                if step % 2 == 0:
                    path.append(weights(model))
            record.stop(steps=5)
    runs = read_shards(tmp_path)
    assert runs.seed.tolist() == [3, 4]
    assert (runs.trajectory[0] == np.array(path)).all()
    assert runs.trajectory[1].shape == (2, 12)
    assert runs.settings.options == {"lr": 0.5, "trajectory_every": 2}
    with pytest.raises(RunsError, match=r"step\(\) without a run under way"):
        record.step()
    with pytest.raises(ValueError, match="trajectory_every=0, expected numbers >= 1"):
        recorder(tmp_path / "other", trajectory_every=0)
