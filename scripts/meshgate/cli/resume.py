"""Let promotions enter an environment again.

A small pull request that ends the hold of ENV. What a rollback rejected stays rejected.

examples:
  meshgate resume prod --reason "repaired by 2026-08-24.1"
"""

from __future__ import annotations

import argparse

from meshgate.cli.promotions import (
    add_direct,
    add_promotion_options,
    add_reason,
    print_proposals,
    session_of,
)
from meshgate.promotion.line import resume, write


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    add_reason(parser, "the line moves again")
    add_direct(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    with session_of(options) as session:
        prepared = resume(session, options.environment, reason=options.reason)
        print_proposals(session, [write(session, prepared, direct=options.direct)], options)
    return 0
