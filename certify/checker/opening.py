"""The chart in which a region is described: copies are neurons of their own, and two neurons near zero are a pair.

In this *open* chart each copy has its own ``(w_i, a_i)``. A limit network ``q`` is there any ``Q`` with ``w_i = w, a_i
= β_i a``; the shares ``β`` are those of the place where the path ends. ``F_QQ`` is then positive definite on the space
of all changes that keep shares, ``δa_i = β_i Σ δa_j`` (docs/infinity.md, Theorem 34). A zero group that balances itself
and has one flipped member beside one that is not is a pair with ``w = 0, u = 4ℓ, c = 2K`` (Theorem 35).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .charts import Chart, Diverging
from .loss import Network
from .reading import need

Numbers = list[Fraction]


@dataclass(frozen=True)
class Ties:
    """A space of changes: each coordinate ``i`` is ``factors[i]`` times the parameter ``columns[i]``."""

    columns: list[int]
    factors: Numbers


@dataclass(frozen=True)
class Opening:
    """A chart, and the open one."""

    inner: Chart
    outer: Chart

    @property
    def owners(self) -> list[int]:
        """For each neuron of the open limit network the number of its neuron in the other one."""
        single = range(len(self.inner.copies), self.inner.neurons)
        return [k for k, size in enumerate(self.inner.copies) for _ in range(size)] + list(single)

    @property
    def crossed(self) -> bool:
        """Whether two neurons near zero are a pair."""
        return self.inner.kinds.count("zero") > self.outer.kinds.count("zero")

    def size(self, inner: int, d: int) -> int:
        """The number of parameters of the open limit network, from that of the other one."""
        return inner + (self.outer.neurons - self.inner.neurons) * (d + 1) + d * self.crossed

    def reordered(self, neurons: Network) -> Network:
        """Neurons in the order of the chart, in that of the open one: diverging groups first."""
        first = sum(self.inner.copies)
        last = first + sum(group.size for group in self.inner.diverging)
        return (*neurons[first:last], *neurons[:first], *neurons[last:])

    def outputs(self, q: Numbers, d: int) -> list[Numbers]:
        """Of each neuron of the limit network, the outputs of its copies at a place of the open chart."""
        a = q[self.outer.neurons * d : self.outer.neurons * (d + 1)]
        return [[v for v, owner in zip(a, self.owners, strict=True) if owner == k] for k in range(self.inner.neurons)]

    def shares(self, q: Numbers, d: int) -> Numbers:
        """``β`` of the neurons of the open limit network, 1 without copies."""
        groups = self.outputs(q, d)
        need(all(sum(group) for group in groups), "path: the outputs of copies add up to 0")
        return [a / sum(group) for group in groups for a in group]

    def ties(self, q: Numbers, d: int) -> Ties | None:
        """The changes that keep the shares of ``q``; ``None`` without copies: all of them."""
        if not self.inner.copies:
            return None
        n, m = self.outer.neurons, self.inner.neurons
        columns = [*range(n * d), *(n * d + k for k in self.owners)]
        columns += [i - (n - m) for i in range(n * (d + 1), len(q))]
        shares = [Fraction(1)] * (n * d) + self.shares(q, d)
        return Ties(columns, shares + [Fraction(1)] * (len(q) - len(shares)))

    def split(self, q: Numbers, shares: Numbers, d: int) -> Numbers:
        """The ``Q`` of a limit network ``q``: linear in ``q``."""
        m = self.inner.neurons
        out = [v for k in self.owners for v in q[k * d : (k + 1) * d]]
        out += [share * q[m * d + k] for k, share in zip(self.owners, shares, strict=True)]
        rest = q[m * (d + 1) :]
        if self.crossed:
            constant, slope = rest[-d - 1], rest[-d:]
            rest = [*rest[: -d - 1], *[Fraction(0)] * d, *(4 * v for v in slope), 2 * constant]
        return out + rest

    def limit(self, place: Numbers, d: int) -> Numbers:
        """The limit network that a place is split from.

        Raises:
            Rejected: there is none.
        """
        n, m, owners = self.outer.neurons, self.inner.neurons, self.owners
        q = [v for k in range(m) for v in place[owners.index(k) * d : (owners.index(k) + 1) * d]]
        q += [sum(group, Fraction(0)) for group in self.outputs(place, d)]
        rest = place[n * (d + 1) :]
        if self.crossed:
            rest = [*rest[: -2 * d - 1], rest[-1] / 2, *(v / 4 for v in rest[-d - 1 : -1])]
        q += rest
        need(self.split(q, self.shares(place, d), d) == place, "path: the last place is no limit of the chart")
        return q


def opened(chart: Chart) -> Opening:
    """The open chart. Mirrored copies have none, nor have groups with flipped members other than these two."""
    diverging = []
    for group in chart.diverging:
        pair = group.kind == "zero" and (group.size, group.flipped) == (2, 1) and len(chart.shared) == 1
        diverging.append(Diverging("pair", 2, 0) if pair else group)
    neurons = chart.neurons + sum(chart.copies) - len(chart.copies)
    return Opening(chart, Chart([], [], diverging, neurons, chart.bias))
