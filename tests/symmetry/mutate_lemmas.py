"""Wrong lemmas: each of these changes of a formula must make a lemma test fail.

    python tests/symmetry/mutate_lemmas.py [NAME ...]

For each mutation the package ``symmetry`` is copied, one formula in it changed, and the test that is expected to notice
run on the copy. Prints a Markdown table; exits with 1 if a mutation survives. A part of it runs with the tests
(``test_lemma_mutations.py``).
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from patched import Patch, run_tests


class Mutation(NamedTuple):
    """One formula, made wrong: ``old`` occurs once in ``symmetry/module.py``; ``test`` is expected to notice."""

    name: str
    module: str
    old: str
    new: str
    test: str


MUTATIONS = [
    Mutation(
        "n₊ In(B) for (n₊ − 1) In(B)",
        "splitting",
        "times(self.positive - 1)",
        "times(self.positive)",
        "test_lemmas::test_inertia_of_a_split_point",
    ),
    Mutation(
        "n₋ In(B) for n₋ In(−B)",
        "splitting",
        "self.curvature.opposite.times(",
        "self.curvature.times(",
        "test_lemmas::test_inertia_of_a_split_point",
    ),
    Mutation(
        "k zeros for k − 1",
        "splitting",
        "self.copies - 1 + self",
        "self.copies + self",
        "test_lemmas::test_inertia_of_a_split_point",
    ),
    Mutation(
        "no d n₀",
        "splitting",
        " + self.curvature.size * self.zero",
        "",
        "test_lemmas::test_inertia_of_a_split_point",
    ),
    Mutation(
        "mirrored: k − 1 zeros for k − 2",
        "splitting",
        "0, 0, -int(mirrored)",
        "0, 0, 0",
        "test_lemmas::test_inertia_of_a_mirrored_split_point",
    ),
    Mutation(
        "minima though the kernel is larger",
        "splitting",
        "found.zero == split_dimension",
        "found.zero >= split_dimension",
        "test_splitting::test_what_second_order_says",
    ),
    Mutation(
        "split: β² a for β a",
        "embeddings",
        "(w, share * a) for share",
        "(w, share * share * a) for share",
        "test_lemmas::test_splitting_preserves_criticality",
    ),
    Mutation(
        "mirrored: a − b kept",
        "embeddings",
        "share * (a + self.output)",
        "share * (a - self.output)",
        "test_lemmas::test_each_embedding_declares_its_constant",
    ),
    Mutation(
        "mirrored: copies not flipped",
        "embeddings",
        "(-w, share * self.output)",
        "(w, share * self.output)",
        "test_lemmas::test_inertia_of_a_mirrored_split_point",
    ),
    Mutation(
        "flip: output keeps its sign",
        "embeddings",
        "-w[i], -a[i]",
        "-w[i], a[i]",
        "test_lemmas::test_group_elements_leave_the_output_alone",
    ),
    Mutation(
        "flips always preserve criticality",
        "embeddings",
        "    balanced = not reflection or any(",
        "    balanced = True or any(",
        "test_lemmas::test_flips_that_preserve_the_output_do_not_preserve_criticality",
    ),
    Mutation(
        "null neurons preserve criticality",
        "embeddings",
        'found[Moment("output", tuple(w))] = None',
        "pass",
        "test_lemmas::test_null_neurons_do_not_preserve_criticality",
    ),
    Mutation(
        "null pairs need no Σ r σ′ x = 0",
        "embeddings",
        'found[Moment("weight", u)] = None',
        "pass",
        "test_embeddings::test_what_is_preserved",
    ),
    Mutation(
        "Σ r = 0 taken for granted",
        "embeddings",
        "if not (free and moment.kind",
        "if not (moment.kind",
        "test_lemmas::test_flips_that_preserve_the_output_do_not_preserve_criticality",
    ),
    Mutation(
        "σ(0) = c for c/2",
        "reduction",
        "reflection * a / 2",
        "reflection * a",
        "test_lemmas::test_a_reduction_says_where_each_neuron_went",
    ),
    Mutation(
        "σ(−z) = c + σ(z)",
        "reduction",
        "ZERO) + sign * a",
        "ZERO) + a",
        "test_lemmas::test_group_elements_leave_the_output_alone",
    ),
    Mutation(
        "no constant for a flip",
        "reduction",
        "constant += reflection * a if sign else",
        "constant += ZERO if sign else",
        "test_lemmas::test_each_embedding_declares_its_constant",
    ),
    Mutation(
        "stratum: signs of w forgotten",
        "strata",
        "w[i] = s * vector",
        "w[i] = vector",
        "test_lemmas::test_the_loss_is_0_on_every_point_of_a_stratum",
    ),
    Mutation(
        "stratum: constants need not cancel",
        "strata",
        "if self.target.balanced and square:",
        "if False:",
        "test_lemmas::test_the_loss_is_0_on_every_point_of_a_stratum",
    ),
    Mutation(
        "chambers without Π C(k, n₋)",
        "levels",
        "sets * patterns,",
        "sets,",
        "test_splitting::test_sets_and_chambers_are_those_of_labelled_neurons",
    ),
    Mutation(
        "labelled sets without the k!",
        "levels",
        "math.prod(map(math.factorial, copies))",
        "1",
        "test_splitting::test_sets_and_chambers_are_those_of_labelled_neurons",
    ),
    Mutation(
        "pair: c σ″ s² for (c/2) σ″ s² in φ",
        "infinity/limits",
        "half, sixth = self.arithmetic.number(Fraction(1, 2))",
        "half, sixth = self.arithmetic.number(Fraction(1, 1))",
        "infinity/test_limits::test_corrections_in_every_arithmetic",
    ),
]


def is_noticed(mutation: Mutation) -> bool:
    """Whether the test that is expected to notice a mutation fails on it.

    Raises:
        ValueError: the formula is no longer there, or the test could not be run.
    """
    test = mutation.test.replace("::", ".py::")
    patch = Patch(f"{mutation.module}.py", mutation.old, mutation.new)
    done = run_tests(patch, [test], "--hypothesis-profile=unshrunk")
    if done.returncode not in (0, 1) or (done.returncode == 1 and f"FAILED tests/symmetry/{test}" not in done.stdout):
        raise ValueError(f"{mutation.name}: the test could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


def main(names: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not names or any(name in m.name for name in names)]
    print("| wrong lemma | in | noticed by |\n|---|---|---|")
    noticed = 0
    for mutation in chosen:
        found = is_noticed(mutation)
        noticed += found
        by = f"`{mutation.test}`" if found else "**nothing**"
        print(f"| {mutation.name} | `{mutation.module}` | {by} |", flush=True)
    print(f"\n{noticed} of {len(chosen)} noticed")
    return 0 if noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
