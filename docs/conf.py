"""Sphinx: the pages are Markdown and readable on their own; ``reference.rst`` and ``command-line.rst`` are generated.

sphinx-build -W -b html docs docs/_build
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from pygments.lexers.special import TextLexer

project = "losscert"
release = metadata.version("losscert")
html_title = f"losscert {release}"
copyright = "the losscert authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
root_doc = "contents"
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path: list[str] = []
html_show_sphinx = False

# anchors of headings, as the links between the pages use them
myst_heading_anchors = 4
# links that leave this folder are text here; that they lead somewhere is tested by tests/test_docs.py
suppress_warnings = ["myst.xref_missing"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_use_ivar = True


def plain_bars(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """``|x|`` is an absolute value in our docstrings, not a substitution."""
    for number, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        lines[number] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.add_lexer("csv", TextLexer)
    app.connect("autodoc-process-docstring", plain_bars)
