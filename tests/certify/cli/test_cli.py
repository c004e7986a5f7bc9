"""The command line: what it prints where, its exit codes, and that an interruption loses nothing.

The classification itself is replaced by a made one, except in the last tests.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_objects import TINY, ball, isolated, tiny_problem, verdict

from certify.cli import main
from certify.cli.common import progress_bars
from certify.pipeline import classification
from certify.pipeline.classification import Classification
from certify.proofs.verdict import CriticalObject, Kind
from certify.results.journal import Journal
from certify.results.store import read_results
from sweep.points import write_points
from symmetry.network import Points
from symmetry.problem import Problem

MINIMUM = isolated([[1, 2], [3, 4]], [1, -1])
CALLS: list[dict[str, Any]] = []


def decided(problem: Problem, points: Points, **options: Any) -> Classification:
    """Every candidate is contained in one minimum."""
    CALLS.append(options)
    return made(problem, points, [MINIMUM] * len(points))


def one_open(problem: Problem, points: Points, **options: Any) -> Classification:
    """The first candidate stays undecided."""
    return made(problem, points, [None, *[MINIMUM] * (len(points) - 1)])


def made(problem: Problem, points: Points, objects: list[CriticalObject | None]) -> Classification:
    verdicts = tuple(verdict(i, found, source=points.source[i]) for i, found in enumerate(objects))
    return Classification(problem, verdicts, tuple({o.id: o for o in objects if o is not None}.values()))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a problem and three points, and a classification that takes no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(classification, "classify_points", decided)
    CALLS.clear()
    Path("tiny.toml").write_text(TINY)
    save(Path("points.npz"))
    return tmp_path


def save(path: Path, w: float = 0.5, a: float = 1.0, count: int = 3) -> None:
    arrays = np.full((count, 2, 2), w), np.full((count, 2), a)
    write_points(path, Points(*arrays, ("",) * count, np.arange(count)))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def points(*more: str, file: str = "points.npz", problem: str = "tiny.toml") -> Result:
    return run("points", file, "--problem", problem, "--out", "out", *more)


# ---------------------------------------------------------------------------------------------------------- points


def test_all_decided(place: Path) -> None:
    result = points()
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"\| local-minimum \| +3 \| +100\.0 % \(", result.stdout)
    assert "Verdicts and certificates are in out." in result.stdout
    results = read_results(Path("out"))
    assert [row["source"] for row in results.rows] == ["points.npz:0", "points.npz:1", "points.npz:2"]
    assert results.manifest["settings"] == {"arithmetic": "auto", "max_bits": 212, "polish": True}


def test_some_undecided(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "classify_points", one_open)
    assert points().exit_code == 3


def test_not_critical_is_not_decided(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(problem: Problem, points: Points, **options: Any) -> Classification:
        rest = made(problem, points, [None, *[MINIMUM] * (len(points) - 1)])
        first = verdict(0, kind=Kind.NOT_CRITICAL, empty=ball(0.5), reason="empty ball")
        return Classification(problem, (first, *rest.verdicts[1:]), rest.objects)

    monkeypatch.setattr(classification, "classify_points", empty)
    result = points("--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["not_critical"] == 1


def test_json_is_all_there_is_on_stdout(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "classify_points", one_open)
    result = points("--json")
    assert result.stdout.count("\n") == 1
    data = json.loads(result.stdout)
    assert data.pop("seconds") >= 0
    assert list(data) == ["points", "objects", "undecided", "not_critical", "verdicts"]
    assert (data["points"], data["objects"], data["undecided"], data["not_critical"]) == (3, 1, 1, 0)
    assert {kind: n for kind, n in data["verdicts"].items() if n} == {"local-minimum": 2, "undecided": 1}
    assert set(data["verdicts"]) == {str(kind) for kind in Kind}


def test_options_reach_the_classification(place: Path) -> None:
    points("--jobs", "3", "--max-bits", "424", "--arithmetic", "mpmath", "--no-polish")
    (call,) = CALLS
    assert call.pop("journal") is not None
    assert callable(call.pop("timing"))
    options = {"jobs": 3, "max_bits": 424, "arithmetic": "mpmath", "polish": False, "progress": None, "cluster": None}
    assert call == options


def test_default_jobs_are_the_usable_cores(place: Path) -> None:
    points()
    assert CALLS[0]["jobs"] == len(os.sched_getaffinity(0))


# ------------------------------------------------------------------------------------------------------- bad input


def refused(result: Result, *words: str) -> None:
    """One sentence on stderr that says these words, exit code 2, nothing written."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("certify: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    assert not Path("out").exists()
    assert not CALLS


