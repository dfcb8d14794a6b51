"""Tell what environments have been through, or what a workload enforced on a day.

Without --workload: every event of an environment's ledger, newest first, with who asked,
who merged and who approved (from its tag, else from the forge).

With --workload: the mode of each of its ports at a moment (--at, default now), the policy
that decided, and the event that brought it: from the policies, the inventory and the mesh
facts of the base branch as it was then. A date means the end of that day, UTC.

examples:
  meshgate history prod
  meshgate history prod --at 2026-08-01 --workload payments/api
  meshgate history --workload boards/boards --format json
"""

from __future__ import annotations

import argparse
import datetime

from meshgate.cli.options import moment
from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.promotion.history import enforced, history
from meshgate.promotion.report.history import FORMATS, HistoryReport
from meshgate.promotion.session import Session
from meshgate.wording import plural

DATE_ONLY = len("2026-08-01")
END_OF_DAY = datetime.timedelta(days=1, seconds=-1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument("--workload", metavar="NS/NAME", help="what this workload enforced")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="a date, which is its start in UTC, or a time such as 2026-09-07T08:00+02:00",
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the events, or the answer of each environment."""
    if options.at and not options.workload:
        raise UsageError(
            "--at asks for a moment, and no workload is named",
            hint="--workload NAMESPACE/NAME; without --at all events are listed",
        )
    with session_of(options) as session:
        report = _answers(session, options) if options.workload else _events(session, options)
    publish(FORMATS, [report], options)
    return 0


def _events(session: Session, options: argparse.Namespace) -> HistoryReport:
    names = options.environments or [
        policy.name
        for policy in session.policy.environments
        if policy.pinned and session.state(policy.name) is not None
    ]
    if not names:
        raise NothingToCheckError(
            "no environment has a ledger", hint="pin one, then `meshgate adopt ENV`"
        )
    return HistoryReport(events=tuple((name, history(session, name)) for name in names))


def _answers(session: Session, options: argparse.Namespace) -> HistoryReport:
    at = session.now
    if options.at:
        at = moment(options.at)
        if len(options.at) == DATE_ONLY:
            at += END_OF_DAY
    names = options.environments or [policy.name for policy in session.policy.environments]
    answers, missing = [], []
    for name in names:
        try:
            answers.append(enforced(session, name, options.workload, at))
        except (UsageError, NothingToCheckError) as error:
            # Of all environments some may not have it; of those that were named each must.
            if options.environments:
                raise
            missing.append(error)
    if not answers:
        raise UsageError(
            f"{options.workload} is in none of {plural(len(names), 'environment')}",
            why="\n".join(error.what for error in missing),
        )
    return HistoryReport(enforced=tuple(answers))
