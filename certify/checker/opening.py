"""The chart in which a region is described: copies are neurons of their own, and two neurons near zero are a pair.

In this *open* chart each copy has its own ``(w_i, a_i)``. A limit network ``q`` is there any ``Q`` with ``w_i = w, a_i
= β_i a``; the shares ``β`` are those of the place where the path ends. ``F_QQ`` is then positive definite on the space
of all changes that keep shares, ``δa_i = β_i Σ δa_j`` (docs/infinity.md, Theorem 34). A zero group that balances itself
and has one flipped member beside one that is not is a pair with ``w = 0, u = 4ℓ, c = 2K`` (Theorem 35). With more
members, all but one flipped or all but one not, these others are copies of one member of that pair: a split, written as
``split+`` whatever the sign of ``ε``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .charts import Chart, Diverging
from .loss import Network
from .reading import need

Numbers = list[Fraction]

_FIRST = {"pair": 0, "split+": 1, "split-": 1}


@dataclass(frozen=True)
class Ties:
    """A space of changes: each coordinate ``i`` is ``factors[i]`` times the parameter ``columns[i]``."""

    columns: list[int]
    factors: Numbers


@dataclass(frozen=True)
class Opening:
    """A chart, the open one, and the order of neurons in the latter, by their numbers in the former."""

    inner: Chart
    outer: Chart
    order: list[int]

    @property
    def owners(self) -> list[int]:
        """For each neuron of the open limit network the number of its neuron in the other one."""
        single = range(len(self.inner.copies), self.inner.neurons)
        return [k for k, size in enumerate(self.inner.copies) for _ in range(size)] + list(single)

    @property
    def crossed(self) -> bool:
        """Whether neurons near zero are a pair, or a split."""
        return self.inner.kinds.count("zero") > self.outer.kinds.count("zero")

    def block(self, d: int) -> int:
        """Where in ``Q`` these begin: a pair comes after the other pairs, a split after all others."""
        count = len(self.inner.diverging) - 1
        if self.outer.kinds.count("pair") > self.inner.kinds.count("pair"):
            count = self.inner.kinds.count("pair")
        return self.outer.neurons * (d + 1) + count * (2 * d + 1)

    def size(self, inner: int, d: int) -> int:
        """The number of parameters of the open limit network, from that of the other one."""
        return inner + (self.outer.neurons - self.inner.neurons) * (d + 1) + d * self.crossed

    def reordered(self, neurons: Network) -> Network:
        """Neurons in the order of the chart, in that of the open one."""
        return tuple(neurons[i] for i in self.order)

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
        out += q[m * (d + 1) :]
        if self.crossed:
            constant, slope = out[-d - 1], out[-d:]
            del out[-d - 1 :]
            place = self.block(d)
            out[place:place] = [*[Fraction(0)] * d, *(4 * v for v in slope), 2 * constant]
        return out

    def limit(self, place: Numbers, d: int) -> Numbers:
        """The limit network that a place is split from.

        Raises:
            Rejected: there is none.
        """
        n, m, owners = self.outer.neurons, self.inner.neurons, self.owners
        q = [v for k in range(m) for v in place[owners.index(k) * d : (owners.index(k) + 1) * d]]
        q += [sum(group, Fraction(0)) for group in self.outputs(place, d)]
        if self.crossed:
            start = self.block(d)
            u, c = place[start + d : start + 2 * d], place[start + 2 * d]
            q += [*place[n * (d + 1) : start], *place[start + 2 * d + 1 :], c / 2, *(v / 4 for v in u)]
        else:
            q += place[n * (d + 1) :]
        need(self.split(q, self.shares(place, d), d) == place, "path: the last place is no limit of the chart")
        return q


def opened(chart: Chart) -> Opening:
    """The open chart. Mirrored copies have none, nor have other groups with flipped members."""
    groups: list[tuple[Diverging, list[int]]] = []
    start = sum(chart.copies)
    for group in chart.diverging:
        members = list(range(start, start + group.size))
        start += group.size
        lone = 1 in (group.flipped, group.size - group.flipped) and group.size > 1
        if group.kind == "zero" and lone and len(chart.shared) == 1:
            # of a split the lone member comes first; flipped ones are the last
            last = group.flipped == 1 and group.size > 2
            members = [*members[-1:], *members[:-1]] if last else members
            group = Diverging("pair", 2, 0) if group.size == 2 else Diverging("split+", group.size, 0)
        groups.append((group, members))
    groups.sort(key=lambda known: _FIRST.get(known[0].kind, 2))
    order = [i for _, members in groups for i in members]
    width = start + chart.neurons - len(chart.copies)
    order += [*range(sum(chart.copies)), *range(start, width)]
    neurons = chart.neurons + sum(chart.copies) - len(chart.copies)
    return Opening(chart, Chart([], [], [group for group, _ in groups], neurons, chart.bias), order)
