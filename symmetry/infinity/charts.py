"""Charts: how a network with coinciding or diverging neurons is taken apart into a smaller limit network.

Coordinates ``q`` of the limit network ``f_0``, in this order: the ordinary neurons, one block ``(w, u, c)`` for each
pair, and ``(K, ℓ)`` where a constant is released. Groups of neurons and what they become:

* ``copies`` (i, j, …): one incoming weight ``w``, outputs ``β_i a`` with ``Σβ_i = 1``: an ordinary neuron ``(w, a)``.
  The last ``flipped`` members are *mirrored*: they have ``−w`` and ``−β_i a``, which is the same neuron plus the
  constant ``−β_i a`` (activations with ``σ(−z) = 1 − σ(z)``);
* ``pair`` (i, j): ``w_i = w + εu, w_j = w − εu, a_i = c/2 + 1/(2ε), a_j = c/2 − 1/(2ε)``;
* ``split+``, ``split-`` (j, i, i', …): a pair; the member with the positive (negative) output is split into
  copies with shares ``β > 0``;
* ``mirrored`` (i, j): a pair for neuron i and for ``(−w_j, −a_j)``, which stands for neuron j less the constant ``a_j``
  (activations with ``σ(−z) = 1 − σ(z)``);
* ``triple+``, ``triple-`` (i, j, k): ``w_i = w + p_i u + …`` along a line, ``Σp = 0``, with finite moments ``c = Σa``,
  ``v = Σaδ``, ``Σaδδᵀ → τuuᵀ``, ``τ = ±1``, ``δ_i = w_i − w``; here ``ε² = (p_i² + p_j² + p_k²)/2``;
* ``cubic`` (i, j): two neurons near zero, ``w_i = p_i u + …``, with ``Σaw = 4ℓ`` and ``Σap³ = 1``, which leave a
  polynomial of degree 3, beside one mirrored pair (sigmoid); here ``ε² = p_i² + p_j²``;
* ``quintic`` (i, j, k): three neurons near zero, ``w_i = p_i u + …``, ``Σp → 0``, with finite moments ``Σa``, ``Σap``,
  ``Σap³`` and ``Σap⁵ = 1``, which leave a polynomial of degree 5 (sigmoid); ``ε²`` as for triples;
* ``zero`` (i, …): ``a_i = β_i/ε, w_i = 4εℓ``, which leaves ``a_i/2 + ℓ·x`` (sigmoid);
* ``linear`` (i): ``a_i = 1/ε, w_i = εℓ``, which leaves ``σ'(0) ℓ·x`` (odd activations, where nothing else is released);
* ``exponential+``, ``exponential-`` (i): ``a_i = ±1/ε²``, a bias that falls like ``log ε²``, which leaves ``±e^(ω·x)``
  (sigmoid, inputs with a last coordinate that is 1);
* ``saturated`` (i): ``w_i = ρn + ω`` with ``ρ → ∞``, which leaves a step across the hyperplane ``n·x = 0`` and a
  neuron on it (sigmoid); here ``ε² = e^{−ρδ}``, ``δ`` the distance of the nearest inputs, in the sense of ``n·x``.

Of splits, triples and zero neurons the last members may be flipped as well: they stand for their mirror images, as in a
mirrored pair.

In a pair, a triple or a zero neuron the outgoing weights diverge as ``ε → 0``; the output is an analytic ``f(q, ε)``,
``f = f_0(q) + Σ_k ε_k² φ_k(q) + O(|ε|³)`` where copies coincide (docs/infinity.md). With saturated neurons it is not
analytic at ``ε = 0``, but what is left is still of higher order than ``ε²``. The constants that flipped members
and zero neurons release diverge one by one and must cancel: groups that share it are *balanced* against each other, and
there are none or at least two of them, or a zero group with flipped and unflipped members. Mirrored copies release a
finite constant; where no groups are balanced, the shares ``β`` have to make ``K`` between them: the chart is *tied*.

Students with an output bias have their own ``K``, the last entry of ``q``, and then nothing is released: a neuron and
its mirror image differ by a constant, which the bias takes, so that charts have no flipped members (docs/infinity.md,
section 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symmetry.activation import Activation
from symmetry.infinity.exponential import Exponential, has_constant
from symmetry.infinity.groups import GROWTH, ORDER, TAU, Group, Kind
from symmetry.infinity.limits import Affine, Cubic, Linear, Pair, Quintic, Triple
from symmetry.infinity.merging import (
    at_nodes,
    cubic,
    exponential,
    on_parabola,
    quintic,
    read_cubic,
    read_exponential,
    read_quintic,
    read_triple,
    reciprocal,
    triple,
)
from symmetry.infinity.saturated import Step, lifted, sides
from symmetry.infinity.structure import Structure
from symmetry.network import Exact, Network, exact
from symmetry.objective import Bias, Neurons, SquareLoss, Term
from symmetry.problem import Inputs, Problem

__all__ = ["Chart", "Flip", "Group", "Kind", "canonical_mirrored", "chart_from_json", "chart_of"]

Floats = NDArray[np.float64]


class Flip(NamedTuple):
    """A linear map of the coordinates, and the groups of copies whose two halves it exchanges."""

    matrix: NDArray[np.int64]
    turned: frozenset[int]


@dataclass(frozen=True)
class Chart(Structure):
    """A structure with its maps: to the limit network, from a network to coordinates, and back."""

    def terms(self, activation: Activation, inputs: Inputs | None = None) -> tuple[Term, ...]:
        """The limit network ``f_0`` as terms, in the order of ``q``.

        Args:
            activation: of the neurons.
            inputs: of the problem; they are needed for saturated neurons.

        Raises:
            ValueError: a released constant, an exponential or a saturated neuron, and an activation other than the
                sigmoid, or a direction across which there are no inputs.
        """
        if self.has_constant and activation.name != "sigmoid":
            # σ(−z) = 1 − σ(z), σ'(0) = 1/4 and σ^(3)(0) = −1/8 are used
            raise ValueError(f"activation is {activation.name!r}, mirrored and zero neurons need the sigmoid")
        if self.linears and activation.reflection != 0:
            raise ValueError(f"activation is {activation.name!r}, a linear group needs an odd one")
        if self.exponentials and activation.name != "sigmoid":
            raise ValueError(f"activation is {activation.name!r}, an exponential needs the sigmoid")
        if self.saturated and (activation.name != "sigmoid" or inputs is None):
            # 1 − σ(z) = e^−z + …
            raise ValueError(f"activation is {activation.name!r}, a saturated neuron needs the sigmoid, and inputs")
        terms: list[Term] = []
        if self.ordinary:
            terms.append(Neurons(len(self.ordinary), self.dimension, activation))
        terms += [Pair(self.dimension, activation) for _ in self.pairs]
        terms += [Triple(self.dimension, activation, TAU[g.kind]) for g in self.triples]
        terms += [Cubic(self.dimension) for _ in self.cubics]
        terms += [Quintic(self.dimension) for _ in self.quintics]
        terms += [Linear(self.dimension, activation) for _ in self.linears]
        terms += [Exponential(self.dimension, GROWTH[g.kind]) for g in self.exponentials]
        if inputs is not None:
            steps = ((g.axis, sides(inputs, g.normal)) for g in self.saturated)
            terms += [Step(self.dimension, activation, axis, seen) for axis, seen in steps]
        if self.has_constant:
            terms.append(Affine(self.dimension, self.has_linear))
        if self.bias:
            terms.append(Bias())
        return tuple(terms)

    def objective(self, problem: Problem) -> SquareLoss:
        """The square loss of the limit network.

        Raises:
            ValueError: as :meth:`terms`; an output bias that is the chart's and not the problem's, or the other way
                round; an exponential, and inputs without a last coordinate that is 1.
        """
        if self.bias != problem.output_bias:
            raise ValueError(f"chart has an output bias: {self.bias}, the problem: {problem.output_bias}")
        if self.exponentials and not has_constant(problem.inputs.exact_values):
            raise ValueError("an exponential needs inputs with a last coordinate that is 1")
        return SquareLoss(problem, self.terms(problem.activation, problem.inputs))

    def read(self, w: Floats, a: Floats, nodes: Sequence[Sequence[Fraction]] = ()) -> tuple[Floats, Floats]:
        """The coordinates of a network (m, d), (m,): ``q``, and ``ε`` of each diverging group.

        With an output bias ``a`` is (m + 1,). Of a saturated neuron ``1/ρ`` is read off in place of ``ε``. In floating
        point, or in fractions if there is no exponential, and triples and a quintic group have nodes. The inverse of
        :meth:`network` where copies are equal; of triples ``w`` and ``v`` are read off up to ``O(ε²)``.

        Args:
            w: incoming weights.
            a: outputs.
            nodes: for each triple and quintic group two: it is read off as
                :func:`symmetry.infinity.merging.on_parabola` and :func:`symmetry.infinity.merging.at_nodes` do, with
                ``(μ, α, p_1, p_2)``, ``(ν, α, p_1, p_2)`` in place of ``ε``.
        """
        given = iter(nodes)
        a, own = a[: self.width], a[self.width :]
        # mirrored copies: (w, a) is (−w, −a) and the constant a
        constant = a[self.orientation < 0].sum() + a[0] * 0
        w, a = self.orientation[:, None] * w, self.orientation * a
        outputs = [a[list(members)] for members in self.ordinary]
        # copies: the mean weighted by the outputs keeps the linear term
        middles = [b @ w[list(members)] / b.sum() for b, members in zip(outputs, self.ordinary, strict=True)]
        parts: list[Floats] = [*middles, np.array([b.sum() for b in outputs])]
        eps, slope = [], w[0] * 0
        for group in self.diverging:
            index, signs = list(group.members), np.array(group.signs)
            wi, ai = w[index] * signs[:, None], a[index] * signs
            constant = constant + a[index][signs < 0].sum()
            if group.kind == "zero":
                constant = constant + ai.sum() / 2
                slope = ai @ wi / 4
                eps.append(1 / ai.sum())
            elif group.kind == "linear":
                parts.append(ai[0] * wi[0])
                eps.append(1 / ai[0])
            elif group.kind in GROWTH:
                coordinates, size = read_exponential(wi[0].astype(np.float64), ai[0])
                parts.append(coordinates)
                eps.append(size)
            elif group.kind == "saturated":
                rho = wi[0, group.axis] / group.normal[group.axis]
                parts += [np.delete(wi[0] - rho * np.array(group.normal, dtype=wi.dtype), group.axis), ai]
                eps.append(1 / rho)
            elif group.kind in TAU and nodes:
                block, small = on_parabola(np.array(wi, dtype=object), np.array(ai, dtype=object), next(given))
                parts.append(np.asarray(block))
                eps += small
            elif group.kind in TAU:
                coordinates, size = read_triple(wi, ai, TAU[group.kind])
                parts.append(coordinates)
                eps.append(size)
            elif group.kind == "cubic":
                coordinates, size = read_cubic(wi.astype(np.float64), ai.astype(np.float64))
                parts.append(coordinates)
                constant, slope = constant + ai.sum() / 2, ai @ wi / 4
                eps.append(size)
            elif group.kind == "quintic" and nodes:
                block, slope, small = at_nodes(np.array(wi, dtype=object), np.array(ai, dtype=object), next(given))
                parts.append(np.asarray(block))
                constant = constant + ai.sum() / 2
                eps += small
            elif group.kind == "quintic":
                coordinates, size = read_quintic(wi.astype(np.float64), ai.astype(np.float64))
                parts.append(coordinates)
                constant, slope = constant + ai.sum() / 2, ai @ wi / 4
                eps.append(size)
            else:
                first, second = _sides(group)
                high, low = ai[first].sum(), ai[second].sum()
                w_high, w_low = ai[first] @ wi[first] / high, ai[second] @ wi[second] / low
                parts += [(w_high + w_low) / 2, (high - low) * (w_high - w_low) / 2, np.array([high + low])]
                eps.append(1 / (high - low))
        if self.has_constant:
            parts.append(np.array([constant]))
        if self.has_linear:
            parts.append(slope)
        parts.append(own)
        return np.concatenate(parts), np.array(eps)

    def network(self, q: Exact, small: Sequence[Fraction], shares: Sequence[Sequence[Fraction]] = ()) -> Network:
        """The finite network at a point of the chart where copies coincide, exact: where the channel is entered.

        Its output is ``f_0(q) + Σ_k ε_k² φ_k(q)`` up to terms of higher order.

        Args:
            q: (P',) exact, the limit network.
            small: not 0; in the order of :attr:`free`, ``ε`` of each group, ``p_i, p_j`` of each triple (``p_k`` is
                ``−p_i − p_j``), of a cubic and of a quintic group (``p_k`` is about that), ``1/ρ > 0`` of saturated
                neurons.
            shares: for each group in :attr:`shared`, the coefficients ``β`` (sum 1), in a tied chart such that mirrored
                members have outputs with sum ``K``; equal ones by default, but for the first mirrored group of a tied
                chart. A zero group that balances itself keeps their proportions among flipped and unflipped members.

        Raises:
            ValueError: numbers that do not fit the chart, or for which there is no such network.
        """
        wanted = sum(count for _, count in self.free)
        size = self.units[-1].place.stop
        if len(q) != size or len(small) != wanted or len(shares) not in (0, len(self.shared)):
            raise ValueError(
                f"{len(q)} coordinates, {len(small)} small ones, shares of {len(shares)} groups; chart {self.name} has "
                f"{size}, {wanted}, {len(self.shared)}"
            )
        w, a = np.empty((self.width, self.dimension), dtype=object), np.empty(self.width, dtype=object)
        d, q = self.dimension, self.by_unit(exact(q))
        blocks = [q[unit.place] for unit in self.units]
        given = [exact(beta) for beta in shares] or self._default_shares(blocks)
        betas = dict(zip(self.shared, given, strict=True))
        for group, beta in betas.items():
            if len(beta) != len(group.copied) or beta.sum() != 1:
                raise ValueError(f"shares are {[str(b) for b in beta]}, expected {len(group.copied)} with sum 1")
        for k, members in enumerate(self.ordinary):
            beta = betas[self.copies[k]] if k < len(self.copies) else exact([1])
            turn = self.orientation[list(members)]
            w[list(members)], a[list(members)] = turn[:, None] * blocks[k][:d], turn * beta * blocks[k][d]
        released = sum(a[self.orientation < 0], Fraction(0))
        if self.tied and released != blocks[-1][0]:
            raise ValueError(f"mirrored copies have outputs with sum {released}, expected K = {blocks[-1][0]}")
        limits = dict(zip(self.limits, blocks[len(self.ordinary) :], strict=False))
        missing = blocks[-1][0] - released if self.balanced else Fraction(0)
        values = iter(exact(small))
        last = self.dependent
        for group, count in sorted(self.free, key=lambda item: item[0] == last):
            index, signs = list(group.members), np.array(group.signs)
            beta = betas.get(group, exact([1]))
            if group.kind == "cubic":
                wi, ai = cubic(limits[group], blocks[-1][1:], next(values), next(values))
            elif group.kind == "quintic":
                wi, ai = quintic(limits[group], blocks[-1], next(values), next(values))
            elif group.kind == "linear":
                inverse = reciprocal(next(values))
                wi, ai = limits[group][None] / inverse, exact([inverse])
            elif group.kind in GROWTH:
                one, output = exponential(limits[group], next(values), GROWTH[group.kind])
                wi, ai = one[None], exact([output])
            elif group.kind == "saturated":
                rho = reciprocal(next(values))
                if rho < 0:
                    raise ValueError(f"1/ρ of {group} is negative, expected a positive number")
                along = lifted(limits[group][:-1], group.axis)
                wi, ai = (rho * exact(group.normal) + along)[None], limits[group][-1:]
            elif count == 2:
                wi, ai = triple(limits[group], next(values), next(values), TAU[group.kind])
            else:
                rate, offset = _release(group, beta, limits[group][2 * d] if group in limits else Fraction(0))
                if count:
                    inverse = reciprocal(next(values))
                elif rate == 0 or missing == offset:
                    raise ValueError(f"the ε of {group} that K leaves is infinite; take other small coordinates")
                else:
                    inverse = (missing - offset) / rate
                if group.kind == "zero":
                    if group == self._alone:
                        beta = _balanced_shares(beta, signs, missing / inverse)
                    wi, ai = np.tile(4 * blocks[-1][1:] / inverse, (len(index), 1)), beta * inverse
                else:
                    middle, u, c = np.split(limits[group], [d, 2 * d])
                    first, second = _sides(group)
                    wi, ai = np.empty((len(index), d), dtype=object), np.empty(len(index), dtype=object)
                    wi[first], wi[second] = middle + u / inverse, middle - u / inverse
                    ai[first], ai[second] = (c[0] + inverse) / 2, (c[0] - inverse) / 2
                    if group.copied:
                        ai[list(group.copied)] *= beta
            w[index], a[index] = wi * signs[:, None], ai * signs
            missing -= a[index][signs < 0].sum() + (ai.sum() / 2 if group.kind in ("cubic", "zero") else 0)
        return Network(w, np.concatenate([a, blocks[-1]]) if self.bias else a)

    def _default_shares(self, blocks: Sequence[Exact]) -> list[Exact]:
        """Equal shares; in a tied chart the first mirrored group makes what is missing from ``K``."""
        shares = [exact([Fraction(1, len(g.copied))] * len(g.copied)) for g in self.shared]
        if self.tied:
            d, rest = self.dimension, blocks[-1][0]
            for k, group in enumerate(self.copies):
                rest += Fraction(group.flipped, len(group.members)) * blocks[k][d]
            first = next(k for k, group in enumerate(self.copies) if group.flipped)
            size, flipped = len(self.copies[first].members), self.copies[first].flipped
            if not blocks[first][d]:
                raise ValueError("the first mirrored neuron has output 0; give the shares")
            # its mirrored members together have the share x more: −x a = rest
            x = -rest / blocks[first][d]
            shares[first][size - flipped :] += x / flipped
            shares[first][: size - flipped] -= x / (size - flipped)
        return shares

    def flips(self) -> list[Flip]:
        """Maps ``T`` of coordinates such that ``q`` and ``Tq`` are one limit: the identity is the first.

        Compositions of ``(w, u, c, K) → (−w, u, −c, K + c)`` for a mirrored pair, ``u → −u`` for a triple, and
        ``(w, a, K) → (−w, −a, K + a)`` for copies of which half are mirrored.
        """
        d, n, m = self.dimension, len(self.copies), len(self.ordinary)
        size = self.units[-1].place.stop
        found = [Flip(np.eye(size, dtype=np.int64), frozenset())]
        for k, unit in enumerate(self.units):
            start, flip, turned = unit.place.start, np.eye(size, dtype=np.int64), frozenset[int]()
            if k < n and 2 * self.copies[k].flipped == len(self.copies[k].members):
                # in q the outputs of ordinary neurons follow all their w
                output, released = m * d + k, self.units[-1].place.start
                flip[k * d : (k + 1) * d] *= -1
                flip[output] *= -1
                flip[released, output] = 1
                turned = frozenset([k])
            elif unit.kind == "mirrored":
                released = self.units[-1].place.start
                flip[start : start + d] *= -1
                flip[start + 2 * d] *= -1
                flip[released, start + 2 * d] = 1
            elif unit.kind.startswith("triple"):
                flip[start + 2 * d : start + 3 * d] *= -1
            else:
                continue
            found += [Flip(flip @ known.matrix, known.turned | turned) for known in found]
        return found


def _sides(group: Group) -> tuple[list[int], list[int]]:
    """The places of the members at ``w + εu`` and at ``w − εu``."""
    return ([*group.copied], [0]) if group.copied else ([0], [1])


def _release(group: Group, beta: Exact, c: Any) -> tuple[Any, Any]:
    """``(ρ, b)``: the group releases the constant ``ρ/ε + b``; pairs in the sense of Theorem 7, zero neurons.

    The flipped share ``β`` of the one side and the flag of the other have the outputs ``β(c/2 + 1/(2ε))``,
    ``c/2 − 1/(2ε)`` to be taken back.
    """
    signs = np.array(group.signs)
    if group.kind == "zero":
        return (beta @ signs if group.copied else Fraction(1)) / 2, Fraction(0)
    first, second = _sides(group)
    one = beta[signs[first] < 0].sum() if group.copied else Fraction(int(signs[0] < 0))
    other = int(signs[second[0]] < 0)
    return Fraction(other - one) / 2, -c * (one + other) / 2


def _balanced_shares(beta: Exact, signs: NDArray[np.int64], excess: Any) -> Exact:
    """Shares in the proportions ``β`` with ``½Σsβ = excess``, where the group alone releases the constant."""
    out = beta.copy()
    for sign in (1, -1):
        part = beta[signs == sign].sum()
        if not part:
            raise ValueError(f"shares {[str(b) for b in beta]} of flipped or unflipped members add up to 0")
        out[signs == sign] *= (1 + 2 * sign * excess) / (2 * part)
    return out


def chart_of(width: int, dimension: int, groups: Sequence[Group], bias: bool = False) -> Chart:
    """The chart with its groups in canonical order: of :data:`symmetry.infinity.groups.ORDER`, the largest first."""

    def place(group: Group) -> tuple[int, int, str, tuple[int, ...]]:
        return ORDER.get(group.kind, len(ORDER)), -len(group.members), group.label, group.members

    return Chart(width, dimension, tuple(sorted(groups, key=place)), bias)


def canonical_mirrored(chart: Chart, network: Network) -> Chart:
    """The same chart, with each mirrored pair's first member the one whose ``w`` leads with a positive entry.

    ``(w, u, c, K)`` and ``(−w, u, −c, K + c)`` are the same limit: this picks one of them.
    """
    groups = []
    for group in chart.groups:
        if group.kind == "mirrored":
            i, j = group.members
            middle = network.w[i] - network.w[j]
            leading = next((x for x in middle if x), 1)
            group = Group("mirrored", (i, j) if leading > 0 else (j, i))
        groups.append(group)
    return chart_of(chart.width, chart.dimension, groups, chart.bias)


def chart_from_json(data: Any) -> Chart:
    """The inverse of :meth:`Chart.to_json`.

    Raises:
        ValueError: as :class:`Chart`.
    """
    groups = []
    for kind, members, *rest in data["groups"]:
        normal = tuple(map(int, rest.pop())) if kind == "saturated" else ()
        groups.append(Group(kind, tuple(map(int, members)), int(rest[0]) if rest else 0, normal))
    return Chart(int(data["width"]), int(data["dimension"]), tuple(groups), bool(data.get("bias", False)))
