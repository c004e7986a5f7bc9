"""A results directory in a zip archive: unpacked under guard, then checked like any other.

Nobody vouches for an archive. Names must be those of files in a results directory, each once; sizes are counted while
unpacking, never taken from the archive's own headers; links and encrypted entries are refused.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

from .directory import NAME
from .reading import MAX_BYTES, Unreadable

MAX_ENTRIES = 100_000
MAX_TOTAL = 2**30

_PIECE = 2**16


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack ``archive`` into the empty ``folder`` and return it.

    Raises:
        Unreadable: it is no zip archive, or holds something that does not belong into a results directory.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise Unreadable(f"{archive}: has more than {MAX_ENTRIES} entries")
            (folder / "certificates").mkdir()
            left = MAX_TOTAL
            for entry in entries:
                left -= _unpack_one(opened, entry, archive, folder, min(left, MAX_BYTES))
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unreadable(f"{archive}: cannot be unpacked ({error})") from None
    return folder


def _unpack_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, archive: Path, folder: Path, most: int) -> int:
    """Write one entry; its size."""
    mode = entry.external_attr >> 16
    if not NAME.fullmatch(entry.filename) or (mode and not stat.S_ISREG(mode)) or entry.flag_bits & 1:
        raise Unreadable(f"{archive}: {ascii(entry.filename)[:80]} is not a file of a results directory")
    size = 0
    # "x": a name that occurs twice is refused
    with opened.open(entry) as source, (folder / entry.filename).open("xb") as target:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > most:
                raise Unreadable(f"{archive}: {entry.filename} is too large unpacked")
            target.write(piece)
    return size
