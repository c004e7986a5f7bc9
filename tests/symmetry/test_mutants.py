"""Wrong formulas are noticed: a few in every run; ``mutants.py`` does all."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, survives
from patched import ROOT


def test_every_place_to_patch_is_there() -> None:
    assert len(MUTANTS) >= 30
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert (ROOT / "symmetry" / mutant.file).read_text("utf-8").count(mutant.old) == 1, mutant.name


QUICK = (
    "test_counting.py::test_one_neuron_more_than_the_teacher",
    "test_counting.py::test_both_routes_give_the_published_values",
)


@pytest.mark.parametrize("name", ["the sign of the offset", "empty strata counted", None])
def test_a_wrong_formula_is_noticed(name: str | None) -> None:
    """And nothing else is: the tests pass where nothing is planted."""
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name) if name else (None,)
    assert survives(mutant, QUICK) == (name is None)
