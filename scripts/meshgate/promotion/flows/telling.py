"""What a page tells of a commit, beside its record: the diff, differences, the gates as of now."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

from meshgate.promotion.body import Contents, Difference
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.files import rendered_folder
from meshgate.promotion.flows.ground import Ground
from meshgate.promotion.flows.making import Made
from meshgate.promotion.values import EnvironmentState, Event, PromotionRecord

# A port that is weaker here than in the environment before.
WEAKER = "RE001"
# Soak, evidence and window: the table of gates has them.
TOLD_BY_GATES = frozenset({"PR08", "PR09", "PR10"})


def contents(
    ground: Ground,
    made: Made,
    record: PromotionRecord,
    state: EnvironmentState,
    notes: tuple[str, ...] = (),
) -> Contents:
    """The page of a record: with the gates and refusals of this run."""
    judged = made.judged
    shown = dataclasses.replace(record, gates=tuple(judged.gates) or record.gates)
    candidate = judged.candidate
    return Contents(
        record=shown,
        state=state,
        before=made.before,
        base=ground.main,
        effect=candidate.effect if candidate is not None else None,
        diffs=diffs(ground, made),
        refusals=tuple(refusal for refusal in judged.refusals if not refusal.waits),
        waits=tuple(
            refusal
            for refusal in judged.refusals
            if refusal.waits and refusal.guard not in TOLD_BY_GATES
        ),
        differences=differences(candidate) if candidate is not None else (),
        also_in=also_in(ground, made),
        notes=notes,
    )


def diffs(ground: Ground, made: Made) -> Mapping[str, str]:
    """A unified diff of each rendered file that changes, by its path in rendered/<environment>."""
    folder = rendered_folder(made.advance.record.environment)
    found = {}
    for path, content in made.advance.files.items():
        if path.startswith(folder):
            name = path.removeprefix(folder)
            before = _lines(ground.files.get(path))
            found[name] = "".join(
                difflib.unified_diff(before, _lines(content), f"a/{name}", f"b/{name}")
            )
    return found


def differences(candidate: Candidate) -> tuple[Difference, ...]:
    """Ports that are weaker here than before, as declared, and as found."""
    declared = tuple(
        Difference(
            f"{one.workload}:{one.port if one.port is not None else '*'}",
            f"{one.owner}, until {one.expires}: {one.reason}",
        )
        for one in candidate.environment.differences
    )
    found = tuple(
        Difference(finding.message)
        for finding in candidate.findings or ()
        if finding.rule == WEAKER and finding.waiver is None
    )
    return found + declared


def also_in(ground: Ground, made: Made) -> tuple[str, ...]:
    """The environments before that hold the release which a rollback rejects."""
    record = made.advance.record
    if record.event is not Event.ROLLBACK or made.before is None:
        return ()
    found = []
    for one in ground.policy.before(record.environment):
        state = ground.state(one.name) if one.pinned else None
        if state is not None and state.release == made.before.release:
            found.append(one.name)
    return tuple(found)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines(keepends=True)
