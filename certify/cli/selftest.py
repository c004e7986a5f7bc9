"""``certify selftest``: whether this machine computes as the proofs assume."""

from __future__ import annotations

import click

FAILED = 4


@click.command()
def selftest() -> int:
    """Test rounding, subnormal numbers, matrix products and exponentials, and that false certificates are rejected.

    Every proving command does the same before it begins, with one false certificate of each kind.
    """
    from certify.selftest import selftest as run

    results = run()
    for result in results:
        click.echo(f"{result.name}: {result.failure or 'ok'}")
    return FAILED if any(result.failure for result in results) else 0
