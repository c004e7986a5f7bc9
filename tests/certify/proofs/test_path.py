"""Paths: nothing that rises is ever proved to fall, however little, and what falls is proved."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from bent_run import bent_run, third_order_run
from library import TEACHER, small, true_point
from made_objects import isolated

from certify.pipeline.classification import _shares, _with_path
from certify.pipeline.closings import zeros_near
from certify.pipeline.trace import trace_to_limit
from certify.proofs.path import Descent, first_place, prove_channel, prove_descent, prove_zero
from certify.proofs.proof import Failure, Proof
from certify.proofs.verdict import Relation, Verdict
from sweep.kernels.compiled import prepare
from sweep.points import read_points
from sweep.polishing.channels import approx_limits
from sweep.polishing.polish import polish
from symmetry.arithmetic import Float64
from symmetry.infinity.charts import Chart, Group, chart_of
from symmetry.matching import propose_stratum_point, verify_equal_output
from symmetry.network import Exact, Network, exact
from symmetry.objective import SquareLoss
from symmetry.paths.closing import arc, way_in
from symmetry.paths.release import Place
from symmetry.paths.third_order import classes
from symmetry.problem import load_problem

OBJECTIVE = SquareLoss.of_network(small(), 2)
SADDLE = true_point("saddle").astype(np.float64)
START = TEACHER + 0.3 * np.array([1, -1, 1, 1, -1, 1])


def loss(theta: np.ndarray) -> float:
    return float(OBJECTIVE.evaluate(theta, Float64(), order=0).loss[0])


def gradient(theta: np.ndarray) -> np.ndarray:
    return np.asarray(OBJECTIVE.evaluate(theta, Float64(), order=1).gradient)


def falls(*vertices: np.ndarray, bits: int = 106, arithmetic: str = "auto") -> bool:
    found = prove_descent(OBJECTIVE, [exact(v) for v in vertices], arithmetic=arithmetic, max_bits=bits)
    return not isinstance(found, Failure)


def line_minimum(start: np.ndarray, direction: np.ndarray) -> float:
    """Where the loss along a downhill line stops falling, by bisection of the slope."""
    low, high = 0.0, 1e-3
    while gradient(start + high * direction) @ direction < 0:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if gradient(start + middle * direction) @ direction < 0:
            low = middle
        else:
            high = middle
    return low


def test_a_piece_that_rises_by_1e_12_is_refused_and_one_that_stops_short_is_proved():
    direction = -gradient(START)
    stop = line_minimum(START, direction)
    curvature = (gradient(START + stop * 1.001 * direction) @ direction) / (stop * 0.001)
    over = np.sqrt(2e-12 / curvature)
    assert loss(START + (stop + over) * direction) - loss(START + stop * direction) == pytest.approx(1e-12, rel=0.2)
    assert falls(START, START + (stop - over) * direction)
    assert not falls(START, START + (stop + over) * direction)
    # the same at the beginning of a piece: uphill for a moment, then far down
    before = START + (stop - over) * direction
    assert not falls(START + (stop + over) * direction, before)


def test_one_bad_piece_among_good_ones():
    points = [START]
    for _ in range(4):
        points.append(points[-1] - 0.02 * gradient(points[-1]))
    assert falls(*points)
    found = prove_descent(OBJECTIVE, [exact(v) for v in points], arithmetic="auto", max_bits=53)
    assert isinstance(found, list)
    assert np.all(found[-1].end == exact(points[-1]))
    swapped = [points[0], points[2], points[1], points[3]]
    refused = prove_descent(OBJECTIVE, [exact(v) for v in swapped], arithmetic="auto", max_bits=53)
    assert isinstance(refused, Failure)
    assert refused.numbers == (("piece", 1),)


def test_arcs():
    """An arc that overshoots, or starts uphill, is refused; one that does not is not."""
    start, end = exact(START), exact(START - 0.05 * gradient(START))
    side = exact(np.array([0.02, -0.02, 0.01, 0.02, -0.01, 0.01]))

    def proved(bend: Exact, end: Exact = end) -> bool:
        found = prove_descent(OBJECTIVE, [start, end], {0: bend}, arithmetic="auto", max_bits=106)
        if isinstance(found, list):
            assert np.all(found[-1].end == end)
            assert all(leg.bend is not None for leg in found)
        return isinstance(found, list)

    assert proved(side * Fraction(1, 100))
    assert not proved(exact(-40 * 0.05 * gradient(START)))  # far beyond and back
    assert not proved(exact(20 * 0.05 * gradient(START)))  # uphill first
    assert not proved(side, start)


def test_halves_of_an_arc_are_the_arc():
    """A long arc is proved in parts: their ends lie on it."""
    direction, bend = -gradient(START), exact(np.array([0.03, 0.02, -0.03, 0.02, 0.01, -0.02]))
    start = exact(START)
    for length in (0.4, 0.8, 1.2, 1.6):
        end = exact(START + length * direction)
        found = prove_descent(OBJECTIVE, [start, end], {0: bend}, arithmetic="auto", max_bits=106)
        if isinstance(found, list) and len(found) > 1:
            break
    assert isinstance(found, list)
    curve, share = arc(start, end, bend), Fraction(0)
    for leg in found:
        assert leg.bend is not None
        share += next(Fraction(1, 2**k) for k in range(4) if np.all(leg.bend * 4**k == bend))
        assert np.all(leg.end == curve[0] + share * curve[1] + share**2 * curve[2])
    assert share == 1


def test_a_path_over_a_saddle():
    """Down to the saddle and down on the other side is downhill but at the saddle itself, where the slope is 0."""
    values, vectors = np.linalg.eigh(OBJECTIVE.evaluate(SADDLE, Float64(), order=2).hessian)
    assert values[0] < 0 < values[-1]
    up, down = 1e-2 * vectors[:, -1], 1e-2 * vectors[:, 0]
    assert loss(SADDLE + up) > loss(SADDLE) > loss(SADDLE + down)
    assert not falls(SADDLE + up, SADDLE, SADDLE + down)
    assert not falls(SADDLE - down, SADDLE + down)  # up to the saddle first
    assert falls(SADDLE + 1e-3 * down, SADDLE + down)


def test_standing_still_is_not_falling():
    assert not falls(START, START)


@pytest.mark.parametrize("size", [1e-9, 1e-12])
def test_tiny_slopes_need_more_bits(size: float):
    """Next to the saddle the slope drowns in the rounding of float64, not in that of 106 bits."""
    _, vectors = np.linalg.eigh(OBJECTIVE.evaluate(SADDLE, Float64(), order=2).hessian)
    exact_saddle = true_point("saddle")
    start = exact_saddle + exact(size * vectors[:, 0])
    end = exact_saddle + exact(2 * size * vectors[:, 0])
    assert isinstance(prove_descent(OBJECTIVE, [end, start], arithmetic="auto", max_bits=106), Failure)
    found = prove_descent(OBJECTIVE, [start, end], arithmetic="auto", max_bits=53)
    more = prove_descent(OBJECTIVE, [start, end], arithmetic="auto", max_bits=106)
    assert isinstance(found, list) <= isinstance(more, list)


@pytest.mark.parametrize("arithmetic", ["auto", "mpmath"])
def test_the_arithmetics_agree(arithmetic: str):
    step = START - 0.05 * gradient(START)
    assert falls(START, step, bits=53, arithmetic=arithmetic)
    assert not falls(step, START, bits=53, arithmetic=arithmetic)


# ------------------------------------------------------------------------------------------------------- to a zero


def zero_of(theta: np.ndarray) -> Network:
    return Network.from_theta(exact(theta), 2)


def closes(objective: SquareLoss, zero: Network, end: Exact, order: int) -> bool:
    return prove_zero(objective, zero, end, order, arithmetic="auto", max_bits=106)


def test_a_regular_zero_is_reached_along_a_straight_line():
    end = exact(TEACHER + 0.02 * np.array([1, -1, 1, 1, -1, 1]))
    assert closes(OBJECTIVE, zero_of(TEACHER), end, 1)


def test_a_line_beyond_another_zero_is_refused():
    """From the teacher to its mirror image under exchange of the neurons: the loss is 0 at both ends."""
    assert not closes(OBJECTIVE, zero_of(TEACHER), exact(TEACHER[[2, 3, 0, 1, 5, 4]]), 1)


def test_copies_of_a_neuron_need_the_bent_curve():
    """A shipped run on its way along a valley's floor: the straight line to the zero goes over its wall."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width5", dimension=2).take([10])
    saved = Network(exact(points.w[0]), exact(points.a[0]))
    nearest = propose_stratum_point(problem, saved, loosest=0.3)
    assert nearest is not None
    objective = SquareLoss.of_network(problem, 5)
    assert closes(objective, nearest.network, saved.theta(), 2)
    assert not closes(objective, nearest.network, saved.theta(), 1)
    assert not closes(objective, nearest.network, nearest.network.theta(), 2)  # no way to go


