"""No proof room rounds an enclosure to a float, touches the rounding mode, or trusts numpy's exp.

The source is read, not run. What is allowed is listed with the reason; an entry that is no longer needed fails too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import certify
import symmetry

CERTIFY, SYMMETRY = Path(next(iter(certify.__path__))), Path(next(iter(symmetry.__path__)))

ROOMS = [
    *sorted((CERTIFY / "proofs").glob("*.py")),
    *sorted((CERTIFY / "arithmetic").glob("*.py")),
    *(path for room in ("infinity", "paths", "regions") for path in sorted((SYMMETRY / room).glob("*.py"))
      if path.name != "merging.py"),  # what it reads off is rounded; what is written exactly is exact
    *(SYMMETRY / f"{name}.py" for name in (
        "activation", "gaussian_relu", "lines", "matching", "network", "objective", "outputs", "reduction", "series",
        "splitting", "strata",
    )),
]  # fmt: skip

FLOATS = {
    # numbers shown in a failure: they steer nothing and prove nothing
    ("exclusion.py", "float(norm)"): "shown in a failure; as a threshold it can only refuse",
    ("inertia.py", "float(values[0])"): "shown in a failure",
    ("refinement.py", "float(max(map(abs, step)))"): "length of a Newton step: steers the refinement",
    ("refinement.py", "float(np.linalg.norm(inverse, 2) * np.linalg.norm(arithmetic.approx(at.hessian), 2))"): "steers",
    ("newton_ball.py", "float(np.linalg.norm(step))"): "length of a Newton step: ends the refinement",
    ("newton_ball.py", "float(value)"): "shown in a failure",
    ("teacher_split.py", "float(w_i @ v[j] / (v[j] @ v[j]))"): "proposes a share; exact arithmetic decides",
    ("lemmas.py", "float(value)"): "shown in a failure",
    ("infinity.py", "float(low)"): "shown in a failure",
    ("infinity.py", "float(high)"): "shown in a failure",
    ("infinity.py", "float(values[0])"): "shown in a failure",
    ("infinity.py", "float(np.linalg.norm(bend) / (u * u).sum())"): "the size of a weight, of which any is valid",
    ("manifold.py", "float(low)"): "shown in a failure",
    ("manifold.py", "float(scale)"): "shown in a failure",
    ("manifold.py", "float(np.abs(values).min())"): "shown in a failure",
    ("matching.py", "float(heights[i, j])"): "clustering proposes strata; exact arithmetic decides",
    ("matching.py", "float(heights[pair[0], pair[1]])"): "clustering proposes strata; exact arithmetic decides",
    ("ways.py", "float(v)"): "of a look at losses in float64, before anything is proved",
    ("quintic_way.py", "float(v)"): "of a look at losses in float64, before anything is proved",
    ("third_order.py", "float(u @ u)"): "proposes places of copies; exact arithmetic decides",
    ("lines.py", "float(order + 1 + power)"): "exact: a small integer",
    ("lines.py", "float(order + 1)"): "exact: a small integer",
    # choices that any value may take: Y, V, boxes
    ("inertia.py", "float(np.abs(values).max())"): "how coarsely V is rounded",
    ("krawczyk.py", "float((trial.step / shape).max())"): "size of the first box to try",
    ("krawczyk.py", "float(np.linalg.norm(inverse, 2))"): "size of the first box to try",
    ("krawczyk.py", "float(column_sums.max())"): "how coarsely Y is rounded",
    ("krawczyk.py", "float(trial.step.max())"): "shown in a failure",
    ("krawczyk.py", "float(np.max(image / radius))"): "steers the growth; `passed` decides",
    ("krawczyk.py", "float((upper_product(first.defect, first.radius) / first.radius).max())"): "steers the growth",
    ("krawczyk.py", "float(first.radius.min())"): "exact: one of the float64 radii",
    # numbers that are float64 upper bounds already, or are read back exactly
    ("inertia.py", "float(arithmetic.magnitude(abs(defect).sum(axis=1)).max())"): "exact: an upper bound in float64",
    ("proof.py", "float(from_text(text))"): "reads back a float64 written exactly",
    # roundings whose error is taken into account where they are made
    ("uniform.py", "float(v.rad.max())"): "exact: one of the float64 radii",
    ("uniform.py", "float(relative.max())"): "exact: one of the float64 bounds",
    ("uniform.py", "float(np.abs(b.mid).min())"): "exact: the size of one of the float64 midpoints",
    ("uniform.py", "float(np.abs(self.mid).max())"): "exact: the size of one of the float64 midpoints",
    ("midrad.py", "float(other)"): "an integer up to 2^53: exact",
    ("midrad.py", "float(value)"): "nearest float64; its distance is bounded exactly on the next lines",
    ("midrad.py", "float(distance)"): "rounded up by nextafter",
    ("midrad.py", "float((step - c1).mid())"): "a part of ln 2/32; the rest is bounded by Arb",
    ("midrad.py", "float(step.mid())"): "a part of ln 2/32; the rest is bounded by Arb",
    ("midrad.py", "float((1 / step).mid())"): "chooses k; any integer near will do",
    ("midrad.py", "float(power.mid())"): "table entry; its error is bounded by Arb",
    ("elementwise.py", "float(size)"): "rounded up by nextafter",
    # approximations that say so in their name
    ("arb.py", "float(x.mid())"): "approx_one, inverse_one: approximate",
    ("interval.py", "float(mpmath.mpf(x.mid))"): "approx_one: approximate",
    ("interval.py", "float(x)"): "inverse_one: approximate",
}  # fmt: skip

FORBIDDEN_NAMES = {
    "fesetround": "the rounding mode is never touched",
    "tanh": "libm is off by ulps, differently on each machine",
    "expm1": "libm",
    "isclose": "a tolerance proves nothing",
    "allclose": "a tolerance proves nothing",
    "clongdouble": "long double is no IEEE format everywhere",
    "longdouble": "long double is no IEEE format everywhere",
}


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call))


def floats_in(path: Path) -> set[tuple[str, str]]:
    return {
        (path.name, ast.unparse(call))
        for call in calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "float"
    }


def test_the_rooms_are_there():
    missing = [path.name for path in ROOMS if not path.exists()]
    assert missing == []
    assert len(ROOMS) >= 35


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_no_float_of_an_enclosure(path: Path):
    unexplained = floats_in(path) - FLOATS.keys()
    assert unexplained == set(), "float(...) in a proof room; list it with a reason if it is no enclosure"


def test_every_permission_is_used():
    found = set().union(*(floats_in(path) for path in ROOMS))
    assert FLOATS.keys() - found == set()


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_no_rounding_mode_libm_or_tolerance(path: Path):
    for node in ast.walk(tree_of(path)):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        assert name not in FORBIDDEN_NAMES, f"{path.name}:{node.lineno}: {name}: {FORBIDDEN_NAMES.get(name)}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_exp_is_always_the_arithmetics_own(path: Path):
    allowed = {"arithmetic.exp", "self.arithmetic.exp", "ar.exp", "self.exp_one", "super().exp"}
    for call in calls(path):
        function = ast.unparse(call.func)
        if not function.endswith((".exp", ".log", ".sin", ".cos", ".power")):
            continue
        arb = path.name in ("arb.py", "midrad.py") and not function.startswith(("np.", "math.", "mpmath.", "self._iv"))
        assert function in allowed or arb, f"{path.name}:{call.lineno}: {function}"


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_no_algorithm_without_a_bound(path: Path):
    # flint's algorithm="approx" gives no error bound; its plain eig fails on clusters
    for call in calls(path):
        assert not any(k.arg == "algorithm" for k in call.keywords), f"{path.name}:{call.lineno}"
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        assert name not in ("eig", "eigvals", "roots", "lstsq", "pinv"), f"{path.name}:{call.lineno}: {name}"


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_approximate_numbers_come_from_few_places(path: Path):
    """numpy's linear algebra may only propose: Y, V, u, box sizes, and numbers shown in a failure."""
    proposals = {
        "proofs/krawczyk.py": {"norm"},
        "proofs/inertia.py": {"eigh"},
        "proofs/newton_ball.py": {"norm", "solve"},
        "proofs/refinement.py": {"norm"},
        "proofs/teacher_split.py": {"norm"},
        "proofs/exclusion.py": {"norm"},
        "proofs/infinity.py": {"eigvalsh", "norm"},
        "proofs/manifold.py": {"eigvalsh"},
        "proofs/valley.py": {"cholesky", "inv"},  # a congruence, of which any will do
        "arithmetic/midrad.py": {"inv"},
        "paths/third_order.py": {"svd"},  # the direction of a line, of which any will do
    }
    uses = {
        node.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.linalg"
    }
    assert uses - {"LinAlgError"} == proposals.get(f"{path.parent.name}/{path.name}", set())


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: p.name)
def test_no_decimal_constant_is_compared_with(path: Path):
    """A comparison with a constant like 1e-12 is a tolerance, unless it is a range of validity listed here."""
    allowed = {
        ("midrad.py", "1e-3"),  # γ is taken as infinite beyond
        ("refinement.py", "1e18"),
    }
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Compare):
            continue
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Constant) and isinstance(side.value, float):
                text = ast.get_source_segment(path.read_text("utf-8"), side)
                assert (path.name, text) in allowed, f"{path.name}:{node.lineno}: compared with {text}"


def test_mpmaths_own_exp_is_not_called():
    text = (CERTIFY / "arithmetic" / "interval.py").read_text("utf-8")
    code = ast.unparse(ast.parse(text))
    for name in ("mpi_exp", "mpf_exp", "_iv.exp", "iv.exp("):
        assert name not in code.replace('"""', ""), name


def test_the_lint_sees_what_it_forbids(tmp_path: Path):
    bad = tmp_path / "bad.py"
    bad.write_text("x = float(box.mid)\ny = np.exp(x)\nif x < 1e-12: pass\nm.eig(algorithm='approx')\n")
    assert floats_in(bad) == {("bad.py", "float(box.mid)")}
    for check in (
        test_no_float_of_an_enclosure,
        test_exp_is_always_the_arithmetics_own,
        test_no_algorithm_without_a_bound,
        test_no_decimal_constant_is_compared_with,
    ):
        with pytest.raises(AssertionError):
            check(bad)
    bad.write_text("libm.fesetround(1)\n")
    with pytest.raises(AssertionError):
        test_no_rounding_mode_libm_or_tolerance(bad)
