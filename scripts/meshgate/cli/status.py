"""Show how every environment stands: what it has, for how long, and what comes next.

One line for each environment, in the order in which a change passes through them: its
release and how long it has had it, the share of ports that take mutual TLS only, how many
releases of main it is behind, holds and what of a hotfix main still lacks, open pull
requests, and what `meshgate promote` would do now. Below stands what waits for what.
Nothing is written.

Ends with 11 where the files of an environment are not what promotion wrote.

examples:
  meshgate status
  meshgate status prod
  meshgate status --format json
"""

from __future__ import annotations

import argparse

from msgspec import structs

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.errors import IntegrityError
from meshgate.promotion.overview import overview
from meshgate.promotion.report.status import FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    with session_of(options) as session:
        names = [session.policy.of(name).name for name in options.environments]
        result = overview(session)
    if names:
        shown = tuple(each for each in result.environments if each.name in names)
        result = structs.replace(result, environments=shown)
    publish(FORMATS, [result], options)
    broken = any(environment.broken and environment.pinned for environment in result.environments)
    return IntegrityError.exit_code if broken else 0