def test_no_such_points(place: Path) -> None:
    refused(points(file="nothing.npz"), "nothing.npz: no such file")


def test_no_such_problem(place: Path) -> None:
    refused(points(problem="nothing.toml"), "nothing.toml: no such problem file", "thesis")


def test_points_that_are_not_finite(place: Path) -> None:
    np.savez("bad.npz", w=np.full((2, 2, 2), np.nan), a=np.ones((2, 2)))
    refused(points(file="bad.npz"), "bad.npz: row 0", "nan")


def test_points_of_another_dimension(place: Path) -> None:
    np.savez("bad.npz", w=np.ones((2, 2, 3)), a=np.ones((2, 2)))
    refused(points(file="bad.npz"), "(2, 2, 3)", "2 inputs")


def test_a_teacher_with_a_zero_neuron(place: Path) -> None:
    Path("bad.toml").write_text(TINY.replace("[1, -0.5]", "[0, 0]"))
    refused(points(problem="bad.toml"), "bad.toml: teacher.w[1]")


@pytest.mark.parametrize(("w", "a"), [(0.5, 1e160), (1.7e308, 1e160), (-0.5, -1.7e308)])
def test_weights_whose_loss_overflows(place: Path, w: float, a: float) -> None:
    save(Path("big.npz"), w, a)
    refused(points(file="big.npz"), "big.npz:0: the loss overflows float64", f"largest |a| is {abs(a):.3g}")


def test_large_weights_with_a_finite_loss_are_taken(place: Path) -> None:
    # sigmoid saturates: the loss is about (2e100)²
    save(Path("big.npz"), 1e150, 1e100)
    assert points(file="big.npz").exit_code == 0


def test_the_overflowing_row_is_named(place: Path) -> None:
    w, a = np.full((3, 2, 2), 0.5), np.ones((3, 2))
    a[1] = 1e200
    np.savez("big.npz", w=w, a=a)
    refused(points(file="big.npz"), "big.npz:1: the loss overflows")


