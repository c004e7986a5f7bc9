"""The statement of one certificate as a theorem for a paper, in LaTeX and in Markdown.

Every number printed is a decimal that keeps the statement true: lower bounds are rounded down, upper bounds up, and a
box about a centre that was rounded is widened (where the point is) or narrowed (where it is the only one) by as much
as the centre moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

from certify.presentation import approach
from certify.presentation.population_theorem import population_setting, population_statement
from certify.presentation.tex import above, below, counted, exact, interval, largest_shift, to_places, vector
from certify.proofs.proof import from_text
from certify.proofs.verdict import Kind
from symmetry.infinity.charts import Chart, chart_from_json
from symmetry.infinity.groups import GROWTH
from symmetry.population import GaussianProblem
from symmetry.problem import Problem

FORMS = ("latex", "markdown")

_MOST_AXIS = 6  # values of an axis that are listed in full


def theorem(certificate: Mapping[str, Any], problem: Problem | GaussianProblem, form: str) -> str:
    """The statement of a certificate.

    Args:
        certificate: as read from its file. It is not checked here.
        problem: the problem it belongs to.
        form: ``latex`` or ``markdown``; formulas are TeX in both.

    Raises:
        ValueError: another form, or the certificate belongs to another problem.
        KeyError, TypeError: it is malformed.
    """
    if form not in FORMS:
        raise ValueError(f"form is {form!r}, expected one of: {', '.join(FORMS)}")
    if certificate["problem"] != problem.hash:
        raise ValueError(f"the certificate belongs to problem {certificate['problem']}, expected {problem.hash}")
    width = certificate["claim"]["width"]
    if isinstance(problem, GaussianProblem):
        sentences = [*population_setting(problem, width), *population_statement(certificate, problem)]
    else:
        sentences = [*setting(problem, width), *statement(certificate, problem)]
    text = " ".join(sentences)
    if form == "latex":
        return f"\\begin{{theorem}}\n{text}\n\\end{{theorem}}\n"
    return "**Theorem.** " + re.sub(r"\\texttt{([^}]*)}", r"`\1`", text) + "\n"


SIGMA = {
    "sigmoid": "\\sigma(z) = 1/(1 + e^{-z})",
    "tanh": "\\sigma(z) = \\tanh z",
    "erf": "\\sigma(z) = \\frac2{\\sqrt\\pi} \\int_0^z \\exp(-t^2) dt",
    "softplus": "\\sigma(z) = \\log(1 + e^z)",
    "gelu": "\\sigma(z) = z \\Phi(z)",
}
"""The activations in TeX."""


def setting(problem: Problem, width: int) -> Iterator[str]:
    """Inputs, labels and loss, in sentences of TeX: what the statements about one width have in common."""
    size, d, outputs = len(problem), problem.dimension, problem.outputs
    space = f" \\in \\mathbb{{R}}^{outputs}" if outputs > 1 else ""
    if problem.inputs.axes is not None:
        axes = " \\times ".join(f"\\{{{_axis(axis)}\\}}" for axis in problem.inputs.axes)
        yield f"Let $x_1, \\dots, x_{{{size}}}$ be the points of ${axes}$"
    else:
        yield f"Let $x_1, \\dots, x_{{{size}}} \\in \\mathbb{{R}}^{d}$ be the inputs"
    if problem.given_labels is not None:
        labels = f"$y_1, \\dots, y_{{{size}}}{space}$ the labels"
        yield f"and {labels} of the problem with SHA-256 \\texttt{{{problem.hash}}},"
    else:
        assert problem.teacher is not None
        w, a = problem.teacher.w, problem.teacher.a.T
        neurons = enumerate(zip(w, a, strict=True), 1)
        weights = vector if outputs > 1 else exact
        terms = ", ".join(f"w^*_{t} = {vector(v)}, a^*_{t} = {weights(b)}" for t, (v, b) in neurons)
        sigma = SIGMA[problem.activation.name]
        yield f"and $y_n = \\sum_t a^*_t \\sigma(w^*_t \\cdot x_n)$ with ${sigma}$ and ${terms}$,"
    bias = problem.output_bias
    mean = f"\\frac1{{{outputs * size / problem.factor}}}"
    decay = f" + {exact(problem.decay)} \\|\\theta\\|^2" if problem.decay else ""
    constant = " + b" if bias else ""
    opening, closing = ("\\|", "\\|") if outputs > 1 else ("(", ")")
    given = [f"$\\theta = (w_1, \\dots, w_{{{width}}}, a_1, \\dots, a_{{{width}}}{', b' * bias})$"]
    if outputs > 1:
        given.append(f"$a_i = (a_{{i,1}}, \\dots, a_{{i,{outputs}}})$")
        given += [f"$b = (b_1, \\dots, b_{{{outputs}}})$"] * bias
    if problem.given_labels is not None:
        given.append(f"${SIGMA[problem.activation.name]}$")
    yield (
        f"and for {', '.join(given)}{',' * (len(given) > 1)} let $L(\\theta) = "
        f"{mean} \\sum_n \\bigl{opening}\\sum_{{i=1}}^{{{width}}} a_i \\sigma(w_i \\cdot x_n){constant} - y_n"
        f"\\bigr{closing}^2{decay}$."
    )


def _axis(values: Sequence[Fraction]) -> str:
    if len(values) <= _MOST_AXIS:
        return ", ".join(map(exact, values))
    return f"{exact(values[0])}, {exact(values[1])}, \\dots, {exact(values[-1])}"


def statement(certificate: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    """What one certificate says, in sentences of TeX."""
    claim, witness = certificate["claim"], certificate["witness"]
    if claim["kind"] == Kind.NOT_CRITICAL:
        yield from _no_point(claim, witness["empty_ball"], problem)
    elif claim["kind"] == Kind.GLOBAL_MINIMUM:
        yield from _zero(claim, witness)
    elif "chart" in witness:
        yield from _limit(claim, witness, problem)
    else:
        yield from _box(witness["krawczyk"], _names_of_student(problem, claim["width"]), "L", "\\theta")
        yield from _nature(claim)


def _names_of_student(problem: Problem, width: int) -> list[tuple[str, int]]:
    """As :func:`_names`, with output biases and several outputs."""
    if problem.outputs == 1:
        return _names(width, problem.dimension) + [("b", 1)] * problem.output_bias
    names = [(f"w_{i}", problem.dimension) for i in range(1, width + 1)]
    for o in range(1, problem.outputs + 1):
        names += [(f"a_{{{i},{o}}}", 1) for i in range(1, width + 1)] + [(f"b_{o}", 1)] * problem.output_bias
    return names


def _names(width: int, d: int, chart: Chart | None = None) -> list[tuple[str, int]]:
    """Symbols of the parameters, each with the number of its coordinates."""
    if chart is None:
        return [(f"w_{i}", d) for i in range(1, width + 1)] + [(f"a_{i}", 1) for i in range(1, width + 1)]
    names = _names(len(chart.ordinary), d)
    for k, _ in enumerate(chart.pairs, 1):
        names += [(f"\\hat w_{k}", d), (f"u_{k}", d), (f"c_{k}", 1)]
    for k, _ in enumerate(chart.triples, len(chart.pairs) + 1):
        names += [(f"\\hat w_{k}", d), (f"v_{k}", d), (f"u_{k}", d), (f"c_{k}", 1)]
    names += [("u", d)] * len(chart.cubics)
    names += [("g", d), ("u", d)] * len(chart.quintics) + [("\\ell", d)] * len(chart.linears)
    names += [(f"\\omega_{k}", d) for k, _ in enumerate(chart.exponentials, 1)]
    for k, _ in enumerate(chart.saturated, 1):
        names += [(f"\\eta_{k}", d - 1), (f"\\hat a_{k}", 1)]
    if chart.has_constant:
        names += [("K", 1)] + ([("\\ell", d)] if chart.has_linear else [])
    return names + [("b", 1)] * chart.bias


def _point(names: Sequence[tuple[str, int]], values: Sequence[Fraction]) -> str:
    parts, start = [], 0
    for name, size in names:
        block = values[start : start + size]
        parts.append(f"{name} = {exact(block[0]) if size == 1 else vector(block)}")
        start += size
    return ", ".join(parts)


def _box(step: Mapping[str, Any], names: Sequence[tuple[str, int]], loss: str, symbol: str) -> Iterator[str]:
    """Existence and uniqueness about a rounded centre, in the maximum norm, or by coordinate where boxes are flat."""
    center, tight, wide = (
        [from_text(v) for v in step[key]] for key in ("center", "existence_radius", "uniqueness_radius")
    )
    for digits in count(2):
        rounded = to_places(center, digits)
        shift = [abs(c - x) for c, x in zip(center, rounded, strict=True)]
        inner = [e + s for e, s in zip(tight, shift, strict=True)]
        outer = [u - s for u, s in zip(wide, shift, strict=True)]
        near = all(100 * s < e for e, s in zip(tight, shift, strict=True))  # rounding more finely gains nothing
        if near or 8 * max(inner) < min(outer):
            break
    yield f"Let $c$ be the point ${_point(names, rounded)}$."
    if max(inner) < min(outer):
        inside = [f"\\|{symbol}^* - c\\|_\\infty \\le {text}" for text in (below(min(outer)), above(max(inner)))]
    else:
        radii = (", ".join(map(below, outer)), ", ".join(map(above, inner)))
        inside = [f"|{symbol}^* - c| \\le ({text})" for text in radii]
    yield f"There is exactly one critical point ${symbol}^*$ of ${loss}$ with ${inside[0]}$, and ${inside[1]}$."


def _nature(claim: Mapping[str, Any]) -> Iterator[str]:
    index = claim["morse_index"]
    if index == 0:
        yield "It is a strict local minimum, with a positive definite Hessian."
    else:
        yield f"It is a strict saddle; its Hessian is non-singular and has {counted(index, 'negative eigenvalue')}."
    if claim["lambda_min"] is not None:
        yield f"The smallest eigenvalue lies in ${interval(claim['lambda_min'])}$."
    yield f"Its loss lies in ${interval(claim['loss'])}$."
    if claim["not_global"]:
        yield "It is not a global minimum, because $\\inf L = 0$."


def _zero(claim: Mapping[str, Any], witness: Mapping[str, Any]) -> Iterator[str]:
    step = witness["zero_loss"]
    theta = [from_text(v) for row in step["w"] for v in row] + [from_text(v) for v in step["a"]]
    rounded = to_places(theta, 6)
    names = _names(claim["width"], len(step["w"][0]))
    if rounded == theta:
        yield f"Then $L(\\theta_0) = 0$ at $\\theta_0$: ${_point(names, theta)}$, because"
    else:
        away = above(largest_shift(theta, rounded))
        yield f"Let $c$ be the point ${_point(names, rounded)}$."
        yield "Then $L(\\theta_0) = 0$ at a rational point $\\theta_0$"
        yield f"with $\\|\\theta_0 - c\\|_\\infty \\le {away}$, because"
    yield "$\\sum_i a_i \\sigma(w_i \\cdot x) = \\sum_t a^*_t \\sigma(w^*_t \\cdot x)$ there for all $x$."
    yield "It is a global minimum."
    if claim["manifold_dimension"]:
        size = claim["manifold_dimension"]
        yield f"It belongs to an affine space of dimension {size} all of whose points are global minima."
        if claim["complete"]:
            yield "Near $\\theta_0$ the zeros of $L$ are those of this space."
    elif claim["complete"] and claim["nullity"]:
        yield "It is a strict minimum: near $\\theta_0$ there are no other zeros of $L$."
        yield f"Its Hessian is singular, with a kernel of dimension {claim['nullity']}."
    elif claim["strict"]:
        wide, center = witness["krawczyk"]["uniqueness_radius"], witness["krawczyk"]["center"]
        room = min(from_text(u) - abs(from_text(c) - t) for u, c, t in zip(wide, center, theta, strict=True))
        yield "It is a strict minimum; there is no other critical point $\\theta$ of $L$ with"
        yield f"$\\|\\theta - \\theta_0\\|_\\infty \\le {below(room)}$."
        if claim["lambda_min"] is not None:
            yield f"The smallest eigenvalue of its Hessian lies in ${interval(claim['lambda_min'])}$."


def _no_point(claim: Mapping[str, Any], step: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    center, radius = [from_text(v) for v in step["center"]], from_text(claim["empty_radius"])
    names = _names_of_student(problem, claim["width"])
    for digits in count(2):
        rounded = to_places(center, digits)
        # ‖c − c'‖₂ ≤ P max |c_i − c'_i|
        moved = len(center) * largest_shift(center, rounded)
        if 1000 * moved < radius:
            break
    yield f"Let $c$ be the point ${_point(names, rounded)}$."
    yield f"Then $L$ has no critical point $\\theta$ with $\\|\\theta - c\\|_2 \\le {below(radius - moved)}$."


def _limit(claim: Mapping[str, Any], witness: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    chart = chart_from_json(witness["chart"])
    names = _names(chart.width, problem.dimension, chart)
    terms = ["\\sum_i a_i \\sigma(w_i \\cdot x)"] if chart.ordinary else []
    for k, _ in enumerate(chart.pairs, 1):
        terms.append(f"c_{k} \\sigma(\\hat w_{k} \\cdot x) + (u_{k} \\cdot x) \\sigma'(\\hat w_{k} \\cdot x)")
    for k, group in enumerate(chart.triples, len(chart.pairs) + 1):
        sign = "+" if group.kind == "triple+" else "-"
        terms.append(
            f"c_{k} \\sigma(\\hat w_{k} \\cdot x) + (v_{k} \\cdot x) \\sigma'(\\hat w_{k} \\cdot x) {sign} "
            f"\\tfrac12 (u_{k} \\cdot x)^2 \\sigma''(\\hat w_{k} \\cdot x)"
        )
    if chart.cubics:
        terms.append("- \\tfrac1{48} (u \\cdot x)^3")
    if chart.quintics:
        terms.append("\\tfrac1{480} (u \\cdot x)^5 - \\tfrac1{16} (u \\cdot x)^2 (g \\cdot x)")
    if chart.linears:
        terms.append("\\sigma'(0) \\, \\ell \\cdot x")
    for k, group in enumerate(chart.exponentials, 1):
        terms.append(f"{'+' if GROWTH[group.kind] > 0 else '-'} \\exp(\\omega_{k} \\cdot x)")
    for k, group in enumerate(chart.saturated, 1):
        along = f"{vector(list(map(Fraction, group.normal)))} \\cdot x"
        terms.append(f"\\hat a_{k} ([{along} > 0] + [{along} = 0] \\, \\sigma(\\hat\\eta_{k} \\cdot x))")
    if chart.has_constant:
        terms.append("K" + (" + \\ell \\cdot x" if chart.has_linear else ""))
    if chart.bias:
        terms.append("b")
    formula = " + ".join(terms).replace("+ +", "+").replace("+ -", "-").removeprefix("+ ")
    yield f"Let $L_0(q) = \\frac1{{{len(problem) / problem.factor}}} \\sum_n (f_0(x_n; q) - y_n)^2$"
    yield f"with $f_0(x; q) = {formula}$."
    for k, group in enumerate(chart.saturated, 1):
        entry = f"$\\hat\\eta_{k}$ is $\\eta_{k}$ with a 0 inserted as entry {group.axis + 1}"
        yield f"Here $[\\cdot]$ is 1 for a true statement, else 0, and {entry}."
    yield from _box(witness["krawczyk"], names, "L_0", "q")
    index = claim["morse_index"]
    for j, step in enumerate(witness.get("splits", []), 1):
        yield from _split(j, step)
    if "tie" in witness:
        yield "Choose the shares such that the constants add up to $K$, which is possible."
    size, loss = claim["manifold_dimension"], f"in ${interval(claim['loss'])}$"
    if chart.diverging:
        kappa = witness["channel"]
        pairs = zip(kappa["kappa_lower"], kappa["kappa_upper"], strict=True)
        yield from approach.networks(chart)
        yield "At $q^*$ the coefficients by which their loss exceeds $L_0(q)$ to second order are positive,"
        yield f"$\\kappa \\in {', '.join(interval(pair, 4) for pair in pairs)}$."
        word = f"a saddle of index {index}" if claim["kind"] == Kind.SADDLE_AT_INFINITY else "a local minimum"
        yield f"In these coordinates, the chart \\texttt{{{chart.name}}}, it is {word} of $L$ at infinity:"
        yield from approach.behaviour(minimum=claim["kind"] == Kind.MINIMUM_AT_INFINITY)
        yield f"this limit lies {loss}."
    elif claim["kind"] == Kind.SADDLE and claim["nullity"] > size:
        yield f"This gives critical points of $L$ in a set of dimension {size} of critical points;"
        yield f"the loss lies {loss}."
        yield f"Their Hessian has {counted(index, 'negative eigenvalue')}; they are no local minima, because strict"
        yield "saddles of the same loss lie in every neighbourhood."
    else:
        word = f"strict saddles of index {index}" if claim["kind"] == Kind.SADDLE else "local minima"
        yield f"This gives a set of dimension {size} of critical points of $L$, {word}, whose loss lies {loss}."
    if claim["not_global"]:
        yield "It is not a global minimum, because $\\inf L = 0$."


def _split(number: int, step: Mapping[str, Any]) -> Iterator[str]:
    counts = step["positive"], step["negative"], step["zero"]
    zero = f", {counts[2]} of them 0" if counts[2] else ""
    yield f"Replace neuron {number} by {sum(counts)} copies of itself with shares of its output that add up"
    yield f"to 1, {counts[0]} of them positive and {counts[1]} negative{zero}."
    if mirrored := sum(step["mirrored"]):
        yield f"Mirror {mirrored} of them, {step['mirrored'][0]} with a positive share:"
        yield "$a \\sigma(w \\cdot x) = a - a \\sigma(-w \\cdot x)$."
