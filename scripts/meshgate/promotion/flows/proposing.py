"""Push a commit and open its pull request, or find both: the same command twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshgate.errors import IntegrityError, RefusedError
from meshgate.promotion import names
from meshgate.promotion.body import render
from meshgate.promotion.files import below, ledger_folder, rendered_folder, sha256, state_path
from meshgate.promotion.flows.superseding import close_stale, refuse_closed
from meshgate.promotion.flows.telling import contents
from meshgate.promotion.forges import Draft
from meshgate.promotion.guards.guard import FORWARD
from meshgate.promotion.ledger import read_record
from meshgate.promotion.sides import ADDED, changes
from meshgate.promotion.snapshot import at_commit
from meshgate.promotion.snapshot import contents as bytes_of
from meshgate.promotion.state import read_state, state_of
from meshgate.promotion.values import Previous
from meshgate.repository import MovedError, is_ancestor, push_branch, set_branch

if TYPE_CHECKING:
    from meshgate.promotion.flows.ground import Ground
    from meshgate.promotion.flows.making import Made
    from meshgate.promotion.forges import PullRequest
    from meshgate.promotion.values import EnvironmentState, PromotionRecord

EDITED = "<!-- meshgate-edited -->"


@dataclass(frozen=True, slots=True)
class Opened:
    """A pull request as the run left it.

    made      what this run would write; the rest is what is there
    pushed    whether the branch moved
    degraded  what could not be done beside: labels, comments; the next run tries again
    closed    numbers of the pull requests that it stands in for
    """

    made: Made
    record: PromotionRecord
    state: EnvironmentState
    commit: str
    pull: PullRequest
    pushed: bool
    degraded: tuple[str, ...] = ()
    closed: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a branch of this name holds already.

    stale   it does not follow the state that the base has now
    """

    commit: str
    record: PromotionRecord
    state: EnvironmentState
    stale: bool


def propose(
    ground: Ground,
    made: Made,
    *,
    refresh: bool = False,
    again: bool = False,
    notes: tuple[str, ...] = (),
) -> Opened:
    """The pull request of a commit: found, or opened.

    Raises RefusedError where somebody edited the branch, or where it is stale without `refresh`;
    NothingToPromoteError where a person closed it without `again`.
    """
    branch = names.branch(made.advance.record)
    found = there(ground, branch, made)
    forge = ground.forge
    if not again:
        refuse_closed(ground, branch)
    if found is not None and found.stale and not refresh:
        raise RefusedError(
            f"{branch} was made from a state of {found.record.environment} that is no more",
            why=f"It follows sequence {found.record.sequence - 1}; something was merged since.",
            hint="run it again with --refresh: it is then made from the state as it is now",
        )
    kept = found
    if found is None or found.stale or (refresh and _differs(found, made)):
        kept = _push(ground, branch, made, found)
    if kept is not None:
        commit, record, state = kept.commit, kept.record, kept.state
    else:
        commit, record, state = made.commit, made.advance.record, made.advance.state
    page = contents(ground, made, record, state, notes)
    pull = forge.create(
        Draft(
            head=branch,
            base=ground.main,
            title=names.title(record),
            body=render(page, forge.body_limit),
            labels=names.labels(record),
        )
    )
    opened = Opened(made, record, state, commit, pull, kept is None, pull.degraded, notes=notes)
    return opened if record.event in FORWARD else close_stale(ground, opened)


def there(ground: Ground, branch: str, made: Made) -> Proposed | None:
    """What the branch holds, if it is there. Raises RefusedError for one that was edited."""
    commit = ground.tip(branch)
    if commit is None:
        return None
    found = read(ground, commit, made)
    if found is not None:
        return found
    pull = ground.forge.find_open(branch, ground.main)
    if pull is not None:
        ground.forge.comment_sticky(
            pull.number,
            EDITED,
            f"{EDITED}\nThis branch was edited by hand, so meshgate leaves it as it is. "
            "Close the pull request and delete the branch to have it made anew.",
        )
    raise RefusedError(
        f"{branch} was edited by hand",
        why=f"Its commit {commit[:12]} is not what meshgate would write there.",
        hint=f"close its pull request and delete it (git push origin --delete {branch}), "
        "then run the command again",
    )


def read(ground: Ground, commit: str, made: Made) -> Proposed | None:
    """A commit as meshgate made it; None where it holds anything else."""
    wanted = made.advance.record
    environment = wanted.environment
    ground.know(commit)
    files = bytes_of(at_commit(ground.repository, commit))
    path = _new_record(ground, commit, environment)
    try:
        record = read_record(files[path or ""], path or "").record
        state = read_state(files[state_path(environment)], environment)
    except (IntegrityError, KeyError):
        return None
    is_same = (
        (record.event, record.release) == (wanted.event, wanted.release)
        and (record.event.changes_render or record.reason == wanted.reason)
        and state == state_of(record, sha256(files[record.path]))
        and below(files, rendered_folder(environment)) == _rendered_after(ground, made)
    )
    if not is_same:
        return None
    return Proposed(commit, record, state, stale=record.previous != _link(made.before))


def _new_record(ground: Ground, commit: str, environment: str) -> str | None:
    """The one record that a commit adds, on top of some commit of the base, within its scope."""
    repository = ground.repository
    parents = repository.run("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    if len(parents) != 1 or not is_ancestor(repository, parents[0], ground.base.commit):
        return None
    found = changes(repository.entries(parents[0]), repository.entries(commit))
    folder = ledger_folder(environment)
    own = (rendered_folder(environment), folder, state_path(environment))
    added = [one.path for one in found if one.path.startswith(folder) and one.kind == ADDED]
    within = all(one.path.startswith(own) for one in found)
    return added[0] if within and len(added) == 1 else None


def _push(ground: Ground, branch: str, made: Made, found: Proposed | None) -> Proposed | None:
    """Move the branch to the commit; what is there instead where somebody was faster with it."""
    expected = found.commit if found else None
    try:
        if ground.remote:
            push_branch(ground.repository, branch, made.commit, expected=expected)
        else:
            set_branch(ground.repository, branch, made.commit, expected=expected)
    except MovedError:
        faster = there(ground, branch, made)
        if faster is None or faster.stale:
            raise
        return faster
    return None


def _differs(found: Proposed, made: Made) -> bool:
    """Whether the record tells other effects than those of today."""
    return found.record.effects != made.advance.record.effects


def _rendered_after(ground: Ground, made: Made) -> dict[str, bytes]:
    """rendered/<environment> as this run would leave it."""
    folder = rendered_folder(made.advance.record.environment)
    found = dict(below(ground.files, folder))
    for path, content in made.advance.files.items():
        if path.startswith(folder):
            if content is None:
                found.pop(path, None)
            else:
                found[path] = content
    return found


def _link(state: EnvironmentState | None) -> Previous | None:
    return Previous(state.sequence, state.release, state.record_sha256) if state else None
