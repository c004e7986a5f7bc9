"""What README and docs show works as shown."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from certify.proofs.verdict import Kind
from symmetry.problem import load_problem, parse_problem

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_the_python_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(ROOT)
    (example,) = blocks(ROOT / "README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert [line.split()[0] for line in lines[:4]] == ["0", "1", "2", "3"]
    assert {line.split()[1] for line in lines[:4]} <= set(Kind)


def test_the_python_examples_of_the_symmetry_page_run(capsys: pytest.CaptureFixture[str]):
    for example in blocks(ROOT / "docs" / "symmetry.md", "python"):
        exec(compile(example, "symmetry.md", "exec"), {})
    assert capsys.readouterr().out == "3 ['Σ r = 0']\n"


def test_the_set_up_commands_are_two_lines():
    section = (ROOT / "README.md").read_text("utf-8").split("\n## Set up\n")[1].split("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert [command.count("\n") for command in commands] == [1, 1]


def test_the_problem_files_of_the_docs_are_read(tmp_path: Path):
    np.savez(tmp_path / "inputs.npz", X=np.array([[0.5, 1.0], [-1.0, 2.0]]))
    np.savez(tmp_path / "labels.npz", y=np.arange(5.0))
    page = ROOT / "docs" / "problems.md"
    tables = blocks(page, "csv")
    for name, table in zip(("measured", "measured2"), sorted(tables, key=len), strict=True):
        (tmp_path / f"{name}.csv").write_text(table, "utf-8")
    problems = [parse_problem(text, source="problem.toml", folder=tmp_path) for text in blocks(page, "toml")]
    assert [(len(p), p.outputs) for p in problems] == [(1681, 1), (2, 1), (3, 1), (5, 1), (3, 2)]
    assert [p.exact_labels for p in problems] == [True, True, False, False, False]
    assert problems[0].hash == load_problem("thesis").hash
    assert problems[2].labels.tolist() == [0.25, 0.5, 0.125]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if file.startswith("https:"):
            continue
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_constraints_pin_every_requirement():
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines}
    asked = {canonicalize_name(Requirement(r).name) for r in metadata.requires("losscert") or []}
    assert asked - {"losscert"} <= pinned


def test_every_page_is_in_the_table_of_contents():
    listed = set((ROOT / "docs" / "contents.rst").read_text("utf-8").split())
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} <= listed
