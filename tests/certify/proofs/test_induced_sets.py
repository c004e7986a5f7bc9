"""What certified narrow points induce: inertias over their boxes, refuted sums, and ``certify symmetry embed``."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from library import NARROW_MINIMUM, TEACHER, Oracle, ball_ends, small

from certify.cli import main
from certify.pipeline.classification import classify_points
from certify.proofs.induced import induction_source, refuted
from certify.proofs.limit import limit_object
from certify.proofs.proof import Failure, from_text
from certify.proofs.verdict import CriticalObject, Kind
from sweep.points import read_points, write_points
from symmetry.embeddings import Moment
from symmetry.infinity.charts import Group, chart_of
from symmetry.levels import Source, by_index, induced
from symmetry.network import Points
from symmetry.problem import load_problem
from symmetry.splitting import SecondOrder

THESIS = load_problem("thesis")
NARROW = Path(__file__).parents[3] / "data" / "narrow"


def points_of(*thetas: np.ndarray) -> Points:
    theta = np.array(thetas)
    m = theta.shape[1] // 3
    return Points(
        theta[:, : 2 * m].reshape(-1, m, 2), theta[:, 2 * m :], ("made",) * len(theta), np.zeros(len(theta), int)
    )


@pytest.fixture(scope="module")
def narrow() -> CriticalObject:
    """The only known minimum of ``small`` at width 1."""
    (verdict,) = classify_points(small(), points_of(NARROW_MINIMUM)).verdicts
    assert verdict.kind is Kind.LOCAL_MINIMUM
    assert verdict.object is not None
    return verdict.object


def test_inertias_agree_with_an_oracle(narrow: CriticalObject) -> None:
    # B = ∂²L/∂w∂w of a second copy with output 0, up to β: the curvature of L in w_2 at (w, w, a(1 − β), a β) is
    # β B + (2/N) a² β² Σ σ'² x xᵀ; at β and −β it differs by 2βB
    source = induction_source(small(), narrow)
    assert isinstance(source, Source)
    assert source.hessian == (3, 0, 0)
    assert narrow.network is not None
    w, a = narrow.network.w[0], narrow.network.a[0]
    oracle, beta = Oracle(small(), 200), Fraction(1, 2)

    def curvature(direction: tuple[int, int]) -> Fraction:
        total = Fraction(0)
        for sign in (1, -1):
            theta = [*w, *w, a * (1 - sign * beta), sign * beta * a]
            series = oracle.along(theta, [0, 0, *direction, 0, 0], 2)
            low, high = ball_ends(series[2])
            total += sign * (low + high)  # twice the coefficient: the second derivative
        return total / (2 * beta)

    xx, yy, both = curvature((1, 0)), curvature((0, 1)), curvature((1, 1))
    b = np.array([[xx, (both - xx - yy) / 2], [(both - xx - yy) / 2, yy]], dtype=float)
    values = np.linalg.eigvalsh(b)
    assert source.curvatures == ((int((values > 0).sum()), int((values < 0).sum()), 0),)


COPIES = chart_of(2, 2, [Group("copies", (0, 1))])


def test_induced_points_have_the_stated_index(narrow: CriticalObject) -> None:
    # the certificate of a plateau, from the other end
    source = induction_source(small(), narrow)
    assert isinstance(source, Source)
    assert narrow.network is not None
    for chambers in induced(source, 2):
        signs = (1, -1 if chambers.negative[0] else 1)
        wide = limit_object(small(), COPIES, [signs], narrow.network.theta(), arithmetic="auto", max_bits=106)
        assert isinstance(wide, CriticalObject)
        assert (wide.morse_index, wide.nullity) == (chambers.index, chambers.inertia.zero)
        assert (wide.kind is Kind.LOCAL_MINIMUM) == (chambers.second_order is SecondOrder.MINIMA)
        assert wide.manifold_dimension == chambers.dimension
        assert wide.level == source.level(2)


def test_no_induction_without_an_isolated_point(narrow: CriticalObject) -> None:
    assert narrow.network is not None
    wide = limit_object(small(), COPIES, [(1, 1)], narrow.network.theta(), arithmetic="auto", max_bits=106)
    assert isinstance(wide, CriticalObject)
    with pytest.raises(ValueError, match="no isolated critical point"):
        induction_source(small(), wide)


def test_a_point_without_loss_induces_nothing_that_is_proved() -> None:
    # r = 0 makes B = 0
    (verdict,) = classify_points(small(), points_of(TEACHER)).verdicts
    assert verdict.object is not None
    failed = induction_source(small(), verdict.object)
    assert isinstance(failed, Failure)
    assert failed.code == "singular-split"


def test_too_few_bits_are_a_failure(narrow: CriticalObject) -> None:
    assert isinstance(induction_source(small(), narrow, max_bits=0), Source)  # float64 is always tried
    assert narrow.network is not None
    # a residual sum that vanishes is never refuted: at a critical point that of σ(w·x) itself does
    own = Moment("output", tuple(narrow.network.w[0]))
    assert not refuted(small(), narrow, own, max_bits=106)
    assert refuted(small(), narrow, Moment("sum"))
    assert refuted(small(), narrow, Moment("output", (Fraction(1), Fraction(1))))
    assert refuted(small(), narrow, Moment("weight", (Fraction(1), Fraction(1))))


def test_a_box_that_allows_no_output_is_no_source(narrow: CriticalObject) -> None:
    box = narrow.box
    assert box is not None
    wide = replace(box, existence_radius=np.full(3, 1e3))
    failed = induction_source(small(), replace(narrow, proofs=(wide, *narrow.proofs[1:])))
    assert isinstance(failed, Failure)
    assert failed.code == "output-may-vanish"
    curved = replace(box, existence_radius=np.array([1e3, 1e3, 1e-9]))
    failed = induction_source(small(), replace(narrow, proofs=(curved, *narrow.proofs[1:])))
    assert isinstance(failed, Failure)
    assert failed.code == "singular-split"


# -------------------------------------------------------------------------------------------------------- command line


def embed(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["symmetry", "embed", *arguments])


def test_the_table_of_width_5() -> None:
    done = embed(
        str(NARROW / "width1.npz"), str(NARROW / "width2.npz"), "--problem", "thesis", "--width", "5", "--json"
    )
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    rows = answer["sources"]
    assert answer["undecided"] == 0
    assert {row["width"]: row["level"] for row in rows} == {1: 3, 2: 2}
    assert {row["width"]: (row["sets"], row["dimension"]) for row in rows} == {1: (1, 4), 2: (30, 3)}
    assert len(rows) == sum(len(read_points(NARROW / f"width{r}.npz", dimension=2)) for r in (1, 2))
    for row in rows:
        # every B is indefinite: no split is a minimum, and the index is that of the narrow point plus one a copy
        assert all(curvature == [1, 1, 0] for curvature in row["curvatures"])
        assert row["chambers_by_kind"] == {"saddle": sum(row["chambers_by_index"].values())}
        assert list(row["chambers_by_index"]) == [str(row["inertia"][1] + row["dimension"])]
        assert [link["width"] for link in row["chain"]] == list(range(row["width"] + 1, 6))


def test_first_level_has_minima_among_its_splits() -> None:
    # a few of the points of width 3
    points = read_points(NARROW / "width3.npz", dimension=2)
    proved = [v.object for v in classify_points(THESIS, points.take(range(3))).verdicts]
    for found in proved:
        assert found is not None
        source = induction_source(THESIS, found)
        assert isinstance(source, Source)
        assert source.level(4) == 1
        assert sum(by_index(induced(source, 5)).values()) == 1230


def test_one_point_embedded() -> None:
    one = [str(NARROW / "width2.npz"), "--problem", "thesis", "--index", "0", "--json"]
    split = json.loads(embed(*one, "--step", "split 0 1/3 2/3", "--step", "permute 2 1 0").output)
    assert (split["output"], split["critical"], split["conditions"]) == (True, True, [])
    assert len(split["a"]) == 3
    null = json.loads(embed(*one, "--step", "null 1/2 1").output)
    assert (null["output"], null["critical"]) == (True, False)
    assert null["refuted"] == null["conditions"] == ["Σ r σ(w·x) = 0 at w = (1/2, 1)"]
    flip = json.loads(embed(*one, "--step", "flip 0").output)
    assert (flip["output"], flip["critical"], flip["conditions"]) == (False, None, None)
    assert flip["shift"] != "0"
    mirror = json.loads(embed(*one, "--step", "mirror 1 1/4").output)
    assert mirror["shift"] == "1/4"


def test_one_point_in_words() -> None:
    one = [str(NARROW / "width2.npz"), "--problem", "thesis", "--index", "0"]
    assert "criticality: preserved\n" in embed(*one, "--step", "split 1 2 -1").output
    assert "proved not to hold: not critical" in embed(*one, "--step", "null 1/2 1").output
    assert "with the output bias 0.25" in embed(*one, "--step", "mirror 1 1/4").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--problem", "thesis"], "expected either --width, or --index"),
        (["--problem", "thesis", "--width", "5", "--index", "0"], "expected either --width, or --index"),
        (["--problem", "thesis", "--index", "0"], "at least one --step"),
        (["--problem", "thesis", "--index", "99", "--step", "flip 0"], "expected more than 99"),
        (["--problem", "thesis", "--index", "0", "--step", "split 0 1/3"], "sum 1"),
        (["--problem", "thesis", "--index", "0", "--step", "split 0 x"], "no exact numbers"),
        (["--problem", "thesis", "--index", "0", "--step", "split 0 1/0"], "no exact numbers"),
        (["--problem", "thesis", "--index", "0", "--step", "twist 0"], "is none of: split"),
        (["--problem", "thesis", "--index", "0", "--step", "flip 7"], "neuron is 7, expected 0 to 1"),
        (["--problem", "nowhere.toml", "--width", "5"], "no such problem file"),
        (["--problem", "thesis", "--width", "2"], "fewer than 2 neurons"),
    ],
)
def test_refusals(arguments: list[str], message: str) -> None:
    done = embed(str(NARROW / "width2.npz"), *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_points_of_another_kind_are_refused(tmp_path: Path) -> None:
    teacher = THESIS.teacher
    assert teacher is not None
    w, a = teacher.w.astype(float), teacher.a.astype(float)
    split = np.concatenate([w.ravel(), w[0], [a[0] / 2], a[1:], [a[0] / 2]])
    write_points(tmp_path / "split.npz", points_of(split))
    done = embed(str(tmp_path / "split.npz"), "--problem", "thesis", "--index", "0", "--step", "flip 0")
    assert done.exit_code == 2
    assert "point 0 is global-minimum, expected an isolated critical point that is certified" in done.output


SOFT = """
activation = "softplus"
[teacher]
w = [[1, 0.5], [-0.5, 1]]
a = [1, 1]
[inputs.grid]
start = [-1, -1]
stop = [2, 1]
step = [0.5, 0.5]
"""


def test_turned_copies_of_a_softplus_neuron(tmp_path: Path) -> None:
    (tmp_path / "soft.toml").write_text(SOFT, "utf-8")
    np.savez(tmp_path / "one.npz", w=[[[0.5, 1.0]]], a=[[2.0]])
    one = [str(tmp_path / "one.npz"), "--problem", str(tmp_path / "soft.toml"), "--index", "0"]
    turned = json.loads(embed(*one, "--step", "turn 0", "--json").output)
    assert (turned["output"], turned["shift"], turned["conditions"]) == (False, "0", None)
    (w,), (a,) = turned["w"], turned["a"]
    # w is turned already, so the linear function is a·w
    assert [from_text(x) for x in turned["line"]] == [from_text(a) * from_text(x) for x in w]
    assert "the narrow network and the linear function (" in embed(*one, "--step", "turn 0").output
    copies = ("--step", "split 0 1 1 -1", "--step", "turn 1 2")
    found = json.loads(embed(*one, *copies, "--json").output)
    assert (found["output"], found["line"], found["conditions"]) == (True, [], ["Σ r x = 0"])
    assert (found["critical"], found["refuted"]) == (False, ["Σ r x = 0"])
    assert "preserved if and only if Σ r x = 0; proved not to hold" in embed(*one, *copies).output


def test_problems_with_weight_decay_are_refused(tmp_path: Path) -> None:
    (tmp_path / "soft.toml").write_text("weight_decay = 0.01\n" + SOFT.replace("softplus", "sigmoid"), "utf-8")
    done = embed(str(NARROW / "width2.npz"), "--problem", str(tmp_path / "soft.toml"), "--width", "3")
    assert done.exit_code == 2
    assert "only without weight decay" in done.output
