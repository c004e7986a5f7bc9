"""``.csv`` with trajectories: the reference file, and files that only look like it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from sweep.points import read_points

REFERENCE = Path(__file__).parents[3] / "data" / "reference_csv" / "experiments_width5.csv"
HEADER = "loss,student size,neuron_0_traj_x,neuron_0_traj_y,neuron_0_a\n"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text(header + "".join(row + "\n" for row in rows))
    return path


def test_the_reference_file_has_the_losses_it_states() -> None:
    """The loss column was computed by the program that wrote the file: L = (1/N) Σ (Σ a σ(w·x) − y)².

    It agrees up to one Adam step, which moves each of the P = 15 weights by about the learning rate 1e-4,
    so the loss by at most about ‖∇L‖·1e-4·√P.
    """
    points = read_points(REFERENCE, dimension=2)
    assert points.w.shape == (3, 5, 2)
    assert points.source == tuple(f"experiments_width5.csv:{i}" for i in range(3))
    assert points.seed.tolist() == [-1, -1, -1]
    axis = np.arange(-20, 21) * 0.25
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    teacher = np.array([[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6], [0.1, -0.6]])
    y = 1 / (1 + np.exp(-x @ teacher.T)) @ [1, -1, 1, -1]
    f = np.einsum("knm,km->kn", 1 / (1 + np.exp(-np.einsum("nd,kmd->knm", x, points.w))), points.a)
    loss = ((f - y) ** 2).mean(axis=1)
    with REFERENCE.open() as handle:
        stated = [(float(row["loss"]), float(row["gradient norm"])) for row in csv.DictReader(handle)]
    for computed, (expected, gradient_norm) in zip(loss, stated, strict=True):
        assert abs(computed - expected) <= gradient_norm * 1e-4 * 15**0.5 < 0.01 * expected


def test_the_last_entry_is_the_weight_to_the_bit(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.csv",
        '0.5,1,"[1, 0.1]","[2, -0.0]","[3, 5e-324]"',
        '0.5,1,"[1, 1.7976931348623157e308]","[7]","[0.30000000000000004]"',
    )
    points = read_points(path, dimension=2)
    assert points.w.tolist() == [[[0.1, -0.0]], [[1.7976931348623157e308, 7.0]]]
    assert np.signbit(points.w[0, 0, 1])
    assert points.a.tolist() == [[5e-324], [0.30000000000000004]]


def test_more_than_nine_neurons_keep_their_order(tmp_path: Path) -> None:
    """Columns are found by their number, not by their place or their spelling ("10" < "2")."""
    order = np.random.default_rng(1).permutation(12)
    header = "student size," + ",".join(f"neuron_{i}_{part}" for i in order for part in ("a", "traj_y", "traj_x"))
    row = "12," + ",".join(f"[{i}.75],[{i}.5],[{i}.25]" for i in order)
    points = read_points(write(tmp_path / "p.csv", row, header=header + "\n"), dimension=2)
    assert points.w.tolist() == [[[i + 0.25, i + 0.5] for i in range(12)]]
    assert points.a.tolist() == [[i + 0.75 for i in range(12)]]


GOOD = '0.5,1,"[1]","[2]","[3]"'


@pytest.mark.parametrize(
    ("row", "pattern"),
    [
        ('0.5,2,"[1]","[2]","[3]"', "row 1: student size is 2, expected 1, the neurons in the header"),
        ('0.5,1,"[1]","[2]"', "row 1: has 4 fields, expected 5 to match the header"),
        ('0.5,1,"[1]","[2]","[3]",7', "row 1: has 6 fields, expected 5"),
        ("", "row 1: has 0 fields, expected 5"),
        ('0.5,1,"[]","[2]","[3]"', r"row 1: neuron_0_traj_x is '\[\]', expected a JSON list that ends in a number"),
        ('0.5,1,"[1]","2","[3]"', "row 1: neuron_0_traj_y is '2', expected a JSON list"),
        ('0.5,1,"[1]","[2]","[true]"', r"row 1: neuron_0_a is '\[true\]', expected a JSON list that ends in a number"),
        ('0.5,1,"[1]","[2]","[3, null]"', r"row 1: neuron_0_a is '\[3, null\]', expected a JSON list that ends in a"),
        ('0.5,1,"[1]","[2]","[[3]]"', r"row 1: neuron_0_a is '\[\[3\]\]', expected"),
        ('0.5,1,"[1]","[2]","[3, "', "row 1: neuron_0_a is .* expected a JSON list"),
        ('0.5,1,"[1]","[2]","{""a"": 1}"', "row 1: neuron_0_a is .* expected a JSON list"),
        ('0.5,1,"[1]","[2]",' + "[" * 100_000, "row 1: neuron_0_a is .* expected a JSON list"),
        (
            '0.5,1,"[1]","[2]",' + "[" * 200_000,
            r"cannot be read as a trajectory \.csv .* field larger than field limit",
        ),
        ('0.5,1,"[1]","[2]","[NaN]"', "row 1: neuron_0_a ends in nan, expected a finite number; drop this run"),
        ('0.5,1,"[1]","[-Infinity]","[3]"', "row 1: neuron_0_traj_y ends in -inf, expected a finite number"),
        ('0.5,1,"[1e999]","[2]","[3]"', "row 1: neuron_0_traj_x ends in inf, expected a finite number"),
        (f'0.5,1,"[1{"0" * 400}]","[2]","[3]"', "row 1: neuron_0_traj_x ends in inf, expected a finite number"),
        ('0.5,1,"[1]","[2]","[3]', r"cannot be read as a trajectory \.csv \(Error: unexpected end of data"),
    ],
)
def test_refused_rows(tmp_path: Path, refuses, row: str, pattern: str) -> None:
    refuses(write(tmp_path / "p.csv", GOOD, row), pattern)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "loss,w,a\n",
        HEADER.replace("student size", "size"),
        HEADER.replace("neuron_0_a", "neuron_1_a"),
        HEADER.replace("neuron_0_traj_y", "neuron_0_traj_x"),
        HEADER.replace("neuron_0", "neuron_1"),
        HEADER.replace("loss", "student size"),
        HEADER.replace("loss", "neuron_999999_a"),
    ],
)
def test_refused_headers(tmp_path: Path, refuses, header: str) -> None:
    refuses(write(tmp_path / "p.csv", header=header), "the header names .*, expected student size and neuron_i_traj_x")


def test_no_rows(tmp_path: Path, refuses) -> None:
    refuses(write(tmp_path / "p.csv"), "no points, expected at least one")


def test_other_dimensions_are_not_in_this_form(tmp_path: Path, refuses) -> None:
    refuses(write(tmp_path / "p.csv", GOOD), r"has 2 inputs, x and y, expected 3; use \.npz", dimension=3)


def test_not_text(tmp_path: Path, refuses) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    refuses(tmp_path / "p.csv", r"cannot be read as a trajectory \.csv \(UnicodeDecodeError")
