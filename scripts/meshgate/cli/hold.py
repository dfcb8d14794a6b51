"""Stop the line: nothing enters an environment until it is resumed.

A small pull request that writes ENV's state. Since its first line changes with every write,
each open promotion to ENV conflicts as soon as the hold is merged. --direct pushes to the
base branch at once, where the forge's rules let this account: the break-glass way.

examples:
  meshgate hold prod --reason "incident 12"
  meshgate hold prod --reason "audit week" --until 2026-09-07
  meshgate hold prod --reason "incident 12" --direct
"""

from __future__ import annotations

import argparse

from meshgate.cli.options import moment
from meshgate.cli.promotions import (
    add_direct,
    add_promotion_options,
    add_reason,
    print_proposals,
    session_of,
)
from meshgate.promotion.environment_state import Event
from meshgate.promotion.line import STOPS, hold, write

STOPPABLE = (Event.PROMOTE, Event.HOTFIX, Event.ROLLBACK)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    add_reason(parser, "the line is stopped")
    parser.add_argument(
        "--until",
        metavar="TIME",
        help="a date, which is its start in UTC, or a time such as 2026-09-07T08:00+02:00",
    )
    parser.add_argument(
        "--blocks",
        action="append",
        choices=[str(event) for event in STOPPABLE],
        help="repeatable; default: promote and hotfix",
    )
    add_direct(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    until = moment(options.until) if options.until else None
    blocks = tuple(Event(name) for name in options.blocks or STOPS)
    with session_of(options) as session:
        prepared = hold(
            session, options.environment, reason=options.reason, until=until, blocks=blocks
        )
        print_proposals(session, [write(session, prepared, direct=options.direct)], options)
    return 0
