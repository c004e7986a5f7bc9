"""State dicts in ``.safetensors`` and ``.pt`` files and in modules."""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from sweep.points import MAX_BYTES, PointsError, points_from_module, read_points, torch_file
from sweep.points.state_dict import match_layers

SUFFIXES = [".safetensors", ".pt", ".pth"]


def module(width: int = 5, dimension: int = 2, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Linear(dimension, width, bias=False), nn.Sigmoid(), nn.Linear(width, 1, bias=False)
    return nn.Sequential(*layers).to(dtype)


def save(path: Path, state: Any) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file({key: value.detach().contiguous() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


def raw_safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_single_network(tmp_path: Path, suffix: str, dtype: torch.dtype) -> None:
    net = module(dtype=dtype)
    points = read_points(save(tmp_path / f"p{suffix}", net.state_dict()), dimension=2)
    assert points.w.dtype == np.float64
    assert points.w.tolist() == [net[0].weight.tolist()]  # tolist() gives the exact value of every dtype
    assert points.a.tolist() == net[2].weight.tolist()
    assert points.source == (f"p{suffix}:0",)
    assert points.seed.tolist() == [-1]
    assert points.a.flags.writeable


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("prefix", ["", "net.", "model.fc.", "_orig_mod.module."])
def test_any_prefix(tmp_path: Path, suffix: str, prefix: str) -> None:
    net = module()
    state = {prefix + key: value for key, value in net.state_dict().items()}
    assert read_points(save(tmp_path / f"p{suffix}", state), dimension=2).w[0].tolist() == net[0].weight.tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_stacked_networks(tmp_path: Path, suffix: str) -> None:
    nets = [module(seed=seed) for seed in range(3)]
    parameters, _ = torch.func.stack_module_state(nets)
    points = read_points(save(tmp_path / f"p{suffix}", parameters), dimension=2)
    assert points.w.tolist() == [net[0].weight.tolist() for net in nets]
    assert points.a.tolist() == [net[2].weight[0].tolist() for net in nets]
    assert points.source == tuple(f"p{suffix}:{i}" for i in range(3))


def test_checkpoints_that_wrap_the_state_dict(tmp_path: Path) -> None:
    net = module()
    wrapped: list[Any] = [
        {"state_dict": net.state_dict(), "epoch": 3},
        {"model_state_dict": net.state_dict(), "optimizer_state_dict": {"lr": 0.1}},
        torch.func.stack_module_state([net]),
        {"0.weight": net[0].weight, "2.weight": net[2].weight},
    ]
    for content in wrapped:
        points = read_points(save(tmp_path / "p.pt", content), dimension=2)
        assert points.w.tolist() == [net[0].weight.tolist()]


def bfloat16_value(bits: int) -> Fraction:
    """What a bfloat16 means: sign, 8 bits of exponent with bias 127, 7 bits of fraction."""
    sign, exponent, fraction = -1 if bits >> 15 else 1, (bits >> 7) & 255, bits & 127
    if exponent == 0:
        return sign * Fraction(fraction, 128) * Fraction(2) ** -126
    return sign * (1 + Fraction(fraction, 128)) * Fraction(2) ** (exponent - 127)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_every_finite_bfloat16_is_the_dyadic_it_is(tmp_path: Path, suffix: str) -> None:
    bits = [b for b in range(2**16) if (b >> 7) & 255 != 255]
    w = torch.tensor(bits, dtype=torch.int32).to(torch.uint16).view(torch.bfloat16).reshape(-1, 2)
    state = {"0.weight": w, "2.weight": torch.ones(1, len(w), dtype=torch.bfloat16)}
    values = read_points(save(tmp_path / f"p{suffix}", state), dimension=2).w.ravel()
    assert [Fraction(v) for v in values.tolist()] == [bfloat16_value(b) for b in bits]
    assert np.signbit(values).tolist() == [b >> 15 == 1 for b in bits]


def test_points_from_module_is_the_same_path(tmp_path: Path) -> None:
    net = module(width=3, dimension=4, dtype=torch.float32)
    points = points_from_module(net)
    again = read_points(save(tmp_path / "p.safetensors", net.state_dict()), dimension=4)
    assert points.w.tobytes() == again.w.tobytes()
    assert points.a.tobytes() == again.a.tobytes()
    assert points.source == ("Sequential:0",)


def test_points_from_module_is_a_copy() -> None:
    net = module()
    points = points_from_module(net)
    before = points.w.copy()
    with torch.no_grad():
        net[0].weight.add_(1)
    assert points.w.tolist() == before.tolist()


def test_modules_that_are_refused() -> None:
    with pytest.raises(PointsError, match=r"module: came as list, expected a torch\.nn\.Module"):
        points_from_module([1])
    with pytest.raises(PointsError, match=r"Linear: holds 1 tensors \(weight\), expected two"):
        points_from_module(nn.Linear(2, 1, bias=False))
    with pytest.raises(PointsError, match=r"0\.weight: cannot be read as a dense tensor"):
        points_from_module(module().to("meta"))


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"2.weight": (1, 5), "0.weight": (5, 2)}, ("0.weight", "2.weight")),
        ({"0.weight": (1, 1), "2.weight": (1, 1)}, ("0.weight", "2.weight")),
        ({"n.2.weight": (1, 1), "n.0.weight": (1, 1)}, ("n.0.weight", "n.2.weight")),
        ({"fc1.weight": (5, 2), "fc2.weight": (1, 5)}, ("fc1.weight", "fc2.weight")),
        ({"out.weight": (1, 5), "hidden.weight": (5, 2)}, ("hidden.weight", "out.weight")),
        ({"fc1.weight": (1, 2), "fc2.weight": (1, 1)}, ("fc1.weight", "fc2.weight")),
        ({"fc1.weight": (7, 5, 2), "fc2.weight": (7, 1, 5)}, ("fc1.weight", "fc2.weight")),
        ({"10.weight": (5, 2), "12.weight": (1, 5)}, ("10.weight", "12.weight")),
        ({"fc10.weight": (1, 5), "fc12.weight": (5, 2)}, ("fc12.weight", "fc10.weight")),  # 1 is no prefix
    ],
)
def test_matching(shapes: dict[str, tuple[int, ...]], expected: tuple[str, str]) -> None:
    assert match_layers("f", shapes) == expected


