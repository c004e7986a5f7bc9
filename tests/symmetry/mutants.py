"""Wrong formulas, planted one at a time: the tests of counts, strata, orbits and matching must notice each.

    python tests/symmetry/mutants.py [--jobs 2] [NAME …]

Each mutant is a patch of one file of ``symmetry``. The checkout is copied (what is not patched, by links), and tests
run in the copy in a process of their own. A mutant survives if they pass.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from patched import Patch, run_tests

TESTS = ("test_counting.py", "test_orbits.py", "test_matching.py", "test_induced.py", "test_strata.py")


@dataclass(frozen=True)
class Mutant:
    """In ``symmetry/FILE``, ``old`` (which occurs once) becomes ``new``."""

    name: str
    file: str
    old: str
    new: str


COUNTING = (
    Mutant("G without inclusion and exclusion", "counting.py", "(-1) ** (r - i) * math.comb(r, i)", "math.comb(r, i)"),
    Mutant(
        "T without the partitions of the free neurons", "counting.py", "math.comb(m, u) * bell(u)", "math.comb(m, u)"
    ),
    Mutant("T misses the last width", "counting.py", "for u in range(m - r + 1))", "for u in range(m - r))"),
    Mutant("Bell numbers of pairs only", "counting.py", "math.comb(size, k) * values[k]", "values[k]"),
    Mutant(
        "zero-sum subsets without the empty one",
        "counting.py",
        "    return sums[Fraction(0)]",
        "    return sums[Fraction(0)] - 1",
    ),
    Mutant("the dimension of a free vector", "counting.py", "+ (d - 1) * free]", "+ d * free]"),
    Mutant("no zero class", "counting.py", "zip([*binomial, 0], [0, *binomial]", "zip([*binomial, 0], [0] * (n + 2)"),
    Mutant(
        "a mixed class counted as two straight ones",
        "counting.py",
        "math.comb(n, j) * 2 ** (n - j)",
        "math.comb(n, j) * 2**n",
    ),
    Mutant("signs of classes D counted apart", "counting.py", "yield 1, 2 ** (free + 1) * same", "yield 1, 2 * same"),
    Mutant("classes D numbered", "counting.py", "same = r + free, math.factorial(free)", "same = r + free, 1"),
    Mutant("mixed classes C are all maximal", "counting.py", "(2 * r + 2 + free)", "(2 + free)"),
    Mutant("mixed classes D are all maximal", "counting.py", "(2 * r + 2 + free)", "(2 * r + 2)"),
    Mutant("zero neurons are all maximal", "counting.py", "(2 * r + 2 + free)", "(2 * r + free)"),
    Mutant("empty strata counted", "counting.py", "yield 0, same, [subsets]", "yield 0, same, [2**r]"),
    Mutant(
        "the constant takes no dimension", "counting.py", "    yield 1, 2 ** (free + 1)", "    yield 0, 2 ** (free + 1)"
    ),
    Mutant(
        "odd activations as the sigmoid", "counting.py", "if target.reflection == 0:", "if target.reflection == -1:"
    ),
)
STRATA = (
    Mutant(
        "a stratum with a constant that nothing cancels",
        "strata.py",
        "self._irregular == 0 and self._offset != 0",
        "False",
    ),
    Mutant(
        "the constant takes a dimension of regular strata",
        "strata.py",
        "self._irregular > 0) + d",
        "self._irregular >= 0) + d",
    ),
    Mutant(
        "the wrong half of a class leaves",
        "strata.py",
        "return self._freed(halves[-1], fresh)",
        "return self._freed(halves[1], fresh)",
    ),
    Mutant(
        "the sign of the offset", "strata.py", "if self._offset == -block.output:", "if self._offset == block.output:"
    ),
    Mutant("every zero class may leave", "strata.py", "fresh) if self._offset == 0 else self", "fresh)"),
    Mutant(
        "orbits: halves of a class D do not swap",
        "strata.py",
        'if block.kind == "D" and positive == negative:',
        "if False:",
    ),
    Mutant(
        "orbits: equal classes D do not swap",
        "strata.py",
        "            stabiliser *= math.factorial(count)",
        "            stabiliser *= 1",
    ),
    Mutant(
        "the total without signs", "strata.py", "                g[i] -= s * slope", "                g[i] -= slope"
    ),
    Mutant(
        "a block's miss without signs",
        "strata.py",
        "outputs[i] += s * miss / len(self.members)",
        "outputs[i] += miss / len(self.members)",
    ),
    Mutant(
        "the distance without the total",
        "strata.py",
        "        if self.target.balanced and length:",
        "        if False:",
    ),
    Mutant(
        "the distance from a free vector",
        "strata.py",
        "square -= share * sum(sum(column)",
        "square -= 0 * sum(sum(column)",
    ),
    Mutant(
        "containment whatever the signs of a class",
        "strata.py",
        "x.sign * s) for x, s in zip(labels",
        "1) for x, s in zip(labels",
    ),
    Mutant(
        "containment whatever the outputs",
        "strata.py",
        "        return all(\n            sum((x * y for x, y in zip(q, p",
        "        return True or all(\n            sum((x * y for x, y in zip(q, p",
    ),
)
OTHERS = (
    Mutant("orbits: balanced classes D are left out", "orbits.py", "(size - 1) // 2, -1)", "size // 2, -1)"),
    Mutant("orbits: no zero neurons", "orbits.py", "for zeros in range(left + 1):", "for zeros in range(1):"),
    Mutant("members: a class D begins with its majority", "orbits.py", "sorted({shape, shape[::-1]})", "[shape]"),
    Mutant("the distance criterion", "matching.py", "q * q <= 4 * n", "q * q <= 2 * n"),
    Mutant(
        "the farthest of the proposals",
        "matching.py",
        "if nearest is None or distance < nearest[0]:",
        "if nearest is None or distance > nearest[0]:",
    ),
    Mutant(
        "flipped copies as splits",
        "strata.py",
        'label.kind == "C" and label.sign > 0 for label',
        'label.kind == "C" for label',
    ),
    Mutant(
        "the farthest of the narrow networks",
        "induced.py",
        "point.distance_squared < best",
        "point.distance_squared > best",
    ),
    Mutant("a bound for one copy", "induced.py", "Fraction(max(self.copies))", "Fraction(min(self.copies))"),
    Mutant("roots rounded down", "induced.py", "root + (root * root < product)", "root"),
)
MUTANTS = COUNTING + STRATA + OTHERS


def survives(mutant: Mutant | None, tests: tuple[str, ...] = TESTS) -> bool:
    """Whether the tests pass with the mutant planted (``None``: with nothing changed); those of its file come first."""
    tests = tuple(sorted(tests, key=lambda name: mutant is None or name != f"test_{mutant.file}"))
    run = run_tests(mutant and Patch(mutant.file, mutant.old, mutant.new), tests, "--no-header")
    if run.returncode not in (0, 1):  # anything but passed or failed
        raise RuntimeError(run.stdout + run.stderr)
    return run.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not arguments.names or mutant.name in arguments.names]
    survivors = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, alive in zip(chosen, pool.map(survives, chosen), strict=True):
            print(f"{'SURVIVED' if alive else 'noticed'}: {mutant.name}", flush=True)
            survivors += alive
    print(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
