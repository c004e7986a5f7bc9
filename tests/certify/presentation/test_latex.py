"""What is printed as LaTeX compiles: the theorem of every kind of certificate, and every table of a study."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from studies import tiny_study

from certify.presentation.theorem import theorem

sys.path.append(str(Path(__file__).parents[2] / "checker"))  # cases
from cases import NAMES, case, problem
from test_population_theorem import NAMES as GAUSSIAN
from test_population_theorem import stated

LATEX = shutil.which("pdflatex")

compiled = pytest.mark.skipif(LATEX is None, reason="no pdflatex on this machine")

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,amsthm,booktabs}
\newtheorem{theorem}{Theorem}
\begin{document}
\sloppy
%s
\end{document}
"""


def complaints(body: str, folder: Path) -> list[str]:
    """The errors of LaTeX, none where it made a page."""
    (folder / "paper.tex").write_text(DOCUMENT % body, "utf-8")
    command = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    found = [f"{line} {lines[min(i + 1, len(lines) - 1)]}" for i, line in enumerate(lines) if line.startswith("!")]
    assert found or (folder / "paper.pdf").is_file()
    return found


def test_ci_has_latex() -> None:
    assert LATEX is not None or not os.environ.get("LOSSCERT_NEEDS_ALL")


@compiled
def test_errors_are_seen(tmp_path: Path) -> None:
    assert "Undefined control sequence" in complaints(r"$\nosuchcommand$", tmp_path)[0]


@compiled
def test_the_theorems_of_all_kinds(tmp_path: Path) -> None:
    made = [case(name) for name in NAMES]
    assert complaints("\n".join(theorem(c.certificate, problem(c.problem), "latex") for c in made), tmp_path) == []


@compiled
def test_the_theorems_under_gaussian_inputs(tmp_path: Path) -> None:
    assert complaints("\n".join(stated(name, "latex") for name in GAUSSIAN), tmp_path) == []


@compiled
def test_the_tables_of_a_study(tmp_path: Path) -> None:
    sheets = sorted((tiny_study().directory / "tables").glob("*.tex"))
    assert len(sheets) >= 6
    for sheet in sheets:
        assert complaints(sheet.read_text("utf-8"), tmp_path) == [], sheet.name
