"""Evidence: what somebody saw in a cluster of an environment, bound to what was rendered there.

Who may be believed is never read from the file: a file of the base branch is its folder's word
(`promotion/evidence/<environment>/<reporter>/`, each folder with its CODEOWNERS), a file of an
artifact is the word of the reporter that the workflow names (`--evidence REPORTER=DIR`).
"""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field, structs

from meshgate.config.reading import parse
from meshgate.config.typed import typed
from meshgate.errors import UsageError
from meshgate.model.document import DocumentPart, Duration, EnvironmentName, about, choice
from meshgate.promotion.environment_state import GitID, ReleaseID
from meshgate.promotion.records import GateEvidence

FOLDER = "promotion/evidence"
VERSION: Literal[1] = 1
PASS, FAIL = "pass", "fail"
# A probe's numbers, not its log.
SIZE_LIMIT = 64 * 1024


class Observation(DocumentPart, frozen=True, kw_only=True):
    """What was seen in a cluster, and what was rendered there."""

    version: Literal[1]
    type: Annotated[
        EnvironmentName,
        about("What was looked at, such as synced, traffic or probe; a gate names it."),
    ]
    environment: EnvironmentName = field(name="env")
    cluster: EnvironmentName
    tree: Annotated[GitID, about("What was in the cluster: git's id of rendered/<env>.")] = field(
        name="subjectTree", default=""
    )
    release: Annotated[
        ReleaseID, about("What was in a cluster that follows main: the release.")
    ] = ""
    observed_at: Annotated[
        datetime.datetime,
        Meta(tz=True, description="When the observation ended, with its offset from UTC."),
    ]
    result: Annotated[str, choice(PASS, FAIL)]
    window: Annotated[Duration, about("How long it took, such as 30m.")] = ""
    numbers: Annotated[
        dict[str, int | float], about("What was counted, such as plaintext requests.")
    ] = field(default_factory=dict)
    url: Annotated[str, Meta(pattern="^https?://", description="Where a person can look.")] = ""

    @property
    def passed(self) -> bool:
        """Whether what was seen is good."""
        return self.result == PASS

    def is_about(self, release: str, tree: str) -> bool:
        """Whether it speaks of this rendered tree; of this release where it names no tree."""
        return self.tree == tree if self.tree else self.release == release

    @property
    def subject(self) -> str:
        """What was seen there, in words."""
        return f"tree {self.tree}" if self.tree else f"release {self.release}"


class Evidence(Observation, frozen=True, kw_only=True):
    """An observation, and whose word it is.

    reporter    from the place of the file, never from what it says
    digest      SHA-256 of the file's bytes
    brought_at  when the base branch got it; None: it was given from elsewhere
    """

    reporter: str = ""
    digest: str = ""
    brought_at: datetime.datetime | None = None

    @property
    def summary(self) -> GateEvidence:
        """What a record of the ledger keeps of it."""
        return {
            "type": self.type,
            "cluster": self.cluster,
            "subjectTree": self.tree or None,
            "release": self.release or None,
            "observedAt": self.observed_at.isoformat(),
            "result": self.result,
            "reporter": self.reporter,
            "url": self.url,
            "digest": self.digest,
        }


# By the name of the schema: the class of a document, and what it is called for people. An
# observation is of a tree or, in a cluster that follows main, of a release.
EVIDENCE_DOCUMENTS: dict[str, tuple[object, str]] = {
    "evidence": (
        Annotated[
            Observation,
            Meta(
                extra_json_schema={
                    "oneOf": [{"required": ["subjectTree"]}, {"required": ["release"]}]
                }
            ),
        ],
        "One observation of a cluster: promotion/evidence/<env>/<reporter>/*.json, or an artifact",
    )
}


def file_name(evidence: Observation) -> str:
    """The file name of one observation: unique, and sorted by time."""
    at = evidence.observed_at.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{at}-{evidence.type}-{evidence.cluster}.json"


def written(observation: Observation) -> str:
    """The file of one observation, in the shape of schemas/meshgate/evidence.schema.json."""
    value = msgspec.to_builtins(observation, builtin_types=(datetime.datetime,))
    return json.dumps(value, indent=2, default=_utc) + "\n"


def _utc(when: datetime.datetime) -> str:
    return when.astimezone(datetime.UTC).isoformat()


def read(
    content: bytes, *, reporter: str, file: str, brought_at: datetime.datetime | None = None
) -> Evidence:
    """The observation in a file. Raises UsageError for anything that is not exactly one."""
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{file}: is larger than {SIZE_LIMIT // 1024} KiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text") from error
    observation = typed(parse(text, file), "evidence", Observation)
    return Evidence(
        **structs.asdict(observation),
        reporter=reporter,
        digest=hashlib.sha256(content).hexdigest(),
        brought_at=brought_at,
    )
