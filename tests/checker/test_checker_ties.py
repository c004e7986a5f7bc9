"""``tie.slack`` once more, in exact numbers: the constants that shares can make are read off a polyhedron's corners.

Shares of given signs that add up to 1 are a polyhedron: its corners are the unit vectors of positive shares, its rays
``e_i − e_j``, ``i`` positive and ``j`` negative. A linear function is extremal at corners, or unbounded along a ray.
Prover and checker use a formula for the ends instead (docs/infinity.md, Theorem 4a).
"""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certify.arithmetic.arb import Arb
from certify.checker.reading import Rejected
from certify.proofs.manifold import Split, Tie, tie
from certify.proofs.proof import Failure, dyadic, from_text
from symmetry.network import exact

sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[1])])
from cases import NAMES, case, check, signed

TIED = [name for name in NAMES if "tie" in case(name).certificate["witness"]]
SEEDS = st.integers(0, 2**32 - 1)


def reach(positive: int, negative: int, mirrored: tuple[int, int]) -> tuple[Fraction | None, Fraction | None]:
    """The least and the largest sum of the mirrored shares, not attained; ``None`` where there is no bound."""
    turned = [1] * mirrored[0] + [0] * (positive - mirrored[0]), [1] * mirrored[1] + [0] * (negative - mirrored[1])
    slopes = [p - n for p in turned[0] for n in turned[1]]
    low = None if min(slopes, default=0) < 0 else Fraction(min(turned[0]))
    return low, None if max(slopes, default=0) > 0 else Fraction(max(turned[0]))


def gaps(groups: list[tuple[Fraction, Any]], constant: Fraction) -> list[Fraction]:
    """How far ``−K`` is above the lower and below the upper end of all ``Σ a_j x_j``, for the ends that are finite."""
    out = []
    for side in (-1, 1):
        ends = [reach(*signs)[(side * a > 0)] for a, signs in groups]
        if None not in ends:
            out.append(side * (constant + sum(a * x for (a, _), x in zip(groups, ends, strict=True) if x is not None)))
    return out


def least_gaps(certificate: dict[str, Any]) -> list[Fraction]:
    """The same, the least over the existence box: they are linear in ``(a, K)``, so at its corners."""
    witness = certificate["witness"]
    center, radius = ([from_text(v) for v in witness["krawczyk"][k]] for k in ("center", "existence_radius"))
    taken = [s for s in witness["splits"] if any(s.get("mirrored", ()))]
    copies = sum(group[0] == "copies" for group in witness["chart"]["groups"])
    # q has the incoming weights of copies and other neurons first, then their outputs
    inside = [i for group in witness["chart"]["groups"] for i in group[1]]
    neurons = copies + witness["chart"]["width"] - len(inside)
    places = [2 * neurons + s["neuron"] for s in taken] + [len(center) - 1]
    signs = [(s["positive"], s["negative"], tuple(s["mirrored"][:2])) for s in taken]
    found = []
    for corner in product((-1, 1), repeat=len(places)):
        *outputs, constant = [center[i] + side * radius[i] for i, side in zip(places, corner, strict=True)]
        found.append(gaps(list(zip(outputs, signs, strict=True)), constant))
    return [min(column) for column in zip(*found, strict=True)]


@pytest.mark.parametrize("name", TIED)
def test_the_slack_of_a_certificate_is_below_the_exact_one_and_near_it(name: str) -> None:
    claimed = [from_text(v) for v in case(name).certificate["witness"]["tie"]["slack"]]
    there = least_gaps(case(name).certificate)
    assert len(claimed) == len(there) > 0
    for mine, least in zip(claimed, there, strict=True):
        assert 0 < mine <= least
        assert least - mine < Fraction(1, 10**9)


@pytest.mark.parametrize("name", TIED)
def test_the_checker_takes_no_slack_beyond_the_exact_one(name: str) -> None:
    for end, least in enumerate(least_gaps(case(name).certificate)):
        step = dict(case(name).certificate["witness"]["tie"])
        step["slack"] = [dyadic(least + Fraction(1, 2**150)) if i == end else v for i, v in enumerate(step["slack"])]
        made = case(name).certificate["witness"] | {"tie": step}
        with pytest.raises(Rejected, match="slack"):
            check(signed(case(name).certificate | {"witness": made}), case(name).problem)


@given(SEEDS)
def test_shares_that_are_drawn_make_no_constant_beyond_the_corners(seed: int) -> None:
    rng = Random(seed)
    positive, negative = rng.randint(1, 3), rng.randint(0, 3)
    mirrored = (rng.randint(0, positive), rng.randint(0, negative))
    below = [Fraction(-rng.randint(1, 50), rng.randint(1, 9)) for _ in range(negative)]
    above = [Fraction(rng.randint(1, 50)) for _ in range(positive)]
    above = [v * (1 - sum(below, Fraction(0))) / sum(above) for v in above]
    x = sum(above[: mirrored[0]], Fraction(0)) + sum(below[: mirrored[1]], Fraction(0))
    low, high = reach(positive, negative, mirrored)
    # an end is attained only where nothing else is possible
    assert low is None or low < x or low == high == x
    assert high is None or high > x or low == high == x


@given(SEEDS)
def test_the_prover_ties_exactly_where_the_corners_say_so(seed: int) -> None:
    rng = Random(seed)
    groups, splits = [], []
    for j in range(rng.randint(1, 3)):
        positive, negative = rng.randint(1, 3), rng.randint(0, 2)
        mirrored = (rng.randint(0, positive), rng.randint(0, negative))
        assume(any(mirrored))
        groups.append((Fraction(rng.choice([-7, -3, -1, 2, 5]), rng.randint(1, 8)), (positive, negative, mirrored)))
        splits.append(Split(j, positive, negative, 0, (*mirrored, 0), 2, 0))
    constant = Fraction(rng.randint(-40, 40), 16)
    there, ar = gaps(groups, constant), Arb(106)
    found = tie(splits, ar.array(exact([a for a, _ in groups])), ar.array(exact([constant])), ar)
    if min(there, default=Fraction(1)) > 0:
        assert isinstance(found, Tie)
        assert all(0 < v <= w for v, w in zip(found.slack, there, strict=True))
        assert np.allclose(found.slack.astype(float), np.array(there, dtype=float), rtol=1e-12)
    else:
        assert isinstance(found, Failure)
