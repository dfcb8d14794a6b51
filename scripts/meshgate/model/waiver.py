"""What people accept or assert of an environment: `waivers/` and `expectations/`."""

from __future__ import annotations

import datetime
from typing import Annotated

from msgspec import Meta, field

from meshgate.model.document import Placed, Port, RuleID, Text, WorkloadName, about, choice
from meshgate.model.resource import ResourceRef

Owner = Annotated[Text, about("The team that answers for it.")]
LastDay = Annotated[datetime.date, about("The last day it holds, as YYYY-MM-DD.")]
# Kind/namespace/name, or Kind/name.
RESOURCE = "^[A-Z][A-Za-z0-9]*(/[a-z0-9]([-.a-z0-9]*[a-z0-9])?){1,2}$"
NAME = "[a-z0-9]([-.a-z0-9]*[a-z0-9])?"
# NAMESPACE, NAMESPACE/sa/ACCOUNT, `outside` or `*`.
PARTY = rf"^(\*|{NAME}(/sa/{NAME})?)$"
# NAMESPACE or NAMESPACE/WORKLOAD, with or without :PORT.
PLACE = rf"^{NAME}(/{NAME})?(:[0-9]{{1,5}})?$"
HOST_AND_PORT = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?:[0-9]{1,5}$"


class Waiver(Placed, frozen=True, kw_only=True):
    """An accepted finding, written in `waivers/<environment>.yaml`."""

    rule: RuleID
    resource: Annotated[
        Annotated[str, Meta(pattern=RESOURCE)] | None,
        about(
            "Kind/namespace/name; Kind/name for cluster-wide objects; absent: the finding is "
            "about the file or folder at `path`."
        ),
    ] = None
    owner: Owner
    reason: Text
    expires: LastDay
    path: Annotated[
        Text | None,
        about(
            "The field the finding names, or one above it; absent: the whole object. Without "
            "`resource`: the file, or a folder above it."
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.resource is None and self.path is None:
            raise ValueError("a waiver names a `resource`, or the `path` of a file")

    def covers(
        self, rule: str, resource: ResourceRef | None, path: str, file: str | None = None
    ) -> bool:
        """Whether this waiver names that finding.

        Rule and object equal, path equal or above it; of a finding without an object the file.
        """
        if self.rule != rule:
            return False
        if self.resource is None:
            return resource is None and file is not None and self._holds_file(file)
        if resource is None or str(resource) != self.resource:
            return False
        if self.path is None or self.path == path:
            return True
        return path.startswith(self.path) and path[len(self.path)] in ".["

    @property
    def place(self) -> str:
        """What it is for, as people read it."""
        return " ".join(part for part in (self.resource, self.path) if part)

    @property
    def lasts(self) -> str:
        """How long it holds, as people read it."""
        return f"until {self.expires.isoformat()}"

    def _holds_file(self, file: str) -> bool:
        folder = (self.path or "").rstrip("/")
        return file == folder or file.startswith(f"{folder}/")


class Difference(Placed, frozen=True, kw_only=True):
    """A declared difference to the environment before: one port may be weaker here."""

    workload: WorkloadName
    port: Annotated[Port | None, about("Container port; absent: every port of the workload.")] = (
        None
    )
    owner: Owner
    reason: Text
    expires: LastDay


class Acknowledgement(Placed, frozen=True):
    """An accepted break: exactly this set of calls may stop to work with this release."""

    release: Annotated[str, Meta(pattern="^r-[0-9a-f]{12}$")]
    breaks: Annotated[Text, about("The digest of the set of broken calls.")]
    owner: Owner
    reason: Text
    until: LastDay


Parties = Annotated[
    tuple[Annotated[str, Meta(pattern=PARTY)], ...],
    about(
        "NAMESPACE, NAMESPACE/sa/ACCOUNT, `outside` (whoever proves no identity, and workloads "
        "without a proxy) or `*`.",
        minItems=1,
    ),
]


class Invariant(Placed, frozen=True, kw_only=True):
    """A user-written assertion on everybody: who never, or alone, gets in, or how all calls go."""

    never: Annotated[Parties | None, about("None of these gets any request in.")] = None
    only: Annotated[Parties | None, about("Nobody but these gets any request in.")] = None
    always: Annotated[
        Annotated[str, choice("encrypted")] | None, about("No request gets in in plaintext.")
    ] = None
    to: Annotated[
        tuple[Annotated[str, Meta(pattern=PLACE)], ...],
        about("NAMESPACE or NAMESPACE/WORKLOAD, alone or with :PORT of the container.", minItems=1),
    ]
    method: Annotated[str, Meta(pattern="^[A-Za-z-]*$"), about("Of the requests; absent: any.")] = (
        ""
    )
    path: Annotated[
        str, Meta(pattern="^(/.*)?$"), about("Of the requests, as it is sent; absent: any.")
    ] = ""
    reason: Annotated[str, about("Why it must hold, for whoever breaks it.")] = ""

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.never, self.only, self.always)) != 1:
            raise ValueError("an invariant has one of `never`, `only` and `always`")

    def __str__(self) -> str:
        to = ", ".join(self.to)
        if self.always is not None:
            return f"always {self.always} to {to}"
        word = "never" if self.never is not None else "only"
        return f"{word} {', '.join(self.never or self.only or ())} to {to}"


class Expectation(Placed, frozen=True):
    """A user-written assertion: how a call from `client` to `host`:`port` ends."""

    client: WorkloadName = field(name="from")
    to: Annotated[
        str, Meta(pattern=HOST_AND_PORT, description="HOST:PORT, with the port of the Service.")
    ]
    outcome: Annotated[
        str,
        choice(
            "ok-mtls",
            "ok-plaintext",
            "refused",
            "protocol-error",
            "tls-to-app",
            "mtls-user-terminated",
            "external",
            "no-endpoint",
            "no-cluster",
            "denied",
            "blocked",
        ),
    ]
    method: Annotated[
        str, Meta(pattern="^[A-Za-z-]*$"), about("Of the request; absent: every request ends so.")
    ] = ""
    path: Annotated[str, Meta(pattern="^(/.*)?$"), about("Of the request, as it is sent.")] = ""
    headers: Annotated[dict[str, str], about("Of the request, beside its Host.")] = field(
        default_factory=dict
    )

    @property
    def is_of_one_request(self) -> bool:
        """Whether it is about one request; else about all of the call."""
        return bool(self.method or self.path or self.headers)

    @property
    def host(self) -> str:
        """The host that is called."""
        return self.to.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The port of its Service."""
        return int(self.to.rpartition(":")[2])
