"""Evidence: what somebody saw in a cluster of an environment, bound to what was rendered there.

Who may be believed is never read from the file: a file of the base branch is its folder's word
(`promotion/evidence/<environment>/<reporter>/`, each folder with its CODEOWNERS), a file of an
artifact is the word of the reporter that the workflow names (`--evidence REPORTER=DIR`).
"""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass

from meshgate.config.reading import parse
from meshgate.config.shape import check
from meshgate.errors import UsageError
from meshgate.model import JSONObject

FOLDER = "promotion/evidence"
VERSION = 1
PASS, FAIL = "pass", "fail"
# A probe's numbers, not its log.
SIZE_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation.

    type         what was looked at: `synced`, `traffic`, `probe`; the gates name it
    tree         git's id of rendered/<environment> that was in the cluster; empty where floating
    release      the release instead of a tree; empty where a tree is given
    observed_at  the end of the observation; `window` is its length, where it has one
    result       pass | fail
    reporter     whose word this is; from the place it came from
    digest       SHA-256 of the file's bytes
    """

    type: str
    environment: str
    cluster: str
    observed_at: datetime.datetime
    result: str
    tree: str = ""
    release: str = ""
    window: str = ""
    numbers: tuple[tuple[str, float], ...] = ()
    url: str = ""
    reporter: str = ""
    digest: str = ""

    @property
    def passed(self) -> bool:
        """Whether what was seen is good."""
        return self.result == PASS

    def is_about(self, release: str, tree: str) -> bool:
        """Whether it speaks of this rendered tree; of this release where it names no tree."""
        return self.tree == tree if self.tree else self.release == release

    @property
    def summary(self) -> JSONObject:
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


def file_name(evidence: Evidence) -> str:
    """The name under which one observation is kept: no two share it, and they sort by time."""
    at = evidence.observed_at.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{at}-{evidence.type}-{evidence.cluster}.json"


def written(evidence: Evidence) -> str:
    """The file of one observation, in the shape of schemas/meshgate/evidence.schema.json."""
    value: JSONObject = {
        "version": VERSION,
        "type": evidence.type,
        "env": evidence.environment,
        "cluster": evidence.cluster,
    }
    if evidence.tree:
        value["subjectTree"] = evidence.tree
    if evidence.release:
        value["release"] = evidence.release
    value["observedAt"] = evidence.observed_at.astimezone(datetime.UTC).isoformat()
    value["result"] = evidence.result
    if evidence.window:
        value["window"] = evidence.window
    if evidence.numbers:
        value["numbers"] = dict(evidence.numbers)
    if evidence.url:
        value["url"] = evidence.url
    return json.dumps(value, indent=2) + "\n"


def read(content: bytes, *, reporter: str, file: str) -> Evidence:
    """The observation in a file. Raises UsageError for anything that is not exactly one."""
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{file}: is larger than {SIZE_LIMIT // 1024} KiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text") from error
    document = parse(text, file)
    check(document, "evidence")
    value: JSONObject = document.value
    observed_at = datetime.datetime.fromisoformat(value["observedAt"])
    return Evidence(
        type=value["type"],
        environment=value["env"],
        cluster=value["cluster"],
        observed_at=observed_at,
        result=value["result"],
        tree=value.get("subjectTree", ""),
        release=value.get("release", ""),
        window=value.get("window", ""),
        numbers=tuple(value.get("numbers", {}).items()),
        url=value.get("url", ""),
        reporter=reporter,
        digest=hashlib.sha256(content).hexdigest(),
    )
