"""The tutorial as a notebook: ``python docs/make_notebook.py`` writes ``tutorial.ipynb`` from ``tutorial.md``."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

HERE = Path(__file__).parent


def notebook(markdown: str) -> nbformat.NotebookNode:
    """Python blocks become code cells, everything between them Markdown cells."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parts = re.split(r"^```python\n(.*?)^```\n", markdown, flags=re.MULTILINE | re.DOTALL)
    for number, part in enumerate(parts):
        if not part.strip():
            continue
        cell = nbformat.v4.new_code_cell if number % 2 else nbformat.v4.new_markdown_cell
        made.cells.append(cell(part.strip(), id=f"cell-{len(made.cells)}"))
    return made


if __name__ == "__main__":
    (HERE / "tutorial.ipynb").write_text(
        nbformat.writes(notebook((HERE / "tutorial.md").read_text("utf-8"))) + "\n", "utf-8"
    )
