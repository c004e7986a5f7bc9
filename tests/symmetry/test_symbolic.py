"""The identities of docs/symmetry.md and docs/infinity.md by sympy: for every x and all weights, small r, m and d.

``σ`` enters as unknowns: its value and derivatives at ``w_j·x`` are symbols, tied by ``σ(−z) = c − σ(z)`` only, so what
is proved holds for every activation with that identity. Sums over inputs are linear: one input is enough.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import sympy
from sympy import Matrix, Rational, diag, eye, zeros

from symmetry.strata import NULL, Label, Stratum, Target

C, G = sympy.symbols("c g")

# ------------------------------------------------------------------------------------------ equal output on a stratum


def outputs_of(stratum: Stratum) -> list[Any]:
    """The general solution of the constraints on the outputs, with free symbols."""
    matrix, sides = stratum.constraints()
    a = sympy.symbols(f"a0:{stratum.width}")
    rows = [
        sum(Rational(q) * x for q, x in zip(row, a, strict=True)) - Rational(b)
        for row, b in zip(matrix, sides, strict=True)
    ]
    (solution,) = sympy.linsolve(rows, a)
    return list(solution)


def labellings(r: int, width: int, signs: tuple[int, ...]) -> list[tuple[Label, ...]]:
    labels = [Label("C", t, s) for t in range(1, r + 1) for s in signs]
    labels += [Label("D", 1, s) for s in signs] + [Label("D", 2, 1), NULL]
    found = product(labels, repeat=width)
    return [row for row in found if {x.number for x in row if x.kind == "C"} == set(range(1, r + 1))]


@pytest.mark.parametrize("reflection", [Fraction(1), Fraction(0), None])
@pytest.mark.parametrize(("outputs", "width"), [((1,), 1), ((2,), 3), ((1, -1), 3)])
def test_students_on_a_stratum_equal_the_teacher(
    reflection: Fraction | None, outputs: tuple[int, ...], width: int
) -> None:
    w = tuple((Fraction(t), Fraction(1)) for t in range(len(outputs)))
    target = Target(w, tuple(map(Fraction, outputs)), reflection)
    at_zero = sympy.Symbol("s0") if reflection is None else Rational(reflection) / 2
    tried = 0
    for labels in labellings(len(outputs), width, (1,) if reflection is None else (1, -1)):
        stratum = Stratum(target, labels)
        if stratum.is_empty:
            continue
        tried += 1
        total = -sum(b * sympy.Symbol(f"sC{t}") for t, b in enumerate(outputs, start=1))
        for (kind, number, sign), a in zip(stratum.labels, outputs_of(stratum), strict=True):
            value = at_zero if kind == "Z" else sympy.Symbol(f"s{kind}{number}")
            total += a * (value if sign >= 0 else Rational(reflection or 0) - value)
        assert sympy.expand(total) == 0
    assert tried >= 1


def test_for_the_sigmoid_itself() -> None:
    # w and −w with outputs a and b, a neuron at 0: K = b + a_0/2
    x, y, u, v, a, b, e = sympy.symbols("x y u v a b e")

    def sigma(z: Any) -> Any:
        return 1 / (1 + sympy.exp(-z))

    student = a * sigma(u * x + v * y) + b * sigma(-u * x - v * y) + e * sigma(0)
    assert sympy.simplify(student - ((a - b) * sigma(u * x + v * y) + b + e / 2)) == 0


# ------------------------------------------------------------------------------- gradient and Hessian of a split neuron


def derivatives(copies: list[tuple[Any, int]], d: int, r: Any) -> tuple[Matrix, Matrix]:
    """Gradient and Hessian, for one input and up to 2/N, of ``(f − y)²`` by the weights ``(w_1.., a_1..)`` of copies.

    A copy is (output, sign): its incoming weights are ``sign·w``. Other neurons: one, with row ``g`` in the Jacobian.
    """
    k = len(copies)
    x = Matrix(sympy.symbols(f"x0:{d}"))
    s0, s1, s2 = sympy.symbols("s0:3")
    value = {1: s0, -1: C - s0}
    jacobian = [a * s1 * x[i] for a, _ in copies for i in range(d)] + [value[s] for _, s in copies] + [G]
    j = Matrix(jacobian)
    h = j * j.T
    for i, (a, s) in enumerate(copies):
        rows = slice(i * d, (i + 1) * d)
        h[rows, rows] += r * a * s * s2 * x * x.T  # σ''(−z) = −σ''(z)
        h[rows, k * d + i] += r * s1 * x  # σ' is even
        h[k * d + i, rows] += r * s1 * x.T
    return r * j, h


def change(signs: list[int], beta: list[Any], d: int) -> Matrix:
    """Columns ``(δw̄, δā, other, v_2.., α_2..)``: ``δw_i = s_i(δw̄ + v_i)``, ``δa_i = s_i(β_i δā + α_i)``,
    ``v_1 = −Σβ_i v_i/β_1``, ``α_1 = −Σα_i``."""
    k = len(beta)
    t = zeros(k * (d + 1) + 1, k * (d + 1) + 1)
    a, other = k * d, k * (d + 1)
    for i in range(k):
        t[i * d : (i + 1) * d, :d] = signs[i] * eye(d)
        t[a + i, d] = signs[i] * beta[i]
    t[other, d + 1] = 1
    for i in range(1, k):
        v, alpha = d + 2 + (i - 1) * d, d + 2 + (k - 1) * d + (i - 1)
        t[i * d : (i + 1) * d, v : v + d] = signs[i] * eye(d)
        t[:d, v : v + d] = -signs[0] * beta[i] / beta[0] * eye(d)
        t[a + i, alpha] = signs[i]
        t[a, alpha] = -signs[0]
    return t


def block_form(signs: list[int], d: int) -> None:
    k = len(signs)
    a, r = sympy.symbols("a r")
    free = sympy.symbols(f"b1:{k}")
    beta = [1 - sum(free), *free]
    copies = [(s * b * a, s) for s, b in zip(signs, beta, strict=True)]
    gradient, wide = derivatives(copies, d, r)
    narrow_gradient, narrow = derivatives([(a, 1)], d, r)
    flips = [i for i, s in enumerate(signs) if s < 0]
    # criticality: the derivative by a copy's w is β s times the narrow one; by its output s times, plus c r if flipped
    for i, s in enumerate(signs):
        for row in range(d):
            assert sympy.expand(gradient[i * d + row] - s * beta[i] * narrow_gradient[row]) == 0
        extra = C * r if s < 0 else 0
        assert sympy.expand(gradient[k * d + i] - s * narrow_gradient[d] - extra) == 0

    # what the flipped outputs do to the constant: δK = −c Σ_flipped (β_i δā + α_i)
    t = change(signs, beta, d)
    size = k * (d + 1) + 1
    constant = zeros(1, size)
    for i in flips:
        constant += -C * (signs[i] * t[k * d + i, :])
    x, s1, s2 = Matrix(sympy.symbols(f"x0:{d}")), *sympy.symbols("s1:3")
    first = Matrix([[a * s1 * v for v in x] + [sympy.Symbol("s0"), G] + [0] * (size - d - 2)]) + constant
    expected = first.T * first
    expected[: d + 2, : d + 2] += narrow - derivatives_first(narrow, a, d)
    bent = r * a * s2 * x * x.T
    form = Matrix(k - 1, k - 1, lambda i, j: beta[i + 1] * int(i == j) + beta[i + 1] * beta[j + 1] / beta[0])
    start = d + 2
    for i, j in product(range(k - 1), repeat=2):
        expected[start + i * d : start + (i + 1) * d, start + j * d : start + (j + 1) * d] += form[i, j] * bent
    # v with α: Σ v_i α_i times r σ' x, which is the narrow gradient by w over a, zero when summed at a critical point
    for i in range(k - 1):
        alpha = start + (k - 1) * d + i
        for j in range(k - 1):
            slope = r * s1 * x * (int(i == j) + beta[j + 1] / beta[0])
            expected[start + j * d : start + (j + 1) * d, alpha] += slope
            expected[alpha, start + j * d : start + (j + 1) * d] += slope.T
    found = t.T * wide * t
    assert (found - expected).applyfunc(lambda entry: sympy.expand(sympy.cancel(entry))) == zeros(size, size)


def derivatives_first(narrow: Matrix, a: Any, d: int) -> Matrix:
    """The part ``j jᵀ`` of the narrow Hessian."""
    x, s0, s1 = sympy.symbols(f"x0:{d}"), *sympy.symbols("s0:2")
    j = Matrix([*(a * s1 * v for v in x), s0, G])
    assert j.shape[0] == narrow.shape[0]
    return j * j.T


@pytest.mark.parametrize(("copies", "d"), [(2, 1), (2, 2), (3, 1), (4, 1)])
def test_block_form_of_a_split(copies: int, d: int) -> None:
    block_form([1] * copies, d)


@pytest.mark.parametrize("signs", [[1, -1], [1, -1, -1], [1, 1, -1], [-1, -1]])
@pytest.mark.parametrize("d", [1, 2])
def test_block_form_of_a_mirrored_split(signs: list[int], d: int) -> None:
    if len(signs) * d < 6:
        block_form(signs, d)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_inertia_of_the_form_on_the_shares(k: int) -> None:
    # diag(β) on {Σβ_i t_i = 0}, in the coordinates t_2..: determinant Πβ/β_1² (as Σβ = 1), so that with 1ᵀdiag(β)1 = 1
    # the form has one positive sign less than diag(β)
    free = sympy.symbols(f"b1:{k}")
    beta = [1 - sum(free), *free]
    form = Matrix(k - 1, k - 1, lambda i, j: beta[i + 1] * int(i == j) + beta[i + 1] * beta[j + 1] / beta[0])
    assert sympy.cancel(form.det() - sympy.prod(beta) / beta[0] ** 2) == 0
    basis = Matrix([[1, *(-b / beta[0] for b in free)], *([1, *row] for row in eye(k - 1).tolist())])
    whole = basis.T * diag(*beta) * basis
    assert (whole - diag(1, form)).applyfunc(sympy.cancel) == zeros(k, k)


def test_the_form_on_the_flipped_outputs_is_one_condition() -> None:
    # mirrored: δK depends on the α beyond δā exactly if some copy is flipped and some is not
    for signs in product((1, -1), repeat=3):
        functional = [int(s < 0) for s in signs]
        on_sum_zero = [functional[i] - functional[0] for i in (1, 2)]
        assert any(on_sum_zero) == (len(set(signs)) > 1)


# ----------------------------------------------------------------------------------------------------- charts: mirrored

J = sympy.symbols("t0:9")  # σ, σ', … at z


def taylor(shift: Any, order: int = 5) -> Any:
    return sum(J[k] * shift**k / sympy.factorial(k) for k in range(order + 1))


def test_a_mirrored_pair_is_a_pair_and_a_constant() -> None:
    # Theorem 7 of docs/infinity.md: neuron j is (−w + εu, 1/(2ε) − c/2); σ(−ζ) = 1 − σ(ζ)
    c, s, e = sympy.symbols("c s e")
    own, mirrored = c / 2 + 1 / (2 * e), 1 / (2 * e) - c / 2
    pair = own * taylor(e * s) + mirrored * (1 - taylor(-e * s)) - mirrored
    at = sympy.Poly(sympy.expand(pair * 2 * e), e).coeff_monomial
    assert at(1) == 0
    assert sympy.expand(at(e) / 2 - (c * J[0] + s * J[1])) == 0
    assert at(e**2) == 0
    assert sympy.expand(at(e**3) / 2 - (c * J[2] * s**2 / 2 + J[3] * s**3 / 6)) == 0
    assert at(e**4) == 0


def test_two_mirrored_pairs_share_one_small_coordinate() -> None:
    # 1/ε_1 + 1/ε_2 = S:  ε_2 = −ε_1/(1 − Sε_1) = −ε_1 − Sε_1² + O(ε_1³)
    e, total = sympy.symbols("e S")
    second = 1 / (total - 1 / e)
    assert sympy.cancel(second + e / (1 - total * e)) == 0
    assert sympy.series(second, e, 0, 3).removeO().expand() == -e - total * e**2