def test_a_curved_valley_needs_a_bend():
    problem, _, proof, zero = bent_run()
    objective, end, bend = SquareLoss.of_network(problem, 6), proof.last, proof.bend
    assert end is not None
    assert bend is not None

    def rises(bend: Exact | None, end: Exact = end, octaves: int = proof.octaves) -> bool:
        rows = [] if bend is None else [bend]
        return prove_zero(objective, zero, end, 2, rows, octaves, arithmetic="auto", max_bits=106)

    assert rises(bend)
    assert rises(bend, octaves=proof.octaves + 1)
    assert not rises(bend, octaves=0)
    assert not rises(None)
    assert not rises(-bend)
    assert not rises(bend * 0)
    assert not rises(bend, zero.theta())  # no way to go


def test_a_bend_away_from_the_floor_is_refused():
    """The residuals still vanish to second order, but the loss rises over the valley's wall and falls again."""
    problem, _, proof, zero = bent_run()
    objective, end, bend = SquareLoss.of_network(problem, 6), proof.last, proof.bend
    away = exact(np.full(18, 2.0**-10))
    first = zero.theta().astype(np.float64)
    curve = [v.astype(np.float64) for v in way_in(zero, Network.from_theta(end, 2), bend + away)]

    def at(t: float) -> float:
        theta = first + sum(v * t**k for k, v in enumerate(curve, 1))
        return float(objective.evaluate(theta, Float64(), order=0).loss[0])

    assert at(0.6) > 2 * at(1.0)
    for octaves in (0, 1, 4):
        assert not prove_zero(objective, zero, end, 2, [bend + away], octaves, arithmetic="auto", max_bits=106)


