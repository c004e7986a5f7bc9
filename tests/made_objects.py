"""Objects made by hand, for the tests of what handles objects: nothing about them is proved."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from certify.proofs.exclusion import EmptyBall
from certify.proofs.inertia import Inertia
from certify.proofs.infinity import Channel
from certify.proofs.krawczyk import Krawczyk
from certify.proofs.manifold import Split
from certify.proofs.proof import Proof
from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict
from certify.proofs.zero import ZeroLoss
from certify.results.store import Results, begin, describe_run, read_results, write_results
from symmetry.infinity.charts import Group, chart_of
from symmetry.network import Network, Points, exact
from symmetry.problem import Problem, parse_problem


def isolated(
    w: Sequence[Sequence[Any]],
    a: Sequence[Any],
    *,
    existence: float | Sequence[float] = 2.0**-40,
    uniqueness: float | Sequence[float] = 2.0**-10,
    loss: tuple[Any, Any] = (Fraction(1, 1000), Fraction(2, 1000)),
    index: int = 0,
    not_global: bool | None = True,
    **changes: Any,
) -> CriticalObject:
    """An isolated object about ``(w, a)`` with the given radii (one for all, or one a coordinate)."""
    network = Network.of(w, a)
    theta = network.theta()
    size = len(theta)
    krawczyk = Krawczyk(
        theta,
        np.broadcast_to(np.asarray(existence, dtype=np.float64), size).copy(),
        np.broadcast_to(np.asarray(uniqueness, dtype=np.float64), size).copy(),
        np.eye(size),
        "float64",
        53,
    )
    signs = (-1,) * index + (1,) * (size - index)
    fields: dict[str, Any] = {
        "kind": Kind.SADDLE if index else Kind.LOCAL_MINIMUM,
        "network": network,
        "proofs": (krawczyk, Inertia(size - index, index, np.eye(size), signs)),
        "loss": (Fraction(loss[0]), Fraction(loss[1])),
        "strict": None if index else True,
        "not_global": not_global,
        "morse_index": index,
        "nullity": 0,
        "manifold_dimension": 0,
        "level": None,
        "stratum": "",
        "lambda_min": (Fraction(-3, 8), Fraction(-1, 4)) if index else (Fraction(1, 3), Fraction(1, 2)),
        "method": "krawczyk/float64",
        "bits": 53,
    }
    return CriticalObject(**(fields | changes))


def in_chart(
    groups: Sequence[tuple[Any, Sequence[int]]], width: int, q: Sequence[Any], splits: Sequence[tuple[int, int]] = ()
) -> CriticalObject:
    """An object of one-dimensional inputs in the chart with these groups, about the limit network ``q``."""
    chart = chart_of(width, 1, [Group(kind, tuple(members)) for kind, members in groups])
    center = exact(q)
    size = np.ones(len(center))
    box = Krawczyk(center, size * 2.0**-40, size * 2.0**-10, np.eye(len(center)), "midrad", 53)
    signs = Inertia(len(center), 0, np.eye(len(center)), (1,) * len(center))
    found = tuple(Split(j, positive, negative, 0, (0, 0, 0), 1, 0) for j, (positive, negative) in enumerate(splits))
    index = sum(proof.added_negative for proof in found)
    kappa = (Channel(chart.name, exact([1 / 4]), exact([1 / 2]), exact([])),) if chart.diverging else ()
    finite = Kind.SADDLE if index else Kind.LOCAL_MINIMUM
    return CriticalObject(
        kind=Kind.MINIMUM_AT_INFINITY if chart.diverging else finite,
        network=None,
        chart=chart,
        proofs=(box, signs, *found, *kappa),
        loss=(Fraction(1, 512), Fraction(1, 256)),
        strict=None if chart.diverging or index else False,
        not_global=True,
        morse_index=index,
        nullity=sum(proof.dimension for proof in found),
        manifold_dimension=sum(proof.dimension for proof in found),
        level=None,
        stratum="",
        lambda_min=None,
        method=f"{'channel' if chart.diverging else 'split'}+krawczyk/midrad",
        bits=53,
    )


def stratum(
    w: Sequence[Sequence[Any]], a: Sequence[Any], *, name: str, dimension: int = 1, proofs: tuple[Proof, ...] = ()
) -> CriticalObject:
    """A stratum of global minima through ``(w, a)``."""
    network = Network.of(w, a)
    zero = Fraction(0)
    return CriticalObject(
        kind=Kind.GLOBAL_MINIMUM,
        network=network,
        proofs=(ZeroLoss(name, dimension, network.w, network.a, tuple(name.split())), *proofs),
        loss=(zero, zero),
        strict=not dimension,
        not_global=False,
        morse_index=0,
        nullity=None,
        manifold_dimension=dimension,
        level=None,
        stratum=name,
        lambda_min=(zero, zero),
        method="zero-loss",
        bits=0,
    )


def ball(radius: float, width: int = 2) -> EmptyBall:
    """A ball about the origin of networks with two inputs."""
    size = 3 * width
    return EmptyBall(exact([0] * size), radius, np.eye(size)[0], "midrad", 53)


TINY = """
name = "tiny"
activation = "sigmoid"
[teacher]
w = [[0.5, 1], [1, -0.5]]
a = [1, -1]
[inputs.grid]
start = [-1, -1]
stop = [1, 1]
step = [1, 1]
"""


def tiny_problem() -> Problem:
    """Two teacher neurons on a 3×3 grid."""
    return parse_problem(TINY, source="tiny.toml", folder=None)


def made_points(count: int, width: int = 2, start: int = 0) -> Points:
    """``count`` different points, of no particular kind; their seeds are unknown where ``start`` is negative."""
    numbers = np.arange(count * width * 3, dtype=np.float64).reshape(count, width, 3) / 8 + start
    source = tuple(f"made.npz:{i}" for i in range(count))
    return Points(numbers[:, :, :2].copy(), numbers[:, :, 2].copy(), source, np.arange(start, start + count))


def verdict(index: int, found: CriticalObject | None = None, **changes: Any) -> Verdict:
    """The verdict that candidate ``index`` is ``contained`` in ``found``; undecided without an object."""
    fields: dict[str, Any] = {"source": f"made.npz:{index}", "seed": index, "width": found.width if found else 2}
    if found is None:
        reason = "no-convergence: diverging; loss = 1e-05"
        fields |= {"kind": Kind.UNDECIDED, "reason": reason, "moved": 3.0}
    else:
        fields |= {"kind": found.kind, "object": found, "relation": Relation.CONTAINED, "distance": 2.0**-20}
    return Verdict(index=index, **(fields | changes))


def write(directory: Path, verdicts: Sequence[Verdict], *, problem: Problem | None = None, start: int = 0) -> Results:
    """A finished results directory with these verdicts, read back."""
    problem = problem or tiny_problem()
    points = made_points(len(verdicts), verdicts[0].width, start)
    run = describe_run(problem, points, {"arithmetic": "auto", "max_bits": 212, "polish": True})
    journal = begin(directory, run, resume=False, overwrite=False)
    assert journal is not None
    objects = {v.object.id: v.object for v in verdicts if v.object is not None}
    with journal:
        write_results(directory, run, problem, points, verdicts, list(objects.values()))
    return read_results(directory)
