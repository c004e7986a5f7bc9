"""Perturbation: the kicks are what they are said to be, and the protocol stops when the Hessian is positive."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from sweep.kernels.compiled import loss_gradient_hessian, prepare
from sweep.optimisers import optimise
from sweep.perturbation import SIGMA, perturb
from sweep.perturbation_table import write_perturbed
from sweep.points import declared_problem_hash, read_points
from symmetry.problem import load_problem

THESIS = load_problem("thesis")
DATA = prepare(THESIS)
SADDLES = read_points(Path(__file__).parents[2] / "data/saddles/width4.npz", dimension=2).take([0, 1, 2])
NOT_AT_ALL = {"steps": 0}
"""Newton without a step: the point ends where it was kicked to."""


def eigen(theta):
    loss, gradient, hessian = loss_gradient_hessian(DATA, np.array(theta)[None], 4)
    values, vectors = np.linalg.eigh(hessian[0])
    return loss[0], np.linalg.norm(gradient[0]), values, vectors


def kick(points=SADDLES, **settings):
    return perturb(THESIS, points, optimizer="newton", options=NOT_AT_ALL, scan=True, **settings)


def test_saddles_are_left_for_places_of_lower_loss():
    rows = perturb(THESIS, SADDLES, optimizer="newton", directions=["lowest"], draws=2, epsilons=[0.1], times=30)
    assert [(row.index, row.draw) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    for row in rows:
        loss, gradient, values, _ = eigen(SADDLES.theta()[row.index])
        assert row.before.loss == loss
        assert row.before.gradient_norm == pytest.approx(gradient)
        assert row.before.smallest_eigenvalue == pytest.approx(values[0], rel=1e-10)
        assert values[0] < 0
        loss, gradient, values, _ = eigen(row.theta)
        assert row.after.loss == loss < row.before.loss
        assert row.after.smallest_eigenvalue == pytest.approx(values[0], abs=row.resolution)
        assert (row.after.smallest_eigenvalue > 0) == (1 <= row.perturbations < 30) or row.perturbations == 30
        assert row.distance == pytest.approx(np.linalg.norm(row.theta - SADDLES.theta()[row.index]))
    assert any(row.after.smallest_eigenvalue > row.resolution for row in rows)


def test_a_minimum_is_left_alone_unless_scanned():
    teacher = SADDLES.take([0])
    minimum = type(teacher)(
        np.array(THESIS.teacher.w, dtype=float)[None], np.array(THESIS.teacher.a, dtype=float)[None], ("teacher",), [7]
    )
    (row,) = perturb(THESIS, minimum)
    assert (row.perturbations, row.stop_reason, row.seed, row.distance) == (0, "none", 7, 0.0)
    assert (row.theta == minimum.theta()[0]).all()
    assert np.isnan(row.kicked.loss)
    (row,) = perturb(THESIS, minimum, optimizer="newton", epsilons=[0.01], scan=True)
    assert row.perturbations == 1
    assert row.kicked.loss > 1e-8 > row.after.loss


def test_the_protocol_gives_up_after_so_many_times():
    rows = perturb(THESIS, SADDLES, optimizer="newton", options=NOT_AT_ALL, epsilons=[1e-9], times=3)
    assert [row.perturbations for row in rows] == [3, 3, 3]
    assert all(row.after.smallest_eigenvalue < 0 for row in rows)


def test_random_kicks_are_gaussian_and_scale_with_epsilon():
    rows = kick(epsilons=[1.0, 1e-3], draws=100)
    z = np.array([row.theta - SADDLES.theta()[row.index] for row in rows if row.epsilon == 1.0])
    small = np.array([row.theta - SADDLES.theta()[row.index] for row in rows if row.epsilon == 1e-3])
    assert z.shape == (300, 12)
    assert small == pytest.approx(1e-3 * z, abs=1e-14)
    # 3600 numbers: the standard error of their standard deviation is σ/√7200, of their mean σ/60
    assert abs(z.std() / SIGMA - 1) < 5 / np.sqrt(7200)
    assert abs(z.mean()) < 5 * SIGMA / 60
    assert len(np.unique(z)) == z.size


def test_kicks_along_eigenvectors():
    rows = kick(SADDLES.take([1]), epsilons=[0.5], directions=["lowest"], draws=4)
    theta = SADDLES.theta()[1]
    vectors = eigen(theta)[3]
    steps = [row.theta - theta for row in rows]
    for k, step in enumerate(steps):
        assert np.linalg.norm(step) == pytest.approx(0.5 * SIGMA * np.sqrt(12))
        assert abs(step @ vectors[:, k // 2]) == pytest.approx(np.linalg.norm(step))
    assert steps[0] == pytest.approx(-steps[1])
    assert steps[2] == pytest.approx(-steps[3])
    assert steps[0][np.argmax(np.abs(steps[0]))] > 0
    assert rows[0].kicked.loss == eigen(theta + steps[0])[0]


def test_what_optimises_again_is_the_sweeps_optimiser():
    (row,) = perturb(THESIS, SADDLES.take([0]), epsilons=[0.1], optimizer="slsqp", options={"steps": 30}, scan=True)
    start = SADDLES.theta()[0] + 0.1 * (SIGMA * np.random.default_rng([0, 0, 0]).normal(size=12))
    with threadpool_limits(1):
        stopped = optimise("slsqp", DATA, start[None], 4, {"steps": 30})
    assert (row.theta == stopped.theta[0]).all()
    assert row.stop_reason == stopped.stop_reason[0]


def test_the_same_on_two_processes():
    settings = {"epsilons": [0.1, 1.0], "directions": ["random", "lowest"], "seed": 5}
    one, two = (
        perturb(THESIS, SADDLES, optimizer="newton", options={"steps": 50}, times=2, jobs=jobs, **settings)
        for jobs in (1, 2)
    )
    assert [row.epsilon for row in one] == [row.epsilon for row in two]
    assert all((x.theta == y.theta).all() for x, y in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epsilons": [0.0]}, r"epsilons=\[0.0\], .* expected positive epsilons"),
        ({"times": 0}, "times=0"),
        ({"directions": ["up"]}, "direction is 'up', expected random or lowest"),
        ({"directions": ["lowest"], "draws": 25}, "draws is 25, expected at most 24 along the eigenvectors of 12"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'"),
    ],
)
def test_settings_that_make_no_sense(settings, says):
    with pytest.raises(ValueError, match=says):
        perturb(THESIS, SADDLES, **settings)


def test_the_table_is_a_file_of_points(tmp_path):
    rows = kick(epsilons=[0.5], draws=2)
    path = tmp_path / "new" / "table.parquet"
    write_perturbed(path, rows, 4, {"problem_hash": THESIS.hash, "settings": {}})
    assert [entry.name for entry in path.parent.iterdir()] == ["table.parquet"]
    points = read_points(path, dimension=2)
    assert (points.theta() == np.array([row.theta for row in rows])).all()
    assert points.seed.tolist() == [row.seed for row in rows]
    assert declared_problem_hash(path) == THESIS.hash
    table = pq.read_table(path).to_pydict()
    assert table["loss_before"] == [row.before.loss for row in rows]
    assert table["loss_kicked"] == [row.kicked.loss for row in rows]
    assert table["smallest_eigenvalue_after"] == [row.after.smallest_eigenvalue for row in rows]
    assert table["draw"] == [0, 1] * 3
    assert table["perturbations"] == [1] * 6
