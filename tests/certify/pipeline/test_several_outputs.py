"""Verdicts for networks with several outputs: from modules, from files, and what is left undecided."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from library import ARITHMETICS
from output_cases import DECAY, TEACHER, ends, measured, points_of, taught
from torch import nn

from certify import Kind, classify
from certify.arithmetic.arb import Arb
from certify.arithmetic.midrad import Float64Enclosures
from certify.cli import main
from certify.presentation.theorem import theorem
from certify.proofs.distinct import Comparison, compare, match
from certify.proofs.isolated import Certified, certify_in, certify_isolated, isolated_object
from certify.proofs.proof import Failure
from certify.proofs.verdict import CriticalObject, Relation
from certify.results.certificate import certificate_of, object_of
from certify.results.store import read_results
from sweep.points import PointsError, points_from_module, read_points, write_points
from symmetry.network import Network, exact
from symmetry.outputs import network_loss

SADDLE = [-0.85828, 0.97916, -0.92954, -1.30079, -1.43935, 0.13279, 1.37516, -0.16197]
"""``taught``, width 2: near a saddle of index 1, loss 0.1181; found by Newton's method."""

TEACHER_POINT = [1.5, 0.5, -0.5, 1, 1, -2, 0.5, 1]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


# ------------------------------------------------------------------------------------------------------ enclosures


@pytest.mark.parametrize("arithmetic", sorted(ARITHMETICS))
def test_enclosures_hold_what_more_digits_give(arithmetic: str) -> None:
    objective = network_loss(measured(), 2)
    narrow, wide = Arb(212), ARITHMETICS[arithmetic]()
    center = exact(np.round(np.random.default_rng(3).normal(size=objective.size), 2))
    inside = center + exact(np.full(len(center), 2.0**-11))
    box = objective.evaluate(wide.ball(center, np.full(len(center), 2.0**-10)), wide, order=3)
    for point in (center, inside):
        at = objective.evaluate(narrow.array(point), narrow, order=2)
        for found, expected in (
            (box.loss, at.loss),
            (box.gradient, at.gradient),
            (box.hessian.reshape(-1), at.hessian.reshape(-1)),
        ):
            pairs = zip(
                wide.lower(found), narrow.lower(expected), narrow.upper(expected), wide.upper(found), strict=True
            )
            assert all(a <= b <= c <= d for a, b, c, d in pairs)


# --------------------------------------------------------------------------------------------------------- proofs


def minimum(width: int = 2) -> CriticalObject:
    """A certified minimum of ``measured``."""
    for theta in ends(measured(), width):
        found = certify_isolated(network_loss(measured(), width), exact(theta))
        if isinstance(found, Certified) and found.morse_index == 0:
            return isolated_object(measured(), found)
    raise AssertionError


def test_a_minimum_of_given_labels() -> None:
    found = minimum()
    assert found.kind is Kind.LOCAL_MINIMUM
    assert found.not_global is None
    assert found.network is not None
    assert found.network.outputs == 3
    assert CriticalObject.from_json(json.loads(json.dumps(found.to_json()))).to_json() == found.to_json()
    certificate = json.loads(json.dumps(certificate_of(found, measured().hash)))
    assert object_of(certificate, 3, 3).to_json() == found.to_json()
    with pytest.raises(ValueError, match="parameters, expected"):
        object_of(certificate, 3)


def test_a_permutation_moves_the_neurons_of_all_outputs() -> None:
    found = minimum()
    network = found.network
    assert network is not None
    assert match(network, found) == (0, 1)
    assert match(network.permuted([1, 0]), found) == (1, 0)
    rows = network.a.copy()
    rows[0, :2] = rows[0, 1::-1]  # one output's weights permuted: no longer the same network
    assert match(Network(network.w, rows), found) is None
    assert match(Network(network.w, network.a[[1, 0, 2]]), found) is None  # outputs swapped
    assert match(Network(network.w, network.a + exact([[0, 0, 0], [0, 0, 1], [0, 0, 0]])), found) is None  # a bias
    assert compare(found, found) is Comparison.SAME


def test_almost_critical_points_are_not_certified() -> None:
    box, arithmetic = minimum().box, Float64Enclosures()
    assert box is not None
    assert not isinstance(certify_in(network_loss(measured(), 2), box.center, arithmetic), Failure)
    moved = box.center + exact(np.eye(len(box.center))[8] / 64)
    assert isinstance(certify_in(network_loss(measured(), 2), moved, arithmetic), Failure)
    labels = measured().given_labels
    assert labels is not None
    swapped = replace(measured(), given_labels=labels[:, [1, 0, 2]])
    assert isinstance(certify_in(network_loss(swapped, 2), box.center, arithmetic), Failure)


def test_a_teacher_is_found_and_never_called_global() -> None:
    problem = taught()
    points = points_of(problem, [TEACHER_POINT, *ends(problem, 2)], 2)
    result = classify(problem, points)
    first = result.verdicts[0]
    assert first.kind is Kind.LOCAL_MINIMUM
    assert first.relation is Relation.CONTAINED
    assert first.object is not None
    assert first.object.loss[0] == 0
    assert first.object.not_global is None
    assert all(v.kind is not Kind.GLOBAL_MINIMUM for v in result.verdicts)


