"""Valid certificates of every kind on tiny problems, made by the provers: what the attacks start from.

The points were found by Newton's method; six digits are enough for the provers to find them again. Inputs are 9 of a
grid, or 16 where 9 have no such point. Some labels are given: they were chosen so that there is one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import Certificate, check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.loss import Problem as Checked
from certify.checker.problems import read_problem
from certify.proofs.exclusion import EmptyBall, largest_empty_ball
from certify.proofs.isolated import Certified, certify_isolated, isolated_object
from certify.proofs.limit import limit_object
from certify.proofs.proof import dyadic
from certify.proofs.verdict import CriticalObject
from certify.proofs.zero import match_global_minimum, zero_object
from certify.results.certificate import certificate_of, certificate_of_ball
from certify.results.stored_problem import write_problem
from symmetry.activation import activation
from symmetry.infinity.charts import Group, chart_of
from symmetry.network import Network, exact
from symmetry.outputs import network_loss
from symmetry.population import GaussianProblem
from symmetry.problem import Inputs, Problem, parse_problem

GRID = """
activation = "sigmoid"
[inputs.grid]
start = [-1, -2]
stop = [3, 2]
step = [2, 2]
[teacher]
"""
WIDER = GRID.replace("[-1, -2]", "[-2, -1]").replace("[3, 2]", "[2.5, 3.5]").replace("[2, 2]", "[1.5, 1.5]")
TEACHERS = {
    "a": "w = [[0.5, 1], [1, -0.5]]\na = [1, -1]",
    "b": "w = [[2, 1], [1, -3]]\na = [1, -2]",
    "c": "w = [[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6]]\na = [1, -1, 2]",
    "d": "w = [[2, 1]]\na = [1]",
}
BIASED = 'output_bias = true\nweight_decay = 0.001\nloss = "half-mean-squared-error"\n'
TEXTS = {
    **{name: GRID + teacher for name, teacher in TEACHERS.items()},
    "b-wider": WIDER + TEACHERS["b"],
    "c-wider": WIDER + TEACHERS["c"],
    "a-outputs": GRID + "w = [[0.5, 1], [1, -0.5]]\na = [[1, -1], [0.5, 1]]",
    "a-biased": BIASED + GRID + TEACHERS["a"],
    "a-measured": BIASED + WIDER.replace("sigmoid", "tanh") + "w = [[0.5, 1], [1, -0.5]]\na = [[1, -1], [0.5, 1]]",
    **{f"c-{name}": GRID.replace("sigmoid", name) + TEACHERS["c"] for name in ("softplus", "gelu")},
}
LABELS = {
    "copies": [
        *(0.36556, 0.48941, 0.59649, 0.97853, 0.5926, 0.61434, 0.68378, 1.00095),
        *(0.64951, 0.7506, 0.86834, 1.10508, 0.96711, 0.96819, 1.15941, 1.31204),
    ],
    "linear": [
        *(1.71137, 1.22589, 0.87026, -0.60238, 0.53732, 0.43564, -0.38282, -1.89151),
        *(-0.6746, -0.49903, -1.78247, -3.32766, -1.59522, -1.74132, -3.07061, -4.66839),
    ],
    "exponential": [4.41991, -12.8448, 31.35673, -19.67182, -15.15464, 19.73057, 14.39651, -24.70253, 8.9194],
    "falling": [-1.61867, 0.15666, -0.90838, 0.03427, 1.146, 1.22959, 0.56202, 0.22117, 1.39926],
    "with-bias": [
        *(0.52983, 1.218, 1.62873, 1.8409, 0.713, 1.49134, 2.09229, 2.20855),
        *(1.10512, 1.83721, 2.49758, 2.58091, 1.35181, 1.85762, 2.74043, 3.46344),
    ],
    "composed-bias": [
        *(-1.09808, -2.82263, 4.26319, 0.15447, 5.31266, 2.91885, 1.71849, 4.22011),
        *(1.49328, -0.17342, 4.3062, -0.32283, 2.58103, -1.42235, 2.61075, 2.23347),
    ],
    "pair of erf": [
        *(-1.82968, -0.22694, 0.56598, 1.03505, -1.47221, 0.32511, 1.48874, 1.6937),
        *(-0.53564, 1.10668, 2.6502, 2.68488, 0.00442, 1.06212, 3.10236, 4.62943),
    ],
    "pairs of erf": [
        *(-1.71958, -0.75275, -1.11449, -1.29742, -1.08766, -0.07316, 0.22062, 0.31346),
        *(0.26655, 1.06674, 2.10735, 2.09889, 0.88446, 1.12312, 2.76842, 4.2331),
    ],
    "near zero": [
        *(9.43331, 9.61564, 9.19978, 8.92531, 10.08491, 10.11494, 10.07559, 9.48168),
        *(10.72766, 10.86482, 10.85229, 10.53113, 11.42246, 11.21996, 11.6929, 11.83393),
    ],
    "two mirrored": [
        *(0.47247, 1.31257, 2.01264, 2.05188, 0.25721, 1.18508, 1.76204, 1.7789),
        *(0.23799, 1.03343, 1.89152, 1.92272, 0.04277, 0.78433, 1.89967, 2.55285),
    ],
    "cubic": [
        *(3.74061, 5.75894, 7.45703, 9.26735, 1.85222, 3.29064, 4.68506, 5.97728),
        *(-1.23888, 0.29794, 2.09104, 4.6424, -3.43358, -1.33542, 1.39507, 5.69079),
    ],
    "quintic": [
        *(-3.32004, -0.45588, 1.99382, 4.12135, -2.0481, -0.21543, 1.5669, 2.74025),
        *(-2.60981, -0.66475, 1.22739, 3.52511, -1.7625, 1.83441, 7.98631, 21.12191),
    ],
    "zeros": [
        *(-3.58711, -1.34714, 1.00394, 3.40697, -1.3048, 1.05467, 3.34774, 5.55911),
        *(1.04572, 3.38, 5.58895, 7.72835, 3.35146, 5.65283, 7.75022, 9.81097),
    ],
    "flipped": [
        *(1.51234, 0.64765, -1.27857, -1.15607, -0.52906, -1.60583, -2.78435, -2.99381),
        *(-2.6763, -3.71624, -4.47087, -4.90974, -5.0623, -6.0114, -6.52878, -7.00831),
    ],
    "transit": [
        *(-0.238, -1.67374, -1.75909, -1.43299, -0.1946, -1.25587, -1.16428, -1.19023),
        *(0.27646, -0.62471, -1.12748, -1.18169, 0.41268, -0.53847, -1.23766, -1.21695),
    ],
    "saturated": [
        *(0.14626, 0.36327, 0.97549, 2.03339, 0.37383, 1.09991, 1.93399, 2.07621),
        *(1.2305, 1.91256, 2.11371, 2.23379, 1.93518, 2.15556, 2.25366, 2.28117),
    ],
    "saturated-pair": [
        *(0.02893, 0.88544, 1.63709, 2.73886, 0.38332, 1.60102, 2.75603, 2.95958),
        *(1.25712, 2.51073, 3.28307, 3.37736, 2.09757, 2.4366, 3.49436, 4.14168),
    ],
    "triple-zero": [
        *(4.23072, 1.83287, -0.29301, -2.1624, 1.09799, -0.93654, -3.05822, -4.99979),
        *(-1.95452, -4.15907, -7.1847, -9.27729, -4.82856, -7.11538, -9.38611, -11.6264),
    ],
    "triple-mirrored": [
        *(-1.2615, -0.33507, 0.67812, 0.44789, -1.11828, -0.36961, -0.09955, -0.86293),
        *(-1.8696, -1.332, -0.78286, -1.56057, -1.59449, -0.87716, 0.45979, 1.38637),
    ],
    "three constants": [
        *(-4.67771, -7.08533, -9.89641, -12.51611, -2.04979, -4.22635, -6.04127, -7.95848),
        *(1.6643, -0.53287, -2.27149, -4.2609, 4.15075, 1.86099, -0.28548, -1.80808),
    ],
    "one sign": [
        *(-4.07381200287, -3.73244746367, -3.54379551035, -3.51751219105, -2.18092106359, -3.37628968301),
        *(-3.26467261999, -3.24519687152, -0.81329065998, -0.71682704568, -2.15535001459, -2.25714921569),
        *(-0.7226171269, -0.34531953935, -0.31697562789, -1.95611416429),
    ],
    "tied": [
        *(-0.61655, -2.50379, 0.53414, 1.04736, -1.13824, -1.2196, 0.87627, -0.83896),
        *(0.4318, 1.00964, -0.93443, 1.20568, -1.84302, 1.86732, 1.59218, 2.10108),
    ],
}
ODD = {"linear": "tanh", "pair of erf": "erf", "pairs of erf": "erf"}
"""Activations other than the sigmoid."""

HALVED = ("with-bias", "composed-bias")
"""Half the mean of the squares, of students with an output bias."""


@cache
def problem(name: str) -> Problem:
    """Two or three teacher neurons, or labels, on a small grid."""
    if name in LABELS:
        labels, wider = np.array(LABELS[name]), problem("b-wider").inputs
        chosen, bias = activation(ODD.get(name, "sigmoid")), name in ("exponential", *HALVED)
        if name in ("exponential", "falling"):  # nine inputs on a line, and 1
            wider = Inputs(axes=(tuple(Fraction(k, 2) for k in range(-4, 5)), (Fraction(1),)))
        loss = "half-mean-squared-error" if name in HALVED else "mean-squared-error"
        return Problem(name, chosen, wider, None, labels, loss, output_bias=bias)
    return parse_problem(TEXTS[name], source=f"{name}.toml", folder=None)


def stored(given: Problem | GaussianProblem) -> dict[str, Any]:
    """The content of its ``problem.json``."""
    return {"format": 1, "name": given.name, "hash": given.hash, "content": given.describe()}


def table(given: Problem) -> dict[str, Any]:
    """Inputs and labels that are given as numbers, of problems without weight decay."""
    columns, labels = exact(given.inputs.exact_values).T, exact(given.given_labels).reshape(len(given), -1).T
    return {
        "hash": given.hash,
        "activation": given.activation.name,
        "factor": dyadic(given.factor),
        "bias": given.output_bias,
        "columns": [[dyadic(v) for v in column] for column in columns],
        "labels": [[dyadic(v) for v in column] for column in labels],
    }


@cache
def checked(name: str) -> Checked:
    """The same problem as the checker reads it."""
    with TemporaryDirectory() as folder:
        write_problem(Path(folder), problem(name))
        read = read_problem(Path(folder, "problem.json"))
    assert isinstance(read, Checked)
    return read


def _point(name: str, theta: Sequence[float], width: int | None = None) -> CriticalObject:
    given = problem(name)
    objective = network_loss(given, width or len(theta) // 3)
    found = certify_isolated(objective, exact(theta))
    assert isinstance(found, Certified), found
    return isolated_object(given, found)


def _zero(name: str, w: Sequence[Sequence[Any]], a: Sequence[Any]) -> CriticalObject:
    given = problem(name)
    point = match_global_minimum(given, Network.of(w, a))
    assert point is not None
    return zero_object(given, point, arithmetic="auto", max_bits=212)


def _chart(
    name: str, groups: Sequence[tuple[Any, ...]], q: Sequence[float], *signs: tuple[int, ...], ordinary: int = 0
) -> CriticalObject:
    numbers = iter(range(9))
    chosen = [Group(kind, tuple(next(numbers) for _ in range(size)), *more) for kind, size, *more in groups]
    chart = chart_of(next(numbers) + ordinary, 2, chosen, problem(name).output_bias)
    found = limit_object(problem(name), chart, signs, exact(q), arithmetic="auto", max_bits=212)
    assert isinstance(found, CriticalObject), found
    return found


def _ball(name: str, theta: Sequence[float], width: int) -> EmptyBall:
    objective = network_loss(problem(name), width)
    found = largest_empty_ball(objective, exact(theta), Float64Enclosures())
    assert isinstance(found, EmptyBall), found
    return found


_MAKERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "minimum": ("a", lambda n: _point(n, [-2.86699, 3.78503, 0.41885])),
    "minimum-2": ("c", lambda n: _point(n, [0.063753, -0.414923, -0.690173, 0.039229, 2.682535, -0.682529])),
    "saddle": ("a", lambda n: _point(n, [-0.14065, 0.37411, 0.14065, -0.37411, 1.4029, -1.3708])),
    "saddle-2": ("b", lambda n: _point(n, [0, -0.92335, 0, 0.92335, -2.01749, 1.12404])),
    "zero": ("a", lambda n: _zero(n, [[0.5, 1], [1, -0.5]], [1, -1])),
    "family": ("a", lambda n: _zero(n, [[0.5, 1], [0.5, 1], [1, -0.5]], [Fraction(1, 3), Fraction(2, 3), -1])),
    "whole": ("d", lambda n: _zero(n, [[2, 1], [2, 1]], [Fraction(1, 3), Fraction(2, 3)])),
    "ball": ("c", lambda n: _ball(n, [0.25, -1.5, 0.75, 0.5, 1.25, -2.0], 2)),
    "plateau": ("a", lambda n: _chart(n, [("copies", 2)], [-2.86699, 3.78503, 0.41885], (1, -1))),
    "idle": ("a", lambda n: _chart(n, [("copies", 2)], [-2.86699, 3.78503, 0.41885], (1, 0))),
    "mirrored": (
        "c",
        lambda n: _chart(n, [("copies", 3, 1)], [-0.11963, 0.237538, -4.642613, 3.315279], (1, 1, 1)),
    ),
    "mirrored-2": (
        "b",
        lambda n: _chart(
            n,
            [("copies", 2, 1), ("copies", 2, 1)],
            [-0.652513, 1.240427, 0.585361, -0.245567, 3.872673, 3.253742, -4.067855],
            (1, 1),
            (1, 1),
        ),
    ),
    "channel": ("b", lambda n: _chart(n, [("pair", 2)], [-0.379631, 0.641794, -1.071187, 4.583013, -1.03166])),
    "channel-saddle": ("a", lambda n: _chart(n, [("pair", 2)], [-3.646956, 3.169689, 2.171641, 1.20883, 0.347763])),
    "triple": (
        "b",
        lambda n: _chart(
            n, [("triple-", 3)], [0.348615, 0.016061, -0.191569, 2.494283, -0.002022, 2.113232, -1.017483]
        ),
    ),
    "split": (
        "c",
        lambda n: _chart(n, [("split-", 3)], [0.537969, -1.00575, -0.592593, 1.012163, 2.004784]),
    ),
    "composed": (
        "c",
        lambda n: _chart(
            n,
            [("copies", 2), ("pair", 2)],
            [0.23782, -0.169171, 3.02255, 0.465668, 1.009248, 0.40283, 0.523783, -1.032937],
            (1, -1),
        ),
    ),
    "softplus": ("c-softplus", lambda n: _point(n, [0.243959, -0.297187, 2.365352])),
    "gelu": ("c-gelu", lambda n: _point(n, [2.287998, 0.274761, 0.299371])),
    "biased": ("a-biased", lambda n: _point(n, [-0.306136, 0.743802, 1.555699, -0.763208])),
    "measured": (
        "a-measured",
        lambda n: _point(
            n,
            [
                *(-0.459988, -0.437575, 0.459988, 0.437575),
                *(-0.267267, 0.267267, 0.375328, -0.513974, 0.513974, -0.269189),
            ],
            2,
        ),
    ),
    "outputs ball": ("a-outputs", lambda n: _ball(n, [1.5, -1.0, -1.75, -0.75, -0.25, 1.25, -0.25, -1.75], 2)),
    "outputs": ("a-outputs", lambda n: _point(n, [0.736187, -0.107636, -0.203085, 1.457683], 1)),
    "valley": ("copies", lambda n: _chart(n, [("copies", 2)], [0.353, 0.321, 1.357], (1, 1))),
    "linear": (
        "linear",
        lambda n: _chart(n, [("linear", 1)], [0.317, 1.113, 1.213, -0.907, -1.029], ordinary=1),
    ),
    "cubic": (
        "cubic",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("cubic", 2)],
            [-1.364, -0.721, -1.213, 1.166, 0.628, -1.198, -0.997, 1.443, -1.623, 0.744],
        ),
    ),
    "quintic": (
        "quintic",
        lambda n: _chart(n, [("quintic", 3)], [-0.705, 0.85, 1.376, 0.832, -1.014, -0.336, 1.28]),
    ),
    "exponential": (
        "exponential",
        lambda n: _chart(n, [("exponential+", 1)], [0.317, 1.113, 1.213, -0.907, -1.029, -0.844], ordinary=1),
    ),
    "falling": (
        "falling",
        lambda n: _chart(n, [("exponential-", 1)], [0.317, 1.113, 1.213, -0.907, -1.029], ordinary=1),
    ),
    "pair of erf": (
        "pair of erf",
        lambda n: _chart(
            n,
            [("pair", 2)],
            [0.299996, 0.249998, 1.200012, -0.450002, 0.400002, 0.449997, 0.55, 0.699995],
            ordinary=1,
        ),
    ),
    "pairs of erf": (
        "pairs of erf",
        lambda n: _chart(
            n,
            [("pair", 2), ("pair", 2)],
            [
                *(0.299997, 0.249999, 0.300012, -0.450001, 0.899978),
                *(-0.449998, 0.399998, 0.450011, 0.549995, 0.700026),
            ],
        ),
    ),
    "near zero": (
        "near zero",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("zero", 1)],
            [-0.899965, 0.799971, 0.899882, 1.100142, 0.699833, 10.000083, 0.399976, -0.299993],
        ),
    ),
    "two mirrored": (
        "two mirrored",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("mirrored", 2)],
            [
                *(-0.900003, 0.800002, 0.900065, 1.099963, 0.700087),
                *(0.500016, 0.600012, -0.799946, 0.699988, 0.399952, 0.299981),
            ],
        ),
    ),
    "pair with a bias": (
        "with-bias",
        lambda n: _chart(
            n,
            [("pair", 2)],
            [0.599787, 0.499822, 1.20057, -0.900116, 0.800103, 0.899949, 1.099817, 0.70001, 0.399705],
            ordinary=1,
        ),
    ),
    "composed with a bias": (
        "composed-bias",
        lambda n: _chart(
            n,
            [("copies", 2), ("pair", 2)],
            [0.6, 0.5, 1.200004, -0.5, 0.8, 0.7, -0.900004, 0.800004, 0.399994],
            (1, 1),
        ),
    ),
    "balanced": (
        "b-wider",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("zero", 1)],
            [-4.585326, 4.502433, 8.955168, -3.239426, 0.98804, -1.114685, 0.162541, 0.295394],
        ),
    ),
    "zeros": (
        "zeros",
        lambda n: _chart(n, [("zero", 2, 1)], [0.593, 0.69, 1.436, 0.307, 1.368, 1.336], ordinary=1),
    ),
    "flipped": (
        "flipped",
        lambda n: _chart(
            n,
            [("split-", 3, 2), ("zero", 1)],
            [1.357, 1.487, 1.089, -1.248, -1.007, -1.516, -1.361, -0.304],
        ),
    ),
    "flipped beside unflipped": (
        "flipped",
        lambda n: _chart(
            n,
            [("split-", 3, 1), ("zero", 1)],
            [1.357, 1.487, 1.089, -1.248, -1.007, -1.516, -1.361, -0.304],
        ),
    ),
    "balanced-2": (
        "flipped",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("zero", 2)],
            [1.357, 1.487, 1.089, -1.248, -1.007, -1.516, -1.361, -0.304],
        ),
    ),
    "flipped-triple": (
        "c-wider",
        lambda n: _chart(
            n,
            [("triple+", 3, 1), ("zero", 1)],
            [-1.852618, -1.954989, -0.460891, -0.877276, 1.03443, -0.00073, -0.035995, 1.012142, 0.105501, -0.229917],
        ),
    ),
    "saturated": (
        "saturated",
        lambda n: _chart(n, [("saturated", 1, 0, (1, 1))], [0.614, 0.658, 1.277, -0.41, 1.02], ordinary=1),
    ),
    "saturated beside a pair": (
        "saturated-pair",
        lambda n: _chart(
            n,
            [("pair", 2), ("saturated", 1, 0, (1, 1))],
            [0.613996, 0.657996, 1.276987, -0.899998, 0.8, 0.900017, 1.099997, 0.700004, -0.410002, 1.020006],
            ordinary=1,
        ),
    ),
    "tied": (
        "tied",
        lambda n: _chart(
            n,
            [("copies", 2, 1), ("pair", 2)],
            [1.487, 1.089, 1.248, -1.007, -1.516, -1.361, -0.304, -1.415, -0.344],
            (1, 1),
        ),
    ),
    "triple beside zero": (
        "triple-zero",
        lambda n: _chart(
            n,
            [("triple+", 3, 1), ("zero", 1)],
            [1.75, 0.282, 1.246, 1.028, 1.175, 1.393, -1.232, -0.776, -1.745, -1.465],
        ),
    ),
    "triple beside a mirrored pair": (
        "triple-mirrored",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("triple-", 3, 1)],
            [1.345, 1.124, -0.577, 1.488, -0.392, 0.82, -0.385, -1.418, 1.126, -1.475, -1.281, -0.321, -0.588],
        ),
    ),
    "three constants": (
        "three constants",
        lambda n: _chart(
            n,
            [("mirrored", 2), ("mirrored", 2), ("zero", 1)],
            [-1.412, -0.956, 1.48, -1.439, -1.159, 1.327, -0.591, 1.306, 1.012, -0.673, -1.27, 1.716, -1.573],
        ),
    ),
    "three copies": ("d", lambda n: _zero(n, [[2, 1]] * 3, [Fraction(1, 3)] * 3)),
    "flipped copies": (
        "d",
        lambda n: _zero(
            n, [[2, 1], [2, 1], [-2, -1], [0, 0]], [Fraction(1, 2), Fraction(1, 4), Fraction(-1, 4), Fraction(1, 2)]
        ),
    ),
}
NAMES = tuple(_MAKERS)
_MAKERS["transit"] = ("transit", lambda n: _chart(n, [("pair", 2)], [0.321, 1.357, 1.487, -1.089, -1.248]))
ALL = tuple(_MAKERS)
"""With ``transit``, where κ is negative: only provers with an error make a certificate of it."""

SHIPPED = NAMES[:17]
"""Those that the shipped negative corpus is made of."""


@dataclass(frozen=True)
class Case:
    """A valid certificate and the problem it belongs to."""

    name: str
    problem: str
    certificate: dict[str, Any]


def belongs(name: str) -> str:
    """The name of the problem of one of :data:`ALL`."""
    return _MAKERS[name][0]


@cache
def case(name: str) -> Case:
    """One of :data:`NAMES`; treat it as read-only."""
    belongs, make = _MAKERS[name]
    made = make(belongs)
    hashed = problem(belongs).hash
    if isinstance(made, EmptyBall):
        return Case(name, belongs, certificate_of_ball(made, 2, hashed))
    return Case(name, belongs, certificate_of(made, hashed))


@cache
def _data(name: str, bits: int) -> Data:
    return Data(checked(name), Integers(bits))


def check(certificate: Any, name: str) -> Certificate:
    """Form and proof of a certificate of the problem called ``name``, in integers.

    Raises:
        Rejected, Unreadable: as the checker says.
    """
    read = read_certificate(json.loads(json.dumps(certificate)), "certificate")
    check_certificate(read, checked(name), lambda bits: _data(name, bits))
    return read


def signed(certificate: dict[str, Any]) -> dict[str, Any]:
    """The same with words and hash made to fit: what a wrong prover would write."""
    claim = {key: value for key, value in certificate["claim"].items() if key != "statement"}
    try:
        claim["statement"] = statement(claim)
    except (KeyError, TypeError, AttributeError):
        claim["statement"] = certificate["claim"].get("statement")
    hashed = content_hash(claim, certificate["problem"], certificate["witness"])
    return certificate | {"claim": claim, "hash": hashed}
