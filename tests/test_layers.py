"""What importing the packages loads, and what an enclosure refuses to be."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb
from certify.arithmetic.interval import Interval
from certify.arithmetic.midrad import Float64Enclosures


def loaded_by(statement: str, *modules: str) -> set[str]:
    """Which of ``modules`` a fresh interpreter has loaded after ``statement``."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout.splitlines()[-1])) & set(modules)


def test_the_packages_and_the_command_line_load_nothing_heavy():
    heavy = ("torch", "matplotlib", "dask", "numba")
    assert loaded_by("import certify, sweep, symmetry; import certify.cli", *heavy) == set()


def test_classifying_points_does_not_need_torch():
    statement = "from certify import classify; import certify.results.store"
    assert loaded_by(statement, "torch", "matplotlib", "dask") == set()


def test_the_report_on_loaded_modules_can_tell_the_difference():
    assert loaded_by("import numpy", "numpy", "torch") == {"numpy"}


@pytest.mark.parametrize("arithmetic", [Float64Enclosures(), Arb(106), Interval(106)], ids=lambda a: a.name)
class TestEnclosuresAreNoNumbers:
    """The way from an enclosure to a plain number leads through ``approx`` or exact ends, never by accident."""

    def test_no_conversion_to_float(self, arithmetic: Enclosures):
        enclosure = arithmetic.array(np.array([Fraction(1, 3)]))
        for convert in (float, int, complex, np.float64):
            with pytest.raises((TypeError, ValueError)):
                convert(enclosure)

    def test_no_comparison(self, arithmetic: Enclosures):
        third, half = arithmetic.array(np.array([Fraction(1, 3)])), arithmetic.array(np.array([Fraction(1, 2)]))
        for other in (half, 1, 0.5):
            with pytest.raises(TypeError):
                _ = third < other
            with pytest.raises(TypeError):
                _ = other >= third

    def test_no_arithmetic_with_floats(self, arithmetic: Enclosures):
        third = arithmetic.array(np.array([Fraction(1, 3)]))
        for combine in (lambda v: v + 0.1, lambda v: 0.1 * v, lambda v: v / 0.1, lambda v: v - np.array([0.1])):
            with pytest.raises(TypeError):
                combine(third)
