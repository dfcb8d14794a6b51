"""Judge a pull request from files alone: whether it may be merged to the base as that is now.

Reads two commits, runs nothing of either, and needs no token: rules, waivers and inventory
come from the base, the head is data. A promotion is rendered again byte by byte, and its
whole result is judged by every rule; any other pull request must leave alone what only
promotion may write. `meshgate gate` asks what also needs time or a forge.

Ends with 8 when a guard refuses, 10 when it would pass later by itself, 11 when the base's
own state or ledger is broken. docs/guards.md tells each guard.

examples:
  meshgate check --base origin/main               the commit that is checked out
  meshgate check --base origin/main --head REF    another one
  meshgate check --base origin/main --format markdown=check.md --format text
"""

from __future__ import annotations

import argparse
import dataclasses

from meshgate.cli.options import add_engine, cache_folder
from meshgate.cli.output import publish
from meshgate.cli.reported import add_evidence_option, given
from meshgate.cli.verdicts import exit_code
from meshgate.promotion.guards import BY_FILES
from meshgate.promotion.judge import check_rules, judge
from meshgate.promotion.report.judged import FORMATS
from meshgate.promotion.session import Clock, session_at
from meshgate.repository import Repository

WITHOUT_FORGE = "the check of files asks no forge; `meshgate gate` does"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--base", required=True, metavar="REF", help="the base branch as it is now: origin/main"
    )
    parser.add_argument(
        "--head", default="HEAD", metavar="REF", help="the pull request's commit (default: HEAD)"
    )
    add_engine(parser)
    add_evidence_option(parser)


def run(options: argparse.Namespace) -> int:
    """Judge one head; what the guards say on standard output."""
    with Repository(options.directory) as repository:
        session = session_at(
            repository,
            repository.resolve(options.base),
            Clock(today=options.today),
            cache=cache_folder(options),
            engine=options.engine,
            given=given(options),
            without_forge=WITHOUT_FORGE,
        )
        judgement = judge(session, repository.resolve(options.head), only=BY_FILES)
        if judgement.environment is None:
            check_rules(session, judgement.head)
    publish(FORMATS, [dataclasses.replace(judgement, gates=())], options)
    return exit_code([judgement])
