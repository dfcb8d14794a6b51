"""Whether every record ever is still what was merged, and still follows from its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshgate.errors import BuildError, IntegrityError, RepositoryError
from meshgate.promotion.audit import Fault, Renders, fault_of
from meshgate.promotion.files import ledger_folder, rendered_folder, sha256, state_path
from meshgate.promotion.ledger import Recorded
from meshgate.promotion.release import Releases
from meshgate.promotion.rendering import rendered_of
from meshgate.promotion.values import Event, PromotionRecord
from meshgate.repository import Repository, additions, mainline


def need_history(repository: Repository) -> None:
    """Raise RepositoryError in a shallow clone."""
    if repository.shallow:
        raise RepositoryError(
            "this clone is shallow, and the commits of old records are not in it",
            hint="git fetch --unshallow",
        )


def deep_faults(
    environment: str, records: Sequence[Recorded], renders: Renders, releases: Releases
) -> Iterator[Fault]:
    """What is wrong with the records of an environment, up to the main line of `releases`.

    Each must be what a commit added; each that changed what is rendered must have changed it to
    what its source renders to. Raises ToolError where one cannot be rendered here.
    """
    repository = renders.repository
    added = additions(repository, releases.main, ledger_folder(environment))
    replayable: set[tuple[str, str]] = set()
    for each in records:
        record = each.record
        commit = added.get(record.path)
        if commit is None:
            yield Fault(environment, record.path, "is in no commit of the main line")
        else:
            content = repository.read(commit, record.path) or b""
            if sha256(content) != each.sha256:
                yield Fault(environment, record.path, f"is not what {commit[:10]} added")
            yield from _tree_faults(record, commit, renders)
        if record.event.changes_render:
            try:
                _check_source(record, renders, releases)
            except IntegrityError as error:
                if (record.event, record.rendered.sha256) not in replayable:
                    yield fault_of(environment, error)
            replayable.add((Event.ROLLBACK, record.rendered.sha256))


def lost(environment: str, releases: Releases) -> Iterator[Fault]:
    """A fault where the main line had a state of this environment once, for one that has none."""
    path = state_path(environment)
    if mainline(releases.repository, releases.main, path):
        yield Fault(environment, path, "is missing", "A commit of the main line had it.")


def _tree_faults(record: PromotionRecord, commit: str, renders: Renders) -> Iterator[Fault]:
    folder = rendered_folder(record.environment)
    tree = renders.repository.object_id(commit, folder.rstrip("/"))
    if record.event.changes_render and tree != record.rendered.tree:
        yield Fault(
            record.environment,
            record.path,
            f"was merged by {commit[:10]} with another {folder}",
            f"It tells {record.rendered.tree}, and there it is {tree}.",
        )


def _check_source(record: PromotionRecord, renders: Renders, releases: Releases) -> None:
    """Raise IntegrityError unless the record's source gives its release and what it rendered."""
    try:
        files = renders.of(record)
        source = releases.source(record.source.commit)
    except (BuildError, RepositoryError) as error:
        raise IntegrityError(
            "tells a source that does not render", file=record.path, why=str(error)
        ) from error
    if source != record.source or releases.id(source) != record.release:
        raise IntegrityError(
            f"its source {record.source.commit[:10]} is the release {releases.id(source)}",
            file=record.path,
        )
    if rendered_of(record.environment, files, record.rendered.overlay) != record.rendered:
        raise IntegrityError(
            f"its source {record.source.commit[:10]} renders something else", file=record.path
        )
