"""Results directories as zip archives: the compact form in which a study is kept and passed on.

``certify check FILE.zip`` verifies one; ``python -m zipfile -e FILE.zip DIR`` makes the directory again.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from certify.results.store import MANIFEST

_DATE = (1980, 1, 1, 0, 0, 0)


def pack(directory: Path, archive: Path) -> None:
    """Pack the files that the manifest names, and the manifest: the same bytes from the same results.

    Raises:
        OSError, ValueError: the directory is not a finished one.
    """
    names = sorted(json.loads((directory / MANIFEST).read_text("utf-8"))["files"])
    archive.parent.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_name(f".{archive.name}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w") as opened:
            for name in [MANIFEST, *names]:
                entry = zipfile.ZipInfo(name, _DATE)
                entry.external_attr = 0o100644 << 16
                opened.writestr(entry, (directory / name).read_bytes(), zipfile.ZIP_DEFLATED, 9)
        temporary.replace(archive)
    finally:
        temporary.unlink(missing_ok=True)
