"""What the page of a pull request is made of: the record, and what this run says of it."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping

from msgspec import Struct, field, structs

from meshgate.effect import Effect, describe
from meshgate.pipeline.reports import baseline_note
from meshgate.promotion.candidate import Candidate
from meshgate.promotion.environment_state import EnvironmentState, Event
from meshgate.promotion.files import rendered_folder
from meshgate.promotion.guards import BY_ID, Refusal
from meshgate.promotion.prepare import PreparedCommit
from meshgate.promotion.records import GateResult, GateVerdict, PromotionRecord
from meshgate.promotion.session import Session
from meshgate.report.escape.visible import visible

# The longest text out of a file, in characters: a long one must not push others out.
LONG = 400
SHORT = 90
# The rule whose findings are ports that are weaker here than in the environment before.
WEAKER = "RE001"


class WeakenedPort(Struct, frozen=True):
    """A port that is weaker here than in the environment before.

    declared: by whom, why and until when; empty: by nobody.
    """

    text: str
    declared: str = ""


class PageContents(Struct, frozen=True):
    """One promotion as it is proposed: what will be committed, and what reviewers ask of it.

    effect    what it does to ports and calls; None: nothing was here before, or it changes nothing
    diffs     unified diff of each changed file of rendered/<environment>, by its path in there
    waits     guards that wait for somebody's word; gates tell of themselves
    also_in   the environments above that hold the release a rollback rejects
    notes     sentences that a reviewer must read first
    named     the gates of the environment, which promotions wait for
    """

    record: PromotionRecord
    state: EnvironmentState
    before: EnvironmentState | None = None
    base: str = "main"
    effect: Effect | None = None
    diffs: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    waits: tuple[Refusal, ...] = ()
    differences: tuple[WeakenedPort, ...] = ()
    also_in: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        return self.record.environment

    @property
    def waiting(self) -> tuple[GateResult, ...]:
        """The gates that do not let it pass yet."""
        blocking = {GateVerdict.WAITING, GateVerdict.FAIL}
        return tuple(gate for gate in self.record.gates if gate.verdict in blocking)

    @property
    def needs_a_look(self) -> bool:
        """Whether what it does is no plain good news, as `meshgate diff` marks it."""
        return self.effect is not None and describe.gravity(self.effect) is not None

    @property
    def is_stop(self) -> bool:
        """Whether it only moves the line, and changes nothing in a cluster."""
        return self.record.event in {Event.HOLD, Event.RESUME, Event.REJECT}


def digest_of(text: str) -> str:
    """Names a page: 64 hex digits, the same for the same text whatever its line ends."""
    lines = (line.rstrip() for line in text.splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def page_contents(
    session: Session,
    prepared: PreparedCommit,
    record: PromotionRecord,
    state: EnvironmentState,
    notes: tuple[str, ...] = (),
) -> PageContents:
    """The page of a record: with the gates and refusals of this run."""
    judgement = prepared.judgement
    shown = structs.replace(record, gates=tuple(judgement.gates) or record.gates)
    candidate = judgement.candidate
    return PageContents(
        record=shown,
        state=state,
        before=prepared.before,
        base=session.main,
        effect=candidate.effect if candidate is not None else None,
        diffs=_diffs(session, prepared),
        refusals=judgement.final,
        waits=tuple(
            refusal
            for refusal in judgement.refusals
            if refusal.waits and not BY_ID[refusal.guard].shown_as_gate
        ),
        differences=_differences(candidate) if candidate is not None else (),
        also_in=_also_in(session, prepared),
        notes=(*notes, *_of_baseline(candidate)),
        named=tuple(gate.name for gate in session.policy.of(record.environment).gates),
    )


def _of_baseline(candidate: Candidate | None) -> tuple[str, ...]:
    """How many findings of the render the baseline accepts."""
    return tuple(baseline_note(candidate.findings or ())) if candidate is not None else ()


def _diffs(session: Session, prepared: PreparedCommit) -> Mapping[str, str]:
    """A unified diff of each rendered file that changes, by its path in rendered/<environment>."""
    folder = rendered_folder(prepared.record.environment)
    diffs = {}
    for path, content in prepared.transition.files.items():
        if path.startswith(folder):
            name = path.removeprefix(folder)
            before = _lines(session.files.get(path))
            diffs[name] = "".join(
                difflib.unified_diff(before, _lines(content), f"a/{name}", f"b/{name}")
            )
    return diffs


def _differences(candidate: Candidate) -> tuple[WeakenedPort, ...]:
    """Ports that are weaker here than before, as declared, and as found."""
    declared = tuple(
        WeakenedPort(
            f"{declaration.workload}:{declaration.port if declaration.port is not None else '*'}",
            f"{declaration.owner}, until {declaration.expires}: {declaration.reason}",
        )
        for declaration in candidate.environment.differences
    )
    undeclared = tuple(
        WeakenedPort(finding.message)
        for finding in candidate.findings or ()
        if finding.rule == WEAKER and finding.waiver is None
    )
    return undeclared + declared


def _also_in(session: Session, prepared: PreparedCommit) -> tuple[str, ...]:
    """The environments before that hold the release which a rollback rejects."""
    record = prepared.record
    if record.event is not Event.ROLLBACK or prepared.before is None:
        return ()
    holding = []
    for policy in session.policy.before(record.environment):
        state = session.state(policy.name) if policy.pinned else None
        if state is not None and state.release == prepared.before.release:
            holding.append(policy.name)
    return tuple(holding)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines(keepends=True)


def cut(text: str, length: int = LONG) -> str:
    """The text with every character visible, or its start."""
    shown = visible(text[:length])
    return shown if len(shown) <= length and len(text) <= length else shown[:length] + "..."