@pytest.mark.parametrize("given", [False, True])
def test_what_is_not_global(given: bool) -> None:
    problem = replace(taught(), given_labels=taught().labels) if given else taught()
    (verdict,) = classify(problem, points_of(problem, [SADDLE], 2)).verdicts
    assert verdict.kind is Kind.SADDLE
    assert verdict.object is not None
    assert (verdict.object.morse_index, verdict.object.loss[0] > Fraction(1, 9)) == (1, True)
    # the infimum is known to be 0 only where the teacher's outputs are the labels and the student is as wide
    assert verdict.object.not_global is (None if given else True)
    narrow = classify(problem, points_of(problem, ends(problem, 1), 1))
    assert {(v.kind, v.object and v.object.not_global) for v in narrow.verdicts} == {(Kind.LOCAL_MINIMUM, None)}


def test_copies_of_a_neuron_are_undecided() -> None:
    theta = ends(taught(), 1)[0]
    split = np.concatenate([theta[:2], theta[:2], *[[0.25 * a, 0.75 * a] for a in theta[2:]]])
    (verdict,) = classify(taught(), points_of(taught(), [split], 2), polish=False).verdicts
    assert verdict.kind in (Kind.UNDECIDED, Kind.NOT_CRITICAL)
    assert verdict.reason


# -------------------------------------------------------------------------------------------------------- modules


