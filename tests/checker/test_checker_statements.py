"""The theorem of every kind of certificate can be shown on the page of a study, which knows few commands of TeX."""

from __future__ import annotations

import pytest
from cases import NAMES, case, problem

from certify.presentation.theorem import setting, statement
from certify.study.report.formulas import html


@pytest.mark.parametrize("name", NAMES)
def test_the_page_knows_the_formulas(name: str) -> None:
    made = case(name)
    given = problem(made.problem)
    told = html(" ".join([*setting(given, made.certificate["claim"]["width"]), *statement(made.certificate, given)]))
    assert "\\" not in told
    assert "$" not in told


def test_a_fraction_with_a_product_below() -> None:
    assert html(r"$\frac1{2 \varepsilon}, \tfrac1{480}$") == '<span class="math">1/(2 ε) , 1/480</span>'
