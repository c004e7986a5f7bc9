"""Errors planted in the provers: a few in every run; ``planted.py`` does all."""

from __future__ import annotations

import pytest
from planted import PLANTED, ROOT, run

CASES = ("minimum", "plateau", "channel")


def test_every_place_to_patch_is_there() -> None:
    assert len(PLANTED) >= 20
    for planted in PLANTED:
        assert (ROOT / planted.file).read_text("utf-8").count(planted.old) == 1, planted.name


def test_without_an_error_there_is_no_complaint() -> None:
    assert run(None, CASES) == []


NAMES = ("n₊ for n₊ − 1", "the uniqueness box grown after the test", "κ with a wrong coefficient")


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_error_is_noticed(name: str) -> None:
    (planted,) = (planted for planted in PLANTED if planted.name == name)
    assert run(planted, CASES)