@pytest.mark.parametrize(
    ("shapes", "pattern"),
    [
        ({}, r"holds 0 tensors \(none\), expected two"),
        ({"0.weight": (5, 2)}, r"holds 1 tensors \(0\.weight\), expected two"),
        ({"0.weight": (5, 2), "2.weight": (5, 5), "4.weight": (1, 5)}, "holds 3 tensors .* save that network alone"),
        ({f"{i}.weight": (5, 2) for i in range(9)}, r"holds 9 tensors \(.*5\.weight, \.\.\.\), expected two"),
        ({"0.weight": (5, 2), "2.weight": (3, 5)}, r"2\.weight has shape \(3, 5\), expected .* two layers, one output"),
        ({"0.weight": (5, 2), "2.weight": (1, 4)}, r"0\.weight has shape \(5, 2\) and 2\.weight has shape \(1, 4\)"),
        ({"0.weight": (2, 5), "2.weight": (5, 1)}, r"0\.weight has shape \(2, 5\) and 2\.weight has shape \(5, 1\)"),
        ({"2.weight": (5, 2), "0.weight": (1, 5)}, r"0\.weight has shape \(1, 5\) and 2\.weight has shape \(5, 2\)"),
        ({"0.weight": (5,), "2.weight": (1, 5)}, r"0\.weight has shape \(5,\)"),
        ({"0.weight": (3, 5, 2), "2.weight": (2, 1, 5)}, r"stacked \(n, m, d\) and \(n, 1, m\)"),
        ({"fc1.weight": (1, 1), "fc2.weight": (1, 1)}, r"fits both ways round; rename them 0\.weight"),
    ],
)
def test_no_match(shapes: dict[str, tuple[int, ...]], pattern: str) -> None:
    with pytest.raises(PointsError, match=pattern):
        match_layers("f", shapes)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_biases_are_the_last_column_of_w_and_the_last_output(tmp_path: Path, suffix: str, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 5), nn.Sigmoid(), nn.Linear(5, 1)).to(dtype)
    points = read_points(save(tmp_path / f"p{suffix}", net.state_dict()), dimension=3, bias=True)
    assert points.w[0].tolist() == torch.cat([net[0].weight, net[0].bias[:, None]], dim=1).double().tolist()
    assert points.a[0].tolist() == torch.cat([net[2].weight[0], net[2].bias]).double().tolist()
    assert points.w.tolist() == points_from_module(net).w.tolist()
    assert points.network(0).theta().tolist() == points.theta()[0].tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("bias", "length"), [("0.bias", 4), ("net.2.bias", 1), ("bias", 5), ("2.bias", 5)])
