"""Shards: bit for bit in and out, never rewritten, never mixed."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.points import read_points
from sweep.shards import Runs, RunsError, Settings, one_sweep, provenance, read_shard, read_shards, write_shard

SETTINGS = Settings("thesis", "0" * 64, 3, 2, "torch-seed", "adam", {"steps": 10, "lr": 1e-4, "betas": [0.9, 0.999]})
BITS = [-0.0, 5e-324, np.finfo(np.float64).max, np.nan, -np.inf]


def runs(seeds, settings=SETTINGS) -> Runs:
    """Rows with bits that a careless writer loses."""
    rng = np.random.default_rng(seeds.start)
    n, size = len(seeds), settings.width * (settings.dimension + 1)
    start, theta = rng.normal(size=(2, n, size))
    theta[0, : len(BITS)] = BITS
    columns = rng.normal(size=(3, n))
    columns[2, -1] = np.nan
    return Runs(settings, np.array(seeds), start, theta, *columns, np.full(n, 10), ("not-finite", *["steps"] * (n - 1)))


def write(directory, seeds, settings=SETTINGS):
    return write_shard(directory, runs(seeds, settings), provenance(seeds))


def assert_same(found: Runs, expected: Runs) -> None:
    for field in dataclasses.fields(Runs):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(other, np.ndarray):
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), field.name
        elif field.name != "provenance":
            assert one == other


def test_bits_survive(tmp_path):
    path = write(tmp_path / "new", range(5, 9))
    assert path.name == "seeds-000005-000009.parquet"
    assert_same(read_shard(path), runs(range(5, 9)))


def test_the_schema(tmp_path):
    path = write(tmp_path, range(4))
    table = pq.read_table(path)
    assert {name: str(table.schema.field(name).type) for name in table.column_names} == {
        "seed": "int64",
        "width": "int32",
        **dict.fromkeys(("w", "a", "w_init", "a_init"), "list<element: double>"),
        **dict.fromkeys(("loss", "gradient_norm", "smallest_eigenvalue"), "double"),
        "steps": "int64",
        "stop_reason": "string",
    }
    note = json.loads(table.schema.metadata[b"losscert"])
    assert note["problem_hash"] == SETTINGS.problem_hash
    assert note["settings"] == SETTINGS.describe()
    assert note["seeds"] == [0, 4]
    assert set(note["versions"]) == {"losscert", "numpy", "numba", "python"}
    assert set(note) >= {"instruction_set", "revision"}


def test_shards_come_back_in_the_order_of_seeds(tmp_path):
    for seeds in (range(1_000_000, 1_000_002), range(4, 6), range(999_998, 1_000_000)):
        write(tmp_path, seeds)
    found = read_shards(tmp_path)
    assert found.seed.tolist() == [4, 5, 999_998, 999_999, 1_000_000, 1_000_001]
    assert found.theta[4:].tobytes() == runs(range(1_000_000, 1_000_002)).theta.tobytes()
    assert found.stop_reason == ("not-finite", "steps") * 3
    assert found.w.shape == (6, 3, 2)
    assert np.array_equal(np.concatenate([found.w.reshape(6, -1), found.a], axis=1), found.theta, equal_nan=True)
    assert len(found.provenance) == 3
    assert len(found.instruction_sets) == 1


def test_a_directory_of_shards_is_a_set_of_points(tmp_path):
    finite = [dataclasses.replace(runs(seeds), theta=runs(seeds).start) for seeds in (range(2), range(2, 5))]
    for part in finite:
        write_shard(tmp_path, part, provenance(range(int(part.seed[0]), int(part.seed[-1]) + 1)))
    points = read_points(tmp_path, dimension=2)
    assert points.seed.tolist() == [0, 1, 2, 3, 4]
    assert points.theta().tobytes() == read_shards(tmp_path).theta.tobytes()


def test_a_shard_is_never_rewritten(tmp_path):
    path = write(tmp_path, range(2))
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="is there already"):
        write(tmp_path, range(2))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def write_half(table, handle, **options):
        handle.write(b"PAR1")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", write_half)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, range(2))
    assert list(tmp_path.iterdir()) == []


def test_a_half_written_shard_is_not_seen(tmp_path):
    write(tmp_path, range(2))
    (tmp_path / ".seeds-000002-000004.parquet.77.tmp").write_bytes(b"PAR1")
    (tmp_path / ".seeds-000002-000004.parquet").write_bytes(b"PAR1")
    assert len(read_shards(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"problem_hash": "1" * 64}, "problem_hash=0+, expected 1+"),
        ({"width": 2}, "width=3, expected 2"),
        ({"init": "xavier-uniform"}, "init=torch-seed, expected xavier-uniform"),
        ({"optimizer": "newton"}, "optimizer=adam, expected newton"),
        ({"options": {**SETTINGS.options, "lr": 1e-3}}, "lr=0.0001, expected 0.001"),
        ({"options": {**SETTINGS.options, "more": 1}}, "more=None, expected 1"),
        ({"options": {"steps": 10, "lr": 1e-4}}, r"betas=\[0.9, 0.999\], expected None"),
    ],
)
def test_two_sweeps_never_mix(tmp_path, change, says):
    write(tmp_path, range(2))
    other = dataclasses.replace(SETTINGS, **change)
    with pytest.raises(RunsError, match=rf"seeds-000000-000002.parquet: was made with {says} as in"):
        one_sweep(tmp_path, other)
    write(tmp_path, range(2, 4), other)
    with pytest.raises(RunsError, match="was made with"):
        read_shards(tmp_path)


def test_the_name_of_the_problem_does_not_matter(tmp_path):
    write(tmp_path, range(2))
    assert one_sweep(tmp_path, dataclasses.replace(SETTINGS, problem="mine")) == [range(2)]


def test_a_seed_that_occurs_twice(tmp_path):
    write(tmp_path, range(3))
    write(tmp_path, range(2, 5))
    with pytest.raises(RunsError, match="seed 2 occurs twice"):
        read_shards(tmp_path)


def test_what_is_no_shard(tmp_path):
    path = tmp_path / "x.parquet"
    with pytest.raises(RunsError, match="holds no shards"):
        read_shards(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(RunsError, match="not a finished shard of a sweep"):
        read_shards(tmp_path)
    pq.write_table(pa.table({"w": [1.0]}), path)
    with pytest.raises(RunsError, match="not a finished shard of a sweep"):
        read_shard(path)
    whole = write(tmp_path / "whole", range(2))
    path.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(RunsError, match="not a finished shard of a sweep"):
        read_shard(path)
    pq.write_table(pq.read_table(whole).drop_columns(["loss"]), path)
    with pytest.raises(RunsError, match="not the columns a shard of runs has"):
        read_shard(path)


def test_a_changed_byte_is_noticed(tmp_path):
    """Pages carry checksums: plainly encoded numbers would read as other numbers."""
    path, whole = write(tmp_path, range(3)), runs(range(3))
    good, noticed = path.read_bytes(), 0
    footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    for place in range(4, footer, 11):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        try:
            assert_same(read_shard(path), whole)  # a byte of a page's header that means nothing
        except RunsError:
            noticed += 1
    assert noticed > footer // 22
