"""Charts with saturated neurons, and inputs that lie on lines through 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symmetry.infinity.charts import Chart, Group, chart_of

LATTICE = np.array([(i / 2, j / 2) for i in range(-3, 4) for j in range(-3, 4)])
"""7 × 7 inputs: seven of them lie on the line across (1, 1), and ``δ = 1/2``."""


def steps(*groups: tuple[Any, ...], ordinary: int = 1, normals: Sequence[Sequence[int]] = ((1, 1),)) -> Chart:
    """The chart of the groups (kind, number of neurons), so many ordinary neurons, and a step across each normal."""
    numbers = iter(range(100))
    found = [Group(kind, tuple(next(numbers) for _ in range(size))) for kind, size in groups]
    found += [Group("saturated", (next(numbers),), normal=tuple(normal)) for normal in normals]
    return chart_of(next(numbers) + ordinary, len(normals[0]), found)
