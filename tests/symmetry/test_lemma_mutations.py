"""Some wrong lemmas, and that the tests notice; all of them: ``python tests/symmetry/mutate_lemmas.py``."""

from __future__ import annotations

import pytest
from mutate_lemmas import MUTATIONS, failing_test

# the tests that are expected to fail, so that one suffices
NOTICED = {
    "n₊ In(B) for (n₊ − 1) In(B)": "test_splitting::test_known_splits",
    "n₋ In(B) for n₋ In(−B)": "test_lemmas::test_inertia_of_a_split_point",
    "mirrored: k − 1 zeros for k − 2": "test_lemmas::test_inertia_of_a_mirrored_split_point",
    "flips always preserve criticality": "test_lemmas::test_flips_that_preserve_the_output_do_not_preserve_criticality",
    "null neurons preserve criticality": "test_lemmas::test_null_neurons_do_not_preserve_criticality",
    "σ(0) = c for c/2": "test_lemmas::test_embeddings_change_the_output_by_the_stated_constant",
}


@pytest.mark.parametrize("name", NOTICED)
def test_a_wrong_lemma_is_noticed(name: str) -> None:
    (mutation,) = (m for m in MUTATIONS if m.name == name)
    assert failing_test(mutation, (NOTICED[name],)) == NOTICED[name]


def test_at_least_ten_are_listed() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 10
