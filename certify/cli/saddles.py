"""``certify saddles``: critical points of index 1 and more, as a file that ``certify points`` reads.

With ``--upward``, critical points of any index, of widths 1, 2, … in turn.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certify.cli.common import Pace, Refusal, refuse_output_bias, refusing, seed_range, usable_cores

if TYPE_CHECKING:
    from sweep.ladder import Found
    from sweep.saddles import Saddle


@click.command()
@click.option("--problem", required=True, metavar="NAME|FILE", help="A shipped problem, or a problem.toml.")
@click.option("--width", required=True, type=click.IntRange(min=1), metavar="M", help="Neurons of the students.")
@click.option(
    "--seeds", required=True, callback=seed_range, metavar="FIRST:END", help="One attempt a seed; END is not included."
)
@click.option(
    "--min-index",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="K",
    help="Smallest index; 0 keeps minima.",
)
@click.option(
    "--max-index", type=click.IntRange(min=1), default=3, show_default=True, metavar="K", help="Largest index."
)
@click.option(
    "--upward",
    is_flag=True,
    help="Search widths 1, 2, …, M in turn, each from all splits of the one below too.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="Searches from beside every split.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; all usable cores by default.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The .npz or .parquet file."
)
def saddles(
    problem: str,
    width: int,
    seeds: range,
    min_index: int,
    max_index: int,
    upward: bool,
    draws: int,
    jobs: int | None,
    out: Path,
) -> int:
    """Search for saddles; write the distinct ones to FILE, and count them by index.

    The counts are lower bounds: beside each stands what half of the effort found. With --upward they are made for every
    width; FILE gets the points of width M. Minima have index 0: --min-index 0 keeps them.
    """
    from sweep.ladder import search_upward
    from sweep.points import PointsError, write_points
    from sweep.saddles import find_saddles, points_of
    from symmetry.problem import ProblemError, load_problem

    with refusing(ProblemError):
        asked = load_problem(problem)
    refuse_output_bias(asked, "saddles")
    jobs = jobs or usable_cores()
    try:
        if upward:
            levels = search_upward(asked, width, seeds, draws=draws, jobs=jobs, progress=Pace("tasks"))
            levels = [[f for f in level if min_index <= f.point.index <= max_index] for level in levels]
            told = report_upward(levels, seeds, draws)
            found = [found.point for found in levels[-1]]
        else:
            found = find_saddles(
                asked, width, seeds, min_index=min_index, max_index=max_index, jobs=jobs, progress=Pace("attempts")
            )
            told = report(found, seeds)
    except ValueError as error:
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        raise click.Abort from None
    if not found:
        raise Refusal(f"nothing found from {len(seeds)} seeds, expected at least one point to write; give more seeds")
    with refusing(PointsError):
        write_points(out, points_of(found, width))
    click.echo(told)
    return 0


def report_upward(levels: list[list[Found]], seeds: range, draws: int) -> str:
    """How many distinct points of each width and index, and how many by half the effort."""
    lines = [f"from {len(seeds)} seeds a width and {draws} searches beside every split:"]
    for width, level in enumerate(levels, start=1):
        for index in sorted({found.point.index for found in level}):
            these = [found for found in level if found.point.index == index]
            early, plateaus = sum(found.early for found in these), sum(found.point.nullity > 0 for found in these)
            lines.append(
                f"width {width}, index {index}: at least {len(these)}, of these {plateaus} splits on plateaus; "
                f"half the effort found {early}"
            )
    return "\n".join(lines)


def report(found: list[Saddle], seeds: range) -> str:
    """How many distinct saddles of each index, and how many by half the effort."""
    middle = seeds[len(seeds) // 2]
    total, half = Counter(s.index for s in found), Counter(s.index for s in found if s.seed < middle)
    lines = [f"at least {len(found)} distinct saddles from {len(seeds)} seeds"]
    lines += [
        f"index {index}: at least {total[index]}; the first half of the seeds found {half[index]}"
        for index in sorted(total)
    ]
    return "\n".join(lines)
