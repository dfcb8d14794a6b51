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
from meshgate.cli.promotions import add_promotion_options, standing
from meshgate.errors import NothingToCheckError, UsageError
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.history import enforced, history
from meshgate.promotion.report.history import FORMATS, Told
from meshgate.wording import plural

DATE_ONLY = len("2026-08-01")
END_OF_DAY = datetime.timedelta(days=1, seconds=-1)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument("--workload", metavar="NS/NAME", help="what this workload enforced")
    parser.add_argument(
        "--at", metavar="TIME", help="a date, or a time such as 2026-09-07T08:00+02:00"
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the events, or the answer of each environment."""
    if options.at and not options.workload:
        raise UsageError(
            "--at asks for a moment, and no workload is named",
            hint="--workload NAMESPACE/NAME; without --at all events are listed",
        )
    with standing(options) as ground:
        told = _answers(ground, options) if options.workload else _events(ground, options)
    publish(FORMATS, [told], options)
    return 0


def _events(ground: Ground, options: argparse.Namespace) -> Told:
    asked = options.environments or [
        one.name
        for one in ground.policy.environments
        if one.pinned and ground.state(one.name) is not None
    ]
    if not asked:
        raise NothingToCheckError(
            "no environment has a ledger", hint="pin one, then `meshgate adopt ENV`"
        )
    return Told(events=tuple((name, history(ground, name)) for name in asked))


def _answers(ground: Ground, options: argparse.Namespace) -> Told:
    at = ground.now
    if options.at:
        at = moment(options.at)
        if len(options.at) == DATE_ONLY:
            at += END_OF_DAY
    asked = options.environments or [one.name for one in ground.policy.environments]
    found, missing = [], []
    for name in asked:
        try:
            found.append(enforced(ground, name, options.workload, at))
        except (UsageError, NothingToCheckError) as error:
            # Of all environments some may not have it; of those that were named each must.
            if options.environments:
                raise
            missing.append(error)
    if not found:
        raise UsageError(
            f"{options.workload} is in none of {plural(len(asked), 'environment')}",
            why="\n".join(error.what for error in missing),
        )
    return Told(enforced=tuple(found))
