"""Tell what a promotion would do, and write nothing.

What `promote` would propose now: the release, what it does to ports and calls, the files
that change, each gate with its verdict, and every guard that refuses, with the way out.
A call that would break is accepted in waivers/ENV.yaml: the plan prints the entry.

Ends with 0 where `promote` would open a pull request (it may still wait for a gate), 8 where
a guard refuses, 9 where there is nothing to promote, 10 where the line is held.

examples:
  meshgate plan prod                                the newest release that may come
  meshgate plan prod --release 2026-08-22.3         another one
  meshgate plan prod --format markdown              the page of the pull request
"""

from __future__ import annotations

import argparse

from meshgate.cli.promotions import (
    add_promote_options,
    add_promotion_options,
    print_plan,
    promote_options,
    session_of,
)
from meshgate.errors import MeshgateError
from meshgate.promotion.prepare import PreparedCommit, refuse
from meshgate.promotion.promote import prepare_promotion


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    add_promote_options(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the plan."""
    with session_of(options) as session:
        prepared = prepare_promotion(session, options.environment, promote_options(options))
        print_plan(session, prepared, options)
    return end_of(prepared)


def end_of(prepared: PreparedCommit) -> int:
    """The exit code that `promote` would have."""
    try:
        refuse(prepared)
    except MeshgateError as error:
        return error.exit_code
    return 0
