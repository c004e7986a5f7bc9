"""Wrong lemmas: each of these changes of a formula must make the lemma tests fail.

    python tests/symmetry/mutate_lemmas.py [NAME ...]

For each mutation the package ``symmetry`` is copied, one formula in it changed, and the lemma tests are run on the copy
until the first failure. Prints a Markdown table; exits with 1 if a mutation survives. A part of it runs with the tests
(``test_lemma_mutations.py``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SUITE = ("test_lemmas", "test_splitting", "test_symbolic", "test_limits", "test_embeddings")


class Mutation(NamedTuple):
    """One formula, made wrong: ``old`` occurs once in ``symmetry/module.py``."""

    name: str
    module: str
    old: str
    new: str


MUTATIONS = [
    Mutation("n₊ In(B) for (n₊ − 1) In(B)", "splitting", "times(self.positive - 1)", "times(self.positive)"),
    Mutation("n₋ In(B) for n₋ In(−B)", "splitting", "self.curvature.opposite.times(", "self.curvature.times("),
    Mutation("k zeros for k − 1", "splitting", "self.copies - 1 + self", "self.copies + self"),
    Mutation("no d n₀", "splitting", " + self.curvature.size * self.zero", ""),
    Mutation("mirrored: k − 1 zeros for k − 2", "splitting", "0, 0, -int(mirrored)", "0, 0, 0"),
    Mutation(
        "minima though the kernel is larger",
        "splitting",
        "found.zero == split_dimension",
        "found.zero >= split_dimension",
    ),
    Mutation("split: β² a for β a", "embeddings", "(w, share * a) for share", "(w, share * share * a) for share"),
    Mutation("mirrored: a − b kept", "embeddings", "share * (a + self.output)", "share * (a - self.output)"),
    Mutation("mirrored: copies not flipped", "embeddings", "(-w, share * self.output)", "(w, share * self.output)"),
    Mutation("flip: output keeps its sign", "embeddings", "-w[i], -a[i]", "-w[i], a[i]"),
    Mutation(
        "flips always preserve criticality",
        "embeddings",
        "    balanced = not reflection or any(",
        "    balanced = True or any(",
    ),
    Mutation("null neurons preserve criticality", "embeddings", 'found[Moment("output", tuple(w))] = None', "pass"),
    Mutation("null pairs need no Σ r σ′ x = 0", "embeddings", 'found[Moment("weight", u)] = None', "pass"),
    Mutation("Σ r = 0 taken for granted", "embeddings", "if not (free and moment.kind", "if not (moment.kind"),
    Mutation("σ(0) = c for c/2", "reduction", "reflection * a / 2", "reflection * a"),
    Mutation("σ(−z) = c + σ(z)", "reduction", "ZERO) + sign * a", "ZERO) + a"),
    Mutation(
        "no constant for a flip",
        "reduction",
        "constant += reflection * a if sign else",
        "constant += ZERO if sign else",
    ),
    Mutation("stratum: signs of w forgotten", "strata", "w[i] = s * vector", "w[i] = vector"),
    Mutation("stratum: constants need not cancel", "strata", "if self.target.balanced and square:", "if False:"),
    Mutation("chambers without Π C(k, n₋)", "levels", "sets * patterns,", "sets,"),
    Mutation("labelled sets without the k!", "levels", "math.prod(map(math.factorial, copies))", "1"),
    Mutation(
        "pair: c σ″ s² for (c/2) σ″ s² in φ",
        "limits",
        "half, sixth = self.arithmetic.number(Fraction(1, 2))",
        "half, sixth = self.arithmetic.number(Fraction(1, 1))",
    ),
]


def failing_test(mutation: Mutation, tests: tuple[str, ...] = SUITE) -> str | None:
    """The first lemma test that fails on the mutated package, ``None`` if the mutation survives.

    Raises:
        ValueError: the formula is no longer there, or the tests could not be run.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "symmetry", copy / "symmetry", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("certify", "sweep", "tests", "pyproject.toml"):
            (copy / name).symlink_to(ROOT / name)
        source = copy / "symmetry" / f"{mutation.module}.py"
        text = source.read_text("utf-8")
        if text.count(mutation.old) != 1:
            raise ValueError(
                f"{mutation.name}: {mutation.old!r} occurs {text.count(mutation.old)} times, expected once"
            )
        source.write_text(text.replace(mutation.old, mutation.new), "utf-8")
        paths = [
            f"tests/symmetry/{test.split('::')[0]}.py" + "".join(f"::{t}" for t in test.split("::")[1:])
            for test in tests
        ]
        options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=unshrunk"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *paths],
            cwd=copy,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) tests/symmetry/(\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 1 or found is None:
        raise ValueError(f"{mutation.name}: the tests could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1].replace(".py::", "::").split("[")[0]


def main(names: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not names or any(name in m.name for name in names)]
    print("| wrong lemma | in | caught by |\n|---|---|---|")
    survived = 0
    for mutation in chosen:
        caught = failing_test(mutation)
        survived += caught is None
        print(f"| {mutation.name} | `{mutation.module}` | {f'`{caught}`' if caught else '**survives**'} |", flush=True)
    print(f"\n{len(chosen) - survived} of {len(chosen)} caught")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
