"""Why a candidate stayed undecided: the codes, what each means, and what to try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """A code of the column ``reason`` in plain words."""

    meaning: str
    remedy: str


def code_of(reason: str) -> str:
    """The code at the head of a ``reason``, without its numbers.

    >>> code_of("no-contraction: contraction = 3.1, newton_step = 0.2; loss = 1e-05")
    'no-contraction'
    >>> code_of("no-convergence: diverging; loss = 1e-05")
    'no-convergence: diverging'
    """
    head = reason.split(";")[0].strip()
    return head.split(":")[0] if "=" in head else head


_MORE_BITS = "Allow more bits (--max-bits 424); it takes longer."

REASONS = {
    "no-convergence: diverging": Reason(
        "Following the loss downhill, a weight grew beyond every bound while the loss still fell: the run is in a "
        "channel to infinity, where outgoing weights diverge with opposite signs and incoming weights merge. There may "
        "be no finite critical point at all, and no limit at infinity was certified.",
        "Nothing finite may be there to find; keep the point.",
    ),
    "no-convergence: stalled": Reason(
        "Following the loss downhill came to a halt before the gradient was rounding noise: the valley is too flat or "
        "too narrow for float64, as in a channel to infinity or near neurons that are duplicates.",
        "Train on from this point and certify it again.",
    ),
    "no-convergence: step-limit": Reason(
        "Following the loss downhill took more steps than allowed: the point was far from any critical point, or is in "
        "a channel to infinity that is too flat to go along.",
        "Train on from this point and certify it again.",
    ),
    "no-convergence: not-polished": Reason(
        "The saved point was not moved, no critical point was proved around it, and none could be excluded.",
        "Run again without --no-polish.",
    ),
    "not-smooth": Reason(
        "A neuron may be zero, or parallel to another one: under Gaussian inputs the loss is not known to be smooth "
        "there.",
        "Train on from this point and certify it again.",
    ),
    "no-contraction": Reason(
        "The Krawczyk test, which proves exactly one critical point in a box, was not passed: its contraction has to "
        "be below 1. (Under Gaussian inputs, the test of docs/gaussian-relu.md, Theorem 6.)",
        _MORE_BITS,
    ),
    "newton-left": Reason(
        "A critical point was proved, but Newton's method went far to reach it: not the one the path led to.",
        _MORE_BITS,
    ),
    "singular-hessian": Reason(
        "The Hessian has an eigenvalue that is zero as far as can be computed, so the point, if critical, need not be "
        "isolated: duplicate neurons, neurons with output 0 and plateaus of narrower networks look like this.",
        "More bits do not help where the Hessian is singular.",
    ),
    "inertia": Reason(
        "A critical point was proved, but not the signs of all eigenvalues of its Hessian: the enclosures of some "
        "contain 0.",
        _MORE_BITS,
    ),
    "unbounded": Reason(
        "An enclosure overflowed: weights or inputs are too large for the arithmetic.",
        "Check the scale of weights and inputs; " + _MORE_BITS[0].lower() + _MORE_BITS[1:],
    ),
    "eigenvalue-bound": Reason("No bound of the Hessian's smallest eigenvalue could be proved.", _MORE_BITS),
    "gradient-may-vanish": Reason(
        "The gradient's enclosure contains 0, so that a critical point could be neither proved nor excluded.",
        _MORE_BITS,
    ),
    "output-may-vanish": Reason("A split neuron's output could not be proved to differ from 0.", _MORE_BITS),
    "coefficient-may-vanish": Reason(
        "One of several copies of a neuron has an output so near 0 that its sign is not known, and minimum or saddle "
        "depends on it (or it is 0 beside mirrored copies, which is not covered).",
        "Train on from this point, or from one where that output is not near 0.",
    ),
    "untied": Reason(
        "Mirrored copies of neurons whose shares have the signs of the run were not proved able to make the limit "
        "network's constant between them.",
        _MORE_BITS,
    ),
    "singular-split": Reason(
        "The matrix that decides what splitting a neuron adds to the Hessian could not be proved non-singular.",
        _MORE_BITS,
    ),
    "kappa-sign": Reason(
        "The limit of a channel was found, but not proved whether the loss falls or rises on the way to it.", _MORE_BITS
    ),
    "in-transit": Reason(
        "The limit of a channel was found, but networks however near it have a smaller loss: the run is passing by.",
        "Train on from this point and certify it again.",
    ),
    "copies-part": Reason(
        "The limit of a channel was found, but the loss falls where copies in one of its groups move apart: the run is "
        "passing by.",
        "Train on from this point and certify it again.",
    ),
    "copies-undecided": Reason(
        "The limit of a channel was found, but not proved whether copies in one of its groups keep together.",
        _MORE_BITS,
    ),
    "no-arithmetic": Reason(
        "The limit on the bits left no arithmetic to try.", "Allow at least 53 bits (--max-bits 53)."
    ),
}
"""The vocabulary; ``docs/verdicts.md`` lists the same."""

UNKNOWN = Reason("A step of the proof failed with this code.", _MORE_BITS)
