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
from meshgate.promotion.base import Base, Clock, base_at
from meshgate.promotion.files import below, ledger_folder, rendered_folder
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.recording import approvals
from meshgate.promotion.ledger import Recorded, read_ledger
from meshgate.promotion.rendering import render
from meshgate.promotion.snapshot import at_commit, contents
from meshgate.promotion.standings import objects
from meshgate.promotion.values import PromotionRecord
from meshgate.repository import Commit, additions, mainline

MESSAGE = "%(contents)"


class Entry(NamedTuple):
    """One event of an environment.

    merged     the first-parent commit of the base that brought it
    approvals  as its tag, or else the forge, has them: login, commit, at
    pull       the pull request: number, url, mergedBy; None: not known
    known_by   where approvals are from: `tag`, `forge`, or empty: nobody could be asked
    """

    record: PromotionRecord
    merged: Commit
    approvals: tuple[JSONObject, ...] = ()
    pull: JSONObject | None = None
    known_by: str = ""


class Enforced(NamedTuple):
    """What one workload enforced in one environment at a moment.

    commit  the end of the base branch then, whose files decided
    entry   the event whose render was there; None: the environment was floating
    ports   container port (None: every other) and the answer
    """

    environment: str
    at: datetime.datetime
    commit: Commit
    entry: Entry | None
    workload: Workload
    ports: tuple[tuple[int | None, ServerMode], ...]


def history(ground: Ground, environment: str) -> list[Entry]:
    """The events of a pinned environment, newest first.

    Raises UsageError for one that has none, IntegrityError where the ledger is broken.
    """
    ground.adopted(environment)
    return list(_entries(ground, ground.files, environment))


def enforced(ground: Ground, environment: str, workload: str, at: datetime.datetime) -> Enforced:
    """What a workload (`NS/NAME`) enforced at a moment, from the base branch as it was then.

    Policies, inventory and mesh facts are those of that commit; the times of commits are those
    that whoever merged them gave. Raises UsageError where there is no such workload, or nothing
    was there yet.
    """
    line = mainline(ground.repository, ground.base.commit)
    commit = next((each for each in line if each.committed_at <= at), None)
    if commit is None:
        raise NothingToCheckError(
            f"{ground.main} has no commit from before {at.isoformat(timespec='minutes')}",
            hint="a shallow clone knows no more: git fetch --unshallow",
        )
    base = base_at(
        ground.repository,
        commit.sha,
        Clock(at, at.date()),
        cache=ground.cache,
        engine=ground.base.engine,
    )
    found, entry = _files(ground, base, environment)
    judged = base.judge({environment: objects(found)})[environment]
    namespace, _, name = workload.partition("/")
    mesh = judged.held().mesh
    if mesh is None:
        raise NothingToCheckError(f"inventory/{environment} had no workload then")
    try:
        own = mesh.workload(namespace, name)
    except LookupError as error:
        known = sorted({str(each) for each in mesh.workloads if each.namespace == namespace})
        raise UsageError(
            f"inventory/{environment} had no workload {workload} then",
            hint=f"{namespace} had {', '.join(known)}" if known else "write it as NAMESPACE/NAME",
        ) from error
    ports = tuple((port, mesh.mode_at(own, port)) for port in (*mesh.ports(own), None))
    return Enforced(environment, at, commit, entry, own, ports)


def _files(
    ground: Ground, base: Base, environment: str
) -> tuple[Mapping[str, bytes], Entry | None]:
    """What the clusters were to sync at a base, and the event that put it there."""
    policy = base.policy.of(environment)
    if not policy.pinned:
        newest = base.releases.newest()
        commit = newest.source.commit
        return render(base.repository, commit, environment, policy.overlay, cache=base.cache), None
    files = contents(at_commit(base.repository, base.commit))
    rendered = below(files, rendered_folder(environment))
    if not rendered:
        raise NothingToCheckError(f"{environment} was not adopted then")
    entries = _entries(ground, files, environment)
    return rendered, next(each for each in entries if each.record.event.changes_render)


def _entries(ground: Ground, files: Mapping[str, bytes], environment: str) -> Iterator[Entry]:
    """The events that files tell of, newest first; the merge is that of the base branch."""
    folder = ledger_folder(environment)
    merged = additions(ground.repository, ground.base.commit, folder)
    line = {
        commit.sha: commit
        for commit in mainline(ground.repository, ground.base.commit, folder.rstrip("/"))
    }
    for recorded in reversed(read_ledger(files, environment)):
        commit = line[merged[recorded.record.path]]
        yield _entry(ground, recorded, commit)


def _entry(ground: Ground, recorded: Recorded, merged: Commit) -> Entry:
    told, known_by = _tagged(ground, recorded), "tag"
    if told is None and ground.forge.hosted:
        told, known_by = approvals(ground, recorded, merged.sha), "forge"
    if told is None:
        return Entry(recorded.record, merged)
    return Entry(recorded.record, merged, tuple(told["approvals"]), told["pullRequest"], known_by)


def _tagged(ground: Ground, recorded: Recorded) -> JSONObject | None:
    """What the tag of a record says; None where there is none, or it is about something else."""
    name = names.tag(recorded.record.environment, recorded.record.sequence)
    if ground.repository.find(f"refs/tags/{name}") is None:
        return None
    message = ground.repository.run("for-each-ref", f"--format={MESSAGE}", f"refs/tags/{name}")
    start = message.find("\n{")
    try:
        told, _ = json.JSONDecoder().raw_decode(message[start + 1 :])
    except json.JSONDecodeError:
        return None
    same = isinstance(told, dict) and told.get("recordSha256") == recorded.sha256
    return told if same and {"approvals", "pullRequest"} <= told.keys() else None