def test_a_floor_of_third_order_needs_moments_that_cancel():
    problem, _, proof, zero = third_order_run()
    objective, end, rows = SquareLoss.of_network(problem, 6), proof.last, list(proof.places)
    assert end is not None
    assert proof.closing == 4

    def rises(rows: list[Exact], end: Exact = end, octaves: int = proof.octaves, at: Network = zero) -> bool:
        return prove_zero(objective, at, end, 4, rows, octaves, arithmetic="auto", max_bits=106)

    assert rises(rows)
    assert rises(rows, octaves=proof.octaves + 1)
    assert not rises(rows[:3])
    assert not rises([*rows, rows[3] * 0])
    assert not rises(rows, zero.theta())  # no way to go
    tiny = Fraction(1, 2**200)
    for order, place in ((0, 0), (0, 12), (1, 0), (1, 12)):
        # what float64 does not see: residuals of first or second order that are not exactly 0
        copies = next(c.members for c in classes(zero) if len(c.members) == 3)
        moved = [row.copy() for row in rows]
        moved[order][place + (copies[0] if place else 2 * copies[0])] += tiny
        assert not rises(moved)
    other = zero.a.copy()
    other[copies[0]] += zero.a[copies[0]] * tiny
    other[copies[1]] -= zero.a[copies[0]] * tiny
    assert not rises(rows, at=Network(zero.w, other))
    # higher terms are free, but the loss has to rise
    far = exact(np.full(18, 2.0**-6))
    assert not rises([*rows[:2], far, rows[3]])


def test_a_floor_of_third_order_is_not_left_by_other_curves():
    problem, _, proof, zero = third_order_run()
    objective, end = SquareLoss.of_network(problem, 6), proof.last
    assert end is not None
    for closing, octaves in ((1, 0), (2, 0), (1, 3), (2, 3)):
        assert not prove_zero(objective, zero, end, closing, (), octaves, arithmetic="auto", max_bits=106)


def test_json_round_trip():
    proof = Descent(np.array([exact([Fraction(1, 3), 2]), exact([0, -1])]), 2)
    again = Proof.from_json(proof.to_json())
    assert isinstance(again, Descent)
    assert np.all(again.vertices == proof.vertices)
    assert again.closing == 2
    assert again.bend is None
    row = np.array([exact([Fraction(1, 3), 5])])
    bent = Proof.from_json(Descent(proof.vertices, 2, places=row).to_json())
    assert isinstance(bent, Descent)
    assert np.all(bent.bend == row[0])
    assert Descent(proof.vertices, 3, places=row).bend is None
    empty = Proof.from_json(Descent(np.empty((0, 2), dtype=object), 1).to_json())
    assert isinstance(empty, Descent)
    assert empty.last is None


