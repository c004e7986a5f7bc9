"""Finished parts of a run on disk, so that an interruption loses nothing.

One JSON line per part, appended and flushed before the run goes on; the first line says which run it is. A process that
is killed can leave at most its last line cut short: reading stops there, and writing goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

FORMAT = 1
_HEADER = ("journal", "header")


class JournalError(ValueError):
    """A journal of another run; the message is one sentence."""


class Journal:
    """Payloads by (stage, key); a context manager that closes its file.

    Args:
        path: the file.
        header: what the run depends on, JSON-able; a journal is only ever continued under an equal header.
        resume: continue what the file holds; if not, begin an empty one in its place.

    Journals that others left in :attr:`folder` are absorbed with ``resume``, and removed without.

    Raises:
        JournalError: ``resume``, and the file holds another run or is no journal.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool):
        self.path = path
        self._header = {"format": FORMAT, **json.loads(json.dumps(header))}
        self._parts, good = _read(path, self._header) if resume and path.exists() else ({}, 0)
        self._handle: IO[bytes] = path.open("r+b" if good else "wb")
        self._handle.truncate(good)
        self._handle.seek(good)
        if not good:
            self._append(*_HEADER, self._header)
        for part in sorted(self.folder.glob("*.jsonl")):
            if resume:
                with suppress(JournalError):  # of another run that has ended since: it may stay
                    self.absorb(part)
            else:
                part.unlink()

    @property
    def header(self) -> Mapping[str, Any]:
        """Which run it belongs to."""
        return self._header

    @property
    def folder(self) -> Path:
        """Where others may put journals of finished parts, as ``*.jsonl``."""
        return self.path.with_suffix(".parts")

    def absorb(self, path: Path) -> None:
        """Take over what another journal of the same run holds.

        Raises:
            JournalError: it belongs to another run or is no journal.
        """
        for (stage, key), payload in _read(path, self._header)[0].items():
            if (stage, key) not in self._parts:
                self.put(stage, key, payload)

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, stage: str, key: str) -> Any | None:
        """The payload put under (stage, key), or ``None``."""
        return self._parts.get((stage, key))

    def put(self, stage: str, key: str, payload: Any) -> None:
        """Keep a JSON-able payload; it has left this process when the method returns."""
        self._append(stage, key, payload)
        self._parts[stage, key] = payload

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()

    def _append(self, stage: str, key: str, payload: Any) -> None:
        entry = {"stage": stage, "key": key, "payload": payload}
        self._handle.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._handle.flush()


def _read(path: Path, header: Mapping[str, Any]) -> tuple[dict[tuple[str, str], Any], int]:
    """The parts of a journal, and the number of bytes up to the end of its last whole line.

    Raises:
        JournalError: its header is not ``header``.
    """
    parts: dict[tuple[str, str], Any] = {}
    good = 0
    for line in path.read_bytes().splitlines(keepends=True):
        entry = _entry(line)
        if entry is None:
            break
        stage, key, payload = entry
        if good == 0:
            difference = first_difference(payload if (stage, key) == _HEADER else {}, header)
            if difference is not None:
                raise JournalError(f"{path}: was begun with {difference}; repeat that run, or start with --overwrite")
        else:
            parts[stage, key] = payload
        good += len(line)
    return parts, good


def first_difference(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str | None:
    """``field FOUND, expected ASKED`` for the first field in which two headers differ; ``None`` where they agree.

    >>> first_difference({"settings": {"max_bits": 106}}, {"settings": {"max_bits": 212}})
    'settings.max_bits 106, expected 212 as asked for now'
    """
    ours, theirs = _flat(asked), _flat(found)
    for name in ours | theirs:
        if ours.get(name) != theirs.get(name):
            return f"{name} {theirs.get(name)}, expected {ours.get(name)} as asked for now"
    return None


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in nested.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


def _entry(line: bytes) -> tuple[str, str, Any] | None:
    """Stage, key and payload of a line, ``None`` if it was cut short."""
    try:
        entry = json.loads(line)
        return (entry["stage"], entry["key"], entry["payload"]) if line.endswith(b"\n") else None
    except (ValueError, KeyError, TypeError):
        return None
