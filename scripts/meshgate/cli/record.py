"""Freeze in tags what is known after a merge only: who merged, who approved which commit.

Every record on the base branch gets the annotated tag env/ENV/SEQ on the commit that brought
it, with the approvals as JSON; a release that left dev gets release/RELEASE on its source
commit, which keeps it alive. New tags are pushed to the remote at once, where there is one, so
that they stand for everybody: this is the job that runs after a merge. Tags that are there stay
as they are: run it as often as you like. They are signed where git's `tag.gpgSign` says so.

A tag that fails is reported and tried again by the next run; the merge is valid without it.

A tag of its own that is on another commit is an error (11): what it says of approvals is said of
something else. --repair moves it to where it belongs, as far as the forge's rules for tags let
this account; a tag that somebody else made is never moved.

examples:
  meshgate record
  meshgate record prod
  meshgate record --repair                       move its own tags to their commits
"""

from __future__ import annotations

import argparse
import sys

from meshgate.cli.output import publish
from meshgate.cli.promotions import add_promotion_options, session_of
from meshgate.errors import IntegrityError
from meshgate.promotion.misplaced_tags import misplaced_tags, repair
from meshgate.promotion.record import record
from meshgate.promotion.report.merged import TAGS_FORMATS as FORMATS
from meshgate.report.escape.terminal import plain
from meshgate.wording import plural


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("environments", nargs="*", metavar="ENV", help="default: all of them")
    parser.add_argument(
        "--repair", action="store_true", help="move tags of its own that are on a wrong commit"
    )
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Tag what has no tag yet."""
    with session_of(options) as session:
        for name in options.environments:
            session.policy.pinned(name)
        tags, degraded = record(session, options.environments)
        wrong = misplaced_tags(session, options.environments)
        unmoved = [str(each) for each in wrong]
        if options.repair:
            moved, unmoved = repair(session, wrong)
            tags += moved
            for each in wrong:
                print(f"meshgate: {plain(str(each))}", file=sys.stderr)
    for reason in degraded:
        print(f"meshgate: degraded: {plain(reason)}", file=sys.stderr)
    publish(FORMATS, tags, options)
    if unmoved:
        raise IntegrityError(
            f"{plural(len(unmoved), 'tag')} on another commit than the record says",
            why="\n".join(unmoved),
            hint="whoever may push such tags moves them (docs/forges.md)"
            if options.repair
            else "`meshgate record --repair` moves those that it made; find out who moved one: "
            "git show TAG",
        )
    return 0
