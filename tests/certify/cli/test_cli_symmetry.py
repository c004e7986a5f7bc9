"""``certify symmetry``: counts and lists as text and as JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from certify.cli import main


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["symmetry", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["symmetry", *arguments])
    assert result.exit_code == 2
    return result.output


def as_json(*arguments: str) -> dict[str, Any]:
    (line,) = run(*arguments, "--json").splitlines()
    answer: dict[str, Any] = json.loads(line)
    return answer


def test_counts_as_text():
    lines = run("count", "4", "5", "--outputs", "1,-1,1,-1").splitlines()
    assert lines[:2] == ["G(4,5) = 240", "T(4,5) = 360"]
    assert [line.split() for line in lines[4:]] == [["0", "2160"], ["1", "1440"], ["2", "720"], ["all", "4320"]]
    assert run("count", "2", "5").splitlines() == ["G(2,5) = 30", f"T(2,5) = {320}"]


@pytest.mark.parametrize("route", [[], ["--enumerate"]])
def test_both_routes_answer_alike(route: list[str]):
    for outputs, strata in (("1,-1,1,-1", 144), ("1,1,1,1", 24)):
        answer = as_json("count", "4", "4", "--outputs", outputs, *route)
        assert answer["counts"] == {"0": strata}
        assert (answer["G"], answer["T"], answer["strata"]) == (24, 24, strata)
        assert answer["method"] == ("enumeration" if route else "formula")
    odd = as_json("count", "2", "4", "--outputs", "-1,1/2", "--identity", "odd", "--dimension", "3", *route)
    assert odd["counts"] == as_json("count", "2", "4", "--outputs=5,7", "--identity=odd", "--dimension=3")["counts"]
    plain = as_json("count", "3", "5", "--outputs", "1,1,1", "--identity", "none", *route)
    assert plain["strata"] == plain["T"]


def test_counts_beyond_enumeration_are_exact():
    answer = as_json("count", "4", "40", "--outputs", "1,-1,1,-1")
    assert answer["strata"] == sum(answer["counts"].values()) > 10**40


def test_strata_as_text():
    lines = run("strata", "--problem", "thesis", "--width", "4").splitlines()
    assert lines[0] == "thesis, width 4: 144 maximal strata in 6 orbits"
    assert "          0      24  C1+ C2- C3- C4+" in lines


def test_strata_as_json():
    answer = as_json("strata", "--problem", "simsek2021", "--width", "5")
    assert answer["counts"] == {"0": 5160, "1": 240, "2": 120}
    assert sum(orbit["strata"] for orbit in answer["orbits"]) == answer["strata"] == 5520
    assert {"name": "C1+ C2+ C3+ C4+ D1+", "dimension": 2, "strata": 120} in answer["orbits"]
    assert as_json("strata", "--width", "3")["strata"] == 0


def test_labelled_strata_are_listed_one_a_line():
    lines = run("strata", "--width", "4", "--labelled").splitlines()
    assert len(set(lines)) == len(lines) == 144
    assert "C4+ C2- C1- C3+" in lines
    rows = [json.loads(line) for line in run("strata", "--width", "5", "--labelled", "--json").splitlines()]
    assert len(rows) == 4320
    assert all(len(row["labels"]) == 5 for row in rows)


def test_refusals(tmp_path: Path):
    assert "3 numbers, expected 4" in refused("count", "4", "5", "--outputs", "1,1,1")
    assert "expected numbers between commas" in refused("count", "2", "5", "--outputs", "1;1")
    assert (
        refused("count", "2", "5", "--outputs", "1,0") == "certify: output 2 is 0, expected outputs that are not zero\n"
    )
    assert "0 is not in the range" in refused("count", "0", "5")
    assert "no such problem file" in refused("strata", "--problem", str(tmp_path / "none.toml"), "--width", "4")
    (tmp_path / "y.csv").write_text("y\n1\n2\n")
    (tmp_path / "given.toml").write_text(
        'activation = "sigmoid"\n[inputs.grid]\nstart = [0]\nstop = [1]\nstep = [1]\n[labels]\nfile = "y.csv"\n'
    )
    refusal = refused("strata", "--problem", str(tmp_path / "given.toml"), "--width", "4")
    assert refusal.startswith("certify: given: the labels are given")
    assert refusal.count("\n") == 1
