"""Saved points: reading every supported format and writing ours, bit for bit (``docs/points.md``)."""

from sweep.points.assemble import MAX_BYTES, PointsError
from sweep.points.files import content_hash, declared_problem_hash, read_points, write_points
from sweep.points.state_dict import points_from_module

__all__ = [
    "MAX_BYTES",
    "PointsError",
    "content_hash",
    "declared_problem_hash",
    "points_from_module",
    "read_points",
    "write_points",
]
