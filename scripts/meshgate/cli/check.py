"""Judge a pull request from files alone: whether it may be merged to the base as that is now.

Reads two commits, runs nothing of either, and needs no token: rules, waivers and inventory
come from the base, the head is data. A promotion is rendered again byte by byte, and its
whole result is judged by every rule; any other pull request must leave alone what only
promotion may write, and what clusters are told by (sync/) must be what environments.yaml says.
`meshgate gate` asks what also needs time or a forge.

Ends with 8 when a guard refuses, 10 when it would pass later by itself, 11 when the base's
own state or ledger is broken. docs/guards.md tells each guard.

examples:
  meshgate check --base origin/main               the commit that is checked out
  meshgate check --base origin/main --head REF    another one
  meshgate check --base origin/main --format markdown=check.md --format text
  meshgate check --base origin/main --gated       where `meshgate gate` judges it, too
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from msgspec import structs

from meshgate.cli.evidence_option import add_evidence_option, evidence_of
from meshgate.cli.options import add_engine, cache_folder
from meshgate.cli.output import publish
from meshgate.cli.verdicts import exit_code
from meshgate.errors import MeshgateError, WaitingError
from meshgate.promotion.guards import BY_FILES, Refusal
from meshgate.promotion.guards.guard import Objection
from meshgate.promotion.guards.pr23_loosens_rules import GUARD as LOOSENS_RULES
from meshgate.promotion.judge import changed_files, check_rules, judge
from meshgate.promotion.release_inputs import named_at
from meshgate.promotion.report.judged import FORMATS
from meshgate.promotion.session import Clock, Session, session_at
from meshgate.repository import Repository
from meshgate.wording import plural

WITHOUT_FORGE = "the check of files asks no forge; `meshgate gate` does"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument(
        "--base", required=True, metavar="REF", help="the base branch as it is now: origin/main"
    )
    parser.add_argument(
        "--head", default="HEAD", metavar="REF", help="the pull request's commit (default: HEAD)"
    )
    parser.add_argument(
        "--gated",
        action="store_true",
        help="what only waits is told and ends with 0: for where promotion/gate is required too, "
        "which asks the forge whom this cannot ask",
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
            given=evidence_of(options),
            without_forge=WITHOUT_FORGE,
        )
        judgement = judge(session, repository.resolve(options.head), only=BY_FILES)
        if judgement.environment is None:
            check_rules(session, judgement.head)
            stale = tuple(_stale_sync(session, judgement.head))
            judgement = structs.replace(judgement, refusals=(*judgement.refusals, *stale))
    publish(FORMATS, [structs.replace(judgement, gates=())], options)
    code = exit_code([judgement])
    return 0 if options.gated and code == WaitingError.exit_code else code


def _inputs(session: Session, commit: str) -> tuple[str, ...]:
    """What environments of a commit are built from; what they name, where it cannot be built."""
    try:
        return session.releases.inputs.at(commit)
    except MeshgateError:
        return named_at(session.repository, commit)


def _stale_sync(session: Session, head: str) -> Iterator[Refusal]:
    """What clusters are told by must be what environments.yaml says, as `sync --check` has it.

    Of a file that the base has no better, only one that the pull request changes is refused.
    """
    from meshgate.cluster import sync  # noqa: PLC0415 - needs only what is no promotion

    changed = {change.path for change in changed_files(session, head)}
    built_from = (*_inputs(session, session.commit), *_inputs(session, head))
    if not any(sync.follows(path, built_from) for path in changed):
        return
    try:
        stale = sync.stale_files(session.repository, head, cache=session.cache)
    except MeshgateError as error:
        yield LOOSENS_RULES.refusal(
            Objection(f"what clusters are told cannot be made: {error.what}", error.hint)
        )
        return
    if not changed & set(stale):
        try:
            before = sync.stale_files(session.repository, session.commit, cache=session.cache)
        except MeshgateError:
            before = []
        stale = [path for path in stale if path not in before]
    if stale:
        yield LOOSENS_RULES.refusal(
            Objection(
                f"{plural(len(stale), 'file')} that clusters are told by would not be what "
                "environments.yaml and the policies lead to",
                "run `meshgate sync argocd` or `meshgate sync flux`, and commit the result",
                details=tuple(stale),
            )
        )
