"""Give a pinned environment its first state: what its clusters are to sync from now on.

Renders a release of main (the newest, or --release) into rendered/ENV, and writes the first
record of its ledger. To begin with an environment as it is, adopt the release that its
clusters have. Once adopted, `meshgate promote` alone brings something else.

After somebody edited rendered/ENV by hand, --again makes the files anew from the release of
the state; --reason says why, and is recorded.

examples:
  meshgate adopt staging
  meshgate adopt prod --release 2026-08-22.3
  meshgate adopt prod --again --reason "hand edit of the incident 12 undone"
"""

from __future__ import annotations

import argparse

from meshgate.cli.promotions import add_direct, add_promotion_options, print_proposals, session_of
from meshgate.promotion.line import adopt, write


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environment", metavar="ENV")
    parser.add_argument(
        "--release",
        metavar="RELEASE",
        default="",
        help="an id (r-...), an alias (2026-08-22.3) or a commit; default: the newest of main",
    )
    parser.add_argument(
        "--again", action="store_true", help="although it has a state; needs --reason"
    )
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; is recorded")
    add_direct(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it."""
    with session_of(options) as session:
        prepared = adopt(
            session,
            options.environment,
            release=options.release,
            reason=options.reason,
            again=options.again,
        )
        print_proposals(session, [write(session, prepared, direct=options.direct)], options)
    return 0
