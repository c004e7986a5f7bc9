"""Certificates under Gaussian inputs: what is right is verified, by every arithmetic; what is changed is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import gaussian_cases as cases
import jsonschema
import numpy as np
import pytest
from cases import signed

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.definite import Symmetric, count_below, quotient_above
from certify.checker.gaussian import Place, Population
from certify.checker.population import population_of, symmetric
from certify.checker.reading import Rejected, Unreadable
from certify.checker.rows import check_row
from certify.checker.run import make_arithmetic
from certify.pipeline.population import critical_object, split_object
from certify.proofs.newton_ball import CertifiedBall, GradientBall, certify_ball, empty_gradient_ball
from certify.proofs.proof import dyadic, from_text
from certify.proofs.teacher_split import nearest_split
from certify.results.certificate import certificate_of, certificate_of_ball, object_of, statement
from symmetry.arithmetic import Float64
from symmetry.network import exact

NAMES = ("minimum", "saddle", "saddle-2", "split", "empty")


@dataclass(frozen=True)
class Case:
    certificate: dict[str, Any]
    problem: Population


@cache
def case(name: str) -> Case:
    k = cases.SEEDS[name][0] if name in cases.SEEDS else 3
    problem = cases.problem(k)
    if name == "split":
        split = nearest_split(problem.teacher, exact(np.array([[0, 1, 0], [0.25, 0, 0], [0, 0, 1], [0.75, 0, 0]])))
        assert split is not None
        made = certificate_of(split_object(problem, split), problem.hash)
    elif name == "empty":
        start = exact(np.random.default_rng(1).normal(size=9))
        ball = empty_gradient_ball(problem.objective(3), start, Float64Enclosures())
        assert isinstance(ball, GradientBall)
        made = certificate_of_ball(ball, 3, problem.hash)
    else:
        found = certify_ball(problem.objective(k), exact(cases.point(name).ravel()))
        assert isinstance(found, CertifiedBall)
        made = certificate_of(critical_object(problem, found, k), problem.hash)
    content = {"format": 1, "name": problem.name, "hash": problem.hash, "content": problem.describe()}
    return Case(json.loads(json.dumps(made)), population_of(json.loads(json.dumps(content)), "problem.json"))


def check(certificate: dict[str, Any], problem: Population, arithmetic: str = "integer") -> None:
    check_certificate(read_certificate(certificate, "c"), problem, lambda bits: make_arithmetic(arithmetic, bits))


@pytest.mark.parametrize("arithmetic", ["integer", "mpmath", "arb"])
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_verified(name: str, arithmetic: str) -> None:
    check(case(name).certificate, case(name).problem, arithmetic)


@pytest.mark.parametrize("name", ["minimum", "saddle", "split"])
def test_the_certificate_is_read_back(name: str) -> None:
    made = case(name).certificate
    again = json.loads(json.dumps(certificate_of(object_of(made, case(name).problem.dimension), made["problem"])))
    assert again == made


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_describes_every_certificate(name: str) -> None:
    schema = json.loads(resources.files("certify").joinpath("_data/certificate.schema.json").read_text("utf-8"))
    jsonschema.validate(case(name).certificate, schema)
    for step in case(name).certificate["witness"]:
        for key in case(name).certificate["witness"][step]:
            given = json.loads(json.dumps(case(name).certificate))
            del given["witness"][step][key]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(given, schema)


def scaled(field: str, factor: Fraction) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        step = data["witness"]["newton_ball"]
        step[field] = dyadic(from_text(step[field]) * factor)

    return change


def written(field: str, text: str) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["witness"]["newton_ball"][field] = text

    return change


def claimed(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["claim"][field] = value
        data["claim"]["statement"] = statement(data["claim"])

    return change


def bound(field: str, side: int, by: Fraction) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        data["claim"][field][side] = dyadic(from_text(data["claim"][field][side]) + by)

    return change


def moved(data: dict[str, Any]) -> None:
    step = data["witness"]["newton_ball"]
    step["center"][0] = dyadic(from_text(step["center"][0]) + Fraction(1, 10**6))


CRITICAL = {
    "a larger reach": scaled("reach", Fraction(2)),
    "a smaller radius": scaled("radius", Fraction(15, 16)),
    "a smaller gradient": scaled("gradient_norm", Fraction(1, 2**40)),
    "a larger gap": scaled("gap", Fraction(5, 4)),
    "a smaller third derivative": scaled("lipschitz", Fraction(15, 16)),
    "a third derivative of 0": scaled("lipschitz", Fraction(0)),
    "a negative gradient norm": scaled("gradient_norm", Fraction(-1)),
    "a gradient that would take 10 000 bits": written("gradient_norm", "1*2^-9999"),
    "a gap beyond floats": written("gap", "1*2^9999"),
    "a gap just within floats": written("gap", "1*2^1023"),
    "another centre": moved,
    "the lower bound of the loss": bound("loss", 0, Fraction(1, 10**9)),
    "the upper bound of the loss": bound("loss", 1, -Fraction(1, 10**9)),
    "the lower bound of the eigenvalue": bound("lambda_min", 0, Fraction(1, 10**6)),
    "the upper bound of the eigenvalue": bound("lambda_min", 1, -Fraction(1, 10**6)),
    "one more negative eigenvalue": lambda data: claimed("morse_index", data["claim"]["morse_index"] + 1)(data),
    "no index": claimed("morse_index", None),
    "a kernel": claimed("nullity", 1),
    "a family": claimed("manifold_dimension", 1),
    "not strict": claimed("strict", False),
    "global": claimed("not_global", None),
    "complete": claimed("complete", True),
    "another objective": claimed("objective", "mean-squared-error"),
}


def test_bits_are_bounded() -> None:
    data = json.loads(json.dumps(case("saddle").certificate))
    written("gradient_norm", "1*2^-9999")(data)
    with pytest.raises(Rejected, match="bits, more than 1024"):  # it took 15 s with four neurons, and more with more
        check(signed(data), case("saddle").problem)


@pytest.mark.parametrize("change", CRITICAL)
@pytest.mark.parametrize("name", ["minimum", "saddle"])
def test_whatever_is_changed_of_a_critical_point_is_rejected(name: str, change: str) -> None:
    data = json.loads(json.dumps(case(name).certificate))
    CRITICAL[change](data)
    with pytest.raises((Rejected, Unreadable)):
        check(signed(data), case(name).problem)


@pytest.mark.parametrize(("name", "kind", "index"), [("saddle", "local-minimum", 0), ("minimum", "saddle", 1)])
def test_a_saddle_is_no_minimum_nor_a_minimum_a_saddle(name: str, kind: str, index: int) -> None:
    data = json.loads(json.dumps(case(name).certificate))
    data["claim"] |= {"kind": kind, "morse_index": index, "strict": True if index == 0 else None}
    claimed("morse_index", index)(data)
    with pytest.raises(Rejected, match="eigenvalues below"):
        check(signed(data), case(name).problem)


def shifted(row: int, column: int, by: Fraction) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        w = data["witness"]["split"]["w"]
        w[row][column] = dyadic(from_text(w[row][column]) + by)

    return change


SPLIT = {
    "a share that is nearly right": shifted(1, 0, Fraction(1, 2**60)),
    "a direction that is nearly right": shifted(0, 0, Fraction(1, 2**60)),
    "a negative share": lambda data: (shifted(1, 0, Fraction(-1))(data), shifted(3, 0, Fraction(1))(data)),
    "a zero student": lambda data: (shifted(1, 0, Fraction(-1, 4))(data), shifted(3, 0, Fraction(1, 4))(data)),
    "another owner": lambda data: data["witness"]["split"]["teacher"].__setitem__(0, 2),
    "an owner that is none": lambda data: data["witness"]["split"]["teacher"].__setitem__(0, 3),
    "another name": claimed("stratum", "split 2,2"),
    "another dimension": claimed("manifold_dimension", 2),
    "strict": claimed("strict", True),
    "an eigenvalue": claimed("lambda_min", ["0", "1*2^0"]),
    "an index": claimed("morse_index", 0),
    "a loss": claimed("loss", ["0", "1*2^-60"]),
    "not global": claimed("not_global", True),
    "not complete": claimed("complete", None),
}


@pytest.mark.parametrize("change", SPLIT)
def test_whatever_is_changed_of_a_split_is_rejected(change: str) -> None:
    data = json.loads(json.dumps(case("split").certificate))
    SPLIT[change](data)
    with pytest.raises((Rejected, Unreadable)):
        check(signed(data), case("split").problem)


def test_a_larger_empty_ball_and_one_about_a_critical_point_are_rejected() -> None:
    data = json.loads(json.dumps(case("empty").certificate))
    data["claim"]["empty_radius"] = dyadic(from_text(data["claim"]["empty_radius"]) * 8)
    with pytest.raises(Rejected):
        check(signed(data), case("empty").problem)
    data = json.loads(json.dumps(case("empty").certificate))
    data["claim"]["width"] = 4
    data["witness"]["gradient_ball"]["center"] = case("saddle").certificate["witness"]["newton_ball"]["center"]
    data["problem"], data["claim"]["empty_radius"] = case("saddle").certificate["problem"], "1*2^-40"
    with pytest.raises(Rejected, match="fails"):
        check(signed(data), case("saddle").problem)


@pytest.mark.parametrize("rows", [[[0, 0], [1, 2]], [[1, 2], [2, 4]], [[1, 2], [-1, -2]], [[1, 0], [1, 2]]])
def test_neurons_that_are_zero_or_parallel_are_rejected(rows: Any) -> None:
    problem = Population("", ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1))))
    point = [[Fraction(v) for v in row] for row in rows]
    with suppress(ZeroDivisionError):
        assert not Place(problem, point, make_arithmetic("integer", 192)).smooth_within(Fraction(0))


@pytest.mark.parametrize("rows", [[["1", "0"], ["2", "0"]], [["1", "0"], ["0", "0"]], [["1", "1"], ["1/2", "1/2"]]])
def test_dependent_teachers_are_rejected(rows: Any) -> None:
    from hashlib import sha256

    from certify.checker.reading import canonical

    content = {"format": 1, "loss": "gaussian-relu", "teacher": {"w": rows}}
    digest = sha256(canonical(content)).hexdigest()
    with pytest.raises(Rejected, match="independent"):
        population_of({"format": 1, "name": "p", "hash": digest, "content": content}, "p")


@pytest.mark.parametrize("arithmetic", ["integer", "mpmath", "arb"])
def test_the_formulas_agree_with_the_prover_s(arithmetic: str) -> None:
    rng = np.random.default_rng(3)
    teacher, w = rng.integers(-3, 4, size=(2, 3)).astype(float), rng.normal(size=(3, 3))
    problem = Population("", tuple(tuple(map(Fraction, row)) for row in teacher.tolist()))
    place = Place(problem, [list(map(Fraction, row)) for row in w.tolist()], make_arithmetic(arithmetic, 192))
    from symmetry.gaussian_relu import GaussianRelu

    at = GaussianRelu(exact(teacher), 3).evaluate(w.ravel(), Float64(), 2)
    assert abs(float(place.loss.lower()[0]) - at.loss[0]) < 1e-13
    assert np.allclose([float(v) for v in place.gradient.lower()], at.gradient, atol=1e-14)
    lower = np.array(
        [[entry / 2.0**96 for entry in row] + [0.0] * (8 - i) for i, row in enumerate(symmetric(place).rows)]
    )
    assert np.allclose(lower, np.tril(at.hessian), atol=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_eigenvalues_are_counted(seed: int) -> None:
    half = np.random.default_rng(seed).integers(-50, 51, size=(9, 9))
    integers = (half + half.T).astype(int)
    rows = [[Fraction(v) for v in row] for row in integers.tolist()]
    matrix, values = Symmetric.of([(row, row) for row in rows]), np.linalg.eigvalsh(integers)
    assert matrix.norm >= max(abs(values))
    for shift in (-30, -5, 0, 7, 45):
        count = count_below(matrix, Fraction(shift))
        assert count is not None
        assert count.slack < Fraction(1, 1000)
        assert count.below == (values < shift).sum()
    lowest = count_below(matrix, Fraction(round(values[0] * 64) - 1, 64))
    assert lowest is not None
    assert values[0] - 1e-9 <= float(quotient_above(matrix, lowest)) < values[0] + 1e-6


def test_an_eigenvalue_at_the_shift_is_not_counted_with_certainty() -> None:
    rows = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(2)]]  # eigenvalues 1 and 3
    count = count_below(Symmetric.of([(row, row) for row in rows]), Fraction(1))
    assert count is None or count.slack >= 0
    wide = Symmetric.of([([v - Fraction(1, 8) for v in row], [v + Fraction(1, 8) for v in row]) for row in rows])
    count = count_below(wide, Fraction(1))
    assert count is None or count.slack >= Fraction(1, 4)


@dataclass(frozen=True)
class Rows:
    rows: list[dict[str, Any]]
    witnesses: list[dict[str, Any]]
    certificates: dict[str, Any]
    problem: Population

    def check(self, number: int) -> None:
        check_row(number, self.rows[number], self.witnesses[number], 4, self.problem, self.certificates)


@pytest.fixture
def directory(tmp_path: Path) -> Rows:
    """A saddle, the same with students and coordinates in another order, and a global minimum."""
    saddle, order = cases.point("saddle"), [2, 0, 3, 1]
    folder = cases.certified(tmp_path / "out", 4, [saddle, saddle[order][:, [1, 3, 0, 2]], np.eye(4)[order]])

    def lines(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]

    files = sorted((folder / "certificates").iterdir())
    certificates = {f"certificates/{f.name}": read_certificate(json.loads(f.read_text("utf-8")), "c") for f in files}
    return Rows(lines("verdicts.jsonl"), lines("witnesses.jsonl"), certificates, case("saddle").problem)


def test_rows_say_what_the_certificates_prove(directory: Rows) -> None:
    assert directory.witnesses[1]["coordinates"] is not None
    for number in range(3):
        directory.check(number)


def outputs(rows: Rows) -> None:
    rows.witnesses[0]["candidate"]["a"][0] = "1*2^1"


def far(rows: Rows) -> None:
    w = rows.witnesses[0]["candidate"]["w"]
    w[0][0] = dyadic(from_text(w[0][0]) + 1)


ROWS: dict[str, tuple[int, Callable[[Rows], Any]]] = {
    "coordinates that are no permutation": (1, lambda r: r.witnesses[1].update(coordinates=[0, 0, 1, 2])),
    "coordinates in the wrong order": (1, lambda r: r.witnesses[1]["coordinates"].reverse()),
    "coordinates left out": (1, lambda r: r.witnesses[1].update(coordinates=None)),
    "students in the wrong order": (1, lambda r: r.witnesses[1]["permutation"].reverse()),
    "outputs other than 1": (0, outputs),
    "a candidate that is far away": (0, far),
    "another distance": (0, lambda r: r.rows[0].update(distance=0.5)),
    "a larger ball": (0, lambda r: r.rows[0].update(uniqueness_radius=1.0)),
    "another index": (0, lambda r: r.rows[0].update(morse_index=2)),
    "another verdict": (0, lambda r: r.rows[0].update(verdict="local-minimum")),
    "a path": (0, lambda r: r.rows[0].update(relation="path")),
    "labels of other teachers": (2, lambda r: r.witnesses[2].update(labels=["C1", "C2", "C3", "C4"])),
    "a point that is none": (2, lambda r: r.witnesses[2]["point"]["w"][0].__setitem__(0, "1*2^-80")),
    "a global minimum with coordinates": (2, lambda r: r.witnesses[2].update(coordinates=[0, 1, 2, 3])),
}


@pytest.mark.parametrize("change", ROWS)
def test_rows_that_say_more_are_rejected(directory: Rows, change: str) -> None:
    number, alter = ROWS[change]
    alter(directory)
    with pytest.raises((Rejected, Unreadable)):
        directory.check(number)


def test_only_permutations_of_the_teacher_are_symmetries(directory: Rows) -> None:
    # with another teacher the same orders are none: (1, 0, 0, 0) is not (1, 1, 0, 0)
    first, *others = directory.problem.teacher
    skew = Population(directory.problem.hash, ((first[0], first[0], *first[2:]), *others))
    with pytest.raises(Rejected, match="do not permute"):
        check_row(1, directory.rows[1], directory.witnesses[1], 4, skew, directory.certificates)
