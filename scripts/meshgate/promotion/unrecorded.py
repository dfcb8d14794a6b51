"""Commits that changed what promotion owns of an environment, and recorded nothing.

Clusters had what they brought, also where a later commit took it back.
"""

from __future__ import annotations

from collections.abc import Collection

from meshgate.promotion.files import ledger_folder, rendered_folder, state_path
from meshgate.repository import Commit, Repository, mainline


def unrecorded(
    repository: Repository,
    main: str,
    environment: str,
    recording: Collection[str],
    again: Collection[str] = (),
) -> list[Commit]:
    """Those on the main line since an environment's first record.

    recording  the commits that added its records
    again      those of them that adopted it once more: what came right before, the record accounts
               for, with a reason
    """
    owned = rendered_folder(environment), state_path(environment), ledger_folder(environment)
    changing = mainline(repository, main, *owned)
    since = max((at for at, commit in enumerate(changing) if commit.sha in recording), default=0)
    found = []
    newer = ""
    for commit in changing[:since]:
        if commit.sha in recording:
            newer = commit.sha
        elif newer not in again:
            found.append(commit)
    return found
