"""Archives that nobody vouches for: what is not a results directory is refused, and nothing is written outside."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from certify.checker import archive
from certify.checker.archive import unpack
from certify.checker.reading import Unreadable
from certify.checker.run import check


def zipped(path: Path, entries: list[tuple[str, bytes]], *, mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            opened.writestr(entry, data)
    return path


def test_files_of_a_results_directory_are_unpacked(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", [("manifest.json", b"{}"), ("certificates/w4-x.json", b"[1]")])
    (tmp_path / "to").mkdir()
    folder = unpack(made, tmp_path / "to")
    assert (folder / "certificates" / "w4-x.json").read_bytes() == b"[1]"
    assert sorted(path.name for path in folder.iterdir()) == ["certificates", "manifest.json"]


@pytest.mark.parametrize(
    "name",
    ["../escape.json", "/etc/passwd", "certificates/../../x.json", "a/b/c.json", "certificates/", ".hidden", "x\\y"],
)
def test_names_that_do_not_belong_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "to").mkdir()
    with pytest.raises(Unreadable):
        unpack(zipped(tmp_path / "a.zip", [(name, b"x")]), tmp_path / "to")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "certificates", "to"]


def test_links_are_refused(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    linked = zipped(tmp_path / "a.zip", [("problem.json", b"/etc/passwd")], mode=stat.S_IFLNK | 0o777)
    with pytest.raises(Unreadable, match="is not a file of a results directory"):
        unpack(linked, tmp_path / "to")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped(tmp_path / "a.zip", [("problem.json", b"1"), ("problem.json", b"2")])
    with pytest.raises(Unreadable, match="cannot be unpacked"):
        unpack(twice, tmp_path / "to")


def test_what_grows_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL", 1000)
    bomb = zipped(tmp_path / "a.zip", [("a.json", bytes(600)), ("b.json", bytes(600))])
    (tmp_path / "to").mkdir()
    with pytest.raises(Unreadable, match=r"b\.json is too large unpacked"):
        unpack(bomb, tmp_path / "to")


def test_a_size_the_header_understates_is_refused(tmp_path: Path) -> None:
    made = zipped(tmp_path / "a.zip", [("a.json", bytes(5000))])
    data = made.read_bytes()
    made.write_bytes(data.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    (tmp_path / "to").mkdir()
    with pytest.raises(Unreadable):
        unpack(made, tmp_path / "to")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not an archive", bytes(100)])
def test_what_is_no_archive_is_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    outcome = check(path, problem=None, arithmetic="integer", jobs=1, budget=60)
    assert outcome.unreadable
    assert outcome.code == 2