def fitted(dtype: torch.dtype) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A plain module with its default biases, trained by ``nn.MSELoss`` and decay."""
    torch.manual_seed(1)
    x = torch.tensor(measured().inputs.values[:, :2], dtype=dtype)
    y = torch.tensor(measured().labels, dtype=dtype)
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3)).to(dtype)
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.MSELoss()(module(x), y) + float(DECAY) * sum((p * p).sum() for p in module.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return module, x, y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_and_its_data(dtype: torch.dtype) -> None:
    module, x, y = fitted(dtype)
    (verdict,) = classify(module, x, y, activation="tanh", weight_decay=DECAY).verdicts
    assert verdict.kind is Kind.LOCAL_MINIMUM
    assert verdict.object is not None
    assert verdict.object.not_global is None
    with torch.no_grad():
        loss = nn.MSELoss()(module(x), y) + float(DECAY) * sum((p * p).sum() for p in module.parameters())
    assert [float(bound) for bound in verdict.object.loss] == pytest.approx([float(loss)] * 2, rel=1e-4)
    if dtype is torch.float64:
        assert verdict.relation is Relation.CONTAINED
        # the same module is not where it was trained to be under swapped labels
        (swapped,) = classify(module, x, y[:, [1, 0, 2]], activation="tanh", weight_decay=DECAY).verdicts
        assert swapped.relation is not Relation.CONTAINED


def test_modules_and_labels_that_do_not_fit() -> None:
    module, x, y = fitted(torch.float64)
    with pytest.raises(PointsError, match=r"expected \(m, d\) and \(2, m\)"):
        classify(module, x, y[:, :2], activation="tanh")
    with pytest.raises(PointsError, match="one output"):
        classify(module, x, y[:, 0], activation="tanh")
    for wrong in (y[:5], y[:, :0], y[:, :, None]):
        with pytest.raises(ValueError, match="expected"):
            classify(module, x, wrong, activation="tanh")
    assert points_from_module(module, 3).a.shape == (1, 3, 4)


# --------------------------------------------------------------------------------------------- files and commands


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taught.toml").write_text(TEACHER, "utf-8")
    x, y = measured().inputs.values[:, :2], measured().labels
    np.savez(tmp_path / "data.npz", X=x, y=y)
    (tmp_path / "measured.toml").write_text(
        f'activation = "tanh"\nbias = true\noutput_bias = true\nweight_decay = {float(DECAY)}\n'
        '[inputs]\nfile = "data.npz"\n[labels]\nfile = "data.npz"\n',
        "utf-8",
    )
    return tmp_path


def test_points_in_every_format_are_the_same(place: Path) -> None:
    module, _, _ = fitted(torch.float64)
    torch.save(module.state_dict(), place / "m.pt")
    expected = points_from_module(module, 3)
    read = [read_points(place / "m.pt", dimension=3, bias=True, outputs=3)]
    for name in ("p.npz", "p.parquet"):
        write_points(place / name, expected)
        read.append(read_points(place / name, dimension=3, bias=True, outputs=3))
    for points in read:
        assert np.array_equal(points.w, expected.w)
        assert np.array_equal(points.a, expected.a)
        assert points.theta()[0, 9:13].tolist() == expected.a[0, 0].tolist()
    for name in ("m.pt", "p.npz", "p.parquet"):
        with pytest.raises(PointsError):
            read_points(place / name, dimension=3, bias=True, outputs=2)
    with pytest.raises(PointsError, match=r"a has shape \(1, 3, 4\), expected \(1, 3, 3\)"):
        read_points(place / "p.npz", dimension=3, outputs=3)


def test_from_a_state_dict_to_a_checked_directory(place: Path) -> None:
    module, _, _ = fitted(torch.float64)
    torch.save(module.state_dict(), place / "m.pt")
    code, out, _ = run("points", "m.pt", "--problem", "measured.toml", "--out", "r", "--jobs", 1, "--json")
    assert code == 0
    assert json.loads(out)["verdicts"]["local-minimum"] == 1
    code, out, _ = run("check", "r")
    assert code == 0
    assert "1 certificates verified" in out
    code, out, _ = run("table", "r", "--format", "csv")
    assert code == 0
    assert "local-minimum" in out
    code, out, _ = run("explain", "r", 0)
    assert code == 0
    assert out.count("σ((") == 9  # three neurons in each of three outputs
    results = read_results(place / "r")
    (found,) = results.objects.values()
    assert results.points.outputs == 3
    assert found.network is not None
    code, out, _ = run("theorem", f"r/certificates/{found.id}.json")
    assert code == 0
    assert r"\mathbb{R}^3" in out
    assert r"\frac1{54}" in out
    assert "a_{2,3} = " in out


def test_from_a_sweep_to_a_checked_directory(place: Path) -> None:
    sweep = ("--problem", "taught.toml", "--width", 2, "--runs", 6, "--optimizer", "newton", "--init", "xavier-uniform")
    assert run("sweep", *sweep, "--jobs", 1, "--out", "s")[0] == 0
    code, _, err = run("points", "s", "--problem", "taught.toml", "--out", "r", "--jobs", 1)
    assert code == 0, err
    results = read_results(place / "r")
    assert results.points.a.shape == (6, 2, 2)
    assert {row["verdict"] for row in results.rows} <= {"local-minimum", "saddle"}
    code, out, _ = run("check", "r")
    assert code == 0, out
    code, out, _ = run("sweep", *sweep, "--jobs", 1, "--out", "s", "--resume")
    assert code == 0
    code, _, err = run("sweep", "--problem", "taught.toml", "--width", 2, "--runs", 1, "--out", "t")
    assert code == 2
    assert "of one output" in err


def test_the_theorem_states_a_teacher_of_several_outputs() -> None:
    objective = network_loss(taught(), 2)
    certified = certify_isolated(objective, exact(TEACHER_POINT))
    assert isinstance(certified, Certified)
    found = isolated_object(taught(), certified)
    text = theorem(certificate_of(found, taught().hash), taught(), "latex")
    assert "a^*_1 = (1, 0.5)" in text
    assert "a^*_2 = (-2, 1)" in text
    assert r"\frac1{40}" in text
    assert "not a global minimum" not in text


def test_one_output_for_several_and_the_other_way_round_are_refused(place: Path) -> None:
    points = points_of(taught(), [TEACHER_POINT], 2)
    write_points(place / "p.npz", points)
    code, _, err = run("points", "p.npz", "--problem", "thesis", "--out", "r")
    assert code == 2
    assert "2 outputs, expected 1" in err
    with pytest.raises(ValueError, match="points have 1 outputs, expected 2"):
        classify(taught(), replace(points, a=points.a[:, 0]))


@pytest.mark.parametrize(
    "command",
    [
        ["saddles", "--problem", "taught.toml", "--width", "2", "--seeds", "0:2", "--out", "s.parquet"],
        ["perturb", "p.npz", "--problem", "taught.toml", "--out", "t.parquet"],
        ["symmetry", "strata", "--problem", "taught.toml", "--width", "2"],
        ["symmetry", "embed", "p.npz", "--problem", "taught.toml", "--width", "3"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_commands_for_one_output_say_so(place: Path, command: list[str]) -> None:
    write_points(place / "p.npz", points_of(taught(), [TEACHER_POINT], 2))
    code, _, err = run(*command)
    assert code == 2
    assert "2 outputs, expected one" in err or "for students of one output" in err


def test_a_decay_of_the_sum_over_outputs_is_divided() -> None:
    # docs/problems.md: k L(θ; λ/k) is the sum over outputs with decay λ
    problem = measured()
    theta = np.random.default_rng(0).normal(size=2 * 3 + 3 * 3)
    a = Arb(106)
    mean = network_loss(replace(problem, decay=Fraction(1, 30)), 2).evaluate(a.array(theta), a, order=0).loss
    sums = sum(
        network_loss(replace(problem.of_output(o), decay=Fraction(0)), 2)
        .evaluate(a.array(np.append(theta[:6], theta[6 + 3 * o : 9 + 3 * o])), a, order=0)
        .loss
        for o in range(3)
    )
    expected = sums + (a.array(theta) * a.array(theta)).sum(axis=0) * a.number(Fraction(1, 10))
    difference = mean * 3 - expected
    assert a.lower(difference)[0] <= 0 <= a.upper(difference)[0]
    assert a.upper(abs(difference))[0] < Fraction(1, 10**20)
