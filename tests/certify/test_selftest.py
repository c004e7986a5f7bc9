"""The self-test passes here, and fails where a library has tampered with the processor or the checker is fooled."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
from click.testing import CliRunner

from certify import selftest
from certify.cli import main
from certify.selftest import SelftestError, require


def failures() -> dict[str, str]:
    return {result.name: result.failure for result in selftest.selftest() if result.failure}


def test_everything_is_right_here() -> None:
    assert failures() == {}
    require()
    done = CliRunner().invoke(main, ["selftest"])
    assert done.exit_code == 0
    assert done.output.count(": ok") == 5


def in_process(prelude: str) -> str:
    """What the self-test says in a fresh process after ``prelude``."""
    code = f"import certify.selftest as s\n{prelude}\nprint([(r.name, r.failure) for r in s.selftest() if r.failure])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_flushed_subnormals_are_noticed() -> None:
    # what loading a library built with -ffast-math does to a process
    assert "subnormal numbers are taken for 0" in in_process("import torch; assert torch.set_flush_denormal(True)")


@pytest.mark.skipif(sys.platform != "linux", reason="the value of FE_UPWARD")
def test_another_rounding_mode_is_noticed() -> None:
    upward = "import ctypes, ctypes.util; ctypes.CDLL(ctypes.util.find_library('m')).fesetround(0x800)"
    assert "sums are not rounded to the nearest" in in_process(upward)


def test_a_product_outside_its_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = selftest.Float64Enclosures.matmul

    def careless(self: Any, v: Any, w: Any) -> Any:
        found = true(self, v, w)
        found.rad[:] = 0.0
        return found

    monkeypatch.setattr(selftest.Float64Enclosures, "matmul", careless)
    assert list(failures()) == ["matrix products"]
    with pytest.raises(SelftestError, match="self-test of matrix products: entry"):
        require()


def test_an_exponential_outside_its_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = selftest.Float64Enclosures.exp

    def careless(self: Any, v: Any) -> Any:
        found = true(self, v)
        found.mid[3] *= 1 + 2.0**-40
        return found

    monkeypatch.setattr(selftest.Float64Enclosures, "exp", careless)
    assert list(failures()) == ["exponentials"]


@pytest.mark.parametrize("check", ["check_certificate", "check_path"])
def test_a_checker_that_accepts_everything_is_noticed(monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    monkeypatch.setattr(selftest, check, lambda *_: None)
    assert "was verified" in failures()["false certificates"]
    with pytest.raises(SelftestError, match="was verified"):
        require()


def test_a_checker_that_rejects_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from certify.checker.reading import Rejected

    def strict(*_: object) -> None:
        raise Rejected("no")

    monkeypatch.setattr(selftest, "check_certificate", strict)
    assert "the valid ball was rejected (no)" in failures()["false certificates"]


def test_every_false_certificate_is_rejected_for_its_own_reason() -> None:
    data = selftest.corpus()
    assert len(data["false"]) >= 97
    valid = data["certificates"] | data["paths"]
    assert {entry["of"] for entry in data["false"]} == set(valid) - {"composed"}
    before = deepcopy(valid)
    for entry in data["false"]:
        known = valid[entry["of"]]
        made = selftest.changed(entry, known.get("certificate", known.get("line")))
        assert made != before[entry["of"]].get("certificate", before[entry["of"]].get("line"))
    assert valid == before  # making them changes nothing


def test_a_command_starts_with_something_false_of_every_kind() -> None:
    data = selftest.corpus()
    started = [entry["of"] for entry in data["false"] if entry["start"]]
    claims = [known["certificate"]["claim"] for known in data["certificates"].values()]
    kinds = {(claim["kind"], claim.get("objective")) for claim in claims}
    assert len(started) == len(kinds) + 1
    assert len(set(started) & set(data["paths"])) == 1


def test_proving_commands_begin_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def fail() -> None:
        raise SelftestError("self-test of rounding: sums are wrong")

    monkeypatch.setattr(selftest, "require", fail)
    done = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "self-test of rounding" in done.output
    assert not (tmp_path / "out").exists()
