"""What notebooks show of results."""

from __future__ import annotations

from pathlib import Path

from made_objects import isolated, tiny_problem, verdict, write

from certify.pipeline.classification import Classification
from certify.results.html import MOST

MINIMUM = isolated([[1, 2], [3, 4]], [1, -1])


def test_counts_and_the_first_candidates(tmp_path: Path) -> None:
    verdicts = [verdict(i, MINIMUM) for i in range(MOST)] + [verdict(MOST, reason="a <b> & c")]
    shown = Classification(tiny_problem(), tuple(verdicts), (MINIMUM,))._repr_html_()
    assert f"{MOST + 1} candidates: {MOST} local-minimum, 1 undecided; 1 distinct objects" in shown
    assert shown.count("<tr>") == MOST + 1  # the headings and the first ones
    assert shown.endswith("<p>… and 1 more</p>")
    assert write(tmp_path, verdicts)._repr_html_() == shown


def test_text_is_escaped() -> None:
    shown = Classification(tiny_problem(), (verdict(0, reason="a <b> & c"),), ())._repr_html_()
    assert "a &lt;b&gt; &amp; c" in shown
    assert "<b>" not in shown
