"""Some wrong lemmas, and that the tests notice; all of them: ``python tests/symmetry/mutate_lemmas.py``."""

from __future__ import annotations

import pytest
from mutate_lemmas import MUTATIONS, is_noticed

SOME = ("n₋ In(B) for n₋ In(−B)", "mirrored: k − 1 zeros for k − 2", "flips always preserve criticality")


@pytest.mark.parametrize("name", SOME)
def test_a_wrong_lemma_is_noticed(name: str) -> None:
    (mutation,) = (m for m in MUTATIONS if m.name == name)
    assert is_noticed(mutation)


def test_a_formula_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="occurs 0 times"):
        is_noticed(MUTATIONS[0]._replace(old="n + 1 - 1"))


def test_at_least_ten_are_listed() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 10
