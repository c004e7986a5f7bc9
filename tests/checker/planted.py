"""Errors planted in the provers: each is a patch of the source, the provers run again, and the checker must notice.

    python tests/checker/planted.py [NAME …]

The packages are copied, one place is changed, and the copy makes the certificates of ``cases.py``, those under Gaussian
inputs, the paths and regions that it takes for proved, and a results directory, in a process of its own. The
checker that judges them is the one of this checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import certify

HERE = Path(__file__).parent
ROOT = Path(certify.__file__).parents[1]

_MAKE = """
import json, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from cases import ALL, case
from mutate import GAUSSIAN, further
made = {{}}
for name in [name for name in {cases!r} if name not in ("paths", "regions")] or (*ALL, *GAUSSIAN, "sum of thirds"):
    try:
        made[name] = case(name).certificate if name in ALL else further(name)[1]
    except Exception as error:
        print(f"{{name}}: {{type(error).__name__}}: {{error}}", file=sys.stderr)
Path({out!r}, "cases.json").write_text(json.dumps(made))
if not {cases!r} or "paths" in {cases!r}:
    from path_cases import proved
    Path({out!r}, "paths.json").write_text(json.dumps(proved()))
if {regions}:
    import region_cases
    Path({out!r}, "regions.json").write_text(json.dumps(region_cases.proved()))
if {directory}:
    from directories import write
    write(Path({out!r}, "polished"), polish=True)
    write(Path({out!r}, "standing"))
