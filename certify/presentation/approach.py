"""The networks near a limit at infinity, in sentences of TeX: which weights, and how the loss behaves on them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from certify.presentation.tex import vector
from symmetry.infinity.charts import Chart, Group
from symmetry.infinity.groups import GROWTH

_THEOREMS = {
    "split+": "19",
    "split-": "19",
    "triple+": "8",
    "triple-": "8",
    "cubic": "40",
    "quintic": "22",
    "zero": "20",
}
"""Where docs/infinity.md has the coordinates that take more than a line."""


def networks(chart: Chart) -> Iterator[str]:
    """The weights of the diverging groups, for a chart whose neurons are numbered group by group."""
    yield "Take the networks whose weights diverge as $\\varepsilon \\to 0$:"
    described = [_group(k, group, chart) for k, group in enumerate(chart.diverging, 1)]
    yield f"{'; '.join(described)}; the other neurons as in $q$."
    simple = all(group.kind == "mirrored" or (group.kind == "zero" and not group.flipped) for group in chart.balanced)
    if chart.balanced and (chart.mirrored_copies or not simple):
        yield "Here the constants that flipped neurons and neurons near 0 release add up to $K$ (docs/infinity.md)."
    elif chart.balanced:
        sums = [f"1/\\varepsilon_{k}" for k, group in enumerate(chart.diverging, 1) if group in chart.balanced]
        mirrored = [f"c_{chart.pairs.index(g) + 1}" for g in chart.balanced if g.kind == "mirrored"]
        yield f"Here ${' + '.join(sums)} = {' + '.join(['2K', *mirrored])}$."


def _group(k: int, group: Group, chart: Chart) -> str:
    """One group; its small coordinate is ``ε_k``."""
    first, *others = (i + 1 for i in group.members)
    e = f"\\varepsilon_{k}"
    if group.kind in ("pair", "mirrored"):
        number, j = chart.pairs.index(group) + 1, others[0]
        w, shift, c, half = f"\\hat w_{number}", f"{e} u_{number}", f"\\frac12 c_{number}", f"\\frac1{{2 {e}}}"
        second = f"$w_{{{j}}} = {w} - {shift}$, $a_{{{j}}} = {c} - {half}$"
        if group.kind == "mirrored":
            second = f"$w_{{{j}}} = {shift} - {w}$, $a_{{{j}}} = {half} - {c}$"
        return f"$w_{{{first}}} = {w} + {shift}$, $a_{{{first}}} = {c} + {half}$, {second}"
    if group.kind == "linear" or (group.kind == "zero" and not others):
        factor = "4 " if group.kind == "zero" else ""
        return f"$w_{{{first}}} = {factor}{e} \\ell$, $a_{{{first}}} = 1/{e}$"
    if group.kind in GROWTH:
        number, sign = chart.exponentials.index(group) + 1, "-" if GROWTH[group.kind] < 0 else ""
        w = f"w_{{{first}}} = \\omega_{number} + 2 \\log {e} \\, (0, \\dots, 0, 1)"
        return f"${w}$, $a_{{{first}}} = {sign}1/{e}^2$ with ${e} > 0$"
    if group.kind == "saturated":
        number, n = chart.saturated.index(group) + 1, vector(list(map(Fraction, group.normal)))
        w = f"w_{{{first}}} = \\rho {n} + \\hat\\eta_{number}"
        nearest = f"\\min\\{{|{n} \\cdot x_n| > 0\\}}"
        return f"${w}$, $a_{{{first}}} = \\hat a_{number}$ with $\\rho = -2 \\log {e} / {nearest} > 0$"
    where = f", Theorem {_THEOREMS[group.kind]} of docs/infinity.md" if group.kind in _THEOREMS else ""
    return f"neurons {', '.join(map(str, (first, *others)))} as a group \\texttt{{{group.kind}}}{where}"


def behaviour(*, minimum: bool) -> Iterator[str]:
    """What a minimum or a saddle at infinity is (Theorem 12 of docs/infinity.md)."""
    if minimum:
        yield "near it all these networks have $L > L_0(q^*)$, none of them is critical,"
        yield "and $L \\to L_0(q^*)$ along some;"
    else:
        yield "near it some of these networks have $L > L_0(q^*)$ and some $L < L_0(q^*)$, and none is critical;"
