"""Propose to put an environment back to what it had, byte for byte.

Takes the recorded bytes of a sequence of ENV's ledger, checks their digest, and opens a pull
request. What is left behind is rejected, here and in everything after ENV, and ENV is held:
no promotion undoes the rollback until `meshgate resume`. Soak does not hold a rollback up,
and windows only where they name it; what gets weaker, and which calls break, is shown and
judged as ever. With a ticket one approval is enough, and rules that came since may be passed.

examples:
  meshgate history prod                                    which sequence was what
  meshgate rollback prod --to 6 --reason "503 in checkout"
  meshgate rollback prod --to 6 --reason "503 in checkout" --ticket INC-12
"""

from __future__ import annotations

import argparse

from meshgate.cli.promotions import add_promotion_options, add_reason, print_proposals, session_of
from meshgate.promotion.rollback import roll_back


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    parser.add_argument(
        "--to", required=True, type=int, metavar="SEQ", help="the sequence whose bytes return"
    )
    add_reason(parser, "it goes back")
    parser.add_argument("--ticket", metavar="ID", default="", help="of the incident")
    parser.add_argument(
        "--refresh", action="store_true", help="make it anew where the state has changed since"
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    with session_of(options) as session:
        result = roll_back(
            session,
            options.environment,
            options.to,
            reason=options.reason,
            ticket=options.ticket,
            refresh=options.refresh,
        )
        print_proposals(session, [result], options)
    return 0
