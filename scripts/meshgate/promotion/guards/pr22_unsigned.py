"""The head commit is signed by one who may."""

from __future__ import annotations

from collections.abc import Iterator

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.guards.guard import Guard, Objection, known


def check(candidate: Candidate) -> Iterator[Objection]:
    """Ask git, where the environment names its signers."""
    if not candidate.policy.allowed_signers:
        return
    signature = known(candidate.signature, "the signature of the head commit")
    if signature.problem or not signature.signer:
        yield Objection(f"the head commit: {signature.problem or 'nobody signed it'}")


GUARD = Guard(
    id="PR22",
    name="unsigned",
    summary="the head commit is not signed by one of `signatures.allowedSigners`",
    why="Who can push to a branch is not who may promote.",
    hint="let the job that promotes sign its commit; docs/promotion.md tells how",
    status="scope",
    check=check,
)
