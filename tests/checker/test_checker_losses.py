"""Certificates for other activations, biases, weight decay, half the mean square: checked, and refused when bent."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import stored
from directories import change_json, verdict

from certify import Kind, classify
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.loss import Problem as Checked
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected
from certify.cli.points import certify_points
from certify.proofs.isolated import Certified, certify_isolated, isolated_object
from certify.proofs.lemmas import BallMinimum
from certify.proofs.verdict import CriticalObject
from certify.results.certificate import certificate_of
from sweep.kernels.compiled import prepare
from sweep.lockstep import HostKernels, newton
from symmetry.network import Points, exact
from symmetry.objective import SquareLoss
from symmetry.problem import Problem, parse_problem

TEXT = """
activation = "{activation}"
{more}
[inputs.grid]
start = [-2]
stop = [2]
step = [0.5]
[teacher]
w = [[1.5], [-0.5]]
a = [1, -2]
"""
ALL = {
    **{name: f'loss = "mean-squared-error"\n#{name}' for name in ("sigmoid", "tanh", "erf", "softplus", "gelu")},
    "biased": "bias = true\noutput_bias = true\nweight_decay = 0.001",
    "half": 'loss = "half-mean-squared-error"\noutput_bias = true',
}
WIDTH = 1
"""One neuron cannot follow two: there are minima of positive loss."""


@cache
def problem(name: str) -> Problem:
    text = TEXT.format(
        activation=name if name in ("sigmoid", "tanh", "erf", "softplus", "gelu") else "sigmoid", more=ALL[name]
    )
    if name == "biased":
        text += "b = [0.25, -1]\n"
    return parse_problem(text, source=f"{name}.toml", folder=None)


@cache
def checked(name: str) -> Checked:
    return problem_of(json.loads(json.dumps(stored(problem(name)))), Path("problem.json"))


@cache
def ends(name: str) -> np.ndarray[Any, Any]:
    data = prepare(problem(name))
    start = np.random.default_rng(2).normal(size=(8, data.size(WIDTH)))
    return newton(HostKernels(data, WIDTH), data, start, WIDTH).theta


@cache
def found(name: str) -> CriticalObject:
    objective = SquareLoss.of_network(problem(name), WIDTH)
    for theta in ends(name):
        certified = certify_isolated(objective, exact(theta))
        if isinstance(certified, Certified) and certified.morse_index == 0:
            return isolated_object(problem(name), certified)
    raise AssertionError(name)


def verify(name: str, known: Checked, change: Any = None) -> None:
    data = copy.deepcopy(json.loads(json.dumps(certificate_of(found(name), problem(name).hash))))
    certificate = read_certificate(data, "certificate")
    check_certificate(certificate, known, lambda bits: Data(known, Integers(bits)))


@pytest.mark.parametrize("name", sorted(ALL))
def test_certificates_are_verified(name: str) -> None:
    assert found(name).kind is Kind.LOCAL_MINIMUM
    assert any(isinstance(proof, BallMinimum) for proof in found(name).proofs)
    verify(name, checked(name))


@pytest.mark.parametrize(
    ("name", "bent"),
    [
        ("biased", lambda known: replace(known, decay=Fraction(0))),  # decay dropped
        ("biased", lambda known: replace(known, decay=known.decay * 2)),
        ("biased", lambda known: replace(known, factor=Fraction(1, 2))),
        ("biased", lambda known: replace(known, bias=False)),  # the output bias is missing
        ("biased", lambda known: replace(known, columns=(known.columns[0], tuple(v * 0 for v in known.columns[1])))),
        ("half", lambda known: replace(known, decay=Fraction(1, 10**6))),
        ("half", lambda known: replace(known, factor=Fraction(1))),
        ("tanh", lambda known: replace(known, name="erf")),
        ("erf", lambda known: replace(known, name="tanh")),
        ("softplus", lambda known: replace(known, name="gelu")),
        ("gelu", lambda known: replace(known, name="softplus")),
        ("tanh", lambda known: replace(known, name="sigmoid")),
    ],
)
def test_another_loss_than_the_one_of_the_proof_is_refused(name: str, bent: Any) -> None:
    with pytest.raises((Rejected, ValueError)):
        verify(name, bent(checked(name)))


def test_a_wrong_bound_of_a_derivative_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    # the checker evaluates over boxes with its own bounds: one that is 1000 times too large is too much for the box
    from certify.checker import activations

    bounds = activations.ACTIVATIONS["tanh"].bounds
    wide = replace(activations.ACTIVATIONS["tanh"], bounds=tuple(1000 * b for b in bounds))
    monkeypatch.setitem(activations.ACTIVATIONS, "tanh", wide)
    with pytest.raises(Rejected):
        verify("tanh", checked("tanh"))


@pytest.mark.parametrize("name", ["biased", "erf"])
def test_directories_are_verified_and_damage_is_refused(tmp_path: Path, name: str) -> None:
    theta, d = ends(name), problem(name).dimension
    points = Points(
        theta[:, :d].reshape(-1, WIDTH, d),
        theta[:, d:],
        tuple(f"p:{i}" for i in range(len(theta))),
        np.arange(len(theta)),
    )
    certify_points(problem(name), points, tmp_path / "r", {"arithmetic": "auto", "max_bits": 106, "polish": True}, 1)
    outcome = verdict(tmp_path / "r")
    assert outcome.code == 0, outcome
    assert len(outcome.verified) > 0
    result = classify(problem(name), points)
    assert all(v.kind is not Kind.GLOBAL_MINIMUM for v in result.verdicts)
    if name == "biased":

        def drop(data: Any) -> None:
            del data["content"]["weight_decay"]

        # under another name: the checker reads a problem once
        shutil.copytree(tmp_path / "r", tmp_path / "bent")
        change_json(tmp_path / "bent", "problem.json", drop)
        assert verdict(tmp_path / "bent").code == 4


def test_a_teacher_proves_nothing_global_where_decay_is_added() -> None:
    wide = partial(replace, problem("biased"))
    assert not wide().realizable(5)
    assert wide(decay=Fraction(0)).realizable(5)
    assert wide(decay=Fraction(0)).realizable(2)
    assert not wide(decay=Fraction(0)).realizable(1)
