"""The heart of the kernels, generated as vector code: neurons, residual and sums over the inputs in one pass.

The inputs are worked off in blocks of two vectors. The gradient's sums over a block need its residual, hence all its
neurons; they are done together with the neurons of the next block, so that the CPU has additions to do while it waits
for the divisions, which alone cost as much as all the rest, and everything stays in the first-level cache. Which
operations are done, in which order, is written here and left alone by the compiler: no reassociation, no fused
multiply-add.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic

from sweep.kernels.lanes import FLOATS, LANES, WIDE, Lanes, Memory, Sum, first_lanes, loop

BLOCK = WIDE
"""How many inputs are worked off at a time; their number is padded to a multiple of it."""

_MATRIX = types.Array(types.float64, 2, "C")
_COUNTS = types.Array(types.int64, 1, "C")
_SCHEDULE = types.Array(types.int64, 2, "C")


def sigmoid(e: Lanes, shift: Lanes) -> tuple[Lanes, Lanes]:
    """From ``e = e^(−z)``:  ``σ = 1/(1 + e)``;  returns ``τ = σ − shift`` and ``σ' = e σ²``."""
    sigma = 1.0 / (e + 1.0)
    return sigma - shift, (e * sigma) * sigma


@intrinsic  # type: ignore[untyped-decorator]
def neurons_and_moments(
    typing_context: Any,
    a: Any,
    by_row: Any,
    by_column: Any,
    on_grid: Any,
    e: Any,
    schedule: Any,
    target: Any,
    x: Any,
    shift: Any,
    kept: Any,
    tau: Any,
    slope: Any,
    keep: Any,
    r: Any,
    partial: Any,
) -> Any:
    """With ``e_in = e^(−w_i·x_n)``:  ``τ, σ'`` of every neuron,  ``r = Σ_i a_i τ_i − y``,  and the sums over ``n`` of
    ``r τ_i`` and ``r σ'_i x_k``, lane by lane, which are added to ``partial`` (m, (d + 1)·LANES).

    Args:
        a: (m,).
        by_row, by_column: (m, > R), (m, ≥ C + LANES): for a neuron with ``on_grid`` ≠ 0 (m,), ``e_in`` is the product
            of the entries of the row and of the column of input ``n``. A vector of inputs may begin in one row and end
            in the next, so ``by_column`` goes on after its end with its beginning.
        e: (m, K): ``e_in`` of the other neurons, whose ``by_row`` must be 1.
        schedule: (K/LANES, 3): for each vector its first input's row and column, and how many lanes are in that row.
        target: (K,) labels;  x: tuple of d vectors (K,);  shift: ``σ − τ``;  kept: how many of the K are no padding.
        tau, slope: scratch; (m, K) and filled with ``keep`` = 1, (m, BLOCK) with ``keep`` = 0.
        r: (K,) filled; 0 on the padding.
    """
    dimension = x.count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def memory(position: int) -> Memory:
            return Memory(context, builder, signature.args[position], arguments[position])

        def number(value: int) -> Any:
            return ir.Constant(ir.IntType(64), value)

        def load(pointer: Any, index: Any) -> Lanes:
            return Lanes.load(builder, pointer, index)

        def all_lanes(value: Any) -> Lanes:
            return Lanes.all(builder, value)

        a, by_row, by_column, on_grid, e, schedule, target = map(memory, range(7))
        x = [Memory(context, builder, FLOATS, builder.extract_value(arguments[7], k)).data for k in range(dimension)]
        shift, kept, keep = all_lanes(arguments[8]), arguments[9], arguments[12]
        tau, slope, r, partial = map(memory, (10, 11, 13, 14))
        width, size = a.shape[0], target.shape[0]

        def vectors(n: Any) -> list[Any]:
            """Where the vectors of the block at ``n`` begin."""
            return [builder.add(n, number(ahead)) for ahead in range(0, BLOCK, LANES)]

        def block(n: Any, neurons: bool, before: Any = None) -> None:
            """Neurons and residual of the block at ``n``; amid the divisions, the sums of the block at ``before``."""
            # what all neurons share is read once, before the loop
            if neurons:
                places = [
                    tuple(schedule.at(builder.sdiv(at, number(LANES)), number(k)) for k in range(3))
                    for at in vectors(n)
                ]
                masks = [first_lanes(builder, lanes) for _, _, lanes in places]
                residuals = [Sum(-load(target.data, at)) for at in vectors(n)]
            if before is not None:
                errors = [load(r.data, at) for at in vectors(before)]
                inputs = [[load(pointer, at) for pointer in x] for at in vectors(before)]
            with loop(builder, number(0), width) as i:
                if before is not None:
                    sums = [load(partial.row(i), number(k * LANES)) for k in range(dimension + 1)]
                    for error, coordinates, at in zip(errors, inputs, vectors(builder.mul(before, keep)), strict=True):
                        sums[0] += error * load(tau.row(i), at)
                        product = error * load(slope.row(i), at)
                        for k in range(dimension):
                            sums[k + 1] += product * coordinates[k]
                    for k in range(dimension + 1):
                        sums[k].store(partial.row(i), number(k * LANES))
                if neurons:
                    grid = builder.icmp_signed("!=", on_grid.at(i), number(0))
                    line = builder.select(grid, by_column.row(i), e.row(i))
                    for v, at in enumerate(vectors(n)):
                        row, column, _ = places[v]
                        factor = all_lanes(by_row.at(i, row)).where(
                            masks[v], all_lanes(by_row.at(i, builder.add(row, number(1))))
                        )
                        odd, derivative = sigmoid(factor * load(line, builder.select(grid, column, at)), shift)
                        residuals[v].add(all_lanes(a.at(i)) * odd)
                        place = vectors(builder.mul(n, keep))[v]
                        odd.store(tau.row(i), place)
                        derivative.store(slope.row(i), place)
            if neurons:
                for residual, at in zip(residuals, vectors(n), strict=True):
                    not_padding = first_lanes(builder, builder.sub(kept, at))
                    residual.value.where(not_padding, Lanes.zero(builder)).store(r.data, at)

        block(number(0), True)
        with loop(builder, number(BLOCK), size, BLOCK) as n:
            block(n, True, builder.sub(n, number(BLOCK)))
        block(size, False, builder.sub(size, number(BLOCK)))
        return context.get_dummy_value()

    signature = types.void(
        FLOATS, _MATRIX, _MATRIX, _COUNTS, _MATRIX, _SCHEDULE, FLOATS, x, types.float64, types.int64,
        _MATRIX, _MATRIX, types.int64, FLOATS, _MATRIX,
    )  # fmt: skip
    return signature, generate
