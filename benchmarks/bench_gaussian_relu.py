"""The loss of Safran & Shamir at spurious minima of n = k: proof, check and Hessians against the number of parameters.

    python benchmarks/bench_gaussian_relu.py [--sizes 6 9 13 16 20 26 31] [--repeats 3] [--intvalpy] [--octave]

Sides, taking turns for each size, CPU seconds of one core, the smallest of the repeats:

* ``float64``: the Hessian in plain float64;
* ``enclosed``: the same formulas in float64 midpoint–radius enclosures;
* ``proof``: from the saved point to an object and its certificate: Newton steps, enclosures, the theorem, the bounds;
* ``check``: the checker in scaled integers, from the text of the certificate;
* ``intvalpy``, if asked for and installed: the diagonal blocks of the Hessian only, pair by pair: the others need an
  arc cosine, which it has not. ``diagonal`` is the same loop in our enclosures, ``diagonal float64`` in plain numbers;
* ``octave``, if asked for and installed (GNU Octave and its package interval; Debian: ``octave octave-interval``): the
  whole Hessian in ``benchmarks/gaussian_hessian.m``, without the start of Octave. Every entry has to meet ours.

The minima are found here, by gradient descent from random starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.certificates import check_certificate, read_certificate
from certify.checker.population import population_of
from certify.checker.run import make_arithmetic
from certify.pipeline.population import critical_object
from certify.proofs.newton_ball import CertifiedBall, certify_ball
from certify.results.certificate import canonical, certificate_of
from sweep.gaussian import gradient_descent, loss_gradient
from sweep.initialise import xavier_uniform
from symmetry.arithmetic import Float64
from symmetry.network import exact
from symmetry.population import GaussianProblem, safran_shamir


def minimum(k: int) -> Any:
    """A spurious minimum (k, k), by gradient descent from the first start that leads to one."""
    teacher, batch = np.eye(k), 64 if k < 9 else 4
    for first in range(0, 1000, batch):
        starts = np.array([xavier_uniform(k, k, seed)[: k * k] for seed in range(first, first + batch)])
        ends = gradient_descent(teacher, starts.reshape(-1, k, k), rate=1 / k, tolerance=1e-7, steps=10**5).w
        loss = loss_gradient(teacher, ends)[0]
        if (loss > 1e-3).any():
            return ends[np.argmax(loss > 1e-3)]
    raise AssertionError("every start led to a global minimum")


def prove(problem: GaussianProblem, w: Any) -> str:
    """The certificate."""
    width = len(w)
    found = certify_ball(problem.objective(width), exact(w.ravel()))
    assert isinstance(found, CertifiedBall), found
    return canonical(certificate_of(critical_object(problem, found, width), problem.hash))


def check(problem: GaussianProblem, text: str) -> None:
    """The checker's work on one certificate."""
    content = {"format": 1, "name": problem.name, "hash": problem.hash, "content": problem.describe()}
    known = population_of(json.loads(json.dumps(content)), "problem.json")
    certificate = read_certificate(json.loads(text), "c")
    check_certificate(certificate, known, lambda bits: make_arithmetic("integer", bits))


def diagonal(w: Any, teacher: Any, eye: Any, root: Any) -> list[Any]:
    """The diagonal blocks ``H_ii``, times ``2π`` and without ``I/2``, in any arithmetic of arrays, entry by entry."""
    n = len(w)

    def dot(u: Any, v: Any) -> Any:
        return sum((u[m] * v[m] for m in range(1, n)), u[0] * v[0])

    def outer(u: Any) -> Any:
        return u.reshape((n, 1)) * u.reshape((1, n))

    norms, blocks = [root(dot(w[i], w[i])) for i in range(n)], []
    units = [w[i] / norms[i] for i in range(n)]
    for i in range(n):
        total = None
        for j in range(2 * n):
            if j != i:
                other = units[j] if j < n else teacher[j - n]
                c = dot(units[i], other)
                s = root(1 - c * c)
                q = units[i] * c - other
                weight = norms[j] / (s * norms[i]) if j < n else -1 / (s * norms[i])
                term = ((eye - outer(units[i])) * (s * s) + outer(q)) * weight
                total = term if total is None else total + term
        blocks.append(total)
    return blocks