"""


@dataclass(frozen=True)
class Planted:
    """A patch: in ``file``, ``old`` (which occurs once) becomes ``new``."""

    name: str
    file: str
    old: str
    new: str
    directory: bool = False

    @property
    def regions(self) -> bool:
        """Whether it is in what regions at infinity are proved with."""
        return self.file.endswith(("valley.py", "means.py", "parting.py"))


PLANTED = (
    Planted(
        "the Newton step is left out of the Krawczyk image",
        "certify/proofs/krawczyk.py",
        "        return cls(objective, center, step, y, arithmetic)",
        "        return cls(objective, center, step * 0, y, arithmetic)",
    ),
    Planted(
        "the existence box shrunk after the test",
        "certify/proofs/krawczyk.py",
        "    existence = _shrink(trial.step, first)",
        "    existence = _shrink(trial.step, first) * 2.0**-20",
    ),
    Planted(
        "the uniqueness box grown after the test",
        "certify/proofs/krawczyk.py",
        "    unique = _grow(trial, first)",
        "    unique = _grow(trial, first) * 1.5",
    ),
    Planted(
        "the Hessian at the centre for that over the box",
        "certify/proofs/krawczyk.py",
        "        evaluation = self.objective.evaluate(a.ball(self.center, radius), a, order)",
        "        evaluation = self.objective.evaluate(a.array(self.center), a, order)",
    ),
    Planted(
        "the Hessian without the curvature of the network",
        "symmetry/objective.py",
        "hessian[block, block] = sums.gram[block, block] + bend",
        "hessian[block, block] = sums.gram[block, block]",
    ),
    Planted(
        "a sign in the way from the centre to the critical point",
        "certify/proofs/isolated.py",
        "    return below(bounds[0] - shift), above(bounds[1] + shift)",
        "    return below(bounds[0] + shift), above(bounds[1] - shift)",
    ),
    Planted(
        "no spread of the sigmoid over a box",
        "certify/arithmetic/midrad.py",
        "        return MidRad(v.mid, (v.rad + reach * (np.abs(slope.mid) + slope.rad + reach * half)) * UP + TINY)",
        "        return v",
    ),
    Planted(
        "n₊ for n₊ − 1",
        "certify/proofs/manifold.py",
        "return (self.positive - 1) * self.curvature_negative",
        "return self.positive * self.curvature_negative",
    ),
    Planted(
        "a loss threshold for a proof",
        "certify/proofs/zero.py",
        "    return point if verify_equal_output(problem, point.network) else None",
        "    return replace(point, network=network)",
        directory=True,
    ),
    Planted(
        "the loss of the centre for that of the critical point",
        "certify/proofs/isolated.py",
        "    loss = (below(max(low - shift, Fraction(0))), above(high + shift))",
        "    loss = (above(high, 40), below(low, 40))",
    ),
    Planted(
        "bounds rounded the wrong way",
        "certify/arithmetic/rounding.py",
        "    return value // unit * unit",
        "    return -(-value // (unit * 2**40)) * (unit * 2**40)",
    ),
    Planted(
        "a float64 eigenvalue for a bound",
        "certify/proofs/inertia.py",
        "    return below(lowest / theta), above(top[0])",
        "    return (Fraction(float(np.linalg.eigvalsh(approx)[0])),) * 2",
    ),
    Planted(
        "signs of the congruence not looked at",
        "certify/proofs/inertia.py",
        "    return Inertia(signs.count(1), signs.count(-1), v + 0.0, signs)",
        "    return Inertia(len(signs), 0, v + 0.0, (1,) * len(signs))",
    ),
    Planted(
        "Lemma 1 on a ball that was not evaluated",
        "certify/proofs/lemmas.py",
        "    mu, reach = eigenvalue[0], Fraction(isolated.ball_radius)",
        "    mu, reach = eigenvalue[0], Fraction(isolated.ball_radius) * 10**6",
    ),
    Planted(
        "a Lipschitz constant without its factor 3",
        "symmetry/objective.py",
        "(j_norm * h_norm * 3 + sums.twist) * scale",
        "(j_norm * h_norm + sums.twist) * scale",
    ),
    Planted(
        "an empty ball of eight times the cube that was evaluated",
        "certify/proofs/exclusion.py",
        "    box = arithmetic.ball(center, np.full(len(center), radius))  # the cube holds the ball",
        "    box = arithmetic.ball(center, np.full(len(center), radius / 8))",
    ),
    Planted(
        "not global without the teacher's width",
        "certify/proofs/isolated.py",
        "        not_global=lemma2(problem, network.width, certified.loss[0]),",
        "        not_global=True,",
    ),
    Planted(
        "κ with a wrong coefficient",
        "symmetry/infinity/limits.py",
        "        half, sixth = self.arithmetic.number(Fraction(1, 2)), self.arithmetic.number(Fraction(1, 6))",
        "        half, sixth = self.arithmetic.number(Fraction(1, 2)), self.arithmetic.number(Fraction(1, 3))",
    ),
    Planted(
        "the inputs behind a step are taken for those before it",
        "symmetry/infinity/saturated.py",
        "        return power * sign * (self.a * -1)",
        "        return power * abs(sign) * (self.a * -1)",
    ),
    Planted(
        "the farthest inputs of a step are taken for the nearest",
        "symmetry/infinity/saturated.py",
        "    gap = min((abs(v) for v in along if v), default=None)",
        "    gap = max((abs(v) for v in along if v), default=None)",
    ),
    Planted(
        "centres written in single precision",
        "certify/proofs/krawczyk.py",
        "    proof = Krawczyk(center, existence, unique, inverse + 0.0, arithmetic.name, arithmetic.bits)",
        "    from symmetry.network import exact\n    center = exact(center.astype(np.float32).astype(np.float64))\n"
        "    proof = Krawczyk(center, existence, unique, inverse + 0.0, arithmetic.name, arithmetic.bits)",
    ),
    Planted(
        "every candidate in every box",
        "certify/proofs/distinct.py",
        "    if proof is None or found.chart is not None or network.width != found.width:\n        return None",
        "    return tuple(range(network.width))",
        directory=True,
    ),
    Planted(
        "columns rounded inward",
        "certify/proofs/verdict.py",
        '"loss_lower": down(o.loss[0]) if o else None,',
        '"loss_lower": up(o.loss[0]) if o else None,',
        directory=True,
    ),
    Planted(
        "distances without the permutation",
        "certify/pipeline/classification.py",
        '"distance": _distance(saved.permuted(permutation), reference) if permutation and reference else None,',
        '"distance": _distance(saved, reference) if permutation and reference else None,',
        directory=True,
    ),
    Planted(
        "bounds of a derivative moved the wrong way",
        "symmetry/lines.py",
        "    return values - wide if from_zero else values + wide",
        "    return values + wide if from_zero else values - wide",
    ),
    Planted(
        "the rest of an expansion left out",
        "symmetry/lines.py",
        "    return Expansion([_total(parts) for parts in coefficients], _total(rests))",
        "    return Expansion([_total(parts) for parts in coefficients], _total(rests) * 0)",
    ),
    Planted(
        "the first piece of a path left out",
        "certify/proofs/path.py",
        "    for number, (start, end) in enumerate(pairwise(vertices)):",
        "    for number, (start, end) in enumerate(pairwise(vertices[1:])):",
    ),
    Planted(
        "an arc without its term of second order",
        "symmetry/paths/closing.py",
        "    return [start, end - start - bend, bend]",
        "    return [start, end - start, bend * 0]",
    ),
    Planted(
        "halves of the last curve not looked at",
        "certify/proofs/path.py",
        " for rung in rungs()) for a, b in pairwise(ends)):",
        " for rung in rungs()) for a, b in pairwise(ends[:1])):",
    ),
    Planted(
        "residuals of third order without the second moment",
        "symmetry/paths/third_order.py",
        " or (not group.null and np.any((a0[:, None] * d1).T @ d1)):",
        ":",
    ),
    Planted(
        "residuals of third order without the constants",
        "symmetry/paths/third_order.py",
        "    return not any(constant)",
        "    return True",
    ),
    Planted(
        "the way to infinity not looked at",
        "certify/proofs/path.py",
        "    if curve.last:\n        return all(",
        "    if curve.last:\n        return True or all(",
    ),
    Planted(
        "copies together however far apart",
        "certify/proofs/path.py",
        "    return any(_parts(objective, curve, a) for a in _rungs(arithmetic, max_bits))",
        "    return True",
    ),
    Planted(
        "a triple without its rest",
        "symmetry/paths/triple_way.py",
        "        return parts[0] + parts[1] + parts[2]",
        "        return (parts[0] + parts[1] + parts[2]) * 0",
    ),
    Planted(
        "three neurons near zero without the rest of their expansion",
        "symmetry/paths/quintic_way.py",
        "        return sum_of(*parts)[top]",
        "        return sum_of(*parts)[top] * 0",
    ),
    Planted(
        "three neurons near zero with a rest of the first derivatives only",
        "symmetry/paths/quintic_way.py",
        "        parts.append(of(times([half], last), again))",
        "        parts.append(of(times([half], last), [v * 0 for v in again]))",
    ),
    Planted(
        "a node of three neurons near zero that goes through 0",
        "symmetry/paths/quintic_way.py",
        "        if nodes is None or not away or",
        "        if nodes is None or",
    ),
    Planted(
        "constants that may cancel",
        "symmetry/paths/release.py",
        " if denominator[0] and not (last and numerator[0]) else None",
        " if denominator[0] else None",
    ),
    Planted(
        "a saturated neuron between finite places without the rest of its expansion",
        "symmetry/paths/saturated_way.py",
        "        return Expansion(ar.convolve(values, a, TOP), rest)",
        "        return Expansion(ar.convolve(values, a, TOP), rest * 0)",
    ),
    Planted(
        "derivatives far out without their factorials",
        "symmetry/paths/saturated_way.py",
        "ar.where(less, decay, widest) * ar.number(Fraction(factorial(j)))",
        "ar.where(less, decay, widest)",
    ),
    Planted(
        "ε of a zero group half as large",
        "symmetry/paths/ways.py",
        "        slope = [ar.matmul(data.x, part[1:].reshape(-1, 1)) * 4 for part in block]",
        "        slope = [ar.matmul(data.x, part[1:].reshape(-1, 1)) * 2 for part in block]",
    ),
    Planted(
        "κ with the wrong sign",
        "certify/proofs/infinity.py",
        "            part = arithmetic.matmul(r.reshape(1, -1), column)",
        "            part = arithmetic.matmul(-r.reshape(1, -1), column)",
    ),
    Planted(
        "three neurons near zero with a wrong term of fifth order",
        "symmetry/infinity/limits.py",
        "self._number(1, 480)\n",
        "self._number(1, 479)\n",
    ),
    Planted(
        "three neurons near zero with a wrong correction",
        "symmetry/infinity/limits.py",
        "self._number(-17, 40320)",
        "self._number(-17, 20160)",
    ),
    Planted(
        "an odd neuron near zero with a wrong correction",
        "symmetry/infinity/limits.py",
        "        sixth = self.at_zero[3] * self.arithmetic.number(Fraction(1, 6))",
        "        sixth = self.at_zero[3] * self.arithmetic.number(Fraction(1, 2))",
    ),
    Planted(
        "an exponential with a wrong correction",
        "symmetry/infinity/exponential.py",
        "        return (self.e * self.e * -self.term.sign).reshape(-1)",
        "        return (self.e * self.e * (-2 * self.term.sign)).reshape(-1)",
    ),
    Planted(
        "conditions of a limit at its centre for those over the box",
        "certify/proofs/limit.py",
        "    outputs, r = objective.outputs(enclosures.ball(box.center, box.existence_radius), enclosures, 2)",
        "    outputs, r = objective.outputs(enclosures.array(box.center), enclosures, 2)",
    ),
    Planted(
        "half of the bound of the third derivative under Gaussian inputs",
        "certify/proofs/newton_ball.py",
        "        return above((pure + root / low * Fraction(955, 1000)) * (1 + _ROOM), _SHORT)",
        "        return above((pure + root / low * Fraction(955, 1000)) / 2, _SHORT)",
    ),
    Planted(
        "eigenvalues under Gaussian inputs twice as far from zero",
        "certify/proofs/newton_ball.py",
        "    negative, gap = found\n",
        "    negative, gap = found[0], found[1] * 2\n",
    ),
    Planted(
        "students that almost add up to the teacher",
        "certify/proofs/teacher_split.py",
        "        shares[largest] = 1 - sum((shares[i] for i in parts if i != largest), Fraction(0))\n",
        "",
    ),
    Planted(
        "F_qq in the middle of a piece for that all along it",
        "certify/proofs/valley.py",
        "for part in (known.whole, known.gram))",
        "for part in (known.whole[:1] + [v * 0 for v in known.whole[1:]], known.gram))",
    ),
    Planted(
        "F_qq on a path for that in the boxes about it",
        "certify/proofs/valley.py",
        "    least = error * a.number(_ROOM) + a.number(_LEAST)",
        "    least = error * 0 + a.number(_LEAST)",
    ),
    Planted(
        "copies apart as though they were together where the loss grows with ε²",
        "symmetry/regions/parting.py",
        '        "s": grows + turns * ',
        '        "s": grows * 0 + turns * 0 * ',
    ),
    Planted(
        "∂F/∂ε² with the wrong sign",
        "symmetry/regions/valley.py",
        '        "s": [v * half for v in turn],',
        '        "s": [v * half * -1 for v in turn],',
    ),
    Planted(
        "the constant K of a box without its radius",
        "symmetry/regions/valley.py",
        "        total = total + Expansion([*constant[:3], nothing], constant[3])",
        "        total = total + Expansion([*constant[:3], nothing], nothing)",
    ),
    Planted(
        "∂F/∂ε² of two groups that share a constant added up without P³",
        "certify/proofs/valley.py",
        "ratio**3 if g == groups[0]",
        "Fraction(1) if g == groups[0]",
    ),
    Planted(
        "three groups that share a constant with all ε of one sign",
        "symmetry/regions/valley.py",
        "    return (None, None) if len(signs) == 1 else (smalls, ratios)",
        "    return smalls, ratios",
    ),
    Planted(
        "the sum over the outputs for their mean",
        "symmetry/outputs.py",
        "arithmetic.number(Fraction(1, len(self.parts)))",
        "arithmetic.number(Fraction(1))",
    ),
    Planted(
        "κ of the mean of the squares for that of half of it",
        "certify/proofs/limit.py",
        "channel(chart, outputs, r, len(problem) / problem.factor, enclosures)",
        "channel(chart, outputs, r, len(problem), enclosures)",
    ),
    Planted(
        "an exponential does not grow over a box",
        "certify/arithmetic/midrad.py",
        "        spread = np.where(v.rad <= 1, v.rad + v.rad * v.rad, np.inf)",
        "        spread = v.rad * 0",
    ),
    Planted(
        "weight decay without its factor 2 in the Hessian",
        "symmetry/objective.py",
        "            hessian[i : i + 1, i] = hessian[i : i + 1, i] + number(2 * decay)",
        "            hessian[i : i + 1, i] = hessian[i : i + 1, i] + number(decay)",
    ),
)


def run(planted: Planted | None, cases: tuple[str, ...] = ()) -> list[str]:
    """Patch a copy, let it make certificates, and return what the checker of this checkout complains about.

    Args:
        planted: ``None`` patches nothing.
        cases: certificates to make, ``paths`` and ``regions``; all of them if empty, regions and directories where the
            error asks for them.

    Raises:
        ValueError: the place to patch is not there, or the patched provers make no certificate at all.
    """
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy, out = Path(folder, "copy"), Path(folder, "out")
        out.mkdir()
        for package in ("certify", "sweep", "symmetry"):
            shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        if planted is not None:
            patch(copy / planted.file, planted)
        wanted = not cases and (planted is None or planted.directory)
        regions = "regions" in cases or (not cases and (planted is None or planted.regions))
        code = _MAKE.format(here=str(HERE), out=str(out), directory=wanted, regions=regions, cases=cases)
        path = os.pathsep.join([str(copy), str(HERE)])
        # the patched provers would fail their own self-test of false certificates only if the checker were patched
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not (out / "cases.json").is_file():
            raise ValueError(f"the patched provers stopped: {done.stderr.strip().splitlines()[-1:]}")
        return complaints(out)


def patch(path: Path, planted: Planted) -> None:
    text = path.read_text("utf-8")
    if text.count(planted.old) != 1:
        raise ValueError(f"{planted.name}: the place to patch occurs {text.count(planted.old)} times, expected once")
    text = text.replace(planted.old, planted.new)
    if "replace(point" in planted.new:
        text = text.replace("from dataclasses import dataclass", "from dataclasses import dataclass, replace")
    path.write_text(text, "utf-8")


def complaints(out: Path) -> list[str]:
    """Of the checker, about the certificates and directories in ``out``."""
    from mutate import verified
    from path_cases import Traced, check_traced
    from region_cases import Region, check_piece

    from certify.checker.reading import Rejected, Unreadable
    from certify.checker.run import check as check_path

    found, made = [], json.loads((out / "cases.json").read_text())
    paths = json.loads((out / "paths.json").read_text()) if (out / "paths.json").is_file() else []
    boxes = json.loads((out / "regions.json").read_text()) if (out / "regions.json").is_file() else []
    if not made and not paths and not boxes:
        raise ValueError("the patched provers made no certificate, no path and no region")
    for name, certificate in made.items():
        try:
            verified(name, certificate)
        except (Rejected, Unreadable) as error:
            found.append(f"{name}: {error}")
    for name, row, line in paths:
        try:
            check_traced(Traced(name, row, line))
        except (Rejected, Unreadable) as error:
            found.append(f"a path to {name}: {error}")
    for number, region in enumerate(boxes):
        try:
            check_piece(Region(**region))
        except (Rejected, Unreadable) as error:
            found.append(f"region {number}: {error}")
    for directory in ("polished", "standing"):
        if (out / directory).is_dir():
            outcome = check_path(out / directory, problem=None, arithmetic="integer", jobs=1, budget=1000.0)
            found += [f"{directory}: {reason}" for reason in (*outcome.rejected, *outcome.unreadable)]
    return found


def main() -> None:
    """Plant each error and print what the checker said first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names; all by default")
    wanted = parser.parse_args().names
    missed = 0
    for planted in PLANTED:
        if wanted and not any(part in planted.name for part in wanted):
            continue
        try:
            found = run(planted)
        except ValueError as error:  # nothing was made, so that nothing can be noticed
            found = []
            print(error, file=sys.stderr)
        missed += not found
        print(f"| {planted.name} | `{planted.file}` | {found[0] if found else '**NOT NOTICED**'} |", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
