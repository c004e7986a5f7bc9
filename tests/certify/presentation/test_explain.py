"""Explanations: true sentences, proved and computed never under one heading, every code in words."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_objects import ball, in_chart, isolated, made_points, stratum, verdict, write

import certify
from certify.presentation.explain import Explanation, _limit_network, explain
from certify.presentation.reasons import REASONS, code_of
from certify.proofs.lemmas import BallMinimum
from certify.proofs.verdict import Kind, Relation, Verdict
from certify.results.store import ResultsError
from symmetry.infinity.charts import Chart, Group

W, A = [[1, 2], [3, Fraction(1, 3)]], [1, -1]
RADII = [2.0**-k for k in (3, 4, 5, 6, 7, 8)]
MINIMUM = isolated(W, A, existence=2.0**-40, uniqueness=RADII, loss=(Fraction(1, 512), Fraction(1, 256)))


def sections(explanation: Explanation) -> dict[str, str]:
    return {heading: " ".join(sentences) for heading, sentences in explanation.sections}


def explained(directory: Path, given: Verdict) -> tuple[Explanation, dict[str, str]]:
    explanation = explain(write(directory, [given]), 0)
    return explanation, sections(explanation)


def test_a_contained_minimum(tmp_path: Path) -> None:
    explanation, parts = explained(tmp_path, verdict(0, MINIMUM))
    assert explanation.title == "Candidate 0 (made.npz:0, seed 0): 2 neurons, problem tiny"
    assert explanation.verdict == "strict local minimum, not global."
    assert list(parts) == [
        f"Proved, of the object {MINIMUM.id}:",
        "Proved, of the saved point:",
        "How it was proved:",
        "Not claimed:",
    ]
    proved = parts[f"Proved, of the object {MINIMUM.id}:"]
    # 2^-40 = 9.0949470177e-13 is rounded up, 2^-8 = 0.00390625 and 2^-3 are rounded down
    assert "within 9.095e-13 of the centre in every coordinate (existence box)" in proved
    assert "no other critical point is within 0.003906 (uniqueness box; its radii go up to 0.1250)" in proved
    assert "6 positive, 0 negative and no zero eigenvalues" in proved
    assert "The loss there: [0.00195312500000, 0.00390625000000]" in proved
    assert "The Hessian's smallest eigenvalue there: [0.333333333333, 0.500000000000]" in proved
    assert "It is not global" in proved
    assert "1·σ((1, 2)·x) - 1·σ((3, 0.333333)·x)" in proved
    # the distance 2^-20 is an upper bound: 9.5367431640625e-7
    assert "Euclidean distance from the centre is at most 9.537e-7" in parts["Proved, of the saved point:"]
    assert parts["How it was proved:"].startswith("krawczyk/float64, at 53 bits.")
    assert "the 9 inputs" in parts["Not claimed:"]


def test_a_path_is_proved(tmp_path: Path) -> None:
    _, parts = explained(tmp_path, verdict(0, MINIMUM, relation=Relation.PATH, moved=3.25))
    sentence = parts["Proved, of the saved point:"]
    assert "the loss falls strictly along a path" in sentence
    assert "3.25" in sentence
    assert not any(heading.startswith("Computed") for heading in parts)
    assert "followed this path" in parts["Not claimed:"]


def test_a_polished_candidate_is_not_called_proved(tmp_path: Path) -> None:
    _, parts = explained(tmp_path, verdict(0, MINIMUM, relation=Relation.POLISHED, moved=3.25))
    assert "Proved, of the saved point:" not in parts
    computed = parts["Computed, not proved, of the saved point:"]
    assert "a path of length 3.25" in computed
    assert "That the saved point lies in the certified region" in parts["Not claimed:"]


def test_a_minimum_that_may_be_global(tmp_path: Path) -> None:
    explanation, parts = explained(tmp_path, verdict(0, isolated(W, A, not_global=None)))
    assert explanation.verdict == "strict local minimum; whether it is global is not known."
    assert "It is not global" not in explanation.text()
    assert "That the minimum is global, or that it is not" in parts["Not claimed:"]


def test_a_saddle(tmp_path: Path) -> None:
    found = isolated(W, A, index=2)
    explanation, parts = explained(tmp_path, verdict(0, found))
    assert explanation.verdict == "strict saddle of Morse index 2."
    proved = parts[f"Proved, of the object {found.id}:"]
    assert "4 positive, 2 negative" in proved
    assert "[-0.375000000000, -0.250000000000]" in proved


def test_a_second_proof_is_named(tmp_path: Path) -> None:
    box, signs = MINIMUM.proofs
    third = Fraction(1, 3)
    lemma = BallMinimum(MINIMUM.network.theta(), third, third, third, third, third)
    explanation, _ = explained(tmp_path, verdict(0, isolated(W, A, proofs=(box, signs, lemma))))
    assert "within Euclidean distance 0.3334 of the centre" in " ".join(explanation.text().split())


@pytest.mark.parametrize("dimension", [0, 2])
def test_a_global_minimum(tmp_path: Path, dimension: int) -> None:
    found = stratum(W, A, name="C1+ C2-", dimension=dimension)
    explanation, parts = explained(tmp_path, verdict(0, found))
    assert explanation.verdict == "global minimum: the loss is exactly 0."
    proved = parts[f"Proved, of the object {found.id}:"]
    assert "stratum C1+ C2- of global minima" in proved
    assert ("affine family of dimension 2" in proved) == (dimension == 2)
    assert "is within 1e-10·(1 + ‖θ‖) of an exact global minimum" in parts["Proved, of the saved point:"]
    assert "in exact rational arithmetic" in parts["How it was proved:"]


def test_a_plateau(tmp_path: Path) -> None:
    found = in_chart([("copies", (0, 1))], 3, [1, 2, 3, 4], [(1, 1)])
    given = verdict(0, found, relation=Relation.POLISHED, moved=0.5, distance=None)
    explanation, parts = explained(tmp_path, given)
    assert explanation.verdict == "strict saddle of Morse index 1."
    proved = parts[f"Proved, of the object {found.id}:"]
    assert "Its neurons are grouped as copies2" in proved
    assert "stands for 2 copies, 1 with a positive and 1 with a negative share" in proved
    assert "adds 1 negative and 1 zero eigenvalues" in proved
    assert "a set of critical points of dimension 1" in proved
    assert "away from" not in parts["Computed, not proved, of the saved point:"]


def test_a_minimum_that_is_not_strict(tmp_path: Path) -> None:
    found = in_chart([("copies", (0, 1))], 3, [1, 2, 3, 4], [(2, 0)])
    given = verdict(0, found, relation=Relation.POLISHED, distance=None)
    assert explained(tmp_path, given)[0].verdict == "local minimum, not strict, not global."


def test_a_channel(tmp_path: Path) -> None:
    found = in_chart([("pair", (0, 1))], 3, [1, 2, 3, 4, 5])
    given = verdict(0, found, relation=Relation.POLISHED, moved=0.5, distance=None)
    explanation, parts = explained(tmp_path, given)
    assert explanation.verdict.startswith("local minimum at infinity (pair)")
    assert "The limit network's Hessian there has 5 positive" in parts[f"Proved, of the object {found.id}:"]
    assert "with κ positive: [0.2500, 0.5000]" in parts[f"Proved, of the object {found.id}:"]
    assert "That this run stays in the channel" in parts["Not claimed:"]


def test_how_a_saved_point_is_contained(tmp_path: Path) -> None:
    saved = made_points(1)
    box = isolated(saved.w[0] + 2.0**-11, saved.a[0]).proofs[0]
    found = stratum(saved.w[0], saved.a[0], name="C1+ C2-", dimension=0, proofs=(box,))
    _, parts = explained(tmp_path, verdict(0, found, distance=0.0))
    assert "itself lies in the uniqueness box" in parts["Proved, of the saved point:"]
    assert "distance from such a minimum is exactly 0" in parts["Proved, of the saved point:"]


def test_not_critical_does_not_claim_more_than_the_ball(tmp_path: Path) -> None:
    radius = 0.1  # as a dyadic slightly above 1/10: rounded down
    given = Verdict(0, "f.npz:0", None, 2, Kind.NOT_CRITICAL, moved=0.0625, empty=ball(radius), bits=53, method="ball")
    explanation, parts = explained(tmp_path, given)
    assert "does not count as decided" in explanation.verdict
    assert "within Euclidean distance 0.1000 of the saved point" in parts["Proved:"]
    assert "of length 0.0625" in parts["Computed, not proved:"]
    assert explanation.title.startswith("Candidate 0 (f.npz:0): ")


def test_not_critical_where_nothing_moved(tmp_path: Path) -> None:
    given = Verdict(0, "f.npz:0", None, 2, Kind.NOT_CRITICAL, empty=ball(0.1), bits=53, method="ball")
    _, parts = explained(tmp_path, given)
    assert "Computed, not proved:" not in parts


@pytest.mark.parametrize("code", REASONS)
def test_every_code_is_said_in_words(tmp_path: Path, code: str) -> None:
    reason = f"{code}; loss = 1e-05" if "no-convergence" in code else f"{code}: number = 3; loss = 1e-05"
    explanation, parts = explained(tmp_path, verdict(0, reason=reason))
    assert explanation.verdict == f"undecided ({code})."
    assert REASONS[code].meaning in parts["Why:"]
    assert reason in parts["Why:"]
    assert parts["What to try:"] == REASONS[code].remedy
    assert parts["Not claimed:"].startswith("Anything")


def test_a_new_code_is_still_explained(tmp_path: Path) -> None:
    explanation, parts = explained(tmp_path, verdict(0, reason="moon-phase: angle = 3; loss = 1"))
    assert explanation.verdict == "undecided (moon-phase)."
    assert "angle = 3" in parts["Why:"]


def test_the_vocabulary_covers_every_failure_of_the_provers() -> None:
    folder = Path(certify.__file__).parent
    rooms = [room.read_text("utf-8") for name in ("proofs", "pipeline") for room in (folder / name).glob("*.py")]
    codes = {code for text in rooms for code in re.findall(r'(?:Failure\(|"failure":)\s*"([a-z0-9-]+)"', text)}
    assert {"no-contraction", "singular-hessian"} <= codes
    # these end a side branch and never reach a verdict
    side = {"lemma-1", "not-isolated", "outside-box", "no-path", "rises"}
    side |= {"dependent", "indefinite-outputs", "not-sigmoid", "output-zero", "zero-neurons"}
    assert codes - side <= set(REASONS)


def test_the_vocabulary_covers_every_way_a_polish_ends() -> None:
    polish = Path(certify.__file__).parent.parent / "sweep" / "polishing" / "polish.py"
    found = re.search(r"StopReason = Literal\[(.*)\]", polish.read_text("utf-8"))
    assert found is not None
    ends = set(re.findall(r'"([a-z-]+)"', found[1])) - {"converged"}
    assert ends
    assert {f"no-convergence: {end}" for end in ends} <= set(REASONS)


def test_the_documentation_lists_the_same_codes() -> None:
    page = (Path(certify.__file__).parent.parent / "docs" / "verdicts.md").read_text("utf-8")
    assert {code for code in REASONS if f"`{code}`" not in page} == set()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("inertia: discs_with_zero = 2, smallest_eigenvalue = 1e-09; loss = 3", "inertia"),
        ("singular-hessian; loss = 3", "singular-hessian"),
        ("unbounded", "unbounded"),
        ("no-convergence: step-limit; loss = 1", "no-convergence: step-limit"),
    ],
)
def test_code_of(reason: str, code: str) -> None:
    assert code_of(reason) == code


def test_text_is_for_a_terminal(tmp_path: Path) -> None:
    explanation, _ = explained(tmp_path, verdict(0, MINIMUM))
    text = explanation.text()
    assert max(map(len, text.splitlines())) <= 110
    assert "\n\nVerdict: strict local minimum, not global.\n\n" in text
    for _, sentences in explanation.sections:
        for sentence in sentences:
            assert " ".join(sentence.split()) in " ".join(text.split())


def test_no_such_candidate(tmp_path: Path) -> None:
    results = write(tmp_path, [verdict(0, MINIMUM)])
    for index in (-1, 1):
        with pytest.raises(ResultsError, match=f"has candidates 0 to 0, there is no candidate {index}"):
            explain(results, index)


def test_the_limit_network_in_formulas() -> None:
    found = Chart(7, 2, (Group("mirrored", (0, 1)), Group("triple-", (2, 3, 4)), Group("zero", (5,))))
    numbers = np.array([Fraction(k, 8) for k in range(1, 1 + found.units[-1].place.stop)], dtype=object)
    assert _limit_network(found, numbers) == (
        "0.375·σ((0.125, 0.25)·x) + 1·σ((0.5, 0.625)·x) + ((0.75, 0.875)·x)·σ'((0.5, 0.625)·x)"
        " + 1.875·σ((1.125, 1.25)·x) + ((1.375, 1.5)·x)·σ'((1.125, 1.25)·x)"
        " - ½ ((1.625, 1.75)·x)²·σ''((1.125, 1.25)·x) + 2 + (2.125, 2.25)·x"
    )
