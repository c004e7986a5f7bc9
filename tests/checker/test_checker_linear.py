"""Certificates of minima at infinity with a neuron near zero, tanh: checked, and refused for the sigmoid."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import stored

from certify.checker.certificates import check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers
from certify.checker.loss import Data
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected
from certify.proofs.limit import limit_object
from certify.proofs.verdict import CriticalObject, Kind
from certify.results.certificate import certificate_of
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Group, chart_of
from symmetry.network import exact
from symmetry.problem import Inputs, Problem

CHART = chart_of(2, 2, [Group("linear", (0,))])
Q = np.array([0.7, -0.4, 1.25, 0.5, 0.75])  # a neuron (w, a), then ℓ


@cache
def problem(kind: str) -> Problem:
    """Labels that make ``Q`` critical for the limit network, with residuals that have the κ that is wanted."""
    rng = np.random.default_rng(4)
    x = np.round(rng.normal(size=(30, 2)), 3)
    blank = Problem("blank", activation("tanh"), Inputs(table=x), None, np.zeros(30))
    outputs, value = CHART.objective(blank).outputs(Q, Float64(), 2)
    jacobian = np.concatenate([out.jacobian for out in outputs], axis=1)
    phi = outputs[1].correction()
    across = phi - jacobian @ np.linalg.lstsq(jacobian, phi, rcond=None)[0]
    residual = 0.01 * across / np.abs(across).max() * (1 if kind == "minimum" else -1)
    return Problem(kind, activation("tanh"), Inputs(table=x), None, value - residual)


@cache
def found() -> CriticalObject:
    answer = limit_object(problem("minimum"), CHART.normal(), (), exact(Q), arithmetic="auto", max_bits=106)
    assert isinstance(answer, CriticalObject), answer
    return answer


def checked(tmp_path: Path) -> Any:
    from certify.results.stored_problem import write_problem

    write_problem(tmp_path, problem("minimum"))
    return problem_of(json.loads(json.dumps(stored(problem("minimum")))), tmp_path / "problem.json")


def verify(known: Any, change: Any = lambda data: None) -> None:
    data = json.loads(json.dumps(certificate_of(found(), problem("minimum").hash)))
    change(data)
    data["claim"]["statement"] = statement(data["claim"])
    data["hash"] = content_hash(data["claim"], data["problem"], data["witness"])
    check_certificate(read_certificate(data, "c"), known, lambda bits: Data(known, Integers(bits)))


def test_a_minimum_at_infinity(tmp_path: Path) -> None:
    assert found().kind is Kind.MINIMUM_AT_INFINITY
    assert found().chart is not None
    assert found().chart.name == "linear"
    verify(checked(tmp_path))


def test_the_wrong_sign_is_in_transit() -> None:
    answer = limit_object(problem("other"), CHART.normal(), (), exact(Q), arithmetic="auto", max_bits=106)
    assert not isinstance(answer, CriticalObject)
    assert answer.code == "in-transit"


def test_other_activations_and_charts_are_refused(tmp_path: Path) -> None:
    known = checked(tmp_path)
    for name in ("sigmoid", "softplus", "gelu"):
        with pytest.raises(Rejected, match="odd activation"):
            verify(replace(known, name=name))
    with pytest.raises(Rejected):
        verify(replace(known, name="erf"))

    def higher(data: Any) -> None:
        data["witness"]["channel"]["kappa_lower"] = data["witness"]["channel"]["kappa_upper"]

    with pytest.raises(Rejected, match="kappa"):
        verify(known, higher)

    def zero(data: Any) -> None:
        data["witness"]["chart"]["groups"] = [["zero", [0]]]

    with pytest.raises(Rejected, match="nothing balances"):
        verify(known, zero)
