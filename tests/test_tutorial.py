"""The tutorial as a notebook is the page, and runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"


def made() -> nbformat.NotebookNode:
    """The notebook that ``docs/make_notebook.py`` makes of the page."""
    spec = importlib.util.spec_from_file_location("make_notebook", DOCS / "make_notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.notebook((DOCS / "tutorial.md").read_text("utf-8"))


def test_the_notebook_is_the_page() -> None:
    assert nbformat.writes(made()) + "\n" == (DOCS / "tutorial.ipynb").read_text("utf-8")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
def test_the_notebook_runs_and_shows_verdicts() -> None:
    notebook = made()
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [
        output.data["text/html"] for cell in cells for output in cell.outputs if output.output_type == "execute_result"
    ]
    assert len(shown) == 2
    assert all("<table>" in html for html in shown)
    assert "4 candidates: " in shown[1]
    printed = "".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")
    assert "global-minimum" in printed
