"""The records of an environment's ledger: what each event did, and by whose word.

The classes are the files: `schemas/meshgate/state.schema.json` and `record.schema.json` are
generated from them, and a file always has every field that there was when it was written.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal, TypedDict

from msgspec import Meta, field, structs

from meshgate.model.document import ADDED_LATER, Count, EnvironmentName, Text, Time, about, choice
from meshgate.promotion.environment_state import (
    API_VERSION,
    EnvironmentState,
    GitID,
    Hold,
    LedgerPart,
    PendingBackport,
    Previous,
    RecordedEvent,
    RejectedReleases,
    ReleaseID,
    RenderedFiles,
    SequenceNumber,
    Source,
)

Paths = tuple[Text, ...]


class GateVerdict(enum.StrEnum):
    """What a gate says of a promotion, as recorded; `waiting` is never recorded as passed."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    WAITING = "waiting"
    BYPASSED = "bypassed"
    NOT_APPLICABLE = "not-applicable"


class GateEvidence(TypedDict, total=False):
    """What a gate's verdict stands on."""

    type: str
    cluster: str | None
    subjectTree: str | None
    release: str | None
    context: str
    reporter: str
    result: str
    url: str | None
    digest: str
    observedAt: str | None


class GateResult(LedgerPart, frozen=True):
    """One gate: its verdict, why, and the evidence it stands on."""

    name: Text
    verdict: Annotated[GateVerdict, choice(*GateVerdict)]
    reason: str
    evidence: tuple[GateEvidence, ...] = ()


class Bypass(LedgerPart, frozen=True):
    """A gate or environment that was passed over on purpose."""

    gate: Text
    by: str
    reason: str
    ticket: str = ""


class InputChange(LedgerPart, frozen=True):
    """A commit to the inputs between two releases."""

    sha: GitID
    subject: str
    author: str
    co_authors: tuple[str, ...] = ()
    pull_request: Annotated[int, Meta(ge=1)] | None = None


class Upstream(LedgerPart, frozen=True):
    """How an environment before this one stood when the promotion was proposed."""

    environment: EnvironmentName
    release: ReleaseID
    since: Time | None
    synced_at: Time | None = None
    soak: Annotated[Count, about("Seconds.")] | None = None
    verification: str = ""


class DecidingPolicy(TypedDict, total=False):
    """Which level decided the mode of a port, and the policy where one did."""

    level: str
    resource: str | None


class RecordedPortSide(TypedDict, total=False):
    """A port before or after a change."""

    mode: str | None
    decidedBy: DecidingPolicy


class RecordedPort(TypedDict, total=False):
    """A port that gets stricter or weaker."""

    namespace: str
    workload: str
    port: int | None
    before: RecordedPortSide
    after: RecordedPortSide
    change: Annotated[str, choice("tightened", "loosened")]


class RecordedClient(TypedDict):
    """The one client of a group of calls."""

    namespace: str
    workload: str


class RecordedEndpoint(TypedDict):
    """Where calls end."""

    namespace: str
    workload: str | None
    address: str | None
    port: int


class RecordedRequest(TypedDict, total=False):
    """A request that policies of authorization let in or deny now."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    token: Annotated[str, about("The payload of a token that shows it, as JSON.")]


class RecordedCall(TypedDict, total=False):
    """A group of calls that stop to work."""

    client: Annotated[
        str | RecordedClient,
        about("The client itself where there is one, else how many there are of which sort."),
    ]
    count: Annotated[int, Meta(ge=1)]
    host: str
    port: int
    endpoint: Annotated[str | RecordedEndpoint | None, about("A text in records of old.")]
    before: str | None
    after: str | None
    change: str
    witness: Annotated[RecordedRequest | None, about("Absent where policies decide nothing.")]
    requests: Annotated[list[str], about("All requests that are let in or denied now, in words.")]


class DeletedPolicy(TypedDict, total=False):
    """A policy that is gone, and what that uncovers, in words."""

    resource: str
    uncovers: str


class InventoryUsed(TypedDict, total=False):
    """Which inventory an effect was judged with: git's id, and when it last changed."""

    digest: str | None
    at: str | None


