"""The numbers of ``docs/slides.md`` and of the README's table are those of the shipped tables."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = " ".join((ROOT / "docs" / "slides.md").read_text("utf-8").split())
WIDTHS = (4, 5, 6, 7)


def table(name: str, **fixed: object) -> list[dict[str, str]]:
    """The lines of a shipped table in which the named columns have the given values."""
    with (ROOT / "data" / "atlas" / f"{name}.csv").open(encoding="utf-8") as handle:
        return [line for line in csv.DictReader(handle) if all(line[k] == str(v) for k, v in fixed.items())]


def one(name: str, **fixed: object) -> dict[str, str]:
    (line,) = table(name, **fixed)
    return line


def levels(width: int) -> str:
    sets = [one("levels", width=width, level=level) for level in (1, 2, 3)]
    labelled = ", ".join(f"{line['labelled_sets']} at level {line['level']}" for line in sets)
    first, second = (f"of the {s['certified']} certified parts at level {s['level']}" for s in sets[:2])
    return (
        f"width {width}: at least {labelled.replace(' at level', ' labelled sets at level', 1)}; "
        f"{first}, {sets[0]['saddles']} are saddles and {sets[0]['minima']} plateaus of minima, "
        f"{second.replace('certified parts ', '')} {sets[1]['saddles']} are saddles"
    )


def negative_eigenvalues() -> str:
    counts = [f"{one('destinations', width=width, verdict='all')['runs']} at width {width}" for width in WIDTHS]
    at_5 = [
        f"{line['runs']} `{line['verdict']}`" for line in table("destinations", width=5) if line["verdict"] != "all"
    ]
    return f"Of 1000 runs each: {', '.join(counts)}, where they stopped. At width 5 they belong to: {', '.join(at_5)}"


def protocol() -> str:
    where = {line["where"]: line for line in table("negative", width=5)}
    after = where["after the protocol"]
    slsqp, newton = where["after SLSQP"], where["after Newton"]
    return (
        f"of {where['stopped']['negative']} runs with a negative eigenvalue {slsqp['negative']} still have one after "
        f"SLSQP, {after['negative']} after at most 20 perturbations ({after['perturbations']}), "
        f"and {newton['negative']} after Newton, {newton['negative_beyond_noise']} of these beyond rounding noise"
    )


def regimes() -> str:
    runs: dict[str, int] = defaultdict(int)
    for line in table("classification"):
        runs[line["verdict"]] += int(line["runs"])
    return (
        f"of {runs['all']} runs, {runs['saddle'] + runs['saddle-at-infinity']} belong to a saddle, "
        f"{runs['global-minimum']} to global minima, {runs['local-minimum']} to local minima, "
        f"{runs['minimum-at-infinity']} to minima at infinity, {runs['undecided']} stay undecided"
    )


def thresholds() -> list[str]:
    told = []
    for criterion in ("loss < 1e-3", "loss < 1e-4", "loss < 1e-7"):
        lines = [
            one("thresholds", width=width, at="saved", criterion=criterion, said="global minimum") for width in WIDTHS
        ]
        calls = [f"{line['runs']} (width {line['width']}, {line['refuted']} of them wrongly)" for line in lines]
        told.append(f"`{criterion}` calls {', '.join(calls)} global")
    return told


def strata() -> str:
    found = [one("classification", width=width, verdict="global-minimum") for width in WIDTHS]
    return ", ".join(f"{line['distinct_at_least']} strata at width {line['width']}" for line in found)


def local_minima() -> str:
    found = table("catalogue", width=5, verdict="local-minimum")
    most = max(found, key=lambda line: int(line["runs"]))
    return (
        f"At width 5, {len(found)} local minima, isolated ones and plateaus, each with its box and its enclosed loss; "
        f"most runs ({most['runs']}) go to one of loss {most['loss']}"
    )


@pytest.mark.parametrize(
    "sentence",
    [levels(4), levels(5), negative_eigenvalues(), protocol(), regimes(), *thresholds(), strata(), local_minima()],
)
def test_the_page_says_what_the_tables_say(sentence: str) -> None:
    assert sentence in PAGE


def test_the_readme_shows_the_shipped_classification() -> None:
    shown = []
    for line in (ROOT / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 11 and cells[0].isdigit():
            shown.append([cells[0], cells[1], cells[2], *cells[4:7], cells[8].removeprefix("≥ ")])
    columns = ("width", "verdict", "runs", "contained", "path", "polished", "distinct_at_least")
    told = [[line[column] for column in columns] for line in table("classification")]
    assert shown == [[cell if cell != "0" or i < 6 else "" for i, cell in enumerate(line)] for line in told]
