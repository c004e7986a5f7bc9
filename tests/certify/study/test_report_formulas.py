"""The formulas of theorems as HTML: no TeX is left over, and nothing but the known commands passes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_objects import isolated, stratum, tiny_problem

from certify.presentation import theorem
from certify.presentation.theorem import setting, statement
from certify.proofs.verdict import CriticalObject
from certify.results.certificate import certificate_of
from certify.study.report import formulas
from certify.study.report.formulas import html

W, A = [[1, 2], [3, 4]], [1, -1]


@pytest.mark.parametrize(
    "found",
    [isolated(W, A), isolated(W, A, index=2), stratum(W, A, name="C1+ C2+")],
    ids=["minimum", "saddle", "stratum"],
)
def test_statements_become_html(found: CriticalObject) -> None:
    problem = tiny_problem()
    text = " ".join([*setting(problem, 2), *statement(certificate_of(found, problem.hash), problem)])
    made = html(text)
    assert not re.search(r"[\\$^]|_\{", made)
    assert made.count("<span") == made.count("</span>") == text.count("$") // 2
    assert made.count("<sub>") == made.count("</sub>")


def test_escapes_and_scripts() -> None:
    assert html("a < b & $x < 10^{-3}$") == 'a &lt; b &amp; <span class="math">x &lt; 10<sup>-3</sup></span>'
    assert html(r"$\hat w_1 \cdot x$") == '<span class="math">w\u0302<sub>1</sub> · x</span>'
    assert html(r"$\hat\eta_{1}$") == '<span class="math">η\u0302<sub>1</sub></span>'


@pytest.mark.parametrize("name", sorted(theorem.SIGMA))
def test_every_activation_can_be_read(name: str) -> None:
    made = html(f"${theorem.SIGMA[name]}$")
    assert made.startswith('<span class="math">σ(z) = ')


def test_the_error_function() -> None:
    assert "2/√π  ∫<sub>0</sub><sup>z</sup> exp(-t<sup>2</sup>) dt" in html(f"${theorem.SIGMA['erf']}$")


def test_an_unknown_command_is_refused() -> None:
    with pytest.raises(ValueError, match="is not known here"):
        html(r"$\integral x$")


def test_every_command_that_theorems_use_is_known() -> None:
    source = Path(theorem.__file__).read_text("utf-8")
    used = set(re.findall(r"\\\\([a-zA-Z]+)", source)) - {"begin", "end", "texttt", "hat", "frac"}
    assert {"sigma", "kappa", "infty"} <= used
    known = " ".join(formulas._SYMBOLS)
    for name in sorted(used):
        assert f"\\{name}" in known, name
