"""Certificates for several outputs: checked in every arithmetic, and refused when outputs, labels or neurons are mixed
up."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from cases import stored
from directories import change_lines, verdict
from output_cases import ends, measured, points_of, taught

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, content_hash, read_certificate, statement
from certify.checker.integers import Integers
from certify.checker.loss import Around, Data, outgoing
from certify.checker.loss import Problem as Checked
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected, Unreadable, canonical
from certify.checker.run import make_arithmetic
from certify.checker.zero import network
from certify.cli.points import certify_points
from certify.proofs.exclusion import EmptyBall, largest_empty_ball
from certify.proofs.isolated import Certified, certify_isolated, isolated_object
from certify.proofs.proof import dyadic, from_text
from certify.results.certificate import certificate_of, certificate_of_ball
from certify.results.stored_problem import write_problem
from symmetry.arithmetic import Float64
from symmetry.network import exact
from symmetry.outputs import MeanLoss, network_loss
from symmetry.problem import Problem

SADDLE = [-0.85828, 0.97916, -0.92954, -1.30079, -1.43935, 0.13279, 1.37516, -0.16197]
PROBLEMS: dict[str, tuple[Callable[[], Problem], int]] = {
    "measured": (measured, 2),
    "taught": (taught, 1),
    "saddle": (taught, 2),
    "ball": (measured, 2),
}


@cache
def certificate(name: str) -> str:
    """A certificate as JSON text."""
    problem, width = PROBLEMS[name][0](), PROBLEMS[name][1]
    objective = network_loss(problem, width)
    if name == "ball":
        ball = largest_empty_ball(objective, exact(np.linspace(-1, 1, objective.size)), Float64Enclosures())
        assert isinstance(ball, EmptyBall)
        return json.dumps(certificate_of_ball(ball, width, problem.hash))
    for theta in [np.array(SADDLE)] if name == "saddle" else ends(problem, width):
        found = certify_isolated(objective, exact(theta))
        if isinstance(found, Certified):
            return json.dumps(certificate_of(isolated_object(problem, found), problem.hash))
    raise AssertionError(name)


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Problem], Checked]:
    """A problem as the checker reads it from disk."""

    def of(problem: Problem) -> Checked:
        folder = tmp_path_factory.mktemp("problem")
        write_problem(folder, problem)
        return problem_of(json.loads((folder / "problem.json").read_text("utf-8")), folder / "problem.json")

    return of


def signed(data: dict[str, Any]) -> dict[str, Any]:
    """A bent certificate, its words and its hash made again."""
    data["claim"]["statement"] = statement(data["claim"])
    data["hash"] = content_hash(data["claim"], data["problem"], data["witness"])
    return data


def verify(data: Any, known: Checked, arithmetic: str = "integer") -> None:
    check_certificate(
        read_certificate(data, "certificate"), known, lambda bits: Data(known, make_arithmetic(arithmetic, bits))
    )


@pytest.mark.parametrize("arithmetic", ["integer", "arb", "mpmath"])
@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_certificates_are_verified(name: str, arithmetic: str, read: Callable[[Problem], Checked]) -> None:
    data = json.loads(certificate(name))
    assert data["claim"]["kind"] == {"saddle": "saddle", "ball": "not-critical"}.get(name, "local-minimum")
    if name in ("measured", "taught"):
        assert "lemma_1" in data["witness"]
    verify(data, read(PROBLEMS[name][0]()), arithmetic)


# --------------------------------------------------------------------------------------------- the wrong problem


def columns(order: list[int]) -> Callable[[Checked], Checked]:
    return lambda known: replace(known, labels=known.labels and tuple(known.labels[k] for k in order))


def teacher(change: Callable[[Any], Any]) -> Callable[[Checked], Checked]:
    return lambda known: replace(known, teacher=tuple((w, change(a)) for w, a in known.teacher))


WRONG: dict[str, tuple[str, Callable[[Checked], Checked]]] = {
    "two label columns swapped": ("measured", columns([1, 0, 2])),
    "a label column twice": ("measured", columns([0, 0, 2])),
    "a label column missing": ("measured", columns([0, 1])),
    "a further label column": ("measured", columns([0, 1, 2, 2])),
    "outputs of the teacher swapped": ("taught", teacher(lambda a: a[::-1])),
    "one output of the teacher only": ("taught", teacher(lambda a: a[0])),
    "the teacher's weights of one neuron for the other": (
        "taught",
        lambda known: replace(
            known, teacher=tuple(zip([w for w, _ in known.teacher], [a for _, a in known.teacher[::-1]], strict=True))
        ),
    ),
    "the sum over outputs": ("measured", lambda known: replace(known, factor=known.factor * 3)),
    "no output biases": ("measured", lambda known: replace(known, bias=False)),
    "another decay": ("measured", lambda known: replace(known, decay=known.decay * 3)),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_another_problem_than_that_of_the_proof_is_refused(what: str, read: Callable[[Problem], Checked]) -> None:
    name, bend = WRONG[what]
    known = read(PROBLEMS[name][0]())
    verify(json.loads(certificate(name)), known)
    with pytest.raises((Rejected, Unreadable)):
        verify(json.loads(certificate(name)), bend(known))


# ----------------------------------------------------------------------------------------- the wrong certificate


def reorder(order: list[int]) -> Callable[[dict[str, Any]], None]:
    """Centre and radii reordered, not the matrices."""

    def change(data: dict[str, Any]) -> None:
        step = data["witness"]["krawczyk"]
        for name in ("center", "existence_radius", "uniqueness_radius"):
            step[name] = [step[name][k] for k in order]

    return change


def reorder_all(order: list[int]) -> Callable[[dict[str, Any]], None]:
    """The same with rows and columns of ``Y`` and the rows of ``V``: what a consistent mistake would write."""

    def change(data: dict[str, Any]) -> None:
        reorder(order)(data)
        step, inertia = data["witness"]["krawczyk"], data["witness"]["inertia"]
        step["preconditioner"] = [[step["preconditioner"][k][m] for m in order] for k in order]
        inertia["congruence"] = [inertia["congruence"][k] for k in order]

    return change


def claim(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["claim"].update(fields)


INNER = list(range(6))
"""``measured`` has w of two neurons (6 numbers), then for each of three outputs (a_1, a_2, c)."""
SWAPPED = [*INNER, 9, 10, 11, 6, 7, 8, 12, 13, 14]
ONE_OUTPUT = [*INNER, 7, 6, 8, 9, 10, 11, 12, 13, 14]
NEURON_FIRST = [*INNER, 6, 9, 12, 7, 10, 13, 8, 11, 14]
PERMUTED = [3, 4, 5, 0, 1, 2, 7, 6, 8, 10, 9, 11, 13, 12, 14]

BENT: dict[str, Callable[[dict[str, Any]], None]] = {
    "outputs swapped": reorder(SWAPPED),
    "outputs swapped throughout": reorder_all(SWAPPED),
    "the weights of one output permuted throughout": reorder_all(ONE_OUTPUT),
    "weights neuron by neuron throughout": reorder_all(NEURON_FIRST),
    "called global": claim(not_global=False),
    "called not global": claim(not_global=True),
    "called a saddle": claim(kind="saddle", strict=None, morse_index=1),
    "called a plateau": claim(manifold_dimension=1),
    "called a global minimum": claim(kind="global-minimum", not_global=False, stratum="C1+"),
    "a loss that is three times as large": lambda data: data["claim"].update(
        loss=[dyadic(3 * from_text(bound)) for bound in data["claim"]["loss"]]
    ),
    "a chart": lambda data: data["witness"].update(chart={"width": 2, "dimension": 3, "groups": []}),
}


@pytest.mark.parametrize("what", sorted(BENT))
def test_a_bent_certificate_is_refused(what: str, read: Callable[[Problem], Checked]) -> None:
    data = json.loads(certificate("measured"))
    BENT[what](data)
    with pytest.raises((Rejected, Unreadable)):
        verify(signed(data), read(measured()))


@pytest.mark.parametrize("error", ["outputs swapped", "decay of the sum", "an output left out"])
def test_errors_of_a_prover_are_noticed(error: str, read: Callable[[Problem], Checked]) -> None:
    known, right = read(measured()), network_loss(measured(), 2)
    assert isinstance(right, MeanLoss)
    theta = ends(measured(), 2)[0]
    if error == "outputs swapped":
        wrong = replace(right, parts=(right.parts[1], right.parts[0], right.parts[2]))
        theta = theta[SWAPPED]
    elif error == "decay of the sum":
        wrong = replace(right, decay=right.decay * 3)
    else:
        wrong = replace(right, parts=(right.parts[0], right.parts[1], right.parts[1]))
    theta = polish_on(wrong, theta)
    certified = certify_isolated(wrong, exact(theta))
    assert isinstance(certified, Certified)  # of the wrong loss it is true
    data = json.loads(json.dumps(certificate_of(isolated_object(measured(), certified), measured().hash)))
    with pytest.raises(Rejected):
        verify(data, known)


def polish_on(objective: MeanLoss, theta: Any) -> Any:
    """Damped Newton steps on a loss for which there are no kernels."""
    approx = Float64()
    for _ in range(200):
        at = objective.evaluate(theta, approx, order=2)
        values, vectors = np.linalg.eigh(at.hessian)
        step = -vectors @ ((vectors.T @ at.gradient) / np.maximum(np.abs(values), 1e-6))
        while objective.evaluate(theta + step, approx, order=0).loss[0] > at.loss[0] and np.abs(step).max() > 1e-12:
            step = step / 2
        theta = theta + step
    return theta


def test_neurons_of_all_outputs_may_be_permuted(read: Callable[[Problem], Checked]) -> None:
    data = json.loads(certificate("measured"))
    reorder_all(PERMUTED)(data)
    verify(signed(data), read(measured()))


def test_the_lipschitz_bound_is_that_of_all_outputs(read: Callable[[Problem], Checked]) -> None:
    data = json.loads(certificate("measured"))
    step = data["witness"]["lemma_1"]
    step["lipschitz"] = dyadic(from_text(step["lipschitz"]) / 4)
    with pytest.raises(Rejected, match="lipschitz: M is smaller"):
        verify(signed(data), read(measured()))


# ------------------------------------------------------------------------------------------------ the evaluation


@pytest.mark.parametrize("problem", [measured(), taught()], ids=lambda p: p.name)
def test_loss_gradient_and_hessian_are_those_of_the_prover(
    problem: Problem, read: Callable[[Problem], Checked]
) -> None:
    known, width = read(problem), 2
    theta = exact(np.round(np.random.default_rng(1).normal(size=known.size(width)), 2))
    found = Around(Data(known, Integers(192)), known.student(width), list(theta)).over()
    a = Float64Enclosures()
    expected = network_loss(problem, width).evaluate(a.array(theta), a, order=2)
    rows = [(found.loss, expected.loss), (found.gradient, expected.gradient)]
    rows += list(zip(found.hessian, expected.hessian, strict=True))
    for exactly, enclosed in rows:
        bounds = zip(a.lower(enclosed), exactly.upper(), exactly.lower(), a.upper(enclosed), strict=True)
        for low, top, bottom, high in bounds:
            assert low <= top
            assert bottom <= high
            assert max(high - low, top - bottom) < Fraction(1, 10**9)


def test_a_network_is_read_output_by_output() -> None:
    value = {"w": [["1"], ["2"]], "a": [["3", "4", "5"], ["6", "7", "8"]]}
    value = json.loads(json.dumps(value).replace('"1"', '"1*2^0"').replace('"2"', '"1*2^1"'))
    value["a"] = [[f"{v}*2^0" for v in row] for row in value["a"]]
    found = network(value, "candidate", 2, 1, True, 2)
    assert found == (((1,), (3, 6)), ((2,), (4, 7)), ((), (5, 8)))
    assert outgoing(found) == [(3, 4, 5), (6, 7, 8)]
    for wrong in ([["3*2^0"] * 3], [["3*2^0"] * 2] * 2, ["3*2^0"] * 6):
        with pytest.raises((Rejected, Unreadable)):
            network(value | {"a": wrong}, "candidate", 2, 1, True, 2)


# --------------------------------------------------------------------------------------------- problems on disk


def test_the_order_of_labels_in_memory_is_no_matter(read: Callable[[Problem], Checked]) -> None:
    problem = replace(measured(), given_labels=np.asfortranarray(measured().labels))
    assert problem.hash == measured().hash
    assert read(problem).labels == read(measured()).labels


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(outputs=1),
        lambda content: content.update(outputs=True),
        lambda content: content.update(outputs=3),
        lambda content: content.update(outputs="2"),
        lambda content: content.pop("outputs"),
        lambda content: content["teacher"].update(a=["1", "-2"]),
        lambda content: content["teacher"].update(a=[["1", "-2"], ["1/2"]]),
        lambda content: content["teacher"].update(a=[["1", "0"], ["1/2", "0"]]),
        lambda content: content["teacher"].update(a=[["1", "-2"], "1/2"]),
    ],
)
def test_a_teacher_that_does_not_fit_its_outputs_is_refused(change: Callable[[Any], Any]) -> None:
    data = json.loads(json.dumps(stored(taught())))
    problem_of(copy.deepcopy(data), Path("problem.json"))
    change(data["content"])
    data["hash"] = hashlib.sha256(canonical(data["content"])).hexdigest()
    with pytest.raises((Rejected, Unreadable)):
        problem_of(data, Path("problem.json"))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs") / "r"
    theta = [ends(measured(), 2)[0], ends(measured(), 2)[0] + 0.05, np.linspace(-1, 1, 15)]
    settings = {"arithmetic": "auto", "max_bits": 106, "polish": True}
    certify_points(measured(), points_of(measured(), theta, 2), folder, settings, 1)
    return folder


def test_a_directory_is_verified(directory: Path) -> None:
    outcome = verdict(directory)
    assert outcome.code == 0, outcome
    assert outcome.counts["local-minimum"]["contained"] >= 1
    assert "polished" in outcome.counts["local-minimum"]


def test_its_files_have_the_form_of_the_schemas(directory: Path) -> None:
    def validate(part: str, text: str) -> None:
        known = json.loads(resources.files("certify").joinpath("_data/results.schema.json").read_text("utf-8"))
        jsonschema.validate(json.loads(text), {"$ref": f"#/$defs/{part}", "$defs": known["$defs"]})

    for name in ("manifest", "problem"):
        validate(name, (directory / f"{name}.json").read_text("utf-8"))
    for part, name in (("row", "verdicts.jsonl"), ("line", "witnesses.jsonl")):
        for line in (directory / name).read_text("utf-8").splitlines():
            validate(part, line)
    validate("problem", json.dumps(stored(taught())))
    form = json.loads(resources.files("certify").joinpath("_data/certificate.schema.json").read_text("utf-8"))
    for path in (directory / "certificates").iterdir():
        jsonschema.validate(json.loads(path.read_text("utf-8")), form)


def swap_outputs(witness: Any) -> None:
    rows = witness["candidate"]["a"]
    rows[0], rows[1] = rows[1], rows[0]


def swap_weights(witness: Any) -> None:
    row = witness["candidate"]["a"][2]
    row[0], row[1] = row[1], row[0]


def flatten(witness: Any) -> None:
    witness["candidate"]["a"] = [v for row in witness["candidate"]["a"] for v in row]


@pytest.mark.parametrize("change", [swap_outputs, swap_weights, flatten])
def test_another_candidate_is_refused(directory: Path, tmp_path: Path, change: Callable[[Any], None]) -> None:
    shutil.copytree(directory, tmp_path / "bent")
    change_lines(tmp_path / "bent", "witnesses.jsonl", lambda lines: change(lines[0]))
    assert verdict(tmp_path / "bent").code in (2, 4)


def test_a_path_is_refused(directory: Path, tmp_path: Path) -> None:
    shutil.copytree(directory, tmp_path / "bent")
    path = {"vertices": [], "bent": [], "bends": [], "closing": 0, "order": [], "places": [], "octaves": 0}

    def claim_path(lines: list[Any]) -> None:
        lines[1].update(path=path)

    change_lines(tmp_path / "bent", "witnesses.jsonl", claim_path)
    change_lines(tmp_path / "bent", "verdicts.jsonl", lambda rows: rows[1].update(relation="path"))
    outcome = verdict(tmp_path / "bent")
    assert outcome.code in (2, 4)
    assert any("path" in reason for reason in outcome.rejected + outcome.unreadable)
