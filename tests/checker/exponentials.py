"""The exponentials of checker and provers against 400-bit references: ``python tests/checker/exponentials.py``.

By default on 100 000 arguments in every arithmetic, among them all ``−k·2^−53`` up to ``k = 2000``, for which mpmath's
own interval exponential excludes the true value. Prints how often that one fails on the same arguments, and how wide
the enclosures are; ends with 1 if an arithmetic fails once. The tests run a sample.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable
from fractions import Fraction

import flint
import mpmath
import numpy as np

from certify.arithmetic import Enclosures
from certify.arithmetic.arb import Arb as ProverArb
from certify.arithmetic.interval import Interval as ProverInterval
from certify.arithmetic.midrad import Float64Enclosures
from certify.checker.arb import _exp_minus as arb_exp_minus
from certify.checker.arb import _fraction
from certify.checker.integers import exp_minus
from certify.checker.intervals import _exp_minus as interval_exp_minus
from certify.checker.points import exps_minus

SCALE = 128
UNSOUND_IN_MPMATH = [-Fraction(k, 2**53) for k in range(1, 2001)]

Ends = tuple[Fraction, Fraction]


def arguments(count: int, seed: str = "exponential") -> list[Fraction]:
    """Non-positive multiples of ``2^−128``: near 0, ordinary, large, around powers of two, of few digits or many."""
    rng = random.Random(seed)
    out = [*UNSOUND_IN_MPMATH, Fraction(0), Fraction(-1, 2**SCALE), Fraction(-(2**40)), Fraction(-(2**70))]
    while len(out) < count:
        kind = rng.randrange(5)
        if kind == 0:
            value = Fraction(rng.getrandbits(60), 2**60) * Fraction(2) ** rng.randint(-68, 10)
        elif kind == 1:
            value = Fraction(rng.getrandbits(133), 2**SCALE)
        elif kind == 2:
            value = Fraction(2) ** rng.randint(-100, 9) + Fraction(rng.randint(-3, 3), 2**SCALE)
        elif kind == 3:
            value = Fraction(rng.randint(1, 2**20), 2**53)
        else:  # around the places where the tables of points.py, and the digits of intervals.py, change
            places = rng.choice([5, 6, 17, 29, 36])
            value = Fraction(rng.randint(1, 200 << places), 1 << places) + Fraction(rng.randint(-2, 2), 2**SCALE)
        out.append(-abs(value))
    return out[:count]


def reference(x: Fraction) -> flint.arb:
    """``e^x`` to 400 bits."""
    flint.ctx.prec = 400
    return exact(x).exp()


def exact(x: Fraction) -> flint.arb:
    """A number, exact where it is dyadic."""
    return flint.arb(flint.fmpq(x.numerator, x.denominator))


def _integer(xs: list[Fraction]) -> Iterable[Ends]:
    for x in xs:
        value, error = exp_minus(int(-x * 2**SCALE), SCALE)
        yield Fraction(value - error, 2**SCALE), Fraction(value + error, 2**SCALE)


def _points(xs: list[Fraction]) -> Iterable[Ends]:
    # the scale of paths; 16 units are what points.py promises
    for value in exps_minus([int(-x * 2**192) for x in xs], 192):
        yield Fraction(value - 16, 2**192), Fraction(value + 16, 2**192)


def _mpmath(xs: list[Fraction]) -> Iterable[Ends]:
    for x in xs:
        ends = interval_exp_minus(mpmath.libmp.from_rational(-x.numerator, x.denominator, 300, "n"), 192)
        low, high = (Fraction(*map(int, mpmath.libmp.to_rational(end))) for end in ends)
        yield low, high


def _arb(xs: list[Fraction]) -> Iterable[Ends]:
    for x in xs:
        flint.ctx.prec = 192
        found = arb_exp_minus(exact(-x))
        yield _fraction(found.mid()) - _fraction(found.rad()), _fraction(found.mid()) + _fraction(found.rad())


def _of_prover(arithmetic: Enclosures) -> Callable[[list[Fraction]], Iterable[Ends]]:
    def run(xs: list[Fraction]) -> Iterable[Ends]:
        found = arithmetic.exp(arithmetic.array(np.array(xs)))
        for low, high in zip(arithmetic.lower(found).flat, arithmetic.upper(found).flat, strict=True):
            yield Fraction(low), Fraction(high)

    return run


def doubles(xs: list[Fraction]) -> list[Fraction]:
    """The nearest doubles, as far as the provers' exponential goes."""
    return [Fraction(float(x)) for x in xs if x >= -700]


CHECKER = {"integer": _integer, "points": _points, "mpmath": _mpmath, "arb": _arb}
PROVER = {
    "prover, float64": _of_prover(Float64Enclosures()),
    "prover, Arb": _of_prover(ProverArb(106)),
    "prover, mpmath": _of_prover(ProverInterval(106)),
}


def failures(name: str, xs: list[Fraction]) -> tuple[list[Fraction], float]:
    """The arguments whose exponential is not enclosed, and the largest width of an enclosure, relative to 1."""
    run, given = (CHECKER[name], xs) if name in CHECKER else (PROVER[name], doubles(xs))
    wrong, widest = [], Fraction(0)
    for x, (low, high) in zip(given, run(given), strict=True):
        true = reference(x)
        if not (exact(low) <= true <= exact(high)):
            wrong.append(x)
        widest = max(widest, high - low)
    return wrong, float(widest)


def fails_in_mpmath(x: Fraction) -> bool:
    """Whether ``iv.exp`` of mpmath excludes ``e^x``, at 53 bits."""
    found = mpmath.iv.exp(mpmath.iv.mpf(float(x)))
    low, high = (Fraction(*map(int, mpmath.libmp.to_rational(end))) for end in found._mpi_)
    return not exact(low) <= reference(x) <= exact(high)


def main() -> int:
    """Run it and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="arguments for each arithmetic")
    parser.add_argument("--seed", default="exponential")
    options = parser.parse_args()
    xs = arguments(options.count, options.seed)
    failed = sum(map(fails_in_mpmath, doubles(xs)))
    print(
        f"{len(xs)} arguments; iv.exp of mpmath excludes the true value for {failed} of the nearest doubles", flush=True
    )
    every = 0
    for name in (*CHECKER, *PROVER):
        start = time.process_time()
        wrong, widest = failures(name, xs)
        every += len(wrong)
        seconds = time.process_time() - start
        print(f"{name:16} {len(wrong)} failures, widest enclosure {widest:.2g}, {seconds:.1f} s", flush=True)
        for x in wrong[:5]:
            print(f"    {x}")
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main())
