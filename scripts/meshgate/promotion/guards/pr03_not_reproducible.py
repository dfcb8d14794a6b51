"""rendered/<environment> is what the recorded source renders to, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import FORWARD, RENDERING, EnvironmentState, Event
from meshgate.promotion.files import git_tree, rendered_sum
from meshgate.promotion.guards.guard import Guard, Objection, known
from meshgate.wording import agree, plural

MOST_SHOWN = 10


def check(candidate: Candidate) -> Iterator[Objection]:
    """Compare the files with state and record, and with a fresh render or the recorded bytes."""
    if candidate.event in FORWARD:
        yield from _base_holds(candidate)
    state = known(candidate.head.state, f"the state of {candidate.name}")
    actual = candidate.head.rendered
    if candidate.event not in RENDERING:
        yield from _moved_nothing(candidate, state)
        return
    if not actual:
        yield Objection(
            f"rendered/{candidate.name} is empty",
            "an empty result would delete every policy of the environment",
        )
    yield from _misstated(candidate, state, actual)
    if candidate.event is not Event.ROLLBACK:
        if state.rendered.overlay != candidate.policy.sources:
            yield Objection(
                f"it was rendered from {state.rendered.overlay!r}, and not from "
                f"{candidate.policy.sources!r}"
            )
        content = known(candidate.source, f"the inputs of {state.source.commit}")
        if content.release != candidate.release:
            yield Objection(
                f"{state.source.commit[:12]} holds {content.release}, not {candidate.release}"
            )
        if content.source != candidate.record.source:
            yield Objection(f"the record tells other trees than {state.source.commit[:12]} has")
    expected = known(candidate.expected, f"the render of {state.source.commit}")
    differing = [
        *(f"- {path}" for path in expected.keys() - actual.keys()),
        *(f"+ {path}" for path in actual.keys() - expected.keys()),
        *(f"~ {path}" for path in expected if expected[path] != actual.get(path, expected[path])),
    ]
    if differing:
        expectation = (
            "the recorded bytes" if candidate.event is Event.ROLLBACK else "a fresh render"
        )
        yield Objection(
            f"{plural(len(differing), 'file')} of rendered/{candidate.name} "
            f"{agree(len(differing), 'differs', 'differ')} from {expectation}",
            details=tuple(sorted(differing, key=lambda line: line[2:])[:MOST_SHOWN]),
        )


def _misstated(
    candidate: Candidate, state: EnvironmentState, actual: Mapping[str, bytes]
) -> Iterator[Objection]:
    """What state and record say of the files is so."""
    facts = {
        "tree": git_tree(candidate.name, actual),
        "sha256": rendered_sum(candidate.name, actual),
        "resources": len(actual),
    }
    for whose, rendered in (("state", state.rendered), ("record", candidate.record.rendered)):
        wrong = [key for key, value in facts.items() if getattr(rendered, key) != value]
        if wrong:
            yield Objection(f"the {whose} tells another {' and '.join(wrong)} than the files have")


def _base_holds(candidate: Candidate) -> Iterator[Objection]:
    state = candidate.base.state
    if state is None:
        yield Objection(
            f"{candidate.name} has no state yet", f"run `meshgate adopt {candidate.name}` first"
        )
        return
    actual = candidate.base.rendered
    if rendered_sum(candidate.name, actual) != state.rendered.sha256:
        yield Objection(
            f"rendered/{candidate.name} was edited since record {state.record}",
            f"`meshgate adopt {candidate.name} --again` renders it anew",
        )


def _moved_nothing(candidate: Candidate, after: EnvironmentState) -> Iterator[Objection]:
    before = known(candidate.base.state, f"the state of {candidate.name} before")
    if (before.release, before.source, before.rendered) != (
        after.release,
        after.source,
        after.rendered,
    ):
        yield Objection(f"a {candidate.event} moves no release, and this one does")


GUARD = Guard(
    id="PR03",
    name="not-reproducible",
    summary="the rendered files are not byte for byte what the recorded source renders to",
    why="Two changes that merge cleanly can leave a render that no source gives; an edited file "
    "says what nobody reviewed.",
    hint="close the pull request and run `meshgate promote` again; do not edit rendered files",
    status="reproducible",
    check=check,
    follows_rules=False,
)
