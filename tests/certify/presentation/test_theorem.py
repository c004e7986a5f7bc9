"""Theorems for papers: the numbers printed keep the statement true."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from certify.cli import main
from certify.presentation import approach
from certify.presentation.theorem import setting, theorem
from certify.proofs.proof import from_text
from symmetry.network import exact
from symmetry.problem import load_problem, parse_problem

sys.path.extend([str(Path(__file__).parents[2] / "checker"), str(Path(__file__).parents[2])])
from cases import NAMES, case, problem
from directories import change_json, write
from limit_cases import chart, rationals, size, smalls

NUMBER = r"(-?[0-9.]+(?:\\cdot10\^\{-?[0-9]+\})?)"


def number(text: str) -> Fraction:
    mantissa, _, power = text.partition("\\cdot10^{")
    return Fraction(Decimal(mantissa)) * Fraction(10) ** int(power.rstrip("}") or 0)


def stated(name: str, form: str = "markdown") -> str:
    return theorem(case(name).certificate, problem(case(name).problem), form)


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_can_be_stated_in_both_forms(name: str) -> None:
    latex, markdown = stated(name, "latex"), stated(name)
    assert latex.startswith("\\begin{theorem}\n")
    assert latex.endswith("\n\\end{theorem}\n")
    assert re.match(
        r"\*\*Theorem\.\*\* Let \$x_1, \\dots, x_\{(9|16)\}\$ be the points of \$\\\{-[12], .*\\times", markdown
    )
    assert "\\texttt" not in markdown
    assert latex.count("$") % 2 == markdown.count("$") % 2 == 0
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize("name", ["minimum", "minimum-2", "saddle", "saddle-2"])
def test_boxes_about_rounded_centres_are_true(name: str) -> None:
    text = stated(name)
    step = case(name).certificate["witness"]["krawczyk"]
    center, tight, wide = ([from_text(v) for v in step[k]] for k in ("center", "existence_radius", "uniqueness_radius"))
    found = re.search(r"Let \$c\$ be the point \$(.*?)\$\.", text)
    assert found
    c = [Fraction(Decimal(v)) for v in re.findall(r"-?[0-9]+(?:\.[0-9]+)?", re.sub(r"[wa]_[0-9]+", "", found[1]))]
    assert len(c) == len(center)
    unique, near = (number(v) for v in re.findall(r"\\\|_\\infty \\le " + NUMBER, text)[:2])
    for x, y, e, u in zip(c, center, tight, wide, strict=True):
        # the cube of uniqueness lies in the uniqueness box; the existence box lies in the cube of existence
        assert abs(x - y) + unique <= u
        assert abs(x - y) + e <= near
    assert near < unique


@pytest.mark.parametrize("name", ["minimum", "saddle", "channel", "channel-saddle", "composed", "triple"])
def test_bounds_are_rounded_outward(name: str) -> None:
    claim = case(name).certificate["claim"]
    printed = [tuple(map(number, pair)) for pair in re.findall(rf"\[{NUMBER}, {NUMBER}\]", stated(name))]
    low, high = map(from_text, claim["loss"])
    assert any(a <= low and high <= b and b - a < (high - low) + abs(low) / 10**6 for a, b in printed)


def test_words_follow_the_claim() -> None:
    assert "It is not a global minimum, because $\\inf L = 0$." in stated("saddle")
    assert "not a global minimum" not in stated("minimum-2")  # narrower than the teacher
    assert "has 2 negative eigenvalues" in stated("saddle-2")
    assert "has 1 negative eigenvalue." in stated("saddle")
    assert "Then $L(\\theta_0) = 0$ at $\\theta_0$: $w_1 = (0.5, 1), w_2 = (1, -0.5), a_1 = 1, a_2 = -1$" in stated(
        "zero"
    )
    assert "affine space of dimension 1 all of whose points" in stated("family")
    assert "the chart `pair`, it is a local minimum of $L$ at infinity: near it all these networks" in stated("channel")
    assert "it is a saddle of index 1 of $L$ at infinity: near it some of these" in stated("channel-saddle")
    assert "neurons 1, 2, 3 as a group `triple-`, Theorem 8 of docs/infinity.md" in stated("triple")
    assert "1 of them positive and 1 negative" in stated("composed")
    assert "a set of dimension 1 of critical points of $L$, strict saddles of index 1" in stated("plateau")


@pytest.mark.parametrize("name", ["flipped", "flipped-triple", "zeros"])
def test_other_constants_than_those_of_mirrored_pairs(name: str) -> None:
    # (4.1) of docs/infinity.md is for mirrored pairs and neurons near zero that are not flipped
    assert "release add up to $K$" in stated(name)
    assert "= 2K" not in stated(name)
    assert "$1/\\varepsilon_1 + 1/\\varepsilon_2 = 2K + c_1$" in stated("balanced-2")
    beside = " ".join(approach.networks(chart("copies3-1+mirrored+zero")))  # mirrored copies make a part of K
    assert "release add up to $K$" in beside


@pytest.mark.parametrize("name", ["zero", "minimum", "saddle"])
def test_nothing_is_said_of_an_eigenvalue_that_is_not_bounded(name: str) -> None:
    certificate = case(name).certificate
    without = certificate | {"claim": certificate["claim"] | {"lambda_min": None}}
    assert "smallest eigenvalue" in stated(name)
    assert "smallest eigenvalue" not in theorem(without, problem(case(name).problem), "latex")


def test_an_empty_ball_is_narrowed_by_what_its_centre_moved() -> None:
    claim, step = case("ball").certificate["claim"], case("ball").certificate["witness"]["empty_ball"]
    radius = number(re.findall(r"\\\|_2 \\le " + NUMBER, stated("ball"))[0])
    assert radius <= from_text(claim["empty_radius"])
    assert all((from_text(v) * 100).denominator == 1 for v in step["center"])  # exact in two decimals: nothing moved
    assert radius > from_text(claim["empty_radius"]) * Fraction(999, 1000)


def test_another_problem_or_form_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs to problem"):
        theorem(case("ball").certificate, problem("a"), "latex")
    with pytest.raises(ValueError, match="expected one of: latex, markdown"):
        stated("ball", "html")


def test_the_command_checks_before_it_prints(tmp_path: Path) -> None:
    write(tmp_path)
    file = next(tmp_path.glob("certificates/w2-saddle*.json"))
    done = CliRunner().invoke(main, ["theorem", str(file)])
    assert done.exit_code == 0
    assert done.output.count("There is exactly one critical point") == 2
    only = CliRunner().invoke(main, ["theorem", str(file), "--format", "latex"])
    assert only.output.count("There is exactly one critical point") == 1
    change_json(tmp_path, f"certificates/{file.name}", lambda c: c["claim"].update(morse_index=0))
    done = CliRunner().invoke(main, ["theorem", str(file)])
    assert done.exit_code == 4
    assert "hash: is not that of claim" in done.output
    (tmp_path / "problem.json").unlink()
    assert CliRunner().invoke(main, ["theorem", str(file)]).exit_code == 2


def test_the_problem_of_a_certificate_alone_is_named(tmp_path: Path) -> None:
    for folder in ("results", "alone", "kept"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "results")
    file = next((tmp_path / "results").glob("certificates/w2-saddle*.json"))
    known = CliRunner().invoke(main, ["theorem", str(file)])
    alone = file.rename(tmp_path / "alone" / file.name)
    named = (tmp_path / "results" / "problem.json").rename(tmp_path / "kept" / "of-two.json")
    without = CliRunner().invoke(main, ["theorem", str(alone)])
    assert without.exit_code == 2
    assert "name it with --problem" in without.output
    done = CliRunner().invoke(main, ["theorem", str(alone), "--problem", str(named)])
    assert (done.exit_code, done.output) == (0, known.output)
    # it is the certificate's own problem or none
    other = json.loads(named.read_text("utf-8"))
    other["content"]["teacher"]["a"] = other["content"]["teacher"]["a"][::-1]
    named.write_text(json.dumps(other), "utf-8")
    assert CliRunner().invoke(main, ["theorem", str(alone), "--problem", str(named)]).exit_code in (2, 4)


def test_the_theorem_names_activation_bias_and_decay() -> None:
    text = """
