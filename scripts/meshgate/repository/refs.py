"""Branches and tags, here and at a remote: moved only from the value they are known to have."""

from __future__ import annotations

from msgspec import Struct

from meshgate.errors import RepositoryError
from meshgate.repository.repository import NETWORK_TIMEOUT, Repository
from meshgate.repository.writing import NO_OBJECT

REMOTE = "origin"
DEFAULT_BRANCHES = ("main", "master")
HEADS, TAGS = "refs/heads/", "refs/tags/"


class MovedError(RepositoryError):
    """A branch is not what it was taken for: somebody else was faster, and nothing was changed."""


class BaseBranch(Struct, frozen=True):
    """The branch that pull requests are merged to.

    branch     its name at the forge
    reference  what was read, here or as it was fetched
    commit     where that is
    """

    branch: str
    reference: str
    commit: str


def base_branch(repository: Repository, branch: str = "", remote: str = REMOTE) -> BaseBranch:
    """The branch that states and ledgers are read from.

    Without a name: the remote's default branch, then `main` and `master`. What was fetched from the
    remote counts before a branch of this clone. Raises RepositoryError.
    """
    if branch:
        names = [branch.removeprefix(f"{remote}/")]
    else:
        names = [*_default_branch(repository, remote), *DEFAULT_BRANCHES]
    for name in names:
        for reference in (f"refs/remotes/{remote}/{name}", f"{HEADS}{name}"):
            if (commit := repository.find(reference)) is not None:
                return BaseBranch(name, reference, commit)
    raise RepositoryError(
        f"there is no branch {' or '.join(dict.fromkeys(names))}, here or at {remote}",
        why="States and ledgers are read from the branch that pull requests are merged to.",
        hint="name it with --branch",
    )


def _default_branch(repository: Repository, remote: str) -> list[str]:
    prefix = f"refs/remotes/{remote}/"
    try:
        head = repository.run("symbolic-ref", "--quiet", f"{prefix}HEAD")
    except RepositoryError:
        return []
    return [head.removeprefix(prefix)]


def has_remote(repository: Repository, remote: str = REMOTE) -> bool:
    """Whether the clone knows a remote of this name."""
    return remote in repository.remotes()


def fetch(repository: Repository, *refspecs: str, remote: str = REMOTE) -> None:
    """Fetch from a remote; without refspecs, what is configured. Raises RepositoryError."""
    repository.run(
        *("fetch", "--quiet", "--no-write-fetch-head", remote, *refspecs),
        what=f"cannot fetch from {remote}",
        timeout=NETWORK_TIMEOUT,
    )
    if repository.shallow:
        repository.forget()


def set_branch(repository: Repository, name: str, commit: str, *, expected: str | None) -> None:
    """Move a branch of this clone from `expected` (None: it must not be there).

    Where it is checked out, the working tree goes along, and changes in it are left as they are.
    Raises MovedError where it is elsewhere, RepositoryError where git cannot.
    """
    branch = f"{HEADS}{name}"
    if expected and repository.run("rev-parse", "--symbolic-full-name", "HEAD") == branch:
        if repository.resolve(branch) != expected:
            raise MovedError(f"the branch {name} is not at {expected}")
        repository.run("merge", "--ff-only", "--quiet", commit)
        return
    try:
        repository.run("update-ref", branch, commit, expected or NO_OBJECT)
    except RepositoryError as error:
        repository.forget()
        if _commit_at(repository, branch) == expected:
            # Nobody was faster: a full disk, a folder that may not be written.
            raise RepositoryError(f"cannot set the branch {name}", why=error.why) from error
        raise MovedError(
            f"the branch {name} is not at {expected or 'no commit'}", why=error.why
        ) from error


def _commit_at(repository: Repository, reference: str) -> str | None:
    """The commit that a reference of this clone has; None: it is not there."""
    listed = repository.run("for-each-ref", "--format=%(objectname)", reference)
    return listed.strip() or None


