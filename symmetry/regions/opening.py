"""The chart in which a region about a limit is described: its copies are neurons of their own, some near zero a pair.

Copies of a neuron are never exactly equal in a saved point. In the *open* chart each of them is a neuron with its own
``(w_i, a_i)``; the limit network ``q`` of the chart becomes all of ``Q``, ``w_i = w, a_i = β_i a`` with any shares
``Σ β_i = 1``. Two neurons near zero that balance themselves, one of them flipped, are a pair with ``w = 0, u = 4ℓ, c =
2K``. If there are more of them, and all but one are of one kind, these are copies of a member of that pair, a split,
which is written as ``split+`` whatever the sign of ``ε`` (docs/infinity.md, section 15).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symmetry.infinity.charts import Chart, Group
from symmetry.infinity.groups import ORDER
from symmetry.network import Exact, exact


@dataclass(frozen=True)
class Opening:
    """A chart in normal form, and the open one.

    Args:
        inner: the chart; its copies are not mirrored.
    """

    inner: Chart

    @cached_property
    def outer(self) -> Chart:
        """The open chart, of the same neurons: those that were copies come first among the ordinary ones."""
        groups = [_pair(g) if self._crossed(g) else g for g in self.inner.diverging]
        groups.sort(key=lambda group: ORDER[group.kind])
        return Chart(self.inner.width, self.inner.dimension, tuple(groups), self.inner.bias)

    @cached_property
    def owners(self) -> list[int]:
        """For each ordinary neuron of the open chart the number of its neuron in the limit network."""
        return [k for k, members in enumerate(self.inner.ordinary) for _ in members]

    def shares(self, place: Exact) -> Exact | None:
        """``β`` of each ordinary neuron of the open chart, 1 without copies; ``None`` where outputs add up to 0.

        Args:
            place: (P,) exact, coordinates ``Q``.
        """
        a = self.outputs(place)
        sums = self._collected @ a
        return a / sums[self.owners] if all(sums) else None

    @cached_property
    def copied(self) -> NDArray[np.bool_]:
        """(P,) which of the coordinates ``Q`` are outputs of copies."""
        counts = [len(self.inner.ordinary[k]) for k in self.owners]
        out = np.zeros(self.outer.units[-1].place.stop, dtype=bool)
        n, d = len(self.owners), self.inner.dimension
        out[n * d : n * (d + 1)] = np.array(counts) > 1
        return out

    def split(self, shares: Exact) -> Exact:
        """The linear map ``q ↦ Q`` of limit networks, (P, P') exact."""
        d, n, m = self.inner.dimension, len(self.owners), len(self.inner.ordinary)
        rest = self.inner.units[-1].place.stop - m * (d + 1)
        size = self.outer.units[-1].place.stop
        out = exact(np.zeros((size, m * (d + 1) + rest), dtype=np.int64))
        for i, k in enumerate(self.owners):
            out[i * d : (i + 1) * d, k * d : (k + 1) * d] = exact(np.eye(d, dtype=np.int64))
            out[n * d + i, m * d + k] = shares[i]
        crossed = self._block
        rows = [i for i in range(n * (d + 1), size) if crossed is None or not crossed.start <= i < crossed.stop]
        for column, row in enumerate(rows, m * (d + 1)):
            out[row, column] += 1
        if crossed is not None:
            # K, ℓ become w = 0, u = 4ℓ, c = 2K
            out[crossed.start + d : crossed.stop - 1, -d:] = exact(4 * np.eye(d, dtype=np.int64))
            out[crossed.stop - 1, -d - 1] += 2
        return out

    def ties(self, shares: Exact) -> Exact:
        """The space of all ``δQ`` with ``δa_i = β_i Σ δa_j`` over each group of copies: a basis, (P, P_tied) exact."""
        d, n = self.inner.dimension, len(self.owners)
        size = self.outer.units[-1].place.stop
        unit = exact(np.eye(size, dtype=np.int64))
        outputs = unit[:, n * d : n * (d + 1)] * shares @ self._collected.T
        return np.concatenate([unit[:, : n * d], outputs, unit[:, n * (d + 1) :]], axis=1)

    def limit(self, place: Exact) -> Exact | None:
        """The ``q`` that ``place`` is split from; ``None`` where it is from none."""
        shares = self.shares(place)
        if shares is None:
            return None
        split = self.split(shares)
        d, n, m = self.inner.dimension, len(self.owners), len(self.inner.ordinary)
        firsts = [self.owners.index(k) for k in range(m)]
        w = place[: n * d].reshape(n, d)[firsts].ravel()
        rest, crossed = place[n * (d + 1) :], self._block
        if crossed is not None:
            u, c = place[crossed.start + d : crossed.stop - 1], place[crossed.stop - 1 : crossed.stop]
            rest = np.concatenate([place[n * (d + 1) : crossed.start], place[crossed.stop :], c / 2, u / 4])
        q = np.concatenate([w, self._collected @ self.outputs(place), rest])
        return q if np.all(split @ q == place) else None

    @cached_property
    def _collected(self) -> Exact:
        """(m, n): which neurons of the open chart belong to which of the limit network."""
        owners = np.array(self.owners, dtype=np.int64)
        return exact((owners[None] == np.arange(len(self.inner.ordinary))[:, None]).astype(np.int64))

    def outputs(self, place: Exact) -> Exact:
        """``a`` of the ordinary neurons of the open chart, (n,)."""
        n, d = len(self.owners), self.inner.dimension
        return place[n * d : n * (d + 1)]

    def _crossed(self, group: Group) -> bool:
        """Whether neurons near zero, all but one of them flipped or all but one not, alone release a constant."""
        lone = 1 in (group.flipped, len(group.members) - group.flipped)
        return group.kind == "zero" and lone and len(group.members) > 1 and self.inner.balanced == (group,)

    @cached_property
    def _block(self) -> slice | None:
        """Where in ``Q`` these are."""
        members = next((_pair(group).members for group in self.inner.diverging if self._crossed(group)), None)
        units = zip(self.outer.members, self.outer.units, strict=True)
        return next((unit.place for own, unit in units if own == members), None)


def _pair(group: Group) -> Group:
    """The pair, or split, that neurons near zero are; of a split the lone member comes first."""
    if len(group.members) == 2:
        return Group("pair", group.members)
    *others, last = group.members
    return Group("split+", (last, *others) if group.flipped == 1 else group.members)
