"""Coverage-guided fuzzing of what reads hostile files: certificates, problems, rows, lines with paths, archives.

    python tests/checker/fuzz.py CORPUS [-max_total_time=900] …        (needs atheris; options are libFuzzer's)
    python tests/checker/fuzz.py --seeds CORPUS                        (writes seeds; needs the project, not atheris)

The checker is loaded as ``checker.py`` loads it, so an environment with nothing but atheris will do. Anything but a
clear refusal is a finding, and so is what takes long (``-timeout=30``). Three changes of four replace, remove or
repeat one value of the JSON. Certificates are signed again after a change, or the hash would end every run. Of lines
with paths, what the command takes for malformed counts as refused, but not by the reader of paths. Of archives, a file
outside the folder is a finding.
"""

from __future__ import annotations

import json
import random
import runpy
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKER = Path(__file__).resolve().parents[2] / "certify" / "checker"


def write_seeds(corpus: Path) -> None:
    """A file for each certificate, problem, row and line with a path, and some archives; the first byte says which."""
    import io
    import zipfile

    from cases import LABELS, NAMES, TEXTS, case, problem, stored, table
    from directories import write
    from further_cases import further
    from mutate import GAUSSIAN
    from path_cases import NAMES as PATHS
    from path_cases import traced
    from standing_cases import NAMES as STANDING
    from standing_cases import standing

    corpus.mkdir(parents=True, exist_ok=True)
    certificates = [case(name).certificate for name in NAMES]
    certificates += [further(name)[1] for name in GAUSSIAN]
    seeds = [b"c" + _bytes(certificate) for certificate in certificates]
    seeds += [b"p" + _bytes(stored(problem(name))) for name in TEXTS]
    seeds += [b"t" + _bytes(table(problem(name))) for name in LABELS]
    known = {further(name)[0].hash: further(name)[0] for name in GAUSSIAN}
    seeds += [b"p" + _bytes(stored(given)) for given in known.values()]
    lines = [*map(traced, PATHS), *map(standing, STANDING)]
    for own in lines:
        seeds.append(b"r" + _bytes(own.row) + b"\n" + _bytes(own.line))
        if own.line["path"] is None:
            continue
        chart = case(own.object).certificate["witness"].get("chart")
        seeds.append(
            b"w" + _bytes({"line": own.line, "chart": chart, "problem": case(own.object).certificate["problem"]})
        )
    with tempfile.TemporaryDirectory() as folder:
        made = write(Path(folder, "out"))
        rows = (made / "verdicts.jsonl").read_bytes().splitlines()
        lines_of = (made / "witnesses.jsonl").read_bytes().splitlines()
        seeds += [b"r" + b"\n".join(pair) for pair in zip(rows, lines_of, strict=True)]
        proved = [path.read_bytes().strip() for path in sorted(made.glob("certificates/*.json"))]
    seeds.append(b"s" + b"\n".join([*proved, *(_bytes(case(own.object).certificate) for own in lines)]))
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for names in (["manifest.json", "certificates/a.json", "points.parquet"], ["../x"], ["a", "b"], ["/etc/x"]):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", compression) as archive:
                for name in names:
                    entry = zipfile.ZipInfo(name)
                    entry.compress_type, entry.external_attr = compression, 0o100644 << 16
                    archive.writestr(entry, b"{}" * 20)
            seeds.append(b"z" + packed.getvalue())
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:03}").write_bytes(seed)


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    3,
    10**17,
    "",
    "0",
    "-0",
    "x",
    "1/3",
    "7/0",
    1.5,
    [],
    {},
    [[]],
    [None],
)
JUNK += ("1*2^-40", "-1*2^0", "1*2^1000", "-1*2^-1000", "1*2^9999", "-1*2^-9999", "1*2^99999")


def restructured(data: bytes, rng: random.Random) -> bytes:
    """One value of the JSON in an input replaced, removed, or there twice; empty where there is none."""
    before, line, after = data[:1], data[1:], b""
    if before == b"r" and b"\n" in line:
        row, _, text = line.partition(b"\n")
        before, line, after = (b"r", row, b"\n" + text) if rng.random() < 0.3 else (b"r" + row + b"\n", text, b"")
    elif before not in (b"c", b"p", b"w"):
        return b""
    try:
        tree = json.loads(line)
        places = [place for place in _places(tree) if place]
        path = rng.choice(places)
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        last, how = path[-1], rng.random()
        if how < 0.7:
            other = tree
            for key in rng.choice(places):
                other = other[key]
            parent[last] = rng.choice(JUNK) if how < 0.5 else json.loads(json.dumps(other))
        elif how < 0.85 and isinstance(parent, list):
            parent.insert(last, parent[last])
        else:
            del parent[last]
        return before + _bytes(tree) + after
    except (ValueError, IndexError, RecursionError):
        return b""


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from _places(member, (*path, key))