activation = "tanh"
loss = "half-mean-squared-error"
output_bias = true
weight_decay = 0.25
[inputs.grid]
start = [-1]
stop = [1]
step = [0.5]
[teacher]
w = [[1]]
a = [1]
"""
    said = " ".join(setting(parse_problem(text, source="x.toml", folder=None), 2))
    assert "\\sigma(z) = \\tanh z" in said
    assert "a_{2}, b)" in said
    assert "\\frac1{10}" in said
    assert "+ b - y_n" in said
    assert "+ 0.25 \\|\\theta\\|^2" in said
    plain = " ".join(setting(load_problem("thesis"), 2))
    assert "theta\\|" not in plain
    assert ", b)" not in plain


def spoken(formula: str, values: dict[str, Fraction]) -> Fraction:
    """The value of a formula of ``certify.presentation.approach``."""
    plain = formula.replace("\\hat w", "w").replace("\\varepsilon", "e").replace("\\ell", "l").replace("2K", "2 K")
    plain = re.sub(r"\\frac12 (\S+)", r"\1/2", re.sub(r"\\frac1\{2 (\S+)\}", r"1/(2*\1)", plain))
    return eval(re.sub(r"(?<=[0-9]) (?=[a-zK])", "*", plain), {}, values)


@pytest.mark.parametrize("name", ["pair", "pair+mirrored+zero", "mirrored+mirrored"])
def test_the_networks_of_a_channel_are_those_of_its_chart(name: str) -> None:
    """The formulas in TeX, evaluated, against ``Chart.network``."""
    found, rng = chart(name, ordinary=0), Random(name)
    q = list(rationals(rng, size(found)))
    network = found.network(exact(q), smalls(found, rng, Fraction(1, 8)))
    values: list[dict[str, Fraction]] = [{}, {}]  # one for each coordinate of the inputs
    for symbol in [f"{letter}_{k}" for k, _ in enumerate(found.pairs, 1) for letter in "wuc"] + ["K", "l"]:
        block = [q.pop(0) for _ in range(2 if symbol[0] in "wul" else 1)] if q else [Fraction(0)]
        values[0][symbol], values[1][symbol] = block[0], block[-1]
    for k, group in enumerate(found.diverging, 1):
        a = [network.a[i] for i in group.members]
        values[0][f"e_{k}"] = values[1][f"e_{k}"] = 1 / (a[0] if len(a) == 1 else a[0] + a[1] * group.signs[1] * -1)
    text = " ".join(approach.networks(found))
    said = dict(re.findall(r"\$([wa]_\{[0-9]+\}) = (.*?)\$", text))
    assert len(said) == 2 * len(network.a)
    for i, (w, output) in enumerate(zip(network.w, network.a, strict=True), 1):
        assert spoken(said[f"a_{{{i}}}"], values[0]) == output
        assert [spoken(said[f"w_{{{i}}}"], known) for known in values] == list(w)
    if found.balanced:
        left, right = re.findall(r"Here \$(.*?) = (.*?)\$", text)[0]
        assert spoken(left, values[0]) == spoken(right, values[0])
