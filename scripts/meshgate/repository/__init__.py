"""What git knows of the judged repository; the only package that imports GitPython.

- `changed_files(root, reference)`: what differs from a reference, in the working tree; `changed`
  also tells what git ignores there, and what is compared with. `changed_between`: two trees.
- `Repository(root)`: a context manager; `resolve`, `object_id`, `entries`, `read`.
- `extract`: the files of a commit, into a folder; `refuse` and `write_entries` are its two steps.
- `mainline`, `commits_between`, `merge_base`, `is_ancestor`, `additions`: history.
- `base_branch(repository, branch)`: the branch that counts.
- `signed(repository, commit, allowed_signers)`: who signed a commit.
- `commit_files`, `set_branch`, `push_branch`, `remote_branch`, `fetch`, `tag`, `push_tag`,
  `move_tag`: writing, never through the user's index or working tree, never by plain force.
"""

from __future__ import annotations

from meshgate.repository.blob_digests import blob_digests
from meshgate.repository.commit import Commit
from meshgate.repository.extracting import extract, refuse, write_entries
from meshgate.repository.history import (
    additions,
    commit_of,
    commits_between,
    ids_between,
    is_ancestor,
    mainline,
    merge_base,
    merge_bases,
    moment,
    newest_change,
    people,
    with_authors,
)
from meshgate.repository.refs import (
    BaseBranch,
    MovedError,
    base_branch,
    fetch,
    has_remote,
    move_tag,
    push_branch,
    push_tag,
    remote_branch,
    set_branch,
    tag,
    tag_message,
)
from meshgate.repository.repository import (
    EXECUTABLE,
    LINK,
    REGULAR,
    SUBMODULE,
    Repository,
    refuse_shallow,
)
from meshgate.repository.signatures import Signed, signed
from meshgate.repository.trees import TreeEntry
from meshgate.repository.worktree import (
    Changed,
    changed,
    changed_between,
    changed_files,
    top,
)
from meshgate.repository.writing import commit_files

__all__ = [
    "EXECUTABLE",
    "LINK",
    "REGULAR",
    "SUBMODULE",
    "BaseBranch",
    "Changed",
    "Commit",
    "MovedError",
    "Repository",
    "Signed",
    "TreeEntry",
    "additions",
    "base_branch",
    "blob_digests",
    "changed",
    "changed_between",
    "changed_files",
    "commit_files",
    "commit_of",
    "commits_between",
    "extract",
    "fetch",
    "has_remote",
    "ids_between",
    "is_ancestor",
    "mainline",
    "merge_base",
    "merge_bases",
    "moment",
    "move_tag",
    "newest_change",
    "people",
    "push_branch",
    "push_tag",
    "refuse",
    "refuse_shallow",
    "remote_branch",
    "set_branch",
    "signed",
    "tag",
    "tag_message",
    "top",
    "with_authors",
    "write_entries",
]