def main() -> None:
    """Write the seeds, or fuzz."""
    if sys.argv[1] == "--seeds":
        write_seeds(Path(sys.argv[2]))
        return
    import atheris

    with atheris.instrument_imports(include=["losscert_checker"]):
        runpy.run_path(str(CHECKER / "checker.py"), run_name="fuzzed")
        from losscert_checker import (
            archive,
            certificates,
            folded,
            integers,
            loss,
            path,
            points,
            population,
            problems,
            reading,
            rows,
            run,
        )

    def problem_of(data: Any) -> Any:
        content = data.get("content") if isinstance(data, dict) else None
        if isinstance(content, dict) and content.get("loss") == "gaussian-relu":
            reading.fields(data, "problem.json", {"format", "name", "hash", "content"})
            return population.population_of(data, "problem.json")
        return problems.problem_of(data, Path("problem.json"))

    def given_as_table(data: Any) -> Any:
        """Inputs and labels that would lie in an archive beside problem.json."""
        columns, labels = (
            tuple(tuple(reading.exact(v, "table") for v in row) for row in data[key]) for key in ("columns", "labels")
        )
        factor = reading.exact(data["factor"], "table")
        return loss.Problem(data["hash"], columns, labels, (), data["activation"], factor, bias=data["bias"])

    corpus = Path(sys.argv[1])
    stored, proved = {}, {}
    for file in sorted(corpus.glob("seed-*")):
        data = file.read_bytes()
        if data[:1] == b"p":
            known = problem_of(json.loads(data[1:]))
            stored[known.hash] = known
        elif data[:1] == b"t":
            known = given_as_table(json.loads(data[1:]))
            stored[known.hash] = known
        elif data[:1] == b"s":
            for text in data[1:].splitlines():
                certificate = certificates.read_certificate(json.loads(text), "seed")
                proved[f"certificates/{certificate.provenance['id']}.json"] = certificate
    own = stored[certificate.problem]
    pairs = {key: folded.fold(known, points.Points(192)) for key, known in stored.items() if hasattr(known, "columns")}

    def signed(value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("claim"), dict):
            try:
                value["claim"]["statement"] = certificates.statement(value["claim"])
                value["hash"] = certificates.content_hash(value["claim"], value["problem"], value["witness"])
            except (KeyError, TypeError, AttributeError, ValueError):
                pass  # then the reader must say what is wrong
        return value

    def follow(given: Any) -> None:
        """A line with a path: its form strictly, the rest as the command does."""
        if not isinstance(given, dict) or not isinstance(given.get("line"), dict):
            return
        line, key = given["line"], given.get("problem")
        key = key if isinstance(key, str) and key in pairs else own.hash
        path.count_pieces(line)
        outputs = line["candidate"].get("a") if isinstance(line.get("candidate"), dict) else None
        width = len(outputs) if isinstance(outputs, list) else 2
        size = stored[key].size(width)
        known_path = path.read_path(line.get("path"), size)
        try:
            if isinstance(given.get("chart"), dict):
                chart = path.read_chart(given["chart"], width, stored[key])
                units = chart.units(stored[key].dimension, stored[key].activation)
                path.read_places(known_path, chart, sum(len(unit.places) for unit in units))
            path.check_path(line, given.get("chart"), stored[key], lambda bits: pairs[key])
        except run.MALFORMED:
            pass

    def unpack(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            packed, out = Path(folder, "a.zip"), Path(folder, "in", "out")
            packed.write_bytes(data)
            out.mkdir(parents=True)
            try:
                archive.unpack(packed, out)
            finally:
                outside = [f for f in Path(folder).rglob("*") if f.is_file() and out not in f.parents and f != packed]
                assert not outside, outside

    def one(data: bytes) -> None:
        try:
            if data[:1] == b"p":
                problem_of(reading.parse(data[1:], "fuzz"))
            elif data[:1] == b"t":
                return  # a seed only
            elif data[:1] == b"z":
                unpack(data[1:])
            elif data[:1] == b"w":
                follow(reading.parse(data[1:], "fuzz"))
            elif data[:1] == b"r":
                row, _, text = data[1:].partition(b"\n")
                witness = reading.parse(text, "witness")
                name = witness.get("certificate") if isinstance(witness, dict) else None
                named = proved.get(name) if isinstance(name, str) else None
                known, width = stored[named.problem] if named else own, named.claim["width"] if named else 2
                values = reading.parse(row, "row", floats=True)
                number = values.get("index") if isinstance(values, dict) else 0
                rows.check_row(number, values, witness, width, known, proved)
            else:
                read = certificates.read_certificate(signed(reading.parse(data[1:], "fuzz")), "fuzz")
                known = stored.get(read.problem, own)
                given = hasattr(known, "columns")
                certificates.check_certificate(
                    read,
                    known,
                    lambda bits: loss.Data(known, integers.Integers(bits)) if given else integers.Integers(bits),
                )
        except (reading.Unreadable, reading.Rejected):
            pass

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """A change of one value of the JSON, or of bytes as libFuzzer likes."""
        made = restructured(data, random.Random(seed)) if seed % 4 else b""
        return made if 0 < len(made) <= most else bytes(atheris.Mutate(data, len(data)))

    atheris.Setup([sys.argv[0], *sys.argv[1:]], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
