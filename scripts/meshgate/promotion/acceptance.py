"""What owners of the exceptions accepted: one set of breaks or deletions, of one release."""

from __future__ import annotations

from meshgate.promotion.candidate import Candidate


def acknowledged(candidate: Candidate, digest: str) -> bool:
    """Whether `acknowledgements` of the base accept exactly this set for this release, today.

    digest  of the set: `Effect.breaks_digest`, or that of deletions
    """
    return any(
        accepted.release == candidate.release
        and accepted.breaks == digest
        and candidate.today <= accepted.until
        for accepted in candidate.environment.acknowledgements
    )
