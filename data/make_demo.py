"""Choose the points that ``certify demo`` runs on from the shipped data: ``python data/make_demo.py`` in the checkout.

The first 18 Adam runs and the first 4 saddles of width 5, unchanged.
"""

from pathlib import Path

import numpy as np

from sweep.points import read_points, write_points
from symmetry.network import Points

HERE = Path(__file__).parent
runs = read_points(HERE / "adam/width5", dimension=2).take(range(18))
saddles = read_points(HERE / "saddles/width5.npz", dimension=2).take(range(4))
write_points(
    HERE.parent / "certify/_data/demo.npz",
    Points(
        np.concatenate([runs.w, saddles.w]),
        np.concatenate([runs.a, saddles.a]),
        runs.source + saddles.source,
        np.concatenate([runs.seed, np.full(4, -1)]),
    ),
)
