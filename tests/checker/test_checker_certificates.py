"""Valid certificates are verified, by three arithmetics, without any installation; the checker stands alone."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
from cases import NAMES, case, check, checked, signed, stored
from directories import verdict, write

import certify
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.loss import Data
from certify.checker.problems import problem_of
from certify.checker.reading import Rejected
from certify.checker.run import make_arithmetic
from certify.proofs.proof import dyadic, from_text
from certify.proofs.zero import match_global_minimum, zero_object
from certify.results.certificate import canonical, certificate_of
from symmetry.network import Network
from symmetry.problem import load_problem

PACKAGE = Path(certify.__file__).parent
CHECKER = PACKAGE / "checker"
SCRIPT = CHECKER / "checker.py"


@pytest.mark.parametrize("arithmetic", ["integer", "mpmath", "arb"])
@pytest.mark.parametrize("name", NAMES)
def test_every_kind_is_verified(name: str, arithmetic: str) -> None:
    chosen = case(name)
    known = checked(chosen.problem)
    certificate = read_certificate(chosen.certificate, name)
    check_certificate(certificate, known, lambda bits: Data(known, make_arithmetic(arithmetic, bits)))


def test_a_zero_with_opposite_neurons_is_verified_as_all_there_is() -> None:
    # the shipped problem: 16 functions on 1681 inputs; outputs 2 at w* and 1 at −w*, isolated, the Hessian singular
    shipped = load_problem("thesis")
    assert shipped.teacher is not None
    (one, two, three, four), (a1, a2, a3, a4) = shipped.teacher.w, shipped.teacher.a
    point = match_global_minimum(shipped, Network.of([one, -one, two, -three, four], [a1 + a3, a3, a2, -a3, a4]))
    assert point is not None
    found = zero_object(shipped, point, arithmetic="auto", max_bits=212)
    known = problem_of(json.loads(json.dumps(stored(shipped))), Path("problem.json"))
    made = json.loads(json.dumps(certificate_of(found, shipped.hash)))
    assert made["claim"]["strict"] is made["claim"]["complete"] is True
    data = Data(known, make_arithmetic("arb", 256))
    check_certificate(read_certificate(made, "made"), known, lambda bits: data)
    made["witness"]["local_family"]["rank"] += 1
    with pytest.raises(Rejected, match="the rank is 13"):
        check_certificate(read_certificate(signed(made), "made"), known, lambda bits: data)


@pytest.mark.parametrize("name", NAMES)
def test_signing_again_changes_nothing(name: str) -> None:
    assert signed(case(name).certificate) == case(name).certificate


def test_an_almost_critical_point_is_not_enough() -> None:
    certificate = json.loads(json.dumps(case("minimum-2").certificate))
    step = certificate["witness"]["krawczyk"]
    radius = min(map(from_text, step["existence_radius"]))
    step["center"] = [dyadic(from_text(c) + 3 * radius) for c in step["center"]]
    with pytest.raises(Rejected, match=r"existence_radius: .* fails in coordinate"):
        check(signed(certificate), "c")


def test_an_index_is_not_taken_from_a_hessian_with_a_tiny_eigenvalue() -> None:
    # V scaled until a disc reaches 0: no sign may be read off
    certificate = json.loads(json.dumps(case("saddle").certificate))
    rows = certificate["witness"]["inertia"]["congruence"]
    certificate["witness"]["inertia"]["congruence"] = [[r[0], *["0"] * (len(r) - 1)] for r in rows]
    with pytest.raises(Rejected, match="disc 1 of VᵀHV holds 0"):
        check(signed(certificate), "a")


@pytest.mark.parametrize("arithmetic", ["integer", "both"])
def test_a_directory_is_verified(tmp_path: Path, arithmetic: str) -> None:
    outcome = verdict(write(tmp_path), arithmetic=arithmetic)
    assert (outcome.code, outcome.rejected, outcome.unreadable) == (0, [], [])
    assert sum(sum(row.values()) for row in outcome.counts.values()) == 6


def test_the_script_needs_only_the_standard_library(tmp_path: Path) -> None:
    write(tmp_path)
    # -I: no environment, no user site; -S: no site-packages at all
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(r"\d+ certificates and \d+ paths may take \S+ s on 1 process\n", done.stderr)
    assert len(json.loads(done.stdout)["verified"]) == 4
    with_arb = subprocess.run([*command, "--arithmetic", "arb"], capture_output=True, text=True, check=False)
    assert with_arb.returncode == 2
    assert "install it, or use --arithmetic integer" in with_arb.stdout


def test_several_processes_say_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--json"]
    outputs = []
    for jobs in ("1", "2"):
        done = subprocess.run([*command, "--jobs", jobs], capture_output=True, text=True, check=True)
        outputs.append({k: v for k, v in json.loads(done.stdout).items() if k != "seconds"})
    assert outputs[0] == outputs[1]


def test_one_file_is_checked_against_the_problem_of_its_directory(tmp_path: Path) -> None:
    write(tmp_path)
    files = sorted(tmp_path.glob("certificates/*.json"))
    assert all(verdict(file).code == 0 for file in files)
    alone = tmp_path / "elsewhere" / "deep" / files[0].name
    alone.parent.mkdir(parents=True)
    files[0].rename(alone)
    assert verdict(alone).unreadable[0].endswith("name it with --problem")
    assert verdict(alone, problem=tmp_path / "problem.json").code == 0


def test_several_files_are_checked_together(tmp_path: Path) -> None:
    write(tmp_path / "here")
    files = sorted(tmp_path.glob("here/certificates/*.json"))
    together = verdict(*files, files[0], jobs=2)
    assert together.verified == [str(file) for file in files]
    # a certificate of another problem is judged by the first one's
    other = tmp_path / "there" / "certificates" / "other.json"
    other.parent.mkdir(parents=True)
    other.write_text(canonical(case("minimum-2").certificate))
    assert "problem: is not the hash of the problem on disk" in verdict(files[0], other).rejected[0]
    for more in (tmp_path / "here", tmp_path / "none.json", tmp_path / "a.zip"):
        assert verdict(files[0], more).code == 2


def test_a_budget_that_is_too_small_is_refused(tmp_path: Path) -> None:
    outcome = verdict(write(tmp_path), budget=1e-9)
    assert outcome.code == 2
    assert "more than --budget" in outcome.unreadable[0]
    assert not outcome.verified


def test_arithmetics_that_disagree_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from certify.checker import run

    def disagreeing(certificate: object, problem: object, data_at: partial[Data]) -> None:
        if data_at.args[1] == "arb":
            raise Rejected("claim.loss: the lower bound fails")

    write(tmp_path)
    monkeypatch.setattr(run, "check_certificate", disagreeing)
    outcome = verdict(tmp_path, arithmetic="both")
    assert outcome.code == 4
    assert all("the arithmetics disagree" in r for r in outcome.rejected if r.startswith("certificates/"))


# ------------------------------------------------------------------------------------------------ independence


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level == 1 else (node.module or "").split(".")[0] if node.level == 0 else "..")
    return found


def test_the_checker_imports_nothing_of_the_project() -> None:
    for path in CHECKER.glob("*.py"):
        extra = {"arb.py": {"flint"}, "intervals.py": {"mpmath"}}.get(path.name, set())
        assert imports(path) <= {*sys.stdlib_module_names, ".", *extra}, path.name


def lines_of(path: Path) -> list[str]:
    """Lines without indentation and comments; blank ones, lone brackets and sorted imports left out."""
    stripped = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [
        line for line in stripped if len(line.strip("()[]{},: ")) > 3 and not re.match(r"from \S+ import|import ", line)
    ]


def test_the_checker_shares_no_six_lines_with_the_provers() -> None:
    six = 6
    roots = [PACKAGE, PACKAGE.parent / "sweep", PACKAGE.parent / "symmetry"]
    others = [path for root in roots for path in root.rglob("*.py") if CHECKER not in path.parents]
    assert len(others) > 60
    seen = {tuple(lines[i : i + six]) for p in others for lines in [lines_of(p)] for i in range(len(lines) - six + 1)}
    for path in CHECKER.glob("*.py"):
        lines = lines_of(path)
        for i in range(len(lines) - six + 1):
            assert tuple(lines[i : i + six]) not in seen, (path.name, lines[i])


def code_lines(path: Path) -> int:
    """Lines that are neither blank nor part of a docstring."""
    text = path.read_text("utf-8")
    strings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return sum(1 for i, line in enumerate(text.splitlines(), 1) if line.strip() and i not in strings)


def test_the_core_stays_short() -> None:
    """What has to be read to believe that a point of a sigmoid network is isolated, a global minimum, or not critical.

    ``special.py`` and half of ``activations.py`` are for other activations; what any claim is read with (JSON, rows of
    verdicts) and what near a zero or Lemma 1 adds are modules of their own.
    """
    core = ["integers.py", "activations.py", "loss.py", "isolated.py", "zero.py", "empty.py"]
    assert sum(code_lines(CHECKER / name) for name in core) <= 640
    assert sum(code_lines(CHECKER / name) for name in [*core, "special.py"]) <= 680
    assert all(code_lines(path) <= 400 for path in CHECKER.glob("*.py"))


def test_every_module_is_named_among_the_lines_to_read() -> None:
    text = (PACKAGE.parent / "docs" / "trusted-base.md").read_text("utf-8")
    named = set()
    for names, stated in re.findall(r"^\| (`[a-z0-9_`., ]+) \| ([0-9]+) \|", text, re.MULTILINE):
        modules = re.findall(r"`(\w+\.py)`", names)
        lines = sum(code_lines(CHECKER / module) for module in modules)
        assert abs(lines - int(stated)) <= max(20, lines // 10), f"{names}: {lines} lines in docs/trusted-base.md"
        named |= set(modules)
    assert named == {path.name for path in CHECKER.glob("*.py")} - {"__init__.py"}, "add it to docs/trusted-base.md"


def test_every_case_uses_another_number_of_bits_when_its_box_is_smaller() -> None:
    from certify.checker.isolated import read_box

    witness = json.loads(json.dumps(case("minimum-2").certificate["witness"]))
    before = read_box(witness, 6).bits
    step = witness["krawczyk"]
    step["existence_radius"] = [dyadic(from_text(r) * Fraction(1, 2**300)) for r in step["existence_radius"]]
    assert read_box(witness, 6).bits >= before + 256
    step["existence_radius"] = [dyadic(from_text(r) * Fraction(1, 2**9000)) for r in step["existence_radius"]]
    with pytest.raises(Rejected, match="more than 4096"):
        _ = read_box(witness, 6).bits
