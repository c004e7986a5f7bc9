"""The command line ``certify``: points, table, explain, check, theorem, demo, sweep, saddles, perturb, symmetry, …

Exit codes: 0 done and all decided, 2 bad usage or input, 3 some undecided or not critical, 4 a check rejected
something, 70 internal failure, 130 interrupted (Ctrl-C or SIGTERM). Command modules import only click and the standard
library at the top, so that ``certify --help`` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from certify.cli.check import check
from certify.cli.demo import demo
from certify.cli.explain import explain
from certify.cli.perturb import perturb
from certify.cli.points import points
from certify.cli.saddles import saddles
from certify.cli.selftest import selftest
from certify.cli.study import study
from certify.cli.sweep import sweep
from certify.cli.symmetry import symmetry
from certify.cli.table import table
from certify.cli.theorem import theorem
from sweep.signals import termination_interrupts

INTERNAL, INTERRUPTED, USAGE = 70, 130, 2


class Certify(click.Group):
    """A group whose commands return their exit code, and whose failures have the documented ones."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            with termination_interrupts():
                code = super().main(*args, **extra)
        except click.ClickException as error:
            error.show()
            code = USAGE
        except click.Abort:
            code = INTERRUPTED
        except Exception:
            traceback.print_exc()
            click.echo("certify: internal failure; please report the lines above", err=True)
            code = INTERNAL
        sys.exit(code or 0)


@click.group(
    name="certify",
    cls=Certify,
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=[points, table, explain, check, theorem, demo, sweep, saddles, perturb, symmetry, study, selftest],
    epilog="Exit codes: 0 done and all decided, 2 bad usage or input, 3 some undecided or not critical, "
    "4 a check rejected something, 70 internal failure, 130 interrupted.",
)
@click.version_option(package_name="losscert", prog_name="losscert")
def main() -> None:
    """Certified critical points of neural-network losses."""


__all__ = ["main"]