_SCRIPT = """
pkg load interval
addpath ("{folder}");
w = [{rows}];
best = Inf;
for turn = 1:{repeats}
  began = cputime ();
  H = gaussian_hessian (w);
  best = min (best, cputime () - began);
endfor
printf ("%.17g\\n", best, inf (H)(:), sup (H)(:));
"""


def octave(w: Any, repeats: int, ours: Any, over: Float64Enclosures) -> float:
    """CPU seconds of octave-interval for the Hessian; ``ours`` is our enclosure of it."""
    program = shutil.which("octave-cli")
    if program is None:
        raise SystemExit("octave-cli: not found, expected GNU Octave with its package interval; leave out --octave")
    rows = "; ".join(" ".join(map(repr, row)) for row in w.tolist())
    script = _SCRIPT.format(folder=Path(__file__).parent, rows=rows, repeats=repeats)
    done = subprocess.run([program, "--quiet", "--eval", script], capture_output=True, text=True, check=False)
    numbers = np.array(done.stdout.split(), dtype=np.float64)
    size = w.size**2
    if len(numbers) != 1 + 2 * size:
        raise SystemExit(f"octave-cli: {done.stderr.strip()}")
    low, high = (part.reshape(w.size, w.size).T for part in np.split(numbers[1:], 2))
    meets = (low <= over.upper(ours).astype(np.float64)) & (over.lower(ours).astype(np.float64) <= high)
    assert meets.all(), "the two enclosures of an entry have no point in common"
    return float(numbers[0])


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    answer = work()
    return time.process_time() - began, answer


def measure(k: int, repeats: int, intvalpy: bool, octaves: bool) -> dict[str, float]:
    """CPU seconds by side."""
    problem, w = safran_shamir(f"safran-shamir:k={k}"), minimum(k)
    objective, enclosures = problem.objective(k), Float64Enclosures()
    text = prove(problem, w)
    sides: dict[str, Callable[[], Any]] = {
        "float64": lambda: objective.evaluate(w.ravel(), Float64(), 2),
        "enclosed": lambda: objective.evaluate(enclosures.array(w.ravel()), enclosures, 2),
        "proof": lambda: prove(problem, w),
        "check": lambda: check(problem, text),
    }
    if intvalpy:
        import intvalpy as ip

        thin, eye = ip.Interval(w, w), ip.Interval(np.eye(k), np.eye(k))
        balls, units = enclosures.array(w), enclosures.array(np.eye(k))
        sides["intvalpy"] = lambda: diagonal(thin, eye, eye, ip.sqrt)
        sides["diagonal"] = lambda: diagonal(balls, units, units, enclosures.sqrt)
        sides["diagonal float64"] = lambda: diagonal(w, np.eye(k), np.eye(k), np.sqrt)
    seconds: dict[str, float] = {}
    for _ in range(repeats):
        for name, work in sides.items():
            seconds[name] = min(seconds.get(name, np.inf), cpu(work)[0])
    if octaves:
        ours = objective.evaluate(enclosures.array(w.ravel()), enclosures, 2).hessian
        seconds["octave"] = octave(w, repeats, ours, enclosures)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[6, 9, 13, 16, 20, 26, 31])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--intvalpy", action="store_true")
    parser.add_argument("--octave", action="store_true")
    given = parser.parse_args()
    rows: list[tuple[int, dict[str, float]]] = []
    with threadpool_limits(1):
        for k in given.sizes:
            rows.append((k * k, measure(k, given.repeats, given.intvalpy, given.octave)))
            shown = "  ".join(f"{name} {value:8.4f}" for name, value in rows[-1][1].items())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"k = {k:2}  P = {k * k:4}  {shown}  s  (peak {peak:.0f} MiB)", flush=True)
    large = [row for row in rows if row[0] >= 150]
    if len(large) > 1:
        for name in rows[0][1]:
            slope = np.polyfit(np.log([p for p, _ in large]), np.log([row[name] for _, row in large]), 1)[0]
            print(f"{name}: P^{slope:.2f} from P = {large[0][0]} on")


if __name__ == "__main__":
    main()
