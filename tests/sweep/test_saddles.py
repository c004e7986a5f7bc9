"""Saddles: the right index, critical to rounding level, distinct, and reproducible."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sweep.climb import Slice, climb
from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.points import read_points
from sweep.saddles import _mirrored_pair, find_saddles, main
from symmetry.problem import load_problem

PROBLEM = load_problem("thesis")
DATA = prepare(PROBLEM)
SEEDS = 45


@pytest.fixture(scope="module")
def saddles():
    return find_saddles(PROBLEM, 4, range(SEEDS))


def test_saddles_are_critical_with_the_index_they_claim(saddles):
    assert len(saddles) >= 3
    theta = np.array([saddle.theta for saddle in saddles])
    loss, gradient, hessian = loss_gradient_hessian(DATA, theta, 4)
    eigenvalues = np.linalg.eigvalsh(hessian)
    for i, saddle in enumerate(saddles):
        assert saddle.loss == loss[i] > 1e-6
        assert saddle.gradient_norm == np.linalg.norm(gradient[i]) < 1e-14
        assert saddle.index == (eigenvalues[i] < 0).sum() in (1, 2, 3)
        assert saddle.condition == pytest.approx(np.abs(eigenvalues[i]).max() / np.abs(eigenvalues[i]).min())
        assert saddle.condition < 1e11
        assert saddle.method in ("newton", "climb", "split")
        assert 0 <= saddle.seed < SEEDS
        w, a = saddle.theta[:8].reshape(4, 2), saddle.theta[8:]
        assert min(np.linalg.norm(w[j] - w[k]) for j in range(4) for k in range(j)) > 1e-3
        assert np.abs(a).min() > 1e-3


def test_saddles_differ_by_more_than_a_permutation(saddles):
    """Sums over neurons of a, |w|² and a|w|² do not see the order."""
    invariants = []
    for saddle in saddles:
        w, a = saddle.theta[:8].reshape(4, 2), saddle.theta[8:]
        invariants.append([a.sum(), *w.sum(axis=0), (w**2).sum(), (a * (w**2).sum(axis=1)).sum()])
    for i in range(len(invariants)):
        for j in range(i):
            assert np.abs(np.subtract(invariants[i], invariants[j])).max() > 1e-6


def test_the_same_on_two_processes(saddles):
    again = find_saddles(PROBLEM, 4, range(SEEDS), jobs=2)
    assert [saddle.seed for saddle in again] == [saddle.seed for saddle in saddles]
    assert all((x.theta == y.theta).all() for x, y in zip(again, saddles, strict=True))


def test_largest_index(saddles):
    seeds = [saddle.seed for saddle in saddles][:3]
    assert all(saddle.index == 1 for saddle in find_saddles(PROBLEM, 4, seeds, max_index=1))


def test_split_saddles_have_a_mirrored_pair(saddles):
    pairs = [saddle.theta[:8].reshape(4, 2) for saddle in saddles if saddle.method == "split"]
    assert pairs
    for w in pairs:
        assert np.linalg.norm(w[0] + w[3]) < 1e-9


@pytest.mark.parametrize(("width", "by_index"), [(4, [0, 24, 27, 7]), (5, [0, 60, 26, 1])])
def test_shipped_saddles(width, by_index):
    """What data/saddles/README.md says of them."""
    points = read_points(Path(__file__).parents[2] / f"data/saddles/width{width}.npz", dimension=2)
    loss, gradient, hessian = loss_gradient_hessian(DATA, points.theta(), width)
    eigenvalues = np.linalg.eigvalsh(hessian)
    assert np.linalg.norm(gradient, axis=1).max() < 1e-15
    assert np.bincount((eigenvalues < 0).sum(axis=1)).tolist() == by_index
    assert (np.abs(eigenvalues).max(axis=1) < 1e11 * np.abs(eigenvalues).min(axis=1)).all()
    assert loss.min() > 1e-6


def test_mirrored_pairs_are_a_slice():
    basis = _mirrored_pair(3, 2)
    theta = basis @ np.arange(1.0, 8.0)
    assert theta.tolist() == [1, 2, 3, 4, -1, -2, 5, 6, 7]


def test_slice_gradient_and_hessian_are_derivatives():
    slice_ = Slice(DATA, 4, _mirrored_pair(4, 2))
    y = 0.5 * np.random.default_rng(0).normal(size=10)
    gradient, hessian = slice_.linearise(y)
    assert (gradient == slice_.residual(y)).all()
    h = 1e-5
    numeric = np.array([(slice_.residual(y + h * e) - slice_.residual(y - h * e)) / (2 * h) for e in np.eye(10)])
    assert hessian == pytest.approx(numeric, abs=1e-8)


def test_climb_finds_the_saddle_of_a_known_surface():
    """f = (x² − 1)²/4 + (y − x²)²: minima at (±1, 1), one saddle of index 1, at the origin, along a curved valley."""

    class Surface:
        def residual(self, p):
            x, y = p
            return np.array([x * (x * x - 1) - 4 * x * (y - x * x), 2 * (y - x * x)])

        def linearise(self, p):
            x, y = p
            return self.residual(p), np.array([[3 * x * x - 1 - 4 * y + 12 * x * x, -4 * x], [-4 * x, 2.0]])

    _, vectors = np.linalg.eigh(Surface().linearise(np.array([1.0, 1.0]))[1])
    soft = vectors[:, :1] * np.sign(vectors[0, 0])
    top = climb(Surface(), np.array([1.0, 1.0]) - 0.05 * soft[:, 0], soft)
    assert top == pytest.approx(np.zeros(2), abs=0.05)
    bottom = climb(Surface(), np.array([0.3, 0.4]), np.empty((2, 0)))
    assert bottom == pytest.approx([1, 1], abs=0.05)


def test_climb_gives_up_outside_its_box():
    class Slope:
        def residual(self, p):
            return np.array([-1.0])

        def linearise(self, p):
            return self.residual(p), np.zeros((1, 1))

    assert climb(Slope(), np.zeros(1), np.empty((1, 0))) is None


def test_without_an_identity_nothing_is_mirrored():
    class Plain(type(PROBLEM.activation)):
        reflection = None

    plain = dataclasses.replace(PROBLEM, activation=Plain())
    found = find_saddles(plain, 4, [2, 14, 17])
    assert all(saddle.method == "climb" for saddle in found)


def arguments(out, seeds):
    return ["--problem", "thesis", "--width", "4", "--seeds", seeds, "--out", str(out)]


def test_command_line(tmp_path, capsys, saddles):
    out = tmp_path / "saddles.npz"
    main(arguments(out, f"0:{SEEDS}"))
    assert f"{len(saddles)} distinct saddles from {SEEDS} seeds" in capsys.readouterr().out
    points = read_points(out, dimension=2)
    assert (points.theta() == np.array([saddle.theta for saddle in saddles])).all()
    assert points.seed.tolist() == [saddle.seed for saddle in saddles]


def test_command_line_that_finds_nothing(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(arguments(tmp_path / "none.npz", "0:0"))
    assert "no saddle from 0 seeds" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_one_neuron_has_no_pairs():
    # methods newton, climb, split; the last climbs as well
    found = find_saddles(PROBLEM, 1, range(6), min_index=0)
    assert {saddle.method for saddle in found} <= {"newton", "climb"}
    assert {saddle.index for saddle in found} == {0}
    assert not find_saddles(PROBLEM, 1, range(6))


def test_no_neurons_are_refused():
    with pytest.raises(ValueError, match="at least 1 neuron"):
        find_saddles(PROBLEM, 0, [0])
