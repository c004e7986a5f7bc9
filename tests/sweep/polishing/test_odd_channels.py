"""Channels of networks with odd activations: a mirrored pair is a pair."""

import numpy as np

from sweep.polishing.channels import _agreeing, approx_limits
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Group, chart_of
from symmetry.network import exact
from symmetry.objective import SquareLoss
from symmetry.problem import load_problem


def test_neurons_that_are_near_up_to_sign_come_to_agree():
    w = np.array([[1.0, 0.2], [-1.01, -0.2], [0.0, 3.0], [0.1, -3.0], [5.0, 5.0]])
    signs = _agreeing(w)
    assert signs[0] == -signs[1]
    assert signs[2] == -signs[3]
    turned = w * signs[:, None]
    assert np.linalg.norm(turned[0] - turned[1]) < 0.02
    assert _agreeing(np.abs(w)).tolist() == [1] * 5


def test_a_mirrored_pair_of_tanh_is_found_as_a_pair():
    problem = load_problem("thesis-tanh")
    # where one of 100 Newton runs went: a pair beside two neurons
    chart = chart_of(4, 2, [Group("pair", (2, 3))])
    w = np.array([[0.5968, 0.4872], [0.6657, 1.1232], [1.33678, -0.96105], [1.3392, -0.96257]])
    a = np.array([0.97067, -0.3336, 200.04, -199.47])
    objective, (q, eps) = chart.objective(problem), chart.read(w, a)
    for _ in range(60):
        at = objective.evaluate(q, Float64(), 2)
        q = q - np.linalg.solve(at.hessian, at.gradient)
    network = chart.network(exact(q), exact(eps))
    theta = network.theta().astype(float)
    loss = float(SquareLoss.of_network(problem, 4).evaluate(theta, Float64(), 0).loss[0])
    mirrored = theta.copy()
    mirrored[[4, 5, 10]] *= -1  # neuron 2 is written as its mirror image
    for point, turned in ((theta, False), (mirrored, True)):
        found = approx_limits(problem, point, 4, loss)
        assert found
        assert found[0].chart.name == "pair"
        assert bool((found[0].signs < 0).any()) == turned
        assert abs(found[0].loss - float(objective.evaluate(q, Float64(), 0).loss[0])) < 1e-9
