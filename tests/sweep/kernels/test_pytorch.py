"""The torch kernels and the autograd reference against the formulas, on every device there is."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from devices import DEVICES
from kernel_cases import CASES, assert_componentwise, generic, problem, students, table

from sweep.kernels import autograd, compiled
from sweep.kernels.compiled import prepare
from sweep.kernels.pytorch import TorchKernels


def on_device(case, theta, width, device):
    """Loss, gradient and Hessian as numpy arrays; the loss and gradient of both functions are compared."""
    made = TorchKernels.of(prepare(case), width, device)
    all_three = made.loss_gradient_hessian(made.tensor(theta))
    for alone, together in zip(made.loss_gradient(made.tensor(theta)), all_three[:2], strict=True):
        assert torch.equal(alone, together)
    assert all_three[0].device.type == device
    return [part.cpu().numpy() for part in all_three]


def assert_formulas(found, case, theta, width):
    """Each part of ``found`` is that of the formulas at each student, up to rounding."""
    for s in range(len(theta)):
        values, terms = generic(case, theta[s], width)
        for part, expected, size in zip(found, values, terms, strict=True):
            assert_componentwise(part[s], expected, size)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_formulas(name, width, device):
    case = CASES[name]
    theta = np.concatenate(
        [students(case, width, 3), students(case, width, 3, scale=4.0), 0 * students(case, width, 1)]
    )
    found = on_device(case, theta, width, device)
    assert_formulas(found, case, theta, width)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_compiled_kernels(name, device):
    """Twice the bound: each is within it of the truth."""
    case, width = CASES[name], 4
    theta = students(case, width, 3)
    ours = compiled.loss_gradient_hessian(prepare(case), theta, width)
    for s in range(len(theta)):
        terms = generic(case, theta[s], width)[1]
        for found, expected, size in zip(on_device(case, theta, width, device), ours, terms, strict=True):
            assert_componentwise(found[s], expected[s], 2 * size)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_the_reference_agrees(name, device):
    case, width = CASES[name], 3
    theta = students(case, width, 2)
    found = autograd.loss_gradient_hessian(case, theta, width, device)
    assert_formulas(found, case, theta, width)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [50.0, 1e3, 1e15])
def test_huge_weights(scale, device):
    """Few bits in weights and inputs: w·x is exact."""
    case, width = CASES["table"], 3
    theta = np.round(64 * students(case, width, 4)) / 64
    theta[:, :2] *= scale
    found = on_device(case, theta, width, device)
    assert_formulas(found, case, theta, width)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["thesis", "table"])
def test_a_students_numbers_do_not_depend_on_its_batch(name, device):
    case, width = CASES[name], 3
    made = TorchKernels.of(prepare(case), width, device)
    count = 2 * min(made.batch, 40) + 3
    theta = students(case, width, count)
    whole = made.loss_gradient_hessian(made.tensor(theta))
    order = np.random.default_rng(2).permutation(count)
    for part in (order, order[:7], order[7:8]):
        for one, all_ in zip(made.loss_gradient_hessian(made.tensor(theta[part])), whole, strict=True):
            assert one.cpu().numpy().tobytes() == all_.cpu().numpy()[part].tobytes()


@pytest.mark.parametrize("device", DEVICES)
def test_batches_of_more_than_one_size(device, monkeypatch):
    """A batch that does not divide the number of students, and one student a batch."""
    monkeypatch.setattr("sweep.kernels.pytorch._LARGEST_BATCH", 4)
    case = problem(table(50, 2), given=True)
    theta = students(case, 2, 10)
    made = TorchKernels.of(prepare(case), 2, device)
    assert made.batch == 4
    ours = compiled.loss_gradient(prepare(case), theta, 2)
    for found, expected in zip(made.loss_gradient(made.tensor(theta)), ours, strict=True):
        assert found.cpu().numpy() == pytest.approx(expected, rel=1e-11, abs=1e-13)
    empty = made.loss_gradient_hessian(made.tensor(theta[:0]))
    assert [tuple(part.shape) for part in empty] == [(0,), (0, 6), (0, 6, 6)]


@pytest.mark.parametrize("device", DEVICES)
def test_the_hessian_is_exactly_symmetric(device):
    case = CASES["grid-3d-shifted"]
    hessian = on_device(case, students(case, 4, 10), 4, device)[2]
    assert (hessian == hessian.transpose(0, 2, 1)).all()


@pytest.mark.parametrize("name", ["nothing", "cuda:99", "meta:x"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(ValueError, match=f"device is '{name}', expected one of this machine that has float64"):
        TorchKernels.of(prepare(CASES["table"]), 2, name)


def test_an_activation_the_reference_does_not_know():
    class Plain:
        name = "cubic"

    case = CASES["table"]
    other = type(case)("other", Plain(), case.inputs, None, case.labels)
    with pytest.raises(ValueError, match="no reference for activation 'cubic', expected one of: sigmoid"):
        autograd.loss_gradient_hessian(other, students(case, 2, 1), 2)


def test_nothing_loads_torch_that_does_not_have_to():
    code = "import sys, certify, sweep.runs, certify.cli.sweep, sweep.optimisers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
