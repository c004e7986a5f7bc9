"""Copies in a channel that move apart: the loss is what Theorems 19 and 20 of docs/infinity.md say."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import mpmath
import numpy as np
import pytest
from limit_cases import chart, limit_output, number, output, planted, size, smalls

from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart
from symmetry.network import Network, exact
from symmetry.problem import Problem


def loss_above_the_limit(found: Chart, q: np.ndarray, network: Network, problem: Problem) -> mpmath.mpf:
    """``L − F_0``, from the outputs in mpmath."""
    assert not problem.exact_labels
    with mpmath.workdps(40):
        total = mpmath.mpf(0)
        for row, y in zip(problem.inputs.exact_values, problem.labels, strict=True):
            x, label = exact(row), number(Fraction(float(y)))
            here, there = output(network, x) - label, limit_output(found, exact(q), x) - label
            total += (here - there) * (here + there)
        return total / len(problem)


def moved(found: Chart, network: Network, shift: list[np.ndarray], beta: list[Fraction]) -> Network:
    """The copies of the first group moved apart, their weighted mean kept."""
    group = found.groups[0] if found.groups[0].copied else found.groups[-1]
    mean = sum((b * s for b, s in zip(beta, shift, strict=True)), exact(np.zeros(found.dimension)))
    w = network.w.copy()
    for k, s in zip(group.copied, shift, strict=True):
        w[group.members[k]] += group.signs[k] * (s - mean)
    return Network(w, network.a)


@pytest.mark.parametrize(("name", "sign"), [("split+3", 1), ("split-4", -1), ("split+3-1+mirrored", 1)])
@pytest.mark.parametrize("across", [2.0, -1.0])
def test_copies_of_a_member_of_a_pair(name: str, sign: int, across: float) -> None:
    found = chart(name)
    q = np.random.default_rng(4).normal(size=size(found))
    kappas = [0.7] * len(found.diverging)
    problem = planted(found, q, kappas=kappas, holds={1: across}, count=60, noise=0.1)
    unit = found.units[len(found.ordinary)].place
    u = exact(found.by_unit(q)[unit][2:4])
    normal = exact([-u[1], u[0]])
    outputs, r = found.objective(problem).outputs(q, Float64(), 2)
    bend = outputs[1].hold(r, Fraction(2, len(problem)), 1, Fraction(0))
    assert np.allclose(bend @ u.astype(float), 0, atol=1e-9)  # Proposition 17
    beta = [Fraction(k + 1, 6) for k in range(3)] if name == "split-4" else [Fraction(1, 3), Fraction(2, 3)]
    misses = []
    for rho in (Fraction(1, 2**7), Fraction(1, 2**10)):
        epsilon = sign * rho**2  # |ε|^½ = ρ
        small = [epsilon] + [epsilon] * (len(smalls(found, Random(0), Fraction(1))) - 1)
        network = found.network(exact(q), small, [beta])
        y = [rho * (k + 1) / 2 for k, _ in enumerate(beta)]
        zeta = [rho * (-1) ** k * (k + 2) / 3 for k, _ in enumerate(beta)]
        shift = [epsilon * a * u + rho * b * normal for a, b in zip(y, zeta, strict=True)]
        gap = loss_above_the_limit(found, q, moved(found, network, shift, beta), problem)
        mean = sum(b * z for b, z in zip(beta, zeta, strict=True))
        spread = float(sum(b * (z - mean) ** 2 for b, z in zip(beta, zeta, strict=True)))
        predicted = sum(kappas) * float(epsilon) ** 2 + sign * spread * across / 4
        misses.append(abs(float(gap) - predicted) / float(rho) ** 2)
    assert misses[1] < misses[0] / 3
    assert misses[1] < 0.05 * abs(across)


def test_the_part_along_the_pair_is_of_the_order_of_kappa() -> None:
    # y of size 1, nothing across: ε²κ(1 + (3/2) Σβy² + (1/2) Σβy³)
    found = chart("split+3")
    q = np.random.default_rng(4).normal(size=size(found))
    problem = planted(found, q, kappas=[0.7], holds={1: 2.0}, count=60, noise=0.1)
    u = exact(found.by_unit(q)[found.units[len(found.ordinary)].place][2:4])
    beta = [Fraction(1, 4), Fraction(3, 4)]
    for y in ([Fraction(3, 2), Fraction(-1, 2)], [Fraction(-9), Fraction(3)]):
        epsilon = Fraction(1, 2**16)
        network = moved(found, found.network(exact(q), [epsilon], [beta]), [epsilon * k * u for k in y], beta)
        gap = loss_above_the_limit(found, q, network, problem)
        square, cube = (float(sum(b * k**n for b, k in zip(beta, y, strict=True))) for n in (2, 3))
        assert float(gap) / float(epsilon) ** 2 == pytest.approx(0.7 * (1 + 1.5 * square + 0.5 * cube), rel=1e-2)
    assert 1 + 1.5 * square + 0.5 * cube < 0  # the other shapes that Theorem 19 warns of


@pytest.mark.parametrize("name", ["mirrored+zero2", "mirrored+zero3-2"])
def test_copies_of_the_zero_neuron(name: str) -> None:
    found = chart(name)
    q = np.random.default_rng(8).normal(size=size(found))
    problem = planted(found, q, kappas=[0.5, 0.3], count=60, noise=0.1)
    outputs, r = found.objective(problem).outputs(q, Float64(), 2)
    form = outputs[found.term(found.groups[-1])].hold(r, Fraction(2, len(problem)), 1, Fraction(0))
    slope = q[-2:]
    assert 4 / 3 * slope @ form @ slope == pytest.approx(0.3)
    beta = (
        [Fraction(1, 4), Fraction(3, 4)]
        if name.endswith("zero2")
        else [Fraction(1, 5), Fraction(1, 2), Fraction(3, 10)]
    )
    group = found.groups[-1]
    ratios = []
    for epsilon in (Fraction(1, 2**12), Fraction(1, 2**16)):
        network = found.network(exact(q), [epsilon], [beta])
        signs = [group.signs[k] for k in group.copied]
        inverse = sum(s * network.a[i] for s, i in zip(signs, group.members, strict=True))
        e = [Fraction(k * k - 1, 400) * exact([1, k]) for k in range(1, 1 + len(beta))]
        gap = loss_above_the_limit(found, q, moved(found, network, [4 * v / inverse for v in e], beta), problem)
        mean = sum((b * v for b, v in zip(beta, e, strict=True)), exact([0, 0]))
        spread = sum(
            float(b) * (v - mean).astype(float) @ form @ (v - mean).astype(float) for b, v in zip(beta, e, strict=True)
        )
        predicted = 0.5 * float(epsilon) ** 2 + (0.3 + 4 * spread) / float(inverse) ** 2
        ratios.append(float(gap) / predicted - 1)
    assert abs(spread) > 1e-3 or name.endswith("zero2")
    assert abs(ratios[1]) < 0.01