def remote_branch(repository: Repository, name: str, *, remote: str = REMOTE) -> str | None:
    """The commit a branch has at the remote now; None where it is not there."""
    return _remote_ref(repository, f"{HEADS}{name}", remote)


def push_branch(
    repository: Repository, name: str, commit: str, *, expected: str | None, remote: str = REMOTE
) -> None:
    """Push a commit to a branch that is at `expected` (None: not there) at the remote.

    Raises MovedError when it is elsewhere, RepositoryError when the remote refuses.
    """
    _push(repository, f"{commit}:{HEADS}{name}", f"{HEADS}{name}", expected, remote)


def tag(repository: Repository, name: str, commit: str, message: str) -> bool:
    """Make an annotated tag; False where that commit has it already.

    Signed where `tag.gpgSign` says so. Raises RepositoryError when another commit has it.
    """
    there = repository.find(f"{TAGS}{name}")
    if there is not None:
        if there == commit:
            return False
        raise RepositoryError(
            f"the tag {name} is on {there}, and not on {commit}",
            why="A tag says for good what a commit was.",
            hint=f"find out who moved it: git show {name}",
        )
    repository.run(
        *("tag", "--annotate", "--cleanup=verbatim", "--file=-", name, commit),
        what=f"git cannot make the tag {name}",
        stdin=message.encode(),
    )
    return True


def push_tag(repository: Repository, name: str, *, remote: str = REMOTE) -> None:
    """Push a tag; the same one may be there. Raises MovedError for another one."""
    reference = f"{TAGS}{name}"
    there = _remote_ref(repository, reference, remote)
    if there is None:
        _push(repository, f"{reference}:{reference}", reference, None, remote)
    elif there != repository.run("rev-parse", reference):
        raise MovedError(f"{remote} has another tag {name}", hint=f"git fetch {remote} tag {name}")


def tag_message(repository: Repository, name: str) -> str:
    """What an annotated tag says; empty for one that is none."""
    listed = repository.run("for-each-ref", "--format=%(objecttype)%00%(contents)", f"{TAGS}{name}")
    kind, _, message = listed.partition("\0")
    return message if kind == "tag" else ""


def move_tag(
    repository: Repository,
    name: str,
    commit: str,
    message: str,
    *,
    remote: bool,
    remote_name: str = REMOTE,
) -> None:
    """Put an annotated tag on another commit, here and (`remote`) at the remote.

    Raises RepositoryError where the remote refuses, MovedError where its tag is another one by now;
    then it is here as it was.
    """
    reference = f"{TAGS}{name}"
    former = repository.run("rev-parse", reference)
    repository.run(
        *("tag", "--force", "--annotate", "--cleanup=verbatim", "--file=-", name, commit),
        what=f"git cannot make the tag {name}",
        stdin=message.encode(),
    )
    if not remote:
        return
    try:
        _push(repository, f"+{reference}:{reference}", reference, former, remote_name)
    except RepositoryError:
        repository.run("update-ref", reference, former)
        raise


def _remote_ref(repository: Repository, reference: str, remote: str) -> str | None:
    listed = repository.run(
        *("ls-remote", "--quiet", remote, reference),
        what=f"cannot read the branches of {remote}",
        timeout=NETWORK_TIMEOUT,
    )
    return next(
        (sha for sha, name in map(str.split, listed.splitlines()) if name == reference), None
    )


def _push(
    repository: Repository, refspec: str, reference: str, expected: str | None, remote: str
) -> None:
    try:
        repository.run(
            *("push", "--quiet", f"--force-with-lease={reference}:{expected or ''}"),
            *(remote, refspec),
            what=f"cannot push {reference} to {remote}",
            timeout=NETWORK_TIMEOUT,
        )
    except RepositoryError as error:
        if "stale info" in error.why:
            raise MovedError(
                f"{reference} at {remote} is not at {expected or 'no commit'}",
                why=error.why,
                hint="somebody else pushed meanwhile; fetch and run the command again",
            ) from error
        raise
