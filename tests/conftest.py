"""Hypothesis draws the same examples on every run, and no test depends on how fast a machine is.

``pytest --hypothesis-profile=thorough`` draws others each time, and of the lemma tests twenty times as many;
``--hypothesis-profile=unshrunk`` draws the same but shows the first failure, not the smallest.
"""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("unshrunk", derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("repeatable")
