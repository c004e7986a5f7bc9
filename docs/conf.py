"""Sphinx: the pages are Markdown and readable on their own; ``reference.rst`` and ``command-line.rst`` are generated.

sphinx-build -W -b html docs docs/_build
"""

from __future__ import annotations

import os
from importlib import metadata

project = "losscert"
release = metadata.version("losscert")
html_title = f"losscert {release}"
copyright = "the losscert authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path: list[str] = []
html_show_sphinx = False

# anchors of headings, as the links between the pages use them
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# what the pages point to outside of this folder: the files of the repository, which are not pages here
suppress_warnings = ["myst.xref_missing"] if os.environ.get("LOSSCERT_DOCS_OFFLINE") else []

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_use_ivar = True