def test_a_bias_that_belongs_to_no_layer_is_refused(
    tmp_path: Path, refuses, suffix: str, bias: str, length: int
) -> None:
    state = module().state_dict() | {bias: torch.zeros(length)}
    refuses(
        save(tmp_path / f"p{suffix}", state),
        rf"holds {bias} of shape \({length},\), expected biases 0\.bias \(5,\) and",
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_bias_of_zero_is_still_a_parameter(tmp_path: Path, refuses, suffix: str) -> None:
    state = module().state_dict()
    refuses(save(tmp_path / f"p{suffix}", state | {"2.bias": torch.zeros(1)}), r"the problem has no output bias")
    refuses(save(tmp_path / f"q{suffix}", state | {"0.bias": torch.zeros(5)}), r"expected \(1, 5, 2\)")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda s: {"0.weight": s["0.weight"]}, r"holds 1 tensors \(0\.weight\), expected two"),
        (lambda s: s | {"2.weight": s["2.weight"].T}, r"2\.weight has shape \(5, 1\), expected \(m, d\) and \(1, m\)"),
        (lambda s: {k: v.to(torch.int64) for k, v in s.items()}, r"0\.weight has dtype (I64|int64), expected"),
        (
            lambda s: {k: v.to(torch.float8_e5m2) for k, v in s.items()},
            r"0\.weight has dtype (F8_E5M2|float8_e5m2), exp",
        ),
        (
            lambda s: s | {"0.weight": s["0.weight"] / 0},
            r"row 0: 0\.weight\[0\]\[0\] is -?inf, expected a finite number",
        ),
        (
            lambda s: s | {"2.weight": s["2.weight"] * torch.nan},
            r"row 0: 2\.weight\[0\]\[0\] is nan, expected a finite",
        ),
        (lambda s: {"0.weight": s["0.weight"][:0], "2.weight": s["2.weight"][:, :0]}, "which is no neurons"),
        (lambda s: {k: torch.zeros(0, *v.shape) for k, v in s.items()}, "which is no points"),
        (lambda s: {"0.weight": torch.zeros(5, 3), "2.weight": s["2.weight"]}, "the problem has 2 inputs"),
        (lambda s: {}, r"holds 0 tensors \(none\)"),
    ],
)
def test_refusals(tmp_path: Path, refuses, suffix: str, change: Any, pattern: str) -> None:
    refuses(save(tmp_path / f"p{suffix}", change(module().state_dict())), pattern)


def test_the_row_of_a_stacked_network_is_named(tmp_path: Path, refuses) -> None:
    state = {"0.weight": torch.zeros(4, 3, 2), "2.weight": torch.zeros(4, 1, 3)}
    state["2.weight"][2, 0, 1] = torch.nan
    refuses(save(tmp_path / "p.safetensors", state), r"row 2: 2\.weight\[0\]\[1\] is nan, .*\(1 of 4 rows")


class Malicious:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("wrap", [lambda bad: bad, lambda bad: {"state_dict": module().state_dict(), "hook": bad}])
def test_a_file_that_wants_to_run_code_is_refused_and_runs_none(tmp_path: Path, refuses, wrap: Any) -> None:
    torch.save(wrap(Malicious(tmp_path / "ran")), tmp_path / "p.pt")
    refuses(tmp_path / "p.pt", r"holds (_io|io)\.open, which may run code when loaded, expected nothing but tensors")
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_is_refused(tmp_path: Path, refuses) -> None:
    torch.save(module(), tmp_path / "p.pt")
    refuses(
        tmp_path / "p.pt",
        r"holds torch\.nn\.modules\.container\.Sequential, which may run code .* save module\.state_dict\(\)",
    )


def test_torchscript_is_refused(tmp_path: Path, refuses) -> None:
    torch.save(module().state_dict(), tmp_path / "p.pt")
    with zipfile.ZipFile(tmp_path / "p.pt", "a") as archive:
        archive.writestr("p/constants.pkl", b"")
    refuses(tmp_path / "p.pt", "holds TorchScript, which may run code when loaded")