# -------------------------------------------------------------------------------------------------- plateaus, infinity


@pytest.fixture(
    scope="module",
    params=[(5, "copies2+pair"), (11, "mirrored+zero"), (92, "zero2-1"), (272, "split-3")],
    ids=lambda run: run[1],
)
def run(request: pytest.FixtureRequest) -> tuple[Chart, Network, list[Place]]:
    """A shipped width-5 run in a channel, its chart, and places downhill from where Adam left it to infinity."""
    problem = load_problem("thesis")
    index, name = request.param
    theta = read_points("data/adam/width5", dimension=2).take([index]).theta()[0]
    polished = polish(prepare(problem), theta.copy(), 5, max_steps=300)
    limits = approx_limits(problem, polished.theta, 5, polished.loss)
    limit = next(limit for limit in limits if limit.chart.name == name)
    chart, order = limit.chart.normal(), limit.chart.order
    place = (chart, order, exact(limit.q), np.full(len(limit.q), 1e-6))
    found = trace_to_limit(problem, prepare(problem), polished.vertices, *place, arithmetic="auto", max_bits=106)
    assert isinstance(found, Descent)
    assert not len(found.vertices)
    size = len(limit.q)
    places = [Place(row[:size], tuple(row[size:].tolist())) for row in found.places]
    return chart, Network.from_theta(exact(theta), 2).permuted(order), places


def leads(chart: Chart, network: Network, places: list[Place]) -> bool:
    objective = SquareLoss.of_network(load_problem("thesis"), network.width)
    return prove_channel(objective, chart, network, places, arithmetic="auto", max_bits=53)


def test_a_run_goes_down_to_infinity(run: tuple[Chart, Network, list[Place]]):
    chart, network, places = run
    assert leads(chart, network, places)
    assert not any(places[-1].eps)
    assert 1 <= len(places) < 10


def test_places_that_are_not_downhill(run: tuple[Chart, Network, list[Place]]):
    chart, network, places = run
    end = places[-1]
    moved = end.q.copy()
    moved[0] += Fraction(1, 10)
    assert not leads(chart, network, [*places[:-1], Place(moved, end.eps)])
    # back to where the run came from
    _, start = first_place(chart, network)
    assert not leads(chart, network, [places[0], start])
    assert not leads(chart, network, [start])
    # from infinity back to a network, and over infinity to the other channel
    other = Place(places[0].q, tuple(-e for e in places[0].eps))
    assert not leads(chart, network, [*places, places[0]])
    assert not leads(chart, network, [*places[:1], other])


def test_copies_in_a_diverging_group_come_to_their_mean(run: tuple[Chart, Network, list[Place]]):
    chart, network, _ = run
    merged, place = first_place(chart, network)
    together = Network.from_theta(merged, 2)
    assert np.all(together.a == network.a)
    for group in chart.shared:
        index, signs = list(group.members), np.array(group.signs)
        w, a = (signs[:, None] * together.w[index])[list(group.copied)], (signs * network.a[index])[list(group.copied)]
        assert np.all(w == w[0])
        assert np.all(a.sum() * w[0] == a @ (signs[:, None] * network.w[index])[list(group.copied)])
    # the same place, read once more
    again = first_place(chart, together)
    assert np.all(again[0] == merged)
    assert np.all(again[1].q == place.q)
    assert again[1].eps == place.eps


@pytest.mark.parametrize("kind", ["zero2-1", "split-3", "split+3"])
def test_shares_and_the_sign_of_a_split(kind: str):
    groups = {
        "zero2-1": Group("zero", (0, 1), 1),
        "split-3": Group("split-", (0, 1, 2)),
        "split+3": Group("split+", (0, 1, 2)),
    }
    chart = chart_of(4, 2, [groups[kind]])
    found = SimpleNamespace(chart=chart, proofs=())
    good = {"zero2-1": [5, -4, 1, 1], "split-3": [9, -5, -3, 1], "split+3": [-9, 5, 3, 1]}[kind]
    bad = {
        "zero2-1": [[5, 4, 1, 1], [5, 0, 1, 1]],
        "split-3": [[-9, 5, 3, 1], [9, -5, 3, 1], [9, -5, 0, 1]],
        "split+3": [[9, -5, -3, 1], [-9, 5, -3, 1]],
    }[kind]
    assert _shares(found, Network.of([[1, 2]] * 4, good))  # type: ignore[arg-type]
    for a in bad:
        assert not _shares(found, Network.of([[1, 2]] * 4, a))  # type: ignore[arg-type]


