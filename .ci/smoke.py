"""Does an installed wheel work where there is no checkout? python .ci/smoke.py SITE, the folder it was installed to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import certify
import sweep
import symmetry
from symmetry.network import Points
from symmetry.problem import load_problem

site = Path(sys.argv[1]).resolve()
for package in (certify, sweep, symmetry):
    home = Path(package.__file__ or "").resolve()
    assert home.is_relative_to(site), f"{package.__name__} was imported from {home}, expected {site}"
    assert home.with_name("py.typed").exists(), f"{package.__name__} ships no py.typed"

for name in ("thesis", "simsek2021"):
    assert load_problem(name).exact_labels

problem = load_problem("thesis")
assert problem.teacher is not None
w, a = problem.teacher.w.astype(np.float64), problem.teacher.a.astype(np.float64)
found = certify.classify(problem, Points(w[None], a[None], ("teacher",), np.array([-1])))
assert found.verdicts[0].kind == "global-minimum", found.verdicts[0]
assert (site / "certify" / "_data" / "demo.npz").exists(), "the wheel ships no points for the demo"
assert (site / "certify" / "_data" / "report" / "page.js").exists(), "the wheel ships no report page"
assert not (site / "tests").exists(), "the wheel ships tests"
assert not (site / "data").exists(), "the wheel ships data at top level"
print("the installed wheel works without the checkout")
