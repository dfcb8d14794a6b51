"""An environment's state: what it has now, what holds it, and the events that change it.

`EnvironmentState` is the file `promotion/state/<environment>.yaml`; its parts are also those of a
record of the ledger. Times are UTC, to the second.
"""

from __future__ import annotations

import datetime
import enum
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from meshgate.model import JSON
from meshgate.model.document import (
    UNIQUE,
    Count,
    DocumentPart,
    EnvironmentName,
    Text,
    Time,
    about,
    choice,
)

API_VERSION: Literal["meshgate/v1"] = "meshgate/v1"

ReleaseID = Annotated[
    str,
    Meta(
        pattern="^r-[0-9a-f]{12}$",
        description="`r-` and the first 12 hex digits of the SHA-256 of the inputs.",
    ),
]
GitID = Annotated[str, Meta(pattern="^[0-9a-f]{40}$", description="An id of git.")]
SHA256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="64 hex digits.")]
SequenceNumber = Annotated[int, Meta(ge=1, description="One more with every event.")]
RejectedReleases = Annotated[
    tuple[ReleaseID, ...], UNIQUE, about("Releases that may not come again.")
]


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


# What may change a cluster, and what brings one something that it has not had yet.
RENDERING = frozenset(event for event in Event if event.changes_render)
FORWARD = frozenset({Event.PROMOTE, Event.HOTFIX})


RecordedEvent = Annotated[Event, choice(*Event)]


class LedgerPart(DocumentPart, frozen=True, omit_defaults=False):
    """A mapping of a state or a record. It equals what is read back from its file: in seconds."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime.datetime):
                second = value.astimezone(datetime.UTC).replace(microsecond=0)
                structs.force_setattr(self, name, second)


class Source(LedgerPart, frozen=True):
    """Where the release comes from, in git's ids, for people and `git show`."""

    commit: GitID
    policies_tree: GitID
    overlays_tree: GitID
    toolchain: Annotated[GitID, about("The blob of promotion/toolchain.yaml.")]


class Release(Struct, frozen=True):
    """The content of policies/, overlays/ and promotion/toolchain.yaml.

    id     `r-` and 12 hex digits of the SHA-256 over the sorted (path, mode, SHA-256 of bytes)
    alias  date and ordinal, for people: `2026-08-22.3`
    """

    id: str
    alias: str
    source: Source


class RenderedFiles(LedgerPart, frozen=True):
    """What rendered/<environment> holds."""

    tree: Annotated[GitID, about("git's id of the folder.")]
    sha256: Annotated[
        SHA256, about("Over the sorted (path, SHA-256 of bytes): independent of git.")
    ]
    resources: Annotated[Count, about("How many files.")]
    overlay: Annotated[
        str,
        about("What they are rendered from: a folder, or JSON of the keys of environments.yaml."),
    ]


class Previous(LedgerPart, frozen=True):
    """The link of the hash chain: the state before this one."""

    sequence: SequenceNumber
    release: ReleaseID
    record_sha256: SHA256


class Hold(LedgerPart, frozen=True):
    """Stops the line: nothing of `blocks` enters the environment until it is resumed."""

    since: Time
    by: str
    reason: Text
    until: Time | None = None
    blocks: Annotated[tuple[RecordedEvent, ...], UNIQUE] = (Event.PROMOTE, Event.HOTFIX)


class Fact(LedgerPart, frozen=True):
    """One value that a hotfix set: later releases must have it, or name it as given up."""

    resource: Annotated[Text, about("Kind/namespace/name.")]
    pointer: Annotated[str, about("A JSON pointer (RFC 6901).")]
    value: Annotated[JSON, about("Any JSON value; null where the value was removed.")]
    absent: Annotated[bool, about("Whether the value was removed.")] = False


class PendingBackport(LedgerPart, frozen=True):
    """What a hotfix set in an environment, until a release of main has it."""

    record: Annotated[Text, about("The path of the hotfix's ledger record.")]
    facts: tuple[Fact, ...]
    due: datetime.date
    kind: Literal["hotfix"] = "hotfix"


class EnvironmentState(LedgerPart, frozen=True, kw_only=True):
    """`promotion/state/<environment>.yaml`: pointer and lock. Its first line is its digest."""

    digest: Annotated[SHA256, about("SHA-256 of all lines after this one.")] | UnsetType = UNSET
    api_version: Literal["meshgate/v1"] = API_VERSION
    kind: Literal["EnvironmentState"] = "EnvironmentState"
    environment: EnvironmentName
    sequence: SequenceNumber
    release: ReleaseID
    alias: Text
    source: Source
    rendered: RenderedFiles
    record: Annotated[Text, about("The ledger file that made this state.")]
    record_sha256: SHA256
    previous: Previous | None = None
    hold: Hold | None = None
    rejected: RejectedReleases = ()
    pending_backport: PendingBackport | None = field(default=None, name="debt")

    def __post_init__(self) -> None:
        # It is of the file's bytes: two states with the same content are equal.
        structs.force_setattr(self, "digest", UNSET)
