"""How many: Bell numbers, the counts of Şimşek et al. 2021, and the maximal strata with sign flips. Exact integers.

Closed forms, of polynomial cost in the width; statements and proofs: ``docs/counting.md``. :func:`labelled_counts`
counts the same strata by listing their orbits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from symmetry.orbits import strata_orbits
from symmetry.problem import Problem
from symmetry.strata import Stratum, Target


def G(r: int, m: int) -> int:
    """The number of ways to give ``m`` neurons ``r`` classes, none of them empty (surjections).

    ``G(r,m) = Σ_{k_1+..+k_r=m, k_t≥1} m!/(k_1!…k_r!) = Σ_{i=0}^r (−1)^{r−i} C(r,i) i^m``

    >>> G(4, 5), G(3, 5), G(2, 5)
    (240, 150, 30)

    Raises:
        ValueError: a negative argument.

    Source: Şimşek et al. 2021 (arXiv 2105.12221); docs/counting.md, section 1.
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

    Source: Şimşek et al. 2021 (arXiv 2105.12221); docs/counting.md, section 1.
    """
    _require_sizes(r=r, m=m)
    return sum(math.comb(m, u) * bell(u) * G(r, m - u) for u in range(m - r + 1))


def zero_sum_subsets(outputs: Sequence[Fraction]) -> int:
    """The number ``N`` of subsets of the outputs, the empty one among them, with sum 0.

    >>> zero_sum_subsets([Fraction(x) for x in (1, -1, 1, -1)])
    6
    """
    sums = Counter({Fraction(0): 1})
    for output in outputs:
        for total, count in list(sums.items()):
            sums[total + output] += count
    return sums[Fraction(0)]


def maximal_counts(target: Target, width: int) -> dict[int, int]:
    """The number of maximal strata of each dimension, by formula: ``{dimension: count}``.

    Neurons are labelled: strata that differ by a permutation are counted apart.

    Raises:
        ValueError: a negative width.

    Source: docs/counting.md, Theorem 2.
    """
    _require_sizes(width=width)
    r, d = len(target.a), len(target.w[0])
    surjections = [G(k, width) for k in range(width + 1)]
    counts: Counter[int] = Counter()
    for free in range(width - r + 1):
        cells = r + free
        for fewer, divisor, polynomial in _cell_polynomials(target, free):
            labellings = sum(c * surjections[cells + j] for j, c in enumerate(polynomial[: width - cells + 1]))
            # exact: the sum counts each stratum ``divisor`` times
            counts[width - r - fewer + (d - 1) * free] += labellings // divisor
    return {dimension: count for dimension, count in sorted(counts.items()) if count}


def _cell_polynomials(target: Target, free: int) -> Iterator[tuple[int, int, list[int]]]:
    """The maximal strata with ``δ = free`` classes ``D``, as polynomials in the number of cells (docs/counting.md).

    With ``n = r + δ``, ``P = (1+u)(2+u)^n``, ``N`` zero-sum subsets of the outputs (``u^n`` left out):

        c = 0:        dimension m − r + (d−1)δ:      P / (2^δ δ!)
        no identity:  dimension m − r + (d−1)δ:      1 / δ!
        c ≠ 0:        dimension m − r + (d−1)δ:      N / δ!
                      dimension m − r + (d−1)δ − 1:  (2P − 2^{n+1} − N 2^δ (2r+2+δ) u) / (2^{δ+1} δ!)

    Yields:
        what is taken from the dimension, the divisor, and the coefficients of ``u^n, u^{n+1}, …``.
    """
    r = len(target.a)
    n, same = r + free, math.factorial(free)
    if target.reflection is None:
        yield 0, same, [1]
        return
    binomial = [math.comb(n, j) * 2 ** (n - j) for j in range(n + 1)]
    product = [x + y for x, y in zip([*binomial, 0], [0, *binomial], strict=True)]
    if target.reflection == 0:
        yield 0, 2**free * same, product
        return
    subsets = zero_sum_subsets(target.a)
    yield 0, same, [subsets]
    regular = [2 ** (n + 1), subsets * 2**free * (2 * r + 2 + free), *[0] * n]
    yield 1, 2 ** (free + 1) * same, [2 * x - y for x, y in zip(product, regular, strict=True)]


def labelled_counts(problem: Problem | Target, width: int) -> dict[int, int]:
    """What :func:`maximal_counts` counts, by listing the orbits and adding their sizes: ``{dimension: count}``.

    Raises:
        ValueError: the labels are given, not a teacher's.
    """
    return by_dimension(strata_orbits(problem, width))


def by_dimension(orbits: Iterable[Stratum]) -> dict[int, int]:
    """The number of strata of each dimension in the orbits represented: ``{dimension: count}``."""
    counts: Counter[int] = Counter()
    for stratum in orbits:
        counts[stratum.dimension] += stratum.orbit_size
    return dict(sorted(counts.items()))


def listed(r: int, m: int) -> tuple[int, int]:
    """``(G(r,m), T(r,m))`` by listing the orbits of strata without flips.

    ``G`` adds the sizes of those without classes ``D``, ``T`` of all.

    >>> listed(4, 5)
    (240, 360)

    Raises:
        ValueError: ``r < 1``.
    """
    plain = Target.with_outputs([Fraction(1)] * r, None)
    orbits = strata_orbits(plain, m)
    surjections = sum(stratum.orbit_size for stratum in orbits if len(stratum.blocks) == r)
    return surjections, sum(stratum.orbit_size for stratum in orbits)


def _require_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if value < 0:
            raise ValueError(f"{name} is {value}, expected a number ≥ 0")
