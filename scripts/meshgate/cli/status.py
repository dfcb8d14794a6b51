"""Show how every environment stands: what it has, for how long, and what comes next.

One line for each environment, in the order in which a change passes through them: its
release and how long it has had it, the share of ports that take mutual TLS only, how many
releases of main it is behind, holds and what a hotfix owes, open pull requests, and what
`meshgate promote` would do now. Below stands what waits for what. Nothing is written.

Ends with 11 where the files of an environment are not what promotion wrote.

examples:
  meshgate status
  meshgate status --format json
"""

from __future__ import annotations

import argparse

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.errors import IntegrityError
from meshgate.promotion.overview import overview
from meshgate.promotion.report.status import FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    with session_of(options) as session:
        result = overview(session)
    publish(FORMATS, [result], options)
    broken = any(environment.broken and environment.pinned for environment in result.environments)
    return IntegrityError.exit_code if broken else 0
