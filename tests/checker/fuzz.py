"""Coverage-guided fuzzing of what reads hostile files: certificates, problems, rows and witnesses.

    python tests/checker/fuzz.py CORPUS [-max_total_time=900] …        (needs atheris; options are libFuzzer's)
    python tests/checker/fuzz.py --seeds CORPUS                        (writes seeds; needs the project, not atheris)

The checker is loaded as ``checker.py`` loads it, so an environment with nothing but atheris will do. Anything but a
clear refusal is a finding. Certificates are signed again after a change, or the hash would end every run.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

CHECKER = Path(__file__).resolve().parents[2] / "certify" / "checker"


def write_seeds(corpus: Path) -> None:
    """One file for each certificate, problem, row and witness line; the first byte says which."""
    import tempfile

    from cases import NAMES, case, problem, stored
    from directories import write

    corpus.mkdir(parents=True, exist_ok=True)
    seeds = [b"c" + json.dumps(case(name).certificate).encode() for name in NAMES]
    seeds += [b"p" + json.dumps(stored(problem(name))).encode() for name in "abc"]
    with tempfile.TemporaryDirectory() as folder:
        made = write(Path(folder, "out"))
        rows = (made / "verdicts.jsonl").read_bytes().splitlines()
        seeds += [
            b"r" + b"\n".join(pair)
            for pair in zip(rows, (made / "witnesses.jsonl").read_bytes().splitlines(), strict=True)
        ]
        seeds.append(b"s" + b"\n".join(path.read_bytes().strip() for path in sorted(made.glob("certificates/*.json"))))
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:02}").write_bytes(seed)


def main() -> None:
    """Write the seeds, or fuzz."""
    if sys.argv[1] == "--seeds":
        write_seeds(Path(sys.argv[2]))
        return
    import atheris

    with atheris.instrument_imports(include=["losscert_checker"]):
        runpy.run_path(str(CHECKER / "checker.py"), run_name="fuzzed")
        from losscert_checker import certificates, integers, loss, problems, reading, rows

    corpus = Path(sys.argv[1])
    stored = {}
    for path in sorted(corpus.glob("seed-*")):
        data = path.read_bytes()
        if data[:1] == b"p":
            known = problems.problem_of(json.loads(data[1:]), Path("problem.json"))
            stored[known.hash] = known
        elif data[:1] == b"s":
            texts = data[1:].splitlines()
    proved = {}
    for text in texts:
        certificate = certificates.read_certificate(json.loads(text), "seed")
        proved[f"certificates/{certificate.provenance['id']}.json"] = certificate
    own = stored[certificate.problem]

    def signed(value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("claim"), dict):
            try:
                value["claim"]["statement"] = certificates.statement(value["claim"])
                value["hash"] = certificates.content_hash(value["claim"], value["problem"], value["witness"])
            except (KeyError, TypeError, AttributeError, ValueError):
                pass  # then the reader must say what is wrong
        return value

    def one(data: bytes) -> None:
        try:
            if data[:1] == b"p":
                problems.problem_of(reading.parse(data[1:], "fuzz"), Path("problem.json"))
            elif data[:1] == b"r":
                row, _, witness = data[1:].partition(b"\n")
                values = reading.parse(row, "row", floats=True), reading.parse(witness, "witness")
                rows.check_row(0, *values, 2, own, proved)
            else:
                read = certificates.read_certificate(signed(reading.parse(data[1:], "fuzz")), "fuzz")
                known = stored.get(read.problem, own)
                certificates.check_certificate(read, known, lambda bits: loss.Data(known, integers.Integers(bits)))
        except (reading.Unreadable, reading.Rejected):
            pass

    atheris.Setup([sys.argv[0], *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
