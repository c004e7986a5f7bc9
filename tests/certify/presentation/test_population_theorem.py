"""Theorems under Gaussian inputs: what is printed is true of the certificate."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import gaussian_cases as cases
import numpy as np
import pytest
from click.testing import CliRunner

from certify.cli import main
from certify.presentation.theorem import theorem
from certify.proofs.proof import from_text
from symmetry.network import exact
from symmetry.population import GaussianProblem

sys.path.append(str(Path(__file__).parents[2] / "checker"))
from test_checker_population import NAMES, case

NUMBER = r"(-?[0-9.]+(?:\\cdot10\^\{-?[0-9]+\})?)"


def number(text: str) -> Fraction:
    mantissa, _, power = text.partition("\\cdot10^{")
    return Fraction(Decimal(mantissa)) * Fraction(10) ** int(power.rstrip("}") or 0)


@cache
def stated(name: str, form: str = "markdown") -> str:
    k = cases.SEEDS[name][0] if name in cases.SEEDS else 3
    return theorem(case(name).certificate, cases.problem(k), form)


def rows(text: str, name: str) -> list[list[Fraction]]:
    found = re.findall(rf"{name}_\{{[0-9]+\}} = \(([^)]*)\)", text)
    return [[Fraction(Decimal(v)) for v in row.split(", ")] for row in found]


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_can_be_stated_in_both_forms(name: str) -> None:
    latex, markdown = stated(name, "latex"), stated(name)
    assert latex.startswith("\\begin{theorem}\nLet $v_1, \\dots, v_{")
    assert latex.endswith("\n\\end{theorem}\n")
    assert markdown.startswith("**Theorem.** Let $v_1, \\dots, v_{")
    assert "be the standard basis of" in markdown
    assert latex.count("$") % 2 == markdown.count("$") % 2 == 0
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize("name", ["minimum", "saddle", "saddle-2"])
def test_balls_about_rounded_centres_are_true(name: str) -> None:
    text, step, claim = stated(name), case(name).certificate["witness"]["newton_ball"], case(name).certificate["claim"]
    center = [from_text(v) for v in step["center"]]
    written = [v for row in rows(text, "c") for v in row]
    square = sum((x - y) ** 2 for x, y in zip(written, center, strict=True))
    alone, near = (number(v) for v in re.findall(r"\\\|_2 \\le " + NUMBER, text))
    # the ball printed as holding one lies in the one proved to, and the one printed as holding it holds the one proved
    assert 0 < near < alone < from_text(step["reach"])
    assert (from_text(step["reach"]) - alone) ** 2 >= square
    assert near > from_text(step["radius"])
    assert (near - from_text(step["radius"])) ** 2 >= square
    eigenvalue, loss = (tuple(map(number, pair)) for pair in re.findall(rf"\[{NUMBER}, {NUMBER}\]", text))
    for (low, high), bounds in ((eigenvalue, claim["lambda_min"]), (loss, claim["loss"])):
        exact_low, exact_high = map(from_text, bounds)
        assert low <= exact_low <= exact_high <= high
        assert high - low < (exact_high - exact_low) + abs(high) / 10**6


def test_the_empty_ball_is_true() -> None:
    text, made = stated("empty"), case("empty").certificate
    center = [from_text(v) for v in made["witness"]["gradient_ball"]["center"]]
    written = [v for row in rows(text, "c") for v in row]
    (radius,) = (number(v) for v in re.findall(r"\\\|_2 \\le " + NUMBER, text))
    proved = from_text(made["claim"]["empty_radius"])
    assert 0 < radius < proved
    assert (proved - radius) ** 2 >= sum((x - y) ** 2 for x, y in zip(written, center, strict=True))
    assert "has no critical point there" in text


def test_words_follow_the_claim() -> None:
    assert "strict local minimum, with a positive definite Hessian" in stated("minimum")
    assert "It is not a global minimum, because $\\min F = 0$." in stated("minimum")
    assert "has 1 negative eigenvalue." in stated("saddle")
    assert "has 2 negative eigenvalues." in stated("saddle-2")
    split = stated("split")
    assert "$w_{1} = v_{2}, w_{2} = 0.25 v_{1}, w_{3} = v_{3}, w_{4} = 0.75 v_{1}$. Then $F(W) = 0$" in split
    assert "a family of dimension 1 of global minima" in split
    assert "not a global" not in split


def test_another_teacher_is_written_out() -> None:
    skew = GaussianProblem("skew", exact(np.array([[1, 0.5, 0], [0, 1, 0]])))
    text = theorem({**case("split").certificate, "problem": skew.hash} | {"witness": {"split": {
        "w": [["0", "1*2^-1", "0"], ["1*2^0", "1*2^-1", "0"], ["0", "1*2^-1", "0"]], "teacher": [1, 0, 1]
    }}}, skew, "latex")  # fmt: skip
    assert "Let $v_{1} = (1, 0.5, 0), v_{2} = (0, 1, 0)$" in text
    assert "$w_{1} = 0.5 v_{2}, w_{2} = v_{1}, w_{3} = 0.5 v_{2}$" in text


def test_certificates_of_other_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="belongs to problem"):
        theorem(case("minimum").certificate, cases.problem(7), "latex")


def test_the_command(tmp_path: Path) -> None:
    folder = cases.certified(tmp_path / "results", 6, [cases.point("minimum")])
    (file,) = (folder / "certificates").glob("*.json")
    result = CliRunner().invoke(main, ["theorem", str(file)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("\\begin{theorem}\nLet $v_1, \\dots, v_{6}$")
    assert "**Theorem.** Let $v_1" in result.output
    file.write_text(file.read_text("utf-8").replace('"morse_index": 0', '"morse_index": 1').replace(
        '"morse_index":0', '"morse_index":1'), "utf-8")  # fmt: skip
    result = CliRunner().invoke(main, ["theorem", str(file)])
    assert result.exit_code == 4
