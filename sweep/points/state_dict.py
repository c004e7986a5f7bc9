"""State dicts of a two-layer module: which tensor is ``w``, which is ``a``, which are biases."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.points.assemble import PointsError, assemble, check_size, float64, parsing
from symmetry.network import Points

Shape = tuple[int, ...]


def match_layers(file: str, shapes: Mapping[str, Shape], outputs: int = 1) -> tuple[str, str]:
    """The names of the incoming (m, d) and the outgoing (k, m) weights, possibly stacked (n, m, d), (n, k, m).

    ``PREFIX0.weight`` and ``PREFIX2.weight`` are told by name, any other two tensors by their shapes. Biases are those
    of :func:`bias_of`, of shapes (m,) and (k,), stacked like the weights. ``k`` is ``outputs``.

    Raises:
        PointsError: more or fewer than two weights, shapes that fit no order or both, or biases that fit neither.
    """
    everything = shapes
    shapes = {name: shape for name, shape in shapes.items() if not name.rsplit(".", 1)[-1].startswith("bias")}
    if len(shapes) != 2:
        shown = ", ".join(list(shapes)[:6]) + (", ..." if len(shapes) > 6 else "")
        raise PointsError(
            f"{file}: holds {len(shapes)} tensors ({shown or 'none'}), expected two, the weights (m, d) "
            f"and ({outputs}, m) of a two-layer network; save that network alone"
        )
    orders = list(permutations(shapes, 2))
    by_name = [(x, y) for x, y in orders if _layer(x, "0") is not None and _layer(x, "0") == _layer(y, "2")] or orders
    fitting = [(x, y) for x, y in by_name if _chain(shapes[x], shapes[y], outputs)]
    if len(fitting) == 1:
        _check_biases(file, fitting[0], everything)
        return fitting[0]
    x, y = by_name[0]
    came = f"{file}: {x} has shape {shapes[x]} and {y} has shape {shapes[y]}"
    if fitting:
        raise PointsError(f"{came}, which fits both ways round; rename them 0.weight (incoming) and 2.weight")
    asked = "one output" if outputs == 1 else f"{outputs} outputs"
    raise PointsError(
        f"{came}, expected (m, d) and ({outputs}, m), or stacked (n, m, d) and (n, {outputs}, m): two layers, {asked}"
    )


def bias_of(weight: str) -> str:
    """The name of the bias beside a weight: ``0.bias`` beside ``0.weight``."""
    return weight.removesuffix("weight") + "bias"


def _check_biases(file: str, layers: tuple[str, str], shapes: Mapping[str, Shape]) -> None:
    """Every tensor is a weight or the bias beside one, of its length."""
    fitting = {bias_of(name): shapes[name][:-1] for name in layers}
    for name in set(shapes) - set(layers):
        if name not in fitting or shapes[name] != fitting[name]:
            raise PointsError(
                f"{file}: holds {name} of shape {shapes[name]}, expected biases "
                + " and ".join(f"{bias} {shape}" for bias, shape in fitting.items())
                + " only"
            )


def _layer(name: str, index: str) -> str | None:
    """``PREFIX`` where the name is ``PREFIX`` + ``index.weight`` and ``PREFIX`` is empty or ends in a dot."""
    prefix = name.removesuffix(f"{index}.weight")
    return prefix if prefix != name and (not prefix or prefix.endswith(".")) else None


def _chain(first: Shape, second: Shape, outputs: int) -> bool:
    """Whether ``(…, m, d)`` and ``(…, k, m)`` are the layers of one network or of one stack of networks."""
    return len(first) == len(second) in (2, 3) and second == (*first[:-2], outputs, first[-2])


def assemble_layers(
    file: str, name: str, layers: tuple[str, str], arrays: Mapping[str, NDArray[Any]], dimension: int | None
) -> Points:
    """The points of matched (:func:`match_layers`) arrays; a single network is a stack of one.

    Biases of the neurons become the last column of ``w``, an output bias the last entry of the row of ``a``.

    Raises:
        PointsError: as :func:`~sweep.points.assemble.assemble`.
    """
    first, second = layers
    found = {field: float64(array, f"{file}: {field}") for field, array in arrays.items()}
    if found[first].ndim == 2:
        found = {field: array[None] for field, array in found.items()}
    w, a = found[first], found[second]
    if bias_of(first) in found:
        w = np.concatenate([w, found[bias_of(first)][:, :, None]], axis=2)
    if bias_of(second) in found:
        a = np.concatenate([a, found[bias_of(second)][:, :, None]], axis=2)
    return assemble(file, name, w, a, dimension=dimension, fields=(first, second + "[0]" * (a.shape[1] == 1)))


def points_from_tensors(file: str, name: str, state: Any, dimension: int | None, outputs: int = 1) -> Points:
    """The points in a mapping of names to torch tensors; float32, float16 and bfloat16 are the dyadics they are.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    if not isinstance(state, Mapping):
        raise PointsError(f"{file}: holds a {type(state).__name__}, expected a state dict: names and tensors")
    for key, value in state.items():
        if not isinstance(key, str) or not hasattr(value, "numpy"):
            raise PointsError(
                f"{file}: entry {key!r} is a {type(value).__name__}, expected nothing but named tensors; "
                "save module.state_dict()"
            )
    layers = match_layers(file, {key: tuple(value.shape) for key, value in state.items()}, outputs)
    ordered = [*layers, *(key for key in state if key not in layers)]
    return assemble_layers(file, name, layers, {key: _array(file, key, state) for key in ordered}, dimension)


def _array(file: str, key: str, state: Mapping[str, Any]) -> NDArray[Any]:
    tensor = state[key]
    check_size(f"{file}: {key}", tensor.numel())  # a tensor with strides 0 is larger than its file
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype == "bfloat16":
        tensor = tensor.float()  # numpy has no bfloat16; float32 holds every one of them
    elif dtype not in ("float64", "float32", "float16"):
        raise PointsError(f"{file}: {key} has dtype {dtype}, expected float64, float32, float16 or bfloat16")
    with parsing(f"{file}: {key}", "a dense tensor"):
        return np.asarray(tensor.numpy(force=True))


def points_from_module(module: Any, outputs: int = 1) -> Points:
    """The weights a torch module has now, as points: (1, m, d), or (n, m, d) where its parameters are stacked.

    The module must be two linear layers, ``nn.Sequential(nn.Linear(d, m), nn.Sigmoid(), nn.Linear(m, k))`` with
    ``outputs`` for ``k``, or anything with such a state dict, with biases or without. A state dict does not know the
    activation: the problem states it.

    Raises:
        PointsError: one sentence saying what does not fit.
    """
    label = type(module).__name__
    if not hasattr(module, "state_dict"):
        raise PointsError(f"module: came as {label}, expected a torch.nn.Module")
    return points_from_tensors(label, label, module.state_dict(), None, outputs)
