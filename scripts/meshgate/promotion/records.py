"""What promotion writes and reads: a release, an environment's state, the records of its ledger."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, field

from meshgate.model import JSONObject

API_VERSION = "meshgate/v1"
# In the metadata of a field: its key in a file, where that is not the field's name.
KEY = "key"


class Event(enum.StrEnum):
    """What a record of the ledger tells."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    HOLD = "hold"
    RESUME = "resume"
    REJECT = "reject"
    ADOPT = "adopt"

    @property
    def changes_render(self) -> bool:
        """Whether the event may write `rendered/<environment>`."""
        return self in {Event.PROMOTE, Event.ROLLBACK, Event.HOTFIX, Event.ADOPT}


class GateVerdict(enum.StrEnum):
    """What a gate says of a promotion, as recorded; `waiting` is never recorded as passed."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    WAITING = "waiting"
    BYPASSED = "bypassed"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a release comes from, in git's own ids (40 hex digits), for people and `git show`."""

    commit: str
    policies_tree: str
    overlays_tree: str
    toolchain: str  # blob of promotion/toolchain.yaml


@dataclass(frozen=True, slots=True)
class Release:
    """The content of policies/, overlays/ and promotion/toolchain.yaml.

    id     `r-` and 12 hex digits of the SHA-256 over the sorted (path, mode, SHA-256 of bytes)
    alias  date and ordinal, for people: `2026-08-22.3`
    """

    id: str
    alias: str
    source: Source


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """What `rendered/<environment>` holds.

    tree       git's id of the folder
    sha256     over the sorted (path, SHA-256 of bytes), 64 hex digits: git-independent
    resources  how many files
    overlay    the folder they are rendered from
    """

    tree: str
    sha256: str
    resources: int
    overlay: str


@dataclass(frozen=True, slots=True)
class Previous:
    """One link of the hash chain: the state before this one."""

    sequence: int
    release: str
    record_sha256: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Stops the line: nothing of `blocks` enters the environment until it is resumed."""

    since: datetime.datetime
    by: str
    reason: str
    until: datetime.datetime | None = None
    blocks: tuple[Event, ...] = (Event.PROMOTE, Event.HOTFIX)


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that a hotfix set: later releases must have it, or name it as given up."""

    resource: str  # Kind/namespace/name
    pointer: str  # RFC 6901
    value: object  # any JSON value; None with absent=True: the value was removed
    absent: bool = False


@dataclass(frozen=True, slots=True)
class PendingBackport:
    """What a hotfix set in an environment, until a release of main has it (`debt` in files)."""

    record: str  # path of the hotfix's ledger record
    facts: tuple[Fact, ...]
    due: datetime.date
    kind: str = "hotfix"


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """`promotion/state/<environment>.yaml`: pointer and lock. Its first line is its digest."""

    environment: str
    sequence: int
    release: str
    alias: str
    source: Source
    rendered: RenderedFiles
    record: str
    record_sha256: str
    previous: Previous | None = None
    hold: Hold | None = None
    rejected: tuple[str, ...] = ()
    pending_backport: PendingBackport | None = field(default=None, metadata={KEY: "debt"})


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate in a record: its verdict, why, and the evidence it stands on."""

    name: str
    verdict: GateVerdict
    reason: str
    evidence: tuple[JSONObject, ...] = ()  # type, subjectTree, url, digest, observedAt


@dataclass(frozen=True, slots=True)
class Bypass:
    """A gate or environment that was passed over on purpose."""

    gate: str
    by: str
    reason: str
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class InputChange:
    """A commit to the inputs between two releases."""

    sha: str
    subject: str
    author: str
    co_authors: tuple[str, ...] = ()
    pull_request: int | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """How an environment before this one stood when the promotion was proposed."""

    environment: str
    release: str
    since: datetime.datetime | None
    synced_at: datetime.datetime | None = None
    soak: datetime.timedelta | None = None
    verification: str = ""


@dataclass(frozen=True, slots=True)
class Effects:
    """The effect of a change, as recorded: counts, the changed ports and the calls that break."""

    digest: str
    inventory: JSONObject = field(default_factory=dict)  # digest, at
    tightened: tuple[JSONObject, ...] = ()
    loosened: tuple[JSONObject, ...] = ()
    unchanged: int = 0
    breaks: tuple[JSONObject, ...] = ()
    deleted: tuple[JSONObject, ...] = ()


@dataclass(frozen=True, slots=True)
class PromotionRecord:
    """One event of an environment, a file of `promotion/ledger/<environment>/`.

    What is unknown before the merge (merge commit, merger, approvals) is not in it; `history` joins
    that from git and the forge.
    """

    environment: str
    sequence: int
    event: Event
    release: str
    alias: str
    source: Source
    rendered: RenderedFiles
    previous: Previous | None
    previous_tree: str | None  # rendered.tree of the state before
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changes: tuple[InputChange, ...] = ()
    effects: Effects | None = None
    gates: tuple[GateResult, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    exercised_below: tuple[str, ...] = ()
    untested_below: tuple[str, ...] = ()
    bypasses: tuple[Bypass, ...] = ()
    acknowledges: tuple[JSONObject, ...] = ()  # finding, by, until
    requested_by: JSONObject = field(default_factory=dict)  # login, via, run
    reason: str = ""
    ticket: str = ""
    tool: JSONObject = field(default_factory=dict)  # name, version, renderer, rendererSha256
    created_at: datetime.datetime | None = None
    rollback_command: str = ""
    # The environment after the event, so that its state follows from its ledger.
    hold: Hold | None = None
    rejected: tuple[str, ...] = ()
    pending_backport: PendingBackport | None = field(default=None, metadata={KEY: "debt"})

    @property
    def id(self) -> str:
        """The record's file name without its suffix."""
        return f"{self.sequence:04d}-{self.event}-{self.release}"

    @property
    def path(self) -> str:
        """Where the record lies in the repository."""
        return f"promotion/ledger/{self.environment}/{self.id}.yaml"
