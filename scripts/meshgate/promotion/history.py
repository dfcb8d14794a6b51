"""What an environment has been through, and what a workload enforced on a day, by whose word."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from meshgate.errors import NothingToCheckError, UsageError
from meshgate.mesh import ServerMode, Workload
from meshgate.model import JSONObject
from meshgate.promotion import names
from meshgate.promotion.ledger import Recorded, read_ledger
from meshgate.promotion.record import approvals, pull_request_of
from meshgate.promotion.record_times import forward, record_times
from meshgate.promotion.records import PromotionRecord
from meshgate.promotion.rendering import read_rendered
from meshgate.promotion.session import Clock, Session, session_at
from meshgate.promotion.times import moment_of
from meshgate.repository import Commit, Repository, mainline

MESSAGE = "%(contents)"


class HistoryEntry(NamedTuple):
    """One event of an environment.

    merged     the first-parent commit of the base that brought it; its time is when it counts from
    approvals  as its tag, or else the forge, has them: login, commit, at
    pull       the pull request: number, url, mergedBy; None: not known
    known_by   where approvals are from: `tag`, `forge`, or empty: nobody could be asked
    """

    record: PromotionRecord
    merged: Commit
    approvals: tuple[JSONObject, ...] = ()
    pull: JSONObject | None = None
    known_by: str = ""


class EnforcedModes(NamedTuple):
    """What one workload enforced in one environment at a moment.

    commit  the end of the base branch then, whose files decided
    entry   the event whose render was there; None: the environment was floating
    ports   container port (None: every other) and the answer
    """

    environment: str
    at: datetime.datetime
    commit: Commit
    entry: HistoryEntry | None
    workload: Workload
    ports: tuple[tuple[int | None, ServerMode], ...]


def history(session: Session, environment: str) -> list[HistoryEntry]:
    """The events of a pinned environment, newest first.

    Raises UsageError for one that has none, IntegrityError where the ledger is broken.
    """
    session.adopted(environment)
    return list(_entries(session, session.files, environment))


def enforced(
    session: Session, environment: str, workload: str, at: datetime.datetime
) -> EnforcedModes:
    """What a workload (`NS/NAME`) enforced at a moment, from the base branch as it was then.

    Policies, inventory and mesh facts are those of that commit; the times of commits are those
    that whoever merged them gave. Raises UsageError where there is no such workload, or nothing
    was there yet.
    """
    line = _line(session, environment)
    commit = next((commit for commit in line if commit.committed_at <= at), None)
    if commit is None:
        raise NothingToCheckError(
            f"{session.main} has no commit from before {at.isoformat(timespec='minutes')}",
            hint="a shallow clone knows no more: git fetch --unshallow",
        )
    clock = Clock(at, at.date())
    then = session_at(
        session.repository, commit.sha, clock, cache=session.cache, engine=session.engine
    )
    files, entry = _files_then(session, then, environment)
    namespace, _, name = workload.partition("/")
    mesh = then.judge({environment: read_rendered(files)})[environment].require_context().mesh
    if mesh is None:
        raise NothingToCheckError(f"inventory/{environment} had no workload then")
    try:
        own = mesh.workload(namespace, name)
    except LookupError as error:
        workloads = sorted({str(other) for other in mesh.workloads if other.namespace == namespace})
        raise UsageError(
            f"inventory/{environment} had no workload {workload} then",
            hint=f"{namespace} had {', '.join(workloads)}"
            if workloads
            else "write it as NAMESPACE/NAME",
        ) from error
    ports = tuple((port, mesh.mode_at(own, port)) for port in (*mesh.ports(own), None))
    return EnforcedModes(environment, at, commit, entry, own, ports)


def _files_then(
    session: Session, then: Session, environment: str
) -> tuple[Mapping[str, bytes], HistoryEntry | None]:
    """What the clusters were to sync at that moment, and the event that put it there."""
    policy = then.policy.of(environment)
    if not policy.pinned:
        newest = then.releases.newest()
        return then.render(policy, newest), None
    rendered = then.rendered(environment)
    if not rendered:
        raise NothingToCheckError(f"{environment} was not adopted then")
    entries = _entries(session, then.files, environment)
    return rendered, next(entry for entry in entries if entry.record.event.changes_render)


def _entries(
    session: Session, files: Mapping[str, bytes], environment: str
) -> Iterator[HistoryEntry]:
    """The events that files tell of, newest first; the merge is that of the base branch."""
    ledger = read_ledger(files, environment)
    records = [recorded.record for recorded in ledger]
    merged = record_times(session.repository, session.commit, environment, records)
    for recorded in reversed(ledger):
        yield _entry(session, recorded, merged[recorded.record.path])


def _line(session: Session, environment: str) -> list[Commit]:
    """The main line, newest first, with times that an event of the environment counts from."""
    ledger = read_ledger(session.files, environment)
    records = [recorded.record for recorded in ledger]
    counted = record_times(session.repository, session.commit, environment, records)
    return forward(mainline(session.repository, session.commit), [*counted.values()])


def merged_at(session: Session, recorded: Recorded, commit: str) -> datetime.datetime | None:
    """When the pull request of a record was merged, as its tag or the forge tells; None: neither.

    `commit` is the one that brought the record.
    """
    facts = tagged(session.repository, recorded)
    if facts is not None and facts["pullRequest"] is not None:
        return moment_of(facts.get("mergedAt"))
    if not session.forge.hosted:
        return None
    pull = pull_request_of(session, names.branch(recorded.record), commit)
    return pull.merged_at if pull is not None else None


def _entry(session: Session, recorded: Recorded, merged: Commit) -> HistoryEntry:
    facts, known_by = tagged(session.repository, recorded), "tag"
    if facts is None and session.forge.hosted:
        facts, known_by = approvals(session, recorded, merged.sha), "forge"
    if facts is None:
        return HistoryEntry(recorded.record, merged)
    return HistoryEntry(
        recorded.record, merged, tuple(facts["approvals"]), facts["pullRequest"], known_by
    )


def tagged(repository: Repository, recorded: Recorded) -> JSONObject | None:
    """What the tag of a record says; None where there is none, or it is about something else."""
    name = names.tag(recorded.record.environment, recorded.record.sequence)
    if repository.find(f"refs/tags/{name}") is None:
        return None
    message = repository.run("for-each-ref", f"--format={MESSAGE}", f"refs/tags/{name}")
    start = message.find("\n{")
    try:
        facts, _ = json.JSONDecoder().raw_decode(message[start + 1 :])
    except json.JSONDecodeError:
        return None
    same = isinstance(facts, dict) and facts.get("recordSha256") == recorded.sha256
    return facts if same and {"approvals", "pullRequest"} <= facts.keys() else None
