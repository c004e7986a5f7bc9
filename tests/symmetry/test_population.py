"""The problem of Safran & Shamir by name."""

from __future__ import annotations

import numpy as np
import pytest

from symmetry.population import is_population, load_any_problem, safran_shamir
from symmetry.problem import Problem, ProblemError


def test_the_name_says_k_and_n() -> None:
    problem = safran_shamir("safran-shamir:k=9,n=10")
    assert (len(problem), problem.dimension, problem.width) == (9, 9, 10)
    assert np.array_equal(problem.teacher, np.eye(9))
    assert problem.objective(10).size == 90


def test_the_points_complete_the_name_and_the_hash_is_the_content() -> None:
    completed = safran_shamir("safran-shamir", shape=(8, 9))
    assert completed.hash == safran_shamir("safran-shamir:k=8,n=9").hash
    # the width is no part of the problem, the teacher is
    assert completed.hash == safran_shamir("safran-shamir:k=8").hash != safran_shamir("safran-shamir:k=9").hash


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("safran-shamir", None),
        ("safran-shamir:n=3", None),
        ("safran-shamir:k=0", None),
        ("safran-shamir:k=3,k=3", None),
        ("safran-shamir:k=3,m=3", None),
        ("safran-shamir:k=1001", None),
        ("safran-shamir:k=-1", None),
        ("safran-shamir:k=9", (8, 8)),
        ("safran-shamir:k=8,n=9", (8, 8)),
        ("thesis", None),
    ],
)
def test_other_names_are_refused(name: str, shape: tuple[int, int] | None) -> None:
    with pytest.raises(ProblemError, match="expected"):
        safran_shamir(name, shape=shape)


def test_problems_of_both_kinds_are_found_by_name() -> None:
    assert is_population("safran-shamir")
    assert not is_population("thesis")
    assert isinstance(load_any_problem("thesis"), Problem)
    assert len(load_any_problem("safran-shamir:k=3")) == 3
