"""Give a pinned environment its first state: what its clusters are to sync from now on.

Renders a release of main (the newest, or --release) into rendered/ENV, and writes the first
record of its ledger. To begin with an environment as it is, adopt the release that its
clusters have. Once adopted, `meshgate promote` alone brings something else.

After somebody edited rendered/ENV by hand, --again makes the files anew from the release of
the state; --reason says why, and is recorded.

With --plan nothing is written: everything that ENV lacks is listed with the line to write
for it, and the run ends with 8 where adoption would be refused. With --live FILE, an
export of the cluster, or --context NAME, the cluster itself, what would be synced is compared
with what runs: adoption is refused where it would change anything.

examples:
  meshgate adopt staging --plan
  meshgate adopt staging --live cluster.yaml
  meshgate adopt staging --context staging-eu
  meshgate adopt staging
  meshgate adopt prod --release 2026-08-22.3
  meshgate adopt prod --again --reason "hand edit of the incident 12 undone"
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from meshgate import config
from meshgate.adoption.plan import MissingPart, lacking
from meshgate.cli.adopt_live import Running, add_live, compared, running
from meshgate.cli.promotions import add_direct, add_promotion_options, print_proposals, session_of
from meshgate.cli.request import folder, settings
from meshgate.cli.terminal import printable
from meshgate.errors import RefusedError
from meshgate.pipeline import judge, with_upstream
from meshgate.pipeline.reports import baseline_note
from meshgate.pipeline.targets import select
from meshgate.promotion.files import below, rendered_folder
from meshgate.promotion.line import adopt, write
from meshgate.promotion.prepare import PreparedCommit
from meshgate.promotion.rendering import read_rendered
from meshgate.promotion.session import Session

REFUSED = 8


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
    parser.add_argument("--plan", action="store_true", help="list what is missing; write nothing")
    add_live(parser)
    add_direct(parser)
    add_promotion_options(parser)


def run(options: argparse.Namespace) -> int:
    """Open the pull request, or find it; or only list what is missing."""
    live = running(options)
    if options.plan:
        return plan(options, live)
    with session_of(options) as session:
        prepared = adopt(
            session,
            options.environment,
            release=options.release,
            reason=options.reason,
            again=options.again,
        )
        if live is not None:
            refuse_changes(session, options.environment, prepared, live)
        print_proposals(session, [write(session, prepared, direct=options.direct)], options)
    return 0


def plan(options: argparse.Namespace, live: Running | None) -> int:
    """Print all that is missing; the code that adoption would end with."""
    root: Path = options.directory
    configuration = config.load(root)
    (environment,) = select(configuration.environments, [options.environment])
    wanted = with_upstream([environment], configuration.environments)
    judged = judge(wanted, folder(options), settings(options))[environment.name]
    lacks = lacking(root, configuration, environment, judged)
    blocking = [lack for lack in lacks if lack.blocks]
    print_lacks(f"{environment.name} cannot be adopted yet:", blocking)
    print_lacks("can be written later:", [lack for lack in lacks if not lack.blocks])
    for note in baseline_note(judged.findings):
        print(f"accepted: {note}")
    changes = False
    if live is not None and judged.build is not None:
        comparison = compared(environment, judged.build.resources, live)
        changes = bool(comparison.drifted)
        print(printable("\n".join(comparison.sentences)))
    if not blocking and not changes:
        name = environment.name
        print(f"nothing keeps {name} from being adopted: meshgate adopt {name}")
    return REFUSED if blocking or changes else 0


def print_lacks(title: str, lacks: Sequence[MissingPart]) -> None:
    """What is missing, numbered, each with what to write."""
    if lacks:
        print(title)
    for number, lack in enumerate(lacks, 1):
        print(printable(f"  {number}. {lack.what}"))
        for line in lack.todo:
            print(printable(f"       {line}"))


def refuse_changes(session: Session, name: str, prepared: PreparedCommit, live: Running) -> None:
    """Say that adoption changes nothing. Raises RefusedError where it would change something."""
    (environment,) = select(session.configuration.environments, [name])
    every = {path: data for path, data in prepared.transition.files.items() if data is not None}
    files = below(every, rendered_folder(name))
    comparison = compared(environment, read_rendered(files), live)
    if comparison.drifted:
        first, *others = comparison.sentences
        raise RefusedError(
            first,
            why="\n".join(others),
            hint="bring the sources to what runs, or adopt the release that runs (--release)",
        )
    print(printable("\n".join(comparison.sentences)))
