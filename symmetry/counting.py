"""How many: Bell numbers, the counts of Şimşek et al. 2021, and the labelled strata with sign flips. Exact integers."""

from __future__ import annotations

import math
from collections import Counter

from symmetry.orbits import strata_orbits
from symmetry.problem import Problem


def G(r: int, m: int) -> int:
    """The number of ways to give ``m`` neurons ``r`` classes, none of them empty (surjections).

    ``G(r,m) = Σ_{k_1+..+k_r=m, k_t≥1} m!/(k_1!…k_r!) = Σ_{i=0}^r (−1)^{r−i} C(r,i) i^m``

    >>> G(4, 5), G(3, 5), G(2, 5)
    (240, 150, 30)

    Raises:
        ValueError: a negative argument.

    Source: Şimşek et al. 2021 (arXiv 2105.12221); docs/strata.md, section 7.
    """
    _require_sizes(r=r, m=m)
    return sum((-1) ** (r - i) * math.comb(r, i) * i**m for i in range(r + 1))


def bell(n: int) -> int:
    """The number of partitions of a set of ``n`` elements: ``Bell(n) = Σ_k C(n−1,k) Bell(k)``, ``Bell(0) = 1``.

    >>> [bell(n) for n in range(6)]
    [1, 1, 2, 5, 15, 52]

    Raises:
        ValueError: a negative argument.
    """
    _require_sizes(n=n)
    values = [1]
    for size in range(n):
        values.append(sum(math.comb(size, k) * values[k] for k in range(size + 1)))
    return values[n]


def T(r: int, m: int) -> int:
    """The number of affine subspaces of global minima of width ``m`` without flips and zero neurons.

    ``T(r,m) = Σ_{u=0}^{m−r} C(m,u) · Bell(u) · G(r, m−u)``

    >>> [T(4, m) for m in range(4, 8)]
    [24, 360, 3720, 33600]

    Raises:
        ValueError: a negative argument.

    Source: Şimşek et al. 2021 (arXiv 2105.12221); docs/strata.md, section 7.
    """
    _require_sizes(r=r, m=m)
    return sum(math.comb(m, u) * bell(u) * G(r, m - u) for u in range(m - r + 1))


def labelled_counts(problem: Problem, width: int) -> dict[int, int]:
    """The number of maximal strata of each dimension, flips and zero neurons included: ``{dimension: count}``.

    Neurons are labelled: strata that differ by a permutation are counted apart.

    Raises:
        ValueError: the labels are given, not a teacher's.
    """
    counts: Counter[int] = Counter()
    for stratum in strata_orbits(problem, width):
        counts[stratum.dimension] += stratum.orbit_size
    return dict(sorted(counts.items()))


def _require_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 0:
            raise ValueError(f"{name} is {value}, expected a number ≥ 0")
