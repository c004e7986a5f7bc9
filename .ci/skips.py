"""Fail on tests that were skipped for a reason that is not on the list.

python .ci/skips.py REPORT.xml ALLOWED.txt: a pytest JUnit report, and one regular expression a line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: str, allowed: str) -> int:
    """Print every skipped test; return 1 if a reason is not allowed, or if nothing was run at all."""
    lines = Path(allowed).read_text("utf-8").splitlines()
    patterns = [re.compile(line) for line in lines if line and not line.startswith("#")]
    cases = list(ElementTree.parse(report).iter("testcase"))
    unexpected = run = 0
    for case in cases:
        skipped = case.find("skipped")
        if skipped is None:
            run += 1
            continue
        reason = skipped.get("message", "")
        fine = any(pattern.fullmatch(reason) for pattern in patterns)
        unexpected += not fine
        print(f"{'allowed' if fine else 'UNEXPECTED'}: {case.get('classname')}::{case.get('name')}: {reason}")
    print(f"{run} tests were run, {len(cases) - run} skipped, {unexpected} of them unexpectedly")
    return int(unexpected > 0 or run == 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
