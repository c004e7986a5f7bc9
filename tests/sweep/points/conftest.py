"""What the tests of saved points share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sweep.points import PointsError, read_points
from symmetry.network import Points

Refuses = Callable[..., None]


@pytest.fixture
def refuses() -> Refuses:
    """Reading the path is refused in one line that names the file and matches the pattern."""

    def check(path: Path, pattern: str, *, dimension: int = 2) -> None:
        with pytest.raises(PointsError, match=pattern) as caught:
            read_points(path, dimension=dimension)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        assert len(message) < 600

    return check


@pytest.fixture
def points() -> Points:
    """Three students of width 4 and dimension 2 with bits that a careless writer loses."""
    rng = np.random.default_rng(7)
    w, a = rng.standard_normal((3, 4, 2)), rng.standard_normal((3, 4))
    w[0, 0] = -0.0, 5e-324
    w[1, 2] = np.finfo(np.float64).max, -np.finfo(np.float64).max
    a[2, :2] = 0.0, -0.0
    return Points(w, a, tuple(f"run:{i}" for i in range(3)), np.array([3, -1, 2**63 - 1]))
