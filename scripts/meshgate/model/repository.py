"""What `environments.yaml` says beside its environments: gates, windows, a pause, the sync."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from meshgate.model.document import (
    SOME,
    UNIQUE,
    Count,
    DocumentPart,
    Duration,
    EnvironmentName,
    LocalTime,
    NamespaceName,
    SomeEnvironmentNames,
    SomeNames,
    Text,
    about,
    choice,
)

SYNC_NAME = "mesh-policies"
REPOSITORY_URL = r"^(https?://[^@/\s]+|ssh://([^:@/\s]+@)?[^@/\s]+)/\S+$"


class GateEntry(DocumentPart, frozen=True, kw_only=True):
    """What a promotion waits for. Each type of gate takes some of these settings."""

    name: Text
    type: Annotated[str, choice("soak", "window", "commit-status", "evidence", "effects")]
    description: Text = ""
    on_missing: Annotated[str, choice("block"), about("An answer that does not come blocks.")] = (
        "block"
    )
    duration: Annotated[Duration | None, about("soak: how long, such as 30m, 24h or 7d.")] = None
    events: Annotated[
        Annotated[tuple[Annotated[str, choice("promote", "rollback", "hotfix")], ...], SOME, UNIQUE]
        | None,
        about("What it holds for; by default promote and hotfix, soak and window as they say."),
    ] = None
    windows: Annotated[
        SomeNames, about("window: names of entries of the top-level `windows`.")
    ] = ()
    context: Annotated[Text, about("commit-status: the status to wait for.")] = ""
    reporters: Annotated[SomeNames, about("commit-status, evidence: whose word counts.")] = ()
    evidence: Annotated[Text, about("evidence: its type.")] = ""
    max_age: Annotated[
        Duration | None,
        about("commit-status, evidence: older ones do not count, such as 24h or 7d."),
    ] = None
    timeout: Annotated[
        Duration | None,
        about(
            "commit-status, evidence: after this long without an answer the gate fails, such as "
            "30m or 24h."
        ),
    ] = None
    loosened: Annotated[Count | None, about("effects: how many ports may get weaker.")] = None
    breaks: Annotated[Count | None, about("effects: how many calls may break.")] = None
    opened: Annotated[
        Count | None,
        about("effects: how many calls policies may let in that they denied, strangers included."),
    ] = None
    closed: Annotated[
        Count | None,
        about("effects: of how many calls policies may deny requests that they let in."),
    ] = None


class WindowEntry(DocumentPart, frozen=True, kw_only=True):
    """A time in which promotions may be merged, or may not; deny wins over allow."""

    name: Text
    description: Text = ""
    kind: Annotated[str, choice("allow", "deny")]
    cron: Annotated[Text, about("Start, with five fields; needs `duration`.")] = ""
    duration: Duration = ""
    start: Annotated[LocalTime, about("Start, as YYYY-MM-DDTHH:MM; needs `to`.")] = field(
        name="from", default=""
    )
    end: LocalTime = field(name="to", default="")
    timezone: Annotated[Text, about("IANA name, such as Europe/Berlin; UTC by default.")] = "UTC"
    environments: SomeEnvironmentNames = ()
    events: Annotated[
        Annotated[tuple[Annotated[str, choice("promote", "rollback", "hotfix")], ...], SOME, UNIQUE]
        | None,
        about("promote and hotfix by default: a rollback is the way out of an incident."),
    ] = None


class Pause(DocumentPart, frozen=True):
    """Stops every promotion."""

    by: Text
    reason: Text


class SyncVerification(DocumentPart, frozen=True, kw_only=True):
    """Whose signature a revision needs."""

    mode: Annotated[
        str,
        choice("HEAD", "Tag", "TagAndHEAD"),
        about("Flux: what must be signed; HEAD by default."),
    ] = "HEAD"
    secret: Annotated[Text | None, about("Flux: the Secret with the public keys.")] = None
    keys: Annotated[
        Annotated[tuple[Annotated[str, Meta(pattern="^[0-9A-F]{16,40}$")], ...], SOME, UNIQUE]
        | None,
        about("Argo CD: ids of GnuPG keys in its keyring."),
    ] = None


class ArgoCDSettings(DocumentPart, frozen=True):
    """How Argo CD is installed."""

    namespace: Annotated[NamespaceName, about("Where Argo CD runs; argocd by default.")] = "argocd"


class FluxSettings(DocumentPart, frozen=True, kw_only=True):
    """How Flux is installed, and how it reads this repository."""

    namespace: Annotated[NamespaceName, about("Where Flux runs; flux-system by default.")] = (
        "flux-system"
    )
    secret: Annotated[
        Text | None, about("The Secret to read the repository with; none for a public one.")
    ] = None
    interval: Annotated[
        str,
        Meta(
            pattern="^([0-9]+[smh])+$",
            description=(
                "How often git and the cluster are looked at, such as 30s or 5m; 1m by default."
            ),
        ),
    ] = "1m"


class Links(DocumentPart, frozen=True):
    """Where pages that findings point to are hosted."""

    rules: Annotated[
        str,
        Meta(pattern=r"^(https?://\S*\{id\}\S*)?$"),
        about("The address of a rule's page, with {id} where the rule's id stands."),
    ] = ""


class SyncSettings(DocumentPart, frozen=True, kw_only=True):
    """Where clusters find this repository; `meshgate sync` writes sync/ from it."""

    repository: Annotated[
        str,
        Meta(pattern=REPOSITORY_URL, description="An https, http or ssh URL without a password."),
    ]
    branch: Annotated[Text | None, about("The branch that is synced; main by default.")] = None
    tag: Annotated[Text | None, about("A tag that is synced, in place of a branch.")] = None
    name: Annotated[
        EnvironmentName,
        about(
            "What the objects' names begin with; mesh-policies by default. "
            "Lower-case letters, digits and hyphens."
        ),
    ] = SYNC_NAME
    namespaces: Annotated[
        Annotated[tuple[NamespaceName, ...], SOME, UNIQUE] | None,
        about("The namespaces that policies may be written to; by default those they are in."),
    ] = None
    verify: Annotated[SyncVerification | None, Meta(extra_json_schema={"minProperties": 1})] = None
    argocd: ArgoCDSettings = ArgoCDSettings()
    flux: FluxSettings = FluxSettings()