class Effects(LedgerPart, frozen=True):
    """The effect of a change: counts, the changed ports and the calls that break."""

    digest: str
    inventory: InventoryUsed = field(default_factory=InventoryUsed)
    tightened: tuple[RecordedPort, ...] = ()
    loosened: tuple[RecordedPort, ...] = ()
    unchanged: Count = 0
    breaks: tuple[RecordedCall, ...] = ()
    deleted: tuple[DeletedPolicy, ...] = ()
    # What policies let in that they denied, and deny of what they let in, each with a witness.
    opened: Annotated[tuple[RecordedCall, ...], ADDED_LATER] = ()
    closed: Annotated[tuple[RecordedCall, ...], ADDED_LATER] = ()


class Acknowledged(TypedDict, total=False):
    """A break that was accepted, or a hotfix's value that was given up, and by whom."""

    finding: str
    by: str
    reason: str
    until: str | None


class Requester(TypedDict, total=False):
    """Who asked for a promotion, through what, and in which run of a pipeline."""

    login: str
    via: str
    run: str | None


class ToolUsed(TypedDict, total=False):
    """What wrote a record, and the renderer it used."""

    name: str
    version: str
    model: Annotated[str, about("Changes with any line by which an effect is computed.")]
    renderer: str
    rendererSha256: str
    helm: Annotated[str, about("Absent where no chart was rendered.")]
    helmSha256: str


class EventDetails(LedgerPart, frozen=True, kw_only=True):
    """What a command says of an event, and its record repeats as it stands."""

    changes: tuple[InputChange, ...] = ()
    effects: Effects | None = None
    gates: tuple[GateResult, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    exercised_below: tuple[str, ...] = ()
    untested_below: tuple[str, ...] = ()
    bypasses: tuple[Bypass, ...] = ()
    acknowledges: tuple[Acknowledged, ...] = ()
    requested_by: Requester = field(default_factory=Requester)
    reason: str = ""
    ticket: str = ""
    tool: ToolUsed = field(default_factory=ToolUsed)


class PromotionRecord(EventDetails, frozen=True, kw_only=True):
    """One event of an environment, a file of `promotion/ledger/<environment>/`.

    What is unknown before the merge (merge commit, merger, approvals) is not in it; `history` joins
    that from git and the forge. `hold`, `rejected` and `debt` are those after the event, so that
    the environment's state follows from its ledger.
    """

    api_version: Literal["meshgate/v1"] = API_VERSION
    kind: Literal["PromotionRecord"] = "PromotionRecord"
    id: Annotated[
        str,
        Meta(
            pattern="^[0-9]{4,}-[a-z]+-r-[0-9a-f]{12}$",
            description="The file's name without its suffix; it follows from the other fields.",
        ),
    ] = ""
    environment: EnvironmentName
    sequence: SequenceNumber
    event: RecordedEvent
    release: ReleaseID
    alias: Text
    source: Source
    rendered: RenderedFiles
    previous: Previous | None
    previous_tree: Annotated[GitID, about("git's id of rendered/<environment> before.")] | None
    added: Paths = ()
    changed: Paths = ()
    removed: Paths = ()
    created_at: Time | None = None
    rollback_command: str = ""
    hold: Hold | None = None
    rejected: RejectedReleases = ()
    pending_backport: PendingBackport | None = field(default=None, name="debt")

    def __post_init__(self) -> None:
        super().__post_init__()
        structs.force_setattr(self, "id", f"{self.sequence:04d}-{self.event}-{self.release}")

    @property
    def path(self) -> str:
        """Where the record lies in the repository."""
        return f"promotion/ledger/{self.environment}/{self.id}.yaml"


def _keys() -> tuple[str, ...]:
    details = EventDetails.__struct_encode_fields__
    own = [key for key in PromotionRecord.__struct_encode_fields__ if key not in details]
    after = own.index("createdAt")
    return (*own[:after], *details, *own[after:])


# The keys of a record in the order of its file, where the details stand before the time.
RECORD_KEYS = _keys()
# The keys of documents that are not in the order of their classes, by the name of the schema.
KEYS = {"record": RECORD_KEYS}

# By the name of the schema: the class of a document, and what it is called for people.
LEDGER_DOCUMENTS: dict[str, tuple[type[LedgerPart], str]] = {
    "record": (
        PromotionRecord,
        "promotion/ledger/<environment>/<sequence>-<event>-<release>.yaml",
    ),
    "state": (EnvironmentState, "promotion/state/<environment>.yaml"),
}