def test_the_form_before_zip_is_refused(tmp_path: Path, refuses) -> None:
    torch.save(module().state_dict(), tmp_path / "p.pt", _use_new_zipfile_serialization=False)
    refuses(tmp_path / "p.pt", r"cannot be read as a torch file \(zip form, torch 1\.6 or later\) \(BadZipFile")


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        ([1, 2], "holds a list, expected a state dict: names and tensors"),
        (torch.zeros(3), "holds a Tensor, expected a state dict"),
        ({"weights": {"0.weight": torch.zeros(3)}}, "entry 'weights' is a dict, expected nothing but named tensors"),
        ({0: torch.zeros(3)}, "entry 0 is a Tensor, expected nothing but named tensors"),
        ({"0.weight": [1.0], "2.weight": [1.0]}, r"entry '0\.weight' is a list, expected nothing but named tensors"),
    ],
)
def test_checkpoints_that_hold_something_else(tmp_path: Path, refuses, content: Any, pattern: str) -> None:
    refuses(save(tmp_path / "p.pt", content), pattern)


def test_a_tensor_larger_than_its_file(tmp_path: Path, refuses) -> None:
    rows = MAX_BYTES // 16 + 1
    state = {"0.weight": torch.zeros(1, 1).expand(rows, 2), "2.weight": torch.zeros(1, 1).expand(1, rows)}
    path = save(tmp_path / "p.pt", state)
    assert path.stat().st_size < 10_000
    refuses(path, rf"0\.weight holds {2 * rows} numbers .* expected at most {MAX_BYTES} bytes")


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "p.pt", module().state_dict())
    monkeypatch.setattr(torch_file, "MAX_BYTES", 100)
    refuses(path, r"unpacks to \d+ bytes, expected at most 100; split the file")


def test_without_torch(tmp_path: Path, refuses, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in (".pt", ".safetensors"):
        save(tmp_path / f"p{suffix}", module(dtype=torch.bfloat16).state_dict())
    monkeypatch.setitem(sys.modules, "torch", None)
    refuses(tmp_path / "p.pt", r"needs torch, which is not installed; run pip install 'losscert\[torch\]' or save")
    assert len(read_points(tmp_path / "p.safetensors", dimension=2)) == 1


ENTRY = {"dtype": "F64", "shape": [1, 1], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "length"),
    [
        ({"0.weight": ENTRY}, 2**63),  # a header longer than any file
        ({"0.weight": ENTRY}, 10**6),  # longer than this file
        ({"0.weight": ENTRY}, 5),
        ({"0.weight": ENTRY | {"shape": [2**40, 2**40]}}, None),
        ({"0.weight": ENTRY | {"shape": [1, 2]}}, None),
        ({"0.weight": ENTRY | {"data_offsets": [0, 2**40]}}, None),
        ({"0.weight": ENTRY | {"data_offsets": [8, 0]}}, None),
        ({"0.weight": ENTRY | {"dtype": "object"}}, None),
        (b"[" * 100_000, None),
        (b"\xff", None),
    ],
)
def test_safetensors_headers_that_lie(tmp_path: Path, refuses, header: Any, length: int | None) -> None:
    path = raw_safetensors(tmp_path / "p.safetensors", header, bytes(8), length)
    refuses(path, r"cannot be read as safetensors \(.*, expected a complete file")


def test_a_signalling_nan_is_refused_without_a_warning(tmp_path: Path, refuses) -> None:
    header = {
        "0.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        "2.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [8, 12]},
    }
    data = struct.pack("<3I", 0x3F800000, 0x7FA00000, 0x3F800000)
    refuses(raw_safetensors(tmp_path / "p.safetensors", header, data), r"row 0: 0\.weight\[0\]\[1\] is nan")


def test_a_huge_safetensors_file(tmp_path: Path, refuses) -> None:
    path = tmp_path / "p.safetensors"
    with path.open("wb") as handle:
        handle.truncate(MAX_BYTES + 1)  # sparse: takes no room on the disk
    refuses(path, rf"has {MAX_BYTES + 1} bytes, expected at most {MAX_BYTES}; split the file")
