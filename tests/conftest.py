"""Hypothesis draws the same examples on every run, and no test depends on how fast a machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