def test_a_network_with_larger_outputs_is_not_downhill(run: tuple[Chart, Network, list[Place]]):
    """The same ``q`` nearer to infinity and up again."""
    chart, network, places = run
    nearer = Place(places[0].q, tuple(e / 64 for e in places[0].eps))
    assert not leads(chart, network, [places[0], nearer, places[0]])


def test_copies_with_other_outputs_do_not_come_together_downhill():
    """``B ≻ 0``: with outputs of both signs the copies have a direction downhill, apart."""
    problem = load_problem("thesis")
    theta = read_points("data/adam/width5", dimension=2).take([5]).theta()[0]
    polished = polish(prepare(problem), theta.copy(), 5, max_steps=300)
    limit = approx_limits(problem, polished.theta, 5, polished.loss)[0]
    chart = limit.chart.normal()
    network = Network.from_theta(exact(theta), 2).permuted(limit.chart.order)
    assert chart.copies
    i, j = chart.copies[0].members
    a = network.a.copy()
    total = a[i] + a[j]
    a[i], a[j] = 3 * total, -2 * total
    merged, here = first_place(chart, Network(network.w, a))
    apart = Network(network.w, a)
    assert np.any(merged != apart.theta())
    assert not leads(chart, apart, [here])


def test_the_flat_minimum_that_looks_like_a_pair_has_no_way_to_infinity():
    """Outputs like 2.6 and −3.2, incoming weights close: but κ < 0, the loss rises towards the limit."""
    problem = load_problem("thesis")
    points = read_points("data/adam/width4", dimension=2)
    theta = points.theta()[points.seed.tolist().index(20)]
    polished = polish(prepare(problem), theta.copy(), 4, max_steps=400)
    assert polished.loss == pytest.approx(5.0176e-5, rel=1e-4)
    outputs = polished.theta[-4:]
    pair = tuple(sorted(np.argsort(-np.abs(outputs))[:2].tolist()))
    assert outputs[pair[0]] * outputs[pair[1]] < 0
    chart = chart_of(4, 2, [Group("pair", pair)])
    network = Network.from_theta(exact(polished.theta), 2).permuted(chart.order)
    normal = chart.normal()
    _, here = first_place(normal, network)
    assert not leads(normal, network, [Place(here.q, (Fraction(0),))])
    for share in (2, 4, 8):
        assert not leads(normal, network, [Place(here.q, (here.eps[0] / share,))])


def test_a_path_that_ends_just_outside_the_box_is_no_path():
    """The end is compared with the box exactly, after everything else."""
    found = isolated([[1, 2], [-3, 1]], [2, -1])
    assert found.box is not None
    assert found.network is not None
    saved = Network(found.network.w + 1, found.network.a)
    edge = found.box.center + exact(found.box.uniqueness_radius)
    draft = Verdict(0, "made", None, found.width, found.kind, Relation.POLISHED, object=found)
    for beyond, relation in ((Fraction(0), Relation.PATH), (Fraction(1, 2**80), Relation.POLISHED)):
        end = edge.copy()
        end[0] += beyond
        proof = Descent(np.array([end]), 0)
        told = _with_path(draft, {"descent": proof.to_json(), "zero": None}, saved)
        assert told.relation is relation
        assert (told.descent is None) is (relation is Relation.POLISHED)


def test_zeros_where_copies_that_cancel_meet_a_neuron_of_the_teacher():
    """A class of free copies near the mirror image of a teacher's neuron: both zeros lie on the stratum."""
    problem = load_problem("thesis")
    assert problem.teacher is not None
    rows, outputs = problem.teacher.w.tolist(), problem.teacher.a.tolist()
    beside = [-v + Fraction(1, 50) for v in rows[1]]
    near = Network.of([*rows, beside, beside], [*outputs, Fraction(1, 2), Fraction(-1, 2)])
    found = propose_stratum_point(problem, near)
    assert found is not None
    first, second = zeros_near(found.stratum, near)
    assert np.all(first.theta() == near.theta())
    assert np.all(second.w[4:] == -problem.teacher.w[1])
    for zero in (first, second):
        assert found.stratum.contains(zero)
        assert verify_equal_output(problem, zero)
    away = Network.of([*rows, [5, 5], [5, 5]], [*outputs, Fraction(1, 2), Fraction(-1, 2)])
    far = propose_stratum_point(problem, away)
    assert far is not None
    assert len(list(zeros_near(far.stratum, away))) == 1
