"""The Python entry point: verdicts for points, or for a PyTorch module and its data."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any, overload

import numpy as np

from certify.pipeline.classification import Classification, classify_points
from sweep.points import points_from_module
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.network import Points
from symmetry.population import GaussianProblem
from symmetry.problem import Inputs, Problem


@overload
def classify(problem: Problem | GaussianProblem, points: Points, /, **options: Any) -> Classification: ...


@overload
def classify(module: Any, x: Any, y: Any, /, *, activation: str = "sigmoid", **options: Any) -> Classification: ...


def classify(first: Any, second: Any, third: Any = None, /, **options: Any) -> Classification:
    """A proved verdict for each point.

    Two forms::

        classify(problem, points)         # a Problem and Points
        classify(module, X, y)            # a two-layer torch module, and the data it was trained on

    In the second form the loss is the mean squared error on ``X`` (N, d) and ``y`` (N,) or (N, k) for ``k`` outputs,
    the mean over all ``kN`` residuals as ``torch.nn.MSELoss()`` takes it; both are taken as the exact dyadic numbers
    their floats are, and with given labels no minimum is ever called global. Biases of the module are parameters.
    ``weight_decay`` adds ``λ‖θ‖²``, over all parameters; what an optimiser of torch calls weight decay is ``2λ``.

    Args:
        first: a :class:`~symmetry.problem.Problem`, a :class:`~symmetry.population.GaussianProblem`, or
            a ``torch.nn.Module``.
        second: :class:`~symmetry.network.Points`, or the inputs.
        third: the labels, in the second form.
        options: ``jobs``, ``max_bits``, ``arithmetic``, ``polish``, ``progress``, ``journal`` as in
            :func:`certify.pipeline.classification.classify_points`; in the second form also ``activation``
            (``"sigmoid"``) and ``weight_decay`` (0; a float is the dyadic number it is).

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, a module that is not two-layer.
    """
    if isinstance(first, Problem | GaussianProblem):
        return classify_points(first, second, **options)
    kind, decay = activation(options.pop("activation", "sigmoid")), Fraction(options.pop("weight_decay", 0))
    _check_layers(first, kind.name)
    x, y = _floats("X", second), _floats("y", third)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(x) or y.size == 0:
        raise ValueError(f"X has shape {x.shape} and y {y.shape}, expected (N, d) and (N,) or (N, k)")
    y = y.reshape(-1) if y.size == len(x) else y
    points, inputs = points_from_module(first, y.shape[1] if y.ndim == 2 else 1), Inputs(table=x)
    if points.dimension == inputs.dimension + 1:
        inputs = inputs.with_constant()
    problem = Problem("data", kind, inputs, None, y, decay=decay, output_bias=points.has_bias)
    _check_function(first, x, problem, points)
    return classify_points(problem, points, **options)


def _check_function(module: Any, x: Any, problem: Problem, points: Points) -> None:
    """Refuse a module that is not the network of its weights on the inputs ``x``: the proof is about that function."""
    import torch

    # in float64, to which weights of fewer bits are widened exactly: float32 would hide small differences
    wide = copy.deepcopy(module).double()
    with torch.no_grad():
        inputs = torch.tensor(x, dtype=torch.float64, device=next(wide.parameters()).device)
        output = wide(inputs).detach().cpu().numpy().reshape(len(x), -1)
    sigma = problem.activation.jet(problem.inputs.values @ points.w[0].T, 0, Float64())[0]
    a = points.a[0].reshape(points.outputs, -1)
    expected = sigma @ a[:, : points.width].T + a[:, points.width :].sum(axis=1)
    # the module's own rounding, generously: a wrong function is off by far more
    allowed = 1e4 * torch.finfo(torch.float64).eps * (1 + float(np.abs(points.a[0]).sum()))
    off = float(np.max(np.abs(output - expected))) if output.shape == expected.shape else np.inf
    if not off <= allowed:
        raise ValueError(
            f"the module's outputs on X differ by {off:.3g} from those of a {problem.activation.name} network with its "
            "weights, expected the module to be Linear, activation, Linear and nothing else"
        )


def _check_layers(module: Any, name: str) -> None:
    """Refuse a module whose layers apply another function than the activation the proof will be about.

    A clearer sentence than that of :func:`_check_function`, where the layers tell.
    """
    for layer in module.modules():
        leaf = not any(True for _ in layer.children()) and not any(True for _ in layer.parameters())
        if leaf and type(layer).__name__.lower() not in (name, "identity", "flatten"):
            raise ValueError(f"the module has a layer {type(layer).__name__}, expected only Linear and {name} layers")


def _floats(name: str, value: Any) -> Any:
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise ValueError(f"{name} has dtype {array.dtype}, expected float64 or narrower")
    out = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    return out
