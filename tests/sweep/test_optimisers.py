"""Optimisers of a sweep: where they stop, what they say of it, and against PyTorch and independent formulas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from devices import DEVICES
from threadpoolctl import threadpool_limits
from torch import nn

from sweep.adam import adam
from sweep.initialise import starts, torch_seed
from sweep.kernels.compiled import loss_gradient, prepare
from sweep.optimisers import OPTIMIZERS, complete_options, optimise
from sweep.runs import run_chunk, settings_of, sweep
from sweep.shards import RunsError, read_shards
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
DATA = prepare(THESIS)
TEACHER = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in (THESIS.teacher.w, THESIS.teacher.a)])


def loss_and_gradient(theta, width):
    """Of one student, by the formulas and without the kernels."""
    x, y = THESIS.inputs.values, THESIS.labels
    w, a = theta[: 2 * width].reshape(width, 2), theta[2 * width :]
    s = 1 / (1 + np.exp(-x @ w.T))
    r = s @ a - y
    by_w = 2 / len(y) * a[:, None] * ((r[:, None] * s * (1 - s)).T @ x)
    return np.mean(r**2), np.concatenate([by_w.ravel(), 2 / len(y) * s.T @ r])


def near_teacher(count, size, seed=0):
    return TEACHER + size * np.random.default_rng(seed).normal(size=(count, 12))


def test_what_newton_calls_converged_is_critical():
    found = optimise("newton", DATA, starts("xavier-uniform", 4, 2, range(12)), 4)
    converged = [theta for theta, reason in zip(found.theta, found.stop_reason, strict=True) if reason == "converged"]
    assert len(converged) >= 3
    assert max(np.linalg.norm(loss_and_gradient(theta, 4)[1]) for theta in converged) < 1e-13


def test_a_sweep_counts_the_open_runs(tmp_path):
    sweep(THESIS, width=4, seeds=range(12), out=tmp_path, init="xavier-uniform", optimizer="newton")
    runs = read_shards(tmp_path)
    norms = np.array([np.linalg.norm(loss_and_gradient(theta, 4)[1]) for theta in runs.theta])
    assert (runs.is_open == (norms > 1e-12)).all()
    assert 0 < runs.is_open.sum() < 12
    assert {reason for reason, is_open in zip(runs.stop_reason, runs.is_open, strict=True) if not is_open} == {
        "converged"
    }


@pytest.mark.parametrize("optimizer", ["newton", "slsqp", "lbfgs", "adam-reference"])
def test_runs_do_not_depend_on_their_neighbours(optimizer):
    options = {"steps": 25}
    settings = settings_of(THESIS, width=4, init="xavier-uniform", optimizer=optimizer, options=options)
    together, alone = run_chunk(THESIS, settings, range(5)), run_chunk(THESIS, settings, range(3, 4))
    assert (together.theta[3] == alone.theta[0]).all()
    assert together.smallest_eigenvalue[3] == alone.smallest_eigenvalue[0]
    assert (together.steps[3], together.stop_reason[3]) == (alone.steps[0], alone.stop_reason[0])


def test_slsqp_finds_the_teacher_and_keeps_to_its_box():
    found = optimise("slsqp", DATA, near_teacher(2, 0.05), 4)
    assert all(loss_and_gradient(theta, 4)[0] < 1e-12 for theta in found.theta)
    boxed = optimise("slsqp", DATA, near_teacher(2, 0.05), 4, {"bound": 1.5})
    free = optimise("slsqp", DATA, starts("xavier-uniform", 4, 2, range(8)), 4, {"bound": 1.0})
    assert np.abs(boxed.theta).max() <= 1.5
    assert np.abs(free.theta).max() == 1.0
    assert "bound" in free.stop_reason
    for theta, reason in zip(free.theta, free.stop_reason, strict=True):
        assert (np.abs(theta).max() == 1.0) == (reason == "bound")


def test_slsqp_clips_a_start_outside_its_box():
    found = optimise("slsqp", DATA, np.full((1, 12), 30.0), 4, {"steps": 1})
    assert np.abs(found.theta).max() <= 10.0


def test_lbfgs_finds_the_teacher():
    found = optimise("lbfgs", DATA, near_teacher(2, 0.05), 4)
    assert all(loss_and_gradient(theta, 4)[0] < 1e-16 for theta in found.theta)
    assert set(found.stop_reason) <= {"converged", "stalled"}


@pytest.mark.parametrize("optimizer", ["newton", "slsqp", "lbfgs"])
def test_a_step_limit_is_named(optimizer):
    found = optimise(optimizer, DATA, starts("xavier-uniform", 4, 2, range(2)), 4, {"steps": 2})
    assert found.stop_reason == ("step-limit", "step-limit")
    assert found.steps.tolist() == [2, 2]


def test_the_reference_schedule_is_pytorchs():
    """Rounds k at lr/(1 + k), each with a new ``torch.optim.Adam``."""
    start = torch_seed(4, 2, 3)
    model = nn.Sequential(nn.Linear(2, 4, bias=False), nn.Sigmoid(), nn.Linear(4, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(start[:8].reshape(4, 2)))
        model[2].weight.copy_(torch.tensor(start[8:][None]))
    x, y = torch.tensor(THESIS.inputs.values), torch.tensor(THESIS.labels)[:, None]
    for k in range(3):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 / (1 + k))
        for _ in range(25):
            optimizer.zero_grad()
            nn.MSELoss()(model(x), y).backward()
            optimizer.step()
    options = {"rounds": 3, "steps": 25, "lr": 1e-2, "check": 10}
    found = optimise("adam-reference", DATA, start[None], 4, options)
    expected = np.concatenate([model[0].weight.detach().numpy().ravel(), model[2].weight.detach().numpy().ravel()])
    assert found.theta[0] == pytest.approx(expected, abs=1e-10)
    assert (found.steps.tolist(), found.stop_reason) == ([75], ("steps",))


def test_the_reference_schedule_stops_at_its_goal():
    """One start at the teacher, one on its way there, one far off."""
    start = np.vstack([TEACHER, near_teacher(1, 1e-3), starts("xavier-uniform", 4, 2, [0])])
    options = {"rounds": 2, "steps": 45, "lr": 1e-4, "goal": 2e-7, "check": 10}
    found = optimise("adam-reference", DATA, start, 4, options)
    assert found.stop_reason == ("goal", "goal", "steps")
    assert (found.theta[0] == TEACHER).all()
    steps = int(found.steps[1])
    assert found.steps.tolist() == [0, steps, 90]
    assert 0 < steps < 45
    assert steps % 10 == 0
    assert (found.theta[1] == adam(DATA, start[1:2], 4, steps).theta[0]).all()
    before = adam(DATA, start[1:2], 4, steps - 10).theta[0]
    assert loss_and_gradient(found.theta[1], 4)[0] <= 2e-7 < loss_and_gradient(before, 4)[0]


def test_reference_runs_that_diverge_say_so():
    options = {"rounds": 1, "steps": 5, "lr": 1e308}
    found = optimise("adam-reference", DATA, starts("xavier-uniform", 4, 2, range(2)), 4, options)
    assert found.stop_reason == ("not-finite", "not-finite")


def test_the_reference_schedule_of_the_slides():
    options = OPTIMIZERS["adam-reference"]
    assert (options["rounds"], options["steps"], options["lr"], options["goal"]) == (10, 10_000, 1e-4, 1e-7)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trajectories(optimizer, tmp_path):
    """The points after every third step are those of runs that end there; shards keep them, other columns are equal."""
    options = {"steps": 20, "trajectory_every": 3} | (
        {"rounds": 2, "check": 5} if optimizer == "adam-reference" else {}
    )
    plain = {key: value for key, value in options.items() if key != "trajectory_every"}
    common = {"width": 4, "seeds": range(4), "init": "xavier-uniform", "optimizer": optimizer, "chunk": 2}
    sweep(THESIS, out=tmp_path / "with", options=options, **common)
    sweep(THESIS, out=tmp_path / "without", options=plain, **common)
    kept, bare = read_shards(tmp_path / "with"), read_shards(tmp_path / "without")
    assert bare.trajectory is None
    assert (kept.theta == bare.theta).all()
    for run, points in enumerate(kept.trajectory):
        assert points.shape == (kept.steps[run] // 3, 12)
    if optimizer != "adam-reference":
        with threadpool_limits(1):  # as sweeps run: LAPACK rounds differently with more
            short = optimise(optimizer, DATA, kept.start, 4, plain | {"steps": 6})
        assert (np.array([points[1] for points in kept.trajectory]) == short.theta).all()
    with pytest.raises(RunsError, match="trajectory_every=3, expected None"):
        sweep(THESIS, out=tmp_path / "with", options=plain, resume=True, **common)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimizer", ["adam", "adam-reference", "newton"])
def test_on_a_device(optimizer, device, tmp_path):
    options = {"steps": 12, "device": device, "trajectory_every": 5}
    options |= {"rounds": 2, "check": 5} if optimizer == "adam-reference" else {}
    common = {"width": 4, "init": "xavier-uniform", "optimizer": optimizer, "options": options}
    sweep(THESIS, seeds=range(5), out=tmp_path / "whole", **common)
    found = read_shards(tmp_path / "whole")
    here = optimise(optimizer, DATA, found.start, 4, {key: value for key, value in options.items() if key != "device"})
    assert found.theta == pytest.approx(here.theta, abs=1e-10)
    for one, other in zip(found.trajectory, here.trajectory, strict=True):
        assert one == pytest.approx(other, abs=1e-10)
    sweep(THESIS, seeds=range(5), out=tmp_path / "parts", chunk=2, **common)
    assert (read_shards(tmp_path / "parts").theta == found.theta).all()


@pytest.mark.parametrize(
    ("optimizer", "options", "says"),
    [
        ("sgd", {}, "expected one of: adam, adam-reference, newton, slsqp, lbfgs"),
        ("newton", {"lr": 1.0}, "newton: unknown option 'lr', expected one of: steps, max_weight"),
        ("newton", {"steps": -1}, "newton: steps is -1, expected a number >= 0"),
        ("adam-reference", {"check": 0}, "check is 0, expected a number >= 1"),
        ("slsqp", {"bound": float("nan")}, "bound is nan"),
        ("slsqp", {"device": "cpu"}, "slsqp: unknown option 'device'"),
        ("adam", {"trajectory_every": 0}, "adam: trajectory_every is 0, expected a number >= 1"),
    ],
)
def test_options_that_make_no_sense(optimizer, options, says):
    with pytest.raises(ValueError, match=says):
        complete_options(optimizer, options)


def test_a_negative_goal_is_refused():
    with pytest.raises(ValueError, match="goal is -1"):
        optimise("adam-reference", DATA, starts("xavier-uniform", 4, 2, [0]), 4, {"goal": -1})


def test_what_a_device_refuses():
    start = starts("xavier-uniform", 4, 2, [0])
    for optimizer in ("adam", "newton"):
        with pytest.raises(ValueError, match="device is 'nothing', expected one of this machine"):
            optimise(optimizer, DATA, start, 4, {"device": "nothing"})
    with pytest.raises(ValueError, match="expected steps >= 0, lr > 0"):
        optimise("adam", DATA, start, 4, {"device": "cpu", "lr": -1.0})


def test_starts_of_another_width_are_refused():
    for optimizer in OPTIMIZERS:
        with pytest.raises(ValueError, match=r"expected \(n, 15\) for width 5"):
            optimise(optimizer, DATA, starts("xavier-uniform", 4, 2, [0]), 5)


@pytest.mark.parametrize(("width", "reached", "zero"), [(4, 514, 231), (5, 701, 589), (6, 851, 846), (7, 962, 962)])
def test_shipped_newton_runs(width, reached, zero):
    """What data/README.md says of them."""
    runs = read_shards(Path(__file__).parents[2] / f"data/newton/width{width}")
    assert runs.settings == settings_of(THESIS, width=width, init="torch-seed", optimizer="newton")
    assert runs.seed.tolist() == list(range(1000))
    loss, gradient = loss_gradient(DATA, runs.theta, width)
    norms = np.linalg.norm(gradient, axis=1)
    assert ((norms <= 1e-12).sum(), (loss <= 1e-20).sum()) == (reached, zero)
    assert (runs.is_open == (norms > 1e-12)).all()
    assert (np.array(runs.stop_reason)[~runs.is_open] == "converged").all()
    assert (runs.start[17] == torch_seed(width, 2, 17)).all()


def test_parts_of_an_array_make_the_whole(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    short = {"width": 4, "seeds": range(10), "init": "xavier-uniform", "options": {"steps": 20}, "chunk": 3}
    sweep(THESIS, out=whole, **short)
    made = [len(sweep(THESIS, out=parts, shard=(i, 3), **short)) for i in (2, 1, 3)]
    assert made == [1, 2, 1]  # chunks 0:3, 3:6, 6:9, 9:10 in turn
    assert (read_shards(parts).theta == read_shards(whole).theta).all()
    with pytest.raises(ValueError, match="holds 1 shards already"):
        sweep(THESIS, out=parts, shard=(2, 3), **short)
    assert sweep(THESIS, out=parts, shard=(2, 3), resume=True, **short) == []
    for shard in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"shard is {shard[0]}/3, expected i/n"):
            sweep(THESIS, out=parts, shard=shard, **short)
