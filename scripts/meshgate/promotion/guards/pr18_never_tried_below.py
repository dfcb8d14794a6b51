"""What changes to something that no environment before has is limited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from meshgate.model import JSON, Resource
from meshgate.promotion.acceptance import acknowledged
from meshgate.promotion.backport import leaves
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.promotion.guards.questions import MOST_SHOWN, how_to_acknowledge
from meshgate.wording import agree, plural


def unseen(candidate: Candidate) -> list[str]:
    """The fields that change here to what the environments before do not have, sorted.

    Each as `Kind/namespace/name#/pointer`. Raises MissingError.
    """
    before = _fields(known(candidate.before, "the objects before"))
    after = _fields(known(candidate.after, "the objects afterwards"))
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    upstream: list[dict[str, JSON]] = []
    for status in candidate.upstream:
        objects = known(status.objects, f"the render for {status.environment}")
        upstream.append(_fields(objects))
    return sorted(
        key for key in changed if all(fields.get(key) != after.get(key) for fields in upstream)
    )


def check(candidate: Candidate) -> Iterator[Objection]:
    """Count the fields, against the limit of the environment."""
    if not candidate.upstream or candidate.base.state is None:
        return
    untried = unseen(candidate)
    limit = candidate.policy.unseen_fields
    digest = hashlib.sha256("\n".join(("PR18", *untried)).encode()).hexdigest()
    if len(untried) > limit and not acknowledged(candidate, digest):
        change = agree(len(untried), "changes", "change")
        yield Objection(
            f"{plural(len(untried), 'field')} {change} to what no environment "
            f"before has, at most {limit}",
            how_to_acknowledge(candidate, digest),
            details=tuple(untried[:MOST_SHOWN]),
        )


def _fields(resources: Sequence[Resource]) -> dict[str, JSON]:
    return {
        f"{resource}#{pointer}": value
        for resource in resources
        for pointer, value in leaves(resource.value)
    }


GUARD = Guard(
    id="PR18",
    name="never-tried-below",
    summary="more fields change to values that no environment before has than the limit allows",
    why="What only exists in this environment's overlay was never tried anywhere.",
    hint="bring the environments closer, promote in smaller parts, or accept exactly this set",
    status="effects",
    check=check,
    events=FORWARD,
)
