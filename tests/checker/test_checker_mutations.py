"""A part of the mutation attack, small enough for every run, and structural changes; ``mutate.py`` does the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from typing import Any

import path_cases
import pytest
from cases import NAMES, belongs, case, check, checked, problem, signed
from mutate import HINTS, REGIMES, attack, subjects

from certify.checker.certificates import _KINDS
from certify.checker.reading import Rejected, Unreadable
from certify.proofs.proof import dyadic, from_text
from symmetry.network import Network, exact
from symmetry.paths.closing import way_in

BOXED = [name for name in NAMES if "krawczyk" in case(name).certificate["witness"]]


def test_at_most_two_in_a_hundred_changes_of_a_stored_file_survive() -> None:
    report = attack(900, 1, REGIMES[0])
    assert sum(report.changes.values()) == 900
    assert report.share <= 0.02
    assert set(report.survivors) <= {"provenance.bits"}  # the only number that the hash does not cover
    assert not report.faults


def test_no_signed_change_makes_a_false_statement() -> None:
    report = attack(250, 2, REGIMES[1])
    assert not report.faults
    # docs/attacks.md states the shares of a full run; here the sample is small
    assert report.share <= 0.45
    assert report.share_of(set(report.changes) - set(HINTS)) <= 0.25
    # what the theorems leave free, and bounds that are only weaker, may survive; these never do
    claims = {"kind", "width", "morse_index", "nullity", "manifold_dimension", "level"}
    assert not {f"claim.{name}" for name in claims} & set(report.survivors)
    assert not NEVER.intersection(name.rsplit(".", 1)[0] for name in report.survivors)


NEVER = {"witness.zero_loss", "witness.splits", "witness.chart", "witness.local_family", "witness.split", "candidate"}
"""Steps, and parts of lines, in which no change of one number can survive."""


def test_changes_of_every_field_are_noticed_or_true() -> None:
    report = attack(300, 3, REGIMES[2])
    assert not report.faults
    assert report.share <= 0.25
    assert not NEVER.intersection(name.rsplit(".", 1)[0] for name in report.survivors)
    assert not {"witness.inertia.signs", "path.order", "path.bent", "permutation"} & set(report.survivors)


def test_another_closing_survives_where_it_means_the_same_curve() -> None:
    given = deepcopy(path_cases.traced("path along an arc").line)
    given["path"] |= {"closing": 2, "octaves": 1}
    path_cases.check_line("path along an arc", given)
    assert path_cases.rises("path along an arc", given) == ""
    w, a = ([[from_text(v) for v in row] for row in rows] for rows in (given["point"]["w"], [given["point"]["a"]]))
    zero = Network.of(w, a[0])
    # the neurons of the zero differ, also up to sign: all of the way is of second order, the straight line as before
    first, second = way_in(zero, Network.from_theta(exact(list(map(from_text, given["path"]["vertices"][-1]))), 2))
    assert not first.any()
    assert second.any()
    apart = deepcopy(path_cases.traced("path along a bend").line)
    for closing in (0, 1, 3, 4):
        apart["path"]["closing"] = closing
        with pytest.raises((Rejected, Unreadable)):
            path_cases.check_line("path along a bend", apart)


def test_what_is_changed_is_of_every_kind() -> None:
    trees = [subject.tree for subject in subjects().values()]
    claims = {(tree["claim"]["kind"], "objective" in tree["claim"]) for tree in trees if "claim" in tree}
    assert {(kind, False) for kind in _KINDS} <= claims
    assert {"saddle", "global-minimum", "not-critical"} == {kind for kind, population in claims if population}
    steps = {step for tree in trees for step in tree.get("witness", {})}
    assert {"splits", "tie", "channel", "local_family", "lemma_1", "empty_ball", "newton_ball"} <= steps
    charts = [tree["witness"]["chart"]["groups"] for tree in trees if "chart" in tree.get("witness", {})]
    kinds = {group[0] for groups in charts for group in groups}
    assert {
        "copies",
        "pair",
        "split-",
        "mirrored",
        "cubic",
        "quintic",
        "zero",
        "linear",
        "exponential+",
        "saturated",
    } <= kinds
    assert any({"pair", "saturated"} == {group[0] for group in groups} for groups in charts)
    assert any(tree["witness"]["chart"].get("bias") for tree in trees if "chart" in tree.get("witness", {}))
    problems = [checked(belongs(name)) for name in NAMES]
    assert any(known.outputs > 1 and known.bias and known.decay for known in problems)
    assert any(known.factor < 1 and known.bias and not known.decay for known in problems)
    flipped = {group[0] for groups in charts for group in groups if len(group) == 3}
    assert {"copies", "split-", "triple+", "zero"} <= flipped
    paths = [tree["path"] for tree in trees if tree.get("path")]
    assert {path["closing"] for path in paths} == {0, 1, 2, 3, 4}
    assert any(path.get("octaves") for path in paths)
    assert {1, 2} <= {len(path["places"][0]) - len(path["radii"][0]) for path in paths if path.get("radii")}
    regional = [name for name in path_cases.NAMES if path_cases.traced(name).line["path"].get("radii")]
    within = {case(path_cases.traced(name).object).certificate["claim"]["chart"] for name in regional}
    assert {"pair", "pair+pair", "mirrored+zero", "mirrored+mirrored"} <= within
    assert {"split-3", "zero2-1", "mirrored+zero2", "mirrored+mirrored+zero"} <= within
    channels = [name for name in path_cases.NAMES if path_cases.traced(name).line["path"]["closing"] == 3]
    within = {case(path_cases.traced(name).object).certificate["claim"]["chart"] for name in channels}
    assert {"triple-", "triple+-1+zero", "mirrored+triple--1", "mirrored+mirrored+zero"} <= within
    assert {"saturated[1:1]", "pair+saturated[1:1]", "quintic"} <= within
    assert any(path.get("bent") for path in paths)
    assert any(path["closing"] == 2 and path["places"] for path in paths)
    rows = [tree["row"] for tree in trees if "row" in tree]
    assert {"contained", "polished", "path", None} == {row["relation"] for row in rows}
    outputs = [tree["candidate"]["a"] for tree in trees if "candidate" in tree]
    assert {True, False} == {isinstance(a[0], list) for a in outputs}


@pytest.mark.parametrize("name", NAMES)
def test_every_claimed_word_and_flag_is_checked(name: str) -> None:
    given = case(name).certificate
    for key, value in given["claim"].items():
        if key in ("statement", "loss", "lambda_min", "empty_radius"):
            continue
        for other in (None, True, False, 0, 1, 2, 7, "", "saddle", "pair"):
            if type(other) is type(value) and other == value:
                continue
            made = deepcopy(given)
            made["claim"][key] = other
            with pytest.raises((Rejected, Unreadable)):
                check(signed(made), case(name).problem)


def test_the_words_cannot_say_more_than_the_fields() -> None:
    made = deepcopy(case("saddle").certificate)
    made["claim"]["statement"] = made["claim"]["statement"].replace("saddle of Morse index 1", "local minimum")
    from certify.checker.certificates import content_hash

    made["hash"] = content_hash(made["claim"], made["problem"], made["witness"])
    with pytest.raises(Rejected, match=r"claim\.statement"):
        check(made, "a")


# --------------------------------------------------------------------------------------------- structural changes


def swap_neurons(certificate: dict[str, Any]) -> None:
    center = certificate["witness"]["krawczyk"]["center"]
    center[0:2], center[2:4] = center[2:4], center[0:2]


def scale_box(key: str, factor: Fraction) -> Callable[[dict[str, Any]], None]:
    def change(certificate: dict[str, Any]) -> None:
        step = certificate["witness"]["krawczyk"]
        step[key] = [dyadic(from_text(v) * factor) for v in step[key]]

    return change


def transpose(step: str, key: str) -> Callable[[dict[str, Any]], None]:
    def change(certificate: dict[str, Any]) -> None:
        matrix = certificate["witness"][step][key]
        # V may be any matrix; columns scaled to 0 are not
        certificate["witness"][step][key] = [["0", *row[1:]] for row in matrix]

    return change


def empty_matrix(certificate: dict[str, Any]) -> None:
    certificate["witness"]["krawczyk"]["preconditioner"] = []


def negative_radius(certificate: dict[str, Any]) -> None:
    step = certificate["witness"]["krawczyk"]
    step["existence_radius"][0] = dyadic(-from_text(step["existence_radius"][0]))


def short_center(certificate: dict[str, Any]) -> None:
    certificate["witness"]["krawczyk"]["center"].pop()


def other_problem(certificate: dict[str, Any]) -> None:
    names = ["a", "b", "c"]
    certificate["problem"] = next(problem(n).hash for n in names if problem(n).hash != certificate["problem"])


STRUCTURAL: dict[str, Callable[[dict[str, Any]], None]] = {
    "inflated uniqueness box": scale_box("uniqueness_radius", Fraction(3)),
    "shrunken existence box": scale_box("existence_radius", Fraction(1, 2**60)),
    "uniqueness inside existence": scale_box("uniqueness_radius", Fraction(1, 2**60)),
    "singular V": transpose("inertia", "congruence"),
    "singular Y": transpose("krawczyk", "preconditioner"),
    "no Y": empty_matrix,
    "negative radius": negative_radius,
    "short centre": short_center,
    "another problem": other_problem,
    "no krawczyk": lambda c: c["witness"].pop("krawczyk"),
    "no inertia": lambda c: c["witness"].pop("inertia"),
    "a step nobody asked for": lambda c: c["witness"].update(oracle={"trust": "1*2^0"}),
    "no claimed loss": lambda c: c["claim"].pop("loss"),
    "a claim nobody knows": lambda c: c["claim"].update(kind="degenerate-minimum"),
    "another format": lambda c: c.update(format=2),
}


@pytest.mark.parametrize("change", sorted(STRUCTURAL))
@pytest.mark.parametrize("name", BOXED)
def test_structural_changes_are_rejected(name: str, change: str) -> None:
    made = deepcopy(case(name).certificate)
    STRUCTURAL[change](made)
    if (name, change) == ("zero", "shrunken existence box"):
        check(signed(made), "a")  # its centre is the teacher, exactly critical: it lies in every box about it
        return
    with pytest.raises(Rejected):
        check(signed(made), case(name).problem)


@pytest.mark.parametrize("name", ["minimum-2", "saddle", "saddle-2"])
def test_a_swapped_neuron_is_rejected(name: str) -> None:
    made = deepcopy(case(name).certificate)
    swap_neurons(made)
    with pytest.raises(Rejected, match="fails in coordinate"):
        check(signed(made), case(name).problem)


@pytest.mark.parametrize("name", NAMES)
def test_no_step_can_be_missing(name: str) -> None:
    for step in case(name).certificate["witness"]:
        made = deepcopy(case(name).certificate)
        del made["witness"][step]
        if step == "lemma_1":  # a second proof: without it the claim stands
            check(signed(made), case(name).problem)
            continue
        with pytest.raises(Rejected):
            check(signed(made), case(name).problem)


@pytest.mark.parametrize("name", NAMES)
def test_certificates_of_other_kinds_do_not_fit(name: str) -> None:
    given = case(name)
    for kind in (
        "local-minimum",
        "saddle",
        "global-minimum",
        "minimum-at-infinity",
        "saddle-at-infinity",
        "not-critical",
    ):
        if kind == given.certificate["claim"]["kind"]:
            continue
        made = json.loads(json.dumps(given.certificate))
        made["claim"]["kind"] = kind
        with pytest.raises(Rejected):
            check(signed(made), given.problem)


def test_provenance_is_not_part_of_the_proof() -> None:
    made = deepcopy(case("saddle").certificate)
    made["provenance"]["method"] = "magic"
    assert check(made, "a").provenance["method"] == "magic"


def test_zero_loss_is_not_taken_from_a_small_loss() -> None:
    # a network that differs from the teacher by 2^-200 in one weight: its loss is below 1e-100, and it is no zero
    made = deepcopy(case("zero").certificate)
    row = made["witness"]["zero_loss"]["w"][0]
    row[0] = dyadic(from_text(row[0]) + Fraction(1, 2**200))
    with pytest.raises(Rejected, match="does not equal the teacher"):
        check(signed(made), "a")


def test_labels_must_fit_the_neurons() -> None:
    for text in ("C2+ C1+ C2+", "C1+ C1- C2+", "C1+ D1+ C2+", "C1+ Z C2+", "C1+ C1+ C1+", "C1+ C1+ C3+"):
        made = deepcopy(case("family").certificate)
        made["witness"]["zero_loss"]["labels"] = text.split()
        with pytest.raises(Rejected):
            check(signed(made), "a")