def test_points_that_belong_to_another_problem(place: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def table(problem_hash: str) -> pa.Table:
        columns = {"w": [[0.5] * 4], "a": [[1.0] * 2]}
        return pa.table(columns).replace_schema_metadata({"losscert": json.dumps({"problem_hash": problem_hash})})

    pq.write_table(table("0" * 64), "theirs.parquet")
    refused(points(file="theirs.parquet"), "theirs.parquet: belongs to problem 000000000000", tiny_problem().hash[:12])
    pq.write_table(table(tiny_problem().hash), "ours.parquet")
    assert points(file="ours.parquet").exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_cannot_be_written_down(place: Path) -> None:
    name = os.fsdecode(b"\xff.npz")
    Path("points.npz").rename(name)
    refused(points(file=name), r"'\udcff.npz': is not a file name in UTF-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["points"],
        ["points", "points.npz", "--out", "out"],
        ["points", "points.npz", "--problem", "tiny.toml"],
        ["points", "points.npz", "--problem", "tiny.toml", "--out", "out", "--jobs", "0"],
        ["points", "points.npz", "--problem", "tiny.toml", "--out", "out", "--max-bits", "24"],
        ["points", "points.npz", "--problem", "tiny.toml", "--out", "out", "--arithmetic", "float"],
        ["points", "points.npz", "--problem", "tiny.toml", "--out", "out", "--resume", "--overwrite"],
        ["table"],
        ["table", "out", "--format", "xml"],
        ["explain", "out"],
        ["explain", "out", "first"],
        ["frobnicate"],
        ["--frobnicate"],
    ],
)
def test_bad_usage(place: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: certify" in result.stderr
    assert not Path("out").exists()


# ------------------------------------------------------------------------------------- existing results, interruptions


def test_existing_results_are_kept(place: Path) -> None:
    assert points().exit_code == 0
    before = Path("out/manifest.json").read_bytes()
    result = points("--no-polish")
    assert result.exit_code == 2
    assert "out: already holds results; replace them with --overwrite" in result.stderr
    assert Path("out/manifest.json").read_bytes() == before
    assert points("--no-polish", "--overwrite").exit_code == 0
    assert Path("out/manifest.json").read_bytes() != before


def test_resuming_finished_results_computes_nothing(place: Path) -> None:
    first = points("--json")
    again = points("--json", "--resume")
    assert len(CALLS) == 1
    assert again.exit_code == 0
    assert again.stderr == "certify: out is finished already\n"
    assert json.loads(again.stdout)["verdicts"] == json.loads(first.stdout)["verdicts"]


def interrupting(problem: Problem, points: Points, **options: Any) -> Classification:
    options["journal"].put("locate", "0", "half")
    raise KeyboardInterrupt


def test_an_interruption_keeps_what_is_finished(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "classify_points", interrupting)
    result = points()
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "interrupted; 1 finished parts are kept in out: repeat the command with --resume" in result.stderr
    assert [path.name for path in Path("out").iterdir()] == [".journal"]
    refusal = points()
    assert refusal.exit_code == 2
    assert "continue it with --resume" in refusal.stderr

    def resumed(problem: Problem, points: Points, **options: Any) -> Classification:
        assert options["journal"].get("locate", "0") == "half"
        return decided(problem, points)

    monkeypatch.setattr(classification, "classify_points", resumed)
    other = points("--resume", "--max-bits", "106")
    assert other.exit_code == 2
    assert "settings.max_bits 212, expected 106" in other.stderr
    assert points("--resume").exit_code == 0
    assert not Path("out/.journal").exists()


def test_an_internal_failure(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(problem: Problem, points: Points, **options: Any) -> Classification:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(classification, "classify_points", broken)
    result = points("--json")
    assert result.exit_code == 70
    assert result.stdout == ""
    assert "ZeroDivisionError: a bug" in result.stderr
    assert "internal failure" in result.stderr
    assert not Path("out/manifest.json").exists()


SLOW = """
import sys, time
from certify.pipeline import classification

def slow(problem, points, *, journal, **options):
    for i in range(len(points)):
        if journal.get("locate", str(i)) is None:
            journal.put("locate", str(i), i)
            if i == 1:
                print("waiting", file=sys.stderr, flush=True)
                time.sleep(600)
    raise SystemExit(5)

classification.classify_points = slow
from certify.cli import main
from certify.cli.common import progress_bars
main()
"""


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_real_signal(place: Path, kill: signal.Signals) -> None:
    command = [sys.executable, "-c", SLOW, "points", "points.npz", "--problem", "tiny.toml", "--out", "out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert process.stderr.readline() == "waiting\n"
        process.send_signal(kill)
        code = process.wait(60)
        said, printed = process.stderr.read(), process.stdout.read()
    assert printed == ""
    if kill is signal.SIGINT:
        assert code == 130
        assert said.startswith("certify: interrupted; 2 finished parts are kept in out: repeat the command")
        assert "Traceback" not in said
    lines = Path("out/.journal/journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["header", "0", "1"]
    # what was finished is not done again: the slow part is skipped
    again = subprocess.run([*command, "--resume"], capture_output=True, timeout=60, check=False)
    assert again.returncode == 5


# ------------------------------------------------------------------------------------------------- table and explain


@pytest.fixture
def finished(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(classification, "classify_points", one_open)
    assert points().exit_code == 3
    return place


@pytest.mark.parametrize(
    ("form", "start"),
    [("md", "| width | verdict "), ("csv", "width,verdict,"), ("latex", r"\begin{tabular}"), ("json", "{")],
)
def test_table_formats(finished: Path, form: str, start: str) -> None:
    result = run("table", "out", "--format", form)
    assert result.exit_code == 3
    assert result.stdout.startswith(start)
    assert "local-minimum" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--show", "decided"], "out"),
        (["--show", "negative"], "all, of "),
        (["--show", "confusion"], "loss < 1e-3"),
        (["--show", "confusion", "--at", "both"], "polished"),
    ],
)
def test_tables_made_from_the_classification(finished: Path, arguments: list[str], line: str) -> None:
    result = run("table", "out", *arguments)
    assert result.exit_code == 3
    assert line in result.stdout


def test_table_of_all_decided(place: Path) -> None:
    points()
    assert run("table", "out").exit_code == 0


def test_table_merges(finished: Path) -> None:
    save(Path("more.npz"), w=2.0)
    run("points", "more.npz", "--problem", "tiny.toml", "--out", "second")
    result = run("table", "out", "second", "--format", "json")
    minima = json.loads(result.stdout)["lines"][0]
    assert (minima["runs"], minima["distinct_at_least"]) == (4, 1)


def test_table_of_two_problems(finished: Path) -> None:
    Path("other.toml").write_text(TINY.replace("a = [1, -1]", "a = [1, 1]"))
    run("points", "points.npz", "--problem", "other.toml", "--out", "second")
    result = run("table", "out", "second")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("certify: second: holds results for problem")


@pytest.mark.parametrize("arguments", [["table", "nowhere"], ["explain", "nowhere", "0"], ["explain", "out", "3"]])
def test_nothing_to_read(finished: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


def test_explain(finished: Path) -> None:
    result = run("explain", "out", "1")
    assert result.exit_code == 0
    assert result.stdout.startswith("Candidate 1 (points.npz:1, seed 1): 2 neurons, problem tiny\n\nVerdict: strict")
    undecided = run("explain", "out", "0")
    assert undecided.exit_code == 3
    assert "channel to infinity" in undecided.stdout


def test_explain_json(finished: Path) -> None:
    data = json.loads(run("explain", "out", "1", "--json").stdout)
    assert data["row"]["object_id"] == MINIMUM.id
    assert data["sections"][0]["heading"].startswith("Proved")


# ---------------------------------------------------------------------------------------------------------------- demo


def test_demo_prints_the_table_and_one_explanation(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = place / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    result = run("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "| local-minimum |" in result.stdout
    assert "Candidate 0 (demo.npz:0" in result.stdout
    assert list(temporary.iterdir()) == []


def test_demo_keeps_results_where_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classification, "classify_points", one_open)
    result = run("demo", "--out", "out")
    assert result.exit_code == 3
    assert "Candidate 1 (demo.npz:1" in result.stdout  # a local minimum, if there is one
    assert read_results(Path("out")).manifest["problem"]["name"] == "thesis"


# ------------------------------------------------------------------------------------------------------------ progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars() as report:
        assert report is not None
        report("locate", 3, 10)
        report("isolated", 1, 2)
    drawn = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "following the loss downhill" in drawn
    assert "3/10" in drawn
    assert "1/2" in drawn


def test_no_progress_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bars() as report:
        assert report is None


# -------------------------------------------------------------------------------------------------- version and imports


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout == f"losscert, version {metadata.version('losscert')}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["points", "--help"], ["demo", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    heavy = ["torch", "numba", "matplotlib", "pyarrow", "flint", "numpy", "scipy", "mpmath", "sympy", "rich", "dask"]
    script = f"""
import sys
from certify.cli import main
from certify.cli.common import progress_bars
try:
    main({arguments!r})
except SystemExit as stop:
    assert stop.code == 0
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == "[]\n"
    assert result.stdout.startswith("Usage: ")


def test_completion() -> None:
    environment = os.environ | {"_CERTIFY_COMPLETE": "bash_complete", "COMP_WORDS": "certify poi", "COMP_CWORD": "1"}
    script = "import sys; sys.argv = ['certify']; from certify.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "plain,points\n"


# -------------------------------------------------------------------------------------------- with the real provers

GRID = TINY.replace("step = [1, 1]", "step = [0.25, 0.25]")
"""A finer grid than the tiny problem's: on 81 inputs its minima are well separated."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six points of a small real problem, classified on one process into ``reference``."""
    place = tmp_path_factory.mktemp("real")
    (place / "grid.toml").write_text(GRID)
    rng = np.random.default_rng(7)
    w, a = rng.normal(size=(6, 2, 2)), rng.normal(size=(6, 2))
    w[0], a[0] = [[1, -0.5], [0.5, 1]], [-1, 1]  # the teacher, its neurons swapped
    w[1], a[1] = w[0] + 1e-6, a[0]
    w[2], a[2] = -w[0], -a[0]  # all signs flipped: outputs add up to 0, so this is the same function
    write_points(place / "points.npz", Points(w, a, ("",) * 6, np.arange(6)))
    assert real_run(place, "reference", "--jobs", "1").exit_code in (0, 3)
    return place


def real_run(place: Path, out: str, *more: str) -> Result:
    return run(
        "points", str(place / "points.npz"), "--problem", str(place / "grid.toml"), "--out", str(place / out), *more
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_real_verdicts(real: Path) -> None:
    results = read_results(real / "reference")
    first, near, flipped = results.rows[:3]
    for row in (first, near, flipped):
        assert (row["verdict"], row["relation"], row["moved"]) == ("global-minimum", "contained", 0.0)
    assert first["distance"] == flipped["distance"] == 0.0
    # four entries are off by 1e-6
    assert 2e-6 * (1 - 1e-9) < near["distance"] < 2e-6 * (1 + 1e-9)
    assert first["object_id"] == near["object_id"] != flipped["object_id"]
    assert first["stratum"] == "C1+ C2+"
    assert flipped["stratum"] == "C1- C2-"
    for index in range(len(results.rows)):
        assert "Verdict:" in run("explain", str(real / "reference"), str(index)).stdout
    table = json.loads(run("table", str(real / "reference"), "--format", "json").stdout)
    assert table["lines"][-1]["runs"] == 6
    assert table["lines"][0]["distinct_at_least"] >= 2


def test_jobs_do_not_change_a_byte(real: Path) -> None:
    assert real_run(real, "parallel", "--jobs", "2").exit_code in (0, 3)
    assert contents(real / "parallel") == contents(real / "reference")


def test_an_interrupted_real_run_ends_with_the_same_bytes(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Journal.put
    for stop in (1, 4, 7):

        def interrupted(self: Journal, stage: str, key: str, payload: Any, stop: int = stop) -> None:
            if len(self) == stop:
                raise KeyboardInterrupt
            put(self, stage, key, payload)

        monkeypatch.setattr(Journal, "put", interrupted)
        result = real_run(real, "resumed", "--jobs", "1", *(["--resume"] if stop > 1 else []))
        assert result.exit_code == 130
        assert f"interrupted; {stop} finished parts" in result.stderr
    monkeypatch.setattr(Journal, "put", put)
    assert real_run(real, "resumed", "--jobs", "1", "--resume").exit_code in (0, 3)
    assert contents(real / "resumed") == contents(real / "reference")
