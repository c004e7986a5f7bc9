"""Wrong formulas are noticed: a few in every run; ``mutants.py`` does all."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, ROOT, survives


def test_every_place_to_patch_is_there() -> None:
    assert len(MUTANTS) >= 30
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert (ROOT / "symmetry" / mutant.file).read_text("utf-8").count(mutant.old) == 1, mutant.name


@pytest.mark.parametrize("name", ["mixed classes C are all maximal", "the sign of the offset"])
def test_a_wrong_formula_is_noticed(name: str) -> None:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == name)
    assert not survives(mutant, ("test_counting.py",))


def test_the_right_ones_pass() -> None:
    assert survives(None, ("test_counting.py",))
