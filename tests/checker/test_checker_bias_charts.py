"""Certificates of minima at infinity of students with biases: an exponential beside a pair, half the mean square."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import stored

from certify.arithmetic.arb import Arb
from certify.checker.certificates import check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers
from certify.checker.intervals import Intervals
from certify.checker.loss import Data
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected
from certify.presentation.theorem import theorem
from certify.proofs.limit import limit_object
from certify.proofs.verdict import CriticalObject, Kind
from certify.results.certificate import certificate_of
from certify.results.stored_problem import load_stored_problem, write_problem
from symmetry.activation import activation
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import Inputs, Problem

CHARTS = {
    "exponential": chart_of(2, 2, [Group("exponential-", (0,))], bias=True),
    "exponential without an output bias": chart_of(2, 2, [Group("exponential+", (0,))]),
    "pair": chart_of(3, 2, [Group("pair", (0, 1))], bias=True),
    "copies": chart_of(3, 2, [Group("copies", (0, 1))], bias=True),
}
Q = {
    "exponential": [0.7, -0.4, 1.25, 0.5, -0.25, 0.75],  # a neuron (w, a), then ω, the output bias
    "exponential without an output bias": [0.7, -0.4, 1.25, 0.5, -0.25],
    "pair": [0.7, -1.4, 1.25, 0.25, 0.5, 1, 0.5, -0.75, 0.75],
    "copies": [0.75, 0.25, -0.5, 1, 1.25, 0.5, 0.75],
}


@cache
def problem(name: str, sign: int = 1) -> Problem:
    """Labels that make ``Q`` critical for the limit network, with residuals that have the κ or B wanted."""
    rng = np.random.default_rng(4)
    x = np.column_stack([np.round(2 * rng.normal(size=30), 3), np.ones(30)])
    chart, q = CHARTS[name], np.array(Q[name])
    blank = Problem(
        name,
        activation("sigmoid"),
        Inputs(table=x),
        None,
        np.zeros(30),
        loss="half-mean-squared-error",
        output_bias=chart.bias,
    )
    outputs, value = chart.objective(blank).outputs(q, Float64(), 2)
    jacobian = np.concatenate([out.jacobian for out in outputs], axis=1)
    if chart.diverging:
        wanted = outputs[chart.term(chart.diverging[0])].correction()
    else:
        wanted = outputs[0].jet[2][:, 0] * outputs[0].a[0]  # a σ''
    across = wanted - jacobian @ np.linalg.lstsq(jacobian, wanted, rcond=None)[0]
    residual = 0.001 * sign * across / np.abs(across).max()
    return replace(blank, given_labels=value - residual)


def answer(name: str, sign: int = 1) -> Any:
    signs = [(1, 1)] * len(CHARTS[name].copies)
    return limit_object(problem(name, sign), chart(name), signs, exact(Q[name]), arithmetic="auto", max_bits=106)


def chart(name: str) -> Chart:
    return CHARTS[name].normal()


@cache
def found(name: str) -> CriticalObject:
    certified = answer(name)
    assert isinstance(certified, CriticalObject), certified
    return certified


def checked(name: str, folder: Path) -> Any:
    write_problem(folder, problem(name))
    return problem_of(json.loads(json.dumps(stored(problem(name)))), folder / "problem.json")


def verify(
    name: str, known: Any, change: Callable[[Any], None] = lambda data: None, arithmetic: Any = Integers
) -> None:
    data = json.loads(json.dumps(certificate_of(found(name), problem(name).hash)))
    change(data)
    data["claim"]["statement"] = statement(data["claim"])
    data["hash"] = content_hash(data["claim"], data["problem"], data["witness"])
    check_certificate(read_certificate(data, "c"), known, lambda bits: Data(known, arithmetic(bits)))


@pytest.mark.parametrize("arithmetic", [Integers, Intervals])
@pytest.mark.parametrize("name", ["exponential", "exponential without an output bias", "pair"])
def test_minima_at_infinity(name: str, arithmetic: Any, tmp_path: Path) -> None:
    assert found(name).kind is Kind.MINIMUM_AT_INFINITY
    assert found(name).not_global is None
    verify(name, checked(name, tmp_path), arithmetic=arithmetic)


def test_a_plateau_of_a_network_with_biases(tmp_path: Path) -> None:
    # B is definite or not; either way copies are a set of critical points that the checker follows
    certified = answer("copies")
    if not isinstance(certified, CriticalObject):
        pytest.fail(str(certified))
    assert certified.kind in (Kind.LOCAL_MINIMUM, Kind.SADDLE)
    assert certified.manifold_dimension == 1
    verify("copies", checked("copies", tmp_path))


@pytest.mark.parametrize("name", ["exponential", "exponential without an output bias", "pair"])
def test_the_wrong_sign_is_in_transit(name: str) -> None:
    assert answer(name, -1).code == "in-transit"


@pytest.mark.parametrize("name", ["exponential", "exponential without an output bias", "pair"])
def test_networks_near_infinity_lose_as_predicted(name: str) -> None:
    """``(L − L_∞)/κε² → 1`` along the chart: the loss itself, of finite networks, at 300 bits."""
    over, here = Arb(300), problem(name)
    q, bound = found(name).box, next(p for p in found(name).proofs if p.theorem == "channel")
    assert q is not None
    limit = chart(name).objective(here).evaluate(over.array(q.center), over, 0).loss
    ratios = []
    for k in (16, 17):
        eps = Fraction(1, 2**k)
        network = chart(name).network(q.center, [eps])
        loss = SquareLoss.of_network(here, chart(name).width).evaluate(over.array(network.theta()), over, 0).loss
        ratios.append(float(over.approx((loss - limit) / over.number(eps**2))[0] / float(bound.kappa_lower[0])))
    assert abs(ratios[1] - 1) < abs(ratios[0] - 1) < 0.01


def test_what_the_checker_refuses(tmp_path: Path) -> None:
    name = "exponential"
    known = checked(name, tmp_path)

    def unbiased(data: Any) -> None:
        del data["witness"]["chart"]["bias"]

    def other_sign(data: Any) -> None:
        data["witness"]["chart"]["groups"] = [["exponential+", [0]]]
        data["claim"]["chart"] = "exponential+"

    def higher(data: Any) -> None:
        data["witness"]["channel"]["kappa_lower"] = data["witness"]["channel"]["kappa_upper"]

    def flipped(data: Any) -> None:
        data["witness"]["chart"]["groups"] = [["zero", [0, 1], 1]]

    for change, reason in (
        (unbiased, "chart.bias"),
        (other_sign, "contraction|Krawczyk|fails"),
        (higher, "kappa_upper|kappa_lower"),
        (flipped, "beside an output bias"),
    ):
        with pytest.raises(Rejected, match=reason):
            verify(name, known, change)
    with pytest.raises(Rejected, match="biases of the neurons"):
        verify(name, replace(known, columns=(known.columns[0], known.columns[0])))
    with pytest.raises(Rejected, match="asks for the sigmoid"):
        verify(name, replace(known, name="softplus"))
    with pytest.raises(Rejected, match="weight decay"):
        verify(name, replace(known, decay=Fraction(1, 10**9)))
    with pytest.raises(Rejected, match="output bias"):
        verify(name, replace(known, bias=False))
    with pytest.raises(Rejected):  # κ belongs to half the mean of the squares
        verify(name, replace(known, factor=Fraction(1)))


def test_the_wide_box_of_an_exponential_is_refused(tmp_path: Path) -> None:
    def wide(data: Any) -> None:
        radius = data["witness"]["krawczyk"]["uniqueness_radius"]
        data["witness"]["krawczyk"]["uniqueness_radius"] = ["1*2^1"] * len(radius)

    with pytest.raises(Rejected, match="too wide"):
        verify("exponential", checked("exponential", tmp_path), wide)


def test_an_exponential_beyond_all_bounds_is_refused_clearly(tmp_path: Path) -> None:
    """``e^z`` is computed as ``1/σ(−z) − 1``: where ``σ(−z)`` cannot be told from 0, that is said."""

    def far(data: Any) -> None:
        data["witness"]["krawczyk"]["center"][4] = "1*2^12"

    with pytest.raises(Rejected, match="an exponential is not bounded"):
        verify("exponential", checked("exponential", tmp_path), far)


@pytest.mark.parametrize("name", list(CHARTS))
def test_the_theorem_of_each(name: str, tmp_path: Path) -> None:
    write_problem(tmp_path, problem(name))
    known = load_stored_problem(tmp_path)
    text = theorem(certificate_of(found(name), problem(name).hash), known, "markdown")  # type: ignore[arg-type]
    assert "\\frac1{60} \\sum_n (f_0(x_n; q) - y_n)^2" in text
    assert ("\\exp(\\omega_1 \\cdot x)" in text) == name.startswith("exponential")
    assert (" + b$." in text) == CHARTS[name].bias
    if name.startswith("exponential"):
        sign = "-" if "exponential-" in CHARTS[name].name else ""
        assert "$w_{1} = \\omega_1 + 2 \\log \\varepsilon_1 \\, (0, \\dots, 0, 1)$" in text
        assert f"$a_{{1}} = {sign}1/\\varepsilon_1^2$ with $\\varepsilon_1 > 0$" in text
    assert text.count("$") % 2 == 0
