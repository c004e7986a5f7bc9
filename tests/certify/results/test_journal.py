"""The journal: nothing finished is lost, nothing of another run is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.results.journal import Journal, JournalError

HEADER = {"version": "1", "settings": {"max_bits": 212, "polish": True}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def filled(path: Path, count: int = 3) -> None:
    with Journal(path, HEADER, resume=False) as journal:
        for i in range(count):
            journal.put("locate", str(i), {"theta": [0.1 * i, "3*2^-3"], "empty": None})


def test_what_was_put_is_there_after_a_restart(path: Path) -> None:
    filled(path)
    with Journal(path, HEADER, resume=True) as again:
        assert len(again) == 3
        assert again.get("locate", "2") == {"theta": [0.2, "3*2^-3"], "empty": None}
        assert again.get("locate", "3") is None
        assert again.get("zero", "2") is None


def test_parts_are_on_disk_before_put_returns(path: Path) -> None:
    with Journal(path, HEADER, resume=False) as journal:
        journal.put("locate", "0", 1)
        with Journal(path, HEADER, resume=True) as again:
            assert again.get("locate", "0") == 1


def test_every_possible_cut_loses_only_the_last_part(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with Journal(path, HEADER, resume=True) as journal:
            assert len(journal) == max(sum(end <= cut for end in ends) - 1, 0)
            journal.put("locate", "new", cut)
        with Journal(path, HEADER, resume=True) as again:
            assert again.get("locate", "new") == cut
            assert len(again) == len(journal)


def test_garbage_after_the_last_part_is_cut_off(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\x00" * 40 + b'\n{"stage": "locate"}\n[1]\n')
    with Journal(path, HEADER, resume=True) as journal:
        assert len(journal) == 3
    assert path.read_bytes() == whole


def test_another_run_is_refused_and_left_alone(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    other = {"version": "1", "settings": {"max_bits": 106, "polish": True}}
    with pytest.raises(JournalError, match=r"begun with settings\.max_bits 212, expected 106"):
        Journal(path, other, resume=True)
    assert path.read_bytes() == before


def test_a_file_that_is_no_journal_is_refused(path: Path) -> None:
    path.write_text('{"stage": "locate", "key": "0", "payload": 1}\n')
    with pytest.raises(JournalError, match="begun with format None, expected 1"):
        Journal(path, HEADER, resume=True)


def test_without_resume_it_begins_anew(path: Path) -> None:
    filled(path)
    for resume in (False, True):
        with Journal(path, {"other": 1}, resume=resume) as journal:
            assert len(journal) == 0
