"""Newton in lockstep against the polish of one point, on every device, in other company, step by step."""

import numpy as np
import pytest
from devices import DEVICES
from kernel_cases import CASES

from sweep.initialise import starts
from sweep.kernels.compiled import loss_gradient, loss_gradient_hessian, prepare
from sweep.kernels.pytorch import TorchKernels
from sweep.lockstep import HostKernels, newton
from sweep.points import read_points
from sweep.polishing.polish import polish
from symmetry.problem import Inputs, Problem

THESIS = CASES["thesis"]
DATA = prepare(THESIS)
HOST = HostKernels(DATA, 4)
START = starts("xavier-uniform", 4, 2, range(14))


@pytest.fixture(scope="module")
def ends():
    return newton(HOST, DATA, START, 4)


@pytest.mark.parametrize("steps", [1, 2, 5, 15])
def test_steps_are_those_of_the_polish(steps):
    found = newton(HOST, DATA, START, 4, max_steps=steps)
    for i, theta in enumerate(START):
        single = polish(DATA, theta, 4, max_steps=steps)
        assert found.theta[i] == pytest.approx(single.theta, abs=1e-9)
        assert (found.steps[i], found.stop_reason[i]) == (single.steps, single.stop_reason) == (steps, "step-limit")


def test_ends_are_those_of_the_polish(ends):
    alike = 0
    for i, theta in enumerate(START):
        single = polish(DATA, theta, 4)
        alike += ends.stop_reason[i] == single.stop_reason
        if ends.stop_reason[i] == single.stop_reason == "converged" and single.smallest_eigenvalue > 1e-9:
            assert ends.theta[i] == pytest.approx(single.theta, abs=1e-7)
    assert alike >= len(START) - 1  # a path along a ridge may fall to either side


def test_every_reason_to_stop_occurs(ends):
    assert {"converged", "diverging"} <= set(ends.stop_reason)
    loss, gradient = loss_gradient(DATA, ends.theta, 4)
    converged = np.array(ends.stop_reason) == "converged"
    assert np.linalg.norm(gradient[converged], axis=1).max() < 1e-13
    assert loss[converged].min() < 1e-28  # Levenberg–Marquardt was at work
    assert (np.abs(ends.theta).max(axis=1)[~converged] > 50).all()


def test_a_run_does_not_depend_on_its_company(ends):
    for chosen in (np.arange(14)[::-1], np.array([5, 0, 9]), np.array([3])):
        found = newton(HOST, DATA, START[chosen], 4)
        assert found.theta.tobytes() == ends.theta[chosen].tobytes()
        assert found.steps.tolist() == ends.steps[chosen].tolist()
        assert found.stop_reason == tuple(ends.stop_reason[i] for i in chosen)


@pytest.mark.parametrize("device", DEVICES)
def test_on_a_device(device, monkeypatch):
    """The same first steps, and the same bits in other company, in batches that are not full."""
    monkeypatch.setattr("sweep.kernels.pytorch._LARGEST_BATCH", 3)
    on = TorchKernels.of(DATA, 4, device)
    found = newton(on, DATA, START[:5], 4, max_steps=40)
    here = newton(HOST, DATA, START[:5], 4, max_steps=40)
    assert found.theta == pytest.approx(here.theta, abs=1e-6)
    assert found.stop_reason == here.stop_reason
    for chosen in ([4], [3, 1]):
        assert newton(on, DATA, START[chosen], 4, max_steps=40).theta.tobytes() == found.theta[chosen].tobytes()


def test_visits(ends):
    """Every step of every run, in order, Levenberg–Marquardt's too; the last one is where the run ended."""
    seen = {}
    newton(HOST, DATA, START, 4, visit=lambda run, step, theta: seen.setdefault(run, []).append((step, theta.copy())))
    for run, visits in seen.items():
        assert [step for step, _ in visits] == list(range(1, int(ends.steps[run]) + 1))
        assert (visits[-1][1] == ends.theta[run]).all()
    assert set(seen) == set(range(14))


def test_a_saddle_stays_where_it_is():
    saddles = read_points("data/saddles/width4.npz", dimension=2).theta()[:5]
    found = newton(HOST, DATA, saddles, 4)
    assert found.theta == pytest.approx(saddles, abs=1e-9)
    assert set(found.stop_reason) == {"converged"}


def test_off_a_ridge():
    """No gradient along the one direction that goes down: a student of two equal neurons, moved along the ridge."""
    theta = np.array([[0.4, 0.1, 0.4, 0.1, -0.3, -0.3]])
    _, gradient, hessian = loss_gradient_hessian(DATA, theta, 2)
    assert (np.linalg.eigvalsh(hessian[0])[0] < 0) or np.linalg.norm(gradient) > 0
    found = newton(HostKernels(DATA, 2), DATA, theta, 2)
    assert loss_gradient(DATA, found.theta, 2)[0] < loss_gradient(DATA, theta, 2)[0]


def test_a_loss_that_is_exactly_0_and_a_flat_direction_without_a_gradient():
    """One neuron with w = 0, inputs x and −x: nothing depends on w to first order, and twice the bias is left."""
    inputs = Inputs(table=np.array([[1.5, -0.5, 1.0], [-1.5, 0.5, 1.0], [0.0, 0.0, 1.0]]))
    data = prepare(Problem("odd", THESIS.activation, inputs, None, np.array([-1.0, -1.0, -1.0])))
    kernels, start = HostKernels(data, 1), np.array([[0.0, 0.0, 0.0, -2.0], [0.0, 0.0, 0.5, -1.0]])
    found = newton(kernels, data, start, 1)
    assert found.theta[0].tolist() == start[0].tolist()
    single = polish(data, start[1], 1)
    assert (single.stop_reason, found.stop_reason) == ("converged", ("converged", "converged"))
    assert loss_gradient(data, found.theta, 1)[0].max() < 1e-28


def test_nothing_and_what_is_no_number():
    empty = newton(HOST, DATA, START[:0], 4)
    assert (empty.theta.shape, empty.steps.shape, empty.stop_reason) == ((0, 12), (0,), ())
    with pytest.raises(ValueError, match="the loss at a start is nan, expected a finite number"):
        newton(HOST, DATA, np.vstack([START[:1], np.full((1, 12), np.nan)]), 4)
    assert newton(HOST, DATA, START[:2], 4, max_steps=0).stop_reason == ("step-limit", "step-limit")
