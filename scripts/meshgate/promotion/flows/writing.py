"""The way of small commits to the base branch: a pull request, or at once where that is allowed."""

from __future__ import annotations

from meshgate.errors import RefusedError
from meshgate.promotion import names
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made, refuse
from meshgate.promotion.flows.proposing import Opened, propose
from meshgate.promotion.forges import PullRequest
from meshgate.repository import MovedError, push_branch, set_branch


def write(ground: Ground, made: Made, *, direct: bool = False) -> Opened:
    """The pull request of a commit; or, `direct`, the commit itself on the base branch.

    Direct is the break-glass way: the forge's rules decide whether this account may.
    """
    refuse(made)
    if not direct:
        return propose(ground, made, again=True)
    main, record = ground.main, made.advance.record
    try:
        if ground.remote:
            push_branch(ground.repository, main, made.commit, expected=ground.base.commit)
        else:
            set_branch(ground.repository, main, made.commit, expected=ground.base.commit)
    except MovedError as error:
        raise RefusedError(
            f"{main} moved meanwhile; nothing was written",
            why=str(error.what),
            hint="run the command again",
        ) from error
    pull = PullRequest(
        number=0,
        url="",
        head=main,
        head_sha=made.commit,
        base=main,
        title=names.title(record),
        body="",
        author=ground.setting.login,
        state="merged",
        merge_commit=made.commit,
    )
    return Opened(made, record, made.advance.state, made.commit, pull, pushed=True)
